//! Reading a mapping key by key.

use std::ops::Range;
use std::sync::Arc;

use super::{Key, Mapping, Node, Yaml};
use crate::diag::{Code, Deprecation, Diagnostic, SourceFile, Span, suggest};

/// A mapping that is being read. Each reader takes its key out; [`Fields::finish`] reports what nobody asked for.
/// A value of the wrong kind is reported and read as missing.
pub struct Fields<'a> {
    map: Mapping,
    range: Range<u32>,
    file: &'a Arc<SourceFile>,
    what: &'a str,
    known: Vec<&'static str>,
    /// Of the known ones those that were there, other than null.
    taken: Vec<&'static str>,
    diags: &'a mut Vec<Diagnostic>,
}

impl<'a> Fields<'a> {
    /// `what` names the mapping in messages: "model". None, with a diagnostic, if the node is not a mapping.
    pub fn new(node: Node, file: &'a Arc<SourceFile>, what: &'a str, diags: &'a mut Vec<Diagnostic>) -> Option<Self> {
        match node.value {
            Yaml::Map(map) => {
                Some(Self { map, range: node.range, file, what, known: Vec::new(), taken: Vec::new(), diags })
            }
            _ => {
                let message = format!("expected a mapping for {}, found {}", article(what), node.kind());
                let span = Span { file: file.clone(), range: node.range };
                diags.push(Diagnostic::error(Code::InvalidValue, message).at(span, ""));
                None
            }
        }
    }

    pub fn span(&self, range: &Range<u32>) -> Span {
        Span { file: self.file.clone(), range: range.clone() }
    }

    pub fn file(&self) -> &Arc<SourceFile> {
        self.file
    }

    /// The bytes of a key, if it is there.
    pub fn key_range(&self, name: &str) -> Option<Range<u32>> {
        self.map.entry(name).map(|(key, _)| key.range.clone())
    }

    /// The bytes of the whole mapping.
    pub fn range(&self) -> Range<u32> {
        self.range.clone()
    }

    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diags.push(diagnostic);
    }

    /// For readers of inner nodes, which report on their own.
    pub fn diags(&mut self) -> &mut Vec<Diagnostic> {
        self.diags
    }

    pub fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some()
    }

    /// Whether there is a value that is not null.
    pub fn is_set(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|node| !node.is_null())
    }

    /// The keys that nobody has asked for yet.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.map.entries.iter().map(|(key, _)| key)
    }

    /// Drops a key that is not a known one.
    pub fn remove(&mut self, name: &str) {
        self.map.remove(name);
    }

    /// The value as it stands, whatever it is; also `Null`.
    pub fn take(&mut self, name: &'static str) -> Option<Node> {
        self.entry(name).map(|(_, node)| node)
    }

    /// The key with its place, and the value.
    pub fn entry(&mut self, name: &'static str) -> Option<(Key, Node)> {
        self.known.push(name);
        let entry = self.map.remove(name)?;
        if !entry.1.is_null() {
            self.taken.push(name);
        }
        Some(entry)
    }

    /// A text; numbers and booleans are taken as texts. `null` is missing.
    pub fn str(&mut self, name: &'static str) -> Option<String> {
        self.spanned_str(name).map(|(text, _)| text)
    }

    pub fn spanned_str(&mut self, name: &'static str) -> Option<(String, Range<u32>)> {
        let node = self.present(name)?;
        match text(&node.value) {
            Some(text) => Some((text, node.range)),
            None => self.wrong(name, "a text", &node),
        }
    }

    /// Reports a key that is missing or null.
    pub fn required_str(&mut self, name: &'static str) -> Option<String> {
        self.required_spanned_str(name).map(|(text, _)| text)
    }

    pub fn required_spanned_str(&mut self, name: &'static str) -> Option<(String, Range<u32>)> {
        if self.map.get(name).is_none_or(Node::is_null) {
            self.entry(name);
            self.missing(name);
            return None;
        }
        self.spanned_str(name)
    }

    pub fn bool(&mut self, name: &'static str) -> Option<bool> {
        let node = self.present(name)?;
        match node.value {
            Yaml::Bool(value) => Some(value),
            _ => self.wrong(name, "true or false", &node),
        }
    }

    pub fn int(&mut self, name: &'static str) -> Option<i64> {
        let node = self.present(name)?;
        match node.value {
            Yaml::Int(value) => Some(value),
            _ => self.wrong(name, "a whole number", &node),
        }
    }

    /// The items of a list; empty if missing.
    pub fn list(&mut self, name: &'static str) -> Vec<Node> {
        let Some(node) = self.present(name) else { return Vec::new() };
        match node.value {
            Yaml::Seq(items) => items,
            _ => self.wrong(name, "a list", &node).unwrap_or_default(),
        }
    }

    /// A text or a list of texts; none if missing.
    pub fn texts(&mut self, name: &'static str) -> Option<Vec<String>> {
        let node = self.present(name)?;
        let texts: Option<Vec<String>> = match &node.value {
            Yaml::Seq(items) => items.iter().map(|item| text(&item.value)).collect(),
            value => text(value).map(|text| vec![text]),
        };
        match texts {
            Some(texts) => Some(texts),
            None => self.wrong(name, "a text or a list of texts", &node),
        }
    }

    pub fn map(&mut self, name: &'static str) -> Option<Mapping> {
        match self.map_node(name)?.value {
            Yaml::Map(map) => Some(map),
            _ => None,
        }
    }

    /// A mapping with its place.
    pub fn map_node(&mut self, name: &'static str) -> Option<Node> {
        let node = self.present(name)?;
        if node.as_map().is_some() { Some(node) } else { self.wrong(name, "a mapping", &node) }
    }

    /// Everything that nobody asked for.
    pub fn rest(self) -> Mapping {
        self.map
    }

    /// Warns of each key that nobody asked for: of one that is near to a known key as a mistake, of all others as what
    /// dbt calls `custom`.
    pub fn finish(self, custom: Deprecation) {
        for (key, _) in &self.map.entries {
            let near = suggest::nearest(&key.name, self.known.iter().copied());
            self.diags.push(unknown_key(self.file, key, &article(self.what), near, custom));
        }
    }

    /// Refuses each key that nobody has asked for.
    pub fn refuse_rest(&mut self) {
        for (key, _) in std::mem::take(&mut self.map.entries) {
            let message = format!("`{}` is not a known key of {}", key.name, article(self.what));
            let label = suggest::nearest(&key.name, self.known.iter().copied())
                .map_or_else(|| "remove it".to_owned(), |near| format!("did you mean `{near}`?"));
            let span = Span { file: self.file.clone(), range: key.range };
            self.diags.push(Diagnostic::error(Code::UnknownKey, message).at(span, label));
        }
    }

    /// No value other than null has been taken out under this key.
    pub fn is_absent(&self, name: &str) -> bool {
        !self.taken.contains(&name)
    }

    /// Reads an inner mapping with a reader of its own; keys that it does not ask for are warned of.
    pub fn nested<T>(&mut self, node: Node, what: &str, read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> Option<T> {
        let file = self.file.clone();
        let mut inner = Fields::new(node, &file, what, self.diags)?;
        let read = read(&mut inner);
        inner.finish(Deprecation::CustomKeyInObject);
        read
    }

    fn present(&mut self, name: &'static str) -> Option<Node> {
        self.take(name).filter(|node| !node.is_null())
    }

    /// Reports that a key is missing.
    pub fn missing(&mut self, name: &str) {
        let range = self.range.start as usize..self.range.end as usize;
        let line = self.file.line_column(range.start).0;
        let end = self.file.line_range(line).end.min(range.end).max(range.start);
        let message = format!("{} has no `{name}`", article(self.what));
        self.diags.push(
            Diagnostic::error(Code::MissingKey, message)
                .at(Span::new(self.file, range.start..end), format!("add `{name}:`")),
        );
    }

    fn wrong<T>(&mut self, name: &str, expected: &str, node: &Node) -> Option<T> {
        let message = format!("`{name}` of {} must be {expected}", article(self.what));
        let found = format!("this is {}", node.kind());
        self.diags.push(Diagnostic::error(Code::InvalidValue, message).at(self.span(&node.range), found));
        None
    }
}

fn text(value: &Yaml) -> Option<String> {
    match value {
        Yaml::Str(text) => Some(text.clone()),
        Yaml::Bool(value) => Some(value.to_string()),
        Yaml::Int(value) => Some(value.to_string()),
        Yaml::Float(value) => Some(format!("{value:?}")),
        _ => None,
    }
}

/// A key that is not known at its place. A near miss is a mistake, which has a code of its own and is told each time.
pub fn unknown_key(
    file: &Arc<SourceFile>,
    key: &Key,
    what: &str,
    near: Option<&str>,
    custom: Deprecation,
) -> Diagnostic {
    let message = format!("`{}` is not a known key of {what}", key.name);
    let span = Span { file: file.clone(), range: key.range.clone() };
    match near {
        Some(near) => Diagnostic::warning(Code::UnknownKey, message).at(span, format!("did you mean `{near}`?")),
        None => Diagnostic::deprecated(custom, message)
            .at(span, "it is left out")
            .help("keys of your own belong under `meta`"),
    }
    .deprecation(custom)
}

/// "a model", "an exposure"; names in backticks stay as they are.
fn article(what: &str) -> String {
    match what.chars().next() {
        Some('a' | 'e' | 'i' | 'o') => format!("an {what}"),
        Some('`') | None => what.to_owned(),
        _ => format!("a {what}"),
    }
}
