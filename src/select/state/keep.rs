//! Today's things in the form of earlier ones: what Headwater keeps of them to compare with later.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::compare::persists_docs;
use super::{
    DependsOn, Digests, EarlierChecksum, EarlierColumn, EarlierConfig, EarlierContract, EarlierExposure, EarlierNode,
    EarlierSource, EarlierUnitTest, Kept,
};
use crate::manifest::{Detail, Exposure, Manifest, Node, ResourceType, Source, UniqueId, UnitTest, contract_checksum};

impl EarlierNode {
    /// What is compared of a node, without what it reads.
    pub fn of<'a>(node: &'a Node, digests: &Digests<'a>) -> Self {
        let generic = matches!(node.detail, Detail::GenericTest(_));
        let persists = |what: &str| persists_docs(&node.config, what);
        let enforced = node.config.contract_enforced();
        let has_body = !generic && node.resource_type != ResourceType::Seed;
        let mut entry = Self {
            resource_type: node.resource_type.as_str().to_owned(),
            fqn: node.fqn.clone(),
            checksum: match node.resource_type {
                ResourceType::Seed => {
                    EarlierChecksum { name: node.checksum.name.to_owned(), checksum: node.checksum.checksum.clone() }
                }
                _ => EarlierChecksum::default(),
            },
            unrendered_config: node.unrendered_config.clone(),
            kept: Some(Kept {
                body: has_body.then(|| Digests::of(&node.raw_code)),
                macros: digests.of_macros(&node.depends_on_macros),
                relation: node.relation_name.clone(),
                ..Kept::default()
            }),
            ..Self::default()
        };
        if generic {
            return entry;
        }
        entry.config = EarlierConfig { materialized: Some(node.config.materialized().to_owned()) };
        if persists("relation") {
            entry.description.clone_from(&node.description);
        }
        if enforced || persists("columns") {
            let column = |column: &crate::manifest::ColumnInfo| EarlierColumn {
                description: if persists("columns") { column.description.clone() } else { String::new() },
                data_type: column.data_type.clone(),
                constraints: column.constraints.clone(),
            };
            entry.columns = node.columns.iter().map(|(name, info)| (name.clone(), column(info))).collect();
        }
        if let Detail::Function(function) = &node.detail {
            entry.arguments = json!(function.arguments);
            entry.returns = json!(function.returns);
        }
        if let Detail::Model(model) = &node.detail {
            entry.contract = EarlierContract { enforced, checksum: contract_checksum(node) };
            entry.constraints.clone_from(&model.constraints);
            entry.version = model.version.clone().unwrap_or_default();
            entry.latest_version = model.latest_version.clone().unwrap_or_default();
            entry.access = Some(model.access.as_str().to_owned());
            entry.deprecation_date.clone_from(&model.deprecation_date);
        }
        entry
    }
}

impl From<&Source> for EarlierSource {
    fn from(source: &Source) -> Self {
        Self {
            fqn: source.fqn.clone(),
            unrendered_database: source.unrendered_database.clone(),
            unrendered_schema: source.unrendered_schema.clone(),
            identifier: source.identifier.clone(),
            unrendered_config: source.unrendered_config.clone(),
            quoting: Value::Object(source.quoting.clone()),
            freshness: source.freshness.as_ref().map_or(Value::Null, |freshness| json!(freshness)),
            loaded_at_field: source.loaded_at_field.clone(),
            external: source.external.clone().unwrap_or_default(),
        }
    }
}

impl From<&Exposure> for EarlierExposure {
    fn from(exposure: &Exposure) -> Self {
        Self {
            fqn: exposure.fqn.clone(),
            kind: exposure.kind.clone(),
            owner: Value::Object(exposure.owner.clone()),
            maturity: exposure.maturity.clone(),
            url: exposure.url.clone(),
            label: exposure.label.clone(),
            description: exposure.description.clone(),
            depends_on: DependsOn { nodes: exposure.depends_on_nodes.iter().map(|id| id.to_string()).collect() },
            unrendered_config: exposure.unrendered_config.clone(),
        }
    }
}

impl EarlierUnitTest {
    pub fn of<'a>(test: &'a UnitTest, digests: &Digests<'a>) -> Self {
        Self {
            checksum: Some(test.checksum.clone()),
            macros: Some(digests.of_macros(&test.depends_on_macros)),
            ..Self::default()
        }
    }
}

/// The sources and ephemeral models that go into what a node builds: nobody builds these by themselves.
pub fn reads<'a>(manifest: &'a Manifest, node: &'a Node) -> BTreeSet<&'a UniqueId> {
    let mut found = BTreeSet::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        for id in &node.depends_on_nodes {
            let ephemeral = manifest.node(id).filter(|parent| parent.is_ephemeral());
            if (ephemeral.is_some() || manifest.sources.contains_key(id)) && found.insert(id) {
                open.extend(ephemeral.map(|parent| &**parent));
            }
        }
    }
    found
}
