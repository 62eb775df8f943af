//! Generic tests of models, seeds and sources.

use headwater::manifest::Detail;
use serde_json::json;

use super::project::{TestProject, ids, node};

fn shop() -> TestProject {
    TestProject::new()
        .file("models/customers.sql", "select 1 as id")
        .file("models/orders.sql", "select 1 as id, 1 as customer_id from {{ ref('customers') }}")
}

#[test]
fn names_and_ids_are_those_of_dbt() {
    let manifest = shop()
        .file(
            "models/s.yml",
            "models:
  - name: orders
    columns:
      - name: order_id
        data_tests: [not_null]
      - name: customer_id
        data_tests:
          - relationships: {arguments: {to: ref('customers'), field: customer_id}}
",
        )
        .manifest();
    // The hashes are known from dbt's manifests of its example project.
    let test = node(&manifest, "test.shop.not_null_orders_order_id.cf6c17daed");
    assert_eq!(test.refs[0].name, "orders");
    assert_eq!(ids(&test.depends_on_macros), ["macro.dbt.test_not_null"]);
    assert_eq!(&*test.raw_code, "{{ test_not_null(**_dbt_generic_test_kwargs) }}");
    let Detail::GenericTest(detail) = &test.detail else { panic!("a generic test") };
    assert_eq!(detail.attached_node.as_deref(), Some("model.shop.orders"));
    assert_eq!(
        json!(detail.kwargs),
        json!({"column_name": "order_id", "model": "{{ get_where_subquery(ref('orders')) }}"})
    );
    let test = node(&manifest, "test.shop.relationships_orders_customer_id__customer_id__ref_customers_.c6ec7f58f2");
    assert_eq!(ids(&test.depends_on_nodes), ["model.shop.customers", "model.shop.orders"]);
    assert_eq!(ids(&test.depends_on_macros), ["macro.dbt.test_relationships", "macro.dbt.get_where_subquery"]);
}

#[test]
fn config_may_stand_beside_the_arguments_or_under_config() {
    let manifest = shop()
        .file(
            "models/s.yml",
            "models:
  - name: orders
    columns:
      - name: id
        tags: [col]
        tests:
          - unique: {severity: warn, where: \"id > 0\"}
          - not_null: {name: my_test, config: {severity: \"{{ var('level', 'warn') }}\", tags: [t], store_failures: true}}
",
        )
        .manifest();
    let unique = manifest.nodes.values().find(|node| node.name == "unique_orders_id").unwrap();
    assert!(!unique.config.severity_is_error());
    assert_eq!(unique.config.str("where"), Some("id > 0"));
    assert!(unique.raw_code.ends_with("{{ config(severity=\"warn\",where=\"id > 0\") }}"), "{}", unique.raw_code);
    let named = manifest.nodes.values().find(|node| node.name == "my_test").unwrap();
    assert!(!named.config.severity_is_error());
    assert_eq!(named.tags, ["col", "t"]);
    assert_eq!(named.config.str("store_failures_as"), Some("table"));
    assert_eq!(named.relation_name.as_deref(), Some("`main_dbt_test__audit`.`my_test`"));
}

#[test]
fn tests_of_the_project_may_set_config_and_refer() {
    let manifest = shop()
        .file(
            "tests/generic/t.sql",
            "{% test fewer_than(model, other) %}{{ config(severity='warn') }}select 1 from {{ model }} join {{ other }} join {{ ref('customers') }}{% endtest %}",
        )
        .file("seeds/codes.csv", "id\n1\n")
        .file("models/s.yml", "models: [{name: orders, data_tests: [{fewer_than: {other: \"{{ ref('codes') }}\"}}]}]")
        .manifest();
    let test = manifest.nodes.values().find(|node| node.name.starts_with("fewer_than")).unwrap();
    assert!(!test.config.severity_is_error(), "the macro's config counts");
    let mut parents = ids(&test.depends_on_nodes);
    parents.sort_unstable();
    assert_eq!(parents, ["model.shop.customers", "model.shop.orders", "seed.shop.codes"]);
}

#[test]
fn sources_have_tests_as_well() {
    let manifest = TestProject::new()
        .file(
            "models/s.yml",
            "sources: [{name: raw, tags: [src], tables: [{name: t, columns: [{name: id, quote: true, data_tests: [unique]}]}]}]",
        )
        .manifest();
    let test = manifest.nodes.values().next().unwrap();
    assert_eq!(test.name, "source_unique_raw_t__id_", "the quotes became `_`");
    assert_eq!(ids(&test.depends_on_nodes), ["source.shop.raw.t"]);
    assert_eq!(test.tags, ["src"]);
}

#[test]
fn primary_keys_follow_from_tests() {
    let manifest = shop()
        .file("models/s.yml", "models: [{name: orders, columns: [{name: id, data_tests: [unique, not_null]}]}]")
        .manifest();
    let Detail::Model(model) = &node(&manifest, "model.shop.orders").detail else { panic!("a model") };
    assert_eq!(model.primary_key, ["id"]);
}

#[test]
fn unknown_tests_are_named_with_the_nearest() {
    let errors = shop()
        .file(
            "models/s.yml",
            "models:\n  - name: orders\n    columns:\n      - name: id\n        data_tests: [not_nul]\n",
        )
        .errors();
    assert!(errors.contains("error[macro-not-found]: `not_nul` is not a generic test of this project"), "{errors}");
    assert!(errors.contains("did you mean `not_null`?"), "{errors}");
    assert!(errors.contains("models/s.yml:5:22"), "{errors}");
}

#[test]
fn a_test_of_something_missing_is_switched_off_with_a_warning() {
    let project = shop().file(
        "models/s.yml",
        "models: [{name: orders, columns: [{name: id, data_tests: [{relationships: {to: ref('nobody'), field: id}}]}]}]",
    );
    let manifest = project.manifest();
    assert!(manifest.disabled.keys().any(|id| id.contains("relationships_orders_id")));
    assert!(project.warnings().contains("warning[ref-not-found]"), "{}", project.warnings());
}

#[test]
fn unknown_arguments_are_named_with_the_nearest() {
    let errors = shop()
        .file(
            "models/s.yml",
            "models: [{name: orders, columns: [{name: id, tests: [{accepted_values: {vales: [1]}}]}]}]",
        )
        .errors();
    assert!(errors.contains("test `accepted_values` takes no argument `vales`"), "{errors}");
    assert!(errors.contains("did you mean `values`?"), "{errors}");
}
