//! Floor 11. The command line: argv → `(Command, Options)`, help, printers of events, exit codes.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::adapter::Drivers;
use crate::diag::{Code, Diagnostic};
use crate::engine::Outcome;
use crate::execute::{CancelToken, EventSink};
use crate::jinja::Modules;
use crate::project::Env;

/// A stream that printers share.
pub type Stream = Arc<Mutex<dyn Write + Send>>;

/// The process that the command line runs in.
pub struct Host {
    pub drivers: Drivers,
    pub modules: Option<Arc<dyn Modules>>,
    /// Hears the events as well as the console.
    pub listener: Option<Arc<dyn EventSink>>,
    pub cancel: CancelToken,
    pub env: Env,
    pub cwd: PathBuf,
    pub stdout: Stream,
    pub stderr: Stream,
    /// Whether stdout is a terminal: colours and the live line are for people.
    pub is_terminal: bool,
}

/// Runs a command line; `argv` is without the program's name. Prints to the host's streams.
pub fn main(argv: &[String], host: Host) -> Outcome {
    let _ = (argv, host);
    Outcome::failed(vec![Diagnostic::error(Code::Internal, "the commands are not wired yet")])
}
