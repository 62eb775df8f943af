//! What can be wrong with microbatch models.

use std::sync::Arc;

use serde_json::Value;

use super::checks::{Check, place};
use super::event_time::{BatchSize, parse_datetime};
use super::tables::makes_partitions;
use super::{Manifest, Node, UniqueId};
use crate::diag::{Code, Diagnostic, suggest};

/// What the checks depend on beside the manifest.
#[derive(Debug, Clone, Copy)]
pub struct Abilities {
    /// The project or a package of it brings a strategy macro for microbatch models.
    pub own_strategy: bool,
    /// The warehouse can run batches of one model at the same time.
    pub concurrent: bool,
    /// The warehouse has partitions that are made when rows arrive.
    pub makes_partitions: bool,
}

/// Checks all models that are built in batches.
pub fn check(manifest: &Manifest, can: Abilities, diags: &mut Vec<Diagnostic>) {
    for node in manifest.nodes.values().filter(|node| manifest.is_batched(node)) {
        let before = diags.len();
        config(&mut Check { node, described: None, diags }, can);
        if diags.len() == before {
            inputs(manifest, node, diags);
            concurrency(node, can, diags);
        }
    }
}

fn config(check: &mut Check<'_>, can: Abilities) {
    const REQUIRED: [(&str, &str); 3] = [
        ("event_time", "strategy `microbatch` needs it: the column that says when a row happened"),
        ("begin", "strategy `microbatch` needs it: the date from which the model is built"),
        ("batch_size", "strategy `microbatch` needs it: `hour`, `day`, `month` or `year`"),
    ];
    for (key, why) in REQUIRED {
        if !check.is_set(key) {
            check.missing(key, why);
        }
    }
    let node = check.node;
    let value = |key| node.config.get(key).filter(|value: &&Value| !value.is_null());
    if let Some(found) = value("event_time").filter(|found| found.as_str().is_none_or(str::is_empty)) {
        check.report("event_time", "must be the name of a column", &format!("found `{found}`"));
    }
    if let Some(found) = value("begin").filter(|found| found.as_str().and_then(parse_datetime).is_none()) {
        let label = format!("found `{}`", found.as_str().map_or_else(|| found.to_string(), str::to_owned));
        check.report("begin", "must be a date, such as `2024-01-31` or `2024-01-31T06:00:00`", &label);
    }
    if let Some(found) = value("batch_size").filter(|found| found.as_str().and_then(BatchSize::parse).is_none()) {
        let text = found.as_str().unwrap_or_default();
        let near = suggest::nearest(text, BatchSize::NAMES);
        let label = near.map_or_else(|| format!("found `{found}`"), |near| format!("did you mean `{near}`?"));
        check.report("batch_size", "must be one of hour, day, month, year", &label);
    }
    if let Some(found) = value("lookback").filter(|found| found.as_u64().is_none()) {
        check.report("lookback", "must be a whole number, 0 or more", &format!("found `{found}`"));
    }
    if let Some(found) = value("concurrent_batches").filter(|found| !found.is_boolean()) {
        check.report("concurrent_batches", "must be true or false", &format!("found `{found}`"));
    }
    if !can.own_strategy && check.is_set("unique_key") {
        let problem = "has no meaning for strategy `microbatch`: a batch replaces all rows of its time";
        check.report("unique_key", problem, "");
    }
}

/// Without an input that can be filtered, every batch reads everything.
fn inputs(manifest: &Manifest, node: &Arc<Node>, diags: &mut Vec<Diagnostic>) {
    let event_time = |id: &UniqueId| {
        let node = manifest.nodes.get(id).map(|node| &node.config);
        node.or_else(|| Some(&manifest.sources.get(id)?.config))?.get("event_time").filter(|value| !value.is_null())
    };
    let mut filtered = false;
    for id in &node.depends_on_nodes {
        match event_time(id) {
            Some(Value::String(_)) => filtered = true,
            Some(other) => {
                let message = format!("config `event_time` of `{id}` must be the name of a column, found `{other}`");
                let what = format!("microbatch model `{}` filters this input by it", node.name);
                diags.push(Diagnostic::error(Code::InvalidConfig, message).note(what).node(&**id));
            }
            None => {}
        }
    }
    if !filtered {
        let message = format!("no input of microbatch model `{}` has an `event_time`, so none is filtered", node.name);
        let diagnostic = Diagnostic::warning(Code::MicrobatchInputs, message)
            .at(place(node, "microbatch"), "")
            .note("every batch reads all rows of its inputs")
            .help("set `config: {event_time: <column>}` on a model, seed, snapshot or source that it reads");
        diags.push(diagnostic.node(&*node.unique_id));
    }
}

fn concurrency(node: &Arc<Node>, can: Abilities, diags: &mut Vec<Diagnostic>) {
    let partitioned = can.makes_partitions && makes_partitions(node);
    if node.config.bool("concurrent_batches") == Some(true) && (!can.concurrent || partitioned) {
        let message = format!("the batches of model `{}` run one after the other", node.name);
        let diagnostic = Diagnostic::warning(Code::ConcurrentBatches, message)
            .at(place(node, "concurrent_batches"), "")
            .note(match partitioned {
                true => "each may have to make partitions of the table, which changes it for all",
                false => "this database does not support concurrent batches",
            });
        diags.push(diagnostic.node(&*node.unique_id));
    }
}
