//! All macros of a project, and in which order names are found.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use minijinja::value::{Enumerator, Object};
use minijinja::{Error, ErrorKind, State, UndefinedBehavior, Value};

use super::error::raise;
use super::macros::MacroDef;
use super::pyvalue;
use crate::diag::{Code, Diagnostic, Span, suggest};

type Macros = HashMap<Arc<str>, Arc<MacroDef>>;

/// The name under which the macros of all internal packages are found together.
const INTERNAL: &str = "dbt";

/// All macros of all packages.
pub struct Library {
    root: Arc<str>,
    packages: HashMap<Arc<str>, Macros>,
    /// Those of the internal packages together: the nearest package wins.
    internal: Macros,
    /// Package names as values: `dbt_utils` in `dbt_utils.star()`.
    names: HashMap<Arc<str>, Value>,
    namespaces: HashMap<Arc<str>, OnceLock<Arc<Namespace>>>,
    /// What packages without macros of their own see.
    common: OnceLock<Arc<Namespace>>,
}

impl Library {
    /// `internal` are the embedded packages, nearest first (`dbt_mysql`, `dbt`). The diagnostics name macros that are
    /// defined twice in a package.
    pub fn new(
        root: &str,
        internal: &[&str],
        macros: impl IntoIterator<Item = Arc<MacroDef>>,
    ) -> (Self, Vec<Diagnostic>) {
        let mut packages: HashMap<Arc<str>, Macros> = HashMap::new();
        let mut problems = Vec::new();
        for definition in macros {
            let package = packages.entry(definition.package.clone()).or_default();
            match package.get(&definition.name) {
                Some(first) => problems.push(defined_twice(first, &definition)),
                None => {
                    package.insert(definition.name.clone(), definition);
                }
            }
        }
        let mut together = Macros::new();
        for package in internal.iter().rev().filter_map(|package| packages.get(*package)) {
            together.extend(package.iter().map(|(name, definition)| (name.clone(), definition.clone())));
        }
        let mut names: HashMap<Arc<str>, Value> = HashMap::new();
        for (package, macros) in &packages {
            names.insert(package.clone(), Package::value(package, macros));
        }
        if !together.is_empty() {
            names.insert(INTERNAL.into(), Package::value(&INTERNAL.into(), &together));
        }
        let namespaces = packages.keys().map(|package| (package.clone(), OnceLock::new())).collect();
        let library =
            Self { root: root.into(), packages, internal: together, names, namespaces, common: OnceLock::new() };
        (library, problems)
    }

    /// What templates of a package see. Made once per package.
    pub fn namespace(&self, package: &str) -> Arc<Namespace> {
        let made = self.namespaces.get(package).unwrap_or(&self.common);
        made.get_or_init(|| {
            let mut names = HashMap::new();
            let layers = [Some(&self.internal), self.packages.get(&*self.root), self.packages.get(package)];
            for macros in layers.into_iter().flatten() {
                names.extend(macros.iter().map(|(name, definition)| (name.clone(), definition.value())));
            }
            names.extend(self.names.iter().map(|(name, package)| (name.clone(), package.clone())));
            Arc::new(Namespace { package: package.into(), names })
        })
        .clone()
    }

    /// `dbt` means all internal packages together.
    pub fn get(&self, package: &str, name: &str) -> Option<&Arc<MacroDef>> {
        if package == INTERNAL
            && let Some(found) = self.internal.get(name)
        {
            return Some(found);
        }
        self.packages.get(package)?.get(name)
    }

    /// The macro as a callable value.
    pub fn value(&self, package: &str, name: &str) -> Option<Value> {
        self.get(package, name).map(MacroDef::value)
    }

    /// What a bare name means in a template of `from_package`: that package, the root project, the internal packages.
    pub fn find(&self, name: &str, from_package: &str) -> Option<&Arc<MacroDef>> {
        let own = self.packages.get(from_package).and_then(|macros| macros.get(name));
        let root = || self.packages.get(&*self.root).and_then(|macros| macros.get(name));
        own.or_else(root).or_else(|| self.internal.get(name))
    }

    /// The macro that `adapter.dispatch(name)` means: the first `<prefix>__<name>` in the packages to search, prefix
    /// by prefix within each package. Without `search_packages` a bare lookup from `from_package`.
    pub fn dispatch(
        &self,
        name: &str,
        search_packages: Option<&[String]>,
        from_package: &str,
        prefixes: &[&str],
    ) -> Option<Value> {
        self.dispatch_to(name, search_packages, from_package, prefixes).map(MacroDef::value)
    }

    /// Like [`Library::dispatch`], as a definition.
    pub fn dispatch_to(
        &self,
        name: &str,
        search_packages: Option<&[String]>,
        from_package: &str,
        prefixes: &[&str],
    ) -> Option<&Arc<MacroDef>> {
        let names: Vec<String> = prefixes.iter().map(|prefix| format!("{prefix}__{name}")).collect();
        match search_packages {
            None => names.iter().find_map(|name| self.find(name, from_package)),
            Some(packages) => packages.iter().find_map(|package| names.iter().find_map(|name| self.get(package, name))),
        }
    }

    /// What to say where [`Library::dispatch`] finds nothing.
    pub fn dispatch_failure(&self, name: &str, search_packages: Option<&[String]>, prefixes: &[&str]) -> Diagnostic {
        let names: Vec<String> = prefixes.iter().map(|prefix| format!("`{prefix}__{name}`")).collect();
        let looked_in = match search_packages {
            Some(packages) => {
                let packages: Vec<String> = packages.iter().map(|package| format!("`{package}`")).collect();
                format!(" in packages {}", packages.join(", "))
            }
            None => String::new(),
        };
        let message = format!("no implementation of `{name}` for `adapter.dispatch`");
        let diagnostic =
            Diagnostic::error(Code::MacroNotFound, message).note(format!("looked for {}{looked_in}", names.join(", ")));
        let wanted = format!("default__{name}");
        match suggest::nearest(&wanted, self.iter().map(|definition| &*definition.name)) {
            Some(near) => diagnostic.help(format!("a macro with a similar name exists: `{near}`")),
            None => diagnostic,
        }
    }

    /// All macros, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<MacroDef>> {
        self.packages.values().flat_map(HashMap::values)
    }
}

fn defined_twice(first: &MacroDef, second: &MacroDef) -> Diagnostic {
    let header =
        |definition: &MacroDef| Span::new(&definition.file, definition.block.range.start..definition.block.body.start);
    let message = format!("macro `{}` is defined twice in package `{}`", second.name, second.package);
    Diagnostic::error(Code::DuplicateName, message)
        .at(header(second), "defined again here")
        .place(header(first), "first defined here")
        .help("rename or delete one of them")
}

/// The macros and package names that templates of one package see.
pub struct Namespace {
    package: Arc<str>,
    names: HashMap<Arc<str>, Value>,
}

impl Namespace {
    /// A namespace without macros.
    pub fn empty() -> Arc<Self> {
        Arc::new(Self { package: "".into(), names: HashMap::new() })
    }

    /// The package whose templates see it; the one that asked first where a package has no macros.
    pub fn package(&self) -> &Arc<str> {
        &self.package
    }

    pub fn value(&self, name: &str) -> Option<Value> {
        self.names.get(name).cloned()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(|name| &**name)
    }
}

/// A package as templates see it.
struct Package {
    name: Arc<str>,
    macros: HashMap<Arc<str>, Value>,
}

impl Package {
    fn value(name: &Arc<str>, macros: &Macros) -> Value {
        let macros = macros.iter().map(|(name, definition)| (name.clone(), definition.value())).collect();
        Value::from_object(Self { name: name.clone(), macros })
    }

    fn not_found(&self, name: &str) -> Error {
        let message = format!("package `{}` has no macro `{name}`", self.name);
        let diagnostic = Diagnostic::error(Code::MacroNotFound, message);
        raise(match suggest::nearest(name, self.macros.keys()) {
            Some(near) => diagnostic.help(format!("did you mean `{}.{near}`?", self.name)),
            None => diagnostic,
        })
    }
}

impl fmt::Debug for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<package {}>", self.name)
    }
}

impl Object for Package {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.macros.get(key).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.macros.keys().map(|name| Value::from(name.clone())).collect())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match self.macros.get(method) {
            Some(definition) => definition.call(state, args),
            // A package is a mapping too: `context['pkg'].get('name')`.
            None if matches!(method, "get" | "keys" | "values" | "items") => Err(ErrorKind::UnknownMethod.into()),
            None if state.undefined_behavior() == UndefinedBehavior::Chainable => Ok(pyvalue::parse_undefined()),
            None => Err(self.not_found(method)),
        }
    }
}
