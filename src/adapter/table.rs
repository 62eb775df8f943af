//! Rows in memory: what a query gave back, small enough to be looked at.

use std::borrow::Cow;

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

impl Cell {
    /// The value as people read it; None for null. Bytes that are no text are written as hexadecimal digits.
    pub fn to_text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(value) => value.to_string().into(),
            Self::Int(value) => value.to_string().into(),
            Self::UInt(value) => value.to_string().into(),
            Self::Float(value) => format!("{value:?}").into(),
            Self::Decimal(text) | Self::Text(text) | Self::Date(text) | Self::Datetime(text) | Self::Time(text) => {
                text.into()
            }
            Self::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => text.into(),
                Err(_) => hex(bytes).into(),
            },
        })
    }
}

/// Two hexadecimal digits per byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
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
