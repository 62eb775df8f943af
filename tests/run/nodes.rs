//! Models, tests, seeds, hooks: what they send and how they end.

use headwater::adapter::{Cell, ColumnType, DbErrorKind};
use headwater::compile::Deferred;
use headwater::execute::{self, Status};
use headwater::manifest::event_time::{Window, parse_datetime};
use headwater::plan::Verb;
use serde_json::json;

use crate::project::{Project, database_error};

#[test]
fn a_table_is_built_beside_the_target_and_swapped_in() {
    let project = Project::new(&[("models/orders.sql", "{{ config(materialized='table') }}\nselect 1 as id")]);
    let ran = project.run(Verb::Run).succeeded();
    assert_eq!(ran.node("orders").node.description(), "sql table model main.orders");
    assert_eq!(ran.sent("create table").len(), 1);
    assert!(ran.sent("create table")[0].contains("`main`.`orders__dbt_tmp`"), "{:?}", ran.statements);
    assert!(ran.sent("rename table")[0].contains("`main`.`orders`"), "{:?}", ran.statements);
}

#[test]
fn compiled_and_executed_sql_are_on_disk() {
    let project = Project::new(&[
        ("models/staging/orders.sql", "select {{ 1 + 1 }} as id"),
        (
            "models/staging/_orders.yml",
            "models:\n  - name: orders\n    columns:\n      - name: id\n        tests: [not_null]\n",
        ),
    ]);
    let ran = project.run(Verb::Build);
    assert_eq!(project.read("target/compiled/shop/models/staging/orders.sql"), "select 2 as id");
    assert!(project.read("target/run/shop/models/staging/orders.sql").contains("create or replace view"));
    let test = project.read("target/compiled/shop/models/staging/_orders.yml/not_null_orders_id.sql");
    assert!(test.contains("where id is null"), "{test}");
    let path = ran.node("orders").compiled_path.as_deref();
    assert_eq!(path, Some("target/compiled/shop/models/staging/orders.sql"));
}

#[test]
fn ephemeral_models_become_ctes_dependencies_first() {
    let project = Project::new(&[
        ("models/a.sql", "{{ config(materialized='ephemeral') }}select 1 as id"),
        ("models/b.sql", "{{ config(materialized='ephemeral') }}select * from {{ ref('a') }}"),
        ("models/c.sql", "with own as (select 2 as id) select * from {{ ref('b') }} join own join {{ ref('a') }} x"),
    ]);
    let ran = project.run(Verb::Run).succeeded();
    assert_eq!(ran.results.results.len(), 1);
    let sql = project.read("target/compiled/shop/models/c.sql");
    let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    let (a, b, own) = (sql.find("__dbt__cte__a as"), sql.find("__dbt__cte__b as"), sql.find("own as"));
    assert!(a.is_some() && a < b && b < own, "{sql}");
    assert_eq!(sql.matches("__dbt__cte__a as").count(), 1);
}

#[test]
fn missing_schemas_are_made_in_one_pass_before_the_first_node() {
    let project = Project::new(&[
        ("models/a.sql", "{{ config(schema='marts') }}select 1 as id"),
        ("models/b.sql", "{{ config(schema='marts') }}select 1 as id"),
        ("models/c.sql", "select 1 as id"),
    ]);
    let ran = project.run(Verb::Run).succeeded();
    assert_eq!(ran.sent("create schema").len(), 1, "{:?}", ran.statements);
    assert!(
        ran.statements.iter().position(|sql| sql.contains("create schema"))
            < ran.statements.iter().position(|sql| sql.contains("create or replace view"))
    );
}

fn counted(project: Project, failures: i64, warn: bool, error: bool) -> Project {
    let columns =
        [("failures", ColumnType::Int), ("should_warn", ColumnType::Bool), ("should_error", ColumnType::Bool)];
    let row = vec![Cell::Int(failures), Cell::Bool(warn), Cell::Bool(error)];
    project.script(|adapter| adapter.rows("should_warn", &columns, vec![row]))
}

fn tested(config: &str) -> Project {
    let yaml =
        format!("models:\n  - name: a\n    columns:\n      - name: id\n        tests:\n          - not_null{config}\n");
    Project::new(&[
        ("models/a.sql", "select 1 as id"),
        ("models/a.yml", yaml.as_str()),
        ("models/b.sql", "select * from {{ ref('a') }}"),
    ])
}

#[test]
fn a_failed_test_says_how_much_failed_and_gates_what_follows_in_build() {
    let ran = counted(tested(""), 3, true, true).run(Verb::Build);
    let test = ran.node("not_null_a_id");
    assert_eq!((test.status, test.failures), (Status::Fail, Some(3)));
    assert_eq!(test.message.as_deref(), Some("Got 3 results, configured to fail if != 0"));
    assert_eq!(ran.status("b"), Status::Skipped);
    assert!(!ran.results.success);
    assert!(ran.problem("not_null_a_id").contains("models/a.yml"), "{}", ran.problem("not_null_a_id"));
}

#[test]
fn a_warning_test_warns_and_gates_nothing() {
    let ran = counted(tested(":\n              config: {severity: warn}"), 1, true, true).run(Verb::Build).succeeded();
    assert_eq!(ran.node("not_null_a_id").message.as_deref(), Some("Got 1 result, configured to warn if != 0"));
    assert_eq!([ran.status("not_null_a_id"), ran.status("b")], [Status::Warn, Status::Success]);
}

#[test]
fn seeds_are_loaded_with_their_types() {
    let project = Project::new(&[("seeds/regions.csv", "id,name\n1,North\n2,O'Hare\n")]);
    let ran = project.run(Verb::Seed).succeeded();
    assert_eq!(ran.node("regions").message.as_deref(), Some("INSERT 2"));
    let insert = ran.sent("insert into").join(" ");
    assert!(insert.contains("(1") && insert.contains("O\\'Hare") || insert.contains("O''Hare"), "{insert}");
}

#[test]
fn run_hooks_see_results_and_schemas() {
    let project = Project::new(&[
        (
            "dbt_project.yml",
            "name: shop\nprofile: shop\non-run-start: [\"insert into log values ('start')\"]\non-run-end:\n  - \"{% for r in results %}insert into log values ('{{ r.node.name }} {{ r.status }} {{ schemas }}'){% endfor %}\"\n",
        ),
        ("models/a.sql", "select 1 as id"),
    ]);
    let ran = project.run(Verb::Run).succeeded();
    let log = ran.sent("insert into log");
    let told = "insert into log values ('a success ['main']')";
    assert_eq!(log, ["insert into log values ('start')", told], "what became of on-run-start is not seen");
    let ids: Vec<&str> = ran.results.results.iter().map(|result| &*result.unique_id).collect();
    let hook = |name: &str| format!("operation.shop.shop-on-run-{name}-0");
    assert_eq!(ids, [&*hook("start"), "model.shop.a", &*hook("end")], "hooks are results, as in dbt");
}

#[test]
fn a_failing_start_hook_skips_everything() {
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\nprofile: shop\non-run-start: ['broken hook', 'never sent']\n"),
        ("models/a.sql", "select 1 as id"),
    ])
    .script(|adapter| adapter.fail("broken hook", database_error(DbErrorKind::Syntax, 1064, "no", None)));
    let ran = project.run(Verb::Run);
    assert_eq!(ran.status("a"), Status::Skipped);
    assert!(ran.sent("never sent").is_empty() && ran.sent("create or replace view").is_empty());
    assert!(!ran.results.success);
}

#[test]
fn model_hooks_run_before_and_after_with_this() {
    let project = Project::new(&[(
        "models/a.sql",
        "{{ config(pre_hook=\"insert into log values ('before {{ this }}')\", post_hook=[\"{{ none }}\", \"insert into log values ('after')\"]) }}select 1 as id",
    )]);
    let ran = project.run(Verb::Run).succeeded();
    let at = |part: &str| ran.statements.iter().position(|sql| sql.contains(part)).expect("was sent");
    assert!(at("before `main`.`a`") < at("create or replace view") && at("create or replace view") < at("after"));
}

#[test]
fn a_deadlock_is_tried_again_unless_hooks_would_run_twice() {
    let lock = || database_error(DbErrorKind::Lock, 1213, "Deadlock found", None);
    let plain = Project::new(&[("models/a.sql", "select 1 as id")])
        .script(|adapter| adapter.fail("create or replace view", lock()));
    let ran = plain.run(Verb::Run);
    assert_eq!(ran.sent("create or replace view").len(), 5);
    let hooked = Project::new(&[("models/a.sql", "{{ config(pre_hook='delete from t') }}select 1 as id")])
        .script(|adapter| adapter.fail("create or replace view", lock()));
    let ran = hooked.run(Verb::Run);
    assert_eq!(ran.sent("create or replace view").len(), 1);
    assert_eq!(ran.status("a"), Status::Error);
}

#[test]
fn fail_fast_leaves_the_rest_undone() {
    let mut project = Project::new(&[
        ("dbt_project.yml", "name: shop\nprofile: shop\non-run-end: [the end]\n"),
        ("models/a.sql", "select broken"),
        ("models/b.sql", "select 1 as id"),
    ])
    .script(|adapter| adapter.fail("broken", database_error(DbErrorKind::Other, 1, "no", None)));
    project.fail_fast = true;
    let ran = project.run(Verb::Run);
    assert_eq!([ran.status("a"), ran.status("b")], [Status::Error, Status::Skipped]);
    assert_eq!(ran.sent("the end").len(), 1, "on-run-end hooks still run");
    assert_eq!(ran.node("b").message.as_deref(), Some("Skipping due to fail_fast"));
}

#[test]
fn empty_runs_read_no_rows_with_and_without_an_alias() {
    let mut project = Project::new(&[
        ("models/a.sql", "select 1 as id"),
        (
            "models/b.sql",
            "select * from {{ ref('a') }} as x join {{ ref('a') }} y on true\nwhere exists (select 1 from {{ ref('a') }})",
        ),
        ("models/c.sql", "select * from {{ ref('a') }}"),
    ]);
    project.empty = true;
    project.run(Verb::Run).succeeded();
    let sql = project.read("target/compiled/shop/models/b.sql");
    let limited = "(select * from `main`.`a` where false limit 0)";
    assert_eq!(
        sql,
        format!(
            "select * from {limited} as x join {limited} y on true\nwhere exists (select 1 from {limited} _dbt_limit_subq_a)"
        )
    );
    assert_eq!(project.read("target/compiled/shop/models/c.sql"), format!("select * from {limited} _dbt_limit_subq_a"));
}

#[test]
fn empty_holds_for_seeds_tests_ephemeral_models_and_queries_while_compiling() {
    let mut project = Project::new(&[
        ("seeds/s.csv", "id,n\n1,x\n2,y\n"),
        ("models/e.sql", "{{ config(materialized='ephemeral') }}select * from {{ ref('s') }}"),
        (
            "models/f.sql",
            "{% set ids = run_query('select id from ' ~ ref('s')) %}select * from {{ ref('e') }}, {{ ref('s').render() }}",
        ),
        ("tests/t.sql", "select * from {{ ref('s') }}"),
    ]);
    project.empty = true;
    project.run(Verb::Seed).succeeded();
    project.run(Verb::Test);
    let ran = project.run(Verb::Run);
    assert!(ran.sent("insert into").is_empty(), "{:?}", ran.statements);
    let table = ran.sent("create table");
    assert!(table[0].contains("`id` integer") && table[0].contains("`n` text"), "types come from all rows: {table:?}");
    let limited = "(select * from `main`.`s` where false limit 0) _dbt_limit_subq_s";
    assert_eq!(ran.sent(&format!("select id from {limited}")).len(), 1, "{:?}", ran.statements);
    assert_eq!(project.read("target/compiled/shop/tests/t.sql"), format!("select * from {limited}"));
    let model = project.read("target/compiled/shop/models/f.sql");
    assert!(model.contains(&format!("select * from {limited}")), "{model}");
    let cte = "(select * from __dbt__cte__e where false limit 0) _dbt_limit_subq___dbt__cte__e, `main`.`s`";
    assert!(model.ends_with(&format!("select * from {cte}")), "{model}");
}

#[test]
fn duckdb_needs_no_names_for_subqueries() {
    let files = [("models/a.sql", "select 1 as id"), ("models/b.sql", "select * from {{ ref('a') }}")];
    let mut project = Project::on_duckdb(&files);
    project.empty = true;
    project.run(Verb::Run).succeeded();
    let sql = project.read("target/compiled/shop/models/b.sql");
    assert!(sql.starts_with("select * from (select * from ") && sql.ends_with(" where false limit 0)"), "{sql}");
}

/// `2024-01-02` up to `2024-01-04`.
fn two_days() -> Window {
    let day = |text: &str| parse_datetime(text).expect("a date");
    Window { start: day("2024-01-02"), end: day("2024-01-04") }
}

#[test]
fn samples_filter_inputs_that_have_an_event_time() {
    let yaml = "sources:\n  - name: raw\n    schema: raw\n    quoting: {column: true}\n    tables:\n      - name: orders\n        config: {event_time: at}\n      - name: lines\n\
        models:\n  - name: a\n    config: {event_time: made}\n    columns: [{name: made, quote: true}]\n\
        \x20 - name: e\n    config: {event_time: at}\n";
    let mut project = Project::new(&[
        ("models/sources.yml", yaml),
        ("models/a.sql", "select * from {{ source('raw', 'orders') }}, {{ source('raw', 'lines') }}"),
        ("models/e.sql", "{{ config(materialized='ephemeral') }}select * from {{ ref('a') }} x"),
        ("models/b.sql", "select * from {{ ref('e') }} x, {{ ref('a').render() }}"),
        ("tests/t.sql", "select * from {{ ref('a') }}"),
    ]);
    project.sample = Some(two_days());
    project.run(Verb::Test);
    project.run(Verb::Run).succeeded();
    let filter =
        |column: &str| format!("where {column} >= '2024-01-02 00:00:00' and {column} < '2024-01-04 00:00:00')");
    assert_eq!(
        project.read("target/compiled/shop/models/a.sql"),
        format!(
            "select * from (select * from `raw`.`orders` {} _dbt_et_filter_subq_orders, `raw`.`lines`",
            filter("`at`")
        )
    );
    let model = project.read("target/compiled/shop/models/b.sql");
    assert!(model.contains(&format!("select * from (select * from `main`.`a` {} x", filter("`made`"))), "{model}");
    assert!(model.ends_with(&format!("from (select * from __dbt__cte__e {} x, `main`.`a`", filter("at"))), "{model}");
    assert_eq!(project.read("target/compiled/shop/tests/t.sql"), "select * from `main`.`a`", "tests see all rows");
}

#[test]
fn an_empty_sample_is_a_filter_around_no_rows() {
    let mut project = Project::new(&[
        ("models/a.sql", "{{ config(event_time='at') }}select 1 as id"),
        ("models/b.sql", "select * from {{ ref('a') }}"),
    ]);
    (project.empty, project.sample) = (true, Some(two_days()));
    project.run(Verb::Run).succeeded();
    let limited = "(select * from `main`.`a` where false limit 0) _dbt_limit_subq_a";
    assert_eq!(
        project.read("target/compiled/shop/models/b.sql"),
        format!(
            "select * from (select * from {limited} where at >= '2024-01-02 00:00:00' and at < '2024-01-04 00:00:00') _dbt_et_filter_subq_a"
        )
    );
}

#[test]
fn unit_tests_read_their_own_rows_and_show_what_differs() {
    let yaml = "unit_tests:\n  - name: doubles\n    model: b\n    given:\n      - input: ref('a')\n        rows: [{id: 1, n: 2}]\n    expect:\n      rows: [{id: 1, n: 4}]\n";
    let columns = [("id", ColumnType::Int), ("n", ColumnType::Int), ("actual_or_expected", ColumnType::Text)];
    let row = |n, side: &str| vec![Cell::Int(1), Cell::Int(n), Cell::Text(side.to_owned())];
    let rows = vec![row(3, "actual"), row(4, "expected")];
    let column = |name: &str| headwater::adapter::Column::from_description(name, "int", '`');
    let project = Project::new(&[
        ("models/a.sql", "select 1 as id, 2 as n"),
        ("models/b.sql", "select id, n * 2 as n from {{ ref('a') }}"),
        ("models/units.yml", yaml),
    ])
    .script(|adapter| {
        let adapter = adapter.columns_of("a", vec![column("id"), column("n")]);
        let shape = [("id", ColumnType::Int), ("n", ColumnType::Int)];
        adapter.rows("dbt_internal_unit_test_actual", &columns, rows).rows("dbt_empty_subquery", &shape, Vec::new())
    });
    let ran = project.run(Verb::Test);
    assert_eq!(ran.status("doubles"), Status::Fail, "{}", ran.problems());
    let message = ran.node("doubles").message.clone().unwrap_or_default();
    assert!(message.contains("actual differs from expected") && message.contains("4→3"), "{message}");
    let sent = ran.sent("dbt_internal_unit_test_actual").join(" ");
    assert!(sent.contains("__dbt__cte__a as") && !sent.contains("`main`.`a`"), "{sent}");
}

#[test]
fn freshness_compares_the_newest_row_with_the_servers_clock() {
    let yaml = "sources:\n  - name: pos\n    tables:\n      - name: orders\n        loaded_at_field: updated_at\n        freshness: {warn_after: {count: 1, period: hour}, error_after: {count: 3, period: hour}}\n";
    let columns = [("max_loaded_at", ColumnType::Datetime), ("snapshotted_at", ColumnType::Datetime)];
    let times = ["2025-01-01 10:00:00", "2025-01-01 12:00:00"].map(|time| Cell::Datetime(time.to_owned()));
    let project = Project::new(&[("models/sources.yml", yaml)])
        .script(|adapter| adapter.rows("max_loaded_at", &columns, vec![times.to_vec()]));
    let results = execute::freshness(&project.job(Verb::Freshness, &[]));
    let result = &results.results[0];
    assert_eq!((result.status, result.age), (Status::Warn, Some(7_200.0)), "{:?}", result.error);
    assert!(results.success);
    assert!(project.statements()[0].contains("`pos`.`orders`"), "{:?}", project.statements());
}

#[test]
fn freshness_runs_the_projects_hooks_unless_a_flag_says_no() {
    let yaml = "sources:\n  - name: pos\n    tables:\n      - name: orders\n        loaded_at_field: updated_at\n        freshness: {warn_after: {count: 1, period: hour}}\n";
    let settings = "name: shop\nprofile: shop\non-run-start: set @start = 1\non-run-end: \"set @end = '{{ results[0].node.name }} {{ results[0].status }}'\"\n";
    let columns = [("max_loaded_at", ColumnType::Datetime), ("snapshotted_at", ColumnType::Datetime)];
    let row = vec![Cell::Datetime("2025-01-01 10:00:00".to_owned()); 2];
    let hooks = |settings: &str| {
        let project = Project::new(&[("models/sources.yml", yaml), ("dbt_project.yml", settings)])
            .script(|adapter| adapter.rows("max_loaded_at", &columns, vec![row.clone()]));
        assert!(execute::freshness(&project.job(Verb::Freshness, &[])).success);
        project.statements().into_iter().filter(|sql| sql.starts_with("set")).collect::<Vec<_>>()
    };
    assert_eq!(hooks(settings), ["set @start = 1", "set @end = 'orders pass'"]);
    let without = format!("{settings}flags: {{source_freshness_run_project_hooks: false}}\n");
    assert_eq!(hooks(&without), Vec::<String>::new());
}

#[test]
fn an_operation_runs_one_macro_with_its_arguments() {
    let project = Project::new(&[(
        "macros/grant.sql",
        "{% macro give(role, tables=[]) %}{% for t in tables %}{% do run_query('grant select on ' ~ t ~ ' to ' ~ role) %}{% endfor %}{% endmacro %}",
    )]);
    let job = project.job(Verb::Run, &[]);
    let arguments = json!({"role": "bi", "tables": ["a", "b"]});
    let results = execute::operation(&job.runtime, "give", arguments.as_object().expect("a mapping"), &job.cancel);
    assert!(results.success);
    assert_eq!(project.statements(), ["grant select on a to bi", "grant select on b to bi"]);
    let results = execute::operation(&job.runtime, "gave", &Default::default(), &job.cancel);
    let problem = results.results[0].diagnostic.clone().expect("a diagnostic");
    assert_eq!(problem.helps, ["did you mean `give`?"]);
}

#[test]
fn a_cancelled_run_reports_every_node() {
    let project = Project::new(&[("models/a.sql", "select 1 as id"), ("models/b.sql", "select * from {{ ref('a') }}")]);
    let job = project.job(Verb::Run, &[]);
    job.cancel.cancel();
    let results = execute::run(&job);
    assert!(results.cancelled && !results.success);
}

#[test]
fn deferred_refs_lead_elsewhere_until_the_own_relation_exists() {
    let project = |always| {
        let mut project =
            Project::new(&[("models/a.sql", "select 1 as id"), ("models/b.sql", "select * from {{ ref('a') }}")]);
        let other = Deferred { database: None, schema: "prod".into(), identifier: "a_1".into(), always };
        project.deferred.insert("model.shop.a".into(), other);
        project
    };
    let compiled = |project: &Project| project.read("target/compiled/shop/models/b.sql");
    let alone = project(false);
    assert!(execute::run(&alone.job(Verb::Run, &["b"])).success);
    assert_eq!(compiled(&alone), "select * from `prod`.`a_1`");
    let both = project(false);
    assert!(execute::run(&both.job(Verb::Run, &[])).success);
    assert_eq!(compiled(&both), "select * from `main`.`a`");
    let favoured = project(true);
    assert!(execute::run(&favoured.job(Verb::Run, &[])).success);
    assert_eq!(compiled(&favoured), "select * from `prod`.`a_1`");
}
