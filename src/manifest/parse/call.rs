//! `ref(...)`, `source(...)` and `metric(...)` written as plain text: in exposures, test arguments, unit tests, snapshots, foreign keys.

use serde_json::Value;

use crate::manifest::RefCall;

#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    Ref(RefCall),
    Source(String, String),
    /// A name, or a package and a name.
    Metric(Vec<String>),
}

/// Reads a text that is nothing but such a call with literal arguments.
pub fn parse_call(text: &str) -> Option<Call> {
    let mut scanner = Scanner { rest: text.trim() };
    let name = scanner.word()?;
    scanner.symbol('(')?;
    let (mut names, mut version) = (Vec::new(), None);
    while scanner.symbol(')').is_none() {
        if !names.is_empty() || version.is_some() {
            scanner.symbol(',')?;
            if scanner.symbol(')').is_some() {
                break;
            }
        }
        match scanner.literal() {
            Some(Value::String(name)) => names.push(name),
            Some(_) => return None,
            None => {
                let keyword = scanner.word()?;
                scanner.symbol('=')?;
                let value = scanner.literal()?;
                if !matches!(keyword, "v" | "version") {
                    return None;
                }
                version = Some(value);
            }
        }
    }
    if !scanner.rest.trim().is_empty() {
        return None;
    }
    let mut names = names.into_iter();
    match (name, names.next(), names.next(), names.next()) {
        ("ref", Some(name), None, None) => Some(Call::Ref(RefCall { name, package: None, version })),
        ("ref", Some(package), Some(name), None) => Some(Call::Ref(RefCall { name, package: Some(package), version })),
        ("metric", Some(name), None, None) if version.is_none() => Some(Call::Metric(vec![name])),
        ("metric", Some(package), Some(name), None) if version.is_none() => Some(Call::Metric(vec![package, name])),
        ("source", Some(source), Some(table), None) if version.is_none() => Some(Call::Source(source, table)),
        _ => None,
    }
}

struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn word(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let word = &rest[..end];
        (!word.is_empty()).then(|| {
            self.rest = &rest[end..];
            word
        })
    }

    fn symbol(&mut self, symbol: char) -> Option<()> {
        self.rest = self.rest.trim_start().strip_prefix(symbol)?;
        Some(())
    }

    /// A text in quotes without escapes, or a number.
    fn literal(&mut self) -> Option<Value> {
        let rest = self.rest.trim_start();
        let first = rest.chars().next()?;
        if first == '\'' || first == '"' {
            let inner = &rest[1..];
            let end = inner.find(first)?;
            if inner[..end].contains('\\') {
                return None;
            }
            self.rest = &inner[end + 1..];
            return Some(Value::String(inner[..end].to_owned()));
        }
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number = rest[..end].parse::<serde_json::Number>().ok()?;
        self.rest = &rest[end..];
        Some(Value::Number(number))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn calls_with_literals_are_read() {
        assert_eq!(parse_call(" ref('a') "), Some(Call::Ref(RefCall::to("a"))));
        assert_eq!(
            parse_call("ref(\"p\", 'a', v=2)"),
            Some(Call::Ref(RefCall { name: "a".into(), package: Some("p".into()), version: Some(json!(2)) }))
        );
        assert_eq!(parse_call("source('s','t',)"), Some(Call::Source("s".into(), "t".into())));
        assert_eq!(parse_call("metric('p', 'm')"), Some(Call::Metric(vec!["p".into(), "m".into()])));
        for text in ["ref(x)", "ref('a') + 1", "ref('a', 'b', 'c')", "reference('a')", "source('s')", "ref("] {
            assert_eq!(parse_call(text), None, "{text}");
        }
    }
}
