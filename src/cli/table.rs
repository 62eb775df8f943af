//! Every flag and command, in one place.

use super::flag::{Flag, Kind, On, Refused};
use crate::engine::Command;
use crate::engine::Command::{
    Build, Clean, Compile, Debug, Deps, DocsGenerate, DocsServe, Init, List, Retry, Run, RunOperation, Seed, Show,
    Snapshot, SourceFreshness, Test,
};

/// Declares the flags, and the list of them.
macro_rules! flags {
    ($($name:ident = $flag:expr;)*) => {
        $(pub(super) static $name: Flag = $flag;)*
        pub(super) static FLAGS: &[&Flag] = &[$(&$name,)*];
    };
}

/// Takes `--select` and `--exclude`.
const SELECTS: On =
    On::of(&[Build, Run, Test, Seed, Snapshot, Compile, Show, List, SourceFreshness, DocsGenerate, Command::Clone]);
/// Opens connections.
const CONNECTS: On = On::of(&[
    Build,
    Run,
    Test,
    Seed,
    Snapshot,
    Compile,
    Show,
    SourceFreshness,
    DocsGenerate,
    RunOperation,
    Retry,
    Command::Clone,
    Command::Parse,
    Debug,
]);
const REFRESHES: On = On::of(&[Build, Run, Seed, Compile, Show, DocsGenerate, Retry, Command::Clone]);
const TYPED: On = On::of(&[Build, Test, List, Command::Clone]);

const TYPES: &[&str] = &[
    "model",
    "seed",
    "snapshot",
    "test",
    "unit_test",
    "source",
    "exposure",
    "analysis",
    "default",
    "metric",
    "semantic_model",
    "saved_query",
    "function",
    "all",
];
/// Nothing is left without `all`, which is the last.
const EXCLUDABLE_TYPES: &[&str] = match TYPES.split_last() {
    Some((_, types)) => types,
    None => TYPES,
};
const LEVELS: &[&str] = &["debug", "info", "warn", "error", "none"];
const FORMATS: &[&str] = &["default", "text", "debug", "json"];

flags! {
    // Which nodes.
    SELECT = Flag::new("select", Kind::Words("CRITERION"), SELECTS, "what to work on: names, `tag:…`, `path:…`, `+parents`, `children+`")
        .short('s');
    MODELS = Flag::new("models", Kind::Words("CRITERION"), SELECTS, "dbt's older name of --select; for `ls` it also means models only")
        .short('m').aliases(&["model"]);
    EXCLUDE = Flag::new("exclude", Kind::Words("CRITERION"), SELECTS, "what to leave out, written like --select");
    SELECTOR = Flag::new("selector", Kind::Value("NAME"), SELECTS, "a selection defined in selectors.yml");
    INDIRECT_SELECTION = Flag::new("indirect-selection", Kind::Choice(&["eager", "cautious", "buildable", "empty"]), On::ALL, "when a test joins that is not selected itself: `eager` any parent is selected, `cautious` all are, `buildable` all are selected or above, `empty` never")
        .env("INDIRECT_SELECTION").in_project().default("eager");
    RESOURCE_TYPES = Flag::new("resource-type", Kind::Choices(TYPES), TYPED, "only members of these types")
        .aliases(&["resource-types"]).env("RESOURCE_TYPES");
    EXCLUDE_RESOURCE_TYPES = Flag::new("exclude-resource-type", Kind::Choices(EXCLUDABLE_TYPES), TYPED, "no members of these types")
        .aliases(&["exclude-resource-types"]).env("EXCLUDE_RESOURCE_TYPES");

    STATE = Flag::new("state", Kind::Value("DIR"), On::ALL, "a folder with artifacts of an earlier run, to compare with: `state:…`, `result:…`, `source_status:…`; for `retry` the run to take up")
        .env("STATE").legacy("ARTIFACT_STATE_PATH").default("what is kept of the target (--keep-state); for `retry` the target folder");
    KEEP_STATE = Flag::new("keep-state", Kind::Switch(true), On::ALL, "keep in .headwater/ what runs have built in each target, and compare with it where `state:…`, `result:…` and `source_status:…` are used without --state; `clean` leaves it, --defer never reads it")
        .env("KEEP_STATE").in_project();
    STATE_VARS = Flag::new("state-vars", Kind::Switch(true), On::ALL, "count a node as modified when a variable (`var`, `env_var`) that it was rendered with has another value than in the state")
        .env("STATE_VARS").in_project();
    DEFER = Flag::new("defer", Kind::Switch(false), On::ALL, "let refs lead to the relations of --state where the own target has none")
        .env("DEFER").legacy("DEFER_TO_STATE").in_project();
    FAVOR_STATE = Flag::new("favor-state", Kind::Switch(false), On::ALL, "with --defer: also where the own target has them, unless they are selected")
        .env("FAVOR_STATE").legacy("FAVOR_STATE_MODE").in_project();
    DEFER_STATE = Flag::new("defer-state", Kind::Value("DIR"), On::ALL, "with --defer: a folder to use instead of --state")
        .env("DEFER_STATE");

    // How to run.
    FULL_REFRESH = Flag::new("full-refresh", Kind::Switch(false), REFRESHES, "rebuild incremental models and seeds from scratch")
        .short('f').env("FULL_REFRESH").default("as configured");
    STORE_FAILURES = Flag::new("store-failures", Kind::Switch(false), On::of(&[Build, Test]), "keep the failing rows of tests in tables")
        .env("STORE_FAILURES").default("as configured");
    EMPTY = Flag::new("empty", Kind::Switch(false), On::of(&[Build, Run, Seed, Snapshot, Compile]), "read no rows of refs and sources, and load no rows of seeds: everything is built, with nothing in it")
        .env("EMPTY");
    SAMPLE = Flag::new("sample", Kind::Value("WINDOW"), On::of(&[Build, Run]), "build from recent rows only, of inputs that have an `event_time`: `3 days`, or `{start: 2024-01-01, end: 2024-01-08}`")
        .env("SAMPLE");
    EVENT_TIME_START = Flag::new("event-time-start", Kind::Value("TIME"), On::of(&[Build, Run]), "the first moment of the batches of microbatch models, in UTC: `2024-01-31`, `2024-01-31T06:00:00`; with --event-time-end")
        .env("EVENT_TIME_START");
    EVENT_TIME_END = Flag::new("event-time-end", Kind::Value("TIME"), On::of(&[Build, Run]), "the first moment after those batches; with --event-time-start")
        .env("EVENT_TIME_END");
    THREADS = Flag::new("threads", Kind::Number(1), CONNECTS, "how many nodes run at the same time")
        .default("the profile's");
    INTROSPECT = Flag::new("introspect", Kind::Switch(true), On::of(&[Compile, Show]), "let macros ask the database while they are compiled")
        .env("INTROSPECT");
    INJECT_EPHEMERAL_CTES = Flag::new("inject-ephemeral-ctes", Kind::Switch(true), On::of(&[Compile]), "put ephemeral models into what refers to them");
    POPULATE_CACHE = Flag::new("populate-cache", Kind::Switch(true), On::ALL, "before a run, list the relations of its schemas at once; without it each schema is listed when it is first asked for")
        .env("POPULATE_CACHE").in_project();
    CACHE_SELECTED_ONLY = Flag::new("cache-selected-only", Kind::Switch(true), On::ALL, "list only schemas of what is selected, not those of the whole project")
        .env("CACHE_SELECTED_ONLY").in_project();
    MAXIMUM_SEED_SIZE_MIB = Flag::new("maximum-seed-size-mib", Kind::Number(0), On::ALL, "seeds of more MiB are compared by their path, not by their content; 0 is no limit")
        .env("MAXIMUM_SEED_SIZE_MIB").in_project().default("1");
    SINGLE_THREADED = Flag::new("single-threaded", Kind::Switch(false), On::ALL, "the same as --threads 1")
        .env("SINGLE_THREADED");
    FAIL_FAST = Flag::new("fail-fast", Kind::Switch(false), On::ALL, "stop at the first error or failed test")
        .short('x').env("FAIL_FAST").in_project();
    WARN_ERROR = Flag::new("warn-error", Kind::Switch(false), On::ALL, "treat warnings as errors")
        .env("WARN_ERROR").in_project();
    WARN_ERROR_OPTIONS = Flag::new("warn-error-options", Kind::Mapping, On::ALL, "which warnings are errors: `{error: all | [names], warn: [names], silence: [names]}`")
        .env("WARN_ERROR_OPTIONS").in_project();

    SHOW_ALL_DEPRECATIONS = Flag::new("show-all-deprecations", Kind::Switch(false), On::ALL, "tell every place of what dbt has deprecated, not the first of each kind");

    // What to show.
    INLINE = Flag::new("inline", Kind::Value("SQL"), On::of(&[Compile, Show]), "SQL with Jinja to use instead of a model");
    INLINE_DIRECT = Flag::new("inline-direct", Kind::Value("SQL"), On::of(&[Show]), "plain SQL to send as it is; the models of the project are not read");
    SQL = Flag::new("sql", Kind::Value("SQL"), On::of(&[RunOperation]), "a statement with Jinja to run instead of a macro");
    LIMIT = Flag::new("limit", Kind::Number(-1), On::of(&[Show]), "how many rows; -1 is all")
        .default("5");
    OUTPUT = Flag::new("output", Kind::Choice(&["text", "json", "selector", "name", "path"]), On::of(&[Compile, Show, List]), "the shape of the output: `text` or `json`; for `ls` `selector`, `name`, `path` or `json`")
        .default("text; for `ls` selector");
    OUTPUT_PATH = Flag::new("output", Kind::Value("FILE"), On::of(&[SourceFreshness]), "where the results go; deprecated by dbt")
        .short('o').default("sources.json in the target folder");
    OUTPUT_KEYS = Flag::new("output-keys", Kind::Words("KEY"), On::of(&[List]), "the keys of `--output json`; `config.materialized` reaches inside");
    SHOW = Flag::new("show", Kind::Mark, On::of(&[Build, Seed]), "print the first rows of each seed");
    ARGS = Flag::new("args", Kind::Mapping, On::of(&[RunOperation]), "the arguments of the macro: `{name: value}`");
    CONNECTION = Flag::new("connection", Kind::Mark, On::of(&[Debug]), "test only the connection");
    CONFIG_DIR = Flag::new("config-dir", Kind::Mark, On::of(&[Debug]), "print only where profiles.yml is looked for");
    CLEAN_PROJECT_FILES_ONLY = Flag::new("clean-project-files-only", Kind::Switch(true), On::of(&[Clean]), "refuse to remove what lies outside of the project")
        .env("CLEAN_PROJECT_FILES_ONLY");
    UPGRADE = Flag::new("upgrade", Kind::Mark, On::of(&[Deps]), "choose versions anew instead of reading package-lock.yml");
    LOCK = Flag::new("lock", Kind::Mark, On::of(&[Deps]), "only write package-lock.yml");

    ADD_PACKAGE = Flag::new("add-package", Kind::Value("NAME@VERSION"), On::of(&[Deps]), "write a package into packages.yml and install it: `owner/name@1.3.0`, `owner/name@>=1.0.0,<2.0.0`, with --source an address or a folder");
    SKIP_PROFILE_SETUP = Flag::new("skip-profile-setup", Kind::Mark, On::of(&[Init]), "write only the project, and ask nothing")
        .short('s');
    SKIP_DEBUG = Flag::new("skip-debug", Kind::Mark, On::of(&[Init]), "do not try the connection afterwards");
    SOURCE = Flag::new("source", Kind::Choice(&["hub", "git", "local"]), On::of(&[Deps]), "where the package of --add-package comes from")
        .default("hub");

    COMPILE = Flag::new("compile", Kind::Switch(true), On::of(&[DocsGenerate]), "compile the nodes first, for their code in the pages");
    EMPTY_CATALOG = Flag::new("empty-catalog", Kind::Mark, On::of(&[DocsGenerate]), "ask the database nothing: the catalog is written without relations");
    STATIC = Flag::new("static", Kind::Mark, On::of(&[DocsGenerate]), "write the page as `static_index.html` too; index.html itself never needs a server");
    HOST = Flag::new("host", Kind::Value("ADDRESS"), On::of(&[DocsServe]), "the address to listen on; other machines see the pages only on another one than the default")
        .default("127.0.0.1");
    PORT = Flag::new("port", Kind::Number(0), On::of(&[DocsServe]), "the port to listen on; 0 takes a free one")
        .default("8080");
    BROWSER = Flag::new("browser", Kind::Switch(true), On::of(&[DocsServe]), "open the pages in the browser");

    // Where, and as whom.
    PROJECT_DIR = Flag::new("project-dir", Kind::Value("DIR"), On::ALL, "the folder of dbt_project.yml")
        .env("PROJECT_DIR").default("the nearest folder above that has one");
    PROFILES_DIR = Flag::new("profiles-dir", Kind::Value("DIR"), On::ALL, "the folder of profiles.yml")
        .env("PROFILES_DIR").default("the current folder, else ~/.dbt");
    PROFILE = Flag::new("profile", Kind::Value("NAME"), On::ALL, "the profile to use")
        .env("PROFILE").default("the project's");
    TARGET = Flag::new("target", Kind::Value("NAME"), On::ALL, "the target of the profile")
        .short('t').env("TARGET").default("the profile's");
    VARS = Flag::new("vars", Kind::Mapping, On::ALL, "values of variables: `{name: value}`");
    TARGET_PATH = Flag::new("target-path", Kind::Value("DIR"), On::ALL, "where artifacts and compiled SQL go")
        .env("TARGET_PATH").in_project().default("target");

    // What is told.
    QUIET = Flag::new("quiet", Kind::Switch(false), On::ALL, "print only errors and what was asked for")
        .short('q').env("QUIET").in_project();
    DEBUG = Flag::new("debug", Kind::Switch(false), On::ALL, "print every statement and detail")
        .short('d').env("DEBUG").in_project();
    PRINT = Flag::new("print", Kind::Switch(true), On::ALL, "let macros print to the console")
        .env("PRINT").negated_legacy("NO_PRINT").in_project();
    LOG_LEVEL = Flag::new("log-level", Kind::Choice(LEVELS), On::ALL, "what the console tells, from this level on")
        .env("LOG_LEVEL").in_project().default("info");
    LOG_LEVEL_FILE = Flag::new("log-level-file", Kind::Choice(LEVELS), On::ALL, "what the log file tells")
        .env("LOG_LEVEL_FILE").in_project().default("debug");
    LOG_FORMAT = Flag::new("log-format", Kind::Choice(FORMATS), On::ALL, "the shape of the console's lines")
        .env("LOG_FORMAT").in_project().default("default");
    LOG_FORMAT_FILE = Flag::new("log-format-file", Kind::Choice(FORMATS), On::ALL, "the shape of the log file's lines")
        .env("LOG_FORMAT_FILE").in_project().default("debug");
    LOG_PATH = Flag::new("log-path", Kind::Value("DIR"), On::ALL, "the folder of dbt.log")
        .env("LOG_PATH").in_project().default("logs");
    LOG_FILE_MAX_BYTES = Flag::new("log-file-max-bytes", Kind::Number(0), On::ALL, "the size at which dbt.log is set aside and begun anew; 0 is never")
        .env("LOG_FILE_MAX_BYTES").in_project().default("10485760");
    USE_COLORS = Flag::new("use-colors", Kind::Switch(true), On::ALL, "colours on the console")
        .env("USE_COLORS").in_project().default("on a terminal");
    USE_COLORS_FILE = Flag::new("use-colors-file", Kind::Switch(false), On::ALL, "colours in the log file")
        .env("USE_COLORS_FILE").in_project();
    PRINTER_WIDTH = Flag::new("printer-width", Kind::Number(1), On::ALL, "how far the dots of result lines go")
        .env("PRINTER_WIDTH").in_project().default("80");
    WRITE_JSON = Flag::new("write-json", Kind::Switch(true), On::ALL, "write manifest.json and run_results.json")
        .env("WRITE_JSON").in_project();
    VERSION_CHECK = Flag::new("version-check", Kind::Switch(true), On::ALL, "check the project's require-dbt-version")
        .env("VERSION_CHECK").in_project();
    PARTIAL_PARSE = Flag::new("partial-parse", Kind::Switch(true), On::ALL, "take what has not changed from the last parse, which `target/partial_parse.bin` keeps")
        .env("PARTIAL_PARSE").in_project();
    PARTIAL_PARSE_FILE_PATH = Flag::new("partial-parse-file-path", Kind::Value("FILE"), On::ALL, "where the last parse is kept, to be read from there; it is written to the target folder")
        .env("PARTIAL_PARSE_FILE_PATH").default("partial_parse.bin in the target folder");
    PARTIAL_PARSE_FILE_DIFF = Flag::new("partial-parse-file-diff", Kind::Switch(true), On::ALL, "look for files that have changed since the last parse; without it they are taken to be as they were")
        .env("PARTIAL_PARSE_FILE_DIFF").in_project();

    // dbt's, with nothing here that they could change.
    STATIC_PARSER = Flag::new("static-parser", Kind::Switch(true), On::ALL, "nothing: there is one parser")
        .env("STATIC_PARSER").in_project().idle();
    USE_EXPERIMENTAL_PARSER = Flag::new("use-experimental-parser", Kind::Switch(false), On::ALL, "nothing: there is one parser")
        .env("USE_EXPERIMENTAL_PARSER").in_project().idle();
    SEND_ANONYMOUS_USAGE_STATS = Flag::new("send-anonymous-usage-stats", Kind::Switch(false), On::ALL, "nothing: usage is never reported to anybody")
        .env("SEND_ANONYMOUS_USAGE_STATS").in_project().idle();
    LOG_CACHE_EVENTS = Flag::new("log-cache-events", Kind::Switch(false), On::ALL, "write what comes into the cache of relations and what leaves it, at the level debug")
        .env("LOG_CACHE_EVENTS").in_project();
    USE_FAST_TEST_EDGES = Flag::new("use-fast-test-edges", Kind::Switch(true), On::ALL, "nothing: they are always fast")
        .env("USE_FAST_TEST_EDGES").in_project().idle();
    SQLPARSE = Flag::new("sqlparse", Kind::Mapping, SELECTS, "nothing: it tunes a library that is not used here")
        .env("SQLPARSE").idle();
    HINTS_ENABLED = Flag::new("hints-enabled", Kind::Switch(false), On::ALL, "nothing: there are no hints about other products")
        .env("HINTS_ENABLED").idle();
}

const fn refused(long: &'static str, takes_value: bool, env: Option<&'static str>, why: &'static str) -> Refused {
    Refused { long, takes_value, env, why }
}

const NO_METRICFLOW: &str = "saved queries are computed by MetricFlow, which this engine does not run";

/// Flags of dbt that would change what a command does, and that we do not have.
pub(super) static REFUSED: &[Refused] = &[
    refused("export-saved-queries", false, Some("EXPORT_SAVED_QUERIES"), NO_METRICFLOW),
    refused("use-v2-parser", false, Some("USE_V2_PARSER"), "there is one parser"),
    refused("record-timing-info", true, Some("RECORD_TIMING_INFO"), "it writes a profile of dbt's own Python code"),
    refused("snowflake-projects-otel", false, Some("SNOWFLAKE_PROJECTS_OTEL"), "it is for one vendor's platform"),
    refused(
        "upload-to-artifacts-ingest-api",
        false,
        Some("UPLOAD_TO_ARTIFACTS_INGEST_API"),
        "it is for one vendor's platform",
    ),
    refused("macro-debugging", false, Some("MACRO_DEBUGGING"), "it debugs dbt's own Jinja"),
    refused("show-resource-report", false, Some("SHOW_RESOURCE_REPORT"), "it measures dbt's own process"),
];

/// A command as it is typed and explained.
pub(super) struct Spec {
    pub command: Command,
    /// Other ways to type it.
    pub aliases: &'static [&'static str],
    /// For the list of commands.
    pub summary: &'static str,
    /// For its own help.
    pub about: &'static str,
    /// What comes behind it, in the usage line.
    pub operand: &'static str,
}

const fn spec(
    command: Command,
    aliases: &'static [&'static str],
    operand: &'static str,
    summary: &'static str,
    about: &'static str,
) -> Spec {
    Spec { command, aliases, summary, about, operand }
}

pub(super) static COMMANDS: &[Spec] = &[
    spec(
        Build,
        &[],
        "",
        "load seeds, run models and snapshots, and test them, in order",
        "Works on seeds, models, snapshots and tests in the order of their dependencies. What is downstream of a failed test is skipped, so that bad data does not spread.",
    ),
    spec(Run, &[], "", "run models", "Runs models in the order of their dependencies."),
    spec(
        Test,
        &[],
        "",
        "run data tests and unit tests",
        "Runs data tests and unit tests of what has been built. A data test selects the rows that should not be there.",
    ),
    spec(Seed, &[], "", "load CSV files as tables", "Loads the CSV files of the seed folders as tables."),
    spec(
        Snapshot,
        &[],
        "",
        "record how rows change over time",
        "Compares each snapshot with its source and records rows that have changed.",
    ),
    spec(
        Compile,
        &[],
        "",
        "turn models into plain SQL",
        "Turns Jinja into SQL and writes it to `target/compiled`; with --select or --inline it is printed as well. Nothing is built.",
    ),
    spec(
        Show,
        &[],
        "",
        "print the first rows of a model",
        "Compiles a model (or --inline SQL), runs it with a limit, and prints the rows. Nothing is built.",
    ),
    spec(List, &["ls"], "", "list the members of the project", "Prints what a selection means, one member a line."),
    spec(
        Command::Parse,
        &[],
        "",
        "check the project and write manifest.json",
        "Reads the whole project, reports everything that is wrong with it, and writes `target/manifest.json`.",
    ),
    spec(
        SourceFreshness,
        &["source snapshot-freshness"],
        "",
        "check how old the data of sources is",
        "Asks every source table that has `freshness` how old its newest row is, and writes `target/sources.json`.",
    ),
    spec(
        DocsGenerate,
        &[],
        "",
        "write the documentation of the project as one page",
        "Compiles the project, asks the database for columns and sizes, and writes `target/catalog.json` and `target/index.html`: one file with search, pages of all members and their lineage, which opens without a server.",
    ),
    spec(
        DocsServe,
        &[],
        "",
        "show the documentation in the browser",
        "Serves the page of `docs generate`, manifest.json and catalog.json on this machine until Ctrl-C.",
    ),
    spec(
        RunOperation,
        &[],
        "MACRO",
        "run a macro by itself",
        "Calls a macro, `name` or `package.name`, with the arguments of --args.",
    ),
    spec(
        Retry,
        &[],
        "",
        "run again what failed or was skipped",
        "Takes up the last run, or the one of --state: runs what failed or was skipped, with the same command and the same options. Only --vars, --threads and --full-refresh may be others.",
    ),
    spec(
        Command::Clone,
        &[],
        "",
        "give the target the relations of another place",
        "Makes, for every selected model, seed and snapshot that the manifest of --state has, a view of the relation there, or a copy where the database can copy a table without its rows. What the target has already stays, unless --full-refresh is given. No tests, no hooks of the project.",
    ),
    spec(
        Deps,
        &[],
        "",
        "install the packages that the project uses",
        "Installs what packages.yml or dependencies.yml names, and what those packages need: from the package hub, git, archives and folders. package-lock.yml keeps the versions; it is renewed when something else is asked for.",
    ),
    spec(
        Init,
        &[],
        "[NAME]",
        "begin a new project, or set up the profile of one",
        "Writes a small project that works as it is into a new folder, and asks for the connection, which goes into profiles.yml. Inside of a project only its profile is set up; its profile_template.yml says what is asked.",
    ),
    spec(
        Debug,
        &[],
        "",
        "check versions, project, profile and connection",
        "Checks what a command needs: that the project and the profile can be read, and that the database answers.",
    ),
    spec(
        Clean,
        &[],
        "",
        "remove what commands have written",
        "Removes the folders that `clean-targets` of dbt_project.yml names.",
    ),
];

/// Commands of dbt that we do not have, with the reason.
pub(super) static REFUSED_COMMANDS: &[(&str, &str)] =
    &[("clone", "relations are not copied from other schemas yet"), ("rpc", "dbt itself has removed it")];
