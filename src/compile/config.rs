//! Jinja's `config` at run time.

use std::fmt;
use std::sync::Arc;

use serde_json::Value as Json;

use super::Subject;
use super::objects::{given, truthy};
use super::scope::{self, Scope};
use crate::diag::{Code, Diagnostic};
use crate::jinja::value::{Object, ObjectRepr};
use crate::jinja::{self, Args, Error, ErrorKind, State, Value, pyvalue};

/// `config`: shared by all renders, it finds its node by itself.
#[derive(Debug)]
pub struct ConfigObject;

impl Object for ConfigObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    /// `{{ config(materialized='table') }}` said what it had to say while parsing.
    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        Ok(Value::from(""))
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let scope = scope::of(state)?;
        let mut a = Args::new(method, args);
        let value = match method {
            "get" => {
                let (name, default) = (a.string("name")?, a.optional("default")?);
                a.optional("validator")?;
                value(&scope, &name).or(default).unwrap_or(Value::from(()))
            }
            "require" => {
                let name = a.string("name")?;
                a.optional("validator")?;
                value(&scope, &name).ok_or_else(|| missing(&scope, &name))?
            }
            "meta_get" => {
                let (name, default) = (a.string("name")?, a.optional("default")?);
                a.optional("validator")?;
                meta(&scope, &name).or(default).unwrap_or(Value::from(()))
            }
            "meta_require" => {
                let name = a.string("name")?;
                a.optional("validator")?;
                meta(&scope, &name).ok_or_else(|| missing(&scope, &format!("meta.{name}")))?
            }
            "set" => {
                let (name, value) = (a.string("name")?, a.take("value")?);
                scope.settings().push((name, value));
                Value::from("")
            }
            "persist_relation_docs" => Value::from(persists(&scope, "relation")),
            "persist_column_docs" => Value::from(persists(&scope, "columns")),
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        };
        a.finish()?;
        Ok(value)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<config>")
    }
}

/// A config value that is set, or has a default that is not null.
fn value(scope: &Scope, name: &str) -> Option<Value> {
    if let Some((_, value)) = scope.settings().iter().rev().find(|(key, _)| key == name) {
        return Some(value.clone());
    }
    let name = match name {
        "pre_hook" => "pre-hook",
        "post_hook" => "post-hook",
        name => name,
    };
    if let Subject::UnitTest(unit) = &scope.subject
        && let Some(value) = unit.config(name)
    {
        return Some(value);
    }
    given(raw(scope, name).map(pyvalue::from_json))
}

fn raw<'a>(scope: &'a Scope, name: &str) -> Option<&'a Json> {
    match &scope.subject {
        Subject::Node(node) => node.config.get(name),
        Subject::UnitTest(unit) => unit.tested.config.get(name),
        Subject::Source(source) => source.config.get(name),
        Subject::Macro { .. } => None,
    }
}

fn meta(scope: &Scope, name: &str) -> Option<Value> {
    given(raw(scope, "meta").and_then(|meta| meta.get(name)).map(pyvalue::from_json))
}

fn persists(scope: &Scope, what: &str) -> bool {
    raw(scope, "persist_docs").and_then(|docs| docs.get(what)).is_some_and(truthy)
}

fn missing(scope: &Scope, name: &str) -> Error {
    let message = format!("{} has no config `{name}`, which its macros need", scope.subject.describe());
    jinja::raise(Diagnostic::error(Code::InvalidConfig, message).help(format!("set it: `{{{{ config({name}=…) }}}}`")))
}
