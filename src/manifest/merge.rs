//! How configs of several places become one: dbt's merge behaviour, key by key.

use serde_json::{Map, Value, json};

use super::{ResourceType, config};
use crate::jinja::pyvalue;

/// Keys whose lists grow instead of being replaced.
const APPENDED: &[&str] = &["tags", "packages", "pre-hook", "post-hook"];
/// Keys whose objects are updated entry by entry.
const UPDATED: &[&str] = &["meta", "quoting", "column_types", "docs", "contract", "latest_version_pointer"];

/// Lays `more` over `base`.
pub fn merge(base: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (key, value) in more {
        let key = normal_key(key);
        if APPENDED.contains(&key) {
            append(base, key, value);
        } else if UPDATED.contains(&key) {
            update(base, key, value);
        } else if key == "grants" {
            merge_grants(base, value);
        } else {
            base.insert(key.to_owned(), value.clone());
        }
    }
}

/// Like [`merge`] for values that are not rendered: they have no reliable shape, so the later one wins. As in dbt,
/// `pre_hook` and `pre-hook` are two keys.
pub fn replace(base: &mut Map<String, Value>, more: &Map<String, Value>) {
    base.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
}

/// What dbt takes for the `unrendered_config` of a properties file: what is written, but lists before what Jinja has
/// made of them, so that most are there twice. A state is compared by it.
pub fn doubled(written: &Map<String, Value>, rendered: &Map<String, Value>) -> Map<String, Value> {
    let one = |(key, written): (&String, &Value)| {
        let rendered = rendered.get(key).or_else(|| rendered.get(normal_key(key)));
        let value = match (written, rendered) {
            (Value::Object(written), Some(Value::Object(rendered))) => Value::Object(doubled(written, rendered)),
            (Value::Array(written), Some(Value::Array(rendered))) => [&written[..], &rendered[..]].concat().into(),
            _ => written.clone(),
        };
        (key.clone(), value)
    };
    written.iter().map(one).collect()
}

/// Configs of a generic test as dbt's `unrendered_config` has them: texts as they are, anything else as Python shows it.
pub fn written(call: &Map<String, Value>) -> Map<String, Value> {
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => pyvalue::py_repr(&pyvalue::from_json(other)),
    };
    call.iter().map(|(key, value)| (key.clone(), shown(value).into())).collect()
}

/// `pre_hook` is an old spelling of `pre-hook`.
pub fn normal_key(key: &str) -> &str {
    match key {
        "pre_hook" => "pre-hook",
        "post_hook" => "post-hook",
        key => key,
    }
}

fn append(base: &mut Map<String, Value>, key: &str, value: &Value) {
    let items: Vec<Value> = match value {
        Value::Null => return,
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    let items = items.into_iter().map(|item| if key.ends_with("-hook") { hook(item) } else { item });
    match base.entry(key.to_owned()).or_insert_with(|| json!([])) {
        Value::Array(list) => list.extend(items),
        other => *other = items.collect(),
    }
}

/// A hook is a text, an object with `sql`, or such an object written as JSON text (what the macros `before_begin` and
/// `after_commit` return).
fn hook(item: Value) -> Value {
    let object = match item {
        Value::Object(object) => object,
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(Value::Object(object)) if object.contains_key("sql") => object,
            _ => Map::from_iter([("sql".to_owned(), Value::String(text))]),
        },
        other => return other,
    };
    let mut full = Map::new();
    full.insert("sql".into(), object.get("sql").cloned().unwrap_or_default());
    full.insert("transaction".into(), object.get("transaction").cloned().unwrap_or(Value::Bool(true)));
    full.insert("index".into(), object.get("index").cloned().unwrap_or_default());
    Value::Object(full)
}

fn update(base: &mut Map<String, Value>, key: &str, value: &Value) {
    let Value::Object(more) = value else {
        if !value.is_null() {
            base.insert(key.to_owned(), value.clone());
        }
        return;
    };
    match base.entry(key.to_owned()).or_insert_with(|| json!({})) {
        Value::Object(map) => map.extend(more.iter().map(|(key, value)| (key.clone(), value.clone()))),
        other => *other = value.clone(),
    }
}

/// `+select` adds grantees to those of the outer levels, `select` replaces them.
fn merge_grants(base: &mut Map<String, Value>, value: &Value) {
    let Value::Object(more) = value else { return };
    let Value::Object(grants) = base.entry("grants").or_insert_with(|| json!({})) else { return };
    for (key, grantees) in more {
        let grantees: Vec<Value> = match grantees {
            Value::Array(items) => items.clone(),
            one => vec![one.clone()],
        };
        match (key.strip_prefix('+'), grants.get_mut(key.trim_start_matches('+'))) {
            (Some(_), Some(Value::Array(list))) => list.extend(grantees),
            _ => {
                grants.insert(key.trim_start_matches('+').to_owned(), Value::Array(grantees));
            }
        }
    }
}

/// Settles what depends on other keys: `store_failures_as` decides over `store_failures`.
pub fn finish(resource: ResourceType, values: &mut Map<String, Value>) {
    if resource != ResourceType::Test {
        return;
    }
    let set = |values: &mut Map<String, Value>, key: &str, value: Value| values.insert(key.to_owned(), value);
    match values.get("store_failures_as").and_then(Value::as_str).map(str::to_owned) {
        Some(how) => {
            set(values, "store_failures", Value::Bool(how != "ephemeral"));
        }
        None => {
            if let Some(store) = values.get("store_failures").and_then(Value::as_bool) {
                set(values, "store_failures_as", json!(if store { "table" } else { "ephemeral" }));
            }
        }
    }
}

/// Keys of adapters and of dbt that have no default, so that near misses of them are noticed.
const MORE_KEYS: &[&str] = &[
    "access",
    "auto_refresh",
    "charset",
    "check_cols",
    "collation",
    "column_name",
    "dataset",
    "delimiter",
    "description",
    "enabled",
    "engine",
    "hard_deletes",
    "incremental_predicates",
    "indexes",
    "invalidate_hard_deletes",
    "location",
    "merge_exclude_columns",
    "merge_update_columns",
    "options",
    "partition_by",
    "partitions",
    "post_hook",
    "pre_hook",
    "predicates",
    "primary_key",
    "project",
    "quote_columns",
    "row_format",
    "spider",
    "sql_header",
    "strategy",
    "target_database",
    "target_schema",
    "updated_at",
];

/// The known key that `key` probably means, when it is not one itself.
pub fn misspelled(resource: ResourceType, key: &str) -> Option<&'static str> {
    let known = || config::defaults(resource).keys().map(String::as_str).chain(MORE_KEYS.iter().copied());
    if key.len() < 4 || known().any(|name| name == key) {
        return None;
    }
    crate::diag::suggest::nearest(key, known())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(layers: &[Value]) -> Value {
        let mut base = Map::new();
        for layer in layers {
            if let Value::Object(layer) = layer {
                merge(&mut base, layer);
            }
        }
        Value::Object(base)
    }

    #[test]
    fn lists_grow_objects_update_and_the_rest_is_replaced() {
        let value = merged(&[
            json!({"tags": "a", "meta": {"x": 1, "y": 1}, "materialized": "view", "grants": {"select": ["r"]}}),
            json!({"tags": ["b"], "meta": {"y": 2}, "materialized": "table", "grants": {"+select": "s"}}),
            json!({"post_hook": "do it", "pre-hook": [{"sql": "s", "transaction": false}]}),
        ]);
        assert_eq!(
            value,
            json!({
                "tags": ["a", "b"], "meta": {"x": 1, "y": 2}, "materialized": "table",
                "grants": {"select": ["r", "s"]},
                "post-hook": [{"sql": "do it", "transaction": true, "index": null}],
                "pre-hook": [{"sql": "s", "transaction": false, "index": null}],
            })
        );
    }

    #[test]
    fn store_failures_as_wins_over_store_failures() {
        let mut values = Map::from_iter([("store_failures_as".to_owned(), json!("view"))]);
        finish(ResourceType::Test, &mut values);
        assert_eq!(values["store_failures"], json!(true));
        let mut values = Map::from_iter([("store_failures".to_owned(), json!(false))]);
        finish(ResourceType::Test, &mut values);
        assert_eq!(values["store_failures_as"], json!("ephemeral"));
    }

    #[test]
    fn only_near_misses_count_as_misspelled() {
        assert_eq!(misspelled(ResourceType::Model, "materialised"), Some("materialized"));
        assert_eq!(misspelled(ResourceType::Model, "materialized"), None);
        assert_eq!(misspelled(ResourceType::Model, "team"), None);
        assert_eq!(misspelled(ResourceType::Seed, "column_type"), Some("column_types"));
    }
}
