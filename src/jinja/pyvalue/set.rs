//! Mutable sets, in the order of insertion.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, Mutex};

use indexmap::IndexSet;
use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::super::error::fail;
use super::super::ops;
use super::{lock, none, py_repr, text};

pub(in super::super) type Members = IndexSet<Value>;

#[derive(Default)]
pub(in super::super) struct Set(pub(super) Mutex<Members>);

impl Set {
    pub fn members(&self) -> Members {
        lock(&self.0).clone()
    }
}

/// A new mutable set.
pub fn set(members: impl IntoIterator<Item = Value>) -> Value {
    Value::from_object(Set(Mutex::new(members.into_iter().collect())))
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members: Vec<Value> = self.members().into_iter().collect();
        if members.is_empty() { f.write_str("set()") } else { text::write_items(f, &members, ("{", "}"), 0) }
    }
}

impl Object for Set {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.members().into_iter().collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(lock(&self.0).len())
    }

    fn is_true(self: &Arc<Self>) -> bool {
        !lock(&self.0).is_empty()
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let (mine, theirs) = (self.members(), other.downcast_ref::<Set>()?.members());
        match (mine.is_subset(&theirs), theirs.is_subset(&mine)) {
            (true, true) => Some(Ordering::Equal),
            (true, false) => Some(Ordering::Less),
            (false, true) => Some(Ordering::Greater),
            (false, false) => mine.len().cmp(&theirs.len()).then(Ordering::Less).into(),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match (method, args) {
            ("add", [item]) => {
                lock(&self.0).insert(item.clone());
            }
            ("discard", [item]) => {
                lock(&self.0).shift_remove(item);
            }
            ("remove", [item]) => {
                if !lock(&self.0).shift_remove(item) {
                    return Err(fail(format!("remove(): {} is not in the set", py_repr(item))));
                }
            }
            ("pop", []) => {
                return lock(&self.0).shift_remove_index(0).ok_or_else(|| fail("pop from an empty set"));
            }
            ("clear", []) => lock(&self.0).clear(),
            ("copy", []) => return Ok(set(self.members())),
            ("update", others) => {
                for other in others {
                    let items = ops::items(other)?;
                    lock(&self.0).extend(items);
                }
            }
            ("union" | "intersection" | "difference" | "symmetric_difference", others) => {
                let mut members = self.members();
                for other in others {
                    members = combine(method, &members, &ops::items(other)?.into_iter().collect());
                }
                return Ok(set(members));
            }
            ("issubset" | "issuperset" | "isdisjoint", [other]) => {
                let (mine, theirs): (Members, Members) = (self.members(), ops::items(other)?.into_iter().collect());
                return Ok(Value::from(match method {
                    "issubset" => mine.is_subset(&theirs),
                    "issuperset" => mine.is_superset(&theirs),
                    _ => mine.is_disjoint(&theirs),
                }));
            }
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        }
        Ok(none())
    }
}

fn combine(method: &str, mine: &Members, theirs: &Members) -> Members {
    match method {
        "union" => mine.union(theirs).cloned().collect(),
        "intersection" => mine.intersection(theirs).cloned().collect(),
        "difference" => mine.difference(theirs).cloned().collect(),
        _ => mine.symmetric_difference(theirs).cloned().collect(),
    }
}
