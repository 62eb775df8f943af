//! From what was said to the engine's [`Options`] and to how things are told.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::event_time;
use super::parse::{Given, usage};
use super::table::{self, *};
pub(super) use super::telling::{Format, Telling};
use super::values::{Files, Values, deprecated_variables};
use crate::diag::log::Level;
use crate::diag::{Code, Deprecation, Diagnostic, Severity, SourceFile, Span, suggest};
use crate::engine::{Command, Options, Output, WarnError};
use crate::execute::Populate;
use crate::manifest::ResourceType;
use crate::project::Env;
use crate::project::behavior::BEHAVIORS;
use crate::project::deps::{Addition, Origin};
use crate::select::Indirect;
use crate::yaml;

/// Where dbt.log is begun anew.
const LOG_BYTES: i64 = 10 * 1024 * 1024;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    pub command: Command,
    pub options: Options,
    pub console: Telling,
    pub file: Telling,
    /// The project's folder.
    pub root: Option<PathBuf>,
    /// None: there is no project, hence no place for a log file.
    pub log_dir: Option<PathBuf>,
    /// Bytes; 0 is no limit.
    pub log_max_bytes: u64,
}

/// What dbt_project.yml says about the command line. Problems of the file are told when it is really loaded.
#[derive(Debug, Default)]
pub(super) struct ProjectFile {
    root: Option<PathBuf>,
    file: Option<Arc<SourceFile>>,
    flags: Option<yaml::Node>,
    log_path: Option<String>,
}

impl ProjectFile {
    /// The nearest one at or above `dir`.
    fn find(dir: &Path) -> Self {
        let Some(root) = dir.ancestors().find(|dir| dir.join("dbt_project.yml").is_file()) else {
            return Self::default();
        };
        let text = std::fs::read_to_string(root.join("dbt_project.yml")).unwrap_or_default();
        let file = SourceFile::new("dbt_project.yml", text);
        let tree = yaml::parse(&file, &mut Vec::new()).ok();
        let flags = tree.as_ref().and_then(|tree| tree.get("flags")).filter(|flags| flags.as_map().is_some()).cloned();
        let log_path = tree.as_ref().and_then(|tree| tree.get("log-path")?.as_str().map(str::to_owned));
        Self { root: Some(root.to_owned()), file: Some(file), flags, log_path }
    }

    /// `flags:`; without it, `config:` of profiles.yml, where it used to stand.
    fn flags(&self, profiles: &Path) -> std::result::Result<Map<String, Value>, Box<Diagnostic>> {
        let own = self.flags.as_ref().filter(|flags| flags.as_map().is_some_and(|map| !map.is_empty()));
        let text = std::fs::read_to_string(profiles.join("profiles.yml")).unwrap_or_default();
        // Its problems are told when it is really loaded; here they would show what is secret.
        let tree = yaml::parse(&SourceFile::new("profiles.yml", text), &mut Vec::new()).ok();
        let old = match tree.as_ref().and_then(|tree| tree.get("config")).map(yaml::Node::to_json) {
            Some(Value::Object(old)) if !old.is_empty() => Some(old),
            _ => None,
        };
        match (own.map(yaml::Node::to_json), old) {
            (Some(_), Some(_)) => {
                let text = "there is `flags` in dbt_project.yml, and its older form `config` in profiles.yml";
                Err(usage(text).help("move all of them under `flags:` in dbt_project.yml").boxed())
            }
            (Some(Value::Object(own)), None) => Ok(own),
            (_, old) => Ok(old.unwrap_or_default()),
        }
    }

    /// Warnings of flags that are near misses, and of behaviours that cannot be had.
    fn warnings(&self) -> Vec<Diagnostic> {
        let (Some(file), Some(flags)) = (&self.file, self.flags.as_ref().and_then(yaml::Node::as_map)) else {
            return Vec::new();
        };
        let options: Vec<String> = FLAGS.iter().map(|flag| flag.long.replace('-', "_")).collect();
        let names = || options.iter().map(String::as_str).chain(BEHAVIORS.iter().map(|behavior| behavior.name));
        let mut warnings = Vec::new();
        for (key, node) in flags {
            let span = Span { file: file.clone(), range: key.range.clone() };
            if !names().any(|name| name == key.name) {
                // Adapters of dbt add flags of their own, so that one that is like no other may be right.
                if let Some(near) = suggest::nearest(&key.name, names()) {
                    let text = format!("`{}` is not a known flag", key.name);
                    warnings
                        .push(Diagnostic::warning(Code::UnknownKey, text).at(span, format!("did you mean `{near}`?")));
                }
                continue;
            }
            let behavior = BEHAVIORS.iter().find(|behavior| behavior.name == key.name);
            let Some((behavior, why)) = behavior.and_then(|behavior| Some((behavior, behavior.only_default?))) else {
                continue;
            };
            if node.to_json() == Value::Bool(!behavior.default) {
                let text = format!("`{}: {}` has no effect: {why}", key.name, !behavior.default);
                warnings.push(Diagnostic::warning(Code::NotSupported, text).at(span, ""));
            }
        }
        warnings
    }
}

/// Makes the settings of a command.
///
/// # Errors
/// Everything that is wrong with flags, environment variables and the project's `flags:`.
pub(super) fn settings(
    given: &Given,
    command: Command,
    env: &Env,
    cwd: &Path,
    is_terminal: bool,
) -> Result<Settings, Vec<Diagnostic>> {
    let no_flags = Map::new();
    let mut warnings = deprecated_variables(env);
    let user = user_settings(env, &mut warnings);
    let early = Values::new(given, env, Files { project: &no_flags, user: &user });
    let project_dir = early.path(&PROJECT_DIR).map(|dir| cwd.join(dir));
    let file = ProjectFile::find(project_dir.as_deref().unwrap_or(cwd));
    warnings.extend(file.warnings());
    let profiles_dir = early.path(&PROFILES_DIR).map(|dir| cwd.join(dir));
    let places = [Some(cwd), file.root.as_deref()].into_iter().flatten();
    let near = || places.map(Path::to_owned).find(|dir| dir.join("profiles.yml").is_file());
    let profiles_dir = profiles_dir.or_else(near).or_else(|| env.dbt_home()).unwrap_or_default();
    let flags = file.flags(&profiles_dir).map_err(|problem| vec![*problem])?;
    let values = Values::new(given, env, Files { project: &flags, user: &user });
    check_conflicts(&values, command);
    warnings.extend(deprecated_flags(&values));
    let console = console(&values, command, env, is_terminal);
    let log_dir = log_dir(&values, &file, cwd);
    let places = [("profiles_dir", Some(&profiles_dir)), ("log_path", log_dir.as_ref())];
    let mut recorded = recorded(&values, command);
    recorded.extend(
        places.into_iter().filter_map(|(name, dir)| Some((name.to_owned(), dir?.display().to_string().into()))),
    );
    let settings = Settings {
        command,
        options: Options { warnings, recorded, ..options(&values, given, command, console.colors) },
        file: log_file(&values, &console),
        root: file.root.clone(),
        log_dir,
        log_max_bytes: values.number(&LOG_FILE_MAX_BYTES).unwrap_or(LOG_BYTES).unsigned_abs(),
        console,
    };
    let problems = values.finish();
    if problems.is_empty() { Ok(settings) } else { Err(problems) }
}

/// What run_results.json tells of the command line that no command acts on, in dbt's names.
fn recorded(values: &Values<'_>, command: Command) -> Map<String, Value> {
    let text = |flag, default: &str| json!(values.text(flag).unwrap_or_else(|| default.to_owned()));
    let followed = |flag, console, default| match values.is_set(flag) {
        true => text(flag, default),
        false => text(console, default),
    };
    let mut recorded = Map::new();
    let mut put = |name: &str, value: Value| recorded.insert(name.to_owned(), value);
    put("log_level", text(&LOG_LEVEL, "info"));
    put("log_level_file", followed(&LOG_LEVEL_FILE, &LOG_LEVEL, "debug"));
    put("log_format", text(&LOG_FORMAT, "default"));
    put("log_format_file", followed(&LOG_FORMAT_FILE, &LOG_FORMAT, "debug"));
    put("log_file_max_bytes", json!(values.number(&LOG_FILE_MAX_BYTES).unwrap_or(LOG_BYTES)));
    put("use_colors", json!(values.switch(&USE_COLORS)));
    put("use_colors_file", json!(values.set_switch(&USE_COLORS_FILE).unwrap_or(values.switch(&USE_COLORS))));
    // They change nothing, so that the defaults are dbt's.
    for (name, flag, default) in [
        ("static_parser", &STATIC_PARSER, true),
        ("hints_enabled", &HINTS_ENABLED, true),
        ("use_fast_test_edges", &USE_FAST_TEST_EDGES, false),
    ] {
        put(name, json!(values.set_switch(flag).unwrap_or(default)));
    }
    // Whatever is said: it is never done.
    put("send_anonymous_usage_stats", json!(false));
    for (name, flag) in [
        ("single_threaded", &SINGLE_THREADED),
        ("log_cache_events", &LOG_CACHE_EVENTS),
        ("use_experimental_parser", &USE_EXPERIMENTAL_PARSER),
    ] {
        // dbt tells of them only where they are on; `run-operation` always.
        if values.switch(flag) || command == Command::RunOperation {
            put(name, json!(values.switch(flag)));
        }
    }
    if SQLPARSE.on.has(command) && command != Command::Clone {
        let mut sqlparse = json!({"MAX_GROUPING_DEPTH": null, "MAX_GROUPING_TOKENS": null});
        for (key, value) in values.mapping(&SQLPARSE).unwrap_or_default() {
            sqlparse[key] = value;
        }
        put("sqlparse", sqlparse);
    }
    recorded
}

/// `flags:` of `~/.dbt/user_settings.yml`, the defaults of a user.
fn user_settings(env: &Env, warnings: &mut Vec<Diagnostic>) -> Map<String, Value> {
    let Some(path) = env.dbt_home().map(|home| home.join("user_settings.yml")) else { return Map::new() };
    let Ok(text) = std::fs::read_to_string(&path) else { return Map::new() };
    let file = SourceFile::new("~/.dbt/user_settings.yml", text);
    let tree = match yaml::parse(&file, warnings) {
        Ok(tree) => tree,
        Err(problem) => {
            let unread = Diagnostic { severity: Severity::Warning, ..*problem };
            warnings.push(unread.note("the file is left out: no setting of it counts"));
            return Map::new();
        }
    };
    let Some(flags) = tree.get("flags").filter(|flags| !flags.is_null()) else { return Map::new() };
    match flags.to_json() {
        Value::Object(flags) => flags,
        _ => {
            let span = Span { file: file.clone(), range: flags.range.clone() };
            let text = format!("`flags` must be a mapping, this is {}", flags.kind());
            warnings.push(Diagnostic::warning(Code::InvalidValue, text).at(span, ""));
            Map::new()
        }
    }
}

/// What of the command line dbt has deprecated.
fn deprecated_flags(values: &Values<'_>) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    if values.is_given(&MODELS) {
        let text = "`--models`, `--model` and `-m` are older names of `--select`";
        let warning = Diagnostic::deprecated(Deprecation::ModelParamUsage, text);
        warnings.push(warning.help("write `--select`, or `-s`; in `ls`, `--resource-type model` says the rest"));
    }
    if values.is_given(&OUTPUT_PATH) {
        let text = "`--output` of `source freshness` is deprecated";
        let path = values.text(&OUTPUT_PATH);
        let warning = Diagnostic::deprecated(Deprecation::CustomOutputPath, text).fields(json!({"path": path}));
        warnings.push(warning.help("read `sources.json` in the target folder; `--target-path` says where that is"));
    }
    let options = values.is_set(&WARN_ERROR_OPTIONS).then(|| values.mapping(&WARN_ERROR_OPTIONS)).flatten();
    let old: Vec<&str> = ["include", "exclude"]
        .into_iter()
        .filter(|key| options.as_ref().is_some_and(|options| options.contains_key(*key)))
        .collect();
    if !old.is_empty() {
        let text = format!("`{}` of `--warn-error-options` has another name now", old.join("` and `"));
        let fields = json!({"found_include": old.contains(&"include"), "found_exclude": old.contains(&"exclude")});
        let warning = Diagnostic::deprecated(Deprecation::WeoIncludeExclude, text).fields(fields);
        warnings.push(warning.help("write `error` for `include`, and `warn` for `exclude`"));
    }
    warnings
}

fn check_conflicts(values: &Values<'_>, command: Command) {
    let both = |a: &super::flag::Flag, b: &super::flag::Flag| {
        if values.is_given(a) && values.is_given(b) {
            values.problem(usage(format!("`--{}` and `--{}` cannot be used together", a.long, b.long)));
        }
    };
    both(&WARN_ERROR, &WARN_ERROR_OPTIONS);
    both(&INLINE, &SELECT);
    both(&INLINE, &SELECTOR);
    both(&INLINE, &MODELS);
    both(&INLINE, &INLINE_DIRECT);
    both(&SQL, &ARGS);
    if command == Command::List {
        both(&SELECT, &MODELS);
        both(&MODELS, &RESOURCE_TYPES);
    }
    let needs_something = command == Command::Show;
    if needs_something
        && ![&SELECT, &MODELS, &INLINE, &INLINE_DIRECT, &SELECTOR].iter().any(|flag| values.is_given(flag))
    {
        let problem = usage("`show` needs to be told what to show");
        values.problem(problem.help("`headwater show --select my_model`, or `--inline \"select 1\"`"));
    }
    let output = values.is_given(&OUTPUT).then(|| values.text(&OUTPUT)).flatten();
    let fits = match output.as_deref() {
        Some("text") => command != Command::List,
        Some("selector" | "name" | "path") => command == Command::List,
        _ => true,
    };
    if !fits {
        let choices = if command == Command::List { "`selector`, `name`, `path`, `json`" } else { "`text`, `json`" };
        let shown = output.unwrap_or_default();
        values.problem(
            usage(format!("`{shown}` is not an output of `{}`", command.as_str()))
                .note(format!("outputs are {choices}")),
        );
    }
}

fn options(values: &Values<'_>, given: &Given, command: Command, colors: bool) -> Options {
    let resource_types = types(values, &RESOURCE_TYPES, command);
    let by_models = command == Command::List && values.is_given(&MODELS);
    Options {
        project_dir: values.path(&PROJECT_DIR),
        profiles_dir: values.path(&PROFILES_DIR),
        profile: values.text(&PROFILE),
        target: values.text(&TARGET),
        vars: values.mapping(&VARS).unwrap_or_default(),
        threads: match values.switch(&SINGLE_THREADED) {
            true => Some(1),
            false => values.number(&THREADS).and_then(|number| usize::try_from(number).ok()),
        },
        target_path: values.path(&TARGET_PATH),
        log_path: values.path(&LOG_PATH),
        select: [values.words(&SELECT), values.words(&MODELS)].concat(),
        exclude: values.words(&EXCLUDE),
        selector: values.text(&SELECTOR),
        indirect_selection: values
            .text(&INDIRECT_SELECTION)
            .and_then(|text| Indirect::parse(&text))
            .unwrap_or_default(),
        resource_types: if by_models { vec![ResourceType::Model] } else { resource_types },
        exclude_resource_types: types(values, &EXCLUDE_RESOURCE_TYPES, command),
        state: values.path(&STATE),
        defer: values.switch(&DEFER),
        favor_state: values.switch(&FAVOR_STATE),
        defer_state: values.path(&DEFER_STATE),
        keep_state: values.switch(&KEEP_STATE),
        state_vars: values.switch(&STATE_VARS),
        full_refresh: values.set_switch(&FULL_REFRESH),
        store_failures: values.set_switch(&STORE_FAILURES),
        empty: EMPTY.on.has(command) && values.switch(&EMPTY),
        sample: event_time::sample(values, command),
        event_time: event_time::bounds(values, command),
        fail_fast: values.switch(&FAIL_FAST),
        warn_error: warn_error(values),
        write_json: values.switch(&WRITE_JSON),
        version_check: values.switch(&VERSION_CHECK),
        partial_parse: values.switch(&PARTIAL_PARSE),
        partial_parse_file_path: values.path(&PARTIAL_PARSE_FILE_PATH),
        partial_parse_file_diff: values.switch(&PARTIAL_PARSE_FILE_DIFF),
        print: values.switch(&PRINT),
        quiet: values.switch(&QUIET),
        debug: values.switch(&table::DEBUG),
        use_colors: colors,
        printer_width: values.number(&PRINTER_WIDTH).and_then(|width| usize::try_from(width).ok()).unwrap_or(80),
        inline: values.text(&INLINE),
        inline_direct: values.text(&INLINE_DIRECT),
        introspect: values.switch(&INTROSPECT),
        inject_ephemeral_ctes: values.switch(&INJECT_EPHEMERAL_CTES),
        populate: match (values.switch(&POPULATE_CACHE), values.switch(&CACHE_SELECTED_ONLY)) {
            (false, _) => Populate::Nothing,
            (true, true) => Populate::Selected,
            (true, false) => Populate::Everything,
        },
        maximum_seed_size_mib: values.number(&MAXIMUM_SEED_SIZE_MIB).map_or(1, i64::unsigned_abs),
        sql: values.text(&SQL),
        freshness_output: match command {
            Command::SourceFreshness => values.path(&OUTPUT_PATH),
            _ => None,
        },
        limit: match values.number(&LIMIT) {
            None => Some(5),
            Some(rows) => usize::try_from(rows).ok(),
        },
        output: match values.text(&OUTPUT).as_deref() {
            Some("text") => Output::Text,
            Some("json") => Output::Json,
            Some("selector") => Output::Selector,
            Some("name") => Output::Name,
            Some("path") => Output::Path,
            _ => Output::Default,
        },
        output_keys: values.words(&OUTPUT_KEYS),
        show: values.switch(&SHOW),
        operation: given.operands.first().cloned(),
        args: values.mapping(&ARGS).unwrap_or_default(),
        connection: values.switch(&CONNECTION),
        config_dir: values.switch(&CONFIG_DIR),
        clean_project_files_only: values.switch(&CLEAN_PROJECT_FILES_ONLY),
        upgrade: values.switch(&UPGRADE),
        lock: values.switch(&LOCK),
        project_name: given.operands.first().filter(|_| command == Command::Init).cloned(),
        skip_profile_setup: values.switch(&SKIP_PROFILE_SETUP),
        skip_debug: values.switch(&SKIP_DEBUG),
        add_package: addition(values),
        compile: values.switch(&COMPILE),
        empty_catalog: values.switch(&EMPTY_CATALOG),
        static_page: values.switch(&STATIC),
        host: values.text(&HOST).unwrap_or_else(|| "127.0.0.1".to_owned()),
        port: port(values),
        browser: values.switch(&BROWSER),
        show_all_deprecations: values.switch(&SHOW_ALL_DEPRECATIONS),
        invocation_command: String::new(),
        recorded: Map::new(),
        warnings: Vec::new(),
    }
}

/// `name@version`; an address may have an `@` of its own.
fn addition(values: &Values<'_>) -> Option<Addition> {
    let text = values.text(&ADD_PACKAGE)?;
    let origin = match values.text(&table::SOURCE).as_deref() {
        Some("git") => Origin::Git,
        Some("local") => Origin::Local,
        _ => Origin::Hub,
    };
    let split = text.rsplit_once('@').filter(|(_, version)| !version.contains([':', '/']) && !version.is_empty());
    let (package, version) = match split {
        Some((package, version)) => (package.to_owned(), Some(version.to_owned())),
        None => (text, None),
    };
    if version.is_none() && origin != Origin::Local {
        let problem = usage("`--add-package` needs a version");
        values.problem(problem.help(format!("`--add-package {package}@<version>`; of a git address, its revision")));
    }
    Some(Addition { package, version, origin })
}

fn port(values: &Values<'_>) -> u16 {
    let Some(number) = values.number(&PORT) else { return 8080 };
    u16::try_from(number).unwrap_or_else(|_| {
        values.problem(usage(format!("`{number}` of `--port` is no port: they end at {}", u16::MAX)));
        0
    })
}

/// `default` adds nothing, `all` adds everything; types that projects cannot have yet match nothing.
fn types(values: &Values<'_>, flag: &super::flag::Flag, command: Command) -> Vec<ResourceType> {
    use ResourceType::{
        Analysis, Exposure, Function, Metric, Model, SavedQuery, Seed, SemanticModel, Snapshot, Source, Test, UnitTest,
    };
    const DEFAULT: [ResourceType; 11] =
        [Model, Seed, Snapshot, Test, UnitTest, Source, Exposure, SemanticModel, Metric, SavedQuery, Function];
    if !flag.on.has(command) {
        return Vec::new();
    }
    let mut types = Vec::new();
    for name in values.words(flag) {
        match name.as_str() {
            "all" => types.extend(DEFAULT.into_iter().chain([Analysis])),
            "default" => types.extend(DEFAULT),
            "model" => types.push(Model),
            "seed" => types.push(Seed),
            "snapshot" => types.push(Snapshot),
            "test" => types.push(Test),
            "unit_test" => types.push(UnitTest),
            "source" => types.push(Source),
            "exposure" => types.push(Exposure),
            "analysis" => types.push(Analysis),
            "semantic_model" => types.push(SemanticModel),
            "metric" => types.push(Metric),
            "saved_query" => types.push(SavedQuery),
            "function" => types.push(Function),
            other => values.problem(super::parse::not_supported(
                &format!("resource type `{other}`"),
                "projects cannot have any of them yet",
            )),
        }
    }
    types
}

fn warn_error(values: &Values<'_>) -> WarnError {
    // The nearer of the two wins; said on the command line together, they are a conflict.
    let all = values.switch(&WARN_ERROR) && !values.is_given(&WARN_ERROR_OPTIONS);
    match values.mapping(&WARN_ERROR_OPTIONS) {
        _ if all => WarnError::all(),
        None => WarnError::default(),
        Some(map) => WarnError::from_options(&map).unwrap_or_else(|problem| {
            values.problem(*problem);
            WarnError::default()
        }),
    }
}

fn console(values: &Values<'_>, command: Command, env: &Env, is_terminal: bool) -> Telling {
    let no_color = env.get("NO_COLOR").is_some_and(|text| !text.is_empty());
    let level = match (values.switch(&table::DEBUG), values.switch(&QUIET)) {
        (_, true) => Some(Level::Error),
        (true, false) => Some(Level::Debug),
        (false, false) => match values.text(&LOG_LEVEL) {
            Some(text) => level(&text),
            // Its lines are read by other programs.
            None if command == Command::List => Some(Level::Warn),
            None => Some(Level::Info),
        },
    };
    let format = format(values, &LOG_FORMAT, Format::Text);
    Telling {
        level,
        format,
        // A program that reads JSON has no use for them, unless somebody says so.
        colors: values.set_switch(&USE_COLORS).unwrap_or(is_terminal && !no_color && format != Format::Json),
        cache_events: values.switch(&LOG_CACHE_EVENTS),
    }
}

/// Where only the console's flag is set, the log file follows it.
fn log_file(values: &Values<'_>, console: &Telling) -> Telling {
    let level_flag = if values.is_set(&LOG_LEVEL_FILE) { &LOG_LEVEL_FILE } else { &LOG_LEVEL };
    let format_flag = if values.is_set(&LOG_FORMAT_FILE) { &LOG_FORMAT_FILE } else { &LOG_FORMAT };
    let follows_colors = values.is_set(&USE_COLORS) && !values.is_set(&USE_COLORS_FILE);
    Telling {
        level: match values.switch(&table::DEBUG) {
            true => Some(Level::Debug),
            false => values.text(level_flag).map_or(Some(Level::Debug), |text| level(&text)),
        },
        format: format(values, format_flag, Format::Debug),
        colors: if follows_colors { console.colors } else { values.switch(&USE_COLORS_FILE) },
        cache_events: console.cache_events,
    }
}

fn format(values: &Values<'_>, flag: &'static super::flag::Flag, default: Format) -> Format {
    match values.text(flag).as_deref() {
        Some("text") => Format::Text,
        Some("debug") => Format::Debug,
        Some("json") => Format::Json,
        _ => default,
    }
}

fn level(text: &str) -> Option<Level> {
    match text {
        "debug" => Some(Level::Debug),
        "info" => Some(Level::Info),
        "warn" => Some(Level::Warn),
        "error" => Some(Level::Error),
        _ => None,
    }
}

fn log_dir(values: &Values<'_>, file: &ProjectFile, cwd: &Path) -> Option<PathBuf> {
    if values.is_given(&LOG_PATH) {
        return values.path(&LOG_PATH).map(|dir| cwd.join(dir));
    }
    let root = file.root.as_ref()?;
    let dir = values.path(&LOG_PATH).or_else(|| file.log_path.as_ref().map(PathBuf::from));
    Some(root.join(dir.unwrap_or_else(|| PathBuf::from("logs"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse::parse;

    fn made(line: &[&str], env: &[(&str, &str)], project: &str) -> Result<Settings, Vec<Diagnostic>> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("dbt_project.yml"), format!("name: shop\n{project}")).unwrap();
        let argv: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        let given = parse(&argv).unwrap();
        let env = Env::from(env.iter().copied());
        settings(&given, given.command.unwrap(), &env, dir.path(), false)
    }

    fn ok(line: &[&str], env: &[(&str, &str)], project: &str) -> Settings {
        made(line, env, project).unwrap()
    }

    fn wrong(line: &[&str]) -> Vec<String> {
        made(line, &[], "").unwrap_err().into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn the_command_line_beats_the_environment_beats_the_project() {
        let project = "flags: {fail_fast: true, printer_width: 100, indirect_selection: cautious}";
        let plain = ok(&["build"], &[], project).options;
        assert_eq!((plain.fail_fast, plain.printer_width, plain.indirect_selection), (true, 100, Indirect::Cautious));
        let env = [("DBT_FAIL_FAST", "0"), ("DBT_PRINTER_WIDTH", "90"), ("DBT_ENGINE_PRINTER_WIDTH", "95")];
        let from_env = ok(&["build"], &env, project).options;
        assert_eq!((from_env.fail_fast, from_env.printer_width), (false, 95));
        let said = ok(&["build", "--fail-fast", "--printer-width", "70"], &env, project).options;
        assert_eq!((said.fail_fast, said.printer_width), (true, 70));
        assert_eq!(
            ok(&["build"], &[("HEADWATER_TARGET", "a"), ("DBT_TARGET", "b")], "").options.target,
            Some("a".into())
        );
    }

    #[test]
    fn the_users_own_settings_come_last() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".dbt")).unwrap();
        let user = "flags: {fail_fast: true, printer_width: 60, target: theirs, quiet: true}\n";
        std::fs::write(home.path().join(".dbt/user_settings.yml"), user).unwrap();
        let home = home.path().to_str().unwrap();
        let env = [("HOME", home), ("DBT_QUIET", "0")];
        let options = ok(&["build"], &env, "flags: {printer_width: 100}").options;
        assert_eq!((options.fail_fast, options.printer_width, options.quiet), (true, 100, false));
        assert_eq!(options.target.as_deref(), Some("theirs"));
        std::fs::write(std::path::Path::new(home).join(".dbt/user_settings.yml"), "flags: [a\n").unwrap();
        let broken = ok(&["build"], &env, "").options;
        assert!(broken.warnings[0].notes.iter().any(|note| note.contains("left out")), "{:?}", broken.warnings);
    }

    #[test]
    fn older_variables_count_and_are_told() {
        let env = [
            ("DBT_DEFER_TO_STATE", "1"),
            ("DBT_ARTIFACT_STATE_PATH", "old"),
            ("DBT_FAVOR_STATE_MODE", "true"),
            ("DBT_NO_PRINT", "1"),
        ];
        let options = ok(&["run"], &env, "").options;
        assert_eq!((options.defer, options.favor_state, options.print), (true, true, false));
        assert_eq!(options.state.as_deref(), Some(Path::new("old")));
        let told: Vec<_> = options.warnings.iter().map(|warning| warning.message.as_str()).collect();
        assert_eq!(told.len(), 4);
        assert!(told.contains(&"the environment variable `DBT_NO_PRINT` is now called `DBT_ENGINE_PRINT`"), "{told:?}");
        let newer = [("DBT_NO_PRINT", "1"), ("DBT_PRINT", "1"), ("DBT_ENGINE_DEFER_TO_STATE", "1")];
        assert!(ok(&["run"], &newer, "").options.print);
        assert!(ok(&["run"], &newer, "").options.defer);
    }

    #[test]
    fn names_that_dbt_keeps_to_itself_are_told() {
        let env = [("DBT_ENGINE_TARGE", "dev"), ("DBT_ENGINE_TARGET", "dev"), ("DBT_ENGINE_PACKAGE_HUB_URL", "x")];
        let warnings = ok(&["run"], &env, "").options.warnings;
        assert_eq!(warnings.len(), 1);
        assert_eq!(warnings[0].deprecation, Some(Deprecation::EnvironmentVariableNamespace));
        assert_eq!(warnings[0].helps, ["did you mean `DBT_ENGINE_TARGET`?"]);
    }

    #[test]
    fn deprecated_flags_are_told() {
        let kinds = |line: &[&str]| -> Vec<_> {
            ok(line, &[], "").options.warnings.iter().filter_map(|warning| warning.deprecation).collect()
        };
        assert_eq!(kinds(&["run", "-m", "a"]), [Deprecation::ModelParamUsage]);
        let old = ["run", "--warn-error-options", "{include: all, exclude: [NoNodesSelected]}"];
        assert_eq!(kinds(&old), [Deprecation::WeoIncludeExclude]);
        assert_eq!(kinds(&["run", "-s", "a"]), []);
        assert_eq!(
            wrong(&["run", "--warn-error-options", "[a]"]),
            ["`--warn-error-options` needs a YAML mapping, not a list"]
        );
    }

    #[test]
    fn flags_of_the_project_are_checked() {
        let project = "flags:\n  fail_fst: true\n  my_adapters_flag: true\n  use_catalogs_v2: true\n  validate_macro_args: false\n";
        let told: Vec<_> = ok(&["run"], &[], project).options.warnings.into_iter().map(|one| one.message).collect();
        assert_eq!(
            told,
            ["`fail_fst` is not a known flag", "`use_catalogs_v2: true` has no effect: catalogs.yml is not read"]
        );
    }

    #[test]
    fn flags_may_stand_in_profiles_yml() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("profiles.yml"), "config: {fail_fast: true}\n").unwrap();
        let env = [("DBT_PROFILES_DIR", dir.path().to_str().unwrap())];
        assert!(ok(&["run"], &env, "").options.fail_fast);
        let both = made(&["run"], &env, "flags: {quiet: true}").unwrap_err();
        assert!(both[0].message.contains("its older form `config` in profiles.yml"));
    }

    #[test]
    fn choices_may_be_in_capitals() {
        let options = ok(&["build", "--indirect-selection", "EAGER", "--resource-type", "Model"], &[], "").options;
        assert_eq!(options.resource_types, [ResourceType::Model]);
        assert_eq!(ok(&["run"], &[("DBT_SINGLE_THREADED", "1")], "").options.threads, Some(1));
    }

    #[test]
    fn words_and_mappings() {
        let options = ok(&["build", "--select", "a b", "c", "-m", "d", "--vars", "{x: 1, y: [a]}"], &[], "").options;
        assert_eq!(options.select, ["a", "b", "c", "d"]);
        assert_eq!(Value::Object(options.vars), serde_json::json!({"x": 1, "y": ["a"]}));
        assert_eq!(
            Value::Object(ok(&["run", "--vars", "x: yes"], &[], "").options.vars),
            serde_json::json!({"x": true})
        );
        assert_eq!(wrong(&["run", "--vars", "[a]"]), ["`--vars` needs a YAML mapping, not a list"]);
        assert_eq!(ok(&["show", "-s", "a", "--limit", "-1"], &[], "").options.limit, None);
        assert_eq!(ok(&["ls", "-m", "a"], &[], "").options.resource_types, [ResourceType::Model]);
    }

    #[test]
    fn packages_to_add_have_a_version_behind_the_last_at() {
        let added = |line: &[&str]| {
            let addition = ok(&[&["deps", "--add-package"], line].concat(), &[], "").options.add_package.unwrap();
            (addition.package, addition.version.unwrap_or_default(), addition.origin)
        };
        let owned = |package: &str, version: &str, origin| (package.to_owned(), version.to_owned(), origin);
        assert_eq!(added(&["a/b@>=1.0.0,<2.0.0"]), owned("a/b", ">=1.0.0,<2.0.0", Origin::Hub));
        assert_eq!(added(&["git@host:a/b.git@v1", "--source", "git"]), owned("git@host:a/b.git", "v1", Origin::Git));
        assert_eq!(added(&["../kit", "--source", "local"]), owned("../kit", "", Origin::Local));
        assert_eq!(wrong(&["deps", "--add-package", "a/b"]), ["`--add-package` needs a version"]);
        assert_eq!(
            wrong(&["deps", "--add-package", "git@host:a/b.git", "--source", "git"]),
            ["`--add-package` needs a version"]
        );
    }

    #[test]
    fn wrong_values_are_collected() {
        let mut told = wrong(&["run", "--threads", "0", "--printer-width", "x", "--indirect-selection", "eagre"]);
        told.sort();
        assert_eq!(
            told,
            [
                "`0` of `--threads` is less than 1",
                "`eagre` is not a value for `--indirect-selection`",
                "`x` of `--printer-width` is not a whole number",
            ]
        );
    }

    #[test]
    fn conflicts() {
        assert_eq!(
            wrong(&["run", "--warn-error", "--warn-error-options", "{error: all}"]),
            ["`--warn-error` and `--warn-error-options` cannot be used together"]
        );
        assert_eq!(wrong(&["show"]), ["`show` needs to be told what to show"]);
        assert_eq!(wrong(&["ls", "--output", "text"]), ["`text` is not an output of `list`"]);
    }

    #[test]
    fn what_is_not_supported_is_refused_from_the_environment_too() {
        let problems =
            made(&["run"], &[("DBT_USE_V2_PARSER", "true"), ("DBT_MACRO_DEBUGGING", "false")], "").unwrap_err();
        assert_eq!(problems.len(), 1);
        assert_eq!(
            problems[0].message,
            "dbt's environment variable `DBT_USE_V2_PARSER` is not supported: there is one parser"
        );
    }

    #[test]
    fn the_log_file_follows_the_console_unless_told_otherwise() {
        let settings = ok(&["run", "--log-level", "warn", "--log-format", "json"], &[], "log-path: mylogs");
        assert_eq!((settings.file.level, settings.file.format), (Some(Level::Warn), Format::Json));
        assert!(settings.log_dir.unwrap().ends_with("mylogs"));
        let settings = ok(&["run", "--log-level", "warn", "--log-level-file", "none"], &[], "");
        assert_eq!((settings.console.level, settings.file.level), (Some(Level::Warn), None));
    }
}
