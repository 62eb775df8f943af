//! Which variables everything was rendered with: `headwater_state.json` beside the manifest, and a part of the state
//! that Headwater keeps itself. dbt's own files have no place for it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{file, read};
use crate::diag;
use crate::manifest::Manifest;
use crate::project::Project;
use crate::project::context::Input;

/// `unique_id` → variables, and digests of their values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Inputs(pub BTreeMap<String, Digests>);

/// A variable ([`Input::key`]) → digest of its value; none: it had no value.
pub type Digests = BTreeMap<String, Option<String>>;

/// What has been rendered in this invocation, by `unique_id`.
pub type Rendered<'a> = &'a dyn Fn(&str) -> Option<BTreeSet<Input>>;

const FILE: &str = "headwater_state.json";

#[derive(Default, Serialize, Deserialize)]
struct Document {
    inputs: Inputs,
}

impl Inputs {
    /// `folder/headwater_state.json`; None where there is none.
    ///
    /// # Errors
    /// The file cannot be read, or is not what its name says.
    pub fn read(folder: &Path) -> diag::Result<Option<Self>> {
        let path = folder.join(FILE);
        let document: Option<Document> =
            read::content(&path)?.map(|content| read::parse(&path, &content)).transpose()?;
        Ok(document.map(|document| document.inputs))
    }

    /// Writes what a manifest's things depend on today. Of what has not been rendered this time, the file goes on to
    /// tell which variables it asks for.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(folder: &Path, project: &Project, manifest: &Manifest, rendered: Rendered<'_>) -> diag::Result<()> {
        // A file that cannot be read is as good as none: it is written anew.
        let before = Self::read(folder).ok().flatten().unwrap_or_default();
        let today = Today::new(project);
        let ids = manifest.nodes.keys().chain(manifest.unit_tests.keys()).chain(manifest.sources.keys());
        let found = ids.map(|id| (id.to_string(), before.of(manifest, id, rendered, &today)));
        let document = Document { inputs: Self(found.filter(|(_, inputs)| !inputs.is_empty()).collect()) };
        file::write(&folder.join(FILE), |writer| serde_json::to_writer(writer, &document).map_err(Into::into))
    }

    /// What a thing depends on, with today's values: the variables that its configuration names, and those that its
    /// rendering asked for, now or else when it was rendered before.
    pub(super) fn of(&self, manifest: &Manifest, id: &str, rendered: Rendered<'_>, today: &Today<'_>) -> Digests {
        let mut keys: BTreeSet<String> = configured(manifest, id).iter().map(Input::key).collect();
        match rendered(id) {
            Some(seen) => keys.extend(seen.iter().map(Input::key)),
            None => keys.extend(self.0.get(id).into_iter().flat_map(|known| known.keys().cloned())),
        }
        keys.into_iter().map(|key| (key.clone(), today.digest(&key))).collect()
    }

    /// What was rendered with other values than it would be today.
    pub fn changed(&self, project: &Project) -> HashSet<String> {
        let today = Today::new(project);
        let differs = |inputs: &Digests| inputs.iter().any(|(key, before)| today.digest(key) != *before);
        self.0.iter().filter(|(_, inputs)| differs(inputs)).map(|(id, _)| id.clone()).collect()
    }
}

/// The variables that are named where a thing is configured or declared.
fn configured(manifest: &Manifest, id: &str) -> BTreeSet<Input> {
    if let Some(node) = manifest.nodes.get(id) {
        return Input::named_in(&node.package, node.unrendered_config.values());
    }
    let Some(source) = manifest.sources.get(id) else { return BTreeSet::new() };
    let names = [&source.unrendered_database, &source.unrendered_schema];
    let names: Vec<Value> = names.into_iter().flatten().map(|text| Value::from(text.as_str())).collect();
    Input::named_in(&source.package, source.unrendered_config.values().chain(&names))
}

/// The values of variables in this invocation.
pub(super) struct Today<'a> {
    project: &'a Project,
    known: RefCell<HashMap<String, Option<String>>>,
}

impl<'a> Today<'a> {
    pub fn new(project: &'a Project) -> Self {
        Self { project, known: RefCell::default() }
    }

    fn digest(&self, key: &str) -> Option<String> {
        if let Some(known) = self.known.borrow().get(key) {
            return known.clone();
        }
        let digest = Input::parse(key).and_then(|input| input.digest(self.project));
        self.known.borrow_mut().insert(key.to_owned(), digest.clone());
        digest
    }
}
