//! How metrics, semantic models and saved queries compare with those of an earlier manifest: by their entries there.

use serde_json::{Map, Value};

use super::EarlierManifest;
use super::compare::{same_keys, without_nulls};
use crate::manifest::{Manifest, Resource};

const OF_SEMANTIC_MODELS: &[&str] =
    &["model", "description", "defaults", "entities", "dimensions", "measures", "config", "primary_entity", "group"];
const OF_METRICS: &[&str] = &["filter", "type", "type_params", "time_granularity", "description", "label"];
const OF_SAVED_QUERIES: &[&str] = &["query_params", "description", "label", "config", "group", "tags"];

/// What of an entry is compared, other than whole keys.
const ALSO_KEPT: &[&str] = &["unrendered_config", "exports"];

impl EarlierManifest {
    /// Takes over the semantic layer of today, as far as it is compared.
    pub fn keep_semantics(&mut self, manifest: &Manifest) {
        self.semantic_models = manifest.semantic_models.values().map(|x| kept(&Resource::SemanticModel(x))).collect();
        self.metrics = manifest.metrics.values().map(|x| kept(&Resource::Metric(x))).collect();
        self.saved_queries = manifest.saved_queries.values().map(|x| kept(&Resource::SavedQuery(x))).collect();
    }

    /// Its entry, if it is part of the semantic layer and was there.
    pub(super) fn semantic_entry(&self, thing: &Resource<'_>) -> Option<&Map<String, Value>> {
        let map = match thing {
            Resource::SemanticModel(_) => &self.semantic_models,
            Resource::Metric(_) => &self.metrics,
            Resource::SavedQuery(_) => &self.saved_queries,
            _ => return None,
        };
        map.get(&**thing.unique_id())
    }

    /// What is new counts as unchanged, as in dbt.
    pub(super) fn is_same_semantics(&self, thing: &Resource<'_>) -> bool {
        let Some(old) = self.semantic_entry(thing) else { return true };
        let Ok(now) = thing.to_json() else { return false };
        let nothing = Value::Null;
        let same = |key: &&str| without_nulls(&now[*key]) == without_nulls(old.get(*key).unwrap_or(&nothing));
        let same_rest = match thing {
            Resource::Metric(_) => self.same_semantic_config(thing),
            Resource::SavedQuery(_) => same_exports(&now["exports"], old.get("exports")),
            _ => true,
        };
        same_rest && compared(thing).iter().all(same)
    }

    /// As written: `group` is not compared. What is new differs.
    pub(super) fn same_semantic_config(&self, thing: &Resource<'_>) -> bool {
        let now = match thing {
            Resource::SemanticModel(model) => &model.unrendered_config,
            Resource::Metric(metric) => &metric.unrendered_config,
            Resource::SavedQuery(query) => &query.unrendered_config,
            _ => return true,
        };
        let before = self.semantic_entry(thing).and_then(|old| old.get("unrendered_config")?.as_object());
        before.is_some_and(|before| same_keys(now, before, |key| key != "group"))
    }
}

/// The keys whose values are compared.
fn compared(thing: &Resource<'_>) -> &'static [&'static str] {
    match thing {
        Resource::SemanticModel(_) => OF_SEMANTIC_MODELS,
        Resource::Metric(_) => OF_METRICS,
        Resource::SavedQuery(_) => OF_SAVED_QUERIES,
        _ => &[],
    }
}

fn kept(thing: &Resource<'_>) -> (String, Map<String, Value>) {
    let entry = thing.to_json().unwrap_or_default();
    let keys = compared(thing).iter().chain(ALSO_KEPT);
    let entry = keys.filter_map(|key| Some(((*key).to_owned(), entry.get(key)?.clone()))).collect();
    (thing.unique_id().to_string(), entry)
}

/// As written, because the same project has other schemas in another target.
fn same_exports(now: &Value, old: Option<&Value>) -> bool {
    let written = |exports: Option<&Value>| -> Vec<Value> {
        let of = |export: &Value| {
            let config = &export["unrendered_config"];
            let keys = ["export_as", "schema", "alias"].map(|key| config[key].clone());
            Value::Array([vec![export["name"].clone()], keys.to_vec()].concat())
        };
        exports.and_then(Value::as_array).into_iter().flatten().map(of).collect()
    };
    written(Some(now)) == written(old)
}
