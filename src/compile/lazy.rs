//! Big read-only values that most nodes never look at: `model`, `graph`.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde_json::Value as Json;

use super::Compiled;
use crate::jinja::value::{Enumerator, Object, ObjectRepr};
use crate::jinja::{Error, State, Value, pyvalue};
use crate::manifest::json::{CompiledNode, NodeEntry};
use crate::manifest::{Manifest, Node, Resource, ResourceType, UnitTest};

/// A dict that is made when something asks for it. A few keys answer without.
pub struct Lazy {
    quick: Vec<(&'static str, Value)>,
    make: Box<dyn Fn() -> Value + Send + Sync>,
    made: OnceLock<Value>,
}

impl Lazy {
    pub fn value(quick: Vec<(&'static str, Value)>, make: impl Fn() -> Value + Send + Sync + 'static) -> Value {
        Value::from_object(Self { quick, make: Box::new(make), made: OnceLock::new() })
    }

    fn dict(&self) -> &Value {
        self.made.get_or_init(|| (self.make)())
    }
}

impl fmt::Debug for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.dict(), f)
    }
}

impl Object for Lazy {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some(key) => self.get_value_by_str(key),
            None => None,
        }
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        // Once made, the dict decides: macros may have changed it.
        if self.made.get().is_none()
            && let Some((_, value)) = self.quick.iter().find(|(name, _)| *name == key)
        {
            return Some(value.clone());
        }
        self.dict().get_attr(key).ok().filter(|value| !value.is_undefined())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.dict().try_iter() {
            Ok(keys) => Enumerator::Values(keys.collect()),
            Err(_) => Enumerator::Empty,
        }
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        self.dict().call_method(state, method, args)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&pyvalue::py_str(self.dict()))
    }
}

/// A thing of the manifest as a dict of its own, so that a macro that changes it changes no one else's.
pub fn dict(thing: &impl Serialize) -> Value {
    // Serializing our own types into memory has no way to fail.
    pyvalue::from_json(&serde_json::to_value(thing).unwrap_or(Json::Null))
}

/// `model` of a node.
///
/// `batch` is its entry of that name, which only a batch of a microbatch model has.
pub fn compiled_node(node: &Arc<Node>, compiled: Option<&Arc<Compiled>>, batch: Option<Value>) -> Value {
    let mut quick = vec![
        ("name", Value::from(node.name.as_str())),
        ("unique_id", Value::from(&*node.unique_id)),
        ("package_name", Value::from(&*node.package)),
        ("resource_type", Value::from(node.resource_type.as_str())),
        ("alias", Value::from(node.alias.as_str())),
        ("schema", Value::from(node.schema.as_str())),
        ("language", Value::from(node.language)),
    ];
    quick.extend(batch.clone().map(|batch| ("batch", batch)));
    let node = node.clone();
    let with_batch = move |dict: Value| match (&batch, dict.try_iter()) {
        (Some(batch), Ok(keys)) => {
            let entries = keys.filter_map(|key| dict.get_item(&key).ok().map(|value| (key, value)));
            pyvalue::dict(entries.chain([(Value::from("batch"), batch.clone())]).collect::<Vec<_>>())
        }
        _ => dict,
    };
    let Some(compiled) = compiled.cloned() else {
        return Lazy::value(quick, move || with_batch(dict(node.as_ref())));
    };
    quick.extend(["compiled_code", "compiled_sql"].map(|key| (key, Value::from(&*compiled.sql))));
    Lazy::value(quick, move || {
        let extra_ctes: Vec<Json> = compiled.ctes.iter().map(|cte| cte.extra(true)).collect();
        let code = CompiledNode { code: &compiled.sql, path: compiled.path.as_deref(), extra_ctes: &extra_ctes };
        let mut entry = serde_json::to_value(NodeEntry { node: &node, compiled: Some(code), build_path: None })
            .unwrap_or(Json::Null);
        if let Json::Object(entry) = &mut entry {
            // The older name, which packages still use.
            entry.insert("compiled_sql".to_owned(), Json::from(&*compiled.sql));
        }
        with_batch(pyvalue::from_json(&entry))
    })
}

/// `model` of a unit test: what dbt's node for it shows.
pub fn unit_test(test: &Arc<UnitTest>) -> Value {
    let quick = vec![
        ("name", Value::from(test.name.as_str())),
        ("unique_id", Value::from(&*test.unique_id)),
        ("package_name", Value::from(&*test.package)),
        ("resource_type", Value::from("unit_test")),
        ("alias", Value::from(test.name.as_str())),
        ("schema", Value::from(test.schema.as_str())),
        ("language", Value::from("sql")),
    ];
    let test = test.clone();
    Lazy::value(quick, move || dict(test.as_ref()))
}

/// Anything that a run gives a result for: `result.node` in on-run-end hooks.
pub fn resource(resource: Resource<'_>) -> Value {
    match resource {
        Resource::Node(node) => compiled_node(node, None, None),
        Resource::UnitTest(test) => unit_test(test),
        Resource::Source(source) => {
            let source = source.clone();
            let quick = vec![
                ("name", Value::from(source.name.as_str())),
                ("unique_id", Value::from(&*source.unique_id)),
                ("package_name", Value::from(&*source.package)),
                ("resource_type", Value::from("source")),
            ];
            Lazy::value(quick, move || dict(source.as_ref()))
        }
        Resource::Exposure(exposure) => entry(exposure),
        Resource::SemanticModel(model) => entry(model),
        Resource::Metric(metric) => entry(metric),
        Resource::SavedQuery(query) => entry(query),
    }
}

/// `graph`: everything by `unique_id`. Its entries are lazy too.
pub fn graph(manifest: &Arc<Manifest>) -> Value {
    let manifest = manifest.clone();
    Lazy::value(Vec::new(), move || graph_dict(&manifest))
}

fn graph_dict(manifest: &Manifest) -> Value {
    let nodes = |functions: bool| {
        let chosen =
            manifest.nodes.iter().filter(move |(_, node)| (node.resource_type == ResourceType::Function) == functions);
        pyvalue::dict(chosen.map(|(id, thing)| (Value::from(&**id), compiled_node(thing, None, None))))
    };
    let groups = group(manifest.groups.iter().map(|(id, thing)| (&**id, entry(thing))));
    let sources = group(manifest.sources.iter().map(|(id, thing)| (&**id, entry(thing))));
    let exposures = group(manifest.exposures.iter().map(|(id, thing)| (&**id, entry(thing))));
    let unit_tests = group(manifest.unit_tests.iter().map(|(id, thing)| (&**id, entry(thing))));
    let models = group(manifest.semantic_models.iter().map(|(id, thing)| (&**id, entry(thing))));
    let metrics = group(manifest.metrics.iter().map(|(id, thing)| (&**id, entry(thing))));
    let queries = group(manifest.saved_queries.iter().map(|(id, thing)| (&**id, entry(thing))));
    let names = [
        ("nodes", nodes(false)),
        ("sources", sources),
        ("exposures", exposures),
        ("groups", groups),
        ("unit_tests", unit_tests),
        ("metrics", metrics),
        ("semantic_models", models),
        ("saved_queries", queries),
        ("functions", nodes(true)),
    ];
    pyvalue::dict(names.map(|(name, value)| (Value::from(name), value)))
}

fn group<'a>(entries: impl Iterator<Item = (&'a str, Value)>) -> Value {
    pyvalue::dict(entries.map(|(id, value)| (Value::from(id), value)))
}

fn entry<T: Serialize + Send + Sync + 'static>(thing: &Arc<T>) -> Value {
    let thing = thing.clone();
    Lazy::value(Vec::new(), move || dict(thing.as_ref()))
}
