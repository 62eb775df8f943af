//! What the kinds of resources become.

use headwater::manifest::{Access, Detail, Disabled, RefCall, Rows};
use serde_json::json;

use super::project::{TestProject, ids, node};

#[test]
fn a_model_records_what_it_uses() {
    let manifest = TestProject::new()
        .file("models/a.sql", "select 1 as id")
        .file("models/marts/b.sql", "\n{{ config(materialized='table', tags=['x']) }}\nselect * from {{ ref('a') }}\njoin {{ source('raw', 'orders') }}\n")
        .file("models/s.yml", "sources: [{name: raw, schema: landing, tables: [{name: orders}]}]")
        .manifest();
    let b = node(&manifest, "model.shop.b");
    assert_eq!(b.refs, [RefCall::to("a")]);
    assert_eq!(b.sources, [("raw".to_owned(), "orders".to_owned())]);
    assert_eq!(ids(&b.depends_on_nodes), ["source.shop.raw.orders", "model.shop.a"]);
    assert_eq!(b.config.materialized(), "table");
    assert_eq!(b.tags, ["x"]);
    assert_eq!(b.fqn, ["shop", "marts", "b"]);
    assert_eq!((b.path.as_str(), b.original_file_path.as_str()), ("marts/b.sql", "models/marts/b.sql"));
    assert_eq!(b.relation_name.as_deref(), Some("`main`.`b`"));
    assert!(b.raw_code.starts_with("{{ config") && b.raw_code.ends_with("}}"));
    assert_eq!(manifest.sources["source.shop.raw.orders"].relation_name, "`landing`.`orders`");
}

#[test]
fn an_ephemeral_model_has_no_relation() {
    let manifest =
        TestProject::new().file("models/a.sql", "{{ config(materialized='ephemeral') }} select 1").manifest();
    assert_eq!(node(&manifest, "model.shop.a").relation_name, None);
}

#[test]
fn descriptions_take_text_from_docs_blocks() {
    let manifest = TestProject::new()
        .file("models/a.sql", "select 1 as id")
        .file("models/d.md", "{% docs key %}\nThe key.\n{% enddocs %}")
        .file(
            "models/a.yml",
            "models:\n  - name: a\n    description: 'A. {{ doc(\"key\") }}'\n    columns:\n      - name: id\n        description: \"{{ doc('key') }}\"\n        data_type: int\n        tags: [k]\n",
        )
        .manifest();
    let a = node(&manifest, "model.shop.a");
    assert_eq!(a.description, "A. The key.");
    assert_eq!(a.doc_blocks, ["doc.shop.key"]);
    assert_eq!(a.columns["id"].description, "The key.");
    assert_eq!(a.columns["id"].data_type.as_deref(), Some("int"));
    assert_eq!(a.patch_path.as_deref(), Some("shop://models/a.yml"));
}

#[test]
fn snapshots_come_from_blocks_and_from_properties() {
    let manifest = TestProject::new()
        .file("models/a.sql", "select 1 as id")
        .file(
            "snapshots/s.sql",
            "{% snapshot snap %}\n{{ config(target_schema='history', unique_key='id', strategy='check', check_cols='all') }}\nselect * from {{ ref('a') }}\n{% endsnapshot %}",
        )
        .file(
            "snapshots/s.yml",
            "snapshots:\n  - name: plain\n    relation: ref('a')\n    config: {unique_key: id, strategy: timestamp, updated_at: at}\n",
        )
        .manifest();
    let snap = node(&manifest, "snapshot.shop.snap");
    assert_eq!(snap.schema, "history");
    assert_eq!(snap.fqn, ["shop", "s", "snap"]);
    let plain = node(&manifest, "snapshot.shop.plain");
    assert_eq!(&*plain.raw_code, "select * from {{ ref('a') }}");
    assert_eq!(ids(&plain.depends_on_nodes), ["model.shop.a"]);
    assert_eq!(plain.relation_name.as_deref(), Some("`main`.`plain`"));
}

#[test]
fn hooks_of_the_project_are_operations() {
    let manifest = TestProject::new()
        .file(
            "dbt_project.yml",
            "name: shop\nprofile: shop\non-run-start: [\"select 1\", \"{{ ref('a') }}\"]\non-run-end: select 2\n",
        )
        .file("models/a.sql", "select 1")
        .manifest();
    let second = node(&manifest, "operation.shop.shop-on-run-start-1");
    assert_eq!(second.tags, ["on-run-start"]);
    assert!(matches!(second.detail, Detail::Operation { index: 1 }));
    assert_eq!(ids(&second.depends_on_nodes), ["model.shop.a"]);
    assert_eq!(&*node(&manifest, "operation.shop.shop-on-run-end-0").raw_code, "select 2");
}

#[test]
fn versions_of_a_model_are_nodes_of_their_own() {
    let manifest = TestProject::new()
        .file("models/dim_v1.sql", "select 1 as id, 2 as old")
        .file("models/dim_v2.sql", "select 1 as id")
        .file("models/use.sql", "select * from {{ ref('dim') }} join {{ ref('dim', v=1) }}")
        .file(
            "models/d.yml",
            "models:\n  - name: dim\n    latest_version: 2\n    columns: [{name: id, data_tests: [not_null]}, {name: old}]\n    versions:\n      - v: 1\n      - v: 2\n        columns: [{include: all, exclude: [old]}]\n",
        )
        .manifest();
    let v2 = node(&manifest, "model.shop.dim.v2");
    assert_eq!(v2.alias, "dim_v2");
    assert_eq!(v2.columns.keys().collect::<Vec<_>>(), ["id"]);
    assert_eq!(v2.fqn, ["shop", "dim", "v2"]);
    let used = node(&manifest, "model.shop.use");
    assert_eq!(ids(&used.depends_on_nodes), ["model.shop.dim.v2", "model.shop.dim.v1"]);
    let tests: Vec<&str> =
        manifest.nodes.values().map(|node| node.name.as_str()).filter(|name| name.starts_with("not_null")).collect();
    assert_eq!(tests, ["not_null_dim_v1_id", "not_null_dim_v2_id"]);
}

#[test]
fn groups_and_access_are_kept() {
    let project = TestProject::new()
        .file("models/a.sql", "{{ config(group='g', access='private') }} select 1")
        .file("models/b.sql", "{{ config(group='g') }} select * from {{ ref('a') }}")
        .file("models/g.yml", "groups: [{name: g, owner: {name: me}}]");
    let manifest = project.manifest();
    assert!(matches!(&node(&manifest, "model.shop.a").detail, Detail::Model(model) if model.access == Access::Private));
    let errors = project.file("models/c.sql", "select * from {{ ref('a') }}").errors();
    assert!(errors.contains("error[private-ref]: model `c` refers to `a`, which is private to group `g`"), "{errors}");
}

#[test]
fn disabled_nodes_stay_known() {
    let manifest = TestProject::new()
        .file("models/a.sql", "{{ config(enabled=false) }} select 1")
        .file("models/a.yml", "models: [{name: a, data_tests: [{unique: {column_name: id}}]}]")
        .manifest();
    assert!(manifest.nodes.is_empty());
    assert!(matches!(&manifest.disabled["model.shop.a"][0], Disabled::Node(node) if node.name == "a"));
    assert_eq!(manifest.disabled.len(), 2, "the test goes with its model");
}

#[test]
fn sources_inherit_from_their_source() {
    let manifest = TestProject::new()
        .file(
            "models/s.yml",
            "sources:
  - name: raw
    schema: \"{{ var('raw_schema', 'landing') }}_x\"
    loaded_at_field: at
    freshness: {warn_after: {count: 1, period: day}, error_after: {count: 2, period: day}}
    tags: [a]
    quoting: {identifier: false}
    tables:
      - name: one
        tags: [b]
        freshness: {error_after: {count: 5, period: hour}}
      - name: two
        identifier: zwei
        freshness: null
",
        )
        .manifest();
    let one = &manifest.sources["source.shop.raw.one"];
    let freshness = one.freshness.as_ref().unwrap();
    assert_eq!(freshness.warn_after.as_ref().unwrap().seconds(), 86_400);
    assert_eq!(freshness.error_after.as_ref().unwrap().seconds(), 18_000);
    assert_eq!(one.loaded_at_field.as_deref(), Some("at"));
    assert_eq!(one.tags, ["a", "b"]);
    assert_eq!(one.relation_name, "`landing_x`.one");
    assert_eq!(one.unrendered_schema.as_deref(), Some("{{ var('raw_schema', 'landing') }}_x"));
    let two = &manifest.sources["source.shop.raw.two"];
    assert_eq!(two.freshness, None);
    assert_eq!(two.relation_name, "`landing_x`.zwei");
}

#[test]
fn exposures_depend_on_what_they_name() {
    let manifest = TestProject::new()
        .file("models/a.sql", "select 1")
        .file(
            "models/e.yml",
            "exposures:\n  - name: board\n    type: dashboard\n    owner: {email: a@b.c}\n    depends_on: [ref('a')]\n    tags: [t]\n",
        )
        .manifest();
    let board = &manifest.exposures["exposure.shop.board"];
    assert_eq!(ids(&board.depends_on_nodes), ["model.shop.a"]);
    assert_eq!(board.tags, ["t"]);
}

#[test]
fn unit_tests_read_their_rows() {
    let manifest = TestProject::new()
        .file("models/a.sql", "select 1 as id")
        .file("models/b.sql", "select * from {{ ref('a') }}")
        .file("tests/fixtures/expected.csv", "id,name\n1,\n2,x\n")
        .file(
            "models/u.yml",
            "unit_tests:
  - name: t
    model: b
    given:
      - input: ref('a')
        rows: [{id: 1}, {id: null}]
    expect: {format: csv, fixture: expected}
",
        )
        .manifest();
    let test = &manifest.unit_tests["unit_test.shop.b.t"];
    assert_eq!(ids(&test.depends_on_nodes), ["model.shop.b"]);
    assert_eq!(test.given[0].unique_id.as_deref(), Some("model.shop.a"));
    let Rows::Values(rows) = &test.expect else { panic!("rows expected") };
    assert_eq!(json!(rows), json!([{"id": "2", "name": "x"}, {"id": "1", "name": null}]));
}

#[test]
fn packages_are_parsed_with_their_own_names() {
    let manifest = TestProject::new()
        .file("dbt_packages/kit/dbt_project.yml", "name: kit\nvars: {size: 3}\nmodels: {kit: {+materialized: table}}\n")
        .file("dbt_packages/kit/models/k.sql", "select {{ var('size') }} as id {{ kit_macro() }}")
        .file("dbt_packages/kit/macros/m.sql", "{% macro kit_macro() %}, 1 as n{% endmacro %}")
        .file("models/a.sql", "select * from {{ ref('kit', 'k') }} {{ kit.kit_macro() }}")
        .file("packages.yml", "packages: [{local: kit_source}]")
        .manifest();
    let k = node(&manifest, "model.kit.k");
    assert_eq!(k.config.materialized(), "table");
    assert_eq!(ids(&k.depends_on_macros), ["macro.kit.kit_macro"]);
    let a = node(&manifest, "model.shop.a");
    assert_eq!(ids(&a.depends_on_nodes), ["model.kit.k"]);
    assert_eq!(ids(&a.depends_on_macros), ["macro.kit.kit_macro"]);
}

#[test]
fn the_names_of_a_template_are_a_dictionary_in_it() {
    let manifest = TestProject::new()
        .file("macros/m.sql", "{% macro parent(name) %}{{ ref(name) }}{% endmacro %}")
        .file("models/a.sql", "select 1 as id")
        .file("models/b.sql", "select 2 as id")
        .file(
            "models/c.sql",
            "select * from {{ context['parent']('a') }} join {{ context.get('parent')('b') }}\n\
             {% set seen = [context.get('nothing', 'no'), 'ref' in context, 'nothing' in context,\n\
             context['model'].name, context.shop.parent('a') is defined, context.keys() | length > 50,\n\
             context.context.execute, column is defined, invocation_args_dict.which | default('none')] %}\n\
             {{ config(meta={'seen': seen | join(' ')}) }}",
        )
        .manifest();
    let c = node(&manifest, "model.shop.c");
    assert_eq!(c.refs, [RefCall::to("a"), RefCall::to("b"), RefCall::to("a")]);
    assert_eq!(c.config.meta().unwrap()["seen"], "no True False c True True False True none");
}
