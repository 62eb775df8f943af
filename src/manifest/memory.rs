//! What a parse takes over from the last one instead of making it anew.
//!
//! Units are nodes, and what a properties file says. A node is taken over if its text, the file that describes it and
//! everything that its templates looked at are as they were; a properties file need not even be read where that holds
//! for all that it describes. Everything that needs the whole project (names, edges, checks) runs as in a cold parse.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;
use macro_rules_attribute::derive;
use serde_json::Value;

use super::saved::Said;
use super::{Detail, Disabled, Doc, Macro, Manifest, Node, ResourceType, UniqueId};
use crate::diag::log::Log;
use crate::diag::{Diagnostic, SourceFile, Span};
use crate::jinja::{Library, Observation, Observer};
use crate::store::Stored;

/// How a parse came to its manifest, besides the nodes.
#[derive(Debug, Clone, Default, Stored!)]
pub struct Steps {
    pub files: Vec<Outline>,
    /// Generic tests that need no rendering.
    pub inert: Vec<UniqueId>,
    /// What macros ask configs for, sorted.
    pub read_configs: Vec<String>,
}

/// One properties file.
#[derive(Debug, Clone, Stored!)]
pub struct Outline {
    pub package: Arc<str>,
    pub file: Arc<SourceFile>,
    /// It describes nodes and nothing else: the outline says all that has to be known of it.
    pub plain: bool,
    pub patches: Vec<OutlinedPatch>,
    pub warnings: Vec<Diagnostic>,
}

/// What has to be known of an entry to find the node that it describes.
#[derive(Debug, Clone, Stored!)]
pub struct OutlinedPatch {
    pub kind: ResourceType,
    pub name: String,
    pub span: Span,
    pub latest_version: Option<Value>,
    pub versions: Vec<OutlinedVersion>,
    pub relation: Option<(String, Span)>,
    pub tests: Vec<OutlinedTests>,
    /// What is deprecated in how they are written.
    pub told: Vec<Diagnostic>,
}

#[derive(Debug, Clone, Stored!)]
pub struct OutlinedVersion {
    pub v: Value,
    pub defined_in: Option<String>,
    pub span: Span,
}

/// The generic tests of an entry on one node.
#[derive(Debug, Clone, Default, PartialEq, Stored!)]
pub struct OutlinedTests {
    /// The node that they are declared on.
    pub attached: String,
    pub ids: Vec<UniqueId>,
}

/// Something that templates have looked at, and whether it is another one now.
#[derive(Debug)]
pub struct Remembered {
    pub observation: Observation,
    pub nodes: Vec<Option<UniqueId>>,
    pub changed: bool,
}

/// The last parse.
#[derive(Debug)]
pub struct Memory {
    nodes: HashMap<UniqueId, Vec<Arc<Node>>>,
    macros: IndexMap<UniqueId, Arc<Macro>>,
    docs: IndexMap<UniqueId, Arc<Doc>>,
    steps: Steps,
    outlines: HashMap<(Arc<str>, String), usize>,
    seen: Vec<Remembered>,
    said: Vec<Said>,
    /// Nodes that looked at something that has changed.
    dirty: HashSet<UniqueId>,
    docs_changed: bool,
    taken: HashSet<UniqueId>,
}

impl Memory {
    pub fn new(manifest: Manifest, steps: Steps, seen: Vec<Remembered>, said: Vec<Said>) -> Self {
        let mut nodes: HashMap<UniqueId, Vec<Arc<Node>>> = HashMap::with_capacity(manifest.nodes.len());
        for (id, node) in manifest.nodes {
            nodes.entry(id).or_default().push(node);
        }
        for disabled in manifest.disabled.into_values().flatten() {
            // A test may have been switched off after it was made.
            if let Disabled::Node(node) = disabled
                && node.resource_type != ResourceType::Test
            {
                nodes.entry(node.unique_id.clone()).or_default().push(node);
            }
        }
        let key = |outline: &Outline| (outline.package.clone(), outline.file.path.clone());
        let outlines = steps.files.iter().enumerate().map(|(at, outline)| (key(outline), at)).collect();
        Self {
            nodes,
            macros: manifest.macros,
            docs: manifest.docs,
            steps,
            outlines,
            seen,
            said,
            dirty: HashSet::new(),
            docs_changed: false,
            taken: HashSet::new(),
        }
    }

    /// Compares what nodes depend on besides their files.
    ///
    /// # Errors
    /// Why nothing can be taken over, as the end of a sentence.
    pub fn compare(
        &mut self,
        library: &Library,
        inert: &[UniqueId],
        read_configs: &[String],
        docs: &IndexMap<UniqueId, Arc<Doc>>,
    ) -> Result<(), String> {
        let changed = self.changed_macros(library)?;
        if read_configs != self.steps.read_configs {
            return Err("macros read other configs".to_owned());
        }
        let of_macro = |remembered: &Remembered| {
            let observation = &remembered.observation;
            observation.name == "macro" && observation.arguments.iter().any(|id| changed.contains(id.as_str()))
        };
        for remembered in self.seen.iter().filter(|remembered| remembered.changed || of_macro(remembered)) {
            for node in &remembered.nodes {
                match node {
                    Some(node) => drop(self.dirty.insert(node.clone())),
                    None => return Err("a macro that belongs to no node has changed".to_owned()),
                }
            }
        }
        let (before, now): (HashSet<_>, HashSet<_>) = (self.steps.inert.iter().collect(), inert.iter().collect());
        let turned: HashSet<&str> = before.symmetric_difference(&now).map(|id| &***id).collect();
        if !changed.is_empty() || !turned.is_empty() {
            let is_of = |node: &Arc<Node>| {
                let definition = node.depends_on_macros.first().map(|id| &**id).unwrap_or_default();
                matches!(node.detail, Detail::GenericTest(_))
                    && (changed.contains(definition) || turned.contains(definition))
            };
            let tests = self.nodes.values().flatten().filter(|node| is_of(node));
            self.dirty.extend(tests.map(|node| node.unique_id.clone()));
        }
        let contents = |docs: &IndexMap<UniqueId, Arc<Doc>>| -> Vec<(UniqueId, String)> {
            docs.iter().map(|(id, doc)| (id.clone(), doc.block_contents.clone())).collect()
        };
        self.docs_changed = contents(docs) != contents(&self.docs);
        Ok(())
    }

    /// Macros that are written otherwise.
    fn changed_macros(&self, library: &Library) -> Result<HashSet<String>, String> {
        let mut changed = HashSet::new();
        let mut count = 0;
        for definition in library.iter() {
            count += 1;
            let Some(before) = self.macros.get(&definition.unique_id) else {
                return Err(format!("macro `{}` is new", definition.unique_id));
            };
            if *before.macro_sql != definition.file.text[definition.block.range.clone()] {
                changed.insert(definition.unique_id.to_string());
            }
        }
        if count == self.macros.len() { Ok(changed) } else { Err("a macro is gone".to_owned()) }
    }

    /// What a properties file said, if it says the same now.
    pub fn outline(&self, package: &Arc<str>, file: &SourceFile) -> Option<&Outline> {
        let at = self.outlines.get(&(package.clone(), file.path.clone()))?;
        let outline = self.steps.files.get(*at)?;
        let same = outline.file.text == file.text;
        (same && !(self.docs_changed && file.text.contains("doc"))).then_some(outline)
    }

    /// A node whose text is the `body` of `source`, described by an entry that has not changed.
    pub fn take(&mut self, wanted: &Wanted<'_>) -> Option<Node> {
        let fits = |node: &Arc<Node>| {
            let (file, range) = (&node.body.file, &node.body.range);
            node.resource_type == wanted.kind
                && node.original_file_path == wanted.original_file_path
                && node.path == wanted.path
                && node.fqn == wanted.fqn
                && node.checksum == *wanted.checksum
                && node.patch_path == wanted.patch_path
                && (range.start as usize..range.end as usize) == *wanted.body
                && (Arc::ptr_eq(file, wanted.source)
                    || file.path == wanted.source.path && file.text == wanted.source.text)
        };
        if self.dirty.contains(wanted.unique_id) {
            return None;
        }
        let nodes = self.nodes.get_mut(wanted.unique_id)?;
        let at = nodes.iter().position(fits)?;
        let node = nodes.swap_remove(at);
        self.taken.insert(wanted.unique_id.clone());
        Some(unresolved(node))
    }

    pub fn is_taken(&self, id: &str) -> bool {
        self.taken.contains(id)
    }

    /// Tells what the nodes that were taken over looked at and said, as if they had been rendered.
    pub fn repeat(&self, observer: &Observer, log: &dyn Log) {
        for Remembered { observation: Observation { name, arguments }, nodes, .. } in &self.seen {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            // What belongs to no node may be that of a file that was not read again.
            for node in nodes.iter().filter(|node| node.as_deref().is_none_or(|id| self.is_taken(id))) {
                observer.observe(node.clone(), name, &arguments);
            }
        }
        let said = self.said.iter().filter(|said| said.node.as_deref().is_some_and(|id| self.is_taken(id)));
        said.for_each(|said| said.write(log));
    }

    /// Whether the tests are there and nothing that they looked at has changed.
    pub fn has_tests(&self, tests: &[OutlinedTests]) -> bool {
        tests.iter().all(|tests| {
            self.is_taken(&tests.attached)
                && tests
                    .ids
                    .iter()
                    .all(|id| !self.dirty.contains(id) && self.nodes.get(id).is_some_and(|of| !of.is_empty()))
        })
    }

    pub fn take_test(&mut self, id: &UniqueId) -> Option<Node> {
        let node = self.nodes.get_mut(id)?.pop()?;
        self.taken.insert(id.clone());
        Some(unresolved(node))
    }
}

/// A node to be, as far as its files tell.
#[derive(Debug)]
pub struct Wanted<'a> {
    pub kind: ResourceType,
    pub unique_id: &'a UniqueId,
    pub original_file_path: &'a str,
    pub path: &'a str,
    pub fqn: &'a [String],
    pub checksum: &'a super::Checksum,
    pub patch_path: Option<String>,
    pub source: &'a Arc<SourceFile>,
    pub body: &'a std::ops::Range<usize>,
}

/// As it was before the manifest's names were bound.
fn unresolved(node: Arc<Node>) -> Node {
    let mut node = Arc::unwrap_or_clone(node);
    node.depends_on_nodes.clear();
    if let Detail::Model(model) = &mut node.detail {
        model.primary_key.clear();
    }
    node
}
