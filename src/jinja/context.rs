//! The names that one render sees.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::State;
use minijinja::value::{Enumerator, Object, Value};

use super::engine::Mode;
use super::library::Namespace;
use super::observe::{Observer, observer};
use super::pyvalue;

/// The name under which a running template finds its own context. No identifier can be spelled so.
pub(super) const SELF: &str = "\0context";

/// Macros deeper than this in each other are taken for endless recursion.
pub(super) const MAX_DEPTH: usize = 400;

/// Names that the engine itself provides; while parsing, all other unknown names are chainable undefined values.
const BUILT_IN: &[&str] = &["dict", "loop", "namespace", "range", "return", "self", "super"];

/// The names of one render. Looked up in this order: overrides, macros, variables, base.
///
/// dbt lets a macro of the project replace a name of its own (`ref`, `source`), hence macros before variables.
pub struct Context {
    namespace: Arc<Namespace>,
    mode: Mode,
    overrides: HashMap<Arc<str>, Value>,
    variables: HashMap<Arc<str>, Value>,
    base: Option<Arc<HashMap<&'static str, Value>>>,
    depth: AtomicUsize,
    called: Mutex<Vec<Arc<str>>>,
}

impl Context {
    pub fn new(namespace: Arc<Namespace>, mode: Mode) -> Self {
        Self {
            namespace,
            mode,
            overrides: HashMap::new(),
            variables: HashMap::new(),
            base: None,
            depth: AtomicUsize::new(0),
            called: Mutex::new(Vec::new()),
        }
    }

    /// Sets a variable. A macro of the same name hides it.
    #[must_use]
    pub fn set(mut self, name: impl Into<Arc<str>>, value: impl Into<Value>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Sets a name that hides even a macro.
    #[must_use]
    pub fn set_override(mut self, name: impl Into<Arc<str>>, value: impl Into<Value>) -> Self {
        self.overrides.insert(name.into(), value.into());
        self
    }

    /// Puts a shared layer under the variables.
    #[must_use]
    pub fn base(mut self, base: Arc<HashMap<&'static str, Value>>) -> Self {
        self.base = Some(base);
        self
    }

    /// A new context with the same names and nothing called yet.
    #[must_use]
    pub fn derive(&self) -> Self {
        Self {
            namespace: self.namespace.clone(),
            mode: self.mode,
            overrides: self.overrides.clone(),
            variables: self.variables.clone(),
            base: self.base.clone(),
            depth: AtomicUsize::new(0),
            called: Mutex::new(Vec::new()),
        }
    }

    pub fn mode(&self) -> Mode {
        self.mode
    }

    pub fn namespace(&self) -> &Arc<Namespace> {
        &self.namespace
    }

    /// What a template would see under this name; none where it would see an undefined value.
    pub fn get(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.overrides.get(name) {
            return Some(value.clone());
        }
        if let Some(value) = self.namespace.value(name) {
            return Some(value);
        }
        let variable = self.variables.get(name).cloned();
        variable.or_else(|| {
            let value = self.base.as_ref()?.get(name).cloned()?;
            if Observer::concerns(name) {
                self.observe(name, &[]);
            }
            Some(value)
        })
    }

    /// Tells the observer of these names, if they have one, that a template has looked at something.
    pub fn observe(&self, name: &str, arguments: &[&str]) {
        if let Some(observer) = self.base.as_ref().and_then(|base| observer(base)) {
            let id = self.variables.get("model").and_then(|model| model.get_attr("unique_id").ok());
            observer.observe(id.and_then(|id| id.as_str().map(Arc::from)), name, arguments);
        }
    }

    /// Like [`Context::get`], but past the macros: what `builtins.ref` means when a macro replaces `ref`.
    pub fn shadowed(&self, name: &str) -> Option<Value> {
        self.variables.get(name).or_else(|| self.base.as_ref()?.get(name)).cloned()
    }

    /// `unique_id`s of the macros that the template called itself, not those that macros called; each once, in the
    /// order of the first call.
    pub fn called(&self) -> Vec<Arc<str>> {
        self.called.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Names near to `name` among everything that can be called or looked up.
    pub(super) fn nearest(&self, name: &str) -> Option<String> {
        let base = self.base.iter().flat_map(|base| base.keys().copied());
        let names = self.namespace.names().chain(self.variables.keys().map(|name| &**name)).chain(base);
        crate::diag::suggest::nearest(name, names).map(str::to_owned)
    }

    /// Enters a macro; none where macros are nested too deeply.
    pub(super) fn enter(&self, unique_id: Option<&Arc<str>>) -> Option<Depth<'_>> {
        let depth = self.depth.fetch_add(1, Ordering::Relaxed);
        let guard = Depth(&self.depth);
        if let Some(unique_id) = unique_id {
            self.observe("macro", &[&**unique_id]);
        }
        if let (0, Some(unique_id)) = (depth, unique_id) {
            let mut called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
            if !called.contains(unique_id) {
                called.push(unique_id.clone());
            }
        }
        (depth < MAX_DEPTH).then_some(guard)
    }

    pub(super) fn lookup(self: &Arc<Self>, name: &str) -> Option<Value> {
        if name.starts_with('\0') {
            return (name == SELF).then(|| Value::from_dyn_object(self.clone()));
        }
        let unknown = || self.mode == Mode::Parse && !BUILT_IN.contains(&name);
        self.get(name).or_else(|| unknown().then(pyvalue::parse_undefined))
    }
}

/// Counts one macro activation for as long as it lives.
pub(super) struct Depth<'a>(&'a AtomicUsize);

impl Drop for Depth<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<context>")
    }
}

impl Object for Context {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.lookup(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.lookup(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Empty
    }
}

/// The context of the render that called a host function.
pub fn context(state: &State<'_, '_>) -> Option<Arc<Context>> {
    state.lookup(SELF)?.downcast_object::<Context>()
}
