//! What renders have looked at that may be different the next time: whoever keeps the outcome of a render has to know.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, State, Value};

use super::pyvalue::py_str;

/// The name under which a layer of names holds its observer. No identifier can be spelled so.
const OBSERVER: &str = "\0observer";

/// Names of a shared layer whose value is the same in every invocation of a project, or that observe what they are
/// asked themselves. All others are observed as soon as they are looked up.
const STEADY: &[&str] = &[
    "adapter",
    "api",
    "column",
    "compiled_code",
    "dbt_version",
    "defer_relation",
    "diff_of_two_dicts",
    "doc",
    "env_var",
    "exceptions",
    "execute",
    "fromjson",
    "fromyaml",
    "function",
    "graph",
    "load_agate_table",
    "load_result",
    "local_md5",
    "log",
    "metric",
    "otel_span_id",
    "otel_trace_id",
    "post_hooks",
    "pre_hooks",
    "print",
    "render",
    "selected_resources",
    "set",
    "set_strict",
    "sql",
    "store_raw_result",
    "store_result",
    "submit_python_job",
    "thread_id",
    "tojson",
    "toyaml",
    "try_or_compiler_error",
    "var",
    "write",
    "zip",
    "zip_strict",
];

/// A name that was looked up, with the arguments that it was called with: `env_var` of `HOME`; of `macro` it is the
/// `unique_id` of a macro that ran.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Observation {
    pub name: String,
    pub arguments: Vec<String>,
}

/// Who looked: `unique_id`s of nodes; none is a text that belongs to no node.
type Observers = HashSet<Option<Arc<str>>>;

/// Gathers observations of many renders.
#[derive(Debug, Default)]
pub struct Observer {
    seen: Mutex<HashMap<Observation, Observers>>,
}

impl Observer {
    /// The entry that makes a layer of names observed.
    pub fn entry(self: &Arc<Self>) -> (&'static str, Value) {
        (OBSERVER, Value::from_object(Handle(self.clone())))
    }

    /// Whether a name has to be observed when it is looked up.
    pub fn concerns(name: &str) -> bool {
        STEADY.binary_search(&name).is_err()
    }

    pub fn observe(&self, node: Option<Arc<str>>, name: &str, arguments: &[&str]) {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let observation = Observation { name: name.to_owned(), arguments };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).entry(observation).or_default().insert(node);
    }

    /// Everything so far, in a settled order.
    pub fn seen(&self) -> Vec<(Observation, Vec<Option<Arc<str>>>)> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = seen
            .iter()
            .map(|(observation, observers)| {
                let mut observers: Vec<_> = observers.iter().cloned().collect();
                observers.sort();
                (observation.clone(), observers)
            })
            .collect();
        all.sort();
        all
    }
}

/// A mapping of which each key that is looked up is observed, as the argument of `name`; an empty one means all.
pub fn watched(name: &'static str, mapping: Value, observer: &Arc<Observer>) -> Value {
    Value::from_object(Watched { name, mapping, observer: observer.clone() })
}

struct Watched {
    name: &'static str,
    mapping: Value,
    observer: Arc<Observer>,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.observer.observe(None, self.name, &[""]);
        f.write_str(&py_str(&self.mapping))
    }
}

impl Object for Watched {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.observer.observe(None, self.name, &[key.as_str().unwrap_or_default()]);
        self.mapping.as_object()?.get_value(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.observer.observe(None, self.name, &[""]);
        self.mapping.try_iter().map_or(Enumerator::Empty, |keys| Enumerator::Values(keys.collect()))
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let key = args.first().and_then(Value::as_str).filter(|_| method == "get");
        self.observer.observe(None, self.name, &[key.unwrap_or_default()]);
        self.mapping.call_method(state, method, args)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[derive(Debug)]
struct Handle(Arc<Observer>);

impl Object for Handle {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// The observer of a layer of names.
pub fn observer(names: &HashMap<&'static str, Value>) -> Option<Arc<Observer>> {
    let handle = names.get(OBSERVER)?.downcast_object::<Handle>()?;
    Some(handle.0.clone())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_steady_names_are_sorted() {
        assert!(super::STEADY.is_sorted());
    }
}
