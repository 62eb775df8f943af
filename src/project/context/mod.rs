//! The Jinja names that need no manifest: dbt's "base" context with `target`, `var` and `env_var`.

mod data;
mod date;
mod environment;
mod exceptions;
mod input;
mod logging;
mod modules;
mod variable;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};

use super::{DBT_VERSION, Invocation, Profile, Project, Vars};
use crate::diag::log::{Log, NullLog};
use crate::jinja::{Context, Engine, Mode, Namespace, Value, function, pyvalue};

pub(super) use environment::{Secrecy, reveal};
pub use input::{Input, Inputs};

/// Names and their values, to be shared by many renders.
pub type Names = HashMap<&'static str, Value>;

/// The base names for a project's files. `var` sees the variables of the package of the context's `model` (or of its
/// `project_name`); while parsing, a missing variable is `none`, else an error.
pub fn base(project: &Project, engine: &Engine, mode: Mode, log: Arc<dyn Log>) -> Names {
    Setting {
        invocation: &project.invocation,
        engine,
        vars: project.vars.clone(),
        flags: &project.flags,
        target: Some(&project.profile),
        secrecy: Secrecy::Forbidden,
        mode,
        log,
    }
    .names()
}

/// What the base names depend on.
struct Setting<'a> {
    invocation: &'a Arc<Invocation>,
    engine: &'a Engine,
    vars: Arc<Vars>,
    flags: &'a Map<String, Json>,
    target: Option<&'a Profile>,
    secrecy: Secrecy,
    mode: Mode,
    log: Arc<dyn Log>,
}

/// The context of profiles.yml: `--vars` and `env_var` only.
pub(super) fn early(invocation: &Arc<Invocation>, engine: &Engine, secrecy: Secrecy) -> Arc<Context> {
    configuration(invocation, engine, None, &invocation.cli_vars, secrecy)
}

/// The context of packages.yml, dbt_project.yml and selectors.yml; `var` sees `vars`. Without a profile, `target` is
/// undefined and may be.
pub(super) fn configuration(
    invocation: &Arc<Invocation>,
    engine: &Engine,
    target: Option<&Profile>,
    vars: &Map<String, Json>,
    secrecy: Secrecy,
) -> Arc<Context> {
    let names = Setting {
        invocation,
        engine,
        vars: Arc::new(Vars::command_line(vars)),
        flags: &Map::new(),
        target,
        secrecy,
        mode: Mode::Execute,
        log: Arc::new(NullLog),
    }
    .names();
    let mode = if target.is_some() { Mode::Execute } else { Mode::Parse };
    Arc::new(Context::new(Namespace::empty(), mode).base(Arc::new(names)))
}

impl Setting<'_> {
    fn names(&self) -> Names {
        let mut names = Names::from([
            ("dbt_version", Value::from(DBT_VERSION)),
            ("invocation_id", Value::from(self.invocation.id.as_str())),
            ("thread_id", Value::from("MainThread")),
            ("run_started_at", datetime(self.engine, self.invocation.started_at)),
            ("modules", modules::modules(self.engine)),
            ("flags", pyvalue::frozen(Arc::new(Json::Object(self.flags.clone())))),
            ("var", variable::var(self.vars.clone(), self.mode)),
            ("env_var", environment::env_var(self.invocation.env.clone(), self.secrecy)),
            ("exceptions", exceptions::exceptions(&self.log)),
            ("log", logging::log(self.log.clone())),
            ("print", logging::print(self.log.clone())),
            ("fromjson", function("fromjson", data::from_json)),
            ("tojson", function("tojson", data::to_json)),
            ("fromyaml", function("fromyaml", data::from_yaml)),
            ("toyaml", function("toyaml", data::to_yaml)),
            ("set", function("set", data::set)),
            ("set_strict", function("set_strict", data::set_strict)),
            ("zip", function("zip", data::zip)),
            ("zip_strict", function("zip_strict", data::zip_strict)),
            ("local_md5", function("local_md5", data::local_md5)),
            ("otel_trace_id", untraced("otel_trace_id", 32)),
            ("otel_span_id", untraced("otel_span_id", 16)),
            ("diff_of_two_dicts", function("diff_of_two_dicts", data::diff_of_two_dicts)),
        ]);
        if let Some(profile) = self.target {
            names.insert("target", target(profile));
        }
        let builtins: Vec<(Value, Value)> =
            names.iter().map(|(name, value)| (Value::from(*name), value.clone())).collect();
        names.insert("builtins", pyvalue::dict(builtins));
        names
    }
}

/// A `datetime` of Python, or what stands in for one where there is no Python.
pub fn datetime(engine: &Engine, utc: DateTime<Utc>) -> Value {
    match engine.modules() {
        Some(modules) => modules.datetime(utc),
        None => date::datetime(utc),
    }
}

/// `otel_trace_id()`, `otel_span_id()`: the zeros that dbt gives where nothing is traced.
fn untraced(name: &'static str, digits: usize) -> Value {
    function(name, move |_, args| args.finish().map(|()| Value::from("0".repeat(digits))))
}

/// `DBT_ENV_CUSTOM_ENV_*` without the prefix.
pub fn metadata_envs(project: &Project) -> Value {
    const PREFIX: &str = "DBT_ENV_CUSTOM_ENV_";
    let entries = project.invocation.env.iter().filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, value)));
    pyvalue::dict(entries.map(|(name, value)| (Value::from(name), Value::from(value))))
}

/// `target`: the credentials without secrets, and how the target is called.
fn target(profile: &Profile) -> Value {
    pyvalue::frozen(Arc::new(Json::Object(visible_target(profile))))
}

/// `target` as templates see it.
pub fn visible_target(profile: &Profile) -> Map<String, Json> {
    let mut target: Map<String, Json> = profile
        .credentials
        .iter()
        .filter(|(name, _)| !is_secret(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let named = [
        ("name", Json::from(profile.target_name.as_str())),
        ("target_name", Json::from(profile.target_name.as_str())),
        ("profile_name", Json::from(profile.name.as_str())),
        ("type", Json::from(profile.kind.as_str())),
        ("threads", Json::from(profile.threads)),
        ("schema", Json::from(profile.schema.as_str())),
        ("database", Json::from(profile.database.clone())),
    ];
    target.extend(named.map(|(name, value)| (name.to_owned(), value)));
    target
}

/// Whether a key of a target holds something that must not be seen.
fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    ["pass", "secret", "token", "private_key", "key_id", "settings", "attach"].iter().any(|part| name.contains(part))
}
