//! `adapter.audit(relation)`: a node's tests are run on what it has built, before anyone else can see that.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::sql::Compiled;
use super::{Failure, Runtime, Scope};
use crate::adapter::Relation;
use crate::adapter::session::Session;
use crate::diag::{Code, Diagnostic};
use crate::jinja::{self, Error};
use crate::manifest::{Node, UniqueId};

/// Whoever runs the tests of a node.
pub trait Auditor: Send + Sync {
    /// Runs them on `built`, in the session of `scope`.
    ///
    /// # Errors
    /// The node is not to be published: a test failed, or could not be run.
    fn audit(&self, scope: &Arc<Scope>, built: &Relation) -> Result<(), Failure>;
}

/// A test's part of it: it works in the session of the node, and reads what that has built in its place.
#[derive(Clone)]
pub(super) struct Audited {
    pub outer: Arc<Scope>,
    node: UniqueId,
    built: Relation,
}

impl Runtime {
    /// A test as a part of the run of the node that it tests.
    pub fn audit(self: &Arc<Self>, test: &Arc<Node>, outer: &Arc<Scope>, built: &Relation) -> Arc<Scope> {
        let node = outer.subject.unique_id().cloned().unwrap_or_default();
        let audited = Audited { outer: outer.clone(), node, built: built.clone() };
        Scope::of_audit(self.clone(), test.clone(), outer.thread(), audited)
    }
}

impl Scope {
    /// Says who runs the tests of this node before it is published.
    pub fn set_auditor(&self, auditor: Arc<dyn Auditor>) {
        let _ = self.auditor.set(auditor);
    }

    pub fn has_auditor(&self) -> bool {
        self.auditor.get().is_some()
    }

    /// Whether the materialization has let the tests run.
    pub fn was_audited(&self) -> bool {
        self.was_audited.load(Ordering::SeqCst)
    }

    /// Runs the tests, where there are any to wait for.
    pub(super) fn run_audit(self: &Arc<Self>, built: &Relation) -> Result<(), Failure> {
        let Some(auditor) = self.auditor.get() else { return Ok(()) };
        self.was_audited.store(true, Ordering::SeqCst);
        auditor.audit(self, built)
    }

    /// Whether this is a test in the session of the node that it tests.
    pub fn is_audit(&self) -> bool {
        self.audited.is_some()
    }

    /// Whether nothing may be made here, because it would end the transaction of the tested node, or go with it.
    pub fn is_inside_transaction(&self) -> bool {
        let session = self.audited.as_ref().and_then(|audited| audited.outer.used_session());
        session.is_some_and(Session::in_transaction)
    }

    /// Refuses what would publish a node before its tests by ending its transaction: in a test, or in the node itself.
    pub(super) fn check_audit(&self, sql: &str) -> Result<(), Error> {
        let waits = self.has_auditor() && !self.was_audited();
        let is_open = waits && self.used_session().is_some_and(Session::in_transaction);
        if !(is_open || self.is_inside_transaction()) || !self.runtime.adapter().ends_transaction(sql) {
            return Ok(());
        }
        let (what, help) = match self.is_audit() {
            true => ("what it tests", "let the test only select, or set `publish: immediately`"),
            false => ("it before its tests", "choose another strategy, or set `publish: immediately`"),
        };
        let message = format!("{} sends a statement that would publish {what}", self.subject.describe());
        Err(jinja::raise(
            Diagnostic::error(Code::NotSupported, message)
                .note("this statement ends the transaction that nothing may leave before the tests")
                .help(help),
        ))
    }

    /// What is read in the place of a node.
    pub(super) fn stand_in(&self, id: &UniqueId) -> Option<&Relation> {
        self.audited.as_ref().filter(|audited| audited.node == *id).map(|audited| &audited.built)
    }

    /// The SQL for files and artifacts: what was built has its lasting name there.
    pub fn shown_sql(&self, compiled: &Compiled) -> Arc<str> {
        let Some(audited) = &self.audited else { return compiled.sql.clone() };
        let Some(node) = self.runtime.manifest.node(&audited.node) else { return compiled.sql.clone() };
        let (built, lasting) = (audited.built.render(), self.runtime.node_relation(node).render());
        if built == lasting { compiled.sql.clone() } else { compiled.sql.replace(&built, &lasting).into() }
    }
}
