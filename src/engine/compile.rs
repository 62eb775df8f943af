//! `compile`: SQL, written below the target folder, and printed for what is named on the command line.

use std::sync::Arc;

use chrono::Utc;

use super::call::{Call, Stage};
use super::{CommandResult, Done, Shown, rows, run};
use crate::execute::{self, RunResults};
use crate::plan::{self, Verb};

pub(super) fn compile(call: &mut Call<'_>) -> Stage<Done> {
    let ready = call.ready()?;
    if let Some(sql) = &call.options.inline {
        let runtime = call.runtime(&ready, Vec::new(), false)?;
        let node = rows::inline_node(&ready.project, sql, "--inline");
        let result = execute::compiled(&runtime, &node).map_err(|problem| vec![*problem])?;
        let code = result.compiled_code.clone().unwrap_or_default();
        let results = RunResults {
            elapsed: result.execution_time,
            generated_at: Utc::now(),
            results: vec![Arc::new(result)],
            ..run::nothing(&ready)
        };
        call.write_results(&ready, &results)?;
        let of = (node.name.as_str(), &node.unique_id);
        let shown = Shown::code(call.options.output, call.options.quiet, of, true, &code);
        return Ok(Done::showing(CommandResult::Run(Arc::new(results)), vec![shown]));
    }
    let selected = call.select(&ready, Verb::Compile.resource_types())?;
    let plan = plan::plan(Verb::Compile, &selected, &ready.manifest, &ready.dag);
    if plan.steps.is_empty() {
        call.warn_of_nothing()?;
        let results = run::nothing(&ready);
        call.write_results(&ready, &results)?;
        return Ok(CommandResult::Run(Arc::new(results)).into());
    }
    let runtime = call.runtime(&ready, selected.ids, true)?;
    let results = execute::run(&call.job(runtime.clone(), plan));
    call.write_results(&ready, &results)?;
    call.write_inputs(&ready, &runtime)?;
    let shown = named(call, &results);
    Ok(Done::showing(CommandResult::Run(Arc::new(results)), shown))
}

/// The SQL of what `--select` names; without names nothing is printed, since everything would be.
fn named(call: &Call<'_>, results: &RunResults) -> Vec<Shown> {
    let words: Vec<&str> = call.options.select.iter().flat_map(|text| text.split_whitespace()).collect();
    let is_named = |name: &str| words.iter().any(|word| word.trim_matches(['+', '@']).rsplit('.').next() == Some(name));
    results
        .results
        .iter()
        .filter(|result| is_named(&result.node.name))
        .filter_map(|result| {
            let node = (result.node.name.as_str(), &result.unique_id);
            Some(Shown::code(call.options.output, call.options.quiet, node, false, result.compiled_code.as_deref()?))
        })
        .collect()
}
