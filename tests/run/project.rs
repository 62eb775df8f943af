//! A project in a temporary folder, run against a scripted database.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use headwater::adapter::fake::FakeAdapter;
use headwater::adapter::session::Pool;
use headwater::adapter::{Adapter, DbError, DbErrorKind};
use headwater::compile::{Deferred, Options, Parts, Runtime};
use headwater::diag::Diagnostic;
use headwater::diag::log::{Log, NullLog};
use headwater::diag::render::{Style, text};
use headwater::execute::{
    self, BatchSettings, CancelToken, Job, NoEvents, NodeResult, Populate, RunResults, Settings, Status,
};
use headwater::graph::Dag;
use headwater::jinja::Engine;
use headwater::manifest::event_time::Window;
use headwater::manifest::{self, UniqueId};
use headwater::plan::{self, Verb};
use headwater::project::{self, Env, Request};
use headwater::select::{self, Selection};

const PROJECT: &str = "name: shop\nversion: '1.0'\nprofile: shop\n";
const PROFILES: &str = "shop:\n  target: dev\n  outputs:\n    dev: {type: mysql, host: localhost, user: u, password: secret, schema: main, threads: 1}\n";

/// Files by path. `dbt_project.yml` is added to what a project needs anyway.
pub struct Project {
    folder: tempfile::TempDir,
    pub adapter: FakeAdapter,
    pub fail_fast: bool,
    pub empty: bool,
    pub sample: Option<Window>,
    pub threads: usize,
    pub batches: BatchSettings,
    pub deferred: HashMap<UniqueId, Deferred>,
}

impl Project {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("creates the folder");
            fs::write(path, text).expect("writes the file");
        };
        write("dbt_project.yml", PROJECT);
        write("profiles.yml", PROFILES);
        files.iter().for_each(|(path, text)| write(path, text));
        Self {
            folder,
            adapter: FakeAdapter::mysql(),
            fail_fast: false,
            empty: false,
            sample: None,
            threads: 1,
            batches: BatchSettings::default(),
            deferred: HashMap::new(),
        }
    }

    /// The same on a warehouse that speaks DuckDB's dialect.
    pub fn on_duckdb(files: &[(&str, &str)]) -> Self {
        Self { adapter: FakeAdapter::duckdb(), ..Self::new(files) }
    }

    pub fn script(mut self, change: impl FnOnce(FakeAdapter) -> FakeAdapter) -> Self {
        self.adapter = change(self.adapter);
        self
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Everything of the verb's types, or what `select` names.
    pub fn job(&self, verb: Verb, select: &[&str]) -> Job {
        let engine = Arc::new(Engine::new());
        let request = Request {
            project_dir: Some(self.path().to_owned()),
            profiles_dir: Some(self.path().to_owned()),
            cwd: self.path().to_owned(),
            env: Env::default(),
            ..Request::default()
        };
        let log: Arc<dyn Log> = Arc::new(NullLog);
        let project =
            Arc::new(project::load(&request, &engine).unwrap_or_else(|problems| panic!("{}", show(&problems))));
        let adapter: Arc<dyn Adapter> = Arc::new(self.adapter.clone());
        let parsed = manifest::parse(&project, adapter.as_ref(), &engine, &log, Err(String::new()));
        let parsed = parsed.unwrap_or_else(|problems| panic!("{}", show(&problems)));
        let dag = Dag::new(&parsed.manifest).unwrap_or_else(|problems| panic!("{}", show(&problems)));
        let selection = Selection {
            select: select.iter().map(|criterion| (*criterion).to_owned()).collect(),
            resource_types: verb.resource_types().to_vec(),
            ..Selection::default()
        };
        let selected = select::resolve(&selection, &parsed.manifest, &dag, None, None).expect("a valid selection");
        let plan = plan::plan(verb, &selected, &parsed.manifest, &dag);
        let deferred = self.deferred.clone();
        let options = Options {
            empty: self.empty,
            sample: self.sample,
            selected: selected.ids,
            write_sql: true,
            deferred,
            ..Options::default()
        };
        let (manifest, library) = (parsed.manifest, parsed.library);
        let pool = Pool::new(adapter, log.clone());
        let parts = Parts { project, manifest, library, engine, pool, log, options };
        let runtime = Runtime::new(parts).unwrap_or_else(|problem| panic!("{}", show(&[*problem])));
        let settings = Settings {
            populate: Populate::Selected,
            compiles_hooks: false,
            threads: self.threads,
            fail_fast: self.fail_fast,
            warn_error: false,
            stale_is_error: false,
            batches: self.batches.clone(),
        };
        Job { runtime, plan, settings, events: Arc::new(NoEvents), cancel: CancelToken::new() }
    }

    pub fn run(&self, verb: Verb) -> Ran {
        let results = execute::run(&self.job(verb, &[]));
        Ran { results, statements: self.statements() }
    }

    /// What was sent, without the query comment, each statement on one line.
    pub fn statements(&self) -> Vec<String> {
        let plain = |sql: &String| {
            let sql = sql.split_once("*/").map_or(sql.as_str(), |(_, sql)| sql);
            sql.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        self.adapter.statements().iter().map(plain).collect()
    }
}

/// A finished run.
pub struct Ran {
    pub results: RunResults,
    pub statements: Vec<String>,
}

impl Ran {
    /// The result of the node whose name this is.
    pub fn node(&self, name: &str) -> &NodeResult {
        let found = self.results.results.iter().find(|result| result.node.name == name);
        found.unwrap_or_else(|| panic!("`{name}` has no result: {}", self.problems()))
    }

    pub fn status(&self, name: &str) -> Status {
        self.node(name).status
    }

    /// The diagnostic of a node as it is printed.
    pub fn problem(&self, name: &str) -> String {
        let diagnostic = self.node(name).diagnostic.as_ref();
        show(&[(**diagnostic.unwrap_or_else(|| panic!("`{name}` has no diagnostic"))).clone()])
    }

    /// Everything that went wrong.
    pub fn problems(&self) -> String {
        let own = self.results.diagnostics.iter().cloned();
        let nodes = self.results.results.iter().filter_map(|result| result.diagnostic.as_deref().cloned());
        show(&own.chain(nodes).collect::<Vec<_>>())
    }

    pub fn succeeded(self) -> Self {
        assert!(self.results.success, "{}", self.problems());
        self
    }

    /// Statements that contain a text.
    pub fn sent(&self, part: &str) -> Vec<&str> {
        self.statements.iter().map(String::as_str).filter(|sql| sql.contains(part)).collect()
    }
}

pub fn show(problems: &[Diagnostic]) -> String {
    text(problems, Style { color: false, width: Some(120) })
}

pub fn database_error(kind: DbErrorKind, code: u32, message: &str, identifier: Option<&str>) -> DbError {
    DbError {
        code,
        state: "42S22".to_owned(),
        identifier: identifier.map(str::to_owned),
        ..DbError::new(kind, message)
    }
}
