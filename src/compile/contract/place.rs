//! Where a contract stands in the properties file. Nodes do not carry these places: only a failure asks for them.

use std::sync::Arc;

use super::rule::Origin;
use crate::compile::{Runtime, Scope};
use crate::diag::{SourceFile, Span};
use crate::manifest::{self, Node};
use crate::yaml::{self, Yaml};

/// Where a config of the node that is being built is set: in its text, else in its entry, else its first line.
pub fn config_place(scope: &Scope, node: &Node, key: &str) -> Span {
    let written = node.body.text().contains(key);
    let entry = if written { None } else { Places::of(&scope.runtime, node) };
    entry.and_then(|places| places.config(key)).unwrap_or_else(|| manifest::place(node, key))
}

/// The entry of a node in its file.
pub struct Places {
    file: Arc<SourceFile>,
    entry: yaml::Node,
}

impl Places {
    /// Reads the file that describes the node once more; None where it is gone or changed beyond recognition.
    pub fn of(runtime: &Runtime, node: &Node) -> Option<Self> {
        let (package, path) = node.patch_path.as_deref()?.split_once("://")?;
        let package = runtime.project.package(package)?;
        let known = package.files.properties.iter().find(|file| file.path.original == path)?;
        let text = std::fs::read_to_string(&known.path.absolute).unwrap_or_else(|_| known.source.text.clone());
        let file = SourceFile::new(known.source.path.clone(), text);
        let root = yaml::parse(&file, &mut Vec::new()).ok()?;
        let Yaml::Map(mut root) = root.value else { return None };
        let (_, nodes) = root.remove(format!("{}s", node.resource_type.as_str()).as_str())?;
        let Yaml::Seq(nodes) = nodes.value else { return None };
        let entry = nodes.into_iter().find(|model| name(model) == Some(&node.name))?;
        Some(Self { file, entry })
    }

    /// The entry of a column, else the model's.
    pub fn column(&self, wanted: &str) -> Span {
        self.column_entry(wanted).map_or_else(|| self.model(), |found| self.line(found))
    }

    pub fn model(&self) -> Span {
        self.line(&self.entry)
    }

    pub fn rule(&self, origin: &Origin) -> Span {
        match origin {
            Origin::Column { name, at } => {
                let column = self.column_entry(name);
                let found = column.and_then(|column| column.get("constraints")?.as_seq()?.get(*at));
                found.map_or_else(|| self.column(name), |found| self.line(found))
            }
            Origin::Model { at } => {
                let found = self.entry.get("constraints").and_then(|list| list.as_seq()?.get(*at));
                found.map_or_else(|| self.model(), |found| self.line(found))
            }
            Origin::Config(key) => self.config(key).unwrap_or_else(|| self.model()),
        }
    }

    fn config(&self, key: &str) -> Option<Span> {
        let found = self.entry.get("config").and_then(|config| config.as_map()?.get(key));
        found.map(|found| self.line(found))
    }

    fn column_entry(&self, wanted: &str) -> Option<&yaml::Node> {
        let named =
            |node: &'_ yaml::Node| node.get("columns")?.as_seq()?.iter().position(|column| is_named(column, wanted));
        if let Some(at) = named(&self.entry) {
            return self.entry.get("columns")?.as_seq()?.get(at);
        }
        let versions = self.entry.get("versions")?.as_seq()?;
        versions
            .iter()
            .find_map(|version| version.get("columns")?.as_seq()?.iter().find(|column| is_named(column, wanted)))
    }

    fn line(&self, node: &yaml::Node) -> Span {
        let (line, _) = self.file.line_column(node.range.start as usize);
        Span::line(&self.file, line)
    }
}

fn name(node: &yaml::Node) -> Option<&str> {
    node.get("name")?.as_str()
}

fn is_named(column: &yaml::Node, wanted: &str) -> bool {
    name(column).is_some_and(|name| name.eq_ignore_ascii_case(wanted))
}
