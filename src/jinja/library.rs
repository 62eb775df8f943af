//! All macros of a project, and in which order names are found.

use std::collections::HashMap;
use std::sync::Arc;

use minijinja::Value;

use super::macros::MacroDef;
use crate::diag::Diagnostic;

/// All macros of all packages.
pub struct Library {
    packages: HashMap<Arc<str>, HashMap<Arc<str>, Arc<MacroDef>>>,
}

impl Library {
    /// `internal` are the embedded packages, nearest first (`dbt_mysql`, `dbt`). The diagnostics name macros that are
    /// defined twice in a package.
    pub fn new(
        _root: &str,
        _internal: &[&str],
        macros: impl IntoIterator<Item = Arc<MacroDef>>,
    ) -> (Self, Vec<Diagnostic>) {
        let mut packages: HashMap<Arc<str>, HashMap<Arc<str>, Arc<MacroDef>>> = HashMap::new();
        for definition in macros {
            packages.entry(definition.package.clone()).or_default().insert(definition.name.clone(), definition);
        }
        (Self { packages }, Vec::new())
    }

    /// What templates of a package see. Made once per package.
    pub fn namespace(&self, _package: &str) -> Arc<Namespace> {
        Arc::new(Namespace { names: HashMap::new() })
    }

    pub fn get(&self, package: &str, name: &str) -> Option<&Arc<MacroDef>> {
        self.packages.get(package)?.get(name)
    }

    /// The macro as a callable value.
    pub fn value(&self, _package: &str, _name: &str) -> Option<Value> {
        None
    }

    /// What a bare name means in a template of `from_package`: that package, the root project, the internal packages.
    pub fn find(&self, _name: &str, _from_package: &str) -> Option<&Arc<MacroDef>> {
        None
    }

    /// The macro that `adapter.dispatch(name)` means: the first `<prefix>__<name>` in the packages to search, prefix
    /// by prefix within each package. Without `search_packages` a bare lookup from `from_package`.
    pub fn dispatch(
        &self,
        _name: &str,
        _search_packages: Option<&[String]>,
        _from_package: &str,
        _prefixes: &[&str],
    ) -> Option<Value> {
        None
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<MacroDef>> {
        self.packages.values().flat_map(HashMap::values)
    }
}

/// The macros and package names that templates of one package see.
pub struct Namespace {
    names: HashMap<Arc<str>, Value>,
}

impl Namespace {
    /// A namespace without macros.
    pub fn empty() -> Arc<Self> {
        Arc::new(Self { names: HashMap::new() })
    }

    pub fn value(&self, name: &str) -> Option<Value> {
        self.names.get(name).cloned()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(|name| &**name)
    }
}
