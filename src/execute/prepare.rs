//! Before the first node: the schemas exist and the relation cache knows what is in them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::run::Populate;
use super::worker::{RETRIES, pause};
use crate::adapter::SchemaName;
use crate::compile::objects::relation::RelationObject;
use crate::compile::{Failure, Runtime, Scope, Subject};
use crate::diag::Diagnostic;
use crate::manifest::{Node, Resource, ResourceType};
use crate::plan::Plan;

/// Creates the missing schemas of the plan's nodes and lists them as `populate` says, in as few round trips as the server allows.
pub fn schemas(runtime: &std::sync::Arc<Runtime>, plan: &Plan, populate: Populate) -> Result<(), Box<Diagnostic>> {
    let needed: BTreeSet<SchemaName> = plan
        .steps
        .iter()
        .filter_map(|step| match runtime.manifest.get(&step.unique_id) {
            Some(Resource::Node(node)) if builds_relation(runtime, node) => Some(schema_of(runtime, node)),
            _ => None,
        })
        .collect();
    if needed.is_empty() {
        return Ok(());
    }
    let needed: Vec<SchemaName> = needed.into_iter().collect();
    let subject = Subject::Macro { name: "schemas".into(), package: runtime.project.name.clone() };
    let scope = runtime.scope(subject, "MainThread");
    let work = || -> Result<(), Failure> {
        create(runtime, &scope, &needed)?;
        let session = scope.session()?;
        let all = |node: &&std::sync::Arc<Node>| builds_relation(runtime, node);
        match populate {
            Populate::Nothing => Ok(()),
            Populate::Selected => Ok(session.fill_cache(&needed)?),
            Populate::Everything => {
                let nodes = runtime.manifest.nodes.values().filter(all);
                let schemas: BTreeSet<SchemaName> = nodes.map(|node| schema_of(runtime, node)).collect();
                Ok(session.fill_cache(&schemas.into_iter().collect::<Vec<_>>())?)
            }
        }
    };
    work().map_err(|failure| failure.into_diagnostic(&scope))
}

/// Creates those that are missing. Two runs that start together may get into each other's way, although each says
/// `if not exists` (DuckDB's catalog does not wait): the later one looks again.
fn create(runtime: &Runtime, scope: &Arc<Scope>, needed: &[SchemaName]) -> Result<(), Failure> {
    let session = scope.session()?;
    let context = scope.context();
    let once = || -> Result<(), Failure> {
        for schema in &missing(session, needed)? {
            let relation = runtime.naming.relation(schema.database.clone(), Some(schema.schema.clone()), None);
            let relation = RelationObject::value(relation, runtime.naming);
            scope.call_macro("create_schema", &[relation], &context)?;
        }
        Ok(session.commit()?)
    };
    let passes = |failure: &Failure| {
        let transient = failure.database.as_ref().is_some_and(|error| runtime.adapter().is_transient(error));
        transient && !runtime.pool.is_cancelled()
    };
    let mut tried = 0;
    loop {
        match once() {
            Err(failure) if tried < RETRIES && passes(&failure) => {
                session.close_transaction_after_error();
                tried += 1;
                pause(tried);
            }
            outcome => return outcome,
        }
    }
}

fn missing(
    session: &crate::adapter::session::Session,
    needed: &[SchemaName],
) -> Result<Vec<SchemaName>, crate::adapter::DbError> {
    let databases: BTreeSet<Option<&str>> = needed.iter().map(|name| name.database.as_deref()).collect();
    let mut missing = Vec::new();
    for database in databases {
        let there = session.list_schemas(database)?;
        let exists = |name: &SchemaName| there.iter().any(|known| known.eq_ignore_ascii_case(&name.schema));
        let here = needed.iter().filter(|name| name.database.as_deref() == database);
        missing.extend(here.filter(|name| !exists(name)).cloned());
    }
    Ok(missing)
}

fn schema_of(runtime: &Runtime, node: &Node) -> SchemaName {
    let has_databases = runtime.naming.include.database;
    let database = node.database.clone().filter(|_| has_databases).or_else(|| runtime.adapter().database());
    SchemaName { database, schema: node.schema.clone() }
}

/// Tests make a relation only when they store their failures.
fn builds_relation(runtime: &Runtime, node: &Node) -> bool {
    match node.resource_type {
        ResourceType::Model => !node.is_ephemeral(),
        ResourceType::Seed | ResourceType::Snapshot | ResourceType::Function => true,
        ResourceType::Test => node.config.store_failures().unwrap_or_else(|| {
            runtime.project.flags.get("STORE_FAILURES").and_then(serde_json::Value::as_bool).unwrap_or(false)
        }),
        _ => false,
    }
}
