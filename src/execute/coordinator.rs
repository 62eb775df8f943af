//! Who runs when: one thread owns the state of all steps, workers only hear of the step that they are to do.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use super::batches::{Batches, Progress};
use super::result::{NodeRef, NodeResult, Status};
use super::run::panicked;
use super::{CancelToken, Event, EventSink};
use crate::diag::{Code, Diagnostic};
use crate::manifest::ResourceType;
use crate::plan::Step;

/// Who does the steps.
pub trait Runner: Send + Sync {
    /// Does one step, on a thread of this name. Called on many threads at once.
    fn run(&self, step: &Step, thread: &str) -> NodeResult;

    /// Whether a step is done in batches. Asks no database.
    fn is_batched(&self, _step: &Step) -> bool {
        false
    }

    /// The batches of a step, or why it cannot be done.
    fn batches(&self, step: &Step, thread: &str) -> Result<Batches, Box<NodeResult>> {
        Err(Box::new(self.run(step, thread)))
    }

    /// Does one batch of a step.
    fn batch(&self, step: &Step, _batches: &Batches, _at: usize, thread: &str) -> NodeResult {
        self.run(step, thread)
    }

    /// All batches of a step have ended, or will not begin.
    fn batches_ended(&self, _step: &Step) {}

    /// What came of a step that was done as a part of another one.
    fn decided(&self, _step: &Step) -> Option<NodeResult> {
        None
    }

    /// What a step is called in results.
    fn name(&self, step: &Step) -> NodeRef;

    /// Ends the steps that run, because their results are of no use any more.
    fn stop(&self);

    /// Allows work again after [`Runner::stop`]: on-run-end hooks follow.
    fn resume(&self);
}

/// The steps and the rules that stop them.
pub struct Work<'a> {
    pub steps: &'a [Step],
    pub failed_tests_block: bool,
    pub threads: usize,
    pub fail_fast: bool,
}

/// A worker is through with a step or a part of it.
struct Done {
    step: usize,
    what: Ended,
}

enum Ended {
    Step {
        index: usize,
        result: Box<NodeResult>,
    },
    /// It is known what the batches of a step are; none has begun.
    Split(Box<Progress>),
    Batch {
        at: usize,
        result: Arc<NodeResult>,
    },
}

/// What a worker can be given: a step, or one batch of a step. Steps are in the order in which they should run, so their
/// index is their priority.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    Step(usize),
    Batch(usize, usize),
}

impl Task {
    fn step(&self) -> usize {
        match self {
            Self::Step(at) | Self::Batch(at, _) => *at,
        }
    }
}

const FAIL_FAST: &str = "Skipping due to fail_fast";
const CANCELLED: &str = "cancelled";

/// Runs all steps and gives their results in the order in which they ended.
pub fn run(
    work: &Work<'_>,
    runner: &Arc<dyn Runner>,
    events: &Arc<dyn EventSink>,
    cancel: &CancelToken,
) -> Vec<Arc<NodeResult>> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(work.threads.max(1))
        .thread_name(|at| format!("Thread-{} (worker)", at + 1))
        .build();
    let (sender, receiver) = mpsc::channel();
    let mut state = State {
        work,
        runner,
        events,
        cancel,
        waiting_for: work.steps.iter().map(|step| step.blocked_by.len()).collect(),
        skip: vec![false; work.steps.len()],
        finished: vec![false; work.steps.len()],
        ready: BinaryHeap::new(),
        batched: HashMap::new(),
        waiting_batched: Vec::new(),
        running: 0,
        started: 0,
        stopped: None,
        results: Vec::with_capacity(work.steps.len()),
    };
    match pool {
        Ok(pool) => state.drive(&pool, &sender, &receiver),
        Err(error) => state.stopped = Some(format!("no threads could be started: {error}")),
    }
    state.skip_rest();
    if state.stopped.as_deref() == Some(FAIL_FAST) && !cancel.is_cancelled() {
        runner.resume();
    }
    state.results
}

struct State<'a> {
    work: &'a Work<'a>,
    runner: &'a Arc<dyn Runner>,
    events: &'a Arc<dyn EventSink>,
    cancel: &'a CancelToken,
    /// Blockers that have not ended yet.
    waiting_for: Vec<usize>,
    /// A blocker failed or was skipped for one that did.
    skip: Vec<bool>,
    finished: Vec<bool>,
    ready: BinaryHeap<Reverse<(usize, Task)>>,
    /// Steps that are being done in batches; None until the batches are known.
    batched: HashMap<usize, Option<Progress>>,
    /// Steps of that kind that are ready, but too many of them are at work already.
    waiting_batched: Vec<usize>,
    running: usize,
    started: usize,
    /// Why no more steps are started.
    stopped: Option<String>,
    results: Vec<Arc<NodeResult>>,
}

impl State<'_> {
    fn drive(&mut self, pool: &rayon::ThreadPool, sender: &Sender<Done>, receiver: &Receiver<Done>) {
        let open = (0..self.work.steps.len()).filter(|at| self.waiting_for[*at] == 0);
        open.collect::<Vec<_>>().into_iter().for_each(|at| self.push(Task::Step(at)));
        loop {
            self.dispatch(pool, sender);
            if self.running == 0 {
                break;
            }
            // Workers always answer: panics are caught there.
            let Ok(done) = receiver.recv() else { break };
            self.take(done);
            // What else has ended meanwhile may open better steps than those that are ready now.
            while let Ok(done) = receiver.try_recv() {
                self.take(done);
            }
        }
        // A stop leaves batches that were never started.
        let mut stopped: Vec<usize> = self.batched.keys().copied().collect();
        stopped.sort_unstable();
        stopped.into_iter().for_each(|at| self.join(at));
    }

    fn push(&mut self, task: Task) {
        self.ready.push(Reverse((task.step(), task)));
    }

    fn take(&mut self, done: Done) {
        self.running -= 1;
        match done.what {
            Ended::Step { index, result } => {
                self.batched.remove(&done.step);
                self.finish(done.step, index, *result);
                self.release_batched();
            }
            Ended::Split(progress) => {
                self.batched.insert(done.step, Some(*progress));
                self.advance(done.step);
            }
            Ended::Batch { at, result } => {
                if let Some(Some(progress)) = self.batched.get_mut(&done.step) {
                    progress.end(at, result);
                }
                self.advance(done.step);
            }
        }
    }

    /// Hands out the batches that may run now, or ends the step.
    fn advance(&mut self, step: usize) {
        let Some(Some(progress)) = self.batched.get_mut(&step) else { return };
        if !progress.is_over() {
            progress.ready().for_each(|at| self.push(Task::Batch(step, at)));
            return;
        }
        let (batches, left) = (progress.batches.clone(), progress.left());
        for at in left {
            let skipped = NodeResult::skipped(self.runner.name(&self.work.steps[step]), None);
            self.events.event(&batch_finished(&batches, at, Arc::new(skipped)));
        }
        self.join(step);
    }

    fn join(&mut self, step: usize) {
        if let Some(Some(progress)) = self.batched.remove(&step) {
            let index = progress.index;
            self.runner.batches_ended(&self.work.steps[step]);
            self.finish(step, index, progress.join());
        }
        self.release_batched();
    }

    fn release_batched(&mut self) {
        std::mem::take(&mut self.waiting_batched).into_iter().for_each(|at| self.push(Task::Step(at)));
    }

    /// As dbt: batches of many models at once would leave no thread for anything else.
    fn may_start_batched(&self) -> bool {
        self.batched.len() < (self.work.threads / 2).max(1)
    }

    fn dispatch(&mut self, pool: &rayon::ThreadPool, sender: &Sender<Done>) {
        if self.cancel.is_cancelled() && self.stopped.is_none() {
            self.stopped = Some(CANCELLED.to_owned());
        }
        while self.stopped.is_none() && self.running < self.work.threads.max(1) {
            let Some(Reverse((_, task))) = self.ready.pop() else { return };
            let at = match task {
                Task::Batch(step, at) => {
                    self.spawn_batch(pool, sender.clone(), step, at);
                    continue;
                }
                Task::Step(at) => at,
            };
            if self.skip[at] {
                self.skip_step(at, None);
                continue;
            }
            let is_batched = self.runner.is_batched(&self.work.steps[at]);
            if is_batched && !self.may_start_batched() {
                self.waiting_batched.push(at);
                continue;
            }
            if is_batched {
                self.batched.insert(at, None);
            }
            self.started += 1;
            self.running += 1;
            self.spawn(pool, sender.clone(), at, is_batched);
        }
    }

    fn spawn(&self, pool: &rayon::ThreadPool, sender: Sender<Done>, at: usize, is_batched: bool) {
        let (runner, events) = (self.runner.clone(), self.events.clone());
        let step = self.work.steps[at].clone();
        let (index, total) = (self.started, self.work.steps.len());
        pool.spawn(move || {
            let thread = thread_name();
            let what = catch_unwind(AssertUnwindSafe(|| {
                let node = runner.name(&step);
                events.event(&Event::NodeStart { index, total, node: node.clone(), thread: thread.as_str().into() });
                match is_batched.then(|| runner.batches(&step, &thread)) {
                    Some(Ok(batches)) => Ended::Split(Box::new(Progress::new(batches, index, node, thread.clone()))),
                    Some(Err(result)) => Ended::Step { index, result },
                    None => Ended::Step { index, result: Box::new(runner.run(&step, &thread)) },
                }
            }));
            let what = what.unwrap_or_else(|panic| Ended::Step {
                index,
                result: Box::new(panicked(runner.name(&step), &thread, panic.as_ref())),
            });
            // Nobody listens any more only when the coordinator itself is gone.
            let _ = sender.send(Done { step: at, what });
        });
    }

    fn spawn_batch(&mut self, pool: &rayon::ThreadPool, sender: Sender<Done>, step: usize, at: usize) {
        let Some(Some(progress)) = self.batched.get(&step) else { return };
        let (runner, events, batches) = (self.runner.clone(), self.events.clone(), progress.batches.clone());
        let node = self.work.steps[step].clone();
        self.running += 1;
        pool.spawn(move || {
            let thread = thread_name();
            let result = catch_unwind(AssertUnwindSafe(|| {
                events.event(&Event::BatchStart {
                    index: at + 1,
                    total: batches.windows.len(),
                    label: batches.size.label(batches.windows[at].start),
                    node: runner.name(&node),
                    thread: thread.as_str().into(),
                });
                runner.batch(&node, &batches, at, &thread)
            }));
            let result = result.unwrap_or_else(|panic| panicked(runner.name(&node), &thread, panic.as_ref()));
            let result = Arc::new(result);
            events.event(&batch_finished(&batches, at, result.clone()));
            let _ = sender.send(Done { step, what: Ended::Batch { at, result } });
        });
    }

    /// Takes note of a result and opens what waited for it.
    fn finish(&mut self, at: usize, index: usize, mut result: NodeResult) {
        let ended_early = result.diagnostic.as_ref().is_some_and(|diagnostic| diagnostic.code == Code::Cancelled);
        // Batches that did not run are to be told of, so that they can be retried.
        if ended_early && self.stopped.as_deref() == Some(FAIL_FAST) && result.batch_results.is_none() {
            // We stopped it ourselves: it did not fail.
            result = NodeResult::skipped(result.node, self.stopped.clone());
        }
        let blocks = self.blocks_others(at, &result);
        if blocks && let Some(diagnostic) = &mut result.diagnostic {
            let skipped = self.downstream(at);
            if skipped > 0 {
                add_skipped(diagnostic, skipped);
            }
        }
        let failed = result.status.is_failure();
        self.record(at, index, result, blocks);
        if failed && self.work.fail_fast && self.stopped.is_none() {
            self.stopped = Some(FAIL_FAST.to_owned());
            // Statements that still run are of no use to anyone.
            self.runner.stop();
        }
    }

    fn blocks_others(&self, at: usize, result: &NodeResult) -> bool {
        let step = &self.work.steps[at];
        if step.keeps_going {
            return false;
        }
        match result.status {
            Status::Error | Status::RuntimeError | Status::PartialSuccess => true,
            Status::Fail => {
                self.work.failed_tests_block
                    || !matches!(step.resource_type, ResourceType::Test | ResourceType::UnitTest)
            }
            Status::Skipped => true,
            Status::Success | Status::Pass | Status::Warn | Status::NoOp => false,
        }
    }

    fn record(&mut self, at: usize, index: usize, result: NodeResult, blocks: bool) {
        let result = Arc::new(result);
        let total = self.work.steps.len();
        self.events.event(&Event::NodeFinished { index, total, result: result.clone(), blocks });
        self.results.push(result);
        self.finished[at] = true;
        for next in &self.work.steps[at].blocks {
            self.skip[*next] |= blocks;
            self.waiting_for[*next] -= 1;
            if self.waiting_for[*next] == 0 {
                self.ready.push(Reverse((*next, Task::Step(*next))));
            }
        }
    }

    fn skip_step(&mut self, at: usize, message: Option<String>) {
        let step = &self.work.steps[at];
        let node = self.runner.name(step);
        self.started += 1;
        let index = self.started;
        if let Some(result) = self.runner.decided(step) {
            let (total, thread) = (self.work.steps.len(), result.thread_id.as_str().into());
            self.events.event(&Event::NodeStart { index, total, node, thread });
            let blocks = self.blocks_others(at, &result);
            self.record(at, index, result, blocks);
            return;
        }
        self.record(at, index, NodeResult::skipped(node, message), true);
    }

    /// Steps that will not run because of this one.
    fn downstream(&self, at: usize) -> usize {
        let mut seen = vec![false; self.work.steps.len()];
        let mut open = vec![at];
        let mut count = 0;
        while let Some(at) = open.pop() {
            for next in &self.work.steps[at].blocks {
                if !seen[*next] && !self.finished[*next] {
                    seen[*next] = true;
                    count += usize::from(self.runner.decided(&self.work.steps[*next]).is_none());
                    open.push(*next);
                }
            }
        }
        count
    }

    /// After a stop: everything that has not ended is skipped, in order.
    fn skip_rest(&mut self) {
        let message = self.stopped.clone();
        for at in 0..self.work.steps.len() {
            if !self.finished[at] {
                self.skip_step(at, message.clone());
            }
        }
    }
}

fn batch_finished(batches: &Batches, at: usize, result: Arc<NodeResult>) -> Event {
    let label = batches.size.label(batches.windows[at].start);
    Event::BatchFinished { index: at + 1, total: batches.windows.len(), label, result }
}

fn thread_name() -> String {
    std::thread::current().name().unwrap_or("worker").to_owned()
}

/// Says in the diagnostic's last note how much was skipped for it.
fn add_skipped(diagnostic: &mut Diagnostic, skipped: usize) {
    let what = match skipped {
        1 => "1 node downstream was skipped".to_owned(),
        count => format!("{count} nodes downstream were skipped"),
    };
    match diagnostic.notes.iter_mut().find(|note| note.starts_with("from materialization")) {
        Some(note) if diagnostic.code != Code::Internal => {
            note.push_str("; ");
            note.push_str(&what);
        }
        _ => diagnostic.notes.push(what),
    }
}

#[cfg(test)]
mod batch_tests;
#[cfg(test)]
mod tests;
