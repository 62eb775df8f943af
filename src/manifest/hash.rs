//! Digests in dbt's form, and Python's spelling of values, which two of them are made from.

use std::fmt::Write as _;

use md5::{Digest, Md5};
use serde_json::Value;
use sha2::Sha256;

pub fn md5(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}

pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Python's `str(value)`.
pub fn py_str(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => py_repr(other),
    }
}

/// Python's `repr(value)`.
pub fn py_repr(value: &Value) -> String {
    let mut text = String::new();
    push_repr(&mut text, value);
    text
}

fn push_repr(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("None"),
        Value::Bool(true) => text.push_str("True"),
        Value::Bool(false) => text.push_str("False"),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => text.push_str(&float_repr(float)),
            _ => text.push_str(&number.to_string()),
        },
        Value::String(string) => push_str_repr(text, string),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push_str(", ");
                }
                push_repr(text, item);
            }
            text.push(']');
        }
        Value::Object(map) => {
            text.push('{');
            for (index, (key, item)) in map.iter().enumerate() {
                if index > 0 {
                    text.push_str(", ");
                }
                push_str_repr(text, key);
                text.push_str(": ");
                push_repr(text, item);
            }
            text.push('}');
        }
    }
}

/// `1e+16`, `1e-05`, `0.1`: exponents have a sign and two digits.
fn float_repr(float: f64) -> String {
    let text = format!("{float:?}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => {
            let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
            format!("{mantissa}e{sign}{digits:0>2}")
        }
        None => text,
    }
}

fn push_str_repr(text: &mut String, string: &str) {
    let quote = if string.contains('\'') && !string.contains('"') { '"' } else { '\'' };
    text.push(quote);
    for c in string.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            c if c == quote => {
                text.push('\\');
                text.push(c);
            }
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                let _ = write!(text, "\\x{:02x}", c as u32);
            }
            c => text.push(c),
        }
    }
    text.push(quote);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_spelled_as_python_does() {
        let value = json!({"a": [1, 1.0, true, null, "it's"], "b": "x\n", "c": 1e20, "d": 0.00001});
        assert_eq!(py_repr(&value), r#"{'a': [1, 1.0, True, None, "it's"], 'b': 'x\n', 'c': 1e+20, 'd': 1e-05}"#);
        assert_eq!(py_str(&json!("plain")), "plain");
        assert_eq!(md5("a"), "0cc175b9c0f1b6a831c399e269772661");
    }
}
