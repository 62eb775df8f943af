//! One node (or hook, operation, source) being compiled and run: its session, its results, its names.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::{Value as Json, json};

use super::audit::{Audited, Auditor};
use super::batch::Batch;
use super::contract;
use super::objects::relation::RelationObject;
use super::results::Results;
use super::sql::Compiled;
use super::unit_test::UnitScope;
use super::{Runtime, lazy, query_comment, subquery};
use crate::adapter::session::{Label, Session};
use crate::adapter::{DbError, QueryResult, Relation, SchemaName};
use crate::diag::{Code, Diagnostic};
use crate::jinja::value::{Object, ObjectRepr};
use crate::jinja::{self, Context, Error, Mode, State, Value, pyvalue};
use crate::manifest::{Node, Source, UniqueId};

/// The name under which the run's names find their scope. No identifier can be spelled so.
const SCOPE: &str = "\0scope";

/// What is being worked on.
#[derive(Clone)]
pub enum Subject {
    /// A model, seed, snapshot, data test, analysis, operation or hook.
    Node(Arc<Node>),
    UnitTest(Arc<UnitScope>),
    /// Freshness.
    Source(Arc<Source>),
    /// Work of the run itself (creating schemas) and `run-operation`; `name` labels the connection.
    Macro {
        name: Arc<str>,
        package: Arc<str>,
    },
}

impl Subject {
    pub fn unique_id(&self) -> Option<&UniqueId> {
        match self {
            Self::Node(node) => Some(&node.unique_id),
            Self::UnitTest(unit) => Some(&unit.test.unique_id),
            Self::Source(source) => Some(&source.unique_id),
            Self::Macro { .. } => None,
        }
    }

    /// What connections and logs call it.
    pub fn label(&self) -> &str {
        match (self, self.unique_id()) {
            (Self::Macro { name, .. }, _) => name,
            (_, Some(id)) => id,
            (_, None) => "",
        }
    }

    pub fn package(&self) -> &Arc<str> {
        match self {
            Self::Node(node) => &node.package,
            Self::UnitTest(unit) => &unit.test.package,
            Self::Source(source) => &source.package,
            Self::Macro { package, .. } => package,
        }
    }

    /// The node whose SQL is rendered, where there is one.
    pub fn node(&self) -> Option<&Arc<Node>> {
        match self {
            Self::Node(node) => Some(node),
            Self::UnitTest(unit) => Some(&unit.tested),
            Self::Source(_) | Self::Macro { .. } => None,
        }
    }

    /// `model orders`, for messages.
    pub fn describe(&self) -> String {
        match self {
            Self::Node(node) => format!("{} `{}`", node.resource_type.as_str().replace('_', " "), node.search_name()),
            Self::UnitTest(unit) => format!("unit test `{}`", unit.test.name),
            Self::Source(source) => format!("source `{}.{}`", source.source_name, source.name),
            Self::Macro { name, .. } => format!("`{name}`"),
        }
    }
}

/// See the module. Shared by the values that its render made.
pub struct Scope {
    pub runtime: Arc<Runtime>,
    pub subject: Subject,
    label: Label,
    session: OnceLock<Result<Session, Box<Diagnostic>>>,
    pub(super) results: Results,
    /// What `config.set` said.
    settings: Mutex<Vec<(String, Value)>>,
    /// Ephemeral models that this render referred to, in order.
    ephemeral: Mutex<Vec<UniqueId>>,
    batch: Option<Batch>,
    /// Relations that are rendered as subqueries: their text and their alias.
    subqueries: Mutex<Vec<(String, String)>>,
    pub(super) compiled: OnceLock<Arc<Compiled>>,
    /// Below the target folder.
    build_path: OnceLock<String>,
    answers: Answers,
    /// What is to be dropped if the subject fails.
    leftovers: Mutex<Vec<Relation>>,
    /// Who runs its tests before it is published.
    pub(super) auditor: OnceLock<Arc<dyn Auditor>>,
    pub(super) was_audited: AtomicBool,
    /// The node as a part of whose run this test runs.
    pub(super) audited: Option<Audited>,
    pub(super) contract: contract::State,
    /// Tables that are made hold rows on their way to the node's own.
    pub(super) staging: AtomicBool,
}

impl Scope {
    pub(super) fn new(runtime: Arc<Runtime>, subject: Subject, label: Label) -> Arc<Self> {
        Self::with_answers(runtime, subject, label, None, None, Answers::default())
    }

    pub(super) fn of_batch(runtime: Arc<Runtime>, node: Arc<Node>, label: Label, batch: Batch) -> Arc<Self> {
        Self::with_answers(runtime, Subject::Node(node), label, Some(batch), None, Answers::default())
    }

    pub(super) fn of_audit(runtime: Arc<Runtime>, test: Arc<Node>, thread: &str, audited: Audited) -> Arc<Self> {
        let subject = Subject::Node(test);
        let label = Runtime::label(&subject, thread);
        Self::with_answers(runtime, subject, label, None, Some(audited), Answers::default())
    }

    /// The same subject once more, to render it again without asking the database again.
    pub(super) fn replay(self: &Arc<Self>) -> Arc<Self> {
        let (subject, label) = (self.subject.clone(), self.label.clone());
        let (batch, audited) = (self.batch.clone(), self.audited.clone());
        Self::with_answers(self.runtime.clone(), subject, label, batch, audited, self.answers.replay())
    }

    fn with_answers(
        runtime: Arc<Runtime>,
        subject: Subject,
        label: Label,
        batch: Option<Batch>,
        audited: Option<Audited>,
        answers: Answers,
    ) -> Arc<Self> {
        Arc::new(Self {
            runtime,
            subject,
            label,
            session: OnceLock::new(),
            results: Results::default(),
            settings: Mutex::default(),
            ephemeral: Mutex::default(),
            batch,
            subqueries: Mutex::default(),
            compiled: OnceLock::new(),
            build_path: OnceLock::new(),
            answers,
            leftovers: Mutex::default(),
            auditor: OnceLock::new(),
            was_audited: AtomicBool::new(false),
            audited,
            contract: contract::State::default(),
            staging: AtomicBool::new(false),
        })
    }

    pub fn thread(&self) -> &str {
        self.label.thread.as_deref().unwrap_or("MainThread")
    }

    /// The session of this scope; its connection is taken with the first statement.
    ///
    /// # Errors
    /// The project's query comment could not be rendered, or the database may not be asked yet.
    pub fn session(self: &Arc<Self>) -> Result<&Session, Box<Diagnostic>> {
        if self.runtime.options.no_introspection && self.compiled.get().is_none() {
            let text = format!("{} asks the database while it is compiled", self.subject.describe());
            return Err(Diagnostic::error(Code::InvalidConfig, text)
                .note("`--no-introspect` forbids that")
                .help("leave out `--no-introspect`, or give the macro a way without the database")
                .boxed());
        }
        if let Some(audited) = &self.audited {
            return audited.outer.session();
        }
        let session = self.session.get_or_init(|| {
            let comment = query_comment::render(self)?;
            Ok(self.runtime.pool.session(Label { comment, ..self.label.clone() }))
        });
        session.as_ref().map_err(Clone::clone)
    }

    /// The session, if anything has used it.
    pub fn used_session(&self) -> Option<&Session> {
        self.session.get().and_then(|session| session.as_ref().ok())
    }

    /// The compiled file's place relative to the project root.
    pub fn compiled_path(&self) -> Option<String> {
        self.compiled.get().and_then(|compiled| self.runtime.shown_path(compiled))
    }

    /// Notes where `write()` has put what is run.
    pub(super) fn written(&self, path: String) {
        let _ = self.build_path.set(path);
    }

    /// Where what was run is, relative to the project root.
    pub fn build_path(&self) -> Option<String> {
        self.build_path.get().map(|path| self.runtime.below_target(path))
    }

    /// What became of the rules of the subject's contract, for the results; None without one.
    pub fn contract_outcome(self: &Arc<Self>) -> Option<serde_json::Map<String, Json>> {
        contract::outcome(self)
    }

    /// What a statement stored under a name, for the runner.
    pub fn stored(&self, name: &str) -> Option<super::results::Stored> {
        self.results.peek(name)
    }

    /// Sends a statement of a macro, which may have a name (`main`) for messages. While a template is rendered again, it
    /// gets the answers of the first time.
    pub(super) fn execute(
        self: &Arc<Self>,
        sql: &str,
        fetch: bool,
        auto_begin: bool,
        name: Option<String>,
    ) -> Result<QueryResult, Error> {
        if self.answers.replays {
            return self.answers.next(sql).ok_or_else(|| jinja::fail("the database is not asked again"));
        }
        self.check_audit(sql)?;
        let session = self.session().map_err(jinja::raise)?;
        let named = self.name_subqueries(sql).map(|(named, _)| named);
        let result = session
            .execute(named.as_deref().unwrap_or(sql), fetch, auto_begin)
            .map_err(|error| super::adapter::database(DbError { statement: name, ..error }))?;
        if self.compiled.get().is_none() {
            self.answers.keep(sql, &result);
        }
        Ok(result)
    }

    /// Whether this render only looks where a text came from, so that nothing may be changed by it.
    pub(super) fn is_replay(&self) -> bool {
        self.answers.replays
    }

    /// `model`
    pub(super) fn model(&self) -> Value {
        match &self.subject {
            Subject::Node(node) => {
                let batch = self.batch.as_ref().map(|batch| batch.value(&self.runtime));
                lazy::compiled_node(node, self.compiled.get(), batch)
            }
            Subject::UnitTest(unit) => lazy::unit_test(&unit.test),
            Subject::Source(source) => lazy::dict(source.as_ref()),
            Subject::Macro { .. } => Value::from(()),
        }
    }

    /// `this`
    fn this(&self) -> Value {
        let relation = match &self.subject {
            // The tested model's `this` is a fixture, or nothing that exists.
            Subject::UnitTest(unit) => unit.this(&self.runtime),
            Subject::Node(node) if node.relation_name.is_none() && !has_relation(node) => return Value::from(()),
            Subject::Node(node) => self.runtime.node_relation(node),
            Subject::Source(source) => self.runtime.source_relation(source),
            Subject::Macro { .. } => return Value::from(()),
        };
        RelationObject::value(relation, self.runtime.naming)
    }

    /// The names for rendering this scope's SQL.
    pub fn context(self: &Arc<Self>) -> Arc<Context> {
        self.context_with(|context| context)
    }

    /// The names, with some more of the caller's.
    pub fn context_with(self: &Arc<Self>, more: impl FnOnce(Context) -> Context) -> Arc<Context> {
        let mut context = Context::new(self.runtime.namespace(self.subject.package()), Mode::Execute)
            .base(self.runtime.nouns().base())
            .with_context()
            .set(SCOPE, Value::from_object(Handle(self.clone())))
            .set("thread_id", self.thread())
            .set("this", self.this())
            .set("model", self.model());
        if let Some(node) = self.subject.node() {
            context = context
                .set("database", node.database.as_deref().map_or(Value::from(()), Value::from))
                .set("schema", node.schema.as_str())
                .set("pre_hooks", self.hooks(node, "pre-hook"))
                .set("post_hooks", self.hooks(node, "post-hook"));
        }
        if let Some(id) = self.subject.unique_id() {
            context = self.runtime.inputs_of(id).gather(context);
        }
        if let Subject::UnitTest(unit) = &self.subject {
            context = unit.overrides(context);
        }
        if let Some(compiled) = self.compiled.get() {
            context = context.set("sql", &*compiled.sql).set("compiled_code", &*compiled.sql);
        }
        Arc::new(more(context))
    }

    pub(super) fn settings(&self) -> MutexGuard<'_, Vec<(String, Value)>> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note_ephemeral(&self, id: &UniqueId) {
        let mut seen = self.ephemeral.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.contains(id) {
            seen.push(id.clone());
        }
    }

    pub(super) fn take_ephemeral(&self) -> Vec<UniqueId> {
        std::mem::take(&mut self.ephemeral.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The batch that the subject is run for.
    pub fn batch(&self) -> Option<&Batch> {
        self.batch.as_ref()
    }

    /// Takes note of a relation that is of no use to anyone if the subject fails.
    pub(super) fn drop_on_failure(&self, relation: &Relation) {
        let mut leftovers = self.leftovers.lock().unwrap_or_else(PoisonError::into_inner);
        if !leftovers.contains(relation) {
            leftovers.push(relation.clone());
        }
    }

    /// Drops what a failed subject has left behind. What cannot be dropped now is dropped by the next run.
    pub fn drop_leftovers(self: &Arc<Self>) {
        let leftovers = std::mem::take(&mut *self.leftovers.lock().unwrap_or_else(PoisonError::into_inner));
        // Where DDL takes part in the transaction, they went with it.
        if leftovers.is_empty() || self.runtime.adapter().capabilities().transactional_ddl {
            return;
        }
        let context = self.context();
        for relation in leftovers {
            let value = RelationObject::value(relation.clone(), self.runtime.naming);
            if self.call_macro("drop_relation", &[value], &context).is_ok()
                && let Some(session) = self.used_session()
            {
                session.cache().drop(&relation);
            }
        }
    }

    /// Takes note of a relation that is rendered as a subquery, where the server wants a name for it.
    pub(super) fn note_subquery(&self, relation: &Relation) {
        let Some(alias) = relation.subquery_alias().filter(|_| self.runtime.naming.named_subqueries) else { return };
        let entry = (relation.to_string(), alias);
        let mut subqueries = self.subqueries.lock().unwrap_or_else(PoisonError::into_inner);
        if !subqueries.contains(&entry) {
            subqueries.push(entry);
        }
    }

    /// The text with names for the noted subqueries that have none, and where in it they were put; None where there are
    /// no subqueries.
    pub(super) fn name_subqueries(&self, sql: &str) -> Option<(String, Vec<Range<usize>>)> {
        let subqueries = self.subqueries.lock().unwrap_or_else(PoisonError::into_inner);
        (!subqueries.is_empty()).then(|| subquery::name(sql, &subqueries))
    }

    /// Whether the node's `pre-hook` or `post-hook` runs: of batches the first and the last have them.
    pub fn runs_hooks(&self, key: &str) -> bool {
        self.batch.as_ref().is_none_or(|batch| if key == "pre-hook" { batch.first } else { batch.last })
    }

    /// The relation that the node would build, where it is there already.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub fn existing(self: &Arc<Self>) -> Result<Option<Relation>, super::Failure> {
        let Some(node) = self.subject.node() else { return Ok(None) };
        let Relation { database, schema, identifier, .. } = self.runtime.node_relation(node);
        let (Some(schema), Some(identifier)) = (schema, identifier) else { return Ok(None) };
        let name = SchemaName { database, schema };
        let session = self.session()?;
        session.fill_cache(std::slice::from_ref(&name))?;
        Ok(session.cache().get(name.database.as_deref(), &name.schema, &identifier))
    }

    /// `pre_hooks` / `post_hooks`: `[{sql, transaction, index}]`.
    fn hooks(&self, node: &Node, key: &str) -> Value {
        let hooks = if self.runs_hooks(key) { node.config.hooks(key) } else { Vec::new() };
        let entries = hooks.iter().enumerate().map(|(index, hook)| {
            let index = Json::from(index + 1);
            pyvalue::from_json(&json!({"sql": hook.sql, "transaction": hook.transaction, "index": index}))
        });
        pyvalue::list(entries.collect())
    }

    /// Calls a macro by the name that the subject's package sees.
    ///
    /// # Errors
    /// There is no such macro, or it failed.
    pub fn call_macro(
        self: &Arc<Self>,
        name: &str,
        args: &[Value],
        context: &Arc<Context>,
    ) -> Result<Value, super::Failure> {
        let Some(callable) = context.get(name) else {
            return Err(super::Failure::from(missing_macro(name)));
        };
        self.runtime.engine.call(&callable, args, context).map_err(super::Failure::from)
    }
}

fn missing_macro(name: &str) -> Box<Diagnostic> {
    Diagnostic::error(crate::diag::Code::MacroNotFound, format!("there is no macro `{name}`")).boxed()
}

/// What the database answered while the subject's SQL was rendered.
#[derive(Default)]
struct Answers {
    kept: Mutex<VecDeque<(String, QueryResult)>>,
    replays: bool,
}

/// Answers with more rows are not kept: finding the line of an error is not worth that much memory.
const KEPT_ROWS: usize = 1_000;

impl Answers {
    fn keep(&self, sql: &str, result: &QueryResult) {
        if result.table.rows.len() <= KEPT_ROWS {
            self.lock().push_back((sql.to_owned(), result.clone()));
        }
    }

    fn next(&self, sql: &str) -> Option<QueryResult> {
        let mut kept = self.lock();
        let at = kept.iter().position(|(known, _)| known == sql)?;
        kept.remove(at).map(|(_, result)| result)
    }

    fn replay(&self) -> Self {
        Self { kept: Mutex::new(self.lock().clone()), replays: true }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(String, QueryResult)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a node builds something in the warehouse that `this` can name.
fn has_relation(node: &Node) -> bool {
    use crate::manifest::ResourceType::{Function, Model, Seed, Snapshot, Test};
    matches!(node.resource_type, Function | Model | Seed | Snapshot | Test)
}

/// The scope as a Jinja value.
struct Handle(Arc<Scope>);

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<scope>")
    }
}

impl Object for Handle {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// The scope whose render called a host function.
pub(super) fn of(state: &State<'_, '_>) -> Result<Arc<Scope>, Error> {
    let context = jinja::context(state);
    of_context(context.as_ref()).ok_or_else(|| jinja::fail("this name needs a node that is being run"))
}

fn of_context(context: Option<&Arc<Context>>) -> Option<Arc<Scope>> {
    Some(context?.get(SCOPE)?.downcast_object_ref::<Handle>()?.0.clone())
}
