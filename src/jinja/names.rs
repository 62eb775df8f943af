//! Whether a text uses a name, without running it.

use super::machinery::ast::{Call, Expr, Stmt};
use super::walk::{self, Visit};

/// Whether the name stands anywhere in an expression of the text, be it assigned there or not.
pub(super) fn mentions(tree: &Stmt<'_>, name: &str) -> bool {
    let mut search = Search { name, found: false, depth: 0 };
    walk::stmts(&mut search, std::slice::from_ref(tree));
    search.found
}

struct Search<'a> {
    name: &'a str,
    found: bool,
    depth: usize,
}

impl<'s> Visit<'s> for Search<'_> {
    fn depth(&mut self) -> &mut usize {
        &mut self.depth
    }

    fn expr(&mut self, expr: &Expr<'s>) {
        if let Expr::Var(variable) = expr {
            self.found |= variable.id == self.name;
        }
    }

    fn call(&mut self, _: &Call<'s>) {}
}
