//! Configs of what a table is beside its rows: indexes.

use serde_json::Value;

use super::checks::Check;
use crate::adapter::index::Index;

/// Checks what can be told without the table.
pub(super) fn check(check: &mut Check<'_>) {
    indexes(check);
}

fn indexes(check: &mut Check<'_>) {
    let Some(value) = check.node.config.explicit("indexes").filter(|value| !value.is_null()) else { return };
    let Value::Array(entries) = value else {
        return check.report("indexes", "must be a list of mappings with `columns`", &format!("found `{value}`"));
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
        if seen.iter().any(|(other, same)| *other == name || same.shape == index.shape) {
            let what = index.name.map_or_else(|| index.shape.to_string(), |name| format!("`{name}`"));
            check.report("indexes", &format!("has {what} twice"), "");
            continue;
        }
        seen.push((name, index));
    }
}
