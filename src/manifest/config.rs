//! Typed reading of a node's configuration, with dbt's defaults behind what was set.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::{Config, ResourceType};

/// The keys of dbt's config objects with their defaults, in the order in which the artifact shows them.
struct Defaults {
    model: Map<String, Value>,
    node: Map<String, Value>,
    seed: Map<String, Value>,
    snapshot: Map<String, Value>,
    test: Map<String, Value>,
    source: Map<String, Value>,
    unit_test: Map<String, Value>,
    plain: Map<String, Value>,
    semantic: Map<String, Value>,
    saved_query: Map<String, Value>,
    function: Map<String, Value>,
}

static DEFAULTS: LazyLock<Defaults> = LazyLock::new(Defaults::new);

impl Defaults {
    fn new() -> Self {
        let node = object(json!({
            "enabled": true, "alias": null, "schema": null, "database": null, "tags": [], "meta": {}, "group": null,
            "static_analysis": null, "materialized": "view", "incremental_strategy": null, "batch_size": null, "lookback": 1, "begin": null,
            "persist_docs": {}, "post-hook": [], "pre-hook": [], "quoting": {}, "column_types": {},
            "full_refresh": null, "unique_key": null, "on_schema_change": "ignore",
            "on_configuration_change": "apply", "grants": {}, "packages": [],
            "docs": {"show": true, "node_color": null}, "contract": {"enforced": false, "alias_types": true},
            "event_time": null, "concurrent_batches": null,
        }));
        Self {
            model: with(
                &node,
                json!({"access": "protected", "freshness": null, "on_error": null, "latest_version_pointer": {"enabled": null, "alias": null}}),
            ),
            seed: with(&node, json!({"materialized": "seed", "delimiter": ",", "quote_columns": null})),
            snapshot: with(
                &node,
                json!({
                    "materialized": "snapshot", "strategy": null, "target_schema": null, "target_database": null,
                    "updated_at": null, "check_cols": null,
                    "snapshot_meta_column_names": {
                        "dbt_valid_to": null, "dbt_valid_from": null, "dbt_scd_id": null, "dbt_updated_at": null,
                        "dbt_is_deleted": null,
                    },
                    "dbt_valid_to_current": null,
                }),
            ),
            test: object(json!({
                "enabled": true, "alias": null, "schema": "dbt_test__audit", "database": null, "tags": [], "meta": {},
                "group": null, "static_analysis": null, "materialized": "test", "severity": "ERROR",
                "store_failures": null, "store_failures_as": null, "sql_header": null, "where": null, "limit": null, "fail_calc": "count(*)",
                "warn_if": "!= 0", "error_if": "!= 0",
            })),
            source: object(json!({
                "enabled": true, "event_time": null, "loaded_at_field": null,
                "freshness": {
                    "warn_after": {"count": null, "period": null}, "error_after": {"count": null, "period": null},
                    "filter": null,
                },
                "loaded_at_query": null, "meta": {}, "tags": [], "static_analysis": null,
            })),
            unit_test: object(json!({"tags": [], "meta": {}, "enabled": true, "static_analysis": null})),
            plain: object(json!({"enabled": true, "tags": [], "meta": {}})),
            semantic: object(json!({"enabled": true, "group": null, "meta": {}})),
            function: with(
                &node,
                json!({
                    "materialized": "function", "type": "scalar", "volatility": null, "runtime_version": null,
                    "entry_point": null, "snowflake": {"quote_args": true},
                }),
            ),
            saved_query: object(json!({
                "enabled": true, "group": null, "meta": {}, "export_as": null, "schema": null,
                "cache": {"enabled": false},
            })),
            node,
        }
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn with(base: &Map<String, Value>, more: Value) -> Map<String, Value> {
    let mut map = base.clone();
    map.extend(object(more));
    map
}

/// dbt's defaults for a resource type; empty where it has no config.
pub fn defaults(resource: ResourceType) -> &'static Map<String, Value> {
    match resource {
        ResourceType::Model => &DEFAULTS.model,
        ResourceType::Seed => &DEFAULTS.seed,
        ResourceType::Snapshot => &DEFAULTS.snapshot,
        ResourceType::Test => &DEFAULTS.test,
        ResourceType::Source => &DEFAULTS.source,
        ResourceType::UnitTest => &DEFAULTS.unit_test,
        ResourceType::Analysis | ResourceType::Operation | ResourceType::SqlOperation => &DEFAULTS.node,
        ResourceType::SemanticModel | ResourceType::Metric => &DEFAULTS.semantic,
        ResourceType::SavedQuery => &DEFAULTS.saved_query,
        ResourceType::Function => &DEFAULTS.function,
        _ => &DEFAULTS.plain,
    }
}

/// One hook of `pre-hook` / `post-hook`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook<'a> {
    pub sql: &'a str,
    /// Runs inside the materialization's transaction.
    pub transaction: bool,
}

impl Config {
    pub fn new(resource: ResourceType) -> Self {
        Self { resource, values: Map::new() }
    }

    /// The value that was set, else dbt's default; None for a key that is neither.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key).or_else(|| defaults(self.resource).get(key))
    }

    /// Only what the user set.
    pub fn explicit(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// A text value; None when unset, null or of another type.
    pub fn str(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }

    /// A yes-or-no value; None when unset, null or of another type.
    pub fn bool(&self, key: &str) -> Option<bool> {
        self.get(key).and_then(Value::as_bool)
    }

    /// A list of texts; one text counts as a list of one.
    pub fn strings(&self, key: &str) -> Vec<&str> {
        match self.get(key) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) => vec![one],
            _ => Vec::new(),
        }
    }

    pub fn enabled(&self) -> bool {
        self.bool("enabled").unwrap_or(true)
    }

    pub fn materialized(&self) -> &str {
        self.str("materialized").unwrap_or("view")
    }

    pub fn tags(&self) -> Vec<&str> {
        self.strings("tags")
    }

    pub fn meta(&self) -> Option<&Map<String, Value>> {
        self.get("meta").and_then(Value::as_object)
    }

    pub fn group(&self) -> Option<&str> {
        self.str("group")
    }

    /// `on_schema_change`, `ignore` by default.
    pub fn on_schema_change(&self) -> &str {
        self.str("on_schema_change").unwrap_or("ignore")
    }

    pub fn full_refresh(&self) -> Option<bool> {
        self.bool("full_refresh")
    }

    /// `publish: tested`: what was built is shown to readers only after its tests.
    pub fn publishes_tested(&self) -> bool {
        self.str("publish").is_some_and(|publish| publish.eq_ignore_ascii_case("tested"))
    }

    pub fn contract_enforced(&self) -> bool {
        self.get("contract").and_then(|contract| contract.get("enforced")).and_then(Value::as_bool).unwrap_or(false)
    }

    /// `docs: {show, node_color}` with the default of `show`.
    pub fn docs_show(&self) -> bool {
        self.get("docs").and_then(|docs| docs.get("show")).and_then(Value::as_bool).unwrap_or(true)
    }

    pub fn node_color(&self) -> Option<&str> {
        self.get("docs").and_then(|docs| docs.get("node_color")).and_then(Value::as_str)
    }

    /// A failing test is an error, not a warning.
    pub fn severity_is_error(&self) -> bool {
        !self.str("severity").is_some_and(|severity| severity.eq_ignore_ascii_case("warn"))
    }

    pub fn warn_if(&self) -> &str {
        self.str("warn_if").unwrap_or("!= 0")
    }

    pub fn error_if(&self) -> &str {
        self.str("error_if").unwrap_or("!= 0")
    }

    pub fn fail_calc(&self) -> &str {
        self.str("fail_calc").unwrap_or("count(*)")
    }

    /// Whether a test keeps its failing rows; None: as the command says.
    pub fn store_failures(&self) -> Option<bool> {
        self.bool("store_failures")
    }

    /// `pre-hook` or `post-hook`, in order.
    pub fn hooks(&self, key: &str) -> Vec<Hook<'_>> {
        let Some(Value::Array(items)) = self.get(key) else { return Vec::new() };
        items
            .iter()
            .filter_map(|item| {
                let sql = item.get("sql").and_then(Value::as_str)?;
                let transaction = item.get("transaction").and_then(Value::as_bool).unwrap_or(true);
                Some(Hook { sql, transaction })
            })
            .collect()
    }

    /// Complete, with every default key of dbt, as Jinja's `model.config` and the manifest show it.
    pub fn to_map(&self) -> Map<String, Value> {
        let mut map = defaults(self.resource).clone();
        for (key, value) in &self.values {
            match (map.get_mut(key), value) {
                // Objects of dbt keep their own default keys when only some are set.
                (Some(Value::Object(base)), Value::Object(set)) if is_structured(key) => {
                    base.extend(set.iter().map(|(k, v)| (k.clone(), v.clone())));
                }
                _ => {
                    map.insert(key.clone(), value.clone());
                }
            }
        }
        map
    }
}

/// Config keys whose value is an object with fixed keys.
fn is_structured(key: &str) -> bool {
    matches!(key, "docs" | "contract" | "cache" | "freshness" | "latest_version_pointer" | "snapshot_meta_column_names")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unset_keys_fall_back_to_the_resource_types_default() {
        let mut config = Config::new(ResourceType::Snapshot);
        assert_eq!(config.materialized(), "snapshot");
        assert_eq!(Config::new(ResourceType::Test).str("schema"), Some("dbt_test__audit"));
        config.values.insert("contract".into(), json!({"enforced": true}));
        assert!(config.contract_enforced());
        assert_eq!(config.to_map()["contract"], json!({"enforced": true, "alias_types": true}));
        assert_eq!(config.get("nothing"), None);
    }
}
