//! One criterion of a selection: `2+tag:nightly+`, `@orders`, `path:models/marts`.

use std::path::MAIN_SEPARATOR;

use super::Indirect;
use super::method::Method;
use crate::diag::{Code, Diagnostic, Result};

/// A method with its value, and how far to go up and down from what it matches.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Criterion {
    /// As written, for messages.
    pub text: String,
    pub method: Method,
    pub value: String,
    pub parents: Option<Reach>,
    pub children: Option<Reach>,
    /// `@`: everything below, and everything that those need.
    pub childrens_parents: bool,
    /// None: as the command line says.
    pub indirect: Option<Indirect>,
}

/// How many hops; None is all the way.
pub(super) type Reach = Option<usize>;

/// Criteria combined.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    One(Criterion),
    Union(Vec<Expr>),
    Intersection(Vec<Expr>),
    /// The first without the second.
    Difference(Box<Expr>, Box<Expr>),
}

impl Expr {
    /// Whether it compares with an earlier state; `defined` says it of selectors.yml.
    pub(super) fn looks_back(&self, defined: &dyn Fn() -> bool) -> bool {
        match self {
            Self::One(criterion) => match criterion.method {
                Method::State | Method::Result | Method::SourceStatus => true,
                Method::Selector => defined(),
                _ => false,
            },
            Self::Union(parts) | Self::Intersection(parts) => parts.iter().any(|part| part.looks_back(defined)),
            Self::Difference(keep, drop) => keep.looks_back(defined) || drop.looks_back(defined),
        }
    }
}

/// The arguments of `--select` or `--exclude`: blanks (and repeats) unite, commas intersect.
pub(super) fn parse_arguments(arguments: &[String]) -> std::result::Result<Vec<(String, Expr)>, Vec<Diagnostic>> {
    let mut parsed = Vec::new();
    let mut problems = Vec::new();
    for word in arguments.iter().flat_map(|argument| argument.split_whitespace()) {
        match parse_word(word) {
            Ok(expr) => parsed.push((word.to_owned(), expr)),
            Err(problem) => problems.push(*problem),
        }
    }
    if problems.is_empty() { Ok(parsed) } else { Err(problems) }
}

fn parse_word(word: &str) -> Result<Expr> {
    let mut parts = word.split(',').map(|part| Criterion::parse(part).map(Expr::One)).collect::<Result<Vec<_>>>()?;
    match parts.len() {
        1 => Ok(parts.remove(0)),
        _ => Ok(Expr::Intersection(parts)),
    }
}

impl Criterion {
    /// Reads `[@][N+|+][method[.argument…]:]value[+|+N]`.
    ///
    /// # Errors
    /// No value, an unknown method, or `@` together with a `+` behind.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let (childrens_parents, rest) = match text.strip_prefix('@') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (parents, rest) = split_parents(rest);
        let (method, rest) = split_method(rest);
        let (value, children) = split_children(rest);
        if childrens_parents && children.is_some() {
            return Err(Diagnostic::error(
                Code::Selection,
                format!("`@` and a `+` behind cannot be used together: `{text}`"),
            )
            .help("`@` already selects everything below")
            .boxed());
        }
        if value.is_empty() {
            return Err(Diagnostic::error(Code::Selection, format!("`{text}` selects nothing: it has no value"))
                .help("a criterion looks like `orders`, `tag:nightly`, `+orders` or `path:models/marts`")
                .boxed());
        }
        Ok(Self {
            text: text.to_owned(),
            method: match method {
                Some(name) => Method::parse(name, text)?,
                None => default_method(value),
            },
            value: value.to_owned(),
            parents,
            children,
            childrens_parents,
            indirect: None,
        })
    }
}

/// Without a method: a path has a separator, a file has an ending, all else is a name.
pub(super) fn default_method(value: &str) -> Method {
    if value.contains('/') || value.contains(MAIN_SEPARATOR) {
        Method::Path
    } else if [".sql", ".py", ".csv"].iter().any(|ending| value.ends_with(ending)) {
        Method::File
    } else {
        Method::Fqn
    }
}

fn split_parents(text: &str) -> (Option<Reach>, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    match text[digits..].strip_prefix('+') {
        Some(rest) => (Some(text[..digits].parse().ok()), rest),
        None => (None, text),
    }
}

fn split_method(text: &str) -> (Option<&str>, &str) {
    match text.split_once(':') {
        Some((method, rest)) if !method.is_empty() && method.chars().all(is_method_char) => (Some(method), rest),
        _ => (None, text),
    }
}

fn is_method_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '.'
}

fn split_children(text: &str) -> (&str, Option<Reach>) {
    match text.rsplit_once('+') {
        Some((value, digits)) if digits.bytes().all(|c| c.is_ascii_digit()) => (value, Some(digits.parse().ok())),
        _ => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Option<Reach>, Method, String, Option<Reach>, bool) {
        let c = Criterion::parse(text).unwrap();
        (c.parents, c.method, c.value, c.children, c.childrens_parents)
    }

    #[test]
    fn the_whole_grammar_of_a_word() {
        assert_eq!(parsed("orders"), (None, Method::Fqn, "orders".into(), None, false));
        assert_eq!(parsed("+orders+"), (Some(None), Method::Fqn, "orders".into(), Some(None), false));
        assert_eq!(parsed("2+tag:a b+3"), (Some(Some(2)), Method::Tag, "a b".into(), Some(Some(3)), false));
        assert_eq!(parsed("@orders"), (None, Method::Fqn, "orders".into(), None, true));
        assert_eq!(parsed("models/marts"), (None, Method::Path, "models/marts".into(), None, false));
        assert_eq!(parsed("orders.sql+"), (None, Method::File, "orders.sql".into(), Some(None), false));
        assert_eq!(parsed("2024_sales"), (None, Method::Fqn, "2024_sales".into(), None, false));
        let (_, method, value, ..) = parsed("config.meta.owner:ann");
        assert_eq!((method, value.as_str()), (Method::Config(vec!["meta".into(), "owner".into()]), "ann"));
    }

    #[test]
    fn what_is_not_a_criterion_is_explained() {
        assert_eq!(Criterion::parse("@a+").unwrap_err().message, "`@` and a `+` behind cannot be used together: `@a+`");
        assert_eq!(Criterion::parse("tag:").unwrap_err().message, "`tag:` selects nothing: it has no value");
        let unknown = Criterion::parse("tags:nightly").unwrap_err();
        assert_eq!(unknown.message, "`tags` is not a selection method: `tags:nightly`");
        assert_eq!(unknown.helps, ["did you mean `tag:nightly`?"]);
    }

    #[test]
    fn blanks_unite_and_commas_intersect() {
        let words = parse_arguments(&["a b,tag:c".into(), "d".into()]).unwrap();
        assert_eq!(words.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(), ["a", "b,tag:c", "d"]);
        assert!(matches!(&words[1].1, Expr::Intersection(parts) if parts.len() == 2));
        assert_eq!(parse_arguments(&["x:1 y:2".into()]).unwrap_err().len(), 2);
    }
}
