//! The batches of one microbatch model: which one may run when, and what they come to.
//!
//! The first runs alone, because it may make the table; so does the last, because it runs the post-hooks. Those between
//! run side by side where the model allows it. A first batch that fails ends the model; any other fails alone.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};

use super::result::{BatchResults, NodeRef, NodeResult, Status, Timing};
use crate::diag::{Code, Diagnostic};
use crate::manifest::event_time::{BatchSize, Window};

/// What is to be done, decided when the model's turn comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batches {
    pub windows: Vec<Window>,
    pub size: BatchSize,
    /// The first batch adds to a table that is there.
    pub incremental: bool,
    /// Batches between the first and the last may run at the same time.
    pub concurrent: bool,
    /// Batches of the run that is retried, which are not run again.
    pub done_before: Vec<Window>,
}

/// How far the batches of a model are.
pub(super) struct Progress {
    pub batches: Arc<Batches>,
    /// The model's number among the steps.
    pub index: usize,
    node: NodeRef,
    thread: String,
    started: Instant,
    started_at: DateTime<Utc>,
    results: Vec<Option<Arc<NodeResult>>>,
    /// Batches that have been handed out.
    next: usize,
}

impl Progress {
    pub(super) fn new(batches: Batches, index: usize, node: NodeRef, thread: String) -> Self {
        let results = vec![None; batches.windows.len()];
        let (started, started_at) = (Instant::now(), Utc::now());
        Self { batches: Arc::new(batches), index, node, thread, started, started_at, results, next: 0 }
    }

    /// The batches that may be started now; each is given once.
    pub(super) fn ready(&mut self) -> std::ops::Range<usize> {
        let (count, ended) = (self.results.len(), self.ended());
        let from = self.next;
        let to = match from {
            0 => 1,
            _ if self.first_failed() => from,
            _ if from + 1 < count && self.batches.concurrent && ended == from => count - 1,
            _ if ended == from => from + 1,
            _ => from,
        };
        self.next = to.min(count);
        from..self.next
    }

    pub(super) fn end(&mut self, at: usize, result: Arc<NodeResult>) {
        self.results[at] = Some(result);
    }

    /// Nothing runs, and nothing else is to run.
    pub(super) fn is_over(&self) -> bool {
        self.ended() == self.results.len() || (self.ended() == self.next && self.first_failed())
    }

    /// What was never started.
    pub(super) fn left(&self) -> std::ops::Range<usize> {
        self.next..self.results.len()
    }

    fn ended(&self) -> usize {
        self.results.iter().filter(|result| result.is_some()).count()
    }

    fn first_failed(&self) -> bool {
        matches!(self.results.first(), Some(Some(first)) if first.status != Status::Success)
    }

    /// The model's own result. Batches that did not run count as failed, so that `retry` runs them.
    pub(super) fn join(self) -> NodeResult {
        let mut outcome = BatchResults::default();
        for (window, result) in self.batches.windows.iter().zip(&self.results) {
            let is_success = result.as_ref().is_some_and(|result| result.status == Status::Success);
            if is_success { outcome.successful.push(*window) } else { outcome.failed.push(*window) }
        }
        let (good, all) = (outcome.successful.len(), self.results.len());
        let (status, message) = match (good, outcome.failed.len()) {
            (_, 0) => (Status::Success, "SUCCESS".to_owned()),
            (0, _) => (Status::Error, "ERROR".to_owned()),
            _ => (Status::PartialSuccess, format!("PARTIAL SUCCESS ({good}/{all})")),
        };
        let diagnostic = self.diagnostic(all - good);
        outcome.successful.extend(&self.batches.done_before);
        let completed_at = Utc::now();
        let timing = |name, started_at| Timing { name, started_at, completed_at };
        NodeResult {
            status,
            message: Some(message),
            thread_id: self.thread,
            timing: vec![
                Timing { completed_at: self.started_at, ..timing("compile", self.started_at) },
                timing("execute", self.started_at),
            ],
            execution_time: self.started.elapsed().as_secs_f64(),
            failures: Some(0),
            batch_results: Some(outcome),
            diagnostic,
            relation_name: self.results.iter().flatten().find_map(|result| result.relation_name.clone()),
            ..NodeResult::skipped(self.node, None)
        }
    }

    /// The problem of the first batch that failed, with the names of all that did.
    fn diagnostic(&self, failed: usize) -> Option<Box<Diagnostic>> {
        if failed == 0 {
            return None;
        }
        let mut diagnostics = self.results.iter().flatten().filter_map(|result| result.diagnostic.as_ref());
        // A batch that was stopped has less to say than one that failed by itself.
        let found = diagnostics.clone().find(|diagnostic| diagnostic.code != Code::Cancelled).or(diagnostics.next());
        let message = || format!("model `{}` was stopped before its first batch", self.node.name);
        let cancelled = || Diagnostic::error(Code::Cancelled, message()).node(&*self.node.unique_id).boxed();
        let mut diagnostic = found.cloned().unwrap_or_else(cancelled);
        const SHOWN: usize = 5;
        let windows = self.batches.windows.iter().zip(&self.results);
        let names: Vec<String> = windows
            .filter(|(_, result)| !result.as_ref().is_some_and(|result| result.status == Status::Success))
            .map(|(window, _)| format!("`{}`", self.batches.size.label(window.start)))
            .collect();
        let more = names.len().saturating_sub(SHOWN);
        let mut listed = names[..names.len() - more].join(", ");
        if more > 0 {
            listed.push_str(&format!(" and {more} more"));
        }
        let all = self.results.len();
        let verb = if failed == 1 { "was" } else { "were" };
        diagnostic.notes.push(format!("{failed} of {all} batches {verb} not built: {listed}"));
        diagnostic.helps.push("`headwater retry` builds only these".to_owned());
        Some(diagnostic)
    }
}
