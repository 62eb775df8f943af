//! Columns of relations, with the type arithmetic that macros ask for.

/// A column as the catalog describes it. `dtype` is the bare type (`varchar`), sizes are apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub dtype: String,
    pub char_size: Option<u64>,
    pub numeric_precision: Option<u32>,
    pub numeric_scale: Option<u32>,
    /// The full type as the server writes it (`decimal(12,2)`, `int(11) unsigned`), where the catalog has it.
    pub full_type: Option<String>,
    pub nullable: bool,
    pub quote_char: char,
}
