//! Floor 11. The command line: argv → `(Command, Options)`, help, printers of events, exit codes.
//!
//! [`table`] declares every flag once; parsing, environment variables, help and errors are made from it.

mod console;
mod event_time;
mod file;
mod flag;
mod help;
mod hub;
mod json;
mod live;
mod message;
mod parse;
mod settings;
mod table;
mod telling;
mod values;

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use console::Console;
use file::LogFile;
use hub::Hub;
pub use json::Invocation;
use message::Summary;
pub use message::{Ended, Kind, Listener, Message, timestamp};
use settings::{Format, Settings};

use crate::adapter::Drivers;
use crate::diag::render::{self, Style};
use crate::diag::{Code, Diagnostic};
use crate::engine::{self, Ask, Command, Handover, Outcome};
use crate::execute::CancelToken;
use crate::jinja::Modules;
use crate::project::{Env, Secrets};

/// Makes the listener of a command.
pub type MakeListener = Box<dyn FnOnce(Arc<Invocation>) -> Arc<dyn Listener> + Send>;

/// A stream that printers share.
pub type Stream = Arc<Mutex<dyn Write + Send>>;

/// The process that the command line runs in.
pub struct Host {
    pub drivers: Drivers,
    pub modules: Option<Arc<dyn Modules>>,
    /// Hears dbt's events as well as the console; gets what all of them have in common first.
    pub listener: Option<MakeListener>,
    pub cancel: CancelToken,
    /// None: there is no terminal, so nobody can be asked.
    pub asker: Option<Arc<dyn Ask>>,
    pub env: Env,
    pub cwd: PathBuf,
    pub stdout: Stream,
    pub stderr: Stream,
    /// Whether stdout is a terminal: colours and the live line are for people.
    pub is_terminal: bool,
    pub parsed: Handover,
}

/// Runs a command line; `argv` is without the program's name. Prints to the host's streams.
pub fn main(argv: &[String], host: Host) -> Outcome {
    let given = match parse::parse(argv) {
        Ok(given) => given,
        Err(_) if argv.is_empty() => return print(&host, &help::help(None)),
        Err(problem) => return refuse(&host, vec![*problem]),
    };
    if given.version {
        return print(&host, &help::version());
    }
    let Some(command) = given.command.filter(|_| !given.help) else {
        return print(&host, &help::help(given.command));
    };
    let (env, unread) = host.env.with_dotenv(&host.cwd);
    let host = Host { env, ..host };
    match settings::settings(&given, command, &host.env, &host.cwd, host.is_terminal) {
        Ok(mut settings) => {
            settings.options.warnings.extend(unread);
            settings.options.invocation_command = format!("headwater {}", argv.join(" "));
            run(&settings, host)
        }
        Err(problems) => refuse(&host, problems),
    }
}

fn run(settings: &Settings, host: Host) -> Outcome {
    let clock = Instant::now();
    let secrets = Secrets::new(&host.env);
    let invocation = Arc::new(Invocation::new(&host.env));
    let in_ci = host.env.get("CI").is_some_and(|text| !text.is_empty());
    let live = host.is_terminal && !in_ci;
    let streams = (host.stdout, host.stderr);
    let console = Arc::new(Console::new(settings, streams, secrets.clone(), invocation.clone(), live));
    let (file, problem) = open_log(settings, &secrets, &invocation);
    let mut hub = Hub::new(settings, secrets);
    hub.add(console.clone());
    hub.add_people(console.clone());
    if let Some(file) = &file {
        hub.add(file.clone());
        hub.add_people(file.clone());
    }
    if let Some(listener) = host.listener {
        hub.add(listener(invocation.clone()));
    }
    let hub = Arc::new(hub);
    let engine_host = engine::Host {
        drivers: host.drivers,
        modules: host.modules,
        events: hub.clone(),
        log: hub.clone(),
        cancel: host.cancel,
        asker: host.asker,
        env: host.env,
        cwd: host.cwd.clone(),
        invocation_id: invocation.id.clone(),
        parsed: host.parsed,
    };
    let mut outcome = engine::invoke(settings.command, &settings.options, &engine_host);
    outcome.diagnostics.extend(problem);
    console.finish();
    message::output(&hub, &outcome, settings.options.quiet);
    if settings.console.format != Format::Json && !outcome.output.is_empty() {
        console.payload(&outcome.output);
    }
    let root = settings.root.as_deref().unwrap_or(&host.cwd);
    Summary { hub: &hub, outcome: &outcome, counts: is_build(settings.command), root }.tell();
    let success = outcome.exit_code == 0;
    message::completed(&hub, settings.command.as_str(), success, clock.elapsed().as_secs_f64());
    if let Some(file) = file {
        file.flush();
    }
    outcome
}

/// Commands whose result is summed up at the end.
fn is_build(command: Command) -> bool {
    matches!(
        command,
        Command::Build
            | Command::Run
            | Command::Test
            | Command::Seed
            | Command::Snapshot
            | Command::Retry
            | Command::Clone
    )
}

fn open_log(
    settings: &Settings,
    secrets: &Secrets,
    invocation: &Arc<Invocation>,
) -> (Option<Arc<LogFile>>, Option<Diagnostic>) {
    let Some(dir) = settings.log_dir.as_ref().filter(|_| settings.file.level.is_some()) else { return (None, None) };
    let file = settings.file.clone();
    match LogFile::open(dir, settings.log_max_bytes, file, secrets.clone(), invocation.clone()) {
        Ok(file) => (Some(Arc::new(file)), None),
        Err(error) => {
            let text = format!("no log file could be opened in `{}`: {error}", dir.display());
            (None, Some(Diagnostic::warning(Code::File, text)))
        }
    }
}

fn print(host: &Host, text: &str) -> Outcome {
    let mut stdout = host.stdout.lock().unwrap_or_else(PoisonError::into_inner);
    // Whoever reads may have left; there is nobody to tell.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    Outcome { output: text.to_owned(), ..Outcome::default() }
}

/// A command line that makes no sense: nothing was done.
fn refuse(host: &Host, problems: Vec<Diagnostic>) -> Outcome {
    let style = Style { color: host.is_terminal && host.env.get("NO_COLOR").is_none(), ..Style::PLAIN };
    let mut stderr = host.stderr.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = stderr.write_all(render::text(&problems, style).as_bytes()).and_then(|()| stderr.flush());
    Outcome::failed(problems)
}

#[cfg(test)]
mod tests;
