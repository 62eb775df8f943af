//! `.env`: environment variables of a folder, in the grammar of Python's `dotenv`, which dbt reads it with.
//!
//! No crate does: they fill `$NAME` in without braces (which spoils passwords), and from the process's environment.

use std::collections::HashMap;
use std::path::Path;

use super::Env;
use crate::diag::{Code, Diagnostic};

impl Env {
    /// These variables, and under them those of the nearest `.env` from `folder` upwards. What cannot be read is left
    /// out, with a warning that shows none of it: the file holds secrets.
    #[must_use]
    pub fn with_dotenv(self, folder: &Path) -> (Self, Vec<Diagnostic>) {
        let Some(path) = folder.ancestors().map(|folder| folder.join(".env")).find(|path| path.is_file()) else {
            return (self, Vec::new());
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => self.with_file(&path, &text),
            Err(error) => {
                let text = format!("`{}` cannot be read: {error}", path.display());
                (self, vec![Diagnostic::warning(Code::File, text).note("none of its variables is set")])
            }
        }
    }

    fn with_file(self, path: &Path, text: &str) -> (Self, Vec<Diagnostic>) {
        let mut reader = Reader { rest: text.strip_prefix('\u{feff}').unwrap_or(text), length: text.len() };
        let mut vars: HashMap<String, String> =
            self.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut warnings = Vec::new();
        let mut set: HashMap<String, String> = HashMap::new();
        loop {
            reader.skip_blank();
            let start = reader.at();
            match reader.statement() {
                Statement::End => break,
                Statement::Empty => {}
                Statement::Set(name, value) => {
                    let value = expanded(&value, |name| vars.get(name).or_else(|| set.get(name)).map(String::as_str));
                    set.insert(name, value);
                }
                Statement::Broken => {
                    reader.skip_line();
                    let line = text[..start].matches('\n').count() + 1;
                    let what = format!("line {line} of `{}` is not of the form `NAME=value`", path.display());
                    warnings.push(Diagnostic::warning(Code::InvalidValue, what).note("it is left out"));
                }
            }
        }
        for (name, value) in set {
            vars.entry(name).or_insert(value);
        }
        (Self::from(vars), warnings)
    }
}

enum Statement {
    End,
    /// A comment, or a name alone.
    Empty,
    Set(String, String),
    Broken,
}

struct Reader<'a> {
    rest: &'a str,
    length: usize,
}

impl<'a> Reader<'a> {
    fn at(&self) -> usize {
        self.length - self.rest.len()
    }

    fn take_while(&mut self, test: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !test(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn skip_blank(&mut self) {
        self.take_while(char::is_whitespace);
    }

    fn skip_spaces(&mut self) {
        self.take_while(is_space);
    }

    fn skip_line(&mut self) {
        self.take_while(|c| !is_line_end(c));
    }

    fn statement(&mut self) -> Statement {
        match self.rest.chars().next() {
            None => return Statement::End,
            Some('#') => {
                self.skip_line();
                return Statement::Empty;
            }
            Some(_) => {}
        }
        if let Some(rest) = self.rest.strip_prefix("export").filter(|rest| rest.starts_with(is_space)) {
            self.rest = rest;
            self.skip_spaces();
        }
        let name = match self.rest.strip_prefix('\'') {
            Some(rest) => {
                let Some((name, rest)) = rest.split_once('\'') else { return Statement::Broken };
                self.rest = rest;
                name
            }
            None => self.take_while(|c| !c.is_whitespace() && c != '=' && c != '#'),
        };
        self.skip_spaces();
        let Some(rest) = self.rest.strip_prefix('=').filter(|_| !name.is_empty()) else {
            return if !name.is_empty() && self.at_end() { Statement::Empty } else { Statement::Broken };
        };
        self.rest = rest;
        self.skip_spaces();
        let value = match self.rest.chars().next() {
            Some(quote @ ('\'' | '"')) => match self.quoted(quote) {
                Some(value) if self.at_end() => value,
                _ => return Statement::Broken,
            },
            _ => unquoted(self.take_while(|c| !is_line_end(c))).to_owned(),
        };
        Statement::Set(name.to_owned(), value)
    }

    /// Whether nothing follows on the line but a comment, which is skipped.
    fn at_end(&mut self) -> bool {
        self.skip_spaces();
        if self.rest.starts_with('#') {
            self.skip_line();
        }
        self.rest.is_empty() || self.rest.starts_with(is_line_end)
    }

    /// Up to the closing quote, which may stand on another line.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut text = String::new();
        let mut chars = self.rest[1..].char_indices();
        while let Some((at, c)) = chars.next() {
            if c == quote {
                self.rest = &self.rest[1 + at + 1..];
                return Some(text);
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            let escaped = chars.next()?.1;
            match unescaped(escaped, quote) {
                Some(c) => text.push(c),
                None => text.extend(['\\', escaped]),
            }
        }
        None
    }
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\r' | '\n')
}

fn is_space(c: char) -> bool {
    c.is_whitespace() && !is_line_end(c)
}

/// What a backslash and `c` mean between these quotes.
fn unescaped(c: char, quote: char) -> Option<char> {
    match (c, quote) {
        ('\\' | '\'', _) => Some(c),
        ('"', '"') => Some('"'),
        ('n', '"') => Some('\n'),
        ('r', '"') => Some('\r'),
        ('t', '"') => Some('\t'),
        ('a', '"') => Some('\u{7}'),
        ('b', '"') => Some('\u{8}'),
        ('f', '"') => Some('\u{c}'),
        ('v', '"') => Some('\u{b}'),
        _ => None,
    }
}

/// Without a comment, which needs a blank before its `#`.
fn unquoted(text: &str) -> &str {
    let comment = text.match_indices('#').find(|(at, _)| *at == 0 || text[..*at].ends_with(is_space));
    comment.map_or(text, |(at, _)| &text[..at]).trim_end()
}

/// `${NAME}` and `${NAME:-default}` filled in; all else stays.
fn expanded<'v>(text: &str, value: impl Fn(&str) -> Option<&'v str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((inside, behind)) = after.split_once('}') else { break };
        let (name, default) = inside.split_once(":-").unwrap_or((inside, ""));
        out.push_str(before);
        out.push_str(value(name).unwrap_or(default));
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, outer: &[(&str, &str)]) -> (Env, Vec<Diagnostic>) {
        Env::from(outer.iter().copied()).with_file(Path::new(".env"), text)
    }

    #[test]
    fn lines_quotes_comments_and_references() {
        let text = "# first\n\nexport A=1\nB = two words  # said\nC='single $A \\'q\\''\nD=\"x\\ty\nz\" # twice\nE=pa$word#1\n\
                    F=${A}-${OUTER}-${NO:-none}-${NO}\nG=\nALONE\n'H'=h\n";
        let (env, warnings) = read(text, &[("OUTER", "o"), ("B", "of the shell")]);
        assert!(warnings.is_empty(), "{warnings:?}");
        let got = |name: &str| env.get(name).map(str::to_owned);
        let expected = [
            ("A", Some("1")),
            ("B", Some("of the shell")),
            ("C", Some("single $A 'q'")),
            ("D", Some("x\ty\nz")),
            ("E", Some("pa$word#1")),
            ("F", Some("1-o-none-")),
            ("G", Some("")),
            ("ALONE", None),
            ("H", Some("h")),
        ];
        for (name, value) in expected {
            assert_eq!(got(name).as_deref(), value, "{name}");
        }
    }

    #[test]
    fn a_broken_line_is_told_by_its_place_and_never_shown() {
        let (env, warnings) = read("A=1\nPASS='s3cret\n", &[]);
        assert_eq!(env.get("A"), Some("1"));
        let shown = crate::diag::render::text(&warnings, crate::diag::render::Style::PLAIN);
        assert!(shown.contains("line 2 of `.env`"), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn the_nearest_file_upwards_is_read() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("below")).unwrap();
        std::fs::write(dir.path().join(".env"), "A=1\n").unwrap();
        let (env, _) = Env::default().with_dotenv(&dir.path().join("below"));
        assert_eq!(env.get("A"), Some("1"));
    }
}
