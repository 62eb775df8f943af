//! The values of flags, from the nearest place that has one: the command line, the environment, `flags:` of
//! dbt_project.yml; all else is the default.

use std::cell::RefCell;
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::flag::{Flag, Kind};
use super::parse::{Given, Said, not_supported, usage};
use super::table::REFUSED;
use crate::diag::{Diagnostic, SourceFile, suggest};
use crate::project::Env;
use crate::yaml;

/// Reads flags, and collects what is wrong with them.
pub(super) struct Values<'a> {
    given: &'a Given,
    env: &'a Env,
    /// `flags:` of dbt_project.yml.
    project: &'a Map<String, Value>,
    problems: RefCell<Vec<Diagnostic>>,
}

/// A value and where it stands, for messages.
struct Found {
    value: Value,
    place: String,
}

impl<'a> Values<'a> {
    pub(super) fn new(given: &'a Given, env: &'a Env, project: &'a Map<String, Value>) -> Self {
        Self { given, env, project, problems: RefCell::default() }
    }

    /// What was wrong with the flags that were read, and with the environment.
    pub(super) fn finish(self) -> Vec<Diagnostic> {
        let mut problems = self.problems.into_inner();
        for refused in REFUSED {
            let Some((name, text)) = refused.env.and_then(|env| variable(self.env, env)) else { continue };
            if refused.takes_value || truth(&text) != Some(false) {
                problems.push(not_supported(&format!("environment variable `{name}`"), refused.why));
            }
        }
        problems
    }

    /// Whether the command line says anything about a flag.
    pub(super) fn is_given(&self, flag: &Flag) -> bool {
        self.said(flag).is_some()
    }

    /// Whether a value comes from anywhere but the default.
    pub(super) fn is_set(&self, flag: &Flag) -> bool {
        self.find(flag).is_some()
    }

    /// A switch that somebody has set.
    pub(super) fn set_switch(&self, flag: &Flag) -> Option<bool> {
        let found = self.find(flag)?;
        let truth = match &found.value {
            Value::Bool(value) => Some(*value),
            Value::String(text) => truth(text),
            Value::Number(number) => truth(&number.to_string()),
            _ => None,
        };
        if truth.is_none() {
            self.wrong(&found, "is neither true nor false");
        }
        truth
    }

    pub(super) fn switch(&self, flag: &Flag) -> bool {
        let default = matches!(flag.kind, Kind::Switch(true));
        self.set_switch(flag).unwrap_or(default)
    }

    pub(super) fn text(&self, flag: &Flag) -> Option<String> {
        let found = self.find(flag)?;
        let Some(text) = scalar(&found.value) else {
            self.wrong(&found, "is not a text");
            return None;
        };
        match flag.kind {
            Kind::Choice(choices) => self.one_of(&found, &text, choices),
            _ => Some(text),
        }
    }

    pub(super) fn path(&self, flag: &Flag) -> Option<PathBuf> {
        self.text(flag).map(PathBuf::from)
    }

    pub(super) fn number(&self, flag: &Flag) -> Option<i64> {
        let found = self.find(flag)?;
        let least = match flag.kind {
            Kind::Number(least) => least,
            _ => i64::MIN,
        };
        match scalar(&found.value).and_then(|text| text.parse::<i64>().ok()) {
            Some(number) if number >= least => Some(number),
            Some(_) => {
                self.wrong(&found, &format!("is less than {least}"));
                None
            }
            None => {
                self.wrong(&found, "is not a whole number");
                None
            }
        }
    }

    pub(super) fn words(&self, flag: &Flag) -> Vec<String> {
        let Some(found) = self.find(flag) else { return Vec::new() };
        let texts: Vec<String> = match &found.value {
            Value::Array(items) => items.iter().filter_map(scalar).collect(),
            single => scalar(single).into_iter().collect(),
        };
        let words = texts.iter().flat_map(|text| text.split_whitespace()).map(str::to_owned);
        match flag.kind {
            Kind::Choices(choices) => words.filter_map(|word| self.one_of(&found, &word, choices)).collect(),
            _ => words.collect(),
        }
    }

    pub(super) fn mapping(&self, flag: &Flag) -> Option<Map<String, Value>> {
        let found = self.find(flag)?;
        let text = match &found.value {
            Value::Object(map) => return Some(map.clone()),
            other => scalar(other).unwrap_or_default(),
        };
        let file = SourceFile::new(found.place.clone(), text);
        match yaml::parse(&file, &mut Vec::new()) {
            Ok(node) => match node.to_json() {
                Value::Object(map) => Some(map),
                Value::Null => Some(Map::new()),
                _ => {
                    let problem = usage(format!("`{}` needs a YAML mapping, not {}", found.place, node.kind()));
                    self.problem(problem.help(format!("write it like `--{} '{{name: value}}'`", flag.long)));
                    None
                }
            },
            Err(problem) => {
                self.problem(*problem);
                None
            }
        }
    }

    fn find(&self, flag: &Flag) -> Option<Found> {
        if let Some(said) = self.said(flag) {
            let value = match said {
                Said::On => Value::Bool(true),
                Said::Off => Value::Bool(false),
                Said::Words(words) if flag.kind.takes_many() => words.clone().into(),
                Said::Words(words) => words.last().cloned().unwrap_or_default().into(),
            };
            return Some(Found { value, place: format!("--{}", flag.long) });
        }
        if let Some((place, text)) = flag.env.and_then(|env| variable(self.env, env)) {
            return Some(Found { value: text.into(), place });
        }
        let key = flag.long.replace('-', "_");
        let value = self.project.get(&key).filter(|value| flag.in_project && !value.is_null())?;
        Some(Found { value: value.clone(), place: format!("flags.{key}") })
    }

    fn said(&self, flag: &Flag) -> Option<&'a Said> {
        self.given.said.iter().find(|(known, _)| known.long == flag.long).map(|(_, said)| said)
    }

    fn one_of(&self, found: &Found, text: &str, choices: &[&str]) -> Option<String> {
        if choices.contains(&text) {
            return Some(text.to_owned());
        }
        let listed = choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ");
        let problem =
            usage(format!("`{text}` is not a value for `{}`", found.place)).note(format!("values are {listed}"));
        self.problem(match suggest::nearest(text, choices.iter().copied()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem,
        });
        None
    }

    fn wrong(&self, found: &Found, what: &str) {
        let shown = scalar(&found.value).unwrap_or_else(|| found.value.to_string());
        self.problem(usage(format!("`{shown}` of `{}` {what}", found.place)));
    }

    pub(super) fn problem(&self, problem: Diagnostic) {
        self.problems.borrow_mut().push(problem);
    }
}

/// The environment variable of an option: ours before dbt's two names.
fn variable(env: &Env, name: &str) -> Option<(String, String)> {
    ["HEADWATER_", "DBT_ENGINE_", "DBT_"].iter().find_map(|prefix| {
        let full = format!("{prefix}{name}");
        let text = env.get(&full).filter(|text| !text.is_empty())?.to_owned();
        Some((full, text))
    })
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Some(true),
        "0" | "false" | "f" | "no" | "n" | "off" => Some(false),
        _ => None,
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
