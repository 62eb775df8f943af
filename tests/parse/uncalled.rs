//! Macros that dbt's adapters call and the engine does not: a project's own of them are told.

use super::project::TestProject;

#[test]
fn own_macros_that_nothing_calls_are_told() {
    let warnings = TestProject::new()
        .file("macros/old.sql", "{% macro incremental_delete(tmp_relation, target_relation) %}{% endmacro %}")
        .file(
            "macros/catalog.sql",
            "{% macro mysql__list_relations_without_caching(r) %}{% endmacro %}\n\
             {% macro default__rename_relation(a, b) %}{% endmacro %}",
        )
        .warnings();
    for told in [
        "`incremental_delete` is never called here\n  --> macros/old.sql:1:1",
        "override `mysql__get_delete_insert_merge_sql`",
        "`mysql__list_relations_without_caching` is never called here\n  --> macros/catalog.sql:1:1",
        "`default__rename_relation` is never called here\n  --> macros/catalog.sql:2:1",
    ] {
        assert!(warnings.contains(told), "{told}\n{warnings}");
    }
}

#[test]
fn what_is_called_or_meant_for_another_database_is_not_told() {
    let warnings = TestProject::new()
        .file(
            "macros/own.sql",
            "{% macro incremental_delete(t) %}{% endmacro %}\n\
             {% macro my_strategy(t) %}{{ incremental_delete(t) }}{% endmacro %}\n\
             {% macro snowflake__list_schemas(database) %}{% endmacro %}\n\
             {% macro mysql__snapshot_merge_sql(target, source, insert_cols) %}{% endmacro %}\n\
             {% macro list_schemas_of(database) %}{% endmacro %}",
        )
        .warnings();
    assert_eq!(warnings, "");
}
