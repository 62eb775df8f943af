//! Syntax errors in words: what the parser expected, and what was never closed.

use std::ops::Range;
use std::sync::Arc;

use minijinja::Error;

use super::machinery::Source;
use super::scan::{string_end, tag_end};
use crate::diag::{Code, Diagnostic, SourceFile, Span};

/// The parser's error with both of its places, where it has two.
pub(super) fn explain(source: &Source, error: &Error) -> Box<Diagnostic> {
    let part = Part { file: &source.file, range: source.range.clone() };
    part.unclosed().or_else(|| part.unbalanced()).unwrap_or_else(|| part.translated(error)).boxed()
}

/// The checked part of a file.
struct Part<'a> {
    file: &'a Arc<SourceFile>,
    range: Range<usize>,
}

/// A tag with its delimiters, as offsets of the file.
struct Tag {
    start: usize,
    /// None where it is never closed.
    end: Option<usize>,
    close: &'static str,
}

/// A bracket or string that waits for its end.
struct Open {
    at: usize,
    close: u8,
}

/// Tags that open a block, and those that close it.
const BLOCKS: &[(&str, &str)] = &[
    ("if", "endif"),
    ("for", "endfor"),
    ("macro", "endmacro"),
    ("call", "endcall"),
    ("filter", "endfilter"),
    ("with", "endwith"),
    ("test", "endtest"),
    ("data_test", "enddata_test"),
    ("materialization", "endmaterialization"),
    ("snapshot", "endsnapshot"),
    ("raw", "endraw"),
    ("set", "endset"),
];

impl Part<'_> {
    fn text(&self) -> &str {
        &self.file.text
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, range)
    }

    fn problem(&self, message: impl Into<String>, range: Range<usize>, label: impl Into<String>) -> Diagnostic {
        Diagnostic::error(Code::JinjaSyntax, message).at(self.span(range), label)
    }

    /// All tags in order; comments and raw text are passed over.
    fn tags(&self) -> Vec<Tag> {
        let bytes = &self.text().as_bytes()[..self.range.end];
        let (mut tags, mut at) = (Vec::new(), self.range.start);
        while let Some(found) = memchr::memchr(b'{', &bytes[at..]) {
            let start = at + found;
            let close = match bytes.get(start + 1) {
                Some(b'{') => "}}",
                Some(b'%') => "%}",
                Some(b'#') => "#}",
                _ => {
                    at = start + 1;
                    continue;
                }
            };
            let end = match close {
                "#}" => memchr::memmem::find(&bytes[start + 2..], b"#}").map(|end| start + 4 + end),
                close => tag_end(bytes, start + 2, [close.as_bytes()[0], close.as_bytes()[1]])
                    .or_else(|| lenient_end(bytes, start + 2, close)),
            };
            at = end.unwrap_or(start + 2);
            let is_raw = end.is_some() && close == "%}" && self.keyword(start) == "raw";
            tags.push(Tag { start, end, close });
            if is_raw {
                let mut from = at;
                while let Some(found) = memchr::memmem::find(&bytes[from..], b"{%") {
                    if self.keyword(from + found) == "endraw" {
                        break;
                    }
                    from += found + 2;
                }
                at = memchr::memmem::find(&bytes[from..], b"{%").map_or(bytes.len(), |found| from + found);
            }
        }
        tags
    }

    /// The keyword of the tag at an offset.
    fn keyword(&self, start: usize) -> &str {
        let inside = self.text()[start + 2..].trim_start_matches(['-', '+']).trim_start();
        let end = inside.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(inside.len());
        &inside[..end]
    }

    /// The first tag, bracket or string that is never closed.
    fn unclosed(&self) -> Option<Diagnostic> {
        self.tags().iter().find_map(|tag| match (tag.end, tag.close) {
            (Some(_), "#}") => None,
            (Some(end), _) => self.unclosed_bracket(tag, end),
            (None, close) => {
                let opening = &self.text()[tag.start..tag.start + 2];
                let what = if close == "#}" { "comment" } else { "tag" };
                let unclosed_text = (close != "#}").then(|| self.unclosed_string(tag)).flatten();
                Some(unclosed_text.unwrap_or_else(|| {
                    self.problem(
                        format!("{what} `{opening}` is never closed"),
                        tag.start..tag.start + 2,
                        format!("expected `{close}` after this"),
                    )
                }))
            }
        })
    }

    /// A string in a tag without end that runs to the end of the text.
    fn unclosed_string(&self, tag: &Tag) -> Option<Diagnostic> {
        let bytes = &self.text().as_bytes()[..self.range.end];
        let mut at = tag.start + 2;
        while at < bytes.len() {
            if !matches!(bytes[at], b'"' | b'\'') {
                at += 1;
                continue;
            }
            let end = string_end(bytes, at);
            if end == bytes.len() && bytes.last() != Some(&bytes[at]) {
                let quote = char::from(bytes[at]);
                let message = format!("this string is never closed: expected `{quote}`");
                return Some(self.problem(message, at..at + 1, "the string starts here"));
            }
            at = end;
        }
        None
    }

    fn unclosed_bracket(&self, tag: &Tag, end: usize) -> Option<Diagnostic> {
        let bytes = self.text().as_bytes();
        let (mut open, mut at): (Vec<Open>, usize) = (Vec::new(), tag.start + 2);
        let inside_end = end - 2;
        while at < inside_end {
            match bytes[at] {
                b'"' | b'\'' => {
                    let after = string_end(&bytes[..inside_end], at);
                    let closed = after - at >= 2 && bytes[after - 1] == bytes[at];
                    if !closed {
                        let quote = char::from(bytes[at]);
                        let message = format!("this string is never closed: expected `{quote}`");
                        return Some(self.problem(message, at..at + 1, "the string starts here"));
                    }
                    at = after;
                    continue;
                }
                b'(' => open.push(Open { at, close: b')' }),
                b'[' => open.push(Open { at, close: b']' }),
                b'{' => open.push(Open { at, close: b'}' }),
                byte @ (b')' | b']' | b'}') => match open.pop() {
                    Some(last) if last.close == byte => {}
                    Some(last) => return Some(self.expected_close(&last, at..at + 1)),
                    None => {
                        let found = char::from(byte);
                        let message = format!("unexpected `{found}`");
                        return Some(self.problem(message, at..at + 1, "this closes nothing"));
                    }
                },
                _ => {}
            }
            at += 1;
        }
        let innermost = open.last()?;
        let mut problem = self.expected_close(innermost, end - 2..end);
        let missing: String = open.iter().rev().map(|open| char::from(open.close)).collect();
        let inside = self.text()[tag.start..end - 2].trim_end_matches('-').trim_end();
        if !inside.contains('\n') {
            let many = match open.len() {
                1 => "close it: ",
                2 if missing == "))" => "close both calls: ",
                2 => "close both: ",
                _ => "close them all: ",
            };
            problem = problem.help(format!("{many}`{inside}{missing} {}`", tag.close));
        }
        Some(problem)
    }

    /// `found` stands where the bracket should have been closed.
    fn expected_close(&self, open: &Open, found: Range<usize>) -> Diagnostic {
        let close = char::from(open.close);
        let expected = if close == ')' { "`,` or `)`".to_owned() } else { format!("`,` or `{close}`") };
        let message = format!("expected {expected}, found `{}`", &self.text()[found.clone()]);
        let callee = self.word_before(open.at);
        let label = match (close, callee) {
            (')', Some(callee)) => format!("this call to `{callee}` is never closed"),
            (')', None) => "this bracket is never closed".to_owned(),
            (']', _) => "this list or subscript is never closed".to_owned(),
            _ => "this dict is never closed".to_owned(),
        };
        self.problem(message, found, format!("expected `{close}` before this"))
            .place(self.span(open.at..open.at + 1), label)
    }

    /// The name that ends right before an offset.
    fn word_before(&self, at: usize) -> Option<&str> {
        let before = &self.text()[self.range.start..at];
        let start = before.rfind(|char: char| !char.is_alphanumeric() && char != '_').map_or(0, |at| at + 1);
        Some(&before[start..]).filter(|word| !word.is_empty())
    }

    /// The first block that is closed by the wrong tag or never.
    fn unbalanced(&self) -> Option<Diagnostic> {
        let mut open: Vec<(&str, &str, Range<usize>)> = Vec::new();
        for tag in self.tags().iter().filter(|tag| tag.close == "%}") {
            let keyword = self.keyword(tag.start);
            let range = tag.start..tag.end?;
            if let Some((_, end)) = BLOCKS.iter().find(|(word, _)| *word == keyword) {
                let is_inline = keyword == "set" && self.text()[range.clone()].contains('=');
                if !is_inline {
                    open.push((keyword, end, range));
                }
                continue;
            }
            let is_middle = matches!(keyword, "else" | "elif");
            let is_end = BLOCKS.iter().any(|(_, end)| *end == keyword);
            if is_middle && open.is_empty() {
                let message = format!("`{keyword}` belongs to no block");
                return Some(self.problem(message, range, "no `if` or `for` is open here"));
            }
            if !is_end {
                continue;
            }
            match open.pop() {
                None => {
                    let message = format!("`{keyword}` closes nothing");
                    return Some(self.problem(message, range, "no block is open here"));
                }
                Some((_, expected, _)) if expected == keyword => {}
                Some((word, expected, opened)) => {
                    let message = format!("expected `{{% {expected} %}}`, found `{{% {keyword} %}}`");
                    let label = format!("this `{word}` must be closed first");
                    return Some(self.problem(message, range, "").place(self.span(opened), label));
                }
            }
        }
        let (word, expected, opened) = open.pop()?;
        let problem = self.problem(format!("this `{word}` is never closed"), opened, "opened here");
        Some(problem.help(format!("close it: `{{% {expected} %}}`")))
    }

    /// The parser's own words.
    fn translated(&self, error: &Error) -> Diagnostic {
        let base = self.range.start;
        let range = error.range().map(|range| base + range.start..(base + range.end).min(self.range.end));
        let range = range.filter(|range| range.start <= range.end && range.end <= self.text().len());
        let detail = error.detail().unwrap_or("this cannot be understood");
        let message = translate(detail);
        match range {
            Some(range) => self.problem(message, range, ""),
            None => {
                let first = self.file.line_column(base).0;
                let line = first + error.line().unwrap_or(1) - 1;
                Diagnostic::error(Code::JinjaSyntax, message).at(Span::line(self.file, line), "")
            }
        }
    }
}

/// Where a tag ends whose brackets or strings are not closed.
fn lenient_end(bytes: &[u8], from: usize, close: &str) -> Option<usize> {
    memchr::memmem::find(&bytes[from..], close.as_bytes()).map(|end| from + end + 2)
}

fn translate(detail: &str) -> String {
    if let Some(found) = detail.strip_prefix("unknown statement ") {
        return format!("there is no tag `{found}`");
    }
    let detail = detail.strip_prefix("unexpected end of input").map_or_else(
        || detail.replace("end of variable block", "`}}`").replace("end of block", "`%}`"),
        |rest| format!("the text ends too early{rest}"),
    );
    match detail.strip_prefix("unexpected ").and_then(|rest| rest.split_once(", expected ")) {
        Some((found, expected)) => format!("expected {expected}, found {found}"),
        None => detail,
    }
}
