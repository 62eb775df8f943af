//! Python's values: what templates make and change. Copies of lists, dicts and sets alias.

mod decimal;
pub(super) mod dict;
pub(super) mod format;
mod json;
pub(super) mod list;
pub(super) mod range;
mod set;
pub(super) mod text;

use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use minijinja::value::{Enumerator, Object, ObjectRepr, Tuple, ValueKind};
use minijinja::{Error, State, Value};

pub(super) use decimal::Decimal;
pub use decimal::decimal;
pub use json::{dumps, dumps_indented, from_json, frozen, to_json};
pub(super) use set::Set;
pub use set::set;
pub use text::{py_repr, py_str};

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A new mutable list.
pub fn list(items: Vec<Value>) -> Value {
    Value::from_object(list::List::new(items))
}

/// A new mutable dict.
pub fn dict(entries: impl IntoIterator<Item = (Value, Value)>) -> Value {
    Value::from_object(dict::Dict::new(entries.into_iter().collect()))
}

pub fn tuple(items: Vec<Value>) -> Value {
    Value::from(Tuple::from(items))
}

/// Python's `None`.
pub fn none() -> Value {
    Value::from(())
}

/// The position that a Python index means in a sequence of this length; negative ones count from the end.
pub(super) fn index(index: &Value, len: usize) -> Option<usize> {
    let index = index.as_i64()?;
    let index = if index < 0 { index + len as i64 } else { index };
    usize::try_from(index).ok().filter(|index| *index < len)
}

/// Whether a value is undefined, be it while parsing or executing.
pub fn is_undefined(value: &Value) -> bool {
    value.is_undefined() || value.downcast_object_ref::<ParseUndefined>().is_some()
}

/// The name of the value's Python type.
pub fn type_name(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "Undefined",
        ValueKind::None => "NoneType",
        ValueKind::Bool => "bool",
        ValueKind::Number if value.is_integer() => "int",
        ValueKind::Number => "float",
        ValueKind::String => "str",
        ValueKind::Bytes => "bytes",
        ValueKind::Seq if value.is_tuple() => "tuple",
        ValueKind::Seq => "list",
        ValueKind::Map => "dict",
        _ => match value.as_object() {
            Some(object) if object.is::<Set>() => "set",
            Some(object) if object.is::<Decimal>() => "Decimal",
            Some(object) if object.is::<ParseUndefined>() => "Undefined",
            _ => "object",
        },
    }
}

/// The undefined value of parse mode.
pub fn parse_undefined() -> Value {
    static VALUE: LazyLock<Value> = LazyLock::new(|| Value::from_object(ParseUndefined));
    VALUE.clone()
}

/// Chainable and callable; prints as nothing.
#[derive(Debug)]
struct ParseUndefined;

impl Object for ParseUndefined {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, _key: &Value) -> Option<Value> {
        Some(parse_undefined())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Empty
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, _args: &[Value]) -> Result<Value, Error> {
        Ok(parse_undefined())
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        _method: &str,
        _args: &[Value],
    ) -> Result<Value, Error> {
        Ok(parse_undefined())
    }

    fn render(self: &Arc<Self>, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
