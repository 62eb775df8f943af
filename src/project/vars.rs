//! Variables: `vars:` of all packages and `--vars`, merged per package.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::WrittenVars;
use crate::diag::{Span, suggest};
use crate::yaml::{Key, Mapping, Node, Yaml};

/// Which value a variable has in which package. From the strongest: `--vars`, the root project's variables for that
/// package, the root project's global ones, the package's own.
#[derive(Debug, Default)]
pub struct Vars {
    root: String,
    packages: HashMap<String, Map<String, Value>>,
    declared: HashMap<String, Vec<Declared>>,
}

/// A variable of a project file.
#[derive(Debug)]
struct Declared {
    name: String,
    /// From `vars:` to the key.
    span: Span,
    value: Value,
}

/// `vars:` of one package.
pub(super) struct Declaration<'a> {
    pub package: &'a str,
    pub vars: Option<&'a WrittenVars>,
}

impl Declaration<'_> {
    fn map(&self) -> Option<&Mapping> {
        self.vars?.node.as_map()
    }

    /// The variables that a package sees: the global ones, overlaid by those under its name.
    fn seen_by(&self, package: &str) -> Map<String, Value> {
        let Some(map) = self.map() else { return Map::new() };
        let mut seen = map.to_json();
        if let Some(Value::Object(scoped)) = seen.get(package).cloned() {
            seen.extend(scoped);
        }
        seen
    }

    fn declared(&self) -> Vec<Declared> {
        let Some(WrittenVars { file, key, node }) = self.vars else { return Vec::new() };
        let Some(map) = node.as_map() else { return Vec::new() };
        let declared = |(name, node): &(Key, Node)| Declared {
            name: name.name.clone(),
            span: Span { file: file.clone(), range: key.range.start..name.range.end },
            value: node.to_json(),
        };
        let scoped = map.iter().filter_map(|(name, node)| match &node.value {
            Yaml::Map(scoped) if name.name == self.package => Some(scoped),
            _ => None,
        });
        map.iter().map(declared).chain(scoped.flat_map(|scoped| scoped.iter().map(declared))).collect()
    }
}

impl Vars {
    /// Only `--vars`: what dbt_project.yml itself may use.
    pub fn command_line(vars: &Map<String, Value>) -> Self {
        Self { packages: HashMap::from([(String::new(), vars.clone())]), ..Self::default() }
    }

    /// `declarations` begin with the root project's.
    pub(super) fn new(command_line: &Map<String, Value>, declarations: &[Declaration<'_>]) -> Self {
        let Some(root) = declarations.first() else { return Self::command_line(command_line) };
        let mut vars = Self { root: root.package.to_owned(), ..Self::default() };
        for declaration in declarations {
            let mut merged = declaration.seen_by(declaration.package);
            merged.extend(root.seen_by(declaration.package));
            merged.extend(command_line.clone());
            vars.packages.insert(declaration.package.to_owned(), merged);
            vars.declared.insert(declaration.package.to_owned(), declaration.declared());
        }
        vars
    }

    /// The value that a package sees; packages without variables see those of the root project.
    pub fn get(&self, package: &str, name: &str) -> Option<&Value> {
        self.of(package)?.get(name)
    }

    /// Everything that a package sees.
    pub fn of(&self, package: &str) -> Option<&Map<String, Value>> {
        self.packages.get(package).or_else(|| self.packages.get(&self.root))
    }

    /// The declared variable whose name is nearest: where it is declared, and its value.
    pub fn nearest(&self, package: &str, name: &str) -> Option<(&Span, &Value)> {
        let declared =
            || [package, self.root.as_str()].into_iter().filter_map(|package| self.declared.get(package)).flatten();
        let near = suggest::nearest(name, declared().map(|var| var.name.as_str()))?;
        declared().find(|var| var.name == near).map(|var| (&var.span, &var.value))
    }
}
