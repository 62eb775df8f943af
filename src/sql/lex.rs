//! Tokens with their places, for what must work on SQL that no parser knows.

use std::ops::Range;

/// What a token is; blanks and comments are not tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or bare name.
    Word,
    /// A name in quotes.
    Quoted,
    /// A string, number or parameter.
    Value,
    /// One character of punctuation.
    Mark(u8),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    pub range: Range<usize>,
}

impl Token {
    pub fn text<'a>(&self, sql: &'a str) -> &'a str {
        &sql[self.range.clone()]
    }

    pub fn is_word(&self, sql: &str, word: &str) -> bool {
        self.kind == Kind::Word && self.text(sql).eq_ignore_ascii_case(word)
    }

    /// The name that a word or quoted name stands for, quotes removed.
    pub fn name<'a>(&self, sql: &'a str) -> Option<std::borrow::Cow<'a, str>> {
        let text = self.text(sql);
        match self.kind {
            Kind::Word => Some(text.into()),
            Kind::Quoted => {
                let quote = &text[..1];
                let inner = text[1..].strip_suffix(quote).unwrap_or(&text[1..]);
                let doubled = quote.repeat(2);
                Some(if inner.contains(&doubled) { inner.replace(&doubled, quote).into() } else { inner.into() })
            }
            _ => None,
        }
    }
}

/// What quotes and comments look like.
#[derive(Debug, Clone, Copy)]
struct Style {
    /// Backticks quote names, `#` starts a comment, `\` escapes, `--` needs a blank after it.
    mysql: bool,
}

/// An iterator over the tokens of a text. An unclosed quote or comment reaches to the end.
pub(super) struct Lexer<'a> {
    sql: &'a str,
    at: usize,
    style: Style,
}

impl<'a> Lexer<'a> {
    pub fn new(sql: &'a str, kind: &str) -> Self {
        Self { sql, at: 0, style: Style { mysql: matches!(kind, "mysql" | "mariadb" | "mysql5") } }
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.sql.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    /// The offset behind the next `end` from `from`, or that of the end of the text.
    fn behind(&self, from: usize, end: &str) -> usize {
        let found = self.sql.get(from..).and_then(|rest| rest.find(end));
        found.map_or(self.sql.len(), |at| from + at + end.len())
    }

    fn skip_blanks_and_comments(&mut self) {
        loop {
            match (self.byte(0), self.byte(1)) {
                (b' ' | b'\t' | b'\n' | b'\r' | b'\x0c', _) => self.at += 1,
                (b'-', b'-') if !self.style.mysql || self.byte(2) <= b' ' => self.at = self.behind(self.at, "\n"),
                (b'#', _) if self.style.mysql => self.at = self.behind(self.at, "\n"),
                (b'/', b'*') => self.at = self.behind(self.at + 2, "*/"),
                _ => return,
            }
        }
    }

    /// The end of a quoted text that starts at `self.at + skip`.
    fn quoted_end(&self, skip: usize, escapes: bool) -> usize {
        let bytes = self.sql.as_bytes();
        let start = self.at + skip;
        let quote = bytes[start];
        let mut at = start + 1;
        while at < bytes.len() {
            match bytes[at] {
                b'\\' if escapes => at += 2,
                byte if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
                byte if byte == quote => return at + 1,
                _ => at += 1,
            }
        }
        bytes.len()
    }

    /// The end of `$$…$$` or `$tag$…$tag$`, if one starts here.
    fn dollar_end(&self) -> Option<usize> {
        let rest = &self.sql[self.at..];
        let length = rest[1..].find('$')? + 2;
        let tag = &rest[..length];
        let is_tag = tag[1..length - 1].bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        (is_tag && !self.byte(1).is_ascii_digit()).then(|| self.behind(self.at + length, tag))
    }

    fn word_end(&self) -> usize {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || *byte >= 0x80;
        let rest = &self.sql.as_bytes()[self.at..];
        self.at + rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len()).max(1)
    }

    /// Digits with what numbers may contain: a point, an exponent with its sign.
    fn number_end(&self) -> usize {
        let bytes = self.sql.as_bytes();
        let mut at = self.at;
        while let Some(byte) = bytes.get(at) {
            let exponent_sign = matches!(byte, b'+' | b'-') && at > self.at && matches!(bytes[at - 1], b'e' | b'E');
            if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') || exponent_sign) {
                break;
            }
            at += 1;
        }
        at.max(self.at + 1)
    }
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.skip_blanks_and_comments();
        let start = self.at;
        let mysql = self.style.mysql;
        let (kind, end) = match (self.byte(0), self.byte(1)) {
            (0, _) if start >= self.sql.len() => return None,
            (b'`', _) if mysql => (Kind::Quoted, self.quoted_end(0, false)),
            // MySQL reads it as a string unless ANSI_QUOTES is set; as a name it is still found.
            (b'"', _) => (Kind::Quoted, self.quoted_end(0, mysql)),
            (b'\'', _) => (Kind::Value, self.quoted_end(0, mysql)),
            (b'e' | b'E', b'\'') if !mysql => (Kind::Value, self.quoted_end(1, true)),
            (b'x' | b'X' | b'b' | b'B' | b'n' | b'N', b'\'') => (Kind::Value, self.quoted_end(1, mysql)),
            (b'$', _) if !mysql && self.dollar_end().is_some() => (Kind::Value, self.dollar_end().unwrap_or(start + 1)),
            (b'0'..=b'9', _) => (Kind::Value, self.number_end()),
            (byte, _) if byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80 => (Kind::Word, self.word_end()),
            (byte, _) => (Kind::Mark(byte), start + 1),
        };
        self.at = end.min(self.sql.len());
        Some(Token { kind, range: start..self.at })
    }
}
