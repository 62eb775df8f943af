//! `modules`: Python's `datetime`, `pytz`, `re` and `itertools`.

use std::sync::Arc;

use crate::diag::{Code, Diagnostic};
use crate::jinja::value::{Object, ObjectRepr};
use crate::jinja::{self, Engine, Error, State, Value, pyvalue};

const NAMES: [&str; 4] = ["datetime", "pytz", "re", "itertools"];

pub(super) fn modules(engine: &Engine) -> Value {
    let module = |name: &'static str| {
        let found = engine.modules().and_then(|modules| modules.module(name));
        (Value::from(name), found.unwrap_or_else(|| Value::from_object(Missing(name))))
    };
    pyvalue::dict(NAMES.map(module))
}

/// A module that is not there: an error as soon as it is used.
#[derive(Debug)]
struct Missing(&'static str);

impl Object for Missing {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(Value::from_dyn_object(self.clone()))
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        Err(jinja::raise(Diagnostic::error(
            Code::NotSupported,
            format!("`modules.{}` needs Python, and this process has none", self.0),
        )))
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, _: &str, args: &[Value]) -> Result<Value, Error> {
        self.call(state, args)
    }
}
