//! From files to the manifest. Steps that do not depend on each other run in parallel; each gives its values and its
//! diagnostics, and all errors of the project come back together.

mod again;
mod call;
mod deprecated;
mod deprecation;
mod doc;
mod draft;
mod exposure;
mod flat_metric;
mod function;
mod generic_test;
mod group;
mod inert;
mod macros;
mod metric;
mod model_semantics;
mod node;
mod patches;
mod properties;
mod saved_query;
mod semantic_model;
mod source;
mod test_name;
mod uncalled;
mod unit_test;

pub use call::{Call, parse_call};
pub use generic_test::is_call;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;

use self::again::Files;
pub use self::again::Renewed;
use self::doc::{Describer, Docs};
use self::generic_test::{Target, TargetKind, TestColumn};
use self::group::GroupEntry;
use self::inert::InertTests;
use self::macros::MacroFiles;
use self::model_semantics::ModelSemantics;
use self::node::TemplateCache;
pub use self::node::{find_word, first_line, store_failures};
use self::properties::{ColumnPatch, NodePatch, Properties, TestEntry, VersionPatch};
use self::source::BuiltSource;
use super::dispatch::Dispatcher;
use super::known::KnownConfigs;
use super::memory::{Memory, Outline, Steps};
use super::naming::Naming;
use super::saved::{Observed, Remembering};
use super::tree::ConfigTrees;
use super::{Disabled, Manifest, Node, ResourceType, UniqueId, capture, checks, microbatch, resolve, semantic};
use crate::adapter::{Adapter, Include, Relation};
use crate::diag::log::Log;
use crate::diag::{Code, Diagnostic, Span};
use crate::jinja::{Context, Engine, Library, Mode, Namespace, Observer, Value, watched};
use crate::project::{Project, context};

/// A parsed project: what runs, and the macros to run it with.
pub struct Parsed {
    pub manifest: Arc<Manifest>,
    pub library: Arc<Library>,
    /// What the parse depended on and said; none where the manifest is a saved one.
    pub observed: Option<Observed>,
}

/// What is known of the database without asking it.
#[derive(Debug)]
pub struct Dialect {
    pub quote_char: char,
    pub include: Include,
    /// The project's `quoting` over the adapter's.
    pub quote: Include,
    pub database: Option<String>,
    pub schema: String,
}

impl Dialect {
    pub fn new(project: &Project, adapter: &dyn Adapter) -> Self {
        let quoting = &project.root_package().config.quoting;
        Self {
            quote_char: adapter.quote_char(),
            include: adapter.include(),
            quote: Include {
                database: quoting.database.unwrap_or(true),
                schema: quoting.schema.unwrap_or(true),
                identifier: quoting.identifier.unwrap_or(true),
            },
            database: adapter.database(),
            schema: adapter.schema(),
        }
    }

    /// A relation without a name.
    pub fn unnamed(&self) -> Relation {
        Relation {
            database: None,
            schema: None,
            identifier: None,
            kind: None,
            include: self.include,
            quote: self.quote,
            quote_char: self.quote_char,
            limit: None,
            event_time: None,
        }
    }
}

/// What every parser needs; made once, shared by all threads.
pub struct Setup<'a> {
    pub project: &'a Project,
    pub engine: &'a Engine,
    pub library: Arc<Library>,
    pub dialect: Dialect,
    pub trees: ConfigTrees,
    pub naming: Naming,
    pub inert_tests: InertTests,
    pub describer: Describer<'a>,
    pub known: KnownConfigs,
    pub templates: TemplateCache,
    /// Configs are compared with an earlier state as they are written, not as they come out.
    pub written_configs: bool,
    /// Names of nodes while parsing.
    pub base: Arc<HashMap<&'static str, Value>>,
    yaml_contexts: HashMap<Arc<str>, Arc<Context>>,
    namespaces: HashMap<Arc<str>, Arc<Namespace>>,
    /// `created_at` of everything: seconds since the epoch.
    pub now: f64,
}

impl Setup<'_> {
    /// The macros that templates of a package see.
    pub fn namespace(&self, package: &str) -> Arc<Namespace> {
        self.namespaces.get(package).cloned().unwrap_or_else(Namespace::empty)
    }

    /// The names of a package's properties files.
    pub fn yaml_context(&self, package: &str) -> Arc<Context> {
        match self.yaml_contexts.get(package) {
            Some(context) => context.clone(),
            None => Arc::new(Context::new(Namespace::empty(), Mode::Execute)),
        }
    }
}

/// Parses a project. Opens no connection. What `memory` has of the last parse is taken over where nothing that it
/// depends on has changed.
///
/// # Errors
/// Everything that is wrong with the project, warnings included.
pub fn parse(
    project: &Project,
    adapter: &dyn Adapter,
    engine: &Engine,
    log: &Arc<dyn Log>,
    memory: Result<Memory, String>,
) -> Result<Parsed, Vec<Diagnostic>> {
    let mut diags = Vec::new();
    let macro_files = MacroFiles::read(project, &mut diags);
    let library = Arc::new(macro_files.library(project, &mut diags));
    let docs = Arc::new(Docs::read(project, &mut diags));
    if diags.iter().any(Diagnostic::is_error) {
        // Nothing that follows could be told from a missing macro.
        return Err(diags);
    }
    let dispatcher = Arc::new(Dispatcher::new(project, adapter, library.clone()));
    let (observer, log) = (Arc::new(Observer::default()), Arc::new(Remembering::new(log.clone())));
    let setup = setup(project, adapter, engine, log.clone(), &observer, &dispatcher, &docs, &mut diags);
    let (inert, read_configs) = (setup.inert_tests.ids(), setup.known.read());
    let mut memory = memory.and_then(|mut memory| {
        memory.compare(&library, &inert, &read_configs, &docs.blocks)?;
        Ok(memory)
    });
    let (mut files, mut properties) = Files::read(&setup, memory.as_ref().ok(), &mut diags);
    let validate = project.behaves("validate_macro_args");
    let macros = macro_files.nodes(
        &dispatcher,
        &library,
        std::mem::take(&mut properties.macros),
        validate,
        setup.now,
        &mut diags,
    );
    let mut manifest = Manifest {
        project_name: project.name.clone(),
        node_package_first: project.behaves("require_ref_searches_node_package_before_root"),
        in_batches: in_batches(project, &library),
        macros,
        docs: docs.blocks.clone(),
        selectors: selectors(project),
        ..Manifest::default()
    };
    let outlines = build_all(&setup, properties, &mut files, memory.as_mut().ok(), &mut manifest, &mut diags);
    if let Ok(memory) = &memory {
        memory.repeat(&observer, &*log);
    }
    diags.extend(setup.trees.unused());
    checks::manifest(&manifest, &mut diags);
    let can = microbatch::Abilities {
        own_strategy: own_macro(project, &library, &strategy_prefixes(adapter)),
        concurrent: adapter.capabilities().concurrent_batches,
        makes_partitions: adapter.makes_partitions(),
    };
    microbatch::check(&manifest, can, &mut diags);
    source::check_freshness(&manifest, &mut diags);
    if !diags.iter().any(Diagnostic::is_error) {
        // Names that are not resolved would only be reported once more.
        semantic::check(&manifest, &mut diags);
    }
    deprecated::project(project, &manifest, &library, &mut diags);
    deprecation::models(project, &manifest, &mut diags);
    uncalled::check(project, &library, &dispatcher, &mut diags);
    let mut manifest = manifest.indexed();
    resolve::primary_keys(&mut manifest);
    if diags.iter().any(Diagnostic::is_error) {
        return Err(diags);
    }
    manifest.warnings = diags;
    let renewed = memory.map(|memory| {
        let built = manifest.nodes.keys().filter(|id| !memory.is_taken(id)).cloned().collect();
        files.renewed(built, manifest.nodes.len())
    });
    let steps = Steps { files: outlines, inert, read_configs };
    let observed = Observed { seen: observer.seen(), said: log.said(), steps, renewed };
    Ok(Parsed { manifest: Arc::new(manifest), library, observed: Some(observed) })
}

/// The macros of a project whose manifest is known.
///
/// # Errors
/// As [`parse`].
pub fn library(project: &Project) -> Result<Arc<Library>, Vec<Diagnostic>> {
    let mut diags = Vec::new();
    let library = MacroFiles::read(project, &mut diags).library(project, &mut diags);
    if diags.iter().any(Diagnostic::is_error) { Err(diags) } else { Ok(Arc::new(library)) }
}

fn in_batches(project: &Project, library: &Library) -> bool {
    project.behaves("require_batched_execution_for_custom_microbatch_strategy")
        || !own_macro(project, library, &[String::new()])
}

/// What a strategy macro's name may begin with, so that it is used for this warehouse.
fn strategy_prefixes(adapter: &dyn Adapter) -> Vec<String> {
    let kinds = std::iter::once(adapter.kind()).chain(adapter.parents().iter().copied()).chain(["default"]);
    std::iter::once(String::new()).chain(kinds.map(|kind| format!("{kind}__"))).collect()
}

/// Whether the project or one of its packages has the strategy macro of microbatch models, with one of the prefixes.
fn own_macro(project: &Project, library: &Library, prefixes: &[String]) -> bool {
    let own = || project.packages.iter().filter(|package| !package.embedded);
    let has = |prefix: &String| {
        let name = format!("{prefix}get_incremental_microbatch_sql");
        own().any(|package| library.get(&package.name, &name).is_some())
    };
    prefixes.iter().any(has)
}

fn selectors(project: &Project) -> serde_json::Map<String, serde_json::Value> {
    let Some(list) = project.selectors.as_ref().and_then(|document| document.root.get("selectors")?.as_seq()) else {
        return serde_json::Map::new();
    };
    list.iter().filter_map(|selector| Some((selector.get("name")?.as_str()?.to_owned(), selector.to_json()))).collect()
}

fn setup<'a>(
    project: &'a Project,
    adapter: &dyn Adapter,
    engine: &'a Engine,
    log: Arc<dyn Log>,
    observer: &Arc<Observer>,
    dispatcher: &Arc<Dispatcher>,
    docs: &Arc<Docs>,
    diags: &mut Vec<Diagnostic>,
) -> Setup<'a> {
    let library = dispatcher.library();
    let dialect = Dialect::new(project, adapter);
    let stub = capture::adapter(dispatcher.clone(), dialect.unnamed());
    let api = capture::api(dialect.unnamed());
    let mut parse_base = context::base(project, engine, Mode::Parse, log.clone());
    let mut run_base = context::base(project, engine, Mode::Execute, log);
    for base in [&mut parse_base, &mut run_base] {
        base.extend([observer.entry()]);
        for name in ["flags", "target"] {
            if let Some(mapping) = base.remove(name) {
                base.insert(name, watched(name, mapping, observer));
            }
        }
    }
    let yaml_base = Arc::new(run_base.clone());
    let naming_base = Arc::new(capture::parse_names(run_base, project, stub.clone(), api.clone()));
    let base = Arc::new(capture::parse_names(parse_base, project, stub, api));
    let database = dialect.database.clone();
    let naming = Naming::new(project, library, naming_base, database, dialect.schema.clone());
    let names = || project.packages.iter().map(|package| package.name.clone());
    let yaml_context = |package: &Arc<str>| {
        let context = Context::new(Namespace::empty(), Mode::Execute).base(yaml_base.clone());
        Arc::new(context.set("project_name", Value::from(&**package)))
    };
    let known = KnownConfigs::new(library);
    Setup {
        project,
        engine,
        library: library.clone(),
        dialect,
        trees: ConfigTrees::new(project, &known, diags),
        known,
        naming,
        inert_tests: InertTests::new(library, dispatcher),
        describer: Describer { engine, docs: docs.clone(), namespace: Namespace::empty() },
        templates: TemplateCache::default(),
        written_configs: project.behaves("state_modified_compare_more_unrendered_values"),
        base,
        yaml_contexts: names().map(|name| (name.clone(), yaml_context(&name))).collect(),
        namespaces: names().map(|name| (name.clone(), library.namespace(&name))).collect(),
        now: seconds(project.invocation.started_at),
    }
}

fn seconds(time: chrono::DateTime<chrono::Utc>) -> f64 {
    time.timestamp_micros() as f64 / 1e6
}

/// `[package, folder, …]` of a file's path below its resource folder.
fn fqn_of(package: &str, path: &str) -> Vec<String> {
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    std::iter::once(package).chain(folders.split('/').filter(|part| !part.is_empty())).map(str::to_owned).collect()
}

/// What could not be built: problems that only follow from that are not reported.
#[derive(Debug, Default)]
pub struct Broken {
    pub names: HashSet<String>,
    /// Some properties file could not be read.
    pub properties: bool,
}

fn build_all(
    setup: &Setup<'_>,
    mut properties: Properties,
    files: &mut Files<'_>,
    mut memory: Option<&mut Memory>,
    manifest: &mut Manifest,
    diags: &mut Vec<Diagnostic>,
) -> Vec<Outline> {
    let mut broken = Broken { properties: diags.iter().any(Diagnostic::is_error), ..Broken::default() };
    let megabytes = setup.project.flags.get("MAXIMUM_SEED_SIZE_MIB").and_then(serde_json::Value::as_u64).unwrap_or(1);
    let mut drafts = draft::drafts(setup.project, megabytes << 20, diags);
    drafts.extend(properties.nodes.iter().filter_map(draft::described_snapshot));
    insert_groups(manifest, properties.groups, diags);
    let outcomes = again::nodes(setup, drafts, &mut properties.nodes, files, memory.as_deref_mut(), diags);
    let mut nodes = Vec::with_capacity(outcomes.len());
    for (name, outcome) in outcomes {
        match outcome {
            Ok(node) => nodes.push(node),
            Err(mut errors) => {
                broken.names.insert(name);
                diags.append(&mut errors);
            }
        }
    }
    checks::duplicates(&nodes, setup.project.behaves("require_unique_project_resource_names"), diags);
    deprecated::configs(&nodes, setup, diags);
    let sources = source::override_sources(properties.sources, diags);
    let sources: Vec<BuiltSource> = sources.into_par_iter().flat_map_iter(|entry| entry.build(setup)).collect();
    let described = (&mut *properties.nodes, &mut *files);
    let (tests, outlined) = again::tests(setup, described, (&nodes, &sources), &broken, memory, diags);
    let outlines = files.outlines(&properties.nodes, outlined);
    checks::duplicate_tests(&tests, diags);
    for node in nodes.into_iter().chain(tests) {
        insert_node(manifest, node);
    }
    for built in sources {
        insert_source(manifest, built, diags);
    }
    for entry in properties.exposures {
        insert_exposure(manifest, entry, setup, diags);
    }
    let mut metrics = properties.metrics;
    let mut semantic_models = properties.semantic_models;
    if !properties.of_models.is_empty() {
        let known = model_names(manifest);
        // Of one that is not there has been warned.
        let is_there = |of: &ModelSemantics| known.contains(&*of.name) || broken.names.contains(&of.name);
        for of_model in properties.of_models.into_iter().filter(is_there) {
            semantic_models.push(of_model.semantic_model);
            metrics.extend(of_model.metrics);
        }
    }
    for entry in semantic_models {
        let (model, created) = entry.build(setup);
        metrics.extend(created);
        insert_semantic_model(manifest, model, diags);
    }
    for entry in metrics {
        insert_metric(manifest, entry.build(setup), diags);
    }
    for entry in properties.saved_queries {
        let query = entry.build(setup, diags);
        insert_saved_query(manifest, query, diags);
    }
    reindex(manifest);
    resolve::resolve(setup.project, manifest, &broken, diags);
    semantic::resolve(manifest, &broken, diags);
    reindex(manifest);
    let mut unit_tests = unit_test::UnitTests { setup, manifest, diags: Vec::new() };
    let built: Vec<_> = properties.unit_tests.into_iter().flat_map(|entry| unit_tests.build(entry)).collect();
    diags.append(&mut unit_tests.diags);
    for test in built {
        insert_unit_test(manifest, test, diags);
    }
    // Many small pieces: nobody has to wait until they are gone.
    rayon::spawn(move || drop(properties.nodes));
    outlines
}

/// Of all models, also of those that are switched off.
fn model_names(manifest: &Manifest) -> HashSet<String> {
    let disabled = manifest.disabled.values().flatten().filter_map(|thing| match thing {
        Disabled::Node(node) => Some(node),
        _ => None,
    });
    let models = manifest.nodes.values().chain(disabled).filter(|node| node.resource_type == ResourceType::Model);
    models.map(|node| node.name.clone()).collect()
}

fn reindex(manifest: &mut Manifest) {
    *manifest = std::mem::take(manifest).indexed();
}

fn insert_node(manifest: &mut Manifest, node: Node) {
    let (id, node) = (node.unique_id.clone(), Arc::new(node));
    if node.config.enabled() {
        manifest.nodes.insert(id, node);
    } else {
        manifest.disabled.entry(id).or_default().push(Disabled::Node(node));
    }
}

fn insert_source(manifest: &mut Manifest, built: BuiltSource, diags: &mut Vec<Diagnostic>) {
    let (id, source) = (built.source.unique_id.clone(), Arc::new(built.source));
    if !source.config.enabled() {
        manifest.disabled.entry(id).or_default().push(Disabled::Source(source));
        return;
    }
    if let Some(first) = manifest.sources.get(&id) {
        let what = format!("source table `{}.{}`", source.source_name, source.name);
        diags.push(twice(&what, source.span.clone(), first.span.clone()));
        return;
    }
    manifest.sources.insert(id, source);
}

fn insert_groups(manifest: &mut Manifest, groups: Vec<GroupEntry>, diags: &mut Vec<Diagnostic>) {
    let mut spans: HashMap<UniqueId, Span> = HashMap::new();
    for GroupEntry { group, place } in groups {
        let id = group.unique_id.clone();
        match spans.get(&id) {
            Some(first) => {
                diags.push(twice(&format!("group `{}`", group.name), Some(place.span), Some(first.clone())));
            }
            None => {
                spans.insert(id.clone(), place.span);
                manifest.groups.insert(id, group);
            }
        }
    }
}

fn insert_exposure(
    manifest: &mut Manifest,
    entry: exposure::ExposureEntry,
    setup: &Setup<'_>,
    diags: &mut Vec<Diagnostic>,
) {
    let exposure = Arc::new(entry.build(setup));
    let id = exposure.unique_id.clone();
    if !exposure.config.enabled() {
        manifest.disabled.entry(id).or_default().push(Disabled::Exposure(exposure));
        return;
    }
    if let Some(first) = manifest.exposures.get(&id) {
        diags.push(twice(&format!("exposure `{}`", exposure.name), exposure.span.clone(), first.span.clone()));
        return;
    }
    manifest.exposures.insert(id, exposure);
}

fn insert_semantic_model(manifest: &mut Manifest, model: semantic::SemanticModel, diags: &mut Vec<Diagnostic>) {
    let (id, model) = (model.identity.unique_id.clone(), Arc::new(model));
    if !model.config.enabled() {
        manifest.disabled.entry(id).or_default().push(Disabled::SemanticModel(model));
        return;
    }
    if let Some(first) = manifest.semantic_models.get(&id) {
        let what = format!("semantic model `{}`", model.identity.name);
        diags.push(twice(&what, model.identity.span.clone(), first.identity.span.clone()));
        return;
    }
    manifest.semantic_models.insert(id, model);
}

fn insert_metric(manifest: &mut Manifest, metric: semantic::Metric, diags: &mut Vec<Diagnostic>) {
    let (id, metric) = (metric.identity.unique_id.clone(), Arc::new(metric));
    if !metric.config.enabled() {
        manifest.disabled.entry(id).or_default().push(Disabled::Metric(metric));
        return;
    }
    if let Some(first) = manifest.metrics.get(&id) {
        let what = format!("metric `{}`", metric.identity.name);
        diags.push(twice(&what, metric.identity.span.clone(), first.identity.span.clone()));
        return;
    }
    manifest.metrics.insert(id, metric);
}

fn insert_saved_query(manifest: &mut Manifest, query: semantic::SavedQuery, diags: &mut Vec<Diagnostic>) {
    let (id, query) = (query.identity.unique_id.clone(), Arc::new(query));
    if !query.config.enabled() {
        manifest.disabled.entry(id).or_default().push(Disabled::SavedQuery(query));
        return;
    }
    if let Some(first) = manifest.saved_queries.get(&id) {
        let what = format!("saved query `{}`", query.identity.name);
        diags.push(twice(&what, query.identity.span.clone(), first.identity.span.clone()));
        return;
    }
    manifest.saved_queries.insert(id, query);
}

fn insert_unit_test(manifest: &mut Manifest, test: super::UnitTest, diags: &mut Vec<Diagnostic>) {
    let (id, test) = (test.unique_id.clone(), Arc::new(test));
    if !test.config.enabled() {
        manifest.disabled.entry(id).or_default().push(Disabled::UnitTest(test));
        return;
    }
    if let Some(first) = manifest.unit_tests.get(&id) {
        diags.push(twice(&format!("unit test `{}`", test.name), test.span.clone(), first.span.clone()));
        return;
    }
    manifest.unit_tests.insert(id, test);
}

/// Something is declared twice.
fn twice(what: &str, second: Option<Span>, first: Option<Span>) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(Code::DuplicateName, format!("{what} is declared twice"));
    if let Some(second) = second {
        diagnostic = diagnostic.at(second, "the second");
    }
    match first {
        Some(first) => diagnostic.place(first, "the first"),
        None => diagnostic,
    }
}

/// One generic test to build.
struct TestWork<'a> {
    target: Arc<Target<'a>>,
    column: Option<TestColumn<'a>>,
    entry: &'a TestEntry,
}

/// The nodes that the tests of an entry are declared on, with their versions.
fn attachments<'a>(
    patch: &'a NodePatch,
    named: &'a [&'a Node],
) -> impl Iterator<Item = (Option<&'a VersionPatch>, &'a Node)> {
    let own = |node: &&&Node| node.package == patch.place.package;
    let find = move |version: Option<&serde_json::Value>| {
        let fits = |node: &&&Node| node.version() == version;
        named.iter().filter(fits).find(own).or_else(|| named.iter().find(fits)).copied()
    };
    let plain = patch.versions.is_empty().then(|| find(None)).flatten().map(|node| (None, node));
    let versions = patch.versions.iter().filter_map(move |version| Some((Some(version), find(Some(&version.v))?)));
    plain.into_iter().chain(versions)
}

fn attached_tests<'a>(
    patch: &'a NodePatch,
    version: Option<&'a VersionPatch>,
    attached: &'a Node,
    work: &mut Vec<TestWork<'a>>,
) {
    let key = patch.kind.properties_key().unwrap_or("models");
    let target = Arc::new(Target {
        place: &patch.place,
        kind: TargetKind::Node { key, name: &patch.name, version: version.map(|version| &version.v) },
        attached: Some(attached),
        enabled: true,
        quote_columns: patch.quote_columns.unwrap_or(false),
        tags: Vec::new(),
    });
    match version {
        None => push_tests(&target, patch.columns.iter(), &patch.tests, work),
        Some(version) => {
            let tests = version.tests.as_ref().unwrap_or(&patch.tests);
            push_tests(&target, node::columns_for(patch, Some(version)), tests, work);
        }
    }
}

fn source_tests<'a>(built: &'a BuiltSource, work: &mut Vec<TestWork<'a>>) {
    let source = &built.source;
    let quote = source.quoting.get("column").and_then(serde_json::Value::as_bool).unwrap_or(false);
    let target = Arc::new(Target {
        place: &built.place,
        kind: TargetKind::Source { source: &source.source_name, table: &source.name },
        attached: None,
        enabled: source.config.enabled(),
        quote_columns: quote,
        tags: source.tags.clone(),
    });
    push_tests(&target, built.columns.iter(), &built.tests, work);
}

fn push_tests<'a>(
    target: &Arc<Target<'a>>,
    columns: impl Iterator<Item = &'a ColumnPatch>,
    tests: &'a [TestEntry],
    work: &mut Vec<TestWork<'a>>,
) {
    for column in columns {
        let info = &column.info;
        for entry in &column.tests {
            let column = TestColumn { name: &info.name, quote: info.quote, tags: &info.tags };
            work.push(TestWork { target: target.clone(), column: Some(column), entry });
        }
    }
    work.extend(tests.iter().map(|entry| TestWork { target: target.clone(), column: None, entry }));
}
