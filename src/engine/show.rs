//! `show`: the first rows of models, or of a query of one's own.

use std::sync::Arc;

use arrow_array::RecordBatch;

use super::call::{Call, Stage};
use super::shown::{Rows, Shown};
use super::{CommandResult, Done, Output, rows, run};
use crate::adapter::session::{Label, Pool};
use crate::diag::{Code, Diagnostic, SourceFile, Span};
use crate::execute;
use crate::manifest::{Node, ResourceType};
use crate::plan::{self, Verb};

pub(super) fn show(call: &mut Call<'_>) -> Stage<Done> {
    if let Some(sql) = &call.options.inline_direct {
        return direct(call, sql);
    }
    let ready = call.ready()?;
    let (nodes, ids): (Vec<Arc<Node>>, _) = match &call.options.inline {
        Some(sql) => (vec![rows::inline_node(&ready.project, sql, "--inline")], Vec::new()),
        None => {
            let selected = call.select(&ready, Verb::Show.resource_types())?;
            let plan = plan::plan(Verb::Show, &selected, &ready.manifest, &ready.dag);
            let nodes = plan.steps.iter().filter_map(|step| ready.manifest.node(&step.unique_id).cloned());
            (only_asked_for(nodes.collect()), selected.ids)
        }
    };
    if nodes.is_empty() {
        call.warn_of_nothing()?;
    }
    let runtime = call.runtime(&ready, ids, false)?;
    let limit = call.options.limit.map(|rows| rows as u64);
    let mut results = run::nothing(&ready);
    let mut printed = Vec::with_capacity(nodes.len());
    let mut problems = Vec::new();
    for node in nodes {
        match execute::preview(&runtime, &node, limit, &call.host.cancel) {
            Ok(result) => {
                let rows = result.rows.as_deref().map_or(&[][..], Vec::as_slice);
                printed.push(self::printed(call, &node, rows)?);
                results.results.push(Arc::new(result));
            }
            Err(problem) => problems.push(*problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    results.elapsed = results.results.iter().map(|result| result.execution_time).sum();
    results.generated_at = chrono::Utc::now();
    // run_results.json stays that of the last run, for `retry`.
    Ok(Done::showing(CommandResult::Run(Arc::new(results)), printed))
}

/// `--inline-direct`: the statement as it is, and its first rows. Nothing of the project but its profile is needed.
fn direct(call: &mut Call<'_>, sql: &str) -> Stage<Done> {
    let (project, adapter) = call.load()?;
    let pool = Pool::new(adapter, call.host.log.clone());
    let stop = pool.clone();
    call.host.cancel.attach(move || {
        let _ = stop.cancel_all();
    });
    let session = pool.session(Label { name: "direct-query".to_owned(), reads: true, ..Label::default() });
    let answer = session.query_arrow(sql.trim());
    call.host.cancel.detach();
    let batches = answer.map_err(|error| {
        let span = Span::new(&SourceFile::new("--inline-direct", sql), 0..sql.len());
        vec![Diagnostic::error(Code::Database, error.message.to_string()).at(span, "")]
    })?;
    let batches = first_rows(batches, call.options.limit);
    let node = rows::inline_node(&project, sql, "--inline-direct");
    let printed = printed(call, &node, &batches)?;
    Ok(Done::showing(CommandResult::Rows(Arc::new(batches)), vec![printed]))
}

/// At least one batch stays, for its columns.
fn first_rows(batches: Vec<RecordBatch>, limit: Option<usize>) -> Vec<RecordBatch> {
    let mut left = limit.unwrap_or(usize::MAX);
    let mut kept = Vec::new();
    for batch in batches {
        if left == 0 && !kept.is_empty() {
            break;
        }
        let rows = batch.num_rows().min(left);
        left -= rows;
        kept.push(batch.slice(0, rows));
    }
    kept
}

/// Tests come along with their models; they are shown only when nothing else is.
fn only_asked_for(nodes: Vec<Arc<Node>>) -> Vec<Arc<Node>> {
    let (tests, others): (Vec<_>, Vec<_>) =
        nodes.into_iter().partition(|node| node.resource_type == ResourceType::Test);
    if others.is_empty() { tests } else { others }
}

fn printed(call: &Call<'_>, node: &Node, batches: &[RecordBatch]) -> Stage<Shown> {
    let rows = match call.options.output {
        Output::Json => Rows::Json(rows::json(batches)?),
        _ => Rows::Text(rows::text(batches)?),
    };
    Ok(Shown::rows(node, rows, call.options.quiet))
}
