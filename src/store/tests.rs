use std::sync::Arc;

use indexmap::IndexMap;
use macro_rules_attribute::derive;
use serde_json::{Map, Value, json};

use super::{Tables, Writer, from_bytes, read, to_bytes, write};
use crate::diag::{Code, SourceFile, Span};
use crate::store::Stored;

#[derive(Debug, Clone, PartialEq, Stored!)]
struct Thing {
    name: Arc<str>,
    shape: Shape,
    places: Vec<Span>,
    values: Map<String, Value>,
    code: Code,
    word: &'static str,
}

#[derive(Debug, Clone, PartialEq, Stored!)]
enum Shape {
    /// Nothing to it.
    Plain,
    Sized(u64),
    Named {
        width: f64,
        label: Option<String>,
    },
    Last,
}

fn things() -> IndexMap<Arc<str>, Arc<Thing>> {
    let file = SourceFile::new("a.sql", "select 1");
    let shapes =
        [Shape::Plain, Shape::Sized(300), Shape::Named { width: -0.5, label: Some("é".to_owned()) }, Shape::Last];
    let values = json!({"b": [1, -1, 1.5, null, true, "x"], "a": {"z": {}}, "big": u64::MAX});
    let Value::Object(values) = values else { unreachable!() };
    (0..1000)
        .map(|number| {
            let name: Arc<str> = format!("thing {number}").into();
            let thing = Thing {
                name: name.clone(),
                shape: shapes[number % 4].clone(),
                places: vec![Span::new(&file, 0..6)],
                values: values.clone(),
                code: Code::Cycle,
                word: "sql",
            };
            (name, Arc::new(thing))
        })
        .collect()
}

#[test]
fn values_come_back_as_they_were() {
    let things = things();
    let mut out = Writer::default();
    let bytes = to_bytes(&things, &mut out);
    assert_eq!(out.refused(), None);
    let tables = Tables::load(&out.tables()).unwrap();
    assert_eq!(tables.files.len(), 1, "a file is stored once");
    let back: IndexMap<Arc<str>, Arc<Thing>> = from_bytes(&bytes, &tables).unwrap();
    assert!(back.iter().eq(things.iter()), "also in the same order");
    assert_eq!(back[0].places[0].text(), "select");
    assert!(back[0].values.keys().eq(["b", "a", "big"]), "keys keep their order");
}

#[test]
fn cut_off_bytes_are_no_value() {
    let mut out = Writer::default();
    let bytes = to_bytes(&things(), &mut out);
    let tables = Tables::load(&out.tables()).unwrap();
    for end in (0..bytes.len()).step_by(997) {
        assert!(from_bytes::<IndexMap<Arc<str>, Arc<Thing>>>(&bytes[..end], &tables).is_none());
    }
}

#[test]
fn secrets_and_unknown_words_are_refused() {
    let mut out = Writer::default();
    to_bytes(&Span::new(&SourceFile::with_secrets("profiles.yml", "a: b", "a: *".to_owned()), 0..1), &mut out);
    assert!(out.refused().is_some());
    let mut out = Writer::default();
    to_bytes(&"not a word of ours", &mut out);
    assert!(out.refused().is_some());
}

#[test]
fn a_file_of_sections_tells_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("target/state.bin");
    assert_eq!(read(&path, "1").unwrap_err(), "there is no saved state");
    write(&path, "1", &[b"first", b"", b"third"]).unwrap();
    let sections = read(&path, "1").unwrap();
    assert_eq!(sections.section(2).unwrap(), b"third");
    assert_eq!(sections.section(1).unwrap(), b"");
    assert_eq!(sections.section(3), None);
    assert!(read(&path, "2").unwrap_err().contains("another version"));

    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let intact = read(&path, "1").is_ok_and(|open| (0..3).all(|number| open.section(number).is_some()));
        assert!(!intact, "a changed byte {at} is noticed");
        std::fs::write(&path, &whole[..at]).unwrap();
        let intact = read(&path, "1").is_ok_and(|open| (0..3).all(|number| open.section(number).is_some()));
        assert!(!intact, "an end after {at} bytes is noticed");
    }
}
