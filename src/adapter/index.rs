//! Indexes of config `indexes`, and how a table gets from those that it has to those that it should have.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::shorten;
use crate::diag::suggest;
use crate::sql::index::{Key, Kind, Part, Shape};

/// The comment of an index that is ours starts with this; what follows is its definition. Any other index is the user's.
const MARK: &str = "headwater: ";
/// The longest comment that servers take for an index, in characters.
const LONGEST_COMMENT: usize = 1024;

const KNOWN: &[&str] = &["columns", "name", "type", "unique"];
const TYPES: &[&str] = &["btree", "hash", "fulltext", "spatial"];

/// One entry of config `indexes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// None: one is made of the columns.
    pub name: Option<String>,
    pub shape: Shape,
    /// `btree` or `hash`, where it was said.
    pub using: Option<String>,
}

impl Index {
    /// Reads one entry: `{columns, unique, type, name}`.
    ///
    /// # Errors
    /// Says what is wrong with it, to follow `config indexes`.
    pub fn read(entry: &Value) -> Result<Self, String> {
        let Value::Object(entry) = entry else {
            return Err(format!("must be a list of mappings with `columns`, found `{entry}`"));
        };
        if let Some(key) = entry.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            let near = suggest::nearest(key, KNOWN.iter().copied());
            let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            return Err(format!("has an entry with the unknown key `{key}`{hint}"));
        }
        let given = |key: &str| entry.get(key).filter(|value| !value.is_null());
        let unique = match given("unique") {
            None => false,
            Some(Value::Bool(unique)) => *unique,
            Some(other) => return Err(format!("has an entry whose `unique` is `{other}`: it is true or false")),
        };
        let (kind, using) = match given("type") {
            None => (Kind::Plain, None),
            Some(name) => kind(name)?,
        };
        if unique && kind != Kind::Plain {
            return Err("has an entry that is `unique` and of a type that cannot be".to_owned());
        }
        let keys = keys(entry)?;
        if (kind != Kind::Plain || using.as_deref() == Some("hash")) && keys.iter().any(|key| key.descending) {
            return Err("has an entry with a `desc` column and of a type that has no order".to_owned());
        }
        let name = match given("name") {
            None => None,
            Some(Value::String(name)) if name.eq_ignore_ascii_case("primary") => {
                return Err("has an entry called `primary`: that is config `primary_key`".to_owned());
            }
            Some(Value::String(name)) if !name.trim().is_empty() => Some(name.trim().to_owned()),
            Some(other) => return Err(format!("has an entry whose `name` is `{other}`: it is a text")),
        };
        Ok(Self { name, shape: Shape { unique, kind, keys }, using })
    }

    /// Its name: the given one, or one that says what it is on and stays the same as long as the index does.
    /// `table` keeps names apart where they are unique in a schema.
    pub fn name(&self, table: &str, limit: usize) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
        let plain = |c: char| if c.is_alphanumeric() { c } else { '_' };
        let columns = self.shape.keys.iter().map(|key| match &key.part {
            Part::Column(name) => name.chars().map(plain).collect(),
            Part::Expression(_) => "expression".to_owned(),
        });
        let digest = Sha256::digest(format!("{table}|{}", self.definition()));
        let hash: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let columns = columns.collect::<Vec<_>>().join("_");
        // The hash at the end must stay whole: it keeps two indexes on nearly the same columns apart.
        let columns = shorten(&columns, limit.saturating_sub("idx__".len() + hash.len()));
        format!("idx_{columns}_{hash}")
    }

    fn definition(&self) -> String {
        let using = self.using.as_ref().map(|using| format!(" using {using}")).unwrap_or_default();
        format!("{}{using}", self.shape)
    }

    /// What is written beside it in the catalog, so that it is known again.
    pub fn comment(&self) -> String {
        shorten(&format!("{MARK}{}", self.definition()), LONGEST_COMMENT)
    }

    /// The names of the columns that it is on.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.shape.keys.iter().filter_map(|key| match &key.part {
            Part::Column(name) => Some(name.as_str()),
            Part::Expression(_) => None,
        })
    }
}

fn kind(name: &Value) -> Result<(Kind, Option<String>), String> {
    let text = name.as_str().map(str::to_lowercase).unwrap_or_default();
    match text.as_str() {
        "fulltext" => Ok((Kind::Fulltext, None)),
        "spatial" => Ok((Kind::Spatial, None)),
        "btree" | "hash" => Ok((Kind::Plain, Some(text))),
        _ => {
            let near = suggest::nearest(&text, TYPES.iter().copied());
            let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            Err(format!("has an entry of type `{}`, which is none of {}{hint}", plain(name), TYPES.join(", ")))
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn keys(entry: &Map<String, Value>) -> Result<Vec<Key>, String> {
    let texts: Vec<&Value> = match entry.get("columns") {
        Some(Value::Array(columns)) => columns.iter().collect(),
        Some(one @ Value::String(_)) => vec![one],
        _ => Vec::new(),
    };
    if texts.is_empty() {
        return Err("has an entry without `columns`".to_owned());
    }
    let key = |text: &Value| match text.as_str() {
        Some(text) => Key::parse(text).map_err(|problem| format!("has an entry in which {problem}")),
        None => Err(format!("has an entry with the column `{text}`: it is a text")),
    };
    let keys = texts.into_iter().map(key).collect::<Result<Vec<_>, _>>()?;
    for (at, key) in keys.iter().enumerate() {
        let same = |other: &Key| matches!((&other.part, &key.part), (Part::Column(a), Part::Column(b)) if a.eq_ignore_ascii_case(b));
        if keys[..at].iter().any(same) {
            return Err(format!("has an entry with the column `{key}` twice"));
        }
    }
    Ok(keys)
}

/// An index that a table has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingIndex {
    pub name: String,
    /// None where it is of a kind that we do not know.
    pub shape: Option<Shape>,
    pub comment: String,
}

impl ExistingIndex {
    fn is_ours(&self) -> bool {
        self.comment.starts_with(MARK)
    }

    pub fn is_like(&self, wanted: &Shape) -> bool {
        self.shape.as_ref().is_some_and(|shape| shape.is_like(wanted))
    }
}

/// What has to be done to a table's indexes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// With their names.
    pub create: Vec<(String, Index)>,
    /// Before the others are made: one of the same name may be among them.
    pub drop: Vec<String>,
    /// A wanted name that an index has which we did not make.
    pub taken: Vec<(String, ExistingIndex)>,
}

/// What brings the table from the indexes that it has to those that it should have. One that we did not make is never
/// touched; if it does what an unnamed one is for, that one is not made.
pub fn changes(existing: &[ExistingIndex], wanted: &[(String, Index)]) -> Changes {
    let mut changes = Changes::default();
    let same_name = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    for (name, index) in wanted {
        match existing.iter().find(|there| same_name(&there.name, name)) {
            Some(there) if there.is_ours() && there.comment == index.comment() => {}
            Some(there) if there.is_ours() => {
                changes.drop.push(there.name.clone());
                changes.create.push((name.clone(), index.clone()));
            }
            Some(there) if there.is_like(&index.shape) => {}
            Some(there) => changes.taken.push((name.clone(), there.clone())),
            None if index.name.is_none()
                && existing.iter().any(|there| !there.is_ours() && there.is_like(&index.shape)) => {}
            None => changes.create.push((name.clone(), index.clone())),
        }
    }
    let unwanted = |there: &&ExistingIndex| !wanted.iter().any(|(name, _)| same_name(name, &there.name));
    let dropped = existing.iter().filter(|there| there.is_ours()).filter(unwanted);
    changes.drop.extend(dropped.map(|there| there.name.clone()));
    changes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted(entry: Value) -> (String, Index) {
        let index = Index::read(&entry).expect("a good entry");
        (index.name("t", 64), index)
    }

    fn existing(wanted: &(String, Index), ours: bool) -> ExistingIndex {
        let (name, index) = wanted;
        let comment = if ours { index.comment() } else { String::new() };
        ExistingIndex { name: name.clone(), shape: Some(index.shape.clone()), comment }
    }

    #[test]
    fn names_say_what_they_are_on_and_differ_with_it() {
        let (name, _) = wanted(json!({"columns": ["store_id", "note(20) desc"]}));
        assert!(name.starts_with("idx_store_id_note_") && name.len() == 26, "{name}");
        let (other, _) = wanted(json!({"columns": ["store_id", "note(30) desc"]}));
        assert_ne!(name, other);
        let (long, _) = wanted(json!({"columns": ["c".repeat(60), "d".repeat(60)]}));
        assert_eq!(long.len(), 64);
    }

    #[test]
    fn only_what_differs_is_changed_and_only_what_is_ours_is_dropped() {
        let old = wanted(json!({"columns": ["a"], "name": "x"}));
        let new = wanted(json!({"columns": ["b"], "name": "x"}));
        let gone = wanted(json!({"columns": ["c"]}));
        let theirs = existing(&wanted(json!({"columns": ["d"], "name": "dba"})), false);
        let there = [existing(&old, true), existing(&gone, true), theirs];
        assert_eq!(changes(&there, &[old.clone(), gone.clone()]), Changes::default());
        let now = changes(&there, std::slice::from_ref(&new));
        assert_eq!((now.create, now.drop), (vec![new], vec!["x".to_owned(), gone.0]));
    }

    #[test]
    fn an_index_of_the_user_serves_or_is_in_the_way() {
        let unnamed = wanted(json!({"columns": ["d"]}));
        let theirs = existing(&wanted(json!({"columns": ["D"], "name": "dba"})), false);
        assert_eq!(changes(std::slice::from_ref(&theirs), &[unnamed]), Changes::default());
        let other = wanted(json!({"columns": ["e"], "name": "DBA"}));
        let now = changes(std::slice::from_ref(&theirs), &[other]);
        assert_eq!((now.taken.len(), now.create.len(), now.drop.len()), (1, 0, 0));
    }

    #[test]
    fn entries_are_checked() {
        let problem = |entry: Value| Index::read(&entry).expect_err("a bad entry");
        assert!(problem(json!("a")).contains("must be a list"));
        assert!(problem(json!({"column": ["a"]})).contains("did you mean `columns`?"));
        assert!(problem(json!({"columns": ["a"], "type": "btre"})).contains("did you mean `btree`?"));
        assert!(problem(json!({"columns": []})).contains("without `columns`"));
        assert!(problem(json!({"columns": ["a", "A desc"]})).contains("twice"));
        assert!(problem(json!({"columns": ["a"], "type": "fulltext", "unique": true})).contains("cannot be"));
        assert!(problem(json!({"columns": ["a desc"], "type": "hash"})).contains("no order"));
    }
}
