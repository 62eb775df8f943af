//! `spider: {servers: […], partition_by: …}`: a model's rows on the data nodes of a MariaDB Spider cluster.

use serde_json::Value;

use super::checks::Check;

const SHAPE: &str =
    "must be a mapping of `servers` to a list of names and `partition_by` to `hash (column)` or `key (columns)`";

pub(super) fn check(check: &mut Check<'_>) {
    let Some(value) = check.node.config.explicit("spider").filter(|value| !value.is_null()) else { return };
    let Value::Object(entries) = value else {
        return check.report("spider", SHAPE, &format!("found `{value}`"));
    };
    if let Some(key) = entries.keys().find(|key| !["servers", "partition_by"].contains(&key.as_str())) {
        check.report("spider", &format!("has no entry `{key}`"), "its entries are `servers` and `partition_by`");
    }
    let names: Option<Vec<&str>> =
        entries.get("servers").and_then(Value::as_array).map(|names| names.iter().filter_map(Value::as_str).collect());
    let listed = entries.get("servers").and_then(Value::as_array).map_or(0, Vec::len);
    let is_name = |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_-.$".contains(c));
    match names {
        Some(names) if !names.is_empty() && names.len() == listed && names.iter().all(is_name) => {
            if let Some(name) =
                names.iter().enumerate().find_map(|(at, name)| names[..at].contains(name).then_some(name))
            {
                check.report(
                    "spider",
                    &format!("names the server `{name}` twice"),
                    "each server has one part of the rows",
                );
            }
        }
        _ => check.report("spider", SHAPE, "`servers` are the names that `create server` gave the data nodes"),
    }
    if !entries.get("partition_by").and_then(Value::as_str).is_some_and(is_spread_evenly) {
        check.report(
            "spider",
            SHAPE,
            "`partition_by` says which rows are on the same server, for example `hash (store_id)`",
        );
    }
    let config = &check.node.config;
    let contract = config.explicit("contract").and_then(|contract| contract.get("enforced")).and_then(Value::as_bool);
    if contract == Some(true) {
        check.report(
            "spider",
            "cannot be used with an enforced contract",
            "set `contract: {enforced: false}` for this model",
        );
    }
    let text = |key| config.explicit(key).and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let (change, strategy) = (text("on_schema_change"), text("incremental_strategy"));
    if !["", "ignore", "fail"].contains(&change.as_str()) {
        check.report(
            "spider",
            "cannot be used with an `on_schema_change` that changes the table",
            "set `on_schema_change: fail`, and run with --full-refresh when columns change",
        );
    }
    if strategy == "insert_overwrite" {
        check.report(
            "spider",
            "cannot be used with the strategy `insert_overwrite`",
            "`delete+insert` replaces rows by a key",
        );
    }
    for key in ["partition_by", "engine", "row_format", "primary_key"] {
        if check.is_set(key) {
            check.report(
                "spider",
                &format!("cannot be used together with `{key}`"),
                "`spider` decides where and how the rows are kept",
            );
        }
    }
}

/// `hash (…)` or `key (…)`, which need no list of what goes where.
fn is_spread_evenly(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let text = text.strip_prefix("linear ").map_or(text.as_str(), str::trim_start);
    let rest = text.strip_prefix("hash").or_else(|| text.strip_prefix("key")).map(str::trim);
    rest.is_some_and(|rest| rest.starts_with('(') && rest.ends_with(')') && rest.len() > 2)
}

#[cfg(test)]
mod tests {
    use super::is_spread_evenly;

    #[test]
    fn partitions_are_a_hash_or_a_key() {
        for text in ["hash (store_id)", "HASH(year(day))", "linear hash (a)", "key (a, b)"] {
            assert!(is_spread_evenly(text), "{text}");
        }
        for text in ["", "store_id", "hash", "hash ()", "range (a) (partition p values less than (1))x", "list (a)"] {
            assert!(!is_spread_evenly(text), "{text}");
        }
    }
}
