//! What `debug` asks of a warehouse besides a connection: [`Finding`]s, each with what to do about it.

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Fine,
    /// It works, or will until something else comes.
    Warning,
    /// Runs fail on it.
    Wrong,
}

/// One thing that runs depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `sql_mode`
    pub name: &'static str,
    pub verdict: Verdict,
    /// How it is. Never a secret.
    pub text: String,
    /// What to do, unless it is fine.
    pub help: Option<String>,
}

impl Finding {
    pub fn fine(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Fine, text: text.into(), help: None }
    }

    pub fn warning(name: &'static str, text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Warning, text: text.into(), help: Some(help.into()) }
    }

    pub fn wrong(name: &'static str, text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Wrong, text: text.into(), help: Some(help.into()) }
    }
}

/// What a project wants of its warehouse.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// Schemas that are written to, the target's own first.
    pub writes: Vec<String>,
    /// Schemas that are read only: those of sources.
    pub reads: Vec<String>,
    pub threads: usize,
}
