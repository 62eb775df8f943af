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
fn a_project_overrides_sources_of_packages() {
    let project = TestProject::new()
        .file("dbt_packages/kit/dbt_project.yml", "name: kit\n")
        .file("packages.yml", "packages: [{local: kit_source}]")
        .file("dbt_packages/kit/models/k.sql", "select * from {{ source('raw', 'orders') }}")
        .file(
            "dbt_packages/kit/models/s.yml",
            "sources:
  - name: raw
    description: Theirs
    schema: landing
    loader: fivetran
    quoting: {schema: false}
    loaded_at_field: ts
    config: {meta: {c: 1}, tags: [ct]}
    meta: {a: 1}
    tags: [t1]
    freshness: {warn_after: {count: 1, period: hour}}
    tables:
      - name: orders
        description: Orders
        identifier: orders_raw
        config: {event_time: ts, tags: [tt]}
        freshness: {error_after: {count: 2, period: day}}
        columns: [{name: id, data_tests: [unique]}, {name: ts}]
      - {name: items, freshness: {error_after: {count: 3, period: day}}}
",
        )
        .file(
            "models/o.yml",
            "sources:
  - name: raw
    overrides: kit
    schema: mine
    meta: {b: 2}
    tables:
      - name: orders
        description: My orders
        columns: [{name: id, data_tests: [not_null]}]
      - name: nothing
  - name: elsewhere
    overrides: kit
",
        );
    let manifest = project.manifest();
    let orders = &manifest.sources["source.kit.raw.orders"];
    assert_eq!(orders.relation_name, "mine.`orders_raw`");
    assert_eq!((orders.description.as_str(), orders.source_description.as_str()), ("My orders", "Theirs"));
    assert_eq!((orders.loader.as_str(), orders.loaded_at_field.as_deref()), ("fivetran", Some("ts")));
    assert_eq!(serde_json::Value::from(orders.meta.clone()), json!({"b": 2}), "dbt replaces `config` too");
    assert_eq!(orders.tags, ["t1", "tt"]);
    assert_eq!(orders.freshness, None, "an override puts freshness back");
    assert_eq!(orders.columns.keys().collect::<Vec<_>>(), ["id"]);
    assert_eq!(orders.original_file_path, "models/s.yml");
    let items = &manifest.sources["source.kit.raw.items"];
    assert_eq!(items.relation_name, "mine.`items`");
    let freshness = items.freshness.as_ref().unwrap();
    assert!(freshness.warn_after.is_none(), "{freshness:?}");
    assert_eq!(freshness.error_after.as_ref().map(|age| age.count), Some(3));
    let tests: Vec<_> = manifest.nodes.keys().filter(|id| id.starts_with("test.")).collect();
    assert_eq!(tests.len(), 1);
    assert!(tests[0].starts_with("test.kit.source_not_null_raw_orders_id."), "{tests:?}");
    let warnings = project.warnings();
    assert!(warnings.contains("`overrides` of source `raw` is deprecated by dbt"), "{warnings}");
    assert!(warnings.contains("source `raw` of package `kit` has no table `nothing` to override"), "{warnings}");
    assert!(warnings.contains("models/o.yml:10:15"), "{warnings}");
    assert!(warnings.contains("package `kit` has no source `elsewhere` to override"), "{warnings}");
    let twice = project.file("models/p.yml", "sources: [{name: raw, overrides: kit}]").errors();
    assert!(twice.contains("source `raw` of package `kit` is overridden twice"), "{twice}");
}

#[test]
fn overloads_of_functions_are_refused() {
    let project = TestProject::new().file("functions/f.sql", "a + 1").file("functions/g.sql", "length(a)");
    let described = |more: &str| {
        format!(
            "functions:\n  - {{name: f, arguments: [{{name: a, data_type: int}}], returns: {{data_type: int}}, {more}}}\n  \
             - {{name: g, arguments: [{{name: a, data_type: text}}], returns: {{data_type: int}}}}\n"
        )
    };
    let project = project.file("functions/f.yml", &described("overloads: []"));
    assert!(!project.warnings().contains("overloads"), "{}", project.warnings());
    let errors = project.file("functions/f.yml", &described("overloads: [{defined_in: g}]")).errors();
    assert!(errors.contains("error[not-supported]: overloads of a function are not supported"), "{errors}");
    assert!(errors.contains("functions/f.yml:2:"), "{errors}");
}

#[test]
fn models_past_their_date_and_references_to_them_are_told_with_their_place() {
    let project = TestProject::new()
        .file("models/a.sql", "select 1 as id")
        .file("models/b.sql", "select 1 as id")
        .file("models/v_v1.sql", "select 1 as id")
        .file("models/v_v2.sql", "select 1 as id")
        .file(
            "models/d.sql",
            "select * from {{ ref('a') }}\njoin {{ ref('b') }}\njoin {{ ref('v', v=1) }} join {{ ref('v') }}",
        )
        .file(
            "models/s.yml",
            "models:
  - {name: a, deprecation_date: 2020-01-01T00:00:00Z, columns: [{name: id, data_tests: [unique]}]}
  - {name: b, deprecation_date: '2999-01-02 12:30:00.5 +02:00'}
  - name: v
    latest_version: 2
    versions: [{v: 1, deprecation_date: 2020-01-02 00:00:00+00:00}, {v: 2}]
",
        );
    let manifest = project.manifest();
    let date = |id: &str| match &node(&manifest, id).detail {
        Detail::Model(model) => model.deprecation_date.clone(),
        _ => None,
    };
    assert_eq!(date("model.shop.a").as_deref(), Some("2020-01-01T00:00:00+00:00"));
    assert_eq!(date("model.shop.b").as_deref(), Some("2999-01-02T12:30:00.500000+02:00"));
    let warnings = project.warnings();
    let told = [
        ("model `a` is past its deprecation date, 2020-01-01", "models/s.yml:2:33"),
        ("model `d` refers to `a`, which is deprecated since 2020-01-01", "models/d.sql:1:22"),
        ("model `d` refers to `b`, which is going to be deprecated on 2999-01-02", "models/d.sql:2:13"),
        ("model `v.v1` is past its deprecation date, 2020-01-02", "models/s.yml:6:41"),
        ("model `d` refers to `v.v1`, which is deprecated since 2020-01-02", "models/d.sql:3:13"),
    ];
    for (message, place) in told {
        let (_, rest) = warnings.split_once(message).unwrap_or_else(|| panic!("no {message}: {warnings}"));
        assert!(rest.lines().nth(1).is_some_and(|line| line.contains(place)), "{message} not at {place}: {warnings}");
    }
    assert_eq!(warnings.matches("warning[deprecated-model]").count(), 5, "{warnings}");
    assert!(warnings.contains("ref('shop', 'v', v='2')"), "{warnings}");
    let wrong = project.file("models/w.yml", "models: [{name: v_v1, deprecation_date: soon}]").errors();
    assert!(wrong.contains("`soon` is no date"), "{wrong}");
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
