//! dbt's behaviour flags: switches under `flags:` of dbt_project.yml that keep or leave an older behaviour.

use serde_json::{Map, Value};

use super::Project;

/// A flag as dbt 1.12 knows it.
#[derive(Debug, Clone, Copy)]
pub struct Behavior {
    /// As it stands in dbt_project.yml.
    pub name: &'static str,
    pub default: bool,
    /// Why the other value cannot be had, where it cannot.
    pub only_default: Option<&'static str>,
    /// Whether dbt writes it into the `args` of run_results.json.
    pub recorded: bool,
}

const fn acts(name: &'static str, default: bool) -> Behavior {
    Behavior { name, default, only_default: None, recorded: true }
}

const fn fixed(name: &'static str, default: bool, why: &'static str) -> Behavior {
    Behavior { name, default, only_default: Some(why), recorded: true }
}

const fn unrecorded(name: &'static str, default: bool) -> Behavior {
    Behavior { name, default, only_default: None, recorded: false }
}

/// All of them (dbt/contracts/project.py, and those of dbt-adapters), sorted by name.
pub const BEHAVIORS: &[Behavior] = &[
    fixed("allow_jinja_file_extensions", false, "files that end in `.jinja` are not read"),
    // Problems of a stage are always told together.
    acts("enable_grouped_warn_error_parser_logs", false),
    unrecorded("enable_truthy_nulls_equals_macro", false),
    fixed("latest_version_pointer_enabled_by_default", false, "no views are made for the latest versions of models"),
    fixed("require_all_warnings_handled_by_warn_error", true, "`--warn-error` is about every warning"),
    acts("require_batched_execution_for_custom_microbatch_strategy", true),
    fixed("require_corrected_analysis_fqns", false, "analyses are not configured in dbt_project.yml"),
    unrecorded("require_event_names_in_deprecations", false),
    acts("require_explicit_package_overrides_for_builtin_materializations", true),
    acts("require_generic_test_arguments_property", true),
    acts("require_nested_cumulative_type_params", true),
    acts("require_ref_searches_node_package_before_root", false),
    acts("require_resource_names_without_spaces", true),
    acts("require_source_and_semantic_model_names_without_spaces", false),
    acts("require_sql_header_in_test_configs", false),
    acts("require_unique_project_resource_names", false),
    acts("require_valid_schema_from_generate_schema_name", false),
    acts("require_yaml_configuration_for_mf_time_spines", true),
    acts("skip_nodes_if_on_run_start_fails", true),
    acts("source_freshness_run_project_hooks", true),
    acts("state_modified_compare_more_unrendered_values", true),
    // dbt itself reads it nowhere.
    acts("state_modified_compare_vars", false),
    // Macros of tests always see an override of `ref`.
    acts("support_custom_ref_kwargs", false),
    fixed("use_catalogs_v2", false, "catalogs.yml is not read"),
    acts("validate_macro_args", true),
];

/// Their defaults, in the names that Jinja's `flags` has.
pub(super) fn defaults() -> Map<String, Value> {
    BEHAVIORS.iter().map(|behavior| (behavior.name.to_uppercase(), behavior.default.into())).collect()
}

impl Project {
    /// Whether a behaviour flag is on. `name` is one of [`BEHAVIORS`].
    pub fn behaves(&self, name: &str) -> bool {
        let default = BEHAVIORS.iter().any(|behavior| behavior.name == name && behavior.default);
        self.flags.get(&name.to_uppercase()).and_then(Value::as_bool).unwrap_or(default)
    }
}
