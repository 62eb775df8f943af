//! Arguments of host functions, read the way Python binds them.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Kwargs, Object, ObjectRepr, Value};
use minijinja::{Error, ErrorKind, State};

/// The arguments of one call. Read them in the order of the signature, then call [`Args::finish`].
pub struct Args<'a> {
    function: &'a str,
    positional: &'a [Value],
    keywords: Option<Kwargs>,
    used: Vec<&'static str>,
}

impl<'a> Args<'a> {
    /// `function` is the name that messages use.
    pub fn new(function: &'a str, args: &'a [Value]) -> Self {
        let (positional, keywords) = match args.split_last() {
            Some((last, before)) if last.is_kwargs() => (before, Kwargs::try_from(last.clone()).ok()),
            _ => (args, None),
        };
        Self { function, positional, keywords, used: Vec::new() }
    }

    /// The next argument, by position or by name.
    ///
    /// # Errors
    /// It was given twice.
    pub fn optional(&mut self, name: &'static str) -> Result<Option<Value>, Error> {
        let by_name = match &self.keywords {
            Some(keywords) if keywords.has(name) => Some(keywords.peek::<Value>(name)?),
            _ => None,
        };
        if by_name.is_some() {
            self.used.push(name);
        }
        match (self.positional.split_first(), by_name) {
            (Some(_), Some(_)) => {
                Err(self.error(ErrorKind::TooManyArguments, format!("got multiple values for argument '{name}'")))
            }
            (Some((first, rest)), None) => {
                self.positional = rest;
                Ok(Some(first.clone()))
            }
            (None, by_name) => Ok(by_name),
        }
    }

    /// The next argument, which must be there.
    ///
    /// # Errors
    /// It is missing or was given twice.
    pub fn take(&mut self, name: &'static str) -> Result<Value, Error> {
        match self.optional(name)? {
            Some(value) => Ok(value),
            None => Err(self.error(ErrorKind::MissingArgument, format!("missing required argument: '{name}'"))),
        }
    }

    /// The next argument or a default.
    ///
    /// # Errors
    /// It was given twice.
    pub fn or(&mut self, name: &'static str, default: impl Into<Value>) -> Result<Value, Error> {
        Ok(self.optional(name)?.unwrap_or_else(|| default.into()))
    }

    /// The next argument, which must be a string.
    ///
    /// # Errors
    /// It is missing, given twice or not a string.
    pub fn string(&mut self, name: &'static str) -> Result<String, Error> {
        let value = self.take(name)?;
        self.text(name, &value)
    }

    /// The next argument if it is there and not `none`; then it must be a string.
    ///
    /// # Errors
    /// It is given twice or not a string.
    pub fn optional_string(&mut self, name: &'static str) -> Result<Option<String>, Error> {
        match self.optional(name)? {
            Some(value) if !value.is_none() && !value.is_undefined() => self.text(name, &value).map(Some),
            _ => Ok(None),
        }
    }

    /// The truth of the next argument.
    ///
    /// # Errors
    /// It was given twice.
    pub fn truth(&mut self, name: &'static str, default: bool) -> Result<bool, Error> {
        Ok(self.optional(name)?.map_or(default, |value| value.is_true()))
    }

    /// All positional arguments that are left (`*args`).
    pub fn rest(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.positional).to_vec()
    }

    /// All keyword arguments that are left (`**kwargs`), in the order of the call.
    pub fn keywords(&mut self) -> Vec<(String, Value)> {
        let Some(keywords) = self.keywords.take() else { return Vec::new() };
        let names: Vec<String> = keywords.args().map(str::to_owned).collect();
        names
            .into_iter()
            .filter(|name| !self.used.contains(&name.as_str()))
            .filter_map(|name| keywords.peek::<Value>(&name).ok().map(|value| (name, value)))
            .collect()
    }

    /// Accepts whatever else was given: for functions of dbt that take more than what matters here.
    pub fn ignore_rest(&mut self) {
        self.positional = &[];
        self.keywords = None;
    }

    /// # Errors
    /// Arguments are left that the function does not have.
    pub fn finish(&mut self) -> Result<(), Error> {
        if !self.positional.is_empty() {
            let extra = self.positional.len();
            return Err(self.error(
                ErrorKind::TooManyArguments,
                format!("got {extra} positional argument{} too many", if extra == 1 { "" } else { "s" }),
            ));
        }
        match self.keywords().first() {
            Some((name, _)) => {
                Err(self.error(ErrorKind::TooManyArguments, format!("got an unexpected keyword argument '{name}'")))
            }
            None => Ok(()),
        }
    }

    fn text(&self, name: &str, value: &Value) -> Result<String, Error> {
        match value.as_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(self.error(
                ErrorKind::InvalidOperation,
                format!("argument '{name}' must be a string, not {}", super::pyvalue::type_name(value)),
            )),
        }
    }

    fn error(&self, kind: ErrorKind, what: String) -> Error {
        Error::new(kind, format!("{}() {what}", self.function))
    }
}

type Body = dyn Fn(&mut State<'_, '_>, &mut Args<'_>) -> Result<Value, Error> + Send + Sync;

/// A function of the host.
struct Function {
    name: Arc<str>,
    body: Box<Body>,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<function {}>", self.name)
    }
}

impl Object for Function {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        (self.body)(state, &mut Args::new(&self.name, args))
    }
}

/// A callable value; `name` is what messages call it.
pub fn function<F>(name: impl Into<Arc<str>>, body: F) -> Value
where
    F: Fn(&mut State<'_, '_>, &mut Args<'_>) -> Result<Value, Error> + Send + Sync + 'static,
{
    Value::from_object(Function { name: name.into(), body: Box::new(body) })
}

/// Whether a value was made by [`function`].
pub(super) fn is_function(value: &Value) -> bool {
    value.downcast_object_ref::<Function>().is_some()
}
