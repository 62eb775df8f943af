//! Which entry of a properties file belongs to which file.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::draft::Draft;
use super::node::Described;
use super::properties::{NodePatch, VersionPatch};
use crate::diag::{Code, Diagnostic, suggest};
use crate::manifest::{ResourceType, version_text};

/// A draft with what describes it.
pub struct Work<'a> {
    pub draft: Draft,
    pub described: Option<Described<'a>>,
}

/// Patches by the file that they describe.
pub struct Patches<'a> {
    by_target: HashMap<Target, Described<'a>>,
}

/// Kind, package and the name that the file gives.
type Target = (ResourceType, Arc<str>, String);

impl<'a> Patches<'a> {
    /// Finds each patch's target; those without one and those with a second patch are reported.
    pub fn new(patches: &'a [NodePatch], drafts: &[Draft], diags: &mut Vec<Diagnostic>) -> Self {
        let mut finder = Finder::new(drafts);
        let mut found = Self { by_target: HashMap::new() };
        for (at, patch) in patches.iter().enumerate() {
            if patch.versions.is_empty() {
                match finder.target(patch.kind, &patch.place.package, &patch.name) {
                    Some(target) => found.insert(target, Described { patch, version: None, at }, diags),
                    None => diags.push(finder.without_target(patch, &patch.name)),
                }
            }
            let latest = patch.latest();
            for version in &patch.versions {
                let file = version.file_name(patch);
                let is_latest = latest.as_ref() == Some(&version.v);
                let target = finder.target(patch.kind, &patch.place.package, &file).or_else(|| {
                    // The latest version may keep the plain name.
                    is_latest.then(|| finder.target(patch.kind, &patch.place.package, &patch.name)).flatten()
                });
                match target {
                    Some(target) => found.insert(target, Described { patch, version: Some(version), at }, diags),
                    None => diags.push(finder.without_target(patch, &file)),
                }
            }
            check_versions(patch, diags);
        }
        found
    }

    fn insert(&mut self, target: Target, described: Described<'a>, diags: &mut Vec<Diagnostic>) {
        if let Some(first) = self.by_target.get(&target) {
            let message = format!("{} `{}` is described twice", target.0.as_str(), target.2);
            diags.push(
                Diagnostic::error(Code::DuplicateName, message)
                    .at(described.patch.place.span.clone(), "the second")
                    .place(first.patch.place.span.clone(), "the first"),
            );
            return;
        }
        self.by_target.insert(target, described);
    }

    /// Gives every draft its patch; versions get the names that they have as versions.
    pub fn assign(&self, drafts: Vec<Draft>) -> Vec<Work<'a>> {
        let with_patch = |draft: Draft| {
            let key = (draft.kind, draft.package.clone(), draft.name.clone());
            let described = self.by_target.get(&key).copied();
            match described.and_then(|described| described.version) {
                Some(version) => Work { draft: versioned(draft, described, version), described },
                None => Work { draft, described },
            }
        };
        drafts.into_iter().map(with_patch).collect()
    }
}

fn versioned(mut draft: Draft, described: Option<Described<'_>>, version: &VersionPatch) -> Draft {
    let Some(Described { patch, .. }) = described else { return draft };
    let label = format!("v{}", version_text(&version.v));
    draft.name = patch.name.clone();
    draft.unique_id = format!("model.{}.{}.{label}", draft.package, patch.name).into();
    draft.fqn.pop();
    draft.fqn.extend([patch.name.clone(), label]);
    draft
}

impl VersionPatch {
    /// The model file of this version, without ending.
    fn file_name(&self, patch: &NodePatch) -> String {
        self.defined_in.clone().unwrap_or_else(|| format!("{}_v{}", patch.name, version_text(&self.v)))
    }
}

fn check_versions(patch: &NodePatch, diags: &mut Vec<Diagnostic>) {
    let mut seen = HashSet::new();
    for version in &patch.versions {
        if !seen.insert(version_text(&version.v)) {
            let message = format!("model `{}` has version {} twice", patch.name, version_text(&version.v));
            diags.push(Diagnostic::error(Code::DuplicateName, message).at(version.span.clone(), "the second"));
        }
    }
    if let Some(latest) = &patch.latest_version
        && !patch.versions.is_empty()
        && !seen.contains(&version_text(latest))
    {
        let message = format!("`latest_version` of model `{}` is none of its versions", patch.name);
        diags.push(Diagnostic::error(Code::InvalidConfig, message).at(patch.place.span.clone(), ""));
    }
}

/// The drafts by what may be named.
struct Finder<'a> {
    drafts: &'a [Draft],
    by_name: HashMap<&'a str, Vec<&'a Draft>>,
}

impl<'a> Finder<'a> {
    fn new(drafts: &'a [Draft]) -> Self {
        let mut by_name: HashMap<&str, Vec<&Draft>> = HashMap::new();
        for draft in drafts {
            by_name.entry(&draft.name).or_default().push(draft);
        }
        Self { drafts, by_name }
    }

    /// The package's own node of that name, else that of any package.
    fn target(&mut self, kind: ResourceType, package: &Arc<str>, name: &str) -> Option<Target> {
        let named = self.by_name.get(name)?;
        let fits = || named.iter().filter(|draft| draft.kind == kind);
        let draft = fits().find(|draft| draft.package == *package).or_else(|| fits().next())?;
        Some((kind, draft.package.clone(), draft.name.clone()))
    }

    fn without_target(&self, patch: &NodePatch, name: &str) -> Diagnostic {
        let kind = patch.kind.as_str();
        let span = patch.place.span.clone();
        let yaml_key = patch.kind.properties_key().unwrap_or_default();
        let event = serde_json::json!({"file_path": span.file.path, "patch_name": name, "yaml_key": yaml_key});
        if let Some(other) = self.by_name.get(name).and_then(|named| named.first()) {
            let right = other.kind.properties_key();
            let message = format!("`{name}` is a {}, but it is described under `{}`", other.kind.as_str(), yaml_key);
            return Diagnostic::warning(Code::PatchTargetNotFound, message)
                .event("NoNodeForYamlKey", event)
                .at(span, right.map(|right| format!("describe it under `{right}:`")).unwrap_or_default());
        }
        let names = self.drafts.iter().filter(|draft| draft.kind == patch.kind).map(|draft| draft.name.as_str());
        let label = suggest::nearest(name, names).map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        let message = format!("no {kind} is called `{name}`: what is said of it here has no effect");
        Diagnostic::warning(Code::PatchTargetNotFound, message).at(span, label).event("NoNodeForYamlKey", event)
    }
}
