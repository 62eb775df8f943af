//! JSON in and out.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Error, Value};
use serde_json::{Map, Number, Value as Json};

use super::super::error::fail;
use super::{Decimal, dict, list, none, py_str, type_name};

/// A mutable copy of a JSON value.
pub fn from_json(json: &Json) -> Value {
    match json {
        Json::Array(items) => list(items.iter().map(from_json).collect()),
        Json::Object(entries) => dict(entries.iter().map(|(key, value)| (Value::from(key.as_str()), from_json(value)))),
        scalar => scalar_from_json(scalar),
    }
}

fn scalar_from_json(json: &Json) -> Value {
    match json {
        Json::Bool(value) => Value::from(*value),
        Json::String(text) => Value::from(text.as_str()),
        Json::Number(number) => number_from_json(number),
        _ => none(),
    }
}

fn number_from_json(number: &Number) -> Value {
    let whole = number.as_i64().map(Value::from).or_else(|| number.as_u64().map(Value::from));
    whole.or_else(|| number.as_f64().map(Value::from)).unwrap_or_else(none)
}

/// # Errors
/// The value holds something that JSON cannot express, for example a relation or a macro.
pub fn to_json(value: &Value) -> Result<Json, Error> {
    nested_to_json(value, 0)
}

/// Deeper nesting is taken for a list that holds itself.
const MAX_DEPTH: usize = 200;

fn check_depth(depth: usize) -> Result<(), Error> {
    if depth > MAX_DEPTH { Err(fail("the value is nested too deeply, or holds itself")) } else { Ok(()) }
}

fn nested_to_json(value: &Value, depth: usize) -> Result<Json, Error> {
    check_depth(depth)?;
    Ok(match value.kind() {
        ValueKind::None | ValueKind::Undefined => Json::Null,
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::Number => number_to_json(value)?,
        ValueKind::String => Json::String(value.as_str().unwrap_or_default().to_owned()),
        ValueKind::Map => {
            let mut entries = Map::new();
            for key in value.try_iter()? {
                let entry = value.get_item(&key)?;
                entries.insert(key_text(&key)?, nested_to_json(&entry, depth + 1)?);
            }
            Json::Object(entries)
        }
        ValueKind::Seq | ValueKind::Iterable => {
            Json::Array(value.try_iter()?.map(|item| nested_to_json(&item, depth + 1)).collect::<Result<_, _>>()?)
        }
        _ => match value.downcast_object_ref::<Decimal>() {
            Some(number) => Number::from_f64(number.to_f64()).map_or(Json::Null, Json::Number),
            None => return Err(not_serializable(value)),
        },
    })
}

fn number_to_json(value: &Value) -> Result<Json, Error> {
    if value.is_integer() {
        let number = value.as_i64().map(Number::from);
        return match number.or_else(|| u64::try_from(value.clone()).ok().map(Number::from)) {
            Some(number) => Ok(Json::Number(number)),
            None => Ok(Number::from_f64(f64::try_from(value.clone())?).map_or(Json::Null, Json::Number)),
        };
    }
    Ok(Number::from_f64(f64::try_from(value.clone())?).map_or(Json::Null, Json::Number))
}

/// JSON's keys are strings; Python writes other scalars as their JSON text.
fn key_text(key: &Value) -> Result<String, Error> {
    Ok(match key.kind() {
        ValueKind::String | ValueKind::Number => py_str(key),
        ValueKind::Bool => if key.is_true() { "true" } else { "false" }.to_owned(),
        ValueKind::None => "null".to_owned(),
        _ => return Err(fail(format!("keys must be str, int, float, bool or None, not {}", type_name(key)))),
    })
}

fn not_serializable(value: &Value) -> Error {
    fail(format!("object of type {} is not JSON serializable", type_name(value)))
}

/// Python's `json.dumps(value)`: `, ` and `: ` between the parts, and only ASCII.
///
/// # Errors
/// The value holds something that JSON cannot express.
pub fn dumps(value: &Value, sort_keys: bool) -> Result<String, Error> {
    let mut writer = Writer { out: String::new(), sort_keys, indent: None };
    writer.write(value, 0)?;
    Ok(writer.out)
}

/// Python's `json.dumps(value, indent=indent)`.
///
/// # Errors
/// The value holds something that JSON cannot express.
pub fn dumps_indented(value: &Value, sort_keys: bool, indent: usize) -> Result<String, Error> {
    let mut writer = Writer { out: String::new(), sort_keys, indent: Some(indent.min(16)) };
    writer.write(value, 0)?;
    Ok(writer.out)
}

struct Writer {
    out: String,
    sort_keys: bool,
    indent: Option<usize>,
}

impl Writer {
    fn write(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        check_depth(depth)?;
        match value.kind() {
            ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self.out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.out.push_str(&number_text(value)),
            ValueKind::String => write_string(&mut self.out, value.as_str().unwrap_or_default()),
            ValueKind::Map => self.write_object(value, depth)?,
            ValueKind::Seq => self.write_array(value, depth)?,
            _ => match value.downcast_object_ref::<Decimal>() {
                Some(number) => self.out.push_str(&number.to_string()),
                None => return Err(not_serializable(value)),
            },
        }
        Ok(())
    }

    fn write_object(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        let mut entries: Vec<(String, Value)> = Vec::new();
        for key in value.try_iter()? {
            entries.push((key_text(&key)?, value.get_item(&key)?));
        }
        if self.sort_keys {
            entries.sort_by(|a, b| a.0.cmp(&b.0));
        }
        self.out.push('{');
        for (index, (key, entry)) in entries.iter().enumerate() {
            self.separate(index, depth);
            write_string(&mut self.out, key);
            self.out.push_str(": ");
            self.write(entry, depth + 1)?;
        }
        self.close(entries.is_empty(), depth, '}');
        Ok(())
    }

    fn write_array(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        self.out.push('[');
        let mut is_empty = true;
        for (index, item) in value.try_iter()?.enumerate() {
            is_empty = false;
            self.separate(index, depth);
            self.write(&item, depth + 1)?;
        }
        self.close(is_empty, depth, ']');
        Ok(())
    }

    fn separate(&mut self, index: usize, depth: usize) {
        if index > 0 {
            self.out.push_str(if self.indent.is_some() { "," } else { ", " });
        }
        self.line_break(depth + 1);
    }

    fn close(&mut self, is_empty: bool, depth: usize, bracket: char) {
        if !is_empty {
            self.line_break(depth);
        }
        self.out.push(bracket);
    }

    fn line_break(&mut self, depth: usize) {
        if let Some(indent) = self.indent {
            self.out.push('\n');
            self.out.push_str(&" ".repeat(indent * depth));
        }
    }
}

fn number_text(value: &Value) -> String {
    match py_str(value).as_str() {
        "nan" => "NaN".to_owned(),
        "inf" => "Infinity".to_owned(),
        "-inf" => "-Infinity".to_owned(),
        text => text.to_owned(),
    }
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(char),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
}

/// A JSON value that templates can read but not change. Nothing is copied but the scalars they reach.
pub fn frozen(json: Arc<Json>) -> Value {
    freeze(&json, &[], &json)
}

#[derive(Clone)]
enum Step {
    Key(Arc<str>),
    Index(usize),
}

/// A part of a shared JSON value, named by the way from its root.
struct Frozen {
    root: Arc<Json>,
    path: Box<[Step]>,
}

fn freeze(root: &Arc<Json>, path: &[Step], part: &Json) -> Value {
    match part {
        Json::Array(_) | Json::Object(_) => Value::from_object(Frozen { root: root.clone(), path: path.into() }),
        scalar => scalar_from_json(scalar),
    }
}

impl Frozen {
    fn json(&self) -> &Json {
        self.path.iter().fold(&*self.root, |part, step| match step {
            Step::Key(key) => part.get(&**key).unwrap_or(&Json::Null),
            Step::Index(index) => part.get(*index).unwrap_or(&Json::Null),
        })
    }

    fn child(&self, step: Step, part: &Json) -> Value {
        match part {
            Json::Array(_) | Json::Object(_) => {
                let path: Vec<Step> = self.path.iter().cloned().chain(std::iter::once(step)).collect();
                freeze(&self.root, &path, part)
            }
            scalar => scalar_from_json(scalar),
        }
    }
}

impl fmt::Debug for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::py_str(&from_json(self.json())))
    }
}

impl Object for Frozen {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if self.json().is_array() { ObjectRepr::Seq } else { ObjectRepr::Map }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match self.json() {
            Json::Object(entries) => {
                let key = key.as_str()?;
                entries.get(key).map(|part| self.child(Step::Key(key.into()), part))
            }
            Json::Array(items) => {
                let index = super::index(key, items.len())?;
                items.get(index).map(|part| self.child(Step::Index(index), part))
            }
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.json() {
            Json::Object(entries) => Enumerator::Values(entries.keys().map(|key| Value::from(key.as_str())).collect()),
            Json::Array(items) => Enumerator::Seq(items.len()),
            _ => Enumerator::Empty,
        }
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        match self.json() {
            Json::Object(entries) => Some(entries.len()),
            Json::Array(items) => Some(items.len()),
            _ => Some(0),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
