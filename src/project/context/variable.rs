//! `var`.

use std::fmt;
use std::sync::Arc;

use super::input::{self, Input};
use crate::diag::{Code, Diagnostic};
use crate::jinja::value::{Object, ObjectRepr};
use crate::jinja::{self, Args, Context, Error, Mode, State, Value, pyvalue};
use crate::project::Vars;

/// `var(name, default)` and `var.has_var(name)`.
pub(super) fn var(vars: Arc<Vars>, mode: Mode) -> Value {
    Value::from_object(Var { vars, mode })
}

struct Var {
    vars: Arc<Vars>,
    mode: Mode,
}

impl fmt::Debug for Var {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<function var>")
    }
}

impl Object for Var {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let mut args = Args::new("var", args);
        let name = args.string("name")?;
        let default = args.optional("default")?;
        args.finish()?;
        let package = observed(state, &name);
        if let Some(value) = self.vars.get(&package, &name) {
            return Ok(pyvalue::from_json(value));
        }
        match default {
            Some(value) if !value.is_none() => Ok(value),
            // `var('x', none)` means "no default" to dbt, and both give none while parsing.
            _ if self.mode == Mode::Parse => Ok(pyvalue::none()),
            Some(value) => Ok(value),
            None => Err(jinja::raise_about(&name, "needed here", missing(&self.vars, &package, &name))),
        }
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        if method != "has_var" {
            return Err(Error::from(jinja::ErrorKind::UnknownMethod));
        }
        let mut args = Args::new("has_var", args);
        let name = args.string("name")?;
        args.finish()?;
        Ok(Value::from(self.vars.get(&observed(state, &name), &name).is_some()))
    }
}

/// The package whose variables count here, once it has been noted that this one is asked for.
fn observed(state: &State<'_, '_>, name: &str) -> String {
    let context = jinja::context(state);
    let package = package(context.as_ref());
    input::note(context.as_ref(), || Input::Var { package: package.as_str().into(), name: name.to_owned() });
    if let Some(context) = context {
        context.observe("var", &[&package, name]);
    }
    package
}

/// The package whose variables count here; empty for the root project's.
fn package(context: Option<&Arc<Context>>) -> String {
    let Some(context) = context else { return String::new() };
    let of_model = context.shadowed("model").and_then(|model| model.get_attr("package_name").ok());
    [of_model, context.shadowed("project_name")]
        .into_iter()
        .flatten()
        .find_map(|name| name.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// The diagnostic for a variable that nobody has set. Its place is the argument of the call.
fn missing(vars: &Vars, package: &str, name: &str) -> Diagnostic {
    let near = vars.nearest(package, name);
    let value = near.map_or_else(|| "…".to_owned(), |(_, value)| value.to_string());
    let plain = value.trim_matches('"');
    let help = format!(
        "declare it under `vars:` in dbt_project.yml, pass `--vars '{{{name}: {plain}}}'`, or give a default: \
         `var(\"{name}\", {value})`"
    );
    let error = Diagnostic::error(Code::VarNotSet, format!("variable `{name}` has no value and no default")).help(help);
    match near {
        Some((span, _)) => error.place(span.clone(), "a variable with a similar name is declared here"),
        None => error,
    }
}
