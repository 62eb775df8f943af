use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::execute::NoEvents;

/// Steps end as their names say: `fail_b` fails.
#[derive(Default)]
struct Scripted {
    ran: Mutex<Vec<String>>,
    at_once: Mutex<(usize, usize)>,
}

impl Runner for Scripted {
    fn run(&self, step: &Step, thread: &str) -> NodeResult {
        self.ran.lock().unwrap().push(step.unique_id.to_string());
        {
            let mut at_once = self.at_once.lock().unwrap();
            at_once.0 += 1;
            at_once.1 = at_once.1.max(at_once.0);
        }
        std::thread::sleep(Duration::from_millis(2));
        self.at_once.lock().unwrap().0 -= 1;
        let status = match step.unique_id.split('_').next() {
            Some("error") => Status::Error,
            Some("fail") => Status::Fail,
            Some("warn") => Status::Warn,
            Some("panic") => panic!("a bug"),
            _ => Status::Success,
        };
        let diagnostic = (status == Status::Error)
            .then(|| Diagnostic::error(Code::Database, "no").note("from materialization `table`").boxed());
        NodeResult { status, thread_id: thread.to_owned(), diagnostic, ..NodeResult::skipped(self.name(step), None) }
    }

    fn name(&self, step: &Step) -> NodeRef {
        NodeRef::unknown(step)
    }

    fn stop(&self) {}

    fn resume(&self) {}
}

/// `(name, names of blockers)`, in the order of the plan.
pub(super) fn steps(edges: &[(&str, &[&str])]) -> Vec<Step> {
    let at = |name: &str| edges.iter().position(|(known, _)| *known == name).unwrap();
    edges
        .iter()
        .map(|(name, blockers)| Step {
            unique_id: (*name).into(),
            resource_type: if name.contains("test") { ResourceType::Test } else { ResourceType::Model },
            blocked_by: blockers.iter().map(|blocker| at(blocker)).collect(),
            blocks: (0..edges.len()).filter(|other| edges[*other].1.contains(name)).collect(),
            level: 0,
            keeps_going: name.ends_with("continue"),
        })
        .collect()
}

struct Run {
    results: Vec<Arc<NodeResult>>,
    ran: Vec<String>,
    at_once: usize,
}

impl Run {
    fn status(&self, name: &str) -> Status {
        self.results.iter().find(|result| &*result.unique_id == name).unwrap().status
    }
}

fn run_steps(edges: &[(&str, &[&str])], change: impl FnOnce(&mut Work<'_>)) -> Run {
    run_with(edges, change, &CancelToken::new())
}

fn run_with(edges: &[(&str, &[&str])], change: impl FnOnce(&mut Work<'_>), cancel: &CancelToken) -> Run {
    let steps = steps(edges);
    let mut work = Work { steps: &steps, failed_tests_block: true, threads: 1, fail_fast: false };
    change(&mut work);
    let scripted = Arc::new(Scripted::default());
    let runner: Arc<dyn Runner> = scripted.clone();
    let events: Arc<dyn EventSink> = Arc::new(NoEvents);
    let results = run(&work, &runner, &events, cancel);
    assert_eq!(results.len(), edges.len(), "every step has one result");
    let ran = scripted.ran.lock().unwrap().clone();
    let at_once = scripted.at_once.lock().unwrap().1;
    Run { results, ran, at_once }
}

#[test]
fn steps_run_in_the_order_of_the_plan_when_nothing_blocks_them() {
    let run = run_steps(&[("a", &[]), ("b", &[]), ("c", &["b"]), ("d", &["a"])], |_| {});
    assert_eq!(run.ran, ["a", "b", "c", "d"]);
    assert!(run.results.iter().all(|result| result.status == Status::Success));
    assert_eq!(run.results[0].thread_id, "Thread-1 (worker)");
}

#[test]
fn no_more_steps_run_at_once_than_there_are_threads() {
    let names: Vec<String> = (0..20).map(|at| format!("n{at}")).collect();
    let edges: Vec<(&str, &[&str])> = names.iter().map(|name| (name.as_str(), &[] as &[&str])).collect();
    let run = run_steps(&edges, |work| work.threads = 4);
    assert!(run.at_once <= 4);
    assert_eq!(run.ran.len(), 20);
}

#[test]
fn an_error_skips_everything_downstream_and_nothing_else() {
    let run = run_steps(&[("error_a", &[]), ("b", &["error_a"]), ("c", &["b"]), ("d", &[])], |_| {});
    assert_eq!(
        [run.status("b"), run.status("c"), run.status("d")],
        [Status::Skipped, Status::Skipped, Status::Success]
    );
    let note = &run.results.iter().find(|result| &*result.unique_id == "error_a").unwrap().diagnostic;
    assert_eq!(note.as_ref().unwrap().notes, ["from materialization `table`; 2 nodes downstream were skipped"]);
}

#[test]
fn a_failed_test_blocks_only_where_tests_are_gates() {
    let edges: &[(&str, &[&str])] =
        &[("fail_test", &[]), ("b", &["fail_test"]), ("warn_test", &[]), ("c", &["warn_test"])];
    assert_eq!(run_steps(edges, |_| {}).status("b"), Status::Skipped);
    let lenient = run_steps(edges, |work| work.failed_tests_block = false);
    assert_eq!([lenient.status("b"), lenient.status("c")], [Status::Success, Status::Success]);
}

#[test]
fn a_node_that_keeps_going_blocks_nothing() {
    let run = run_steps(&[("error_continue", &[]), ("b", &["error_continue"])], |_| {});
    assert_eq!(run.status("b"), Status::Success);
}

#[test]
fn fail_fast_skips_what_has_not_started() {
    let run = run_steps(&[("error_a", &[]), ("b", &[]), ("c", &["b"])], |work| work.fail_fast = true);
    assert_eq!(run.ran, ["error_a"]);
    let skipped = run.results.iter().filter(|result| result.status == Status::Skipped);
    assert!(skipped.clone().all(|result| result.message.as_deref() == Some(FAIL_FAST)));
    assert_eq!(skipped.count(), 2);
}

#[test]
fn a_cancelled_run_still_reports_every_step() {
    let cancel = CancelToken::new();
    cancel.cancel();
    let run = run_with(&[("a", &[]), ("b", &["a"])], |_| {}, &cancel);
    assert!(run.ran.is_empty());
    assert!(run.results.iter().all(|result| result.message.as_deref() == Some(CANCELLED)));
}

#[test]
fn a_panic_becomes_an_internal_error_of_its_node() {
    let run = run_steps(&[("panic_a", &[]), ("b", &["panic_a"]), ("c", &[])], |_| {});
    assert_eq!(
        [run.status("panic_a"), run.status("b"), run.status("c")],
        [Status::Error, Status::Skipped, Status::Success]
    );
    let result = run.results.iter().find(|result| &*result.unique_id == "panic_a").unwrap();
    let diagnostic = result.diagnostic.as_ref().unwrap();
    assert_eq!(diagnostic.code, Code::Internal);
    assert!(diagnostic.message.contains("a bug"));
}
