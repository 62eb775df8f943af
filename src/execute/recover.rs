//! What runs that died have left: their statements are ended, their shadows and backups dropped, and an old table that was
//! only moved aside is put back.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::adapter::journal::{Journal, Unit, number, text};
use crate::adapter::session::Known;
use crate::adapter::{Cell, DbErrorKind, Relation, SchemaName};
use crate::compile::objects::relation::RelationObject;
use crate::compile::{Failure, Runtime, Scope, Subject};
use crate::diag::Diagnostic;
use crate::diag::log::{Detail, Level, LogEntry};

/// Opens the journal and clears what dead runs have left. None where the server has no locks, or none can be kept: then a
/// warning says what is not done.
pub fn open(runtime: &Arc<Runtime>) -> Result<Option<Arc<Journal>>, Box<Diagnostic>> {
    let subject = Subject::Macro { name: "journal".into(), package: runtime.project.name.clone() };
    let scope = runtime.scope(subject, "MainThread");
    match Journal::open(runtime.adapter(), &runtime.project.invocation.id) {
        Ok(None) => {
            if let Some(why) = runtime.adapter().refuses_journal() {
                warn(runtime, &format!("No journal is kept because {why}"));
            }
            Ok(None)
        }
        Ok(Some(journal)) => {
            runtime.pool.note_journal(&journal);
            let cleared = clear(&scope, &journal);
            cleared.map_err(|failure| failure.into_diagnostic(&scope)).map(|()| Some(journal))
        }
        Err(error) if error.kind == DbErrorKind::Connection || error.kind == DbErrorKind::Cancelled => {
            Err(Failure::from(error).into_diagnostic(&scope))
        }
        Err(error) => {
            warn(runtime, &format!("No journal can be kept in schema `{}` ({error})", runtime.adapter().schema()));
            Ok(None)
        }
    }
}

fn warn(runtime: &Runtime, why: &str) {
    let text = format!("{why}: runs at the same time are not kept apart, and lost connections are not recovered");
    tell(runtime, Level::Warn, "JinjaLogWarning", &text);
}

struct Left {
    unit: Unit,
    run: String,
    /// The connection that still works for it.
    busy: bool,
}

fn clear(scope: &Arc<Scope>, journal: &Arc<Journal>) -> Result<(), Failure> {
    let runtime = &scope.runtime;
    let session = scope.session()?;
    let statements = journal.statements;
    let rows = session.execute(&statements.unfinished(&journal.table, &journal.run), true, false)?.table.rows;
    let all: Vec<Left> = rows.iter().filter_map(|row| left(row)).collect();
    if all.is_empty() {
        return Ok(());
    }
    let schema = |unit: &Unit| SchemaName { database: None, schema: unit.schema.clone() };
    let schemas: BTreeSet<SchemaName> = all.iter().map(|left| schema(&left.unit)).collect();
    session.fill_cache(&schemas.into_iter().collect::<Vec<_>>())?;
    let limit = runtime.adapter().max_identifier();
    let mut runs: HashMap<&str, Vec<String>> = HashMap::new();
    for Left { unit, run, busy } in &all {
        let kept = runs.entry(run).or_default();
        let owned = |relations: Vec<Relation>| -> Vec<Relation> {
            let is_owned = |relation: &Relation| {
                relation.identifier.as_ref().is_some_and(|name| *name != unit.identifier && unit.owns(name, limit))
            };
            relations.into_iter().filter(is_owned).collect()
        };
        if !busy && owned(session.cache().relations_in(&schema(unit))).is_empty() {
            continue;
        }
        // Whoever builds it now clears it by itself.
        if let Err(error) = session.enter(journal, unit.clone(), 0, Known::Left) {
            if error.kind == DbErrorKind::Connection || error.kind == DbErrorKind::Cancelled {
                return Err(error.into());
            }
            kept.push(unit.key());
            continue;
        }
        restore(scope, unit)?;
        let context = scope.context();
        for relation in owned(session.cache().relations_in(&schema(unit))) {
            tell(runtime, Level::Info, "Note", &format!("Dropping {relation}, which a run that died has left"));
            scope.call_macro("drop_relation", &[RelationObject::value(relation.clone(), runtime.naming)], &context)?;
            session.cache().drop(&relation);
        }
        session.leave();
    }
    for (run, kept) in runs {
        session.execute(&statements.end(&journal.table, run, &kept), false, false)?;
    }
    Ok(())
}

fn left(row: &[Cell]) -> Option<Left> {
    let [schema, identifier, batch, node, _, run, holder] = row else { return None };
    let unit = Unit {
        schema: text(schema)?,
        identifier: text(identifier)?,
        batch: text(batch),
        node: text(node).unwrap_or_default(),
    };
    Some(Left { unit, run: text(run)?, busy: number(holder).is_some() })
}

/// Puts the old relation back where a swap in two steps ended after the first one: no data are to be lost with it.
pub fn restore(scope: &Arc<Scope>, unit: &Unit) -> Result<(), Failure> {
    let runtime = &scope.runtime;
    let cache = scope.session()?.cache();
    let backup = unit.backup(runtime.adapter().max_identifier());
    if unit.batch.is_some() || cache.get(None, &unit.schema, &unit.identifier).is_some() {
        return Ok(());
    }
    let Some(backup) = cache.get(None, &unit.schema, &backup) else { return Ok(()) };
    let target = Relation { identifier: Some(unit.identifier.clone()), ..backup.clone() };
    tell(
        runtime,
        Level::Info,
        "Note",
        &format!("Putting {backup} back as {target}, which a run that died has moved aside"),
    );
    let arguments = [&backup, &target].map(|relation| RelationObject::value(relation.clone(), runtime.naming));
    scope.call_macro("rename_relation", &arguments, &scope.context())?;
    cache.rename(&backup, &target);
    Ok(())
}

fn tell(runtime: &Runtime, level: Level, event: &'static str, text: &str) {
    runtime.log.write(&LogEntry { level, node: None, thread: None, event, text, detail: Detail::Message });
}
