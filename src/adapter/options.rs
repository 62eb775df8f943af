//! What a table is beside its columns: engine, row format, charset, partitions.

use serde_json::{Map, Value};

use super::ranges::Ranges;
use crate::diag::suggest;

/// Configs of one word, and what they may be where that is known.
const WORDS: &[(&str, &[&str])] = &[
    ("engine", &[]),
    ("row_format", &["default", "dynamic", "fixed", "compressed", "redundant", "compact", "page"]),
    ("charset", &[]),
    ("collation", &[]),
];
const PARTITION_KEYS: &[&str] = &["columns", "field", "partitions", "type"];
const PARTITION_TYPES: &[&str] = &["hash", "key"];

/// What `create table` says behind its columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableOptions {
    pub engine: Option<String>,
    pub row_format: Option<String>,
    pub charset: Option<String>,
    pub collation: Option<String>,
    /// The relation's description, where it is to be kept with the table.
    pub comment: Option<String>,
    pub partition_by: Option<PartitionBy>,
}

/// Config `partition_by`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartitionBy {
    /// What stands behind `partition by`.
    Text(String),
    Hashed {
        /// `hash` or `key`
        method: String,
        columns: Vec<String>,
        partitions: u64,
    },
    Ranges(Ranges),
}

impl TableOptions {
    /// Reads a node's config, which has been checked by [`problems`].
    pub fn read(config: impl Fn(&str) -> Option<Value>) -> Self {
        let word = |key| config(key).and_then(|value| value.as_str().map(str::to_owned));
        Self {
            engine: word("engine"),
            row_format: word("row_format"),
            charset: word("charset"),
            collation: word("collation"),
            comment: None,
            partition_by: config("partition_by").and_then(|value| PartitionBy::read(&value).ok()),
        }
    }

    /// The charset that is asked for, directly or by a collation that begins with its name.
    pub fn charset(&self) -> Option<&str> {
        let of_collation = || {
            let collation = self.collation.as_deref()?;
            // MariaDB's newer ones go with every charset.
            (!collation.to_lowercase().starts_with("uca1400")).then(|| collation.split('_').next().unwrap_or(collation))
        };
        self.charset.as_deref().or_else(of_collation)
    }
}

/// What is wrong with these configs: the key, and what follows its name.
pub fn problems(config: impl Fn(&str) -> Option<Value>) -> Vec<(&'static str, String)> {
    let mut problems = Vec::new();
    for (key, choices) in WORDS {
        let Some(value) = config(key) else { continue };
        let plain =
            |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        match value.as_str().filter(plain) {
            None => problems.push((*key, format!("must be one word, found `{value}`"))),
            Some(word) if !choices.is_empty() && !choices.contains(&word.to_lowercase().as_str()) => {
                let near = suggest::nearest(word, choices.iter().copied());
                let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                problems.push((*key, format!("must be one of {}, found `{word}`{hint}", choices.join(", "))));
            }
            Some(_) => {}
        }
    }
    if let Some(Err(problem)) = config("primary_key").map(|value| columns(&value)) {
        problems.push(("primary_key", problem));
    }
    if let Some(Err(problem)) = config("partition_by").map(|value| PartitionBy::read(&value)) {
        problems.push(("partition_by", problem));
    }
    problems
}

/// The columns of config `primary_key`: one name, or a list of names.
///
/// # Errors
/// Says what is wrong with it.
pub fn columns(value: &Value) -> Result<Vec<String>, String> {
    let names: Vec<&Value> = match value {
        Value::Array(names) => names.iter().collect(),
        one => vec![one],
    };
    let texts: Option<Vec<String>> = names
        .iter()
        .map(|name| name.as_str().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()))
        .collect();
    match texts {
        Some(texts) if !texts.is_empty() => Ok(texts),
        _ => Err(format!("must be the name of a column or a list of them, found `{value}`")),
    }
}

impl PartitionBy {
    /// Reads `range (…) (…)`, `{type: hash | key, columns, partitions}`, or the mapping of [`Ranges`].
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn read(value: &Value) -> Result<Self, String> {
        let entry = match value {
            Value::String(text) if !text.trim().is_empty() => {
                let text = text.trim();
                let written = text.get(..13).is_some_and(|start| start.eq_ignore_ascii_case("partition by "));
                return Ok(Self::Text(if written { text[13..].trim() } else { text }.to_owned()));
            }
            Value::Object(entry) => entry,
            other => return Err(format!("must be a text or a mapping, found `{other}`")),
        };
        let method = entry.get("type").and_then(Value::as_str).unwrap_or_default().to_lowercase();
        let is_counted = entry.contains_key("columns") || entry.contains_key("partitions");
        if method == "range" || !(entry.contains_key("type") || is_counted) {
            return Ranges::read(entry).map(Self::Ranges);
        }
        if let Some(key) = entry.keys().find(|key| !PARTITION_KEYS.contains(&key.as_str())) {
            let near = suggest::nearest(key, PARTITION_KEYS.iter().copied());
            let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            return Err(format!("has the unknown key `{key}`{hint}"));
        }
        if !PARTITION_TYPES.contains(&method.as_str()) {
            let others = "ranges have `field` and no `type`, and lists are written as text: `list (store_id) (partition north values in (1, 2), …)`";
            return Err(format!("has a `type` that is none of {}; {others}", PARTITION_TYPES.join(", ")));
        }
        let names = Self::columns_of(entry)?;
        if method == "hash" && names.len() > 1 {
            return Err("of type `hash` takes one column: use type `key` for several".to_owned());
        }
        match entry.get("partitions").and_then(Value::as_u64) {
            Some(partitions @ 1..=8192) => Ok(Self::Hashed { method, columns: names, partitions }),
            _ => Err("needs `partitions`, a number from 1 to 8192".to_owned()),
        }
    }

    fn columns_of(entry: &Map<String, Value>) -> Result<Vec<String>, String> {
        match (entry.get("columns"), entry.get("field")) {
            (Some(value), None) | (None, Some(value)) => {
                columns(value).map_err(|problem| format!("has `columns` that {problem}"))
            }
            _ => Err("needs `columns`".to_owned()),
        }
    }

    /// The columns. None are told where they are in an expression that is more than a function of one.
    pub fn columns(&self) -> Vec<String> {
        match self {
            Self::Text(text) => columns_of_text(text).unwrap_or_default(),
            Self::Hashed { columns, .. } => columns.clone(),
            Self::Ranges(ranges) => vec![ranges.field.clone()],
        }
    }
}

/// `range columns`, what stands in its parentheses, and what follows them.
pub(super) fn head(text: &str) -> Option<(&str, &str, &str)> {
    let open = text.find('(')?;
    let mut depth = 0;
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < open) {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if depth == 0 {
            return Some((text[..open].trim(), text[open + 1..at].trim(), &text[at + 1..]));
        }
    }
    None
}

/// `day` of `range (to_days(day)) (…)`
fn columns_of_text(text: &str) -> Option<Vec<String>> {
    fn name(part: &str) -> Option<String> {
        let part = part.trim();
        let bare = part.strip_prefix('`').and_then(|part| part.strip_suffix('`')).unwrap_or(part);
        let is_name = !bare.is_empty() && bare.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$');
        (is_name && !bare.starts_with(|c: char| c.is_ascii_digit())).then(|| bare.to_owned())
    }
    let (_, inner, _) = head(text)?;
    let of_one = inner.strip_suffix(')').and_then(|inner| inner.split_once('('));
    match of_one {
        Some((function, argument)) => {
            name(function)?;
            Some(vec![name(argument)?])
        }
        None => inner.split(',').map(name).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn partitions_are_text_or_counted() {
        let read = |value: Value| PartitionBy::read(&value);
        assert_eq!(read(json!("PARTITION BY range (id) (…)")), Ok(PartitionBy::Text("range (id) (…)".to_owned())));
        let hashed = PartitionBy::Hashed { method: "hash".into(), columns: vec!["id".into()], partitions: 8 };
        assert_eq!(read(json!({"type": "HASH", "field": "id", "partitions": 8})), Ok(hashed));
        let problem = |value: Value| read(value).expect_err("a wrong value");
        assert!(problem(json!({"type": "list", "columns": ["id"]})).contains("lists are written as text"));
        assert!(problem(json!({"type": "range", "field": "id", "granularity": "week"})).contains("none of hour, day"));
        assert!(problem(json!({"type": "key", "columns": ["a"]})).contains("needs `partitions`"));
        assert!(problem(json!({"type": "hash", "column": "a"})).contains("did you mean `columns`?"));
    }

    #[test]
    fn texts_tell_their_columns_where_these_stand_alone() {
        let columns = |text: &str| PartitionBy::Text(text.to_owned()).columns();
        assert_eq!(columns("range columns (`a b`, day) (partition p values less than (1, 2))"), [""; 0]);
        assert_eq!(columns("range columns (`a`, day) (partition p values less than (1, 2))"), ["a", "day"]);
        assert_eq!(columns("range (TO_DAYS( day )) (partition p values less than (to_days('2024-01-01')))"), ["day"]);
        assert_eq!(columns("key () partitions 4"), [""; 0]);
        assert_eq!(columns("range (extract(year from day)) (partition p values less than (1))"), [""; 0]);
        assert_eq!(columns("hash (a + b) partitions 2"), [""; 0]);
    }

    #[test]
    fn a_collation_tells_its_charset() {
        let options =
            |collation: &str| TableOptions { collation: Some(collation.to_owned()), ..TableOptions::default() };
        assert_eq!(options("latin1_general_cs").charset(), Some("latin1"));
        assert_eq!(options("binary").charset(), Some("binary"));
        assert_eq!(options("uca1400_ai_ci").charset(), None);
    }
}
