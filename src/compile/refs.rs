//! `ref` and `source` at run time: only what parsing has seen, so that the order of the run is right.

use std::sync::Arc;

use super::Subject;
use super::batch::{self, Input};
use super::catalog;
use super::objects::relation::RelationObject;
use super::scope::{self, Scope};
use super::unit_test::UnitScope;
use crate::adapter::Relation;
use crate::diag::{Code, Diagnostic};
use crate::jinja::{self, Args, Error, State, Value, pyvalue};
use crate::manifest::capture::function_call;
use crate::manifest::{Missing, Node, RefCall, ResourceType, UniqueId};

/// `ref(name)`, `ref(package, name)`, with `v=` or `version=`.
pub(super) fn reference(state: &mut State<'_, '_>, a: &mut Args<'_>) -> Result<Value, Error> {
    let scope = scope::of(state)?;
    let first = a.string("model_name")?;
    let second = a.optional_string("model_name_2")?;
    let version = match a.optional("version")? {
        Some(version) => Some(version),
        None => a.optional("v")?,
    };
    a.finish()?;
    let (package, name) = match second {
        Some(name) => (Some(first), name),
        None => (None, first),
    };
    let version = version.filter(|version| !version.is_none()).map(|version| pyvalue::to_json(&version)).transpose()?;
    let call = RefCall { name, package, version };
    resolve(&scope, &call)
}

fn resolve(scope: &Arc<Scope>, call: &RefCall) -> Result<Value, Error> {
    let runtime = &scope.runtime;
    let found = runtime.manifest.resolve_ref(scope.subject.package(), call);
    let node = found.map_err(|missing| jinja::raise(not_found(scope, call, &missing)))?;
    if let Subject::UnitTest(unit) = &scope.subject {
        return fixture(scope, unit, &node.unique_id, &format!("ref('{}')", call.name));
    }
    if !may_refer(scope, &node.unique_id) {
        return Err(jinja::raise(undeclared(scope, &call.name, &format!("ref('{}')", call.name))));
    }
    if node.is_ephemeral() {
        scope.note_ephemeral(&node.unique_id);
        let relation = batch::narrowed(scope, runtime.naming.cte(&node.alias), &Input::of_node(node));
        return Ok(RelationObject::value(relation, runtime.naming));
    }
    let relation = batch::narrowed(scope, referred(scope, node)?, &Input::of_node(node));
    Ok(RelationObject::value(relation, runtime.naming))
}

/// The node's own relation, or with `--defer` the other one: where it is favoured, or the own one does not exist.
pub(super) fn referred(scope: &Arc<Scope>, node: &Node) -> Result<Relation, Error> {
    if let Some(built) = scope.stand_in(&node.unique_id) {
        return Ok(built.clone());
    }
    let own = scope.runtime.node_relation(node);
    let Some(deferred) = scope.runtime.options.deferred.get(&node.unique_id) else { return Ok(own) };
    let exists = || catalog::get(scope, own.database.clone(), own.schema.clone(), own.identifier.clone());
    if !deferred.always && exists()?.is_some() {
        return Ok(own);
    }
    Ok(deferred.relation(own))
}

/// `metric(name)`, `metric(package, name)`: the metric's name. Computing it is MetricFlow's job.
pub(super) fn metric(_: &mut State<'_, '_>, a: &mut Args<'_>) -> Result<Value, Error> {
    let names = a.rest();
    match names.as_slice() {
        [name] | [_, name] if name.as_str().is_some() => Ok(name.clone()),
        _ => Err(jinja::fail("metric() takes a name, or a package and a name, as strings")),
    }
}

/// `function(name)`, `function(package, name)`: its name in the database.
pub(super) fn called(state: &mut State<'_, '_>, a: &mut Args<'_>) -> Result<Value, Error> {
    let scope = scope::of(state)?;
    let call = function_call(a)?;
    let runtime = &scope.runtime;
    let name = call.last().map(String::as_str).unwrap_or_default();
    let found = runtime.manifest.resolve_function(scope.subject.package(), &call).map_err(|missing| {
        let what = if matches!(missing, Missing::Disabled(_)) { "is disabled" } else { "is not in this project" };
        let message = format!("{} calls function `{name}`, which {what}", scope.subject.describe());
        jinja::raise(Diagnostic::error(Code::RefNotFound, message))
    })?;
    if !may_refer(&scope, &found.unique_id) {
        return Err(jinja::raise(undeclared(&scope, name, &format!("function('{name}')"))));
    }
    let own = runtime.node_relation(found);
    let relation = match runtime.options.deferred.get(&found.unique_id).filter(|deferred| deferred.always) {
        Some(deferred) => Relation {
            database: deferred.database.clone(),
            schema: Some(deferred.schema.clone()),
            identifier: Some(deferred.identifier.clone()),
            ..own
        },
        None => own,
    };
    Ok(RelationObject::value(relation, runtime.naming))
}

/// `source(name, table)`
pub(super) fn source(state: &mut State<'_, '_>, a: &mut Args<'_>) -> Result<Value, Error> {
    let scope = scope::of(state)?;
    let (name, table) = (a.string("source_name")?, a.string("table_name")?);
    a.finish()?;
    let runtime = &scope.runtime;
    let found = runtime.manifest.resolve_source(scope.subject.package(), &name, &table);
    let source = found.map_err(|missing| {
        let what = if matches!(missing, Missing::Disabled(_)) { "is disabled" } else { "is not in this project" };
        let message = format!("{} uses source `{name}.{table}`, which {what}", scope.subject.describe());
        jinja::raise(Diagnostic::error(Code::SourceNotFound, message))
    })?;
    if let Subject::UnitTest(unit) = &scope.subject {
        return fixture(&scope, unit, &source.unique_id, &format!("source('{name}', '{table}')"));
    }
    if !may_refer(&scope, &source.unique_id) {
        let written = format!("source('{name}', '{table}')");
        return Err(jinja::raise(undeclared(&scope, &format!("{name}.{table}"), &written)));
    }
    let relation = batch::narrowed(&scope, runtime.source_relation(source), &Input::of_source(source));
    Ok(RelationObject::value(relation, runtime.naming))
}

/// The rows that a unit test gives for a dependency.
fn fixture(scope: &Scope, unit: &UnitScope, id: &UniqueId, written: &str) -> Result<Value, Error> {
    let naming = scope.runtime.naming;
    match unit.fixture(id) {
        Some(name) => Ok(RelationObject::value(naming.cte(name), naming)),
        None => {
            let message = format!(
                "unit test `{}` gives no rows for `{written}`, which model `{}` reads",
                unit.test.name, unit.tested.name
            );
            let help = format!("add `- input: {written}` with `rows: []` under `given:`");
            Err(jinja::raise(Diagnostic::error(Code::UnitTest, message).help(help)))
        }
    }
}

/// Whether parsing saw the dependency. Operations have none to declare.
fn may_refer(scope: &Scope, id: &UniqueId) -> bool {
    match &scope.subject {
        Subject::Macro { .. } | Subject::Source(_) | Subject::UnitTest(_) => true,
        Subject::Node(node) => {
            node.depends_on_nodes.contains(id)
                || matches!(node.resource_type, ResourceType::Operation | ResourceType::SqlOperation)
        }
    }
}

fn not_found(scope: &Scope, call: &RefCall, missing: &Missing<'_>) -> Diagnostic {
    let who = scope.subject.describe();
    let name = &call.name;
    match missing {
        Missing::Disabled(_) => {
            Diagnostic::error(Code::DisabledRef, format!("{who} refers to `{name}`, which is disabled"))
        }
        Missing::Version(versions) => {
            let known = versions.iter().map(|version| format!("`{version}`")).collect::<Vec<_>>().join(", ");
            Diagnostic::error(Code::RefNotFound, format!("{who} refers to a version of `{name}` that does not exist"))
                .note(format!("its versions are {known}"))
        }
        Missing::NotFound => {
            let message = format!("{who} refers to `{name}`, which is not in this project");
            Diagnostic::error(Code::RefNotFound, message)
        }
    }
}

fn undeclared(scope: &Scope, name: &str, written: &str) -> Diagnostic {
    let message = format!("{} refers to `{name}`, which parsing did not see", scope.subject.describe());
    Diagnostic::error(Code::RefNotFound, message)
        .note("dependencies are found while parsing, where `execute` is false and no query gives rows")
        .help(format!("add a line at the top of the model: `-- depends_on: {{{{ {written} }}}}`"))
}
