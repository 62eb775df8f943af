use super::*;
use crate::diag::Code;
use crate::project::deps::{Installed, Mode, install};

fn project_only(fixture: &Fixture, folder: &str, env: &[(&str, &str)]) -> ProjectOnly {
    let request =
        Request { cwd: fixture.path().join(folder), env: Env::from(env.iter().copied()), ..Request::default() };
    load_project_only(&request, &Engine::new()).unwrap()
}

fn shop_with_kit() -> Fixture {
    Fixture::new(&[
        ("shop/dbt_project.yml", PROJECT),
        ("shop/profiles.yml", PROFILES),
        ("shop/packages.yml", "packages:\n  - local: \"{{ env_var('KIT', '../kit') }}\"\n"),
        ("kit/dbt_project.yml", "name: kit\nmacro-paths: [macros]\n"),
        ("kit/packages.yml", "packages:\n  - local: ../base\n"),
        ("kit/macros/m.sql", "{% macro m() %}{% endmacro %}"),
        ("base/dbt_project.yml", "name: base\n"),
    ])
}

#[test]
fn local_packages_are_linked_with_those_they_ask_for() {
    let fixture = shop_with_kit();
    let project = project_only(&fixture, "shop", &[]);
    let installed = install(&project, &Engine::new(), Mode::Install).unwrap();
    let named = |name: &str, path: &str| Installed { name: name.into(), source: format!("local folder `{path}`") };
    assert_eq!(installed, [named("kit", "../kit"), named("base", "../base")]);

    let request = Request { cwd: fixture.path().join("shop"), ..Request::default() };
    let project = fixture.load_with(request.clone());
    let packages: Vec<&str> = project.packages.iter().map(|package| &*package.name).collect();
    assert_eq!(packages, ["shop", "base", "kit", "dbt_duckdb", "dbt"]);
    let macros = &project.package("kit").unwrap().files.macros;
    assert_eq!(macros[0].path.original, "macros/m.sql");
    assert_eq!(macros[0].source.path, "dbt_packages/kit/macros/m.sql");

    // A second time replaces what is there.
    install(&project_only(&fixture, "shop", &[]), &Engine::new(), Mode::Install).unwrap();
    fixture.load_with(request);
}

#[test]
fn the_lock_file_lists_what_was_resolved() {
    let fixture = shop_with_kit();
    install(&project_only(&fixture, "shop", &[]), &Engine::new(), Mode::Lock).unwrap();
    let lock = std::fs::read_to_string(fixture.path().join("shop/package-lock.yml")).unwrap();
    let (packages, hash) = lock.split_once("sha1_hash: ").unwrap();
    assert_eq!(packages, "packages:\n  - local: ../kit\n    name: kit\n  - local: ../base\n    name: base\n");
    assert_eq!(hash.trim().len(), 40);
    assert!(!fixture.path().join("shop/dbt_packages").exists());
}

#[test]
fn packages_that_are_not_there_or_not_supported() {
    let fixture = Fixture::new(&[(
        "packages.yml",
        "packages:\n  - local: nowhere\n  - package: dbt-labs/dbt_utils\n    version: 1.3.0\n  - git: https://example.com/x.git\n",
    )]);
    let errors = install(&project_only(&fixture, ".", &[]), &Engine::new(), Mode::Install).unwrap_err();
    let told: Vec<(Code, &str)> = errors.iter().map(|error| (error.code, error.message.as_str())).collect();
    assert_eq!(
        told,
        [
            (Code::Dependency, "there is no dbt project in `nowhere`"),
            (Code::NotSupported, "hub package `dbt-labs/dbt_utils` cannot be installed by this version"),
            (Code::NotSupported, "git repository `https://example.com/x.git` cannot be installed by this version"),
        ]
    );
}

#[test]
fn packages_that_are_asked_for_must_be_installed() {
    let fixture = Fixture::new(&[("packages.yml", "packages:\n  - package: dbt-labs/dbt_utils\n    version: 1.3.0\n")]);
    let expected = "\
error[dependency]: hub package `dbt-labs/dbt_utils` is not installed in `dbt_packages`
  --> packages.yml:2:5
   |
 2 |   - package: dbt-labs/dbt_utils
   |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^ asked for here
   |
help: run `headwater deps`
";
    assert_eq!(fixture.shown(&fixture.errors()), expected);
    fixture.write("dbt_packages/dbt_utils/dbt_project.yml", "name: dbt_utils\n");
    fixture.load();
}

#[test]
fn two_packages_of_one_name_are_refused() {
    let fixture = Fixture::new(&[
        ("dbt_packages/one/dbt_project.yml", "name: kit\n"),
        ("dbt_packages/two/dbt_project.yml", "name: kit\n"),
    ]);
    let errors = fixture.errors();
    assert_eq!(errors[0].code, Code::DuplicateName);
    assert_eq!(errors[0].notes, ["`dbt_packages/one` and `dbt_packages/two`"]);
}
