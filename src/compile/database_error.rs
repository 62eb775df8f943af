//! What went wrong with a node, and the way from a database's message back to the model's own line.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::sql::{Compiled, Cte};
use super::subquery::original_offset;
use super::{Runtime, Scope, Subject, contract, sql as compiled_sql};
use crate::adapter::{DbError, DbErrorKind, Relation};
use crate::diag::{Code, Diagnostic, SourceFile, Span, suggest};
use crate::jinja::{self, RenderError, linemap};
use crate::manifest::{Detail, Resource};
use crate::sql;

/// A failed compile or run of a scope.
#[derive(Debug)]
pub struct Failure {
    /// What the database said, if it was the database.
    pub database: Option<Box<DbError>>,
    diagnostic: Box<Diagnostic>,
}

impl Failure {
    pub fn is_cancelled(&self) -> bool {
        self.database.as_ref().is_some_and(|error| error.kind == DbErrorKind::Cancelled)
    }

    /// On its way through Jinja, at whose end it is found again.
    pub(super) fn raise(self) -> jinja::Error {
        match self.database {
            Some(error) => super::adapter::database(*error),
            None => jinja::raise(self.diagnostic),
        }
    }

    /// The connection was lost, so that what became of the last statement is not known.
    pub fn is_lost(&self) -> bool {
        self.database.as_ref().is_some_and(|error| error.lost)
    }

    /// The diagnostic, with the place in the scope's own file. Looks at the database for near names, so it is for the
    /// failing path only.
    pub fn into_diagnostic(self, scope: &Arc<Scope>) -> Box<Diagnostic> {
        let mut diagnostic = match &self.database {
            Some(error) if error.kind != DbErrorKind::Cancelled => Box::new(explain(scope, error, &self.diagnostic)),
            _ => at_the_users_file(scope, self.diagnostic),
        };
        if diagnostic.node.is_none() {
            diagnostic.node = scope.subject.unique_id().map(ToString::to_string);
        }
        diagnostic
    }
}

impl From<RenderError> for Failure {
    fn from(error: RenderError) -> Self {
        let database = error.source::<DbError>().cloned().map(Box::new);
        Self { database, diagnostic: error.diagnostic().boxed() }
    }
}

impl From<Box<Diagnostic>> for Failure {
    fn from(diagnostic: Box<Diagnostic>) -> Self {
        Self { database: None, diagnostic }
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        let code = match error.kind {
            DbErrorKind::Connection => Code::Connection,
            DbErrorKind::Cancelled => Code::Cancelled,
            _ => Code::Database,
        };
        Self { diagnostic: Diagnostic::error(code, error.message.clone()).boxed(), database: Some(Box::new(error)) }
    }
}

/// An error that one of our own macros raised is about what the user wrote: that comes first, the macro is a note.
fn at_the_users_file(scope: &Scope, mut diagnostic: Box<Diagnostic>) -> Box<Diagnostic> {
    if diagnostic.code == Code::Contract {
        // Which macro of ours found it is of no interest.
        diagnostic.notes.retain(|note| !note.starts_with("in macro `") && !note.ends_with("more calls around it"));
    }
    let ours = diagnostic.primary.take_if(|place| is_embedded(&place.span));
    if let Some(place) = ours {
        diagnostic.notes.insert(0, format!("raised at {}", place.span.location()));
        if let Some(span) = whole(scope) {
            return diagnostic.at(span, "").boxed();
        }
    }
    diagnostic
}

/// Whether a place is in a macro that comes with us: their files are called `<dbt>/…`.
fn is_embedded(span: &Span) -> bool {
    span.file.path.starts_with('<')
}

/// `fallback` is what the render said: it knows the place of the call that sent the statement.
fn explain(scope: &Arc<Scope>, error: &DbError, fallback: &Diagnostic) -> Diagnostic {
    let product = scope.runtime.adapter().capabilities().product;
    let who = scope.subject.describe();
    let code = if error.kind == DbErrorKind::Connection { Code::Connection } else { Code::Database };
    if code == Code::Connection {
        // No statement is to blame, so no place in the project either.
        const HELP: &str = "check the target in profiles.yml; `headwater debug` tries the connection";
        return Diagnostic::error(code, phrase(error)).help(error.help.as_deref().unwrap_or(HELP));
    }
    if let Some(diagnostic) = contract::explain(scope, error) {
        return diagnostic;
    }
    let mut diagnostic = Diagnostic::error(code, format!("{product} refused {who}: {}", phrase(error)));
    let places = scope.compiled.get().and_then(|compiled| Some((compiled, offending(scope, compiled, error)?)));
    match places {
        Some((compiled, range)) => {
            if let Some(span) = model_span(scope, compiled, &range) {
                diagnostic = diagnostic.at(span, "");
            }
            diagnostic = compiled_place(scope, compiled, &range, error, diagnostic);
        }
        None => {
            // A place inside of our own macros tells the user nothing.
            let place = fallback.primary.clone().filter(|place| !is_embedded(&place.span));
            diagnostic.primary = place;
            if diagnostic.primary.is_none()
                && let Some(span) = whole(scope)
            {
                diagnostic = diagnostic.at(span, "");
            }
            diagnostic = match (&error.sql, scope.compiled_path().filter(|_| sends_compiled(scope, error))) {
                (_, Some(path)) => diagnostic.note(format!("what was sent is in {path}")),
                (Some(sql), None) => diagnostic.note(format!("the statement was: {}", shortened(sql))),
                (None, None) => diagnostic,
            };
        }
    }
    match help(scope, error).or_else(|| error.help.clone()) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// Where the subject stands, when nothing more is known.
fn whole(scope: &Scope) -> Option<Span> {
    if let Subject::UnitTest(unit) = &scope.subject {
        return unit.test.span.clone();
    }
    let node = scope.subject.node()?;
    match &node.detail {
        Detail::GenericTest(test) => test.span.as_ref().map(first_line),
        _ => {
            let text = node.body.text();
            let blank = text.len() - text.trim_start().len();
            let start = node.body.range.start as usize + blank;
            (!text.trim().is_empty()).then(|| first_line(&Span::new(&node.body.file, start..start)))
        }
    }
}

fn first_line(span: &Span) -> Span {
    Span::line(&span.file, span.file.line_column(span.range.start as usize).0)
}

/// Whether the failed statement carried the node's own SQL.
fn sends_compiled(scope: &Scope, error: &DbError) -> bool {
    let compiled = scope.compiled.get().map(|compiled| compiled.sql.trim()).filter(|sql| !sql.is_empty());
    compiled.zip(error.sql.as_deref()).is_some_and(|(compiled, sent)| sent.contains(compiled))
}

/// The statement on one line, as much of it as a note can carry.
fn shortened(sql: &str) -> String {
    const LIMIT: usize = 200;
    let line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}

/// The server's words in our style: lower case, backticks, number and state at the end.
fn phrase(error: &DbError) -> String {
    let mut text = match near_text(error) {
        Some(near) => format!("syntax error near `{}`", near.lines().next().unwrap_or_default().trim()),
        None => {
            let message = error.message.trim().trim_end_matches('.');
            let clause =
                CLAUSES.iter().find_map(|(said, meant)| Some(format!("{}{meant}", message.strip_suffix(said)?)));
            in_backticks(clause.as_deref().unwrap_or(message))
        }
    };
    if let Some(first) = text.chars().next()
        && text.chars().nth(1).is_some_and(char::is_lowercase)
    {
        text.replace_range(..first.len_utf8(), &first.to_lowercase().to_string());
    }
    match (error.code, error.state.as_str()) {
        (0, "") => text,
        (0, state) => format!("{text} ({state})"),
        (code, "") => format!("{text} ({code})"),
        (code, state) => format!("{text} ({code}, {state})"),
    }
}

/// Where MySQL and MariaDB say that a name stands, in words for people.
const CLAUSES: &[(&str, &str)] = &[
    ("in 'field list'", "in the select list"),
    ("in 'SELECT'", "in the select list"),
    ("in 'WHERE'", "in the where clause"),
    ("in 'where clause'", "in the where clause"),
    ("in 'ON'", "in the on clause"),
    ("in 'on clause'", "in the on clause"),
    ("in 'group statement'", "in the group by clause"),
    ("in 'GROUP BY'", "in the group by clause"),
    ("in 'order clause'", "in the order by clause"),
    ("in 'ORDER BY'", "in the order by clause"),
    ("in 'having clause'", "in the having clause"),
    ("in 'HAVING'", "in the having clause"),
];

/// `'x'` becomes `` `x` ``; the apostrophe of `doesn't` stays.
fn in_backticks(message: &str) -> String {
    static QUOTED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\B'([^'\n`]+)'\B").ok());
    match &*QUOTED {
        Some(quoted) => quoted.replace_all(message, "`$1`").into_owned(),
        None => message.to_owned(),
    }
}

/// The text at which a MySQL parser stopped.
fn near_text(error: &DbError) -> Option<&str> {
    if error.kind != DbErrorKind::Syntax {
        return None;
    }
    let (_, rest) = error.message.split_once("to use near '")?;
    let (near, _) = rest.rsplit_once("' at line")?;
    (!near.is_empty()).then_some(near)
}

/// The bytes of the compiled SQL that the message is about.
fn offending(scope: &Scope, compiled: &Compiled, error: &DbError) -> Option<Range<usize>> {
    let kind = scope.runtime.adapter().kind();
    let text = &*compiled.sql;
    if let Some(name) = &error.identifier
        && let Some(found) = sql::find_identifier(text, name, kind).into_iter().next()
    {
        return Some(found);
    }
    if let Some(near) = near_text(error)
        && let Some(at) = text.find(near)
    {
        let word = near.find(char::is_whitespace).filter(|end| *end > 0).unwrap_or(near.len());
        return Some(at..at + word);
    }
    let sent = error.sql.as_deref()?;
    let start = sent.find(text.trim())?;
    let line_start = sent.split_inclusive('\n').take(error.line?.checked_sub(1)?).map(str::len).sum::<usize>();
    let leading = text.len() - text.trim_start().len();
    let at = line_start.checked_sub(start)? + leading;
    let line = text.get(at..)?.lines().next()?;
    let indent = line.len() - line.trim_start().len();
    (!line.trim().is_empty()).then(|| at + indent..at + line.trim_end().len())
}

/// The place in the file that the user wrote.
fn model_span(scope: &Arc<Scope>, compiled: &Arc<Compiled>, range: &Range<usize>) -> Option<Span> {
    // The text of a generic test is a call that nobody wrote; what was written is its entry in the YAML file.
    if let Some(Detail::GenericTest(test)) = scope.subject.node().map(|node| &node.detail) {
        return test.span.as_ref().map(first_line);
    }
    match in_body(compiled, range.start).and_then(|offset| original_offset(offset, &compiled.aliases)) {
        Some(offset) => {
            let span = span_of(scope, compiled, offset)?;
            Some(widened(span, &compiled.sql[range.clone()]))
        }
        None => {
            let (cte, offset) = in_cte(compiled, range)?;
            let node = scope.runtime.manifest.node(&cte.id)?;
            let inner = scope.runtime.node(node, scope.thread());
            let template = compiled_sql::template(&scope.runtime, node).ok()?;
            let context = inner.render_context(node, |context| context).ok()?;
            let span = linemap::locate(&scope.runtime.engine, &template, || context, offset)?;
            Some(widened(span, &compiled.sql[range.clone()]))
        }
    }
}

fn span_of(scope: &Arc<Scope>, compiled: &Compiled, offset: usize) -> Option<Span> {
    if compiled.template.literal().is_some() {
        let start = compiled.template.range().start + offset;
        return Some(Span::new(compiled.template.file(), start..start));
    }
    let node = scope.subject.node()?;
    let again = scope.replay();
    let context = again.render_context(node, |context| context).ok()?;
    linemap::locate(&scope.runtime.engine, &compiled.template, || context, offset)
}

/// The span grown to the whole word where the file has the same text there.
fn widened(span: Span, word: &str) -> Span {
    let start = span.range.start as usize;
    match span.file.text.get(start..start + word.len()) {
        Some(text) if text == word => Span::new(&span.file, start..start + word.len()),
        _ => span,
    }
}

/// An offset of the whole SQL as an offset of the rendered body; None inside of the CTEs that were put in.
fn in_body(compiled: &Compiled, offset: usize) -> Option<usize> {
    let inserted = compiled.sql.len() - compiled.body.len();
    let common = compiled.sql.bytes().zip(compiled.body.bytes()).take_while(|(a, b)| a == b).count();
    if inserted == 0 || offset < common {
        return Some(offset);
    }
    offset.checked_sub(inserted).filter(|offset| *offset >= common)
}

fn in_cte<'a>(compiled: &'a Compiled, range: &Range<usize>) -> Option<(&'a Cte, usize)> {
    compiled.ctes.iter().find_map(|cte| {
        let start = compiled.sql.find(&*cte.body)?;
        (start..start + cte.body.len()).contains(&range.start).then(|| (cte, range.start - start))
    })
}

/// The same place in what was sent.
fn compiled_place(
    scope: &Scope,
    compiled: &Compiled,
    range: &Range<usize>,
    error: &DbError,
    diagnostic: Diagnostic,
) -> Diagnostic {
    let path = scope.runtime.shown_path(compiled).unwrap_or_else(|| "compiled SQL".to_owned());
    let file = SourceFile::new(path, &*compiled.sql);
    let span = Span::new(&file, range.clone());
    if diagnostic.primary.is_none() {
        return diagnostic
            .at(span, "in the compiled SQL")
            .note("this text comes from a macro or a value, so it has no line in the model's own file");
    }
    diagnostic.reference(span, what_was_sent(compiled, range.start, error))
}

/// `line 14 of what was sent, statement `main``: the compiled SQL is a part of the statement that failed.
fn what_was_sent(compiled: &Compiled, offset: usize, error: &DbError) -> String {
    let own = compiled.sql.trim();
    let before = error.sql.as_deref().and_then(|sent| Some(sent[..sent.find(own)?].matches('\n').count()));
    let Some(before) = before.filter(|_| !own.is_empty()) else { return "in the compiled SQL".to_owned() };
    let leading = compiled.sql.len() - compiled.sql.trim_start().len();
    let within = compiled.sql.get(leading..offset).map_or(0, |text| text.matches('\n').count());
    let statement = error.statement.as_ref().map(|name| format!(", statement `{name}`")).unwrap_or_default();
    format!("line {} of what was sent{statement}", before + within + 1)
}

/// What may have been meant.
fn help(scope: &Arc<Scope>, error: &DbError) -> Option<String> {
    match error.kind {
        DbErrorKind::UnknownColumn => near_column(scope, error.identifier.as_deref()?),
        DbErrorKind::UnknownTable => {
            let name = error.identifier.as_deref()?;
            let identifier = name.rsplit('.').next().unwrap_or(name).trim_matches(['`', '"']);
            let node = scope.subject.node()?;
            let missing = node.depends_on_nodes.iter().filter_map(|id| scope.runtime.manifest.node(id));
            let missing = missing.into_iter().find(|parent| parent.alias.eq_ignore_ascii_case(identifier))?;
            Some(format!("build `{}` first: `headwater build --select {}`", missing.name, missing.name))
        }
        DbErrorKind::Syntax if !scope.runtime.adapter().capabilities().add_index_if_not_exists => {
            let product = scope.runtime.adapter().capabilities().product;
            let help = "declare it as config `indexes: [{columns: […]}]`, which adds only what is missing";
            asks_for_index_if_missing(error.sql.as_deref()?)
                .then(|| format!("{product} has no `if not exists` for indexes: {help}"))
        }
        _ => error.help.clone(),
    }
}

fn asks_for_index_if_missing(sql: &str) -> bool {
    static CLAUSE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?i)\b(index|key)\s+if\s+not\s+exists\b").ok());
    CLAUSE.as_ref().is_some_and(|clause| clause.is_match(sql))
}

/// How many upstream relations are asked for their columns.
const ASKED: usize = 12;
/// How many columns a help names.
const NAMED: usize = 8;

/// The upstream relation that has a column of nearly this name.
fn near_column(scope: &Arc<Scope>, name: &str) -> Option<String> {
    let wanted = name.rsplit('.').next()?.trim_matches(['`', '"']);
    let session = scope.session().ok()?;
    session.close_transaction_after_error();
    let parents = parents(scope);
    let mut only = None;
    for (shown, relation) in &parents {
        let Ok(columns) = session.columns(relation) else { continue };
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        if let Some(near) = suggest::nearest(wanted, names.iter().copied()) {
            return Some(format!("`{shown}` has {}; did you mean `{near}`?", listed(&names, Some(near))));
        }
        if parents.len() == 1 && !names.is_empty() {
            only = Some(format!("`{shown}` has {}", listed(&names, None)));
        }
    }
    only
}

fn parents(scope: &Scope) -> Vec<(String, Relation)> {
    let Subject::Node(node) = &scope.subject else { return Vec::new() };
    let runtime: &Runtime = &scope.runtime;
    let relation = |id| match runtime.manifest.get(id)? {
        Resource::Node(node) if !node.is_ephemeral() => Some((node.name.clone(), runtime.node_relation(node))),
        Resource::Source(source) => {
            Some((format!("{}.{}", source.source_name, source.name), runtime.source_relation(source)))
        }
        _ => None,
    };
    node.depends_on_nodes.iter().filter_map(|id| relation(id)).take(ASKED).collect()
}

fn listed(names: &[&str], near: Option<&str>) -> String {
    let mut shown: Vec<&str> = names.iter().copied().take(NAMED).collect();
    if let Some(near) = near
        && !shown.contains(&near)
    {
        shown.push(near);
    }
    let rest = names.len() - shown.len();
    let mut text = shown.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if rest > 0 {
        text.push_str(&format!(" and {rest} more"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_words_get_our_style() {
        let said = |message: &str| phrase(&DbError::new(DbErrorKind::Other, message));
        assert_eq!(said("Table 'a.b' doesn't exist"), "table `a.b` doesn't exist");
        assert_eq!(said("Duplicate entry '1' for key 'PRIMARY'."), "duplicate entry `1` for key `PRIMARY`");
        assert_eq!(said("FUNCTION f does not exist"), "FUNCTION f does not exist");
    }

    #[test]
    fn syntax_errors_say_where_and_not_to_read_the_manual() {
        let message = "You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server \
                       version for the right syntax to use near 'form x\nwhere' at line 3";
        let error = DbError { code: 1064, ..DbError::new(DbErrorKind::Syntax, message) };
        assert_eq!(phrase(&error), "syntax error near `form x` (1064)");
    }
}
