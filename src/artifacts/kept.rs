//! The state that Headwater keeps itself, per target: what each thing was when it was last built there, how it ended
//! the last time, and how new the data was that it read.
//!
//! A thing takes its new entry only when it has been built with success; all others keep what they had, so that a run
//! of one model does not hide the changes of another. What nobody builds by itself (sources, ephemeral models) takes
//! its new entry once everything that reads it has been built with it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::inputs::{self, Inputs, Rendered, Today};
use super::{file, read, timestamp};
use crate::diag::{self, Code, Diagnostic};
use crate::execute::{RunResults, Status};
use crate::manifest::{Manifest, Node, ResourceType};
use crate::project::Project;
use crate::select::state::{
    self, Digests, EarlierManifest, EarlierNode, EarlierSource, EarlierUnitTest, LoadTimes, Read,
};

const FILE: &str = "state.json";
/// Files of another shape are not understood, and replaced.
const SHAPE: u32 = 1;
/// Another run may be writing the same state; it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeptState {
    shape: u32,
    /// Digest of the database that it is about.
    place: String,
    pub manifest: EarlierManifest,
    pub inputs: Inputs,
    /// `unique_id` → how it ended when it last ran.
    pub statuses: HashMap<String, String>,
    /// `unique_id` of a source → when the rows were loaded that all of its readers have seen (RFC 3339).
    loaded: BTreeMap<String, String>,
}

/// What a run has done.
#[derive(Clone, Copy)]
pub struct Built<'a> {
    pub project: &'a Project,
    pub manifest: &'a Manifest,
    pub results: &'a RunResults,
    pub rendered: Rendered<'a>,
    /// How new the data of sources was when the run began, as far as that is known.
    pub loaded: Option<&'a LoadTimes>,
}

impl KeptState {
    /// `folder/state.json`; None where there is none for this place. An empty `place` is any.
    ///
    /// # Errors
    /// The file cannot be read, or is not what its name says.
    pub fn read(folder: &Path, place: &str) -> diag::Result<Option<Self>> {
        let path = folder.join(FILE);
        let state: Option<Self> = read::content(&path)?.map(|content| read::parse(&path, &content)).transpose()?;
        Ok(state.filter(|state| state.shape == SHAPE && (place.is_empty() || state.place == place)))
    }

    /// Lays what a run has done over the state in `folder`. Other runs may do the same at the same time.
    ///
    /// # Errors
    /// The folder or its files cannot be written.
    pub fn update(folder: &Path, place: &str, built: Built<'_>) -> diag::Result<()> {
        let failed = |error: std::io::Error| {
            let text = format!("cannot keep the state in `{}`: {error}", folder.display());
            Diagnostic::warning(Code::File, text).boxed()
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::create(folder.join("lock")).map_err(failed)?;
        hold(&lock).map_err(failed)?;
        // A file that cannot be read is as good as none: it is written anew.
        let before = Self::read(folder, place).ok().flatten();
        let mut state = before.clone().unwrap_or_default();
        (state.shape, state.place) = (SHAPE, place.to_owned());
        state.take(built);
        if before.as_ref() == Some(&state) {
            return Ok(());
        }
        file::write(&folder.join(FILE), |writer| serde_json::to_writer(writer, &state).map_err(Into::into))
            .map_err(|error| Diagnostic::warning(Code::File, error.message).boxed())
    }

    /// When the rows of each source were loaded that everything has been built from.
    pub fn load_times(&self) -> LoadTimes {
        let parsed = |(id, text): (&String, &String)| Some((id.clone(), text.parse::<DateTime<Utc>>().ok()?));
        self.loaded.iter().filter_map(parsed).collect()
    }

    fn take(&mut self, built: Built<'_>) {
        self.forget_removed(built.manifest);
        let built_in = state::built_in(built.project);
        let work = Work {
            built,
            digests: Digests::new(built.manifest, &built_in),
            today: Today::new(built.project),
            known: self.inputs.clone(),
            definitions: RefCell::default(),
        };
        for result in &built.results.results {
            let id = &*result.unique_id;
            if built.manifest.get(&result.unique_id).is_none() {
                continue;
            }
            self.statuses.insert(id.to_owned(), result.status.as_str().to_owned());
            if !matches!(result.status, Status::Success | Status::Pass | Status::Warn) {
                continue;
            }
            if let Some(node) = built.manifest.node(id) {
                self.manifest.nodes.insert(id.to_owned(), work.node_with_reads(node));
            } else if let Some(test) = built.manifest.unit_tests.get(id) {
                self.manifest.unit_tests.insert(id.to_owned(), EarlierUnitTest::of(test, &work.digests));
            }
            self.depends_on(id, work.inputs(id));
        }
        self.settle(&work);
    }

    fn forget_removed(&mut self, manifest: &Manifest) {
        self.manifest.nodes.retain(|id, _| manifest.nodes.contains_key(&**id));
        self.manifest.sources.retain(|id, _| manifest.sources.contains_key(&**id));
        self.manifest.unit_tests.retain(|id, _| manifest.unit_tests.contains_key(&**id));
        let exists = |id: &str| {
            manifest.nodes.contains_key(id) || manifest.sources.contains_key(id) || manifest.unit_tests.contains_key(id)
        };
        self.inputs.0.retain(|id, _| exists(id));
        self.statuses.retain(|id, _| exists(id) || manifest.exposures.contains_key(&**id));
        self.loaded.retain(|id, _| exists(id));
    }

    fn depends_on(&mut self, id: &str, inputs: inputs::Digests) {
        if inputs.is_empty() {
            self.inputs.0.remove(id);
        } else {
            self.inputs.0.insert(id.to_owned(), inputs);
        }
    }

    /// What is not built by itself.
    fn settle<'a>(&mut self, work: &Work<'a>) {
        let manifest: &'a Manifest = work.built.manifest;
        let mut readers: HashMap<&str, Vec<&Node>> = HashMap::new();
        for node in manifest.nodes.values().filter(|node| builds(node)) {
            state::reads(manifest, node).into_iter().for_each(|id| readers.entry(id).or_default().push(node));
        }
        for (id, source) in &manifest.sources {
            let read: Vec<Option<&Read>> = self.reads_of(id, readers.get(&**id));
            if is_settled(&read, &work.definition(id)) {
                let loaded = match read.is_empty() {
                    true => work.loaded(id),
                    false => read.iter().map(|read| read.and_then(|read| read.loaded_at.clone())).min().flatten(),
                };
                match loaded {
                    Some(time) => self.loaded.insert(id.to_string(), time),
                    None => self.loaded.remove(&**id),
                };
                self.manifest.sources.insert(id.to_string(), EarlierSource::from(&**source));
                self.depends_on(id, work.inputs(id));
            }
        }
        for (id, node) in &manifest.nodes {
            let nobodys = matches!(node.resource_type, ResourceType::Analysis | ResourceType::Operation);
            let settled =
                node.is_ephemeral() && is_settled(&self.reads_of(id, readers.get(&**id)), &work.definition(id));
            if nobodys || settled {
                self.manifest.nodes.insert(id.to_string(), EarlierNode::of(node, &work.digests));
                self.depends_on(id, work.inputs(id));
            }
        }
        self.manifest.keep_semantics(manifest);
        self.manifest.exposures =
            manifest.exposures.iter().map(|(id, found)| (id.to_string(), (&**found).into())).collect();
    }

    /// What each reader of `id` has read; None: it has not been built with it.
    fn reads_of(&self, id: &str, readers: Option<&Vec<&Node>>) -> Vec<Option<&Read>> {
        let read = |node: &&Node| self.manifest.nodes.get(&*node.unique_id)?.kept.as_ref()?.reads.get(id);
        readers.into_iter().flatten().map(read).collect()
    }
}

/// Whether all readers have been built with what is defined now.
fn is_settled(read: &[Option<&Read>], definition: &str) -> bool {
    read.iter().all(|read| read.is_some_and(|read| read.definition == definition))
}

/// Whether a command makes something of the node that stays.
fn builds(node: &Node) -> bool {
    matches!(node.resource_type, ResourceType::Model | ResourceType::Snapshot) && !node.is_ephemeral()
}

struct Work<'a> {
    built: Built<'a>,
    digests: Digests<'a>,
    today: Today<'a>,
    /// What things asked for when they were last rendered.
    known: Inputs,
    definitions: RefCell<HashMap<&'a str, String>>,
}

impl<'a> Work<'a> {
    fn inputs(&self, id: &str) -> inputs::Digests {
        self.known.of(self.built.manifest, id, self.built.rendered, &self.today)
    }

    fn node_with_reads(&self, node: &'a Node) -> EarlierNode {
        let mut entry = EarlierNode::of(node, &self.digests);
        if let (true, Some(kept)) = (builds(node), &mut entry.kept) {
            let read = |id: &'a str| Read { definition: self.definition(id), loaded_at: self.loaded(id) };
            kept.reads =
                state::reads(self.built.manifest, node).into_iter().map(|id| (id.to_string(), read(id))).collect();
        }
        entry
    }

    /// A digest of all that matters of a source or an ephemeral model.
    fn definition(&self, id: &'a str) -> String {
        if let Some(known) = self.definitions.borrow().get(id) {
            return known.clone();
        }
        let manifest = self.built.manifest;
        let text = match (manifest.node(id), manifest.sources.get(id)) {
            (Some(node), _) => serde_json::to_string(&EarlierNode::of(node, &self.digests)),
            (_, Some(source)) => serde_json::to_string(&EarlierSource::from(&**source)),
            (None, None) => Ok(String::new()),
        };
        let digest = Digests::of(&format!("{}{:?}", text.unwrap_or_default(), self.inputs(id)));
        self.definitions.borrow_mut().insert(id, digest.clone());
        digest
    }

    fn loaded(&self, id: &str) -> Option<String> {
        self.built.loaded?.get(id).copied().map(timestamp)
    }
}

/// Waits for the lock. It is the system's: it does not outlive a process that is killed.
fn hold(lock: &File) -> std::io::Result<()> {
    let begun = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(20))
            }
            Err(TryLockError::WouldBlock) => return Err(std::io::Error::other("another run is writing it")),
            // Some network drives have no locks; the file is still written as a whole.
            Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}
