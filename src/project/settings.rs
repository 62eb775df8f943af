//! dbt_project.yml → [`PackageConfig`].

use std::sync::Arc;

use serde_json::{Map, json};

use super::embedded;
use super::{
    DBT_VERSION, Dispatch, Hook, PackageConfig, Paths, QueryComment, Quoting, Trees, WrittenVars, location, version,
};
use crate::diag::{Code, Deprecation, Diagnostic, SourceFile, Span};
use crate::yaml::{Fields, Node, Yaml};

/// Names of Jinja's context: a project of that name would hide them.
const RESERVED_NAMES: &[&str] = &[
    "adapter",
    "api",
    "builtins",
    "column",
    "config",
    "context",
    "database",
    "dbt",
    "dbt_version",
    "diff_of_two_dicts",
    "env",
    "env_var",
    "exceptions",
    "execute",
    "flags",
    "fromjson",
    "fromyaml",
    "graph",
    "invocation_id",
    "load_agate_table",
    "load_result",
    "local_md5",
    "log",
    "model",
    "modules",
    "post_hooks",
    "pre_hooks",
    "print",
    "project_name",
    "ref",
    "render",
    "return",
    "run_started_at",
    "schema",
    "source",
    "sql",
    "sql_now",
    "statement",
    "store_result",
    "target",
    "this",
    "thread_id",
    "tojson",
    "toyaml",
    "try_or_compiler_error",
    "var",
    "write",
];

/// Whose dbt_project.yml it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Root(VersionCheck),
    Installed(VersionCheck),
    Embedded,
}

/// How `require-dbt-version` is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VersionCheck {
    Skip,
    /// `last`: the last series of dbt that knew the project's database, as `1.7`. What that met is told, not refused.
    Enforce {
        last: Option<&'static str>,
    },
    /// The database is not known, so that what the last dbt of any database met passes.
    DatabaseUnknown,
}

/// Whether a path of dbt_project.yml is left to later rendering.
pub(super) fn is_late(path: &[&str]) -> bool {
    match path {
        ["on-run-start" | "on-run-end" | "query-comment" | "vars", ..] => true,
        [.., last] => is_hook(last.trim_start_matches('+')),
        [] => false,
    }
}

fn is_hook(key: &str) -> bool {
    matches!(key, "pre-hook" | "post-hook" | "pre_hook" | "post_hook")
}

/// Reads a rendered dbt_project.yml, which was `written` so; none if it has no usable name.
pub(super) fn read(
    file: &Arc<SourceFile>,
    root: Node,
    written: Node,
    origin: Origin,
    diags: &mut Vec<Diagnostic>,
) -> Option<(String, PackageConfig)> {
    if root.is_null() {
        diags.push(
            Diagnostic::error(Code::MissingKey, format!("`{}` is empty", file.path))
                .help("the least it needs is `name:` and `profile:`"),
        );
        return None;
    }
    let mut fields = Fields::new(root, file, "project file", diags)?;
    let name = project_name(&mut fields, origin);
    config_version(&mut fields);
    required_version(&mut fields, origin);
    let quoting = quoting(&mut fields);
    let config = PackageConfig {
        file: file.clone(),
        version: fields.str("version"),
        profile: fields.str("profile"),
        paths: paths(&mut fields),
        quoting,
        trees: trees(&mut fields),
        written,
        vars: vars(&mut fields, file),
        on_run_start: hooks(&mut fields, "on-run-start"),
        on_run_end: hooks(&mut fields, "on-run-end"),
        dispatch: dispatch(&mut fields, file),
        query_comment: query_comment(&mut fields, file),
        restrict_access: fields.bool("restrict-access").unwrap_or(false),
        flags: fields.map("flags").map_or_else(Map::new, |flags| flags.to_json()),
    };
    // Belongs to dbt's hosted product and says nothing about a run.
    fields.take("dbt-cloud");
    fields.finish(Deprecation::CustomTopLevelKey);
    Some((name?, config))
}

fn project_name(fields: &mut Fields<'_>, origin: Origin) -> Option<String> {
    let (name, range) = fields.required_spanned_str("name")?;
    let mut characters = name.chars();
    let first_fits = characters.next().is_some_and(|c| c.is_alphabetic() || c == '_');
    if !first_fits || !characters.all(|c| c.is_alphanumeric() || c == '_') {
        let fitting: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        let fitting = if fitting.starts_with(|c: char| c.is_ascii_digit()) { format!("_{fitting}") } else { fitting };
        let span = fields.span(&range);
        fields.report(
            Diagnostic::error(Code::InvalidValue, format!("`{name}` cannot be the name of a project"))
                .at(span, "only letters, digits and `_`, no digit first")
                .help(format!("for example `{fitting}`")),
        );
        return None;
    }
    if origin != Origin::Embedded && RESERVED_NAMES.contains(&name.as_str()) {
        let span = fields.span(&range);
        fields.report(
            Diagnostic::error(Code::InvalidValue, format!("`{name}` cannot be the name of a project"))
                .at(span, "dbt uses this name itself"),
        );
        return None;
    }
    Some(name)
}

fn config_version(fields: &mut Fields<'_>) {
    let Some(node) = fields.take("config-version") else { return };
    if !matches!(&node.value, Yaml::Int(2) | Yaml::Null) && node.as_str() != Some("2") {
        let span = fields.span(&node.range);
        fields.report(
            Diagnostic::error(Code::InvalidValue, "`config-version` must be 2")
                .at(span, "")
                .help("write `config-version: 2`"),
        );
    }
}

fn required_version(fields: &mut Fields<'_>, origin: Origin) {
    let Some(node) = fields.take("require-dbt-version") else { return };
    let requirements: Vec<&Node> = match &node.value {
        Yaml::Null => return,
        Yaml::Seq(items) => items.iter().collect(),
        _ => vec![&node],
    };
    let check = match origin {
        Origin::Root(check) | Origin::Installed(check) => check,
        Origin::Embedded => VersionCheck::Skip,
    };
    for node in requirements {
        let text = match &node.value {
            Yaml::Str(text) => text.clone(),
            value => Node::new(value.clone(), 0..0).to_json().to_string(),
        };
        let span = fields.span(&node.range);
        match version::meets(DBT_VERSION, &text) {
            Some(true) => {}
            Some(false) => {
                let message =
                    format!("this project requires dbt `{text}`, and this engine behaves as dbt {DBT_VERSION}");
                let last = match check {
                    VersionCheck::Skip => continue,
                    VersionCheck::DatabaseUnknown => {
                        embedded::LAST_DBT.iter().find(|last| version::met_by(last, &text))
                    }
                    VersionCheck::Enforce { ref last } => last.as_ref().filter(|last| version::met_by(last, &text)),
                };
                let diagnostic = match (last, check) {
                    (Some(_), VersionCheck::DatabaseUnknown) => continue,
                    (Some(last), _) => Diagnostic::warning(Code::VersionMismatch, message)
                        .note(format!(
                            "dbt {last} was the last to know this database: its projects run here as they are"
                        ))
                        .help(
                            "widen `require-dbt-version`, for example to `<2.0.0`: older versions of dbt take that too",
                        ),
                    (None, _) => Diagnostic::error(Code::VersionMismatch, message)
                        .help("change `require-dbt-version`, or pass `--no-version-check`"),
                };
                fields.report(diagnostic.at(span, ""));
            }
            None => fields.report(
                Diagnostic::error(Code::InvalidValue, format!("`{text}` is not a version requirement"))
                    .at(span, "")
                    .help("write for example `\">=1.7.0,<2.0.0\"`"),
            ),
        }
    }
}

fn quoting(fields: &mut Fields<'_>) -> Quoting {
    let Some((_, node)) = fields.entry("quoting").filter(|(_, node)| !node.is_null()) else {
        return Quoting::default();
    };
    let file = fields.file().clone();
    let Some(mut inner) = Fields::new(node, &file, "`quoting`", fields.diags()) else { return Quoting::default() };
    let quoting = Quoting {
        database: inner.bool("database"),
        schema: inner.bool("schema"),
        identifier: inner.bool("identifier"),
    };
    // A switch of another warehouse: dbt accepts it everywhere.
    inner.take("snowflake_ignore_case");
    inner.finish(Deprecation::CustomKeyInObject);
    quoting
}

fn paths(fields: &mut Fields<'_>) -> Paths {
    let models = renamed(fields, "source-paths", "model-paths", Deprecation::ConfigSourcePath);
    let seeds = renamed(fields, "data-paths", "seed-paths", Deprecation::ConfigDataPath);
    let mut list = |name: &'static str, default: &str| {
        let given = fields.texts(name);
        checked(fields, name, given.unwrap_or_else(|| vec![default.to_owned()]))
    };
    let model_paths = list("model-paths", "models");
    let seed_paths = list("seed-paths", "seeds");
    let tests = list("test-paths", "tests");
    let analyses = list("analysis-paths", "analyses");
    let macros = list("macro-paths", "macros");
    let snapshots = list("snapshot-paths", "snapshots");
    let functions = list("function-paths", "functions");
    let models = models.unwrap_or(model_paths);
    let seeds = seeds.unwrap_or(seed_paths);
    let everything = [&models, &seeds, &tests, &analyses, &macros, &snapshots, &functions];
    let mut all: Vec<String> = everything.into_iter().flatten().cloned().collect();
    all.sort();
    all.dedup();
    let docs = fields.texts("docs-paths").map_or(all, |docs| checked(fields, "docs-paths", docs));
    unsupported(fields, "osi-paths");
    let target = moved(fields, "target-path", "target", Deprecation::ConfigTargetPath);
    let clean_targets = fields.texts("clean-targets").unwrap_or_else(|| vec![target.clone()]);
    Paths {
        models,
        seeds,
        tests,
        analyses,
        macros,
        snapshots,
        functions,
        docs,
        assets: fields.texts("asset-paths").unwrap_or_default(),
        log: moved(fields, "log-path", "logs", Deprecation::ConfigLogPath),
        packages_install: fields.str("packages-install-path").unwrap_or_else(|| "dbt_packages".to_owned()),
        target,
        clean_targets,
    }
}

/// A key that dbt has renamed: still read, with a warning.
fn renamed(
    fields: &mut Fields<'_>,
    old: &'static str,
    new: &'static str,
    deprecation: Deprecation,
) -> Option<Vec<String>> {
    let range = fields.key_range(old)?;
    let span = fields.span(&range);
    let diagnostic = match fields.has(new) {
        true => Diagnostic::error(Code::InvalidConfig, format!("`{old}` is an older name of `{new}`: both are given"))
            .at(span, "remove this one"),
        false => Diagnostic::deprecated(deprecation, format!("`{old}` is now called `{new}`"))
            .at(span, format!("write `{new}`"))
            .fields(json!({"deprecated_path": old, "exp_path": new})),
    };
    fields.report(diagnostic);
    fields.texts(old)
}

/// A key that dbt has moved to the command line: read, with a warning if it says something.
fn moved(fields: &mut Fields<'_>, name: &'static str, default: &str, deprecation: Deprecation) -> String {
    let Some((value, range)) = fields.spanned_str(name) else { return default.to_owned() };
    if value != default {
        let span = fields.span(&range);
        let variable = name.replace('-', "_").to_uppercase();
        fields.report(
            Diagnostic::deprecated(deprecation, format!("`{name}` in dbt_project.yml is deprecated"))
                .at(span, "")
                .help(format!("pass `--{name}`, or set `DBT_ENGINE_{variable}`"))
                .fields(json!({"deprecated_path": name})),
        );
    }
    value
}

/// Folders must lie inside the package: names of files in messages and artifacts are relative to it.
fn checked(fields: &mut Fields<'_>, name: &str, folders: Vec<String>) -> Vec<String> {
    folders
        .into_iter()
        .filter_map(|folder| {
            let normal = location::normal(std::path::Path::new(&folder));
            let inside = !normal.is_absolute() && !normal.starts_with("..");
            if !inside {
                fields.report(
                    Diagnostic::error(Code::InvalidValue, format!("`{folder}` of `{name}` is not inside the project"))
                        .help("give a folder relative to dbt_project.yml"),
                );
            }
            inside.then(|| normal.to_string_lossy().replace('\\', "/"))
        })
        .collect()
}

/// Keys about things that this engine does not have.
fn unsupported(fields: &mut Fields<'_>, name: &'static str) {
    if let Some((key, node)) = fields.entry(name) {
        if node.is_null() {
            return;
        }
        let span = fields.span(&key.range);
        fields.report(
            Diagnostic::warning(
                Code::NotSupported,
                format!("`{name}` has no effect: this engine has no such resources"),
            )
            .at(span, ""),
        );
    }
}

fn trees(fields: &mut Fields<'_>) -> Trees {
    Trees {
        models: fields.map_node("models"),
        seeds: fields.map_node("seeds"),
        snapshots: fields.map_node("snapshots"),
        sources: fields.map_node("sources"),
        data_tests: data_tests(fields),
        unit_tests: fields.map_node("unit_tests"),
        exposures: fields.map_node("exposures"),
        semantic_models: fields.map_node("semantic-models"),
        metrics: fields.map_node("metrics"),
        saved_queries: fields.map_node("saved-queries"),
        functions: fields.map_node("functions"),
        analyses: fields.map_node("analyses"),
    }
}

/// `tests:` is the old name of `data_tests:`.
fn data_tests(fields: &mut Fields<'_>) -> Option<Node> {
    if let (true, Some(range)) = (fields.has("data_tests"), fields.key_range("tests")) {
        let span = fields.span(&range);
        fields.report(
            Diagnostic::error(
                Code::InvalidConfig,
                "`tests` and `data_tests` are the same thing and cannot both be given",
            )
            .at(span, "move this under `data_tests`"),
        );
    }
    let old = fields.map_node("tests");
    fields.map_node("data_tests").or(old)
}

/// `vars:` of dbt_project.yml, or of vars.yml.
pub(super) fn vars(fields: &mut Fields<'_>, file: &Arc<SourceFile>) -> Option<WrittenVars> {
    let (key, node) = fields.entry("vars").filter(|(_, node)| !node.is_null())?;
    if node.as_map().is_none() {
        let span = fields.span(&node.range);
        fields.report(
            Diagnostic::error(Code::InvalidValue, format!("`vars` must be a mapping, this is {}", node.kind()))
                .at(span, ""),
        );
        return None;
    }
    Some(WrittenVars { file: file.clone(), key, node })
}

fn hooks(fields: &mut Fields<'_>, name: &'static str) -> Vec<Hook> {
    let Some(node) = fields.take(name) else { return Vec::new() };
    let items = match node.value {
        Yaml::Null => return Vec::new(),
        Yaml::Seq(items) => items,
        _ => vec![node],
    };
    let mut hooks = Vec::new();
    for item in items {
        let span = fields.span(&item.range);
        match item.value {
            Yaml::Str(sql) if sql.trim().is_empty() => {}
            Yaml::Str(sql) => hooks.push(Hook { sql, span }),
            Yaml::Null => {}
            _ => fields.report(
                Diagnostic::error(Code::InvalidValue, format!("an entry of `{name}` must be SQL text"))
                    .at(span, format!("this is {}", item.kind())),
            ),
        }
    }
    hooks
}

fn dispatch(fields: &mut Fields<'_>, file: &Arc<SourceFile>) -> Vec<Dispatch> {
    let mut entries = Vec::new();
    for node in fields.list("dispatch") {
        let Some(mut inner) = Fields::new(node, file, "entry of `dispatch`", fields.diags()) else { continue };
        let namespace = inner.required_str("macro_namespace");
        let order = inner.texts("search_order");
        if order.is_none() {
            inner.missing("search_order");
        }
        inner.finish(Deprecation::CustomKeyInObject);
        if let (Some(macro_namespace), Some(search_order)) = (namespace, order) {
            entries.push(Dispatch { macro_namespace, search_order });
        }
    }
    entries
}

fn query_comment(fields: &mut Fields<'_>, file: &Arc<SourceFile>) -> QueryComment {
    let Some(node) = fields.take("query-comment") else { return QueryComment::Default { append: false } };
    let span = fields.span(&node.range);
    match node.value {
        Yaml::Null => QueryComment::Off,
        Yaml::Str(text) if text.trim().is_empty() => QueryComment::Off,
        Yaml::Str(text) => QueryComment::Text { text, append: false, span },
        Yaml::Map(_) => {
            let Some(mut inner) = Fields::new(node, file, "`query-comment`", fields.diags()) else {
                return QueryComment::Off;
            };
            let append = inner.bool("append").unwrap_or(false);
            if inner.bool("job-label") == Some(true) {
                inner.report(
                    Diagnostic::warning(Code::NotSupported, "`job-label` has no effect: only BigQuery has job labels")
                        .at(span.clone(), ""),
                );
            }
            let comment = inner.entry("comment");
            inner.finish(Deprecation::CustomKeyInObject);
            match comment {
                None => QueryComment::Default { append },
                Some((_, Node { value: Yaml::Str(text), range })) if !text.trim().is_empty() => {
                    QueryComment::Text { text, append, span: Span { file: file.clone(), range } }
                }
                Some(_) => QueryComment::Off,
            }
        }
        _ => {
            let found = format!("this is {}", node.kind());
            fields.report(
                Diagnostic::error(Code::InvalidValue, "`query-comment` must be a text or a mapping").at(span, found),
            );
            QueryComment::Off
        }
    }
}
