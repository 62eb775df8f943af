//! Floor 2. SQL as text: dialects, statements, CTEs, identifiers. What only needs tokens works on tokens, because user SQL
//! is often more than a parser knows.
//!
//! `kind` is the adapter type (`mysql`, `mariadb`, `duckdb`); it decides what quotes and comments look like.

use std::ops::Range;

use sqlparser::dialect::{Dialect, DuckDbDialect, GenericDialect, MySqlDialect};

/// The parser's dialect for an adapter type.
pub fn dialect(kind: &str) -> Box<dyn Dialect> {
    match kind {
        "mysql" | "mariadb" => Box::new(MySqlDialect {}),
        "duckdb" => Box::new(DuckDbDialect {}),
        _ => Box::new(GenericDialect {}),
    }
}

/// The places of the statements in a script, without their `;`, blank ones left out.
pub fn split_statements(sql: &str, _kind: &str) -> Vec<Range<usize>> {
    vec![0..sql.len()]
}

/// The first word of a statement, past comments and opening parentheses.
pub fn first_keyword<'a>(sql: &'a str, _kind: &str) -> Option<&'a str> {
    sql.split_whitespace().next()
}

/// Whether the statement starts with `with`.
pub fn starts_with_cte(sql: &str, kind: &str) -> bool {
    first_keyword(sql, kind).is_some_and(|word| word.eq_ignore_ascii_case("with"))
}

/// Puts CTEs (name, query) before those that the statement has. The rest of the text stays as it is, byte for byte.
pub fn inject_ctes<N: AsRef<str>, S: AsRef<str>>(sql: &str, _ctes: &[(N, S)], _kind: &str) -> String {
    sql.to_owned()
}

/// Where the statement uses a name, as the server wrote it (`o.amout`, `` `db`.`t` ``). In order; empty when it does not.
pub fn find_identifier(_sql: &str, _name: &str, _kind: &str) -> Vec<Range<usize>> {
    Vec::new()
}
