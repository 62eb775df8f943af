//! Config `indexes` at run time, and hooks that add indexes themselves.

use std::sync::Arc;

use serde_json::Value as Json;

use super::adapter::{database, session};
use super::contract::config_place;
use super::objects::relation::expect_relation;
use super::scope::Scope;
use crate::adapter::index::{Changes, ExistingIndex, Index, changes};
use crate::adapter::session::Session;
use crate::adapter::{DbError, DbErrorKind, DbResult, Relation};
use crate::diag::log::{Detail, Level, LogEntry};
use crate::diag::{Code, Diagnostic, suggest};
use crate::jinja::{self, Args, Error, Value, pyvalue};
use crate::sql::index::{AddedIndex, Kind, Part, added_indexes};
use crate::sql::split_statements;

/// The number by which MySQL and MariaDB refuse a second index of one name.
const DUPLICATE_KEY_NAME: u32 = 1061;

/// `index_changes(relation, indexes)`: `{create: [index], drop: [name]}`. Asks the table for its columns and indexes.
pub(super) fn index_changes(scope: &Arc<Scope>, a: &mut Args<'_>) -> Result<Value, Error> {
    let (relation, indexes) = (a.take("relation")?, a.take("indexes")?);
    let relation = expect_relation(&relation, "relation")?;
    // Batches of one model work at the same time: one of them sees to what belongs to the table.
    if scope.batch().is_some_and(|batch| !batch.first) {
        return Ok(changes_value(&Changes::default()));
    }
    let wanted = read(scope, &pyvalue::to_json(&indexes)?)?;
    let wanted: Vec<_> = wanted.into_iter().map(|index| (name(scope, &index), index)).collect();
    let session = session(scope)?;
    if !wanted.is_empty() {
        check_columns(scope, &wanted, &session.columns(relation).map_err(database)?)?;
    }
    let changes = changes(&session.indexes(relation).map_err(database)?, &wanted);
    if let Some((name, there)) = changes.taken.first() {
        return Err(taken(scope, relation, name, there));
    }
    Ok(changes_value(&changes))
}

/// `index(index_dict)`: an entry of config `indexes` with its name and the comment by which it is known again.
pub(super) fn index(scope: &Arc<Scope>, a: &mut Args<'_>) -> Result<Value, Error> {
    let entry = pyvalue::to_json(&a.take("index_dict")?)?;
    let index = read(scope, &Json::Array(vec![entry]))?.remove(0);
    Ok(index_value(&name(scope, &index), &index))
}

fn read(scope: &Scope, entries: &Json) -> Result<Vec<Index>, Error> {
    let entries = entries.as_array().map(Vec::as_slice).unwrap_or_default();
    entries.iter().map(Index::read).collect::<Result<_, _>>().map_err(|problem| {
        let message = format!("config `indexes` of {} {problem}", scope.subject.describe());
        jinja::raise(Diagnostic::error(Code::InvalidConfig, message))
    })
}

fn name(scope: &Scope, index: &Index) -> String {
    let table = scope.subject.node().map(|node| node.alias.as_str()).unwrap_or_default();
    index.name(table, scope.runtime.adapter().max_identifier())
}

fn changes_value(changes: &Changes) -> Value {
    let create = changes.create.iter().map(|(name, index)| index_value(name, index)).collect();
    let drop = changes.drop.iter().map(|name| Value::from(name.as_str())).collect();
    dict([("create", pyvalue::list(create)), ("drop", pyvalue::list(drop))])
}

/// `{name, comment, unique, kind, using, parts: [{column, expression, prefix, descending}]}`
fn index_value(name: &str, index: &Index) -> Value {
    let kind = match index.shape.kind {
        Kind::Plain => None,
        Kind::Fulltext => Some("fulltext"),
        Kind::Spatial => Some("spatial"),
    };
    let parts = index.shape.keys.iter().map(|key| {
        let (column, expression) = match &key.part {
            Part::Column(name) => (Some(name.as_str()), None),
            Part::Expression(text) => (None, Some(text.as_str())),
        };
        let descending = Value::from(key.descending);
        let prefix = Value::from(key.prefix);
        dict([
            ("column", Value::from(column)),
            ("expression", Value::from(expression)),
            ("prefix", prefix),
            ("descending", descending),
        ])
    });
    dict([
        ("name", Value::from(name)),
        ("comment", Value::from(index.comment())),
        ("unique", Value::from(index.shape.unique)),
        ("kind", Value::from(kind)),
        ("using", Value::from(index.using.as_deref())),
        ("parts", pyvalue::list(parts.collect())),
    ])
}

fn dict<const N: usize>(entries: [(&str, Value); N]) -> Value {
    pyvalue::dict(entries.into_iter().map(|(key, value)| (Value::from(key), value)))
}

/// All columns that the table does not have, at once.
fn check_columns(scope: &Scope, wanted: &[(String, Index)], columns: &[crate::adapter::Column]) -> Result<(), Error> {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let known = |name: &str| names.iter().any(|there| there.to_lowercase() == name.to_lowercase());
    let mut unknown: Vec<&str> = Vec::new();
    for column in wanted.iter().flat_map(|(_, index)| index.columns()).filter(|column| !known(column)) {
        if !unknown.contains(&column) {
            unknown.push(column);
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let listed = unknown.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let who = scope.subject.describe();
    let mut diagnostic = Diagnostic::error(
        Code::InvalidConfig,
        format!("config `indexes` of {who} names columns it does not have: {listed}"),
    );
    if let Some(node) = scope.subject.node() {
        diagnostic = diagnostic.at(config_place(scope, node, "indexes"), "");
    }
    for column in &unknown {
        if let Some(near) = suggest::nearest(column, names.iter().copied()) {
            diagnostic = diagnostic.help(format!("instead of `{column}`, did you mean `{near}`?"));
        }
    }
    Err(jinja::raise(diagnostic.note(format!("it has {}", names.join(", ")))))
}

fn taken(scope: &Scope, relation: &Relation, name: &str, there: &ExistingIndex) -> Error {
    let who = scope.subject.describe();
    let message = format!("config `indexes` of {who} asks for `{name}`, and {relation} has another index of this name");
    let mut diagnostic = Diagnostic::error(Code::InvalidConfig, message);
    if let Some(node) = scope.subject.node() {
        diagnostic = diagnostic.at(config_place(scope, node, "indexes"), "");
    }
    if let Some(shape) = &there.shape {
        diagnostic = diagnostic.note(format!("it is on {shape}, and was not made by this config"));
    }
    jinja::raise(diagnostic.help("drop that index, or give this one another `name`"))
}

impl Scope {
    /// Runs the statements of a hook. One that only adds indexes which are there already, on the same columns, has
    /// nothing left to do: tables that stay from run to run meet their hook a second time.
    ///
    /// # Errors
    /// The database refuses a statement.
    pub fn run_hook(self: &Arc<Self>, session: &Session, sql: &str, auto_begin: bool) -> DbResult<()> {
        let named = self.name_subqueries(sql).map(|(named, _)| named);
        let mut rest = named.as_deref().unwrap_or(sql);
        loop {
            let error = match session.execute(rest, false, auto_begin) {
                Ok(_) => return Ok(()),
                Err(error) if error.code == DUPLICATE_KEY_NAME && error.kind == DbErrorKind::AlreadyExists => error,
                Err(error) => return Err(error),
            };
            let (statements, position) =
                (split_statements(rest, self.runtime.adapter().kind()), usize::from(error.position));
            let Some(failed) = statements.get(position) else { return Err(error) };
            self.settled(session, &rest[failed.clone()], error)?;
            match statements.get(position + 1) {
                Some(next) => rest = &rest[next.start..],
                None => return Ok(()),
            }
        }
    }

    /// Passes if all that the statement adds is there; else the error with what is in the way.
    fn settled(&self, session: &Session, statement: &str, error: DbError) -> DbResult<()> {
        let Some(added) = added_indexes(statement) else { return Err(error) };
        for index in &added {
            let existing = session.indexes(&self.table_of(index))?;
            let same = |there: &&ExistingIndex| {
                index.name.as_ref().is_some_and(|name| name.to_lowercase() == there.name.to_lowercase())
            };
            let help = match existing.iter().find(same) {
                Some(there) if there.is_like(&index.shape) => continue,
                Some(there) => {
                    let (name, on) = (&there.name, there.shape.as_ref().map(ToString::to_string).unwrap_or_default());
                    format!(
                        "index `{name}` is there on {on}, and the hook wants it on {}: drop it, or use another name",
                        index.shape
                    )
                }
                None => "a part of what the hook adds is there already: config `indexes` adds only what is missing"
                    .to_owned(),
            };
            return Err(DbError { help: Some(help), ..error });
        }
        let names: Vec<&str> = added.iter().filter_map(|index| index.name.as_deref()).collect();
        let text = format!("the hook's index is there already, on the same columns: {}", names.join(", "));
        let (node, thread) = (self.subject.unique_id().map(|id| &**id), Some(self.thread()));
        let (level, event, detail) = (Level::Debug, "JinjaLogDebug", Detail::Message);
        self.runtime.log.write(&LogEntry { level, node, thread, event, text: &text, detail });
        Ok(())
    }

    /// A hook that names no schema means the session's own.
    fn table_of(&self, index: &AddedIndex) -> Relation {
        let (schema, name) = match index.table.as_slice() {
            [schema, name] => (schema.clone(), name.clone()),
            parts => (self.runtime.adapter().schema(), parts.concat()),
        };
        self.runtime.naming.relation(None, Some(schema), Some(name))
    }
}
