//! The keys of the artifacts, and the events of the structured log.

use std::collections::BTreeSet;

use headwater::adapter::{Cell, ColumnType, DbError, DbErrorKind};
use serde_json::Value;

use super::probe::Probe;
use super::project::{is_read, sources};
use super::{Answer, Section, strings};

pub fn sections(dbt: &Value) -> Vec<Section> {
    let mut sections = keys(dbt);
    sections.extend(events(dbt));
    sections
}

const SCHEMA: &str = r#"
sources:
  - name: raw
    loaded_at_field: at
    freshness: {warn_after: {count: 1, period: day}}
    tables: [{name: fresh}, {name: broken}]
models:
  - name: orders
    time_spine: {standard_granularity_column: id}
    columns: [{name: id, data_type: integer, granularity: day, data_tests: [not_null]}]
semantic_models:
  - name: orders
    model: ref('orders')
    primary_entity: order
    dimensions: [{name: at, type: time, type_params: {time_granularity: day}}]
    measures: [{name: order_count, agg: sum, expr: 1, agg_time_dimension: at, create_metric: true}]
functions: [{name: add_tax, arguments: [{name: x, data_type: integer}], returns: {data_type: integer}}]
saved_queries: [{name: counted, query_params: {metrics: [order_count]}}]
exposures: [{name: board, type: dashboard, owner: {name: Ann}, depends_on: ["ref('orders')"]}]
groups: [{name: team, owner: {name: Ann}}]
unit_tests: [{name: adds_up, model: orders, given: [], expect: {rows: [{id: 1}]}}]
snapshots: [{name: history, relation: ref('orders'), config: {strategy: check, unique_key: id, check_cols: all}}]
"#;

/// A project that has a member of every kind.
fn shop() -> Probe {
    let probe = Probe::new("on-run-start: select 1\n");
    probe.file("models/schema.yml", SCHEMA);
    probe.file("models/orders.sql", "select 1 as id");
    probe.file("functions/add_tax.sql", "x * 2");
    probe.file("models/notes.md", "{% docs note %}words{% enddocs %}");
    probe.file("seeds/shops.csv", "id\n1\n");
    probe.file("tests/singular.sql", "select 1 where 1 = 0");
    probe.file("analyses/look.sql", "select 1");
    probe.file("macros/own.sql", "{% macro own() %}{% endmacro %}");
    probe
}

fn keys(dbt: &Value) -> Vec<Section> {
    let probe = scripted(shop());
    probe.ran(&["source", "freshness"]);
    probe.done(&["docs", "generate"]);
    let manifest = probe.json("target/manifest.json");
    probe.done(&["run"]);
    let results = probe.json("target/run_results.json");
    let (catalog, sources) = (probe.json("target/catalog.json"), probe.json("target/sources.json"));
    let first = |map: &Value| map.as_object().and_then(|map| map.values().next().cloned()).unwrap_or_default();
    let result = |which: fn(&Value) -> bool| {
        sources["results"].as_array().into_iter().flatten().find(|result| which(result)).cloned().unwrap_or_default()
    };
    let object = |kind: &str| -> Value {
        let node = |start: &str| {
            let nodes = manifest["nodes"].as_object().into_iter().flatten();
            let mut found = nodes.filter(|(id, _)| id.starts_with(start)).map(|(_, node)| node.clone());
            found.next().unwrap_or_default()
        };
        match kind {
            "manifest.json" => manifest.clone(),
            "manifest.json metadata" => manifest["metadata"].clone(),
            "manifest.json model" => node("model."),
            "manifest.json seed" => node("seed."),
            "manifest.json snapshot" => node("snapshot."),
            "manifest.json singular test" => node("test.probe.singular"),
            "manifest.json generic test" => node("test.probe.not_null"),
            "manifest.json analysis" => node("analysis."),
            "manifest.json operation" => node("operation."),
            "manifest.json column" => node("model.")["columns"]["id"].clone(),
            "manifest.json source" => first(&manifest["sources"]),
            "manifest.json exposure" => first(&manifest["exposures"]),
            "manifest.json macro" => first(&manifest["macros"]),
            "manifest.json doc" => first(&manifest["docs"]),
            "manifest.json group" => first(&manifest["groups"]),
            "manifest.json unit test" => first(&manifest["unit_tests"]),
            "manifest.json function" => first(&manifest["functions"]),
            "manifest.json metric" => first(&manifest["metrics"]),
            "manifest.json semantic model" => first(&manifest["semantic_models"]),
            "manifest.json saved query" => first(&manifest["saved_queries"]),
            "run_results.json" => results.clone(),
            "run_results.json metadata" => results["metadata"].clone(),
            "run_results.json result" => results["results"][0].clone(),
            "catalog.json" => catalog.clone(),
            "catalog.json metadata" => catalog["metadata"].clone(),
            "catalog.json table" => first(&catalog["nodes"]),
            "catalog.json table metadata" => first(&catalog["nodes"])["metadata"].clone(),
            "catalog.json column" => first(&first(&catalog["nodes"])["columns"]),
            "catalog.json stat" => first(&first(&catalog["nodes"])["stats"]),
            "sources.json" => sources.clone(),
            "sources.json metadata" => sources["metadata"].clone(),
            "sources.json result" => result(|result| result["status"] != "runtime error"),
            "sources.json failure" => result(|result| result["status"] == "runtime error"),
            _ => panic!("a part of the artifacts that nobody knows: {kind}"),
        }
    };
    let mut sections = Vec::new();
    for (kind, keys) in dbt["artifacts"].as_object().into_iter().flatten() {
        let mut section = Section::new(format!("Artifacts: {kind}"), "");
        let found = object(kind);
        let has: BTreeSet<&str> = found.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        if has.is_empty() {
            section.row("every key", Answer::missing());
        } else {
            strings(keys).into_iter().for_each(|key| section.row(key, Answer::when(has.contains(key))));
        }
        sections.push(section);
    }
    sections
}

/// An event is supported where the program has its name.
fn events(dbt: &Value) -> Vec<Section> {
    let sources = sources();
    let mut sections = Vec::new();
    for (part, events) in dbt["events"].as_object().into_iter().flatten() {
        let mut section = Section::new(format!("Log events of {part}"), "");
        for event in strings(events) {
            let name = event.split(' ').nth(1).unwrap_or_default();
            section.row(event, Answer::when(is_read(&sources, name)));
        }
        sections.push(section);
    }
    sections
}

/// What the database answers, so that freshness and the catalog have something to tell.
fn scripted(probe: Probe) -> Probe {
    let text = |text: &str| Cell::Text(text.to_owned());
    let time = |text: &str| Cell::Datetime(text.to_owned());
    let named = |names: &[&'static str]| names.iter().map(|name| (*name, ColumnType::Text)).collect::<Vec<_>>();
    let place = || vec![text("probe"), text("main"), text("orders")];
    let table = [place(), vec![text("BASE TABLE"), text("words"), Cell::Int(3)]].concat();
    let column = [place(), vec![text("id"), Cell::Int(1), text("INTEGER"), Cell::Null]].concat();
    let times = vec![time("2025-01-01 00:00:00"), time("2025-01-01 12:00:00")];
    probe.script(|adapter| {
        adapter
            .fail("broken", DbError::new(DbErrorKind::UnknownTable, "no such table"))
            .rows("duckdb_tables", &named(&["database", "schema", "name", "kind", "comment", "rows"]), vec![table])
            .rows(
                "duckdb_columns",
                &named(&["database", "schema", "table", "name", "index", "type", "comment"]),
                vec![column],
            )
            .rows(
                "max_loaded_at",
                &[("max_loaded_at", ColumnType::Datetime), ("snapshotted_at", ColumnType::Datetime)],
                vec![times],
            )
    })
}
