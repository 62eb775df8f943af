//! What macros hold in their hands: relations, columns, tables of query results.

pub mod column;
pub mod relation;
pub mod table;

use serde_json::Value as Json;

use crate::jinja::{Error, ErrorKind, Value};

/// The text of an argument that must be one; None for `none` and undefined.
pub(crate) fn text(value: Option<Value>) -> Option<String> {
    value.filter(|value| !value.is_none() && !value.is_undefined()).map(|value| match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    })
}

/// A `none`, undefined or absent argument as None.
pub(crate) fn given(value: Option<Value>) -> Option<Value> {
    value.filter(|value| !value.is_none() && !value.is_undefined())
}

pub(crate) fn bad_argument(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// A JSON scalar's Python-like truth, for flags in configs.
pub(crate) fn truthy(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(flag) => *flag,
        Json::Number(number) => number.as_f64() != Some(0.0),
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Object(map) => !map.is_empty(),
    }
}
