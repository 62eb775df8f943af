//! Compiled macros and how they are called.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Kwargs, Object, ObjectRepr};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::calls::{self, MacroCall};
use super::context::{Context, context};
use super::engine::Mode;
use super::error::{MacroFailure, fail};
use super::lower;
use super::machinery::{Code, Source, ast};
use super::pyvalue;
use super::scan::{Block, BlockKind, scan};
use super::syntax;
use crate::diag::{Code as ProblemCode, Diagnostic, SourceFile, Span};

/// The test that tells an argument which was not given; only compiled code can name it.
pub(super) const MISSING_TEST: &str = "\0missing";

/// A compiled body that can be called: a macro, an inner macro, a call block, or (without parameters) a template.
pub(super) struct Def {
    /// What messages call it.
    pub name: Box<str>,
    pub params: Box<[Box<str>]>,
    /// How many of the last parameters have defaults.
    pub defaults: usize,
    /// Whether the body mentions `varargs`, `kwargs`, `caller`: only then it accepts them, as in Jinja2.
    pub varargs: bool,
    pub kwargs: bool,
    pub caller: bool,
    pub code: Code,
}

/// One macro, generic test or materialization.
pub struct MacroDef {
    pub package: Arc<str>,
    /// `test_x` for tests, `materialization_x_<adapter or default>` for materializations.
    pub name: Arc<str>,
    /// `macro.<package>.<name>`.
    pub unique_id: Arc<str>,
    pub block: Block,
    pub file: Arc<SourceFile>,
    pub params: Vec<String>,
    /// Each once, in the order of the text.
    pub calls: Vec<MacroCall>,
    def: Arc<Def>,
}

impl MacroDef {
    /// The macro as a callable value.
    pub fn value(self: &Arc<Self>) -> Value {
        Value::from_dyn_object(self.clone())
    }

    /// The text of the whole block, tags included.
    pub fn text(&self) -> &str {
        &self.file.text[self.block.range.clone()]
    }
}

/// Compiles all macros, tests and materializations of a file.
///
/// # Errors
/// The syntax errors of the file.
pub fn compile_macros(package: &Arc<str>, file: &Arc<SourceFile>) -> Result<Vec<Arc<MacroDef>>, Vec<Diagnostic>> {
    let found = scan(file, 0..file.text.len()).map_err(|problem| vec![*problem])?;
    let source = Source::new(file, 0..file.text.len(), found.text);
    let tree = source.parse().map_err(|error| vec![*syntax::explain(&source, &error)])?;
    let (mut compiled, mut problems) = (Vec::new(), Vec::new());
    let mut declarations = lower::statements(&tree).iter().filter_map(|stmt| match stmt {
        ast::Stmt::Macro(declaration) => Some(declaration),
        _ => None,
    });
    for block in found.blocks {
        let is_macro = matches!(block.kind, BlockKind::Macro | BlockKind::Test | BlockKind::Materialization);
        if block.kind == BlockKind::Docs {
            continue;
        }
        let inside = |declaration: &&ast::Spanned<ast::Macro<'_>>| {
            block.range.contains(&(declaration.span().start_offset as usize))
        };
        let Some(declaration) = declarations.next().filter(inside) else {
            problems.push(nested(file, &block));
            break;
        };
        if !is_macro {
            continue;
        }
        let name = block.macro_name();
        match lower::macro_def(&source, &found.discarded, &format!("{package}.{name}"), declaration) {
            Ok(def) => compiled.push(Arc::new(MacroDef {
                package: package.clone(),
                unique_id: format!("macro.{package}.{name}").into(),
                name: name.into(),
                block,
                file: file.clone(),
                params: def.params.iter().map(|param| param.to_string()).collect(),
                calls: calls::of_macro(declaration),
                def: Arc::new(def),
            })),
            Err(problem) => problems.push(*problem),
        }
    }
    if problems.is_empty() { Ok(compiled) } else { Err(problems) }
}

fn nested(file: &Arc<SourceFile>, block: &Block) -> Diagnostic {
    Diagnostic::error(ProblemCode::JinjaSyntax, format!("block `{}` is inside another tag", block.name))
        .at(Span::new(file, block.range.start..block.body.start), "")
        .help("move it to the top level of the file: `{% if %}` and `{% for %}` around it have no effect")
}

/// Marks `return(..)` on its way to the macro that it returns from.
struct ReturnSignal(Value);

impl fmt::Debug for ReturnSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("return")
    }
}

impl fmt::Display for ReturnSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`return` outside of a macro")
    }
}

impl std::error::Error for ReturnSignal {}

/// The error that carries the value of `return(value)` out of any expression, loop or block.
pub(super) fn return_signal(value: Value) -> Error {
    fail("`return` works only inside a macro").with_source(ReturnSignal(value))
}

fn returned(error: &Error) -> Option<Value> {
    std::error::Error::source(error)?.downcast_ref::<ReturnSignal>().map(|signal| signal.0.clone())
}

/// The arguments of one call, in the order of the parameters, and what the body sees besides them.
struct Bound {
    args: Vec<Value>,
    extra: Vec<(&'static str, Value)>,
}

/// Stands for an argument that was not given but has a default.
#[derive(Debug)]
struct Missing;

impl Object for Missing {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

pub(super) fn is_missing(value: &Value) -> bool {
    value.downcast_object_ref::<Missing>().is_some()
}

impl Def {
    fn index(&self, name: &str) -> Option<usize> {
        self.params.iter().position(|param| **param == *name)
    }

    /// Binds arguments as Jinja2's `Macro.__call__` does.
    fn bind(&self, args: &[Value], undefined: &Value) -> Result<Bound, Error> {
        let (positional, keywords) = match args.split_last() {
            Some((last, before)) if last.is_kwargs() => (before, Some(Kwargs::try_from(last.clone())?)),
            _ => (args, None),
        };
        let given = positional.len().min(self.params.len());
        if positional.len() > self.params.len() && !self.varargs {
            let most = self.params.len();
            return Err(self.refuse(format!("takes not more than {most} argument(s)")));
        }
        let mut bound: Vec<Value> = Vec::with_capacity(self.params.len());
        bound.extend_from_slice(&positional[..given]);
        let first_default = self.params.len() - self.defaults;
        for (index, param) in self.params.iter().enumerate().skip(given) {
            bound.push(match &keywords {
                Some(keywords) if keywords.has(param) => keywords.peek::<Value>(param)?,
                _ if index >= first_default => Value::from_object(Missing),
                _ => undefined.clone(),
            });
        }
        let mut extra = Vec::new();
        if self.varargs {
            extra.push(("varargs", pyvalue::tuple(positional[given..].to_vec())));
        }
        let mut rest = Vec::new();
        for name in keywords.iter().flat_map(Kwargs::args) {
            let value = || keywords.iter().find_map(|keywords| keywords.peek::<Value>(name).ok()).unwrap_or_default();
            match self.index(name) {
                Some(index) if index < given => {
                    return Err(self.refuse(format!("got multiple values for argument '{name}'")));
                }
                Some(_) => {}
                None if name == "caller" && self.caller => extra.push(("caller", value())),
                None if self.kwargs => rest.push((Value::from(name), value())),
                None if name == "caller" => {
                    return Err(self.refuse("was used in a call block, but never calls `caller()`".to_owned()));
                }
                None => return Err(self.refuse(format!("takes no keyword argument '{name}'"))),
            }
        }
        if self.kwargs {
            extra.push(("kwargs", pyvalue::dict(rest)));
        }
        if self.caller && self.index("caller").is_none() && !extra.iter().any(|(name, _)| *name == "caller") {
            extra.push(("caller", Value::UNDEFINED));
        }
        Ok(Bound { args: bound, extra })
    }

    fn refuse(&self, what: String) -> Error {
        Error::new(ErrorKind::TooManyArguments, format!("macro '{}' {what}", self.name))
    }

    /// Runs a template.
    pub fn run(&self, environment: &Environment<'_>, root: Value) -> Result<String, Error> {
        self.code.run(environment, root)
    }
}

/// What is called, besides its arguments.
struct Activation<'a> {
    def: &'a Arc<Def>,
    /// None for closures.
    unique_id: Option<&'a Arc<str>>,
    closure: Option<&'a Arc<Closure>>,
    catches_return: bool,
}

fn invoke(activation: &Activation<'_>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let def = activation.def;
    let context = context(state).ok_or_else(|| fail("macros can only be called while rendering"))?;
    let undefined = match context.mode() {
        Mode::Parse => pyvalue::parse_undefined(),
        Mode::Execute => Value::UNDEFINED,
    };
    let bound = def.bind(args, &undefined)?;
    let Some(_depth) = context.enter(activation.unique_id) else {
        return Err(fail(format!("macros are nested too deeply: `{}` may call itself without end", def.name)));
    };
    let frame = Value::from_object(Frame {
        def: def.clone(),
        bound,
        closure: activation.closure.cloned(),
        context: context.clone(),
    });
    match def.code.run(state.env(), frame) {
        Ok(text) => Ok(Value::from(text)),
        Err(error) => match returned(&error) {
            Some(value) if activation.catches_return => Ok(value),
            Some(_) => Err(error),
            None => Err(MacroFailure::wrap(def, error)),
        },
    }
}

/// The names that a running macro sees: its arguments over what it captured over the render's context.
struct Frame {
    def: Arc<Def>,
    bound: Bound,
    closure: Option<Arc<Closure>>,
    context: Arc<Context>,
}

impl Frame {
    fn lookup(&self, name: &str) -> Option<Value> {
        if let Some(index) = self.def.index(name) {
            return self.bound.args.get(index).cloned();
        }
        if let Some((_, value)) = self.bound.extra.iter().find(|(extra, _)| *extra == name) {
            return Some(value.clone());
        }
        if let Some(closure) = &self.closure {
            if let Some(value) = closure.captured(name) {
                return Some(value);
            }
            if closure.template.catches_return && *self.def.name == *name {
                return Some(Value::from_dyn_object(closure.clone()));
            }
        }
        self.context.lookup(name)
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<frame>")
    }
}

impl Object for Frame {
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

impl fmt::Debug for MacroDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<macro {}.{}>", self.package, self.name)
    }
}

impl Object for MacroDef {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "name" => Some(Value::from(self.name.clone())),
            "unique_id" => Some(Value::from(self.unique_id.clone())),
            _ => None,
        }
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let unique_id = Some(&self.unique_id);
        invoke(&Activation { def: &self.def, unique_id, closure: None, catches_return: true }, state, args)
    }
}

/// A call block or an inner macro before it has captured anything; a constant of the compiled code.
pub(super) struct ClosureTemplate {
    pub def: Arc<Def>,
    /// The names of what it captures.
    pub names: Box<[Box<str>]>,
    /// An inner macro returns to its caller; a call block lets `return` through.
    pub catches_return: bool,
}

impl fmt::Debug for ClosureTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<macro {}>", self.def.name)
    }
}

impl Object for ClosureTemplate {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    /// Captures: the arguments are the values of `names`.
    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        Ok(Value::from_object(Closure { template: self.clone(), values: args.into() }))
    }
}

/// A body with the values it captured. It holds copies, no reference into a running state: nothing of the outer scope
/// runs while a call lasts, and mutable values alias.
struct Closure {
    template: Arc<ClosureTemplate>,
    values: Box<[Value]>,
}

impl Closure {
    fn captured(&self, name: &str) -> Option<Value> {
        let index = self.template.names.iter().position(|captured| **captured == *name)?;
        self.values.get(index).filter(|value| !value.is_undefined()).cloned()
    }
}

impl fmt::Debug for Closure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<macro {}>", self.template.def.name)
    }
}

impl Object for Closure {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let catches_return = self.template.catches_return;
        let activation = Activation { def: &self.template.def, unique_id: None, closure: Some(self), catches_return };
        invoke(&activation, state, args)
    }
}

/// Whether a value can be called, as far as this room knows.
pub(super) fn is_callable(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.is::<MacroDef>() || object.is::<Closure>())
}
