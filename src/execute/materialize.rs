//! Models, seeds and snapshots: the macro that builds them, called once.

use std::sync::Arc;

use super::worker::Ending;
use crate::compile::objects::relation::relation_of;
use crate::compile::{Failure, Scope};
use crate::diag::{Code, Diagnostic, suggest};
use crate::jinja::{Context, Value, function};

/// Calls the materialization of the node's `materialized` config.
pub fn run(scope: &Arc<Scope>, used: &mut Option<String>) -> Result<Ending, Failure> {
    let Some(node) = scope.subject.node() else { return Ok(Ending::default()) };
    if node.language != "sql" {
        let message = format!("{} is written in Python, which is not supported", scope.subject.describe());
        return Err(Diagnostic::error(Code::NotSupported, message).boxed().into());
    }
    if scope.has_auditor() {
        check_audits(scope, node.config.materialized())?;
    }
    let value = call(scope, node.config.materialized(), used, |context| context)?;
    if scope.has_auditor() && !scope.was_audited() {
        let message =
            format!("{} was published without its tests, and config `publish` is `tested`", scope.subject.describe());
        return Err(Diagnostic::error(Code::NotSupported, message)
            .note("a macro that replaces a built-in one does not call `adapter.audit`")
            .help("call `{% do adapter.audit(relation) %}` in it, before what was built is put in place")
            .boxed()
            .into());
    }
    keep_relations(scope, &value)?;
    let Some(main) = scope.stored("main") else {
        let message = format!("materialization `{}` ran no statement `main`", node.config.materialized());
        return Err(Diagnostic::error(Code::JinjaRuntime, message)
            .help("a materialization must run `{% call statement('main') %}` once")
            .boxed()
            .into());
    };
    Ok(Ending { message: Some(main.response.message.clone()), ..Ending::default() })
}

/// Calls a materialization macro with the scope's names and some more of the caller's.
pub fn call(
    scope: &Arc<Scope>,
    materialized: &str,
    used: &mut Option<String>,
    more: impl FnOnce(Context) -> Context,
) -> Result<Value, Failure> {
    let runtime = &scope.runtime;
    let Some(found) = runtime.materialization(materialized) else {
        return Err(unknown(scope, materialized).into());
    };
    *used = Some(format!("`{materialized}` (package `{}`)", found.macro_def.package));
    let context = scope.context_with(|context| match scope.batch() {
        // An earlier batch of this run has made the table, whatever the command says of a full refresh.
        Some(batch) if batch.incremental => {
            let answer = |name, value: bool| function(name, move |_, a| a.finish().map(|()| Value::from(value)));
            context
                .set_override("is_incremental", answer("is_incremental", true))
                .set_override("should_full_refresh", answer("should_full_refresh", false))
        }
        _ => more(context),
    });
    Ok(runtime.engine.call(&found.value, &[], &context)?)
}

/// A materialization of the user's own has to let the tests run itself.
fn check_audits(scope: &Scope, materialized: &str) -> Result<(), Failure> {
    let runtime = &scope.runtime;
    let Some(found) = runtime.materialization(materialized) else { return Ok(()) };
    let macro_def = &found.macro_def;
    let is_ours =
        |name: &str| runtime.project.packages.iter().any(|package| package.embedded && &*package.name == name);
    let calls = macro_def
        .file
        .text
        .get(macro_def.block.range.clone())
        .is_some_and(|text| text.contains("adapter.audit") || text.contains("build_table("));
    if calls || is_ours(&macro_def.package) {
        return Ok(());
    }
    let message = format!(
        "config `publish` of {} is `tested`, which materialization `{materialized}` of package `{}` does not know",
        scope.subject.describe(),
        macro_def.package
    );
    Err(Diagnostic::error(Code::NotSupported, message)
        .note("nothing was built: it would be published without its tests")
        .help("call `{% do adapter.audit(relation) %}` in the materialization, before what was built is put in place, or set `publish: immediately`")
        .boxed()
        .into())
}

fn unknown(scope: &Scope, materialized: &str) -> Box<Diagnostic> {
    let message =
        format!("{} has the materialization `{materialized}`, which does not exist", scope.subject.describe());
    let mut diagnostic = Diagnostic::error(Code::InvalidConfig, message);
    if let Some(node) = scope.subject.node() {
        let file = &node.body.file;
        // Where the word stands in the file, when it does.
        if let Some(at) = file.text.find(materialized) {
            diagnostic = diagnostic.at(crate::diag::Span::new(file, at..at + materialized.len()), "");
        }
    }
    let known = ["view", "table", "incremental", "ephemeral", "seed", "snapshot"];
    match suggest::nearest(materialized, known) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).boxed(),
        None => diagnostic.boxed(),
    }
}

/// Tells the cache what the materialization made; dbt requires that it says so.
pub fn keep_relations(scope: &Arc<Scope>, value: &Value) -> Result<(), Failure> {
    let relations = value.get_attr("relations").ok().filter(|relations| !relations.is_undefined());
    let Some(relations) = relations.and_then(|relations| relations.try_iter().ok()) else {
        let message = format!("the materialization of {} did not return its relations", scope.subject.describe());
        return Err(Diagnostic::error(Code::JinjaRuntime, message)
            .help("end it with `{{ return({'relations': [target_relation]}) }}`")
            .boxed()
            .into());
    };
    let cache = scope.session()?.cache();
    for relation in relations {
        if let Some(relation) = relation_of(&relation) {
            cache.add(relation.clone());
        }
    }
    Ok(())
}
