//! Rendering.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object};
use minijinja::{Environment, Error, UndefinedBehavior, Value};

use super::context::Context;
use super::error::RenderError;
use super::filters;
use super::lower;
use super::machinery::Source;
use super::macros::Def;
use super::methods;
use super::modules::Modules;
use super::native;
use super::ops::{ARGUMENTS, CALLEE};
use super::pyvalue::{list, text};
use super::sink::{Piece, SINK, Sink};
use super::syntax;
use super::template::Template;
use crate::diag::{self, SourceFile};

/// What an undefined name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is chainable and callable, and prints as nothing.
    Parse,
    /// It prints as nothing; taking an attribute of it or calling it is an error.
    Execute,
}

/// Renders templates and calls macros; shared by all threads.
pub struct Engine {
    parse: Environment<'static>,
    execute: Environment<'static>,
    /// Calls [`CALLEE`] and hands its value over.
    invoke: Def,
    modules: Option<Arc<dyn Modules>>,
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    pub fn new() -> Self {
        Self {
            parse: environment(UndefinedBehavior::Chainable),
            execute: environment(UndefinedBehavior::Lenient),
            invoke: lower::invocation(&Source::new(&SourceFile::new("", ""), 0..0, None)),
            modules: None,
        }
    }

    /// An engine whose `modules.*` come from a foreign language.
    pub fn with_modules(modules: Arc<dyn Modules>) -> Self {
        Self { modules: Some(modules), ..Self::new() }
    }

    pub fn modules(&self) -> Option<&Arc<dyn Modules>> {
        self.modules.as_ref()
    }

    fn environment(&self, context: &Context) -> &Environment<'static> {
        match context.mode() {
            Mode::Parse => &self.parse,
            Mode::Execute => &self.execute,
        }
    }

    /// # Errors
    /// The template, a macro or a host function failed.
    pub fn render(&self, template: &Template, context: &Arc<Context>) -> Result<String, RenderError> {
        let Some(def) = template.def() else { return Ok(template.literal().unwrap_or_default().to_owned()) };
        def.run(self.environment(context), Value::from_dyn_object(context.clone()))
            .map_err(|error| RenderError::new(error, template.file(), context))
    }

    /// Like [`Engine::render`], but a template that is one expression keeps the type of its value, unless it is marked:
    /// `as_native`, `as_bool` and `as_number` read text as a Python literal, `as_text` makes text of the value.
    ///
    /// # Errors
    /// The template, a macro or a host function failed; a marked value is not what its mark says.
    pub fn render_native(&self, template: &Template, context: &Arc<Context>) -> Result<Value, RenderError> {
        if let Some(text) = template.literal() {
            return Ok(Value::from(text));
        }
        let pieces = self.pieces(template, context)?;
        native::value_of(pieces).map_err(|error| RenderError::new(error, template.file(), context))
    }

    /// Renders a template into the pieces that make up its text.
    pub(super) fn pieces(&self, template: &Template, context: &Arc<Context>) -> Result<Vec<Piece>, RenderError> {
        let def = template.pieces().map_err(|problem| RenderError::of_diagnostic(problem, template.file()))?;
        self.collect(def, context, Vec::new()).map_err(|error| RenderError::new(error, template.file(), context))
    }

    /// Calls a macro or any other callable value.
    ///
    /// # Errors
    /// The macro or a host function failed.
    pub fn call(&self, callable: &Value, args: &[Value], context: &Arc<Context>) -> Result<Value, RenderError> {
        let names = vec![(CALLEE, callable.clone()), (ARGUMENTS, list(args.to_vec()))];
        let source = self.invoke.code.source();
        only(self.collect(&self.invoke, context, names)).map_err(|error| RenderError::new(error, &source.file, context))
    }

    /// Evaluates one expression.
    ///
    /// # Errors
    /// The expression is malformed or failed.
    pub fn eval(&self, expression: &str, context: &Arc<Context>) -> Result<Value, RenderError> {
        let file = SourceFile::new("<expression>", expression);
        let def = compile_expression(&file).map_err(|problem| RenderError::of_diagnostic(problem, &file))?;
        only(self.collect(&def, context, Vec::new())).map_err(|error| RenderError::new(error, &file, context))
    }

    fn collect(
        &self,
        def: &Def,
        context: &Arc<Context>,
        names: Vec<(&'static str, Value)>,
    ) -> Result<Vec<Piece>, Error> {
        let sink = Arc::new(Sink::default());
        let root = Root { sink: sink.clone(), names, context: context.clone() };
        def.run(self.environment(context), Value::from_object(root))?;
        Ok(sink.take())
    }
}

fn compile_expression(file: &Arc<SourceFile>) -> diag::Result<Def> {
    let source = Source::new(file, 0..file.text.len(), None);
    let tree = source.parse_expression().map_err(|error| syntax::explain(&source, &error))?;
    lower::expression(&source, tree)
}

fn only(pieces: Result<Vec<Piece>, Error>) -> Result<Value, Error> {
    let pieces = pieces?;
    if pieces.is_empty() { Ok(Value::UNDEFINED) } else { native::value_of(pieces) }
}

fn environment(undefined: UndefinedBehavior) -> Environment<'static> {
    let mut environment = Environment::new();
    // Debug mode copies the source into every error.
    environment.set_debug(false);
    environment.set_undefined_behavior(undefined);
    environment.set_formatter(|out, _, value| {
        if let Some(plain) = value.as_str() {
            return out.write_str(plain).map_err(Error::from);
        }
        let mut printed = String::new();
        text::write_str(&mut printed, value)?;
        out.write_str(&printed).map_err(Error::from)
    });
    environment.set_unknown_method_callback(methods::call);
    filters::install(&mut environment);
    environment
}

/// The names of a render that hands over pieces: a few of our own over its context.
struct Root {
    sink: Arc<Sink>,
    names: Vec<(&'static str, Value)>,
    context: Arc<Context>,
}

impl Root {
    fn lookup(&self, name: &str) -> Option<Value> {
        if name == SINK {
            return Some(Value::from_dyn_object(self.sink.clone()));
        }
        let own = self.names.iter().find(|(own, _)| *own == name).map(|(_, value)| value.clone());
        own.or_else(|| self.context.lookup(name))
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<context>")
    }
}

impl Object for Root {
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
