//! Rows in memory: what a query gave back, small enough to be looked at.

/// One value. Temporal and decimal values stay in the server's own text: exact, and what dbt's messages show.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Decimal(String),
    Text(String),
    Bytes(Vec<u8>),
    /// `YYYY-MM-DD`
    Date(String),
    /// `YYYY-MM-DD HH:MM:SS[.ffffff]`, without zone (as the session's zone, UTC, gives it)
    Datetime(String),
    /// `HH:MM:SS[.ffffff]`
    Time(String),
}

/// The type of a result column, as coarse as tables, seeds and Arrow need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    Null,
    Bool,
    Int,
    UInt,
    Float,
    /// Precision and scale.
    Decimal(u8, i8),
    Text,
    Bytes,
    Date,
    Datetime,
    Time,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumn {
    pub name: String,
    pub kind: ColumnType,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    pub columns: Vec<TableColumn>,
    pub rows: Vec<Vec<Cell>>,
}
