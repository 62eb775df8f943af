//! Finding things in the manifest: by `unique_id`, by `ref`, by `source`, and along edges.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use super::{
    Config, Detail, Disabled, Exposure, Manifest, Metric, Node, RefCall, ResourceType, SavedQuery, SemanticModel,
    Source, Span, UniqueId, UnitTest,
};

use crate::store::{Reader, Stored, Writer};

/// What a `unique_id` of the graph stands for.
#[derive(Debug, Clone, Copy)]
pub enum Resource<'a> {
    Node(&'a Arc<Node>),
    Source(&'a Arc<Source>),
    UnitTest(&'a Arc<UnitTest>),
    Exposure(&'a Arc<Exposure>),
    SemanticModel(&'a Arc<SemanticModel>),
    Metric(&'a Arc<Metric>),
    SavedQuery(&'a Arc<SavedQuery>),
}

/// Why a `ref` or `source` names nothing that can be used.
#[derive(Debug, Clone)]
pub enum Missing<'a> {
    NotFound,
    /// It is there, but disabled.
    Disabled(&'a Disabled),
    /// The model exists, not with this version; the versions that it has.
    Version(Vec<&'a Value>),
}

/// Names to ids, made once when the manifest is complete.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    /// name -> refable nodes of any package, in manifest order.
    refs: HashMap<String, Vec<UniqueId>>,
    /// (source, table) -> sources of any package.
    sources: HashMap<(String, String), Vec<UniqueId>>,
    disabled_refs: HashMap<String, Vec<UniqueId>>,
    functions: HashMap<String, Vec<UniqueId>>,
}

/// It is made anew from what it leads to.
impl Stored for Index {
    fn store(&self, _: &mut Writer) {}

    fn load(_: &mut Reader<'_>) -> Option<Self> {
        Some(Self::default())
    }
}

impl Manifest {
    /// Builds the name index; call it after the maps are filled by hand (parsing does it itself).
    #[must_use]
    pub fn indexed(mut self) -> Self {
        let mut index = Index::default();
        for node in self.nodes.values().filter(|node| node.resource_type.is_refable()) {
            index.refs.entry(node.name.clone()).or_default().push(node.unique_id.clone());
        }
        for node in self.nodes.values().filter(|node| node.resource_type == ResourceType::Function) {
            index.functions.entry(node.name.clone()).or_default().push(node.unique_id.clone());
        }
        for source in self.sources.values() {
            let key = (source.source_name.clone(), source.name.clone());
            index.sources.entry(key).or_default().push(source.unique_id.clone());
        }
        for (id, list) in &self.disabled {
            if let Some(Disabled::Node(node)) = list.first()
                && node.resource_type.is_refable()
            {
                index.disabled_refs.entry(node.name.clone()).or_default().push(id.clone());
            }
        }
        self.index = index;
        self
    }

    /// The thing of the graph with this id.
    pub fn get(&self, unique_id: &str) -> Option<Resource<'_>> {
        self.nodes
            .get(unique_id)
            .map(Resource::Node)
            .or_else(|| self.sources.get(unique_id).map(Resource::Source))
            .or_else(|| self.unit_tests.get(unique_id).map(Resource::UnitTest))
            .or_else(|| self.exposures.get(unique_id).map(Resource::Exposure))
            .or_else(|| self.semantic_models.get(unique_id).map(Resource::SemanticModel))
            .or_else(|| self.metrics.get(unique_id).map(Resource::Metric))
            .or_else(|| self.saved_queries.get(unique_id).map(Resource::SavedQuery))
    }

    pub fn node(&self, unique_id: &str) -> Option<&Arc<Node>> {
        self.nodes.get(unique_id)
    }

    /// Everything that takes part in the graph, in manifest order.
    pub fn resources(&self) -> impl Iterator<Item = Resource<'_>> {
        self.nodes
            .values()
            .map(Resource::Node)
            .chain(self.sources.values().map(Resource::Source))
            .chain(self.unit_tests.values().map(Resource::UnitTest))
            .chain(self.exposures.values().map(Resource::Exposure))
            .chain(self.semantic_models.values().map(Resource::SemanticModel))
            .chain(self.metrics.values().map(Resource::Metric))
            .chain(self.saved_queries.values().map(Resource::SavedQuery))
    }

    /// The node that `ref` means when it is written in `package`: dbt looks in the root project, then in the
    /// package of the node, then everywhere; two-argument refs look in the named package only.
    pub fn resolve_ref<'a>(&'a self, package: &str, call: &RefCall) -> Result<&'a Arc<Node>, Missing<'a>> {
        let named = self.index.refs.get(&call.name).map(Vec::as_slice).unwrap_or_default();
        let places = self.search_order(package, call.package.as_deref());
        for place in places {
            let inside = named
                .iter()
                .filter_map(|id| self.nodes.get(id))
                .filter(|node| place.is_none_or(|package| *node.package == *package));
            let candidates: Vec<&Arc<Node>> = inside.collect();
            if candidates.is_empty() {
                continue;
            }
            return pick_version(&candidates, call.version.as_ref());
        }
        self.disabled_ref(package, call).map_or(Err(Missing::NotFound), |disabled| Err(Missing::Disabled(disabled)))
    }

    /// The source table that `source(a, b)` means when it is written in `package`.
    pub fn resolve_source<'a>(
        &'a self,
        package: &str,
        source: &str,
        table: &str,
    ) -> Result<&'a Arc<Source>, Missing<'a>> {
        let key = (source.to_owned(), table.to_owned());
        let named = self.index.sources.get(&key).map(Vec::as_slice).unwrap_or_default();
        for place in self.search_order(package, None) {
            let found = named
                .iter()
                .filter_map(|id| self.sources.get(id))
                .find(|found| place.is_none_or(|package| *found.package == *package));
            if let Some(found) = found {
                return Ok(found);
            }
        }
        let disabled = self.disabled.values().flatten().find(
            |disabled| matches!(disabled, Disabled::Source(found) if found.source_name == source && found.name == table),
        );
        Err(disabled.map_or(Missing::NotFound, Missing::Disabled))
    }

    /// The function that `function(name)` or `function(package, name)` means when it is written in `package`.
    pub fn resolve_function<'a>(&'a self, package: &str, call: &[String]) -> Result<&'a Arc<Node>, Missing<'a>> {
        let (explicit, name) = match call {
            [name] => (None, name),
            [explicit, name] => (Some(explicit.as_str()), name),
            _ => return Err(Missing::NotFound),
        };
        let named = self.index.functions.get(name).map(Vec::as_slice).unwrap_or_default();
        for place in self.search_order(package, explicit) {
            let mut found = named.iter().filter_map(|id| self.nodes.get(id));
            if let Some(found) = found.find(|node| place.is_none_or(|package| *node.package == *package)) {
                return Ok(found);
            }
        }
        let disabled = self.disabled.values().flatten().find(|disabled| {
            matches!(disabled, Disabled::Node(node) if node.resource_type == ResourceType::Function && node.name == *name)
        });
        Err(disabled.map_or(Missing::NotFound, Missing::Disabled))
    }

    fn disabled_ref(&self, package: &str, call: &RefCall) -> Option<&Disabled> {
        let named = self.index.disabled_refs.get(&call.name)?;
        let disabled = |id: &UniqueId| self.disabled.get(id).and_then(|list| list.first());
        self.search_order(package, call.package.as_deref()).into_iter().find_map(|place| {
            named.iter().filter_map(disabled).find(
                |found| matches!(found, Disabled::Node(node) if place.is_none_or(|package| *node.package == *package)),
            )
        })
    }

    /// Packages in the order in which a name is looked up; None means any.
    pub(super) fn search_order<'a>(&'a self, package: &'a str, explicit: Option<&'a str>) -> Vec<Option<&'a str>> {
        match explicit {
            Some(explicit) => vec![Some(explicit)],
            None if *self.project_name == *package => vec![Some(package), None],
            None if self.node_package_first => vec![Some(package), Some(&self.project_name), None],
            None => vec![Some(&self.project_name), Some(package), None],
        }
    }

    /// `unique_id` → what it directly depends on, sorted, for every thing of the graph.
    pub fn parent_map(&self) -> IndexMap<UniqueId, Vec<UniqueId>> {
        let sorted = |ids: &[UniqueId]| {
            let mut ids = ids.to_vec();
            ids.sort_unstable();
            ids
        };
        self.resources().map(|thing| (thing.unique_id().clone(), sorted(thing.depends_on()))).collect()
    }

    /// `unique_id` → what directly depends on it, sorted, for every thing of the graph.
    pub fn child_map(&self) -> IndexMap<UniqueId, Vec<UniqueId>> {
        let mut map: IndexMap<UniqueId, Vec<UniqueId>> =
            self.resources().map(|thing| (thing.unique_id().clone(), Vec::new())).collect();
        for thing in self.resources() {
            for parent in thing.depends_on() {
                if let Some(children) = map.get_mut(parent) {
                    children.push(thing.unique_id().clone());
                }
            }
        }
        map.values_mut().for_each(|children| children.sort_unstable());
        map
    }
}

/// Among the versions of a model: the one asked for, or the latest when none is.
fn pick_version<'a>(candidates: &[&'a Arc<Node>], version: Option<&Value>) -> Result<&'a Arc<Node>, Missing<'a>> {
    let found = match version {
        Some(version) => {
            let wanted = version_text(version);
            candidates.iter().find(|node| node.version().map(version_text).as_deref() == Some(&wanted))
        }
        None => {
            let fits = candidates.iter().filter(|node| node.version().is_none() || node.is_latest_version());
            // Of equals, the first.
            fits.rev().max_by_key(|node| precedence(node.resource_type))
        }
    };
    found.copied().ok_or_else(|| Missing::Version(candidates.iter().filter_map(|node| node.version()).collect()))
}

/// Which one a name means where a model, a snapshot and a seed share it: dbt takes the one that it has parsed last.
fn precedence(kind: ResourceType) -> u8 {
    match kind {
        ResourceType::Seed => 2,
        ResourceType::Snapshot => 1,
        _ => 0,
    }
}

/// `1`, `1.5` and `beta` as dbt compares and prints versions: as text.
pub fn version_text(version: &Value) -> String {
    version.as_str().map_or_else(|| version.to_string(), str::to_owned)
}

impl Node {
    /// The version of a versioned model.
    pub fn version(&self) -> Option<&Value> {
        match &self.detail {
            Detail::Model(model) => model.version.as_ref(),
            _ => None,
        }
    }

    pub fn is_latest_version(&self) -> bool {
        match &self.detail {
            Detail::Model(model) => model.version.is_some() && model.version == model.latest_version,
            _ => false,
        }
    }

    pub fn is_ephemeral(&self) -> bool {
        self.resource_type == ResourceType::Model && self.config.materialized() == "ephemeral"
    }

    /// The name that selection and messages use: `orders`, `orders.v2`.
    pub fn search_name(&self) -> String {
        match self.version() {
            Some(version) => format!("{}.v{}", self.name, version_text(version)),
            None => self.name.clone(),
        }
    }
}

impl<'a> Resource<'a> {
    pub fn unique_id(&self) -> &'a UniqueId {
        match self {
            Self::Node(node) => &node.unique_id,
            Self::Source(source) => &source.unique_id,
            Self::UnitTest(test) => &test.unique_id,
            Self::Exposure(exposure) => &exposure.unique_id,
            Self::SemanticModel(model) => &model.identity.unique_id,
            Self::Metric(metric) => &metric.identity.unique_id,
            Self::SavedQuery(query) => &query.identity.unique_id,
        }
    }

    pub fn resource_type(&self) -> ResourceType {
        match self {
            Self::Node(node) => node.resource_type,
            Self::Source(_) => ResourceType::Source,
            Self::UnitTest(_) => ResourceType::UnitTest,
            Self::Exposure(_) => ResourceType::Exposure,
            Self::SemanticModel(_) => ResourceType::SemanticModel,
            Self::Metric(_) => ResourceType::Metric,
            Self::SavedQuery(_) => ResourceType::SavedQuery,
        }
    }

    /// For sources the table's name.
    pub fn name(&self) -> &'a str {
        match self {
            Self::Node(node) => &node.name,
            Self::Source(source) => &source.name,
            Self::UnitTest(test) => &test.name,
            Self::Exposure(exposure) => &exposure.name,
            Self::SemanticModel(model) => &model.identity.name,
            Self::Metric(metric) => &metric.identity.name,
            Self::SavedQuery(query) => &query.identity.name,
        }
    }

    pub fn package(&self) -> &'a Arc<str> {
        match self {
            Self::Node(node) => &node.package,
            Self::Source(source) => &source.package,
            Self::UnitTest(test) => &test.package,
            Self::Exposure(exposure) => &exposure.package,
            Self::SemanticModel(model) => &model.identity.package,
            Self::Metric(metric) => &metric.identity.package,
            Self::SavedQuery(query) => &query.identity.package,
        }
    }

    pub fn fqn(&self) -> &'a [String] {
        match self {
            Self::Node(node) => &node.fqn,
            Self::Source(source) => &source.fqn,
            Self::UnitTest(test) => &test.fqn,
            Self::Exposure(exposure) => &exposure.fqn,
            Self::SemanticModel(model) => &model.identity.fqn,
            Self::Metric(metric) => &metric.identity.fqn,
            Self::SavedQuery(query) => &query.identity.fqn,
        }
    }

    pub fn original_file_path(&self) -> &'a str {
        match self {
            Self::Node(node) => &node.original_file_path,
            Self::Source(source) => &source.original_file_path,
            Self::UnitTest(test) => &test.original_file_path,
            Self::Exposure(exposure) => &exposure.original_file_path,
            Self::SemanticModel(model) => &model.identity.original_file_path,
            Self::Metric(metric) => &metric.identity.original_file_path,
            Self::SavedQuery(query) => &query.identity.original_file_path,
        }
    }

    /// `pkg://path` of the properties file that describes it.
    pub fn patch_path(&self) -> Option<&'a str> {
        match self {
            Self::Node(node) => node.patch_path.as_deref(),
            _ => None,
        }
    }

    /// Tags as selection sees them: of tests also those of their column.
    pub fn tags(&self) -> &'a [String] {
        match self {
            Self::Node(node) => &node.tags,
            Self::Source(source) => &source.tags,
            Self::UnitTest(test) => &test.tags,
            Self::Exposure(exposure) => &exposure.tags,
            Self::SemanticModel(_) => &[],
            Self::Metric(metric) => &metric.tags,
            Self::SavedQuery(query) => &query.tags,
        }
    }

    pub fn config(&self) -> &'a Config {
        match self {
            Self::Node(node) => &node.config,
            Self::Source(source) => &source.config,
            Self::UnitTest(test) => &test.config,
            Self::Exposure(exposure) => &exposure.config,
            Self::SemanticModel(model) => &model.config,
            Self::Metric(metric) => &metric.config,
            Self::SavedQuery(query) => &query.config,
        }
    }

    pub fn depends_on(&self) -> &'a [UniqueId] {
        match self {
            Self::Node(node) => &node.depends_on_nodes,
            Self::Source(_) => &[],
            Self::UnitTest(test) => &test.depends_on_nodes,
            Self::Exposure(exposure) => &exposure.depends_on_nodes,
            Self::SemanticModel(model) => &model.depends_on_nodes,
            Self::Metric(metric) => &metric.depends_on_nodes,
            Self::SavedQuery(query) => &query.depends_on_nodes,
        }
    }

    /// Where it is written.
    pub fn span(&self) -> Option<&'a Span> {
        match self {
            Self::Node(node) => match &node.detail {
                Detail::GenericTest(test) => test.span.as_ref(),
                _ => Some(&node.body),
            },
            Self::Source(source) => source.span.as_ref(),
            Self::UnitTest(test) => test.span.as_ref(),
            Self::Exposure(exposure) => exposure.span.as_ref(),
            Self::SemanticModel(model) => model.identity.span.as_ref(),
            Self::Metric(metric) => metric.identity.span.as_ref(),
            Self::SavedQuery(query) => query.identity.span.as_ref(),
        }
    }
}
