//! The end of a command: what was asked for, what became of it, and the sum.

use std::path::Path;

use serde_json::json;

use super::deprecated::Trees;
use super::kind::*;
use super::text::{Paint, Text, counted};
use super::{Head, info, problem};
use crate::cli::hub::Hub;
use crate::diag::Diagnostic;
use crate::engine::{CommandResult, Content, Outcome};
use crate::execute::{FreshnessResults, Member, NodeRef, NodeResult, RunResults, Status};
use crate::manifest::Node;

/// What a command printed because it was asked to, as dbt tells of it. People are shown it as a whole.
pub(crate) fn output(hub: &Hub, outcome: &Outcome, quiet: bool) {
    for shown in &outcome.shown {
        let (kind, body) = match shown.content {
            Content::Code => (&COMPILED_NODE, "compiled"),
            Content::Rows => (&SHOW_NODE, "preview"),
        };
        let data = || {
            json!({
                body: shown.body, "is_inline": shown.is_inline, "node_name": shown.name,
                "output_format": if shown.is_json { "json" } else { "text" }, "quiet": quiet,
                "unique_id": &*shown.unique_id,
            })
        };
        hub.say(Head::new(kind).in_block(), || shown.text.trim_end_matches('\n').into(), &data);
    }
    let print = |text: &str| hub.say(Head::new(&PRINT).in_block(), || text.into(), &|| json!({"msg": text}));
    match &outcome.result {
        _ if !outcome.shown.is_empty() => {}
        CommandResult::List(lines) => lines.iter().for_each(|line| print(line)),
        _ if outcome.output.is_empty() => {}
        _ => print(outcome.output.trim_end_matches('\n')),
    }
}

/// The last lines of a command.
pub(crate) struct Summary<'a> {
    pub hub: &'a Hub,
    pub outcome: &'a Outcome,
    /// Whether results are counted.
    pub counts: bool,
    /// Of the log's paths.
    pub root: &'a Path,
}

impl Summary<'_> {
    pub(crate) fn tell(&self) {
        let Self { hub, outcome, .. } = self;
        let trees = Trees::default();
        for problem in &outcome.diagnostics {
            problem::tell(hub, problem, &trees);
        }
        match &outcome.result {
            CommandResult::Run(run) if self.counts && !run.results.is_empty() => {
                let tally = Tally::of_run(run);
                hub.blank_line();
                tally.completed(hub, run.cancelled);
                self.results(run);
                self.problems();
                hub.blank_line();
                tally.done(hub);
            }
            CommandResult::Freshness(run) => {
                self.freshness(run);
                self.problems();
                hub.say(Head::new(&FRESHNESS_CHECK_COMPLETE), || "Done.".into(), &|| json!({}));
            }
            CommandResult::Run(run) => {
                self.results(run);
                self.problems();
            }
            _ => self.problems(),
        }
    }

    /// Problems with their places: those of the command, then those of its nodes.
    fn problems(&self) {
        let mut problems: Vec<Diagnostic> = self.outcome.diagnostics.clone();
        match &self.outcome.result {
            CommandResult::Run(run) => {
                problems.extend(run.results.iter().filter_map(|result| result.diagnostic.as_deref().cloned()));
            }
            CommandResult::Freshness(run) => {
                problems.extend(run.results.iter().filter_map(|result| result.diagnostic.as_deref().cloned()));
            }
            _ => {}
        }
        if !problems.is_empty() {
            self.hub.problems(&problems);
        }
    }

    /// First what failed, then what warned.
    fn results(&self, run: &RunResults) {
        let failed = |result: &&std::sync::Arc<NodeResult>| {
            matches!(result.status, Status::Error | Status::Fail | Status::RuntimeError)
        };
        run.results.iter().filter(failed).for_each(|result| self.result(result, false));
        let warned = run.results.iter().filter(|result| result.status == Status::Warn);
        warned.for_each(|result| self.result(result, true));
    }

    fn result(&self, result: &NodeResult, warns: bool) {
        let (hub, node) = (self.hub, &result.node);
        let info = || info::quiet_info(node);
        let kind = node.resource_type.as_str();
        let (word, paint, heading) = match warns {
            true => ("Warning", Paint::Yellow, &RUN_RESULT_WARNING),
            false => ("Failure", Paint::Red, &RUN_RESULT_FAILURE),
        };
        self.gap();
        let text = || Text::from(format!("{word} in {kind} {} ({})", node.name, node.path)).painted(paint);
        let data = || json!({"node_info": info(), "node_name": node.name, "path": node.path, "resource_type": kind});
        hub.say(Head::new(heading).in_block(), text, &data);
        let story = match result.diagnostic.as_deref() {
            Some(diagnostic) => problem::text(diagnostic),
            None => result.message.clone().unwrap_or_else(|| result.status.as_str().to_owned()),
        };
        let data = || json!({"msg": story, "node_info": info()});
        match warns {
            true => hub.say(Head::new(&RUN_RESULT_WARNING_MESSAGE).in_block(), || story.as_str().into(), &data),
            false => hub.say(Head::new(&RUN_RESULT_ERROR).in_block(), || format!("  {story}").into(), &data),
        }
        if let Some(path) = &result.compiled_path {
            let path = self.root.join(path).display().to_string();
            let data = || json!({"node_info": info(), "path": path});
            self.gap();
            hub.say(Head::new(&SQL_COMPILED_PATH).in_block(), || format!("  compiled code at {path}").into(), &data);
        }
        if let Some(relation) = stored(node) {
            let query = format!("select * from {relation}");
            let border = "-".repeat(query.len());
            let text = || format!("  See test failures:\n  {border}\n  {query}\n  {border}").into();
            let data = || json!({"node_info": info(), "relation_name": relation});
            self.gap();
            hub.say(Head::new(&CHECK_NODE_TEST_FAILURE).in_block(), text, &data);
        }
    }

    fn gap(&self) {
        self.hub.say(Head::new(&FORMATTING).in_block(), || "".into(), &|| json!({"msg": ""}));
    }

    fn freshness(&self, run: &FreshnessResults) {
        for result in &run.results {
            let Some(diagnostic) = &result.diagnostic else { continue };
            let story = problem::text(diagnostic);
            let data = || json!({"msg": story, "node_info": info::quiet_info(&result.node)});
            self.gap();
            self.hub.say(Head::new(&RUN_RESULT_ERROR).in_block(), || format!("  {story}").into(), &data);
        }
    }
}

/// Where a test has stored its failing rows.
fn stored(node: &NodeRef) -> Option<&str> {
    let relation = |node: &Node| node.resource_type == crate::manifest::ResourceType::Test;
    match &node.member {
        Member::Node(node) if relation(node) => node.relation_name.as_deref(),
        _ => None,
    }
}

/// What a whole run came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pass: usize,
    warn: usize,
    error: usize,
    skip: usize,
    no_op: usize,
    partial: usize,
}

impl Tally {
    fn of_run(run: &RunResults) -> Self {
        let mut tally = Self::default();
        run.results.iter().for_each(|result| tally.add(result.status));
        tally
    }

    pub(super) fn add(&mut self, status: Status) {
        match status {
            Status::Success | Status::Pass => self.pass += 1,
            Status::Warn => self.warn += 1,
            Status::Error | Status::Fail | Status::RuntimeError => self.error += 1,
            Status::Skipped => self.skip += 1,
            Status::NoOp => self.no_op += 1,
            Status::PartialSuccess => self.partial += 1,
        }
    }

    /// `Completed successfully`, or what was wrong; to be followed by the problems.
    pub(super) fn completed(self, hub: &Hub, cancelled: bool) {
        let data = || {
            json!({
                "keyboard_interrupt": cancelled, "num_errors": self.error, "num_partial_success": self.partial,
                "num_warnings": self.warn,
            })
        };
        let text = || {
            let (errors, warnings) = (counted("error", self.error), counted("warning", self.warn));
            let partial = if self.partial == 1 { "success" } else { "successes" };
            let partial = format!("{} partial {partial}", self.partial);
            let (text, paint) = match self {
                _ if cancelled => ("Exited because of keyboard interrupt".to_owned(), Paint::Yellow),
                Self { error: 1.., .. } => (format!("Completed with {errors}, {partial}, and {warnings}:"), Paint::Red),
                Self { partial: 1.., .. } => (format!("Completed with {partial} and {warnings}"), Paint::Yellow),
                Self { warn: 1.., .. } => (format!("Completed with {warnings}:"), Paint::Yellow),
                _ => ("Completed successfully".to_owned(), Paint::Green),
            };
            Text::from(text).painted(paint)
        };
        hub.say(Head::new(&END_OF_RUN_SUMMARY), text, &data);
    }

    pub(super) fn done(self, hub: &Hub) {
        let Self { pass, warn, skip, no_op, .. } = self;
        let error = self.error + self.partial;
        let total = pass + warn + error + skip + no_op;
        let stats = json!({
            "error": error, "noop": no_op, "pass": pass, "reused": 0, "skip": skip, "total": total, "warn": warn,
        });
        let text = || {
            let counts = format!("PASS={pass} WARN={warn} ERROR={error} SKIP={skip} NO-OP={no_op} REUSED=0");
            format!("Done. {counts} TOTAL={total}").into()
        };
        hub.say(Head::new(&STATS_LINE), text, &|| json!({"stats": stats}));
    }
}
