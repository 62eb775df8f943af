//! Errors of a run point at what the user wrote.

use headwater::adapter::{Column, DbErrorKind};
use headwater::execute::Status;
use headwater::plan::Verb;

use crate::project::{Project, database_error};

fn unknown_column(name: &str) -> headwater::adapter::DbError {
    let message = format!("Unknown column '{name}' in 'field list'");
    database_error(DbErrorKind::UnknownColumn, 1054, &message, Some(name))
}

fn orders() -> Vec<Column> {
    ["id", "customer_id", "amount"].map(|name| Column::from_description(name, "int", '`')).to_vec()
}

#[test]
fn an_unknown_column_is_shown_in_the_models_own_line() {
    let model = "{{ config(materialized='table') }}\n{% set source = ref('stg_orders') %}\nselect\n    o.id,\n    o.amout as total\nfrom {{ source }} as o\n";
    let project = Project::new(&[
        ("models/stg_orders.sql", "select 1 as id"),
        ("models/fct_orders.sql", model),
        ("models/mart.sql", "select * from {{ ref('fct_orders') }}"),
    ])
    .script(|adapter| adapter.fail("o.amout", unknown_column("o.amout")).columns_of("stg_orders", orders()));
    let ran = project.run(Verb::Run);
    assert_eq!([ran.status("fct_orders"), ran.status("mart")], [Status::Error, Status::Skipped]);
    let problem = ran.problem("fct_orders");
    let expected = [
        "error[database]: Fake refused model `fct_orders`: unknown column `o.amout` in the select list (1054, 42S22)",
        "--> models/fct_orders.sql:5:5",
        " 5 |     o.amout as total",
        "^^^^^^^",
        "::: target/compiled/shop/models/fct_orders.sql:",
        "note: from materialization `table` (package `dbt",
        "thread 1, after",
        "1 node downstream was skipped",
        "help: `stg_orders` has `id`, `customer_id`, `amount`; did you mean `amount`?",
    ];
    for part in expected {
        assert!(problem.contains(part), "no `{part}` in\n{problem}");
    }
}

#[test]
fn an_error_inside_an_ephemeral_model_points_there() {
    let project = Project::new(&[
        ("models/base.sql", "{{ config(materialized='ephemeral') }}\nselect nope from {{ this.schema }}.t\n"),
        ("models/top.sql", "select * from {{ ref('base') }}"),
    ])
    .script(|adapter| adapter.fail("nope", unknown_column("nope")));
    let problem = project.run(Verb::Run).problem("top");
    assert!(problem.contains("--> models/base.sql:2:8"), "{problem}");
}

#[test]
fn text_that_a_macro_made_is_shown_where_it_was_called_or_in_the_compiled_file() {
    let project = Project::new(&[
        ("macros/bad.sql", "{% macro bad() %}wrong_name{% endmacro %}"),
        ("models/a.sql", "select\n  {{ bad() }}\n"),
    ])
    .script(|adapter| adapter.fail("wrong_name", unknown_column("wrong_name")));
    let problem = project.run(Verb::Run).problem("a");
    assert!(problem.contains("target/compiled/shop/models/a.sql"), "{problem}");
}

#[test]
fn an_error_without_a_place_still_names_the_file() {
    let project = Project::new(&[("models/a.sql", "\nselect 1 as id")]).script(|adapter| {
        adapter.fail("create or replace view", database_error(DbErrorKind::Permission, 1142, "No.", None))
    });
    let problem = project.run(Verb::Run).problem("a");
    assert!(problem.contains("--> models/a.sql:2:1"), "{problem}");
    assert!(problem.contains("target/compiled/shop/models/a.sql"), "{problem}");
}

#[test]
fn a_hidden_ref_asks_for_a_depends_on_line() {
    let project = Project::new(&[
        ("models/a.sql", "select 1 as id"),
        ("models/b.sql", "{% if execute %}select * from {{ ref('a') }}{% endif %}"),
    ]);
    let problem = project.run(Verb::Run).problem("b");
    assert!(problem.contains("which parsing did not see"), "{problem}");
    assert!(problem.contains("-- depends_on: {{ ref('a') }}"), "{problem}");
    assert!(problem.contains("--> models/b.sql:1:"), "{problem}");
}

#[test]
fn an_unknown_materialization_is_shown_where_it_is_written() {
    let project = Project::new(&[("models/a.sql", "{{ config(materialized='tabel') }}select 1 as id")]);
    let ran = project.run(Verb::Run);
    let problem = ran.problem("a");
    assert!(problem.contains("did you mean `table`?"), "{problem}");
    assert!(problem.contains("--> models/a.sql:1:25"), "{problem}");
}

#[test]
fn a_materialization_must_run_main_and_return_its_relations() {
    let project = Project::new(&[
        (
            "macros/m.sql",
            "{% materialization nothing, default %}{{ return({'relations': []}) }}{% endmaterialization %}\n{% materialization silent, default %}{% call statement('main') %}select 1{% endcall %}{% endmaterialization %}",
        ),
        ("models/a.sql", "{{ config(materialized='nothing') }}select 1 as id"),
        ("models/b.sql", "{{ config(materialized='silent') }}select 1 as id"),
    ]);
    let ran = project.run(Verb::Run);
    assert!(ran.problem("a").contains("ran no statement `main`"), "{}", ran.problem("a"));
    assert!(ran.problem("b").contains("did not return its relations"), "{}", ran.problem("b"));
}

#[test]
fn secrets_of_the_profile_are_in_no_message() {
    let project =
        Project::new(&[("models/a.sql", "select '{{ target.password }}{{ target.pass }}' as id, {{ nope() }}")]);
    assert!(!project.run(Verb::Run).problems().contains("secret"));
}

#[test]
fn looking_for_the_line_asks_the_database_nothing_again() {
    let model = "{% set t = run_query('insert into audit select 1') %}\nselect {{ 'x' if true }}, nope\n";
    let project =
        Project::new(&[("models/a.sql", model)]).script(|adapter| adapter.fail("nope", unknown_column("nope")));
    let ran = project.run(Verb::Run);
    assert!(ran.problem("a").contains("--> models/a.sql:2:"), "{}", ran.problem("a"));
    assert_eq!(ran.sent("insert into audit").len(), 1, "{:?}", ran.statements);
}

#[test]
fn what_a_built_in_macro_complains_of_is_shown_in_the_users_file() {
    let project = Project::new(&[("models/a.sql", "\n{{ config(materialized='materialized_view') }}select 1 as id")]);
    let problem = project.run(Verb::Run).problem("a");
    assert!(problem.contains("--> models/a.sql:2:1"), "{problem}");
    assert!(problem.contains("note: raised at <dbt"), "{problem}");
}
