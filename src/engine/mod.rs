//! Floor 10. One short function per command that strings the pipeline together:
//! project → manifest → graph → selection → plan → run → artifacts.

mod options;
mod warn;

use std::path::PathBuf;
use std::sync::Arc;

pub use options::{Command, Options, Output};
pub use warn::WarnError;

use crate::adapter::Drivers;
use crate::diag::Diagnostic;
use crate::diag::log::Log;
use crate::execute::{CancelToken, EventSink, FreshnessResults, RunResults};
use crate::jinja::Modules;
use crate::manifest::Manifest;
use crate::project::Env;

/// What the engine needs of the process that it works in.
#[derive(Clone)]
pub struct Host {
    pub drivers: Drivers,
    /// Python's modules for Jinja, where there is a Python.
    pub modules: Option<Arc<dyn Modules>>,
    pub events: Arc<dyn EventSink>,
    pub log: Arc<dyn Log>,
    pub cancel: CancelToken,
    pub env: Env,
    pub cwd: PathBuf,
}

/// What a command gave.
#[derive(Debug, Clone, Default)]
pub enum CommandResult {
    /// The command failed before it had a result, or has none (`deps`, `clean`).
    #[default]
    Nothing,
    Run(Arc<RunResults>),
    Freshness(Arc<FreshnessResults>),
    /// The lines of `ls`.
    List(Vec<String>),
    /// The rows of `show`, as the database gave them (`Session::query_arrow`); an empty batch carries the columns.
    Rows(Arc<Vec<arrow_array::RecordBatch>>),
    /// `parse`
    Manifest(Arc<Manifest>),
    /// Whether `debug` found everything in order.
    Debug(bool),
}

/// The end of a command.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    pub result: CommandResult,
    /// What belongs on stdout: the lines of `ls`, rows of `show`, SQL of `compile`, checks of `debug`. Ends in a line
    /// break, or is empty.
    pub output: String,
    /// Errors and warnings, in the order in which they came up; those of single nodes are in their results.
    pub diagnostics: Vec<Diagnostic>,
    /// 0: all is well; 1: the command ran, and something in it failed; 2: it could not run.
    pub exit_code: i32,
}

impl Outcome {
    /// The command could not run.
    pub fn failed(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics, exit_code: 2, ..Self::default() }
    }
}

/// Does what `command` says. Events and log entries go to the host while it works.
pub fn invoke(command: Command, options: &Options, host: &Host) -> Outcome {
    let _ = (command, options, host);
    Outcome::failed(vec![Diagnostic::error(crate::diag::Code::Internal, "the commands are not wired yet")])
}
