//! Python's `str` and `repr`.

use std::fmt::{self, Write};

use minijinja::Value;
use minijinja::value::ValueKind;

use super::dict::{Dict, Entries};
use super::list::List;
use super::set::Set;

/// Deeper nesting prints as `...`: a list may hold itself.
const MAX_DEPTH: usize = 100;

/// Python's `str(value)`; an undefined value is nothing.
pub(in super::super) fn write_str(f: &mut dyn Write, value: &Value) -> fmt::Result {
    match value.kind() {
        ValueKind::String => f.write_str(value.as_str().unwrap_or_default()),
        ValueKind::Undefined => Ok(()),
        _ => write_repr(f, value, 0),
    }
}

/// Python's `repr(value)`.
pub(in super::super) fn write_repr(f: &mut dyn Write, value: &Value, depth: usize) -> fmt::Result {
    match value.kind() {
        ValueKind::Undefined => f.write_str("Undefined"),
        ValueKind::None => f.write_str("None"),
        ValueKind::Bool => f.write_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::String => write_quoted(f, value.as_str().unwrap_or_default()),
        ValueKind::Number if value.is_integer() => write!(f, "{value}"),
        ValueKind::Number => write_float(f, f64::try_from(value.clone()).unwrap_or(f64::NAN)),
        _ => write_object(f, value, depth),
    }
}

fn write_object(f: &mut dyn Write, value: &Value, depth: usize) -> fmt::Result {
    let Some(object) = value.as_object() else { return write!(f, "{value}") };
    if let Some(list) = object.downcast_ref::<List>() {
        return write_items(f, &list.items(), ("[", "]"), depth);
    }
    if let Some(dict) = object.downcast_ref::<Dict>() {
        return write_entries(f, dict.entries(), depth);
    }
    if object.is::<Set>() {
        return write!(f, "{value}");
    }
    if value.is_tuple() || object.is::<Vec<Value>>() {
        let items: Vec<Value> = value.try_iter().map(Iterator::collect).unwrap_or_default();
        let brackets = match (value.is_tuple(), items.len()) {
            (true, 1) => ("(", ",)"),
            (true, _) => ("(", ")"),
            (false, _) => ("[", "]"),
        };
        return write_items(f, &items, brackets, depth);
    }
    if object.is::<Entries>() || value.is_kwargs() {
        let entries = super::dict::entries_of(value).unwrap_or_default();
        return write_entries(f, entries, depth);
    }
    write!(f, "{value}")
}

pub(super) fn write_items(
    f: &mut dyn Write,
    items: &[Value],
    (open, close): (&str, &str),
    depth: usize,
) -> fmt::Result {
    f.write_str(open)?;
    if depth >= MAX_DEPTH {
        f.write_str("...")?;
    } else {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write_repr(f, item, depth + 1)?;
        }
    }
    f.write_str(close)
}

pub(super) fn write_entries(
    f: &mut dyn Write,
    entries: impl IntoIterator<Item = (Value, Value)>,
    depth: usize,
) -> fmt::Result {
    f.write_char('{')?;
    if depth >= MAX_DEPTH {
        f.write_str("...")?;
    } else {
        for (index, (key, value)) in entries.into_iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write_repr(f, &key, depth + 1)?;
            f.write_str(": ")?;
            write_repr(f, &value, depth + 1)?;
        }
    }
    f.write_char('}')
}

fn write_quoted(f: &mut dyn Write, text: &str) -> fmt::Result {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    f.write_char(quote)?;
    for char in text.chars() {
        match char {
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\\' => f.write_str("\\\\")?,
            char if char == quote => write!(f, "\\{char}")?,
            char if char.is_control() && u32::from(char) <= 0xff => write!(f, "\\x{:02x}", u32::from(char))?,
            char => f.write_char(char)?,
        }
    }
    f.write_char(quote)
}

/// The shortest digits that give the number back; an exponent outside of `1e-4 .. 1e16`.
pub(in super::super) fn write_float(f: &mut dyn Write, number: f64) -> fmt::Result {
    if number.is_nan() {
        return f.write_str("nan");
    }
    if number.is_infinite() {
        return f.write_str(if number > 0.0 { "inf" } else { "-inf" });
    }
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
        return write!(f, "{digits}e{sign}{exponent:0>2}");
    }
    if number.fract() == 0.0 { write!(f, "{number:.1}") } else { write!(f, "{number}") }
}

/// Python's `str(value)`.
pub fn py_str(value: &Value) -> String {
    if let Some(text) = value.as_str() {
        return text.to_owned();
    }
    let mut out = String::new();
    // Writing into a string does not fail.
    let _ = write_str(&mut out, value);
    out
}

/// Python's `repr(value)`.
pub fn py_repr(value: &Value) -> String {
    let mut out = String::new();
    let _ = write_repr(&mut out, value, 0);
    out
}
