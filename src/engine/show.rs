//! `show`: the first rows of models, or of a query of one's own.

use std::sync::Arc;

use serde_json::json;

use super::call::{Call, Stage};
use super::{CommandResult, Done, Output, rows};
use crate::execute;
use crate::manifest::{Node, ResourceType};
use crate::plan::{self, Verb};

pub(super) fn show(call: &mut Call<'_>) -> Stage<Done> {
    let ready = call.ready()?;
    let (nodes, ids): (Vec<Arc<Node>>, _) = match &call.options.inline {
        Some(sql) => (vec![rows::inline_node(&ready.project, sql)], Vec::new()),
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
    let mut shown = Vec::with_capacity(nodes.len());
    let mut problems = Vec::new();
    for node in nodes {
        match execute::preview(&runtime, &node, limit, &call.host.cancel) {
            Ok(preview) => shown.push((node, preview.batches)),
            Err(problem) => problems.push(*problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let texts = shown.iter().map(|(node, batches)| text(call.options.output, node, batches));
    let output = texts.collect::<Stage<String>>()?;
    let first = shown.into_iter().next().map(|(_, batches)| Arc::new(batches));
    Ok(Done { result: first.map_or(CommandResult::Nothing, CommandResult::Rows), output })
}

/// Tests come along with their models; they are shown only when nothing else is.
fn only_asked_for(nodes: Vec<Arc<Node>>) -> Vec<Arc<Node>> {
    let (tests, others): (Vec<_>, Vec<_>) =
        nodes.into_iter().partition(|node| node.resource_type == ResourceType::Test);
    if others.is_empty() { tests } else { others }
}

fn text(output: Output, node: &Node, batches: &[arrow_array::RecordBatch]) -> Stage<String> {
    let inline = node.resource_type == ResourceType::SqlOperation;
    Ok(match (output, inline) {
        (Output::Json, true) => format!("{:#}\n", json!({"show": rows::json(batches)?})),
        (Output::Json, false) => format!("{:#}\n", json!({"node": node.name, "show": rows::json(batches)?})),
        (_, true) => format!("Previewing inline node:\n{}\n", rows::text(batches)?),
        (_, false) => format!("Previewing node '{}':\n{}\n", node.name, rows::text(batches)?),
    })
}
