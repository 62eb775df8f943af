//! Projects written to temporary folders and read back.

mod context;
mod deps;
mod files;
mod load;
mod profile;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};
use tempfile::TempDir;

use super::*;
use crate::diag::log::{Log, LogEntry};
use crate::diag::render::{Style, text};
use crate::jinja::Engine;

const PROJECT: &str = "name: shop\nprofile: shop\n";
const PROFILES: &str = "\
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: shop.duckdb, threads: 4}
    prod:
      type: mysql
      host: db.example
      port: \"{{ env_var('DB_PORT', '3306') }}\"
      user: loader
      password: \"{{ env_var('DBT_ENV_SECRET_PASSWORD') }}\"
      schema: shop
";

/// A folder with files.
struct Fixture {
    folder: TempDir,
}

impl Fixture {
    fn new(files: &[(&str, &str)]) -> Self {
        let fixture = Self { folder: tempfile::tempdir().unwrap() };
        fixture.write("dbt_project.yml", PROJECT);
        fixture.write("profiles.yml", PROFILES);
        for (path, text) in files {
            fixture.write(path, text);
        }
        fixture
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn request(&self) -> Request {
        Request { cwd: self.path().to_path_buf(), ..Request::default() }
    }

    fn load(&self) -> Project {
        self.load_with(self.request())
    }

    fn load_with(&self, request: Request) -> Project {
        load(&request, &Engine::new()).unwrap_or_else(|errors| panic!("{}", text(&errors, Style::PLAIN)))
    }

    fn errors(&self) -> Vec<Diagnostic> {
        self.errors_with(self.request())
    }

    fn errors_with(&self, request: Request) -> Vec<Diagnostic> {
        load(&request, &Engine::new()).err().unwrap_or_default()
    }

    /// The errors as they are printed, without the name of the temporary folder.
    fn shown(&self, diagnostics: &[Diagnostic]) -> String {
        text(diagnostics, Style::PLAIN).replace(&self.path().display().to_string(), "<folder>")
    }
}

fn originals(files: &[PackageFile]) -> Vec<&str> {
    files.iter().map(|file| file.path.original.as_str()).collect()
}

/// Remembers what was written.
#[derive(Default)]
struct Memory(Mutex<Vec<(&'static str, Option<String>, String)>>);

impl Log for Memory {
    fn write(&self, entry: &LogEntry<'_>) {
        self.0.lock().unwrap().push((entry.event, entry.node.map(str::to_owned), entry.text.to_owned()));
    }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn shared<T>(value: T) -> Arc<T> {
    Arc::new(value)
}
