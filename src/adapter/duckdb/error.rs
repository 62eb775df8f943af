//! What DuckDB's messages mean. They are all that there is: a class before the first colon, a sentence, candidates, and an
//! excerpt (`LINE 3: …` with a caret below).

use std::sync::LazyLock;

use regex::Regex;

use crate::adapter::{DbError, DbErrorKind};

/// The error that a message of DuckDB describes.
pub fn error_from_message(message: &str) -> DbError {
    let message = message.trim();
    let (text, excerpt) = message.split_once("\nLINE ").unwrap_or((message, ""));
    let (sentence, help) = split_candidates(text.trim_end());
    let class = sentence.split_once(" Error: ").map_or("", |(class, _)| class);
    let kind = kind(class, sentence);
    DbError {
        state: if class.is_empty() { String::new() } else { format!("{class} Error") },
        line: excerpt.split_once(':').and_then(|(line, _)| line.parse().ok()),
        identifier: identifier(kind, sentence),
        help,
        ..DbError::new(kind, sentence.to_owned())
    }
}

/// The sentence, and what DuckDB proposes instead.
fn split_candidates(text: &str) -> (&str, Option<String>) {
    let found = ["\nDid you mean", "\nCandidate bindings", "\nCandidate functions"]
        .iter()
        .filter_map(|start| text.find(start))
        .min();
    match found {
        None => (text, None),
        Some(at) => {
            let candidates = text[at..].split_whitespace().collect::<Vec<_>>().join(" ");
            let mut help = candidates.replace(": : ", ": ");
            help.replace_range(..1, &help[..1].to_lowercase());
            (text[..at].trim_end(), Some(help))
        }
    }
}

fn kind(class: &str, sentence: &str) -> DbErrorKind {
    let says = |phrase: &str| sentence.contains(phrase);
    match class {
        "Parser" | "Syntax" => DbErrorKind::Syntax,
        "INTERRUPT" | "Interrupt" => DbErrorKind::Cancelled,
        "Constraint" => DbErrorKind::Constraint,
        "Conversion" | "Out of Range" | "Mismatch Type" | "Decimal" => DbErrorKind::Value,
        "Permission" => DbErrorKind::Permission,
        "Connection" | "FATAL" => DbErrorKind::Connection,
        "IO" if says("Could not set lock on file") || says("Cannot open") => DbErrorKind::Connection,
        "TransactionContext" | "Transaction" if says("onflict") => DbErrorKind::Lock,
        "Catalog" | "Binder" => catalog_kind(sentence),
        _ => DbErrorKind::Other,
    }
}

fn catalog_kind(sentence: &str) -> DbErrorKind {
    let says = |phrase: &str| sentence.contains(phrase);
    if says("already exists") {
        DbErrorKind::AlreadyExists
    } else if says("Function with name") || says("No function matches") {
        DbErrorKind::UnknownFunction
    } else if says("column named") || says("column \"") || says("Column with name") {
        DbErrorKind::UnknownColumn
    } else if says("Table with name") || says("View with name") || says("Schema with name") || says("Referenced table")
    {
        DbErrorKind::UnknownTable
    } else {
        DbErrorKind::Other
    }
}

/// The name that the sentence is about.
fn identifier(kind: DbErrorKind, sentence: &str) -> Option<String> {
    static NAMES: LazyLock<Option<[Regex; 3]>> = LazyLock::new(|| {
        let pattern = |text| Regex::new(text).ok();
        Some([
            // Table "o" does not have a column named "amout"
            pattern(r#"Table "([^"]+)" does not have a column named "([^"]+)""#)?,
            // Referenced column "amout" …, Column with name "amout" …
            pattern(r#"(?i)\b(?:column|table|view|schema)(?: with name| named)? "([^"]+)""#)?,
            // Table with name ordrs does not exist!, Scalar Function with name foo …
            pattern(r"(?i)\bwith name (\S+)")?,
        ])
    });
    let named = [
        DbErrorKind::UnknownTable,
        DbErrorKind::UnknownColumn,
        DbErrorKind::UnknownFunction,
        DbErrorKind::AlreadyExists,
    ];
    if !named.contains(&kind) {
        return None;
    }
    let [qualified, quoted, bare] = NAMES.as_ref()?;
    if let Some(found) = qualified.captures(sentence) {
        return Some(format!("{}.{}", &found[1], &found[2]));
    }
    let found = quoted.captures(sentence).or_else(|| bare.captures(sentence))?;
    Some(found[1].to_owned())
}

#[cfg(test)]
mod tests {
    use super::error_from_message;
    use crate::adapter::DbErrorKind;

    #[test]
    fn a_missing_column_is_named_with_its_line_and_candidates() {
        let error = error_from_message(
            "Binder Error: Referenced column \"amout\" not found in FROM clause!\nCandidate bindings: \"amount\", \"id\"\n\n\
             LINE 3: select amout from orders\n               ^^^^^",
        );
        assert_eq!(
            (error.kind, error.line, error.identifier.as_deref()),
            (DbErrorKind::UnknownColumn, Some(3), Some("amout"))
        );
        assert_eq!(error.message, "Binder Error: Referenced column \"amout\" not found in FROM clause!");
        assert_eq!(error.help.as_deref(), Some("candidate bindings: \"amount\", \"id\""));
        assert_eq!(error.state, "Binder Error");
        let error = error_from_message(
            "Binder Error: Table \"o\" does not have a column named \"amout\"\n\nCandidate bindings: : \"amount\"",
        );
        assert_eq!(
            (error.identifier.as_deref(), error.help.as_deref()),
            (Some("o.amout"), Some("candidate bindings: \"amount\""))
        );
    }

    #[test]
    fn kinds_follow_from_class_and_sentence() {
        let kind = |message: &str| error_from_message(message).kind;
        assert_eq!(
            kind("Catalog Error: Table with name ordrs does not exist!\nDid you mean \"orders\"?"),
            DbErrorKind::UnknownTable
        );
        assert_eq!(kind("Catalog Error: Table with name \"orders\" already exists!"), DbErrorKind::AlreadyExists);
        assert_eq!(kind("Catalog Error: Scalar Function with name foo does not exist!"), DbErrorKind::UnknownFunction);
        assert_eq!(
            kind("Parser Error: syntax error at or near \"selec\"\n\nLINE 1: selec 1\n        ^^^^^"),
            DbErrorKind::Syntax
        );
        assert_eq!(kind("Constraint Error: NOT NULL constraint failed: orders.x"), DbErrorKind::Constraint);
        assert_eq!(kind("Conversion Error: Could not convert string 'a' to INT32"), DbErrorKind::Value);
        assert_eq!(kind("TransactionContext Error: Conflict on update!"), DbErrorKind::Lock);
        assert_eq!(
            kind("TransactionContext Error: cannot start a transaction within a transaction"),
            DbErrorKind::Other
        );
        assert_eq!(kind("INTERRUPT Error: Interrupted!"), DbErrorKind::Cancelled);
        assert_eq!(kind("Invalid Input Error: boom"), DbErrorKind::Other);
        assert_eq!(kind(""), DbErrorKind::Other);
    }

    #[test]
    fn bare_names_are_found() {
        let identifier = |message: &str| error_from_message(message).identifier;
        assert_eq!(identifier("Catalog Error: Table with name ordrs does not exist!").as_deref(), Some("ordrs"));
        assert_eq!(identifier("Catalog Error: Scalar Function with name foo does not exist!").as_deref(), Some("foo"));
        assert_eq!(identifier("Conversion Error: Could not convert string 'a' to INT32"), None);
    }
}
