//! The line at the bottom of a terminal: how far the run is, and what is running.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Stream;
use crate::execute::{Event, NodeRef};

/// How often elapsed times are brought up to date.
const TICK: Duration = Duration::from_millis(200);
const CLEAR: &str = "\r\x1b[2K";
/// A longer line would wrap, and could not be cleared.
const WIDTH: usize = 79;

/// Redraws the line until it is finished or dropped.
pub(super) struct Live {
    shared: Arc<Shared>,
    ticker: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    stdout: Stream,
}

#[derive(Default)]
struct State {
    running: Vec<(NodeRef, Instant)>,
    done: usize,
    total: usize,
    started: Option<Instant>,
    drawn: bool,
    finished: bool,
}

impl Live {
    pub(super) fn new(stdout: Stream) -> Self {
        let shared = Arc::new(Shared { state: Mutex::default(), wake: Condvar::new(), stdout });
        let for_ticker = shared.clone();
        let ticker = std::thread::Builder::new().name("headwater-live".to_owned()).spawn(move || for_ticker.tick());
        Self { shared, ticker: Mutex::new(ticker.ok()) }
    }

    pub(super) fn event(&self, event: &Event) {
        let mut state = self.shared.state();
        match event {
            Event::NodeStart { total, node, .. } | Event::FreshnessStart { total, node, .. } => {
                state.total = *total;
                state.started.get_or_insert_with(Instant::now);
                state.running.push((node.clone(), Instant::now()));
            }
            Event::NodeFinished { total, result, .. } => state.finish_one(*total, &result.unique_id),
            Event::FreshnessFinished { total, result, .. } => state.finish_one(*total, &result.unique_id),
            Event::RunFinished { .. } => state.running.clear(),
            _ => {}
        }
    }

    /// Takes the line away before something else is written; the next tick draws it again.
    pub(super) fn clear(&self, stdout: &mut dyn Write) {
        let mut state = self.shared.state();
        if std::mem::take(&mut state.drawn) {
            let _ = stdout.write_all(CLEAR.as_bytes());
        }
    }

    pub(super) fn finish(&self) {
        self.shared.state().finished = true;
        self.shared.wake.notify_all();
        let ticker = self.ticker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ticker) = ticker {
            let _ = ticker.join();
        }
        let mut stdout = self.shared.stdout.lock().unwrap_or_else(PoisonError::into_inner);
        self.clear(&mut *stdout);
        let _ = stdout.flush();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self) {
        loop {
            let state = self.state();
            let (state, _) = self.wake.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner);
            if state.finished {
                return;
            }
            drop(state);
            self.draw();
        }
    }

    /// Locks in the same order as who writes lines: first the stream, then the state.
    fn draw(&self) {
        let mut stdout = self.stdout.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.state();
        if state.finished || (state.running.is_empty() && !state.drawn) {
            return;
        }
        let line = state.line(Instant::now());
        state.drawn = !line.is_empty();
        let _ = write!(stdout, "{CLEAR}{line}").and_then(|()| stdout.flush());
    }
}

impl State {
    fn finish_one(&mut self, total: usize, id: &str) {
        self.total = total;
        self.done += 1;
        self.running.retain(|(node, _)| *node.unique_id != *id);
    }

    /// `3/12 done in 4s, running: fct_orders 3s, dim_stores 1s`
    fn line(&self, now: Instant) -> String {
        if self.running.is_empty() {
            return String::new();
        }
        let seconds = |since: Instant| now.duration_since(since).as_secs();
        let elapsed = self.started.map_or(0, seconds);
        let mut line = format!("{}/{} done in {elapsed}s, running:", self.done, self.total);
        for (at, (node, since)) in self.running.iter().enumerate() {
            let comma = if at == 0 { " " } else { ", " };
            let more = format!("{comma}{} {}s", node.name, seconds(*since));
            if line.chars().count() + more.chars().count() > WIDTH - 8 {
                line.push_str(&format!(" +{}", self.running.len() - at));
                break;
            }
            line.push_str(&more);
        }
        line.chars().take(WIDTH).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::console::Captured;
    use super::*;
    use crate::manifest::ResourceType;

    fn node(name: &str) -> NodeRef {
        NodeRef {
            unique_id: format!("model.shop.{name}").into(),
            name: name.into(),
            package: "shop".into(),
            resource_type: ResourceType::Model,
            path: String::new(),
            materialized: "table".into(),
            is_microbatch: false,
            relation: String::new(),
            tested: None,
            member: crate::execute::Member::Other,
        }
    }

    #[test]
    fn the_line_tells_what_runs_and_never_wraps() {
        let mut state = State { total: 12, done: 3, ..State::default() };
        let now = Instant::now();
        assert_eq!(state.line(now), "");
        state.running.push((node("fct_orders"), now));
        assert_eq!(state.line(now), "3/12 done in 0s, running: fct_orders 0s");
        state.running.extend((0..40).map(|at| (node(&format!("model_{at}")), now)));
        assert!(state.line(now).ends_with(" +38"), "{}", state.line(now));
        assert!(state.line(now).chars().count() <= WIDTH);
    }

    #[test]
    fn nothing_is_left_when_it_is_finished() {
        let captured = Captured::default();
        let live = Live::new(Arc::new(Mutex::new(captured.clone())));
        live.event(&Event::NodeStart { index: 1, total: 1, node: node("a"), thread: "t".into() });
        live.shared.draw();
        live.finish();
        assert!(captured.text().ends_with(CLEAR), "{:?}", captured.text());
    }
}
