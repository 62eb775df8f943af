//! All errors at once, each at its place.

use super::project::TestProject;

#[test]
fn a_missing_ref_shows_its_place_and_the_nearest_name() {
    let errors = TestProject::new()
        .file("models/staging/stg_orders.sql", "select 1")
        .file("models/fct_orders.sql", "select *\n    from {{ ref('stg_order') }} as o\n")
        .file("models/other.sql", "select * from {{ source('raw', 'x') }}")
        .errors();
    let expected = "error[ref-not-found]: model `fct_orders` refers to `stg_order`, which is not in this project
  --> models/fct_orders.sql:2:18
   |
 2 |     from {{ ref('stg_order') }} as o
   |                  ^^^^^^^^^ no model, seed or snapshot has this name
   |
note: looked in package `shop`
help: a model with a similar name exists: `stg_orders` (models/staging/stg_orders.sql)
";
    assert!(errors.contains(expected), "{errors}");
    assert!(errors.contains("error[source-not-found]: model `other` reads source `raw.x`"), "{errors}");
}

#[test]
fn a_ref_to_a_disabled_model_says_so() {
    let errors = TestProject::new()
        .file("models/a.sql", "{{ config(enabled=false) }} select 1")
        .file("models/b.sql", "select * from {{ ref('a') }}")
        .errors();
    assert!(errors.contains("error[disabled-ref]: model `b` refers to `a`, which is disabled"), "{errors}");
}

#[test]
fn misspelled_configs_are_errors_everywhere() {
    let errors = TestProject::new()
        .file("dbt_project.yml", "name: shop\nprofile: shop\nmodels:\n  +materialised: table\n")
        .file("models/a.sql", "{{ config(materialised='table') }} select 1")
        .file("models/b.sql", "select 1")
        .file("models/b.yml", "models:\n  - name: b\n    config:\n      materialised: table\n")
        .errors();
    let expected = "error[unknown-config]: `materialised` is not a known config of a model
  --> models/b.yml:4:7
   |
 4 |       materialised: table
   |       ^^^^^^^^^^^^ did you mean `materialized`?
note: keys of your own belong under `meta:`
";
    assert!(errors.contains(expected), "{errors}");
    assert!(errors.contains("models/a.sql:1:11"), "{errors}");
    assert!(errors.contains("dbt_project.yml:4:3"), "{errors}");
}

#[test]
fn two_nodes_of_one_relation_are_an_error() {
    let errors = TestProject::new()
        .file("models/a.sql", "{{ config(alias='same') }} select 1")
        .file("models/b.sql", "{{ config(alias='same') }} select 1")
        .errors();
    assert!(errors.contains("error[ambiguous-relation]"), "{errors}");
    assert!(errors.contains("models/a.sql") && errors.contains("models/b.sql"), "{errors}");
}

#[test]
fn one_name_twice_in_a_package_is_an_error() {
    let errors = TestProject::new().file("models/x/a.sql", "select 1").file("models/y/a.sql", "select 1").errors();
    assert!(errors.contains("error[duplicate-name]: package `shop` has two models called `a`"), "{errors}");
}

#[test]
fn unknown_keys_are_warnings_with_the_nearest() {
    let warnings = TestProject::new()
        .file("models/a.sql", "select 1")
        .file("models/a.yml", "modles: []\nmodels:\n  - name: a\n    descripton: x\n  - name: b\n")
        .warnings();
    assert!(warnings.contains("did you mean `models`?"), "{warnings}");
    assert!(warnings.contains("did you mean `description`?"), "{warnings}");
    assert!(warnings.contains("warning[patch-target-not-found]: no model is called `b`"), "{warnings}");
}

#[test]
fn wrong_values_are_errors() {
    let errors = TestProject::new()
        .file("models/a.sql", "{{ config(materialized='incremental', on_schema_change='sync') }} select 1")
        .file("snapshots/s.sql", "{% snapshot s %}{{ config(strategy='check') }} select 1{% endsnapshot %}")
        .file("snapshots/p.yml", "snapshots: [{name: p, relation: orders}]")
        .file("models/u.yml", "unit_tests: [{name: t, model: nope, given: [], expect: {rows: []}}]")
        .errors();
    assert!(errors.contains("config `on_schema_change` of model `a` must be one of"), "{errors}");
    assert!(errors.contains("snapshot `s` has no `unique_key`"), "{errors}");
    assert!(errors.contains("snapshot `s` has no `check_cols`"), "{errors}");
    assert!(errors.contains("unit test `t` tests model `nope`"), "{errors}");
    assert!(errors.contains("snapshot `p` has the relation `orders`"), "{errors}");
}

#[test]
fn a_broken_model_does_not_break_those_that_refer_to_it() {
    let errors = TestProject::new()
        .file("models/a.sql", "select {{ 1")
        .file("models/b.sql", "select * from {{ ref('a') }}")
        .errors();
    assert!(errors.contains("error[jinja-syntax]"), "{errors}");
    assert!(!errors.contains("ref-not-found"), "{errors}");
}
