use std::sync::{Arc, Mutex};

use super::console::Captured;
use super::*;

struct Ran {
    outcome: Outcome,
    stdout: String,
    stderr: String,
}

fn ran(line: &[&str]) -> Ran {
    ran_in(line, tempfile::tempdir().unwrap().path())
}

fn ran_in(line: &[&str], dir: &std::path::Path) -> Ran {
    let (stdout, stderr) = (Captured::default(), Captured::default());
    let host = Host {
        drivers: Drivers::default(),
        modules: None,
        listener: None,
        cancel: CancelToken::new(),
        asker: None,
        env: Env::default(),
        cwd: dir.to_owned(),
        stdout: Arc::new(Mutex::new(stdout.clone())),
        stderr: Arc::new(Mutex::new(stderr.clone())),
        is_terminal: false,
        parsed: Handover::None,
    };
    let argv: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
    Ran { outcome: main(&argv, host), stdout: stdout.text(), stderr: stderr.text() }
}

#[test]
fn help_and_version_go_to_stdout() {
    assert!(ran(&["--version"]).stdout.starts_with("headwater "));
    assert_eq!(ran(&[]).outcome.exit_code, 0);
    assert!(ran(&["ls", "--help"]).stdout.contains("Usage: headwater list [OPTIONS]\nAlso: headwater ls\n"));
}

#[test]
fn usage_errors_go_to_stderr_and_exit_with_2() {
    let ran = ran(&["biuld"]);
    assert_eq!(ran.outcome.exit_code, 2);
    assert_eq!(ran.stderr, "error[command-line]: there is no command `biuld`\nhelp: did you mean `build`?\n");
    assert_eq!(ran.stdout, "");
}

/// A project on a server that nobody has: what needs no connection works, and what needs one fails.
struct Shop(tempfile::TempDir);

impl Shop {
    fn new() -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        shop.file("dbt_project.yml", "name: shop\nprofile: shop\nversion: '1.0'\nclean-targets: [target, logs]\n");
        shop.file(
            "profiles.yml",
            "shop:\n  target: dev\n  outputs:\n    dev: {type: mysql, host: 127.0.0.1, port: 1, user: nobody, password: hush, schema: main}\n",
        );
        shop.file("models/staging/stg_orders.sql", "select * from {{ source('raw', 'orders') }}");
        shop.file("models/orders.sql", "{{ config(tags='nightly') }} select * from {{ ref('stg_orders') }}");
        shop.file(
            "models/schema.yml",
            "sources: [{name: raw, tables: [{name: orders}]}]\n\
             models:\n  - name: orders\n    columns: [{name: id, data_tests: [not_null]}]\n\
             exposures: [{name: board, type: dashboard, owner: {name: Ann}, depends_on: [\"ref('orders')\"]}]\n\
             unit_tests: [{name: adds_up, model: orders, given: [], expect: {rows: [{id: 1}]}}]\n",
        );
        shop
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn has(&self, path: &str) -> bool {
        self.0.path().join(path).exists()
    }

    fn ran(&self, line: &[&str]) -> Ran {
        ran_in(line, self.0.path())
    }
}

#[test]
fn ls_prints_lines_that_select_what_they_name() {
    let shop = Shop::new();
    let all = shop.ran(&["ls"]);
    assert_eq!(
        (all.stdout.as_str(), all.stderr.as_str()),
        (
            "exposure:shop.board\nshop.orders\nshop.staging.stg_orders\nsource:shop.raw.orders\nshop.not_null_orders_id\n\
         unit_test:shop.adds_up\n",
            ""
        )
    );
    assert_eq!(
        shop.ran(&["ls", "-s", "+orders", "--output", "name", "--resource-type", "model", "source"]).stdout,
        "orders\nstg_orders\nraw.orders\n"
    );
    assert_eq!(shop.ran(&["ls", "-m", "tag:nightly", "--output", "path"]).stdout, "models/orders.sql\n");
    assert_eq!(
        shop.ran(&["ls", "-m", "orders", "--output", "json", "--output-keys", "name config.materialized nothing"])
            .stdout,
        "{\"name\": \"orders\", \"config.materialized\": \"view\"}\n"
    );
    assert!(shop.has("logs/dbt.log") && shop.has("target/manifest.json"));
}

#[test]
fn what_is_not_selected_is_a_warning_or_an_error() {
    let shop = Shop::new();
    let warned = shop.ran(&["run", "-s", "ordres"]);
    assert_eq!(warned.outcome.exit_code, 0);
    assert_eq!(
        warned.stderr,
        "\nwarning[no-nodes-selected]: `ordres` matches nothing\nhelp: did you mean `orders`?\n\n1 warning\n"
    );
    let refused = shop.ran(&["run", "-s", "ordres", "--warn-error"]);
    assert_eq!(refused.outcome.exit_code, 2);
    assert!(refused.stderr.contains("error[no-nodes-selected]: `ordres` matches nothing"), "{}", refused.stderr);
    assert_eq!(shop.ran(&["run", "-s", "tags:x"]).outcome.exit_code, 2);
    assert_eq!(shop.ran(&["run-operation", "nothing"]).outcome.exit_code, 2);
}

#[test]
fn compile_prints_what_is_named() {
    let shop = Shop::new();
    let compiled = shop.ran(&["compile", "-s", "orders", "--quiet"]);
    assert_eq!(compiled.stdout, " select * from `main`.`stg_orders`\n", "{}", compiled.stderr);
    let inline =
        shop.ran(&["compile", "--inline", "select {{ 1 + 1 }} from {{ ref('orders') }}", "-q", "--output", "json"]);
    assert_eq!(inline.stdout, "{\n  \"compiled\": \"select 2 from `main`.`orders`\"\n}\n");
}

#[test]
fn debug_names_what_is_wrong_and_no_secrets() {
    let shop = Shop::new();
    let checked = shop.ran(&["debug"]);
    assert_eq!(checked.outcome.exit_code, 1);
    assert!(checked.stdout.contains("Not all checks passed") && checked.stderr.contains("error[connection]"));
    assert!(!checked.stdout.contains("hush") && !checked.stderr.contains("hush"));
}

#[test]
fn clean_removes_only_what_commands_have_written() {
    let shop = Shop::new();
    shop.file("target/x", "");
    let cleaned = shop.ran(&["clean", "--log-level-file", "none"]);
    assert_eq!(cleaned.outcome.exit_code, 0, "{}", cleaned.stderr);
    assert!(!shop.has("target") && shop.has("models/orders.sql"));
    for (targets, why) in [
        ("[models]", "which would remove files of yours in `models`"),
        ("[.]", "which holds the project itself"),
        ("[../elsewhere]", "which is outside of the project"),
    ] {
        shop.file("dbt_project.yml", &format!("name: shop\nprofile: shop\nclean-targets: {targets}\n"));
        let refused = shop.ran(&["clean"]);
        assert!(refused.outcome.exit_code == 2 && refused.stderr.contains(why), "{targets}: {}", refused.stderr);
    }
    assert!(shop.has("models/orders.sql"));
}

#[test]
fn each_kind_of_deprecation_is_told_once_and_counted() {
    let shop = Shop::new();
    for name in ["b", "c"] {
        shop.file(&format!("models/{name}.sql"), "select 1");
        shop.file(&format!("models/{name}.yml"), &format!("models: [{{name: {name}, meta: {{a: 1}}}}]\n"));
    }
    let sources =
        "sources:\n  - &one\n    name: one\n    meta: {a: 1}\n    tables: [{name: t}]\n  - {<<: *one, name: two}\n";
    shop.file("models/anchored.yml", sources);
    let told = shop.ran(&["ls"]).stderr;
    assert_eq!(told.matches("`meta` belongs under `config` now").count(), 1, "{told}");
    assert!(told.contains("`PropertyMovedToConfigDeprecation` 3 times"), "{told}");
    assert!(told.contains("help: `--show-all-deprecations` shows every place"), "{told}");
    let all = shop.ran(&["ls", "--show-all-deprecations"]).stderr;
    assert_eq!(all.matches("`meta` belongs under `config` now").count(), 3, "{all}");
    let quiet = shop.ran(&["ls", "--warn-error-options", "{silence: [Deprecations, DeprecationsSummary]}"]);
    assert_eq!(quiet.stderr, "");
    let strict = shop.ran(&["ls", "--warn-error-options", "{error: [PropertyMovedToConfigDeprecation]}"]);
    assert_eq!(strict.outcome.exit_code, 2);
    assert!(strict.stderr.contains("error[deprecated]: `meta` belongs under `config` now"), "{}", strict.stderr);
}

#[test]
fn clean_knows_the_old_folder_of_packages() {
    let shop = Shop::new();
    shop.file("dbt_project.yml", "name: shop\nprofile: shop\nclean-targets: [dbt_modules]\n");
    let told = shop.ran(&["clean"]).stderr;
    assert!(told.contains("help: name `dbt_packages` instead, where packages are now"), "{told}");
}

#[test]
fn dotenv_fills_in_what_the_shell_does_not_say() {
    let shop = Shop::new();
    shop.file(".env", "DBT_TARGET=nowhere\nDBT_ENV_SECRET_X=hush-hush\n");
    let told = shop.ran(&["ls"]).stderr;
    assert!(told.contains("nowhere"), "{told}");
    shop.file("models/orders.sql", "{{ exceptions.raise_compiler_error(env_var('DBT_ENV_SECRET_X')) }}");
    shop.file(".env", "DBT_ENV_SECRET_X=hush-hush\n");
    assert!(!shop.ran(&["parse"]).stderr.contains("hush-hush"));
}
