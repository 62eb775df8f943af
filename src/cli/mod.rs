//! Floor 11. The command line: argv → `(Command, Options)`, help, printers of events, exit codes.
//!
//! [`table`] declares every flag once; parsing, environment variables, help and errors are made from it.

mod console;
mod event_time;
mod file;
mod flag;
mod help;
mod json;
mod line;
mod live;
mod parse;
mod report;
mod settings;
mod table;
mod values;

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use console::{Console, Tee};
use file::LogFile;
use settings::Settings;

use crate::adapter::Drivers;
use crate::diag::render::{self, Style};
use crate::diag::{Code, Diagnostic};
use crate::engine::{self, Ask, Outcome};
use crate::execute::{CancelToken, EventSink};
use crate::jinja::Modules;
use crate::project::{Env, Secrets};

/// A stream that printers share.
pub type Stream = Arc<Mutex<dyn Write + Send>>;

/// The process that the command line runs in.
pub struct Host {
    pub drivers: Drivers,
    pub modules: Option<Arc<dyn Modules>>,
    /// Hears the events as well as the console.
    pub listener: Option<Arc<dyn EventSink>>,
    pub cancel: CancelToken,
    /// None: there is no terminal, so nobody can be asked.
    pub asker: Option<Arc<dyn Ask>>,
    pub env: Env,
    pub cwd: PathBuf,
    pub stdout: Stream,
    pub stderr: Stream,
    /// Whether stdout is a terminal: colours and the live line are for people.
    pub is_terminal: bool,
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
    let secrets = Secrets::new(&host.env);
    let invocation_id = uuid::Uuid::new_v4().to_string();
    let in_ci = host.env.get("CI").is_some_and(|text| !text.is_empty());
    let live = host.is_terminal && !in_ci;
    let console = Console::new(settings, host.stdout.clone(), secrets.clone(), &invocation_id, live);
    let (file, problem) = open_log(settings, &secrets, &invocation_id);
    let mut tee = Tee { sinks: vec![console.clone()], logs: vec![console.clone()] };
    if let Some(file) = &file {
        tee.sinks.push(file.clone());
        tee.logs.push(file.clone());
    }
    tee.sinks.extend(host.listener.clone());
    let tee = Arc::new(tee);
    let engine_host = engine::Host {
        drivers: host.drivers,
        modules: host.modules,
        events: tee.clone(),
        log: tee,
        cancel: host.cancel,
        asker: host.asker,
        env: host.env,
        cwd: host.cwd,
        invocation_id,
    };
    let mut outcome = engine::invoke(settings.command, &settings.options, &engine_host);
    outcome.diagnostics.extend(problem);
    console.finish();
    report::Report { settings, console: &console, file: file.as_deref(), stderr: &host.stderr, secrets: &secrets }
        .outcome(&outcome);
    outcome
}

fn open_log(settings: &Settings, secrets: &Secrets, invocation_id: &str) -> (Option<Arc<LogFile>>, Option<Diagnostic>) {
    let Some(dir) = &settings.log_dir else { return (None, None) };
    let width = settings.options.printer_width;
    let file = settings.file.clone();
    match LogFile::open(dir, settings.log_max_bytes, file, width, secrets.clone(), invocation_id) {
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
