//! Mutable lists. Copies of the value alias, as in Python.

use std::fmt;
use std::sync::{Arc, Mutex};

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::super::args::Args;
use super::super::error::fail;
use super::super::ops;
use super::{index, list, lock, none, py_repr, text};

#[derive(Default)]
pub(in super::super) struct List(pub(super) Mutex<Vec<Value>>);

impl List {
    pub fn new(items: Vec<Value>) -> Self {
        Self(Mutex::new(items))
    }

    pub fn items(&self) -> Vec<Value> {
        lock(&self.0).clone()
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write_items(f, &self.items(), ("[", "]"), 0)
    }
}

/// Where Python's `insert` puts a new item.
fn insertion(at: i64, len: usize) -> usize {
    let at = if at < 0 { at + len as i64 } else { at };
    usize::try_from(at).unwrap_or(0).min(len)
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let items = lock(&self.0);
        index(key, items.len()).and_then(|index| items.get(index).cloned())
    }

    fn get_value_by_str(self: &Arc<Self>, _key: &str) -> Option<Value> {
        None
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(lock(&self.0).len())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        // Values are compared only after the lock is gone: they may be this very list.
        match (method, args) {
            ("append", [item]) => lock(&self.0).push(item.clone()),
            ("extend", [items]) => {
                let items = ops::items(items)?;
                lock(&self.0).extend(items);
            }
            ("insert", [at, item]) => {
                let at = at.as_i64().ok_or_else(|| fail("insert() needs an integer position"))?;
                let mut items = lock(&self.0);
                let at = insertion(at, items.len());
                items.insert(at, item.clone());
            }
            ("pop", [] | [_]) => {
                let mut items = lock(&self.0);
                let last = items.len().checked_sub(1).ok_or_else(|| fail("pop from empty list"))?;
                let at = args.first().map_or(Some(last), |at| index(at, items.len()));
                return Ok(items.remove(at.ok_or_else(|| fail("pop index out of range"))?));
            }
            ("remove", [item]) => {
                let at = self.items().iter().position(|other| ops::equal(other, item));
                lock(&self.0).remove(at.ok_or_else(|| fail("list.remove(x): x not in list"))?);
            }
            ("index", [item]) => return position(&self.items(), item),
            ("count", [item]) => return Ok(count(&self.items(), item)),
            ("clear", []) => lock(&self.0).clear(),
            ("copy", []) => return Ok(list(self.items())),
            ("reverse", []) => lock(&self.0).reverse(),
            ("sort", _) => {
                let mut args = Args::new("sort", args);
                let key = args.optional("key")?.filter(|key| !key.is_none());
                let reverse = args.truth("reverse", false)?;
                args.finish()?;
                let sorted = ops::sorted(state, self.items(), key.as_ref(), reverse)?;
                *lock(&self.0) = sorted;
            }
            (
                "append" | "extend" | "remove" | "insert" | "index" | "count" | "pop" | "clear" | "copy" | "reverse",
                _,
            ) => {
                return Err(fail(format!("{method}() got {} arguments", args.len())));
            }
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        }
        Ok(none())
    }
}

/// `list.index(item)`
pub(in super::super) fn position(items: &[Value], item: &Value) -> Result<Value, Error> {
    let at = items.iter().position(|other| ops::equal(other, item));
    at.map(Value::from).ok_or_else(|| fail(format!("{} is not in list", py_repr(item))))
}

/// `list.count(item)`
pub(in super::super) fn count(items: &[Value], item: &Value) -> Value {
    Value::from(items.iter().filter(|other| ops::equal(other, item)).count())
}
