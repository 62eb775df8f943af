//! Partial parsing: what one parse leaves for the next in `target/partial_parse.bin`, and when that may be used.
//!
//! A parse depends on the project's files, on a few settings that are compared as a whole ([`inputs`]), and on what
//! Jinja has looked at while it ran, which an [`Observer`] has written down. Where all of it is as it was, the manifest
//! is what it was; where some of it is, a [`Memory`] gives the next parse what that may take over. Whatever is wrong with
//! the saved state only means that the project is parsed anew.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::DateTime;
use macro_rules_attribute::derive;
use serde_json::{Map, Value};

use super::hash::sha256;
use super::memory::{Memory, Remembered, Steps};
use super::parse::{Dialect, Renewed};
use super::{Manifest, Node, UniqueId};
use crate::adapter::Adapter;
use crate::diag::Diagnostic;
use crate::diag::log::{Detail, Level, Log, LogEntry};
use crate::jinja::{Engine, Observation};
use crate::project::{FileChanges, Files, Known, PackageConfig, Project, context};
use crate::store::{self, Sections, Stored, Tables, Writer};

/// The name of the file in the target folder.
pub const FILE: &str = "partial_parse.bin";

/// Of this very build: values are stored as the build has them.
const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), " ", env!("HEADWATER_SOURCES"));

const TABLES: usize = 0;
const HEAD: usize = 1;
const MANIFEST: usize = 2;
const SUMMARY: usize = 3;
const BODY: usize = 4;
/// Read only where something has changed.
const STEPS: usize = 5;

/// Flags that say what a command does with the manifest, not what is in it. Templates that look at them are observed.
const OF_COMMANDS: &[&str] = &[
    "ARGS",
    "CACHE_SELECTED_ONLY",
    "CLEAN_PROJECT_FILES_ONLY",
    "COMPILE",
    "DEBUG",
    "DEFER",
    "DEFER_STATE",
    "EMPTY",
    "EMPTY_CATALOG",
    "EVENT_TIME_END",
    "EVENT_TIME_START",
    "EXCLUDE",
    "EXCLUDE_RESOURCE_TYPES",
    "FAIL_FAST",
    "FAVOR_STATE",
    "FULL_REFRESH",
    "INDIRECT_SELECTION",
    "INLINE",
    "INTROSPECT",
    "INVOCATION_COMMAND",
    "KEEP_STATE",
    "LOG_FORMAT",
    "LOG_LEVEL",
    "LOG_PATH",
    "MACRO",
    "NO_FULL_REFRESH",
    "NO_STORE_FAILURES",
    "PARTIAL_PARSE",
    "PARTIAL_PARSE_FILE_DIFF",
    "PARTIAL_PARSE_FILE_PATH",
    "POPULATE_CACHE",
    "PRINT",
    "PRINTER_WIDTH",
    "PROFILE",
    "PROFILES_DIR",
    "PROJECT_DIR",
    "QUIET",
    "RESOURCE_TYPES",
    "SAMPLE",
    "SELECT",
    "SELECTOR",
    "SEND_ANONYMOUS_USAGE_STATS",
    "SHOW_ALL_DEPRECATIONS",
    "SQL",
    "STATE",
    "STATE_VARS",
    "STATIC",
    "STORE_FAILURES",
    "TARGET",
    "TARGET_PATH",
    "THREADS",
    "USE_COLORS",
    "VARS",
    "VERSION_CHECK",
    "WARN_ERROR",
    "WARN_ERROR_OPTIONS",
    "WHICH",
    "WRITE_JSON",
];

/// What a parse depends on, besides the manifest that it gave.
#[derive(Debug, Clone, Stored!)]
struct Head {
    /// Digests are of this and the value, so that nobody can look up short values.
    salt: String,
    /// Name and digest.
    inputs: Vec<(String, String)>,
    seen: Vec<Seen>,
    said: Vec<Said>,
    packages: Vec<SavedPackage>,
    /// When the next model's date of deprecation comes, in seconds since the epoch: then there is more to warn of.
    due: Option<i64>,
}

/// Something that templates have looked at.
#[derive(Debug, Clone, Stored!)]
struct Seen {
    name: String,
    arguments: Vec<String>,
    /// None: it is another one every time.
    digest: Option<String>,
    nodes: Vec<Option<UniqueId>>,
}

/// What a command tells of the manifest that needs nothing else of it.
#[derive(Debug, Clone, Default, Stored!)]
pub struct Summary {
    pub warnings: Vec<Diagnostic>,
    /// How many there are of what the command counts.
    pub counts: Vec<usize>,
    /// The text of the artifact.
    pub semantic_manifest: String,
}

/// Where the body of the manifest's artifact starts in its file, and its digest.
pub type Body = (u64, u64);

/// A line that a template has written to the log.
#[derive(Debug, Clone, Stored!)]
pub struct Said {
    level: u8,
    pub node: Option<String>,
    event: &'static str,
    text: String,
}

#[derive(Debug, Clone, Stored!)]
struct SavedPackage {
    name: String,
    root: PathBuf,
    files: Files,
}

/// What happened while a project was parsed.
#[derive(Debug)]
pub struct Observed {
    pub seen: Vec<(Observation, Vec<Option<UniqueId>>)>,
    pub said: Vec<Said>,
    pub steps: Steps,
    /// What was made anew; or why everything was.
    pub renewed: Result<Renewed, String>,
}

/// A log that remembers what is written to it.
pub struct Remembering {
    pub log: Arc<dyn Log>,
    said: Mutex<Vec<Said>>,
}

impl Remembering {
    pub fn new(log: Arc<dyn Log>) -> Self {
        Self { log, said: Mutex::default() }
    }

    pub fn said(&self) -> Vec<Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Log for Remembering {
    fn write(&self, entry: &LogEntry<'_>) {
        let said = Said {
            level: LEVELS.iter().position(|level| *level == entry.level).unwrap_or_default() as u8,
            node: entry.node.map(str::to_owned),
            event: entry.event,
            text: entry.text.to_owned(),
        };
        self.said.lock().unwrap_or_else(PoisonError::into_inner).push(said);
        self.log.write(entry);
    }
}

impl Said {
    pub fn write(&self, log: &dyn Log) {
        let thread = std::thread::current();
        log.write(&LogEntry {
            level: LEVELS.get(usize::from(self.level)).copied().unwrap_or(Level::Debug),
            node: self.node.as_deref(),
            thread: thread.name(),
            event: self.event,
            text: &self.text,
            detail: Detail::Message,
        });
    }
}

const LEVELS: [Level; 4] = [Level::Debug, Level::Info, Level::Warn, Level::Error];

/// How far a project is as it was.
#[derive(Debug, Clone)]
pub enum Compared {
    /// The manifest is what it was.
    Same,
    Partly {
        /// Of what nodes looked at, in words.
        looked: Vec<String>,
        files: FileChanges,
    },
}

/// The state that an earlier parse has left.
#[derive(Debug)]
pub struct Saved {
    sections: Sections,
    tables: Tables,
    head: Head,
}

impl Saved {
    /// Opens the file.
    ///
    /// # Errors
    /// Why there is nothing to be used, as the end of a sentence.
    pub fn open(path: &Path) -> Result<Self, String> {
        let sections = store::read(path, BUILD)?;
        let damaged = || "the saved state is damaged".to_owned();
        let tables = sections.section(TABLES).and_then(|bytes| Tables::load(&bytes)).ok_or_else(damaged)?;
        let head = sections.section(HEAD).and_then(|bytes| store::from_bytes(&bytes, &tables)).ok_or_else(damaged)?;
        Ok(Self { sections, tables, head })
    }

    /// The files as they were. With `assume` they are taken to be so.
    pub fn known(&self, assume: bool) -> Known {
        let packages = self.head.packages.iter();
        Known::new(packages.map(|package| (package.root.clone(), package.files.clone())).collect(), assume)
    }

    /// How far the project is as it was.
    ///
    /// # Errors
    /// What has changed that everything depends on, as the end of a sentence.
    pub fn compare(&self, project: &Project, adapter: &dyn Adapter, engine: &Engine) -> Result<Compared, String> {
        let own = project.packages.iter().filter(|package| !package.embedded).map(|package| &*package.name);
        if !own.eq(self.head.packages.iter().map(|package| package.name.as_str())) {
            return Err("other packages are installed".to_owned());
        }
        self.compare_inputs(project, adapter, engine)?;
        let mut looked = self.compare_seen(project)?;
        if self.head.due.is_some_and(|due| due < project.invocation.started_at.timestamp()) {
            looked.push("a model's date of deprecation has come".to_owned());
        }
        let own = project.packages.iter().filter(|package| !package.embedded);
        let mut files = own.zip(&self.head.packages).filter(|(package, saved)| package.files != saved.files).peekable();
        if looked.is_empty() && files.peek().is_none() {
            return Ok(Compared::Same);
        }
        if self.head.said.iter().any(|said| said.node.is_none()) {
            return Err("something other than a node writes to the log".to_owned());
        }
        let mut changes = FileChanges::default();
        files.for_each(|(package, saved)| changes.add(&package.name, &package.files, &saved.files));
        Ok(Compared::Partly { looked, files: changes })
    }

    /// What the parse may take over; none if it is damaged.
    pub fn memory(&self, project: &Project) -> Option<Memory> {
        let remembered = |seen: &Seen| Remembered {
            observation: Observation { name: seen.name.clone(), arguments: seen.arguments.clone() },
            nodes: seen.nodes.clone(),
            changed: !self.is_same(project, seen),
        };
        let seen = self.head.seen.iter().map(remembered).collect();
        Some(Memory::new(self.value(MANIFEST)?, self.value(STEPS)?, seen, self.head.said.clone()))
    }

    fn is_same(&self, project: &Project, seen: &Seen) -> bool {
        let now = observed(project, &seen.name, &seen.arguments).map(|text| digest(&self.head.salt, &text));
        now.is_some() && now == seen.digest
    }

    /// The manifest; none if it is damaged.
    pub fn manifest(&self) -> Option<Manifest> {
        self.value::<Manifest>(MANIFEST).map(Manifest::indexed)
    }

    /// None if it is damaged.
    pub fn summary(&self) -> Option<Summary> {
        self.value(SUMMARY)
    }

    /// None if no artifact was written.
    pub fn body(&self) -> Option<Body> {
        self.value::<Option<Body>>(BODY)?
    }

    fn value<T: Stored>(&self, section: usize) -> Option<T> {
        store::from_bytes(&self.sections.section(section)?, &self.tables)
    }

    /// Writes to the log what the templates wrote that are not rendered again.
    pub fn repeat(&self, log: &dyn Log) {
        self.head.said.iter().for_each(|said| said.write(log));
    }

    /// Saves the same again where there is another body, or where files can now be told from changed ones without being
    /// read.
    ///
    /// # Errors
    /// Why it could not, as the end of a sentence.
    pub fn renew(&self, path: &Path, project: &Project, body: Option<Body>) -> Result<(), String> {
        let packages = saved_packages(project);
        let stats = |packages: &[SavedPackage]| {
            packages.iter().flat_map(|package| package.files.stats()).filter(|stat| stat.settled).collect::<Vec<_>>()
        };
        if body.is_none() && stats(&packages) == stats(&self.head.packages) {
            return Ok(());
        }
        let Head { salt, inputs, seen, said, due, .. } = self.head.clone();
        let mut out = Writer::with(&self.tables);
        let head = store::to_bytes(&Head { salt, inputs, seen, said, packages, due }, &mut out);
        let section = |number| self.sections.section(number).ok_or("it is damaged");
        let (manifest, summary, steps) = (section(MANIFEST)?, section(SUMMARY)?, section(STEPS)?);
        Encoded { tables: out.tables(), head, manifest, summary, steps }.write(path, body.or_else(|| self.body()))
    }

    fn compare_inputs(&self, project: &Project, adapter: &dyn Adapter, engine: &Engine) -> Result<(), String> {
        let now = inputs(&self.head.salt, project, adapter, engine);
        let differs = |(name, digest): &&(String, String)| {
            self.head.inputs.iter().find(|(known, _)| known == name).map(|(_, known)| known) != Some(digest)
        };
        let gone = |(name, _): &&(String, String)| !now.iter().any(|(other, _)| other == name);
        match now.iter().find(differs).or_else(|| self.head.inputs.iter().find(gone)) {
            Some((name, _)) => Err(format!("{name} has changed")),
            None => Ok(()),
        }
    }

    /// What nodes looked at that has changed; an error if it is not only nodes.
    fn compare_seen(&self, project: &Project) -> Result<Vec<String>, String> {
        let mut changed = Vec::new();
        for seen in self.head.seen.iter().filter(|seen| !self.is_same(project, seen)) {
            if seen.nodes.contains(&None) {
                return Err(seen.reason());
            }
            changed.push(seen.reason());
        }
        Ok(changed)
    }
}

impl Seen {
    fn reason(&self) -> String {
        match (self.name.as_str(), self.arguments.as_slice()) {
            ("env_var", [name]) => format!("environment variable `{name}` has changed"),
            ("var", [_, name]) => format!("variable `{name}` has changed"),
            (name @ ("flags" | "target"), [key]) if !key.is_empty() => format!("`{name}.{key}` has changed"),
            (name, _) if self.digest.is_none() => format!("`{name}` is used, which is different every time"),
            (name, _) => format!("`{name}` is used and has changed"),
        }
    }
}

/// A parse as bytes.
#[derive(Debug)]
pub struct Encoded {
    tables: Vec<u8>,
    head: Vec<u8>,
    manifest: Vec<u8>,
    summary: Vec<u8>,
    steps: Vec<u8>,
}

impl Encoded {
    /// Leaves the parse for the next one.
    ///
    /// # Errors
    /// Why it could not, as the end of a sentence.
    pub fn write(&self, path: &Path, body: Option<Body>) -> Result<(), String> {
        let body = store::to_bytes(&body, &mut Writer::default());
        let sections: [&[u8]; 6] = [&self.tables, &self.head, &self.manifest, &self.summary, &body, &self.steps];
        store::write(path, BUILD, &sections).map_err(|error| error.to_string())
    }
}

/// Makes bytes of a parse.
///
/// # Errors
/// What cannot be stored, as a sentence.
pub fn encode(
    project: &Project,
    adapter: &dyn Adapter,
    engine: &Engine,
    manifest: &Manifest,
    parse: &Observed,
    summary: &Summary,
) -> Result<Encoded, String> {
    let salt = uuid::Uuid::new_v4().to_string();
    let seen = parse.seen.iter().map(|(observation, nodes)| Seen {
        name: observation.name.clone(),
        digest: observed(project, &observation.name, &observation.arguments).map(|text| digest(&salt, &text)),
        arguments: observation.arguments.clone(),
        nodes: nodes.clone(),
    });
    let head = Head {
        inputs: inputs(&salt, project, adapter, engine),
        seen: seen.collect(),
        said: parse.said.clone(),
        packages: saved_packages(project),
        due: due(project, manifest),
        salt,
    };
    let mut out = Writer::default();
    let head = store::to_bytes(&head, &mut out);
    let summary = store::to_bytes(summary, &mut out);
    let manifest = store::to_bytes(manifest, &mut out);
    let steps = store::to_bytes(&parse.steps, &mut out);
    match out.refused() {
        Some(why) => Err(why.to_owned()),
        None => Ok(Encoded { tables: out.tables(), head, manifest, summary, steps }),
    }
}

fn saved_packages(project: &Project) -> Vec<SavedPackage> {
    let own = project.packages.iter().filter(|package| !package.embedded);
    own.map(|package| SavedPackage {
        name: package.name.to_string(),
        root: package.root.clone(),
        files: package.files.clone(),
    })
    .collect()
}

fn due(project: &Project, manifest: &Manifest) -> Option<i64> {
    let date = |node: &Arc<Node>| match &node.detail {
        super::Detail::Model(model) => DateTime::parse_from_rfc3339(model.deprecation_date.as_deref()?).ok(),
        _ => None,
    };
    let to_come = manifest.nodes.values().filter_map(date).filter(|date| *date >= project.invocation.started_at);
    to_come.map(|date| date.timestamp()).min()
}

fn digest(salt: &str, text: &str) -> String {
    sha256(format!("{salt}\n{text}").as_bytes())
}

/// The settings that a parse depends on as a whole.
fn inputs(salt: &str, project: &Project, adapter: &dyn Adapter, engine: &Engine) -> Vec<(String, String)> {
    let flags: Map<String, Value> =
        project.flags.iter().filter(|(name, _)| !OF_COMMANDS.contains(&name.as_str())).map(clone).collect();
    let selectors = project.selectors.as_ref().map(|document| (&document.file.text, document.root.to_json()));
    let mut inputs = vec![
        ("the place of the project".to_owned(), format!("{:?}", project.root)),
        ("the adapter".to_owned(), format!("{} {:?}", adapter.kind(), adapter.parents())),
        ("the profile's database or schema".to_owned(), format!("{:?}", Dialect::new(project, adapter))),
        ("one of the project's flags".to_owned(), Value::Object(flags).to_string()),
        ("selectors.yml".to_owned(), format!("{selectors:?}")),
        ("Python".to_owned(), engine.modules().is_some().to_string()),
    ];
    for package in project.packages.iter().filter(|package| !package.embedded) {
        // Variables are observed one by one.
        let config = PackageConfig { vars: None, ..package.config.clone() };
        let text = format!("{:?}\n{config:?}\n{}", package.root, config.file.text);
        inputs.push((format!("dbt_project.yml of `{}`", package.name), text));
    }
    inputs.into_iter().map(|(name, text)| (name, digest(salt, &text))).collect()
}

fn clone((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

/// What a template sees that looks at this now, as text; none where it is another every time.
fn observed(project: &Project, name: &str, arguments: &[String]) -> Option<String> {
    match (name, arguments) {
        ("env_var", [name]) => Some(format!("{:?}", project.invocation.env.get(name))),
        ("var", [package, name]) => Some(format!("{:?}", project.vars.get(package, name).map(Value::to_string))),
        ("flags", [key]) => Some(entry(&project.flags, key)),
        ("target", [key]) => Some(entry(&context::visible_target(&project.profile), key)),
        // Their keys tell, and the files.
        ("flags" | "target", []) | ("macro", _) => Some(String::new()),
        _ => None,
    }
}

/// One entry as text; of an empty name all of them.
fn entry(map: &Map<String, Value>, key: &str) -> String {
    if key.is_empty() { format!("{map:?}") } else { format!("{:?}", map.get(key)) }
}
