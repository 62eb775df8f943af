//! What a target says about the database.

use std::path::Path;

use serde_json::{Map, Value};

use super::quoted;
use crate::adapter::credentials::Entries;
use crate::diag::{self, Code, Diagnostic};

const KNOWN: &[&str] = &["path", "schema", "database", "settings", "extensions", "read_only"];
/// What dbt-duckdb knows besides.
const NOT_SUPPORTED: &[&str] = &[
    "attach",
    "config_options",
    "disable_transactions",
    "external_root",
    "filesystems",
    "is_ducklake",
    "keep_open",
    "motherduck_token",
    "module_paths",
    "plugins",
    "remote",
    "retries",
    "secrets",
    "use_credential_provider",
];

const MEMORY: &str = ":memory:";

/// An extension to load, from the core repository unless it names another.
#[derive(Debug, PartialEq)]
pub(super) struct Extension {
    pub name: String,
    repository: Option<String>,
}

impl Extension {
    pub fn install(&self) -> String {
        let from = self.repository.as_ref().map(|repository| {
            // `community` is the name of a repository, anything else an address.
            if repository.contains(['/', ':', '.']) {
                format!(" from {}", quoted(repository))
            } else {
                format!(" from {repository}")
            }
        });
        format!("install {}{}", quoted(&self.name), from.unwrap_or_default())
    }
}

#[derive(Debug)]
pub(super) struct Credentials {
    pub path: String,
    pub database: String,
    pub schema: String,
    pub read_only: bool,
    pub settings: Map<String, Value>,
    pub extensions: Vec<Extension>,
}

impl Credentials {
    pub fn new(entries: &Map<String, Value>, directory: &Path) -> diag::Result<Self> {
        if let Some(key) = entries.keys().find(|key| NOT_SUPPORTED.contains(&key.as_str())) {
            return Err(not_supported(&format!("`{key}` of the `duckdb` target")));
        }
        let entries = Entries::new(entries, "duckdb", KNOWN)?;
        let path = entries.text(&["path"])?.unwrap_or_else(|| MEMORY.to_owned());
        if path.contains("://") || path.starts_with("md:") || path.starts_with("motherduck:") {
            return Err(not_supported("a `path` that is not a file"));
        }
        let database = database_name(&path);
        if entries.text(&["database"])?.is_some_and(|named| !named.eq_ignore_ascii_case(&database)) {
            return Err(Diagnostic::error(
                Code::InvalidValue,
                "`database` of the `duckdb` target differs from the name of its file",
            )
            .note(format!("DuckDB calls the database of this `path` `{database}`"))
            .help("leave `database` out")
            .boxed());
        }
        let settings = entries.mapping("settings")?.cloned().unwrap_or_default();
        if settings.keys().any(|name| !is_name(name)) {
            return Err(entries.wrong("settings", "a mapping of names of settings to values"));
        }
        let extensions = entries.list("extensions")?.iter().map(extension).collect::<Option<_>>();
        Ok(Self {
            path: if is_memory(&path) { path } else { directory.join(&path).to_string_lossy().into_owned() },
            database,
            schema: entries.text(&["schema"])?.unwrap_or_else(|| "main".to_owned()),
            read_only: entries.flag("read_only")?.unwrap_or(false),
            settings,
            extensions: extensions
                .ok_or_else(|| entries.wrong("extensions", "a list of names, or of `name` and `repo`"))?,
        })
    }

    pub fn is_in_memory(&self) -> bool {
        is_memory(&self.path)
    }

    /// The entries that anyone may see. Settings may hold keys of cloud stores and are left out.
    pub fn visible(&self) -> Map<String, Value> {
        let entries = [("path", &self.path), ("database", &self.database), ("schema", &self.schema)];
        entries.into_iter().map(|(key, value)| (key.to_owned(), Value::String(value.clone()))).collect()
    }
}

fn not_supported(what: &str) -> Box<Diagnostic> {
    let known = KNOWN.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    Diagnostic::error(Code::NotSupported, format!("{what} is not supported"))
        .note(format!("supported entries: `threads`, {known}"))
        .boxed()
}

fn is_memory(path: &str) -> bool {
    path.starts_with(MEMORY)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// What DuckDB calls the database of a file: its name up to the first point. Names that it needs itself get a suffix.
fn database_name(path: &str) -> String {
    if is_memory(path) {
        return "memory".to_owned();
    }
    let file = Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = file.split('.').next().unwrap_or_default().to_owned();
    if ["main", "system", "temp"].contains(&name.to_lowercase().as_str()) { name + "_db" } else { name }
}

fn extension(entry: &Value) -> Option<Extension> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
    let extension = match entry {
        Value::String(name) => Extension { name: name.clone(), repository: None },
        Value::Object(_) => Extension { name: text("name")?, repository: text("repo") },
        _ => return None,
    };
    Some(extension)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::Credentials;
    use crate::diag::{Code, Diagnostic};

    fn read(entries: Value) -> Result<Credentials, Box<Diagnostic>> {
        Credentials::new(entries.as_object().expect("a mapping"), Path::new("/project"))
    }

    #[test]
    fn the_file_names_the_database() {
        let names = |path: &str| {
            let read = read(json!({"type": "duckdb", "path": path, "threads": 4})).expect("valid");
            (read.path, read.database)
        };
        let pair = |path: &str, database: &str| (path.to_owned(), database.to_owned());
        assert_eq!(names("data/retail.duckdb"), pair("/project/data/retail.duckdb", "retail"));
        assert_eq!(names("/tmp/a.b.db"), pair("/tmp/a.b.db", "a"));
        assert_eq!(names("main.duckdb"), pair("/project/main.duckdb", "main_db"));
        assert_eq!(names(""), pair(":memory:", "memory"));
        assert_eq!(read(json!({})).expect("valid").schema, "main");
    }

    #[test]
    fn extensions_name_their_repository() {
        let read = read(
            json!({"extensions": ["httpfs", {"name": "h3", "repo": "community"}, {"name": "x", "repo": "http://y"}]}),
        );
        let installs: Vec<_> = read.expect("valid").extensions.iter().map(super::Extension::install).collect();
        assert_eq!(installs, ["install 'httpfs'", "install 'h3' from community", "install 'x' from 'http://y'"]);
    }

    #[test]
    fn what_is_not_supported_says_so() {
        let error = |entries| read(entries).expect_err("refused").code;
        assert_eq!(error(json!({"attach": []})), Code::NotSupported);
        assert_eq!(error(json!({"path": "md:shop"})), Code::NotSupported);
        assert_eq!(error(json!({"pth": "a.duckdb"})), Code::UnknownKey);
        assert_eq!(error(json!({"path": "a.duckdb", "database": "b"})), Code::InvalidValue);
        assert_eq!(error(json!({"settings": {"a; drop": 1}})), Code::InvalidValue);
    }
}
