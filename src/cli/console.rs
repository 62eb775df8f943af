//! Tells people (or programs, as JSON) what happens, line by line, and shows on a terminal what is running.

#[cfg(test)]
use std::io::Write;
use std::sync::{Arc, PoisonError};

use super::line::{self, Line};
use super::live::Live;
use super::settings::{Format, Settings, Telling};
use super::{Stream, json};
use crate::diag::log::{Level, Log, LogEntry};
use crate::engine::Command;
use crate::execute::{Event, EventSink};
use crate::project::Secrets;

/// The console of one command. Shared by the engine's threads.
pub(super) struct Console {
    stdout: Stream,
    telling: Telling,
    width: usize,
    /// `print()` of macros is wanted.
    print: bool,
    /// Compiling builds nothing: lines that tell of success would mislead. Nor has dbt any for `clone`.
    compiles: bool,
    secrets: Secrets,
    live: Option<Live>,
    json: json::Writer,
}

impl Console {
    /// `live` is whether a line at the bottom may show what is running.
    pub(super) fn new(
        settings: &Settings,
        stdout: Stream,
        secrets: Secrets,
        invocation_id: &str,
        live: bool,
    ) -> Arc<Self> {
        let telling = settings.console.clone();
        let is_for_people = telling.format != Format::Json && telling.level.is_some_and(|level| level <= Level::Info);
        Arc::new(Self {
            live: (live && is_for_people).then(|| Live::new(stdout.clone())),
            stdout,
            telling,
            width: settings.options.printer_width,
            print: settings.options.print,
            compiles: matches!(settings.command, Command::Compile | Command::DocsGenerate | Command::Clone),
            secrets,
            json: json::Writer::new(invocation_id),
        })
    }

    /// Whether lines of this level are told.
    pub(super) fn tells(&self, level: Level) -> bool {
        self.telling.level.is_some_and(|least| level >= least)
    }

    pub(super) fn line(&self, line: &Line) {
        if self.tells(line.level) {
            let text = match self.telling.format {
                Format::Json => self.json.line(line),
                format => line.stamped(format, self.telling.colors, None),
            };
            self.write(&text);
        }
    }

    /// What was asked for: told whatever the level, without a time.
    pub(super) fn payload(&self, text: &str) {
        self.write(text.trim_end_matches('\n'));
    }

    /// Takes the live line away for good.
    pub(super) fn finish(&self) {
        if let Some(live) = &self.live {
            live.finish();
        }
    }

    fn write(&self, text: &str) {
        let text = self.secrets.mask(text);
        let mut stdout = self.stdout.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(live) = &self.live {
            live.clear(&mut *stdout);
        }
        // A closed pipe (`headwater ls | head`) is no reason to stop a run.
        let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    }
}

impl EventSink for Console {
    fn event(&self, event: &Event) {
        if let Some(live) = &self.live {
            live.event(event);
        }
        if self.telling.format == Format::Json {
            for text in self.json.event(event, self.width, |level| self.tells(level)) {
                self.write(&text);
            }
            return;
        }
        let is_build =
            matches!(event, Event::NodeStart { .. } | Event::NodeFinished { .. } | Event::RunFinished { .. });
        let hides = |line: &Line| self.compiles && is_build && line.level == Level::Info && !self.tells(Level::Debug);
        line::lines(event, self.width).iter().filter(|line| !hides(line)).for_each(|line| self.line(line));
    }
}

impl Log for Console {
    fn write(&self, entry: &LogEntry<'_>) {
        if entry.event == "PrintEvent" {
            if self.print {
                self.payload(entry.text);
            }
            return;
        }
        self.line(&Line::new(entry.level, "", entry.event, entry.text));
    }
}

/// Sends events and log entries to several listeners.
pub(super) struct Tee {
    pub sinks: Vec<Arc<dyn EventSink>>,
    pub logs: Vec<Arc<dyn Log>>,
}

impl EventSink for Tee {
    fn event(&self, event: &Event) {
        self.sinks.iter().for_each(|sink| sink.event(event));
    }
}

impl Log for Tee {
    fn write(&self, entry: &LogEntry<'_>) {
        self.logs.iter().for_each(|log| log.write(entry));
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
