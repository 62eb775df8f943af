//! Where all that is told comes together: the engine's events and log entries go in, dbt's events come out to whoever
//! listens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::message::kind::FORMATTING;
use super::message::{self, Head, Listener, NodeState, Text};
use super::settings::Settings;
use crate::diag::Diagnostic;
use crate::diag::log::{Log, LogEntry};
use crate::engine::Command;
use crate::execute::{Event, EventSink, NodeRef, Phase};
use crate::manifest::UniqueId;
use crate::project::Secrets;

/// The listeners of one command. Shared by the engine's threads.
pub(super) struct Hub {
    listeners: Vec<Arc<dyn Listener>>,
    /// Those for people: they are told of problems in blocks.
    people: Vec<Arc<dyn People>>,
    /// How far the dots of result lines go.
    pub width: usize,
    /// Compiling builds nothing: lines that tell of success would mislead. Nor has dbt any for `clone`.
    pub compiles: bool,
    /// `print()` of macros is wanted.
    prints: bool,
    secrets: Secrets,
    /// What runs, for `node_info`; None: nobody reads it.
    running: Option<Mutex<HashMap<UniqueId, NodeState>>>,
}

/// A listener for people.
pub(super) trait People: Send + Sync {
    /// All problems of a command, with their places.
    fn problems(&self, problems: &[Diagnostic]);
}

impl Hub {
    pub(super) fn new(settings: &Settings, secrets: Secrets) -> Self {
        Self {
            listeners: Vec::new(),
            people: Vec::new(),
            width: settings.options.printer_width,
            compiles: matches!(settings.command, Command::Compile | Command::DocsGenerate | Command::Clone),
            prints: settings.options.print,
            secrets,
            running: None,
        }
    }

    pub(super) fn add(&mut self, listener: Arc<dyn Listener>) {
        if listener.reads_data() {
            self.running = Some(Mutex::default());
        }
        self.listeners.push(listener);
    }

    pub(super) fn add_people(&mut self, people: Arc<dyn People>) {
        self.people.push(people);
    }

    /// Tells those who hear it. Text and data are made only if there is somebody.
    pub(super) fn say(&self, head: Head<'_>, text: impl FnOnce() -> Text, data: &dyn Fn() -> Value) {
        let mut hearers = self.listeners.iter().filter(|listener| listener.hears(head.kind, head.level)).peekable();
        if hearers.peek().is_none() {
            return;
        }
        let message = head.message(text(), data, &self.secrets);
        hearers.for_each(|listener| listener.hear(&message));
    }

    pub(super) fn blank_line(&self) {
        self.say(Head::new(&FORMATTING), || "".into(), &|| json!({"msg": ""}));
    }

    pub(super) fn problems(&self, problems: &[Diagnostic]) {
        self.people.iter().for_each(|people| people.problems(problems));
    }

    pub(super) fn start(&self, node: &NodeRef) {
        if let Some(mut running) = self.running() {
            running.insert(node.unique_id.clone(), NodeState::started(node.clone()));
        }
    }

    /// The state of a node that runs, if anybody reads it.
    pub(super) fn state(&self, unique_id: &str) -> Option<NodeState> {
        self.running()?.get(unique_id).cloned()
    }

    pub(super) fn enter(&self, unique_id: &str, phase: Phase) -> Option<NodeState> {
        let mut running = self.running()?;
        let state = running.get_mut(unique_id)?;
        state.enter(phase);
        Some(state.clone())
    }

    /// The last state of a node. What was skipped has no end.
    pub(super) fn finish(&self, node: &NodeRef, status: &'static str) -> Option<NodeState> {
        let state = self.running()?.remove(&node.unique_id)?;
        let finished_at = (status != "skipped").then(chrono::Utc::now);
        Some(NodeState { status, finished_at, ..state })
    }

    fn running(&self) -> Option<MutexGuard<'_, HashMap<UniqueId, NodeState>>> {
        self.running.as_ref().map(|running| running.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl EventSink for Hub {
    fn event(&self, event: &Event) {
        self.listeners.iter().for_each(|listener| listener.event(event));
        if !message::tell_node(self, event) {
            message::tell_command(self, event);
        }
    }
}

impl Log for Hub {
    fn write(&self, entry: &LogEntry<'_>) {
        if self.prints || entry.event != "PrintEvent" {
            message::tell_entry(self, entry);
        }
    }
}
