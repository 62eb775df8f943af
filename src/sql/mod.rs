//! Floor 2. SQL as text: dialects, statements, CTEs, identifiers. What only needs tokens works on tokens, because user SQL
//! is often more than a parser knows.
//!
//! `kind` is the adapter type (`mysql`, `mariadb`, `duckdb`); it decides what quotes and comments look like.

mod identifier;
pub mod index;
mod lex;

use std::ops::Range;

use sqlparser::dialect::{Dialect, DuckDbDialect, GenericDialect, MySqlDialect};

pub use self::identifier::find_identifier;
use self::lex::{Kind, Lexer, Token};

/// The parser's dialect for an adapter type.
pub fn dialect(kind: &str) -> Box<dyn Dialect> {
    match kind {
        "mysql" | "mariadb" | "mysql5" => Box::new(MySqlDialect {}),
        "duckdb" => Box::new(DuckDbDialect {}),
        _ => Box::new(GenericDialect {}),
    }
}

/// The places of the statements in a script, without their `;`, from the first token of each to its last. Statements
/// without a token are left out.
pub fn split_statements(sql: &str, kind: &str) -> Vec<Range<usize>> {
    let mut statements = Vec::new();
    let mut current: Option<Range<usize>> = None;
    for token in Lexer::new(sql, kind) {
        if token.kind == Kind::Mark(b';') {
            statements.extend(current.take());
        } else {
            current = Some(current.map_or(token.range.start, |range| range.start)..token.range.end);
        }
    }
    statements.extend(current);
    statements
}

/// The first word of a statement, past comments and opening parentheses.
pub fn first_keyword<'a>(sql: &'a str, kind: &str) -> Option<&'a str> {
    let mut tokens = Lexer::new(sql, kind).skip_while(|token| token.kind == Kind::Mark(b'('));
    tokens.next().filter(|token| token.kind == Kind::Word).map(|token| token.text(sql))
}

/// Whether the statement itself starts with `with`.
pub fn starts_with_cte(sql: &str, kind: &str) -> bool {
    Lexer::new(sql, kind).next().is_some_and(|token| token.is_word(sql, "with"))
}

/// Puts CTEs (name, query) before those that the statement has. The rest of the text stays as it is, byte for byte.
pub fn inject_ctes<N: AsRef<str>, S: AsRef<str>>(sql: &str, ctes: &[(N, S)], kind: &str) -> String {
    if ctes.is_empty() {
        return sql.to_owned();
    }
    // The query stands on lines of its own: it may end in a comment.
    let definition = |(name, query): &(N, S)| format!("{} as (\n{}\n)", name.as_ref(), query.as_ref());
    let definitions = ctes.iter().map(definition).collect::<Vec<_>>().join(", ");
    let mut tokens = Lexer::new(sql, kind);
    let first = tokens.next();
    match first.filter(|token| token.is_word(sql, "with")) {
        Some(with) => {
            let recursive = tokens.next().filter(|token| token.is_word(sql, "recursive"));
            let at = recursive.unwrap_or(with).range.end;
            format!("{} {definitions},{}", &sql[..at], &sql[at..])
        }
        None => {
            let at = Lexer::new(sql, kind).next().map_or(sql.len(), |token: Token| token.range.start);
            format!("{}with {definitions}\n{}", &sql[..at], &sql[at..])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{find_identifier, first_keyword, inject_ctes, split_statements, starts_with_cte};

    fn split<'a>(sql: &'a str, kind: &str) -> Vec<&'a str> {
        split_statements(sql, kind).into_iter().map(|range| &sql[range]).collect()
    }

    #[test]
    fn semicolons_in_texts_names_and_comments_do_not_split() {
        let sql = "select ';', `a;b`, \"c;d\" -- ; \n; # it's ;\n /* ; */ ;\ninsert t values ('it\\'s ;', 'o''k') ; ";
        assert_eq!(split(sql, "mysql"), ["select ';', `a;b`, \"c;d\"", "insert t values ('it\\'s ;', 'o''k')"]);
        let sql = "select $$ ; $$, $q$ ; $$ $q$, 'a\\'; select e'it\\'s ;'";
        assert_eq!(split(sql, "duckdb"), ["select $$ ; $$, $q$ ; $$ $q$, 'a\\'", "select e'it\\'s ;'"]);
        assert!(split(" ; -- nothing\n;", "mysql").is_empty());
    }

    #[test]
    fn two_dashes_without_a_blank_are_arithmetic_on_mysql() {
        assert_eq!(split("select 1--1; select 2", "mysql").len(), 2);
        assert_eq!(split("select 1--1; select 2", "duckdb").len(), 1);
    }

    #[test]
    fn unclosed_quotes_reach_to_the_end() {
        assert_eq!(split("select 'é; ", "mysql"), ["select 'é; "]);
        assert_eq!(split("select 'a\\", "mysql"), ["select 'a\\"]);
        assert_eq!(split("select /* ; ", "duckdb"), ["select"]);
    }

    #[test]
    fn the_first_word_is_found_past_comments() {
        assert_eq!(first_keyword("-- with\n/* x */ (( Select 1))", "mysql"), Some("Select"));
        assert_eq!(first_keyword("  ", "mysql"), None);
        assert!(starts_with_cte("# hi\nWITH a as (select 1) select * from a", "mariadb"));
        assert!(!starts_with_cte("select 1 as `with`", "mariadb"));
    }

    #[test]
    fn ctes_go_before_a_plain_statement() {
        let sql = "-- my model\nselect * from __dbt__cte__a\n";
        assert_eq!(
            inject_ctes(sql, &[("__dbt__cte__a", "select 1 -- one"), ("b", "select 2")], "mysql"),
            "-- my model\nwith __dbt__cte__a as (\nselect 1 -- one\n), b as (\nselect 2\n)\nselect * from __dbt__cte__a\n"
        );
        assert_eq!(inject_ctes::<&str, &str>(sql, &[], "mysql"), sql);
    }

    #[test]
    fn ctes_join_an_existing_with() {
        let ctes = [("a", "select 1")];
        assert_eq!(
            inject_ctes("/* with */ With x as (select 1) select 2", &ctes, "duckdb"),
            "/* with */ With a as (\nselect 1\n), x as (select 1) select 2"
        );
        assert_eq!(
            inject_ctes("with\n recursive -- deep\n x as (select 1) select 2", &ctes, "duckdb"),
            "with\n recursive a as (\nselect 1\n), -- deep\n x as (select 1) select 2"
        );
    }

    fn found<'a>(sql: &'a str, name: &str, kind: &str) -> Vec<&'a str> {
        find_identifier(sql, name, kind).into_iter().map(|range| &sql[range]).collect()
    }

    #[test]
    fn names_are_found_in_any_spelling() {
        let sql = "select o.id, O.`Amout` from orders o -- o.amout\nwhere 'o.amout' = 1";
        assert_eq!(found(sql, "o.amout", "mysql"), ["O.`Amout`"]);
        assert_eq!(found("select é, amout x from t", "amout", "mysql"), ["amout"]);
        assert_eq!(found("select \"a\"\"b\" from t", "a\"b", "duckdb"), ["\"a\"\"b\""]);
        assert!(found("select amount from t", "amout", "duckdb").is_empty());
    }

    #[test]
    fn a_use_counts_before_an_alias_of_the_same_name() {
        let sql = "select 1 as total, total from t";
        let starts: Vec<_> = find_identifier(sql, "total", "mysql").iter().map(|range| range.start).collect();
        assert_eq!(starts, [19]);
    }

    #[test]
    fn tables_are_found_with_and_without_their_schema() {
        assert_eq!(found("select * from `shop`.`ordrs` o", "shop.ordrs", "mysql"), ["`shop`.`ordrs`"]);
        assert_eq!(found("select * from ordrs", "shop.ordrs", "mysql"), ["ordrs"]);
    }

    #[test]
    fn statements_beyond_the_parser_are_searched_by_tokens() {
        assert_eq!(found("replace frobnicate ((( o . amout", "o.amout", "mysql"), ["o . amout"]);
    }
}
