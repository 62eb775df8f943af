//! Finds block tags, and edits a text so that the stock parser can read it.
//!
//! The parser knows neither dbt's block tags nor a few liberties that Jinja2 takes. Each of them can be rewritten into
//! stock Jinja *of the same byte length*, because blanks inside a tag are free: `{% test x(` becomes `{%macro x(`. So
//! every offset, line and column of the edited text is one of the file.

use std::ops::Range;
use std::sync::Arc;

use memchr::memmem;

use crate::diag::{self, Code, Diagnostic, SourceFile, Span};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    Macro,
    Test,
    Materialization,
    Snapshot,
    Docs,
}

impl BlockKind {
    fn of_tag(tag: &str) -> Option<Self> {
        Some(match tag {
            "macro" => Self::Macro,
            "test" | "data_test" => Self::Test,
            "materialization" => Self::Materialization,
            "snapshot" => Self::Snapshot,
            "docs" => Self::Docs,
            _ => return None,
        })
    }
}

/// A top-level block of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub kind: BlockKind,
    /// As written.
    pub name: String,
    /// With its tags.
    pub range: Range<usize>,
    /// Between its tags.
    pub body: Range<usize>,
    /// 1-based.
    pub line: usize,
    /// Of a materialization; none for `default`.
    pub adapter: Option<String>,
    /// Of a materialization.
    pub languages: Option<Vec<String>>,
}

impl Block {
    /// The name of the macro that the block defines: `test_x`, `materialization_x_<adapter or default>`.
    pub fn macro_name(&self) -> String {
        match self.kind {
            BlockKind::Test => format!("test_{}", self.name),
            BlockKind::Materialization => {
                format!("materialization_{}_{}", self.name, self.adapter.as_deref().unwrap_or("default"))
            }
            _ => self.name.clone(),
        }
    }
}

/// The top-level blocks of a file, found without compiling it.
///
/// # Errors
/// A block is not closed, or a tag closes nothing.
pub fn blocks(file: &Arc<SourceFile>) -> diag::Result<Vec<Block>> {
    Ok(scan(file, 0..file.text.len())?.blocks)
}

/// Tags outside of all blocks, such as a `{% set %}` between two macros: in a file of macros nothing runs them.
///
/// # Errors
/// A block is not closed, or a tag closes nothing.
pub fn stray_tags(file: &Arc<SourceFile>) -> diag::Result<Vec<Span>> {
    let strays = scan(file, 0..file.text.len())?.strays;
    Ok(strays.into_iter().map(|keyword| Span::new(file, keyword)).collect())
}

/// What a scan found. All offsets of `blocks` are those of the file, those of `discarded` of the scanned part.
pub(super) struct Scan {
    /// The edited text; none where nothing had to be edited.
    pub text: Option<String>,
    pub blocks: Vec<Block>,
    /// Offsets of tags whose value is dropped: `{% do x %}` has become `{{ x }}`.
    pub discarded: Vec<u32>,
    /// The words of tags outside of all blocks.
    strays: Vec<Range<usize>>,
}

pub(super) fn scan(file: &Arc<SourceFile>, range: Range<usize>) -> diag::Result<Scan> {
    let text = &file.text[range.clone()];
    let mut scanner = Scanner {
        file,
        base: range.start,
        edits: Edits { text, copy: None },
        blocks: Vec::new(),
        open: Vec::new(),
        discarded: Vec::new(),
        strays: Vec::new(),
    };
    scanner.run()?;
    let Scanner { edits, blocks, discarded, strays, .. } = scanner;
    let text = edits.copy.map(|copy| String::from_utf8_lossy(&copy).into_owned());
    Ok(Scan { text, blocks, discarded, strays })
}

/// A text and its edited copy, which is made at the first edit.
struct Edits<'a> {
    text: &'a str,
    copy: Option<Vec<u8>>,
}

impl Edits<'_> {
    fn copy(&mut self) -> &mut Vec<u8> {
        self.copy.get_or_insert_with(|| self.text.as_bytes().to_vec())
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.copy()[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Overwrites a range with blanks; line breaks stay.
    fn blank(&mut self, range: Range<usize>) {
        for byte in &mut self.copy()[range] {
            if !matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }
}

/// One `{% .. %}`.
struct Tag<'a> {
    /// With its delimiters.
    range: Range<usize>,
    /// Without delimiters and whitespace control.
    inside: Range<usize>,
    keyword: Range<usize>,
    word: &'a str,
}

struct Scanner<'a> {
    file: &'a Arc<SourceFile>,
    base: usize,
    edits: Edits<'a>,
    blocks: Vec<Block>,
    open: Vec<Block>,
    discarded: Vec<u32>,
    strays: Vec<Range<usize>>,
}

impl<'a> Scanner<'a> {
    fn run(&mut self) -> diag::Result<()> {
        let text = self.edits.text;
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(found) = memchr::memchr(b'{', &bytes[at..]) {
            let start = at + found;
            at = match bytes.get(start + 1) {
                Some(b'#') => memmem::find(&bytes[start + 2..], b"#}").map_or(bytes.len(), |end| start + 4 + end),
                Some(b'{') => match tag_end(bytes, start + 2, *b"}}") {
                    Some(end) => {
                        self.edit_expression(start + 2..end - 2);
                        end
                    }
                    None => break,
                },
                Some(b'%') => match tag_end(bytes, start + 2, *b"%}") {
                    Some(end) => self.tag(start..end)?,
                    None => break,
                },
                _ => start + 1,
            };
        }
        match self.open.pop() {
            Some(block) => Err(self.never_closed(&block)),
            None => Ok(()),
        }
    }

    /// Handles one block tag; returns where to go on.
    fn tag(&mut self, range: Range<usize>) -> diag::Result<usize> {
        let text = self.edits.text;
        let tag = read_tag(text, range);
        if self.open.is_empty() && BlockKind::of_tag(tag.word.strip_prefix("end").unwrap_or(tag.word)).is_none() {
            self.strays.push(self.base + tag.keyword.start..self.base + tag.keyword.end);
        }
        match tag.word {
            "raw" => return Ok(skip_to(text, tag.range.end, "endraw").map_or(text.len(), |end| end.end)),
            "do" => self.edit_do(&tag),
            word => {
                self.edit_expression(tag.keyword.end..tag.inside.end);
                self.edit_trailing_colon(&tag);
                if let Some(kind) = BlockKind::of_tag(word) {
                    return self.open_block(&tag, kind);
                }
                if let Some(kind) = word.strip_prefix("end").and_then(BlockKind::of_tag) {
                    self.close_block(&tag, kind)?;
                }
            }
        }
        Ok(tag.range.end)
    }

    fn open_block(&mut self, tag: &Tag<'_>, kind: BlockKind) -> diag::Result<usize> {
        let text = self.edits.text;
        let name = word_after(text, tag.keyword.end);
        if name.is_empty() {
            return Err(self.problem(tag, format!("this `{}` block has no name", tag.word)));
        }
        let mut block = Block {
            kind,
            name: text[name.clone()].to_owned(),
            range: self.base + tag.range.start..self.base + tag.range.end,
            body: self.base + tag.range.end..self.base + tag.range.end,
            line: self.file.line_column(self.base + tag.range.start).0,
            adapter: None,
            languages: None,
        };
        let mut resume = tag.range.end;
        match kind {
            BlockKind::Macro => self.edit_annotations(name.end..tag.inside.end),
            BlockKind::Test => {
                self.edit_test_header(tag, &name)?;
                self.edit_annotations(name.end..tag.inside.end);
            }
            BlockKind::Materialization => {
                self.read_materialization(tag, &text[name.end..tag.inside.end], &mut block)?;
                self.edit_plain_header(tag, &name);
            }
            BlockKind::Snapshot => self.edit_plain_header(tag, &name),
            BlockKind::Docs => {
                let Some(end) = skip_to(text, tag.range.end, "enddocs") else { return Err(self.never_closed(&block)) };
                resume = end.start;
            }
        }
        self.open.push(block);
        Ok(resume)
    }

    fn close_block(&mut self, tag: &Tag<'_>, kind: BlockKind) -> diag::Result<()> {
        let Some(mut block) = self.open.pop() else {
            return Err(self.problem(tag, format!("`{}` closes nothing", tag.word)));
        };
        if block.kind != kind {
            let opened = Span::new(self.file, block.range.clone());
            let expected = end_tag(block.kind);
            let found = Span::new(self.file, self.base + tag.keyword.start..self.base + tag.keyword.end);
            let message = format!("expected `{{% {expected} %}}`, found `{{% {} %}}`", tag.word);
            return Err(Diagnostic::error(Code::JinjaSyntax, message)
                .at(found, "")
                .place(opened, "to close this block")
                .boxed());
        }
        block.body.end = self.base + tag.range.start;
        block.range.end = self.base + tag.range.end;
        match kind {
            BlockKind::Macro => {}
            BlockKind::Docs => self.edit_docs(&block),
            _ => self.edit_end_tag(tag)?,
        }
        if self.open.is_empty() {
            self.blocks.push(block);
        }
        Ok(())
    }

    /// `{% test x(` to `{%macro x(`. The name in the text may be cut: the block knows the true one.
    fn edit_test_header(&mut self, tag: &Tag<'_>, name: &Range<usize>) -> diag::Result<()> {
        let first = tag.inside.start;
        let room = name.end - first;
        if room < "macro x".len() {
            return Err(self.problem(tag, "put a blank after `{%`".to_owned()));
        }
        let kept = (room - "macro ".len()).min(name.len());
        let header = format!("macro {}", &"x".repeat(kept));
        self.edits.blank(first..name.end);
        self.edits.put(first, b"macro");
        self.edits.put(name.end - kept, &header.as_bytes()["macro ".len()..]);
        Ok(())
    }

    /// `{% snapshot x %}` and `{% materialization x, .. %}` to `{% macro x() %}`.
    fn edit_plain_header(&mut self, tag: &Tag<'_>, name: &Range<usize>) {
        let header = format!("macro {}()", &self.edits.text[name.clone()]);
        let at = tag.keyword.start.min(tag.inside.end.saturating_sub(header.len()));
        self.edits.blank(tag.inside.clone());
        self.edits.put(at, header.as_bytes());
    }

    fn edit_end_tag(&mut self, tag: &Tag<'_>) -> diag::Result<()> {
        let word = b"endmacro";
        if tag.inside.len() >= word.len() {
            self.edits.blank(tag.inside.clone());
            let blank_first = usize::from(tag.inside.len() > word.len());
            self.edits.put(tag.inside.start + blank_first, word);
            return Ok(());
        }
        // `{%endtest%}` is one byte short: take a blank that stands before it.
        let start = tag.range.start;
        let before = start.checked_sub(1).filter(|at| self.edits.text.as_bytes()[*at].is_ascii_whitespace());
        let Some(before) = before else {
            return Err(self.problem(tag, format!("write it with blanks: `{{% {} %}}`", tag.word)));
        };
        let opening = self.edits.text.as_bytes()[start..tag.inside.start].to_vec();
        self.edits.put(before, &opening);
        self.edits.put(before + opening.len(), word);
        Ok(())
    }

    /// Docs are prose, never rendered: inside SQL they become a comment.
    fn edit_docs(&mut self, block: &Block) {
        let (start, end) = (block.range.start - self.base, block.range.end - self.base);
        self.edits.blank(start + 2..end - 2);
        self.edits.put(start, b"{#");
        self.edits.put(end - 2, b"#}");
    }

    /// `{% do x %}` to `{{ x }}`: the stock `do` takes calls only.
    fn edit_do(&mut self, tag: &Tag<'_>) {
        self.edit_expression(tag.keyword.end..tag.inside.end);
        self.edits.blank(tag.keyword.clone());
        self.edits.put(tag.range.start, b"{{");
        self.edits.put(tag.range.end - 2, b"}}");
        self.discarded.push(tag.range.start as u32);
    }

    /// Jinja2 takes `{% if x: %}`.
    fn edit_trailing_colon(&mut self, tag: &Tag<'_>) {
        let inside = self.edits.text[tag.inside.clone()].trim_end();
        if inside.ends_with(':') {
            let colon = tag.inside.start + inside.len() - 1;
            self.edits.blank(colon..colon + 1);
        }
    }

    /// dbt takes types of macro parameters: `{% macro m(a: int, b: Dict[str, str] = {}) %}`.
    fn edit_annotations(&mut self, range: Range<usize>) {
        for found in annotations(&self.edits.text.as_bytes()[range.clone()]) {
            self.edits.blank(range.start + found.start..range.start + found.end);
        }
    }

    /// Unary plus (`+1` to ` 1`) and tuple subscripts (`x[a, b]` to `x(a, b)`).
    fn edit_expression(&mut self, range: Range<usize>) {
        struct Bracket {
            byte: u8,
            at: usize,
            subscript: bool,
            comma: bool,
        }
        let bytes = self.edits.text.as_bytes();
        let mut open: Vec<Bracket> = Vec::new();
        let mut previous = 0;
        let mut at = range.start;
        while at < range.end {
            let byte = bytes[at];
            match byte {
                b'"' | b'\'' => at = string_end(bytes, at).min(range.end) - 1,
                b'(' | b'[' | b'{' => {
                    let subscript = byte == b'[' && at > range.start && is_operand_end(bytes[at - 1]);
                    open.push(Bracket { byte, at, subscript, comma: false });
                }
                b',' => {
                    if let Some(bracket) = open.last_mut() {
                        bracket.comma = true;
                    }
                }
                b')' | b']' | b'}' => {
                    if let Some(Bracket { byte: b'[', at: start, subscript: true, comma: true }) = open.pop() {
                        self.edits.put(start, b"(");
                        self.edits.put(at, b")");
                    }
                }
                b'+' if b"([{,=:+-*/~<>%".contains(&previous) => self.edits.put(at, b" "),
                _ => {}
            }
            if !byte.is_ascii_whitespace() {
                previous = byte;
            }
            at += 1;
        }
    }

    fn read_materialization(&self, tag: &Tag<'_>, arguments: &str, block: &mut Block) -> diag::Result<()> {
        for argument in split_arguments(arguments) {
            match argument.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
                None if argument.is_empty() || argument == "default" => {}
                Some(("adapter", value)) => {
                    block.adapter = Some(unquoted(value).to_owned()).filter(|adapter| adapter != "default");
                }
                Some(("supported_languages", value)) => {
                    let items = value.trim_matches(['[', ']', '(', ')']).split(',');
                    block.languages = Some(items.map(|item| unquoted(item.trim()).to_owned()).collect());
                }
                _ => {
                    let message = format!("`{argument}` is not an argument of a materialization");
                    return Err(self.problem(tag, message));
                }
            }
        }
        Ok(())
    }

    fn problem(&self, tag: &Tag<'_>, message: String) -> Box<Diagnostic> {
        let span = Span::new(self.file, self.base + tag.range.start..self.base + tag.range.end);
        Diagnostic::error(Code::JinjaSyntax, message).at(span, "").boxed()
    }

    fn never_closed(&self, block: &Block) -> Box<Diagnostic> {
        let header = Span::new(self.file, block.range.start..block.body.start);
        Diagnostic::error(Code::JinjaSyntax, format!("block `{}` is never closed", block.name))
            .at(header, "opened here")
            .help(format!("close it: `{{% {} %}}`", end_tag(block.kind)))
            .boxed()
    }
}

fn end_tag(kind: BlockKind) -> &'static str {
    match kind {
        BlockKind::Macro => "endmacro",
        BlockKind::Test => "endtest",
        BlockKind::Materialization => "endmaterialization",
        BlockKind::Snapshot => "endsnapshot",
        BlockKind::Docs => "enddocs",
    }
}

fn read_tag(text: &str, range: Range<usize>) -> Tag<'_> {
    let bytes = text.as_bytes();
    let mut inside = range.start + 2..range.end - 2;
    if inside.start < inside.end && matches!(bytes[inside.start], b'-' | b'+') {
        inside.start += 1;
    }
    if inside.start < inside.end && matches!(bytes[inside.end - 1], b'-' | b'+') {
        inside.end -= 1;
    }
    let keyword = word_after(&text[..inside.end], inside.start);
    Tag { range, inside, word: &text[keyword.clone()], keyword }
}

/// The next word at or after an offset; empty where something else stands there.
fn word_after(text: &str, from: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    let start = (from..bytes.len()).find(|at| !bytes[*at].is_ascii_whitespace()).unwrap_or(bytes.len());
    let end = (start..bytes.len()).find(|at| !is_word(bytes[*at])).unwrap_or(bytes.len());
    start..end
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_operand_end(byte: u8) -> bool {
    is_word(byte) || matches!(byte, b')' | b']')
}

/// The offset after the string that starts at `at`; the end of the text where it is not closed.
pub(super) fn string_end(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let mut next = at + 1;
    while next < bytes.len() {
        match bytes[next] {
            b'\\' => next += 2,
            byte if byte == quote => return next + 1,
            _ => next += 1,
        }
    }
    bytes.len()
}

/// The offset after the delimiter that closes the tag whose inside starts at `at`.
pub(super) fn tag_end(bytes: &[u8], mut at: usize, close: [u8; 2]) -> Option<usize> {
    let mut depth = 0_i32;
    while at < bytes.len() {
        match bytes[at] {
            b'"' | b'\'' => {
                at = string_end(bytes, at);
                continue;
            }
            byte if bytes[at..].starts_with(&close) && (byte == b'%' || depth <= 0) => return Some(at + 2),
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    None
}

/// The next tag with this keyword.
fn skip_to(text: &str, mut from: usize, keyword: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    while let Some(found) = memmem::find(&bytes[from..], b"{%") {
        let start = from + found;
        let rest = text[start + 2..].trim_start_matches(['-', '+']).trim_start();
        let after = rest.strip_prefix(keyword).filter(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()));
        if after.is_some() {
            return tag_end(bytes, start + 2, *b"%}").map(|end| start..end);
        }
        from = start + 2;
    }
    None
}

/// Splits at commas outside of strings and brackets.
fn split_arguments(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let (mut parts, mut depth, mut start, mut at) = (Vec::new(), 0, 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' | b'\'' => {
                at = string_end(bytes, at);
                continue;
            }
            b'[' | b'(' | b'{' => depth += 1,
            b']' | b')' | b'}' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    parts.push(text[start..].trim());
    parts
}

fn unquoted(text: &str) -> &str {
    text.trim_matches(['"', '\''])
}

/// The types in a parameter list, with their colons.
fn annotations(bytes: &[u8]) -> Vec<Range<usize>> {
    let (mut found, mut depth, mut in_default, mut start, mut at) = (Vec::new(), 0, false, None, 0);
    while at < bytes.len() {
        let byte = bytes[at];
        if matches!(byte, b'"' | b'\'') {
            at = string_end(bytes, at);
            continue;
        }
        if matches!(byte, b')' | b']' | b'}') {
            depth -= 1;
        }
        let ends = (depth == 1 && matches!(byte, b',' | b'=')) || (depth == 0 && byte == b')');
        if let (true, Some(from)) = (ends, start) {
            found.push(from..at);
            start = None;
        }
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b',' if depth == 1 => in_default = false,
            b'=' if depth == 1 => in_default = true,
            b':' if depth == 1 && !in_default => start = Some(at),
            _ => {}
        }
        at += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(text: &str) -> Scan {
        scan(&SourceFile::new("m.sql", text), 0..text.len()).unwrap()
    }

    fn edited(text: &str) -> String {
        let found = scanned(text).text.unwrap_or_else(|| text.to_owned());
        assert_eq!(found.len(), text.len(), "{found}");
        found
    }

    #[test]
    fn blocks_are_found_with_their_bodies() {
        let text = "{% materialization incremental, adapter='duckdb', supported_languages=['sql', 'python'] -%}\n\
                    {{ 1 }}\n{%- endmaterialization %}\n{% test  not_null (model, column_name) %}x{% endtest %}\n\
                    {%- data_test foo(model) -%}{%- enddata_test -%}{% snapshot s1 %}\nselect {{ 1 }}{% endsnapshot %}\n\
                    {% docs d %} {{ not jinja }} {% enddocs %}{% macro t() %}{% endmacro %}\
                    {% materialization v, default %}{% endmaterialization %}";
        let found = blocks(&SourceFile::new("m.sql", text)).unwrap();
        let names: Vec<_> = found.iter().map(|block| (block.macro_name(), block.line)).collect();
        let expected = [
            ("materialization_incremental_duckdb", 1),
            ("test_not_null", 4),
            ("test_foo", 5),
            ("s1", 5),
            ("d", 7),
            ("t", 7),
            ("materialization_v_default", 7),
        ];
        assert_eq!(names, expected.map(|(name, line)| (name.to_owned(), line)));
        assert_eq!(found[0].languages.as_ref().unwrap(), &["sql", "python"]);
        assert_eq!(&text[found[3].body.clone()], "\nselect {{ 1 }}");
        assert_eq!(&text[found[4].body.clone()], " {{ not jinja }} ");
        assert_eq!(&text[found[5].range.clone()], "{% macro t() %}{% endmacro %}");
    }

    #[test]
    fn edits_keep_every_offset() {
        assert_eq!(edited("{% test a(b) %}{% endtest %}"), "{%macro x(b) %}{% endmacro%}");
        assert_eq!(edited("{%test ab(b)%} {%endtest%}"), "{%macro x(b)%}{%endmacro%}");
        assert_eq!(edited("{% if x: %}"), "{% if x  %}");
        assert_eq!(edited("{% do x if y %}"), "{{    x if y }}");
        assert_eq!(edited("{{ [+1, 2] }}"), "{{ [ 1, 2] }}");
        assert_eq!(edited("{{ a[b, c] }} {{ d in [b, c] }}"), "{{ a(b, c) }} {{ d in [b, c] }}");
        assert_eq!(
            edited("{% macro m(a: D[s, t] = {'x': 1}, b: int) %}{% endmacro %}"),
            "{% macro m(a          = {'x': 1}, b     ) %}{% endmacro %}"
        );
        assert_eq!(edited("{% raw %}{% do x %}{% endraw %}"), "{% raw %}{% do x %}{% endraw %}");
        assert!(scanned("{{ 'a + +b' }}").text.is_none());
    }

    #[test]
    fn unbalanced_blocks_are_reported_at_both_ends() {
        let problem = |text: &str| *blocks(&SourceFile::new("m.sql", text)).unwrap_err();
        let open = problem("a\n{% macro m() %}");
        assert_eq!(open.message, "block `m` is never closed");
        assert_eq!(open.primary.unwrap().span.location(), "m.sql:2:1");
        let crossed = problem("{% macro m() %}\n{% endtest %}");
        assert_eq!(crossed.message, "expected `{% endmacro %}`, found `{% endtest %}`");
        assert_eq!(crossed.places[0].span.location(), "m.sql:1:1");
        assert_eq!(problem("{% endmacro %}").message, "`endmacro` closes nothing");
    }
}
