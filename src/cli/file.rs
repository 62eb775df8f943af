//! `dbt.log`: every line and every statement, with a banner per command, set aside when it grows too big.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::hub::People;
use super::json::Invocation;
use super::message::{Kind, Listener, Message};
use super::settings::Telling;
use super::telling::Format;
use crate::diag::Diagnostic;
use crate::diag::log::Level;
use crate::diag::render::{self, Style};
use crate::execute::Event;
use crate::project::Secrets;

/// How many old files are kept: `dbt.log.1` is the newest.
const KEPT: usize = 5;

/// The log file of one command; other processes may append to the same file.
pub(super) struct LogFile {
    inner: Mutex<Inner>,
    telling: Telling,
    secrets: Secrets,
    invocation: Arc<Invocation>,
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
        secrets: Secrets,
        invocation: Arc<Invocation>,
    ) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let path = dir.join("dbt.log");
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let size = file.metadata()?.len();
        let inner = Inner { file: BufWriter::new(file), path, size, max };
        let log = Self { inner: Mutex::new(inner), telling, secrets, invocation };
        if log.telling.format == Format::Debug && log.telling.level.is_some() {
            let time = chrono::Local::now().format("%H:%M:%S%.6f");
            log.write_text(&format!("\n\n{0} {time} | {1} {0}", "=".repeat(30), log.invocation.id));
        }
        Ok(log)
    }

    pub(super) fn flush(&self) {
        let _ = self.inner().file.flush();
    }

    fn write_text(&self, text: &str) {
        // The log is for help afterwards; a full disk must not stop a run.
        let _ = self.inner().write(text);
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

impl Listener for LogFile {
    fn hears(&self, kind: &Kind, level: Level) -> bool {
        self.telling.hears(kind, level)
    }

    fn reads_data(&self) -> bool {
        self.telling.format == Format::Json
    }

    fn hear(&self, message: &Message<'_>) {
        if self.telling.format == Format::Json {
            let msg = if self.telling.colors { message.colored() } else { message.msg() };
            self.write_text(&self.invocation.line(message, &msg));
        } else if !message.in_block {
            self.write_text(&self.telling.line(message));
        }
    }

    /// Whoever reads along sees each node's end at once.
    fn event(&self, event: &Event) {
        if matches!(event, Event::NodeFinished { .. } | Event::RunFinished { .. }) {
            self.flush();
        }
    }
}

impl People for LogFile {
    fn problems(&self, problems: &[Diagnostic]) {
        let worst = if problems.iter().any(Diagnostic::is_error) { Level::Error } else { Level::Warn };
        if self.telling.format != Format::Json && self.telling.tells(worst) {
            let text = render::text_with_summary(problems, Style::PLAIN);
            self.write_text(&format!("\n{}", self.secrets.mask(text.trim_end())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Env;

    use crate::cli::message::{Head, kind::NOTE};

    fn telling(format: Format) -> Telling {
        Telling { level: Some(Level::Debug), format, colors: false, cache_events: false }
    }

    fn opened(dir: &Path, max: u64, format: Format) -> LogFile {
        let invocation = Arc::new(Invocation::new(&Env::default()));
        LogFile::open(dir, max, telling(format), Secrets::default(), invocation).unwrap()
    }

    fn write(log: &LogFile, text: &str) {
        let (data, secrets) = (|| serde_json::json!({}), Secrets::default());
        let head = Head::new(&NOTE).level(Level::Debug).thread("Thread-1 (worker)");
        log.hear(&head.message(text.into(), &data, &secrets));
        log.flush();
    }

    #[test]
    fn lines_have_a_level_and_a_thread() {
        let dir = tempfile::tempdir().unwrap();
        write(&opened(&dir.path().join("logs"), 0, Format::Debug), "select 1");
        let text = fs::read_to_string(dir.path().join("logs/dbt.log")).unwrap();
        assert!(text.contains(" [debug] [Thread-1 (]: select 1\n"), "{text}");
        assert!(text.starts_with("\n\n=============================="));
    }

    #[test]
    fn the_other_shapes_have_no_banner() {
        let dir = tempfile::tempdir().unwrap();
        write(&opened(dir.path(), 0, Format::Text), "select 1");
        let text = fs::read_to_string(dir.path().join("dbt.log")).unwrap();
        assert!(text.ends_with("  select 1\n") && text.len() == "00:00:00  select 1\n".len(), "{text}");
        fs::remove_file(dir.path().join("dbt.log")).unwrap();
        write(&opened(dir.path(), 0, Format::Json), "select 1");
        let line: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(dir.path().join("dbt.log")).unwrap()).unwrap();
        assert_eq!((&line["info"]["thread"], &line["info"]["code"]), (&"Thread-1 (worker)".into(), &"Z050".into()));
    }

    #[test]
    fn a_big_file_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let log = opened(dir.path(), 300, Format::Debug);
        (0..20).for_each(|at| write(&log, &format!("line {at}")));
        let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.len() > 2 && names.len() <= KEPT + 1, "{names:?}");
        let newest = fs::read_to_string(dir.path().join("dbt.log")).unwrap();
        assert!(newest.contains("line 19") && !newest.contains("line 0\n"));
    }
}
