//! What running gave: one [`NodeResult`] per node, [`RunResults`] for the invocation, and their freshness twins.

use std::sync::Arc;

use arrow_array::RecordBatch;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::diag::Diagnostic;
use crate::manifest::event_time::{Window, is_microbatch};
use crate::manifest::json::CompiledNode;
use crate::manifest::{Exposure, Node, Resource, ResourceType, Source, UniqueId, UnitTest};
use crate::plan::Step;

/// How a node ended, in dbt's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    Success,
    Error,
    Skipped,
    PartialSuccess,
    Pass,
    Fail,
    Warn,
    /// Freshness that could not be asked for.
    RuntimeError,
    NoOp,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Skipped => "skipped",
            Self::PartialSuccess => "partial success",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::RuntimeError => "runtime error",
            Self::NoOp => "no-op",
        }
    }

    /// Whether the invocation fails because of it. Skipped nodes do not fail it: their cause does.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Error | Self::Fail | Self::RuntimeError | Self::PartialSuccess)
    }
}

/// One phase of a node: `compile` or `execute`.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    pub name: &'static str,
    pub started_at: DateTime<Utc>,
    pub completed_at: DateTime<Utc>,
}

/// The thing itself, for whoever tells more of it than its name.
#[derive(Debug, Clone, Default)]
pub enum Member {
    Node(Arc<Node>),
    UnitTest(Arc<UnitTest>),
    Source(Arc<Source>),
    Exposure(Arc<Exposure>),
    /// A macro, or what the manifest does not know.
    #[default]
    Other,
}

/// What messages and artifacts need to know of the thing that ran.
#[derive(Debug, Clone)]
pub struct NodeRef {
    pub unique_id: UniqueId,
    pub name: String,
    pub package: Arc<str>,
    pub resource_type: ResourceType,
    /// Relative to the package's root; for generic tests the YAML file.
    pub path: String,
    /// `table`, `view`, `seed`, `test` …
    pub materialized: String,
    /// A model that is built in batches.
    pub is_microbatch: bool,
    /// `schema.alias` as the console shows it; empty for what has no relation of its own.
    pub relation: String,
    /// The tested model's name, for unit tests.
    pub tested: Option<String>,
    pub member: Member,
}

impl NodeRef {
    pub fn of_node(node: &Arc<Node>) -> Self {
        Self {
            unique_id: node.unique_id.clone(),
            name: node.name.clone(),
            package: node.package.clone(),
            resource_type: node.resource_type,
            path: node.original_file_path.clone(),
            materialized: node.config.materialized().to_owned(),
            is_microbatch: node.resource_type == ResourceType::Model && is_microbatch(&node.config),
            relation: format!("{}.{}", node.schema, node.alias),
            tested: None,
            member: Member::Node(node.clone()),
        }
    }

    pub fn of_unit_test(test: &Arc<UnitTest>) -> Self {
        Self {
            unique_id: test.unique_id.clone(),
            name: test.name.clone(),
            package: test.package.clone(),
            resource_type: ResourceType::UnitTest,
            path: test.original_file_path.clone(),
            materialized: "unit".to_owned(),
            is_microbatch: false,
            relation: String::new(),
            tested: Some(test.model.clone()),
            member: Member::UnitTest(test.clone()),
        }
    }

    pub fn of_source(source: &Arc<Source>) -> Self {
        Self {
            unique_id: source.unique_id.clone(),
            name: format!("{}.{}", source.source_name, source.name),
            package: source.package.clone(),
            resource_type: ResourceType::Source,
            path: source.original_file_path.clone(),
            materialized: String::new(),
            is_microbatch: false,
            relation: format!("{}.{}", source.schema, source.identifier),
            tested: None,
            member: Member::Source(source.clone()),
        }
    }

    /// What is only described, and has nothing in the database: exposures, saved queries.
    pub fn of_described(thing: &Resource<'_>) -> Self {
        Self {
            unique_id: thing.unique_id().clone(),
            name: thing.name().to_owned(),
            package: thing.package().clone(),
            resource_type: thing.resource_type(),
            path: thing.original_file_path().to_owned(),
            materialized: String::new(),
            is_microbatch: false,
            relation: String::new(),
            tested: None,
            member: match thing {
                Resource::Exposure(exposure) => Member::Exposure(Arc::clone(exposure)),
                _ => Member::Other,
            },
        }
    }

    /// A step that the manifest does not know.
    pub(super) fn unknown(step: &Step) -> Self {
        Self {
            unique_id: step.unique_id.clone(),
            name: step.unique_id.to_string(),
            package: "".into(),
            resource_type: step.resource_type,
            path: String::new(),
            materialized: String::new(),
            is_microbatch: false,
            relation: String::new(),
            tested: None,
            member: Member::Other,
        }
    }

    /// What the console calls it: `sql table model main.a`, `test not_null_a_id`, `unit_test a::counts`.
    pub fn description(&self) -> String {
        match self.resource_type {
            ResourceType::Model => {
                let kind = if self.is_microbatch { "microbatch" } else { &self.materialized };
                format!("sql {kind} model {}", self.relation)
            }
            ResourceType::Seed => format!("seed file {}", self.relation),
            ResourceType::Snapshot => format!("snapshot {}", self.relation),
            ResourceType::Function => format!("function {}", self.relation),
            ResourceType::UnitTest => {
                format!("unit_test {}::{}", self.tested.as_deref().unwrap_or_default(), self.name)
            }
            ResourceType::Source => format!("freshness of {}", self.name),
            kind => format!("{} {}", kind.as_str().replace('_', " "), self.name),
        }
    }
}

/// Which batches of a microbatch model were built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchResults {
    /// In order; after a retry, those of the run before come last.
    pub successful: Vec<Window>,
    /// Those that did not run as well.
    pub failed: Vec<Window>,
}

/// The end of one node.
#[derive(Debug, Clone)]
pub struct NodeResult {
    pub unique_id: UniqueId,
    pub node: NodeRef,
    pub status: Status,
    pub timing: Vec<Timing>,
    /// `Thread-1 (worker)`
    pub thread_id: String,
    /// Seconds.
    pub execution_time: f64,
    pub adapter_response: Map<String, Value>,
    pub message: Option<String>,
    /// Failing rows of a test.
    pub failures: Option<u64>,
    pub compiled: Option<bool>,
    pub compiled_code: Option<Arc<str>>,
    /// The ephemeral models that `compiled_code` starts with, `{id, sql}` each.
    pub extra_ctes: Vec<Value>,
    /// Relative to the project root, with `/`; None where no file was written.
    pub compiled_path: Option<String>,
    /// The same of what `write()` was given: what was run.
    pub build_path: Option<String>,
    pub relation_name: Option<String>,
    /// Of microbatch models.
    pub batch_results: Option<BatchResults>,
    /// What `show` shows; at least one batch, which carries the columns.
    pub rows: Option<Arc<Vec<RecordBatch>>>,
    /// The whole story of a failure.
    pub diagnostic: Option<Box<Diagnostic>>,
}

impl NodeResult {
    /// What the artifacts tell of the compiled code.
    pub fn compiled_node(&self) -> Option<CompiledNode<'_>> {
        let code = self.compiled_code.as_deref()?;
        Some(CompiledNode { code, path: self.compiled_path.as_deref(), extra_ctes: &self.extra_ctes })
    }

    /// A node that did not run.
    pub fn skipped(node: NodeRef, message: Option<String>) -> Self {
        Self {
            unique_id: node.unique_id.clone(),
            node,
            status: Status::Skipped,
            timing: Vec::new(),
            thread_id: "MainThread".to_owned(),
            execution_time: 0.0,
            adapter_response: Map::new(),
            message,
            failures: None,
            compiled: Some(false),
            compiled_code: None,
            extra_ctes: Vec::new(),
            compiled_path: None,
            build_path: None,
            relation_name: None,
            batch_results: None,
            rows: None,
            diagnostic: None,
        }
    }
}

/// Everything that ran, in the order in which it ended (hooks included, as dbt does).
#[derive(Debug, Clone)]
pub struct RunResults {
    pub results: Vec<Arc<NodeResult>>,
    /// Seconds from the first hook to the last.
    pub elapsed: f64,
    pub started_at: DateTime<Utc>,
    pub generated_at: DateTime<Utc>,
    pub invocation_id: String,
    /// Nothing failed (warnings are fine) and nothing was cancelled.
    pub success: bool,
    pub cancelled: bool,
    /// Problems that belong to no node: a schema that could not be created, a file that could not be written.
    pub diagnostics: Vec<Diagnostic>,
}

/// One source table's freshness.
#[derive(Debug, Clone)]
pub struct FreshnessResult {
    pub unique_id: UniqueId,
    pub node: NodeRef,
    /// Pass, Warn, Error (stale) or RuntimeError.
    pub status: Status,
    pub max_loaded_at: Option<DateTime<Utc>>,
    pub snapshotted_at: Option<DateTime<Utc>>,
    /// Seconds.
    pub age: Option<f64>,
    /// `{warn_after: {count, period}, error_after: …, filter}` as dbt writes it.
    pub criteria: Value,
    pub timing: Vec<Timing>,
    pub thread_id: String,
    pub execution_time: f64,
    pub adapter_response: Map<String, Value>,
    /// Why it is a runtime error, or is not only a warning.
    pub error: Option<String>,
    pub diagnostic: Option<Box<Diagnostic>>,
}

#[derive(Debug, Clone)]
pub struct FreshnessResults {
    pub results: Vec<Arc<FreshnessResult>>,
    pub elapsed: f64,
    pub generated_at: DateTime<Utc>,
    pub invocation_id: String,
    /// Nothing stale beyond `error_after`, no runtime error.
    pub success: bool,
    pub cancelled: bool,
    pub diagnostics: Vec<Diagnostic>,
}
