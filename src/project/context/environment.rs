//! `env_var`.

use std::borrow::Cow;

use super::input::{self, Input};
use crate::diag::{Code, Diagnostic};
use crate::jinja::{self, Value, function};
use crate::project::{Env, secrets};

/// Whether `DBT_ENV_SECRET_*` may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrecy {
    /// profiles.yml and packages.yml: the value is put in after rendering, so that Jinja cannot print it.
    Allowed,
    Forbidden,
}

/// Around the name of a secret in rendered text.
const START: &str = "\u{1}secret:";
const END: char = '\u{2}';
/// Variables of this prefix are for dbt itself.
const PRIVATE: &str = "DBT_ENV_PRIVATE";

/// `env_var(name, default)`.
pub(super) fn env_var(env: Env, secrecy: Secrecy) -> Value {
    function("env_var", move |state, args| {
        let name = args.string("name")?;
        let default = args.optional("default")?.filter(|default| !default.is_none());
        args.finish()?;
        if let Some(context) = jinja::context(state) {
            context.observe("env_var", &[&name]);
        }
        let secret = name.starts_with(secrets::PREFIX);
        if secret && secrecy == Secrecy::Forbidden {
            return Err(jinja::raise(
                Diagnostic::error(Code::InvalidValue, format!("the secret `{name}` cannot be used here")).note(
                    "`DBT_ENV_SECRET_*` is for profiles.yml and packages.yml, so that no secret reaches SQL or logs",
                ),
            ));
        }
        input::note(jinja::context(state).as_ref(), || Input::Env(name.clone()));
        let value = env.get(&name).filter(|_| !name.starts_with(PRIVATE));
        match (value, default) {
            (Some(_), _) if secret => Ok(Value::from(format!("{START}{name}{END}"))),
            (Some(value), _) => Ok(Value::from(value)),
            (None, Some(default)) => Ok(default),
            (None, None) => Err(jinja::raise_about(&name, "needed here", missing(&name))),
        }
    })
}

fn missing(name: &str) -> Diagnostic {
    Diagnostic::error(Code::EnvVarNotSet, format!("environment variable `{name}` is not set and has no default"))
        .help(format!("set it (`export {name}=…`), or give a default: `env_var('{name}', '…')`"))
}

/// Puts the values of secrets into a rendered text.
pub(crate) fn reveal<'t>(text: &'t str, env: &Env) -> Cow<'t, str> {
    let Some((before, rest)) = text.split_once(START) else { return Cow::Borrowed(text) };
    let Some((name, after)) = rest.split_once(END) else { return Cow::Borrowed(text) };
    let value = env.get(name).unwrap_or("");
    Cow::Owned(format!("{before}{value}{}", reveal(after, env)))
}
