//! Batches of microbatch models.

use serde_json::json;

use super::kind::*;
use super::node::{RUN, node_info};
use super::text::{Paint, Text};
use super::{Ended, Head};
use crate::cli::hub::Hub;
use crate::diag::log::Level;
use crate::execute::{NodeRef, NodeResult, Status};

pub(super) fn start(hub: &Hub, at: (usize, usize), label: &str, node: &NodeRef, thread: &str) {
    let state = hub.state(&node.unique_id);
    let description = describe(label, node);
    let data = || {
        json!({
            "batch_index": at.0, "description": description, "node_info": node_info(&state, node),
            "total_batches": at.1,
        })
    };
    let text = || Text::dotted(at, &format!("START {description}"), hub.width, RUN, None).after("Batch ");
    hub.say(Head::new(&LOG_START_BATCH).thread(thread), text, &data);
}

pub(super) fn finished(hub: &Hub, at: (usize, usize), label: &str, result: &std::sync::Arc<NodeResult>) {
    let state = hub.state(&result.node.unique_id);
    let description = describe(label, &result.node);
    let message = result.message.as_deref().unwrap_or("OK");
    let (level, words, paint, word, status) = match result.status {
        Status::Success => (Level::Info, "OK created", Paint::Green, message, message),
        Status::Skipped => (Level::Info, "SKIP", Paint::Yellow, "SKIPPED", "skipped"),
        _ => (Level::Error, "ERROR creating", Paint::Red, "ERROR", "error"),
    };
    let data = || {
        json!({
            "batch_index": at.0, "description": description, "execution_time": result.execution_time,
            "node_info": node_info(&state, &result.node), "status": status, "total_batches": at.1,
        })
    };
    let seconds = Some(result.execution_time);
    let words = format!("{words} {description}");
    let text = || Text::dotted(at, &words, hub.width, (word, paint), seconds).after("Batch ");
    let ended = Ended::Node(result.clone());
    let head = Head::new(&LOG_BATCH_RESULT).level(level).thread(&result.thread_id).result(&ended);
    hub.say(head, text, &data);
}

/// `batch 2024-01-01 of main.orders`
fn describe(label: &str, node: &NodeRef) -> String {
    format!("batch {label} of {}", node.relation)
}
