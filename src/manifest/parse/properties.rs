//! Properties files (`schema.yml`): what they say of nodes, as typed patches.

use std::ops::Range;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::call::parse_call;
use super::deprecation::{self, Dated};
use super::doc::Describer;
use super::exposure::{ExposureEntry, read_exposure};
use super::function::signature;
use super::group::{GroupEntry, read_group};
use super::macros::{MacroPatch, read_macro};
use super::metric::{MetricEntry, read_metric};
use super::model_semantics::{self, ColumnSemantics, DescribedColumn, DescribedModel, ModelSemantics, SemanticKeys};
use super::saved_query::{SavedQueryEntry, read_saved_query};
use super::semantic_model::{SemanticModelEntry, choice, read_semantic_model};
use super::source::{SourceEntry, read_source};
use super::unit_test::{UnitTestEntry, read_unit_test};
use crate::diag::{Code, Deprecation, Diagnostic, Span, suggest};
use crate::jinja::{Context, Engine};
use crate::manifest::known::{self, KnownConfigs};
use crate::manifest::semantic::{CustomGranularity, GRANULARITIES, TimeSpine};
use crate::manifest::{ColumnInfo, FunctionDetail, ResourceType, config, merge, tree};
use crate::project::{self, PackageFile};
use crate::yaml::{self, Fields, Key, Mapping, Node, Yaml};

/// Where an entry of a properties file stands.
#[derive(Debug, Clone)]
pub struct Place {
    pub package: Arc<str>,
    /// `models/staging/_staging.yml`
    pub original_file_path: Arc<str>,
    /// `staging/_staging.yml`
    pub path: Arc<str>,
    pub span: Span,
}

impl Place {
    /// `pkg://models/staging/_staging.yml`
    pub fn patch_path(&self) -> String {
        format!("{}://{}", self.package, self.original_file_path)
    }
}

/// One entry of `models`, `seeds`, `snapshots`, `analyses` or `data_tests`.
#[derive(Debug)]
pub struct NodePatch {
    pub kind: ResourceType,
    pub place: Place,
    pub name: String,
    pub description: String,
    pub doc_blocks: Vec<String>,
    pub config: Map<String, Value>,
    pub unrendered_config: Map<String, Value>,
    pub columns: Vec<ColumnPatch>,
    pub tests: Vec<TestEntry>,
    pub constraints: Vec<Value>,
    pub quote_columns: Option<bool>,
    pub latest_version: Option<Value>,
    pub versions: Vec<VersionPatch>,
    pub deprecation: Option<Dated>,
    pub time_spine: Option<TimeSpine>,
    /// Of a snapshot without SQL: `ref('orders')`.
    pub relation: Option<(String, Span)>,
    /// Of a function: what it takes and gives.
    pub signature: Option<FunctionDetail>,
}

#[derive(Debug, Clone)]
pub struct ColumnPatch {
    pub info: ColumnInfo,
    pub tests: Vec<TestEntry>,
    pub semantics: Option<Box<ColumnSemantics>>,
}

/// A generic test as written: a name, or a mapping.
#[derive(Debug, Clone)]
pub struct TestEntry {
    pub node: Node,
    pub span: Span,
}

/// One entry of `versions`.
#[derive(Debug)]
pub struct VersionPatch {
    pub v: Value,
    pub defined_in: Option<String>,
    pub description: Option<(String, Vec<String>)>,
    pub config: Map<String, Value>,
    pub unrendered_config: Map<String, Value>,
    pub constraints: Option<Vec<Value>>,
    pub tests: Option<Vec<TestEntry>>,
    pub columns: Option<VersionColumns>,
    pub deprecation: Option<Dated>,
    pub span: Span,
}

/// `columns` of a version: some of the model's, and its own.
#[derive(Debug)]
pub struct VersionColumns {
    /// None: all.
    pub include: Option<Vec<String>>,
    pub exclude: Vec<String>,
    pub own: Vec<ColumnPatch>,
}

/// What one properties file says.
#[derive(Debug, Default)]
pub struct Properties {
    pub nodes: Vec<NodePatch>,
    pub sources: Vec<SourceEntry>,
    pub macros: Vec<MacroPatch>,
    pub exposures: Vec<ExposureEntry>,
    pub groups: Vec<GroupEntry>,
    pub unit_tests: Vec<UnitTestEntry>,
    pub semantic_models: Vec<SemanticModelEntry>,
    pub metrics: Vec<MetricEntry>,
    pub saved_queries: Vec<SavedQueryEntry>,
    /// Semantic models and metrics that are written on models.
    pub of_models: Vec<ModelSemantics>,
}

impl Properties {
    /// It describes nodes and nothing else.
    pub fn is_plain(&self) -> bool {
        let Self {
            nodes: _,
            sources,
            macros,
            exposures,
            groups,
            unit_tests,
            semantic_models,
            metrics,
            saved_queries,
            of_models,
        } = self;
        sources.is_empty()
            && macros.is_empty()
            && exposures.is_empty()
            && groups.is_empty()
            && unit_tests.is_empty()
            && semantic_models.is_empty()
            && metrics.is_empty()
            && saved_queries.is_empty()
            && of_models.is_empty()
    }

    pub fn extend(&mut self, more: Self) {
        self.nodes.extend(more.nodes);
        self.sources.extend(more.sources);
        self.macros.extend(more.macros);
        self.exposures.extend(more.exposures);
        self.groups.extend(more.groups);
        self.unit_tests.extend(more.unit_tests);
        self.semantic_models.extend(more.semantic_models);
        self.metrics.extend(more.metrics);
        self.saved_queries.extend(more.saved_queries);
        self.of_models.extend(more.of_models);
    }
}

/// Reads one file.
pub struct Reader<'a> {
    pub engine: &'a Engine,
    pub describer: &'a Describer<'a>,
    pub context: &'a Arc<Context>,
    pub known: &'a KnownConfigs,
    pub package: &'a Arc<str>,
    pub file: &'a PackageFile,
    pub original: Arc<str>,
    pub relative: Arc<str>,
    pub diags: Vec<Diagnostic>,
}

const KEYS: &[&str] = &[
    "models",
    "seeds",
    "snapshots",
    "analyses",
    "data_tests",
    "sources",
    "macros",
    "exposures",
    "groups",
    "unit_tests",
    "semantic_models",
    "metrics",
    "saved_queries",
    "functions",
    "anchors",
    "version",
];

impl Reader<'_> {
    pub fn read(&mut self) -> Properties {
        let mut found = Properties::default();
        let root = match yaml::parse(&self.file.source, &mut self.diags) {
            Ok(root) => root,
            Err(error) => {
                self.diags.push(*error);
                return found;
            }
        };
        let map = match root.value {
            Yaml::Map(map) => map,
            Yaml::Null => return found,
            _ => {
                let message = format!("expected a mapping of resources, found {}", root.kind());
                let span = self.span(&root.range);
                self.diags.push(Diagnostic::error(Code::InvalidValue, message).at(span, ""));
                return found;
            }
        };
        for (key, node) in map.entries {
            self.section(&key, node, &mut found);
        }
        found
    }

    fn section(&mut self, key: &Key, node: Node, found: &mut Properties) {
        match key.name.as_str() {
            "version" | "anchors" => {}
            "models" => self.nodes(ResourceType::Model, key, node, found),
            "seeds" => self.nodes(ResourceType::Seed, key, node, found),
            "snapshots" => self.nodes(ResourceType::Snapshot, key, node, found),
            "analyses" => self.nodes(ResourceType::Analysis, key, node, found),
            "data_tests" => self.nodes(ResourceType::Test, key, node, found),
            "sources" => {
                for entry in self.entries(key, node) {
                    found.sources.extend(read_source(self, entry));
                }
            }
            "macros" => {
                for entry in self.entries(key, node) {
                    found.macros.extend(read_macro(self, entry));
                }
            }
            "exposures" => {
                for entry in self.entries(key, node) {
                    found.exposures.extend(read_exposure(self, entry));
                }
            }
            "groups" => {
                for entry in self.entries(key, node) {
                    found.groups.extend(read_group(self, entry));
                }
            }
            "unit_tests" => {
                for entry in self.entries(key, node) {
                    found.unit_tests.extend(read_unit_test(self, entry));
                }
            }
            "semantic_models" => {
                for entry in self.entries(key, node) {
                    found.semantic_models.extend(read_semantic_model(self, entry));
                }
            }
            "metrics" => {
                for entry in self.entries(key, node) {
                    found.metrics.extend(read_metric(self, entry));
                }
            }
            "saved_queries" => {
                for entry in self.entries(key, node) {
                    found.saved_queries.extend(read_saved_query(self, entry));
                }
            }
            "functions" => self.nodes(ResourceType::Function, key, node, found),
            _ => self.unknown_section(key),
        }
    }

    fn unknown_section(&mut self, key: &Key) {
        let near = suggest::nearest(&key.name, KEYS.iter().copied());
        let custom = Deprecation::CustomTopLevelKey;
        self.diags.push(yaml::unknown_key(&self.file.source, key, "a properties file", near, custom));
    }

    /// The items of a section's list.
    fn entries(&mut self, key: &Key, node: Node) -> Vec<Node> {
        match node.value {
            Yaml::Seq(items) => items,
            Yaml::Null => Vec::new(),
            _ => {
                let message = format!("`{}` must be a list, found {}", key.name, node.kind());
                let span = self.span(&node.range);
                self.diags.push(Diagnostic::error(Code::InvalidValue, message).at(span, ""));
                Vec::new()
            }
        }
    }

    fn nodes(&mut self, kind: ResourceType, key: &Key, node: Node, found: &mut Properties) {
        for entry in self.entries(key, node) {
            let Some((patch, semantics)) = self.node_patch(kind, entry) else { continue };
            found.nodes.push(patch);
            found.of_models.extend(semantics);
        }
    }

    /// Renders the Jinja of an entry, except what dbt renders later.
    pub fn render(&mut self, entry: &mut Node) {
        self.render_except(entry, &is_late);
    }

    /// Renders the Jinja of an entry, except what `late` says of its path in the entry.
    pub fn render_except(&mut self, entry: &mut Node, late: &dyn Fn(&[&str]) -> bool) {
        project::render::yaml(self.engine, &self.file.source, entry, self.context, late, &mut self.diags);
    }

    /// Reads a mapping; keys that nobody asked for are warned of.
    pub fn fields<T>(&mut self, node: Node, what: &str, read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> Option<T> {
        let mut fields = Fields::new(node, &self.file.source, what, &mut self.diags)?;
        let read = read(&mut fields)?;
        fields.finish(Deprecation::CustomKeyInObject);
        Some(read)
    }

    pub fn span(&self, range: &Range<u32>) -> Span {
        Span { file: self.file.source.clone(), range: range.clone() }
    }

    pub fn place(&self, range: &Range<u32>) -> Place {
        Place {
            package: self.package.clone(),
            original_file_path: self.original.clone(),
            path: self.relative.clone(),
            span: self.span(range),
        }
    }

    fn node_patch(&mut self, kind: ResourceType, mut entry: Node) -> Option<(NodePatch, Option<ModelSemantics>)> {
        let (body, unrendered_config) = (self.span(&entry.range), raw_config(&entry));
        self.render_except(&mut entry, &|path| is_late(path) || model_semantics::is_filter(path));
        let read = self.fields(entry, kind.as_str(), |fields| {
            let read = NodeFields::read(kind, fields)?;
            belongs_under_config(kind, fields);
            Some(read)
        })?;
        let place = self.place(&read.name.1);
        if let Some((text, range)) = read.relation.as_ref().filter(|(text, _)| parse_call(text).is_none()) {
            let message = format!("snapshot `{}` has the relation `{text}`", read.name.0);
            let span = self.span(range);
            let label = "write `ref('…')` or `source('…', '…')`";
            self.diags.push(Diagnostic::error(Code::InvalidValue, message).at(span, label));
        }
        let (description, doc_blocks) = self.describe(read.description);
        let mut config = self.config(kind, read.config);
        self.add_legacy(&read.name.0, &mut config, read.legacy);
        let columns = read.columns.into_iter().filter_map(|column| self.column(column)).collect::<Vec<_>>();
        let semantics = read.semantics.and_then(|keys| {
            let (name, description, has_versions) = (&*read.name.0, &*description, !read.versions.is_empty());
            let model = DescribedModel { name, place: &place, body, description, columns: &columns, has_versions };
            model_semantics::read(self, keys, &model)
        });
        let patch = NodePatch {
            kind,
            name: read.name.0,
            description,
            doc_blocks,
            config,
            unrendered_config,
            columns,
            tests: self.tests(read.tests),
            constraints: read.constraints.iter().map(Node::to_json).collect(),
            quote_columns: read.quote_columns,
            latest_version: read.latest_version.map(|node| node.to_json()),
            versions: read.versions.into_iter().filter_map(|version| self.version(version)).collect(),
            deprecation: read.deprecation,
            time_spine: read.time_spine,
            relation: read.relation.map(|(text, range)| (text, self.span(&range))),
            signature: read.signature,
            place,
        };
        Some((patch, semantics))
    }

    /// Top-level keys that moved under `config`.
    fn add_legacy(&mut self, name: &str, config: &mut Map<String, Value>, legacy: Vec<(&'static str, Node)>) {
        for (key, node) in legacy {
            if config.contains_key(key) {
                let message = format!("`{key}` of `{name}` is set twice: at the top and under `config`");
                let span = self.span(&node.range);
                self.diags.push(Diagnostic::error(Code::InvalidConfig, message).at(span, "remove this one"));
            } else if !node.is_null() {
                config.insert(key.to_owned(), node.to_json());
            }
        }
    }

    /// A description with its docs blocks filled in, and their ids.
    pub fn describe(&mut self, node: Option<Node>) -> (String, Vec<String>) {
        let Some(node) = node else { return Default::default() };
        match self.describer.describe(&self.file.source, &node, self.package) {
            Ok(described) => described,
            Err(error) => {
                self.diags.push(*error);
                Default::default()
            }
        }
    }

    /// A `config:` mapping; misspelled keys are errors, keys of the user's own are kept.
    pub fn config(&mut self, kind: ResourceType, node: Option<Node>) -> Map<String, Value> {
        let Some(node) = node else { return Map::new() };
        let map = match node.value {
            Yaml::Map(map) => map,
            Yaml::Null => return Map::new(),
            _ => {
                let message = format!("`config` must be a mapping, found {}", node.kind());
                let span = self.span(&node.range);
                self.diags.push(Diagnostic::error(Code::InvalidValue, message).at(span, ""));
                return Map::new();
            }
        };
        for (key, _) in &map {
            if let Some(near) = merge::misspelled(kind, &key.name) {
                let span = self.span(&key.range);
                self.diags.push(tree::unknown_config(kind, &key.name, near, span));
            } else if !self.known.knows(kind, &key.name) {
                let span = self.span(&key.range);
                self.diags.push(known::custom_key(&key.name, span));
            }
        }
        map.to_json()
    }

    pub fn column(&mut self, column: Node) -> Option<ColumnPatch> {
        let read = self.fields(column, "column", ColumnFields::read)?;
        let raw_description = read.description.as_ref().and_then(Node::as_str).unwrap_or_default().to_owned();
        let (description, doc_blocks) = self.describe(read.description);
        let (mut meta, mut tags) = (read.meta.unwrap_or_default().to_json(), read.tags);
        if let Some(config) = &read.config {
            if let Some(Yaml::Map(more)) = config.get("meta").map(|node| &node.value) {
                meta.extend(more.to_json());
            }
            tags.extend(config.get("tags").map(texts_of).unwrap_or_default());
        }
        let column = DescribedColumn {
            name: &read.name,
            description: &description,
            raw_description: &raw_description,
            meta: &meta,
            granularity: read.granularity.as_deref(),
        };
        let (dimension, entity, semantics) = model_semantics::of_column(self, (read.dimension, read.entity), &column);
        let info = ColumnInfo {
            name: read.name,
            description,
            data_type: read.data_type,
            quote: read.quote,
            meta,
            tags,
            constraints: read.constraints.iter().map(Node::to_json).collect(),
            granularity: read.granularity,
            dimension,
            entity,
            doc_blocks,
        };
        Some(ColumnPatch { info, tests: self.tests(read.tests), semantics })
    }

    pub fn tests(&self, tests: Vec<Node>) -> Vec<TestEntry> {
        tests.into_iter().map(|node| TestEntry { span: self.span(&node.range), node }).collect()
    }

    fn version(&mut self, version: Node) -> Option<VersionPatch> {
        let unrendered_config = raw_config(&version);
        let span = self.span(&version.range);
        let read = self.fields(version, "version", VersionFields::read)?;
        let mut config = self.config(ResourceType::Model, read.config);
        self.add_legacy("version", &mut config, read.legacy);
        Some(VersionPatch {
            v: read.v,
            defined_in: read.defined_in,
            description: read.description.filter(|node| !node.is_null()).map(|node| self.describe(Some(node))),
            config,
            unrendered_config,
            constraints: read.constraints.map(|list| list.iter().map(Node::to_json).collect()),
            tests: read.tests.map(|tests| self.tests(tests)),
            columns: read.columns.map(|columns| self.version_columns(columns)),
            deprecation: read.deprecation,
            span,
        })
    }

    fn version_columns(&mut self, columns: Vec<Node>) -> VersionColumns {
        let mut read = VersionColumns { include: Some(Vec::new()), exclude: Vec::new(), own: Vec::new() };
        for column in columns {
            match (column.get("include"), column.get("exclude")) {
                (None, None) => read.own.extend(self.column(column)),
                (include, exclude) => {
                    read.exclude = exclude.map(texts_of).unwrap_or_default();
                    let names = include.map(texts_of).unwrap_or_default();
                    let all = include.is_none() || names.iter().any(|name| name == "all" || name == "*");
                    read.include = (!all).then_some(names);
                }
            }
        }
        read
    }
}

struct NodeFields {
    name: (String, Range<u32>),
    description: Option<Node>,
    config: Option<Node>,
    columns: Vec<Node>,
    tests: Vec<Node>,
    legacy: Vec<(&'static str, Node)>,
    constraints: Vec<Node>,
    quote_columns: Option<bool>,
    latest_version: Option<Node>,
    versions: Vec<Node>,
    deprecation: Option<Dated>,
    time_spine: Option<TimeSpine>,
    semantics: Option<SemanticKeys>,
    relation: Option<(String, Range<u32>)>,
    signature: Option<FunctionDetail>,
}

impl NodeFields {
    fn read(kind: ResourceType, fields: &mut Fields<'_>) -> Option<Self> {
        let model = kind == ResourceType::Model;
        Some(Self {
            name: required_name(fields)?,
            description: fields.take("description"),
            config: fields.take("config"),
            columns: fields.list("columns"),
            tests: take_tests(fields),
            legacy: legacy_configs(fields),
            constraints: if model { fields.list("constraints") } else { Vec::new() },
            quote_columns: fields.bool("quote_columns"),
            latest_version: if model { fields.take("latest_version").filter(|node| !node.is_null()) } else { None },
            versions: if model { fields.list("versions") } else { Vec::new() },
            deprecation: if model { deprecation::read(fields) } else { None },
            time_spine: if model {
                fields.map_node("time_spine").and_then(|node| time_spine(fields, node))
            } else {
                None
            },
            semantics: model.then(|| SemanticKeys::take(fields)),
            signature: if kind == ResourceType::Function { signature(fields) } else { None },
            relation: if kind == ResourceType::Snapshot { fields.spanned_str("relation") } else { None },
        })
    }
}

fn time_spine(fields: &mut Fields<'_>, node: Node) -> Option<TimeSpine> {
    fields.nested(node, "time spine", |spine| {
        let custom_granularities = spine.list("custom_granularities").into_iter().filter_map(|node| {
            spine.nested(node, "custom granularity", |custom| {
                Some(CustomGranularity { name: custom.required_str("name")?, column_name: custom.str("column_name") })
            })
        });
        let custom_granularities = custom_granularities.collect();
        let standard_granularity_column = spine.required_str("standard_granularity_column")?;
        Some(TimeSpine { standard_granularity_column, custom_granularities })
    })
}

struct VersionFields {
    v: Value,
    defined_in: Option<String>,
    description: Option<Node>,
    config: Option<Node>,
    constraints: Option<Vec<Node>>,
    tests: Option<Vec<Node>>,
    columns: Option<Vec<Node>>,
    deprecation: Option<Dated>,
    legacy: Vec<(&'static str, Node)>,
}

impl VersionFields {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let Some(v) = fields.take("v").filter(|node| !node.is_null()) else {
            fields.required_str("v");
            return None;
        };
        let has_tests = fields.has("data_tests") || fields.has("tests");
        let tests = take_tests(fields);
        Some(Self {
            v: v.to_json(),
            defined_in: fields.str("defined_in"),
            description: fields.take("description"),
            config: fields.take("config"),
            constraints: fields.has("constraints").then(|| fields.list("constraints")),
            tests: has_tests.then_some(tests),
            columns: fields.has("columns").then(|| fields.list("columns")),
            deprecation: deprecation::read(fields),
            legacy: legacy_configs(fields),
        })
    }
}

struct ColumnFields {
    name: String,
    description: Option<Node>,
    data_type: Option<String>,
    quote: Option<bool>,
    tags: Vec<String>,
    meta: Option<Mapping>,
    config: Option<Mapping>,
    constraints: Vec<Node>,
    granularity: Option<String>,
    tests: Vec<Node>,
    dimension: Option<Node>,
    entity: Option<Node>,
}

/// Keys of other adapters.
const FOREIGN_COLUMN_KEYS: [&str; 3] = ["column_mask", "databricks_tags", "policy_tags"];

impl ColumnFields {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        moved_to_config(fields, &["meta", "tags"]);
        FOREIGN_COLUMN_KEYS.into_iter().for_each(|key| drop(fields.take(key)));
        Some(Self {
            name: fields.required_str("name")?,
            description: fields.take("description"),
            data_type: fields.str("data_type"),
            quote: fields.bool("quote"),
            tags: fields.texts("tags").unwrap_or_default(),
            meta: fields.map("meta"),
            config: fields.map("config"),
            constraints: fields.list("constraints"),
            granularity: choice(fields, "granularity", GRANULARITIES),
            tests: take_tests(fields),
            dimension: fields.take("dimension").filter(|node| !node.is_null()),
            entity: fields.take("entity").filter(|node| !node.is_null()),
        })
    }
}

/// A text or a list of texts.
pub fn texts_of(node: &Node) -> Vec<String> {
    match &node.value {
        Yaml::Str(text) => vec![text.clone()],
        Yaml::Seq(items) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// `name`, with its place; its absence is reported.
pub fn required_name(fields: &mut Fields<'_>) -> Option<(String, Range<u32>)> {
    match fields.spanned_str("name") {
        Some(name) => Some(name),
        None => {
            fields.required_str("name");
            None
        }
    }
}

/// `data_tests`, or its old name `tests`; both are an error.
pub fn take_tests(fields: &mut Fields<'_>) -> Vec<Node> {
    if fields.has("tests")
        && let Some((key, _)) = fields.has("data_tests").then(|| fields.entry("data_tests")).flatten()
    {
        let span = fields.span(&key.range);
        let message = "`tests` and `data_tests` are the same thing: only one of them can be given";
        fields.report(Diagnostic::error(Code::InvalidConfig, message).at(span, "the second"));
    }
    let mut tests = fields.list("data_tests");
    tests.extend(fields.list("tests"));
    tests
}

/// Configs beside `config` that nothing reads there.
fn belongs_under_config(kind: ResourceType, fields: &mut Fields<'_>) {
    let misplaced = fields.keys().filter(|key| config::defaults(kind).contains_key(merge::normal_key(&key.name)));
    for key in misplaced.cloned().collect::<Vec<_>>() {
        fields.remove(&key.name);
        let message = format!("`{}` of {} is a config, and has no effect here", key.name, kind.as_str());
        let span = fields.span(&key.range);
        let warning = Diagnostic::warning(Code::UnknownKey, message).at(span, "move it under `config:`");
        fields.report(warning.deprecation(Deprecation::PropertyMovedToConfig));
    }
}

/// Warns of keys that dbt has moved under `config`, and still reads at the top.
pub fn moved_to_config(fields: &mut Fields<'_>, names: &[&'static str]) {
    for name in names {
        if let Some(range) = fields.key_range(name).filter(|_| fields.is_set(name)) {
            let span = fields.span(&range);
            let message = format!("`{name}` belongs under `config` now");
            let warning = Diagnostic::deprecated(Deprecation::PropertyMovedToConfig, message);
            fields.report(warning.at(span, "move it under `config:`"));
        }
    }
}

const LEGACY_CONFIGS: [&str; 5] = ["meta", "docs", "group", "contract", "access"];

fn legacy_configs(fields: &mut Fields<'_>) -> Vec<(&'static str, Node)> {
    moved_to_config(fields, &LEGACY_CONFIGS);
    LEGACY_CONFIGS.into_iter().filter_map(|key| fields.take(key).map(|node| (key, node))).collect()
}

/// `config` as written, before rendering.
pub fn raw_config(entry: &Node) -> Map<String, Value> {
    match entry.get("config").map(|node| &node.value) {
        Some(Yaml::Map(map)) => map.to_json(),
        _ => Map::new(),
    }
}

/// What dbt renders later than the rest of a properties file.
pub fn is_late(path: &[&str]) -> bool {
    let late = |key: &&str| {
        matches!(
            *key,
            "description"
                | "tests"
                | "data_tests"
                | "loaded_at_query"
                | "pre_hook"
                | "post_hook"
                | "pre-hook"
                | "post-hook"
        )
    };
    !path.contains(&"meta") && path.iter().any(late)
}
