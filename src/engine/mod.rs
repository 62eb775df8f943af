//! Floor 10. One short function per command that strings the pipeline together:
//! project → manifest → graph → selection → plan → run → artifacts.

mod call;
mod clean;
mod compile;
mod debug;
mod deps;
mod docs;
mod freshness;
mod init;
mod list;
mod operation;
mod options;
mod parsed;
mod partial;
mod retry;
mod rows;
mod run;
mod serve;
mod show;
mod shown;
mod state;
mod warn;

use std::path::PathBuf;
use std::sync::Arc;

use call::Call;
pub use options::{Command, Options, Output};
pub use parsed::ParsedProject;
pub use shown::{Content, Shown};
pub use warn::{WarnError, event_of};

use crate::adapter::Drivers;
use crate::artifacts::Catalog;
use crate::diag::Diagnostic;
use crate::diag::log::Log;
use crate::execute::{CancelToken, Event, EventSink, FreshnessResults, RunResults};
use crate::jinja::Modules;
use crate::project::Env;
pub use crate::project::profile_setup::Question;

/// Puts questions to the user, on a terminal.
pub trait Ask: Send + Sync {
    /// What was typed, without the line break; the default where nothing was. None: the user wants to stop.
    fn ask(&self, question: &Question) -> Option<String>;
}

/// What the engine needs of the process that it works in.
#[derive(Clone)]
pub struct Host {
    pub drivers: Drivers,
    /// Python's modules for Jinja, where there is a Python.
    pub modules: Option<Arc<dyn Modules>>,
    pub events: Arc<dyn EventSink>,
    pub log: Arc<dyn Log>,
    pub cancel: CancelToken,
    /// None: there is no terminal, so nobody can be asked.
    pub asker: Option<Arc<dyn Ask>>,
    pub env: Env,
    pub cwd: PathBuf,
    /// The UUID that logs and artifacts know the command by.
    pub invocation_id: String,
    pub parsed: Handover,
}

/// The parsed project on its way from one command of this process to the next.
#[derive(Debug, Clone, Default)]
pub enum Handover {
    /// Every command parses for itself.
    #[default]
    None,
    /// `parse` gives what it has parsed.
    Wanted,
    /// `parse` gives this, and all commands use it instead of parsing.
    Given(Arc<ParsedProject>),
}

/// What a command gave.
#[derive(Debug, Clone, Default)]
pub enum CommandResult {
    /// The command failed before it had a result, or has none (`deps`, `clean`).
    #[default]
    Nothing,
    /// `parse`, where somebody wants it.
    Parsed(Arc<ParsedProject>),
    Run(Arc<RunResults>),
    Freshness(Arc<FreshnessResults>),
    /// The lines of `ls`.
    List(Vec<String>),
    /// The rows of `show`, as the database gave them (`Session::query_arrow`); an empty batch carries the columns.
    Rows(Arc<Vec<arrow_array::RecordBatch>>),
    /// `docs generate`
    Catalog(Arc<Catalog>),
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
    /// What `output` is made of, for `compile` and `show`.
    pub shown: Vec<Shown>,
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

/// What a command hands back when it could run.
struct Done {
    result: CommandResult,
    output: String,
    shown: Vec<Shown>,
}

impl Done {
    fn showing(result: CommandResult, shown: Vec<Shown>) -> Self {
        Self { result, output: shown::text(&shown), shown }
    }

    fn printing(result: CommandResult, output: String) -> Self {
        Self { result, output, shown: Vec::new() }
    }
}

impl From<CommandResult> for Done {
    fn from(result: CommandResult) -> Self {
        Self::printing(result, String::new())
    }
}

/// Does what `command` says. Events and log entries go to the host while it works.
pub fn invoke(command: Command, options: &Options, host: &Host) -> Outcome {
    let arguments = Arc::new(options.arguments(command));
    host.events.event(&Event::Started { version: crate::VERSION, arguments });
    let mut call = Call::new(command, options, host);
    let done = call.warn(options.warnings.iter().cloned()).and_then(|()| dispatch(&mut call));
    let done = done.map_err(|problems| call.judged(problems));
    call.warnings.extend(call.deprecations_summary());
    outcome(done, call.warnings)
}

fn dispatch(call: &mut Call<'_>) -> Result<Done, Vec<Diagnostic>> {
    match call.command {
        Command::Build | Command::Run | Command::Test | Command::Seed | Command::Snapshot => run::run(call),
        Command::Compile => compile::compile(call),
        Command::Show => show::show(call),
        Command::List => list::list(call),
        Command::Parse => call.parse().map(Done::from),
        Command::Debug => debug::debug(call),
        Command::Deps => deps::deps(call),
        Command::Init => init::init(call),
        Command::Clone => run::clone(call),
        Command::SourceFreshness => freshness::freshness(call),
        Command::RunOperation => operation::operation(call),
        Command::Clean => clean::clean(call),
        Command::Retry => retry::retry(call),
        Command::DocsGenerate => docs::generate(call),
        Command::DocsServe => serve::serve(call),
    }
}

fn outcome(done: Result<Done, Vec<Diagnostic>>, mut diagnostics: Vec<Diagnostic>) -> Outcome {
    match done {
        Ok(Done { result, output, shown }) => {
            let success = match &result {
                CommandResult::Run(run) => {
                    diagnostics.extend(run.diagnostics.iter().cloned());
                    run.success
                }
                CommandResult::Freshness(run) => {
                    diagnostics.extend(run.diagnostics.iter().cloned());
                    run.success
                }
                CommandResult::Debug(healthy) => *healthy,
                _ => true,
            };
            Outcome { result, output, shown, diagnostics, exit_code: i32::from(!success) }
        }
        Err(problems) => {
            diagnostics.extend(problems);
            Outcome::failed(diagnostics)
        }
    }
}
