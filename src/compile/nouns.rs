//! The shared layer of names at run time, made once per invocation. Each function finds its node through the render's
//! context.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::adapter::AdapterObject;
use super::config::ConfigObject;
use super::objects::column::ColumnClass;
use super::objects::relation::{Naming, RelationClass};
use super::objects::table::TableObject;
use super::runtime::Options;
use super::{Subject, lazy, refs, results, scope};
use crate::adapter::{Adapter, Table};
use crate::diag::{Code, Diagnostic};
use crate::jinja::{self, Args, Error, State, Value, function, pyvalue};
use crate::manifest::Dispatcher;
use crate::manifest::{Detail, Manifest};
use crate::project::{Project, context};

type Base = HashMap<&'static str, Value>;

/// The names of [`crate::project::context`] with those of the run over them.
pub struct Nouns {
    base: Arc<Base>,
}

impl Nouns {
    pub fn new(
        mut base: Base,
        project: &Project,
        manifest: &Arc<Manifest>,
        options: &Options,
        adapter: Arc<dyn Adapter>,
        dispatcher: Dispatcher,
        naming: Naming,
    ) -> Self {
        let relation = Value::from_object(RelationClass(naming));
        let column = Value::from_object(ColumnClass { quote_char: naming.quote_char });
        let reference = function("ref", refs::reference);
        let source = function("source", refs::source);
        let config = Value::from_object(ConfigObject);
        base.extend([
            ("execute", Value::from(true)),
            ("ref", reference.clone()),
            ("source", source.clone()),
            ("function", function("function", refs::called)),
            ("config", config.clone()),
            ("adapter", Value::from_object(AdapterObject::new(project, adapter, dispatcher, relation.clone()))),
            ("api", Value::from_pairs([("Relation", relation), ("Column", column.clone())])),
            ("column", column),
            ("graph", lazy::graph(manifest)),
            ("store_result", function("store_result", results::store)),
            ("store_raw_result", function("store_raw_result", results::store_raw)),
            ("load_result", function("load_result", results::load)),
            ("load_agate_table", function("load_agate_table", load_agate_table)),
            ("render", function("render", render)),
            ("write", function("write", write)),
            ("try_or_compiler_error", function("try_or_compiler_error", try_or_compiler_error)),
            ("submit_python_job", function("submit_python_job", python_models)),
            ("metric", function("metric", refs::metric)),
            ("validation", Value::from_pairs([("any", function("any", any_type))])),
            ("selected_resources", pyvalue::frozen(Arc::new(selected(options)))),
            ("invocation_args_dict", pyvalue::frozen(Arc::new(Json::Object(options.arguments.clone())))),
            ("dbt_metadata_envs", context::metadata_envs(project)),
            ("project_name", Value::from(&*project.name)),
            ("defer_relation", Value::from(())),
            ("pre_hooks", Value::from(Vec::<Value>::new())),
            ("post_hooks", Value::from(Vec::<Value>::new())),
        ]);
        if let Some(target) = base.get("target").cloned() {
            base.insert("env", target);
        }
        let mut builtins = match base.get("builtins") {
            Some(builtins) => entries(builtins),
            None => Vec::new(),
        };
        builtins.extend(
            [("ref", reference), ("source", source), ("config", config)]
                .map(|(name, value)| (Value::from(name), value)),
        );
        base.insert("builtins", pyvalue::dict(builtins));
        Self { base: Arc::new(base) }
    }

    pub fn base(&self) -> Arc<Base> {
        self.base.clone()
    }
}

fn entries(map: &Value) -> Vec<(Value, Value)> {
    let keys = map.try_iter().into_iter().flatten();
    keys.filter_map(|key| map.get_item(&key).ok().map(|value| (key, value))).collect()
}

fn selected(options: &Options) -> Json {
    options.selected.iter().map(|id| Json::from(&**id)).collect()
}

fn any_type(_: &mut State<'_, '_>, a: &mut Args<'_>) -> Result<Value, Error> {
    a.ignore_rest();
    Ok(Value::from(()))
}

fn python_models(_: &mut State<'_, '_>, a: &mut Args<'_>) -> Result<Value, Error> {
    a.ignore_rest();
    Err(jinja::raise(Diagnostic::error(Code::NotSupported, "Python models are not supported")))
}

/// `render(text)`: Jinja in a string, such as a hook, with the names of here and now.
fn render(state: &mut State<'_, '_>, a: &mut Args<'_>) -> Result<Value, Error> {
    let scope = scope::of(state)?;
    let text = a.string("string")?;
    a.finish()?;
    let Some(context) = jinja::context(state) else { return Ok(Value::from(text)) };
    let template = scope.runtime.template(&rendered_place(&scope.subject), &text).map_err(jinja::raise)?;
    match template.literal() {
        Some(text) => Ok(Value::from(text)),
        None => Ok(Value::from(scope.runtime.engine.render(&template, &context)?)),
    }
}

/// What messages call a text that stands in no file of its own.
fn rendered_place(subject: &Subject) -> String {
    match subject.node() {
        Some(node) => format!("{} (a text rendered by it)", node.original_file_path),
        None => "a rendered text".to_owned(),
    }
}

/// `write(payload)`: the executed SQL, to target/run.
fn write(state: &mut State<'_, '_>, a: &mut Args<'_>) -> Result<Value, Error> {
    let scope = scope::of(state)?;
    let payload = a.take("payload")?;
    a.finish()?;
    if scope.runtime.writer.is_on()
        && let Some(path) = scope.target_path("run")
    {
        let text = payload.to_str().unwrap_or_else(|| pyvalue::py_str(&payload).into());
        scope.runtime.writer.write(&path, text);
        scope.written(path);
    }
    Ok(Value::from(""))
}

/// `try_or_compiler_error(message, func, *args, **kwargs)`
fn try_or_compiler_error(state: &mut State<'_, '_>, a: &mut Args<'_>) -> Result<Value, Error> {
    let message = a.string("message_if_exception")?;
    let func = a.take("func")?;
    let args = a.rest();
    let keywords = a.keywords();
    let mut all = args;
    if !keywords.is_empty() {
        all.push(Value::from(jinja::value::Kwargs::from_iter(keywords)));
    }
    func.call(state, &all)
        .map_err(|error| jinja::raise(Diagnostic::error(Code::JinjaRuntime, message).note(error.to_string())))
}

/// `load_agate_table()`: the seed's file as a typed table.
fn load_agate_table(state: &mut State<'_, '_>, a: &mut Args<'_>) -> Result<Value, Error> {
    let scope = scope::of(state)?;
    a.finish()?;
    let Some(node) = scope.subject.node() else { return Err(jinja::fail("only seeds have a file to load")) };
    let Detail::Seed { file, .. } = &node.detail else {
        return Err(jinja::fail(format!("{} has no file to load: it is no seed", scope.subject.describe())));
    };
    let shown = &node.original_file_path;
    let problem = |what: String| {
        jinja::raise(
            Diagnostic::error(Code::File, format!("seed `{}` could not be read: {what}", node.name))
                .note(format!("the file is {shown}")),
        )
    };
    let text = std::fs::read_to_string(file).map_err(|error| problem(error.to_string()))?;
    let delimiter = match node.config.str("delimiter").unwrap_or(",").as_bytes() {
        [delimiter] => *delimiter,
        _ => return Err(problem("`delimiter` must be one character".to_owned())),
    };
    let typed = node.config.get("column_types").and_then(Json::as_object);
    let typed: Vec<&str> = typed.into_iter().flat_map(|types| types.keys()).map(String::as_str).collect();
    let mut table = Table::from_csv(text.trim_start_matches('\u{feff}'), delimiter, &typed).map_err(problem)?;
    if scope.runtime.options.empty {
        // After reading: all values have their say in the types of the columns.
        table.rows.clear();
    }
    Ok(TableObject::value(table))
}
