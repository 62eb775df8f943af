//! Filters for text that people read: comments, descriptions, messages, links.

use minijinja::{Error, State, Value};

use super::args::Args;
use super::error::fail;
use super::ops;
use super::pyvalue::{self, py_str};

/// `wordwrap`: each line for itself, as Python's `textwrap.wrap` does it.
pub(super) fn wordwrap(_: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    let width = args.or("width", 79)?.as_usize().filter(|width| *width > 0);
    let width = width.ok_or_else(|| fail("'width' must be a positive integer"))?;
    let break_long = args.truth("break_long_words", true)?;
    let newline = args.optional_string("wrapstring")?.unwrap_or_else(|| "\n".to_owned());
    let hyphens = args.truth("break_on_hyphens", true)?;
    args.finish()?;
    let wrap = Wrap { width, break_long, hyphens };
    let text = py_str(value);
    let lines: Vec<String> = text.lines().map(|line| wrap.line(line).join(&newline)).collect();
    Ok(Value::from(lines.join(&newline)))
}

struct Wrap {
    width: usize,
    break_long: bool,
    hyphens: bool,
}

impl Wrap {
    fn line(&self, text: &str) -> Vec<String> {
        let text: Vec<char> = text.chars().collect();
        let mut chunks = self.chunks(&text);
        chunks.reverse();
        let mut lines: Vec<String> = Vec::new();
        while !chunks.is_empty() {
            if !lines.is_empty() && chunks.last().is_some_and(|chunk| blank(chunk)) {
                chunks.pop();
            }
            let (mut line, mut length): (Vec<&[char]>, usize) = (Vec::new(), 0);
            while let Some(chunk) = chunks.pop_if(|chunk| length + chunk.len() <= self.width) {
                length += chunk.len();
                line.push(chunk);
            }
            if let Some(long) = chunks.pop_if(|chunk| chunk.len() > self.width) {
                if self.break_long {
                    let (now, later) = long.split_at(self.cut(long, self.width - length));
                    line.push(now);
                    chunks.push(later);
                } else if line.is_empty() {
                    line.push(long);
                } else {
                    chunks.push(long);
                }
            }
            if line.last().is_some_and(|chunk| blank(chunk)) {
                line.pop();
            }
            if !line.is_empty() {
                lines.push(line.concat().into_iter().collect());
            }
        }
        lines
    }

    /// Where a word is cut that is longer than a line: behind its last hyphen that fits, else where the line is full.
    fn cut(&self, word: &[char], space: usize) -> usize {
        let hyphen = word[..space].iter().rposition(|c| *c == '-').filter(|_| self.hyphens);
        match hyphen {
            Some(at) if word[..at].iter().any(|c| *c != '-') => at + 1,
            _ => space,
        }
    }

    /// Runs of white space, and words, which may end at a hyphen or before a dash.
    fn chunks<'t>(&self, text: &'t [char]) -> Vec<&'t [char]> {
        let (mut chunks, mut start) = (Vec::new(), 0);
        while start < text.len() {
            let mut end = start + 1;
            if space(text[start]) {
                while end < text.len() && space(text[end]) {
                    end += 1;
                }
            } else if let Some(after) = self.dash(text, start) {
                end = after;
            } else {
                loop {
                    if end == text.len() || space(text[end]) || self.dash(text, end).is_some() {
                        break;
                    }
                    if self.hyphens && hyphenated(text, end) {
                        end += 1;
                        break;
                    }
                    end += 1;
                }
            }
            chunks.push(&text[start..end]);
            start = end;
        }
        chunks
    }

    /// The end of a dash (`--`) between two words.
    fn dash(&self, text: &[char], at: usize) -> Option<usize> {
        let before = text[..at].last().is_some_and(|c| word(*c) || "!\"'&.,?".contains(*c));
        let length = text[at..].iter().take_while(|c| **c == '-').count();
        let after = text.get(at + length).is_some_and(|c| word(*c));
        (self.hyphens && before && after && length >= 2).then_some(at + length)
    }
}

/// Whether a line may end behind the hyphen at this place: letters are on both of its sides, two at least.
fn hyphenated(text: &[char], at: usize) -> bool {
    let is = |at: Option<usize>, test: fn(char) -> bool| at.and_then(|at| text.get(at)).is_some_and(|c| test(*c));
    let before = |back: usize| at.checked_sub(back);
    let hyphen = |c: char| c == '-';
    let two_before = is(before(1), letter) && (is(before(2), letter) || is(before(2), hyphen) && is(before(3), letter));
    let two_after =
        is(Some(at + 1), letter) && (is(Some(at + 2), letter) || is(Some(at + 2), hyphen) && is(Some(at + 3), letter));
    text[at] == '-' && two_before && two_after
}

fn word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn letter(c: char) -> bool {
    word(c) && !c.is_ascii_digit()
}

/// Python's `textwrap` knows no other white space.
fn space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0b' | '\x0c' | '\r' | ' ')
}

fn blank(chunk: &[char]) -> bool {
    chunk.iter().all(|c| c.is_whitespace())
}

/// `striptags`: no tags and comments of HTML, one blank between words, entities as what they mean.
pub(super) fn striptags(_: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    args.finish()?;
    let text = py_str(value);
    let (mut kept, mut rest) = (String::new(), text.as_str());
    while let Some(start) = rest.find('<') {
        let (inside, close) = if rest[start..].starts_with("<!--") { (start + 4, "-->") } else { (start, ">") };
        let Some(end) = rest[inside..].find(close) else { break };
        kept.push_str(&rest[..start]);
        rest = &rest[inside + end + close.len()..];
    }
    kept.push_str(rest);
    let words: Vec<&str> = kept.split_whitespace().collect();
    Ok(Value::from(without_entities(&words.join(" "))))
}

fn without_entities(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(';').filter(|end| *end > 1 && rest[1..*end].chars().all(|c| word(c) || c == '#'));
        let Some(end) = end else {
            out.push('&');
            rest = &rest[1..];
            continue;
        };
        match &rest[..=end] {
            // The library takes it for white space between words.
            "&nbsp;" | "&#160;" => out.push('\u{a0}'),
            entity => out.push_str(&minijinja_contrib::filters::striptags(entity.to_owned())),
        }
        rest = &rest[end + 1..];
    }
    out + rest
}

/// `filesizeformat`: `4.1 MB`, or `3.9 MiB`.
pub(super) fn filesizeformat(_: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    let binary = args.truth("binary", false)?;
    args.finish()?;
    let size = match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None => ops::number(value).map(|number| number.to_f64()),
    };
    let size: f64 = size.ok_or_else(|| fail(format!("could not convert {} to a number", pyvalue::py_repr(value))))?;
    Ok(Value::from(match size < if binary { 1024.0 } else { 1000.0 } {
        // Jinja2 counts whole bytes, and negative sizes in bytes only.
        true if size != 1.0 => format!("{} Bytes", size.trunc()),
        _ => minijinja_contrib::filters::filesizeformat(size, Some(binary)),
    }))
}

/// `urlencode`: a text for a path, pairs for a query.
pub(super) fn urlencode(_: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    args.finish()?;
    use minijinja::value::ValueKind::{Iterable, Map, Seq};
    let pairs = match value.kind() {
        Map => pyvalue::dict::entries_of(value)?,
        Seq | Iterable => {
            let pair = |item: Value| match ops::items(&item)?.as_slice() {
                [name, value] => Ok((name.clone(), value.clone())),
                _ => Err(fail("urlencode needs a text, a dictionary or pairs")),
            };
            ops::items(value)?.into_iter().map(pair).collect::<Result<_, Error>>()?
        }
        _ => return Ok(Value::from(quoted(&py_str(value), "/"))),
    };
    let form = |value: &Value| quoted(&py_str(value), " ").replace(' ', "+");
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{}={}", form(name), form(value))).collect();
    Ok(Value::from(pairs.join("&")))
}

fn quoted(text: &str, kept: &str) -> String {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) || kept.as_bytes().contains(&byte);
    text.bytes().map(|byte| if safe(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// `forceescape`: text for HTML, in the entities that Jinja2 writes.
pub(super) fn forceescape(_: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    args.finish()?;
    let escapes = [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('\'', "&#39;"), ('"', "&#34;")];
    let text = escapes.iter().fold(py_str(value), |text, (char, entity)| text.replace(*char, entity));
    Ok(Value::from_safe_string(text))
}

/// `escape`: the same, but not twice.
pub(super) fn escape(state: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    if value.is_safe() { Ok(value.clone()) } else { forceescape(state, value, args) }
}
