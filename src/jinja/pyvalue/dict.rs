//! Mutable dicts. Copies of the value alias, as in Python.

use std::fmt;
use std::sync::{Arc, Mutex};

use indexmap::IndexMap;
use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use super::super::args::Args;
use super::super::error::fail;
use super::super::ops;
use super::{dict, list, lock, none, py_repr, text, tuple, type_name};

pub(in super::super) type Entries = IndexMap<Value, Value>;

#[derive(Default)]
pub(in super::super) struct Dict(pub(super) Mutex<Entries>);

impl Dict {
    pub fn new(entries: Entries) -> Self {
        Self(Mutex::new(entries))
    }

    pub fn entries(&self) -> Entries {
        lock(&self.0).clone()
    }
}

impl fmt::Debug for Dict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write_entries(f, self.entries(), 0)
    }
}

/// The entries of a mapping, or of a sequence of pairs.
pub(in super::super) fn entries_of(value: &Value) -> Result<Vec<(Value, Value)>, Error> {
    if value.kind() == ValueKind::Map {
        return value.try_iter()?.map(|key| value.get_item(&key).map(|entry| (key, entry))).collect();
    }
    ops::items(value)?
        .iter()
        .map(|pair| match ops::items(pair)?.as_slice() {
            [key, entry] => Ok((key.clone(), entry.clone())),
            other => Err(fail(format!("a dict needs pairs, not sequences of {}", other.len()))),
        })
        .collect()
}

/// The methods that do not change a mapping; they work for every mapping, frozen ones too.
pub(in super::super) fn read(value: &Value, method: &str, args: &[Value]) -> Option<Result<Value, Error>> {
    Some(match (method, args) {
        ("get", [key] | [key, _]) => {
            let found = value.as_object().and_then(|object| object.get_value(key));
            Ok(found.unwrap_or_else(|| args.get(1).cloned().unwrap_or_else(none)))
        }
        ("get", _) => get_by_name(value, args),
        ("keys", []) => ops::items(value).map(list),
        ("values", []) => entries_of(value).map(|entries| list(entries.into_iter().map(|(_, entry)| entry).collect())),
        ("items", []) => entries_of(value)
            .map(|entries| list(entries.into_iter().map(|(key, entry)| tuple(vec![key, entry])).collect())),
        ("copy", []) => entries_of(value).map(dict),
        _ => return None,
    })
}

fn get_by_name(value: &Value, args: &[Value]) -> Result<Value, Error> {
    let mut args = Args::new("get", args);
    let (key, default) = (args.take("key")?, args.or("default", ())?);
    args.finish()?;
    Ok(value.as_object().and_then(|object| object.get_value(&key)).unwrap_or(default))
}

impl Object for Dict {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        lock(&self.0).get(key).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(lock(&self.0).keys().cloned().collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(lock(&self.0).len())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match (method, args) {
            ("update", _) => {
                let mut args = Args::new("update", args);
                let positional = args.rest();
                let mut new = match positional.as_slice() {
                    [] => Vec::new(),
                    [other] => entries_of(other)?,
                    _ => return Err(fail(format!("update() takes one mapping, not {}", positional.len()))),
                };
                new.extend(args.keywords().into_iter().map(|(name, value)| (Value::from(name), value)));
                lock(&self.0).extend(new);
            }
            ("setdefault", [key] | [key, _]) => {
                let default = || args.get(1).cloned().unwrap_or_else(none);
                return Ok(lock(&self.0).entry(key.clone()).or_insert_with(default).clone());
            }
            ("pop", [key] | [key, _]) => {
                let removed = lock(&self.0).shift_remove(key).or_else(|| args.get(1).cloned());
                return removed.ok_or_else(|| fail(format!("pop(): key {} is not in the dict", py_repr(key))));
            }
            ("popitem", []) => {
                let last = lock(&self.0).pop().ok_or_else(|| fail("popitem(): the dict is empty"))?;
                return Ok(tuple(vec![last.0, last.1]));
            }
            ("clear", []) => lock(&self.0).clear(),
            ("__setitem__", [key, value]) => {
                lock(&self.0).insert(key.clone(), value.clone());
            }
            ("setdefault" | "pop" | "popitem" | "clear", _) => {
                return Err(fail(format!("{method}() got {} arguments", args.len())));
            }
            _ => {
                let value = Value::from_dyn_object(self.clone());
                return read(&value, method, args).unwrap_or_else(|| Err(Error::from(ErrorKind::UnknownMethod)));
            }
        }
        Ok(none())
    }
}

/// The global `dict(..)`.
pub(in super::super) fn construct(args: &mut Args<'_>) -> Result<Value, Error> {
    let positional = args.rest();
    let mut entries = match positional.as_slice() {
        [] => Vec::new(),
        [other] if super::is_undefined(other) => Vec::new(),
        [other] => entries_of(other)?,
        [other, ..] => return Err(fail(format!("dict() takes one mapping, not several such as {}", type_name(other)))),
    };
    entries.extend(args.keywords().into_iter().map(|(name, value)| (Value::from(name), value)));
    Ok(dict(entries))
}
