//! The parsed tree rewritten into one with Python's semantics.
//!
//! Nodes that mean something else in Python than in minijinja become calls of constant functions ([`Intrinsics`]):
//! no name is reserved, nothing is looked up. Every node keeps its place in the file, so errors do too.

use std::collections::BTreeSet;
use std::sync::Arc;

use minijinja::Value;

use super::machinery::ast::*;
use super::machinery::{Code, Source, Span};
use super::macros::{ClosureTemplate, Def, MISSING_TEST};
use super::ops::Intrinsics;
use super::walk::{self, Visit};
use crate::diag::{self, Code as ProblemCode, Diagnostic};

/// What a template's own output becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// Text.
    Text,
    /// Pieces with their places, handed to the render's [`super::sink::Sink`].
    Pieces,
}

pub(super) struct Lowering<'s> {
    source: &'s Arc<Source>,
    /// Offsets of tags whose value is dropped.
    discarded: &'s [u32],
    /// Names that the enclosing bodies assign, innermost last.
    locals: Vec<BTreeSet<&'s str>>,
    output: Output,
    /// How deeply the expression is nested.
    depth: usize,
    problems: Vec<Diagnostic>,
}

/// Lowers a whole template.
pub(super) fn template<'s>(
    source: &'s Arc<Source>,
    tree: &Stmt<'s>,
    discarded: &'s [u32],
    output: Output,
) -> diag::Result<Def> {
    let mut lowering = Lowering::new(source, discarded, output);
    let def = lowering.def("", &[], &[], statements(tree), Span::default());
    lowering.finish(def)
}

/// Lowers one expression into a template that hands its value over as its only piece.
pub(super) fn expression<'s>(source: &'s Arc<Source>, expression: Expr<'s>) -> diag::Result<Def> {
    let span = expression.span();
    let mut lowering = Lowering::new(source, &[], Output::Pieces);
    let emit = [Stmt::EmitExpr(Spanned::new(EmitExpr { expr: expression }, span))];
    let def = lowering.def("", &[], &[], &emit, span);
    lowering.finish(def)
}

/// A template that calls what the root names hold, and hands the value over as its only piece.
pub(super) fn invocation(source: &Arc<Source>) -> Def {
    let span = Span::default();
    let mut lowering = Lowering::new(source, &[], Output::Pieces);
    let expr = call(&Intrinsics::get().invoke, Vec::new(), span);
    lowering.def("", &[], &[], &[Stmt::EmitExpr(Spanned::new(EmitExpr { expr }, span))], span)
}

/// Lowers a macro; `name` is what messages call it.
pub(super) fn macro_def<'s>(
    source: &'s Arc<Source>,
    discarded: &'s [u32],
    name: &str,
    declaration: &Spanned<Macro<'s>>,
) -> diag::Result<Def> {
    let mut lowering = Lowering::new(source, discarded, Output::Text);
    let Macro { args, defaults, body, .. } = &**declaration;
    let def = lowering.def(name, args, defaults, body, declaration.span());
    lowering.finish(def)
}

/// The statements of a parsed template.
pub(super) fn statements<'t, 's>(tree: &'t Stmt<'s>) -> &'t [Stmt<'s>] {
    match tree {
        Stmt::Template(template) => &template.children,
        _ => &[],
    }
}

/// The names that a body assigns and uses.
#[derive(Default)]
struct Names<'s> {
    assigned: BTreeSet<&'s str>,
    used: BTreeSet<&'s str>,
    depth: usize,
}

impl<'s> Names<'s> {
    fn of(defaults: &[Expr<'s>], body: &[Stmt<'s>]) -> Self {
        let mut names = Self::default();
        for default in defaults {
            walk::expr(&mut names, default);
        }
        walk::stmts(&mut names, body);
        names
    }

    fn assign(&mut self, target: &Expr<'s>) {
        match target {
            Expr::Var(variable) => {
                self.assigned.insert(variable.id);
            }
            Expr::List(list) => list.items.iter().for_each(|item| self.assign(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.assign(item)),
            // `set namespace.name`: the namespace must be known
            Expr::GetAttr(attribute) => walk::expr(self, &attribute.expr),
            _ => {}
        }
    }
}

impl<'s> Visit<'s> for Names<'s> {
    fn depth(&mut self) -> &mut usize {
        &mut self.depth
    }

    fn stmt(&mut self, stmt: &Stmt<'s>) {
        match stmt {
            Stmt::Set(set) => self.assign(&set.target),
            Stmt::SetBlock(set) => self.assign(&set.target),
            Stmt::ForLoop(each) => {
                self.assign(&each.target);
                self.assigned.insert("loop");
            }
            Stmt::WithBlock(with) => with.assignments.iter().for_each(|(target, _)| self.assign(target)),
            Stmt::Macro(declaration) => {
                self.assigned.insert(declaration.name);
                declaration.args.iter().for_each(|argument| self.assign(argument));
            }
            Stmt::CallBlock(call) => call.macro_decl.args.iter().for_each(|argument| self.assign(argument)),
            _ => {}
        }
    }

    fn expr(&mut self, expr: &Expr<'s>) {
        if let Expr::Var(variable) = expr {
            self.used.insert(variable.id);
        }
    }
}

fn constant<'s>(value: impl Into<Value>, span: Span) -> Expr<'s> {
    Expr::Const(Spanned::new(Const { value: value.into() }, span))
}

fn variable(id: &str, span: Span) -> Expr<'_> {
    Expr::Var(Spanned::new(Var { id }, span))
}

fn call<'s>(function: &Value, args: Vec<Expr<'s>>, span: Span) -> Expr<'s> {
    let args = args.into_iter().map(CallArg::Pos).collect();
    Expr::Call(Spanned::new(Call { expr: constant(function.clone(), span), args }, span))
}

/// The span of `operand.name`, `operand[key]` or `operand(..)`: the parser's starts behind the operand.
fn postfix(operand: &Expr<'_>, own: Span) -> Span {
    let first = operand.span();
    if first.start_offset > own.start_offset {
        return own;
    }
    Span { start_offset: first.start_offset, ..own }
}

fn is_constant(expr: &Expr<'_>) -> bool {
    matches!(expr, Expr::Const(_))
}

impl<'s> Lowering<'s> {
    fn new(source: &'s Arc<Source>, discarded: &'s [u32], output: Output) -> Self {
        Self { source, discarded, locals: Vec::new(), output, depth: 0, problems: Vec::new() }
    }

    fn finish(mut self, def: Def) -> diag::Result<Def> {
        if self.problems.is_empty() { Ok(def) } else { Err(self.problems.swap_remove(0).boxed()) }
    }

    /// A place in the parsed part as a place in the file. All lines are 1: the stock compiler drops a span where its
    /// line is not that of the instruction before, and counts lines in 16 bits; offsets say everything.
    fn at(&self, span: Span) -> Span {
        let base = self.source.range.start as u32;
        Span {
            start_line: 1,
            end_line: 1,
            start_col: 0,
            end_col: 0,
            start_offset: span.start_offset + base,
            end_offset: span.end_offset + base,
        }
    }

    fn place(&self, span: Span) -> diag::Span {
        let at = self.at(span);
        diag::Span::new(&self.source.file, at.start_offset as usize..at.end_offset as usize)
    }

    fn reject(&mut self, span: Span, tag: &str) {
        let place = self.place(span);
        let message = format!("`{{% {tag} %}}` does not work in a project");
        self.problems.push(
            Diagnostic::error(ProblemCode::NotSupported, message)
                .at(place, "")
                .note("files of a project cannot load or extend each other")
                .help("put shared text into a macro and call it"),
        );
    }

    /// Lowers a body with parameters: a macro, a call block, or (without parameters) a template.
    fn def(&mut self, name: &str, args: &[Expr<'s>], defaults: &[Expr<'s>], body: &[Stmt<'s>], span: Span) -> Def {
        let params: Vec<&'s str> = args
            .iter()
            .filter_map(|argument| if let Expr::Var(variable) = argument { Some(variable.id) } else { None })
            .collect();
        let names = Names::of(defaults, body);
        let special = ["varargs", "kwargs", "caller"].map(|name| names.used.contains(name));
        let mut locals = names.assigned;
        locals.extend(params.iter().copied());
        locals.extend(["varargs", "kwargs", "caller"].into_iter().filter(|name| names.used.contains(name)));
        if let Some(outer) = self.locals.last() {
            locals.extend(outer.iter().copied());
        }
        self.locals.push(locals);
        let mut children = Vec::with_capacity(body.len() + defaults.len());
        let with_default = &params[params.len().saturating_sub(defaults.len())..];
        for (name, default) in with_default.iter().copied().zip(defaults) {
            children.push(self.default_argument(name, default));
        }
        children.extend(self.stmts(body));
        self.locals.pop();
        let tree = Stmt::Template(Spanned::new(Template { children }, self.at(span)));
        let tree = if self.problems.is_empty() {
            tree
        } else {
            Stmt::Template(Spanned::new(Template { children: Vec::new() }, span))
        };
        let code = Code::generate(self.source, &tree);
        let [varargs, kwargs, caller] = special;
        let caller = caller || params.contains(&"caller");
        Def {
            name: name.into(),
            params: params.iter().map(|name| (*name).into()).collect(),
            defaults: defaults.len(),
            varargs,
            kwargs,
            caller,
            code,
        }
    }

    /// `{% if name is missing %}{% set name = default %}{% endif %}`: fresh at each call, and sees the arguments
    /// before it.
    fn default_argument(&mut self, name: &'s str, default: &Expr<'s>) -> Stmt<'s> {
        let span = self.at(default.span());
        let test = Test { name: MISSING_TEST, expr: variable(name, span), args: Vec::new() };
        let set = Set { target: variable(name, span), expr: self.expr(default) };
        Stmt::IfCond(Spanned::new(
            IfCond {
                expr: Expr::Test(Spanned::new(test, span)),
                true_body: vec![Stmt::Set(Spanned::new(set, span))],
                false_body: Vec::new(),
            },
            span,
        ))
    }

    /// A call block or an inner macro: a constant that, called with the captured locals, gives a callable value
    /// which depends on no running state.
    fn closure(&mut self, declaration: &Macro<'s>, span: Span, catches_return: bool) -> Expr<'s> {
        let mut params = Names::default();
        declaration.args.iter().for_each(|argument| params.assign(argument));
        let used = Names::of(&declaration.defaults, &declaration.body).used;
        let captured: Vec<&'s str> = match self.locals.last() {
            Some(outer) => used
                .into_iter()
                .filter(|name| outer.contains(name) && !params.assigned.contains(name) && *name != declaration.name)
                .collect(),
            None => Vec::new(),
        };
        let output = std::mem::replace(&mut self.output, Output::Text);
        let def = self.def(declaration.name, &declaration.args, &declaration.defaults, &declaration.body, span);
        self.output = output;
        let span = self.at(span);
        let names = captured.iter().map(|name| (*name).into()).collect();
        let template = Value::from_object(ClosureTemplate { def: Arc::new(def), names, catches_return });
        call(&template, captured.into_iter().map(|name| variable(name, span)).collect(), span)
    }

    fn stmts(&mut self, body: &[Stmt<'s>]) -> Vec<Stmt<'s>> {
        body.iter().filter_map(|stmt| self.stmt(stmt)).collect()
    }

    /// A body whose output is captured, not emitted.
    fn captured(&mut self, body: &[Stmt<'s>]) -> Vec<Stmt<'s>> {
        let output = std::mem::replace(&mut self.output, Output::Text);
        let body = self.stmts(body);
        self.output = output;
        body
    }

    fn emit(&mut self, value: Expr<'s>, span: Span) -> Stmt<'s> {
        let at = self.at(span);
        let expr = match self.output {
            Output::Text => value,
            Output::Pieces => {
                let place = [constant(at.start_offset, at), constant(at.end_offset, at)];
                let args = std::iter::once(value).chain(place).collect();
                call(&Intrinsics::get().piece, args, at)
            }
        };
        Stmt::EmitExpr(Spanned::new(EmitExpr { expr }, at))
    }

    fn raw(&mut self, raw: &'s str, span: Span) -> Stmt<'s> {
        let at = self.at(span);
        match self.output {
            Output::Text => Stmt::EmitRaw(Spanned::new(EmitRaw { raw }, at)),
            Output::Pieces => {
                // The span covers trimmed blanks too; the slice itself is exact.
                let start = raw.as_ptr() as usize - self.source.text().as_ptr() as usize + self.source.range.start;
                let args = vec![constant(raw, at), constant(start as u32, at)];
                Stmt::EmitExpr(Spanned::new(EmitExpr { expr: call(&Intrinsics::get().raw_piece, args, at) }, at))
            }
        }
    }

    fn stmt(&mut self, stmt: &Stmt<'s>) -> Option<Stmt<'s>> {
        macro_rules! node {
            ($kind:ident, $old:expr, $new:expr) => {
                Stmt::$kind(Spanned::new($new, self.at($old.span())))
            };
        }
        Some(match stmt {
            Stmt::Template(_) => return None,
            Stmt::EmitRaw(old) => self.raw(old.raw, old.span()),
            Stmt::EmitExpr(old) => {
                let value = self.expr(&old.expr);
                if self.discarded.contains(&old.span().start_offset) {
                    let target = variable("\0discarded", self.at(old.span()));
                    node!(Set, old, Set { target, expr: value })
                } else {
                    self.emit(value, old.span())
                }
            }
            Stmt::ForLoop(old) => {
                let span = self.at(old.iter.span());
                let iter = call(&Intrinsics::get().iter, vec![self.expr(&old.iter)], span);
                let new = ForLoop {
                    target: self.target(&old.target),
                    iter,
                    filter_expr: self.optional(old.filter_expr.as_ref()),
                    recursive: old.recursive,
                    body: self.stmts(&old.body),
                    else_body: self.stmts(&old.else_body),
                };
                node!(ForLoop, old, new)
            }
            Stmt::IfCond(old) => {
                let new = IfCond {
                    expr: self.expr(&old.expr),
                    true_body: self.stmts(&old.true_body),
                    false_body: self.stmts(&old.false_body),
                };
                node!(IfCond, old, new)
            }
            Stmt::WithBlock(old) => {
                let assignments =
                    old.assignments.iter().map(|(target, value)| (self.target(target), self.expr(value))).collect();
                node!(WithBlock, old, WithBlock { assignments, body: self.stmts(&old.body) })
            }
            Stmt::Set(old) => node!(Set, old, Set { target: self.target(&old.target), expr: self.expr(&old.expr) }),
            Stmt::SetBlock(old) => {
                let new = SetBlock {
                    target: self.target(&old.target),
                    filter: self.optional(old.filter.as_ref()),
                    body: self.captured(&old.body),
                };
                node!(SetBlock, old, new)
            }
            Stmt::FilterBlock(old) if self.output == Output::Text => {
                node!(FilterBlock, old, FilterBlock { filter: self.expr(&old.filter), body: self.captured(&old.body) })
            }
            Stmt::FilterBlock(old) => {
                // As pieces, the filtered text is one of them.
                let target = "\0filtered";
                let at = self.at(old.span());
                let filter = Some(self.expr(&old.filter));
                let body = self.captured(&old.body);
                let set = SetBlock { target: variable(target, at), filter, body };
                let emit = self.emit(variable(target, at), old.span());
                let body = vec![Stmt::SetBlock(Spanned::new(set, at)), emit];
                node!(WithBlock, old, WithBlock { assignments: Vec::new(), body })
            }
            Stmt::AutoEscape(old) => {
                node!(AutoEscape, old, AutoEscape { enabled: self.expr(&old.enabled), body: self.stmts(&old.body) })
            }
            Stmt::Macro(old) => {
                let expr = self.closure(old, old.span(), true);
                node!(Set, old, Set { target: variable(old.name, self.at(old.span())), expr })
            }
            Stmt::CallBlock(old) => {
                let caller = self.closure(&old.macro_decl, old.macro_decl.span(), false);
                let mut new = self.call(&old.call);
                new.args.push(CallArg::Kwarg("caller", caller));
                let span = postfix(&new.expr, self.at(old.call.span()));
                self.emit(Expr::Call(Spanned::new(new, span)), old.span())
            }
            Stmt::Continue(old) => node!(Continue, old, Continue),
            Stmt::Break(old) => node!(Break, old, Break),
            Stmt::Do(old) => {
                let new = self.call(&old.call);
                let span = postfix(&new.expr, self.at(old.call.span()));
                node!(Do, old, Do { call: Spanned::new(new, span) })
            }
            Stmt::Block(old) => {
                self.reject(old.span(), "block");
                return None;
            }
            Stmt::Import(old) => {
                self.reject(old.span(), "import");
                return None;
            }
            Stmt::FromImport(old) => {
                self.reject(old.span(), "from .. import");
                return None;
            }
            Stmt::Extends(old) => {
                self.reject(old.span(), "extends");
                return None;
            }
            Stmt::Include(old) => {
                self.reject(old.span(), "include");
                return None;
            }
        })
    }

    /// What is assigned to. The parser spells `a, b` as a list here too, so this must not go through [`Self::expr`].
    fn target(&mut self, target: &Expr<'s>) -> Expr<'s> {
        let span = self.at(target.span());
        match target {
            Expr::List(old) => {
                let items = old.items.iter().map(|item| self.target(item)).collect();
                Expr::List(Spanned::new(List { items }, span))
            }
            Expr::Tuple(old) => {
                let items = old.items.iter().map(|item| self.target(item)).collect();
                Expr::Tuple(Spanned::new(Tuple { items }, span))
            }
            Expr::GetAttr(old) => {
                let new = GetAttr { expr: self.target(&old.expr), name: old.name };
                Expr::GetAttr(Spanned::new(new, span))
            }
            other => self.expr(other),
        }
    }

    fn optional(&mut self, expr: Option<&Expr<'s>>) -> Option<Expr<'s>> {
        expr.map(|expr| self.expr(expr))
    }

    fn exprs(&mut self, exprs: &[Expr<'s>]) -> Vec<Expr<'s>> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    fn args(&mut self, args: &[CallArg<'s>]) -> Vec<CallArg<'s>> {
        args.iter()
            .map(|argument| match argument {
                CallArg::Pos(value) => CallArg::Pos(self.expr(value)),
                CallArg::Kwarg(name, value) => CallArg::Kwarg(name, self.expr(value)),
                CallArg::PosSplat(value) => CallArg::PosSplat(self.expr(value)),
                CallArg::KwargSplat(value) => CallArg::KwargSplat(self.expr(value)),
            })
            .collect()
    }

    fn call(&mut self, old: &Call<'s>) -> Call<'s> {
        if let Expr::GetAttr(method) = &old.expr
            && method.name == "cycle"
            && old.args.is_empty()
        {
            // The stock loop divides by the number of arguments.
            let message = "cycle() needs at least one value to choose from";
            let place = self.place(method.span());
            self.problems.push(Diagnostic::error(ProblemCode::JinjaSyntax, message).at(place, ""));
        }
        Call { expr: self.expr(&old.expr), args: self.args(&old.args) }
    }

    fn expr(&mut self, expr: &Expr<'s>) -> Expr<'s> {
        if self.depth >= walk::MAX_DEPTH {
            let place = self.place(expr.span());
            let message = "this expression has too many parts";
            self.problems.push(
                Diagnostic::error(ProblemCode::JinjaSyntax, message)
                    .at(place, "")
                    .help("build it in steps, with `{% set %}` or a loop"),
            );
            return constant((), expr.span());
        }
        self.depth += 1;
        let lowered = self.shallow(expr);
        self.depth -= 1;
        lowered
    }

    fn shallow(&mut self, expr: &Expr<'s>) -> Expr<'s> {
        let span = self.at(expr.span());
        macro_rules! node {
            ($kind:ident $new:tt) => {
                Expr::$kind(Spanned::new($kind $new, span))
            };
        }
        let functions = Intrinsics::get();
        match expr {
            Expr::Var(old) => variable(old.id, span),
            Expr::Const(old) => constant(old.value.clone(), span),
            Expr::List(old) => call(&functions.list, self.exprs(&old.items), span),
            Expr::Tuple(old) => node!(Tuple { items: self.exprs(&old.items) }),
            Expr::Map(old) => {
                let entries = old.keys.iter().zip(&old.values);
                let args = entries.flat_map(|(key, value)| [self.expr(key), self.expr(value)]).collect();
                call(&functions.dict, args, span)
            }
            Expr::Slice(old) => {
                let sliced = self.expr(&old.expr);
                let span = postfix(&sliced, span);
                let mut args = vec![sliced];
                for bound in [&old.start, &old.stop, &old.step] {
                    args.push(self.optional(bound.as_ref()).unwrap_or_else(|| constant((), span)));
                }
                call(&functions.slice, args, span)
            }
            Expr::UnaryOp(old) => match old.op {
                UnaryOpKind::Not => node!(UnaryOp { op: UnaryOpKind::Not, expr: self.expr(&old.expr) }),
                UnaryOpKind::Neg if is_constant(&old.expr) => {
                    node!(UnaryOp { op: UnaryOpKind::Neg, expr: self.expr(&old.expr) })
                }
                UnaryOpKind::Neg => call(&functions.neg, vec![self.expr(&old.expr)], span),
            },
            Expr::BinOp(old) => {
                let (left, right) = (self.expr(&old.left), self.expr(&old.right));
                match functions.binary(old.op, is_constant(&left), is_constant(&right)) {
                    Some(function) => call(function, vec![left, right], span),
                    None => node!(BinOp { op: old.op, left, right }),
                }
            }
            Expr::Compare(old) => {
                let ops = old.ops.iter().map(|part| CompareOp { op: part.op, expr: self.expr(&part.expr) }).collect();
                node!(Compare { expr: self.expr(&old.expr), ops })
            }
            Expr::IfExpr(old) => {
                let new = IfExpr {
                    test_expr: self.expr(&old.test_expr),
                    true_expr: self.expr(&old.true_expr),
                    false_expr: self.optional(old.false_expr.as_ref()),
                };
                Expr::IfExpr(Spanned::new(new, span))
            }
            Expr::Filter(old) => {
                node!(Filter { name: old.name, expr: self.optional(old.expr.as_ref()), args: self.args(&old.args) })
            }
            Expr::Test(old) => {
                node!(Test { name: old.name, expr: self.expr(&old.expr), args: self.args(&old.args) })
            }
            Expr::GetAttr(old) => {
                let expr = self.expr(&old.expr);
                let span = postfix(&expr, span);
                Expr::GetAttr(Spanned::new(GetAttr { expr, name: old.name }, span))
            }
            Expr::GetItem(old) => {
                let expr = self.expr(&old.expr);
                let span = postfix(&expr, span);
                let subscript_expr = self.expr(&old.subscript_expr);
                Expr::GetItem(Spanned::new(GetItem { expr, subscript_expr }, span))
            }
            Expr::Call(old) => {
                let new = self.call(old);
                let span = postfix(&new.expr, span);
                Expr::Call(Spanned::new(new, span))
            }
        }
    }
}
