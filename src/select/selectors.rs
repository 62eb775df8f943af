//! `selectors.yml`: selections with a name.

use std::sync::Arc;

use indexmap::IndexMap;

use super::Indirect;
use super::criterion::{Criterion, Expr, Reach, default_method};
use super::method::Method;
use crate::diag::{Code, Diagnostic, Result, SourceFile, Span, suggest};
use crate::yaml::{Mapping, Node, Yaml};

/// The definitions of selectors.yml, in their order.
#[derive(Debug, Clone, Default)]
pub struct Selectors {
    by_name: IndexMap<String, Selector>,
}

#[derive(Debug, Clone)]
pub(super) struct Selector {
    pub expr: Expr,
    pub default: bool,
    pub span: Span,
}

/// The keys of a full definition, `{method: …, value: …}`.
const KEYS: &[&str] = &[
    "method",
    "value",
    "parents",
    "parents_depth",
    "children",
    "children_depth",
    "childrens_parents",
    "indirect_selection",
    "exclude",
];

impl Selectors {
    /// Reads the rendered tree of selectors.yml.
    ///
    /// # Errors
    /// Every definition that cannot be understood.
    pub fn read(file: &Arc<SourceFile>, root: &Node) -> std::result::Result<Self, Vec<Diagnostic>> {
        let reader = Reader { file };
        let Some(list) = root.get("selectors").and_then(Node::as_seq) else {
            return Err(vec![*reader.problem(root, "selectors.yml needs a list under `selectors`")]);
        };
        let mut by_name: IndexMap<String, Selector> = IndexMap::new();
        let mut problems = Vec::new();
        for item in list {
            match reader.selector(item) {
                Ok((name, selector)) => {
                    if let Some(first) = by_name.get(&name) {
                        let again = format!("selector `{name}` is defined twice");
                        problems.push(
                            Diagnostic::error(Code::DuplicateName, again)
                                .at(selector.span, "again here")
                                .place(first.span.clone(), "first here"),
                        );
                    } else {
                        by_name.insert(name, selector);
                    }
                }
                Err(problem) => problems.push(*problem),
            }
        }
        problems.extend(two_defaults(&by_name));
        if problems.is_empty() { Ok(Self { by_name }) } else { Err(problems) }
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Whether any definition compares with an earlier state.
    pub(super) fn look_back(&self) -> bool {
        self.names().filter_map(|name| self.get(name)).any(|selector| selector.expr.looks_back(&|| false))
    }

    pub(super) fn get(&self, name: &str) -> Option<&Selector> {
        self.by_name.get(name)
    }

    /// The selector that is used when the command line selects nothing itself.
    pub fn default_name(&self) -> Option<&str> {
        self.by_name.iter().find(|(_, selector)| selector.default).map(|(name, _)| name.as_str())
    }
}

fn two_defaults(by_name: &IndexMap<String, Selector>) -> Option<Diagnostic> {
    let mut defaults = by_name.iter().filter(|(_, selector)| selector.default);
    let ((one, first), (two, second)) = (defaults.next()?, defaults.next()?);
    Some(
        Diagnostic::error(Code::Selection, format!("selectors `{one}` and `{two}` are both the default"))
            .at(second.span.clone(), "only one selector may have `default: true`")
            .place(first.span.clone(), "the other one"),
    )
}

struct Reader<'a> {
    file: &'a Arc<SourceFile>,
}

impl Reader<'_> {
    fn selector(&self, item: &Node) -> Result<(String, Selector)> {
        let map =
            item.as_map().ok_or_else(|| self.problem(item, "a selector is a mapping with `name` and `definition`"))?;
        let known = ["name", "description", "default", "definition"];
        self.refuse_unknown(map, &known)?;
        let name_node = map.get("name").ok_or_else(|| self.problem(item, "this selector has no `name`"))?;
        let name = name_node.as_str().ok_or_else(|| self.problem(name_node, "a selector's name is a text"))?;
        let definition = map
            .get("definition")
            .ok_or_else(|| self.problem(name_node, format!("selector `{name}` has no `definition`")))?;
        let default = match map.get("default").map(|node| (node, scalar(node))) {
            None => false,
            Some((node, text)) => match text.as_deref() {
                Some("true") => true,
                Some("false") => false,
                _ => return Err(self.problem(node, "`default` is true or false")),
            },
        };
        self.check_root(definition)?;
        Ok((name.to_owned(), Selector { expr: self.definition(definition)?, default, span: self.span(name_node) }))
    }

    /// At the root, `union` and `intersection` stand alone.
    fn check_root(&self, definition: &Node) -> Result<()> {
        match definition.as_map() {
            Some(map) if map.entries.len() > 1 && (map.get("union").is_some() || map.get("intersection").is_some()) => {
                Err(self
                    .problem(definition, "a definition has either one `union` or one `intersection`, and nothing else"))
            }
            _ => Ok(()),
        }
    }

    fn definition(&self, node: &Node) -> Result<Expr> {
        match &node.value {
            Yaml::Str(text) => Ok(Expr::One(self.placed(node, Criterion::parse(text))?)),
            Yaml::Map(map) => {
                if let Some(parts) = map.get("union") {
                    self.group(parts, "union", Expr::Union)
                } else if let Some(parts) = map.get("intersection") {
                    self.group(parts, "intersection", Expr::Intersection)
                } else {
                    self.criterion(node, map)
                }
            }
            _ => Err(self.problem(node, format!("a definition is a text or a mapping, this is {}", node.kind()))),
        }
    }

    /// The parts of a union or intersection; one of them may be `exclude:`.
    fn group(&self, node: &Node, name: &str, make: fn(Vec<Expr>) -> Expr) -> Result<Expr> {
        let parts = node.as_seq().ok_or_else(|| self.problem(node, format!("`{name}` is a list of definitions")))?;
        let mut include = Vec::new();
        let mut exclude = None;
        for part in parts {
            // A criterion with its own `exclude` has a method as well.
            match part.as_map().and_then(|map| map.get("exclude").filter(|_| map.get("method").is_none())) {
                None => include.push(self.definition(part)?),
                Some(list) if exclude.is_none() => exclude = Some(self.excluded(list)?),
                Some(list) => {
                    return Err(self.problem(list, format!("a `{name}` may have only one `exclude`")));
                }
            }
        }
        Ok(without(make(include), exclude))
    }

    fn excluded(&self, node: &Node) -> Result<Expr> {
        let parts = node.as_seq().ok_or_else(|| self.problem(node, "`exclude` is a list of definitions"))?;
        Ok(Expr::Union(parts.iter().map(|part| self.definition(part)).collect::<Result<_>>()?))
    }

    /// `{tag: nightly}` or `{method: tag, value: nightly, …}`.
    fn criterion(&self, node: &Node, map: &Mapping) -> Result<Expr> {
        if let [(key, value)] = &map.entries[..] {
            let text = format!("{}:{}", key.name, self.value(value)?);
            let method = self.placed(node, Method::parse(&key.name, &text))?;
            return Ok(Expr::One(plain(text, method, self.value(value)?)));
        }
        self.refuse_unknown(map, KEYS)?;
        let (Some(method_node), Some(value_node)) = (map.get("method"), map.get("value")) else {
            return Err(self.problem(node, "a definition needs `method` and `value`"));
        };
        let (name, value) = (self.value(method_node)?, self.value(value_node)?);
        let text = format!("{name}:{value}");
        let method = match name.as_str() {
            "" => default_method(&value),
            _ => self.placed(method_node, Method::parse(&name, &text))?,
        };
        let criterion = Criterion {
            parents: self.reach(map, "parents", "parents_depth")?,
            children: self.reach(map, "children", "children_depth")?,
            childrens_parents: self.flag(map, "childrens_parents")?,
            indirect: map.get("indirect_selection").map(|node| self.indirect(node)).transpose()?,
            ..plain(text, method, value)
        };
        if criterion.childrens_parents && criterion.children.is_some() {
            return Err(self.problem(node, "`childrens_parents` and `children` cannot be used together"));
        }
        let exclude = map.get("exclude").map(|list| self.excluded(list)).transpose()?;
        Ok(without(Expr::One(criterion), exclude))
    }

    fn reach(&self, map: &Mapping, flag: &str, depth: &str) -> Result<Option<Reach>> {
        let hops = match map.get(depth).filter(|node| !node.is_null()) {
            None => None,
            Some(node) => match scalar(node).and_then(|text| text.parse::<usize>().ok()) {
                Some(hops) => Some(hops),
                None => return Err(self.problem(node, format!("`{depth}` is a number of hops"))),
            },
        };
        Ok(self.flag(map, flag)?.then_some(hops))
    }

    fn flag(&self, map: &Mapping, name: &str) -> Result<bool> {
        match map.get(name).map(|node| (node, scalar(node))) {
            None => Ok(false),
            Some((node, text)) => match text.as_deref() {
                Some("true") => Ok(true),
                Some("false") => Ok(false),
                _ => Err(self.problem(node, format!("`{name}` is true or false"))),
            },
        }
    }

    fn indirect(&self, node: &Node) -> Result<Indirect> {
        let text = self.value(node)?;
        Indirect::parse(&text)
            .ok_or_else(|| self.problem(node, "`indirect_selection` is `eager`, `cautious`, `buildable` or `empty`"))
    }

    fn value(&self, node: &Node) -> Result<String> {
        scalar(node).ok_or_else(|| self.problem(node, format!("expected one value, found {}", node.kind())))
    }

    fn refuse_unknown(&self, map: &Mapping, known: &[&str]) -> Result<()> {
        let Some((key, _)) = map.iter().find(|(key, _)| !known.contains(&key.name.as_str())) else { return Ok(()) };
        let span = Span::new(self.file, key.range.start as usize..key.range.end as usize);
        let hint = suggest::nearest(&key.name, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        Err(Diagnostic::error(Code::UnknownKey, format!("`{}` is not a key of a selector", key.name))
            .at(span, hint.unwrap_or_default())
            .note(format!("keys here are `{}`", known.join("`, `")))
            .boxed())
    }

    /// Gives a problem of the text a place.
    fn placed<T>(&self, node: &Node, result: Result<T>) -> Result<T> {
        result.map_err(|problem| problem.at(self.span(node), "").boxed())
    }

    fn problem(&self, node: &Node, message: impl Into<String>) -> Box<Diagnostic> {
        Diagnostic::error(Code::Selection, message).at(self.span(node), "").boxed()
    }

    fn span(&self, node: &Node) -> Span {
        Span::new(self.file, node.range.start as usize..node.range.end as usize)
    }
}

fn plain(text: String, method: Method, value: String) -> Criterion {
    Criterion { text, method, value, parents: None, children: None, childrens_parents: false, indirect: None }
}

fn without(keep: Expr, exclude: Option<Expr>) -> Expr {
    match exclude {
        Some(exclude) => Expr::Difference(Box::new(keep), Box::new(exclude)),
        None => keep,
    }
}

/// A scalar as text: `true`, `3`.
fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Yaml::Str(text) => Some(text.clone()),
        Yaml::Bool(value) => Some(value.to_string()),
        Yaml::Int(value) => Some(value.to_string()),
        Yaml::Float(value) => Some(value.to_string()),
        Yaml::Null | Yaml::Seq(_) | Yaml::Map(_) => None,
    }
}
