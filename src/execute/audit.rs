//! `publish: tested`: the tests of a node run on what it has built, in its own session, right before that is put in place.
//! Where one fails, readers keep the version of before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::result::{NodeResult, Status};
use super::worker::Worker;
use crate::adapter::Relation;
use crate::compile::{Auditor, Failure, Scope};
use crate::diag::{Code, Diagnostic, Span};
use crate::manifest::{Node, UniqueId};
use crate::plan;

/// The tests of a run that are done as a part of other nodes, and what came of them.
#[derive(Default)]
pub struct Audits {
    tests: plan::Audits,
    outcomes: Mutex<HashMap<UniqueId, NodeResult>>,
}

impl Audits {
    pub fn new(tests: plan::Audits) -> Self {
        Self { tests, outcomes: Mutex::default() }
    }

    /// The tests that this node waits for; what came of them in an attempt before is forgotten.
    pub fn begin(&self, node: &UniqueId) -> Option<Vec<UniqueId>> {
        let tests = self.tests.get(node)?;
        let mut outcomes = self.lock();
        tests.iter().for_each(|test| drop(outcomes.remove(test)));
        Some(tests.clone())
    }

    pub fn outcome(&self, test: &UniqueId) -> Option<NodeResult> {
        self.lock().get(test).cloned()
    }

    fn keep(&self, result: NodeResult) {
        self.lock().insert(result.unique_id.clone(), result);
    }

    // Outcomes are put in and taken out whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<UniqueId, NodeResult>> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tests of one node.
pub struct Audit {
    pub worker: Worker,
    pub tests: Vec<UniqueId>,
}

impl Auditor for Audit {
    fn audit(&self, scope: &Arc<Scope>, built: &Relation) -> Result<(), Failure> {
        let runtime = &self.worker.runtime;
        let mut outcomes = Vec::with_capacity(self.tests.len());
        for test in self.tests.iter().filter_map(|id| runtime.manifest.node(id)) {
            let (result, stored) = self.worker.audit(test, scope, built)?;
            // After an error a transaction may take no more statements.
            let is_last = result.status == Status::Error;
            outcomes.push((test, result, stored));
            if is_last {
                break;
            }
        }
        let failed = outcomes.iter().filter(|(_, result, _)| result.status.is_failure()).count();
        let problem = (failed > 0).then(|| not_published(scope, &outcomes, failed, self.tests.len()));
        for (test, result, stored) in outcomes {
            // Its failing rows are to be kept: it runs once more, outside of the transaction.
            if problem.is_some() || stored || !stores(scope, test) {
                self.worker.audits.keep(result);
            }
        }
        problem.map_or(Ok(()), |problem| Err(problem.into()))
    }
}

fn stores(scope: &Scope, test: &Node) -> bool {
    let asked_for = || scope.runtime.project.flags.get("STORE_FAILURES").and_then(serde_json::Value::as_bool);
    test.config.store_failures().or_else(asked_for).unwrap_or(false)
}

fn not_published(
    scope: &Arc<Scope>,
    outcomes: &[(&Arc<Node>, NodeResult, bool)],
    failed: usize,
    all: usize,
) -> Box<Diagnostic> {
    let tests = if all == 1 { "test" } else { "tests" };
    let before = match scope.existing().is_ok_and(|existing| existing.is_some()) {
        true => "readers keep the version of before",
        false => "there is no version of before",
    };
    let who = scope.subject.describe();
    let message = format!("{who} was not published: {failed} of {all} {tests} failed on the new version; {before}");
    let mut diagnostic = Diagnostic::error(Code::NotPublished, message);
    if let Some(span) = scope.subject.node().and_then(|node| place(node)) {
        diagnostic = diagnostic.at(span, "");
    }
    for (test, result, _) in outcomes.iter().filter(|(_, result, _)| result.status.is_failure()) {
        let message = result.message.as_deref().unwrap_or_default();
        diagnostic = diagnostic.note(format!("test `{}`: {message}", test.name));
    }
    diagnostic
        .help("mend the data or the model and run `headwater retry`; `severity: warn` lets a test pass with a warning")
        .boxed()
}

/// Where the config stands in the node's own text, else where that begins.
fn place(node: &Node) -> Option<Span> {
    let text = node.body.text();
    let start = node.body.range.start as usize;
    if let Some(at) = text.find("publish") {
        return Some(Span::new(&node.body.file, start + at..start + at + "publish".len()));
    }
    let at = start + (text.len() - text.trim_start().len());
    (!text.trim().is_empty()).then(|| Span::line(&node.body.file, node.body.file.line_column(at).0))
}
