//! Seeds: text columns become typed tables, tables become INSERT statements.

use super::{Adapter, Relation, Table};

impl Table {
    /// A CSV file with a header, typed as dbt types seeds. Columns in `text_columns` stay text. The error is a phrase that
    /// names the row.
    pub fn from_csv(_text: &str, _delimiter: u8, _text_columns: &[&str]) -> Result<Self, String> {
        Err("not available".to_owned())
    }
}

/// The table's rows as INSERT statements of at most `batch_size` rows, each small enough for the server's packets.
pub fn inserts(_adapter: &dyn Adapter, _relation: &Relation, _table: &Table, _batch_size: usize) -> Vec<String> {
    Vec::new()
}
