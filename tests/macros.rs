//! The embedded macro packages: every file compiles, and package `dbt` has the macros that projects override and packages
//! call, with dbt's parameters.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headwater::diag::SourceFile;
use headwater::jinja::{BlockKind, MacroDef, compile_macros};

/// dbt's macros with their parameters, a line each.
const PUBLIC: &str = include_str!("macros/public.txt");

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|end| end == "sql") {
            found.push(path);
        }
    }
}

fn package(name: &str) -> Vec<Arc<MacroDef>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("macros").join(name);
    let mut paths = Vec::new();
    files(&root.join("macros"), &mut paths);
    assert!(!paths.is_empty(), "{name} has no macros");
    paths.sort();
    let mut macros = Vec::new();
    for path in paths {
        let shown = path.strip_prefix(&root).unwrap().display().to_string();
        let file = SourceFile::new(shown.clone(), fs::read_to_string(&path).unwrap());
        match compile_macros(&Arc::from(name), &file) {
            Ok(found) => macros.extend(found),
            Err(problems) => panic!("{name}/{shown}: {problems:?}"),
        }
    }
    macros
}

fn by_name(macros: &[Arc<MacroDef>]) -> BTreeMap<&str, &Arc<MacroDef>> {
    let named: BTreeMap<_, _> = macros.iter().map(|found| (&*found.name, found)).collect();
    assert_eq!(named.len(), macros.len(), "a macro is defined twice");
    named
}

#[test]
fn every_public_macro_is_there_with_its_parameters() {
    let macros = package("dbt");
    let named = by_name(&macros);
    for line in PUBLIC.lines().filter(|line| !line.is_empty()) {
        let (name, params) = line.trim_end_matches(')').split_once('(').unwrap();
        let expected: Vec<&str> = params.split(", ").filter(|param| !param.is_empty()).collect();
        let found = named.get(name).unwrap_or_else(|| panic!("package dbt has no macro {name}"));
        assert_eq!(found.params, expected, "parameters of {name}");
    }
}

#[test]
fn every_materialization_and_generic_test_is_there() {
    let macros = package("dbt");
    let names: BTreeSet<&str> = macros.iter().map(|found| &*found.name).collect();
    let built_in =
        ["view", "table", "incremental", "seed", "snapshot", "test", "unit", "clone", "materialized_view", "function"];
    for name in built_in {
        assert!(names.contains(format!("materialization_{name}_default").as_str()), "{name}");
    }
    for name in ["unique", "not_null", "accepted_values", "relationships"] {
        assert!(names.contains(format!("test_{name}").as_str()), "{name}");
    }
}

/// An override of an adapter takes what the macro it stands for is called with.
#[test]
fn overrides_have_the_parameters_of_what_they_override() {
    let dbt = package("dbt");
    let defaults = by_name(&dbt);
    for name in ["dbt_mysql", "dbt_duckdb"] {
        for found in package(name) {
            let Some((_, plain)) = found.name.split_once("__") else { continue };
            if let Some(default) = defaults.get(format!("default__{plain}").as_str()) {
                assert_eq!(found.params, default.params, "parameters of {}", found.name);
            }
        }
    }
}

/// Whatever is dispatched to exists somewhere: as a default, or for each adapter.
#[test]
fn every_dispatched_macro_has_an_implementation() {
    let packages: Vec<_> = ["dbt", "dbt_mysql", "dbt_duckdb"].map(package).into_iter().flatten().collect();
    let names: BTreeSet<&str> = packages.iter().map(|found| &*found.name).collect();
    for found in &packages {
        let text = &found.file.text[found.block.range.clone()];
        for call in text.split("adapter.dispatch('").skip(1) {
            let name = call.split('\'').next().unwrap();
            let has = |prefix: &str| names.contains(format!("{prefix}__{name}").as_str());
            assert!(has("default") || has("mysql"), "{} dispatches to {name}, which nothing implements", found.name);
        }
    }
}

#[test]
fn materializations_take_no_parameters() {
    for found in package("dbt").iter().filter(|found| found.block.kind == BlockKind::Materialization) {
        assert!(found.params.is_empty(), "{}", found.name);
    }
}
