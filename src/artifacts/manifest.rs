//! manifest.json, version 12.

use std::collections::HashMap;
use std::fs::File;
use std::hash::Hasher;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use chrono::Utc;
use indexmap::IndexMap;
use serde::ser::{Serialize, SerializeMap, Serializer};
use twox_hash::XxHash3_64;

use super::{Metadata, file};
use crate::diag;
use crate::execute::{NodeResult, RunResults};
use crate::manifest::json::NodeEntry;
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
) -> diag::Result<Body> {
    let ran = results.map(ran).unwrap_or_default();
    let mut body = Body { offset: 0, digest: 0 };
    file::write(path, |writer| {
        let head = head(project)?;
        writer.write_all(&head)?;
        let mut rest = Rest { writer, digest: XxHash3_64::default(), is_open: false };
        // The digest of a few bytes costs as much as that of many: the serializer writes token by token.
        let mut blocks = BufWriter::with_capacity(1 << 16, &mut rest);
        serde_json::to_writer(&mut blocks, &Document { manifest, ran })?;
        blocks.flush()?;
        drop(blocks);
        body = Body { offset: head.len() as u64, digest: rest.digest.finish() };
        Ok(())
    })?;
    Ok(body)
}

/// What a manifest.json has behind its metadata: the same for the same manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body {
    /// Where it starts, in bytes.
    pub offset: u64,
    pub digest: u64,
}

/// Writes manifest.json with the body of an earlier one. False if `from` is not the file that the body is of, or cannot
/// be copied.
pub fn copy_manifest(path: &Path, project: &Project, from: &Path, body: Body) -> bool {
    let copied = file::write(path, |writer| {
        let mut from = File::open(from)?;
        from.seek(SeekFrom::Start(body.offset))?;
        writer.write_all(&head(project)?)?;
        let (mut digest, mut buffer) = (XxHash3_64::default(), vec![0; 1 << 20]);
        loop {
            let length = from.read(&mut buffer)?;
            if length == 0 {
                break;
            }
            digest.write(&buffer[..length]);
            writer.write_all(&buffer[..length])?;
        }
        if digest.finish() == body.digest { Ok(()) } else { Err(std::io::Error::other("it is another body")) }
    });
    copied.is_ok()
}

/// All of manifest.json after a parse.
///
/// # Errors
/// A bug: something cannot be written as JSON.
pub fn manifest_text(project: &Project, manifest: &Manifest) -> serde_json::Result<String> {
    let mut text = head(project)?;
    let mut rest = Rest { writer: &mut text, digest: XxHash3_64::default(), is_open: false };
    serde_json::to_writer(&mut rest, &Document { manifest, ran: Ran::new() })?;
    String::from_utf8(text).map_err(serde::ser::Error::custom)
}

/// The manifest's `metadata`.
pub fn manifest_metadata(project: &Project) -> impl Serialize {
    Metadata {
        schema: "manifest/v12",
        generated_at: Utc::now(),
        project,
        of_manifest: true,
        adapter_type: &project.profile.kind,
    }
}

/// `{"metadata":…,`
fn head(project: &Project) -> serde_json::Result<Vec<u8>> {
    let mut head = br#"{"metadata":"#.to_vec();
    serde_json::to_writer(&mut head, &manifest_metadata(project))?;
    head.push(b',');
    Ok(head)
}

/// Takes an object without its opening brace, and its digest.
struct Rest<W> {
    writer: W,
    digest: XxHash3_64,
    is_open: bool,
}

impl<W: Write> Write for Rest<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let content = if self.is_open { bytes } else { bytes.strip_prefix(b"{").unwrap_or(bytes) };
        self.is_open |= !bytes.is_empty();
        self.digest.write(content);
        self.writer.write_all(content)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}

type Ran<'a> = HashMap<&'a str, &'a NodeResult>;

fn ran(results: &RunResults) -> Ran<'_> {
    results.results.iter().map(|result| (&*result.unique_id, &**result)).collect()
}

struct Document<'a> {
    manifest: &'a Manifest,
    ran: Ran<'a>,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let manifest = self.manifest;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("nodes", &Nodes { manifest, functions: false, ran: &self.ran })?;
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
        map.serialize_entry("functions", &Nodes { manifest, functions: true, ran: &self.ran })?;
        map.end()
    }
}

/// The nodes with what compiling and running gave: the functions, or all others.
struct Nodes<'a> {
    manifest: &'a Manifest,
    functions: bool,
    ran: &'a Ran<'a>,
}

impl Serialize for Nodes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let is_function = |node: &Node| node.resource_type == ResourceType::Function;
        for (id, node) in self.manifest.nodes.iter().filter(|(_, node)| is_function(node) == self.functions) {
            let ran = self.ran.get(&**id);
            let compiled = ran.and_then(|result| result.compiled_node());
            let build_path = ran.and_then(|result| result.build_path.as_deref());
            map.serialize_entry(id, &NodeEntry { node, compiled, build_path })?;
        }
        map.end()
    }
}

/// Group → what is in it.
pub fn group_map(manifest: &Manifest) -> IndexMap<&str, Vec<&UniqueId>> {
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
