//! What all nodes of an invocation share.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::{Map, Value as Json};

use super::batch::Batch;
use super::nouns::Nouns;
use super::objects::relation::Naming;
use super::scope::{Scope, Subject};
use super::sql::Compiled;
use super::writer::Writer;
use super::{materialization, query_comment, sql};
use crate::adapter::session::{Label, Pool};
use crate::adapter::{Adapter, Include, Relation};
use crate::diag::log::Log;
use crate::diag::{Diagnostic, SourceFile};
use crate::jinja::{Engine, Library, Mode, Namespace, Template};
use crate::manifest::Dispatcher;
use crate::manifest::event_time::Window;
use crate::manifest::{Manifest, Node, ResourceType, Source, UniqueId};
use crate::project::context::{Input, Inputs};
use crate::project::{Project, context};

/// What a [`Runtime`] is made of.
pub struct Parts {
    pub project: Arc<Project>,
    pub manifest: Arc<Manifest>,
    pub library: Arc<Library>,
    pub engine: Arc<Engine>,
    pub pool: Arc<Pool>,
    pub log: Arc<dyn Log>,
    pub options: Options,
}

/// What the command line says about running, as far as macros see it.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Refs and sources are read with `limit 0`; seeds load no rows.
    pub empty: bool,
    /// Models and snapshots see only what happened then, of inputs that have an `event_time`.
    pub sample: Option<Window>,
    /// `--no-introspect`: rendering a node may not ask the database.
    pub no_introspection: bool,
    /// `--no-inject-ephemeral-ctes`: compiled SQL refers to ephemeral models as if they were there.
    pub no_injection: bool,
    /// `selected_resources`.
    pub selected: Vec<UniqueId>,
    /// `invocation_args_dict`.
    pub arguments: Map<String, Json>,
    /// Whether compiled and executed SQL goes to `target/`.
    pub write_sql: bool,
    /// `--defer`: where refs may lead instead.
    pub deferred: HashMap<UniqueId, Deferred>,
}

/// A node's relation in another place, such as production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deferred {
    pub database: Option<String>,
    pub schema: String,
    pub identifier: String,
    /// Even if the own target has the relation.
    pub always: bool,
}

impl Deferred {
    /// The other relation of a node; `own` is the one of this target.
    pub fn relation(&self, own: Relation) -> Relation {
        let (schema, identifier) = (Some(self.schema.clone()), Some(self.identifier.clone()));
        Relation { database: self.database.clone(), schema, identifier, ..own }
    }
}

/// Shared by all workers; see the module.
pub struct Runtime {
    pub project: Arc<Project>,
    pub manifest: Arc<Manifest>,
    pub library: Arc<Library>,
    pub engine: Arc<Engine>,
    pub pool: Arc<Pool>,
    pub log: Arc<dyn Log>,
    pub options: Options,
    pub naming: Naming,
    pub(super) writer: Writer,
    nouns: Nouns,
    namespaces: HashMap<Arc<str>, Arc<Namespace>>,
    ephemeral: Mutex<HashMap<UniqueId, Arc<Compiled>>>,
    materializations: Mutex<HashMap<String, Option<materialization::Found>>>,
    /// Texts that are in no file of their own, such as `{{ test_not_null(…) }}`: many nodes share them.
    templates: Mutex<HashMap<Arc<str>, Template>>,
    comment: Option<Template>,
    /// What contracts declare foreign keys to.
    pub(super) parents: OnceLock<HashSet<UniqueId>>,
    /// Which variables each node's renders asked for.
    inputs: Mutex<HashMap<UniqueId, Arc<Inputs>>>,
}

impl Runtime {
    pub fn new(parts: Parts) -> Result<Arc<Self>, Box<Diagnostic>> {
        let Parts { project, manifest, library, engine, pool, log, options } = parts;
        let base = context::base(&project, &engine, Mode::Execute, log.clone());
        let naming = Naming::of(pool.adapter().as_ref());
        let packages = project.packages.iter().map(|package| package.name.clone());
        let namespaces = packages.map(|name| (name.clone(), library.namespace(&name))).collect();
        let writer = Writer::new(options.write_sql.then(|| project.target_path.clone()));
        let dispatcher = Dispatcher::new(&project, pool.adapter().as_ref(), library.clone());
        Ok(Arc::new(Self {
            nouns: Nouns::new(base, &project, &manifest, &options, pool.adapter().clone(), dispatcher, naming),
            comment: query_comment::template(&project.query_comment)?,
            writer,
            namespaces,
            naming,
            ephemeral: Mutex::default(),
            materializations: Mutex::default(),
            templates: Mutex::default(),
            parents: OnceLock::new(),
            inputs: Mutex::default(),
            project,
            manifest,
            library,
            engine,
            pool,
            log,
            options,
        }))
    }

    pub fn adapter(&self) -> &Arc<dyn Adapter> {
        self.pool.adapter()
    }

    /// A node with a session of its own. `thread` is the name in logs and results.
    pub fn node(self: &Arc<Self>, node: &Arc<Node>, thread: &str) -> Arc<Scope> {
        self.scope(Subject::Node(node.clone()), thread)
    }

    /// One batch of a microbatch model.
    pub fn batch(self: &Arc<Self>, node: &Arc<Node>, batch: Batch, thread: &str) -> Arc<Scope> {
        let label = Self::label(&Subject::Node(node.clone()), thread);
        Scope::of_batch(self.clone(), node.clone(), label, batch)
    }

    /// Any other thing that renders with the run's names: hooks, operations, freshness, unit tests.
    pub fn scope(self: &Arc<Self>, subject: Subject, thread: &str) -> Arc<Scope> {
        let label = Self::label(&subject, thread);
        Scope::new(self.clone(), subject, label)
    }

    /// A node that is looked at and not built, for which a replica will do.
    pub fn preview(self: &Arc<Self>, node: &Arc<Node>, thread: &str) -> Arc<Scope> {
        let subject = Subject::Node(node.clone());
        let label = Label { reads: true, ..Self::label(&subject, thread) };
        Scope::new(self.clone(), subject, label)
    }

    pub(super) fn label(subject: &Subject, thread: &str) -> Label {
        Label {
            name: subject.label().to_owned(),
            node: subject.unique_id().map(|id| id.to_string()),
            thread: Some(thread.to_owned()),
            comment: None,
            reads: only_reads(subject),
        }
    }

    /// Whether the node's text uses a name. A text that is no Jinja uses none.
    pub fn mentions(&self, node: &Node, name: &str) -> bool {
        sql::template(self, node).is_ok_and(|template| template.mentions(name))
    }

    /// The relation of a node, as `ref` and `this` give it.
    pub fn node_relation(&self, node: &Node) -> Relation {
        let mut relation =
            self.naming.relation(node.database.clone(), Some(node.schema.clone()), Some(node.alias.clone()));
        relation.quote = self.quote_policy(node.config.get("quoting"));
        relation
    }

    pub fn source_relation(&self, source: &Source) -> Relation {
        let mut relation =
            self.naming.relation(source.database.clone(), Some(source.schema.clone()), Some(source.identifier.clone()));
        relation.quote = overlay(self.quote_policy(None), &source.quoting);
        relation
    }

    /// The adapter quotes everything; `quoting:` of the project and of the node say otherwise.
    fn quote_policy(&self, own: Option<&Json>) -> Include {
        let project = self.project.root_package().config.quoting;
        let policy = Include {
            database: project.database.unwrap_or(true),
            schema: project.schema.unwrap_or(true),
            identifier: project.identifier.unwrap_or(true),
        };
        own.and_then(Json::as_object).map_or(policy, |own| overlay(policy, own))
    }

    /// Which variables a node has been rendered with so far; none where it has not been rendered.
    pub fn inputs(&self, id: &str) -> Option<BTreeSet<Input>> {
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner).get(id).map(|inputs| inputs.seen())
    }

    pub(super) fn inputs_of(&self, id: &UniqueId) -> Arc<Inputs> {
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner).entry(id.clone()).or_default().clone()
    }

    /// Waits until all SQL files are on disk. The diagnostics name files that could not be written.
    pub fn finish_files(&self) -> Vec<Diagnostic> {
        self.writer.finish()
    }

    pub(super) fn nouns(&self) -> &Nouns {
        &self.nouns
    }

    pub(super) fn namespace(&self, package: &str) -> Arc<Namespace> {
        self.namespaces.get(package).cloned().unwrap_or_else(Namespace::empty)
    }

    pub(super) fn comment(&self) -> Option<&Template> {
        self.comment.as_ref()
    }

    /// A text as a template; `path` is what messages about its first use call it.
    pub(super) fn template(&self, path: &str, text: &str) -> Result<Template, Box<Diagnostic>> {
        let known = self.templates.lock().unwrap_or_else(PoisonError::into_inner).get(text).cloned();
        if let Some(template) = known {
            return Ok(template);
        }
        let template = Template::compile(&SourceFile::new(path, text), 0..text.len())?;
        self.templates.lock().unwrap_or_else(PoisonError::into_inner).insert(text.into(), template.clone());
        Ok(template)
    }

    /// An ephemeral model, compiled once per invocation. Two workers may both compile it; the first result stays.
    pub(super) fn ephemeral(
        &self,
        id: &UniqueId,
        compile: impl FnOnce() -> Result<Arc<Compiled>, Box<Diagnostic>>,
    ) -> Result<Arc<Compiled>, Box<Diagnostic>> {
        let known = self.ephemeral.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        match known {
            Some(compiled) => Ok(compiled),
            None => {
                let compiled = compile()?;
                let mut all = self.ephemeral.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(all.entry(id.clone()).or_insert(compiled).clone())
            }
        }
    }

    /// The macro that builds nodes with this `materialized`.
    pub fn materialization(&self, name: &str) -> Option<materialization::Found> {
        let mut known = self.materializations.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(name.to_owned()).or_insert_with(|| materialization::find(self, name)).clone()
    }
}

fn overlay(mut policy: Include, quoting: &Map<String, Json>) -> Include {
    for (key, slot) in
        [("database", &mut policy.database), ("schema", &mut policy.schema), ("identifier", &mut policy.identifier)]
    {
        if let Some(flag) = quoting.get(key).and_then(Json::as_bool) {
            *slot = flag;
        }
    }
    policy
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Runtime({})", self.project.name)
    }
}

/// Data tests count rows, and freshness looks at sources.
fn only_reads(subject: &Subject) -> bool {
    match subject {
        Subject::Node(node) => node.resource_type == ResourceType::Test && node.config.store_failures() != Some(true),
        Subject::Source(_) => true,
        Subject::UnitTest(_) | Subject::Macro { .. } => false,
    }
}
