//! One step on one thread.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use chrono::Utc;
use serde_json::Map;

use super::audit::{Audit, Audits};
use super::batches::Batches;
use super::coordinator::Runner;
use super::result::{NodeRef, NodeResult, Status, Timing};
use super::run::Settings;
use super::{Event, EventSink, Phase, clone, materialize, recover, test, unit_test};
use crate::adapter::journal::{Journal, Unit};
use crate::adapter::session::{Known, Session};
use crate::adapter::{DbError, DbErrorKind, Relation, RelationType};
use crate::compile::results::response_json;
use crate::compile::{Batch, Compiled, Failure, Runtime, Scope, Subject, UnitScope};
use crate::diag::log::{Detail, Level, LogEntry};
use crate::diag::{Code, Diagnostic};
use crate::manifest;
use crate::manifest::event_time::Microbatch;
use crate::manifest::{Node, Resource, ResourceType};
use crate::plan::{Step, Verb};

/// What all workers share.
#[derive(Clone)]
pub struct Worker {
    pub runtime: Arc<Runtime>,
    pub verb: Verb,
    pub settings: Settings,
    /// Hears what a node comes to while it runs.
    pub events: Arc<dyn EventSink>,
    pub audits: Arc<Audits>,
    /// Set before the first node, where one is kept.
    pub journal: Arc<OnceLock<Arc<Journal>>>,
}

/// How a node ended, before it is made a [`NodeResult`].
#[derive(Default)]
pub struct Ending {
    pub status: Option<Status>,
    pub message: Option<String>,
    pub failures: Option<u64>,
    pub adapter_response: Map<String, serde_json::Value>,
    /// Of a test that failed or warned.
    pub diagnostic: Option<Box<Diagnostic>>,
}

/// Times and findings of a step at work.
struct Attempt {
    /// From 1.
    number: u32,
    known: Known,
    timing: Vec<Timing>,
    compiled: Option<Arc<Compiled>>,
    /// `table` of `dbt_mysql`, once it is known.
    materialization: Option<String>,
}

/// Their macros come with us, and move rows in one transaction.
const KNOWN_STRATEGIES: [&str; 6] = ["default", "append", "delete+insert", "merge", "insert_overwrite", "microbatch"];

/// A deadlock, a lock wait or a lost connection is tried again this many times.
pub(super) const RETRIES: u32 = 4;

impl Runner for Worker {
    fn run(&self, step: &Step, thread: &str) -> NodeResult {
        match self.runtime.manifest.get(&step.unique_id) {
            Some(Resource::Node(node)) => self.node(node, thread),
            Some(Resource::UnitTest(test)) => {
                let node = NodeRef::of_unit_test(test);
                match UnitScope::new(&self.runtime, test) {
                    Ok(unit) => {
                        let subject = Subject::UnitTest(Arc::new(unit));
                        self.attempts(node, None, || self.runtime.scope(subject.clone(), thread))
                    }
                    Err(diagnostic) => failed(node, thread, diagnostic),
                }
            }
            _ => no_op(self.name(step), thread),
        }
    }

    fn is_batched(&self, step: &Step) -> bool {
        let manifest = &self.runtime.manifest;
        let builds = matches!(self.verb, Verb::Run | Verb::Build);
        builds && manifest.node(&step.unique_id).is_some_and(|node| manifest.is_batched(node))
    }

    fn batches(&self, step: &Step, thread: &str) -> Result<Batches, Box<NodeResult>> {
        let node = self.runtime.manifest.node(&step.unique_id);
        let Some((node, config)) = node.and_then(|node| Some((node, Microbatch::of(node)?))) else {
            return Err(Box::new(self.run(step, thread)));
        };
        let batches = self.split(node, config, thread);
        if batches.is_err() {
            self.batches_ended(step);
        }
        batches.map_err(|diagnostic| Box::new(failed(NodeRef::of_node(node), thread, diagnostic)))
    }

    fn batch(&self, step: &Step, batches: &Batches, at: usize, thread: &str) -> NodeResult {
        let Some(node) = self.runtime.manifest.node(&step.unique_id) else { return self.run(step, thread) };
        let batch = Batch {
            window: batches.windows[at],
            size: batches.size,
            first: at == 0,
            last: at + 1 == batches.windows.len(),
            incremental: at > 0 || batches.incremental,
        };
        let scope = || self.runtime.batch(node, batch.clone(), thread);
        let mut result = self.attempts(NodeRef::of_node(node), Some(node), scope);
        result.relation_name.clone_from(&node.relation_name);
        result
    }

    fn batches_ended(&self, step: &Step) {
        if let (Some(journal), Some(node)) = (self.journal.get(), self.runtime.manifest.node(&step.unique_id)) {
            journal.let_go(&self.unit(node, None));
        }
    }

    fn decided(&self, step: &Step) -> Option<NodeResult> {
        self.audits.outcome(&step.unique_id)
    }

    fn name(&self, step: &Step) -> NodeRef {
        match self.runtime.manifest.get(&step.unique_id) {
            Some(Resource::Node(node)) => NodeRef::of_node(node),
            Some(Resource::UnitTest(test)) => NodeRef::of_unit_test(test),
            Some(Resource::Source(source)) => NodeRef::of_source(source),
            Some(described) => NodeRef::of_described(&described),
            None => NodeRef::unknown(step),
        }
    }

    fn stop(&self) {
        // A statement that could not be stopped ends by itself.
        let _ = self.runtime.pool.cancel_all();
    }

    fn resume(&self) {
        self.runtime.pool.resume();
    }
}

impl Worker {
    fn node(&self, node: &Arc<Node>, thread: &str) -> NodeResult {
        if let Some(outcome) = self.audits.outcome(&node.unique_id) {
            return outcome;
        }
        let subject = Subject::Node(node.clone());
        let scope = || {
            let scope = self.runtime.scope(subject.clone(), thread);
            if let Some(tests) = self.audits.begin(&node.unique_id) {
                scope.set_auditor(Arc::new(Audit { worker: self.clone(), tests }));
            }
            scope
        };
        let mut result = self.attempts(NodeRef::of_node(node), Some(node), scope);
        result.relation_name.clone_from(&node.relation_name);
        result
    }

    /// One test of a node that is not published yet, in the session of that node.
    ///
    /// # Errors
    /// What stops or repeats the node and not only the test: a stop, a deadlock, a lost connection.
    pub(super) fn audit(
        &self,
        test: &Arc<Node>,
        outer: &Arc<Scope>,
        built: &Relation,
    ) -> Result<(NodeResult, bool), Failure> {
        let started = Instant::now();
        let scope = self.runtime.audit(test, outer, built);
        let mut attempt =
            Attempt { number: 1, known: Known::Well, timing: Vec::new(), compiled: None, materialization: None };
        let outcome = match self.once(&scope, Some(test), &mut attempt) {
            Err(failure) if failure.database.as_ref().is_some_and(|error| self.concerns_all(error)) => {
                return Err(failure);
            }
            outcome => outcome,
        };
        let stored = !scope.is_inside_transaction();
        let mut result = self.result(NodeRef::of_node(test), &scope, attempt, outcome, started);
        if stored {
            result.relation_name.clone_from(&test.relation_name);
        }
        Ok((result, stored))
    }

    fn concerns_all(&self, error: &DbError) -> bool {
        let ends = matches!(error.kind, DbErrorKind::Cancelled | DbErrorKind::Connection);
        ends || self.runtime.adapter().is_transient(error)
    }

    /// Cuts a microbatch model into batches: what there is in the warehouse decides with which it starts. From here on until
    /// the last batch, no other run builds the model: it would replace the table under our batches, or be replaced by ours.
    fn split(&self, node: &Arc<Node>, config: Microbatch, thread: &str) -> Result<Batches, Box<Diagnostic>> {
        let runtime = &self.runtime;
        let scope = runtime.node(node, thread);
        let existing = self.take_whole(&scope, node).map_err(|failure| failure.into_diagnostic(&scope))?;
        let is_table = existing.is_some_and(|relation| relation.is(RelationType::Table));
        let asked_for = || runtime.project.flags.get("FULL_REFRESH").and_then(serde_json::Value::as_bool);
        let full_refresh = node.config.full_refresh().or_else(asked_for).unwrap_or(false);
        let settings = &self.settings.batches;
        // A retry adds to what the run before has built, whatever it was told then. Without that, all is to be built.
        let before = settings.before.get(&*node.unique_id).filter(|_| is_table);
        let now = settings.now.unwrap_or(runtime.project.invocation.started_at);
        let incremental = is_table && (!full_refresh || before.is_some());
        let windows = match before {
            Some(before) => before.failed.clone(),
            None => config.batches(settings.asked, incremental, now),
        };
        let adapter = runtime.adapter();
        let allowed = || config.concurrent.unwrap_or_else(|| !runtime.mentions(node, "this"));
        let alone = adapter.makes_partitions() && manifest::makes_partitions(node);
        Ok(Batches {
            windows,
            size: config.size,
            incremental,
            concurrent: adapter.capabilities().concurrent_batches && !alone && allowed(),
            done_before: before.map(|before| before.successful.clone()).unwrap_or_default(),
        })
    }

    /// What there is of a microbatch model, once no other run builds it.
    fn take_whole(&self, scope: &Arc<Scope>, node: &Node) -> Result<Option<Relation>, Failure> {
        if let Some(journal) = self.journal.get() {
            let unit = self.unit(node, None);
            scope.session()?.hold(journal, &unit)?;
            recover::restore(scope, &unit)?;
        }
        scope.existing()
    }

    fn unit(&self, node: &Node, batch: Option<String>) -> Unit {
        let relation = self.runtime.node_relation(node);
        Unit {
            schema: relation.schema.unwrap_or_default(),
            identifier: relation.identifier.unwrap_or_default(),
            batch,
            node: node.unique_id.to_string(),
        }
    }

    /// Tries again after a deadlock where that repeats nothing that has been committed.
    fn attempts(&self, name: NodeRef, node: Option<&Arc<Node>>, new_scope: impl Fn() -> Arc<Scope>) -> NodeResult {
        let started = Instant::now();
        let (mut tried, mut known) = (0, Known::Well);
        loop {
            let scope = new_scope();
            let mut attempt =
                Attempt { number: tried + 1, known, timing: Vec::new(), compiled: None, materialization: None };
            let outcome = self.once(&scope, node, &mut attempt);
            if let Some(session) = scope.used_session() {
                session.close_transaction_after_error();
            }
            if let Err(Failure { database: Some(error), .. }) = &outcome
                && self.runtime.adapter().is_transient(error)
            {
                self.runtime.pool.note_conflict();
            }
            let is_lost = outcome.as_ref().is_err_and(Failure::is_lost);
            if is_lost {
                known = Known::Badly;
            }
            match outcome {
                Err(failure) if tried < RETRIES && self.may_retry(&scope, node, &failure) => {
                    // Of a lost connection, the next attempt does that, when it has the lock.
                    if !is_lost {
                        scope.drop_leftovers();
                    }
                    tried += 1;
                    self.tell_retry(&scope, &failure, tried);
                    leave(&scope);
                    pause(tried);
                }
                outcome => {
                    let failed = outcome.is_err();
                    let result = self.result(name, &scope, attempt, outcome, started);
                    let has_lock = || scope.used_session().is_some_and(|session| session.enter_again().is_ok());
                    if failed && (!is_lost || has_lock()) {
                        scope.drop_leftovers();
                    }
                    leave(&scope);
                    return result;
                }
            }
        }
    }

    fn once(&self, scope: &Arc<Scope>, node: Option<&Arc<Node>>, attempt: &mut Attempt) -> Result<Ending, Failure> {
        let tell = |phase| {
            let Some(unique_id) = scope.subject.unique_id().filter(|_| !scope.is_audit()) else { return };
            self.events.event(&Event::NodePhase { unique_id: unique_id.clone(), phase });
        };
        tell(Phase::Compiling);
        let started_at = Utc::now();
        if self.verb == Verb::Clone {
            // The node's own SQL is not looked at.
            self.enter(scope, node, attempt)?;
            let ending = clone::run(scope, &mut attempt.materialization);
            attempt.timing.push(Timing { name: "execute", started_at, completed_at: Utc::now() });
            return ending;
        }
        let compiled = scope.compile();
        attempt.timing.push(Timing { name: "compile", started_at, completed_at: Utc::now() });
        let compiled = compiled?;
        attempt.compiled = Some(compiled);
        let resource_type = node.map_or(ResourceType::UnitTest, |node| node.resource_type);
        tell(Phase::Executing);
        self.enter(scope, node, attempt)?;
        let started_at = Utc::now();
        let ending = match (self.verb, resource_type) {
            (Verb::Compile | Verb::Show, _) | (_, ResourceType::Analysis) => Ok(Ending::default()),
            (_, ResourceType::Test) => test::run(scope, &self.settings, &mut attempt.materialization),
            (_, ResourceType::UnitTest) => unit_test::run(scope, &mut attempt.materialization),
            _ => materialize::run(scope, &mut attempt.materialization),
        };
        attempt.timing.push(Timing { name: "execute", started_at, completed_at: Utc::now() });
        ending
    }

    /// Takes the lock of what is built, where a journal is kept, and undoes what a dead run has half done.
    fn enter(&self, scope: &Arc<Scope>, node: Option<&Arc<Node>>, attempt: &Attempt) -> Result<(), Failure> {
        let (Some(journal), Some(node)) = (self.journal.get(), node) else { return Ok(()) };
        let builds = matches!(node.resource_type, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot);
        if !builds || node.is_ephemeral() || matches!(self.verb, Verb::Compile | Verb::Show) {
            return Ok(());
        }
        if node.resource_type == ResourceType::Model && node.config.materialized() == "view" {
            // One statement makes or replaces a view.
            let existing = scope.existing()?;
            if existing.is_none_or(|relation| relation.is(RelationType::View)) {
                return Ok(());
            }
        }
        let unit = self.unit(node, scope.batch().map(|batch| batch.id()));
        scope.session()?.enter(journal, unit.clone(), attempt.number, attempt.known)?;
        recover::restore(scope, &unit)
    }

    /// Safe to repeat: nothing of the user's ran (hooks), and what did run can run again.
    fn may_retry(&self, scope: &Scope, node: Option<&Arc<Node>>, failure: &Failure) -> bool {
        let Some(error) = &failure.database else { return false };
        let is_transient = self.runtime.adapter().is_transient(error);
        if !(is_transient || error.lost) || self.runtime.pool.is_cancelled() {
            return false;
        }
        let Some(node) = node else { return true };
        let hooks =
            ["pre-hook", "post-hook"].iter().any(|key| scope.runs_hooks(key) && !node.config.hooks(key).is_empty());
        if hooks {
            return false;
        }
        if matches!(node.config.materialized(), "view" | "table" | "test") {
            return true;
        }
        if scope.used_session().is_some_and(Session::has_committed) {
            return false;
        }
        // Whose rows are moved in one transaction, by statements that are known.
        let is_ours = self.runtime.materialization(node.config.materialized()).is_some_and(|found| found.embedded);
        let strategy = node.config.get("incremental_strategy").and_then(serde_json::Value::as_str);
        let known_strategy = strategy.is_none_or(|strategy| KNOWN_STRATEGIES.contains(&strategy));
        let is_unit = is_ours && known_strategy && self.journal.get().is_some();
        is_unit || (is_transient && scope.stored("main").is_none())
    }

    fn tell_retry(&self, scope: &Scope, failure: &Failure, tried: u32) {
        let why = failure.database.as_ref().map(ToString::to_string).unwrap_or_default();
        let text = format!("Trying {} again ({tried} of {RETRIES}): {why}", scope.subject.describe());
        let node = scope.subject.unique_id().map(|id| &**id);
        let (level, thread) = (Level::Debug, Some(scope.thread()));
        let entry = LogEntry { level, node, thread, event: "Note", text: &text, detail: Detail::Message };
        self.runtime.log.write(&entry);
    }

    fn result(
        &self,
        name: NodeRef,
        scope: &Arc<Scope>,
        attempt: Attempt,
        outcome: Result<Ending, Failure>,
        started: Instant,
    ) -> NodeResult {
        let thread = scope.thread().to_owned();
        let elapsed = started.elapsed();
        let mut response = scope.stored("main").map(|stored| response_json(&stored.response)).unwrap_or_default();
        if let Some(contract) = scope.contract_outcome() {
            response.insert("contract".to_owned(), serde_json::Value::Object(contract));
        }
        let ending = match outcome {
            Ok(ending) => ending,
            Err(failure) => self.failure(scope, &attempt, failure, elapsed),
        };
        NodeResult {
            unique_id: name.unique_id.clone(),
            node: name,
            status: ending.status.unwrap_or(Status::Success),
            timing: attempt.timing,
            thread_id: thread,
            execution_time: elapsed.as_secs_f64(),
            adapter_response: if ending.adapter_response.is_empty() { response } else { ending.adapter_response },
            message: ending.message,
            failures: ending.failures,
            compiled: Some(attempt.compiled.is_some()),
            compiled_path: attempt.compiled.as_ref().and_then(|compiled| self.runtime.shown_path(compiled)),
            build_path: scope.build_path(),
            extra_ctes: attempt.compiled.as_ref().map(|compiled| self.runtime.extra_ctes(compiled)).unwrap_or_default(),
            compiled_code: attempt.compiled.map(|compiled| scope.shown_sql(&compiled)),
            relation_name: None,
            batch_results: None,
            rows: None,
            diagnostic: ending.diagnostic,
        }
    }

    fn failure(&self, scope: &Arc<Scope>, attempt: &Attempt, failure: Failure, elapsed: Duration) -> Ending {
        if failure.is_cancelled() {
            let diagnostic = Diagnostic::error(Code::Cancelled, format!("{} was cancelled", scope.subject.describe()));
            return Ending {
                status: Some(Status::Error),
                message: Some("cancelled".to_owned()),
                diagnostic: Some(diagnostic.boxed()),
                ..Ending::default()
            };
        }
        let mut diagnostic = failure.into_diagnostic(scope);
        if let Some(materialization) = &attempt.materialization {
            let number = scope.thread().chars().filter(char::is_ascii_digit).collect::<String>();
            let seconds = elapsed.as_secs_f64();
            let note = format!("from materialization {materialization}, thread {number}, after {seconds:.2} s");
            diagnostic.notes.push(note);
        }
        Ending {
            status: Some(Status::Error),
            message: Some(diagnostic.message.clone()),
            diagnostic: Some(diagnostic),
            ..Ending::default()
        }
    }
}

/// Others need not wait until the session is used for something else.
fn leave(scope: &Scope) {
    if let Some(session) = scope.used_session() {
        session.leave();
    }
}

/// A node that could not even begin.
fn failed(node: NodeRef, thread: &str, diagnostic: Box<Diagnostic>) -> NodeResult {
    NodeResult {
        status: Status::Error,
        thread_id: thread.to_owned(),
        message: Some(diagnostic.message.clone()),
        diagnostic: Some(diagnostic),
        ..NodeResult::skipped(node, None)
    }
}

fn no_op(node: NodeRef, thread: &str) -> NodeResult {
    let message = Some("NO-OP".to_owned());
    NodeResult { status: Status::NoOp, thread_id: thread.to_owned(), ..NodeResult::skipped(node, message) }
}

/// Waits longer with every try, and never two workers the same time.
pub(super) fn pause(tried: u32) {
    let jitter = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.subsec_nanos() % 50);
    std::thread::sleep(Duration::from_millis(u64::from(25 * (1 << tried) + jitter)));
}
