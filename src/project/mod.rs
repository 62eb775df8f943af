//! Floor 3. What lies on disk: dbt_project.yml, the profile, the packages and all files of a project.
//!
//! [`load`] reads everything once; the [`Project`] it gives is immutable. [`context`] makes the Jinja names that need no
//! manifest: `var`, `env_var`, `target`, `log` and the like.

pub mod behavior;
pub mod context;
pub mod deps;
mod dotenv;
mod embedded;
mod env;
mod files;
mod known;
mod load;
mod location;
mod packages;
mod profile;
pub mod profile_setup;
pub mod render;
pub mod secrets;
mod settings;
pub mod starter;
mod vars;
mod version;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

pub use env::Env;
pub use known::{FileChanges, Known, Stat};
pub use load::{load, load_known, load_project_only, profile_name};
pub use location::find_root;
pub use secrets::Secrets;
pub use vars::Vars;

use crate::diag::{Diagnostic, SourceFile, Span};
use crate::store::Stored;
use crate::yaml;

/// The dbt version whose behaviour this engine keeps: `dbt_version` in Jinja, and what `require-dbt-version` is
/// checked against.
pub const DBT_VERSION: &str = "1.12.6";

/// What the user asked for, before any file is read.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The invocation's UUID; made anew when empty.
    pub invocation_id: String,
    pub project_dir: Option<PathBuf>,
    pub profiles_dir: Option<PathBuf>,
    pub profile: Option<String>,
    pub target: Option<String>,
    /// `--vars`.
    pub vars: Map<String, Value>,
    pub threads: Option<usize>,
    pub target_path: Option<PathBuf>,
    pub log_path: Option<PathBuf>,
    /// Jinja's `flags`, upper case: `FULL_REFRESH`, `WHICH`, …; they are laid over defaults and the project's own.
    pub flags: Map<String, Value>,
    /// Jinja's `invocation_args_dict`.
    pub arguments: Map<String, Value>,
    /// Whether `require-dbt-version` is enforced (`--version-check`).
    pub skip_version_check: bool,
    /// Packages that are not installed are warned of, and left out: `debug`, which may come before `deps`.
    pub without_missing_packages: bool,
    pub env: Env,
    /// Relative paths are relative to it.
    pub cwd: PathBuf,
}

/// What is true for the whole command and known before the project is read.
#[derive(Debug)]
pub struct Invocation {
    /// A UUID.
    pub id: String,
    pub started_at: DateTime<Utc>,
    pub env: Env,
    pub secrets: Secrets,
    pub cli_vars: Map<String, Value>,
    /// `vars:` of vars.yml.
    pub file_vars: Map<String, Value>,
    /// What the command was called with, in dbt's names.
    pub arguments: Map<String, Value>,
}

impl Invocation {
    /// What `var` gives in dbt_project.yml, packages.yml and selectors.yml of the root project.
    pub(crate) fn root_vars(&self) -> Map<String, Value> {
        let mut vars = self.file_vars.clone();
        vars.extend(self.cli_vars.clone());
        vars
    }
}

/// A project as it lies on disk.
#[derive(Debug)]
pub struct Project {
    pub root: PathBuf,
    pub name: Arc<str>,
    /// The root package, then the installed ones by name, then the embedded internal ones, nearest first.
    pub packages: Vec<Package>,
    pub profile: Profile,
    pub invocation: Arc<Invocation>,
    pub target_path: PathBuf,
    pub log_path: PathBuf,
    pub packages_install_path: PathBuf,
    pub clean_targets: Vec<PathBuf>,
    /// Jinja's `flags`, upper case: defaults, the project's `flags:`, the command line's.
    pub flags: Map<String, Value>,
    pub dispatch: Vec<Dispatch>,
    pub query_comment: QueryComment,
    /// selectors.yml, rendered.
    pub selectors: Option<Document>,
    pub vars: Arc<Vars>,
    pub warnings: Vec<Diagnostic>,
}

/// What `deps` and `clean` need of a project: no profile, no files.
#[derive(Debug)]
pub struct ProjectOnly {
    pub root: PathBuf,
    pub name: Arc<str>,
    pub config: PackageConfig,
    pub invocation: Arc<Invocation>,
    pub target_path: PathBuf,
    pub log_path: PathBuf,
    pub packages_install_path: PathBuf,
    pub clean_targets: Vec<PathBuf>,
    pub warnings: Vec<Diagnostic>,
}

/// A YAML file and its tree.
#[derive(Debug, Clone)]
pub struct Document {
    pub file: Arc<SourceFile>,
    pub root: yaml::Node,
}

/// `dispatch:` of dbt_project.yml.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispatch {
    pub macro_namespace: String,
    pub search_order: Vec<String>,
}

/// `query-comment:` of dbt_project.yml; the text is Jinja.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryComment {
    /// dbt's own: a JSON object.
    Default {
        append: bool,
    },
    Off,
    Text {
        text: String,
        append: bool,
        span: Span,
    },
}

/// One dbt package: the root project, an installed one, or an embedded one.
#[derive(Debug)]
pub struct Package {
    pub name: Arc<str>,
    /// Empty for embedded packages.
    pub root: PathBuf,
    pub embedded: bool,
    pub config: PackageConfig,
    pub files: Files,
}

/// `vars:` of dbt_project.yml, or of vars.yml.
#[derive(Debug, Clone)]
pub struct WrittenVars {
    pub file: Arc<SourceFile>,
    pub key: yaml::Key,
    pub node: yaml::Node,
}

/// dbt_project.yml of a package, rendered and checked.
#[derive(Debug, Clone)]
pub struct PackageConfig {
    pub file: Arc<SourceFile>,
    pub version: Option<String>,
    pub profile: Option<String>,
    pub paths: Paths,
    pub quoting: Quoting,
    pub trees: Trees,
    /// The file's tree as it was before rendering.
    pub written: yaml::Node,
    /// `vars:`, as written.
    pub vars: Option<WrittenVars>,
    pub on_run_start: Vec<Hook>,
    pub on_run_end: Vec<Hook>,
    pub dispatch: Vec<Dispatch>,
    pub query_comment: QueryComment,
    pub restrict_access: bool,
    /// `flags:` as written.
    pub flags: Map<String, Value>,
}

/// Folders, relative to the package's root.
#[derive(Debug, Clone, PartialEq)]
pub struct Paths {
    pub models: Vec<String>,
    pub seeds: Vec<String>,
    pub tests: Vec<String>,
    pub analyses: Vec<String>,
    pub macros: Vec<String>,
    pub snapshots: Vec<String>,
    pub functions: Vec<String>,
    pub docs: Vec<String>,
    pub assets: Vec<String>,
    pub target: String,
    pub log: String,
    pub packages_install: String,
    pub clean_targets: Vec<String>,
}

/// `quoting:`; what is none is the adapter's default.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Quoting {
    pub database: Option<bool>,
    pub schema: Option<bool>,
    pub identifier: Option<bool>,
}

/// The config trees of dbt_project.yml (`models:` …), rendered except for hooks.
#[derive(Debug, Clone, Default)]
pub struct Trees {
    pub models: Option<yaml::Node>,
    pub seeds: Option<yaml::Node>,
    pub snapshots: Option<yaml::Node>,
    pub sources: Option<yaml::Node>,
    pub data_tests: Option<yaml::Node>,
    pub unit_tests: Option<yaml::Node>,
    pub exposures: Option<yaml::Node>,
    pub semantic_models: Option<yaml::Node>,
    pub metrics: Option<yaml::Node>,
    pub saved_queries: Option<yaml::Node>,
    pub functions: Option<yaml::Node>,
    pub analyses: Option<yaml::Node>,
}

/// An entry of `on-run-start` or `on-run-end`: Jinja text.
#[derive(Debug, Clone, PartialEq)]
pub struct Hook {
    pub sql: String,
    pub span: Span,
}

/// The files of a package, each list sorted by path.
#[macro_rules_attribute::derive(Debug, Clone, Default, PartialEq, Stored!)]
pub struct Files {
    /// `.sql` and `.py`.
    pub models: Vec<PackageFile>,
    /// Not read here: seeds may be large.
    pub seeds: Vec<SeedFile>,
    /// Singular tests.
    pub tests: Vec<PackageFile>,
    /// `<test path>/generic/**/*.sql`.
    pub generic_tests: Vec<PackageFile>,
    pub analyses: Vec<PackageFile>,
    pub macros: Vec<PackageFile>,
    pub snapshots: Vec<PackageFile>,
    /// `.sql`, `.py` and `.js`.
    pub functions: Vec<PackageFile>,
    /// `.md`.
    pub docs: Vec<PackageFile>,
    /// `.yml` and `.yaml`.
    pub properties: Vec<PackageFile>,
    /// `<test path>/fixtures/**/*.{csv,sql}`.
    pub fixtures: Vec<PackageFile>,
}

/// How a file is called.
#[macro_rules_attribute::derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Stored!)]
pub struct FilePath {
    /// Relative to the package's root, with `/`: `models/staging/stg_orders.sql` (dbt's `original_file_path`).
    pub original: String,
    /// Relative to the resource folder: `staging/stg_orders.sql` (dbt's `path`).
    pub relative: String,
    /// Where it lies; for files of embedded packages the same as `original`.
    pub absolute: PathBuf,
}

/// A file that has been read.
#[macro_rules_attribute::derive(Debug, Clone, Stored!)]
pub struct PackageFile {
    pub path: FilePath,
    pub source: Arc<SourceFile>,
    /// As it was when it was read.
    pub stat: Stat,
}

/// The same file with the same text.
impl PartialEq for PackageFile {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
            && (Arc::ptr_eq(&self.source, &other.source)
                || self.source.path == other.source.path && self.source.text == other.source.text)
    }
}

/// A seed; its rows are read when they are needed.
#[macro_rules_attribute::derive(Debug, Clone, Stored!)]
pub struct SeedFile {
    pub path: FilePath,
    pub stat: Stat,
    /// Of its bytes; none of a large one.
    pub digest: Option<String>,
}

/// The same file, surely unchanged.
impl PartialEq for SeedFile {
    fn eq(&self, other: &Self) -> bool {
        let same_bytes = match (&self.digest, &other.digest) {
            (Some(own), Some(other)) => own == other,
            _ => self.stat == other.stat && self.stat.settled,
        };
        self.path == other.path && same_bytes
    }
}

/// The chosen target of profiles.yml.
#[derive(Clone)]
pub struct Profile {
    pub name: String,
    pub target_name: String,
    pub threads: usize,
    /// The adapter type: `mysql`, `mariadb`, `duckdb`.
    pub kind: String,
    /// Everything of the target, secrets included. Never print it.
    pub credentials: Map<String, Value>,
    pub schema: String,
    pub database: Option<String>,
    /// The target in profiles.yml, for messages.
    pub span: Option<Span>,
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("name", &self.name)
            .field("target_name", &self.target_name)
            .field("kind", &self.kind)
            .field("schema", &self.schema)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl Project {
    /// The package of the project itself.
    pub fn root_package(&self) -> &Package {
        // `load` always puts it first.
        &self.packages[0]
    }

    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| &*package.name == name)
    }

    /// The embedded packages, nearest first: `dbt_mysql`, `dbt`.
    pub fn internal_packages(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.embedded)
    }
}

#[cfg(test)]
mod tests;
