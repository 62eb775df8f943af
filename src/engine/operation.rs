//! `run-operation`: one macro, or one statement.

use std::sync::Arc;

use super::call::{Call, Stage};
use super::{CommandResult, Done, rows};
use crate::diag::Code;
use crate::execute;

pub(super) fn operation(call: &mut Call<'_>) -> Stage<Done> {
    let ready = call.ready()?;
    let runtime = call.runtime(&ready, Vec::new(), false)?;
    if let Some(sql) = &call.options.sql {
        let node = rows::inline_node(&ready.project, sql, "--sql");
        let results = execute::statement(&runtime, &node, &call.host.cancel);
        call.write_results(&ready, &results)?;
        return Ok(CommandResult::Run(Arc::new(results)).into());
    }
    let name = call.options.operation.as_deref().unwrap_or_default();
    let results = execute::operation(&runtime, name, &call.options.args, &call.host.cancel);
    call.write_results(&ready, &results)?;
    let problem = results.results.iter().find_map(|result| result.diagnostic.as_deref());
    if let Some(problem) = problem.filter(|problem| problem.code == Code::MacroNotFound) {
        return Err(vec![problem.clone()]);
    }
    Ok(CommandResult::Run(Arc::new(results)).into())
}
