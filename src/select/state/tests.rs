use std::sync::Arc;

use serde_json::{Value, json};

use crate::graph::Dag;
use crate::graph::fixture::Shop;
use crate::manifest::{Checksum, Manifest, Node};
use crate::select::state::Earlier;
use crate::select::{Indirect, Selection, resolve};

fn shop() -> Manifest {
    Shop::new()
        .source("raw", "orders")
        .seed("countries")
        .model("stg_orders", &["raw.orders"])
        .model("orders", &["stg_orders", "countries"])
        .generic_test("not_null_orders_id", "not_null", &["orders"])
        .unit_test("adds_up", "orders")
        .exposure("dashboard", &["orders"])
        .done()
}

/// The project as an earlier manifest, with changes.
fn earlier(change: impl FnOnce(&mut Value)) -> Earlier {
    let manifest = shop();
    let mut document = json!({
        "nodes": manifest.nodes, "sources": manifest.sources, "exposures": manifest.exposures,
        "unit_tests": manifest.unit_tests, "macros": manifest.macros,
    });
    change(&mut document);
    Earlier { manifest: Some(serde_json::from_value(document).unwrap()), ..Earlier::default() }
}

fn select(text: &str, earlier: Option<&Earlier>) -> Result<String, String> {
    let manifest = shop();
    let dag = Dag::new(&manifest).unwrap();
    let selection = Selection { select: vec![text.into()], indirect: Indirect::Empty, ..Selection::default() };
    let selected =
        resolve(&selection, &manifest, &dag, None, earlier).map_err(|problems| problems[0].message.clone())?;
    let name = |id: &str| id.splitn(3, '.').nth(2).unwrap_or_default().to_owned();
    Ok(selected.ids.iter().map(|id| name(id)).collect::<Vec<_>>().join(" "))
}

#[test]
fn the_same_project_is_unmodified() {
    let same = earlier(|_| {});
    assert_eq!(select("state:modified", Some(&same)).unwrap(), "");
    assert_eq!(select("state:new", Some(&same)).unwrap(), "");
    assert_eq!(select("state:old", Some(&same)), select("state:unmodified", Some(&same)));
    assert!(select("state:old", Some(&same)).unwrap().contains("raw.orders"));
}

#[test]
fn each_part_of_a_node_is_compared() {
    for (key, value, part) in [
        ("raw_code", json!("select 2"), "body"),
        ("unrendered_config", json!({"materialized": "table"}), "configs"),
        ("unrendered_config", json!({"schema": "other"}), "relation"),
    ] {
        let before = earlier(|document| document["nodes"]["model.shop.orders"][key] = value);
        assert_eq!(select(&format!("state:modified.{part}"), Some(&before)).unwrap(), "orders", "{part}");
        assert_eq!(select("state:modified", Some(&before)).unwrap(), "orders", "{part}");
    }
    let moved =
        earlier(|document| document["nodes"]["model.shop.orders"]["unrendered_config"] = json!({"tags": ["a"]}));
    assert_eq!(select("state:modified", Some(&moved)).unwrap(), "");
    let described = earlier(|document| document["nodes"]["model.shop.orders"]["description"] = json!("other"));
    assert_eq!(select("state:modified", Some(&described)).unwrap(), "");
    let seed = earlier(|document| document["nodes"]["seed.shop.countries"]["checksum"]["checksum"] = json!("other"));
    assert_eq!(select("state:modified+", Some(&seed)), select("countries+", None));
}

#[test]
fn what_is_said_of_a_source_is_compared_as_far_as_it_is_set() {
    let id = "source.shop.raw.orders";
    let tagged = earlier(|document| document["sources"][id]["unrendered_config"] = json!({"tags": ["old"]}));
    assert_eq!(select("state:modified", Some(&tagged)).unwrap(), "raw.orders");
    assert_eq!(select("state:modified.configs", Some(&tagged)).unwrap(), "raw.orders");
    let empty = json!({"tags": [], "meta": {}, "loaded_at_field": null});
    let same = earlier(|document| document["sources"][id]["unrendered_config"] = empty);
    assert_eq!(select("state:modified", Some(&same)).unwrap(), "");
    let described = earlier(|document| document["sources"][id]["description"] = json!("other"));
    assert_eq!(select("state:modified", Some(&described)).unwrap(), "");
}

#[test]
fn tests_are_compared_by_what_decides_their_outcome() {
    let manifest = shop();
    let id = &**manifest.nodes.keys().find(|known| known.starts_with("test.")).unwrap();
    for (config, expected) in [(json!({"meta": {"a": 1}}), 0), (json!({"severity": "warn"}), 1)] {
        let before = earlier(|document| document["nodes"][id]["unrendered_config"] = config);
        let found = select("state:modified", Some(&before)).unwrap();
        assert_eq!(found.split_whitespace().count(), expected, "{found}");
    }
}

#[test]
fn what_is_new_is_modified_except_sources_and_exposures() {
    let before = earlier(|document| {
        for (kind, id) in [
            ("nodes", "model.shop.orders"),
            ("sources", "source.shop.raw.orders"),
            ("exposures", "exposure.shop.dashboard"),
        ] {
            document[kind].as_object_mut().unwrap().remove(id);
        }
    });
    assert_eq!(select("state:modified", Some(&before)).unwrap(), "orders");
    assert_eq!(select("state:modified.body", Some(&before)).unwrap(), "orders");
    assert_eq!(select("state:new", Some(&before)).unwrap().split(' ').count(), 3);
}

#[test]
fn unit_tests_are_compared_by_what_they_say() {
    let id = "unit_test.shop.orders.adds_up";
    let other_program = earlier(|document| document["unit_tests"][id]["checksum"] = json!("other"));
    assert_eq!(select("state:modified", Some(&other_program)).unwrap(), "");
    let changed = earlier(|document| {
        document["unit_tests"][id]["checksum"] = json!("other");
        document["unit_tests"][id]["expect"]["rows"] = json!([{"id": 7}]);
    });
    assert_eq!(select("state:modified", Some(&changed)).unwrap(), "orders.adds_up");
}

#[test]
fn contracts_may_not_be_broken_silently() {
    let before = earlier(|document| {
        let node = &mut document["nodes"]["model.shop.orders"];
        node["contract"] = json!({"enforced": true, "checksum": "x"});
        node["columns"] = json!({"id": {"name": "id", "data_type": "int", "constraints": []}});
    });
    let manifest = shop();
    let dag = Dag::new(&manifest).unwrap();
    let selection = Selection { select: vec!["state:modified.contract".into()], ..Selection::default() };
    let selected = resolve(&selection, &manifest, &dag, None, Some(&before)).unwrap();
    assert_eq!(selected.warnings.len(), 1);
    assert_eq!(selected.warnings[0].message, "the change of model `orders` breaks its contract");
    assert_eq!(selected.warnings[0].notes, ["its contract is no longer enforced", "column `id` was removed"]);
}

#[test]
fn removed_models_may_have_broken_a_contract() {
    let told = |version: Value, deprecated: Value| {
        let before = earlier(|document| {
            document["nodes"]["model.shop.gone"] = json!({
                "resource_type": "model", "contract": {"enforced": true}, "version": version,
                "deprecation_date": deprecated,
            });
        });
        let manifest = shop();
        let dag = Dag::new(&manifest).unwrap();
        let selection = Selection { select: vec!["state:modified".into()], ..Selection::default() };
        let warnings = resolve(&selection, &manifest, &dag, None, Some(&before)).map(|selected| selected.warnings);
        warnings.map(|all| all.into_iter().map(|one| one.message).filter(|text| text.contains("contract")).collect())
    };
    let text = "model `gone` of an enforced contract was deleted or renamed";
    assert_eq!(told(json!(null), json!(null)), Ok(vec![text.to_owned()]));
    assert_eq!(told(json!(null), json!("2999-01-01T00:00:00+00:00")), Ok(vec![text.to_owned()]));
    assert_eq!(told(json!(null), json!("2020-01-01")), Ok(Vec::new()));
    assert_eq!(told(json!(2), json!(null)).unwrap_err()[0].message, text);
}

#[test]
fn seeds_too_large_for_their_content_say_so() {
    let mut manifest = shop();
    let seed = manifest.nodes.get_mut("seed.shop.countries").unwrap();
    let checksum = Checksum { name: "path", checksum: "seeds/countries.csv".into() };
    *seed = Arc::new(Node { checksum, ..(**seed).clone() });
    let dag = Dag::new(&manifest).unwrap();
    let selection = Selection { select: vec!["state:modified.body".into()], ..Selection::default() };
    let before = earlier(|document| {
        document["nodes"]["seed.shop.countries"]["checksum"] =
            json!({"name": "path", "checksum": "seeds/countries.csv"});
    });
    let selected = resolve(&selection, &manifest, &dag, None, Some(&before)).unwrap();
    assert!(selected.ids.is_empty());
    let told: Vec<&str> = selected.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert!(told.contains(&"seed `countries` is too large to be compared by its content"), "{told:?}");
}

#[test]
fn results_and_fresher_sources() {
    let at = |text: &str| [("source.shop.raw.orders".to_owned(), text.parse().unwrap())].into();
    let before = Earlier {
        statuses: Some([("model.shop.orders".to_owned(), "error".to_owned())].into()),
        sources: Some(at("2026-01-01T00:00:00Z")),
        current_sources: Some(at("2026-01-02T00:00:00Z")),
        ..Earlier::default()
    };
    assert_eq!(select("result:error", Some(&before)).unwrap(), "orders");
    assert_eq!(select("result:success", Some(&before)).unwrap(), "");
    assert_eq!(select("source_status:fresher", Some(&before)).unwrap(), "raw.orders");
    let same = Earlier { current_sources: before.sources.clone(), ..before };
    assert_eq!(select("source_status:fresher", Some(&same)).unwrap(), "");
}

#[test]
fn without_a_state_there_is_nothing_to_compare_with() {
    assert_eq!(select("state:modified", None).unwrap_err(), "`state:modified` needs something to compare with");
    let empty = Earlier::default();
    assert_eq!(
        select("result:error", Some(&empty)).unwrap_err(),
        "the state has no `run_results.json`, which `result:error` needs"
    );
    assert_eq!(select("state:modfied", Some(&empty)).unwrap_err(), "`modfied` is not a value for `state:modfied`");
}
