//! What an earlier invocation left: the artifacts of `--state`, cut down to what is compared with today's project.

mod compare;
mod digest;
mod keep;
mod semantic;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::project::Project;

pub(super) use compare::Comparison;
pub use digest::Digests;
pub use keep::reads;

/// The artifacts of `--state`; None: the folder does not have the file.
#[derive(Debug, Clone, Default)]
pub struct Earlier {
    pub manifest: Option<EarlierManifest>,
    /// `unique_id` → status, of run_results.json.
    pub statuses: Option<HashMap<String, String>>,
    /// sources.json of the state, and of the target folder.
    pub sources: Option<LoadTimes>,
    pub current_sources: Option<LoadTimes>,
    /// Packages whose macros come with the program: another version of it is not a change of the project.
    pub built_in: Vec<Arc<str>>,
    /// `unique_id`s of what was rendered with other values of variables than it would be today; None: not known.
    pub other_inputs: Option<HashSet<String>>,
    /// Whether other values of variables alone make something modified.
    pub inputs_count: bool,
}

/// `unique_id` of a source table → when its newest row was loaded.
pub type LoadTimes = HashMap<String, DateTime<Utc>>;

/// manifest.json, versions 4 to 12, of dbt or of Headwater.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EarlierManifest {
    pub nodes: HashMap<String, EarlierNode>,
    pub sources: HashMap<String, EarlierSource>,
    pub exposures: HashMap<String, EarlierExposure>,
    #[serde(deserialize_with = "or_default")]
    pub unit_tests: HashMap<String, EarlierUnitTest>,
    pub macros: HashMap<String, EarlierMacro>,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub semantic_models: Entries,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub metrics: Entries,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub saved_queries: Entries,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub functions: HashMap<String, EarlierNode>,
}

/// `unique_id` → an entry of manifest.json.
pub type Entries = HashMap<String, Map<String, Value>>;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EarlierNode {
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub resource_type: String,
    #[serde(skip_serializing_if = "is_default")]
    pub fqn: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub database: Option<String>,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub schema: String,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub alias: String,
    #[serde(alias = "raw_sql", deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub raw_code: String,
    #[serde(skip_serializing_if = "is_default")]
    pub checksum: EarlierChecksum,
    #[serde(skip_serializing_if = "is_default")]
    pub config: EarlierConfig,
    #[serde(skip_serializing_if = "is_default")]
    pub unrendered_config: Map<String, Value>,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub description: String,
    #[serde(skip_serializing_if = "is_default")]
    pub columns: IndexMap<String, EarlierColumn>,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub contract: EarlierContract,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub constraints: Vec<Value>,
    #[serde(skip_serializing_if = "is_default")]
    pub version: Value,
    #[serde(skip_serializing_if = "is_default")]
    pub latest_version: Value,
    #[serde(skip_serializing_if = "is_default")]
    pub access: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub deprecation_date: Option<String>,
    /// Of functions.
    #[serde(skip_serializing_if = "is_default")]
    pub arguments: Value,
    #[serde(skip_serializing_if = "is_default")]
    pub returns: Value,
    /// Only in the state that Headwater keeps itself.
    #[serde(skip_serializing_if = "is_default")]
    pub kept: Option<Kept>,
}

/// What artifacts do not tell of a node, and what stands for what they tell at length.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// Of `raw_code`, which is left out.
    #[serde(skip_serializing_if = "is_default")]
    pub body: Option<String>,
    /// Of all macros that it calls, and that these call.
    #[serde(skip_serializing_if = "is_default")]
    pub macros: String,
    /// What was built, as SQL names it.
    #[serde(skip_serializing_if = "is_default")]
    pub relation: Option<String>,
    /// Sources and ephemeral models that went into it.
    #[serde(skip_serializing_if = "is_default")]
    pub reads: BTreeMap<String, Read>,
}

/// Something without a relation of its own making, as it was when it was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Read {
    /// Of its definition.
    pub definition: String,
    /// Of a source: when its newest row was loaded (RFC 3339), as far as that is known.
    #[serde(skip_serializing_if = "is_default")]
    pub loaded_at: Option<String>,
}

/// The keys of `config` that are looked at; what was set is in `unrendered_config`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EarlierConfig {
    pub materialized: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EarlierChecksum {
    pub name: String,
    pub checksum: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EarlierColumn {
    #[serde(deserialize_with = "or_default")]
    pub description: String,
    pub data_type: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub constraints: Vec<Value>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EarlierContract {
    pub enforced: bool,
    pub checksum: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EarlierSource {
    pub fqn: Vec<String>,
    pub unrendered_database: Option<String>,
    pub unrendered_schema: Option<String>,
    pub identifier: String,
    pub unrendered_config: Map<String, Value>,
    pub quoting: Value,
    pub freshness: Value,
    pub loaded_at_field: Option<String>,
    pub external: Value,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EarlierExposure {
    pub fqn: Vec<String>,
    #[serde(rename = "type")]
    pub kind: String,
    pub owner: Value,
    pub maturity: Option<String>,
    pub url: Option<String>,
    pub label: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub description: String,
    pub depends_on: DependsOn,
    pub unrendered_config: Map<String, Value>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DependsOn {
    pub nodes: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EarlierUnitTest {
    pub checksum: Option<String>,
    pub model: Value,
    pub given: Value,
    pub expect: Value,
    pub overrides: Value,
    pub versions: Value,
    /// Only in the state that Headwater keeps itself: of all macros that it calls.
    pub macros: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EarlierMacro {
    pub package_name: String,
    pub macro_sql: String,
}

/// Packages whose macros come with the program.
pub fn built_in(project: &Project) -> Vec<Arc<str>> {
    project.internal_packages().map(|package| package.name.clone()).collect()
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Artifacts write null for what is not there.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
