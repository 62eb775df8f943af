//! Reading a parsed tree.

use super::machinery::ast::*;

/// Expressions that are nested more deeply are refused: reading them could exhaust the stack.
pub(super) const MAX_DEPTH: usize = 400;

/// Called for each node, before its parts.
pub(super) trait Visit<'s> {
    /// Counts how deeply expressions are nested.
    fn depth(&mut self) -> &mut usize;
    fn stmt(&mut self, _stmt: &Stmt<'s>) {}
    fn expr(&mut self, _expr: &Expr<'s>) {}
    /// The calls of call blocks and `do`, which are no expressions.
    fn call(&mut self, _call: &Call<'s>) {}
}

pub(super) fn stmts<'s>(visit: &mut impl Visit<'s>, body: &[Stmt<'s>]) {
    for part in body {
        stmt(visit, part);
    }
}

fn exprs<'t, 's: 't>(visit: &mut impl Visit<'s>, parts: impl IntoIterator<Item = &'t Expr<'s>>) {
    for part in parts {
        expr(visit, part);
    }
}

fn args<'s>(visit: &mut impl Visit<'s>, args: &[CallArg<'s>]) {
    for argument in args {
        let (CallArg::Pos(value) | CallArg::Kwarg(_, value) | CallArg::PosSplat(value) | CallArg::KwargSplat(value)) =
            argument;
        expr(visit, value);
    }
}

fn call<'s>(visit: &mut impl Visit<'s>, call: &Call<'s>) {
    expr(visit, &call.expr);
    args(visit, &call.args);
}

fn declaration<'s>(visit: &mut impl Visit<'s>, declaration: &Macro<'s>) {
    exprs(visit, &declaration.defaults);
    stmts(visit, &declaration.body);
}

fn stmt<'s>(visit: &mut impl Visit<'s>, node: &Stmt<'s>) {
    visit.stmt(node);
    match node {
        Stmt::Template(node) => stmts(visit, &node.children),
        Stmt::EmitExpr(node) => expr(visit, &node.expr),
        Stmt::EmitRaw(_) | Stmt::Continue(_) | Stmt::Break(_) => {}
        Stmt::ForLoop(node) => {
            expr(visit, &node.iter);
            exprs(visit, &node.filter_expr);
            stmts(visit, &node.body);
            stmts(visit, &node.else_body);
        }
        Stmt::IfCond(node) => {
            expr(visit, &node.expr);
            stmts(visit, &node.true_body);
            stmts(visit, &node.false_body);
        }
        Stmt::WithBlock(node) => {
            exprs(visit, node.assignments.iter().map(|(_, value)| value));
            stmts(visit, &node.body);
        }
        Stmt::Set(node) => expr(visit, &node.expr),
        Stmt::SetBlock(node) => {
            exprs(visit, &node.filter);
            stmts(visit, &node.body);
        }
        Stmt::AutoEscape(node) => {
            expr(visit, &node.enabled);
            stmts(visit, &node.body);
        }
        Stmt::FilterBlock(node) => {
            expr(visit, &node.filter);
            stmts(visit, &node.body);
        }
        Stmt::Block(node) => stmts(visit, &node.body),
        Stmt::Import(node) => expr(visit, &node.expr),
        Stmt::FromImport(node) => expr(visit, &node.expr),
        Stmt::Extends(node) => expr(visit, &node.name),
        Stmt::Include(node) => expr(visit, &node.name),
        Stmt::Macro(node) => declaration(visit, node),
        Stmt::CallBlock(node) => {
            visit.call(&node.call);
            call(visit, &node.call);
            declaration(visit, &node.macro_decl);
        }
        Stmt::Do(node) => {
            visit.call(&node.call);
            call(visit, &node.call);
        }
    }
}

pub(super) fn expr<'s>(visit: &mut impl Visit<'s>, node: &Expr<'s>) {
    if *visit.depth() < MAX_DEPTH {
        *visit.depth() += 1;
        visit.expr(node);
        parts(visit, node);
        *visit.depth() -= 1;
    }
}

fn parts<'s>(visit: &mut impl Visit<'s>, node: &Expr<'s>) {
    match node {
        Expr::Var(_) | Expr::Const(_) => {}
        Expr::Slice(node) => {
            expr(visit, &node.expr);
            exprs(visit, node.start.iter().chain(&node.stop).chain(&node.step));
        }
        Expr::UnaryOp(node) => expr(visit, &node.expr),
        Expr::BinOp(node) => {
            expr(visit, &node.left);
            expr(visit, &node.right);
        }
        Expr::Compare(node) => {
            expr(visit, &node.expr);
            exprs(visit, node.ops.iter().map(|part| &part.expr));
        }
        Expr::IfExpr(node) => {
            expr(visit, &node.test_expr);
            expr(visit, &node.true_expr);
            exprs(visit, &node.false_expr);
        }
        Expr::Filter(node) => {
            exprs(visit, &node.expr);
            args(visit, &node.args);
        }
        Expr::Test(node) => {
            expr(visit, &node.expr);
            args(visit, &node.args);
        }
        Expr::GetAttr(node) => expr(visit, &node.expr),
        Expr::GetItem(node) => {
            expr(visit, &node.expr);
            expr(visit, &node.subscript_expr);
        }
        Expr::Call(node) => call(visit, node),
        Expr::List(node) => exprs(visit, &node.items),
        Expr::Tuple(node) => exprs(visit, &node.items),
        Expr::Map(node) => exprs(visit, node.keys.iter().chain(&node.values)),
    }
}
