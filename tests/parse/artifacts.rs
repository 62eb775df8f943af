//! The files that other tools read.

use headwater::artifacts::write_manifest;
use serde_json::{Value, json};

use super::project::TestProject;

fn manifest_json(project: &TestProject) -> Value {
    let (loaded, parsed) = project.parse().unwrap();
    let path = loaded.target_path.join("manifest.json");
    write_manifest(&path, &loaded, &parsed.manifest, None).unwrap();
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_manifest_has_dbt_s_shape() {
    let project = TestProject::new()
        .file("models/a.sql", "{{ config(group='g') }} select 1 as id")
        .file(
            "models/a.yml",
            "groups: [{name: g, owner: {name: me}}]\nmodels: [{name: a, columns: [{name: id, data_tests: [unique]}]}]",
        )
        .env("DBT_ENV_CUSTOM_ENV_RUN", "7");
    let manifest = manifest_json(&project);
    let metadata = &manifest["metadata"];
    assert_eq!(metadata["dbt_schema_version"], "https://schemas.getdbt.com/dbt/manifest/v12.json");
    assert!(metadata["generated_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(metadata["env"], json!({"RUN": "7"}));
    assert_eq!(metadata["adapter_type"], "mysql");
    let a = &manifest["nodes"]["model.shop.a"];
    assert_eq!(a["config"]["post-hook"], json!([]));
    assert_eq!(a["config"]["contract"], json!({"enforced": false, "alias_types": true}));
    assert_eq!(a["docs"], json!({"show": true, "node_color": null}));
    assert_eq!(a["depends_on"], json!({"macros": [], "nodes": []}));
    assert_eq!(a["checksum"]["name"], "sha256");
    assert_eq!(a["group"], "g");
    assert!(a["compiled_path"].is_null() && a.get("compiled").is_none());
    let group = manifest["group_map"]["g"].as_array().unwrap();
    assert!(group[0] == "model.shop.a" && group[1].as_str().unwrap().starts_with("test.shop.unique_a_id."));
    let test = manifest["child_map"]["model.shop.a"][0].as_str().unwrap().to_owned();
    assert_eq!(manifest["parent_map"][&test], json!(["model.shop.a"]));
    assert_eq!(manifest["nodes"][&test]["test_metadata"]["namespace"], Value::Null);
    assert_eq!(manifest["nodes"][&test]["group"], "g", "a test is in the group of its model");
}
