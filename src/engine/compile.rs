//! `compile`: SQL, written below the target folder, and printed for what is named on the command line.

use std::sync::Arc;

use serde_json::json;

use super::call::{Call, Stage};
use super::{CommandResult, Done, Output, rows, run};
use crate::execute::{self, RunResults};
use crate::plan::{self, Verb};

pub(super) fn compile(call: &mut Call<'_>) -> Stage<Done> {
    let ready = call.ready()?;
    if let Some(sql) = &call.options.inline {
        let runtime = call.runtime(&ready, Vec::new(), true)?;
        let scope = runtime.node(&rows::inline_node(&ready.project, sql, "--inline"), "MainThread");
        let compiled = scope.compile().map_err(|failure| vec![*failure.into_diagnostic(&scope)])?;
        let results = run::nothing(&ready);
        call.write_results(&ready, &results)?;
        let output = shown(call.options.output, None, &compiled.sql);
        return Ok(Done { result: CommandResult::Run(Arc::new(results)), output });
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
    let output = named(call, &results);
    Ok(Done { result: CommandResult::Run(Arc::new(results)), output })
}

/// The SQL of what `--select` names; without names nothing is printed, since everything would be.
fn named(call: &Call<'_>, results: &RunResults) -> String {
    let words: Vec<&str> = call.options.select.iter().flat_map(|text| text.split_whitespace()).collect();
    let is_named = |name: &str| words.iter().any(|word| word.trim_matches(['+', '@']).rsplit('.').next() == Some(name));
    results
        .results
        .iter()
        .filter(|result| is_named(&result.node.name))
        .filter_map(|result| {
            Some(shown(call.options.output, Some(&result.node.name), result.compiled_code.as_deref()?))
        })
        .collect()
}

fn shown(output: Output, name: Option<&str>, sql: &str) -> String {
    match (output, name) {
        (Output::Json, Some(name)) => format!("{:#}\n", json!({"node": name, "compiled": sql})),
        (Output::Json, None) => format!("{:#}\n", json!({"compiled": sql})),
        (_, Some(name)) => format!("Compiled node '{name}' is:\n{}\n\n", sql.trim_end()),
        (_, None) => format!("Compiled inline node is:\n{}\n\n", sql.trim_end()),
    }
}
