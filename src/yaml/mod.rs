//! Floor 2. YAML with places: [`parse`] gives a tree of [`Node`]s that know where they stand in the file; [`Fields`]
//! reads a mapping key by key and reports unknown ones.
//!
//! Scalars follow YAML 1.1 as PyYAML reads it (`yes`, `0o17`, `1_000`), because that is what dbt projects are
//! written against.

mod emit;
mod fields;
mod parser;
mod scalar;
mod syntax;

use std::ops::Range;

use serde_json::{Map, Value};

pub use emit::emit;
pub use fields::{Fields, unknown_key};
pub use parser::parse;

/// A value and its bytes in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub value: Yaml,
    pub range: Range<u32>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Yaml {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    Seq(Vec<Node>),
    Map(Mapping),
}

/// A key of a mapping. Keys that are not strings are kept as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    pub name: String,
    pub range: Range<u32>,
}

/// The entries in the order of the file; merge keys (`<<`) are already resolved, of duplicate keys the last one is kept.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mapping {
    pub entries: Vec<(Key, Node)>,
}

impl Mapping {
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.entry(name).map(|(_, node)| node)
    }

    pub fn entry(&self, name: &str) -> Option<&(Key, Node)> {
        self.entries.iter().find(|(key, _)| key.name == name)
    }

    pub fn iter(&self) -> std::slice::Iter<'_, (Key, Node)> {
        self.entries.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Removes and returns an entry.
    pub fn remove(&mut self, name: &str) -> Option<(Key, Node)> {
        let at = self.entries.iter().position(|(key, _)| key.name == name)?;
        Some(self.entries.remove(at))
    }
}

impl<'a> IntoIterator for &'a Mapping {
    type Item = &'a (Key, Node);
    type IntoIter = std::slice::Iter<'a, (Key, Node)>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Node {
    pub fn new(value: Yaml, range: Range<u32>) -> Self {
        Self { value, range }
    }

    pub fn null() -> Self {
        Self::new(Yaml::Null, 0..0)
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Yaml::Str(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&Mapping> {
        match &self.value {
            Yaml::Map(map) => Some(map),
            _ => None,
        }
    }

    pub fn as_seq(&self) -> Option<&[Node]> {
        match &self.value {
            Yaml::Seq(items) => Some(items),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        self.value == Yaml::Null
    }

    /// The value of a key, if this is a mapping that has it.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.as_map()?.get(name)
    }

    /// What it is, for messages: "a list", "a mapping", …
    pub fn kind(&self) -> &'static str {
        match self.value {
            Yaml::Null => "nothing",
            Yaml::Bool(_) => "a boolean",
            Yaml::Int(_) | Yaml::Float(_) => "a number",
            Yaml::Str(_) => "a text",
            Yaml::Seq(_) => "a list",
            Yaml::Map(_) => "a mapping",
        }
    }

    /// The same data without places. Infinities and NaN, which JSON lacks, become their YAML spelling.
    pub fn to_json(&self) -> Value {
        match &self.value {
            Yaml::Null => Value::Null,
            Yaml::Bool(value) => Value::Bool(*value),
            Yaml::Int(value) => Value::from(*value),
            Yaml::Float(value) => scalar::float_to_json(*value),
            Yaml::Str(text) => Value::String(text.clone()),
            Yaml::Seq(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Yaml::Map(map) => Value::Object(map.to_json()),
        }
    }

    /// A tree made of data, every node standing at `range`.
    pub fn from_json(value: &Value, range: &Range<u32>) -> Self {
        let yaml = match value {
            Value::Null => Yaml::Null,
            Value::Bool(value) => Yaml::Bool(*value),
            Value::Number(number) => match number.as_i64() {
                Some(int) => Yaml::Int(int),
                None => Yaml::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => Yaml::Str(text.clone()),
            Value::Array(items) => Yaml::Seq(items.iter().map(|item| Self::from_json(item, range)).collect()),
            Value::Object(map) => Yaml::Map(Mapping {
                entries: map
                    .iter()
                    .map(|(name, value)| {
                        (Key { name: name.clone(), range: range.clone() }, Self::from_json(value, range))
                    })
                    .collect(),
            }),
        };
        Self::new(yaml, range.clone())
    }
}

impl Mapping {
    pub fn to_json(&self) -> Map<String, Value> {
        self.entries.iter().map(|(key, node)| (key.name.clone(), node.to_json())).collect()
    }
}

#[cfg(test)]
mod tests;
