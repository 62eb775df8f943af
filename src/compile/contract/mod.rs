//! Contracts that hold: what a model's YAML says of its columns is compared with its query before anything is built, is
//! declared to the server as far as that enforces it, and is checked by queries where it does not.

mod parent;
mod place;
mod rule;
mod violation;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value as Json, json};

pub(super) use self::parent::{is_referred, release};
pub(super) use self::place::{Places, config_place};
use self::rule::{MARK, Origin, Rule, quoted};
pub(super) use self::violation::explain;
use super::adapter::{database, session};
use super::objects::relation::expect_relation;
use super::objects::text;
use super::scope::Scope;
use crate::adapter::{Constraint, ConstraintKind};
use crate::diag::log::{Detail, Level, LogEntry};
use crate::diag::{Code, Diagnostic};
use crate::jinja::{self, Args, Error, Value, pyvalue};
use crate::manifest::{self, Node};

/// Who makes a rule hold.
#[derive(Debug, Clone, PartialEq)]
enum Enforcer {
    Server,
    /// A query of ours, and why.
    Query(String),
}

/// What a node's contract has come to so far.
#[derive(Default)]
pub struct State(Mutex<Progress>);

#[derive(Default)]
struct Progress {
    /// The columns that the query gives, once it has been asked.
    given: Option<Vec<String>>,
    rules: Option<Arc<Vec<(Rule, Enforcer)>>>,
    /// Keeps the names of this build's constraints apart from those of the table that is there.
    build: Option<String>,
    checked: bool,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The methods of `adapter` that contracts use.
pub(super) fn call(scope: &Arc<Scope>, method: &str, a: &mut Args<'_>) -> Result<Value, Error> {
    Ok(match method {
        "assert_contract" => {
            let (sql, header) = (a.string("sql")?, text(a.optional("sql_header")?));
            compare(scope, &sql, header.as_deref().unwrap_or_default())?;
            Value::from("")
        }
        "contract_columns" => {
            let names = filled_columns(scope)?.into_iter().map(|name| Value::from(scope_quoted(scope, &name)));
            pyvalue::list(names.collect())
        }
        "contract_definitions" => pyvalue::list(definitions(scope)?.into_iter().map(Value::from).collect()),
        "check_contract" => {
            let (relation, all) = (a.take("relation")?, a.truth("all", false)?);
            let relation = expect_relation(&relation, "relation")?;
            check(scope, &relation.render(), all)?;
            Value::from("")
        }
        "check_references" => {
            let (new, existing) = (a.take("new_relation")?, a.take("existing_relation")?);
            let keys = parent::children(scope, expect_relation(&existing, "existing_relation")?)?;
            parent::check(scope, expect_relation(&new, "new_relation")?, &keys)?;
            Value::from("")
        }
        "relax_references" => {
            let relation = a.take("relation")?;
            let relaxed = !parent::children(scope, expect_relation(&relation, "relation")?)?.is_empty();
            if relaxed {
                session(scope)?.check_foreign_keys(false).map_err(database)?;
            }
            Value::from(relaxed)
        }
        "restore_references" => {
            session(scope)?.check_foreign_keys(true).map_err(database)?;
            Value::from("")
        }
        _ => {
            let relation = a.take("relation")?;
            let relation = expect_relation(&relation, "relation")?;
            let there = session(scope)?.constraints(relation).map_err(database)?;
            let clauses = differences(scope, &there)?;
            pyvalue::list(clauses.into_iter().map(Value::from).collect())
        }
    })
}

fn node_of(scope: &Scope) -> Result<&Arc<Node>, Error> {
    scope.subject.node().ok_or_else(|| jinja::fail("contracts are those of models"))
}

fn scope_quoted(scope: &Scope, name: &str) -> String {
    quoted(scope.runtime.naming.quote_char, name)
}

/// All rules of the node, in the order of its files, and who makes them hold.
fn rules(scope: &Arc<Scope>) -> Result<Arc<Vec<(Rule, Enforcer)>>, Error> {
    if let Some(rules) = &scope.contract.lock().rules {
        return Ok(rules.clone());
    }
    let node = node_of(scope)?;
    let mut rules = Vec::new();
    for rule in written(scope, node)? {
        let enforcer = enforcer(scope, node, &rule)?;
        rules.push((rule, enforcer));
    }
    let rules = Arc::new(rules);
    scope.contract.lock().rules = Some(rules.clone());
    Ok(rules)
}

fn written(scope: &Arc<Scope>, node: &Node) -> Result<Vec<Rule>, Error> {
    let mut rules = Vec::new();
    for column in node.columns.values() {
        for (at, constraint) in column.constraints.iter().enumerate() {
            rules.push(Rule::read(scope, constraint, Origin::Column { name: column.name.clone(), at })?);
        }
    }
    if let manifest::Detail::Model(model) = &node.detail {
        for (at, constraint) in model.constraints.iter().enumerate() {
            rules.push(Rule::read(scope, constraint, Origin::Model { at })?);
        }
    }
    let has_key = |rules: &[Rule]| rules.iter().any(|rule| rule.kind == Some(ConstraintKind::PrimaryKey));
    if let Some(key) = node.config.get("primary_key").filter(|key| !key.is_null())
        && !has_key(&rules)
    {
        let constraint = json!({"type": "primary_key", "columns": key});
        rules.push(Rule::read(scope, &constraint, Origin::Config("primary_key"))?);
    }
    for key in node.config.get("foreign_keys").and_then(Json::as_array).into_iter().flatten() {
        let mut constraint = key.clone();
        if let Some(constraint) = constraint.as_object_mut() {
            constraint.insert("type".to_owned(), Json::from("foreign_key"));
        }
        rules.push(Rule::read(scope, &constraint, Origin::Config("foreign_keys"))?);
    }
    Ok(rules)
}

/// The declared type of a column.
fn declared_type<'a>(node: &'a Node, name: &str) -> Option<&'a str> {
    let column = node.columns.values().find(|column| column.name.eq_ignore_ascii_case(name))?;
    column.data_type.as_deref()
}

fn enforcer(scope: &Arc<Scope>, node: &Node, rule: &Rule) -> Result<Enforcer, Error> {
    let capabilities = scope.runtime.adapter().capabilities();
    let product = &capabilities.product;
    let able = match rule.kind {
        None => true,
        Some(ConstraintKind::NotNull) => capabilities.enforces_not_null,
        Some(ConstraintKind::Unique) => capabilities.enforces_unique,
        Some(ConstraintKind::PrimaryKey) => capabilities.enforces_primary_key,
        Some(ConstraintKind::Check) => capabilities.enforces_check,
        Some(ConstraintKind::ForeignKey) => capabilities.enforces_foreign_key,
    };
    if !able {
        return Ok(Enforcer::Query(format!("{product} does not enforce it")));
    }
    let is_key =
        matches!(rule.kind, Some(ConstraintKind::Unique | ConstraintKind::PrimaryKey | ConstraintKind::ForeignKey));
    if is_key && !capabilities.long_keys {
        let long = |name: &&String| {
            let kind = declared_type(node, name).unwrap_or_default().to_lowercase();
            ["text", "blob", "json"].iter().any(|long| kind.contains(long))
        };
        if let Some(name) = rule.columns.iter().find(long) {
            let kind = declared_type(node, name).unwrap_or_default();
            return Ok(Enforcer::Query(format!("`{name}` is `{kind}`, which {product} has no keys of")));
        }
    }
    if rule.kind == Some(ConstraintKind::ForeignKey)
        && let Some(parent) = &rule.parent
        && let Some(relation) = &parent.relation
    {
        let types: Vec<String> =
            rule.columns.iter().map(|name| declared_type(node, name).unwrap_or_default().to_owned()).collect();
        let refused = session(scope)?.refuses_reference(relation, &parent.columns, &types).map_err(database)?;
        if let Some(why) = refused {
            return Ok(Enforcer::Query(why));
        }
    }
    Ok(Enforcer::Server)
}

/// A mark of this build that no other version of the table has, where names of constraints have to differ.
fn build(scope: &Scope) -> Option<String> {
    scope.runtime.adapter().capabilities().alters_constraints.then(|| {
        let mut progress = scope.contract.lock();
        progress
            .build
            .get_or_insert_with(|| {
                const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
                let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
                let mut number = now / 1_000;
                let mut mark = String::new();
                for _ in 0..6 {
                    mark.push(char::from(DIGITS[(number % 36) as usize]));
                    number /= 36;
                }
                mark
            })
            .clone()
    })
}

/// The declared columns that the query fills: not the generated ones, nor those that it leaves to their default.
fn filled_columns(scope: &Arc<Scope>) -> Result<Vec<String>, Error> {
    let node = node_of(scope)?;
    let left_out = own_columns(scope, node)?;
    let given = scope.contract.lock().given.clone();
    let is_given =
        |name: &str| given.as_ref().is_none_or(|given| given.iter().any(|own| own.eq_ignore_ascii_case(name)));
    let filled = |name: &&String| match left_out.iter().find(|(own, _)| own == *name) {
        Some((_, generated)) => !generated && given.is_some() && is_given(name),
        None => true,
    };
    let names: Vec<String> = node.columns.values().map(|column| column.name.clone()).collect();
    Ok(names.iter().filter(filled).cloned().collect())
}

/// Columns that the query need not give: `true` for those that it must not.
fn own_columns(scope: &Arc<Scope>, node: &Node) -> Result<Vec<(String, bool)>, Error> {
    let rules = written(scope, node)?;
    let own = rules.iter().filter(|rule| rule.is_generated() || rule.is_default());
    Ok(own.filter_map(|rule| Some((rule.columns.first()?.clone(), rule.is_generated()))).collect())
}

/// The lines between the parentheses of `create table`.
fn definitions(scope: &Arc<Scope>) -> Result<Vec<String>, Error> {
    let node = node_of(scope)?;
    let rules = rules(scope)?;
    let enforced: Vec<&Rule> =
        rules.iter().filter(|(_, enforcer)| *enforcer == Enforcer::Server).map(|(rule, _)| rule).collect();
    let columns = node.columns.values().map(|column| (column.name.as_str(), column.data_type.as_deref().unwrap_or("")));
    Ok(lines(scope, columns, &enforced))
}

fn lines<'a>(scope: &Scope, columns: impl Iterator<Item = (&'a str, &'a str)>, rules: &[&Rule]) -> Vec<String> {
    let quote = scope.runtime.naming.quote_char;
    let alias = scope.subject.node().map_or("table", |node| node.alias.as_str());
    let build = build(scope);
    let mut lines: Vec<String> = columns
        .map(|(name, kind)| {
            let mut line = format!("{} {kind}", quoted(quote, name));
            let own =
                || rules.iter().filter(|rule| matches!(&rule.origin, Origin::Column { name: own, .. } if own == name));
            // What a generated column is computed from stands before everything else.
            for rule in own().filter(|rule| rule.kind.is_none()) {
                line.push(' ');
                line.push_str(rule.expression.as_deref().unwrap_or_default());
            }
            for rule in own().filter(|rule| rule.kind == Some(ConstraintKind::NotNull)) {
                line.push_str(" not null");
                if let Some(expression) = &rule.expression {
                    line.push(' ');
                    line.push_str(expression);
                }
            }
            line
        })
        .collect();
    lines.extend(rules.iter().filter_map(|rule| rule.definition(quote, alias, build.as_deref())));
    let custom = rules.iter().filter(|rule| rule.kind.is_none() && !matches!(rule.origin, Origin::Column { .. }));
    lines.extend(custom.filter_map(|rule| rule.expression.clone()));
    lines
}

/// `render_raw_columns_constraints(raw_columns)`: the lines of these columns and of their constraints.
pub(super) fn raw_columns(scope: &Arc<Scope>, raw: &Value) -> Result<Value, Error> {
    let Json::Object(columns) = pyvalue::to_json(raw)? else { return Err(jinja::fail("raw_columns must be a dict")) };
    let word = |column: &Json, key: &str| column.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let mut rules = Vec::new();
    for column in columns.values() {
        for (at, constraint) in column.get("constraints").and_then(Json::as_array).into_iter().flatten().enumerate() {
            rules.push(Rule::read(scope, constraint, Origin::Column { name: word(column, "name"), at })?);
        }
    }
    let named: Vec<(String, String)> =
        columns.values().map(|column| (word(column, "name"), word(column, "data_type"))).collect();
    let rules: Vec<&Rule> = rules.iter().collect();
    let lines = lines(scope, named.iter().map(|(name, kind)| (name.as_str(), kind.as_str())), &rules);
    Ok(pyvalue::list(lines.into_iter().map(Value::from).collect()))
}

/// `render_raw_model_constraints(raw_constraints)`: constraints over several columns.
pub(super) fn raw_model(scope: &Arc<Scope>, raw: &Value) -> Result<Value, Error> {
    let constraints = pyvalue::to_json(raw)?;
    let mut rules = Vec::new();
    for (at, constraint) in constraints.as_array().into_iter().flatten().enumerate() {
        rules.push(Rule::read(scope, constraint, Origin::Model { at })?);
    }
    let rules: Vec<&Rule> = rules.iter().collect();
    Ok(pyvalue::list(lines(scope, std::iter::empty(), &rules).into_iter().map(Value::from).collect()))
}

/// Compares the columns of the query with the declared ones.
fn compare(scope: &Arc<Scope>, sql: &str, header: &str) -> Result<(), Error> {
    let node = node_of(scope)?;
    let named = scope.name_subqueries(sql).map(|(named, _)| named);
    let given = session(scope)?.probe(header, named.as_deref().unwrap_or(sql)).map_err(database)?;
    let left_out = own_columns(scope, node)?;
    let rules = scope.runtime.adapter().type_rules();
    let mut rows: Vec<[String; 3]> = Vec::new();
    for column in node.columns.values() {
        let declared = column.data_type.clone().unwrap_or_default();
        let found = given.iter().find(|own| own.name.eq_ignore_ascii_case(&column.name));
        let own = left_out.iter().find(|(name, _)| *name == column.name);
        match (found, own) {
            (None, Some(_)) => {}
            (Some(_), Some((_, true))) => {
                rows.push([column.name.clone(), "computed by the table".to_owned(), "also in the query".to_owned()]);
            }
            (Some(found), _) if rules.fits(&declared, &found.data_type()) => {}
            (Some(found), _) => rows.push([column.name.clone(), declared, found.data_type()]),
            (None, None) => rows.push([column.name.clone(), declared, "not in the query".to_owned()]),
        }
    }
    for column in &given {
        if !node.columns.values().any(|declared| declared.name.eq_ignore_ascii_case(&column.name)) {
            rows.push([column.name.clone(), "not declared".to_owned(), column.data_type()]);
        }
    }
    scope.contract.lock().given = Some(given.into_iter().map(|column| column.name).collect());
    if rows.is_empty() { Ok(()) } else { Err(jinja::raise(mismatch(scope, node, &rows))) }
}

/// One error with all differing columns in a table, each with its line.
fn mismatch(scope: &Scope, node: &Node, rows: &[[String; 3]]) -> Diagnostic {
    let places = Places::of(&scope.runtime, node);
    let count = match rows.len() {
        1 => "1 column differs".to_owned(),
        many => format!("{many} columns differ"),
    };
    let message = format!("the columns of {} are not those of its contract: {count}", scope.subject.describe());
    let mut diagnostic = Diagnostic::error(Code::Contract, message);
    let mut table = vec![["column", "declared", "in the query", "line"].map(str::to_owned)];
    for [name, declared, actual] in rows {
        let span = places.as_ref().map(|places| places.column(name));
        let line = span.as_ref().map_or(String::new(), |span| span.location());
        // The first that is declared somewhere is shown.
        if diagnostic.primary.is_none()
            && let Some(span) = span
        {
            diagnostic = diagnostic.at(span, format!("declared `{declared}`, in the query `{actual}`"));
        }
        table.push([name.clone(), declared.clone(), actual.clone(), line]);
    }
    let width = |at: usize| table.iter().map(|row| row[at].chars().count()).max().unwrap_or_default();
    let widths = [width(0), width(1), width(2)];
    let text = table.iter().map(|[name, declared, actual, line]| {
        let row = format!("{name:<0$}  {declared:<1$}  {actual:<2$}  {line}", widths[0], widths[1], widths[2]);
        row.trim_end().to_owned()
    });
    diagnostic
        .note(format!("nothing was built\n{}", text.collect::<Vec<_>>().join("\n")))
        .help("cast the columns in the query, or declare what it gives")
}

/// Runs the rules that the server does not hold (or all of them) as queries on a relation; the first that finds rows is an
/// error.
fn check(scope: &Arc<Scope>, from: &str, all: bool) -> Result<(), Error> {
    scope.contract.lock().checked = true;
    for (rule, enforcer) in rules(scope)?.iter() {
        let by_query = matches!(enforcer, Enforcer::Query(_));
        if by_query || all {
            let shown = violation::told_by(scope, rule);
            let Some(sql) = rule.violations(scope.runtime.naming.quote_char, from, &shown, violation::SAMPLES + 1)
            else {
                continue;
            };
            let found = session(scope)?.execute(&sql, true, false).map_err(database)?.table;
            if !found.rows.is_empty() {
                return Err(jinja::raise(violation::broken(scope, rule, None, Some(&found))));
            }
        }
        if by_query {
            tell(scope, rule, enforcer);
        }
    }
    Ok(())
}

/// A line of the debug log for each rule.
fn tell(scope: &Scope, rule: &Rule, enforcer: &Enforcer) {
    let text = match enforcer {
        Enforcer::Server => format!("contract: {}: enforced by the server", rule.describe()),
        Enforcer::Query(why) => format!("contract: {}: checked by headwater, because {why}", rule.describe()),
    };
    let node = scope.subject.unique_id().map(|id| &**id);
    let entry = LogEntry {
        level: Level::Debug,
        node,
        thread: Some(scope.thread()),
        event: "Note",
        text: &text,
        detail: Detail::Message,
    };
    scope.runtime.log.write(&entry);
}

/// What `alter table` needs, so that a table that is there has the constraints that are declared now: those of ours that are
/// no longer declared go, the others come.
fn differences(scope: &Arc<Scope>, there: &[Constraint]) -> Result<Vec<String>, Error> {
    let node = node_of(scope)?;
    let quote = scope.runtime.naming.quote_char;
    let rules = rules(scope)?;
    // The table of the new rows has the same rules, and stands beside this one.
    let build = build(scope).map(|build| build + "r");
    let mut clauses = Vec::new();
    let same = |one: &[String], other: &[String]| {
        one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.eq_ignore_ascii_case(other))
    };
    let enforced: Vec<&Rule> =
        rules.iter().filter(|(_, enforcer)| *enforcer == Enforcer::Server).map(|(rule, _)| rule).collect();
    let marks: Vec<String> = enforced.iter().map(|rule| format!("{MARK}{}_", rule.digest())).collect();
    for constraint in there {
        let verb = match constraint.kind {
            ConstraintKind::ForeignKey => "drop foreign key",
            ConstraintKind::Unique => "drop index",
            ConstraintKind::Check => "drop constraint",
            ConstraintKind::NotNull | ConstraintKind::PrimaryKey => continue,
        };
        let ours = constraint.name.contains(MARK);
        if ours && !marks.iter().any(|mark| constraint.name.contains(mark)) {
            clauses.push(format!("{verb} {}", quoted(quote, &constraint.name)));
        }
    }
    let key = there.iter().find(|constraint| constraint.kind == ConstraintKind::PrimaryKey);
    let declared = enforced.iter().find(|rule| rule.kind == Some(ConstraintKind::PrimaryKey));
    if let (Some(key), Some(rule)) = (key, declared)
        && !same(&key.columns, &rule.columns)
    {
        clauses.push("drop primary key".to_owned());
    }
    for column in node.columns.values() {
        let rule = enforced.iter().find(|rule| {
            rule.kind == Some(ConstraintKind::NotNull)
                && rule.columns.first().is_some_and(|name| name.eq_ignore_ascii_case(&column.name))
        });
        let known = |constraint: &&Constraint| {
            constraint.kind == ConstraintKind::NotNull && constraint.name.eq_ignore_ascii_case(&column.name)
        };
        let has = there.iter().any(|constraint| known(&constraint));
        if rule.is_some() && !has {
            let definition = lines(
                scope,
                std::iter::once((column.name.as_str(), column.data_type.as_deref().unwrap_or(""))),
                &enforced,
            );
            clauses.extend(definition.first().map(|line| format!("modify column {line}")));
        }
    }
    for (rule, mark) in enforced.iter().zip(&marks) {
        let has = match rule.kind {
            Some(ConstraintKind::PrimaryKey) => key.is_some_and(|key| same(&key.columns, &rule.columns)),
            _ => there.iter().any(|constraint| constraint.name.contains(mark)),
        };
        if !has && let Some(definition) = rule.definition(quote, &node.alias, build.as_deref()) {
            clauses.push(format!("add {definition}"));
        }
    }
    Ok(clauses)
}

/// For the results: which rules the server holds, and which were checked by queries. None without a contract that was
/// looked at.
pub(super) fn outcome(scope: &Arc<Scope>) -> Option<Map<String, Json>> {
    let rules = scope.contract.lock().rules.clone()?;
    let (mut server, mut queries) = (Vec::new(), Vec::new());
    for (rule, enforcer) in rules.iter() {
        match enforcer {
            Enforcer::Server => {
                tell(scope, rule, enforcer);
                server.push(Json::from(rule.describe()));
            }
            Enforcer::Query(why) => queries.push(json!({"rule": rule.describe(), "because": why})),
        }
    }
    let mut outcome = Map::new();
    outcome.insert("enforced_by_server".to_owned(), Json::Array(server));
    outcome.insert("checked_by_headwater".to_owned(), Json::Array(queries));
    Some(outcome)
}
