//! What dbt has deprecated: each kind is a warning with its place, and the project runs all the same.

use headwater::diag::{Deprecation, Diagnostic};

use super::project::{TestProject, ids, node, text};

/// Kind, file and line of each, in order.
fn told(project: &TestProject) -> Vec<(Deprecation, String, usize)> {
    warnings(project)
        .iter()
        .filter_map(|warning| {
            let (path, line) = place(warning);
            Some((warning.deprecation?, path, line))
        })
        .collect()
}

fn warnings(project: &TestProject) -> Vec<Diagnostic> {
    match project.parse() {
        Ok((project, parsed)) => [&project.warnings[..], &parsed.manifest.warnings].concat(),
        Err(diags) => panic!("{}", text(&diags)),
    }
}

fn place(warning: &Diagnostic) -> (String, usize) {
    let Some(label) = &warning.primary else { return (String::new(), 0) };
    (label.span.file.path.clone(), label.span.file.line_column(label.span.range.start as usize).0)
}

#[track_caller]
fn tells(project: TestProject, kind: Deprecation, path: &str, line: usize) {
    let found = told(&project);
    assert_eq!(found, [(kind, path.to_owned(), line)], "{}", text(&warnings(&project)));
}

fn shop(more: &str) -> TestProject {
    TestProject::new()
        .file("dbt_project.yml", &format!("name: shop\nprofile: shop\n{more}"))
        .file("models/a.sql", "select 1 as id")
}

/// A project with one properties file.
fn described(text: &str) -> TestProject {
    shop("").file("models/a.yml", text)
}

#[test]
fn a_project_without_anything_old_is_quiet() {
    assert_eq!(told(&described("models:\n  - name: a\n    config: {meta: {x: 1}, materialized: table}\n")), []);
}

#[test]
fn renamed_and_moved_keys_of_the_project_file() {
    let kinds = [
        ("source-paths: [models]\n", Deprecation::ConfigSourcePath),
        ("data-paths: [seeds]\n", Deprecation::ConfigDataPath),
        ("log-path: elsewhere\n", Deprecation::ConfigLogPath),
        ("target-path: elsewhere\n", Deprecation::ConfigTargetPath),
        ("team: data\n", Deprecation::CustomTopLevelKey),
        ("query-comment: {comment: x, appended: 1, team: x}\n", Deprecation::CustomKeyInObject),
        ("models:\n  materialized: view\n", Deprecation::MissingPlusPrefix),
        ("models:\n  +team: data\n", Deprecation::CustomKeyInConfig),
    ];
    for (text, kind) in kinds {
        let found = told(&shop(text));
        assert!(
            found.iter().all(|(found, path, line)| *found == kind && path == "dbt_project.yml" && *line >= 3),
            "{found:?}"
        );
        assert!(!found.is_empty(), "{text}");
    }
    tells(
        shop("models:\n  shop:\n    +materialized: view\n    enabled: true\n"),
        Deprecation::MissingPlusPrefix,
        "dbt_project.yml",
        6,
    );
    tells(shop("models:\n  persist_docs: {relation: true}\n"), Deprecation::MissingPlusPrefix, "dbt_project.yml", 4);
    let errors = shop("source-paths: [models]\nmodel-paths: [models]\n").errors();
    assert!(errors.contains("error[invalid-config]: `source-paths` is an older name of `model-paths`"), "{errors}");
}

#[test]
fn what_a_macro_reads_is_no_custom_config() {
    let reads = "{% macro owner() %}{{ config.get('team') }}{% endmacro %}";
    assert_eq!(told(&shop("models:\n  +team: data\n").file("macros/owner.sql", reads)), []);
}

#[test]
fn settings_in_profiles_yml() {
    let profiles = "config: {fail_fast: true}\nshop:\n  target: dev\n  outputs:\n    dev: {type: mysql, server: localhost, schema: main, username: u, password: p}\n";
    tells(shop("").file("profiles.yml", profiles), Deprecation::ProjectFlagsMoved, "profiles.yml", 1);
}

#[test]
fn keys_of_properties_files() {
    use Deprecation::{
        CustomKeyInConfig, CustomKeyInObject, CustomTopLevelKey, DuplicateYamlKeys, PropertyMovedToConfig,
    };
    let cases = [
        ("things: []\n", CustomTopLevelKey, 1),
        ("models:\n  - name: a\n    team: data\n", CustomKeyInObject, 3),
        ("models:\n  - name: a\n    config: {team: data}\n", CustomKeyInConfig, 3),
        ("models:\n  - name: a\n    meta: {x: 1}\n", PropertyMovedToConfig, 3),
        ("models:\n  - name: a\n    tags: [x]\n", PropertyMovedToConfig, 3),
        ("models:\n  - name: a\n    columns:\n      - name: id\n        tags: [x]\n", PropertyMovedToConfig, 5),
        ("models:\n  - name: a\n    columns:\n      - name: id\n        team: x\n", CustomKeyInObject, 5),
        ("models:\n  - name: a\n    description: x\n    description: y\n", DuplicateYamlKeys, 4),
        (
            "sources:\n  - name: raw\n    tables:\n      - name: t\n        loaded_at_field: x\n",
            PropertyMovedToConfig,
            5,
        ),
        ("exposures:\n  - {name: e, type: ml, owner: {name: me}, tags: [x]}\n", PropertyMovedToConfig, 2),
        ("exposures:\n  - name: of the board\n    type: ml\n    owner: {name: me}\n", Deprecation::ExposureName, 2),
    ];
    for (text, kind, line) in cases {
        tells(described(text), kind, "models/a.yml", line);
    }
}

#[test]
fn a_near_miss_is_told_as_a_mistake_of_the_same_kind() {
    let project = described("models:\n  - name: a\n    descripton: x\n");
    let found = warnings(&project);
    assert_eq!(found[0].code.as_str(), "unknown-key");
    assert_eq!(found[0].deprecation, Some(Deprecation::CustomKeyInObject));
    assert_eq!(found[0].primary.as_ref().unwrap().text, "did you mean `description`?");
}

#[test]
fn configs_in_sql() {
    let sql = "{{ config(\n  materialized='table',\n  team='data') }}\nselect 1 as id";
    tells(shop("").file("models/a.sql", sql), Deprecation::CustomKeyInConfig, "models/a.sql", 3);
}

#[test]
fn arguments_of_generic_tests() {
    let of = |test: &str| format!("models:\n  - name: a\n    columns:\n      - name: id\n        data_tests:\n{test}");
    let beside = of("          - accepted_values:\n              values: [1]\n");
    tells(described(&beside), Deprecation::MissingArgumentsProperty, "models/a.yml", 7);
    let config = of("          - not_null:\n              severity: warn\n");
    tells(described(&config), Deprecation::PropertyMovedToConfig, "models/a.yml", 7);
    let header = of("          - not_null:\n              config: {sql_header: 'set x = 1'}\n");
    tells(described(&header), Deprecation::CustomKeyInConfig, "models/a.yml", 7);
    let nested = of(
        "          - accepted_values:\n              arguments: {values: [1]}\n              config: {severity: warn}\n",
    );
    assert_eq!(told(&described(&nested)), []);

    let flags = "flags: {require_generic_test_arguments_property: false}\n";
    let test = "{% test mine(model, arguments) %}select * from {{ model }} where {{ arguments.x }}{% endtest %}";
    let yaml = "models:\n  - name: a\n    data_tests:\n      - mine:\n          arguments: {x: 1}\n";
    let project = shop(flags).file("models/a.yml", yaml).file("tests/generic/mine.sql", test);
    tells(project, Deprecation::ArgumentsProperty, "models/a.yml", 5);
}

#[test]
fn names_with_spaces() {
    let strict = shop("").file("models/b c.sql", "select 1");
    assert!(strict.errors().contains("error[invalid-value]: model `b c` has a name with spaces"));
    let lax = shop("flags: {require_resource_names_without_spaces: false}\n").file("models/b c.sql", "select 1");
    tells(lax, Deprecation::ResourceNamesWithSpaces, "models/b c.sql", 1);
    let source = "sources:\n  - name: raw data\n    tables: [{name: t}, {name: u}]\n";
    tells(described(source), Deprecation::ResourceNamesWithSpaces, "models/a.yml", 3);
    let flag = "flags: {require_source_and_semantic_model_names_without_spaces: true}\n";
    assert!(shop(flag).file("models/a.yml", source).errors().contains("source `raw data` has a name with spaces"));
}

#[test]
fn one_name_of_two_kinds() {
    let files =
        |text: &str| shop(text).file("seeds/a.csv", "id\n1\n").file("models/b.sql", "select * from {{ ref('a') }}");
    let seeds = "seeds: {+schema: raw}\n";
    let project = files(seeds);
    tells(project, Deprecation::DuplicateNameDistinctNodeTypes, "seeds/a.csv", 1);
    let manifest = files(seeds).manifest();
    assert_eq!(ids(&node(&manifest, "model.shop.b").depends_on_nodes), ["seed.shop.a"]);
    let strict = files("seeds: {+schema: raw}\nflags: {require_unique_project_resource_names: true}\n");
    assert!(strict.errors().contains("error[duplicate-name]: package `shop` has a model and a seed called `a`"));
}

#[test]
fn a_schema_that_nobody_gives() {
    let nothing = "{% macro generate_schema_name(custom, node) %}{{ return(none) }}{% endmacro %}";
    let project = shop("").file("macros/schema.sql", nothing);
    tells(project, Deprecation::GenerateSchemaNameNullValue, "models/a.sql", 1);
    let strict =
        shop("flags: {require_valid_schema_from_generate_schema_name: true}\n").file("macros/schema.sql", nothing);
    assert!(strict.errors().contains("gives no schema for `a`"));
}

#[test]
fn templates() {
    let stray = "{% macro m() %}{% set y = 1 %}{% endmacro %}\n{% set x = 1 %}\n";
    tells(shop("").file("macros/m.sql", stray), Deprecation::UnexpectedJinjaBlock, "macros/m.sql", 2);
    let itertools = "{% macro m() %}\n{{ modules.itertools.chain([1]) }}{% endmacro %}";
    tells(shop("").file("macros/m.sql", itertools), Deprecation::ModulesItertools, "macros/m.sql", 2);
}

#[test]
fn materializations_of_packages() {
    let flag = "flags: {require_explicit_package_overrides_for_builtin_materializations: false}\n";
    let with_package = |text: &str| {
        shop(text)
            .file("dbt_packages/kit/dbt_project.yml", "name: kit\n")
            .file("dbt_packages/kit/macros/m.sql", "\n{% materialization view, default %}{% endmaterialization %}")
    };
    let path = "dbt_packages/kit/macros/m.sql";
    tells(with_package(flag), Deprecation::PackageMaterializationOverride, path, 2);
    assert_eq!(told(&with_package("")), []);
}

#[test]
fn a_microbatch_strategy_for_whole_models() {
    let flag = "flags: {require_batched_execution_for_custom_microbatch_strategy: false}\n";
    let model = "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='at', begin='2020-01-01', batch_size='day') }}\nselect 1 as id";
    let strategy = "{% macro get_incremental_microbatch_sql(arguments) %}select 1{% endmacro %}";
    let with = |more: &str| shop(more).file("models/a.sql", model).file("macros/m.sql", strategy);
    tells(with(flag), Deprecation::MicrobatchMacroOutsideOfBatches, "macros/m.sql", 1);
    assert_eq!(told(&with("")), []);
}

#[test]
fn arguments_of_macros_are_those_that_they_take() {
    let macros = "{% macro m(a, b=1) %}{% endmacro %}";
    let described = |arguments: &str| {
        shop("")
            .file("macros/m.sql", macros)
            .file("macros/m.yml", &format!("macros: [{{name: m, arguments: {arguments}}}]\n"))
    };
    let fits = described("[{name: a, type: 'list[optional[int]]'}, {name: b, type: 'dict[string, any]'}]");
    assert!(warnings(&fits).is_empty(), "{}", text(&warnings(&fits)));
    let wrong = text(&warnings(&described("[{name: b, type: text}]")));
    assert!(wrong.contains("the arguments described for macro `m` are not those that it takes"), "{wrong}");
    assert!(wrong.contains("it takes `a`, `b`"), "{wrong}");
    assert!(wrong.contains("an argument of macro `m` has the unknown type `text`"), "{wrong}");
}
