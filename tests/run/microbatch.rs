//! Microbatch models: what each batch sends, and how they end. Which batch runs when is tested beside the coordinator.

use std::collections::HashMap;

use headwater::adapter::{Column, DbErrorKind, Relation};
use headwater::execute::{BatchResults, BatchSettings, Status};
use headwater::manifest::event_time::{Window, parse_datetime};
use headwater::plan::Verb;

use crate::project::{Project, Ran, database_error};

const SOURCES: &str = "sources:\n  - name: raw\n    schema: raw\n    tables:\n      - name: clicks\n        config: {event_time: at}\n      - name: people\n";
const CONFIG: &str = "materialized='incremental', incremental_strategy='microbatch', event_time='at', batch_size='day', begin='2024-01-01'";

/// A model over the source, with more config and more text.
fn clicks(config: &str, text: &str) -> Project {
    let model = format!("{{{{ config({CONFIG}{config}) }}}}select * from {{{{ source('raw', 'clicks') }}}}{text}");
    Project::new(&[("models/sources.yml", SOURCES), ("models/daily.sql", &model)])
}

fn window(start: &str, end: &str) -> Window {
    Window { start: parse_datetime(start).expect("a date"), end: parse_datetime(end).expect("a date") }
}

/// The batches between two dates.
fn asked(start: &str, end: &str) -> BatchSettings {
    BatchSettings { asked: Some(window(start, end)), ..BatchSettings::default() }
}

/// With the model's table in the catalog.
fn built(project: Project) -> Project {
    project.script(|adapter| {
        let relation = Relation::table("main", "daily");
        adapter.relation(relation).columns_of("daily", vec![Column::from_description("at", "datetime", '`')])
    })
}

fn days(windows: &[Window]) -> Vec<String> {
    windows.iter().map(|window| window.start.format("%m-%d").to_string()).collect()
}

fn batches(ran: &Ran) -> (Vec<String>, Vec<String>) {
    let results = ran.node("daily").batch_results.clone().expect("batch results");
    (days(&results.successful), days(&results.failed))
}

#[test]
fn each_batch_reads_its_own_time_and_replaces_it_in_one_transaction() {
    let mut project = clicks("", " a, {{ source('raw', 'clicks').render() }}, {{ source('raw', 'people') }}");
    project.batches = asked("2024-01-01", "2024-01-03");
    let ran = project.run(Verb::Run).succeeded();
    let compiled = project.read("target/compiled/shop/models/daily/daily_2024-01-02.sql");
    let filter = "(select * from `raw`.`clicks` where at >= '2024-01-02 00:00:00' and at < '2024-01-03 00:00:00')";
    assert_eq!(compiled, format!("select * from {filter} a, `raw`.`clicks`, `raw`.`people`"));
    let run = project.read("target/run/shop/models/daily/daily_2024-01-02.sql");
    assert!(run.contains("delete from `main`.`daily`"), "{run}");
    let first = ran.sent("create table `main`.`daily__dbt_tmp` ");
    assert_eq!(first.len(), 1, "the first batch makes the table: {:?}", ran.statements);
    assert_eq!(ran.sent("rename table").len(), 1, "{:?}", ran.statements);
    let at = |part: &str| {
        let found = ran.statements.iter().position(|sql| sql.to_lowercase().contains(part));
        found.unwrap_or_else(|| panic!("{part} in {:?}", ran.statements))
    };
    let staged = at("create table `main`.`daily__dbt_tmp_20240102`");
    let delete = at("delete from `main`.`daily` where at >= '2024-01-02 00:00:00' and at < '2024-01-03 00:00:00'");
    let insert = at("from `main`.`daily__dbt_tmp_20240102` where at >= '2024-01-02 00:00:00'");
    let commit =
        ran.statements.iter().skip(insert).position(|sql| sql.to_lowercase() == "commit").expect("a commit") + insert;
    let drop = at("drop table if exists `main`.`daily__dbt_tmp_20240102`");
    assert!(staged < delete && insert == delete && insert < commit && commit < drop, "{:?}", ran.statements);
    assert_eq!(ran.statements[delete - 1].to_lowercase(), "begin", "{:?}", ran.statements);
    assert_eq!(ran.node("daily").node.description(), "sql microbatch model main.daily");
    assert_eq!(batches(&ran), (vec!["01-01".into(), "01-02".into()], vec![]));
}

#[test]
fn a_first_run_starts_at_begin_and_a_later_one_at_the_lookback() {
    let now = || BatchSettings { now: parse_datetime("2024-01-04 10:00"), ..BatchSettings::default() };
    let mut project = clicks(", lookback=1", "");
    project.batches = now();
    assert_eq!(batches(&project.run(Verb::Run)).0, ["01-01", "01-02", "01-03", "01-04"]);
    let mut project = built(clicks(", lookback=1", ""));
    project.batches = now();
    let ran = project.run(Verb::Run).succeeded();
    assert_eq!(batches(&ran).0, ["01-03", "01-04"]);
    assert!(ran.sent("rename table").is_empty(), "{:?}", ran.statements);
    let mut project = built(clicks(", full_refresh=true", " where {{ is_incremental() }}"));
    project.batches = now();
    let ran = project.run(Verb::Run).succeeded();
    assert_eq!(batches(&ran).0.len(), 4);
    assert_eq!(ran.sent("rename table").len(), 1, "only the first batch replaces the table: {:?}", ran.statements);
    assert_eq!(ran.sent("delete from").len(), 3);
    // As in dbt: the model's own text is told of the full refresh in every batch.
    assert!(project.read("target/compiled/shop/models/daily/daily_2024-01-04.sql").ends_with("where False"));
}

#[test]
fn the_batch_is_in_the_context_and_hooks_run_at_both_ends() {
    let hooks = ", pre_hook='do 1 /* {{ model.batch.id }} */', post_hook='do 2 /* {{ model.batch.id }} */'";
    let batch = "{% set b = model.batch %} -- {{ b.id }} {{ b.event_time_start }} {{ b.event_time_end.strftime('%H:%M %d') }} {{ is_incremental() }}";
    let mut project = clicks(hooks, batch);
    project.batches = asked("2024-01-01", "2024-01-04");
    let ran = project.run(Verb::Run).succeeded();
    assert_eq!((ran.sent("do 1 "), ran.sent("do 2 ")), (vec!["do 1 /* 20240101 */"], vec!["do 2 /* 20240103 */"]));
    let text = |day: &str| {
        let sql = project.read(&format!("target/compiled/shop/models/daily/daily_2024-01-{day}.sql"));
        sql.split_once(" -- ").map(|(_, text)| text.to_owned()).expect("a comment")
    };
    assert_eq!(text("01"), "20240101 2024-01-01 00:00:00+00:00 00:00 02 False");
    assert_eq!(text("02"), "20240102 2024-01-02 00:00:00+00:00 00:00 03 True");
}

#[test]
fn on_run_end_hooks_see_the_batches() {
    let hook = "name: shop\nversion: '1.0'\nprofile: shop\non-run-end: \"seen {% for r in results %}{{ r.batch_results.successful[0][1] }} {{ r.batch_results.failed | length }}{% endfor %}\"\n";
    let model = format!("{{{{ config({CONFIG}) }}}}select * from {{{{ source('raw', 'clicks') }}}}");
    let files = [("models/sources.yml", SOURCES), ("models/daily.sql", model.as_str()), ("dbt_project.yml", hook)];
    let mut project = Project::new(&files);
    project.batches = asked("2024-01-01", "2024-01-03");
    let ran = project.run(Verb::Run).succeeded();
    assert_eq!(ran.sent("seen "), ["seen 2024-01-02T00:00:00+00:00 0"]);
}

#[test]
fn a_failing_batch_fails_alone_and_retry_runs_only_it() {
    let failing = |project: Project| {
        let error = database_error(DbErrorKind::UnknownColumn, 1054, "Unknown column 'x'", Some("x"));
        project.script(|adapter| adapter.fail("create table `main`.`daily__dbt_tmp_20240102`", error))
    };
    let mut project = failing(built(clicks("", "")));
    project.batches = asked("2024-01-01", "2024-01-04");
    let ran = project.run(Verb::Run);
    assert_eq!(ran.status("daily"), Status::PartialSuccess);
    assert_eq!(batches(&ran), (vec!["01-01".into(), "01-03".into()], vec!["01-02".into()]));
    let problem = ran.problem("daily");
    assert!(problem.contains("1 of 3 batches was not built: `2024-01-02`"), "{problem}");
    assert!(problem.contains("daily_2024-01-02.sql"), "{problem}");

    let mut project = built(clicks(", full_refresh=true", ""));
    let before = BatchResults {
        successful: vec![window("2024-01-01", "2024-01-02"), window("2024-01-03", "2024-01-04")],
        failed: vec![window("2024-01-02", "2024-01-03")],
    };
    project.batches = BatchSettings {
        before: HashMap::from([("model.shop.daily".to_owned(), before)]),
        ..asked("2024-01-01", "2024-01-04")
    };
    let ran = project.run(Verb::Run).succeeded();
    assert_eq!(batches(&ran).0, ["01-02", "01-01", "01-03"], "those of the run before are kept");
    assert!(
        ran.sent("rename table").is_empty(),
        "a retried full refresh keeps what it has built: {:?}",
        ran.statements
    );
    assert_eq!(ran.sent("delete from").len(), 1);
}

#[test]
fn macros_may_ask_for_one_half_of_the_subquery() {
    let parts =
        "{% set r = source('raw', 'clicks') %} -- {{ r.render_limited() }} {{ r.event_time_filter.field_name }}";
    let mut project = clicks("", parts);
    project.empty = true;
    project.batches = asked("2024-01-01", "2024-01-02");
    project.run(Verb::Run).succeeded();
    let sql = project.read("target/compiled/shop/models/daily/daily_2024-01-01.sql");
    assert!(sql.ends_with(" -- (select * from `raw`.`clicks` where false limit 0) _dbt_limit_subq_clicks at"), "{sql}");
    assert!(sql.contains("limit 0) _dbt_limit_subq_clicks where at >= '2024-01-01 00:00:00'"), "{sql}");
}

#[test]
fn rows_of_a_sample_are_those_of_the_batch_and_the_sample() {
    let mut project = clicks("", "");
    project.sample = Some(window("2024-01-01 06:00", "2024-01-02 18:00"));
    project.batches = BatchSettings { asked: project.sample, ..BatchSettings::default() };
    project.run(Verb::Run).succeeded();
    let sql = |day: &str| project.read(&format!("target/compiled/shop/models/daily/daily_2024-01-{day}.sql"));
    assert!(sql("01").contains("at >= '2024-01-01 06:00:00' and at < '2024-01-02 00:00:00'"), "{}", sql("01"));
    assert!(sql("02").contains("at >= '2024-01-02 00:00:00' and at < '2024-01-02 18:00:00'"), "{}", sql("02"));
}

#[test]
fn a_strategy_macro_of_the_project_runs_in_batches_unless_the_flag_says_otherwise() {
    let own = "{% macro get_incremental_microbatch_sql(arg_dict) %}replace into {{ arg_dict.target_relation }} /* {{ model.batch.id if model.batch is defined }} */{% endmacro %}";
    let model = format!("{{{{ config({CONFIG}, unique_key='id') }}}}select * from {{{{ source('raw', 'clicks') }}}}");
    let files = [("models/sources.yml", SOURCES), ("models/daily.sql", model.as_str()), ("macros/own.sql", own)];
    let mut project = built(Project::new(&files));
    project.batches = asked("2024-01-01", "2024-01-03");
    let ran = project.run(Verb::Run).succeeded();
    assert_eq!(ran.sent("replace into").len(), 2);
    assert_eq!(ran.sent("/* 20240102 */").len(), 1);

    let flags = "name: shop\nversion: '1.0'\nprofile: shop\nflags: {require_batched_execution_for_custom_microbatch_strategy: false}\n";
    let files = [files[0], files[1], files[2], ("dbt_project.yml", flags)];
    let mut project = built(Project::new(&files));
    project.batches = asked("2024-01-01", "2024-01-03");
    let ran = project.run(Verb::Run).succeeded();
    assert_eq!(ran.sent("replace into `main`.`daily` /* */").len(), 1, "{:?}", ran.statements);
    assert_eq!(project.read("target/compiled/shop/models/daily.sql"), "select * from `raw`.`clicks`");
    assert!(ran.node("daily").batch_results.is_none());
}

#[test]
fn a_deadlock_repeats_the_batch_only() {
    let error = headwater::adapter::DbError {
        code: 1213,
        ..headwater::adapter::DbError::new(DbErrorKind::Lock, "Deadlock found")
    };
    let mut project = built(clicks("", "")).script(|adapter| adapter.fail("at < '2024-01-03 00:00:00';", error));
    project.batches = asked("2024-01-01", "2024-01-03");
    let ran = project.run(Verb::Run);
    assert_eq!(ran.sent("create table `main`.`daily__dbt_tmp_20240101`").len(), 1);
    assert!(ran.sent("create table `main`.`daily__dbt_tmp_20240102`").len() > 1, "{:?}", ran.statements);
    assert_eq!(batches(&ran), (vec!["01-01".into()], vec!["01-02".into()]));
}
