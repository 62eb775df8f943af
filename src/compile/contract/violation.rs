//! From a server's refusal back to the rule of the contract, its line, and rows that break it.

use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::rule::{MARK, Rule, quoted};
use super::{Enforcer, Places};
use crate::adapter::{Cell, ConstraintKind, DbError, DbErrorKind, Table};
use crate::compile::Scope;
use crate::diag::{Code, Diagnostic};

/// How many rows a message shows.
pub const SAMPLES: usize = 5;
/// How long looking for them may take, in seconds.
const PATIENCE: u32 = 10;
/// How many columns of a row, and how many characters of a value, are shown.
const COLUMNS: usize = 6;
const CHARACTERS: usize = 60;

/// What a server's error is about.
enum Broken {
    /// One of these.
    Rules(Vec<Rule>),
    /// A value that its column does not hold.
    Value(String),
}

/// The diagnostic of a database error that a contract's rules raised; None of any other.
pub fn explain(scope: &Arc<Scope>, error: &DbError) -> Option<Diagnostic> {
    if !matches!(error.kind, DbErrorKind::Constraint | DbErrorKind::Value) {
        return None;
    }
    let node = scope.subject.node()?;
    if !node.config.contract_enforced() || !matches!(node.config.materialized(), "table" | "incremental") {
        return None;
    }
    let session = scope.session().ok()?;
    session.close_transaction_after_error();
    let rules = super::rules(scope).ok()?;
    let enforced: Vec<&Rule> =
        rules.iter().filter(|(_, enforcer)| *enforcer == Enforcer::Server).map(|(rule, _)| rule).collect();
    match find(error, &enforced)? {
        Broken::Rules(candidates) => {
            // Not every server names the constraint: then the rows tell.
            let mut asked = candidates.iter().map(|rule| (rule, samples(scope, rule, error)));
            let has_rows =
                |found: &(&Rule, Option<Table>)| found.1.as_ref().is_some_and(|found| !found.rows.is_empty());
            let (rule, found) = match asked.find(has_rows) {
                Some(found) => found,
                None => (candidates.first()?, None),
            };
            Some(broken(scope, rule, Some(error), found.as_ref()))
        }
        Broken::Value(column) => Some(unfit(scope, &column, error)),
    }
}

/// The rules that the message may be about: by the name of the constraint, or by that of the column.
fn find(error: &DbError, rules: &[&Rule]) -> Option<Broken> {
    static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r#"(?i)(?:column|field) (?:['`][^'`]*[`']\.)*['`"]([^'`"]+)['`"]|NOT NULL constraint failed: \S*\.(\S+)|key ['`]([^'`]+)['`]"#,
        )
        .ok()
    });
    let message = &error.message;
    if let Some((_, digest)) = message.split_once(MARK)
        && let Some(digest) = digest.get(..8)
        && let Some(rule) = rules.iter().find(|rule| rule.digest() == digest)
    {
        return Some(Broken::Rules(vec![(*rule).clone()]));
    }
    let found = NAMED.as_ref()?.captures(message);
    let part = |at: usize| found.as_ref().and_then(|found| found.get(at)).map(|found| found.as_str().to_owned());
    let column = part(1).or_else(|| part(2));
    if error.kind == DbErrorKind::Value {
        return column.map(Broken::Value);
    }
    let is = |rule: &Rule, kinds: &[ConstraintKind]| rule.kind.is_some_and(|kind| kinds.contains(&kind));
    let those = |wanted: &dyn Fn(&Rule) -> bool| {
        let found: Vec<Rule> = rules.iter().filter(|rule| wanted(rule)).map(|rule| (*rule).clone()).collect();
        (!found.is_empty()).then_some(Broken::Rules(found))
    };
    if let Some(column) = column {
        let holds = |rule: &Rule| rule.columns.iter().any(|own| own.eq_ignore_ascii_case(&column));
        return those(&|rule| is(rule, &[ConstraintKind::NotNull, ConstraintKind::PrimaryKey]) && holds(rule));
    }
    if part(3).is_some_and(|key| key.eq_ignore_ascii_case("PRIMARY") || key.ends_with(".PRIMARY")) {
        return those(&|rule| is(rule, &[ConstraintKind::PrimaryKey]));
    }
    if message.contains("CHECK constraint failed") {
        return those(&|rule| is(rule, &[ConstraintKind::Check]));
    }
    let says = |words: &str| message.to_lowercase().contains(words);
    if says("duplicate") {
        return those(&|rule| is(rule, &[ConstraintKind::PrimaryKey, ConstraintKind::Unique]));
    }
    None
}

/// Columns that tell a row: its key, and what the rule is about.
pub fn told_by(scope: &Scope, rule: &Rule) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let Some(node) = scope.subject.node() else { return names };
    let rules = scope.contract.lock().rules.clone().unwrap_or_default();
    let key = rules.iter().find(|(rule, _)| rule.kind == Some(ConstraintKind::PrimaryKey));
    let key = key.or_else(|| rules.iter().find(|(rule, _)| rule.kind == Some(ConstraintKind::Unique)));
    let expression =
        rule.expression.as_deref().filter(|_| rule.kind == Some(ConstraintKind::Check)).unwrap_or_default();
    let words: Vec<String> =
        expression.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_lowercase).collect();
    let mentioned =
        node.columns.values().map(|column| &column.name).filter(|name| words.contains(&name.to_lowercase()));
    let key = key.map(|(rule, _)| rule.columns.as_slice()).unwrap_or_default();
    for name in key.iter().chain(&rule.columns).chain(mentioned) {
        if !names.contains(name) && names.len() < COLUMNS {
            names.push(name.clone());
        }
    }
    if names.is_empty() {
        names.extend(node.columns.values().take(COLUMNS).map(|column| column.name.clone()));
    }
    names
}

/// Rows of the model's query, or of its table, that break a rule. None where asking failed or took too long: the server's words must do.
fn samples(scope: &Arc<Scope>, rule: &Rule, error: &DbError) -> Option<Table> {
    let quote = scope.runtime.naming.quote_char;
    if is_reconciling(error) {
        let table = scope.runtime.node_relation(scope.subject.node()?).render();
        return ask(scope, &rule.violations(quote, &table, &told_by(scope, rule), SAMPLES + 1)?);
    }
    let source = source(scope)?;
    let given = scope.contract.lock().given.clone();
    let is_given =
        |name: &String| given.as_ref().is_none_or(|given| given.iter().any(|own| own.eq_ignore_ascii_case(name)));
    let shown: Vec<String> = told_by(scope, rule).into_iter().filter(is_given).collect();
    ask(scope, &rule.violations(quote, &source, &shown, SAMPLES + 1)?)
}

/// Whether the rows that were there break a rule that came later.
fn is_reconciling(error: &DbError) -> bool {
    error.statement.as_deref() == Some("reconcile_contract")
}

/// The new rows, as a FROM clause names them, without an alias.
fn source(scope: &Scope) -> Option<String> {
    let compiled = scope.compiled.get()?;
    let sql = compiled.sql.trim().trim_end_matches(';');
    let named = scope.name_subqueries(sql).map(|(named, _)| named);
    Some(format!("(\n{}\n)", named.as_deref().unwrap_or(sql)))
}

fn ask(scope: &Arc<Scope>, sql: &str) -> Option<Table> {
    let sql = scope.runtime.adapter().within(sql, PATIENCE);
    scope.session().ok()?.execute(&sql, true, false).ok().map(|result| result.table)
}

/// `rule` does not hold: where it stands, who says so, and rows that break it.
pub fn broken(scope: &Arc<Scope>, rule: &Rule, error: Option<&DbError>, found: Option<&Table>) -> Diagnostic {
    let who = scope.subject.describe();
    let message = format!("{who} breaks its contract: {}", breach(rule));
    let mut diagnostic = Diagnostic::error(Code::Contract, message);
    if let Some(places) = scope.subject.node().and_then(|node| Places::of(&scope.runtime, node)) {
        diagnostic = diagnostic.at(places.rule(&rule.origin), rule.describe());
    }
    let product = scope.runtime.adapter().capabilities().product;
    diagnostic = match error {
        Some(error) => diagnostic.note(format!(
            "enforced by the server: {product} said `{}` ({})",
            error.message.trim(),
            error.code
        )),
        None => diagnostic.note("checked by headwater before it was published"),
    };
    diagnostic = match found.filter(|found| !found.rows.is_empty()) {
        Some(found) if error.is_some_and(is_reconciling) => {
            diagnostic.note(format!("rows of the table that break it: {}", rows(found)))
        }
        Some(found) => diagnostic.note(format!("rows that break it: {}", rows(found))),
        None if error.is_some() => {
            diagnostic.note("no new row breaks it by itself: it clashes with rows that are in the table")
        }
        None => diagnostic,
    };
    diagnostic.note(UNTOUCHED).help("mend these rows in the query, or change the contract")
}

const UNTOUCHED: &str = "the table of before is untouched";

fn breach(rule: &Rule) -> String {
    let columns = rule.columns.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match rule.kind {
        Some(ConstraintKind::NotNull) => format!("{columns} is null"),
        Some(ConstraintKind::Unique) => format!("{columns} is not unique"),
        Some(ConstraintKind::PrimaryKey) => format!("{columns} is not a primary key: it is null, or there twice"),
        Some(ConstraintKind::ForeignKey) => {
            let parent = rule.parent.as_ref().map(|parent| parent.text.replace(['`', '"'], "")).unwrap_or_default();
            format!("{columns} is not in `{parent}`")
        }
        Some(ConstraintKind::Check) | None => {
            let check = format!("`{}` does not hold", rule.expression.as_deref().unwrap_or_default());
            if columns.is_empty() { check } else { format!("{check} for {columns}") }
        }
    }
}

/// A value that the declared type does not hold.
fn unfit(scope: &Arc<Scope>, column: &str, error: &DbError) -> Diagnostic {
    let who = scope.subject.describe();
    let node = scope.subject.node();
    let declared = node.and_then(|node| super::declared_type(node, column)).unwrap_or_default();
    let message = format!("{who} breaks its contract: `{column}` has a value that `{declared}` does not hold");
    let mut diagnostic = Diagnostic::error(Code::Contract, message);
    if let Some(places) = node.and_then(|node| Places::of(&scope.runtime, node)) {
        diagnostic = diagnostic.at(places.column(column), format!("declared `{declared}`"));
    }
    let product = scope.runtime.adapter().capabilities().product;
    let said = error.message.trim();
    diagnostic = diagnostic.note(format!("enforced by the server: {product} said `{said}` ({})", error.code));
    let name = quoted(scope.runtime.naming.quote_char, column);
    let found = beyond(&name, declared).zip(source(scope)).and_then(|(condition, source)| {
        ask(scope, &format!("select {name} from {source} as dbt_new where {condition} limit {}", SAMPLES + 1))
    });
    if let Some(found) = found.filter(|found| !found.rows.is_empty()) {
        diagnostic = diagnostic.note(format!("values beyond it: {}", rows(&found)));
    }
    diagnostic.note(UNTOUCHED).help("cast or cut the value in the query, or declare a wider type")
}

/// The condition that a value does not fit a type.
fn beyond(column: &str, declared: &str) -> Option<String> {
    let declared = declared.to_lowercase();
    let (name, sizes) = declared.split_once('(').unwrap_or((&declared, ""));
    let name = name.split_whitespace().next()?;
    let mut sizes = sizes.split([',', ')']).map(|size| size.trim().parse::<u32>().ok());
    let (first, second) = (sizes.next().flatten(), sizes.next().flatten());
    let bits = match name {
        "varchar" | "char" | "character" => return Some(format!("char_length({column}) > {}", first?)),
        "decimal" | "numeric" | "dec" => {
            let whole = first?.saturating_sub(second.unwrap_or(0));
            return Some(format!("abs({column}) >= 1{}", "0".repeat(whole as usize)));
        }
        "tinyint" | "boolean" | "bool" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" | "integer" => 32,
        _ => return None,
    };
    let (low, high) = match declared.contains("unsigned") {
        true => (0, (1_i64 << bits) - 1),
        false => (-(1_i64 << (bits - 1)), (1_i64 << (bits - 1)) - 1),
    };
    Some(format!("{column} < {low} or {column} > {high}"))
}

/// `id = 3, amount = -5; id = 7, amount = -1 and more`
pub fn rows(table: &Table) -> String {
    let row = |row: &Vec<Cell>| {
        let cells = table.columns.iter().zip(row).map(|(column, cell)| {
            let name = if column.name == "dbt_rows" { "rows" } else { &column.name };
            format!("{name} = {}", value(cell))
        });
        cells.collect::<Vec<_>>().join(", ")
    };
    let shown = table.rows.iter().take(SAMPLES).map(row).collect::<Vec<_>>().join("; ");
    if table.rows.len() > SAMPLES { format!("{shown} and more") } else { shown }
}

fn value(cell: &Cell) -> String {
    match cell.to_text() {
        None => "null".to_owned(),
        Some(text) => match text.char_indices().nth(CHARACTERS) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.into_owned(),
        },
    }
}
