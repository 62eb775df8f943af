//! One run from its first hook to its last file.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use chrono::{DateTime, Utc};

use super::audit::Audits;
use super::coordinator::{self, Runner, Work};
use super::hooks::{self, When};
use super::result::{BatchResults, NodeRef, NodeResult, RunResults, Status};
use super::worker::Worker;
use super::{CancelToken, Event, EventSink, prepare, recover};
use crate::adapter::journal::Journal;
use crate::compile::Runtime;
use crate::diag::{Code, Diagnostic};
use crate::manifest::ResourceType;
use crate::manifest::event_time::Window;
use crate::plan::{Plan, Step, Verb};

/// What the command line says about running.
#[derive(Debug, Clone)]
pub struct Settings {
    /// At least 1.
    pub threads: usize,
    /// Stop at the first error or failed test.
    pub fail_fast: bool,
    /// Warnings of tests are failures.
    pub warn_error: bool,
    /// So are sources older than `warn_after`.
    pub stale_is_error: bool,
    pub populate: Populate,
    /// `compile`: with the hooks, which dbt takes for nodes of the project.
    pub compiles_hooks: bool,
    pub batches: BatchSettings,
}

/// Which relations are listed before the first node; what is not listed then is listed when it is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Populate {
    Nothing,
    /// The schemas of the plan.
    #[default]
    Selected,
    /// The schemas of the whole project.
    Everything,
}

/// Which batches of microbatch models run.
#[derive(Debug, Clone, Default)]
pub struct BatchSettings {
    /// Those of this time, instead of the newest.
    pub asked: Option<Window>,
    /// When the newest batch is; None is the start of the invocation. A retry means the run before.
    pub now: Option<DateTime<Utc>>,
    /// By `unique_id`: a run before that failed in part, of which only the failed batches are run again.
    pub before: HashMap<String, BatchResults>,
}

/// What [`run`] needs.
pub struct Job {
    pub runtime: Arc<Runtime>,
    pub plan: Plan,
    pub settings: Settings,
    pub events: Arc<dyn EventSink>,
    pub cancel: CancelToken,
}

/// Runs the plan. Never fails as a whole: what went wrong is in the results.
pub fn run(job: &Job) -> RunResults {
    let (started_at, clock) = (Utc::now(), Instant::now());
    let pool = job.runtime.pool.clone();
    let mut outcome = Outcome::default();
    job.cancel.attach(move || {
        // Each statement that could not be stopped ends by itself; its node is still reported.
        let _ = pool.cancel_all();
    });
    let journal = Arc::new(OnceLock::new());
    let runner: Arc<dyn Runner> = Arc::new(Worker {
        journal: journal.clone(),
        runtime: job.runtime.clone(),
        verb: job.plan.verb,
        settings: job.settings.clone(),
        events: job.events.clone(),
        audits: Arc::new(Audits::new(job.plan.audits.clone())),
    });
    go(job, &runner, &journal, &mut outcome);
    job.cancel.detach();
    if let Some(journal) = journal.get() {
        journal.close();
    }
    let mut diagnostics = outcome.diagnostics;
    diagnostics.extend(job.runtime.finish_files());
    let elapsed = clock.elapsed().as_secs_f64();
    job.events.event(&Event::RunFinished { counts: counts(job, outcome.hooks), seconds: elapsed });
    let cancelled = job.cancel.is_cancelled();
    let failed =
        outcome.results.iter().any(|result| result.status.is_failure()) || diagnostics.iter().any(Diagnostic::is_error);
    RunResults {
        results: outcome.results,
        elapsed,
        started_at,
        generated_at: Utc::now(),
        invocation_id: job.runtime.project.invocation.id.clone(),
        success: !failed && !cancelled,
        cancelled,
        diagnostics,
    }
}

#[derive(Default)]
struct Outcome {
    results: Vec<Arc<NodeResult>>,
    diagnostics: Vec<Diagnostic>,
    hooks: usize,
}

fn go(job: &Job, runner: &Arc<dyn Runner>, journal: &OnceLock<Arc<Journal>>, outcome: &mut Outcome) {
    let verb = job.plan.verb;
    let target = job.runtime.project.profile.target_name.clone();
    let nodes = job.plan.steps.len();
    job.events.event(&Event::Concurrency { threads: job.settings.threads, target, nodes });
    if builds(verb)
        && let Err(diagnostic) = prepare::schemas(&job.runtime, &job.plan, job.settings.populate)
    {
        outcome.diagnostics.push(*diagnostic);
        return;
    }
    if builds(verb) && job.plan.steps.iter().any(|step| is_journaled(job, step)) {
        match recover::open(&job.runtime) {
            Ok(opened) => opened.into_iter().for_each(|opened| drop(journal.set(opened))),
            Err(diagnostic) => {
                outcome.diagnostics.push(*diagnostic);
                return;
            }
        }
    }
    if has_hooks(verb) {
        let start = hooks::run(job, When::Start, &[]);
        outcome.hooks += start.results.len();
        let failed = start.failed();
        outcome.results.extend(start.results);
        if failed && job.runtime.project.behaves("skip_nodes_if_on_run_start_fails") {
            skip_all(job, runner.as_ref(), outcome);
            return;
        }
    }
    let compiles_hooks = verb == Verb::Compile && job.settings.compiles_hooks;
    if compiles_hooks {
        outcome.results.extend(hooks::compile(job, When::Start));
    }
    let work = Work {
        steps: &job.plan.steps,
        failed_tests_block: job.plan.failed_tests_block,
        threads: job.settings.threads,
        fail_fast: job.settings.fail_fast,
    };
    outcome.results.extend(coordinator::run(&work, runner, &job.events, &job.cancel));
    if compiles_hooks {
        outcome.results.extend(hooks::compile(job, When::End));
    }
    if has_hooks(verb) && !job.cancel.is_cancelled() {
        // As in dbt, on-run-end does not see what became of on-run-start.
        let end = hooks::run(job, When::End, &outcome.results[outcome.hooks..]);
        outcome.hooks += end.results.len();
        outcome.results.extend(end.results);
    }
}

/// Whether the step builds something that can be left half done. A view is there or not.
fn is_journaled(job: &Job, step: &Step) -> bool {
    let Some(node) = job.runtime.manifest.node(&step.unique_id) else { return false };
    match node.resource_type {
        ResourceType::Model => !node.is_ephemeral() && node.config.materialized() != "view",
        ResourceType::Seed | ResourceType::Snapshot => true,
        _ => false,
    }
}

/// Whether the command makes relations.
fn builds(verb: Verb) -> bool {
    matches!(verb, Verb::Build | Verb::Run | Verb::Test | Verb::Seed | Verb::Snapshot | Verb::Clone)
}

/// dbt's `clone` has none.
fn has_hooks(verb: Verb) -> bool {
    builds(verb) && verb != Verb::Clone
}

/// A failed on-run-start hook: nothing was set up, so nothing runs.
fn skip_all(job: &Job, runner: &dyn Runner, outcome: &mut Outcome) {
    let total = job.plan.steps.len();
    for (at, step) in job.plan.steps.iter().enumerate() {
        let result = Arc::new(NodeResult::skipped(runner.name(step), None));
        job.events.event(&Event::NodeFinished { index: at + 1, total, result: result.clone(), blocks: false });
        outcome.results.push(result);
    }
}

/// `2 table models, 1 seed`: what ran, in dbt's order of words.
pub(super) fn counts(job: &Job, hooks: usize) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for step in &job.plan.steps {
        let word = match step.resource_type {
            ResourceType::Model => match job.runtime.manifest.node(&step.unique_id) {
                Some(model) => format!("{} model", model.config.materialized()),
                None => "model".to_owned(),
            },
            other => other.as_str().to_owned(),
        };
        *counts.entry(word).or_default() += 1;
    }
    if hooks > 0 {
        counts.insert("project hook".to_owned(), hooks);
    }
    let said = |word: String| if word == "test" { "data test".to_owned() } else { word.replace('_', " ") };
    counts.into_iter().map(|(word, count)| (said(word), count)).collect()
}

/// What became of a worker that panicked: a bug of ours, told as one.
pub(super) fn panicked(node: NodeRef, thread: &str, panic: &(dyn std::any::Any + Send)) -> NodeResult {
    let what = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown".to_owned());
    let message = format!("headwater failed while running `{}`: {what}", node.name);
    let diagnostic = Diagnostic::error(Code::Internal, message.clone())
        .help("this is a bug of headwater: please report it with the version and the command")
        .node(&*node.unique_id);
    NodeResult {
        status: Status::Error,
        thread_id: thread.to_owned(),
        message: Some(message),
        diagnostic: Some(diagnostic.boxed()),
        ..NodeResult::skipped(node, None)
    }
}
