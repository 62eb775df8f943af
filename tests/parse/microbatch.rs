//! Configs of microbatch models.

use super::project::TestProject;

const SEED: (&str, &str) = ("seeds/raw.csv", "id,at\n");
const SEED_YAML: &str = "seeds:\n  - name: raw\n    config: {event_time: at}\n";

fn project(config: &str) -> TestProject {
    let model = format!(
        "{{{{ config(\n    materialized='incremental',\n    incremental_strategy='microbatch',\n    {config}\n) }}}}\nselect * from {{{{ ref('raw') }}}}"
    );
    TestProject::new().file(SEED.0, SEED.1).file("seeds/raw.yml", SEED_YAML).file("models/m.sql", &model)
}

#[test]
fn what_is_missing_is_told_at_once() {
    let errors = project("lookback=2").errors();
    for (key, what) in [
        ("event_time", "the column that says when a row happened"),
        ("begin", "the date from which the model is built"),
        ("batch_size", "`hour`, `day`, `month` or `year`"),
    ] {
        let line = format!("error[invalid-config]: model `m` has no `{key}`: strategy `microbatch` needs it: {what}");
        assert!(errors.contains(&line), "{errors}");
    }
    assert_eq!(errors.matches("error[").count(), 3, "{errors}");
}

#[test]
fn wrong_values_are_told_with_their_lines() {
    let errors = project(
        "event_time=3,\n    begin='31.01.2024',\n    batch_size='days',\n    lookback='1',\n    concurrent_batches='yes',\n    unique_key='id'",
    )
    .errors();
    for (line, what) in [
        (4, "`event_time` of model `m` must be the name of a column"),
        (5, "`begin` of model `m` must be a date, such as `2024-01-31` or `2024-01-31T06:00:00`"),
        (6, "`batch_size` of model `m` must be one of hour, day, month, year"),
        (7, "`lookback` of model `m` must be a whole number, 0 or more"),
        (8, "`concurrent_batches` of model `m` must be true or false"),
        (9, "`unique_key` of model `m` has no meaning for strategy `microbatch`"),
    ] {
        let at = errors.find(what).unwrap_or_else(|| panic!("{what} in {errors}"));
        let place = format!("--> models/m.sql:{line}:");
        assert!(errors[at..].lines().nth(1).is_some_and(|text| text.contains(&place)), "{what}: {errors}");
    }
    assert!(errors.contains("did you mean `day`?") && errors.contains("found `31.01.2024`"), "{errors}");
    let errors = project("event_time='at', begin='2024-01-01', batch_size='day', lookback=-1").errors();
    assert!(errors.contains("`lookback`"), "{errors}");
}

#[test]
fn only_incremental_models_of_the_strategy_are_checked() {
    let manifest = TestProject::new()
        .file("models/view.sql", "{{ config(incremental_strategy='microbatch') }}select 1")
        .file("models/other.sql", "{{ config(materialized='incremental', batch_size='days') }}select 1")
        .manifest();
    assert_eq!(manifest.nodes.len(), 2);
}

const GOOD: &str = "event_time='at', begin='2024-01-01T00:00:00Z', batch_size='month'";

#[test]
fn a_model_without_an_input_that_can_be_filtered_is_warned_of() {
    assert_eq!(project(GOOD).warnings(), "");
    let warnings = project(GOOD).file("seeds/raw.yml", "seeds: [{name: raw}]\n").warnings();
    assert!(
        warnings.contains("warning[microbatch-inputs]: no input of microbatch model `m` has an `event_time`"),
        "{warnings}"
    );
    let errors = project(GOOD).file("seeds/raw.yml", "seeds: [{name: raw, config: {event_time: [at]}}]\n").errors();
    assert!(errors.contains("config `event_time` of `seed.shop.raw` must be the name of a column"), "{errors}");
}

#[test]
fn a_strategy_of_the_projects_own_may_run_outside_of_batches() {
    let own = "{% macro get_incremental_microbatch_sql(arg_dict) %}{% endmacro %}";
    let with = |flags: &str| {
        project("unique_key='id'")
            .file("macros/own.sql", own)
            .file("dbt_project.yml", &format!("name: shop\nprofile: shop\n{flags}"))
    };
    assert!(with("").errors().contains("has no `begin`"));
    let flag = "flags: {require_batched_execution_for_custom_microbatch_strategy: false}\n";
    let warnings = with(flag).warnings();
    assert!(warnings.contains("builds whole models, not their batches"), "{warnings}");
    assert!(!with(flag).manifest().in_batches);
    // The flag says nothing where the built-in strategy is used.
    let built_in = project("lookback=1").file("dbt_project.yml", &format!("name: shop\nprofile: shop\n{flag}"));
    assert!(built_in.errors().contains("has no `begin`"));
}
