//! `saved_queries:`.

use std::ops::Range;

use serde_json::{Map, Value};

use super::Setup;
use super::properties::{Reader, is_late, raw_config, required_name};
use super::semantic_model::{Described, describe, filters};
use crate::diag::{Code, Diagnostic, Span, suggest};
use crate::manifest::semantic::{Export, ExportConfig, QueryParams, SavedQuery};
use crate::manifest::{Config, Node as ManifestNode, ResourceType};
use crate::yaml::{Fields, Node};

const DESTINATIONS: &[&str] = &["table", "view"];

/// A saved query as written.
#[derive(Debug)]
pub struct SavedQueryEntry {
    described: Described,
    query_params: QueryParams,
    exports: Vec<ExportEntry>,
    description: Option<String>,
    label: Option<String>,
    tags: Vec<String>,
}

#[derive(Debug)]
struct ExportEntry {
    name: String,
    config: Map<String, Value>,
    span: Span,
}

struct SavedQueryFields {
    name: (String, Range<u32>),
    query_params: QueryParams,
    exports: Vec<ExportEntry>,
    description: Option<String>,
    label: Option<String>,
    tags: Vec<String>,
    config: Option<Node>,
}

pub fn read_saved_query(reader: &mut Reader<'_>, mut entry: Node) -> Option<SavedQueryEntry> {
    let (body, unrendered_config) = (reader.span(&entry.range), raw_config(&entry));
    // MetricFlow renders conditions.
    reader.render_except(&mut entry, &|path| is_late(path) || path.starts_with(&["query_params", "where"]));
    describe(reader, &mut entry);
    let read = reader.fields(entry, "saved query", fields)?;
    let place = reader.place(&read.name.1);
    let config = reader.config(ResourceType::SavedQuery, read.config);
    Some(SavedQueryEntry {
        described: Described { place, body, name: read.name.0, config, unrendered_config },
        query_params: read.query_params,
        exports: read.exports,
        description: read.description,
        label: read.label,
        tags: read.tags,
    })
}

fn fields(fields: &mut Fields<'_>) -> Option<SavedQueryFields> {
    let name = required_name(fields);
    let params = fields.map_node("query_params");
    if params.is_none() {
        fields.missing("query_params");
    }
    let (name, params) = (name?, params?);
    let query_params = fields.nested(params, "`query_params`", |inner| {
        Some(QueryParams {
            metrics: inner.texts("metrics").unwrap_or_default(),
            group_by: inner.texts("group_by").unwrap_or_default(),
            filter: filters(inner, "where"),
            order_by: inner.texts("order_by").unwrap_or_default(),
            limit: inner.int("limit"),
        })
    })?;
    let exports = fields.list("exports").into_iter().filter_map(|node| export(fields, node)).collect();
    Some(SavedQueryFields {
        name,
        query_params,
        exports,
        description: fields.str("description"),
        label: fields.str("label"),
        tags: fields.texts("tags").unwrap_or_default(),
        config: fields.take("config"),
    })
}

fn export(fields: &mut Fields<'_>, node: Node) -> Option<ExportEntry> {
    let span = fields.span(&node.range);
    fields.nested(node, "export", |inner| {
        let name = inner.required_str("name")?;
        let config = inner.map("config").map(|config| config.to_json()).unwrap_or_default();
        Some(ExportEntry { name, config, span })
    })
}

impl SavedQueryEntry {
    /// # Errors
    /// All exports that do not say what to write, or whose names cannot be made.
    pub fn build(self, setup: &Setup<'_>, diags: &mut Vec<Diagnostic>) -> SavedQuery {
        let identity = self.described.identity(ResourceType::SavedQuery);
        let (config, _) = self.described.merged(setup, ResourceType::SavedQuery, &identity.fqn);
        let exports = self
            .exports
            .into_iter()
            .filter_map(|entry| {
                export_of(entry, &config, setup, &self.described).map_err(|error| diags.push(*error)).ok()
            })
            .collect();
        let mut tags: Vec<String> = config.tags().into_iter().map(str::to_owned).chain(self.tags).collect();
        tags.sort();
        tags.dedup();
        SavedQuery {
            identity,
            query_params: self.query_params,
            exports,
            description: self.description,
            label: self.label,
            tags,
            depends_on_nodes: Vec::new(),
            config,
            // dbt does not find the tree here, whose key has a hyphen.
            unrendered_config: self.described.unrendered_config,
            created_at: setup.now,
        }
    }
}

/// What the export does not say, its saved query says; schema and alias are made as those of models.
fn export_of(
    entry: ExportEntry,
    query: &Config,
    setup: &Setup<'_>,
    described: &Described,
) -> Result<Export, Box<Diagnostic>> {
    let name = &entry.name;
    let said = |key: &str| {
        let value = entry.config.get(key).or_else(|| query.values.get(key));
        value.and_then(Value::as_str).map(str::to_owned)
    };
    let export_as = said("export_as").map(|value| value.to_lowercase());
    let problem = |message: String, label: &str| {
        Diagnostic::error(Code::InvalidValue, message).at(entry.span.clone(), label.to_owned()).boxed()
    };
    let export_as = match export_as {
        None => {
            let message = format!("export `{name}` of saved query `{}` has no `export_as`", described.name);
            return Err(problem(message, "write `config: {export_as: table}`, or set it for the saved query"));
        }
        Some(value) if !DESTINATIONS.contains(&value.as_str()) => {
            let near = suggest::nearest(&value, DESTINATIONS.iter().copied()).unwrap_or("table");
            return Err(problem(format!("`{value}` is no `export_as`"), &format!("did you mean `{near}`?")));
        }
        Some(value) => value,
    };
    let mut node = ManifestNode::bare(
        ResourceType::SavedQuery,
        format!("saved_query.{}.{}", described.place.package, described.name).into(),
        described.place.package.clone(),
        entry.span.clone(),
        "".into(),
    );
    node.name.clone_from(name);
    for key in ["database", "alias"] {
        if let Some(value) = said(key) {
            node.config.values.insert(key.to_owned(), value.into());
        }
    }
    setup.naming.name(setup.engine, &mut node)?;
    Ok(Export {
        name: entry.name.clone(),
        config: ExportConfig {
            export_as,
            schema_name: said("schema_name").or_else(|| said("schema")).or(Some(node.schema)),
            alias: said("alias").or(Some(node.alias)),
            database: node.database,
        },
        unrendered_config: entry.config,
    })
}
