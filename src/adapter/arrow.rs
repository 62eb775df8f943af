//! Between [`Table`] and Arrow.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, Float64Array,
    Int64Array, LargeBinaryArray, LargeStringArray, NullArray, RecordBatch, RecordBatchOptions, StringArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, TimeUnit};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

use super::{Cell, ColumnType, DbError, DbErrorKind, DbResult, Table, TableColumn};

/// The most digits of a 128-bit decimal.
const DECIMAL128_DIGITS: u8 = 38;

impl Table {
    /// One record batch with the table's rows. Duplicate column names get a number. Decimals stay exact; a column whose
    /// values do not fit its type (a MySQL time beyond a day) becomes text; a MySQL date `0000-00-00` becomes null.
    pub fn to_arrow(&self) -> DbResult<RecordBatch> {
        let columns: Vec<ArrayRef> = (0..self.columns.len()).map(|index| self.column(index)).collect();
        let names = unique_names(&self.columns);
        let field = |(name, column): (String, &ArrayRef)| Field::new(name, column.data_type().clone(), true);
        let fields: Vec<Field> = names.into_iter().zip(&columns).map(field).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows.len()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options).map_err(failed)
    }

    /// The rows of record batches, all of one schema. Nested values become text.
    pub fn from_arrow(batches: &[RecordBatch]) -> DbResult<Self> {
        let Some(first) = batches.first() else { return Ok(Self::default()) };
        let column = |field: &Arc<Field>| TableColumn { name: field.name().clone(), kind: kind_of(field.data_type()) };
        let columns = first.schema().fields().iter().map(column).collect();
        let mut rows = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
        for batch in batches {
            let cells = |row| batch.columns().iter().map(|column| cell(column.as_ref(), row)).collect::<Result<_, _>>();
            for row in 0..batch.num_rows() {
                rows.push(cells(row).map_err(failed)?);
            }
        }
        Ok(Self { columns, rows })
    }

    fn column(&self, index: usize) -> ArrayRef {
        let kind = self.columns[index].kind;
        self.typed_column(index, kind).unwrap_or_else(|| self.text_column(index))
    }

    /// None when a value does not fit the type.
    fn typed_column(&self, index: usize, kind: ColumnType) -> Option<ArrayRef> {
        Some(match kind {
            ColumnType::Null => {
                self.values(index, |_| None::<Option<()>>)?;
                Arc::new(NullArray::new(self.rows.len()))
            }
            ColumnType::Bool => Arc::new(BooleanArray::from(self.values(index, |cell| match cell {
                Cell::Bool(value) => Some(Some(*value)),
                _ => None,
            })?)),
            ColumnType::Int => Arc::new(Int64Array::from(self.values(index, |cell| match cell {
                Cell::Int(value) => Some(Some(*value)),
                _ => None,
            })?)),
            ColumnType::UInt => Arc::new(UInt64Array::from(self.values(index, |cell| match cell {
                Cell::UInt(value) => Some(Some(*value)),
                Cell::Int(value) => u64::try_from(*value).ok().map(Some),
                _ => None,
            })?)),
            ColumnType::Float => Arc::new(Float64Array::from(self.values(index, |cell| match cell {
                Cell::Float(value) => Some(Some(*value)),
                _ => None,
            })?)),
            ColumnType::Decimal(precision, scale) => self.decimal_column(index, precision, scale)?,
            ColumnType::Bytes => self.bytes_column(index)?,
            ColumnType::Text => return None,
            ColumnType::Date => Arc::new(Date32Array::from(self.values(index, |cell| match cell {
                Cell::Date(text) => date_days(text),
                _ => None,
            })?)),
            ColumnType::Datetime => {
                Arc::new(TimestampMicrosecondArray::from(self.values(index, |cell| match cell {
                    Cell::Datetime(text) => datetime_micros(text),
                    _ => None,
                })?))
            }
            ColumnType::Time => Arc::new(Time64MicrosecondArray::from(self.values(index, |cell| match cell {
                Cell::Time(text) => time_micros(text).map(Some),
                _ => None,
            })?)),
        })
    }

    /// One column's values. `read` gives None for a value that does not fit, which ends the reading, and `Some(None)` for
    /// one that counts as null.
    fn values<T>(&self, index: usize, read: impl Fn(&Cell) -> Option<Option<T>>) -> Option<Vec<Option<T>>> {
        let value = |row: &Vec<Cell>| match row.get(index) {
            None | Some(Cell::Null) => Some(None),
            Some(cell) => read(cell),
        };
        self.rows.iter().map(value).collect()
    }

    fn decimal_column(&self, index: usize, precision: u8, scale: i8) -> Option<ArrayRef> {
        let digits = |cell: &Cell| match cell {
            Cell::Decimal(text) => unscaled(text, scale).map(Some),
            Cell::Int(value) => unscaled(&value.to_string(), scale).map(Some),
            _ => None,
        };
        let digits = self.values(index, digits)?;
        if precision <= DECIMAL128_DIGITS {
            let values = digits.iter().map(|text| text.as_ref().map(|text| text.parse::<i128>()).transpose());
            let array: Decimal128Array = values.collect::<Result<_, _>>().ok()?;
            Some(Arc::new(array.with_precision_and_scale(precision.max(1), scale).ok()?))
        } else {
            type Wide = <Decimal256Type as ArrowPrimitiveType>::Native;
            let values =
                digits.iter().map(|text| text.as_ref().map_or(Some(None), |text| Wide::from_string(text).map(Some)));
            let array: Decimal256Array = values.collect::<Option<_>>()?;
            Some(Arc::new(array.with_precision_and_scale(precision, scale).ok()?))
        }
    }

    fn bytes_column(&self, index: usize) -> Option<ArrayRef> {
        let read = |row: &'_ Vec<Cell>| match row.get(index) {
            None | Some(Cell::Null) => Some(()),
            Some(Cell::Bytes(_) | Cell::Text(_)) => Some(()),
            Some(_) => None,
        };
        self.rows.iter().map(read).collect::<Option<()>>()?;
        let bytes = || {
            self.rows.iter().map(|row| match row.get(index) {
                Some(Cell::Bytes(bytes)) => Some(bytes.as_slice()),
                Some(Cell::Text(text)) => Some(text.as_bytes()),
                _ => None,
            })
        };
        let size: usize = bytes().flatten().map(<[u8]>::len).sum();
        Some(if fits_32_bits(size) {
            Arc::new(bytes().collect::<BinaryArray>())
        } else {
            Arc::new(bytes().collect::<LargeBinaryArray>())
        })
    }

    fn text_column(&self, index: usize) -> ArrayRef {
        let texts = || self.rows.iter().map(|row| row.get(index).and_then(Cell::to_text));
        let size: usize = texts().flatten().map(|text| text.len()).sum();
        if fits_32_bits(size) {
            Arc::new(texts().collect::<StringArray>())
        } else {
            Arc::new(texts().collect::<LargeStringArray>())
        }
    }
}

/// The offsets of the plain string and binary arrays have 32 bits.
fn fits_32_bits(size: usize) -> bool {
    i32::try_from(size).is_ok()
}

fn failed(error: ArrowError) -> DbError {
    DbError::new(DbErrorKind::Other, format!("the rows do not fit an Arrow batch: {error}"))
}

/// `id`, `id` → `id`, `id_2`: frames want one name per column.
fn unique_names(columns: &[TableColumn]) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::new();
    let unique = |column: &TableColumn| {
        let mut name = column.name.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{}_{number}", column.name);
            number += 1;
        }
        name
    };
    columns.iter().map(unique).collect()
}

/// The digits of a decimal without its point, as many behind it as `scale` says.
fn unscaled(text: &str, scale: i8) -> Option<String> {
    let scale = usize::try_from(scale).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let kept = fraction.get(..scale.min(fraction.len()))?;
    if !fraction[kept.len()..].bytes().all(|digit| digit == b'0')
        || fraction.bytes().any(|digit| !digit.is_ascii_digit())
    {
        return None;
    }
    Some(format!("{whole}{kept:0<scale$}"))
}

/// Days since 1970. `Some(None)` for MySQL's dates that are none.
fn date_days(text: &str) -> Option<Option<i32>> {
    if text.starts_with("0000-00-00") {
        return Some(None);
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).ok().map(Some)
}

fn datetime_micros(text: &str) -> Option<Option<i64>> {
    if text.starts_with("0000-00-00") {
        return Some(None);
    }
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()?;
    Some(Some(time.and_utc().timestamp_micros()))
}

fn time_micros(text: &str) -> Option<i64> {
    let time = NaiveTime::parse_from_str(text, "%H:%M:%S%.f").ok()?;
    Some(i64::from(time.num_seconds_from_midnight()) * 1_000_000 + i64::from(time.nanosecond() / 1_000))
}

fn kind_of(data_type: &DataType) -> ColumnType {
    match data_type {
        DataType::Null => ColumnType::Null,
        DataType::Boolean => ColumnType::Bool,
        DataType::UInt64 => ColumnType::UInt,
        _ if data_type.is_integer() => ColumnType::Int,
        _ if data_type.is_floating() => ColumnType::Float,
        // DuckDB's `hugeint`, the type of every `sum` of integers, comes as a decimal too.
        DataType::Decimal128(_, 0) => ColumnType::Int,
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => ColumnType::Decimal(*precision, *scale),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            ColumnType::Bytes
        }
        DataType::Date32 | DataType::Date64 => ColumnType::Date,
        DataType::Timestamp(..) => ColumnType::Datetime,
        DataType::Time32(_) | DataType::Time64(_) => ColumnType::Time,
        DataType::Dictionary(_, values) => kind_of(values),
        _ => ColumnType::Text,
    }
}

/// The value at a row.
fn cell(array: &dyn Array, row: usize) -> Result<Cell, ArrowError> {
    if array.is_null(row) {
        return Ok(Cell::Null);
    }
    macro_rules! number {
        ($type:ty) => {
            array.as_primitive::<$type>().value(row)
        };
    }
    macro_rules! decimal {
        ($type:ty) => {
            Cell::Decimal(array.as_primitive::<$type>().value_as_string(row))
        };
    }
    Ok(match array.data_type() {
        DataType::Null => Cell::Null,
        DataType::Boolean => Cell::Bool(array.as_boolean().value(row)),
        DataType::Int8 => Cell::Int(number!(Int8Type).into()),
        DataType::Int16 => Cell::Int(number!(Int16Type).into()),
        DataType::Int32 => Cell::Int(number!(Int32Type).into()),
        DataType::Int64 => Cell::Int(number!(Int64Type)),
        DataType::UInt8 => Cell::Int(number!(UInt8Type).into()),
        DataType::UInt16 => Cell::Int(number!(UInt16Type).into()),
        DataType::UInt32 => Cell::Int(number!(UInt32Type).into()),
        DataType::UInt64 => Cell::UInt(number!(UInt64Type)),
        DataType::Float32 => Cell::Float(number!(Float32Type).into()),
        DataType::Float64 => Cell::Float(number!(Float64Type)),
        DataType::Decimal32(..) => decimal!(Decimal32Type),
        DataType::Decimal64(..) => decimal!(Decimal64Type),
        DataType::Decimal128(_, 0) => match i64::try_from(number!(Decimal128Type)) {
            Ok(value) => Cell::Int(value),
            Err(_) => decimal!(Decimal128Type),
        },
        DataType::Decimal128(..) => decimal!(Decimal128Type),
        DataType::Decimal256(..) => decimal!(Decimal256Type),
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::LargeUtf8 => Cell::Text(array.as_string::<i64>().value(row).to_owned()),
        DataType::Utf8View => Cell::Text(array.as_string_view().value(row).to_owned()),
        DataType::Binary => Cell::Bytes(array.as_binary::<i32>().value(row).to_vec()),
        DataType::LargeBinary => Cell::Bytes(array.as_binary::<i64>().value(row).to_vec()),
        DataType::BinaryView => Cell::Bytes(array.as_binary_view().value(row).to_vec()),
        DataType::FixedSizeBinary(_) => Cell::Bytes(array.as_fixed_size_binary().value(row).to_vec()),
        DataType::Date32 => date(Date32Type::to_naive_date_opt(number!(Date32Type))),
        DataType::Date64 => date(Date64Type::to_naive_date_opt(number!(Date64Type))),
        DataType::Timestamp(unit, _) => datetime(match unit {
            TimeUnit::Second => DateTime::from_timestamp(number!(TimestampSecondType), 0),
            TimeUnit::Millisecond => DateTime::from_timestamp_millis(number!(TimestampMillisecondType)),
            TimeUnit::Microsecond => DateTime::from_timestamp_micros(number!(TimestampMicrosecondType)),
            TimeUnit::Nanosecond => Some(DateTime::from_timestamp_nanos(number!(TimestampNanosecondType))),
        }),
        DataType::Time32(TimeUnit::Second) => time(i64::from(number!(Time32SecondType)) * 1_000_000),
        DataType::Time32(_) => time(i64::from(number!(Time32MillisecondType)) * 1_000),
        DataType::Time64(TimeUnit::Nanosecond) => time(number!(Time64NanosecondType) / 1_000),
        DataType::Time64(_) => time(number!(Time64MicrosecondType)),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let key = match cell(dictionary.keys(), row)? {
                Cell::Int(key) => usize::try_from(key).unwrap_or_default(),
                Cell::UInt(key) => usize::try_from(key).unwrap_or_default(),
                _ => return Ok(Cell::Null),
            };
            cell(dictionary.values().as_ref(), key)?
        }
        _ => Cell::Text(nested(array, row)?),
    })
}

fn date(date: Option<NaiveDate>) -> Cell {
    date.map_or(Cell::Null, |date| Cell::Date(date.format("%Y-%m-%d").to_string()))
}

fn datetime(time: Option<DateTime<chrono::Utc>>) -> Cell {
    let format = |time: DateTime<chrono::Utc>| {
        let pattern = if time.nanosecond() == 0 { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S%.6f" };
        Cell::Datetime(time.format(pattern).to_string())
    };
    time.map_or(Cell::Null, format)
}

fn time(micros: i64) -> Cell {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    Cell::Time(if fraction == 0 { clock } else { format!("{clock}.{fraction:06}") })
}

/// Lists, structs, maps and intervals, as DuckDB prints them.
fn nested(array: &dyn Array, row: usize) -> Result<String, ArrowError> {
    let text = |array: &dyn Array, row| {
        cell(array, row).map(|cell| cell.to_text().unwrap_or_else(|| "NULL".into()).into_owned())
    };
    let list = |items: ArrayRef| {
        let texts = (0..items.len()).map(|at| text(items.as_ref(), at)).collect::<Result<Vec<_>, _>>()?;
        Ok(format!("[{}]", texts.join(", ")))
    };
    match array.data_type() {
        DataType::List(_) => list(array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => list(array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => list(array.as_fixed_size_list().value(row)),
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let pair = |at| Ok(format!("{}={}", text(entries.column(0), at)?, text(entries.column(1), at)?));
            Ok(format!("{{{}}}", (0..entries.len()).map(pair).collect::<Result<Vec<_>, ArrowError>>()?.join(", ")))
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let pair =
                |(field, column): (&Arc<Field>, &ArrayRef)| Ok(format!("'{}': {}", field.name(), text(column, row)?));
            let pairs = fields.iter().zip(columns).map(pair).collect::<Result<Vec<_>, ArrowError>>()?;
            Ok(format!("{{{}}}", pairs.join(", ")))
        }
        DataType::Interval(arrow_schema::IntervalUnit::MonthDayNano) => {
            let interval = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
            let clock = time(interval.nanoseconds / 1_000).to_text().unwrap_or_default().into_owned();
            Ok(format!("{} months {} days {clock}", interval.months, interval.days))
        }
        other => Err(ArrowError::NotYetImplemented(format!("a column of type {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[(&str, ColumnType)], rows: Vec<Vec<Cell>>) -> Table {
        let column = |(name, kind): &(&str, ColumnType)| TableColumn { name: (*name).to_owned(), kind: *kind };
        Table { columns: columns.iter().map(column).collect(), rows }
    }

    #[test]
    fn rows_survive_the_way_to_arrow_and_back() {
        let columns = [
            ("i", ColumnType::Int),
            ("u", ColumnType::UInt),
            ("d", ColumnType::Decimal(30, 10)),
            ("w", ColumnType::Decimal(65, 2)),
            ("f", ColumnType::Float),
            ("b", ColumnType::Bool),
            ("s", ColumnType::Text),
            ("x", ColumnType::Bytes),
            ("dt", ColumnType::Date),
            ("ts", ColumnType::Datetime),
            ("tm", ColumnType::Time),
        ];
        let rows = vec![
            vec![
                Cell::Int(i64::MIN),
                Cell::UInt(u64::MAX),
                Cell::Decimal("-12345678901234567890.0123456789".into()),
                Cell::Decimal(format!("{}.25", "9".repeat(60))),
                Cell::Float(0.1),
                Cell::Bool(true),
                Cell::Text("é".into()),
                Cell::Bytes(vec![0, 255]),
                Cell::Date("1969-12-31".into()),
                Cell::Datetime("1969-12-31 23:59:59.000001".into()),
                Cell::Time("23:59:59.500000".into()),
            ],
            vec![Cell::Null; 11],
        ];
        let table = table(&columns, rows);
        let batch = table.to_arrow().expect("converts");
        assert_eq!(batch.column(2).data_type(), &DataType::Decimal128(30, 10));
        assert_eq!(Table::from_arrow(&[batch]).expect("converts"), table);
    }

    #[test]
    fn what_arrow_cannot_say_becomes_null_or_text() {
        let columns = [("d", ColumnType::Date), ("t", ColumnType::Time), ("n", ColumnType::Null)];
        let zero = vec![Cell::Date("0000-00-00".into()), Cell::Time("-101:02:03".into()), Cell::Null];
        let back = Table::from_arrow(&[table(&columns, vec![zero]).to_arrow().expect("converts")]).expect("converts");
        assert_eq!(back.rows, [[Cell::Null, Cell::Text("-101:02:03".into()), Cell::Null]]);
    }

    #[test]
    fn equal_names_are_told_apart_and_rows_without_columns_count() {
        let names = [("id", ColumnType::Int), ("id", ColumnType::Int), ("id_2", ColumnType::Int)];
        let batch = table(&names, Vec::new()).to_arrow().expect("converts");
        let names: Vec<_> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
        assert_eq!(names, ["id", "id_2", "id_2_2"]);
        assert_eq!(table(&[], vec![Vec::new(); 2]).to_arrow().expect("converts").num_rows(), 2);
    }
}
