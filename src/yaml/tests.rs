use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::diag::render::{Style, text};
use crate::diag::{Code, Deprecation, Diagnostic, SourceFile};

fn file(text: &str) -> Arc<SourceFile> {
    SourceFile::new("models/a.yml", text)
}

fn data(text: &str) -> Value {
    parse(&file(text), &mut Vec::new()).unwrap().to_json()
}

fn error(text: &str) -> Diagnostic {
    *parse(&file(text), &mut Vec::new()).unwrap_err()
}

fn shown(diagnostic: Diagnostic) -> String {
    text(&[diagnostic], Style::PLAIN)
}

#[test]
fn empty_files_are_null() {
    for text in ["", "\n", "# nothing\n", "---\n", "\u{feff}"] {
        assert_eq!(data(text), Value::Null, "{text:?}");
    }
}

#[test]
fn nested_data_with_all_styles() {
    let text = "
version: 2
models:
  - name: a   # a comment
    description: >
      folded
      text
    sql: |
      one
        two
    tags: [x, 'y', \"z\\n\"]
    meta: {owner: me, n: 1.5, on: yes, nothing: }
  -  b
";
    let expected = json!({
        "version": 2,
        "models": [
            {
                "name": "a",
                "description": "folded text\n",
                "sql": "one\n  two\n",
                "tags": ["x", "y", "z\n"],
                "meta": {"owner": "me", "n": 1.5, "on": true, "nothing": null},
            },
            "b",
        ],
    });
    assert_eq!(data(text), expected);
}

#[test]
fn places_are_bytes_also_after_wide_characters_and_a_byte_order_mark() {
    let source = file("\u{feff}ä: 'ü'\nfoo:\n  bar: baz   \nlist: [1,\n  2]\n");
    let root = parse(&source, &mut Vec::new()).unwrap();
    let text = |range: &std::ops::Range<u32>| &source.text[range.start as usize..range.end as usize];
    let map = root.as_map().unwrap();
    let (key, node) = map.entry("ä").unwrap();
    assert_eq!((text(&key.range), text(&node.range)), ("ä", "'ü'"));
    assert_eq!(text(&map.get("foo").unwrap().range), "bar: baz");
    assert_eq!(text(&map.get("list").unwrap().range), "[1,\n  2]");
    assert_eq!(text(&map.get("foo").unwrap().get("bar").unwrap().range), "baz");
}

#[test]
fn anchors_aliases_and_merge_keys() {
    let text = "
base: &base {a: 1, b: 2}
more: &more {b: 3, c: 4}
one:
  <<: *base
  b: 9
two:
  <<: [*base, *more]
copy: *base
text: &t hello
again: *t
";
    let value = data(text);
    assert_eq!(value["one"], json!({"a": 1, "b": 9}));
    assert_eq!(value["two"], json!({"a": 1, "b": 2, "c": 4}));
    assert_eq!(value["copy"], value["base"]);
    assert_eq!(value["again"], "hello");
}

#[test]
fn tags_set_the_type() {
    assert_eq!(data("a: !!str 12\nb: !!int '3'\nc: !!float 1\n"), json!({"a": "12", "b": 3, "c": 1.0}));
    assert!(error("a: !!python/object x\n").message.contains("tags other than"));
}

#[test]
fn endless_aliases_are_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let previous = format!("*a{}, ", level - 1).repeat(10);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", previous.trim_end_matches(", ")));
    }
    assert!(error(&text).message.contains("too large"), "{}", error(&text).message);
    assert!(error("a: &a [*a]\n").code == Code::YamlSyntax);
    let deep = "[".repeat(5000);
    assert_eq!(error(&deep).code, Code::YamlSyntax);
}

#[test]
fn a_duplicate_key_is_a_warning_and_the_last_one_counts() {
    let mut warnings = Vec::new();
    let root = parse(&file("a: 1\nb: 2\na: 3\n"), &mut warnings).unwrap();
    assert_eq!(root.to_json(), json!({"a": 3, "b": 2}));
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].message, "the key `a` is given twice");
    assert_eq!(warnings[0].primary.as_ref().unwrap().span.location(), "models/a.yml:3:1");
    let many: String = (0..40).map(|n| format!("k{n}: 1\n")).collect::<String>() + "k7: 2\n";
    warnings.clear();
    parse(&file(&many), &mut warnings).unwrap();
    assert_eq!(warnings.len(), 1);
}

#[test]
fn several_documents_are_an_error() {
    let error = error("a: 1\n---\nb: 2\n");
    assert_eq!(error.message, "the file holds more than one YAML document");
    assert_eq!(error.primary.unwrap().span.location(), "models/a.yml:2:1");
}

#[test]
fn a_tab_is_named_and_shown() {
    let expected = "\
error[yaml-syntax]: a tab is used for indentation
  --> models/a.yml:3:1
   |
 3 |     - name: a
   | ^^^^ tab
   |
help: YAML allows blanks only: replace each tab by two blanks
";
    assert_eq!(shown(error("version: 2\nmodels:\n\t- name: a\n")), expected);
}

#[test]
fn unquoted_jinja_is_explained() {
    let expected = "\
error[yaml-syntax]: a Jinja expression must be quoted in YAML
  --> models/a.yml:2:11
   |
 2 |   schema: {{ var('schema') }}
   |           ^^^^^^^^^^^^^^^^^^^ YAML reads `{` as the start of a mapping
   |
help: write `\"{{ var('schema') }}\"`
";
    assert_eq!(shown(error("sources:\n  schema: {{ var('schema') }}\n")), expected);
}

#[test]
fn common_mistakes_are_told_with_their_line() {
    let cases = [
        ("a: b: c\n", "a `:` stands where no key can be", 1),
        ("models:\n  - name: a\n    x: 1\n   y: 2\n", "bad indentation of a list", 4),
        ("models:\n  - name: a\n - name: b\n", "bad indentation of a mapping", 3),
        ("a: [1, 2\nb: 3\n", "a list in `[…]` is not closed", 2),
        ("a: 'text\n", "a quoted text is never closed", 1),
        ("a: \"x\\q\"\n", "an unknown escape in a quoted text", 1),
        ("a: *nope\n", "an alias without its anchor", 1),
        ("a: 1\nb\nc: 2\n", "a `:` is missing", 2),
    ];
    let told = cases.map(|(text, ..)| {
        let error = error(text);
        let span = error.primary.unwrap().span;
        (text, error.message, span.file.line_column(span.range.start as usize).0)
    });
    assert_eq!(told, cases.map(|(text, message, line)| (text, message.to_owned(), line)));
}

#[test]
fn fields_read_and_report() {
    let source = file("name: a\nenabled: maybe\ndescripton: x\ntags: one\ncount: 3\nfoo: 1\n");
    let root = parse(&source, &mut Vec::new()).unwrap();
    let mut diags = Vec::new();
    let mut fields = Fields::new(root, &source, "model", &mut diags).unwrap();
    assert_eq!(fields.required_str("name").as_deref(), Some("a"));
    assert_eq!(fields.required_str("schema"), None);
    assert_eq!(fields.str("description"), None);
    assert_eq!(fields.bool("enabled"), None);
    assert_eq!(fields.texts("tags"), Some(vec!["one".to_owned()]));
    assert_eq!(fields.int("count"), Some(3));
    fields.finish(Deprecation::CustomKeyInObject);
    let told: Vec<&str> = diags.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "a model has no `schema`",
            "`enabled` of a model must be true or false",
            "`descripton` is not a known key of a model",
            "`foo` is not a known key of a model",
        ]
    );
    assert_eq!(diags[2].primary.as_ref().unwrap().text, "did you mean `description`?");
    assert_eq!((diags[2].code, diags[3].code), (Code::UnknownKey, Code::Deprecated));
    assert_eq!(diags[3].deprecation, Some(Deprecation::CustomKeyInObject));
    let list = parse(&file("- 1\n"), &mut Vec::new()).unwrap();
    assert!(Fields::new(list, &source, "exposure", &mut diags).is_none());
    assert_eq!(diags[4].message, "expected a mapping for an exposure, found a list");
}
