//! Tells people (or programs, as JSON) what happens, line by line, and shows on a terminal what is running.

#[cfg(test)]
use std::io::Write;
use std::sync::{Arc, PoisonError};

use super::Stream;
use super::hub::People;
use super::json::Invocation;
use super::live::Live;
use super::message::{Kind, Listener, Message};
use super::settings::{Format, Settings, Telling};
use crate::diag::log::Level;
use crate::diag::render::{self, Style};
use crate::diag::{Diagnostic, Severity};
use crate::execute::Event;
use crate::project::Secrets;

/// The console of one command. Shared by the engine's threads.
pub(super) struct Console {
    stdout: Stream,
    stderr: Stream,
    telling: Telling,
    secrets: Secrets,
    live: Option<Live>,
    invocation: Arc<Invocation>,
}

impl Console {
    /// `live` is whether a line at the bottom may show what is running.
    pub(super) fn new(
        settings: &Settings,
        (stdout, stderr): (Stream, Stream),
        secrets: Secrets,
        invocation: Arc<Invocation>,
        live: bool,
    ) -> Self {
        let telling = settings.console.clone();
        let is_for_people = telling.format != Format::Json && telling.level.is_some_and(|level| level <= Level::Info);
        Self {
            live: (live && is_for_people).then(|| Live::new(stdout.clone())),
            stdout,
            stderr,
            telling,
            secrets,
            invocation,
        }
    }

    /// What was asked for: told whatever the level, without a time.
    pub(super) fn payload(&self, text: &str) {
        self.write(&self.secrets.mask(text.trim_end_matches('\n')));
    }

    /// Takes the live line away for good.
    pub(super) fn finish(&self) {
        if let Some(live) = &self.live {
            live.finish();
        }
    }

    fn write(&self, text: &str) {
        let mut stdout = self.stdout.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(live) = &self.live {
            live.clear(&mut *stdout);
        }
        // A closed pipe (`headwater ls | head`) is no reason to stop a run.
        let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    }
}

impl Listener for Console {
    fn hears(&self, kind: &Kind, level: Level) -> bool {
        self.telling.hears(kind, level)
    }

    fn reads_data(&self) -> bool {
        self.telling.format == Format::Json
    }

    fn hear(&self, message: &Message<'_>) {
        if self.telling.format == Format::Json {
            let msg = if self.telling.colors { message.colored() } else { message.msg() };
            return self.write(&self.invocation.line(message, &msg));
        }
        if message.in_block {
            return;
        }
        if message.is_payload() {
            self.payload(&message.msg());
        } else {
            self.write(&self.telling.line(message));
        }
    }

    fn event(&self, event: &Event) {
        if let Some(live) = &self.live {
            live.event(event);
        }
    }
}

impl People for Console {
    /// On stderr; as JSON they are among the other lines.
    fn problems(&self, problems: &[Diagnostic]) {
        let told: Vec<Diagnostic> =
            problems.iter().filter(|problem| self.telling.tells(level(problem.severity))).cloned().collect();
        if told.is_empty() || self.telling.format == Format::Json {
            return;
        }
        let style = Style { color: self.telling.colors, ..Style::PLAIN };
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

/// Text that can be looked at afterwards, for tests.
#[cfg(test)]
#[derive(Clone, Default)]
pub(super) struct Captured(pub Arc<std::sync::Mutex<Vec<u8>>>);

#[cfg(test)]
impl Captured {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

#[cfg(test)]
impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
