//! Events of `saphyr-parser` → a tree of nodes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::{Key, Mapping, Node, Yaml, scalar, syntax};
use crate::diag::{self, Code, Deprecation, Diagnostic, SourceFile, Span};

/// Deeper nesting is refused: trees are walked recursively.
const MAX_DEPTH: usize = 200;
/// How many nodes aliases may copy in one file: a guard against "billion laughs".
const MAX_ALIASED: usize = 1_000_000;

/// Reads one YAML document; an empty file is `Null`. Warnings (duplicate keys) go to `warnings`.
///
/// # Errors
/// [`Code::YamlSyntax`] with the place and, where it can be known, what to change.
pub fn parse(file: &Arc<SourceFile>, warnings: &mut Vec<Diagnostic>) -> diag::Result<Node> {
    let skipped = if file.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let text = &file.text[skipped..];
    let mut tree = Tree {
        file,
        offsets: Offsets { text, skipped, ascii: text.is_ascii(), chars: 0, bytes: 0 },
        open: Vec::new(),
        anchors: HashMap::new(),
        aliased: 0,
        root: None,
        warnings,
    };
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let offset = tree.offsets.byte(error.marker().index());
            syntax::explain(file, offset, error.info()).boxed()
        })?;
        let range = tree.offsets.byte(span.start.index())..tree.offsets.byte(span.end.index());
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
            if documents > 1 {
                return Err(second_document(file, range.start).boxed());
            }
        }
        tree.event(event, range)?;
    }
    Ok(tree.root.unwrap_or_else(Node::null))
}

fn second_document(file: &Arc<SourceFile>, offset: usize) -> Diagnostic {
    let line = Span::line(file, file.line_column(offset).0);
    Diagnostic::error(Code::YamlSyntax, "the file holds more than one YAML document")
        .at(line, "the second one starts here")
        .help("remove this line, or move what follows it into a file of its own")
}

/// A list or mapping whose end has not come yet.
struct Open {
    anchor: usize,
    start: usize,
    content: Content,
}

enum Content {
    Seq(Vec<Node>),
    Map { entries: Vec<(Key, Node)>, key: Option<Key>, merges: bool },
}

struct Tree<'a, 'w> {
    file: &'a Arc<SourceFile>,
    offsets: Offsets<'a>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    aliased: usize,
    root: Option<Node>,
    warnings: &'w mut Vec<Diagnostic>,
}

impl Tree<'_, '_> {
    fn event(&mut self, event: Event<'_>, range: Range<usize>) -> diag::Result<()> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let range = self.trimmed(range);
                if self.expects_key() {
                    self.anchor(anchor, || Node::new(Yaml::Str(text.to_string()), range.clone()));
                    return self.key(text, style, range);
                }
                let value = self.scalar(text, style, tag.as_deref(), &range)?;
                let node = Node::new(value, range);
                self.anchor(anchor, || node.clone());
                self.add(node)
            }
            Event::SequenceStart(anchor, _) => self.start(anchor, range.start, Content::Seq(Vec::new())),
            Event::MappingStart(anchor, _) => {
                self.start(anchor, range.start, Content::Map { entries: Vec::new(), key: None, merges: false })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(range.end),
            Event::Alias(anchor) => self.alias(anchor, range),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn error(&self, message: &str, range: Range<usize>, label: &str) -> Box<Diagnostic> {
        Diagnostic::error(Code::YamlSyntax, message).at(Span::new(self.file, range), label).boxed()
    }

    /// Scanner spans may reach over trailing blanks and line breaks.
    fn trimmed(&self, range: Range<usize>) -> Range<u32> {
        let text = self.file.text.get(range.clone()).unwrap_or("");
        range.start as u32..(range.start + text.trim_end().len()) as u32
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { content: Content::Map { key: None, .. }, .. }))
    }

    fn key(&mut self, text: Cow<'_, str>, style: ScalarStyle, range: Range<u32>) -> diag::Result<()> {
        if let Some(Open { content: Content::Map { key, merges, .. }, .. }) = self.open.last_mut() {
            *merges |= style == ScalarStyle::Plain && text == "<<";
            *key = Some(Key { name: text.into_owned(), range });
        }
        Ok(())
    }

    fn scalar(
        &self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        tag: Option<&Tag>,
        range: &Range<u32>,
    ) -> diag::Result<Yaml> {
        let Some(tag) = tag else {
            return Ok(if style == ScalarStyle::Plain { scalar::resolve(&text) } else { Yaml::Str(text.into_owned()) });
        };
        let unusable = |message: &str| {
            self.error(message, range.start as usize..range.end as usize, &format!("after the tag `{tag}`"))
        };
        let name = if tag.is_yaml_core_schema() { tag.suffix.as_str() } else { "" };
        let value = match (name, scalar::resolve(&text)) {
            ("str", _) => Yaml::Str(text.into_owned()),
            ("null", Yaml::Null) => Yaml::Null,
            ("bool", value @ Yaml::Bool(_)) | ("int", value @ Yaml::Int(_)) | ("float", value @ Yaml::Float(_)) => {
                value
            }
            ("float", Yaml::Int(value)) => Yaml::Float(value as f64),
            ("null" | "bool" | "int" | "float", _) => return Err(unusable("a value that does not fit its tag")),
            _ if tag.handle == "!" && tag.suffix.is_empty() => Yaml::Str(text.into_owned()),
            _ => {
                return Err(unusable(
                    "YAML tags other than `!!str`, `!!int`, `!!float`, `!!bool` and `!!null` are not supported",
                ));
            }
        };
        Ok(value)
    }

    fn anchor(&mut self, anchor: usize, node: impl FnOnce() -> Node) {
        if anchor != 0 {
            self.anchors.insert(anchor, node());
        }
    }

    fn start(&mut self, anchor: usize, start: usize, content: Content) -> diag::Result<()> {
        if self.expects_key() {
            return Err(syntax::complex_key(self.file, start).boxed());
        }
        if self.open.len() == MAX_DEPTH {
            return Err(self.error("nested too deeply", start..start + 1, "200 levels are the limit"));
        }
        self.open.push(Open { anchor, start, content });
        Ok(())
    }

    fn end(&mut self, end: usize) -> diag::Result<()> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let flow = matches!(self.file.text.as_bytes().get(open.start), Some(b'[' | b'{'));
        let node = match open.content {
            Content::Seq(items) => {
                let range = extent(&open.start, end, flow, None, items.last());
                Node::new(Yaml::Seq(items), range)
            }
            Content::Map { entries, merges, .. } => {
                let first = entries.first().map(|(key, _)| key.range.start);
                let range = extent(&open.start, end, flow, first, entries.last().map(|(_, node)| node));
                let entries = if merges { self.merge(entries)? } else { entries };
                let entries = self.deduplicate(entries);
                Node::new(Yaml::Map(Mapping { entries }), range)
            }
        };
        self.anchor(open.anchor, || node.clone());
        self.add(node)
    }

    fn alias(&mut self, anchor: usize, range: Range<usize>) -> diag::Result<()> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(self.error("an alias inside its own anchor", range, "this would never end"));
        };
        self.aliased += size(node);
        if self.aliased > MAX_ALIASED {
            return Err(self.error("aliases make this file too large", range, "more than a million values by here"));
        }
        let node = node.clone();
        if !self.expects_key() {
            return self.add(node);
        }
        match node.value {
            Yaml::Str(name) => self.key(Cow::Owned(name), ScalarStyle::DoubleQuoted, self.trimmed(range)),
            _ => Err(self.error("an alias as key must stand for a text", range, "")),
        }
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, node: Node) -> diag::Result<()> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open { content: Content::Seq(items), .. }) => items.push(node),
            Some(Open { content: Content::Map { entries, key, .. }, .. }) => {
                if let Some(key) = key.take() {
                    entries.push((key, node));
                }
            }
        }
        Ok(())
    }

    /// `<<`: the merged entries come first; the mapping's own ones override them, also of several merged mappings the
    /// earlier ones override the later.
    fn merge(&self, entries: Vec<(Key, Node)>) -> diag::Result<Vec<(Key, Node)>> {
        let mut merged: Vec<(Key, Node)> = Vec::new();
        let mut own = Vec::with_capacity(entries.len());
        for (key, node) in entries {
            if key.name != "<<" {
                own.push((key, node));
                continue;
            }
            let sources = match node.value {
                Yaml::Map(_) => vec![node],
                Yaml::Seq(items) => items,
                _ => vec![node],
            };
            for source in sources {
                let range = source.range.start as usize..source.range.end as usize;
                let Yaml::Map(map) = source.value else {
                    return Err(self.error("`<<` merges mappings only", range, "this is not a mapping"));
                };
                for entry in map.entries {
                    if !merged.iter().any(|(key, _)| key.name == entry.0.name) {
                        merged.push(entry);
                    }
                }
            }
        }
        merged.retain(|(key, _)| !own.iter().any(|(mine, _)| mine.name == key.name));
        merged.extend(own);
        Ok(merged)
    }

    /// Of equal keys the last value wins, as in PyYAML, at the place of the first.
    fn deduplicate(&mut self, entries: Vec<(Key, Node)>) -> Vec<(Key, Node)> {
        if !has_duplicates(&entries) {
            return entries;
        }
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut kept: Vec<(Key, Node)> = Vec::with_capacity(entries.len());
        for (key, node) in entries {
            match places.entry(key.name.clone()) {
                Entry::Vacant(place) => {
                    place.insert(kept.len());
                    kept.push((key, node));
                }
                Entry::Occupied(place) => {
                    let first = &mut kept[*place.get()];
                    self.warnings.push(duplicate_key(self.file, &first.0, &key));
                    *first = (key, node);
                }
            }
        }
        kept
    }
}

fn has_duplicates(entries: &[(Key, Node)]) -> bool {
    if entries.len() <= 16 {
        return entries.iter().enumerate().any(|(at, (key, _))| entries[..at].iter().any(|(k, _)| k.name == key.name));
    }
    let mut seen = std::collections::HashSet::with_capacity(entries.len());
    entries.iter().any(|(key, _)| !seen.insert(key.name.as_str()))
}

fn duplicate_key(file: &Arc<SourceFile>, first: &Key, second: &Key) -> Diagnostic {
    let span = |key: &Key| Span { file: file.clone(), range: key.range.clone() };
    Diagnostic::warning(Code::YamlSyntax, format!("the key `{}` is given twice", second.name))
        .deprecation(Deprecation::DuplicateYamlKeys)
        .at(span(second), "this one counts")
        .place(span(first), "this one is ignored")
}

/// From the first to the last byte of a list or mapping. The scanner ends block collections at the next token.
fn extent(start: &usize, end: usize, flow: bool, first: Option<u32>, last: Option<&Node>) -> Range<u32> {
    let start = if flow { *start as u32 } else { first.unwrap_or(*start as u32) };
    let end = if flow { end as u32 } else { last.map_or(start, |node| node.range.end) };
    // The last node may stand before the start if it is an alias.
    start..end.max(start)
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Yaml::Seq(items) => items.iter().map(size).sum(),
        Yaml::Map(map) => map.iter().map(|(_, node)| size(node)).sum(),
        _ => 0,
    }
}

/// The scanner counts characters; we want bytes. Events come nearly in order, so a moving cursor is enough.
struct Offsets<'a> {
    text: &'a str,
    /// Length of the byte order mark.
    skipped: usize,
    ascii: bool,
    chars: usize,
    bytes: usize,
}

impl Offsets<'_> {
    fn byte(&mut self, chars: usize) -> usize {
        if self.ascii {
            return chars.min(self.text.len()) + self.skipped;
        }
        if chars >= self.chars {
            let forward: usize = self.text[self.bytes..].chars().take(chars - self.chars).map(char::len_utf8).sum();
            self.bytes += forward;
        } else {
            let back = self.chars - chars;
            let backward: usize = self.text[..self.bytes].chars().rev().take(back).map(char::len_utf8).sum();
            self.bytes -= backward;
        }
        self.chars = chars;
        self.bytes + self.skipped
    }
}
