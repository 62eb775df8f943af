//! How the manifest's things look as JSON: the artifact's entries, and Jinja's `model` and `graph`.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::event_time::{is_microbatch, iso_format};
use super::{
    Age, ColumnInfo, Config, Detail, Disabled, Doc, Exposure, Freshness, GenericTest, Group, Macro, ModelDetail, Node,
    Period, RefCall, ResourceType, Rows, Source, UnitTest, UnitTestInput,
};

/// Writes the entries of a JSON object in the order of the text.
macro_rules! entries {
    ($map:expr, { $($key:literal: $value:expr,)* }) => {{ $($map.serialize_entry($key, &$value)?;)* }};
}
pub(super) use entries;

/// What compiling adds to a node's entry.
#[derive(Debug, Clone, Copy)]
pub struct CompiledNode<'a> {
    pub code: &'a str,
    /// Relative to the project root.
    pub path: Option<&'a str>,
    /// `{id, sql}` of each ephemeral model in `code`.
    pub extra_ctes: &'a [Value],
}

/// A node with what compiling and running it gave, for the artifact.
pub struct NodeEntry<'a> {
    pub node: &'a Node,
    pub compiled: Option<CompiledNode<'a>>,
    /// Where what it ran was written, relative to the project root.
    pub build_path: Option<&'a str>,
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        NodeEntry { node: self, compiled: None, build_path: None }.serialize(serializer)
    }
}

impl Serialize for NodeEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let node = self.node;
        let mut config = node.config.to_map();
        let group = config.get("group").cloned();
        // A generic test is in the group of what it tests; its own config does not say so.
        if matches!(node.detail, Detail::GenericTest(_)) && !node.unrendered_config.contains_key("group") {
            config.insert("group".into(), Value::Null);
        }
        if is_microbatch(&node.config)
            && let Some(begin) = node.config.str("begin").and_then(iso_format)
        {
            config.insert("begin".into(), begin.into());
        }
        entries!(map, {
            "database": node.database,
            "schema": node.schema,
            "name": node.name,
            "resource_type": node.resource_type.as_str(),
            "package_name": node.package,
            "path": node.path,
            "original_file_path": node.original_file_path,
            "unique_id": node.unique_id,
            "fqn": node.fqn,
            "alias": node.alias,
            "checksum": json!({"name": node.checksum.name, "checksum": node.checksum.checksum}),
            "config": config,
            "tags": node.tags,
            "description": node.description,
            "columns": node.columns,
            "meta": config.get("meta"),
            "group": group,
            "docs": docs(&node.config),
            "patch_path": node.patch_path,
            "build_path": self.build_path,
            "unrendered_config": node.unrendered_config,
            "created_at": node.created_at,
            "relation_name": node.relation_name,
            "raw_code": node.raw_code,
            "doc_blocks": node.doc_blocks,
        });
        match &node.detail {
            Detail::Seed { root_path, .. } => entries!(map, {
                "root_path": root_path,
                "depends_on": json!({"macros": node.depends_on_macros}),
            }),
            _ => self.code_entries(&mut map)?,
        }
        match &node.detail {
            Detail::Model(model) => model_entries(&mut map, model)?,
            Detail::GenericTest(test) => test_entries(&mut map, test)?,
            Detail::Operation { index } => map.serialize_entry("index", index)?,
            Detail::Function(function) => entries!(map, {
                "arguments": function.arguments,
                "returns": function.returns,
            }),
            Detail::Seed { .. } | Detail::Snapshot | Detail::SingularTest | Detail::Analysis => {}
        }
        map.end()
    }
}

impl NodeEntry<'_> {
    fn code_entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let node = self.node;
        entries!(map, {
            "language": node.language,
            "refs": node.refs,
            "sources": node.sources,
            "metrics": node.metrics,
            "functions": node.functions,
            "depends_on": depends_on(&node.depends_on_macros, &node.depends_on_nodes),
            "compiled_path": self.compiled.and_then(|compiled| compiled.path),
        });
        if let Some(compiled) = self.compiled {
            entries!(map, {
                "compiled": true,
                "compiled_code": compiled.code,
                "extra_ctes_injected": compiled.extra_ctes.iter().all(|cte| !cte["sql"].is_null()),
                "extra_ctes": compiled.extra_ctes,
            });
        }
        let contract = node.config.get("contract").and_then(Value::as_object);
        let flag = |key: &str, default| {
            contract.and_then(|contract| contract.get(key)).and_then(Value::as_bool).unwrap_or(default)
        };
        map.serialize_entry(
            "contract",
            &json!({
                "enforced": flag("enforced", false), "alias_types": flag("alias_types", true),
                "checksum": contract_checksum(node),
            }),
        )
    }
}

fn model_entries<M: SerializeMap>(map: &mut M, model: &ModelDetail) -> Result<(), M::Error> {
    let constraints: Vec<Value> =
        model.constraints.iter().map(|constraint| full_constraint(constraint, true)).collect();
    entries!(map, {
        "access": model.access.as_str(),
        "constraints": constraints,
        "version": model.version,
        "latest_version": model.latest_version,
        "deprecation_date": model.deprecation_date,
        "primary_key": model.primary_key,
        "time_spine": model.time_spine,
    });
    Ok(())
}

fn test_entries<M: SerializeMap>(map: &mut M, test: &GenericTest) -> Result<(), M::Error> {
    entries!(map, {
        "column_name": test.column_name,
        "file_key_name": test.file_key_name,
        "attached_node": test.attached_node,
        "test_metadata": json!({"name": test.test_name, "kwargs": test.kwargs, "namespace": test.namespace}),
    });
    Ok(())
}

/// sha256 over what an enforced contract says, spelled as dbt does, so that its manifests can be compared with: what
/// `state:modified` looks at.
pub fn contract_checksum(node: &Node) -> Option<String> {
    if !node.config.contract_enforced() {
        return None;
    }
    let mut columns: Vec<&ColumnInfo> = node.columns.values().collect();
    columns.sort_by(|a, b| a.name.cmp(&b.name));
    let column = |column: &&ColumnInfo| {
        let data_type = column.data_type.as_deref().unwrap_or("None");
        format!("|{}{data_type}{}", column.name, constraints_repr(&column.constraints, false))
    };
    let mut text: String = columns.iter().map(column).collect();
    let materialized = node.config.materialized();
    if let (Detail::Model(model), "table" | "incremental") = (&node.detail, materialized) {
        text.push_str(materialized);
        text.push_str(&constraints_repr(&model.constraints, true));
    }
    Some(super::hash::sha256(text.as_bytes()))
}

/// What Python prints of dbt's list of constraints.
fn constraints_repr(constraints: &[Value], of_model: bool) -> String {
    let one = |constraint: &Value| {
        let full = full_constraint(constraint, of_model);
        let kind = full.get("type").and_then(Value::as_str).unwrap_or_default();
        let mut keys = vec!["name", "expression", "warn_unenforced", "warn_unsupported", "to", "to_columns"];
        if of_model {
            keys.push("columns");
        }
        let fields: String =
            keys.into_iter().map(|key| format!(", {key}={}", super::hash::py_repr(&full[key]))).collect();
        let level = if of_model { "Model" } else { "Column" };
        format!("{level}LevelConstraint(type=<ConstraintType.{kind}: '{kind}'>{fields})")
    };
    format!("[{}]", constraints.iter().map(one).collect::<Vec<_>>().join(", "))
}

pub(super) fn depends_on(macros: &[super::UniqueId], nodes: &[super::UniqueId]) -> Value {
    json!({"macros": macros, "nodes": nodes})
}

fn docs(config: &Config) -> Value {
    json!({"show": config.docs_show(), "node_color": config.node_color()})
}

/// A constraint with every key of dbt's object.
fn full_constraint(constraint: &Value, of_model: bool) -> Value {
    let mut full = json!({
        "type": null, "name": null, "expression": null, "warn_unenforced": true, "warn_unsupported": true,
        "to": null, "to_columns": [],
    });
    if let (Value::Object(full), Value::Object(set)) = (&mut full, constraint) {
        if of_model {
            full.insert("columns".into(), json!([]));
        }
        full.extend(set.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    full
}

impl Serialize for ColumnInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let constraints: Vec<Value> =
            self.constraints.iter().map(|constraint| full_constraint(constraint, false)).collect();
        entries!(map, {
            "name": self.name,
            "description": self.description,
            "meta": self.meta,
            "data_type": self.data_type,
            "constraints": constraints,
            "quote": self.quote,
            "config": json!({"meta": self.meta, "tags": self.tags}),
            "tags": self.tags,
            "granularity": self.granularity,
            "dimension": self.dimension,
            "entity": self.entity,
            "doc_blocks": self.doc_blocks,
        });
        map.end()
    }
}

impl Serialize for RefCall {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        entries!(map, { "name": self.name, "package": self.package, "version": self.version, });
        map.end()
    }
}

impl Serialize for Age {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        entries!(map, { "count": self.count, "period": self.period.as_str(), });
        map.end()
    }
}

impl Period {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

impl Serialize for Freshness {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let none = json!({"count": null, "period": null});
        let age = |age: &Option<Age>| age.as_ref().map_or_else(|| none.clone(), |age| json!(age));
        let mut map = serializer.serialize_map(Some(3))?;
        entries!(map, {
            "warn_after": age(&self.warn_after),
            "error_after": age(&self.error_after),
            "filter": self.filter,
        });
        map.end()
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let config = self.config.to_map();
        entries!(map, {
            "database": self.database,
            "schema": self.schema,
            "name": self.name,
            "resource_type": "source",
            "package_name": self.package,
            "path": self.path,
            "original_file_path": self.original_file_path,
            "unique_id": self.unique_id,
            "fqn": self.fqn,
            "source_name": self.source_name,
            "source_description": self.source_description,
            "loader": self.loader,
            "identifier": self.identifier,
            "quoting": self.quoting,
            "loaded_at_field": self.loaded_at_field,
            "loaded_at_query": self.loaded_at_query,
            "freshness": config.get("freshness"),
            "external": self.external,
            "description": self.description,
            "columns": self.columns,
            "meta": self.meta,
            "source_meta": self.source_meta,
            "tags": self.tags,
            "config": config,
            "patch_path": (),
            "unrendered_config": self.unrendered_config,
            "relation_name": self.relation_name,
            "created_at": self.created_at,
            "unrendered_database": self.unrendered_database,
            "unrendered_schema": self.unrendered_schema,
            "doc_blocks": self.doc_blocks,
        });
        map.end()
    }
}

impl Serialize for Macro {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        entries!(map, {
            "name": self.name,
            "resource_type": "macro",
            "package_name": self.package,
            "path": self.path,
            "original_file_path": self.original_file_path,
            "unique_id": self.unique_id,
            "macro_sql": self.macro_sql,
            "depends_on": json!({"macros": self.depends_on_macros}),
            "description": self.description,
            "meta": self.meta,
            "docs": self.docs,
            "config": json!({"meta": self.meta, "docs": self.docs}),
            "patch_path": self.patch_path,
            "arguments": self.arguments,
            "created_at": self.created_at,
            "supported_languages": self.supported_languages,
        });
        map.end()
    }
}

impl Serialize for Exposure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        entries!(map, {
            "name": self.name,
            "resource_type": "exposure",
            "package_name": self.package,
            "path": self.path,
            "original_file_path": self.original_file_path,
            "unique_id": self.unique_id,
            "fqn": self.fqn,
            "type": self.kind,
            "owner": owner(&self.owner),
            "description": self.description,
            "label": self.label,
            "maturity": self.maturity,
            "meta": self.meta,
            "tags": self.tags,
            "config": self.config.to_map(),
            "unrendered_config": self.unrendered_config,
            "url": self.url,
            "depends_on": depends_on(&[], &self.depends_on_nodes),
            "refs": self.refs,
            "sources": self.sources,
            "metrics": self.metrics,
            "created_at": self.created_at,
        });
        map.end()
    }
}

/// `email` and `name` are always there.
fn owner(owner: &Map<String, Value>) -> Map<String, Value> {
    let mut full = Map::from_iter([("email".to_owned(), Value::Null), ("name".to_owned(), Value::Null)]);
    full.extend(owner.iter().map(|(key, value)| (key.clone(), value.clone())));
    full
}

impl Serialize for Group {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        entries!(map, {
            "name": self.name,
            "resource_type": "group",
            "package_name": self.package,
            "path": self.path,
            "original_file_path": self.original_file_path,
            "unique_id": self.unique_id,
            "owner": owner(&self.owner),
            "description": self.description,
            "config": self.config,
        });
        map.end()
    }
}

impl Serialize for Doc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        entries!(map, {
            "name": self.name,
            "resource_type": "doc",
            "package_name": self.package,
            "path": self.path,
            "original_file_path": self.original_file_path,
            "unique_id": self.unique_id,
            "block_contents": self.block_contents,
        });
        map.end()
    }
}

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Values(rows) => rows.serialize(serializer),
            Self::Sql(sql) => sql.serialize(serializer),
        }
    }
}

impl Serialize for UnitTestInput {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        entries!(map, {
            "input": self.input, "rows": self.rows, "format": self.format, "fixture": self.fixture,
        });
        map.end()
    }
}

impl Serialize for UnitTest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let overrides = (!self.overrides.is_empty()).then(|| {
            let mut full = json!({"macros": {}, "vars": {}, "env_vars": {}});
            for (key, value) in &self.overrides {
                full[key] = value.clone();
            }
            full
        });
        entries!(map, {
            "model": self.model,
            "given": self.given,
            "expect": json!({"rows": self.expect, "format": self.expect_format, "fixture": self.expect_fixture}),
            "name": self.name,
            "resource_type": "unit_test",
            "package_name": self.package,
            "path": self.path,
            "original_file_path": self.original_file_path,
            "unique_id": self.unique_id,
            "fqn": self.fqn,
            "description": self.description,
            "overrides": overrides,
            "depends_on": depends_on(&self.depends_on_macros, &self.depends_on_nodes),
            "config": self.config.to_map(),
            "checksum": self.checksum,
            "schema": self.schema,
            "created_at": self.created_at,
            "versions": self.versions,
            "version": self.version,
        });
        map.end()
    }
}

impl super::Resource<'_> {
    /// Its entry of the artifact.
    ///
    /// # Errors
    /// None in practice: every entry is an object with text keys.
    pub fn to_json(&self) -> serde_json::Result<Value> {
        match self {
            Self::Node(node) => serde_json::to_value(node),
            Self::Source(source) => serde_json::to_value(source),
            Self::UnitTest(test) => serde_json::to_value(test),
            Self::Exposure(exposure) => serde_json::to_value(exposure),
            Self::SemanticModel(model) => serde_json::to_value(model),
            Self::Metric(metric) => serde_json::to_value(metric),
            Self::SavedQuery(query) => serde_json::to_value(query),
        }
    }
}

impl Serialize for Disabled {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Node(node) => node.serialize(serializer),
            Self::Source(source) => source.serialize(serializer),
            Self::UnitTest(test) => test.serialize(serializer),
            Self::Exposure(exposure) => exposure.serialize(serializer),
            Self::SemanticModel(model) => model.serialize(serializer),
            Self::Metric(metric) => metric.serialize(serializer),
            Self::SavedQuery(query) => query.serialize(serializer),
        }
    }
}

impl ResourceType {
    /// The properties key that describes it (`models`), where there is one.
    pub fn properties_key(self) -> Option<&'static str> {
        match self {
            Self::Model => Some("models"),
            Self::Seed => Some("seeds"),
            Self::Snapshot => Some("snapshots"),
            Self::Test => Some("data_tests"),
            Self::UnitTest => Some("unit_tests"),
            Self::Analysis => Some("analyses"),
            Self::Source => Some("sources"),
            Self::Exposure => Some("exposures"),
            Self::SemanticModel => Some("semantic_models"),
            Self::Metric => Some("metrics"),
            Self::SavedQuery => Some("saved_queries"),
            Self::Function => Some("functions"),
            Self::Macro => Some("macros"),
            Self::Group => Some("groups"),
            Self::Operation | Self::SqlOperation | Self::Doc => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{SourceFile, Span};

    #[test]
    fn checksums_of_contracts_are_dbts() {
        let body = Span::new(&SourceFile::new("models/con.sql", ""), 0..0);
        let mut node = Node::bare(ResourceType::Model, "model.shop.con".into(), "shop".into(), body, "".into());
        node.detail = Detail::Model(ModelDetail::default());
        node.config.values = Map::from_iter([
            ("contract".to_owned(), json!({"enforced": true})),
            ("materialized".to_owned(), json!("table")),
        ]);
        let column = |name: &str, data_type: &str, constraints: Vec<Value>| {
            let data_type = Some(data_type.to_owned());
            (name.to_owned(), ColumnInfo { name: name.to_owned(), data_type, constraints, ..ColumnInfo::default() })
        };
        let not_null = json!({"type": "not_null"});
        node.columns =
            [column("name", "varchar(10)", vec![]), column("id", "integer", vec![not_null])].into_iter().collect();
        // Of dbt-core 1.11 for the same model.
        let expected = "496ca25ea08ff925551dc63002300cd926c68a163765c40a53490f985045aa7b";
        assert_eq!(contract_checksum(&node).as_deref(), Some(expected));
    }
}
