//! `adapter.dispatch`: which macro a name means on the adapter in use.

use std::collections::HashMap;
use std::sync::Arc;

use crate::adapter::Adapter;
use crate::diag::{Code, Diagnostic};
use crate::jinja::{Library, MacroDef, Value};
use crate::project::Project;

/// Search orders and prefixes of a project; shared by all renders.
pub struct Dispatcher {
    library: Arc<Library>,
    root: Arc<str>,
    /// `dispatch:` of dbt_project.yml.
    orders: HashMap<String, Vec<String>>,
    /// `mariadb`, `mysql`, `default`.
    prefixes: Vec<String>,
}

impl Dispatcher {
    pub fn new(project: &Project, adapter: &dyn Adapter, library: Arc<Library>) -> Self {
        let kinds = std::iter::once(adapter.kind()).chain(adapter.parents().iter().copied());
        let orders = project.dispatch.iter().map(|entry| (entry.macro_namespace.clone(), entry.search_order.clone()));
        Self {
            library,
            root: project.name.clone(),
            orders: orders.collect(),
            prefixes: kinds.chain(["default"]).map(str::to_owned).collect(),
        }
    }

    pub fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// The adapter's type.
    pub fn kind(&self) -> &str {
        &self.prefixes[0]
    }

    /// Whether dispatching `name` could find a macro that is called `candidate`.
    pub fn is_for(&self, candidate: &str, name: &str) -> bool {
        let prefix = candidate.strip_suffix(name).and_then(|start| start.strip_suffix("__"));
        prefix.is_some_and(|prefix| self.prefixes.iter().any(|known| known == prefix))
    }

    /// The macro as a callable value.
    ///
    /// # Errors
    /// No package has it; the diagnostic names what was looked for.
    pub fn dispatch(
        &self,
        name: &str,
        namespace: Option<&str>,
        from_package: Option<&str>,
    ) -> Result<Value, Box<Diagnostic>> {
        self.find(name, namespace, from_package)
            .and_then(|found| self.library.value(&found.package, &found.name))
            .ok_or_else(|| self.not_found(name, namespace).boxed())
    }

    /// The macro's definition.
    pub fn find(&self, name: &str, namespace: Option<&str>, from_package: Option<&str>) -> Option<&Arc<MacroDef>> {
        let candidates = || self.prefixes.iter().map(|prefix| format!("{prefix}__{name}"));
        let Some(namespace) = namespace else {
            let package = from_package.unwrap_or(&self.root);
            return candidates().find_map(|candidate| self.library.find(&candidate, package));
        };
        let in_package = |package: &str| candidates().find_map(|candidate| self.search(package, &candidate));
        match self.orders.get(namespace) {
            Some(order) => order.iter().find_map(|package| in_package(package)),
            None => in_package(&self.root).or_else(|| in_package(namespace)),
        }
    }

    /// `dbt` stands for all embedded packages.
    fn search(&self, package: &str, name: &str) -> Option<&Arc<MacroDef>> {
        self.library.get(package, name).or_else(|| (package == "dbt").then(|| self.library.find(name, "dbt")).flatten())
    }

    fn not_found(&self, name: &str, namespace: Option<&str>) -> Diagnostic {
        let wanted: Vec<String> = self.prefixes.iter().map(|prefix| format!("`{prefix}__{name}`")).collect();
        let place = namespace.map(|namespace| format!(" in namespace `{namespace}`")).unwrap_or_default();
        Diagnostic::error(Code::MacroNotFound, format!("`adapter.dispatch` finds no macro `{name}`{place}"))
            .note(format!("looked for {}", wanted.join(", ")))
    }
}
