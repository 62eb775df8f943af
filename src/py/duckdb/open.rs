//! Databases that are open, and who keeps them open.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use pyo3::exceptions::PyModuleNotFoundError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::{Map, Value};

use super::{Cursor, from_python};
use crate::adapter::duckdb::DuckDbDriver;
use crate::adapter::{Connection, DbError, DbErrorKind, DbResult};

/// One `duckdb.connect`, closed with its last cursor. Closing gives the file free for other processes.
pub struct Database {
    connection: Py<PyAny>,
    /// A connection that the user handed in stays open.
    ours: bool,
}

impl Database {
    /// A session with the profile's settings.
    pub fn cursor(&self, settings: &Map<String, Value>) -> DbResult<Py<PyAny>> {
        Python::attach(|py| {
            let cursor = || -> PyResult<_> {
                let cursor = self.connection.bind(py).call_method0("cursor")?;
                for (name, value) in settings {
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned).replace('\'', "''");
                    cursor.call_method1("execute", (format!("set {name} = '{value}'"),))?;
                }
                Ok(cursor.unbind())
            };
            cursor().map_err(|e| from_python(py, &e))
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.ours {
            // Not attached any more: the interpreter is going down, and closes the file itself.
            Python::try_attach(|py| self.connection.bind(py).call_method0("close").map(drop));
        }
    }
}

/// Opens DuckDB databases for one Python object (`Project`, `Runner`, the command line).
#[derive(Default)]
pub struct Driver {
    /// An open connection of the user, which is then the only database.
    given: Option<Arc<Database>>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    files: HashMap<PathBuf, Weak<Database>>,
    /// In-memory databases live as long as the driver: between two commands nobody else holds them.
    memory: HashMap<String, Arc<Database>>,
}

impl Driver {
    pub fn with_connection(connection: Py<PyAny>) -> Self {
        Self { given: Some(Arc::new(Database { connection, ours: false })), open: Mutex::default() }
    }

    /// The one handle of a database. The lock is taken before Python is entered, never the other way round: a thread
    /// that waits for it must not hold the GIL, which `duckdb.connect` needs to come back.
    fn database(&self, path: &str, read_only: bool) -> DbResult<Arc<Database>> {
        if let Some(given) = &self.given {
            Python::attach(|py| check_given(given.connection.bind(py), path))?;
            return Ok(given.clone());
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if is_memory(path) {
            if let Some(database) = open.memory.get(path) {
                return Ok(database.clone());
            }
            let database = Arc::new(connect(path, read_only)?);
            open.memory.insert(path.to_owned(), database.clone());
            return Ok(database);
        }
        let key = canonical(path);
        if let Some(database) = open.files.get(&key).and_then(Weak::upgrade) {
            return Ok(database);
        }
        let others = descriptors(&key);
        let database = connect(path, read_only)?;
        if others > 0 && descriptors(&key) > others {
            return Err(second_instance(path));
        }
        let database = Arc::new(database);
        open.files.insert(key, Arc::downgrade(&database));
        Ok(database)
    }
}

impl DuckDbDriver for Driver {
    fn open(&self, path: &str, read_only: bool, settings: &Map<String, Value>) -> DbResult<Box<dyn Connection>> {
        let database = self.database(path, read_only)?;
        let cursor = database.cursor(settings)?;
        let cancelled = Arc::new(AtomicBool::new(false));
        Ok(Box::new(Cursor { cursor, database, settings: settings.clone(), usable: true, cancelled }))
    }

    fn version(&self) -> DbResult<String> {
        Python::attach(|py| {
            let version = module(py)?.getattr("__version__").and_then(|version| version.extract());
            version.map_err(|e| from_python(py, &e))
        })
    }
}

fn is_memory(path: &str) -> bool {
    path.is_empty() || path.starts_with(":memory:")
}

fn module(py: Python<'_>) -> DbResult<Bound<'_, PyModule>> {
    py.import("duckdb").map_err(|e| {
        if !e.is_instance_of::<PyModuleNotFoundError>(py) {
            return from_python(py, &e);
        }
        let help = "install it beside headwater: `pip install 'headwater[duckdb]'`".to_owned();
        DbError {
            help: Some(help),
            ..DbError::new(DbErrorKind::Connection, "the Python package `duckdb` is not installed")
        }
    })
}

fn connect(path: &str, read_only: bool) -> DbResult<Database> {
    Python::attach(|py| {
        let duckdb = module(py)?;
        let options = PyDict::new(py);
        let connect = || {
            options.set_item("read_only", read_only)?;
            duckdb.getattr("connect")?.call((path,), Some(&options))
        };
        let connection = connect();
        match connection {
            Ok(connection) => Ok(Database { connection: connection.unbind(), ours: true }),
            Err(failure) => Err(DbError { kind: DbErrorKind::Connection, ..from_python(py, &failure) }),
        }
    })
}

/// The file's one name. A file that is about to be made gets its folder's one name.
fn canonical(path: &str) -> PathBuf {
    let path = Path::new(path);
    path.canonicalize().unwrap_or_else(|_| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match (folder.canonicalize(), path.file_name()) {
            (Ok(folder), Some(name)) => folder.join(name),
            _ => path.to_owned(),
        }
    })
}

/// How many descriptors of this process are open on a file; 0 where the system does not tell (no procfs).
fn descriptors(file: &Path) -> usize {
    let entries = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    entries.filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target == file)).count()
}

/// DuckDB knows its instances by the path they were opened with: another spelling (a symlink) makes a second one.
fn second_instance(path: &str) -> DbError {
    let message = format!(
        "`{path}` is open in this process under another path, and two instances of one file lose data; \
         use the same path in both places, or pass that connection: Project(..., connection=con)"
    );
    DbError::new(DbErrorKind::Connection, message)
}

/// A connection that was handed in must be on the profile's database: its catalog's name is in every statement.
fn check_given(connection: &Bound<'_, PyAny>, path: &str) -> DbResult<()> {
    const FILE: &str = "select path from duckdb_databases() where database_name = current_database()";
    let py = connection.py();
    let found = || -> PyResult<Option<String>> {
        let rows = connection.call_method0("cursor")?.call_method1("execute", (FILE,))?.call_method0("fetchall")?;
        rows.get_item(0)?.get_item(0)?.extract()
    };
    let found = found().map_err(|e| from_python(py, &e))?;
    let same = match &found {
        Some(file) => !is_memory(path) && canonical(file) == canonical(path),
        None => is_memory(path),
    };
    if same {
        return Ok(());
    }
    let found = found.unwrap_or_else(|| ":memory:".to_owned());
    let message = format!("the connection given is on `{found}`, but the profile's path is `{path}`");
    Err(DbError::new(DbErrorKind::Connection, message))
}
