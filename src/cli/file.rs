//! `dbt.log`: every line and every statement, with a banner per command, set aside when it grows too big.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::json;
use super::line::{self, Line};
use super::settings::{Format, Telling};
use crate::diag::log::{Level, Log, LogEntry};
use crate::execute::{Event, EventSink};
use crate::project::Secrets;

/// How many old files are kept: `dbt.log.1` is the newest.
const KEPT: usize = 5;

/// The log file of one command; other processes may append to the same file.
pub(super) struct LogFile {
    inner: Mutex<Inner>,
    telling: Telling,
    width: usize,
    secrets: Secrets,
    json: json::Writer,
}

struct Inner {
    file: BufWriter<File>,
    path: PathBuf,
    size: u64,
    max: u64,
}

impl LogFile {
    /// Opens `dbt.log` in `dir` and writes the banner.
    ///
    /// # Errors
    /// The folder or the file cannot be made.
    pub(super) fn open(
        dir: &Path,
        max: u64,
        telling: Telling,
        width: usize,
        secrets: Secrets,
        invocation_id: &str,
    ) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let path = dir.join("dbt.log");
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let size = file.metadata()?.len();
        let inner = Inner { file: BufWriter::new(file), path, size, max };
        let log = Self { inner: Mutex::new(inner), telling, width, secrets, json: json::Writer::new(invocation_id) };
        if log.telling.format != Format::Json && log.telling.level.is_some() {
            let time = chrono::Local::now().format("%H:%M:%S%.6f");
            log.write_text(&format!("\n\n{0} {time} | {1} {0}", "=".repeat(30), log.json.id()));
        }
        Ok(log)
    }

    pub(super) fn line(&self, line: &Line, thread: Option<&str>) {
        if !self.tells(line.level) {
            return;
        }
        if self.telling.format == Format::Json {
            return self.write_text(&self.json.line(line));
        }
        self.write_text(&line.stamped(self.telling.format, self.telling.colors, thread));
    }

    pub(super) fn flush(&self) {
        // The log is for help afterwards; a full disk must not stop a run.
        let _ = self.inner().file.flush();
    }

    fn tells(&self, level: Level) -> bool {
        self.telling.level.is_some_and(|least| level >= least)
    }

    fn write_text(&self, text: &str) {
        let text = self.secrets.mask(text);
        let mut inner = self.inner();
        let _ = inner.write(&text);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn write(&mut self, text: &str) -> io::Result<()> {
        let length = text.len() as u64 + 1;
        if self.max > 0 && self.size > 0 && self.size + length > self.max {
            self.rotate()?;
        }
        self.size += length;
        writeln!(self.file, "{text}")
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file.flush()?;
        let numbered = |at: usize| PathBuf::from(format!("{}.{at}", self.path.display()));
        for at in (1..KEPT).rev() {
            if numbered(at).exists() {
                fs::rename(numbered(at), numbered(at + 1))?;
            }
        }
        fs::rename(&self.path, numbered(1))?;
        self.file = BufWriter::new(OpenOptions::new().create(true).append(true).open(&self.path)?);
        self.size = 0;
        Ok(())
    }
}

impl EventSink for LogFile {
    fn event(&self, event: &Event) {
        let thread = match event {
            Event::NodeStart { thread, .. }
            | Event::BatchStart { thread, .. }
            | Event::FreshnessStart { thread, .. } => Some(&**thread),
            Event::NodeFinished { result, .. } | Event::BatchFinished { result, .. } => Some(result.thread_id.as_str()),
            Event::FreshnessFinished { result, .. } => Some(result.thread_id.as_str()),
            _ => None,
        };
        if self.telling.format == Format::Json {
            self.json.event(event, self.width, |level| self.tells(level)).iter().for_each(|text| self.write_text(text));
        } else {
            line::lines(event, self.width).iter().for_each(|line| self.line(line, thread));
        }
        if matches!(event, Event::NodeFinished { .. } | Event::RunFinished { .. } | Event::Finished { .. }) {
            self.flush();
        }
    }
}

impl Log for LogFile {
    fn write(&self, entry: &LogEntry<'_>) {
        self.line(&Line::new(entry.level, "", entry.event, entry.text), entry.thread);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Env;

    fn telling() -> Telling {
        Telling { level: Some(Level::Debug), format: Format::Debug, colors: false }
    }

    #[test]
    fn lines_have_a_level_and_a_thread_and_no_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = Secrets::new(&Env::from([("DBT_ENV_SECRET_X", "hunter2")]));
        let log = LogFile::open(&dir.path().join("logs"), 0, telling(), 80, secrets, "id").unwrap();
        let entry = LogEntry {
            level: Level::Debug,
            node: None,
            thread: Some("Thread-1"),
            event: "SQLQuery",
            text: "select 'hunter2'",
        };
        log.write(&entry);
        log.flush();
        let text = fs::read_to_string(dir.path().join("logs/dbt.log")).unwrap();
        assert!(text.contains("[debug] [Thread-1]: select '*****'\n"), "{text}");
        assert!(text.starts_with("\n\n=============================="));
    }

    #[test]
    fn a_big_file_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let log = LogFile::open(dir.path(), 300, telling(), 80, Secrets::default(), "id").unwrap();
        (0..20).for_each(|at| log.line(&Line::new(Level::Info, "", "x", format!("line {at}")), None));
        log.flush();
        let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.len() > 2 && names.len() <= KEPT + 1, "{names:?}");
        let newest = fs::read_to_string(dir.path().join("dbt.log")).unwrap();
        assert!(newest.contains("line 19") && !newest.contains("line 0\n"));
    }
}
