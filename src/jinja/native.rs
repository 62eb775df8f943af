//! The value of a template whose result is not text: settings in YAML.

use minijinja::{Error, Value};

use super::error::fail;
use super::filters::{Marked, Wanted};
use super::ops;
use super::pyvalue::{list, none, py_repr, py_str, tuple};
use super::sink::Piece;

/// One piece keeps its type; several are joined to text.
pub(super) fn value_of(pieces: Vec<Piece>) -> Result<Value, Error> {
    match pieces.as_slice() {
        [] => Ok(Value::from("")),
        [piece] => match piece.value.downcast_object_ref::<Marked>() {
            Some(marked) => unmark(marked),
            None => Ok(piece.value.clone()),
        },
        pieces => Ok(Value::from(pieces.iter().map(|piece| py_str(&piece.value)).collect::<String>())),
    }
}

fn unmark(marked: &Marked) -> Result<Value, Error> {
    if marked.wanted == Wanted::Text {
        return Ok(Value::from(py_str(&marked.value)));
    }
    let value = match marked.value.as_str() {
        Some(text) => literal(text).unwrap_or_else(|| marked.value.clone()),
        None => marked.value.clone(),
    };
    let is_bool = value.kind() == minijinja::value::ValueKind::Bool;
    match marked.wanted {
        Wanted::Bool if !is_bool => Err(not_a(&value, "boolean")),
        Wanted::Number if is_bool || !value.is_number() => Err(not_a(&value, "number")),
        _ => Ok(value),
    }
}

fn not_a(value: &Value, wanted: &str) -> Error {
    fail(format!("{} is not a {wanted}", py_repr(value)))
}

/// What a text means as a Python literal, if it is one.
fn literal(text: &str) -> Option<Value> {
    let mut reader = Reader { rest: text.trim() };
    let value = reader.value(0)?;
    reader.rest.trim().is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn take(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > 100 {
            return None;
        }
        self.rest = self.rest.trim_start();
        match self.rest.chars().next()? {
            '[' => {
                self.take("[");
                self.items("]", depth).map(|(items, _)| list(items))
            }
            '(' => {
                self.take("(");
                let (mut items, comma) = self.items(")", depth)?;
                if items.len() == 1 && !comma { items.pop() } else { Some(tuple(items)) }
            }
            '{' => {
                self.take("{");
                self.entries(depth)
            }
            '\'' | '"' => self.text(),
            _ => self.word(),
        }
    }

    /// Items up to the closing bracket, and whether a comma follows the last.
    fn items(&mut self, close: &str, depth: usize) -> Option<(Vec<Value>, bool)> {
        let (mut items, mut comma) = (Vec::new(), false);
        while !self.take(close) {
            if !items.is_empty() && !comma {
                return None;
            }
            items.push(self.value(depth + 1)?);
            comma = self.take(",");
        }
        Some((items, comma))
    }

    fn entries(&mut self, depth: usize) -> Option<Value> {
        let (mut entries, mut members, mut comma) = (Vec::new(), Vec::new(), true);
        while !self.take("}") {
            if !comma {
                return None;
            }
            let key = self.value(depth + 1)?;
            if self.take(":") {
                entries.push((key, self.value(depth + 1)?));
            } else {
                members.push(key);
            }
            comma = self.take(",");
        }
        match (entries.is_empty(), members.is_empty()) {
            (true, false) => Some(super::pyvalue::set(members)),
            (_, true) => Some(super::pyvalue::dict(entries)),
            _ => None,
        }
    }

    fn text(&mut self) -> Option<Value> {
        let mut chars = self.rest.chars();
        let quote = chars.next()?;
        let mut out = String::new();
        loop {
            match chars.next()? {
                '\\' => match chars.next()? {
                    'n' => out.push('\n'),
                    't' => out.push('\t'),
                    'r' => out.push('\r'),
                    char @ ('\\' | '\'' | '"') => out.push(char),
                    char => out.extend(['\\', char]),
                },
                char if char == quote => break,
                '\n' => return None,
                char => out.push(char),
            }
        }
        self.rest = chars.as_str();
        Some(Value::from(out))
    }

    fn word(&mut self) -> Option<Value> {
        let end = self.rest.find(|char: char| !char.is_alphanumeric() && !"+-._".contains(char));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        match word {
            "True" => return Some(Value::from(true)),
            "False" => return Some(Value::from(false)),
            "None" => return Some(none()),
            _ => {}
        }
        let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
        if !digits.starts_with(|char: char| char.is_ascii_digit() || char == '.') || digits.ends_with('_') {
            return None;
        }
        let plain = word.replace('_', "");
        // Python refuses leading zeros, so such text stays text.
        let padded = digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
        if padded && digits.bytes().any(|byte| byte != b'0') {
            return None;
        }
        plain.parse().map(ops::integer).or_else(|_| plain.parse::<f64>().map(Value::from)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_literals_are_read() {
        let read = |text: &str| literal(text).map(|value| py_repr(&value));
        for same in ["1", "-2.5", "True", "None", "'a'", "[1, 'b', [], {}]", "(1,)", "{'a': (1, 2)}", "1e+20"] {
            assert_eq!(read(same).as_deref(), Some(same));
        }
        assert_eq!(read("(1)").as_deref(), Some("1"));
        assert_eq!(read("1_000").as_deref(), Some("1000"));
        for text in ["", "abc", "1 2", "[1 2]", "007", "2024-01-01", "true", "inf", "nan", "[", "'a", "1_"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
