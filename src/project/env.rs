//! Environment variables, as a value: two projects in one process may see different ones.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A snapshot of environment variables. `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Env {
    vars: Arc<HashMap<String, String>>,
}

impl Env {
    /// How the names of options may begin, the strongest first.
    const OPTION_PREFIXES: [&str; 3] = ["HEADWATER_", "DBT_ENGINE_", "DBT_"];

    /// The variables of this process; those that are not UTF-8 are left out.
    pub fn process() -> Self {
        let vars = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Self { vars: Arc::new(vars.collect()) }
    }

    pub fn from<K: Into<String>, V: Into<String>>(vars: impl IntoIterator<Item = (K, V)>) -> Self {
        Self { vars: Arc::new(vars.into_iter().map(|(k, v)| (k.into(), v.into())).collect()) }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str)
    }

    /// An option: `HEADWATER_<name>` before `DBT_ENGINE_<name>` before `DBT_<name>`; empty means not set.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.spelled_option(name).map(|(_, value)| value)
    }

    /// The same, with the name of the variable that it was found in.
    pub fn spelled_option(&self, name: &str) -> Option<(String, &str)> {
        Self::OPTION_PREFIXES.iter().find_map(|prefix| {
            let full = format!("{prefix}{name}");
            let value = self.get(&full).filter(|value| !value.is_empty())?;
            Some((full, value))
        })
    }

    /// The user's folder of dbt, `~/.dbt`.
    pub fn dbt_home(&self) -> Option<PathBuf> {
        let home = self.get("HOME").or_else(|| self.get("USERPROFILE")).filter(|home| !home.is_empty())?;
        Some(Path::new(home).join(".dbt"))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.vars.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> = self.vars.keys().collect();
        names.sort_unstable();
        f.debug_tuple("Env").field(&names).finish()
    }
}
