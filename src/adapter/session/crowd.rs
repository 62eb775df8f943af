//! How many sessions are at work: fewer when the server pushes back, slowly more again when it no longer does.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// As long as nothing is refused, one more session is let in after each of these.
const RECOVERY: Duration = Duration::from_secs(10);
/// This many lock conflicts within [`WINDOW`] mean that the sessions are in each other's way.
const CONFLICTS: usize = 3;
const WINDOW: Duration = Duration::from_secs(10);
/// From this many sessions on one is left free, so that running statements can be cancelled.
const ENOUGH: usize = 4;
/// How long one waits before one looks again: who leaves says so, and a limit rises without a word.
const LOOK: Duration = Duration::from_millis(100);

/// The sessions of one pool that are at work.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct State {
    at_work: usize,
    /// None while the server has pushed nothing back.
    limit: Option<Limit>,
    /// When lock conflicts were, newest last.
    conflicts: Vec<Instant>,
    told: bool,
}

#[derive(Debug, Clone, Copy)]
struct Limit {
    sessions: usize,
    since: Instant,
    /// How many were at work when it was set: from there on there is no limit.
    before: usize,
}

impl Limit {
    fn at(&self, now: Instant) -> Option<usize> {
        let recovered = now.duration_since(self.since).as_secs() / RECOVERY.as_secs();
        let sessions = self.sessions.saturating_add(usize::try_from(recovered).unwrap_or(usize::MAX));
        (sessions < self.before).then_some(sessions)
    }
}

/// What is told of a limit, the first time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lowered {
    pub sessions: usize,
    pub is_first: bool,
}

/// A session at work, until it is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Crowd>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.lock().at_work -= 1;
        self.0.left.notify_one();
    }
}

impl Crowd {
    /// A place, if there is one below `cap` and the present limit within a moment.
    pub fn enter(self: &Arc<Self>, cap: Option<usize>) -> Option<Place> {
        let is_full = |state: &State| {
            let limit = state.limit.and_then(|limit| limit.at(Instant::now()));
            [limit, cap].into_iter().flatten().any(|most| state.at_work >= most.max(1))
        };
        let mut state = self.lock();
        if is_full(&state) {
            let waited = self.left.wait_timeout(state, LOOK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if is_full(&state) {
                return None;
            }
        }
        state.at_work += 1;
        drop(state);
        Some(Place(self.clone()))
    }

    /// A place although there is none: those that are at work wait for something themselves.
    pub fn squeeze_in(self: &Arc<Self>) -> Place {
        self.lock().at_work += 1;
        Place(self.clone())
    }

    /// The server let the session of this place not in: the others are as many as it takes.
    pub fn refused(&self, place: Place) -> Lowered {
        let mut state = self.lock();
        let others = state.at_work.saturating_sub(1);
        let sessions = if others > ENOUGH { others - 1 } else { others.max(1) };
        let lowered = lower(&mut state, sessions);
        drop(state);
        drop(place);
        lowered
    }

    /// Whether the server has pushed back before.
    pub fn was_refused(&self) -> bool {
        self.lock().told
    }

    /// A deadlock, or a wait for a row that took too long. When they come one after the other, half of the sessions
    /// are enough.
    pub fn conflict(&self) -> Option<Lowered> {
        let mut state = self.lock();
        let now = Instant::now();
        state.conflicts.retain(|at| now.duration_since(*at) < WINDOW);
        state.conflicts.push(now);
        if state.conflicts.len() < CONFLICTS || state.at_work < 2 {
            return None;
        }
        state.conflicts.clear();
        let sessions = state.at_work / 2;
        Some(lower(&mut state, sessions))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lower(state: &mut State, sessions: usize) -> Lowered {
    let before = state.limit.map_or(state.at_work, |limit| limit.before.max(state.at_work));
    state.limit = Some(Limit { sessions, since: Instant::now(), before });
    Lowered { sessions, is_first: !std::mem::replace(&mut state.told, true) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_later_ones_out_until_someone_leaves() {
        let crowd = Arc::new(Crowd::default());
        let mut inside: Vec<Place> = (0..3).filter_map(|_| crowd.enter(None)).collect();
        let lowered = crowd.refused(inside.pop().expect("the third"));
        assert_eq!(lowered, Lowered { sessions: 2, is_first: true });
        assert!(crowd.enter(None).is_none());
        let squeezed = crowd.squeeze_in();
        assert_eq!(crowd.refused(squeezed), Lowered { sessions: 2, is_first: false });
        inside.pop();
        assert!(crowd.enter(None).is_some());
    }

    #[test]
    fn many_leave_one_free_for_cancelling() {
        let crowd = Arc::new(Crowd::default());
        let mut inside: Vec<Place> = (0..11).filter_map(|_| crowd.enter(None)).collect();
        assert_eq!(crowd.refused(inside.pop().expect("one")).sessions, 9);
    }

    #[test]
    fn a_cap_holds_from_the_start() {
        let crowd = Arc::new(Crowd::default());
        let first = crowd.enter(Some(1));
        assert!(first.is_some() && crowd.enter(Some(1)).is_none());
    }

    #[test]
    fn repeated_conflicts_halve_the_sessions() {
        let crowd = Arc::new(Crowd::default());
        let _inside: Vec<Place> = (0..8).filter_map(|_| crowd.enter(None)).collect();
        assert_eq!([crowd.conflict(), crowd.conflict()], [None, None]);
        assert_eq!(crowd.conflict().map(|lowered| lowered.sessions), Some(4));
        assert_eq!(crowd.conflict(), None);
    }

    #[test]
    fn a_limit_rises_slowly_and_ends_where_it_began() {
        let limit = Limit { sessions: 2, since: Instant::now(), before: 4 };
        let after = |times: u32| limit.at(limit.since + RECOVERY * times);
        assert_eq!([after(0), after(1), after(2)], [Some(2), Some(3), None]);
    }
}
