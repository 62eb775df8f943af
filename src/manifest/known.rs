//! Which config keys mean something: to dbt, to an adapter, or to a macro of this project.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use super::{ResourceType, config, merge};
use crate::diag::{Deprecation, Diagnostic, Span};
use crate::jinja::Library;

/// Keys that need no warning.
#[derive(Debug, Default)]
pub struct KnownConfigs {
    /// What macros ask their node's config for: `config.get('…')`.
    read: HashSet<String>,
}

impl KnownConfigs {
    pub fn new(library: &Library) -> Self {
        static READ: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r#"config\s*\.\s*(?:get|require)\s*\(\s*['"]([^'"]+)['"]"#).ok());
        let Some(pattern) = &*READ else { return Self::default() };
        let keys = library.iter().flat_map(|found| {
            let text = &found.file.text[found.block.range.clone()];
            pattern.captures_iter(text).filter_map(|key| Some(key.get(1)?.as_str().to_owned()))
        });
        Self { read: keys.collect() }
    }

    /// What macros ask for, sorted.
    pub fn read(&self) -> Vec<String> {
        let mut read: Vec<String> = self.read.iter().cloned().collect();
        read.sort();
        read
    }

    pub fn knows(&self, kind: ResourceType, key: &str) -> bool {
        let key = merge::normal_key(key);
        config::defaults(kind).contains_key(key) || KEYS.binary_search(&key).is_ok() || self.read.contains(key)
    }
}

/// A config key that nobody knows.
pub fn custom_key(key: &str, span: Span) -> Diagnostic {
    Diagnostic::deprecated(Deprecation::CustomKeyInConfig, format!("`{key}` is not a known config"))
        .at(span, "nothing reads it")
        .help("keys of your own belong under `meta`")
}

/// Keys of dbt and of adapters: those of dbt's published schema, those of dbt-mysql and dbt-duckdb. Sorted.
#[rustfmt::skip]
const KEYS: &[&str] = &[
    "access", "adapter_properties", "additional_libs", "alias", "as_columnstore", "auto_liquid_cluster",
    "auto_refresh", "automatic_clustering", "backup", "base_location_root", "base_location_subpath", "batch_id",
    "batch_size", "begin", "bind", "buckets", "catalog", "catalog_name", "category", "charset", "check_cols",
    "cluster_by", "cluster_id", "clustered_by", "collation", "column_name", "column_types", "compression",
    "concurrent_batches", "contract", "copy_grants", "create_notebook", "custom_checks", "database",
    "databricks_compute", "databricks_tags", "dataproc_cluster_name", "dataset", "dbt_valid_to_current", "delimiter",
    "description", "dist", "docs", "enable_list_inference", "enable_refresh", "enabled", "engine", "error_if",
    "event_time", "external_access_integrations", "external_volume", "fail_calc", "file_format", "foreign_keys", "format",
    "freshness", "full_refresh", "glue_database", "glue_partitions", "glue_register", "grant_access_to", "grants",
    "group", "hard_deletes", "hours_to_expiration", "http_path", "identifier", "imports", "include_full_name_in_path",
    "incremental_predicates", "incremental_strategy", "index_url", "indexes", "initialize", "intermediate_format",
    "invalidate_hard_deletes", "jar_file_uri", "job_cluster_config", "kms_key_name", "labels", "labels_from_meta",
    "latest_version_pointer", "limit", "liquid_clustered_by", "loaded_at_field", "loaded_at_query", "location",
    "location_root", "lookback", "matched_condition", "materialized", "max_staleness", "merge_clauses",
    "merge_exclude_columns", "merge_insert_condition", "merge_on_using_columns", "merge_returning_columns",
    "merge_update_columns", "merge_update_condition", "merge_update_set_expressions", "merge_with_schema_evolution",
    "meta", "not_matched_by_source_action", "not_matched_by_source_condition", "not_matched_condition",
    "notebook_template_id", "on_configuration_change", "on_error", "on_schema_change", "options", "overrides",
    "packages", "partition_by", "partition_expiration_days", "partitioned_by", "partitions", "persist_docs", "plugin",
    "post-hook", "post_hook", "pre-hook", "pre_hook", "predicates", "primary_key", "project", "publish", "python_job_config",
    "python_version", "query_tag", "query_tags", "quote_columns", "quoting", "refresh_interval_minutes",
    "refresh_mode", "require_partition_filter", "resource_tags", "row_access_policy", "row_format", "schedule", "schema",
    "schema_origin", "secrets", "secure", "severity", "skip_matched_step", "skip_not_matched_step", "skip_optimize",
    "snapshot_meta_column_names", "snowflake_warehouse", "sort", "sort_type", "source_alias", "spider", "sql_header", "state",
    "static_analysis", "store_failures", "store_failures_as", "strategy", "strictness", "submission_method", "sync",
    "table", "table_format", "table_tag", "table_type", "tags", "target_alias", "target_database", "target_lag",
    "target_schema", "tblproperties", "timeout", "tmp_relation_type", "transient", "unique_key",
    "unique_tmp_table_suffix", "updated_at", "use_anonymous_sproc", "user_folder_for_python", "warn_if", "where",
    "zorder",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted() {
        assert!(KEYS.is_sorted());
        let known = KnownConfigs::default();
        assert!(known.knows(ResourceType::Model, "pre_hook"));
        assert!(!known.knows(ResourceType::Model, "team"));
    }
}
