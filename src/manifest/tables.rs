//! Configs of what a table is beside its rows: indexes, keys, partitions, options.

use serde_json::Value;

use super::checks::Check;
use super::{Detail, Node};
use crate::adapter::index::Index;
use crate::adapter::options::{self, PartitionBy, TableOptions};

/// Whether the partitions of the node's table are made when rows arrive, on a database that has them.
pub fn makes_partitions(node: &Node) -> bool {
    let partition_by = node.config.explicit("partition_by").map(PartitionBy::read);
    matches!(partition_by, Some(Ok(PartitionBy::Ranges(_))))
        && node.config.explicit("spider").is_none_or(Value::is_null)
}

/// Checks what can be told without the table.
pub(super) fn check(check: &mut Check<'_>) {
    let config = &check.node.config;
    let value = |key: &str| config.explicit(key).filter(|value| !value.is_null()).cloned();
    let (problems, partitions) = (options::problems(value), TableOptions::read(value).partition_by);
    for (key, problem) in problems {
        check.report(key, &problem, "");
    }
    let indexes = indexes(check);
    if let Some(partitions) = &partitions {
        keys_of_partitions(check, &partitions.columns(), &indexes);
    }
    if check.is_set("partitions") && check.node.config.str("incremental_strategy") == Some("insert_overwrite") {
        overwritten(check, partitions.as_ref());
    }
}

/// Config `partitions`: which ones `insert_overwrite` replaces.
fn overwritten(check: &mut Check<'_>, partitions: Option<&PartitionBy>) {
    if !matches!(partitions, Some(PartitionBy::Ranges(_)) | None) {
        let why = "which makes and names them; without it, `insert_overwrite` replaces those that new rows fall into";
        check.report("partitions", &format!("needs a `partition_by` with a `field`, {why}"), "");
    }
    let is_value = |value: &Value| value.is_string() || value.is_i64();
    let fits = match check.node.config.explicit("partitions") {
        Some(Value::Array(values)) => !values.is_empty() && values.iter().all(is_value),
        Some(value) => is_value(value),
        None => true,
    };
    if !fits {
        check.report("partitions", "must be a list of values that the partitions have, or of SQL that gives them", "");
    }
}

/// The servers refuse a unique key that could not be checked within one partition.
fn keys_of_partitions(check: &mut Check<'_>, partitions: &[String], indexes: &[Index]) {
    let lacks = |columns: &[String]| {
        let known = |name: &String| columns.iter().any(|column| column.eq_ignore_ascii_case(name));
        partitions.iter().find(|name| !known(name)).cloned()
    };
    let why = "each unique key of a partitioned table contains all columns of `partition_by`";
    foreign_keys_of_partitions(check);
    for (what, columns) in unique_constraints(check) {
        if let Some(missing) = lacks(&columns) {
            check.report(
                "constraints",
                &format!("have the {what} `{}` without `{missing}`: {why}", columns.join(", ")),
                "",
            );
        }
    }
    let key = check.node.config.explicit("primary_key").and_then(|key| options::columns(key).ok());
    if let Some(missing) = key.and_then(|columns| lacks(&columns)) {
        check.report("primary_key", &format!("does not contain `{missing}`: {why}"), "");
    }
    for index in indexes.iter().filter(|index| index.shape.unique) {
        let columns: Vec<String> = index.columns().map(str::to_owned).collect();
        if let Some(missing) = lacks(&columns) {
            let what = index.name.as_ref().map_or_else(|| index.shape.to_string(), |name| format!("`{name}`"));
            check.report("indexes", &format!("has the unique {what} without `{missing}`: {why}"), "");
        }
    }
}

/// The keys of an enforced contract, with what they are called.
fn unique_constraints(check: &Check<'_>) -> Vec<(&'static str, Vec<String>)> {
    let kind = |rule: &Value| match rule.get("type").and_then(Value::as_str) {
        Some("primary_key") => Some("primary key"),
        Some("unique") => Some("unique key"),
        _ => None,
    };
    constraints(check)
        .into_iter()
        .filter_map(|(rule, columns)| Some((kind(rule)?, columns)))
        .filter(|(_, columns)| !columns.is_empty())
        .collect()
}

/// The constraints that the node's table gets, with their columns.
fn constraints<'a>(check: &Check<'a>) -> Vec<(&'a Value, Vec<String>)> {
    let node = check.node;
    let Detail::Model(model) = &node.detail else { return Vec::new() };
    if !node.config.contract_enforced() {
        return Vec::new();
    }
    let of_model = model.constraints.iter().map(|rule| {
        let columns = rule.get("columns").and_then(|columns| options::columns(columns).ok()).unwrap_or_default();
        (rule, columns)
    });
    let of_columns = node
        .columns
        .values()
        .flat_map(|column| column.constraints.iter().map(|rule| (rule, vec![column.name.clone()])));
    of_model.chain(of_columns).collect()
}

/// The servers have no foreign keys on partitioned tables.
fn foreign_keys_of_partitions(check: &mut Check<'_>) {
    let is_key = |rule: &Value| rule.get("type").and_then(Value::as_str) == Some("foreign_key");
    let key = if check
        .node
        .config
        .explicit("foreign_keys")
        .is_some_and(|keys| keys.as_array().is_some_and(|keys| !keys.is_empty()))
    {
        "foreign_keys"
    } else if constraints(check).iter().any(|(rule, _)| is_key(rule)) {
        "constraints"
    } else {
        return;
    };
    check.report(
        key,
        "cannot be used together with `partition_by`: a partitioned table has no foreign keys",
        "a data test `relationships` checks the same",
    );
}

fn indexes(check: &mut Check<'_>) -> Vec<Index> {
    let Some(value) = check.node.config.explicit("indexes").filter(|value| !value.is_null()) else {
        return Vec::new();
    };
    let Value::Array(entries) = value else {
        check.report("indexes", "must be a list of mappings with `columns`", &format!("found `{value}`"));
        return Vec::new();
    };
    let mut seen: Vec<(String, Index)> = Vec::new();
    for entry in entries {
        let index = match Index::read(entry) {
            Ok(index) => index,
            Err(problem) => {
                check.report("indexes", &problem, "");
                continue;
            }
        };
        let name = index.name("", usize::MAX).to_lowercase();
        if seen.iter().any(|(other, same)| *other == name || same.shape.is_like(&index.shape)) {
            let what = index.name.map_or_else(|| index.shape.to_string(), |name| format!("`{name}`"));
            check.report("indexes", &format!("has {what} twice"), "");
            continue;
        }
        seen.push((name, index));
    }
    seen.into_iter().map(|(_, index)| index).collect()
}
