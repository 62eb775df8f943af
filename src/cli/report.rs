//! The end of a command: what was asked for, what went wrong, and the sum of it.

use std::sync::PoisonError;

use super::Stream;
use super::console::Console;
use super::file::LogFile;
use super::line::{Line, Tally};
use super::settings::{Format, Settings};
use crate::diag::log::Level;
use crate::diag::render::{self, Style};
use crate::diag::{Diagnostic, Severity};
use crate::engine::{Command, CommandResult, Outcome};
use crate::execute::{Event, EventSink};
use crate::project::Secrets;

pub(super) struct Report<'a> {
    pub settings: &'a Settings,
    pub console: &'a Console,
    pub file: Option<&'a LogFile>,
    pub stderr: &'a Stream,
    pub secrets: &'a Secrets,
}

impl Report<'_> {
    pub(super) fn outcome(&self, outcome: &Outcome) {
        if !outcome.output.is_empty() {
            self.console.payload(&outcome.output);
        }
        let problems = problems(outcome);
        match &outcome.result {
            CommandResult::Run(run) if is_build(self.settings.command) && !run.results.is_empty() => {
                let tally = Tally::of_run(run);
                self.line(&Line::new(Level::Info, "Z017", "Formatting", ""));
                self.line(&tally.completed(run.cancelled));
                self.problems(&problems);
                self.line(&Line::new(Level::Info, "Z017", "Formatting", ""));
                self.line(&tally.done());
            }
            CommandResult::Freshness(_) => {
                self.problems(&problems);
                self.line(&Line::new(Level::Info, "Z023", "FreshnessCheckComplete", "Done."));
            }
            _ => self.problems(&problems),
        }
        if let Some(file) = self.file {
            file.flush();
        }
    }

    fn line(&self, line: &Line) {
        self.console.line(line);
        if let Some(file) = self.file {
            file.line(line, None);
        }
    }

    /// Problems go to stderr, with their places; as JSON they stay among the other lines.
    fn problems(&self, problems: &[Diagnostic]) {
        if problems.is_empty() {
            return;
        }
        if let Some(file) = self.file {
            let worst = if problems.iter().any(Diagnostic::is_error) { Level::Error } else { Level::Warn };
            let text = render::text_with_summary(problems, Style::PLAIN);
            file.line(&Line::new(worst, "", "Diagnostics", format!("\n{text}")), None);
        }
        let told: Vec<Diagnostic> =
            problems.iter().filter(|p| self.console.tells(level(p.severity))).cloned().collect();
        if told.is_empty() {
            return;
        }
        if self.settings.console.format == Format::Json {
            told.into_iter().for_each(|problem| self.console.event(&Event::Diagnostic(problem.into())));
            return;
        }
        let style = Style { color: self.settings.console.colors, ..Style::PLAIN };
        let text = render::text_with_summary(&told, style);
        let mut stderr = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(stderr, "\n{}", self.secrets.mask(text.trim_end())).and_then(|()| stderr.flush());
    }
}

fn level(severity: Severity) -> Level {
    match severity {
        Severity::Warning => Level::Warn,
        Severity::Error => Level::Error,
    }
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

/// Those of the command, then those of its nodes.
fn problems(outcome: &Outcome) -> Vec<Diagnostic> {
    let mut problems = outcome.diagnostics.clone();
    match &outcome.result {
        CommandResult::Run(run) => {
            problems.extend(run.results.iter().filter_map(|result| result.diagnostic.as_deref().cloned()));
        }
        CommandResult::Freshness(run) => {
            problems.extend(run.results.iter().filter_map(|result| result.diagnostic.as_deref().cloned()));
        }
        _ => {}
    }
    problems
}
