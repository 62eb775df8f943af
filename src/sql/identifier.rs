//! Where a statement uses a name.

use std::ops::{ControlFlow, Range};

use sqlparser::ast::{Expr, Ident, visit_expressions, visit_relations};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Location;

use super::lex::{Kind, Lexer, Token};

/// Where the statement uses a name, as the server wrote it (`o.amout`, `` `db`.`t` ``), compared without case. In order;
/// empty when it does not. Uses count before aliases of the same name, where the statement can be parsed; a qualified name
/// that is nowhere is looked for without its qualifiers.
pub fn find_identifier(sql: &str, name: &str, kind: &str) -> Vec<Range<usize>> {
    let wanted = parts(name);
    let parsed = Parser::parse_sql(super::dialect(kind).as_ref(), sql).ok();
    (0..wanted.len())
        .map(|skip| &wanted[skip..])
        .map(|wanted| {
            let used = parsed.as_ref().map(|statements| uses(statements, wanted, sql)).unwrap_or_default();
            if used.is_empty() { by_tokens(sql, wanted, kind) } else { used }
        })
        .find(|places| !places.is_empty())
        .unwrap_or_default()
}

/// The parts of a dotted name in lower case, without the quotes that some servers put around them.
fn parts(name: &str) -> Vec<String> {
    let bare = |part: &str| {
        let inner = ['`', '"'].iter().find_map(|quote| part.strip_prefix(*quote)?.strip_suffix(*quote));
        inner.unwrap_or(part).to_lowercase()
    };
    name.split('.').map(bare).collect()
}

/// Columns and tables of parsed statements.
fn uses(statements: &[sqlparser::ast::Statement], wanted: &[String], sql: &str) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let mut note = |idents: &[&Ident]| {
        if matches(idents.iter().map(|ident| ident.value.to_lowercase()), wanted)
            && let (Some(first), Some(last)) = (idents.first(), idents.last())
        {
            let start = offset(sql, first.span.start);
            let end = offset(sql, last.span.end);
            places.extend(start.zip(end).filter(|(start, end)| start < end).map(|(start, end)| start..end));
        }
    };
    let statements = statements.to_vec();
    let _: ControlFlow<()> = visit_expressions(&statements, |expression| {
        match expression {
            Expr::Identifier(ident) => note(&[ident]),
            Expr::CompoundIdentifier(idents) => note(&idents.iter().collect::<Vec<_>>()),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    let _: ControlFlow<()> = visit_relations(&statements, |relation| {
        note(&relation.0.iter().filter_map(|part| part.as_ident()).collect::<Vec<_>>());
        ControlFlow::Continue(())
    });
    places.sort_by_key(|place| place.start);
    places.dedup();
    places
}

/// Whether the last parts of a name are the wanted ones.
fn matches(name: impl DoubleEndedIterator<Item = String> + ExactSizeIterator, wanted: &[String]) -> bool {
    name.len() >= wanted.len() && name.rev().zip(wanted.iter().rev()).all(|(part, wanted)| part == *wanted)
}

/// The byte offset of the parser's place: 1-based line and column, in characters; 0 is "unknown".
fn offset(sql: &str, place: Location) -> Option<usize> {
    let line = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(place.column).ok()?.checked_sub(1)?;
    let start = if line == 0 { 0 } else { sql.match_indices('\n').nth(line - 1)?.0 + 1 };
    let text = &sql[start..];
    Some(start + text.char_indices().nth(column).map_or(text.len(), |(at, _)| at))
}

/// Chains of names with points between them.
fn by_tokens(sql: &str, wanted: &[String], kind: &str) -> Vec<Range<usize>> {
    let tokens: Vec<Token> = Lexer::new(sql, kind).collect();
    let width = wanted.len() * 2 - 1;
    let is_wanted = |window: &&[Token]| {
        window.iter().enumerate().all(|(index, token)| match index % 2 {
            0 => token.name(sql).is_some_and(|name| name.to_lowercase() == wanted[index / 2]),
            _ => token.kind == Kind::Mark(b'.'),
        })
    };
    tokens.windows(width).filter(is_wanted).map(|window| window[0].range.start..window[width - 1].range.end).collect()
}
