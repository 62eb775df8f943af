//! `--warn-error` and `--warn-error-options`: which warnings are errors, and which are not shown at all.

use serde_json::{Map, Value, json};

use crate::diag::{Code, Deprecation, Diagnostic, Result, Severity, suggest};

/// What becomes of a warning. Named beats group beats all; silence beats warn beats error.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WarnError {
    error: Names,
    warn: Vec<String>,
    silence: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq)]
enum Names {
    #[default]
    None,
    All,
    Some(Vec<String>),
}

/// dbt's names of the warnings that exist here, with our codes. A test that warns is `LogTestResult`.
const EVENTS: &[(&str, Option<Code>)] = &[
    ("LogTestResult", Some(Code::TestFailed)),
    ("NoNodesForSelectionCriteria", Some(Code::NoNodesSelected)),
    ("NoNodesSelected", Some(Code::NoNodesSelected)),
    ("NodeNotFoundOrDisabled", Some(Code::DisabledRef)),
    ("UnusedResourceConfigPath", Some(Code::UnusedConfig)),
    ("NoNodeForYamlKey", Some(Code::PatchTargetNotFound)),
    ("MacroNotFoundForPatch", Some(Code::PatchTargetNotFound)),
    ("UnusedTables", Some(Code::PatchTargetNotFound)),
    ("DeprecatedModel", Some(Code::DeprecatedModel)),
    ("UnversionedBreakingChange", Some(Code::BreakingChange)),
    ("UnsupportedConstraintMaterialization", Some(Code::UnsupportedConstraint)),
    ("InvalidMacroAnnotation", Some(Code::InvalidConfig)),
    ("MicrobatchModelNoEventTimeInputs", Some(Code::MicrobatchInputs)),
    ("InvalidConcurrentBatchesConfig", Some(Code::ConcurrentBatches)),
    ("DepsUnpinned", Some(Code::UnpinnedPackage)),
    ("JinjaLogWarning", Some(Code::JinjaRuntime)),
    ("LogFreshnessResult", Some(Code::StaleSource)),
    ("FreshnessConfigProblem", Some(Code::FreshnessConfig)),
    (Deprecation::GROUP, None),
    (Deprecation::SUMMARY_EVENT, Some(Code::DeprecationsSummary)),
];

/// dbt's name of the warning that a code stands for.
pub fn event_of(code: Code) -> Option<&'static str> {
    EVENTS.iter().find(|(_, meant)| *meant == Some(code)).map(|(event, _)| *event)
}

impl WarnError {
    /// Every warning is an error.
    pub fn all() -> Self {
        Self { error: Names::All, ..Self::default() }
    }

    pub fn is_all(&self) -> bool {
        self.error == Names::All
    }

    /// Reads `{error: all | "*" | [names], warn: [names], silence: [names]}`; `include` and `exclude` are the older
    /// names of the first two.
    ///
    /// # Errors
    /// Unknown keys or names, both names of one list, and `warn` without `error: all` or `error: [Deprecations]`, which
    /// would say nothing.
    pub fn from_options(options: &Map<String, Value>) -> Result<Self> {
        let mut read = Self::default();
        for (new, old) in [("error", "include"), ("warn", "exclude")] {
            if options.contains_key(new) && options.contains_key(old) {
                let text = format!("`{new}` and `{old}` are the same thing in `--warn-error-options`");
                return Err(Diagnostic::error(Code::CommandLine, text).help(format!("give `{new}` only")).boxed());
            }
        }
        for (key, value) in options {
            match key.as_str() {
                "error" | "include" => read.error = names_or_all(key, value)?,
                "warn" | "exclude" => read.warn = names(key, value)?,
                "silence" => read.silence = names(key, value)?,
                _ => return Err(unknown_key(key)),
            }
        }
        let group = matches!(&read.error, Names::Some(names) if names.iter().any(|name| name == Deprecation::GROUP));
        if !read.warn.is_empty() && !read.is_all() && !group {
            return Err(Diagnostic::error(Code::CommandLine, "`warn` needs `error: all` in `--warn-error-options`")
                .note("what is not an error is a warning already")
                .boxed());
        }
        Ok(read)
    }

    /// As artifacts have it.
    pub fn to_json(&self) -> Value {
        let error = match &self.error {
            Names::None => json!([]),
            Names::All => json!("all"),
            Names::Some(names) => json!(names),
        };
        json!({"error": error, "warn": self.warn, "silence": self.silence})
    }

    /// What is left of a warning: an error, itself, or nothing. Errors stay.
    pub fn apply(&self, mut diagnostic: Diagnostic) -> Option<Diagnostic> {
        if diagnostic.is_error() {
            return Some(diagnostic);
        }
        let event = diagnostic.event.as_ref().map(|event| event.name.as_str());
        let kind = diagnostic.deprecation;
        diagnostic.severity = match diagnostic.is_advice && !self.names_error(kind) {
            true => self.decide(diagnostic.code, kind, event).map(|_| Severity::Warning)?,
            false => self.decide(diagnostic.code, kind, event)?,
        };
        Some(diagnostic)
    }

    fn names_error(&self, kind: Option<Deprecation>) -> bool {
        let Names::Some(names) = &self.error else { return false };
        kind.is_some_and(|kind| names.iter().any(|name| name == kind.event()))
    }

    /// What becomes of warnings of a code; None: they are silenced.
    pub fn severity(&self, code: Code) -> Option<Severity> {
        self.decide(code, None, None)
    }

    fn decide(&self, code: Code, deprecation: Option<Deprecation>, event: Option<&str>) -> Option<Severity> {
        let by_name = |name: &String| {
            means(name, code) || Some(name.as_str()) == event || deprecation.is_some_and(|kind| name == kind.event())
        };
        let by_group = |name: &String| deprecation.is_some() && name == Deprecation::GROUP;
        let listed = |matches: &dyn Fn(&String) -> bool| {
            let errors = if let Names::Some(names) = &self.error { names.as_slice() } else { &[] };
            let lists =
                [(&self.silence[..], None), (&self.warn, Some(Severity::Warning)), (errors, Some(Severity::Error))];
            lists.into_iter().find(|(names, _)| names.iter().any(matches)).map(|(_, severity)| severity)
        };
        let otherwise = if self.is_all() { Severity::Error } else { Severity::Warning };
        listed(&by_name).or_else(|| listed(&by_group)).unwrap_or(Some(otherwise))
    }
}

/// A name is dbt's name of the event or our own code.
fn means(name: &str, code: Code) -> bool {
    name == code.as_str() || EVENTS.iter().any(|(event, meant)| *event == name && *meant == Some(code))
}

fn names_or_all(key: &str, value: &Value) -> Result<Names> {
    match value {
        Value::String(text) if text == "all" || text == "*" => Ok(Names::All),
        Value::Array(items) if items.len() == 1 && (items[0] == "all" || items[0] == "*") => Ok(Names::All),
        _ => Ok(Names::Some(names(key, value)?)),
    }
}

fn names(key: &str, value: &Value) -> Result<Vec<String>> {
    let items = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) => items,
        _ => {
            let text = format!("`{key}` in `--warn-error-options` is a list of names");
            return Err(Diagnostic::error(Code::CommandLine, text).boxed());
        }
    };
    items.iter().map(|item| known(item.as_str().unwrap_or_default())).collect()
}

/// Every event of dbt 1.12.6, as its `warn_error_options` know them.
const ALL_EVENTS: &str = include_str!("event_names.txt");

/// Names of dbt's events that cannot happen here are fine: projects carry lists of them.
fn known(name: &str) -> Result<String> {
    let ours = Code::ALL.iter().any(|code| code.as_str() == name);
    if ours || name == Deprecation::GROUP || ALL_EVENTS.lines().any(|event| event == name) {
        return Ok(name.to_owned());
    }
    let problem = Diagnostic::error(Code::CommandLine, format!("`{name}` is not the name of a warning"));
    let candidates = Code::ALL.iter().map(|code| code.as_str()).chain(ALL_EVENTS.lines());
    Err(match suggest::nearest(name, candidates) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem,
    }
    .boxed())
}

fn unknown_key(key: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::CommandLine, format!("`{key}` is not a key of `--warn-error-options`"))
        .note("keys are `error`, `warn`, `silence`")
        .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<WarnError> {
        let Value::Object(map) = value else { panic!("an object is needed") };
        WarnError::from_options(&map)
    }

    #[test]
    fn silence_beats_warn_beats_error() {
        let some = read(json!({"error": ["NoNodesForSelectionCriteria"], "silence": ["unused-config"]})).unwrap();
        assert_eq!(some.severity(Code::NoNodesSelected), Some(Severity::Error));
        assert_eq!(some.severity(Code::UnknownKey), Some(Severity::Warning));
        assert_eq!(some.severity(Code::UnusedConfig), None);
        let all = read(json!({"error": "all", "warn": ["NoNodesForSelectionCriteria"]})).unwrap();
        assert!(all.is_all());
        assert_eq!(all.severity(Code::NoNodesSelected), Some(Severity::Warning));
        assert_eq!(all.severity(Code::UnusedConfig), Some(Severity::Error));
    }

    #[test]
    fn a_name_beats_the_group_beats_all() {
        let fate = |options: &Value, kind: Deprecation| {
            read(options.clone())
                .unwrap()
                .apply(Diagnostic::deprecated(kind, "x"))
                .map(|diagnostic| diagnostic.severity)
        };
        let (yaml, name) = (Deprecation::DuplicateYamlKeys, Deprecation::ExposureName);
        let all_but = json!({"error": "all", "warn": ["Deprecations"], "silence": ["ExposureNameDeprecation"]});
        assert_eq!(fate(&all_but, yaml), Some(Severity::Warning));
        assert_eq!(fate(&all_but, name), None);
        let group = json!({"error": ["Deprecations"], "warn": ["DuplicateYAMLKeysDeprecation"]});
        assert_eq!(fate(&group, yaml), Some(Severity::Warning));
        assert_eq!(fate(&group, name), Some(Severity::Error));
        let named = json!({"error": ["ExposureNameDeprecation"], "silence": ["Deprecations"]});
        assert_eq!((fate(&named, yaml), fate(&named, name)), (None, Some(Severity::Error)));
        assert_eq!(
            read(group.clone()).unwrap().to_json(),
            json!({"error": group["error"], "warn": group["warn"], "silence": []})
        );
    }

    #[test]
    fn what_dbt_looks_for_on_other_databases_stays_a_warning_unless_it_is_named() {
        let fate = |options: Value, kind: Deprecation| {
            let warning = Diagnostic::deprecated(kind, "x");
            read(options).unwrap().apply(warning).map(|diagnostic| diagnostic.severity)
        };
        let moved = Deprecation::PropertyMovedToConfig;
        assert_eq!(fate(json!({"error": "all"}), moved), Some(Severity::Warning));
        assert_eq!(fate(json!({"error": ["Deprecations"]}), moved), Some(Severity::Warning));
        assert_eq!(fate(json!({"error": ["PropertyMovedToConfigDeprecation"]}), moved), Some(Severity::Error));
        assert_eq!(fate(json!({"error": "all", "silence": ["Deprecations"]}), moved), None);
        assert_eq!(fate(json!({"error": "all"}), Deprecation::DuplicateYamlKeys), Some(Severity::Error));
    }

    #[test]
    fn what_says_nothing_is_refused() {
        assert!(read(json!({"warn": ["NoNodesSelected"]})).is_err());
        assert!(read(json!({"errors": "all"})).is_err());
        assert!(read(json!({"error": "all", "include": "all"})).is_err());
        let misspelled = read(json!({"silence": ["NoNodesForSelectionCriterion"]})).unwrap_err();
        assert_eq!(misspelled.helps, ["did you mean `NoNodesForSelectionCriteria`?"]);
        assert_eq!(read(json!({"error": ["unused-confg"]})).unwrap_err().helps, ["did you mean `unused-config`?"]);
    }
}
