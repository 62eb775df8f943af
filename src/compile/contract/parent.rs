//! Tables that foreign keys refer to: what becomes of their children when they are replaced.
//!
//! A renamed parent takes the foreign keys of its children with it, so that they would refer to the version of before, and
//! that could not be dropped. Before a new version takes its place, children whose rows it does not have are looked for;
//! afterwards each child is moved to it by one statement.

use std::sync::Arc;

use super::rule::{Parent, Rule, quoted};
use super::{Origin, violation};
use crate::adapter::session::Session;
use crate::adapter::{ConstraintKind, DbError, DbResult, ForeignKey, Relation, RelationType};
use crate::compile::Scope;
use crate::compile::adapter::{database, session};
use crate::diag::log::{Detail, Level, LogEntry};
use crate::diag::{Code, Diagnostic};
use crate::jinja::{self, Error};
use crate::manifest::{Detail as Kind, Node};

/// Cannot drop a table that a foreign key refers to (both servers; MySQL).
const REFERRED: [u32; 2] = [1451, 3730];

pub fn is_referred(error: &DbError) -> bool {
    REFERRED.contains(&error.code)
}

/// Whether a contract of the project may declare a foreign key to the subject: only then is the server asked.
fn is_parent(scope: &Scope) -> bool {
    let Some(node) = scope.subject.node() else { return false };
    let is_key = |rule: &serde_json::Value| rule.get("type").and_then(serde_json::Value::as_str) == Some("foreign_key");
    let has_keys = |child: &Node| {
        let Kind::Model(model) = &child.detail else { return false };
        let columns = child.columns.values().flat_map(|column| &column.constraints);
        child.config.contract_enforced()
            && (child.config.get("foreign_keys").is_some() || model.constraints.iter().chain(columns).any(is_key))
    };
    let parents = scope.runtime.parents.get_or_init(|| {
        let children = scope.runtime.manifest.nodes.values().filter(|child| has_keys(child));
        children.flat_map(|child| child.depends_on_nodes.iter().cloned()).collect()
    });
    parents.contains(&node.unique_id)
}

/// The foreign keys of other tables to `existing`.
pub fn children(scope: &Arc<Scope>, existing: &Relation) -> Result<Vec<ForeignKey>, Error> {
    if !is_parent(scope) {
        return Ok(Vec::new());
    }
    let mut keys = session(scope)?.references_to(existing).map_err(database)?;
    // A table may refer to itself.
    keys.retain(|key| key.child.identifier != existing.identifier || key.child.schema != existing.schema);
    Ok(keys)
}

/// Refuses a new version that lacks rows which children have, unless this run builds the child anew: then that is checked
/// there.
pub fn check(scope: &Arc<Scope>, new: &Relation, keys: &[ForeignKey]) -> Result<(), Error> {
    for key in keys {
        let child = node_of(scope, &key.child);
        // What a killed run left behind is dropped by the next one.
        if key.child.identifier.as_deref().is_some_and(|name| name.contains("__dbt_")) {
            continue;
        }
        if child.is_some_and(|child| scope.runtime.options.selected.contains(&child.unique_id)) {
            continue;
        }
        let parent =
            Parent { text: new.render(), relation: None, columns: key.parent_columns.clone(), action: String::new() };
        let rule = Rule {
            kind: Some(ConstraintKind::ForeignKey),
            name: Some(key.name.clone()),
            columns: key.columns.clone(),
            expression: None,
            parent: Some(parent),
            origin: Origin::Model { at: 0 },
        };
        let limit = violation::SAMPLES + 1;
        let Some(sql) = rule.violations(scope.runtime.naming.quote_char, &key.child.render(), &[], limit) else {
            continue;
        };
        let found = session(scope)?.execute(&sql, true, false).map_err(database)?.table;
        if !found.rows.is_empty() {
            let name = key.child.identifier.as_deref().unwrap_or_default();
            let message = format!("{} lacks rows that `{name}` refers to", scope.subject.describe());
            let columns = key.columns.join(", ");
            return Err(jinja::raise(
                Diagnostic::error(Code::Contract, message)
                    .note(format!(
                        "`{name}` has a foreign key ({columns}) to it; in `{name}` are: {}",
                        violation::rows(&found)
                    ))
                    .note("the table of before is untouched")
                    .help(match child {
                        Some(child) => {
                            format!("build both: `headwater build --select {} {}`", scope_name(scope), child.name)
                        }
                        None => format!("mend the rows of `{name}`, or drop its foreign key `{}`", key.name),
                    }),
            ));
        }
    }
    Ok(())
}

fn scope_name(scope: &Scope) -> &str {
    scope.subject.node().map_or("", |node| node.name.as_str())
}

fn node_of<'a>(scope: &'a Scope, relation: &Relation) -> Option<&'a Arc<Node>> {
    let same = |node: &&Arc<Node>| {
        relation.identifier.as_deref() == Some(node.alias.as_str())
            && relation.schema.as_deref() == Some(node.schema.as_str())
            && matches!(node.detail, Kind::Model(_))
    };
    scope.runtime.manifest.nodes.values().find(same)
}

/// Moves the children of a version that is to be dropped to the one that took its place. False when there is none, or no
/// child.
pub fn release(scope: &Arc<Scope>, old: &Relation) -> DbResult<bool> {
    let Ok(session) = scope.session() else { return Ok(false) };
    let Some(node) = scope.subject.node() else { return Ok(false) };
    let own = scope.runtime.node_relation(node);
    if own.identifier == old.identifier && own.schema == old.schema {
        return Ok(false);
    }
    let (schema, name) = (own.schema.as_deref().unwrap_or_default(), own.identifier.as_deref().unwrap_or_default());
    let Some(successor) = session.cache().get(own.database.as_deref(), schema, name) else { return Ok(false) };
    let keys = session.references_to(old)?;
    for key in &keys {
        let parent = if successor.is(RelationType::Table) { fitting(session, key, &successor)? } else { None };
        session.repoint(key, parent)?;
        if parent.is_none() {
            warn(scope, key, &successor);
        }
    }
    Ok(!keys.is_empty())
}

/// The successor, if the key can refer to it.
fn fitting<'a>(session: &Session, key: &ForeignKey, successor: &'a Relation) -> DbResult<Option<&'a Relation>> {
    let columns = session.columns(&key.child)?;
    let kind = |name: &String| {
        let found = columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
        found.map(|column| column.data_type()).unwrap_or_default()
    };
    let types: Vec<String> = key.columns.iter().map(kind).collect();
    let refused = session.refuses_reference(successor, &key.parent_columns, &types)?;
    Ok(refused.is_none().then_some(successor))
}

fn warn(scope: &Scope, key: &ForeignKey, successor: &Relation) {
    let text = format!(
        "foreign key {} of {} was dropped: it cannot refer to {} as that is now",
        quoted('`', &key.name),
        key.child.render(),
        successor.render()
    );
    let node = scope.subject.unique_id().map(|id| &**id);
    let thread = Some(scope.thread());
    let entry =
        LogEntry { level: Level::Warn, node, thread, event: "JinjaLogWarning", text: &text, detail: Detail::Message };
    scope.runtime.log.write(&entry);
}
