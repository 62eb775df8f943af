//! What a parse takes over from the last one: properties files, nodes and generic tests.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::{Map, Value};

use super::draft::Draft;
use super::node::{self, Described};
use super::patches::{Patches, Work};
use super::properties::{NodePatch, Place, Properties, Reader, VersionPatch};
use super::source::BuiltSource;
use super::{Broken, Setup, TestWork, attachments, deprecated, generic_test, source_tests};
use crate::diag::Diagnostic;
use crate::manifest::memory::{Memory, Outline, OutlinedPatch, OutlinedTests, OutlinedVersion, Wanted};
use crate::manifest::{Node, ResourceType, UniqueId};
use crate::project::PackageFile;

/// The properties files of a project, some of them only known by their outlines.
pub struct Files<'a> {
    files: Vec<File<'a>>,
    /// The file of each patch.
    of_patch: Vec<usize>,
}

struct File<'a> {
    package: &'a Arc<str>,
    file: &'a PackageFile,
    plain: bool,
    warnings: Vec<Diagnostic>,
    /// Its patches among all.
    patches: Range<usize>,
    /// It says what it said in the last parse.
    same: bool,
    /// Not only outlined.
    read: bool,
}

/// What was made anew.
#[derive(Debug, Default)]
pub struct Renewed {
    /// Of how many nodes, tests included.
    pub nodes: usize,
    pub built: Vec<UniqueId>,
    /// Of how many properties files.
    pub files: usize,
    pub read: Vec<String>,
}

fn read_file(setup: &Setup<'_>, package: &Arc<str>, file: &PackageFile) -> (Properties, Vec<Diagnostic>) {
    let context = setup.yaml_context(package);
    let mut reader = Reader {
        engine: setup.engine,
        describer: &setup.describer,
        context: &context,
        known: &setup.known,
        package,
        file,
        original: file.path.original.as_str().into(),
        relative: file.path.relative.as_str().into(),
        diags: Vec::new(),
    };
    (reader.read(), reader.diags)
}

impl<'a> Files<'a> {
    /// Reads all files that may not be as they were, or say more than outlines tell.
    pub fn read(setup: &Setup<'a>, memory: Option<&Memory>, diags: &mut Vec<Diagnostic>) -> (Self, Properties) {
        let packages = setup.project.packages.iter();
        let files: Vec<_> = packages
            .flat_map(|package| package.files.properties.iter().map(move |file| (&package.name, file)))
            .collect();
        let read: Vec<(Properties, Vec<Diagnostic>, bool, bool)> = files
            .par_iter()
            .map(|(package, file)| {
                let outline = memory.and_then(|memory| memory.outline(package, &file.source));
                match outline.filter(|outline| outline.plain) {
                    Some(outline) => (outlined(outline, package, file), outline.warnings.clone(), true, false),
                    None => {
                        let (properties, problems) = read_file(setup, package, file);
                        (properties, problems, outline.is_some(), true)
                    }
                }
            })
            .collect();
        let mut found = Self { files: Vec::with_capacity(files.len()), of_patch: Vec::new() };
        let mut all = Properties::default();
        for ((package, file), (properties, warnings, same, read)) in files.into_iter().zip(read) {
            let start = all.nodes.len();
            let patches = start..start + properties.nodes.len();
            found.of_patch.extend(patches.clone().map(|_| found.files.len()));
            diags.extend(warnings.iter().cloned());
            let plain = properties.is_plain();
            found.files.push(File { package, file, plain, warnings, patches, same, read });
            all.extend(properties);
        }
        (found, all)
    }

    /// Reads files that were only outlined.
    fn complete(
        &mut self,
        setup: &Setup<'_>,
        wanted: impl Iterator<Item = usize>,
        patches: &mut [NodePatch],
        diags: &mut Vec<Diagnostic>,
    ) {
        let mut missing: Vec<usize> =
            wanted.map(|patch| self.of_patch[patch]).filter(|at| !self.files[*at].read).collect();
        missing.sort_unstable();
        missing.dedup();
        let files = &self.files;
        let read: Vec<_> = missing.par_iter().map(|at| read_file(setup, files[*at].package, files[*at].file)).collect();
        for (at, (properties, problems)) in missing.into_iter().zip(read) {
            let file = &mut self.files[at];
            file.read = true;
            // Its warnings are those of the outline.
            diags.extend(problems.into_iter().filter(Diagnostic::is_error));
            for (old, new) in patches[file.patches.clone()].iter_mut().zip(properties.nodes) {
                *old = new;
            }
        }
    }

    fn same(&self, patch: usize) -> bool {
        self.files[self.of_patch[patch]].same
    }

    /// How the last parse saw a patch.
    fn outline<'m>(&self, memory: &'m Memory, patch: usize) -> Option<&'m OutlinedPatch> {
        let file = &self.files[self.of_patch[patch]];
        memory.outline(file.package, &file.file.source)?.patches.get(patch - file.patches.start)
    }

    /// For the next parse.
    pub fn outlines(&self, patches: &[NodePatch], mut tests: Vec<ToldTests>) -> Vec<Outline> {
        let outline = |file: &File<'_>| Outline {
            package: file.package.clone(),
            file: file.file.source.clone(),
            plain: file.plain,
            warnings: file.warnings.clone(),
            patches: file
                .patches
                .clone()
                .map(|at| outline_of(&patches[at], tests.get_mut(at).map(std::mem::take).unwrap_or_default()))
                .collect(),
        };
        self.files.iter().map(outline).collect()
    }

    pub fn renewed(&self, built: Vec<UniqueId>, nodes: usize) -> Renewed {
        let read = self.files.iter().filter(|file| file.read);
        let read = read.map(|file| file.file.path.original.clone()).collect();
        Renewed { nodes, built, files: self.files.len(), read }
    }
}

fn outline_of(patch: &NodePatch, (tests, told): ToldTests) -> OutlinedPatch {
    let version = |version: &VersionPatch| OutlinedVersion {
        v: version.v.clone(),
        defined_in: version.defined_in.clone(),
        span: version.span.clone(),
    };
    OutlinedPatch {
        kind: patch.kind,
        name: patch.name.clone(),
        span: patch.place.span.clone(),
        latest_version: patch.latest_version.clone(),
        versions: patch.versions.iter().map(version).collect(),
        relation: patch.relation.clone(),
        tests,
        told,
    }
}

/// What an outline tells: enough to find what it describes.
fn outlined(outline: &Outline, package: &Arc<str>, file: &PackageFile) -> Properties {
    let original: Arc<str> = file.path.original.as_str().into();
    let path: Arc<str> = file.path.relative.as_str().into();
    let version = |version: &OutlinedVersion| VersionPatch {
        v: version.v.clone(),
        defined_in: version.defined_in.clone(),
        description: None,
        config: Map::new(),
        unrendered_config: Map::new(),
        constraints: None,
        tests: None,
        columns: None,
        deprecation: None,
        span: version.span.clone(),
    };
    let patch = |patch: &OutlinedPatch| NodePatch {
        kind: patch.kind,
        place: Place {
            package: package.clone(),
            original_file_path: original.clone(),
            path: path.clone(),
            span: patch.span.clone(),
        },
        name: patch.name.clone(),
        description: String::new(),
        doc_blocks: Vec::new(),
        config: Map::new(),
        unrendered_config: Map::new(),
        columns: Vec::new(),
        tests: Vec::new(),
        constraints: Vec::new(),
        quote_columns: None,
        latest_version: patch.latest_version.clone(),
        versions: patch.versions.iter().map(version).collect(),
        deprecation: None,
        time_spine: None,
        relation: patch.relation.clone(),
        signature: None,
    };
    Properties { nodes: outline.patches.iter().map(patch).collect(), ..Properties::default() }
}

/// A patch, and one of its versions.
type Entry = (usize, Option<usize>);

/// The tests of a patch, and what is deprecated in how they are written.
type ToldTests = (Vec<OutlinedTests>, Vec<Diagnostic>);

/// A node that is built, or the name of one that could not be.
pub type Outcome = (String, Result<Node, Vec<Diagnostic>>);

/// Builds the nodes of all drafts, or takes them over.
pub fn nodes(
    setup: &Setup<'_>,
    drafts: Vec<Draft>,
    patches: &mut [NodePatch],
    files: &mut Files<'_>,
    mut memory: Option<&mut Memory>,
    diags: &mut Vec<Diagnostic>,
) -> Vec<Outcome> {
    let found = Patches::new(patches, &drafts, diags);
    let mut take = |Work { draft, described }: Work<'_>| {
        let at = described.map(|described| {
            let position =
                |version: &VersionPatch| described.patch.versions.iter().position(|other| std::ptr::eq(other, version));
            (described.at, described.version.and_then(position))
        });
        let same = at.is_none_or(|(at, _)| files.same(at));
        let memory = memory.as_deref_mut().filter(|_| same);
        let taken = memory.and_then(|memory| memory.take(&wanted(&draft, described)));
        (draft, at, taken)
    };
    let work: Vec<_> = found.assign(drafts).into_iter().map(&mut take).collect();
    let anew = work.iter().filter(|(.., taken)| taken.is_none()).filter_map(|(_, at, _)| Some(at.as_ref()?.0));
    files.complete(setup, anew, patches, diags);
    let patches = &*patches;
    let outcome = |(draft, at, taken): (Draft, Option<Entry>, Option<Node>)| {
        let name = draft.name.clone();
        if let Some(node) = taken {
            setup.trees.reach(&node.package, node.resource_type, &node.fqn);
            return (name, Ok(node));
        }
        let described = at.map(|(at, version)| {
            let patch = &patches[at];
            Described { patch, version: version.and_then(|version| patch.versions.get(version)), at }
        });
        (name, node::build(setup, draft, described))
    };
    work.into_par_iter().map(outcome).collect()
}

fn wanted<'d>(draft: &'d Draft, described: Option<Described<'_>>) -> Wanted<'d> {
    Wanted {
        kind: draft.kind,
        unique_id: &draft.unique_id,
        original_file_path: &draft.original_file_path,
        path: &draft.path,
        fqn: &draft.fqn,
        checksum: &draft.checksum,
        patch_path: described.map(|described| described.patch.place.patch_path()),
        source: &draft.source,
        body: &draft.body,
    }
}

/// Builds all generic tests, or takes them over; and says of each patch what the next parse has to know of its tests.
pub fn tests(
    setup: &Setup<'_>,
    (patches, files): (&mut [NodePatch], &mut Files<'_>),
    (nodes, sources): (&[Node], &[BuiltSource]),
    broken: &Broken,
    mut memory: Option<&mut Memory>,
    diags: &mut Vec<Diagnostic>,
) -> (Vec<Node>, Vec<ToldTests>) {
    let mut by_name: Named<'_> = HashMap::new();
    for node in nodes.iter().filter(|node| node.resource_type.is_refable()) {
        by_name.entry((node.resource_type, node.name.as_str())).or_default().push(node);
    }
    let concerns = |patch: &NodePatch| patch.kind.is_refable() && !broken.names.contains(&patch.name);
    let keeps = |(at, patch): (usize, &NodePatch)| {
        let memory = memory.as_deref().filter(|_| files.same(at) && concerns(patch))?;
        let outline = files.outline(memory, at)?;
        let mut attached = attachments(patch, named(&by_name, patch)).map(|(_, node)| &*node.unique_id);
        let mut before = outline.tests.iter();
        let fits = before.by_ref().all(|tests| attached.next() == Some(&tests.attached)) && attached.next().is_none();
        (fits && memory.has_tests(&outline.tests)).then(|| (outline.tests.clone(), outline.told.clone()))
    };
    let mut outlines: Vec<Option<_>> = patches.iter().enumerate().map(keeps).collect();
    let anew = (0..patches.len()).filter(|at| outlines[*at].is_none() && concerns(&patches[*at]));
    files.complete(setup, anew.collect::<Vec<_>>().into_iter(), patches, diags);

    let mut jobs = Vec::new();
    // The patch and its list of tests that a built test belongs to.
    let mut owners = Vec::new();
    for (at, patch) in patches.iter().enumerate().filter(|(_, patch)| concerns(patch)) {
        if let Some((kept, told)) = &outlines[at] {
            diags.extend(told.iter().cloned());
            let memory = &mut memory;
            let ids = kept.iter().flat_map(|tests| &tests.ids);
            let tests = ids.filter_map(|id| memory.as_deref_mut()?.take_test(id));
            for test in tests {
                setup.trees.reach(&test.package, test.resource_type, &test.fqn);
                jobs.push(Job::Taken(Box::new(test)));
                owners.push(None);
            }
            continue;
        }
        let (mut lists, mut work) = (Vec::new(), Vec::new());
        for (version, node) in attachments(patch, named(&by_name, patch)) {
            super::attached_tests(patch, version, node, &mut work);
            owners.resize(jobs.len() + work.len(), Some((at, lists.len())));
            lists.push(OutlinedTests { attached: node.unique_id.to_string(), ids: Vec::new() });
        }
        let mut told = Vec::new();
        deprecated::tests(setup.project, &work, &mut told);
        diags.extend(told.iter().cloned());
        outlines[at] = Some((lists, told));
        jobs.extend(work.into_iter().map(Job::Build));
    }
    let mut work = Vec::new();
    sources.iter().for_each(|built| source_tests(built, &mut work));
    deprecated::tests(setup.project, &work, diags);
    jobs.extend(work.into_iter().map(Job::Build));
    owners.resize(jobs.len(), None);

    let outcomes: Vec<Result<Node, Vec<Diagnostic>>> = jobs.into_par_iter().map(|job| job.done(setup)).collect();
    let mut tests = Vec::with_capacity(outcomes.len());
    for (outcome, owner) in outcomes.into_iter().zip(owners) {
        match outcome {
            Ok(node) => {
                let list = owner.and_then(|(at, list)| outlines[at].as_mut()?.0.get_mut(list));
                if let Some(list) = list {
                    list.ids.push(node.unique_id.clone());
                }
                tests.push(node);
            }
            Err(mut errors) => diags.append(&mut errors),
        }
    }
    (tests, outlines.into_iter().map(Option::unwrap_or_default).collect())
}

/// Nodes by type and name.
type Named<'a> = HashMap<(ResourceType, &'a str), Vec<&'a Node>>;

fn named<'n>(by_name: &'n Named<'n>, patch: &'n NodePatch) -> &'n [&'n Node] {
    by_name.get(&(patch.kind, patch.name.as_str())).map(Vec::as_slice).unwrap_or_default()
}

/// A test to build, or one that is there.
enum Job<'a> {
    Taken(Box<Node>),
    Build(TestWork<'a>),
}

impl Job<'_> {
    fn done(self, setup: &Setup<'_>) -> Result<Node, Vec<Diagnostic>> {
        let work = match self {
            Self::Taken(node) => return Ok(*node),
            Self::Build(work) => work,
        };
        let mut node = generic_test::build(setup, &work.target, work.column.as_ref(), work.entry)?;
        // A test is only as alive as what it is declared on.
        if work.target.attached.is_some_and(|attached| !attached.config.enabled()) || !work.target.enabled {
            node.config.values.insert("enabled".into(), Value::Bool(false));
        }
        Ok(node)
    }
}
