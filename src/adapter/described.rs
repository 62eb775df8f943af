//! Relations as the server's own catalog describes them.

use std::collections::HashMap;

/// A table or view.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    pub database: Option<String>,
    pub schema: String,
    pub name: String,
    /// In the server's words: `BASE TABLE`, `VIEW` …
    pub kind: String,
    pub comment: Option<String>,
    pub owner: Option<String>,
    /// The server's own count, which may be an estimate; None where it keeps none.
    pub rows: Option<u64>,
    /// Data and indexes.
    pub bytes: Option<u64>,
    /// In their order.
    pub columns: Vec<DescribedColumn>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DescribedColumn {
    pub name: String,
    /// As the server counts.
    pub index: u64,
    pub data_type: String,
    pub comment: Option<String>,
}

/// Database, schema, name.
pub(super) type Key = (Option<String>, String, String);

/// Puts columns to their relations; columns of what is not listed are left out.
pub(super) fn join(
    mut relations: Vec<Described>,
    columns: impl Iterator<Item = (Key, DescribedColumn)>,
) -> Vec<Described> {
    let mut places: HashMap<Key, Vec<DescribedColumn>> = HashMap::new();
    for (key, column) in columns {
        places.entry(key).or_default().push(column);
    }
    for relation in &mut relations {
        let key = (relation.database.clone(), relation.schema.clone(), relation.name.clone());
        relation.columns = places.remove(&key).unwrap_or_default();
    }
    relations
}
