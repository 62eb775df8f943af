//! Jinja while parsing: the same names as at run time, but `ref`, `source` and `config` only record, and nothing
//! reaches a database.

mod adapter;
mod relation;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Map;

pub use adapter::{adapter, api};
pub use relation::relation;

use super::{Node, RefCall, UniqueId, merge};
use crate::adapter::Relation;
use crate::jinja::value::{Enumerator, Object, ObjectRepr};
use crate::jinja::{Args, Context, Error, Mode, Namespace, Observer, State, Value, fail, function, observer, pyvalue};
use crate::project::{Project, context};

/// What one node's render called.
#[derive(Debug, Default)]
pub struct Recorder {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
pub struct Seen {
    pub refs: Vec<RefCall>,
    pub sources: Vec<(String, String)>,
    /// A name, or a package and a name, each.
    pub metrics: Vec<Vec<String>>,
    pub functions: Vec<Vec<String>>,
    /// All `config(...)` calls, merged.
    pub config: Map<String, serde_json::Value>,
}

impl Recorder {
    /// What was seen so far; the recorder starts anew.
    pub fn take(&self) -> Seen {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with(&self, record: impl FnOnce(&mut Seen)) {
        record(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The names of one node's render.
pub fn node_context(
    node: &Arc<Node>,
    this: Relation,
    recorder: &Arc<Recorder>,
    namespace: Arc<Namespace>,
    base: Arc<HashMap<&'static str, Value>>,
) -> Context {
    let this = relation(this);
    let reference = reference(recorder.clone(), this.clone());
    let source = source(recorder.clone(), this.clone());
    let config = Value::from_object(ConfigCall { recorder: recorder.clone() });
    let own = [("ref", reference.clone()), ("source", source.clone()), ("config", config.clone())];
    let observed = observer(&base).map(|observer| (observer, node.unique_id.clone()));
    let builtins = Value::from_object(Builtins { own, base: base.get("builtins").cloned(), observed });
    Context::new(namespace, Mode::Parse)
        .base(base)
        .with_context()
        .set("ref", reference)
        .set("source", source)
        .set("config", config)
        .set("metric", metric(recorder.clone()))
        .set("function", called_function(recorder.clone(), this.clone()))
        .set("builtins", builtins)
        .set("this", this)
        .set("model", Value::from_object(Model { node: node.clone(), json: OnceLock::new() }))
}

/// `ref(name)`, `ref(package, name)`, with `v=` or `version=`. Gives the node's own relation, as dbt does.
fn reference(recorder: Arc<Recorder>, this: Value) -> Value {
    function("ref", move |_, args| {
        let call = ref_call(args)?;
        recorder.with(|seen| seen.refs.push(call));
        Ok(this.clone())
    })
}

/// Reads the arguments of a `ref`.
///
/// # Errors
/// They are not what `ref` takes.
pub fn ref_call(args: &mut Args<'_>) -> Result<RefCall, Error> {
    let keywords = args.keywords();
    let mut version = None;
    for (name, value) in keywords {
        match name.as_str() {
            "v" | "version" if value.is_none() || pyvalue::is_undefined(&value) => {}
            "v" | "version" => version = Some(pyvalue::to_json(&value)?),
            _ => return Err(fail(format!("ref() got an unexpected keyword argument '{name}'"))),
        }
    }
    let names = args.rest();
    let text = |value: &Value, what: &str| match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(fail(format!("the {what} given to ref() must be a string, not {}", pyvalue::type_name(value)))),
    };
    match names.as_slice() {
        [name] => Ok(RefCall { name: text(name, "name")?, package: None, version }),
        [package, name] => Ok(RefCall { name: text(name, "name")?, package: Some(text(package, "package")?), version }),
        _ => Err(fail(format!("ref() takes a name, or a package and a name; it got {} arguments", names.len()))),
    }
}

/// `source(source_name, table_name)`.
fn source(recorder: Arc<Recorder>, this: Value) -> Value {
    function("source", move |_, args| {
        let (name, table) = (args.string("source_name")?, args.string("table_name")?);
        args.finish()?;
        recorder.with(|seen| seen.sources.push((name, table)));
        Ok(this.clone())
    })
}

/// `function(name)` and `function(package, name)`: a function that is built before what calls it.
fn called_function(recorder: Arc<Recorder>, this: Value) -> Value {
    function("function", move |_, args| {
        let call = function_call(args)?;
        recorder.with(|seen| seen.functions.push(call));
        Ok(this.clone())
    })
}

/// Reads the arguments of a `function`: a name, or a package and a name.
///
/// # Errors
/// They are not what `function` takes.
pub fn function_call(args: &mut Args<'_>) -> Result<Vec<String>, Error> {
    let names = args.rest().iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
    match names {
        Some(names) if matches!(names.len(), 1 | 2) => Ok(names),
        _ => Err(fail("function() takes a name, or a package and a name, as strings")),
    }
}

/// `metric(name)` and `metric(package, name)` say what a node depends on; there is nothing to render.
fn metric(recorder: Arc<Recorder>) -> Value {
    function("metric", move |_, args| {
        let name = args.rest().iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
        let Some(name @ ([_] | [_, _])) = name.as_deref() else {
            return Err(fail("metric() takes a name, or a package and a name, as strings"));
        };
        recorder.with(|seen| seen.metrics.push(name.to_vec()));
        Ok(Value::from(""))
    })
}

/// `config(...)`: the call records, reading gives nothing yet.
#[derive(Debug)]
struct ConfigCall {
    recorder: Arc<Recorder>,
}

impl ConfigCall {
    fn record(&self, options: impl IntoIterator<Item = (String, Value)>) -> Result<Value, Error> {
        let mut values = Map::new();
        for (key, value) in options {
            if !pyvalue::is_undefined(&value) {
                values.insert(key, pyvalue::to_json(&value)?);
            }
        }
        self.recorder.with(|seen| merge::merge(&mut seen.config, &values));
        Ok(Value::from(""))
    }
}

impl Object for ConfigCall {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let mut args = Args::new("config", args);
        let mut options = args.keywords();
        match args.rest().as_slice() {
            [] => {}
            [one] if options.is_empty() => options = entries(one)?,
            _ => return Err(fail("config() takes keyword arguments, or one dictionary")),
        }
        self.record(options)
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "set" => {
                let mut args = Args::new("config.set", args);
                let (name, value) = (args.string("name")?, args.take("value")?);
                self.record([(name, value)])
            }
            "persist_relation_docs" | "persist_column_docs" => Ok(Value::from(false)),
            // dbt's parse-time `config.get` and its like give an empty text: the config is not known yet.
            _ => Ok(Value::from("")),
        }
    }

    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(pyvalue::parse_undefined())
    }

    fn render(self: &Arc<Self>, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

fn entries(value: &Value) -> Result<Vec<(String, Value)>, Error> {
    let mut entries = Vec::new();
    for key in value.try_iter()? {
        let item = value.get_item(&key)?;
        entries.push((pyvalue::py_str(&key), item));
    }
    Ok(entries)
}

/// `builtins`: what names mean where no macro replaces them.
#[derive(Debug)]
struct Builtins {
    own: [(&'static str, Value); 3],
    base: Option<Value>,
    observed: Option<(Arc<Observer>, UniqueId)>,
}

impl Object for Builtins {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let own = self.own.iter().find(|(own, _)| *own == name).map(|(_, value)| value.clone());
        own.or_else(|| {
            let value = self.base.as_ref()?.get_item(key).ok().filter(|value| !value.is_undefined())?;
            if let Some((observer, node)) = self.observed.as_ref().filter(|_| Observer::concerns(name)) {
                observer.observe(Some(node.clone()), "builtins", &[name]);
            }
            Some(value)
        })
    }
}

/// `model`: the node as a dictionary, made only if a template looks into it.
struct Model {
    node: Arc<Node>,
    json: OnceLock<Value>,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<model {}>", self.node.unique_id)
    }
}

impl Model {
    fn value(&self) -> &Value {
        self.json.get_or_init(|| node_value(&self.node))
    }
}

/// A node as the read-only dictionary that templates see.
pub fn node_value(node: &Node) -> Value {
    serde_json::to_value(node).map_or_else(|_| pyvalue::parse_undefined(), |json| pyvalue::frozen(Arc::new(json)))
}

impl Object for Model {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        // What `var` and observers ask for in every node, without making the dictionary.
        match key.as_str() {
            Some("package_name") => return Some(Value::from(&*self.node.package)),
            Some("unique_id") => return Some(Value::from(self.node.unique_id.clone())),
            _ => {}
        }
        self.value().get_item(key).ok().filter(|value| !value.is_undefined())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.value().try_iter() {
            Ok(keys) => Enumerator::Values(keys.collect()),
            Err(_) => Enumerator::Empty,
        }
    }
}

/// The names that are the same for all nodes while parsing, over `base`.
pub fn parse_names(
    base: HashMap<&'static str, Value>,
    project: &Project,
    adapter: Value,
    api: Value,
) -> HashMap<&'static str, Value> {
    let nothing = |name: &'static str| (name, function(name, |_, _| Ok(Value::from(""))));
    let none = |name: &'static str| (name, function(name, |_, _| Ok(pyvalue::none())));
    let undefined = |name: &'static str| (name, function(name, |_, _| Ok(pyvalue::parse_undefined())));
    let column = api.get_attr("Column").unwrap_or_default();
    let mut names = base;
    if let Some(target) = names.get("target").cloned() {
        names.insert("env", target);
    }
    names.extend([
        ("execute", Value::from(false)),
        ("project_name", Value::from(&*project.name)),
        ("dbt_metadata_envs", context::metadata_envs(project)),
        ("adapter", adapter),
        ("api", api),
        ("column", column),
        ("invocation_args_dict", pyvalue::frozen(Arc::new(project.invocation.arguments.clone().into()))),
        ("graph", empty_graph()),
        ("sql", Value::from("")),
        ("compiled_code", Value::from("")),
        ("pre_hooks", pyvalue::list(Vec::new())),
        ("post_hooks", pyvalue::list(Vec::new())),
        ("selected_resources", pyvalue::list(Vec::new())),
        ("defer_relation", pyvalue::none()),
        nothing("store_result"),
        nothing("store_raw_result"),
        nothing("write"),
        none("submit_python_job"),
        undefined("load_result"),
        undefined("load_agate_table"),
        ("render", function("render", |_, args| args.take("string"))),
        ("try_or_compiler_error", try_or_compiler_error()),
        nothing("metric"),
        (
            "validation",
            Value::from_pairs([(
                "any",
                function("any", |_, args| {
                    args.ignore_rest();
                    Ok(pyvalue::none())
                }),
            )]),
        ),
    ]);
    names
}

/// `try_or_compiler_error(message, function, *args)`.
fn try_or_compiler_error() -> Value {
    function("try_or_compiler_error", |state, args| {
        let message = args.string("message_if_exception")?;
        let callable = args.take("func")?;
        let rest = args.rest();
        callable.call(state, &rest).map_err(|_| fail(message))
    })
}

/// `graph` is filled when nodes run; while parsing it has its keys only.
fn empty_graph() -> Value {
    pyvalue::frozen(Arc::new(serde_json::json!({
        "nodes": {}, "sources": {}, "exposures": {}, "metrics": {}, "groups": {}, "semantic_models": {},
        "saved_queries": {}, "unit_tests": {}, "functions": {},
    })))
}
