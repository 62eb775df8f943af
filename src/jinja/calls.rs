//! The macro calls that a text shows, without running it.

use super::machinery::ast::{Call, CallArg, Expr, Macro};
use super::walk::{self, Visit};

/// A call that a macro's text shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MacroCall {
    /// `dbt_utils` in `dbt_utils.star(..)` and in `adapter.dispatch('star', 'dbt_utils')`.
    pub package: Option<String>,
    pub name: String,
    /// Whether it is an `adapter.dispatch`.
    pub dispatch: bool,
}

/// The calls in a macro's defaults and body: each once, in the order of the text.
pub(super) fn of_macro(declaration: &Macro<'_>) -> Vec<MacroCall> {
    let mut calls = Calls { found: Vec::new(), depth: 0 };
    for default in &declaration.defaults {
        walk::expr(&mut calls, default);
    }
    walk::stmts(&mut calls, &declaration.body);
    calls.found
}

struct Calls {
    found: Vec<MacroCall>,
    depth: usize,
}

impl<'s> Visit<'s> for Calls {
    fn depth(&mut self) -> &mut usize {
        &mut self.depth
    }

    fn expr(&mut self, expr: &Expr<'s>) {
        if let Expr::Call(call) = expr {
            self.call(call);
        }
    }

    fn call(&mut self, call: &Call<'s>) {
        if let Some(call) = read(call)
            && !self.found.contains(&call)
        {
            self.found.push(call);
        }
    }
}

fn read(call: &Call<'_>) -> Option<MacroCall> {
    match &call.expr {
        Expr::Var(name) => Some(MacroCall { package: None, name: name.id.to_owned(), dispatch: false }),
        Expr::GetAttr(attribute) => {
            let Expr::Var(object) = &attribute.expr else { return None };
            if object.id == "adapter" && attribute.name == "dispatch" {
                return dispatch(&call.args);
            }
            Some(MacroCall { package: Some(object.id.to_owned()), name: attribute.name.to_owned(), dispatch: false })
        }
        _ => None,
    }
}

/// `adapter.dispatch('name', 'package')`, also by keyword.
fn dispatch(args: &[CallArg<'_>]) -> Option<MacroCall> {
    let argument = |index: usize, keyword: &str| {
        let positional = match args.get(index) {
            Some(CallArg::Pos(value)) => Some(value),
            _ => None,
        };
        let by_name = || {
            args.iter().find_map(|argument| match argument {
                CallArg::Kwarg(name, value) if *name == keyword => Some(value),
                _ => None,
            })
        };
        positional.or_else(by_name)?.as_const()?.as_str().map(str::to_owned)
    };
    let name = argument(0, "macro_name")?;
    Some(MacroCall { package: argument(1, "macro_namespace"), name, dispatch: true })
}
