use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::manifest::event_time::{BatchSize, Window, parse_datetime};

/// `many_4` has four batches; a batch fails if the script names it (`many_4#2`).
struct Scripted {
    fails: Vec<&'static str>,
    concurrent: bool,
    log: Mutex<Vec<String>>,
    /// Models at work in batches now, and most of them at any time.
    models: Mutex<(Vec<String>, usize)>,
    running: Mutex<(usize, usize)>,
    cancel: Option<(&'static str, CancelToken)>,
}

impl Scripted {
    fn note(&self, what: String) {
        self.log.lock().unwrap().push(what);
    }
}

impl Runner for Scripted {
    fn run(&self, step: &Step, thread: &str) -> NodeResult {
        self.note(step.unique_id.to_string());
        let status = if self.fails.contains(&&*step.unique_id) { Status::Error } else { Status::Success };
        NodeResult { status, thread_id: thread.to_owned(), ..NodeResult::skipped(self.name(step), None) }
    }

    fn is_batched(&self, step: &Step) -> bool {
        step.unique_id.starts_with("many")
    }

    fn batches(&self, step: &Step, thread: &str) -> Result<Batches, Box<NodeResult>> {
        if self.fails.contains(&&*step.unique_id) {
            return Err(Box::new(self.run(step, thread)));
        }
        let mut models = self.models.lock().unwrap();
        models.0.push(step.unique_id.to_string());
        models.1 = models.1.max(models.0.len());
        let count: i64 = step.unique_id.rsplit('_').next().unwrap().parse().unwrap();
        let first = parse_datetime("2024-01-01").unwrap();
        let day = |at| BatchSize::Day.offset(first, at);
        Ok(Batches {
            windows: (0..count).map(|at| Window { start: day(at), end: day(at + 1) }).collect(),
            size: BatchSize::Day,
            incremental: false,
            concurrent: self.concurrent,
            done_before: Vec::new(),
        })
    }

    fn batch(&self, step: &Step, batches: &Batches, at: usize, thread: &str) -> NodeResult {
        let name = format!("{}#{}", step.unique_id, at + 1);
        {
            let mut running = self.running.lock().unwrap();
            running.0 += 1;
            running.1 = running.1.max(running.0);
        }
        self.note(format!("{name} starts"));
        std::thread::sleep(Duration::from_millis(3));
        self.note(format!("{name} ends"));
        self.running.lock().unwrap().0 -= 1;
        if let Some((_, cancel)) = self.cancel.as_ref().filter(|(batch, _)| *batch == name) {
            cancel.cancel();
        }
        if at + 1 == batches.windows.len() {
            self.models.lock().unwrap().0.retain(|model| *model != *step.unique_id);
        }
        assert!(!name.starts_with("many_panic"), "a bug");
        let status = if self.fails.contains(&name.as_str()) { Status::Error } else { Status::Success };
        let diagnostic = (status == Status::Error).then(|| Diagnostic::error(Code::Database, name.clone()).boxed());
        NodeResult { status, thread_id: thread.to_owned(), diagnostic, ..NodeResult::skipped(self.name(step), None) }
    }

    fn name(&self, step: &Step) -> NodeRef {
        NodeRef::unknown(step)
    }

    fn stop(&self) {}

    fn resume(&self) {}
}

#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

impl EventSink for Seen {
    fn event(&self, event: &Event) {
        let text = match event {
            Event::BatchStart { index, total, label, .. } => format!("{index}/{total} {label} starts"),
            Event::BatchFinished { index, total, label, result } => {
                format!("{index}/{total} {label} {}", result.status.as_str())
            }
            _ => return,
        };
        self.0.lock().unwrap().push(text);
    }
}

struct Run {
    results: Vec<Arc<NodeResult>>,
    log: Vec<String>,
    models_at_once: usize,
    batches_at_once: usize,
    events: Vec<String>,
}

impl Run {
    fn result(&self, name: &str) -> &NodeResult {
        self.results.iter().find(|result| &*result.unique_id == name).unwrap()
    }

    /// Labels of the days that were built, and of those that were not.
    fn days(&self, name: &str) -> (Vec<String>, Vec<String>) {
        let batches = self.result(name).batch_results.as_ref().unwrap();
        let days = |windows: &[Window]| -> Vec<String> {
            windows.iter().map(|window| BatchSize::Day.label(window.start)[8..].to_owned()).collect()
        };
        (days(&batches.successful), days(&batches.failed))
    }

    fn position(&self, what: &str) -> usize {
        self.log.iter().position(|known| known == what).unwrap_or_else(|| panic!("{what} in {:?}", self.log))
    }
}

fn script(fails: &[&'static str], concurrent: bool) -> Scripted {
    Scripted {
        fails: fails.to_vec(),
        concurrent,
        log: Mutex::default(),
        models: Mutex::default(),
        running: Mutex::default(),
        cancel: None,
    }
}

fn run_script(names: &[(&str, &[&str])], threads: usize, scripted: Scripted, fail_fast: bool) -> Run {
    let steps = super::tests::steps(names);
    let work = Work { steps: &steps, failed_tests_block: true, threads, fail_fast };
    let cancel = scripted.cancel.as_ref().map(|(_, cancel)| cancel.clone()).unwrap_or_default();
    let (scripted, seen) = (Arc::new(scripted), Arc::new(Seen::default()));
    let (runner, events): (Arc<dyn Runner>, Arc<dyn EventSink>) = (scripted.clone(), seen.clone());
    let results = run(&work, &runner, &events, &cancel);
    assert_eq!(results.len(), names.len(), "every step has one result");
    Run {
        results,
        log: scripted.log.lock().unwrap().clone(),
        models_at_once: scripted.models.lock().unwrap().1,
        batches_at_once: scripted.running.lock().unwrap().1,
        events: seen.0.lock().unwrap().clone(),
    }
}

#[test]
fn batches_run_one_after_the_other_where_the_model_does_not_allow_more() {
    let run = run_script(&[("many_4", &[]), ("after", &["many_4"])], 4, script(&[], false), false);
    assert_eq!(run.batches_at_once, 1);
    assert_eq!(run.log.last().unwrap(), "after");
    let starts: Vec<_> = run.events.iter().filter(|event| event.ends_with("starts")).collect();
    assert_eq!(
        starts,
        ["1/4 2024-01-01 starts", "2/4 2024-01-02 starts", "3/4 2024-01-03 starts", "4/4 2024-01-04 starts"]
    );
    let result = run.result("many_4");
    assert_eq!((result.status, result.message.as_deref()), (Status::Success, Some("SUCCESS")));
    assert_eq!(run.days("many_4").0, ["01", "02", "03", "04"]);
}

#[test]
fn the_first_and_the_last_batch_run_alone_and_the_others_side_by_side() {
    let run = run_script(&[("many_12", &[])], 4, script(&[], true), false);
    assert!(run.batches_at_once > 1 && run.batches_at_once <= 4, "{}", run.batches_at_once);
    assert_eq!(run.position("many_12#1 ends"), 1);
    assert_eq!(run.position("many_12#12 starts"), 22);
    let single = run_script(&[("many_12", &[])], 1, script(&[], true), false);
    assert_eq!(single.batches_at_once, 1);
    assert_eq!(run_script(&[("many_2", &[])], 4, script(&[], true), false).batches_at_once, 1);
}

#[test]
fn a_failed_batch_leaves_the_others_and_stops_what_is_downstream() {
    for concurrent in [true, false] {
        let run = run_script(&[("many_4", &[]), ("after", &["many_4"])], 4, script(&["many_4#2"], concurrent), false);
        let result = run.result("many_4");
        assert_eq!(result.status, Status::PartialSuccess);
        assert_eq!(result.message.as_deref(), Some("PARTIAL SUCCESS (3/4)"));
        assert_eq!(run.days("many_4"), (vec!["01".into(), "03".into(), "04".into()], vec!["02".into()]));
        let diagnostic = result.diagnostic.as_ref().unwrap();
        assert_eq!(diagnostic.message, "many_4#2");
        assert!(diagnostic.notes.contains(&"1 of 4 batches was not built: `2024-01-02`".to_owned()), "{diagnostic:?}");
        assert_eq!(run.result("after").status, Status::Skipped);
    }
}

#[test]
fn a_failed_first_batch_skips_the_rest() {
    let run = run_script(&[("many_3", &[]), ("after", &["many_3"])], 4, script(&["many_3#1"], true), false);
    assert_eq!(run.log, ["many_3#1 starts", "many_3#1 ends"]);
    assert_eq!(run.events[1..], ["1/3 2024-01-01 error", "2/3 2024-01-02 skipped", "3/3 2024-01-03 skipped"]);
    let result = run.result("many_3");
    assert_eq!((result.status, result.message.as_deref()), (Status::Error, Some("ERROR")));
    assert_eq!(run.days("many_3").1, ["01", "02", "03"]);
    assert_eq!(run.result("after").status, Status::Skipped);
}

#[test]
fn batched_models_leave_half_of_the_threads_to_others() {
    let names = ["many_a_5", "many_b_5", "many_c_5", "many_d_5", "many_e_5"].map(|name| (name, &[] as &[&str]));
    for (threads, most) in [(4, 2), (2, 1), (1, 1)] {
        let run = run_script(&names, threads, script(&[], false), false);
        assert!(run.models_at_once <= most, "{threads} threads: {}", run.models_at_once);
        assert!(run.results.iter().all(|result| result.status == Status::Success));
    }
}

#[test]
fn a_model_whose_batches_cannot_be_found_fails_as_one() {
    let run = run_script(&[("many_3", &[]), ("many_2", &[])], 2, script(&["many_3"], false), false);
    assert_eq!(run.result("many_3").status, Status::Error);
    assert_eq!(run.result("many_2").status, Status::Success, "the next model gets its place");
}

#[test]
fn what_a_stop_leaves_is_failed_so_that_it_can_be_retried() {
    let cancel = CancelToken::new();
    let scripted = Scripted { cancel: Some(("many_4#2", cancel)), ..script(&[], false) };
    let run = run_script(&[("many_4", &[]), ("after", &["many_4"])], 1, scripted, false);
    assert_eq!(run.result("many_4").status, Status::PartialSuccess);
    assert_eq!(run.days("many_4"), (vec!["01".into(), "02".into()], vec!["03".into(), "04".into()]));
    assert_eq!(run.result("after").status, Status::Skipped);
}

#[test]
fn fail_fast_keeps_what_has_been_built() {
    let run = run_script(&[("many_9", &[]), ("b", &[])], 2, script(&["b"], false), true);
    let (good, bad) = run.days("many_9");
    assert_eq!(good.len() + bad.len(), 9);
    assert!(!bad.is_empty() && run.result("many_9").status.is_failure());
}

#[test]
fn a_panic_in_a_batch_is_an_internal_error_of_that_batch() {
    let run = run_script(&[("many_panic_2", &[])], 2, script(&[], false), false);
    let result = run.result("many_panic_2");
    assert_eq!(result.status, Status::Error);
    assert_eq!(result.diagnostic.as_ref().unwrap().code, Code::Internal);
}
