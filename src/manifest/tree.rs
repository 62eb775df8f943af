//! The config trees of dbt_project.yml: package → folder → file.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value};

use super::known::{self, KnownConfigs};
use super::{ResourceType, merge};
use crate::diag::{Code, Deprecation, Diagnostic, SourceFile, Span};
use crate::project::{Package, PackageConfig, Project};
use crate::yaml::{Key, Mapping, Node, Yaml};

/// One level of a tree: what it sets, and the levels below it.
#[derive(Debug, Default)]
struct Level {
    values: Map<String, Value>,
    /// The same before rendering.
    written: Map<String, Value>,
    children: HashMap<String, Level>,
    /// The key of this level in the file.
    span: Option<Span>,
    path: String,
    /// The config that this level may be meant to be.
    config: Option<String>,
    /// Some resource lies below it.
    reached: AtomicBool,
}

/// The trees of one package.
#[derive(Debug, Default)]
struct Trees {
    by_type: HashMap<ResourceType, Level>,
}

/// The trees of all packages.
#[derive(Debug)]
pub struct ConfigTrees {
    root: Arc<str>,
    packages: HashMap<Arc<str>, Trees>,
}

impl ConfigTrees {
    /// Reads the trees; misspelled keys are reported.
    pub fn new(project: &Project, known: &KnownConfigs, diags: &mut Vec<Diagnostic>) -> Self {
        let trees = |package: &Package| (package.name.clone(), Trees::new(&package.config, known, diags));
        let packages = project.packages.iter().map(trees).collect();
        Self { root: project.name.clone(), packages }
    }

    /// What the package's own tree says of a resource, outer to inner.
    pub fn own(&self, package: &str, resource: ResourceType, fqn: &[String]) -> Map<String, Value> {
        let mut values = Map::new();
        self.apply(package, resource, fqn, &mut values);
        values
    }

    /// The root project has the last word on resources of other packages.
    pub fn root_over(&self, package: &str, resource: ResourceType, fqn: &[String], values: &mut Map<String, Value>) {
        if *package != *self.root {
            self.apply(&self.root, resource, fqn, values);
        }
    }

    /// Tells that the levels of a resource are in use whose config is known.
    pub fn reach(&self, package: &str, resource: ResourceType, fqn: &[String]) {
        let own = self.levels(package, resource, fqn);
        let root = (*package != *self.root).then(|| self.levels(&self.root, resource, fqn));
        own.chain(root.into_iter().flatten()).for_each(|level| level.reached.store(true, Ordering::Relaxed));
    }

    fn apply(&self, package: &str, resource: ResourceType, fqn: &[String], values: &mut Map<String, Value>) {
        for level in self.levels(package, resource, fqn) {
            level.reached.store(true, Ordering::Relaxed);
            merge::merge(values, &level.values);
        }
    }

    /// What is compared with an earlier state: the trees' values and those `said` of the resource itself, none of them
    /// rendered, hence none of them merged.
    pub fn unrendered<'m>(
        &self,
        package: &str,
        resource: ResourceType,
        fqn: &[String],
        said: impl IntoIterator<Item = &'m Map<String, Value>>,
    ) -> Map<String, Value> {
        let mut values = Map::new();
        self.levels(package, resource, fqn).for_each(|level| merge::replace(&mut values, &level.written));
        said.into_iter().for_each(|said| merge::replace(&mut values, said));
        if *package != *self.root {
            self.levels(&self.root, resource, fqn).for_each(|level| merge::replace(&mut values, &level.written));
        }
        values
    }

    /// The levels of a package's tree that a resource lies below, the outermost first.
    fn levels<'a>(
        &'a self,
        package: &str,
        resource: ResourceType,
        fqn: &'a [String],
    ) -> impl Iterator<Item = &'a Level> {
        let top = self.packages.get(package).and_then(|trees| trees.by_type.get(&tree_of(resource)));
        let mut parts = fqn.iter();
        std::iter::successors(top, move |level| level.children.get(parts.next()?))
    }

    /// Warnings for paths of the root project's trees that no resource lies below.
    pub fn unused(&self) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        if let Some(trees) = self.packages.get(&self.root) {
            for level in trees.by_type.values() {
                level.unused(&mut found);
            }
        }
        found.sort_by_key(|(span, _)| span.range.start);
        found.into_iter().map(|(_, diagnostic)| diagnostic).collect()
    }
}

/// Operations and the like are configured as models, as in dbt.
fn tree_of(resource: ResourceType) -> ResourceType {
    match resource {
        ResourceType::Seed
        | ResourceType::Snapshot
        | ResourceType::Source
        | ResourceType::Test
        | ResourceType::Exposure
        | ResourceType::UnitTest
        | ResourceType::SemanticModel
        | ResourceType::Metric
        | ResourceType::SavedQuery
        | ResourceType::Function => resource,
        _ => ResourceType::Model,
    }
}

impl Trees {
    fn new(config: &PackageConfig, known: &KnownConfigs, diags: &mut Vec<Diagnostic>) -> Self {
        let trees = &config.trees;
        let of_types = [
            (ResourceType::Model, "models", &trees.models),
            (ResourceType::Seed, "seeds", &trees.seeds),
            (ResourceType::Snapshot, "snapshots", &trees.snapshots),
            (ResourceType::Source, "sources", &trees.sources),
            (ResourceType::Test, "data_tests", &trees.data_tests),
            (ResourceType::UnitTest, "unit_tests", &trees.unit_tests),
            (ResourceType::Exposure, "exposures", &trees.exposures),
            (ResourceType::SemanticModel, "semantic-models", &trees.semantic_models),
            (ResourceType::Metric, "metrics", &trees.metrics),
            (ResourceType::SavedQuery, "saved-queries", &trees.saved_queries),
            (ResourceType::Function, "functions", &trees.functions),
        ];
        let mut by_type = HashMap::new();
        for (resource, name, tree) in of_types {
            if let Some(Node { value: Yaml::Map(map), .. }) = tree {
                let mut reader = Reader { file: &config.file, resource, known, diags };
                let old_name = || config.written.get("tests").filter(|_| resource == ResourceType::Test);
                let written = config.written.get(name).or_else(old_name).and_then(Node::as_map);
                by_type.insert(resource, reader.level(map, written, None, name));
            }
        }
        Self { by_type }
    }
}

struct Reader<'a> {
    file: &'a Arc<SourceFile>,
    resource: ResourceType,
    known: &'a KnownConfigs,
    diags: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn level(&mut self, map: &Mapping, written: Option<&Mapping>, key: Option<&Key>, path: &str) -> Level {
        let mut level = Level {
            span: key.map(|key| Span { file: self.file.clone(), range: key.range.clone() }),
            path: path.to_owned(),
            ..Level::default()
        };
        for (key, node) in map {
            let before = written.and_then(|written| written.get(&key.name)).unwrap_or(node);
            match (key.name.strip_prefix('+'), &node.value) {
                (None, Yaml::Map(child)) => {
                    let path = format!("{path}.{}", key.name);
                    let told = self.diags.len();
                    let mut child = self.level(child, before.as_map(), Some(key), &path);
                    if MAPPINGS.contains(&key.name.as_str()) {
                        child.config = Some(key.name.clone());
                        // Its keys are no configs; that it is no folder is told when nothing lies below it.
                        let inside = self.diags.split_off(told);
                        self.diags.extend(inside.into_iter().filter(Diagnostic::is_error));
                    }
                    level.children.insert(key.name.clone(), child);
                }
                (plus, _) => {
                    let name = plus.unwrap_or(&key.name).trim();
                    self.check(name, plus.is_some(), key);
                    level.values.insert(name.to_owned(), node.to_json());
                    level.written.insert(name.to_owned(), before.to_json());
                }
            }
        }
        level
    }

    fn check(&mut self, name: &str, has_plus: bool, key: &Key) {
        let span = Span { file: self.file.clone(), range: key.range.clone() };
        if let Some(near) = merge::misspelled(self.resource, name) {
            self.diags.push(unknown_config(self.resource, name, near, span));
        } else if !self.known.knows(self.resource, name) {
            self.diags.push(known::custom_key(name, span));
        } else if !has_plus {
            let message = format!("the config `{name}` in dbt_project.yml lacks its `+`");
            let warning = Diagnostic::deprecated(Deprecation::MissingPlusPrefix, message);
            self.diags.push(warning.at(span, format!("write `+{name}`")).note("without it, a folder may be meant"));
        }
    }
}

/// Configs that are mappings: without a `+` they are taken for folders.
const MAPPINGS: &[&str] = &[
    "column_types",
    "contract",
    "docs",
    "freshness",
    "grants",
    "latest_version_pointer",
    "meta",
    "persist_docs",
    "quoting",
    "snapshot_meta_column_names",
];

/// `materialised` is not a known config of a model; did you mean `materialized`?
pub fn unknown_config(resource: ResourceType, name: &str, near: &str, span: Span) -> Diagnostic {
    let article = if matches!(resource, ResourceType::Analysis | ResourceType::Exposure) { "an" } else { "a" };
    let what = resource.as_str().replace('_', " ");
    Diagnostic::error(Code::UnknownConfig, format!("`{name}` is not a known config of {article} {what}"))
        .at(span, format!("did you mean `{near}`?"))
        .note("keys of your own belong under `meta:`")
}

impl Level {
    /// Only the outermost unused level is reported, as all below it are unused as well.
    fn unused(&self, found: &mut Vec<(Span, Diagnostic)>) {
        for child in self.children.values() {
            if child.reached.load(Ordering::Relaxed) {
                child.unused(found);
            } else if let Some(span) = &child.span {
                let message = format!("the configuration path `{}` applies to no resource", child.path);
                let diagnostic = Diagnostic::warning(Code::UnusedConfig, message);
                let diagnostic = match &child.config {
                    Some(config) => diagnostic
                        .at(span.clone(), format!("the config is written `+{config}`"))
                        .deprecation(Deprecation::MissingPlusPrefix),
                    None => diagnostic.at(span.clone(), "no resource of this project lies below it"),
                };
                found.push((span.clone(), diagnostic));
            }
        }
    }
}
