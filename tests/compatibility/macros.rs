//! The macros of package `dbt`, the materializations and the generic tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use headwater::diag::SourceFile;
use headwater::jinja::{MacroDef, compile_macros};
use serde_json::Value;

use super::{Answer, Section, strings};

pub fn sections(dbt: &Value) -> Vec<Section> {
    let ours = ours();
    let mut macros =
        Section::new("Macros", "Package `dbt`, with their parameters; adapters' own are found by `adapter.dispatch`.");
    for signature in strings(&dbt["macros"]) {
        let (name, params) = signature.trim_end_matches(')').split_once('(').unwrap_or((signature, ""));
        let answer = match ours.get(name) {
            None => Answer::missing(),
            Some(found) if found.params.join(", ") != params => {
                Answer::Missing(format!("(it takes {})", found.params.join(", ")))
            }
            Some(found) => refusal(&ours, found).map_or(Answer::Supported, Answer::Refused),
        };
        macros.row(signature, answer);
    }
    let mut materializations = Section::new("Materializations", "");
    for name in strings(&dbt["materializations"]) {
        let answer = match ours.get(format!("materialization_{name}_default").as_str()) {
            // The compiler's own.
            None => Answer::when(name == "ephemeral"),
            Some(found) => refusal(&ours, found).map_or(Answer::Supported, Answer::Refused),
        };
        materializations.row(name, answer);
    }
    let mut tests = Section::new("Generic tests", "");
    for name in strings(&dbt["generic tests"]) {
        tests.row(name, Answer::when(ours.contains_key(format!("test_{name}").as_str())));
    }
    vec![macros, materializations, tests]
}

/// The macros of the embedded package by name.
fn ours() -> BTreeMap<String, Arc<MacroDef>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("macros/dbt/macros");
    let mut found = BTreeMap::new();
    for folder in fs::read_dir(root).expect("a folder") {
        for file in fs::read_dir(folder.expect("an entry").path()).expect("a folder of macros") {
            let path = file.expect("an entry").path();
            let source = SourceFile::new(path.display().to_string(), fs::read_to_string(&path).expect("a text"));
            let macros = compile_macros(&Arc::from("dbt"), &source).unwrap_or_else(|problems| panic!("{problems:?}"));
            found.extend(macros.into_iter().map(|found| (found.name.to_string(), found)));
        }
    }
    found
}

/// The message of a macro that does nothing but refuse, or whose default does, or that calls one which does.
fn refusal(ours: &BTreeMap<String, Arc<MacroDef>>, found: &MacroDef) -> Option<String> {
    let text = body(found);
    let default = ours.get(&format!("default__{}", found.name));
    if text.contains("adapter.dispatch") {
        return default.and_then(|default| refusal(ours, default));
    }
    let statement = text.trim().trim_start_matches(['{', '%', '-', ' ']).trim_start_matches("do ");
    for raise in ["exceptions.raise_compiler_error(", "exceptions.raise_not_implemented("] {
        if let Some(message) = statement.strip_prefix(raise) {
            let message = message.split(")").next().unwrap_or(message);
            let words = message.split(['\'', '"']).enumerate().map(|(at, part)| if at % 2 == 1 { part } else { "…" });
            return Some(words.collect::<String>().trim_matches('…').trim().to_owned());
        }
    }
    let called = statement.split('(').next().unwrap_or_default();
    let only_calls =
        text.trim().matches("{{").count() == 1 && text.trim().starts_with("{{") && text.trim().ends_with("}}");
    ours.get(called).filter(|_| only_calls && called.starts_with("raise_")).and_then(|called| refusal(ours, called))
}

/// The text between a macro's tags.
fn body(found: &MacroDef) -> &str {
    found.file.text.get(found.block.body.clone()).unwrap_or_default()
}
