//! `clone`: gives a node the relation that it has in another place, as a copy or as a view of it.

use std::sync::Arc;

use super::materialize;
use super::worker::Ending;
use crate::compile::objects::relation::RelationObject;
use crate::compile::{Failure, Scope};
use crate::jinja::Value;

/// Calls the materialization `clone`. Its `sql` is what a view of the other relation selects, and `build_view` the
/// materialization of views that the project would use.
pub fn run(scope: &Arc<Scope>, used: &mut Option<String>) -> Result<Ending, Failure> {
    let Some(node) = scope.subject.node() else { return Ok(Ending::default()) };
    let runtime = &scope.runtime;
    let other = runtime.options.deferred.get(&node.unique_id).map(|other| other.relation(runtime.node_relation(node)));
    let build_view = runtime.materialization("view").map_or(Value::from(()), |found| found.value);
    let value = materialize::call(scope, "clone", used, |context| {
        let context = context.set("build_view", build_view);
        let Some(other) = other else { return context };
        let sql = format!("select * from {other}");
        let context = context.set("sql", sql.as_str()).set("compiled_code", sql.as_str());
        context.set("defer_relation", RelationObject::value(other, runtime.naming))
    })?;
    materialize::keep_relations(scope, &value)?;
    let message = scope.stored("main").map_or_else(|| "No-op".to_owned(), |main| main.response.message.clone());
    Ok(Ending { message: Some(message), ..Ending::default() })
}
