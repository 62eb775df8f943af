//! JSON in and out.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Error, Value};
use serde_json::{Map, Number, Value as Json};

use super::super::error::fail;
use super::{dict, list, none, py_str, type_name};

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
    Ok(match value.kind() {
        ValueKind::None | ValueKind::Undefined => Json::Null,
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::Number => number_to_json(value)?,
        ValueKind::String => Json::String(value.as_str().unwrap_or_default().to_owned()),
        ValueKind::Map => {
            let mut entries = Map::new();
            for key in value.try_iter()? {
                let entry = value.get_item(&key)?;
                entries.insert(key_text(&key)?, to_json(&entry)?);
            }
            Json::Object(entries)
        }
        ValueKind::Seq | ValueKind::Iterable => {
            Json::Array(value.try_iter()?.map(|item| to_json(&item)).collect::<Result<_, _>>()?)
        }
        _ => return Err(not_serializable(value)),
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
    let mut out = String::new();
    write_json(&mut out, value, sort_keys)?;
    Ok(out)
}

fn write_json(out: &mut String, value: &Value, sort_keys: bool) -> Result<(), Error> {
    match value.kind() {
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => out.push_str(&number_text(value)),
        ValueKind::String => write_string(out, value.as_str().unwrap_or_default()),
        ValueKind::Map => {
            let mut keys: Vec<(String, Value)> = Vec::new();
            for key in value.try_iter()? {
                keys.push((key_text(&key)?, value.get_item(&key)?));
            }
            if sort_keys {
                keys.sort_by(|a, b| a.0.cmp(&b.0));
            }
            out.push('{');
            for (index, (key, entry)) in keys.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_string(out, key);
                out.push_str(": ");
                write_json(out, entry, sort_keys)?;
            }
            out.push('}');
        }
        ValueKind::Seq => {
            out.push('[');
            for (index, item) in value.try_iter()?.enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_json(out, &item, sort_keys)?;
            }
            out.push(']');
        }
        _ => return Err(not_serializable(value)),
    }
    Ok(())
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
