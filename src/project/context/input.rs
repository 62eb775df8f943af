//! Which variables a render asked for: what it depends on besides files.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use regex::Regex;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::jinja::value::{Object, ObjectRepr};
use crate::jinja::{Context, Value};
use crate::project::{Project, render};

/// The name under which a render's inputs are gathered. No identifier can be spelled so.
const GATHERED: &str = "\0inputs";

/// A variable that something was rendered with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Input {
    /// `var(name)`, as a package sees it.
    Var { package: Arc<str>, name: String },
    /// `env_var(name)`
    Env(String),
}

impl Input {
    /// `var:shop:column`, `env_var:REGION`
    pub fn key(&self) -> String {
        match self {
            Self::Var { package, name } => format!("var:{package}:{name}"),
            Self::Env(name) => format!("env_var:{name}"),
        }
    }

    /// What [`Input::key`] wrote.
    pub fn parse(key: &str) -> Option<Self> {
        if let Some(name) = key.strip_prefix("env_var:") {
            return Some(Self::Env(name.to_owned()));
        }
        let (package, name) = key.strip_prefix("var:")?.split_once(':')?;
        Some(Self::Var { package: package.into(), name: name.to_owned() })
    }

    /// A digest of today's value; none where it has none. The value cannot be read from it, and two projects with the
    /// same value have different ones.
    pub fn digest(&self, project: &Project) -> Option<String> {
        let value = match self {
            Self::Var { package, name } => project.vars.get(package, name)?.clone(),
            Self::Env(name) => Json::from(project.invocation.env.get(name)?),
        };
        let digest = Sha256::digest(format!("{}\0{}\0{value}", project.name, self.key()));
        Some(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }

    /// The variables that a configuration names in its Jinja, as far as they are named by literals.
    pub fn named_in<'v>(package: &Arc<str>, values: impl IntoIterator<Item = &'v Json>) -> BTreeSet<Self> {
        let mut found = BTreeSet::new();
        values.into_iter().for_each(|value| find(package, value, &mut found));
        found
    }
}

static CALL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"\b(var|env_var)\s*\(\s*(?:'([^']+)'|"([^"]+)")"#).ok());

fn find(package: &Arc<str>, value: &Json, found: &mut BTreeSet<Input>) {
    match value {
        Json::String(text) if render::has_jinja(text) => {
            for call in CALL.iter().flat_map(|call| call.captures_iter(text)) {
                let Some(name) = call.get(2).or_else(|| call.get(3)).map(|name| name.as_str().to_owned()) else {
                    continue;
                };
                found.insert(match &call[1] {
                    "var" => Input::Var { package: package.clone(), name },
                    _ => Input::Env(name),
                });
            }
        }
        Json::Array(items) => items.iter().for_each(|item| find(package, item, found)),
        Json::Object(map) => map.values().for_each(|item| find(package, item, found)),
        _ => {}
    }
}

/// What the renders of one node asked for.
#[derive(Default)]
pub struct Inputs(Mutex<BTreeSet<Input>>);

impl Inputs {
    pub fn seen(&self) -> BTreeSet<Input> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets a context gather here.
    #[must_use]
    pub fn gather(self: &Arc<Self>, context: Context) -> Context {
        context.set(GATHERED, Value::from_dyn_object(self.clone()))
    }
}

/// Takes note of an input where the context gathers them.
pub(super) fn note(context: Option<&Arc<Context>>, input: impl FnOnce() -> Input) {
    let gathered = context.and_then(|context| context.shadowed(GATHERED)?.downcast_object::<Inputs>());
    if let Some(inputs) = gathered {
        inputs.0.lock().unwrap_or_else(PoisonError::into_inner).insert(input());
    }
}

impl fmt::Debug for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<inputs>")
    }
}

impl Object for Inputs {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn literal_names_are_found_in_the_jinja_of_configs() {
        let config = json!({
            "schema": "{{ var('raw') ~ env_var(\"REGION\", 'x') }}", "tags": ["{% if var( 'on' ) %}a{% endif %}"],
            "plain": "var('not_jinja')",
        });
        let keys: Vec<String> = Input::named_in(&"shop".into(), [&config]).iter().map(Input::key).collect();
        assert_eq!(keys, ["var:shop:on", "var:shop:raw", "env_var:REGION"]);
        for key in keys {
            assert_eq!(Input::parse(&key).unwrap().key(), key);
        }
        assert!(Input::parse("nonsense").is_none());
    }
}
