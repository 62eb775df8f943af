//! One batch of a microbatch model, and which rows of its inputs a model sees: those of the batch, of `--sample`, or both.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{Runtime, Scope, Subject};
use crate::adapter::{EventTime, Relation, push_quoted};
use crate::jinja::{Value, pyvalue};
use crate::manifest::event_time::{BatchSize, Window};
use crate::manifest::{ColumnInfo, Config, Node, ResourceType, Source};

/// One batch being compiled and run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub window: Window,
    pub size: BatchSize,
    /// Runs the model's pre-hooks.
    pub first: bool,
    /// Runs the model's post-hooks.
    pub last: bool,
    /// Adds to a table that is there, even in a full refresh, because an earlier batch has made it.
    pub incremental: bool,
}

impl Batch {
    /// `2024-01-01`: what messages and files call it.
    pub fn label(&self) -> String {
        self.size.label(self.window.start)
    }

    /// `20240101`: what tables of one batch are called by.
    pub fn id(&self) -> String {
        self.label().replace('-', "")
    }

    /// `model.batch`
    pub(super) fn value(&self, runtime: &Runtime) -> Value {
        let time = |at| crate::project::context::datetime(&runtime.engine, at);
        let entries = [
            ("id", Value::from(self.id())),
            ("event_time_start", time(self.window.start)),
            ("event_time_end", time(self.window.end)),
        ];
        pyvalue::dict(entries.map(|(name, value)| (Value::from(name), value)))
    }

    /// `models/orders.sql` → `models/orders/orders_2024-01-01.sql`, as dbt lays batches out.
    pub(super) fn path(&self, of_model: &str) -> String {
        let (folder, file) = of_model.rsplit_once('/').unwrap_or(("", of_model));
        let (stem, extension) = file.rsplit_once('.').unwrap_or((file, "sql"));
        let slash = if folder.is_empty() { "" } else { "/" };
        format!("{folder}{slash}{stem}/{stem}_{}.{extension}", self.label())
    }
}

/// What an input says of its event time.
pub(super) struct Input<'a> {
    config: &'a Config,
    columns: &'a IndexMap<String, ColumnInfo>,
    /// `quoting.column` of a source.
    quoted: Option<bool>,
}

impl<'a> Input<'a> {
    pub(super) fn of_node(node: &'a Node) -> Self {
        Self { config: &node.config, columns: &node.columns, quoted: None }
    }

    pub(super) fn of_source(source: &'a Source) -> Self {
        let quoted = source.quoting.get("column").and_then(serde_json::Value::as_bool);
        Self { config: &source.config, columns: &source.columns, quoted }
    }

    /// The column as SQL has it.
    fn column(&self, name: &str, quote: char) -> String {
        let own = self.columns.values().find(|column| column.name == name).and_then(|column| column.quote);
        if !own.or(self.quoted).unwrap_or(false) {
            return name.to_owned();
        }
        let mut quoted = String::new();
        push_quoted(&mut quoted, name, quote);
        quoted
    }
}

/// The relation of an input as the subject reads it: without rows for `--empty`, with those of its batch and of
/// `--sample`, where the input has an `event_time`.
pub(super) fn narrowed(scope: &Scope, mut relation: Relation, input: &Input<'_>) -> Relation {
    let Subject::Node(node) = &scope.subject else { return relation };
    let runtime = &scope.runtime;
    if runtime.options.empty {
        relation.limit = Some(0);
    }
    let column = input.config.str("event_time").filter(|column| !column.is_empty());
    if let (Some(column), Some(window)) = (column, window(scope, node)) {
        let (adapter, naming) = (runtime.adapter(), runtime.naming);
        relation.event_time = Some(Arc::new(EventTime {
            column: input.column(column, naming.quote_char),
            start: adapter.event_time(window.start),
            end: adapter.event_time(window.end),
            names_inner: naming.named_subqueries,
        }));
    }
    scope.note_subquery(&relation);
    relation
}

/// When the rows happened that the subject may see; None is always.
fn window(scope: &Scope, node: &Node) -> Option<Window> {
    if !matches!(node.resource_type, ResourceType::Model | ResourceType::Snapshot) {
        return None;
    }
    let batch = scope.batch().map(|batch| batch.window);
    match (batch, scope.runtime.options.sample) {
        (Some(batch), Some(sample)) => Some(batch.intersect(sample)),
        (batch, sample) => batch.or(sample),
    }
}
