use serde_json::json;

use super::*;
use crate::diag::Code;

fn codes(diagnostics: &[Diagnostic]) -> Vec<Code> {
    diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn the_smallest_project_has_dbts_defaults() {
    let project = Fixture::new(&[]).load();
    let config = &project.root_package().config;
    assert_eq!(&*project.name, "shop");
    assert_eq!(config.paths.models, ["models"]);
    assert_eq!(config.paths.docs, ["analyses", "functions", "macros", "models", "seeds", "snapshots", "tests"]);
    assert_eq!(config.query_comment, QueryComment::Default { append: false });
    assert_eq!(project.target_path, project.root.join("target"));
    assert_eq!(project.log_path, project.root.join("logs"));
    assert_eq!(project.clean_targets, [project.root.join("target")]);
    assert_eq!(project.flags["FULL_REFRESH"], json!(false));
    let packages: Vec<&str> = project.packages.iter().map(|package| &*package.name).collect();
    assert_eq!(packages, ["shop", "dbt_duckdb", "dbt"]);
    assert!(project.warnings.is_empty(), "{:?}", project.warnings);
    assert!(!project.package("dbt").unwrap().files.macros.is_empty());
}

#[test]
fn every_key_of_the_project_file_is_read() {
    let text = "\
name: shop
version: 1.0
config-version: 2
profile: shop
require-dbt-version: ['>=1.7.0', '<3.0.0']
model-paths: [marts, staging/]
test-paths: [checks]
docs-paths: [docs]
target-path: target
packages-install-path: parts
clean-targets: [target, parts]
quoting: {schema: true}
models:
  shop:
    +schema: \"{{ target.name }}_x\"
    +post-hook: \"grant {{ this }}\"
tests:
  +severity: warn
vars:
  text: \"{{ not rendered }}\"
on-run-start: \"select {{ x }}\"
on-run-end: [one, '', two]
dispatch:
  - macro_namespace: dbt_utils
    search_order: [shop, dbt_utils]
query-comment: {comment: 'by {{ node }}', append: true}
restrict-access: true
flags: {fail_fast: true}
dbt-cloud: {project-id: 1}
";
    let project = Fixture::new(&[("dbt_project.yml", text)]).load();
    let config = &project.root_package().config;
    assert_eq!(config.version.as_deref(), Some("1.0"));
    assert_eq!(config.paths.models, ["marts", "staging"]);
    assert_eq!(config.paths.tests, ["checks"]);
    assert_eq!(config.paths.docs, ["docs"]);
    assert_eq!(project.packages_install_path, project.root.join("parts"));
    assert_eq!(config.quoting, Quoting { schema: Some(true), ..Quoting::default() });
    let models = config.trees.models.as_ref().unwrap().to_json();
    assert_eq!(models, json!({"shop": {"+schema": "dev_x", "+post-hook": "grant {{ this }}"}}));
    assert_eq!(config.trees.data_tests.as_ref().unwrap().to_json(), json!({"+severity": "warn"}));
    assert_eq!(project.vars.get("shop", "text"), Some(&json!("{{ not rendered }}")));
    assert_eq!(config.on_run_start[0].sql, "select {{ x }}");
    assert_eq!(config.on_run_end.iter().map(|hook| hook.sql.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(config.on_run_end[1].span.text(), "two");
    assert_eq!(project.dispatch[0].search_order, ["shop", "dbt_utils"]);
    assert!(matches!(&project.query_comment, QueryComment::Text { text, append: true, .. } if text == "by {{ node }}"));
    assert!(config.restrict_access);
    assert_eq!(project.flags["FAIL_FAST"], json!(true));
    assert!(project.warnings.is_empty(), "{:?}", project.warnings);
}

#[test]
fn old_and_unknown_keys_are_warned_of() {
    let text = "name: shop\nprofile: shop\nsource-paths: [m]\ndata-paths: d\nlog-path: elsewhere\nmodel-pahts: [x]\n";
    let project = Fixture::new(&[("dbt_project.yml", text)]).load();
    assert_eq!(project.root_package().config.paths.models, ["m"]);
    assert_eq!(project.root_package().config.paths.seeds, ["d"]);
    assert_eq!(project.log_path, project.root.join("elsewhere"));
    let warnings: Vec<&str> = project.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(
        warnings,
        [
            "`source-paths` is now called `model-paths`",
            "`data-paths` is now called `seed-paths`",
            "`log-path` in dbt_project.yml is deprecated",
            "`model-pahts` is not a known key of a project file",
        ]
    );
    assert_eq!(project.warnings[3].primary.as_ref().unwrap().text, "did you mean `model-paths`?");
}

#[test]
fn all_mistakes_of_a_project_file_come_at_once() {
    let text =
        "name: my-shop\nconfig-version: 1\nrequire-dbt-version: '>=2.0.0'\nmodel-paths: ../x\nrestrict-access: maybe\n";
    let fixture = Fixture::new(&[("dbt_project.yml", text)]);
    let errors = fixture.errors();
    assert_eq!(
        codes(&errors),
        [
            Code::MissingKey,
            Code::InvalidValue,
            Code::InvalidValue,
            Code::VersionMismatch,
            Code::InvalidValue,
            Code::InvalidValue
        ]
    );
    let expected = "\
error[invalid-value]: `my-shop` cannot be the name of a project
  --> dbt_project.yml:1:7
   |
 1 | name: my-shop
   |       ^^^^^^^ only letters, digits and `_`, no digit first
   |
help: for example `my_shop`
";
    assert_eq!(fixture.shown(&errors[1..2]), expected);
    let request = Request { skip_version_check: true, ..fixture.request() };
    assert!(!codes(&fixture.errors_with(request)).contains(&Code::VersionMismatch));
}

#[test]
fn what_the_last_dbt_of_a_database_met_runs() {
    let text = "name: shop\nprofile: shop\nrequire-dbt-version: ['>=1.3.0', '<1.8.0']\n";
    let fixture = Fixture::new(&[("dbt_project.yml", text)]);
    let env = vec![("DBT_ENV_SECRET_PASSWORD".to_owned(), "secret".to_owned())];
    let target =
        |target: &str| Request { target: Some(target.to_owned()), env: Env::from(env.clone()), ..fixture.request() };
    let project = fixture.load_with(target("prod"));
    assert_eq!(codes(&project.warnings), [Code::VersionMismatch]);
    assert!(fixture.shown(&project.warnings).contains("dbt 1.7 was the last to know this database"));
    // DuckDB has newer ones.
    assert_eq!(codes(&fixture.errors_with(target("dev"))), [Code::VersionMismatch]);
    // Commands without a database, as `deps`, do not know.
    assert!(load_project_only(&fixture.request(), &Engine::new()).is_ok());
    fixture.write("dbt_project.yml", text.replace("<1.8.0", "<1.6.0"));
    assert_eq!(codes(&fixture.errors_with(target("prod"))), [Code::VersionMismatch]);
    assert!(load_project_only(&fixture.request(), &Engine::new()).is_err());
}

#[test]
fn reserved_names_are_refused() {
    let errors = Fixture::new(&[("dbt_project.yml", "name: target\nprofile: shop\n")]).errors();
    assert_eq!(errors[0].message, "`target` cannot be the name of a project");
}

#[test]
fn a_project_is_found_from_below_and_missed_with_advice() {
    let fixture = Fixture::new(&[("models/deep/a.sql", "select 1")]);
    let request = Request { cwd: fixture.path().join("models/deep"), ..Request::default() };
    assert_eq!(fixture.load_with(request).root, fixture.path());

    let outside = Request { project_dir: Some("nowhere".into()), ..fixture.request() };
    let errors = fixture.errors_with(outside);
    assert_eq!(errors[0].code, Code::ProjectNotFound);
    assert_eq!(errors[0].message, "the folder `nowhere` does not exist, so there is no `dbt_project.yml`");

    let above = Fixture::new(&[("inner/dbt_project.yml", PROJECT)]);
    std::fs::remove_file(above.path().join("dbt_project.yml")).unwrap();
    let request = Request { project_dir: Some(above.path().to_path_buf()), ..above.request() };
    let errors = above.errors_with(request);
    assert!(errors[0].helps[0].ends_with("inner`"), "{:?}", errors[0].helps);
}

#[test]
fn the_environment_names_the_project_and_its_folders() {
    let fixture = Fixture::new(&[("sub/dbt_project.yml", "name: sub\nprofile: shop\n")]);
    let env = Env::from([
        ("DBT_PROJECT_DIR", "sub"),
        ("DBT_TARGET_PATH", "out"),
        ("DBT_LOG_PATH", "ignored"),
        ("DBT_ENGINE_LOG_PATH", "journal"),
    ]);
    let project = fixture.load_with(Request { env, ..fixture.request() });
    assert_eq!(&*project.name, "sub");
    assert_eq!(project.target_path, fixture.path().join("sub/out"));
    assert_eq!(project.log_path, fixture.path().join("sub/journal"));
}

#[test]
fn variables_follow_dbts_order() {
    let fixture = Fixture::new(&[
        (
            "dbt_project.yml",
            "name: shop\nprofile: shop\nvars:\n  a: root\n  b: root\n  c: root\n  shop: {b: scoped}\n  kit: {c: for kit}\n",
        ),
        ("dbt_packages/kit/dbt_project.yml", "name: kit\nvars:\n  c: own\n  d: own\n  a: own\n"),
    ]);
    let vars = object(json!({"e": 1}));
    let project = fixture.load_with(Request { vars, ..fixture.request() });
    let get = |package: &str, name: &str| project.vars.get(package, name).cloned();
    assert_eq!(get("shop", "a"), Some(json!("root")));
    assert_eq!(get("shop", "b"), Some(json!("scoped")));
    assert_eq!(get("shop", "d"), None);
    assert_eq!(get("kit", "a"), Some(json!("root")));
    assert_eq!(get("kit", "c"), Some(json!("for kit")));
    assert_eq!(get("kit", "d"), Some(json!("own")));
    assert_eq!(get("kit", "e"), Some(json!(1)));
    assert_eq!(get("dbt", "a"), Some(json!("root")));
}

#[test]
fn selectors_are_rendered() {
    let text = "selectors:\n  - name: a\n    default: \"{{ target.name == 'dev' }}\"\n    definition: tag:x\n";
    let project = Fixture::new(&[("selectors.yml", text)]).load();
    let selectors = project.selectors.unwrap().root.to_json();
    assert_eq!(selectors["selectors"][0]["default"], json!(true));
}

#[test]
fn a_project_file_alone_needs_no_profile() {
    let fixture = Fixture::new(&[("dbt_project.yml", "name: shop\nmodels:\n  +schema: \"{{ target.schema }}\"\n")]);
    let project = load_project_only(&fixture.request(), &Engine::new()).unwrap();
    assert_eq!(project.packages_install_path, fixture.path().join("dbt_packages"));
}

#[test]
fn variables_of_vars_yml_are_known_in_the_project_file() {
    let project = Fixture::new(&[
        ("dbt_project.yml", "name: shop\nprofile: shop\nmodel-paths: [\"{{ var('models_in') }}\"]\n"),
        ("vars.yml", "vars:\n  models_in: sql\n  start: 2020-01-01\n  shop: {scoped: 1}\n"),
    ])
    .load();
    assert_eq!(project.root_package().config.paths.models, ["sql"]);
    assert_eq!(project.vars.get("shop", "scoped"), Some(&json!(1)));
    assert_eq!(project.vars.nearest("shop", "strat").unwrap().0.file.path, "vars.yml");
    assert!(project.warnings.is_empty(), "{:?}", project.warnings);
}

#[test]
fn variables_are_declared_in_one_file() {
    let fixture = Fixture::new(&[
        ("dbt_project.yml", "name: shop\nprofile: shop\nvars: {a: 1}\n"),
        ("vars.yml", "vars: {b: 1}\n"),
    ]);
    let errors = fixture.shown(&fixture.errors());
    assert!(errors.contains("error[invalid-config]: variables are declared both in vars.yml and in"), "{errors}");
    assert!(errors.contains("--> dbt_project.yml:3:1"), "{errors}");
}
