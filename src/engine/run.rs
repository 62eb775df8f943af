//! `build`, `run`, `test`, `seed`, `snapshot`: select, plan, run, write.

use std::sync::Arc;

use super::call::{Call, Ready, Stage, verb};
use super::{Command, CommandResult, Done, rows, state};
use crate::artifacts;
use crate::compile::Runtime;
use crate::diag::Diagnostic;
use crate::execute::{self, RunResults, Status};
use crate::manifest::ResourceType;
use crate::plan::{self, Verb};

/// Rows of each seed that `--show` prints.
const SEED_ROWS: u64 = 10;

pub(super) fn run(call: &mut Call<'_>) -> Stage<Done> {
    let ready = call.ready()?;
    let verb = verb(call.command);
    let selected = call.select(&ready, verb.resource_types())?;
    let plan = plan::plan(verb, &selected, &ready.manifest, &ready.dag);
    if plan.steps.is_empty() {
        call.warn_of_nothing()?;
        let results = nothing(&ready);
        call.write_results(&ready, &results)?;
        return Ok(CommandResult::Run(Arc::new(results)).into());
    }
    let runtime = call.runtime(&ready, selected.ids, true)?;
    // What a source says later, the run may not have seen.
    let loaded = match call.options.keep_state {
        true => artifacts::read_sources(&ready.project.target_path).ok().flatten(),
        false => None,
    };
    let results = began(execute::run(&call.job(runtime.clone(), plan)))?;
    call.write_results(&ready, &results)?;
    call.write_inputs(&ready, &runtime)?;
    let problem = state::keep(&ready, call.options, &runtime, &results, loaded.as_ref());
    // Not by `warn`: the run has been done, and `--warn-error` cannot undo it.
    call.warnings.extend(problem);
    let output = match call.options.show && matches!(call.command, Command::Seed | Command::Build) {
        true => show_seeds(call, &ready, &runtime, &results)?,
        false => String::new(),
    };
    Ok(Done::printing(CommandResult::Run(results), output))
}

/// `clone`: no tests, no hooks, no order; and what is made is no state of the project's own code.
pub(super) fn clone(call: &mut Call<'_>) -> Stage<Done> {
    let ready = call.ready()?;
    let selected = call.select(&ready, Verb::Clone.resource_types())?;
    let plan = plan::plan(Verb::Clone, &selected, &ready.manifest, &ready.dag);
    let results = if plan.steps.is_empty() {
        call.warn_of_nothing()?;
        Arc::new(nothing(&ready))
    } else {
        let runtime = call.runtime(&ready, selected.ids, true)?;
        began(execute::run(&call.job(runtime, plan)))?
    };
    call.write_results(&ready, &results)?;
    Ok(CommandResult::Run(results).into())
}

/// Where nothing has run because the run could not begin (no connection, no schema), the command could not run: the
/// results of the run before stay, for `retry`.
fn began(results: RunResults) -> Stage<Arc<RunResults>> {
    let failed = results.diagnostics.iter().any(Diagnostic::is_error);
    if failed && results.results.is_empty() && !results.cancelled {
        return Err(results.diagnostics);
    }
    Ok(Arc::new(results))
}

/// The results of no steps at all.
pub(super) fn nothing(ready: &Ready) -> RunResults {
    let now = chrono::Utc::now();
    RunResults {
        results: Vec::new(),
        elapsed: 0.0,
        started_at: now,
        generated_at: now,
        invocation_id: ready.project.invocation.id.clone(),
        success: true,
        cancelled: false,
        diagnostics: Vec::new(),
    }
}

fn show_seeds(call: &Call<'_>, ready: &Ready, runtime: &Arc<Runtime>, results: &RunResults) -> Stage<String> {
    let mut text = String::new();
    let loaded = results
        .results
        .iter()
        .filter(|result| result.node.resource_type == ResourceType::Seed && result.status == Status::Success);
    for result in loaded {
        let query = format!("select * from {{{{ ref('{}', '{}') }}}}", result.node.package, result.node.name);
        let node = rows::inline_node(&ready.project, &query, "--show");
        let preview =
            execute::preview(runtime, &node, Some(SEED_ROWS), &call.host.cancel).map_err(|problem| vec![*problem])?;
        text.push_str(&format!(
            "\nFirst rows of seed '{}':\n{}",
            result.node.name,
            rows::text(preview.rows.as_deref().map_or(&[][..], Vec::as_slice))?
        ));
    }
    Ok(text)
}
