//! Artifacts of an earlier invocation, of Headwater or of dbt: only the keys that are used.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::diag::{self, Code, Diagnostic};
use crate::manifest::event_time::Window;
use crate::select::state::{EarlierManifest, LoadTimes};

/// run_results.json, as far as what runs again depends on it.
#[derive(Debug, Clone, Deserialize)]
pub struct EarlierRun {
    #[serde(default)]
    pub metadata: EarlierMetadata,
    pub results: Vec<EarlierResult>,
    /// The options of the invocation, in dbt's names.
    #[serde(default)]
    pub args: Map<String, Value>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct EarlierResult {
    pub unique_id: String,
    pub status: String,
    #[serde(default)]
    pub batch_results: Option<EarlierBatches>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct EarlierMetadata {
    generated_at: Option<String>,
    invocation_started_at: Option<String>,
}

impl EarlierMetadata {
    /// When the invocation started; older artifacts only know when it ended.
    pub fn started_at(&self) -> Option<DateTime<Utc>> {
        self.invocation_started_at.as_ref().or(self.generated_at.as_ref())?.parse().ok()
    }
}

/// The batches of a microbatch model, each with its start and its end.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct EarlierBatches {
    #[serde(deserialize_with = "windows")]
    pub successful: Vec<Window>,
    #[serde(deserialize_with = "windows")]
    pub failed: Vec<Window>,
}

fn windows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Window>, D::Error> {
    let time =
        |text: &str| text.parse::<DateTime<Utc>>().map_err(|error| D::Error::custom(format!("`{text}`: {error}")));
    let pairs = Vec::<[String; 2]>::deserialize(deserializer)?;
    pairs.iter().map(|[start, end]| Ok(Window { start: time(start)?, end: time(end)? })).collect()
}

/// The oldest manifest whose keys are known.
const OLDEST_MANIFEST: u32 = 4;

/// `folder/manifest.json`; None where there is none.
///
/// # Errors
/// The file cannot be read, or is not a manifest of a known version.
pub fn read_manifest(folder: &Path) -> diag::Result<Option<EarlierManifest>> {
    let path = folder.join("manifest.json");
    let Some(content) = content(&path)? else { return Ok(None) };
    let head: Head = parse(&path, &content)?;
    let version = head.metadata.dbt_schema_version;
    let number = version.rsplit_once("/v").and_then(|(_, rest)| rest.strip_suffix(".json")?.parse::<u32>().ok());
    if number.is_none_or(|number| number < OLDEST_MANIFEST) {
        let text = format!("`{}` is of version `{version}`, which is too old to be compared", path.display());
        return Err(Diagnostic::error(Code::VersionMismatch, text)
            .note(format!("versions from {OLDEST_MANIFEST} on can be read"))
            .boxed());
    }
    let mut manifest: EarlierManifest = parse(&path, &content)?;
    // Here functions are nodes among others.
    manifest.nodes.extend(std::mem::take(&mut manifest.functions));
    Ok(Some(manifest))
}

/// `folder/run_results.json`; None where there is none.
///
/// # Errors
/// The file cannot be read, or is not what its name says.
pub fn read_run_results(folder: &Path) -> diag::Result<Option<EarlierRun>> {
    let path = folder.join("run_results.json");
    content(&path)?.map(|content| parse(&path, &content)).transpose()
}

/// `folder/sources.json`: when each source was loaded; those that could not be asked are left out.
///
/// # Errors
/// The file cannot be read, or is not what its name says.
pub fn read_sources(folder: &Path) -> diag::Result<Option<LoadTimes>> {
    let path = folder.join("sources.json");
    let Some(content) = content(&path)? else { return Ok(None) };
    let sources: Sources = parse(&path, &content)?;
    let loaded = |result: SourceResult| Some((result.unique_id, result.max_loaded_at?.parse::<DateTime<Utc>>().ok()?));
    Ok(Some(sources.results.into_iter().filter_map(loaded).collect::<HashMap<_, _>>()))
}

#[derive(Deserialize)]
struct Head {
    metadata: HeadMetadata,
}

#[derive(Deserialize)]
struct HeadMetadata {
    dbt_schema_version: String,
}

#[derive(Deserialize)]
struct Sources {
    results: Vec<SourceResult>,
}

#[derive(Deserialize)]
struct SourceResult {
    unique_id: String,
    #[serde(default)]
    max_loaded_at: Option<String>,
}

pub(super) fn content(path: &Path) -> diag::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound) => Ok(None),
        Err(error) => Err(Diagnostic::error(Code::File, format!("cannot read `{}`: {error}", path.display())).boxed()),
    }
}

pub(super) fn parse<T: DeserializeOwned>(path: &Path, content: &[u8]) -> diag::Result<T> {
    serde_json::from_slice(content).map_err(|error| {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        Diagnostic::error(Code::File, format!("`{}` is not a {name} of dbt or Headwater: {error}", path.display()))
            .boxed()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_none_and_what_is_broken_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_manifest(folder.path()).unwrap().is_none());
        assert!(read_run_results(folder.path()).unwrap().is_none());
        fs::write(folder.path().join("run_results.json"), "{").unwrap();
        assert!(
            read_run_results(folder.path())
                .unwrap_err()
                .message
                .contains("is not a run_results.json of dbt or Headwater")
        );
        let old = r#"{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v3.json"}}"#;
        fs::write(folder.path().join("manifest.json"), old).unwrap();
        assert_eq!(read_manifest(folder.path()).unwrap_err().code, Code::VersionMismatch);
    }

    #[test]
    fn sources_that_could_not_be_asked_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"results": [
            {"unique_id": "source.p.a.b", "max_loaded_at": "2026-01-02T03:04:05.000006Z", "status": "pass"},
            {"unique_id": "source.p.a.c", "error": null, "status": "runtime error"}]}"#;
        fs::write(folder.path().join("sources.json"), text).unwrap();
        let sources = read_sources(folder.path()).unwrap().unwrap();
        assert_eq!(sources.keys().collect::<Vec<_>>(), ["source.p.a.b"]);
    }
}
