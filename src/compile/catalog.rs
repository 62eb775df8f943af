//! The part of `adapter` that looks at relations and changes them, through the cache where it can.

use std::sync::Arc;

use super::Failure;
use super::adapter::{column_values, database, relation_value, session};
use super::contract;
use super::objects::relation::expect_relation;
use super::objects::{bad_argument, text};
use super::scope::Scope;
use crate::adapter::{Column, DbError, Relation, SchemaName};
use crate::diag::{Code, Diagnostic};
use crate::jinja::{self, Args, Error, State, Value, pyvalue};

/// Calls a method of `adapter`; None when there is no such method.
pub(super) fn call(
    scope: &Arc<Scope>,
    state: &mut State<'_, '_>,
    method: &str,
    a: &mut Args<'_>,
) -> Result<Option<Value>, Error> {
    Ok(Some(match method {
        "get_relation" | "load_relation" => {
            let (database, schema) = (text(a.optional("database")?), text(a.optional("schema")?));
            let identifier = text(a.optional("identifier")?);
            match get(scope, database, schema, identifier)? {
                Some(relation) => relation_value(scope, relation),
                None => Value::from(()),
            }
        }
        "already_exists" => {
            let (schema, name) = (a.string("schema")?, a.string("name")?);
            Value::from(get(scope, scope.runtime.adapter().database(), Some(schema), Some(name))?.is_some())
        }
        "list_relations" | "list_relations_without_caching" => list(scope, a)?,
        "check_schema_exists" => {
            let (database, schema) = (text(a.optional("database")?), a.string("schema")?);
            Value::from(schema_exists(scope, database.as_deref(), &schema)?)
        }
        "get_columns_in_relation" => column_values(columns(scope, &a.take("relation")?)?),
        "get_columns_in_table" => {
            let (schema, name) = (a.string("schema_name")?, a.string("table_name")?);
            let database = scope.runtime.adapter().database();
            let relation = scope.runtime.naming.relation(database, Some(schema), Some(name));
            column_values(self::database_columns(scope, &relation)?)
        }
        "get_missing_columns" => {
            let (from, to) = (columns(scope, &a.take("from_relation")?)?, columns(scope, &a.take("to_relation")?)?);
            column_values(missing(from, &to))
        }
        "get_column_schema_from_query" => {
            let sql = a.string("sql")?;
            column_values(query_columns(scope, &sql)?)
        }
        "expand_target_column_types" => {
            let (from, to) = (a.take("from_relation")?, a.take("to_relation")?);
            expand(scope, state, &from, &to)?;
            Value::from("")
        }
        "valid_snapshot_target" => {
            let relation = a.take("relation")?;
            let names = a.optional("column_names")?;
            snapshot_target(scope, &relation, names.as_ref(), &["dbt_scd_id", "dbt_valid_from", "dbt_valid_to"])?;
            Value::from("")
        }
        "assert_valid_snapshot_target_given_strategy" => {
            let relation = a.take("relation")?;
            let (names, strategy) = (a.take("column_names")?, a.take("strategy")?);
            let mut needed = vec!["dbt_scd_id", "dbt_valid_from", "dbt_valid_to"];
            if strategy.get_attr("hard_deletes")?.as_str() == Some("new_record") {
                needed.push("dbt_is_deleted");
            }
            snapshot_target(scope, &relation, Some(&names), &needed)?;
            Value::from("")
        }
        "create_schema" | "drop_schema" | "drop_relation" | "truncate_relation" => {
            let relation = a.take("relation")?;
            change(scope, state, method, &relation)?
        }
        "rename_relation" => {
            let (from, to) = (a.take("from_relation")?, a.take("to_relation")?);
            expect_relation(&to, "to_relation")?;
            run_macro(state, method, &[from.clone(), to.clone()])?;
            scope_cache(scope)?.rename(expect_relation(&from, "from_relation")?, expect_relation(&to, "to_relation")?);
            Value::from("")
        }
        "rename_relations" => {
            let renames = a.take("renames")?;
            rename_all(scope, &renames)?;
            Value::from("")
        }
        "audit" => {
            let relation = a.take("relation")?;
            scope.run_audit(expect_relation(&relation, "relation")?).map_err(Failure::raise)?;
            Value::from("")
        }
        "drop_on_failure" => {
            let relation = a.take("relation")?;
            scope.drop_on_failure(expect_relation(&relation, "relation")?);
            Value::from("")
        }
        "cache_added" | "cache_dropped" => {
            let relation = a.take("relation")?;
            let relation = expect_relation(&relation, "relation")?;
            match method {
                "cache_added" => scope_cache(scope)?.add(relation.clone()),
                _ => scope_cache(scope)?.drop(relation),
            }
            Value::from("")
        }
        "cache_renamed" => {
            let (from, to) = (a.take("from_relation")?, a.take("to_relation")?);
            scope_cache(scope)?.rename(expect_relation(&from, "from_relation")?, expect_relation(&to, "to_relation")?);
            Value::from("")
        }
        _ => return Ok(None),
    }))
}

fn scope_cache(scope: &Arc<Scope>) -> Result<&crate::adapter::cache::RelationCache, Error> {
    Ok(session(scope)?.cache())
}

/// A schema's key; servers where schema and database are one have no database.
fn schema_name(scope: &Scope, database: Option<String>, schema: String) -> SchemaName {
    let has_databases = scope.runtime.naming.include.database;
    SchemaName { database: database.filter(|_| has_databases).or_else(|| scope.runtime.adapter().database()), schema }
}

pub(super) fn get(
    scope: &Arc<Scope>,
    database_name: Option<String>,
    schema: Option<String>,
    identifier: Option<String>,
) -> Result<Option<Relation>, Error> {
    let (Some(schema), Some(identifier)) = (schema, identifier) else { return Ok(None) };
    let session = session(scope)?;
    let name = schema_name(scope, database_name, schema);
    session.fill_cache(std::slice::from_ref(&name)).map_err(database)?;
    Ok(session.cache().get(name.database.as_deref(), &name.schema, &identifier))
}

fn list(scope: &Arc<Scope>, a: &mut Args<'_>) -> Result<Value, Error> {
    let first = a.take("schema_relation")?;
    // dbt's older signature: list_relations(database, schema)
    let (database_name, schema) = match super::objects::relation::relation_of(&first) {
        Some(relation) => (relation.database.clone(), relation.schema.clone()),
        None => (text(Some(first)), text(a.optional("schema")?)),
    };
    let schema = schema.ok_or_else(|| bad_argument("list_relations() needs a relation with a schema"))?;
    let session = session(scope)?;
    let name = schema_name(scope, database_name, schema);
    session.fill_cache(std::slice::from_ref(&name)).map_err(database)?;
    let mut relations = session.cache().relations_in(&name);
    relations.sort_by(|a, b| a.identifier.cmp(&b.identifier));
    Ok(pyvalue::list(relations.into_iter().map(|relation| relation_value(scope, relation)).collect()))
}

fn schema_exists(scope: &Arc<Scope>, database_name: Option<&str>, schema: &str) -> Result<bool, Error> {
    let schemas = session(scope)?.list_schemas(database_name).map_err(database)?;
    Ok(schemas.iter().any(|known| known.eq_ignore_ascii_case(schema)))
}

fn columns(scope: &Arc<Scope>, relation: &Value) -> Result<Vec<Column>, Error> {
    database_columns(scope, expect_relation(relation, "relation")?)
}

fn database_columns(scope: &Arc<Scope>, relation: &Relation) -> Result<Vec<Column>, Error> {
    session(scope)?.columns(relation).map_err(database)
}

fn missing(from: Vec<Column>, to: &[Column]) -> Vec<Column> {
    let there = |column: &Column| to.iter().any(|known| known.name.eq_ignore_ascii_case(&column.name));
    from.into_iter().filter(|column| !there(column)).collect()
}

/// What a query without rows would give.
fn query_columns(scope: &Arc<Scope>, sql: &str) -> Result<Vec<Column>, Error> {
    let result = scope.execute(sql, true, false, None)?;
    Ok(scope.runtime.adapter().described(&result.table))
}

/// Widens string columns of `to` that are too narrow for those of `from`.
fn expand(scope: &Arc<Scope>, state: &mut State<'_, '_>, from: &Value, to: &Value) -> Result<(), Error> {
    let (wanted, present) = (columns(scope, from)?, columns(scope, to)?);
    for column in &present {
        let Some(wider) = wanted.iter().find(|wanted| wanted.name.eq_ignore_ascii_case(&column.name)) else { continue };
        if column.can_expand_to(wider) {
            let size = wider.string_size().unwrap_or_default();
            let args = [to.clone(), Value::from(column.name.as_str()), Value::from(wider.string_type(size))];
            run_macro(state, "alter_column_type", &args)?;
        }
    }
    Ok(())
}

/// Refuses a snapshot target that was not made by a snapshot.
fn snapshot_target(scope: &Arc<Scope>, relation: &Value, names: Option<&Value>, needed: &[&str]) -> Result<(), Error> {
    let present = columns(scope, relation)?;
    let own_name = |key: &str| {
        let renamed = names.filter(|names| !names.is_none()).and_then(|names| names.get_attr(key).ok());
        text(renamed).unwrap_or_else(|| key.to_owned())
    };
    let missing: Vec<String> = needed
        .iter()
        .map(|key| own_name(key))
        .filter(|name| !present.iter().any(|column| column.name.eq_ignore_ascii_case(name)))
        .map(|name| format!("`{name}`"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("`{}` is not the target of a snapshot: it has no {}", relation, missing.join(", "));
    Err(jinja::raise(
        Diagnostic::error(Code::InvalidConfig, message)
            .help("rename or drop it, or give the snapshot another `alias` or `schema`"),
    ))
}

/// Runs the macro of this name and keeps the cache right.
fn change(scope: &Arc<Scope>, state: &mut State<'_, '_>, method: &str, relation: &Value) -> Result<Value, Error> {
    let target = expect_relation(relation, "relation")?;
    if let Err(error) = run_macro(state, method, std::slice::from_ref(relation)) {
        // What foreign keys refer to cannot be dropped before they refer to something else.
        let referred = method == "drop_relation" && database_error(&error).is_some_and(contract::is_referred);
        if !referred || !contract::release(scope, target).map_err(database)? {
            return Err(error);
        }
        run_macro(state, method, std::slice::from_ref(relation))?;
    }
    let cache = scope_cache(scope)?;
    let schema = || schema_name(scope, target.database.clone(), target.schema.clone().unwrap_or_default());
    match method {
        "drop_relation" => cache.drop(target),
        "drop_schema" => cache.drop_schema(&schema()),
        // A schema that was not there has nothing in it.
        "create_schema" if !cache.is_filled(&schema()) => {}
        _ => {}
    }
    Ok(Value::from(""))
}

/// `rename_relations([[from, to], …])`: all at once.
fn rename_all(scope: &Arc<Scope>, renames: &Value) -> Result<(), Error> {
    let pair = |pair: Value| {
        let at = |index: usize, name: &str| {
            let relation = pair.get_item(&Value::from(index))?;
            expect_relation(&relation, name).cloned()
        };
        Ok::<_, Error>((at(0, "from_relation")?, at(1, "to_relation")?))
    };
    let renames = renames.try_iter()?.map(pair).collect::<Result<Vec<_>, _>>()?;
    let statement = || Some("rename_relations".to_owned());
    session(scope)?
        .rename_all(&renames)
        .map_err(|error| database(DbError { statement: error.statement.clone().or_else(statement), ..error }))?;
    let cache = scope_cache(scope)?;
    renames.iter().for_each(|(from, to)| cache.rename(from, to));
    Ok(())
}

/// What the database said, if it was the database.
fn database_error(error: &Error) -> Option<&DbError> {
    let mut cause = std::error::Error::source(error);
    while let Some(found) = cause {
        if let Some(error) = found.downcast_ref::<DbError>() {
            return Some(error);
        }
        cause = found.source();
    }
    None
}

fn run_macro(state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
    let found = jinja::context(state).and_then(|context| context.get(name));
    let callable = found.ok_or_else(|| {
        jinja::raise(Diagnostic::error(Code::MacroNotFound, format!("`adapter.{name}` needs a macro `{name}`")))
    })?;
    callable.call(state, args)
}
