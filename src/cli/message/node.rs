//! Hooks, nodes and sources at work.

use serde_json::{Map, Value, json};

use super::info::{self, NodeState};
use super::kind::*;
use super::text::{Paint, Text};
use super::{Ended, Head, batch};
use crate::cli::hub::Hub;
use crate::diag::log::Level;
use crate::execute::{Event, FreshnessResult, Member, NodeRef, NodeResult, Phase, Status};
use crate::jinja::pyvalue;
use crate::manifest::{Detail, ResourceType};

pub(super) const RUN: (&str, Paint) = ("RUN", Paint::Plain);

/// Tells of an event of a node; false: it is none.
pub(crate) fn tell(hub: &Hub, event: &Event) -> bool {
    match event {
        Event::HookStart { index, total, name, node } => hook_start(hub, (*index, *total), name, node),
        Event::HookFinished { index, total, name, result } => hook_finished(hub, (*index, *total), name, result),
        Event::NodeStart { index, total, node, thread } | Event::FreshnessStart { index, total, node, thread } => {
            start(hub, (*index, *total), node, thread)
        }
        Event::NodePhase { unique_id, phase } => enter(hub, unique_id, *phase),
        Event::NodeFinished { index, total, result, blocks } => finished(hub, (*index, *total), result, *blocks),
        Event::BatchStart { index, total, label, node, thread } => {
            batch::start(hub, (*index, *total), label, node, thread);
        }
        Event::BatchFinished { index, total, label, result } => {
            batch::finished(hub, (*index, *total), label, result);
        }
        Event::FreshnessFinished { index, total, result } => freshness(hub, (*index, *total), result),
        _ => return false,
    }
    true
}

fn is_at_end(name: &str) -> bool {
    name.contains(".on-run-end.")
}

fn hook_start(hub: &Hub, at: (usize, usize), name: &str, node: &NodeRef) {
    if at.0 == 1 && is_at_end(name) {
        hub.blank_line();
    }
    hub.start(node);
    let state = hub.state(&node.unique_id);
    let data = || json!({"index": at.0, "node_info": node_info(&state, node), "statement": name, "total": at.1});
    let text = || Text::dotted(at, &format!("START hook: {name}"), hub.width, RUN, None);
    hub.say(Head::new(&LOG_HOOK_START_LINE), text, &data);
}

fn hook_finished(hub: &Hub, at: (usize, usize), name: &str, result: &NodeResult) {
    let state = hub.finish(&result.node, result.status.as_str());
    let (word, paint) = match result.status {
        Status::Success => ("OK", Paint::Green),
        Status::Skipped => ("SKIP", Paint::Yellow),
        _ => ("ERROR", Paint::Red),
    };
    let seconds = Some(result.execution_time);
    let data = || {
        json!({
            "execution_time": result.execution_time, "index": at.0, "node_info": node_info(&state, &result.node),
            "statement": name, "status": result.status.as_str(), "total": at.1,
        })
    };
    let text = || Text::dotted(at, &format!("{word} hook: {name}"), hub.width, (word, paint), seconds);
    hub.say(Head::new(&LOG_HOOK_END_LINE), text, &data);
    if at.0 == at.1 && !is_at_end(name) {
        hub.blank_line();
    }
}

pub(super) fn node_info(state: &Option<NodeState>, node: &NodeRef) -> Value {
    state.as_ref().map_or_else(|| info::quiet_info(node), NodeState::info)
}

fn start(hub: &Hub, at: (usize, usize), node: &NodeRef, thread: &str) {
    hub.start(node);
    let state = hub.state(&node.unique_id);
    began(hub, &state, node, thread);
    // What has nothing to run is told of when it is through.
    if is_no_op(node) || hub.compiles {
        return;
    }
    let data = || {
        json!({
            "description": node.description(), "index": at.0, "node_info": node_info(&state, node), "total": at.1,
        })
    };
    let text = || Text::dotted(at, &format!("START {}", node.description()), hub.width, RUN, None);
    hub.say(Head::new(&LOG_START_LINE).thread(thread), text, &data);
}

fn began(hub: &Hub, state: &Option<NodeState>, node: &NodeRef, thread: &str) {
    let text = || format!("Began running node {}", node.unique_id).into();
    hub.say(Head::new(&NODE_START).thread(thread), text, &|| json!({"node_info": node_info(state, node)}));
}

fn is_no_op(node: &NodeRef) -> bool {
    matches!(node.resource_type.as_str(), "exposure" | "metric" | "semantic_model" | "saved_query")
}

fn enter(hub: &Hub, unique_id: &str, phase: Phase) {
    let state = hub.enter(unique_id, phase);
    let (kind, doing) = match phase {
        Phase::Compiling => (&NODE_COMPILING, "compiling"),
        Phase::Executing => (&NODE_EXECUTING, "executing"),
    };
    let thread = std::thread::current();
    let head = Head::new(kind).thread(super::thread_name(thread.name()));
    hub.say(
        head,
        || format!("Began {doing} node {unique_id}").into(),
        &|| json!({"node_info": state.as_ref().map(NodeState::info)}),
    );
}

fn finished(hub: &Hub, at: (usize, usize), result: &std::sync::Arc<NodeResult>, blocks: bool) {
    let node = &result.node;
    if result.status == Status::Skipped && hub.state(&node.unique_id).is_none() {
        // dbt begins what it skips.
        hub.start(node);
        began(hub, &hub.state(&node.unique_id), node, &result.thread_id);
    }
    let state = hub.finish(node, result.status.as_str());
    let ended = Ended::Node(result.clone());
    let told = Told { hub, at, result, state: &state, ended: &ended };
    if !hub.compiles || result.status.is_failure() {
        told.result();
    }
    let data = || json!({"node_info": node_info(&state, node), "run_result": info::run_result(result)});
    if let Some(problem) = result.diagnostic.as_deref().filter(|_| result.status == Status::Error) {
        let head = Head::new(&CATCHABLE_EXCEPTION_ON_RUN).thread(&result.thread_id).in_block();
        let data = || json!({"exc": problem.message, "exc_info": super::problem::text(problem), "node_info": node_info(&state, node)});
        hub.say(head, || problem.message.as_str().into(), &data);
    }
    let text = || format!("Finished running node {}", result.unique_id).into();
    hub.say(Head::new(&NODE_FINISHED).thread(&result.thread_id).result(&ended), text, &data);
    if blocks {
        let data = || {
            json!({
                "run_result": info::run_result(result), "status": result.status.as_str(),
                "unique_id": &*result.unique_id,
            })
        };
        hub.say(Head::new(&MARK_SKIPPED_CHILDREN), || marked(result), &data);
    }
}

fn marked(result: &NodeResult) -> Text {
    let (id, status) = (&result.unique_id, result.status.as_str());
    let reason = result.message.as_deref().map(|message| format!(" Reason: {message}.")).unwrap_or_default();
    format!("Marking all children of '{id}' to be skipped because of status '{status}'. {reason}").into()
}

/// A result to be told as dbt tells results of its kind.
struct Told<'a> {
    hub: &'a Hub,
    at: (usize, usize),
    result: &'a NodeResult,
    state: &'a Option<NodeState>,
    ended: &'a Ended,
}

impl Told<'_> {
    fn result(&self) {
        match (self.result.status, self.result.node.resource_type) {
            (Status::Skipped, _) => self.skipped(),
            (Status::NoOp, _) => self.no_op(),
            (_, ResourceType::Test | ResourceType::UnitTest) => self.tested(),
            (_, ResourceType::Snapshot) => self.snapshot(),
            (_, ResourceType::Seed) => self.seed(),
            _ => self.model(),
        }
    }

    fn say(&self, kind: &'static Kind, level: Level, words: &str, status: (&str, Paint), data: &dyn Fn() -> Value) {
        let seconds = (self.result.status != Status::Skipped).then_some(self.result.execution_time);
        let head = Head::new(kind).level(level).thread(&self.result.thread_id).result(self.ended);
        self.hub.say(head, || Text::dotted(self.at, words, self.hub.width, status, seconds), data);
    }

    fn info(&self) -> Value {
        node_info(self.state, &self.result.node)
    }

    fn failed(&self) -> bool {
        matches!(self.result.status, Status::Error | Status::Fail | Status::RuntimeError)
    }

    fn level(&self) -> Level {
        match self.result.status {
            Status::Error | Status::Fail | Status::RuntimeError => Level::Error,
            Status::Warn => Level::Warn,
            _ => Level::Info,
        }
    }

    /// What the server answered, or dbt's word.
    fn message(&self) -> &str {
        self.result.message.as_deref().unwrap_or("OK")
    }

    fn skipped(&self) {
        let node = &self.result.node;
        let kind = node.resource_type.as_str();
        let words = match node.resource_type {
            ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot => {
                format!("SKIP relation {}", node.relation)
            }
            _ => format!("SKIP {kind} {}", node.name),
        };
        let data = || {
            json!({
                "index": self.at.0, "node_info": self.info(), "node_name": node.name, "resource_type": kind,
                "schema": info::schema(node), "total": self.at.1,
            })
        };
        self.say(&SKIPPING_DETAILS, Level::Info, &words, ("SKIP", Paint::Yellow), &data);
    }

    fn no_op(&self) {
        let description = self.result.node.description();
        let data = || {
            json!({
                "description": description, "execution_time": self.result.execution_time, "index": self.at.0,
                "node_info": self.info(), "status": "", "total": self.at.1,
            })
        };
        let words = format!("NO-OP {description}");
        self.say(&LOG_NODE_NO_OP_RESULT, Level::Info, &words, ("NO-OP", Paint::Yellow), &data);
    }

    /// Tests go by their name alone, with the number of failing rows.
    fn tested(&self) {
        let node = &self.result.node;
        let name = match &node.tested {
            Some(model) => format!("{model}::{}", node.name),
            None => node.name.clone(),
        };
        let failures = self.result.failures.unwrap_or(0);
        let (word, paint) = match self.result.status {
            Status::Pass | Status::Success => ("PASS".to_owned(), Paint::Green),
            Status::Warn => (format!("WARN {failures}"), Paint::Yellow),
            Status::Fail => (format!("FAIL {failures}"), Paint::Red),
            _ => ("ERROR".to_owned(), Paint::Red),
        };
        let attached = match &node.member {
            Member::Node(node) => match &node.detail {
                Detail::GenericTest(test) => test.attached_node.as_deref().unwrap_or_default(),
                _ => "",
            },
            _ => "",
        };
        let data = || {
            json!({
                "attached_node": attached, "execution_time": self.result.execution_time, "index": self.at.0,
                "name": name, "node_info": self.info(), "num_failures": failures, "num_models": self.at.1,
                "status": self.result.status.as_str(),
            })
        };
        self.say(&LOG_TEST_RESULT, self.level(), &format!("{word} {name}"), (&word, paint), &data);
    }

    fn snapshot(&self) {
        let node = &self.result.node;
        let (words, word, paint) = match self.failed() {
            true => ("ERROR snapshotting", "ERROR", Paint::Red),
            false => ("OK snapshotted", self.message(), Paint::Green),
        };
        let data = || {
            json!({
                "cfg": config(node), "description": node.relation, "execution_time": self.result.execution_time,
                "index": self.at.0, "node_info": self.info(),
                "result_message": self.result.message.as_deref().unwrap_or_default(),
                "status": self.result.status.as_str(), "total": self.at.1,
            })
        };
        self.say(&LOG_SNAPSHOT_RESULT, self.level(), &format!("{words} {}", node.relation), (word, paint), &data);
    }

    fn seed(&self) {
        let node = &self.result.node;
        let (words, word, paint) = match self.failed() {
            true => ("ERROR loading", "ERROR", Paint::Red),
            false => ("OK loaded", self.message(), Paint::Green),
        };
        let data = || {
            json!({
                "execution_time": self.result.execution_time, "index": self.at.0, "node_info": self.info(),
                "relation": node.relation.split_once('.').map_or("", |(_, alias)| alias),
                "result_message": self.result.message.as_deref().unwrap_or_default(), "schema": info::schema(node),
                "status": self.result.status.as_str(), "total": self.at.1,
            })
        };
        self.say(&LOG_SEED_RESULT, self.level(), &format!("{words} seed file {}", node.relation), (word, paint), &data);
    }

    fn model(&self) {
        let description = self.result.node.description();
        let message = self.result.message.as_deref();
        let (words, word, paint) = match self.result.status {
            Status::PartialSuccess => {
                ("PARTIALLY created", message.unwrap_or("PARTIAL SUCCESS").to_uppercase(), Paint::Yellow)
            }
            _ if self.failed() => ("ERROR creating", "ERROR".to_owned(), Paint::Red),
            _ => ("OK created", self.message().to_owned(), Paint::Green),
        };
        let data = || {
            json!({
                "description": description, "execution_time": self.result.execution_time, "index": self.at.0,
                "node_info": self.info(), "status": if self.failed() { "error" } else { word.as_str() },
                "total": self.at.1,
            })
        };
        self.say(&LOG_MODEL_RESULT, self.level(), &format!("{words} {description}"), (&word, paint), &data);
    }
}

/// dbt gives a snapshot's config as texts.
fn config(node: &NodeRef) -> Map<String, Value> {
    let Member::Node(node) = &node.member else { return Map::new() };
    let text = |value: &Value| pyvalue::py_str(&pyvalue::from_json(value));
    let set = node.config.to_map().into_iter().filter(|(_, value)| !value.is_null());
    set.map(|(key, value)| (key, text(&value).into())).collect()
}

fn freshness(hub: &Hub, at: (usize, usize), result: &std::sync::Arc<FreshnessResult>) {
    let state = hub.finish(&result.node, result.status.as_str());
    let ended = Ended::Freshness(result.clone());
    let (word, level, paint) = match result.status {
        Status::Pass | Status::Success => ("PASS", Level::Info, Paint::Green),
        Status::Warn => ("WARN", Level::Warn, Paint::Yellow),
        Status::Error => ("ERROR STALE", Level::Error, Paint::Red),
        _ => ("ERROR", Level::Error, Paint::Red),
    };
    let (source, table) = result.node.name.split_once('.').unwrap_or_default();
    let data = || {
        json!({
            "execution_time": result.execution_time, "index": at.0, "node_info": node_info(&state, &result.node),
            "source_name": source, "status": result.status.as_str(), "table_name": table, "total": at.1,
        })
    };
    let words = format!("{word} {}", result.node.description());
    let text = || Text::dotted(at, &words, hub.width, (word, paint), Some(result.execution_time));
    let head = Head::new(&LOG_FRESHNESS_RESULT).level(level).thread(&result.thread_id).result(&ended);
    hub.say(head, text, &data);
    let data = || json!({"node_info": node_info(&state, &result.node), "run_result": info::freshness_result(result)});
    let text = || format!("Finished running node {}", result.unique_id).into();
    hub.say(Head::new(&NODE_FINISHED).thread(&result.thread_id).result(&ended), text, &data);
}
