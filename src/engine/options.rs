//! What the user asked for: a [`Command`] and its [`Options`], every flag as a typed field.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::warn::WarnError;
use crate::diag::Diagnostic;
use crate::execute::Populate;
use crate::manifest::ResourceType;
use crate::manifest::event_time::Window;
use crate::project::Project;
use crate::project::behavior::BEHAVIORS;
use crate::project::deps::Addition;
use crate::select::Indirect;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    Build,
    Run,
    Test,
    Seed,
    Snapshot,
    Compile,
    Show,
    List,
    Parse,
    Debug,
    Deps,
    SourceFreshness,
    RunOperation,
    Clean,
    DocsGenerate,
    DocsServe,
    Retry,
    Init,
    Clone,
}

impl Command {
    pub const ALL: [Self; 19] = [
        Self::Build,
        Self::Run,
        Self::Test,
        Self::Seed,
        Self::Snapshot,
        Self::Compile,
        Self::Show,
        Self::List,
        Self::Parse,
        Self::SourceFreshness,
        Self::DocsGenerate,
        Self::DocsServe,
        Self::RunOperation,
        Self::Retry,
        Self::Clone,
        Self::Deps,
        Self::Init,
        Self::Debug,
        Self::Clean,
    ];

    /// As it is typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Run => "run",
            Self::Test => "test",
            Self::Seed => "seed",
            Self::Snapshot => "snapshot",
            Self::Compile => "compile",
            Self::Show => "show",
            Self::List => "list",
            Self::Parse => "parse",
            Self::Debug => "debug",
            Self::Deps => "deps",
            Self::Init => "init",
            Self::Clone => "clone",
            Self::SourceFreshness => "source freshness",
            Self::RunOperation => "run-operation",
            Self::Clean => "clean",
            Self::Retry => "retry",
            Self::DocsGenerate => "docs generate",
            Self::DocsServe => "docs serve",
        }
    }

    /// `flags.WHICH` and `args.which` in artifacts.
    pub fn which(self) -> &'static str {
        match self {
            Self::SourceFreshness => "freshness",
            Self::DocsGenerate => "generate",
            Self::DocsServe => "serve",
            other => other.as_str(),
        }
    }
}

/// The shape of what `ls`, `show` and `compile` print.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Output {
    /// What the command prints when nothing is asked for: selectors for `ls`, text for the others.
    #[default]
    Default,
    Selector,
    Name,
    Path,
    Text,
    Json,
}

/// Every option of every command; a command reads those it knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    // Where and as whom.
    pub project_dir: Option<PathBuf>,
    pub profiles_dir: Option<PathBuf>,
    pub profile: Option<String>,
    pub target: Option<String>,
    pub vars: Map<String, Value>,
    pub threads: Option<usize>,
    pub target_path: Option<PathBuf>,
    pub log_path: Option<PathBuf>,

    // Which nodes.
    pub select: Vec<String>,
    pub exclude: Vec<String>,
    pub selector: Option<String>,
    pub indirect_selection: Indirect,
    /// Empty: the command's own.
    pub resource_types: Vec<ResourceType>,
    pub exclude_resource_types: Vec<ResourceType>,

    /// A folder with artifacts of an earlier run, from the project's root.
    pub state: Option<PathBuf>,
    /// Refs lead to the relations of the state where the own target has none.
    pub defer: bool,
    /// With `defer`: also where it has them, unless they are selected.
    pub favor_state: bool,
    /// With `defer`: instead of `state`.
    pub defer_state: Option<PathBuf>,
    /// Without `state`: compare with what is kept of the target, and keep what runs do.
    pub keep_state: bool,
    /// Other values of variables make what was rendered with them modified.
    pub state_vars: bool,

    // How to run.
    /// Whether rendering a node may ask the database.
    pub introspect: bool,
    /// Whether `compile` puts ephemeral models into what refers to them.
    pub inject_ephemeral_ctes: bool,
    /// Which relations are listed before a run.
    pub populate: Populate,
    /// Larger seeds are compared by their path; 0 is no limit.
    pub maximum_seed_size_mib: u64,
    /// None: as the model's config says.
    pub full_refresh: Option<bool>,
    pub store_failures: Option<bool>,
    /// Inputs without rows.
    pub empty: bool,
    /// Only what happened then, of inputs that have an `event_time`.
    pub sample: Option<Window>,
    /// The batches of microbatch models that run, instead of the newest ones.
    pub event_time: Option<Window>,
    pub fail_fast: bool,
    pub warn_error: WarnError,
    pub write_json: bool,
    pub version_check: bool,
    /// What has not changed is taken from the last parse.
    pub partial_parse: bool,
    /// Where that is kept, instead of in the target folder.
    pub partial_parse_file_path: Option<PathBuf>,
    /// Files that have changed are looked for.
    pub partial_parse_file_diff: bool,
    pub print: bool,
    pub quiet: bool,
    pub debug: bool,
    pub use_colors: bool,
    pub printer_width: usize,

    // What to show.
    pub inline: Option<String>,
    /// `show`: SQL that is sent as it is.
    pub inline_direct: Option<String>,
    /// Rows of `show`; None is all.
    pub limit: Option<usize>,
    pub output: Output,
    /// Keys of `ls --output json`; empty: dbt's own.
    pub output_keys: Vec<String>,
    /// `seed --show`
    pub show: bool,

    // One command's own.
    /// The macro of `run-operation`: `name` or `package.name`.
    pub operation: Option<String>,
    /// `run-operation`: a statement to run instead of a macro; Jinja.
    pub sql: Option<String>,
    /// Arguments of the macro.
    pub args: Map<String, Value>,
    /// Where `source freshness` writes instead of the target folder.
    pub freshness_output: Option<PathBuf>,
    /// `debug` tests only the connection.
    pub connection: bool,
    /// `debug` only tells where profiles.yml is looked for.
    pub config_dir: bool,
    /// `clean` stays inside of the project.
    pub clean_project_files_only: bool,
    /// `deps` ignores package-lock.yml.
    pub upgrade: bool,
    /// `deps` only writes package-lock.yml.
    pub lock: bool,
    /// `init`: the new project.
    pub project_name: Option<String>,
    pub skip_profile_setup: bool,
    pub skip_debug: bool,
    /// `deps --add-package`
    pub add_package: Option<Addition>,
    /// `docs generate` compiles first.
    pub compile: bool,
    /// `docs generate` asks the database nothing, and writes a catalog without relations.
    pub empty_catalog: bool,
    /// dbt's flag for a page that needs no server; ours never does.
    pub static_page: bool,
    /// Where `docs serve` listens.
    pub host: String,
    pub port: u16,
    /// `docs serve` opens the browser.
    pub browser: bool,
    /// Each place of each deprecated thing is told, not one of each kind.
    pub show_all_deprecations: bool,
    /// The command line as it was typed, for artifacts and logs.
    pub invocation_command: String,
    /// More of what was said, in dbt's names: only run_results.json tells of it.
    pub recorded: Map<String, Value>,
    /// Of the command line and the environment, to be told with those of the project.
    pub warnings: Vec<Diagnostic>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            project_dir: None,
            profiles_dir: None,
            profile: None,
            target: None,
            vars: Map::new(),
            threads: None,
            target_path: None,
            log_path: None,
            select: Vec::new(),
            exclude: Vec::new(),
            selector: None,
            indirect_selection: Indirect::Eager,
            resource_types: Vec::new(),
            exclude_resource_types: Vec::new(),
            state: None,
            defer: false,
            favor_state: false,
            defer_state: None,
            keep_state: true,
            state_vars: true,
            full_refresh: None,
            store_failures: None,
            empty: false,
            sample: None,
            event_time: None,
            fail_fast: false,
            warn_error: WarnError::default(),
            write_json: true,
            version_check: true,
            partial_parse: true,
            partial_parse_file_path: None,
            partial_parse_file_diff: true,
            print: true,
            quiet: false,
            debug: false,
            use_colors: true,
            printer_width: 80,
            inline: None,
            inline_direct: None,
            introspect: true,
            inject_ephemeral_ctes: true,
            populate: Populate::Selected,
            maximum_seed_size_mib: 1,
            sql: None,
            freshness_output: None,
            limit: Some(5),
            output: Output::Default,
            output_keys: Vec::new(),
            show: false,
            operation: None,
            args: Map::new(),
            connection: false,
            config_dir: false,
            clean_project_files_only: true,
            upgrade: false,
            lock: false,
            project_name: None,
            skip_profile_setup: false,
            skip_debug: false,
            add_package: None,
            compile: true,
            empty_catalog: false,
            static_page: false,
            host: "127.0.0.1".to_owned(),
            port: 8080,
            browser: true,
            show_all_deprecations: false,
            invocation_command: String::new(),
            recorded: Map::new(),
            warnings: Vec::new(),
        }
    }
}

impl Options {
    /// As artifacts (`args`) and macros (`invocation_args_dict`) see them, in dbt's names.
    pub fn arguments(&self, command: Command) -> Map<String, Value> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let types = |types: &[ResourceType]| types.iter().map(|kind| kind.as_str()).collect::<Vec<_>>();
        let mut map = Map::new();
        let mut put = |name: &str, value: Value| {
            map.insert(name.to_owned(), value);
        };
        put("which", json!(command.which()));
        put("invocation_command", json!(self.invocation_command));
        put("project_dir", json!(path(&self.project_dir)));
        put("profiles_dir", json!(path(&self.profiles_dir)));
        put("profile", json!(self.profile));
        put("target", json!(self.target));
        put("vars", Value::Object(self.vars.clone()));
        put("threads", json!(self.threads));
        put("target_path", json!(path(&self.target_path)));
        put("log_path", json!(path(&self.log_path)));
        put("select", json!(self.select));
        put("exclude", json!(self.exclude));
        put("selector", json!(self.selector));
        put("indirect_selection", json!(self.indirect_selection.as_str()));
        put("resource_types", json!(types(&self.resource_types)));
        put("exclude_resource_types", json!(types(&self.exclude_resource_types)));
        put("state", json!(path(&self.state)));
        put("defer", json!(self.defer));
        put("favor_state", json!(self.favor_state));
        put("defer_state", json!(path(&self.defer_state)));
        put("keep_state", json!(self.keep_state));
        put("state_vars", json!(self.state_vars));
        put("full_refresh", json!(self.full_refresh.unwrap_or(false)));
        put("store_failures", json!(self.store_failures.unwrap_or(false)));
        // dbt has nothing that tells "not said" from "said no"; `retry` needs it.
        for (name, said) in [("no_full_refresh", self.full_refresh), ("no_store_failures", self.store_failures)] {
            if said == Some(false) {
                put(name, json!(true));
            }
        }
        put("introspect", json!(self.introspect));
        put("populate_cache", json!(self.populate != Populate::Nothing));
        put("cache_selected_only", json!(self.populate != Populate::Everything));
        put("maximum_seed_size_mib", json!(self.maximum_seed_size_mib));
        put("empty", json!(self.empty));
        put("sample", json!(self.sample.map(|window| json!({"start": iso(window.start), "end": iso(window.end)}))));
        put("event_time_start", json!(self.event_time.map(|window| iso(window.start))));
        put("event_time_end", json!(self.event_time.map(|window| iso(window.end))));
        put("fail_fast", json!(self.fail_fast));
        put("warn_error", json!(self.warn_error.is_all()));
        put("warn_error_options", self.warn_error.to_json());
        put("write_json", json!(self.write_json));
        put("version_check", json!(self.version_check));
        put("partial_parse", json!(self.partial_parse));
        put("partial_parse_file_path", json!(path(&self.partial_parse_file_path)));
        put("partial_parse_file_diff", json!(self.partial_parse_file_diff));
        put("print", json!(self.print));
        put("quiet", json!(self.quiet));
        put("debug", json!(self.debug));
        put("use_colors", json!(self.use_colors));
        put("printer_width", json!(self.printer_width));
        put("show_all_deprecations", json!(self.show_all_deprecations));
        if let Some(inline) = &self.inline {
            put("inline", json!(inline));
        }
        if command == Command::RunOperation {
            put("macro", json!(self.operation));
            put("sql", json!(self.sql));
            put("args", Value::Object(self.args.clone()));
        }
        if command == Command::DocsGenerate {
            put("compile", json!(self.compile));
            put("empty_catalog", json!(self.empty_catalog));
            put("static", json!(self.static_page));
        }
        map
    }

    /// `args` of run_results.json: as dbt, without what nobody has said, and with the behaviour flags of the project.
    pub fn said(&self, command: Command, project: &Project) -> Map<String, Value> {
        use Command::{Build, Clone, Compile, List, Run, RunOperation, Seed, Show, Snapshot, Test};
        const UNLESS_ON: &[&str] = &["debug", "fail_fast", "full_refresh", "store_failures", "warn_error"];
        // dbt writes no paths and no objects of `run-operation`, but what is off.
        const NOT_OF_OPERATIONS: &[&str] =
            &["project_dir", "profiles_dir", "log_path", "warn_error_options", "select", "exclude"];
        const OF_COMMANDS: &[(&str, &[Command])] = &[
            ("resource_types", &[Build, Clone, List, Test]),
            ("exclude_resource_types", &[Build, Clone, List, Test]),
            ("empty", &[Build, Compile, Run, Seed, Snapshot]),
            ("output", &[Compile, Show]),
            ("inject_ephemeral_ctes", &[Compile]),
            ("show", &[Build, Seed]),
        ];
        let mut map = self.arguments(command);
        let mut put = |name: &str, value: Value| map.insert(name.to_owned(), value);
        put("project_dir", json!(project.root.display().to_string()));
        put("output", json!(if self.output == Output::Json { "json" } else { "text" }));
        put("inject_ephemeral_ctes", json!(self.inject_ephemeral_ctes));
        put("show", json!(self.show));
        put("strict_mode", json!(false));
        for behavior in BEHAVIORS.iter().filter(|behavior| behavior.recorded) {
            put(behavior.name, json!(project.behaves(behavior.name)));
        }
        map.extend(self.recorded.clone());
        map.retain(|name, value| {
            let name = name.as_str();
            !value.is_null()
                && match command == RunOperation {
                    true => !NOT_OF_OPERATIONS.contains(&name) && (*value != false || name != "warn_error"),
                    false => *value != false || !UNLESS_ON.contains(&name),
                }
                && OF_COMMANDS.iter().all(|(only, commands)| *only != name || commands.contains(&command))
        });
        map
    }

    /// Jinja's `flags`: the same in upper case.
    pub fn flags(&self, command: Command) -> Map<String, Value> {
        let mut flags: Map<String, Value> =
            self.arguments(command).into_iter().map(|(name, value)| (name.to_uppercase(), value)).collect();
        // Macros tell "not said" from "said no".
        flags.insert("FULL_REFRESH".to_owned(), json!(self.full_refresh));
        flags.insert("STORE_FAILURES".to_owned(), json!(self.store_failures));
        // Dates print in templates as Python's do.
        for (name, value) in &mut flags {
            match (name.as_str(), value) {
                ("EVENT_TIME_START" | "EVENT_TIME_END", date) => spaced(date),
                ("SAMPLE", Value::Object(window)) => window.values_mut().for_each(spaced),
                _ => {}
            }
        }
        flags
    }
}

fn iso(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.f").to_string()
}

fn spaced(date: &mut Value) {
    if let Value::String(text) = date {
        *text = text.replace('T', " ");
    }
}
