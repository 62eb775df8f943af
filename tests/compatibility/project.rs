//! Selector methods, configs, and the flags of dbt_project.yml.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use headwater::diag::Code;
use serde_json::{Value, json};

use super::probe::Probe;
use super::{Answer, Section, strings};

pub fn sections(dbt: &Value) -> Vec<Section> {
    let sources = sources();
    let mut sections = selectors(dbt);
    sections.extend(configs(dbt, &sources));
    sections.push(project_flags(dbt, &sources));
    sections
}

/// A value for the methods that do not take every text.
fn of_method(method: &str) -> &str {
    match method {
        "access" => "public",
        "config" => "materialized:view",
        "resource_type" => "model",
        "result" => "error",
        "selector" => "some",
        "source_status" => "fresher",
        "state" => "modified",
        "test_type" => "data",
        "version" => "latest",
        _ => "x",
    }
}

/// Methods are asked with a state of the same project at hand.
fn selectors(dbt: &Value) -> Vec<Section> {
    let probe = Probe::new("");
    probe.file("models/x.sql", "select 1 as id");
    probe.file("selectors.yml", "selectors: [{name: some, definition: x}]");
    probe.done(&["parse", "--target-path", "state"]);
    probe.file("state/sources.json", r#"{"metadata": {}, "results": [], "elapsed_time": 0}"#);
    probe.file("target/sources.json", r#"{"metadata": {}, "results": [], "elapsed_time": 0}"#);
    probe.file("state/run_results.json", r#"{"metadata": {}, "results": [], "elapsed_time": 0, "args": {}}"#);
    // All at once: they are asked one by one only if something is wrong with one of them.
    let methods = strings(&dbt["selectors"]["methods"]);
    let methods = methods.iter().filter(|method| **method != "state");
    let mut criteria: Vec<String> = methods.map(|method| criterion(method, of_method(method))).collect();
    criteria.extend(strings(&dbt["selectors"]["state"]).iter().map(|value| criterion("state", value)));
    let mut line = vec!["ls", "--state", "state", "--select"];
    line.extend(criteria.iter().map(String::as_str));
    let all = probe.ran(&line).outcome.exit_code == 0;
    let ask = |criterion: &str| {
        if all {
            return Answer::Supported;
        }
        let ran = probe.ran(&["ls", "--select", criterion, "--state", "state"]);
        match ran.outcome.diagnostics.iter().find(|problem| problem.is_error()) {
            None => Answer::Supported,
            Some(problem) if problem.code == Code::NotSupported => Answer::Refused(problem.message.clone()),
            Some(problem) => Answer::Missing(format!("({})", problem.message)),
        }
    };
    let mut section = Section::new("Selector methods", "");
    for criterion in &criteria {
        let method = criterion.split([':', '.']).next().unwrap_or(criterion);
        let name = if method == "state" { criterion.clone() } else { format!("{method}:") };
        section.row(name, ask(criterion));
    }
    vec![section]
}

fn criterion(method: &str, value: &str) -> String {
    if method == "config" { format!("{method}.{value}") } else { format!("{method}:{value}") }
}

/// A value of each config.
fn sample(kind: &str, key: &str) -> Value {
    match key {
        "alias" => json!(format!("{}_alias", kind.replace(' ', "_"))),
        "access" => json!("protected"),
        "batch_size" => json!("day"),
        "begin" => json!("2025-01-01"),
        "check_cols" => json!("all"),
        "column_types" => json!({"id": "integer"}),
        "concurrent_batches" | "enabled" | "quote_columns" | "store_failures" => json!(true),
        "contract" => json!({"enforced": false}),
        "dbt_valid_to_current" => json!("cast('2999-12-31' as date)"),
        "delimiter" => json!(";"),
        "docs" => json!({"show": true}),
        "error_if" | "warn_if" => json!("> 1"),
        "freshness" => json!({"warn_after": {"count": 1, "period": "day"}}),
        "full_refresh" => json!(false),
        "grants" => json!({"select": ["a"]}),
        "group" => json!("team"),
        "incremental_strategy" => json!("append"),
        "indexes" => json!([{"columns": ["id"]}]),
        "latest_version_pointer" => json!({"enabled": true}),
        "limit" | "lookback" => json!(2),
        "materialized" => json!(match kind {
            "data test" => "test",
            "seed" | "snapshot" | "function" => kind,
            _ => "table",
        }),
        "merge_exclude_columns" | "merge_update_columns" | "tags" | "packages" => json!(["id"]),
        "cache" => json!({"enabled": true}),
        "type" => json!("scalar"),
        "volatility" => json!("deterministic"),
        "export_as" => json!("table"),
        "meta" => json!({"owner": "a"}),
        "on_configuration_change" => json!("apply"),
        "on_error" => json!("continue"),
        "on_schema_change" => json!("ignore"),
        "persist_docs" => json!({"relation": true}),
        "post-hook" | "pre-hook" => json!("select 1"),
        "incremental_predicates" | "predicates" => json!(["1 = 1"]),
        "quoting" => json!({"identifier": true}),
        "severity" => json!("warn"),
        "snapshot_meta_column_names" => json!({"dbt_valid_from": "since"}),
        "static_analysis" => json!("off"),
        "store_failures_as" => json!("table"),
        "strategy" => json!("check"),
        "loaded_at_query" => json!("select max(at) from x"),
        _ => json!("id"),
    }
}

/// The properties file of one member of a kind, with one config. None where a project cannot have the kind here.
fn member(kind: &str, name: &str, key: &str) -> Option<(String, Value)> {
    let config = json!({key: sample(kind, key)});
    let text = match kind {
        "model" => json!({"models": [{"name": name, "config": config}]}),
        "seed" => json!({"seeds": [{"name": name, "config": config}]}),
        "snapshot" => {
            let mut config = json!({"strategy": "check", "check_cols": "all", "unique_key": "id"});
            config[key] = sample(kind, key);
            json!({"snapshots": [{"name": name, "relation": "ref('base')", "config": config}]})
        }
        "data test" => json!({"data_tests": [{"name": name, "config": config}]}),
        "source" => {
            let mut config = config;
            if key == "freshness" {
                config["loaded_at_field"] = json!("at");
            }
            json!({"sources": [{"name": name, "tables": [{"name": "t", "config": config}]}]})
        }
        "exposure" => {
            json!({"exposures": [{"name": name, "type": "ml", "owner": {"name": "a"}, "config": config}]})
        }
        "unit test" => {
            json!({"unit_tests": [{"name": name, "model": "base", "given": [], "expect": {"rows": []}, "config": config}]})
        }
        "function" => json!({"functions": [{"name": name, "returns": {"data_type": "integer"}, "config": config}]}),
        "semantic model" => json!({"semantic_models": [{"name": name, "model": "ref('base')", "config": config}]}),
        "metric" => json!({"metrics": [{
            "name": name, "label": name, "type": "simple", "type_params": {"measure": "row_count"}, "config": config,
        }]}),
        "saved query" => {
            json!({"saved_queries": [{"name": name, "query_params": {"metrics": ["row_count"]}, "config": config}]})
        }
        "group" => json!({"groups": [{"name": name, "owner": {"name": "a"}, "config": config}]}),
        "macro" => json!({"macros": [{"name": name, "config": config}]}),
        "read by macros" => json!({"models": [{"name": name, "config": config}]}),
        _ => return None,
    };
    Some((format!("models/{name}.yml"), text))
}

/// A group, and a semantic layer for metrics and saved queries to lean on.
const BESIDE: &str = "
groups: [{name: team, owner: {name: a}}]
models:
  - name: base
    time_spine: {standard_granularity_column: id}
    columns: [{name: id, granularity: day}]
semantic_models:
  - name: base
    model: ref('base')
    primary_entity: base
    dimensions: [{name: at, type: time, type_params: {time_granularity: day}}]
    measures: [{name: row_count, agg: sum, expr: 1, agg_time_dimension: at, create_metric: true}]
";

/// What the member needs beside its properties.
fn beside(kind: &str, name: &str) -> Option<(String, String)> {
    Some(match kind {
        "model" | "read by macros" => (format!("models/{name}.sql"), "select 1 as id".to_owned()),
        "seed" => (format!("seeds/{name}.csv"), "id\n1\n".to_owned()),
        "data test" => (format!("tests/{name}.sql"), "select 1 as id".to_owned()),
        "function" => (format!("functions/{name}.sql"), "1".to_owned()),
        "macro" => (format!("macros/{name}.sql"), format!("{{% macro {name}() %}}{{% endmacro %}}")),
        _ => return None,
    })
}

fn configs(dbt: &Value, sources: &str) -> Vec<Section> {
    let probe = Probe::new("");
    probe.file("models/base.sql", "select 1 as id");
    probe.file("models/team.yml", BESIDE);
    let mut places: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut answers: BTreeMap<(String, String), Answer> = BTreeMap::new();
    for (kind, keys) in dbt["configs"].as_object().into_iter().flatten() {
        if member(kind, "x", "meta").is_none() {
            answers.insert((kind.clone(), "every config".to_owned()), Answer::missing());
            continue;
        }
        for (index, key) in strings(keys).into_iter().enumerate() {
            let name = format!("{}_{index}", kind.replace(' ', "_"));
            let Some((path, text)) = member(kind, &name, key) else { continue };
            probe.file(&path, &text.to_string());
            if let Some((path, text)) = beside(kind, &name) {
                probe.file(&path, &text);
            }
            let honoured = Answer::when(is_read(sources, key));
            answers.insert((kind.clone(), key.to_owned()), honoured);
            places.insert(path, (kind.clone(), key.to_owned()));
        }
    }
    // What is wrong in a later stage is told once the earlier ones are in order.
    for _ in 0..10 {
        let ran = probe.ran(&["parse"]);
        let problems: Vec<_> = ran.outcome.diagnostics.iter().filter(|problem| problem.is_error()).collect();
        if problems.is_empty() {
            break;
        }
        for problem in problems {
            let path = problem.primary.as_ref().map(|label| label.span.file.path.to_string()).unwrap_or_default();
            let Some(entry) = places.remove(&path) else { continue };
            assert_eq!(problem.code, Code::NotSupported, "{entry:?}: {}", ran.stderr);
            fs::remove_file(probe.path().join(&path)).expect("removes the file");
            answers.insert(entry, Answer::Refused(problem.message.clone()));
        }
    }
    let ran = probe.ran(&["parse"]);
    assert_eq!(ran.outcome.exit_code, 0, "{}", ran.stderr);
    let mut sections: Vec<Section> = Vec::new();
    for ((kind, key), answer) in answers {
        let title = format!("Configs: {kind}");
        if sections.last().is_none_or(|section| section.title != title) {
            sections.push(Section::new(title, ""));
        }
        if let Some(section) = sections.last_mut() {
            section.row(key, answer);
        }
    }
    sections
}

fn project_flags(dbt: &Value, sources: &str) -> Section {
    let mut section = Section::new("Flags of dbt_project.yml", "");
    let help = Probe::empty().ran(&["build", "--help"]).stdout.replace("[no-]", "");
    for flag in strings(&dbt["project flags"]) {
        let option = format!("--{}", flag.replace('_', "-"));
        let on_line = help.split_whitespace().any(|word| word == option);
        section.row(flag, Answer::when(on_line || is_read(sources, flag)));
    }
    section
}

/// The program and the embedded packages, without tests.
pub fn sources() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    for folder in ["src", "macros"] {
        read_all(&root.join(folder), &mut text);
    }
    text
}

fn read_all(folder: &Path, text: &mut String) {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            read_all(&path, text);
        } else if (name.ends_with(".rs") || name.ends_with(".sql")) && name != "tests.rs" {
            text.push_str(&fs::read_to_string(&path).expect("a text"));
        }
    }
}

/// Whether something asks for a key: its name stands as a text, and not as the key of an object that is written.
pub fn is_read(sources: &str, key: &str) -> bool {
    ['"', '\''].iter().any(|quote| {
        let word = format!("{quote}{key}{quote}");
        sources.match_indices(&word).any(|(at, _)| !sources[at + word.len()..].starts_with(':'))
    })
}
