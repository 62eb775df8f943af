//! The values of flags, from the nearest place that has one: the command line, the environment, `flags:` of
//! dbt_project.yml, `flags:` of `~/.dbt/user_settings.yml`; all else is the default.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::flag::{Flag, Kind, Legacy};
use super::parse::{Given, Said, not_supported, usage};
use super::table::{FLAGS, REFUSED};
use crate::diag::{Deprecation, Diagnostic, SourceFile, suggest};
use crate::project::Env;
use crate::yaml;

/// Reads flags, and collects what is wrong with them.
pub(super) struct Values<'a> {
    given: &'a Given,
    env: &'a Env,
    files: Files<'a>,
    problems: RefCell<Vec<Diagnostic>>,
}

/// `flags:` of files.
#[derive(Debug, Clone, Copy)]
pub(super) struct Files<'a> {
    /// Of dbt_project.yml.
    pub project: &'a Map<String, Value>,
    /// Of user_settings.yml.
    pub user: &'a Map<String, Value>,
}

/// A value and where it stands, for messages.
struct Found {
    value: Value,
    place: String,
}

impl<'a> Values<'a> {
    pub(super) fn new(given: &'a Given, env: &'a Env, files: Files<'a>) -> Self {
        Self { given, env, files, problems: RefCell::default() }
    }

    /// What was wrong with the flags that were read, and with the environment.
    pub(super) fn finish(self) -> Vec<Diagnostic> {
        let mut problems = self.problems.into_inner();
        for refused in REFUSED {
            let Some((name, text)) = refused.env.and_then(|env| self.env.spelled_option(env)) else { continue };
            if refused.takes_value || truth(text) != Some(false) {
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
        if let Some((place, text)) = flag.env.and_then(|env| self.env.spelled_option(env)) {
            return Some(Found { value: text.into(), place });
        }
        if let Some((place, value)) = flag.legacy.and_then(|legacy| legacy_value(legacy, self.env)) {
            return Some(Found { value, place });
        }
        let key = flag.long.replace('-', "_");
        let set = |value: &&Value| !value.is_null();
        if let Some(value) = self.files.project.get(&key).filter(|_| flag.in_project).filter(set) {
            return Some(Found { value: value.clone(), place: format!("flags.{key}") });
        }
        let value = self.files.user.get(&key).filter(set)?;
        Some(Found { value: value.clone(), place: format!("flags.{key} of user_settings.yml") })
    }

    fn said(&self, flag: &Flag) -> Option<&'a Said> {
        self.given.said.iter().find(|(known, _)| std::ptr::eq(*known, flag)).map(|(_, said)| said)
    }

    fn one_of(&self, found: &Found, text: &str, choices: &[&str]) -> Option<String> {
        if let Some(choice) = choices.iter().find(|choice| choice.eq_ignore_ascii_case(text)) {
            return Some((*choice).to_owned());
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
        let mut problems = self.problems.borrow_mut();
        // A flag may be read twice.
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
}

/// What an environment variable of an older name says.
fn legacy_value(legacy: Legacy, env: &Env) -> Option<(String, Value)> {
    let (name, text) = legacy_variable(legacy, env)?;
    let value = match truth(text) {
        Some(value) if legacy.negated => Value::Bool(!value),
        _ => text.into(),
    };
    Some((name, value))
}

fn legacy_variable(legacy: Legacy, env: &Env) -> Option<(String, &str)> {
    env.spelled_option(legacy.name).filter(|(name, _)| name.starts_with("DBT_"))
}

/// Variables of dbt that are no options, without their prefix (dbt/env_vars.py), and those of its hidden options.
const MORE_VARIABLES: &[&str] = &[
    "DOWNLOAD_DIR",
    "INCLUDE_SAVED_QUERY",
    "INVOCATION_ENV",
    "PACKAGE_HUB_URL",
    "PACKAGES_INSTALL_PATH",
    "PP_FILE_DIFF_TEST",
    "PP_TEST",
    "RECORDED_FILE_PATH",
    "TEST_STATE_MODIFIED",
    "V2_PARSER",
];

/// Older names of variables that are set, and names that dbt keeps to itself and does not know.
pub(super) fn deprecated_variables(env: &Env) -> Vec<Diagnostic> {
    let renamed = FLAGS.iter().filter_map(|flag| {
        let (name, _) = legacy_variable(flag.legacy?, env)?;
        let text = format!("the environment variable `{name}` is now called `DBT_ENGINE_{}`", flag.env?);
        let negated = flag.legacy.is_some_and(|legacy| legacy.negated);
        let help = if negated { "its value is the contrary: true for what was false" } else { "rename it" };
        let fields = json!({"old_name": name, "new_name": format!("DBT_ENGINE_{}", flag.env?)});
        Some(Diagnostic::deprecated(Deprecation::EnvironmentVariableRenamed, text).help(help).fields(fields))
    });
    let known: HashSet<&str> = FLAGS
        .iter()
        .flat_map(|flag| flag.env.into_iter().chain(flag.legacy.map(|legacy| legacy.name)))
        .chain(REFUSED.iter().filter_map(|refused| refused.env))
        .chain(MORE_VARIABLES.iter().copied())
        .collect();
    let mut unknown: Vec<&str> = env.iter().filter_map(|(name, _)| name.strip_prefix(RESERVED_PREFIX)).collect();
    unknown.retain(|name| !known.contains(name));
    unknown.sort_unstable();
    let unknown = unknown.into_iter().map(|name| {
        let text =
            format!("`{RESERVED_PREFIX}{name}` is no environment variable of dbt, and `{RESERVED_PREFIX}` is reserved");
        let fields = json!({"env_var": format!("{RESERVED_PREFIX}{name}"), "reserved_prefix": RESERVED_PREFIX});
        let warning = Diagnostic::deprecated(Deprecation::EnvironmentVariableNamespace, text).fields(fields);
        match suggest::nearest(name, known.iter().copied()) {
            Some(near) => warning.help(format!("did you mean `{RESERVED_PREFIX}{near}`?")),
            None => warning.help("give variables of your own another name"),
        }
    });
    renamed.chain(unknown).collect()
}

const RESERVED_PREFIX: &str = "DBT_ENGINE_";

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
