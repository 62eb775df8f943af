//! `cycler` and `joiner`: functions that give something else each time.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::args::{Args, function};
use super::error::fail;

#[derive(Debug)]
struct Cycler {
    items: Vec<Value>,
    /// How often it was asked.
    turn: AtomicUsize,
}

/// `cycler(item, …)`
pub(super) fn cycler(_: &mut State<'_, '_>, args: &mut Args<'_>) -> Result<Value, Error> {
    let items = args.rest();
    args.finish()?;
    if items.is_empty() {
        return Err(fail("cycler() needs at least one item"));
    }
    Ok(Value::from_object(Cycler { items, turn: AtomicUsize::new(0) }))
}

impl Cycler {
    fn item(&self, turn: usize) -> Value {
        self.items[turn % self.items.len()].clone()
    }
}

impl Object for Cycler {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "current" => Some(self.item(self.turn.load(Ordering::Relaxed))),
            "items" => Some(super::pyvalue::tuple(self.items.clone())),
            "pos" => Some(Value::from(self.turn.load(Ordering::Relaxed) % self.items.len())),
            _ => None,
        }
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        Args::new(method, args).finish()?;
        match method {
            "next" => Ok(self.item(self.turn.fetch_add(1, Ordering::Relaxed))),
            "reset" => {
                self.turn.store(0, Ordering::Relaxed);
                Ok(Value::from(()))
            }
            _ => Err(ErrorKind::UnknownMethod.into()),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<cycler>")
    }
}

/// `joiner(sep)`: called, it gives nothing the first time and the separator from then on.
pub(super) fn joiner(_: &mut State<'_, '_>, args: &mut Args<'_>) -> Result<Value, Error> {
    let separator = args.or("sep", ", ")?;
    args.finish()?;
    let used = AtomicBool::new(false);
    Ok(function("joiner", move |_, args| {
        args.finish()?;
        Ok(if used.swap(true, Ordering::Relaxed) { separator.clone() } else { Value::from("") })
    }))
}
