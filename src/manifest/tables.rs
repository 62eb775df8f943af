//! Configs of what a table is beside its rows: indexes, keys, partitions, options.

use serde_json::Value;

use super::checks::Check;
use crate::adapter::index::Index;
use crate::adapter::options::{self, TableOptions};

/// Checks what can be told without the table.
pub(super) fn check(check: &mut Check<'_>) {
    let config = &check.node.config;
    let value = |key: &str| config.explicit(key).filter(|value| !value.is_null()).cloned();
    let (problems, partitions) = (options::problems(value), TableOptions::read(value).partition_by);
    for (key, problem) in problems {
        check.report(key, &problem, "");
    }
    let indexes = indexes(check);
    if let Some(partitions) = partitions {
        keys_of_partitions(check, partitions.columns(), &indexes);
    }
}

/// The servers refuse a unique key that could not be checked within one partition.
fn keys_of_partitions(check: &mut Check<'_>, partitions: &[String], indexes: &[Index]) {
    let lacks = |columns: &[String]| {
        let known = |name: &String| columns.iter().any(|column| column.eq_ignore_ascii_case(name));
        partitions.iter().find(|name| !known(name)).cloned()
    };
    let why = "each unique key of a partitioned table contains all columns of `partition_by`";
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
