//! `modules.*` and date values of a foreign language.

use chrono::{DateTime, Utc};
use minijinja::Value;

/// Modules of a foreign language (Python), for templates that ask for `modules.datetime` and its like.
pub trait Modules: Send + Sync {
    /// `datetime`, `pytz`, `re`, `itertools`.
    fn module(&self, name: &str) -> Option<Value>;

    /// A date value such as `run_started_at`.
    fn datetime(&self, utc: DateTime<Utc>) -> Value;
}
