//! `exceptions.*`: errors and warnings of macros.

use std::sync::Arc;

use crate::diag::log::{Level, Log};
use crate::diag::{Code, Diagnostic};
use crate::jinja::{self, Args, Error, Value, function, pyvalue};

use super::logging;

/// `exceptions`, a dict of functions. Messages of macros are passed on as they are.
pub(super) fn exceptions(log: &Arc<dyn Log>) -> Value {
    let with_message = [
        ("raise_compiler_error", Code::JinjaRuntime),
        ("raise_database_error", Code::Database),
        ("raise_not_implemented", Code::NotSupported),
        ("raise_dependency_error", Code::Dependency),
        ("raise_fail_fast_error", Code::Cancelled),
        ("raise_dataclass_not_dict", Code::InvalidValue),
        ("raise_ambiguous_alias", Code::DuplicateName),
        ("raise_ambiguous_catalog_match", Code::AmbiguousRelation),
        ("raise_cache_inconsistent", Code::Internal),
        ("raise_dep_not_found", Code::Dependency),
        ("raise_duplicate_patch_name", Code::DuplicateName),
        ("raise_duplicate_resource_name", Code::DuplicateName),
        ("raise_invalid_property_yml_version", Code::InvalidValue),
    ];
    let mut functions: Vec<(Value, Value)> =
        with_message.into_iter().map(|(name, code)| (Value::from(name), raising(name, code))).collect();
    for event in ["warn", "warn_snapshot_timestamp_data_types"] {
        functions.push((Value::from(event), warning(event, log.clone())));
    }
    functions.extend(composed().map(|(name, value)| (Value::from(name), value)));
    pyvalue::dict(functions)
}

/// The arguments in words: dbt takes a message and a node, some functions more.
fn words(args: &mut Args<'_>) -> String {
    let keyed = args.keywords().into_iter().map(|(_, value)| value);
    let all: Vec<Value> = args.rest().into_iter().chain(keyed).collect();
    let texts = all.iter().filter(|value| value.as_str().is_some() || value.is_number());
    let mut texts: Vec<String> = texts.map(pyvalue::py_str).collect();
    if texts.is_empty() {
        texts = all.iter().map(pyvalue::py_str).take(1).collect();
    }
    texts.join(", ")
}

fn raising(name: &'static str, code: Code) -> Value {
    function(name, move |_, args| Err(jinja::raise(Diagnostic::error(code, words(args)))))
}

fn warning(name: &'static str, log: Arc<dyn Log>) -> Value {
    function(name, move |state, args| {
        let message = words(args);
        logging::write(&*log, state, Level::Warn, "JinjaLogWarning", &Value::from(message));
        Ok(Value::from(""))
    })
}

/// Errors whose words are ours.
fn composed() -> [(&'static str, Value); 7] {
    [
        raise("missing_config", |args| {
            let model = name(&args.take("model")?);
            let config = args.string("name")?;
            Ok(Diagnostic::error(Code::InvalidConfig, format!("model `{model}` needs the config `{config}`")))
        }),
        raise("missing_materialization", |args| {
            let model = args.take("model")?;
            let adapter = args.string("adapter_type")?;
            let config = model.get_attr("config").and_then(|config| config.get_attr("materialized"));
            let materialized = config.map(|value| pyvalue::py_str(&value)).unwrap_or_default();
            let message = format!(
                "model `{}` has the materialization `{materialized}`, which `{adapter}` does not have",
                name(&model)
            );
            Ok(Diagnostic::error(Code::NotSupported, message))
        }),
        raise("missing_relation", |args| {
            let relation = pyvalue::py_str(&args.take("relation")?);
            args.optional("model")?;
            Ok(Diagnostic::error(Code::Database, format!("relation {relation} does not exist")))
        }),
        raise("relation_wrong_type", |args| {
            let relation = args.take("relation")?;
            let expected = pyvalue::py_str(&args.take("expected_type")?);
            args.optional("model")?;
            let found = relation.get_attr("type").map(|kind| pyvalue::py_str(&kind)).unwrap_or_default();
            let relation = pyvalue::py_str(&relation);
            let message = format!("{relation} exists as {found}, and a {expected} is to be built there");
            Ok(Diagnostic::error(Code::Database, message).help(format!("drop or rename the {found}")))
        }),
        raise("column_type_missing", |args| {
            let columns = pyvalue::py_str(&args.take("column_names")?);
            let message = format!("an enforced contract needs a `data_type` for every column, missing for {columns}");
            Ok(Diagnostic::error(Code::MissingKey, message))
        }),
        raise("raise_contract_error", |args| {
            let declared = columns(&args.take("yaml_columns")?);
            let built = columns(&args.take("sql_columns")?);
            let error = Diagnostic::error(Code::Database, "the model's columns differ from its contract");
            Ok(error.note(format!("the contract has {declared}")).note(format!("the query gives {built}")))
        }),
        raise("raise_invalid_argument", |args| Ok(Diagnostic::error(Code::InvalidValue, words(args)))),
    ]
}

fn raise(
    name: &'static str,
    make: impl Fn(&mut Args<'_>) -> Result<Diagnostic, Error> + Send + Sync + 'static,
) -> (&'static str, Value) {
    let value = function(name, move |_, args| {
        let diagnostic = make(args)?;
        args.finish()?;
        Err(jinja::raise(diagnostic))
    });
    (name, value)
}

/// The name of a node, or the text itself.
fn name(model: &Value) -> String {
    let name = model.get_attr("name").ok().filter(|name| name.as_str().is_some());
    pyvalue::py_str(name.as_ref().unwrap_or(model))
}

/// `id int, name varchar` of dicts with `name` and `data_type`.
fn columns(columns: &Value) -> String {
    let attribute = |column: &Value, name: &str| column.get_attr(name).map(|value| pyvalue::py_str(&value));
    let described: Vec<String> = columns
        .try_iter()
        .into_iter()
        .flatten()
        .map(|column| {
            let kind = attribute(&column, "data_type").unwrap_or_default();
            format!("`{} {kind}`", attribute(&column, "name").unwrap_or_default())
        })
        .collect();
    described.join(", ")
}
