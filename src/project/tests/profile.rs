use serde_json::json;

use super::*;
use crate::diag::Code;

fn request(fixture: &Fixture, target: &str, env: &[(&str, &str)]) -> Request {
    Request { target: Some(target.to_owned()), env: Env::from(env.iter().copied()), ..fixture.request() }
}

#[test]
fn only_the_chosen_target_is_rendered() {
    let project = Fixture::new(&[]).load();
    let profile = &project.profile;
    assert_eq!((profile.target_name.as_str(), profile.kind.as_str()), ("dev", "duckdb"));
    assert_eq!((profile.threads, profile.schema.as_str()), (4, "main"));
    assert_eq!(profile.database.as_deref(), Some("shop"));
}

#[test]
fn texts_of_the_environment_become_numbers_but_not_passwords() {
    let fixture = Fixture::new(&[]);
    let env = [("DBT_ENV_SECRET_PASSWORD", "0123"), ("DB_PORT", "3307")];
    let project = fixture.load_with(Request { threads: Some(2), ..request(&fixture, "prod", &env) });
    assert_eq!(project.profile.credentials["port"], json!(3307));
    assert_eq!(project.profile.credentials["password"], json!("0123"));
    assert_eq!(project.profile.threads, 2);
    let shown = format!("{:?} {:?}", project.profile, project.invocation);
    assert!(!shown.contains("0123"), "{shown}");
}

#[test]
fn an_environment_variable_without_value_is_shown_in_its_line() {
    let fixture = Fixture::new(&[]);
    let errors = fixture.errors_with(request(&fixture, "prod", &[]));
    let expected = "\
error[env-var-not-set]: environment variable `DBT_ENV_SECRET_PASSWORD` is not set and has no default
  --> profiles.yml:10:30
   |
10 |       password: \"{{ env_var('DBT_ENV_SECRET_PASSWORD') }}\"
   |                              ^^^^^^^^^^^^^^^^^^^^^^^ needed here
   |
help: set it (`export DBT_ENV_SECRET_PASSWORD=…`), or give a default: `env_var('DBT_ENV_SECRET_PASSWORD', '…')`
";
    assert_eq!(fixture.shown(&errors), expected);
}

#[test]
fn secrets_stay_in_the_profile() {
    let fixture = Fixture::new(&[(
        "dbt_project.yml",
        "name: shop\nprofile: shop\nversion: \"{{ env_var('DBT_ENV_SECRET_PASSWORD') }}\"\n",
    )]);
    let errors = fixture.errors_with(request(&fixture, "dev", &[("DBT_ENV_SECRET_PASSWORD", "x")]));
    assert_eq!(errors[0].message, "the secret `DBT_ENV_SECRET_PASSWORD` cannot be used here");
}

#[test]
fn a_target_that_is_not_there() {
    let fixture = Fixture::new(&[]);
    let expected = "\
error[profile-not-found]: profile `shop` has no target `prd`
  --> profiles.yml:1:1
   |
 1 | shop:
   | ^^^^ this profile
   |
note: its targets are `dev`, `prod`
help: did you mean `prod`?
";
    let errors = fixture.errors_with(request(&fixture, "prd", &[]));
    assert_eq!(fixture.shown(&errors), expected);
}

#[test]
fn a_profile_that_is_not_there() {
    let fixture = Fixture::new(&[("dbt_project.yml", "name: shop\nprofile: shopp\n")]);
    let expected = "\
error[profile-not-found]: there is no profile `shopp` in `profiles.yml`
note: `<folder>/profiles.yml` defines `shop`
help: did you mean `shop`?
";
    assert_eq!(fixture.shown(&fixture.errors()), expected);
}

#[test]
fn no_profiles_file_at_all() {
    let fixture = Fixture::new(&[]);
    std::fs::remove_file(fixture.path().join("profiles.yml")).unwrap();
    let home = fixture.path().join("home").display().to_string();
    let errors = fixture.errors_with(Request { env: Env::from([("HOME", home)]), ..fixture.request() });
    assert_eq!(errors[0].code, Code::ProfileNotFound);
    assert_eq!(
        fixture.shown(&errors),
        "\
error[profile-not-found]: no `profiles.yml` found, so there is no profile `shop`
note: looked for `<folder>/profiles.yml`, `<folder>/home/.dbt/profiles.yml`
help: `headwater init` asks for what it needs and writes it; `--profiles-dir <folder>` names another folder
"
    );
}

#[test]
fn the_search_order_of_profiles() {
    let fixture = Fixture::new(&[
        ("home/.dbt/profiles.yml", "shop: {outputs: {default: {type: duckdb, schema: home}}}"),
        ("given/profiles.yml", "shop: {outputs: {default: {type: duckdb, schema: given}}}"),
    ]);
    let home = fixture.path().join("home").display().to_string();
    let schema = |request: Request| fixture.load_with(request).profile.schema;
    let env = Env::from([("HOME", home.as_str()), ("DBT_PROFILES_DIR", "given")]);
    assert_eq!(schema(Request { env: env.clone(), ..fixture.request() }), "given");
    let flag = Request { profiles_dir: Some(fixture.path().join("home/.dbt")), env, ..fixture.request() };
    assert_eq!(schema(flag), "home");
    assert_eq!(schema(fixture.request()), "main");
    std::fs::remove_file(fixture.path().join("profiles.yml")).unwrap();
    assert_eq!(schema(Request { env: Env::from([("HOME", home)]), ..fixture.request() }), "home");
}

#[test]
fn the_target_may_be_jinja_and_the_environment_may_choose() {
    let fixture = Fixture::new(&[(
        "profiles.yml",
        "shop:\n  target: \"{{ env_var('WHERE', 'a') }}\"\n  outputs:\n    a: {type: duckdb}\n    b: {type: duckdb}\nother:\n  outputs:\n    default: {type: duckdb}\n",
    )]);
    let chosen = |env: &[(&str, &str)]| {
        let project = fixture.load_with(Request { env: Env::from(env.iter().copied()), ..fixture.request() });
        (project.profile.name, project.profile.target_name)
    };
    assert_eq!(chosen(&[]), ("shop".into(), "a".into()));
    assert_eq!(chosen(&[("WHERE", "b")]), ("shop".into(), "b".into()));
    assert_eq!(chosen(&[("WHERE", "b"), ("DBT_TARGET", "a")]), ("shop".into(), "a".into()));
    assert_eq!(chosen(&[("DBT_PROFILE", "other")]), ("other".into(), "default".into()));
}

#[test]
fn targets_with_mistakes() {
    let message = |target: &str| {
        let profiles = format!("shop:\n  outputs:\n    default: {target}\n");
        Fixture::new(&[("profiles.yml", &profiles)]).errors().remove(0).message
    };
    assert_eq!(message("{schema: x}"), "target `default` has no `type`");
    assert_eq!(message("{type: snowflake}"), "warehouses of type `snowflake` are not supported");
    assert_eq!(message("{type: mysql}"), "target `default` has no `schema`");
    assert_eq!(message("{type: duckdb, threads: many}"), "`threads` must be a whole number above 0");
    assert_eq!(message("[]"), "a target must be a mapping, found a list");
}
