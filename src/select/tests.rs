use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::graph::fixture::Shop;

/// raw.orders → stg_orders → orders → (daily, exposure dashboard); countries → orders.
fn shop() -> Manifest {
    Shop::new()
        .source("raw", "orders")
        .seed("countries")
        .model("staging/stg_orders", &["raw.orders"])
        .with("tags", json!("nightly"))
        .model("marts/orders", &["stg_orders", "countries"])
        .with("materialized", json!("table"))
        .with("meta", json!({"owner": "ann", "pii": true}))
        .with("group", json!("finance"))
        .model("marts/daily", &["orders"])
        .with("tags", json!("nightly"))
        .snapshot("orders_history", &["orders"])
        .generic_test("not_null_orders_id", "not_null", &["orders"])
        .with("severity", json!("WARN"))
        .test("fits", &["stg_orders", "daily"])
        .unit_test("adds_up", "orders")
        .exposure("dashboard", &["daily"])
        .version("customers", 1, 2)
        .version("customers", 2, 2)
        .version("customers", 3, 2)
        .done()
}

fn resolved(selection: &Selection, selectors: Option<&Selectors>) -> Result<Selected, Vec<Diagnostic>> {
    let manifest = shop();
    let dag = Dag::new(&manifest).unwrap();
    resolve(selection, &manifest, &dag, selectors, None)
}

/// Names without `type.shop.`, joined by blanks.
fn short(selected: &Selected) -> String {
    let name = |id: &UniqueId| id.splitn(3, '.').nth(2).unwrap_or_default().to_owned();
    selected.ids.iter().map(name).collect::<Vec<_>>().join(" ")
}

fn select(text: &str) -> String {
    picked(text, "", Indirect::Empty)
}

fn picked(select: &str, exclude: &str, indirect: Indirect) -> String {
    let words = |text: &str| if text.is_empty() { Vec::new() } else { vec![text.to_owned()] };
    let selection = Selection { select: words(select), exclude: words(exclude), indirect, ..Selection::default() };
    short(&resolved(&selection, None).unwrap())
}

#[test]
fn methods() {
    for (text, expected) in [
        ("orders", "orders"),
        ("staging", "stg_orders"),
        ("shop.marts", "daily orders orders.adds_up"),
        ("marts.*", "daily orders orders.adds_up"),
        ("*orders", "orders stg_orders"),
        ("*_orders", "stg_orders"),
        ("customers", "customers.v1 customers.v2 customers.v3"),
        ("customers.v1 customers_v2", "customers.v1 customers.v2"),
        ("tag:night*", "daily stg_orders"),
        ("path:models/marts", "daily orders"),
        ("models/marts/*.sql", "daily orders"),
        ("path:models/schema.yml,tag:nightly", "daily stg_orders"),
        ("orders.sql", "orders"),
        ("file:stg_*", "stg_orders"),
        ("source:raw", "raw.orders"),
        ("source:raw.orders", "raw.orders"),
        ("source:shop.*.ord*", "raw.orders"),
        ("exposure:dash*", "dashboard"),
        ("unit_test:adds_up", "orders.adds_up"),
        ("config.materialized:table", "orders"),
        ("config.meta.owner:ann", "orders"),
        ("config.meta.pii:TRUE", "orders"),
        ("config.severity:warn", "not_null_orders_id"),
        ("resource_type:seed", "countries"),
        ("test_name:not_null", "not_null_orders_id"),
        ("test_type:singular", "fits"),
        ("test_type:data", "fits not_null_orders_id"),
        ("test_type:unit", "orders.adds_up"),
        ("package:this,resource_type:snapshot", "orders_history"),
        ("group:fin*", "orders"),
        ("access:protected,orders", "orders"),
        ("version:latest", "customers.v2"),
        ("version:old", "customers.v1"),
        ("version:prerelease", "customers.v3"),
        ("version:none,tag:nightly", "daily stg_orders"),
    ] {
        assert_eq!(select(text), expected, "{text}");
    }
}

#[test]
fn relatives() {
    assert_eq!(select("+orders"), "orders stg_orders countries raw.orders");
    assert_eq!(select("1+orders"), "orders stg_orders countries");
    assert_eq!(select("orders+1,resource_type:model"), "daily orders");
    assert_eq!(select("stg_orders+,resource_type:model"), "daily orders stg_orders");
    assert_eq!(select("@stg_orders,resource_type:seed"), "countries");
    // What is no node is found by its bare name too, as in dbt 1.12.6.
    assert_eq!(select("+dashboard,resource_type:model"), "daily orders stg_orders");
    assert_eq!(select("+exposure:dashboard,resource_type:model"), "daily orders stg_orders");
}

#[test]
fn tests_join_as_the_mode_says() {
    assert_eq!(picked("daily", "", Indirect::Eager), "daily fits");
    assert_eq!(picked("daily", "", Indirect::Cautious), "daily");
    assert_eq!(picked("daily", "", Indirect::Empty), "daily");
    // `stg_orders` is an ancestor of `daily`: its relation exists when `daily` is built.
    assert_eq!(picked("daily", "", Indirect::Buildable), "daily fits");
    assert_eq!(picked("stg_orders", "", Indirect::Buildable), "stg_orders");
    // The two parents come from different criteria.
    assert_eq!(picked("daily stg_orders", "", Indirect::Cautious), "daily stg_orders fits");
    assert_eq!(picked("orders", "", Indirect::Cautious), "orders not_null_orders_id orders.adds_up");
}

#[test]
fn excluding_a_model_excludes_its_tests() {
    assert_eq!(picked("marts", "orders", Indirect::Eager), "daily fits");
    assert_eq!(
        picked("", "tag:nightly orders orders_history customers source:* exposure:*", Indirect::Eager),
        "countries"
    );
}

/// As in dbt 1.12.6, the mode is that of both sides.
#[test]
fn an_excluded_model_keeps_the_tests_that_the_mode_leaves_out() {
    let all = "daily stg_orders fits";
    for (excluded, mode, expected) in [
        ("stg_orders", Indirect::Eager, "daily"),
        ("stg_orders", Indirect::Cautious, "daily fits"),
        ("stg_orders", Indirect::Buildable, "daily fits"),
        ("daily", Indirect::Buildable, "stg_orders"),
        ("daily", Indirect::Empty, "stg_orders fits"),
    ] {
        assert_eq!(picked(all, excluded, mode), expected, "{excluded} {mode:?}");
    }
    // Both parents are excluded, each by a word of its own.
    assert_eq!(picked(all, "daily stg_orders", Indirect::Cautious), "");
}

#[test]
fn tests_do_not_join_in_unions_of_yaml() {
    let yaml = "selectors: [{name: two, definition: {union: [daily, stg_orders]}}]";
    let selectors = selectors(yaml).unwrap();
    for (indirect, expected) in [(Indirect::Cautious, "daily stg_orders"), (Indirect::Eager, "daily stg_orders fits")] {
        let selection = Selection { selector: Some("two".into()), indirect, ..Selection::default() };
        assert_eq!(short(&resolved(&selection, Some(&selectors)).unwrap()), expected);
    }
}

#[test]
fn resource_types_filter_at_the_end() {
    let resource_types = vec![ResourceType::Test];
    let selection = Selection { select: vec!["orders".into()], resource_types, ..Selection::default() };
    assert_eq!(short(&resolved(&selection, None).unwrap()), "not_null_orders_id");
}

#[test]
fn what_matches_nothing_is_told_with_the_nearest_name() {
    let selection = Selection { select: vec!["order tag:nigthly".into(), "xyz".into()], ..Selection::default() };
    let selected = resolved(&selection, None).unwrap();
    let told: Vec<(&str, &[String])> = selected.warnings.iter().map(|w| (w.message.as_str(), &w.helps[..])).collect();
    assert_eq!(
        told,
        [
            ("`order` matches nothing", &["did you mean `orders`?".to_owned()][..]),
            ("`tag:nigthly` matches nothing", &["did you mean `nightly`?".to_owned()]),
            ("`xyz` matches nothing", &[]),
        ]
    );
}

#[test]
fn values_that_a_method_does_not_have_are_errors() {
    let selection = Selection { select: vec!["resource_type:modle".into()], ..Selection::default() };
    let problems = resolved(&selection, None).unwrap_err();
    assert_eq!(problems[0].message, "`modle` is not a value for `resource_type:modle`");
    assert_eq!(problems[0].helps, ["did you mean `model`?"]);
}

fn selectors(text: &str) -> Result<Selectors, Vec<Diagnostic>> {
    let file = crate::diag::SourceFile::new("selectors.yml", text);
    let root = crate::yaml::parse(&file, &mut Vec::new()).unwrap();
    Selectors::read(&file, &root)
}

const YAML: &str = "
selectors:
  - name: text
    definition: +orders
  - name: short
    definition: {tag: nightly}
  - name: full
    definition:
      method: fqn
      value: orders
      parents: true
      parents_depth: 1
      indirect_selection: empty
      exclude: [{method: resource_type, value: seed}]
  - name: unions
    default: true
    definition:
      union:
        - method: selector
          value: short
        - intersection: ['path:models/marts', {config.materialized: table}]
        - exclude: [daily]
  - name: loop
    definition: {method: selector, value: loop}
";

fn by_selector(name: &str) -> String {
    let selectors = selectors(YAML).unwrap();
    let selection = Selection { selector: Some(name.into()), indirect: Indirect::Empty, ..Selection::default() };
    short(&resolved(&selection, Some(&selectors)).unwrap())
}

#[test]
fn yaml_selectors() {
    assert_eq!(by_selector("text"), "orders stg_orders countries raw.orders");
    assert_eq!(by_selector("short"), "daily stg_orders");
    assert_eq!(by_selector("full"), "orders stg_orders");
    assert_eq!(by_selector("unions"), "orders stg_orders");
    let selectors = selectors(YAML).unwrap();
    let default = Selection { indirect: Indirect::Empty, ..Selection::default() };
    assert_eq!(short(&resolved(&default, Some(&selectors)).unwrap()), "orders stg_orders");
    let by_method = Selection { select: vec!["selector:sho*".into()], ..default };
    assert_eq!(short(&resolved(&by_method, Some(&selectors)).unwrap()), "daily stg_orders");
}

#[test]
fn broken_yaml_selectors_are_told_with_their_place() {
    let selectors = Arc::new(selectors(YAML).unwrap());
    let circle = Selection { selector: Some("loop".into()), ..Selection::default() };
    let problem = &resolved(&circle, Some(&selectors)).unwrap_err()[0];
    assert_eq!(problem.message, "selectors refer to each other in a circle: `loop` → `loop`");
    let unknown = Selection { selector: Some("shart".into()), ..Selection::default() };
    assert_eq!(resolved(&unknown, Some(&selectors)).unwrap_err()[0].helps, ["did you mean `short`?"]);

    let problems = super::tests::selectors(
        "
selectors:
  - name: a
    definition: {method: tag, valeu: x}
  - name: b
    definition: {tags: x}
  - name: b
  - {name: c, definition: {union: [a], intersection: [b]}}
",
    )
    .unwrap_err();
    let told: Vec<String> = problems
        .iter()
        .map(|p| format!("{}: {}", p.primary.as_ref().map_or(String::new(), |label| label.span.location()), p.message))
        .collect();
    assert_eq!(
        told,
        [
            "selectors.yml:4:31: `valeu` is not a key of a selector",
            "selectors.yml:6:17: `tags` is not a selection method: `tags:x`",
            "selectors.yml:7:11: selector `b` has no `definition`",
            "selectors.yml:8:27: a definition has either one `union` or one `intersection`, and nothing else",
        ]
    );
}
