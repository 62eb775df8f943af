//! One value of an Arrow array as an object of Python.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalDayTimeType, IntervalMonthDayNanoType,
    IntervalYearMonthType, Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};
use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

/// Temporal values at microseconds: Python knows nothing finer.
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Decimal(String),
    Text(String),
    Bytes(Vec<u8>),
    Date(NaiveDate),
    Time(NaiveTime),
    Datetime(NaiveDateTime),
    /// A point in time, in UTC.
    Instant(DateTime<Utc>),
    Duration(Duration),
    List(Vec<Value>),
    Struct(Vec<(String, Value)>),
    Map(Vec<(Value, Value)>),
}

/// Reads a primitive; null rows were dealt with before.
fn primitive<T: ArrowPrimitiveType>(array: &dyn Array, row: usize) -> T::Native {
    array.as_primitive::<T>().value(row)
}

impl Value {
    /// The value at a row, which must be in range.
    pub fn read(array: &dyn Array, row: usize) -> Self {
        if array.is_null(row) {
            return Self::Null;
        }
        match array.data_type() {
            // Such an array has no mask that could say so.
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Bool(array.as_boolean().value(row)),
            DataType::Int8 => Self::Int(primitive::<Int8Type>(array, row).into()),
            DataType::Int16 => Self::Int(primitive::<Int16Type>(array, row).into()),
            DataType::Int32 => Self::Int(primitive::<Int32Type>(array, row).into()),
            DataType::Int64 => Self::Int(primitive::<Int64Type>(array, row)),
            DataType::UInt8 => Self::UInt(primitive::<UInt8Type>(array, row).into()),
            DataType::UInt16 => Self::UInt(primitive::<UInt16Type>(array, row).into()),
            DataType::UInt32 => Self::UInt(primitive::<UInt32Type>(array, row).into()),
            DataType::UInt64 => Self::UInt(primitive::<UInt64Type>(array, row)),
            DataType::Float32 => Self::Float(primitive::<Float32Type>(array, row).into()),
            DataType::Float64 => Self::Float(primitive::<Float64Type>(array, row)),
            DataType::Decimal32(..) => Self::Decimal(array.as_primitive::<Decimal32Type>().value_as_string(row)),
            DataType::Decimal64(..) => Self::Decimal(array.as_primitive::<Decimal64Type>().value_as_string(row)),
            DataType::Decimal128(..) => Self::Decimal(array.as_primitive::<Decimal128Type>().value_as_string(row)),
            DataType::Decimal256(..) => Self::Decimal(array.as_primitive::<Decimal256Type>().value_as_string(row)),
            DataType::Utf8 => Self::Text(array.as_string::<i32>().value(row).to_owned()),
            DataType::LargeUtf8 => Self::Text(array.as_string::<i64>().value(row).to_owned()),
            DataType::Utf8View => Self::Text(array.as_string_view().value(row).to_owned()),
            DataType::Binary => Self::Bytes(array.as_binary::<i32>().value(row).to_owned()),
            DataType::LargeBinary => Self::Bytes(array.as_binary::<i64>().value(row).to_owned()),
            DataType::BinaryView => Self::Bytes(array.as_binary_view().value(row).to_owned()),
            DataType::FixedSizeBinary(_) => Self::Bytes(array.as_fixed_size_binary().value(row).to_owned()),
            DataType::Dictionary(..) => Self::read_dictionary(array, row),
            DataType::List(_) => Self::list(array.as_list::<i32>().value(row).as_ref()),
            DataType::LargeList(_) => Self::list(array.as_list::<i64>().value(row).as_ref()),
            DataType::FixedSizeList(..) => Self::list(array.as_fixed_size_list().value(row).as_ref()),
            DataType::Struct(fields) => Self::Struct(
                fields
                    .iter()
                    .zip(array.as_struct().columns())
                    .map(|(field, column)| (field.name().clone(), Self::read(column, row)))
                    .collect(),
            ),
            DataType::Map(..) => {
                let entries = array.as_map().value(row);
                let (keys, values) = (entries.column(0), entries.column(1));
                Self::Map((0..entries.len()).map(|at| (Self::read(keys, at), Self::read(values, at))).collect())
            }
            DataType::Union(..) => {
                let union = array.as_union();
                Self::read(union.child(union.type_id(row)).as_ref(), union.value_offset(row))
            }
            kind => Self::read_temporal(array, kind, row),
        }
    }

    fn read_temporal(array: &dyn Array, kind: &DataType, row: usize) -> Self {
        let micros = match kind {
            DataType::Date32 => i64::from(primitive::<Date32Type>(array, row)) * 86_400_000_000,
            DataType::Date64 => primitive::<Date64Type>(array, row).saturating_mul(1_000),
            DataType::Time32(TimeUnit::Second) => i64::from(primitive::<Time32SecondType>(array, row)) * 1_000_000,
            DataType::Time32(_) => i64::from(primitive::<Time32MillisecondType>(array, row)) * 1_000,
            DataType::Time64(TimeUnit::Microsecond) => primitive::<Time64MicrosecondType>(array, row),
            DataType::Time64(_) => primitive::<Time64NanosecondType>(array, row) / 1_000,
            DataType::Timestamp(TimeUnit::Second, _) => {
                primitive::<TimestampSecondType>(array, row).saturating_mul(1_000_000)
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                primitive::<TimestampMillisecondType>(array, row).saturating_mul(1_000)
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => primitive::<TimestampMicrosecondType>(array, row),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                primitive::<TimestampNanosecondType>(array, row).div_euclid(1_000)
            }
            DataType::Duration(TimeUnit::Second) => {
                primitive::<DurationSecondType>(array, row).saturating_mul(1_000_000)
            }
            DataType::Duration(TimeUnit::Millisecond) => {
                primitive::<DurationMillisecondType>(array, row).saturating_mul(1_000)
            }
            DataType::Duration(TimeUnit::Microsecond) => primitive::<DurationMicrosecondType>(array, row),
            DataType::Duration(TimeUnit::Nanosecond) => primitive::<DurationNanosecondType>(array, row) / 1_000,
            DataType::Interval(unit) => return Self::read_interval(array, *unit, row),
            other => return Self::Text(format!("<{other}>")),
        };
        let instant = || DateTime::<Utc>::from_timestamp_micros(micros);
        match kind {
            DataType::Duration(_) => Some(Self::Duration(Duration::microseconds(micros))),
            DataType::Time32(_) | DataType::Time64(_) => instant().map(|at| Self::Time(at.time())),
            DataType::Date32 | DataType::Date64 => instant().map(|at| Self::Date(at.date_naive())),
            DataType::Timestamp(_, Some(_)) => instant().map(Self::Instant),
            _ => instant().map(|at| Self::Datetime(at.naive_utc())),
        }
        // Years beyond ±262,000, and DuckDB's infinities.
        .unwrap_or_else(|| Self::Text(if micros < 0 { "-infinity" } else { "infinity" }.to_owned()))
    }

    /// Months have no fixed length; like DuckDB's own client they count as 30 days.
    fn read_interval(array: &dyn Array, unit: IntervalUnit, row: usize) -> Self {
        let (months, days, nanos) = match unit {
            IntervalUnit::YearMonth => (primitive::<IntervalYearMonthType>(array, row), 0, 0),
            IntervalUnit::DayTime => {
                let value = primitive::<IntervalDayTimeType>(array, row);
                (0, value.days, i64::from(value.milliseconds) * 1_000_000)
            }
            IntervalUnit::MonthDayNano => {
                let value = primitive::<IntervalMonthDayNanoType>(array, row);
                (value.months, value.days, value.nanoseconds)
            }
        };
        let days = i64::from(months) * 30 + i64::from(days);
        Self::Duration(Duration::days(days) + Duration::nanoseconds(nanos))
    }

    fn read_dictionary(array: &dyn Array, row: usize) -> Self {
        let dictionary = array.as_any_dictionary();
        let key = match Self::read(dictionary.keys(), row) {
            Self::Int(key) => usize::try_from(key).ok(),
            Self::UInt(key) => usize::try_from(key).ok(),
            _ => None,
        };
        key.map_or(Self::Null, |key| Self::read(dictionary.values().as_ref(), key))
    }

    fn list(items: &dyn Array) -> Self {
        Self::List((0..items.len()).map(|at| Self::read(items, at)).collect())
    }

    /// The object of Python: `Decimal`, `date`, `datetime`, `list`, `dict` …
    pub fn into_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let datetime = |name: &str| py.import("datetime")?.getattr(name);
        Ok(match self {
            Self::Null => py.None().into_bound(py),
            Self::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
            Self::Int(value) => value.into_pyobject(py)?.into_any(),
            Self::UInt(value) => value.into_pyobject(py)?.into_any(),
            Self::Float(value) => value.into_pyobject(py)?.into_any(),
            Self::Decimal(value) => py.import("decimal")?.getattr("Decimal")?.call1((value,))?,
            Self::Text(value) => value.into_pyobject(py)?.into_any(),
            Self::Bytes(value) => PyBytes::new(py, &value).into_any(),
            Self::Date(value) => datetime("date")?.call_method1("fromisoformat", (value.to_string(),))?,
            Self::Time(value) => {
                datetime("time")?.call_method1("fromisoformat", (value.format("%H:%M:%S%.6f").to_string(),))?
            }
            Self::Datetime(value) => datetime("datetime")?
                .call_method1("fromisoformat", (value.format("%Y-%m-%d %H:%M:%S%.6f").to_string(),))?,
            Self::Instant(value) => datetime("datetime")?
                .call_method1("fromisoformat", (value.format("%Y-%m-%d %H:%M:%S%.6f+00:00").to_string(),))?,
            Self::Duration(value) => {
                datetime("timedelta")?.call1((0, 0, value.num_microseconds().unwrap_or(i64::MAX)))?
            }
            Self::List(items) => {
                let items = items.into_iter().map(|item| item.into_python(py)).collect::<PyResult<Vec<_>>>()?;
                PyList::new(py, items)?.into_any()
            }
            Self::Struct(fields) => {
                let dict = PyDict::new(py);
                for (name, value) in fields {
                    dict.set_item(name, value.into_python(py)?)?;
                }
                dict.into_any()
            }
            Self::Map(entries) => {
                let dict = PyDict::new(py);
                for (key, value) in entries {
                    dict.set_item(key.into_python(py)?, value.into_python(py)?)?;
                }
                dict.into_any()
            }
        })
    }
}
