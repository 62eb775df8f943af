//! Small hand-made manifests for the tests of graph, select and plan.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::diag::{SourceFile, Span};
use crate::manifest::*;

/// A manifest of the package `shop`, built member by member. Parents are named as people do: `orders`, `raw.orders`.
pub(crate) struct Shop {
    manifest: Manifest,
    /// What [`Shop::with`] configures.
    last: UniqueId,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let mut manifest = Manifest::default();
        manifest.project_name = "shop".into();
        Self { manifest, last: "".into() }
    }

    pub(crate) fn done(self) -> Manifest {
        self.manifest.indexed()
    }

    /// `path` is below `models`, without ending: `staging/stg_orders`.
    pub(crate) fn model(self, path: &str, parents: &[&str]) -> Self {
        self.node(ResourceType::Model, "models", path, parents, Detail::Model(ModelDetail::default()))
    }

    pub(crate) fn seed(self, path: &str) -> Self {
        let detail = Detail::Seed { root_path: String::new(), file: "".into() };
        self.node(ResourceType::Seed, "seeds", path, &[], detail)
    }

    pub(crate) fn snapshot(self, path: &str, parents: &[&str]) -> Self {
        self.node(ResourceType::Snapshot, "snapshots", path, parents, Detail::Snapshot)
    }

    /// A singular data test.
    pub(crate) fn test(self, path: &str, parents: &[&str]) -> Self {
        self.node(ResourceType::Test, "tests", path, parents, Detail::SingularTest)
    }

    pub(crate) fn generic_test(self, name: &str, test_name: &str, parents: &[&str]) -> Self {
        let detail = Detail::GenericTest(GenericTest {
            test_name: test_name.into(),
            namespace: None,
            kwargs: Map::new(),
            column_name: None,
            file_key_name: String::new(),
            attached_node: parents.first().map(|parent| self.id(parent)),
            span: None,
        });
        self.node(ResourceType::Test, "models", name, parents, detail)
    }

    pub(crate) fn version(self, name: &str, version: u64, latest: u64) -> Self {
        let detail =
            ModelDetail { version: Some(version.into()), latest_version: Some(latest.into()), ..Default::default() };
        let id: UniqueId = format!("model.shop.{name}.v{version}").into();
        let path = format!("{name}_v{version}");
        let mut shop = self.node(ResourceType::Model, "models", &path, &[], Detail::Model(detail));
        if let Some((_, node)) = shop.manifest.nodes.pop() {
            let mut node = Arc::unwrap_or_clone(node);
            node.unique_id = id.clone();
            node.name = name.into();
            node.fqn = vec!["shop".into(), name.into(), format!("v{version}")];
            shop.manifest.nodes.insert(id.clone(), Arc::new(node));
        }
        shop.last = id;
        shop
    }

    pub(crate) fn source(mut self, source: &str, table: &str) -> Self {
        let id: UniqueId = format!("source.shop.{source}.{table}").into();
        let fqn = vec!["shop".into(), source.into(), table.into()];
        let made = Source {
            unique_id: id.clone(),
            source_name: source.into(),
            name: table.into(),
            package: "shop".into(),
            path: "models/sources.yml".into(),
            original_file_path: "models/sources.yml".into(),
            fqn,
            database: None,
            schema: source.into(),
            identifier: table.into(),
            relation_name: format!("{source}.{table}"),
            loader: String::new(),
            description: String::new(),
            source_description: String::new(),
            doc_blocks: Vec::new(),
            source_meta: Map::new(),
            config: Config::new(ResourceType::Source),
            unrendered_config: Map::new(),
            unrendered_database: None,
            unrendered_schema: None,
            columns: IndexMap::new(),
            quoting: Map::new(),
            loaded_at_field: None,
            loaded_at_query: None,
            freshness: None,
            external: None,
            tags: Vec::new(),
            meta: Map::new(),
            created_at: 0.0,
            span: None,
        };
        self.manifest.sources.insert(id.clone(), Arc::new(made));
        self.last = id;
        self
    }

    pub(crate) fn unit_test(mut self, name: &str, model: &str) -> Self {
        let tested = self.id(model);
        let mut fqn = self.manifest.nodes[&tested].fqn.clone();
        fqn.push(name.into());
        let id: UniqueId = format!("unit_test.shop.{model}.{name}").into();
        let made = UnitTest {
            unique_id: id.clone(),
            name: name.into(),
            package: "shop".into(),
            path: "unit_tests.yml".into(),
            original_file_path: "models/unit_tests.yml".into(),
            fqn,
            model: model.into(),
            tested: tested.clone(),
            description: String::new(),
            given: Vec::new(),
            expect: Rows::Values(Vec::new()),
            expect_format: "dict",
            expect_fixture: None,
            overrides: Map::new(),
            config: Config::new(ResourceType::UnitTest),
            tags: Vec::new(),
            checksum: String::new(),
            schema: String::new(),
            version: None,
            versions: None,
            depends_on_nodes: vec![tested],
            depends_on_macros: Vec::new(),
            created_at: 0.0,
            span: None,
        };
        self.manifest.unit_tests.insert(id.clone(), Arc::new(made));
        self.last = id;
        self
    }

    pub(crate) fn exposure(mut self, name: &str, parents: &[&str]) -> Self {
        let id: UniqueId = format!("exposure.shop.{name}").into();
        let made = Exposure {
            unique_id: id.clone(),
            name: name.into(),
            package: "shop".into(),
            path: "exposures.yml".into(),
            original_file_path: "models/exposures.yml".into(),
            fqn: vec!["shop".into(), name.into()],
            kind: "dashboard".into(),
            owner: Map::new(),
            maturity: None,
            url: None,
            label: None,
            description: String::new(),
            config: Config::new(ResourceType::Exposure),
            unrendered_config: Map::new(),
            refs: Vec::new(),
            sources: Vec::new(),
            metrics: Vec::new(),
            depends_on_nodes: parents.iter().map(|parent| self.id(parent)).collect(),
            tags: Vec::new(),
            meta: Map::new(),
            created_at: 0.0,
            span: None,
        };
        self.manifest.exposures.insert(id.clone(), Arc::new(made));
        self.last = id;
        self
    }

    /// Sets a config of the member added last (a node or a source); `tags` also where selection reads them.
    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        let tags: Vec<String> = match (&value, key) {
            (Value::String(tag), "tags") => vec![tag.clone()],
            _ => Vec::new(),
        };
        if let Some(node) = self.manifest.nodes.get_mut(&self.last).and_then(Arc::get_mut) {
            node.tags.extend(tags);
            node.config.values.insert(key.into(), value);
        } else if let Some(source) = self.manifest.sources.get_mut(&self.last).and_then(Arc::get_mut) {
            source.tags.extend(tags);
            source.config.values.insert(key.into(), value);
        }
        self
    }

    /// Makes the named node need another one, whatever the order in which they were added.
    pub(crate) fn needs(mut self, child: &str, parent: &str) -> Self {
        let (child, parent_id) = (self.id(child), self.id(parent));
        if let Some(node) = self.manifest.nodes.get_mut(&child).and_then(Arc::get_mut) {
            node.refs.push(RefCall { name: parent.into(), package: None, version: None });
            node.depends_on_nodes.push(parent_id);
        }
        self
    }

    /// Gives the node added last a text.
    pub(crate) fn sql(mut self, text: &str) -> Self {
        if let Some(node) = self.manifest.nodes.get_mut(&self.last).and_then(Arc::get_mut) {
            let file = SourceFile::new(node.original_file_path.clone(), text);
            node.raw_code = text.into();
            node.body = Span::new(&file, 0..text.len());
        }
        self
    }

    fn node(mut self, kind: ResourceType, folder: &str, path: &str, parents: &[&str], detail: Detail) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        let id: UniqueId = format!("{}.shop.{name}", kind.as_str()).into();
        let file = SourceFile::new(format!("{folder}/{path}.sql"), "select 1");
        let made = Node {
            name: name.into(),
            path: format!("{path}.sql"),
            original_file_path: format!("{folder}/{path}.sql"),
            fqn: std::iter::once("shop").chain(path.split('/')).map(str::to_owned).collect(),
            schema: "main".into(),
            alias: name.into(),
            patch_path: Some("shop://models/schema.yml".into()),
            depends_on_nodes: parents.iter().map(|parent| self.id(parent)).collect(),
            detail,
            ..Node::bare(kind, id.clone(), "shop".into(), Span::new(&file, 0..8), "select 1".into())
        };
        self.manifest.nodes.insert(id.clone(), Arc::new(made));
        self.last = id;
        self
    }

    fn id(&self, name: &str) -> UniqueId {
        let by_name = self.manifest.resources().find(|thing| match thing {
            Resource::Source(source) => format!("{}.{}", source.source_name, source.name) == name,
            other => other.name() == name,
        });
        by_name.map_or_else(|| panic!("no member `{name}` yet"), |thing| thing.unique_id().clone())
    }
}
