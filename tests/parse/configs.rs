//! Where config comes from, and names that follow from it.

use serde_json::json;

use super::project::{TestProject, node};

#[test]
fn the_inner_place_wins_and_lists_grow() {
    let manifest = TestProject::new()
        .file(
            "dbt_project.yml",
            "name: shop
profile: shop
models:
  +tags: [all]
  shop:
    +materialized: view
    +meta: {a: 1}
    marts:
      +materialized: table
      +tags: marts
",
        )
        .file("models/marts/b.sql", "{{ config(tags='own', meta={'b': 2}) }} select 1")
        .file("models/b.yml", "models: [{name: b, config: {materialized: incremental, tags: [patch]}}]")
        .manifest();
    let config = &node(&manifest, "model.shop.b").config;
    assert_eq!(config.materialized(), "incremental");
    assert_eq!(config.tags(), ["all", "marts", "patch", "own"]);
    assert_eq!(config.get("meta"), Some(&json!({"a": 1, "b": 2})));
}

#[test]
fn the_root_project_decides_over_packages() {
    let manifest = TestProject::new()
        .file("dbt_packages/kit/dbt_project.yml", "name: kit\n")
        .file("dbt_packages/kit/models/k.sql", "{{ config(materialized='view', schema='x') }} select 1")
        .file("packages.yml", "packages: [{local: kit_source}]")
        .file("dbt_project.yml", "name: shop\nprofile: shop\nmodels: {kit: {+materialized: table}}\n")
        .manifest();
    let k = node(&manifest, "model.kit.k");
    assert_eq!(k.config.materialized(), "table");
    assert_eq!(k.schema, "main_x");
}

#[test]
fn hooks_may_be_texts_or_objects_and_may_refer() {
    let manifest = TestProject::new()
        .file(
            "dbt_project.yml",
            "name: shop\nprofile: shop\nmodels:\n  +post-hook: \"grant {{ this }} from {{ ref('a') }}\"\n",
        )
        .file("models/a.sql", "{{ config(post_hook=[]) }} select 1")
        .file("models/b.sql", "{{ config(pre_hook={'sql': 'x', 'transaction': false}) }} select 1")
        .file("models/c.sql", "{{ config(materialized='ephemeral') }} select 1")
        .parse();
    // `a` refers to itself in its hook: the graph's matter, not the parser's.
    let (_, parsed) = manifest.unwrap();
    let b = node(&parsed.manifest, "model.shop.b");
    assert_eq!(b.config.get("pre-hook"), Some(&json!([{"sql": "x", "transaction": false, "index": null}])));
    assert_eq!(b.config.hooks("post-hook")[0].sql, "grant {{ this }} from {{ ref('a') }}");
    assert_eq!(b.depends_on_nodes.len(), 1);
}

#[test]
fn schema_names_follow_the_project_s_macro() {
    let project = TestProject::new().file("models/stage/a.sql", "{{ config(schema='raw') }} select 1");
    assert_eq!(node(&project.manifest(), "model.shop.a").schema, "main_raw");
    let manifest = project
        .file(
            "macros/naming.sql",
            "{% macro generate_schema_name(custom_schema_name, node) -%}
               {{ custom_schema_name | trim }}_{{ node.fqn[1] }}_{{ node.config.materialized }}_{{ target.schema }}
             {%- endmacro %}",
        )
        .manifest();
    let a = node(&manifest, "model.shop.a");
    assert_eq!(a.schema, "raw_stage_view_main");
    assert_eq!(a.relation_name.as_deref(), Some("`raw_stage_view_main`.`a`"));
}

#[test]
fn values_are_rendered_natively_from_variables() {
    let manifest = TestProject::new()
        .file("dbt_project.yml", "name: shop\nprofile: shop\nvars: {on: false, n: 3}\n")
        .file("models/a.sql", "select 1")
        .file("models/b.sql", "select 1")
        .file("models/b.yml", "models: [{name: a, config: {enabled: \"{{ var('on') }}\"}}, {name: b, config: {meta: {n: \"{{ var('n') }}\"}}}]")
        .manifest();
    assert!(manifest.disabled.contains_key("model.shop.a"));
    assert_eq!(node(&manifest, "model.shop.b").config.get("meta"), Some(&json!({"n": 3})));
}

#[test]
fn a_path_that_applies_to_nothing_is_a_warning() {
    let warnings = TestProject::new()
        .file("dbt_project.yml", "name: shop\nprofile: shop\nmodels:\n  shop:\n    staging: {+materialized: view}\n")
        .file("models/a.sql", "select 1")
        .warnings();
    assert!(warnings.contains("warning[unused-config]: the configuration path `models.shop.staging`"), "{warnings}");
}

#[test]
fn own_keys_are_kept() {
    let manifest = TestProject::new().file("models/a.sql", "{{ config(team='sales') }} select 1").manifest();
    assert_eq!(node(&manifest, "model.shop.a").config.str("team"), Some("sales"));
}
