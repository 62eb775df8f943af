//! semantic_manifest.json: what MetricFlow reads, in the shape of its own `PydanticSemanticManifest`.

use std::io::Write as _;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::file;
use crate::diag;
use crate::manifest::semantic::{Dimension, LEGACY_TIME_SPINE, NodeRelation};
use crate::manifest::{Detail, Manifest, Metric, Node, ResourceType, SavedQuery, SemanticModel};

/// The version of MetricFlow whose shape this is, that of dbt 1.12.
const INTERFACES: [&str; 3] = ["0", "213", "0"];

/// Writes semantic_manifest.json, also where a project has no semantic layer, as dbt does.
///
/// # Errors
/// The file cannot be written.
pub fn write_semantic_manifest(path: &Path, manifest: &Manifest) -> diag::Result<()> {
    file::write(path, |writer| writer.write_all(semantic_manifest(manifest)?.as_bytes()))
}

/// The text of semantic_manifest.json.
///
/// # Errors
/// A value has no JSON.
pub fn semantic_manifest(manifest: &Manifest) -> serde_json::Result<String> {
    let document = json!({
        "semantic_models": manifest.semantic_models.values().map(|model| semantic_model(model)).collect::<Vec<_>>(),
        "metrics": manifest.metrics.values().map(|metric| of_metric(metric)).collect::<Vec<_>>(),
        "project_configuration": configuration(manifest),
        "saved_queries": manifest.saved_queries.values().map(|query| saved_query(query)).collect::<Vec<_>>(),
    });
    serde_json::to_string(&document)
}

fn configuration(manifest: &Manifest) -> Value {
    let [major, minor, patch] = INTERFACES;
    let models = || manifest.nodes.values().filter(|node| node.resource_type == ResourceType::Model);
    let spines: Vec<Value> = models().filter_map(|node| time_spine(node)).collect();
    let is_legacy = |node: &&std::sync::Arc<Node>| {
        let spine = matches!(&node.detail, Detail::Model(model) if model.time_spine.is_some());
        node.name == LEGACY_TIME_SPINE && !spine && !manifest.semantic_models.is_empty()
    };
    let legacy: Vec<Value> = models()
        .filter(is_legacy)
        .take(1)
        .map(|node| json!({"location": node.relation_name, "column_name": "date_day", "grain": "day"}))
        .collect();
    json!({
        "time_spine_table_configurations": legacy,
        "metadata": null,
        "dsi_package_version": {"major_version": major, "minor_version": minor, "patch_version": patch},
        "time_spines": spines,
    })
}

fn time_spine(node: &Node) -> Option<Value> {
    let Detail::Model(model) = &node.detail else { return None };
    let spine = model.time_spine.as_ref()?;
    let granularity = node.columns.get(&spine.standard_granularity_column)?.granularity.as_ref()?;
    let relation = NodeRelation {
        alias: node.alias.clone(),
        schema_name: node.schema.clone(),
        database: node.database.clone(),
        relation_name: node.relation_name.clone(),
    };
    Some(json!({
        "node_relation": named(&relation),
        "primary_column": {"name": spine.standard_granularity_column, "time_granularity": granularity.to_lowercase()},
        "custom_granularities": spine.custom_granularities,
    }))
}

/// A relation always has a name here; what an ephemeral model would be called is its parts.
fn named(relation: &NodeRelation) -> Value {
    let parts = [relation.database.as_deref(), Some(&relation.schema_name), Some(&relation.alias)];
    let name =
        relation.relation_name.clone().unwrap_or_else(|| parts.into_iter().flatten().collect::<Vec<_>>().join("."));
    json!({
        "alias": relation.alias, "schema_name": relation.schema_name, "database": relation.database,
        "relation_name": name,
    })
}

/// An element as in manifest.json, with the `metadata` that is null there too.
fn elements<T: Serialize>(elements: &[T]) -> Vec<Value> {
    let with_metadata = |element: &T| {
        let mut entry = json!(element);
        entry["metadata"] = Value::Null;
        entry
    };
    elements.iter().map(with_metadata).collect()
}

fn semantic_model(model: &SemanticModel) -> Value {
    json!({
        "name": model.identity.name,
        "defaults": model.defaults,
        "description": model.description,
        "node_relation": model.node_relation.as_ref().map(named),
        "primary_entity": model.primary_entity,
        "entities": elements(&model.entities),
        "measures": elements(&model.measures),
        "dimensions": model.dimensions.iter().map(dimension).collect::<Vec<_>>(),
        "label": model.label,
        "metadata": null,
        "config": {"meta": meta(model.config.meta())},
    })
}

/// dbt has no key for a data type yet.
fn dimension(dimension: &Dimension) -> Value {
    let mut entry = json!(dimension);
    entry["datatype"] = Value::Null;
    entry
}

fn meta(meta: Option<&Map<String, Value>>) -> Value {
    Value::Object(meta.cloned().unwrap_or_default())
}

/// Granularities are in lower case.
fn of_metric(metric: &Metric) -> Value {
    let mut params = metric.type_params.clone();
    let lower = |grain: &mut Option<String>| *grain = grain.take().map(|grain| grain.to_lowercase());
    params.metrics.iter_mut().for_each(|input| lower(&mut input.offset_to_grain));
    if let Some(cumulative) = &mut params.cumulative_type_params {
        lower(&mut cumulative.grain_to_date);
    }
    json!({
        "name": metric.identity.name,
        "description": metric.description,
        "type": metric.kind,
        "datatype": null,
        "type_params": params,
        "filter": metric.filter,
        "metadata": null,
        "label": metric.label,
        "config": {"meta": meta(metric.config.meta())},
        "time_granularity": metric.time_granularity,
    })
}

fn saved_query(query: &SavedQuery) -> Value {
    let export = |export: &crate::manifest::semantic::Export| {
        let config = &export.config;
        json!({
            "name": export.name,
            "config": {
                "export_as": config.export_as, "schema_name": config.schema_name, "alias": config.alias,
            },
        })
    };
    json!({
        "name": query.identity.name,
        "query_params": query.query_params,
        "description": query.description,
        "metadata": null,
        "label": query.label,
        "exports": query.exports.iter().map(export).collect::<Vec<_>>(),
        "tags": query.tags,
    })
}
