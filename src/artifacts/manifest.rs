//! manifest.json, version 12.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use chrono::Utc;
use indexmap::IndexMap;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Metadata, file};
use crate::diag;
use crate::execute::RunResults;
use crate::manifest::json::{CompiledNode, NodeEntry};
use crate::manifest::{Manifest, Node, Resource, ResourceType, UniqueId};
use crate::project::Project;

/// Writes manifest.json. `results` add the compiled code of what was compiled.
///
/// # Errors
/// The file cannot be written.
pub fn write_manifest(
    path: &Path,
    project: &Project,
    manifest: &Manifest,
    results: Option<&RunResults>,
) -> diag::Result<()> {
    let compiled = results.map(compiled_nodes).unwrap_or_default();
    let document = Document { project, manifest, compiled };
    file::write(path, |writer| serde_json::to_writer(writer, &document).map_err(Into::into))
}

type Compiled<'a> = HashMap<&'a str, CompiledNode<'a>>;

fn compiled_nodes(results: &RunResults) -> Compiled<'_> {
    results
        .results
        .iter()
        .filter_map(|result| {
            let code = result.compiled_code.as_deref()?;
            Some((
                &*result.unique_id,
                CompiledNode { code, path: result.compiled_path.as_deref(), extra_ctes: &result.extra_ctes },
            ))
        })
        .collect()
}

struct Document<'a> {
    project: &'a Project,
    manifest: &'a Manifest,
    compiled: Compiled<'a>,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let manifest = self.manifest;
        let empty: BTreeMap<(), ()> = BTreeMap::new();
        let metadata = Metadata {
            schema: "manifest/v12",
            generated_at: Utc::now(),
            project: self.project,
            of_manifest: true,
            adapter_type: &self.project.profile.kind,
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("metadata", &metadata)?;
        map.serialize_entry("nodes", &Nodes { nodes: &manifest.nodes, compiled: &self.compiled })?;
        map.serialize_entry("sources", &manifest.sources)?;
        map.serialize_entry("macros", &manifest.macros)?;
        map.serialize_entry("docs", &manifest.docs)?;
        map.serialize_entry("exposures", &manifest.exposures)?;
        map.serialize_entry("metrics", &manifest.metrics)?;
        map.serialize_entry("groups", &manifest.groups)?;
        map.serialize_entry("selectors", &manifest.selectors)?;
        map.serialize_entry("disabled", &manifest.disabled)?;
        map.serialize_entry("parent_map", &manifest.parent_map())?;
        map.serialize_entry("child_map", &manifest.child_map())?;
        map.serialize_entry("group_map", &group_map(manifest))?;
        map.serialize_entry("saved_queries", &manifest.saved_queries)?;
        map.serialize_entry("semantic_models", &manifest.semantic_models)?;
        map.serialize_entry("unit_tests", &manifest.unit_tests)?;
        map.serialize_entry("functions", &empty)?;
        map.end()
    }
}

/// The nodes with what compiling gave.
struct Nodes<'a> {
    nodes: &'a IndexMap<UniqueId, Arc<Node>>,
    compiled: &'a Compiled<'a>,
}

impl Serialize for Nodes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.nodes.len()))?;
        for (id, node) in self.nodes {
            map.serialize_entry(id, &NodeEntry { node, compiled: self.compiled.get(&**id).copied() })?;
        }
        map.end()
    }
}

/// Group → what is in it.
fn group_map(manifest: &Manifest) -> IndexMap<&str, Vec<&UniqueId>> {
    let mut map: IndexMap<&str, Vec<&UniqueId>> =
        manifest.groups.values().map(|group| (group.name.as_str(), Vec::new())).collect();
    let groupable = |thing: &Resource<'_>| {
        use ResourceType::{Exposure, Source, UnitTest};
        !matches!(thing.resource_type(), Exposure | Source | UnitTest)
    };
    for thing in manifest.resources().filter(groupable) {
        if let Some(members) = thing.config().group().and_then(|group| map.get_mut(group)) {
            members.push(thing.unique_id());
        }
    }
    map
}
