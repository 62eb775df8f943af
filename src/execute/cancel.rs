//! Stopping a run from another thread: a signal handler, Python's stop button, fail-fast.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

type Hook = Box<dyn Fn() + Send + Sync>;

/// Cloned freely; all clones are one switch.
#[derive(Clone, Default)]
pub struct CancelToken(Arc<Inner>);

#[derive(Default)]
struct Inner {
    cancelled: AtomicBool,
    /// Called once by [`CancelToken::cancel`]: cancels running statements and wakes the coordinator.
    hook: Mutex<Option<Hook>>,
}

impl CancelToken {
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops the queue and cancels running statements. Idempotent; returns at once if nothing runs.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
        let hook = self.0.hook.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(hook) = hook {
            hook();
        }
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    /// What cancelling does while a run lasts. Runs at once when the token is cancelled already.
    pub(crate) fn attach(&self, hook: impl Fn() + Send + Sync + 'static) {
        *self.0.hook.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(hook));
        if self.is_cancelled() {
            self.cancel();
        }
    }

    pub(crate) fn detach(&self) {
        *self.0.hook.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CancelToken({})", if self.is_cancelled() { "cancelled" } else { "running" })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn the_hook_runs_once_even_when_it_comes_late() {
        let calls = Arc::new(AtomicUsize::new(0));
        let token = CancelToken::new();
        token.cancel();
        let seen = calls.clone();
        token.attach(move || {
            seen.fetch_add(1, Ordering::SeqCst);
        });
        token.cancel();
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        assert!(token.clone().is_cancelled());
    }
}
