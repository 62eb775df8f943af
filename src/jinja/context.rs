//! The names that one render sees.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use minijinja::value::{Enumerator, Object, Value};
use minijinja::{Error, ErrorKind, State};

use super::args::Args;
use super::engine::Mode;
use super::library::Namespace;
use super::observe::{Observer, observer};
use super::pyvalue;

/// The name under which a running template finds its own context. No identifier can be spelled so.
pub(super) const SELF: &str = "\0context";

/// The name under which templates see all of their names.
const CONTEXT: &str = "context";

/// Macros deeper than this in each other are taken for endless recursion.
pub(super) const MAX_DEPTH: usize = 400;

/// Names that the engine itself provides; while parsing, all other unknown names are chainable undefined values.
const BUILT_IN: &[&str] = &["cycler", "dict", "joiner", "loop", "namespace", "range", "return", "self", "super"];

/// The names of one render. Looked up in this order: overrides, macros, variables, base.
///
/// dbt lets a macro of the project replace a name of its own (`ref`, `source`), hence macros before variables.
pub struct Context {
    namespace: Arc<Namespace>,
    mode: Mode,
    overrides: HashMap<Arc<str>, Value>,
    variables: HashMap<Arc<str>, Value>,
    base: Option<Arc<HashMap<&'static str, Value>>>,
    /// Whether the name `context` means all of these.
    has_context: bool,
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
            has_context: false,
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

    /// Lets templates see all names as the dictionary `context`.
    #[must_use]
    pub fn with_context(mut self) -> Self {
        self.has_context = true;
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
            has_context: self.has_context,
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

    /// The names of everything that a template sees, `context` itself left out: so a look at all of it ends.
    fn names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = self.namespace.names().map(Arc::from).collect();
        names.extend(self.overrides.keys().chain(self.variables.keys()).cloned());
        names.extend(self.base.iter().flat_map(|base| base.keys().map(|name| Arc::from(*name))));
        names.retain(|name| !name.starts_with('\0') && &**name != CONTEXT);
        names.sort();
        names.dedup();
        names
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
        if name == CONTEXT && self.has_context {
            return Some(Value::from_object(Itself(Arc::downgrade(self))));
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

/// `context`: the names of the render as a dictionary. It must not keep alive what holds it.
#[derive(Debug)]
struct Itself(Weak<Context>);

impl Itself {
    fn entry(&self, name: &str) -> Option<Value> {
        if name == CONTEXT {
            return Some(Value::from_object(Self(self.0.clone())));
        }
        self.0.upgrade()?.get(name).filter(|_| !name.starts_with('\0'))
    }
}

impl Object for Itself {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.entry(key.as_str()?)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = self.0.upgrade().map(|context| context.names()).unwrap_or_default();
        Enumerator::Values(names.into_iter().map(Value::from).collect())
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        Ok(Value::from_dyn_object(self.clone()))
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match (method, self.entry(method)) {
            // `context.my_macro(…)`
            (_, Some(callable)) => callable.call(state, args),
            ("get", None) => {
                let mut args = Args::new(method, args);
                let (key, default) = (args.take("key")?, args.or("default", ())?);
                args.finish()?;
                Ok(key.as_str().and_then(|key| self.entry(key)).unwrap_or(default))
            }
            ("keys" | "values" | "items", None) => Err(ErrorKind::UnknownMethod.into()),
            (_, None) if self.0.upgrade().is_some_and(|context| context.mode == Mode::Parse) => {
                Ok(pyvalue::parse_undefined())
            }
            _ => Err(ErrorKind::UnknownMethod.into()),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<context>")
    }
}

/// The context of the render that called a host function.
pub fn context(state: &State<'_, '_>) -> Option<Arc<Context>> {
    state.lookup(SELF)?.downcast_object::<Context>()
}
