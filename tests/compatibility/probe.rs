//! The command line, run on a project in a temporary folder with a scripted DuckDB.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use headwater::adapter::duckdb::DuckDbDriver;
use headwater::adapter::fake::FakeAdapter;
use headwater::adapter::{Adapter, Connection, DbResult, Drivers};
use headwater::cli::{self, Host};
use headwater::engine::{Handover, Outcome};
use headwater::execute::CancelToken;
use headwater::project::Env;
use serde_json::{Map, Value};

/// Opens connections of the scripted adapter.
struct Scripted(FakeAdapter);

impl DuckDbDriver for Scripted {
    fn open(&self, _: &str, _: bool, _: &Map<String, Value>) -> DbResult<Box<dyn Connection>> {
        self.0.connect("probe")
    }

    fn version(&self) -> DbResult<String> {
        Ok("1.4.0".to_owned())
    }
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Captured {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

pub struct Probe {
    folder: tempfile::TempDir,
    adapter: FakeAdapter,
}

pub struct Ran {
    pub outcome: Outcome,
    pub stdout: String,
    pub stderr: String,
}

impl Probe {
    /// A folder with nothing in it.
    pub fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), adapter: FakeAdapter::duckdb() }
    }

    /// A project; `settings` are added to its dbt_project.yml.
    pub fn new(settings: &str) -> Self {
        let probe = Self::empty();
        probe.file("dbt_project.yml", &format!("name: probe\nversion: '1.0'\nprofile: probe\n{settings}"));
        probe.file(
            "profiles.yml",
            "probe:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: probe.duckdb, schema: main, threads: 2}\n",
        );
        probe
    }

    /// What the database answers.
    pub fn script(mut self, change: impl FnOnce(FakeAdapter) -> FakeAdapter) -> Self {
        self.adapter = change(self.adapter);
        self
    }

    /// What was sent to the database.
    pub fn statements(&self) -> Vec<String> {
        self.adapter.statements()
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("creates the folder");
        fs::write(path, text).expect("writes the file");
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn ran(&self, line: &[&str]) -> Ran {
        self.ran_with(line, &[])
    }

    pub fn ran_with(&self, line: &[&str], env: &[(&str, &str)]) -> Ran {
        let (stdout, stderr) = (Captured::default(), Captured::default());
        let host = Host {
            drivers: Drivers { duckdb: Some(Arc::new(Scripted(self.adapter.clone()))) },
            modules: None,
            listener: None,
            cancel: CancelToken::new(),
            asker: None,
            env: Env::from(env.iter().copied()),
            cwd: self.path().to_owned(),
            stdout: Arc::new(Mutex::new(stdout.clone())),
            stderr: Arc::new(Mutex::new(stderr.clone())),
            is_terminal: false,
            parsed: Handover::None,
        };
        let argv: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        Ran { outcome: cli::main(&argv, host), stdout: stdout.text(), stderr: stderr.text() }
    }

    /// The same, and it must have worked.
    pub fn done(&self, line: &[&str]) -> Ran {
        let ran = self.ran(line);
        assert_eq!(ran.outcome.exit_code, 0, "{line:?}\n{}\n{}", ran.stdout, ran.stderr);
        ran
    }
}
