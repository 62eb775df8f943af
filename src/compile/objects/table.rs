//! A query's rows as macros see them: the part of agate's Table that dbt projects use.

use std::fmt;
use std::sync::Arc;

use crate::jinja::value::{Enumerator, Object, ObjectExt, ObjectRepr};

use super::bad_argument;
use crate::adapter::{Cell, ColumnType, Table};
use crate::jinja::{Args, Error, ErrorKind, State, Value, pyvalue};

/// The whole result.
#[derive(Debug)]
pub struct TableObject(pub Arc<Table>);

impl TableObject {
    pub fn value(table: Table) -> Value {
        Value::from_object(Self(Arc::new(table)))
    }

    fn column_names(&self) -> Vec<Value> {
        self.0.columns.iter().map(|column| Value::from(column.name.as_str())).collect()
    }

    fn rows(&self) -> Value {
        Value::from_object(Rows(self.0.clone()))
    }

    /// A table of these columns, in this order.
    fn project(&self, names: &[String]) -> Result<Value, Error> {
        let picked = names.iter().map(|name| column_index(&self.0, name).ok_or_else(|| no_column(name)));
        let picked = picked.collect::<Result<Vec<_>, _>>()?;
        Ok(Self::value(Table {
            columns: picked.iter().map(|at| self.0.columns[*at].clone()).collect(),
            rows: self.0.rows.iter().map(|row| picked.iter().map(|at| row[*at].clone()).collect()).collect(),
        }))
    }

    fn rename(&self, names: &Value) -> Result<Value, Error> {
        let mut table = (*self.0).clone();
        for (at, column) in table.columns.iter_mut().enumerate() {
            let renamed = match names.kind() {
                crate::jinja::value::ValueKind::Map => names.get_attr(&column.name)?,
                _ => names.get_item_by_index(at)?,
            };
            if let Some(name) = renamed.as_str() {
                column.name = name.to_owned();
            }
        }
        Ok(Self::value(table))
    }

    fn limit(&self, start: usize, stop: usize, step: usize) -> Value {
        let rows = self.0.rows.iter().take(stop).skip(start).step_by(step.max(1)).cloned().collect();
        Self::value(Table { columns: self.0.columns.clone(), rows })
    }

    fn order_by(&self, key: &str, reverse: bool) -> Result<Value, Error> {
        let at = column_index(&self.0, key).ok_or_else(|| no_column(key))?;
        let mut rows = self.0.rows.clone();
        rows.sort_by(|a, b| {
            let ordering = cell_value(&a[at]).cmp(&cell_value(&b[at]));
            if reverse { ordering.reverse() } else { ordering }
        });
        Ok(Self::value(Table { columns: self.0.columns.clone(), rows }))
    }
}

impl Object for TableObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "columns" => Some(Value::from_object(Columns(self.0.clone()))),
            "column_names" => Some(pyvalue::tuple(self.column_names())),
            "column_types" => {
                let types = self.0.columns.iter().map(|column| Value::from(type_name(column.kind)));
                Some(pyvalue::tuple(types.collect()))
            }
            "rows" => Some(self.rows()),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let table = self.0.clone();
        Enumerator::Iter(Box::new((0..table.rows.len()).map(move |at| row_value(&table, at))))
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.0.rows.len())
    }

    /// A table is something even without rows, as in Python.
    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let mut a = Args::new(method, args);
        let names = |value: Value| -> Result<Vec<String>, Error> {
            match value.as_str() {
                Some(name) => Ok(vec![name.to_owned()]),
                None => Ok(value.try_iter()?.map(|name| name.to_string()).collect()),
            }
        };
        let value = match method {
            "select" => self.project(&names(a.take("key")?)?)?,
            "exclude" => {
                let out = names(a.take("key")?)?;
                let kept = self.0.columns.iter().map(|column| column.name.clone()).filter(|name| !out.contains(name));
                self.project(&kept.collect::<Vec<_>>())?
            }
            "rename" => {
                let renamed = self.rename(&a.take("column_names")?)?;
                a.ignore_rest();
                renamed
            }
            "limit" => {
                let first = a.optional("start_or_stop")?.and_then(|value| value.as_usize());
                let stop = a.optional("stop")?.and_then(|value| value.as_usize());
                let step = a.optional("step")?.and_then(|value| value.as_usize()).unwrap_or(1);
                match (first, stop) {
                    (Some(start), Some(stop)) => self.limit(start, stop, step),
                    (first, _) => self.limit(0, first.unwrap_or(usize::MAX), step),
                }
            }
            "order_by" => {
                let key = a.take("key")?.to_string();
                let reverse = a.optional("reverse")?.is_some_and(|value| value.is_true());
                self.order_by(&key, reverse)?
            }
            // agate prints to the console; macros use it in `log(…)` and then want the text.
            "print_table" => {
                a.ignore_rest();
                Value::from(text_table(&self.0))
            }
            "to_json" => {
                a.ignore_rest();
                Value::from(
                    serde_json::to_string(&rows_json(&self.0)).map_err(|error| bad_argument(error.to_string()))?,
                )
            }
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        };
        a.finish()?;
        Ok(value)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<agate.Table object>")
    }
}

#[derive(Debug)]
struct Columns(Arc<Table>);

impl Object for Columns {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let at = match key.as_str() {
            Some(name) => column_index(&self.0, name)?,
            None => position(key, self.0.columns.len())?,
        };
        (at < self.0.columns.len()).then(|| Value::from_object(TableColumnObject { table: self.0.clone(), at }))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.columns.len())
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let names = self.0.columns.iter().map(|column| Value::from(column.name.as_str()));
        mapping_method(method, args, names.collect(), |key| self.get_value(key), self.clone().values())
    }
}

impl Columns {
    fn values(self: Arc<Self>) -> Vec<Value> {
        (0..self.0.columns.len()).filter_map(|at| self.get_value(&Value::from(at))).collect()
    }
}

#[derive(Debug)]
struct TableColumnObject {
    table: Arc<Table>,
    at: usize,
}

impl TableColumnObject {
    fn values(&self) -> Vec<Value> {
        self.table.rows.iter().map(|row| cell_value(&row[self.at])).collect()
    }
}

impl Object for TableColumnObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some("name") => Some(Value::from(self.table.columns[self.at].name.as_str())),
            Some("index") => Some(Value::from(self.at)),
            Some("data_type") => Some(Value::from(type_name(self.table.columns[self.at].kind))),
            Some(_) => None,
            None => {
                let at = position(key, self.table.rows.len())?;
                self.table.rows.get(at).map(|row| cell_value(&row[self.at]))
            }
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.table.rows.len())
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let values = match method {
            "values" => self.values(),
            "values_distinct" => {
                let mut seen = Vec::new();
                for value in self.values() {
                    if !seen.contains(&value) {
                        seen.push(value);
                    }
                }
                seen
            }
            "values_sorted" => {
                let mut values = self.values();
                values.sort();
                values
            }
            "values_without_nulls" => self.values().into_iter().filter(|value| !value.is_none()).collect(),
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        };
        Args::new(method, args).finish()?;
        Ok(pyvalue::list(values))
    }
}

#[derive(Debug)]
struct Rows(Arc<Table>);

impl Object for Rows {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let at = position(key, self.0.rows.len())?;
        (at < self.0.rows.len()).then(|| row_value(&self.0, at))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.rows.len())
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "values" => {
                Args::new(method, args).finish()?;
                Ok(pyvalue::list((0..self.0.rows.len()).map(|at| row_value(&self.0, at)).collect()))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

#[derive(Debug)]
struct RowObject {
    table: Arc<Table>,
    at: usize,
}

fn row_value(table: &Arc<Table>, at: usize) -> Value {
    Value::from_object(RowObject { table: table.clone(), at })
}

impl RowObject {
    fn cells(&self) -> &[Cell] {
        &self.table.rows[self.at]
    }
}

impl Object for RowObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let at = match key.as_str() {
            Some(name) => column_index(&self.table, name)?,
            None => position(key, self.cells().len())?,
        };
        self.cells().get(at).map(cell_value)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_enumerator(|row| Box::new(row.cells().iter().map(cell_value)))
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.cells().len())
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let names = self.table.columns.iter().map(|column| Value::from(column.name.as_str())).collect();
        mapping_method(method, args, names, |key| self.get_value(key), self.cells().iter().map(cell_value).collect())
    }
}

/// What agate's MappedSequence offers: `keys`, `values`, `items`, `dict`, `get`.
fn mapping_method(
    method: &str,
    args: &[Value],
    names: Vec<Value>,
    get: impl Fn(&Value) -> Option<Value>,
    values: Vec<Value>,
) -> Result<Value, Error> {
    let mut a = Args::new(method, args);
    let value = match method {
        "keys" => pyvalue::list(names),
        "values" => pyvalue::list(values),
        "items" => {
            let pairs = names.into_iter().zip(values).map(|(name, value)| pyvalue::tuple(vec![name, value]));
            pyvalue::list(pairs.collect())
        }
        "dict" => pyvalue::dict(names.into_iter().zip(values)),
        "get" => {
            let key = a.take("key")?;
            let default = a.optional("default")?.unwrap_or(Value::from(()));
            get(&key).unwrap_or(default)
        }
        _ => return Err(Error::from(ErrorKind::UnknownMethod)),
    };
    a.finish()?;
    Ok(value)
}

fn column_index(table: &Table, name: &str) -> Option<usize> {
    let exact = table.columns.iter().position(|column| column.name == name);
    // MySQL 8+ answers catalog queries in upper case, whatever was written.
    exact.or_else(|| table.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name)))
}

fn no_column(name: &str) -> Error {
    bad_argument(format!("the result has no column `{name}`"))
}

/// A Python index: negative ones count from the end.
fn position(key: &Value, len: usize) -> Option<usize> {
    let at = key.as_i64()?;
    if at < 0 { len.checked_sub(at.unsigned_abs() as usize) } else { usize::try_from(at).ok() }
}

/// The Jinja value of a cell. Decimals become numbers where that loses nothing, as macros compute with them.
pub fn cell_value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::from(()),
        Cell::Bool(flag) => Value::from(*flag),
        Cell::Int(number) => Value::from(*number),
        Cell::UInt(number) => Value::from(*number),
        Cell::Float(number) => Value::from(*number),
        Cell::Decimal(text) => decimal_value(text),
        Cell::Text(text) | Cell::Date(text) | Cell::Datetime(text) | Cell::Time(text) => Value::from(text.as_str()),
        Cell::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Value::from(text),
            Err(_) => Value::from_bytes(bytes.clone()),
        },
    }
}

fn decimal_value(text: &str) -> Value {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    match text.split_once('.') {
        None => text.parse::<i128>().map_or_else(|_| Value::from(text), Value::from),
        // 15 digits survive the way through a double.
        Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') && digits > 15 => {
            whole.parse::<i128>().map_or_else(|_| Value::from(text), Value::from)
        }
        Some(_) if digits <= 15 => text.parse::<f64>().map_or_else(|_| Value::from(text), Value::from),
        Some(_) => Value::from(text),
    }
}

/// A Jinja value as a cell: what `adapter.literal` and fixtures take.
pub fn value_cell(value: &Value) -> Cell {
    use crate::jinja::value::ValueKind;
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Cell::Null,
        ValueKind::Bool => Cell::Bool(value.is_true()),
        ValueKind::Number => match value.as_i64() {
            Some(number) if value.is_integer() => Cell::Int(number),
            _ if value.is_integer() => Cell::Decimal(value.to_string()),
            _ => f64::try_from(value.clone()).map_or_else(|_| Cell::Text(value.to_string()), Cell::Float),
        },
        _ => Cell::Text(pyvalue::py_str(value)),
    }
}

fn type_name(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Null => "Null",
        ColumnType::Bool => "Boolean",
        ColumnType::Int | ColumnType::UInt => "Integer",
        ColumnType::Float | ColumnType::Decimal(..) => "Number",
        ColumnType::Text | ColumnType::Bytes => "Text",
        ColumnType::Date => "Date",
        ColumnType::Datetime => "DateTime",
        ColumnType::Time => "Time",
    }
}

fn rows_json(table: &Table) -> serde_json::Value {
    let rows = table.rows.iter().map(|row| {
        let pairs = table.columns.iter().zip(row).map(|(column, cell)| {
            let value = pyvalue::to_json(&cell_value(cell)).unwrap_or(serde_json::Value::Null);
            (column.name.clone(), value)
        });
        serde_json::Value::Object(pairs.collect())
    });
    serde_json::Value::Array(rows.collect())
}

/// Rows in aligned columns, `| a | b |`.
pub fn text_table(table: &Table) -> String {
    let texts: Vec<Vec<String>> =
        table.rows.iter().map(|row| row.iter().map(|cell| pyvalue::py_str(&cell_value(cell))).collect()).collect();
    let header: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
    let width = |at: usize| {
        let rows = texts.iter().map(|row| row[at].chars().count());
        rows.chain([header[at].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("| {} |\n", padded.collect::<Vec<_>>().join(" | "))
    };
    let rule = widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join(" | ");
    let mut out = line(&header);
    out.push_str(&format!("| {rule} |\n"));
    for row in &texts {
        out.push_str(&line(row));
    }
    out
}
