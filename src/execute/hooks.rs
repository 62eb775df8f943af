//! on-run-start and on-run-end hooks, on the coordinator's thread, one after the other.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use chrono::Utc;

use super::result::{NodeRef, NodeResult, Status, Timing};
use super::{Event, run::Job};
use crate::compile::{Compiled, Failure, Scope};
use crate::jinja::value::Object;
use crate::jinja::{Context, Error, ErrorKind, State, Value, pyvalue};
use crate::manifest::event_time::Window;
use crate::manifest::{Detail, Node, ResourceType};

#[derive(Clone, Copy, PartialEq)]
pub enum When {
    Start,
    End,
}

impl When {
    /// The tag by which parsing marks the hooks.
    fn tag(self) -> &'static str {
        match self {
            Self::Start => "on-run-start",
            Self::End => "on-run-end",
        }
    }
}

/// What became of the hooks of one kind, each a result as in dbt.
#[derive(Default)]
pub struct Outcome {
    pub results: Vec<Arc<NodeResult>>,
}

impl Outcome {
    pub fn failed(&self) -> bool {
        self.results.iter().any(|result| result.status != Status::Success)
    }
}

const THREAD: &str = "MainThread";

/// Runs the hooks of one kind. The first that fails stops the others.
pub fn run(job: &Job, when: When, results: &[Arc<NodeResult>]) -> Outcome {
    let hooks = hooks(job, when);
    let total = hooks.len();
    let mut outcome = Outcome::default();
    let names = End::new(job, results);
    for (at, node) in hooks.iter().enumerate() {
        let name = label(node, when);
        let result = if outcome.failed() || job.cancel.is_cancelled() {
            NodeResult::skipped(NodeRef::of_node(node), Some(format!("{name} skipped")))
        } else {
            let started = NodeRef::of_node(node);
            job.events.event(&Event::HookStart { index: at + 1, total, name: name.clone(), node: started });
            one(job, node, &name, &names)
        };
        let result = Arc::new(result);
        job.events.event(&Event::HookFinished { index: at + 1, total, name, result: result.clone() });
        outcome.results.push(result);
    }
    outcome
}

/// Compiles the hooks of one kind, and runs none: what dbt's `compile` does with them.
pub fn compile(job: &Job, when: When) -> Vec<Arc<NodeResult>> {
    let names = End::new(job, &[]);
    let hooks = hooks(job, when);
    let compiled = hooks.iter().take_while(|_| !job.cancel.is_cancelled()).map(|node| {
        let result =
            at_work(job, node, &label(node, when), |scope, attempt| compiled(scope, &names, attempt).map(drop));
        let (message, failures) = match result.status {
            Status::Success => (None, None),
            _ => (result.message, result.failures),
        };
        Arc::new(NodeResult { message, failures, ..result })
    });
    compiled.collect()
}

fn one(job: &Job, node: &Arc<Node>, name: &str, names: &End) -> NodeResult {
    at_work(job, node, name, |scope, attempt| execute(scope, names, attempt))
}

/// What a hook came to before it ended.
#[derive(Default)]
struct Attempt {
    timing: Vec<Timing>,
    compiled: Option<Arc<Compiled>>,
}

fn at_work(
    job: &Job,
    node: &Arc<Node>,
    name: &str,
    work: impl FnOnce(&Arc<Scope>, &mut Attempt) -> Result<(), Failure>,
) -> NodeResult {
    let started_at = Utc::now();
    let scope = job.runtime.node(node, THREAD);
    let mut attempt = Attempt::default();
    let ended = work(&scope, &mut attempt);
    let seconds = (Utc::now() - started_at).as_seconds_f64();
    let (status, message, diagnostic) = match ended {
        Ok(()) => (Status::Success, format!("{name} passed"), None),
        Err(failure) => {
            if let Some(session) = scope.used_session() {
                session.close_transaction_after_error();
            }
            let diagnostic = failure.into_diagnostic(&scope);
            (Status::Error, format!("{name} failed, error:\n {}", diagnostic.message), Some(diagnostic))
        }
    };
    let compiled = attempt.compiled.as_deref();
    NodeResult {
        status,
        timing: attempt.timing,
        compiled: Some(compiled.is_some()),
        // dbt writes no file of nothing.
        compiled_path: compiled
            .filter(|compiled| !compiled.sql.is_empty())
            .and_then(|compiled| job.runtime.shown_path(compiled)),
        extra_ctes: compiled.map(|compiled| job.runtime.extra_ctes(compiled)).unwrap_or_default(),
        compiled_code: compiled.map(|compiled| compiled.sql.clone()),
        // dbt's word for it in results.
        thread_id: "main".to_owned(),
        execution_time: seconds,
        failures: Some(u64::from(status == Status::Error)),
        diagnostic,
        ..NodeResult::skipped(NodeRef::of_node(node), Some(message))
    }
}

/// The hooks in dbt's order: packages by name, the root project last; in a package as they are written.
fn hooks(job: &Job, when: When) -> Vec<Arc<Node>> {
    let manifest = &job.runtime.manifest;
    let root = &job.runtime.project.name;
    let is_hook = |node: &&Arc<Node>| {
        node.resource_type == ResourceType::Operation && node.tags.iter().any(|tag| tag == when.tag())
    };
    let mut hooks: Vec<Arc<Node>> = manifest.nodes.values().filter(is_hook).cloned().collect();
    hooks.sort_by(|a, b| (a.package == *root, &a.package, index(a)).cmp(&(b.package == *root, &b.package, index(b))));
    hooks
}

fn index(node: &Node) -> usize {
    match node.detail {
        Detail::Operation { index } => index,
        _ => 0,
    }
}

/// `shop.on-run-start.0`
fn label(node: &Node, when: When) -> String {
    format!("{}.{}.{}", node.package, when.tag(), index(node))
}

fn compiled(scope: &Arc<Scope>, names: &End, attempt: &mut Attempt) -> Result<Arc<Compiled>, Failure> {
    let started_at = Utc::now();
    let compiled = scope.compile_with(|context| names.set(context));
    attempt.timing.push(Timing { name: "compile", started_at, completed_at: Utc::now() });
    let compiled = compiled?;
    attempt.compiled = Some(compiled.clone());
    Ok(compiled)
}

fn execute(scope: &Arc<Scope>, names: &End, attempt: &mut Attempt) -> Result<(), Failure> {
    let compiled = compiled(scope, names, attempt)?;
    let started_at = Utc::now();
    let ended = run_sql(scope, &compiled.sql);
    attempt.timing.push(Timing { name: "execute", started_at, completed_at: Utc::now() });
    ended
}

fn run_sql(scope: &Arc<Scope>, sql: &str) -> Result<(), Failure> {
    if sql.trim().is_empty() {
        return Ok(());
    }
    let session = scope.session()?;
    scope.run_hook(session, sql, false)?;
    Ok(session.commit()?)
}

/// What only hooks see: the schemas of the run and, at its end, the results.
struct End {
    results: Value,
    schemas: Value,
    database_schemas: Value,
}

impl End {
    fn new(job: &Job, results: &[Arc<NodeResult>]) -> Self {
        let manifest = &job.runtime.manifest;
        let nodes = job.plan.steps.iter().filter_map(|step| manifest.node(&step.unique_id));
        let built = nodes.filter(|node| node.resource_type.is_refable() && !node.is_ephemeral());
        let pairs: BTreeSet<(Option<&str>, &str)> =
            built.map(|node| (node.database.as_deref(), node.schema.as_str())).collect();
        let schemas: BTreeSet<&str> = pairs.iter().map(|(_, schema)| *schema).collect();
        let entry = |result: &Arc<NodeResult>| {
            let node = manifest.get(&result.unique_id).map_or(Value::from(()), crate::compile::resource_value);
            Value::from_object(ResultObject { result: result.clone(), node })
        };
        let pair = |(database, schema): (Option<&str>, &str)| {
            pyvalue::tuple(vec![database.map_or(Value::from(()), Value::from), Value::from(schema)])
        };
        Self {
            results: pyvalue::list(results.iter().map(entry).collect()),
            schemas: pyvalue::list(schemas.into_iter().map(Value::from).collect()),
            database_schemas: pyvalue::list(pairs.into_iter().map(pair).collect()),
        }
    }

    fn set(&self, context: Context) -> Context {
        context
            .set("results", self.results.clone())
            .set("schemas", self.schemas.clone())
            .set("database_schemas", self.database_schemas.clone())
    }
}

/// dbt's RunResult as macros read it.
struct ResultObject {
    result: Arc<NodeResult>,
    node: Value,
}

const KEYS: &[&str] = &[
    "status",
    "timing",
    "thread_id",
    "execution_time",
    "adapter_response",
    "message",
    "failures",
    "batch_results",
    "unique_id",
    "node",
    "relation_name",
    "compiled",
    "compiled_code",
];

/// `[[start, end], …]`
fn windows(windows: &[Window]) -> Value {
    let pair = |window: &Window| {
        pyvalue::list([window.start, window.end].iter().map(|at| Value::from(at.to_rfc3339())).collect())
    };
    pyvalue::list(windows.iter().map(pair).collect())
}

impl ResultObject {
    fn field(&self, key: &str) -> Option<Value> {
        let result = &self.result;
        let text = |text: Option<&str>| text.map_or(Value::from(()), Value::from);
        Some(match key {
            "status" => Value::from(result.status.as_str()),
            "thread_id" => Value::from(result.thread_id.as_str()),
            "execution_time" => Value::from(result.execution_time),
            "adapter_response" => pyvalue::from_json(&serde_json::Value::Object(result.adapter_response.clone())),
            "message" => text(result.message.as_deref()),
            "failures" => result.failures.map_or(Value::from(()), Value::from),
            "batch_results" => result.batch_results.as_ref().map_or(Value::from(()), |batches| {
                pyvalue::dict([
                    (Value::from("successful"), windows(&batches.successful)),
                    (Value::from("failed"), windows(&batches.failed)),
                ])
            }),
            "unique_id" => Value::from(&*result.unique_id),
            "relation_name" => text(result.relation_name.as_deref()),
            "compiled" => result.compiled.map_or(Value::from(()), Value::from),
            "compiled_code" => text(result.compiled_code.as_deref()),
            "node" => self.node.clone(),
            "timing" => {
                let timings = result.timing.iter().map(|timing| {
                    pyvalue::dict([
                        (Value::from("name"), Value::from(timing.name)),
                        (Value::from("started_at"), Value::from(timing.started_at.to_rfc3339())),
                        (Value::from("completed_at"), Value::from(timing.completed_at.to_rfc3339())),
                    ])
                });
                pyvalue::list(timings.collect())
            }
            _ => return None,
        })
    }
}

impl fmt::Debug for ResultObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<result of {}>", self.result.unique_id)
    }
}

impl Object for ResultObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.field(key.as_str()?)
    }

    fn enumerate(self: &Arc<Self>) -> crate::jinja::value::Enumerator {
        crate::jinja::value::Enumerator::Str(KEYS)
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, _: &[Value]) -> Result<Value, Error> {
        match method {
            "to_dict" => {
                Ok(pyvalue::dict(KEYS.iter().filter_map(|key| self.field(key).map(|value| (Value::from(*key), value)))))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}
