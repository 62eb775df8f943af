//! From the text protocol to cells, by the type of the column.

use mysql::consts::{ColumnFlags, ColumnType as Wire};
use mysql::{Column, Value};

use crate::adapter::{Cell, ColumnType, TableColumn};

/// The number of the character set `binary`: bytes, not text.
const BINARY: u16 = 63;
/// What the server sends as `decimals` of a floating-point column without a fixed number of them.
const MOST_DECIMALS: u8 = 38;

pub(super) fn column(column: &Column) -> TableColumn {
    TableColumn { name: column.name_str().into_owned(), kind: kind(column) }
}

fn kind(column: &Column) -> ColumnType {
    let unsigned = column.flags().contains(ColumnFlags::UNSIGNED_FLAG);
    match column.column_type() {
        Wire::MYSQL_TYPE_NULL => ColumnType::Null,
        Wire::MYSQL_TYPE_BIT => ColumnType::UInt,
        Wire::MYSQL_TYPE_YEAR => ColumnType::Int,
        Wire::MYSQL_TYPE_TINY
        | Wire::MYSQL_TYPE_SHORT
        | Wire::MYSQL_TYPE_INT24
        | Wire::MYSQL_TYPE_LONG
        | Wire::MYSQL_TYPE_LONGLONG => {
            if unsigned {
                ColumnType::UInt
            } else {
                ColumnType::Int
            }
        }
        Wire::MYSQL_TYPE_FLOAT | Wire::MYSQL_TYPE_DOUBLE => ColumnType::Float,
        Wire::MYSQL_TYPE_DECIMAL | Wire::MYSQL_TYPE_NEWDECIMAL => decimal(column, unsigned),
        Wire::MYSQL_TYPE_DATE | Wire::MYSQL_TYPE_NEWDATE => ColumnType::Date,
        Wire::MYSQL_TYPE_DATETIME
        | Wire::MYSQL_TYPE_DATETIME2
        | Wire::MYSQL_TYPE_TIMESTAMP
        | Wire::MYSQL_TYPE_TIMESTAMP2 => ColumnType::Datetime,
        Wire::MYSQL_TYPE_TIME | Wire::MYSQL_TYPE_TIME2 => ColumnType::Time,
        Wire::MYSQL_TYPE_JSON => ColumnType::Text,
        Wire::MYSQL_TYPE_GEOMETRY => ColumnType::Bytes,
        _ if column.character_set() == BINARY => ColumnType::Bytes,
        _ => ColumnType::Text,
    }
}

/// The display length counts the sign and the point; precision is what is left.
fn decimal(column: &Column, unsigned: bool) -> ColumnType {
    let scale = column.decimals().min(MOST_DECIMALS);
    let marks = u32::from(!unsigned) + u32::from(scale > 0);
    let precision = column.column_length().saturating_sub(marks).clamp(u32::from(scale).max(1), 65);
    ColumnType::Decimal(precision as u8, scale as i8)
}

/// How the values of one result column are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decoder {
    kind: ColumnType,
    /// `bit(n)` comes as big-endian bytes, not as digits.
    bits: bool,
}

impl Decoder {
    pub fn new(column: &Column) -> Self {
        Self { kind: kind(column), bits: column.column_type() == Wire::MYSQL_TYPE_BIT }
    }

    /// A value as the text protocol sends it. What does not look like its type stays text: nothing is lost.
    pub fn cell(self, value: Value) -> Cell {
        match value {
            Value::NULL => Cell::Null,
            Value::Bytes(bytes) if self.bits => {
                Cell::UInt(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
            }
            Value::Bytes(bytes) if self.kind == ColumnType::Bytes => Cell::Bytes(bytes),
            Value::Bytes(bytes) => match String::from_utf8(bytes) {
                Ok(text) => self.parse(text),
                Err(error) => Cell::Bytes(error.into_bytes()),
            },
            // Only the binary protocol sends these, which statements here do not use.
            other => Cell::Text(other.as_sql(true).trim_matches('\'').to_owned()),
        }
    }

    fn parse(self, text: String) -> Cell {
        match self.kind {
            ColumnType::Int => text.parse().map_or(Cell::Text(text), Cell::Int),
            ColumnType::UInt => text.parse().map_or(Cell::Text(text), Cell::UInt),
            ColumnType::Float => text.parse().map_or(Cell::Text(text), Cell::Float),
            ColumnType::Decimal(..) => Cell::Decimal(text),
            ColumnType::Date => Cell::Date(text),
            ColumnType::Datetime => Cell::Datetime(text),
            ColumnType::Time => Cell::Time(text),
            _ => Cell::Text(text),
        }
    }
}
