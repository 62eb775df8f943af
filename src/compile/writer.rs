//! `target/compiled` and `target/run`, written beside the work: nodes do not wait for the disk.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::diag::{Code, Diagnostic};

type File = (PathBuf, Arc<str>);

/// The writing thread and the way to it.
type Thread = (Sender<File>, JoinHandle<Vec<Diagnostic>>);

/// A thread that writes files in the order in which they are handed over; started by the first one.
pub struct Writer {
    root: Option<PathBuf>,
    running: Mutex<Option<Thread>>,
}

/// How many failed files are reported one by one.
const REPORTED: usize = 5;

impl Writer {
    /// Files go below `root`; without one nothing is written.
    pub fn new(root: Option<PathBuf>) -> Self {
        Self { root, running: Mutex::new(None) }
    }

    pub fn is_on(&self) -> bool {
        self.root.is_some()
    }

    /// Queues a file; `path` is relative to the target folder.
    pub fn write(&self, path: &str, text: Arc<str>) {
        let Some(root) = &self.root else { return };
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let (sender, _) = running.get_or_insert_with(start);
        // The receiver lives until the sender is dropped in `finish`.
        let _ = sender.send((root.join(path), text));
    }

    /// Waits for all files and reports those that could not be written.
    pub fn finish(&self) -> Vec<Diagnostic> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((sender, thread)) = running else { return Vec::new() };
        drop(sender);
        thread.join().unwrap_or_default()
    }
}

fn start() -> Thread {
    let (sender, receiver) = mpsc::channel::<File>();
    let thread = std::thread::spawn(move || {
        let mut folders = HashSet::new();
        let mut problems = Vec::new();
        let mut unreported = 0;
        for (path, text) in receiver {
            if let Err(error) = write(&path, &text, &mut folders) {
                if problems.len() < REPORTED {
                    let message = format!("`{}` could not be written: {error}", path.display());
                    problems.push(Diagnostic::warning(Code::File, message));
                } else {
                    unreported += 1;
                }
            }
        }
        if unreported > 0 {
            problems.push(Diagnostic::warning(Code::File, format!("{unreported} more files could not be written")));
        }
        problems
    });
    (sender, thread)
}

fn write(path: &Path, text: &str, folders: &mut HashSet<PathBuf>) -> std::io::Result<()> {
    if let Some(folder) = path.parent()
        && !folders.contains(folder)
    {
        fs::create_dir_all(folder)?;
        folders.insert(folder.to_owned());
    }
    fs::write(path, text)
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_there_after_finish_and_failures_are_reported() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::new(Some(folder.path().to_owned()));
        writer.write("compiled/a/b.sql", "select 1".into());
        writer.write("compiled/a/b.sql/c.sql", "below a file".into());
        let problems = writer.finish();
        assert_eq!(fs::read_to_string(folder.path().join("compiled/a/b.sql")).unwrap(), "select 1");
        assert_eq!(problems.len(), 1);
        assert!(problems[0].message.contains("c.sql"));
        writer.write("again.sql", "select 2".into());
        assert!(writer.finish().is_empty());
    }
}
