//! Floor 9. The files in `target/` that other tools read: manifest.json (v12), run_results.json (v6), sources.json (v3),
//! catalog.json (v1), semantic_manifest.json, and index.html, the site.
//!
//! [`read`] reads those of earlier invocations, for `--state` and `retry`; [`kept`] is the state that is kept without
//! `--state`, in `.headwater/`.
//!
//! They are written straight from the values they show, and appear whole or not at all: a reader never sees half a file.

mod catalog;
mod file;
mod inputs;
mod kept;
mod manifest;
mod read;
mod results;
mod semantic_manifest;
mod site;

use std::io::Write as _;
use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Map;

pub use catalog::{Catalog, Wanted, write_catalog};
pub use inputs::{Inputs, Rendered};
pub use kept::{Built, KeptState};
pub use manifest::{Body, copy_manifest, group_map, manifest_metadata, manifest_text, write_manifest};
pub use read::{EarlierBatches, EarlierResult, EarlierRun, read_manifest, read_run_results, read_sources};
pub use results::{write_run_results, write_sources};
pub use semantic_manifest::{semantic_manifest, write_semantic_manifest};
pub use site::{Site, write_site};

use crate::diag;
use crate::project::{DBT_VERSION, Project};

/// Writes an artifact whose text is known.
///
/// # Errors
/// The file cannot be written.
pub fn write_text(path: &Path, text: &str) -> diag::Result<()> {
    file::write(path, |writer| writer.write_all(text.as_bytes()))
}

/// `metadata` of an artifact.
struct Metadata<'a> {
    schema: &'static str,
    generated_at: DateTime<Utc>,
    project: &'a Project,
    /// The manifest says more of the project.
    of_manifest: bool,
    adapter_type: &'a str,
}

/// `2025-01-31T12:00:00.123456Z`
fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Variables of the environment that are meant for artifacts.
const CUSTOM_ENV: &[&str] = &["DBT_ENV_CUSTOM_ENV_", "DBT_ENGINE_ENV_CUSTOM_ENV_"];

fn custom_env(project: &Project) -> Map<String, serde_json::Value> {
    let of = |(name, value): (&str, &str)| {
        let key = CUSTOM_ENV.iter().find_map(|prefix| name.strip_prefix(prefix))?;
        Some((key.to_owned(), project.invocation.secrets.mask(value).into()))
    };
    project.invocation.env.iter().filter_map(of).collect()
}

impl Serialize for Metadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let invocation = &self.project.invocation;
        map.serialize_entry("dbt_schema_version", &format!("https://schemas.getdbt.com/dbt/{}.json", self.schema))?;
        map.serialize_entry("dbt_version", DBT_VERSION)?;
        map.serialize_entry("generated_at", &timestamp(self.generated_at))?;
        map.serialize_entry("invocation_id", &invocation.id)?;
        let started_at = timestamp(invocation.started_at);
        // dbt writes the zone of this time in two ways.
        let in_manifest = started_at.replace('Z', "+00:00");
        let started = if self.of_manifest { &in_manifest } else { &started_at };
        map.serialize_entry("invocation_started_at", started)?;
        map.serialize_entry("env", &custom_env(self.project))?;
        if self.of_manifest {
            let quoting = &self.project.root_package().config.quoting;
            map.serialize_entry("project_name", &self.project.name)?;
            map.serialize_entry("project_id", &crate::manifest::md5(&self.project.name))?;
            map.serialize_entry("user_id", &())?;
            map.serialize_entry("send_anonymous_usage_stats", &false)?;
            map.serialize_entry("adapter_type", self.adapter_type)?;
            map.serialize_entry(
                "quoting",
                &serde_json::json!({
                    "database": quoting.database.unwrap_or(true), "schema": quoting.schema.unwrap_or(true),
                    "identifier": quoting.identifier.unwrap_or(true), "column": null,
                }),
            )?;
            map.serialize_entry("run_started_at", &in_manifest)?;
        }
        map.end()
    }
}
