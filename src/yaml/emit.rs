//! Writing YAML in the block style of PyYAML's `safe_dump`.

use serde_json::Value;

use super::{Yaml, scalar};

/// The value as YAML text, ending with a line break.
pub fn emit(value: &Value, sort_keys: bool) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(value, sort_keys, 0, &mut out),
        Value::Array(items) if !items.is_empty() => sequence(items, sort_keys, 0, &mut out),
        value => {
            out.push_str(&inline(value));
            out.push('\n');
        }
    }
    out
}

fn mapping(value: &Value, sort_keys: bool, indent: usize, out: &mut String) {
    let Value::Object(map) = value else { return };
    let mut entries: Vec<_> = map.iter().collect();
    if sort_keys {
        entries.sort_by(|a, b| a.0.cmp(b.0));
    }
    for (at, (key, value)) in entries.into_iter().enumerate() {
        // The first key of a mapping inside a list stands behind its dash.
        if at > 0 || out.is_empty() || out.ends_with('\n') {
            out.push_str(&" ".repeat(indent));
        }
        out.push_str(&text(key));
        out.push(':');
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                out.push('\n');
                mapping(value, sort_keys, indent + 2, out);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                sequence(items, sort_keys, indent, out);
            }
            value => {
                out.push(' ');
                out.push_str(&inline(value));
                out.push('\n');
            }
        }
    }
}

fn sequence(items: &[Value], sort_keys: bool, indent: usize, out: &mut String) {
    for item in items {
        if out.is_empty() || out.ends_with('\n') {
            out.push_str(&" ".repeat(indent));
        }
        out.push_str("- ");
        match item {
            Value::Object(inner) if !inner.is_empty() => mapping(item, sort_keys, indent + 2, out),
            Value::Array(inner) if !inner.is_empty() => sequence(inner, sort_keys, indent + 2, out),
            item => {
                out.push_str(&inline(item));
                out.push('\n');
            }
        }
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(value) => text(value),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        value => value.to_string(),
    }
}

/// Plain where YAML reads it back as this text, else quoted.
fn text(value: &str) -> String {
    if value.chars().any(|c| c.is_control()) {
        return Value::from(value).to_string();
    }
    let starts_badly = value.starts_with(|c: char| "-?:,[]{}#&*!|>'\"%@`= ".contains(c)) && !plain_start(value);
    let plain = !value.is_empty()
        && !starts_badly
        && !value.ends_with([' ', ':'])
        && !value.contains(": ")
        && !value.contains(" #")
        && value != "<<"
        && !is_date(value)
        && matches!(scalar::resolve(value), Yaml::Str(_));
    if plain { value.to_owned() } else { format!("'{}'", value.replace('\'', "''")) }
}

/// `-x`, `?x` and `:x` are texts.
fn plain_start(value: &str) -> bool {
    let mut chars = value.chars();
    matches!(chars.next(), Some('-' | '?' | ':')) && chars.next().is_some_and(|c| c != ' ')
}

/// PyYAML reads dates as dates, so it quotes texts that look like one.
fn is_date(value: &str) -> bool {
    let bytes = value.as_bytes();
    bytes.len() >= 8
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
        && bytes[5..].iter().all(|byte| byte.is_ascii_digit() || b"-:.TtZz+ ".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::emit;
    use serde_json::json;

    #[test]
    fn block_style_as_pyyaml_writes_it() {
        let value = json!({"b": [1, "x", {"c": null, "d": "yes"}], "a": {}, "e": "2024-01-01", "f": "a: b", "g": "-x"});
        let expected = "b:\n- 1\n- x\n- c: null\n  d: 'yes'\na: {}\ne: '2024-01-01'\nf: 'a: b'\ng: -x\n";
        assert_eq!(emit(&value, false), expected);
        assert!(emit(&value, true).starts_with("a: {}\nb:\n"));
    }
}
