//! Reading a target's entries: typed, with hints for names that are not known.

use serde_json::{Map, Value};

use crate::diag::{self, Code, Diagnostic, suggest};

/// What every target has and adapters do not read.
const COMMON: &[&str] = &["type", "threads"];

/// The entries of a target, for one adapter type. Errors never show values.
pub(super) struct Entries<'a> {
    entries: &'a Map<String, Value>,
    kind: &'a str,
}

impl<'a> Entries<'a> {
    /// Refuses entries that the adapter does not know.
    pub fn new(entries: &'a Map<String, Value>, kind: &'a str, known: &[&'static str]) -> diag::Result<Self> {
        let known = || known.iter().chain(COMMON).copied();
        match entries.keys().find(|key| !known().any(|name| name == key.as_str())) {
            None => Ok(Self { entries, kind }),
            Some(key) => {
                let error =
                    Diagnostic::error(Code::UnknownKey, format!("`{key}` is not an entry of a `{kind}` target"));
                Err(match suggest::nearest(key, known()) {
                    Some(near) => error.help(format!("did you mean `{near}`?")),
                    None => error.note(format!("known entries: {}", known().collect::<Vec<_>>().join(", "))),
                }
                .boxed())
            }
        }
    }

    /// The first of `names` that has a value: not null and not an empty text, which is what an unset `env_var` leaves.
    fn get(&self, names: &[&'static str]) -> Option<(&'static str, &'a Value)> {
        let is_set = |value: &&Value| !value.is_null() && value.as_str() != Some("");
        names.iter().find_map(|name| self.entries.get(*name).filter(is_set).map(|value| (*name, value)))
    }

    /// A text; numbers count as their digits.
    pub fn text(&self, names: &[&'static str]) -> diag::Result<Option<String>> {
        match self.get(names) {
            None => Ok(None),
            Some((_, Value::String(text))) => Ok(Some(text.clone())),
            Some((_, Value::Number(number))) => Ok(Some(number.to_string())),
            Some((name, _)) => Err(self.wrong(name, "a text")),
        }
    }

    pub fn required_text(&self, names: &[&'static str]) -> diag::Result<String> {
        self.text(names)?.ok_or_else(|| {
            let message = format!("the `{}` target has no `{}`", self.kind, names.first().unwrap_or(&""));
            Diagnostic::error(Code::MissingKey, message).boxed()
        })
    }

    /// A whole number from 0, also when written as a text.
    pub fn number(&self, names: &[&'static str]) -> diag::Result<Option<u64>> {
        let Some((name, value)) = self.get(names) else { return Ok(None) };
        let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
        number.map(Some).ok_or_else(|| self.wrong(name, "a whole number"))
    }

    /// true or false, also when written as a text.
    pub fn flag(&self, name: &'static str) -> diag::Result<Option<bool>> {
        let Some((_, value)) = self.get(&[name]) else { return Ok(None) };
        let flag = value.as_bool().or_else(|| match value.as_str()?.to_lowercase().as_str() {
            "true" | "yes" | "1" => Some(true),
            "false" | "no" | "0" => Some(false),
            _ => None,
        });
        flag.map(Some).ok_or_else(|| self.wrong(name, "true or false"))
    }

    pub fn mapping(&self, name: &'static str) -> diag::Result<Option<&'a Map<String, Value>>> {
        match self.get(&[name]) {
            None => Ok(None),
            Some((_, Value::Object(map))) => Ok(Some(map)),
            Some(_) => Err(self.wrong(name, "a mapping")),
        }
    }

    pub fn list(&self, name: &'static str) -> diag::Result<&'a [Value]> {
        match self.get(&[name]) {
            None => Ok(&[]),
            Some((_, Value::Array(list))) => Ok(list),
            Some(_) => Err(self.wrong(name, "a list")),
        }
    }

    pub fn wrong(&self, name: &str, expected: &str) -> Box<Diagnostic> {
        Diagnostic::error(Code::InvalidValue, format!("`{name}` of the `{}` target must be {expected}", self.kind))
            .boxed()
    }
}
