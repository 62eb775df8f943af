use serde_json::json;

use super::*;
use crate::graph::fixture::Shop;

/// Plans everything of the manifest that the verb works on, without the ids in `without`.
fn planned(verb: Verb, shop: Shop, without: &[&str]) -> Plan {
    let manifest = shop.done();
    let dag = Dag::new(&manifest).unwrap();
    let wanted = |thing: &crate::manifest::Resource<'_>| {
        verb.resource_types().contains(&thing.resource_type()) && !without.contains(&&**thing.unique_id())
    };
    let ids = manifest.resources().filter(wanted).map(|thing| thing.unique_id().clone()).collect();
    plan(verb, &Selected { ids, warnings: Vec::new() }, &manifest, &dag)
}

#[test]
fn build_runs_tests_before_what_is_downstream_of_what_they_test() {
    let shop = Shop::new()
        .source("raw", "orders")
        .seed("countries")
        .model("stg_orders", &["raw.orders"])
        .model("orders", &["stg_orders", "countries"])
        .test("source_is_fresh", &["raw.orders"])
        .test("stg_is_unique", &["stg_orders"])
        .test("orders_have_countries", &["orders", "countries"])
        .unit_test("adds_up", "orders")
        .exposure("dashboard", &["orders"]);
    assert_eq!(
        planned(Verb::Build, shop, &[]).to_string(),
        "\
1  seed.shop.countries
2  test.shop.source_is_fresh
3  model.shop.stg_orders  after 2
4  test.shop.stg_is_unique  after 3
5  unit_test.shop.orders.adds_up  after 1, 3, 4
6  model.shop.orders  after 1, 3, 4, 5
7  test.shop.orders_have_countries  after 1, 6
8  exposure.shop.dashboard  after 6, 7
"
    );
}

#[test]
fn a_test_over_two_models_gates_only_what_needs_both() {
    let shop = Shop::new()
        .model("a", &[])
        .model("b", &[])
        .model("only_a", &["a"])
        .model("both", &["only_a", "b"])
        .model("after_both", &["both", "a"])
        .test("a_fits_b", &["a", "b"]);
    assert_eq!(
        planned(Verb::Build, shop, &[]).to_string(),
        "\
1  model.shop.a
2  model.shop.b
3  model.shop.only_a  after 1
4  test.shop.a_fits_b  after 1, 2
5  model.shop.both  after 2, 3, 4
6  model.shop.after_both  after 1, 5
"
    );
}

#[test]
fn what_is_not_selected_or_ephemeral_still_orders_what_is() {
    let chain = || {
        Shop::new()
            .model("a", &[])
            .model("middle", &["a"])
            .with("materialized", json!("ephemeral"))
            .model("skipped", &["middle"])
            .model("z", &["skipped"])
            .test("middle_is_fine", &["middle"])
    };
    assert_eq!(
        planned(Verb::Run, chain(), &["model.shop.skipped"]).to_string(),
        "\
1  model.shop.a
2  model.shop.z  after 1
"
    );
    assert_eq!(
        planned(Verb::Build, chain(), &["model.shop.skipped"]).to_string(),
        "\
1  model.shop.a
2  test.shop.middle_is_fine  after 1
3  model.shop.z  after 1, 2
"
    );
}

#[test]
fn tests_do_not_wait_for_each_other_outside_of_build() {
    let shop =
        Shop::new().model("a", &[]).model("b", &["a"]).test("t_a", &["a"]).test("t_b", &["b"]).unit_test("u", "b");
    let plan = planned(Verb::Test, shop, &[]);
    assert!(plan.steps.iter().all(|step| step.blocked_by.is_empty()) && !plan.failed_tests_block);
    assert_eq!(plan.count(ResourceType::Test), 2);
}

#[test]
fn on_error_continue_is_noted() {
    let shop = Shop::new().model("a", &[]).with("on_error", json!("continue")).model("b", &["a"]);
    let plan = planned(Verb::Run, shop, &[]);
    assert_eq!(plan.steps.iter().map(|step| step.keeps_going).collect::<Vec<_>>(), [true, false]);
    assert_eq!(plan.steps[0].blocks, [1]);
}
