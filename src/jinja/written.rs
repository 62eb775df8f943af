//! What a `config(...)` call says as it is written: dbt compares that with an earlier state, so that a config that looks
//! at the target is the same config on every target (dbt/clients/jinja_static.py).

use super::machinery::ast::{BinOpKind, Call, CallArg, CompareOpKind, Expr, Slice, Stmt, UnaryOpKind};
use super::pyvalue::py_repr;
use super::walk::{self, Visit};

/// The keyword arguments of the first `config(...)` call of a text, as dbt writes them: constant strings as they are,
/// anything else as an expression. None where there is no such call.
pub(super) fn config(tree: &Stmt<'_>) -> Option<Vec<(String, String)>> {
    let mut search = Search { found: None, depth: 0 };
    walk::stmts(&mut search, std::slice::from_ref(tree));
    search.found
}

struct Search {
    found: Option<Vec<(String, String)>>,
    depth: usize,
}

impl<'s> Visit<'s> for Search {
    fn depth(&mut self) -> &mut usize {
        &mut self.depth
    }

    fn expr(&mut self, expr: &Expr<'s>) {
        if let Expr::Call(call) = expr {
            self.call(call);
        }
    }

    fn call(&mut self, call: &Call<'s>) {
        if self.found.is_none() && matches!(&call.expr, Expr::Var(name) if name.id == "config") {
            let keywords = call.args.iter().filter_map(|argument| match argument {
                CallArg::Kwarg(name, value) => Some(((*name).to_owned(), shown(value))),
                _ => None,
            });
            self.found = Some(keywords.collect());
        }
    }
}

fn shown(value: &Expr<'_>) -> String {
    match value {
        Expr::Const(constant) if constant.value.as_str().is_some() => constant.value.to_string(),
        value => source(value),
    }
}

fn joined<T>(parts: impl IntoIterator<Item = T>, separator: &str, show: impl Fn(T) -> String) -> String {
    parts.into_iter().map(show).collect::<Vec<_>>().join(separator)
}

/// The expression, written again. What dbt does not write again is told as jinja2 shows its tree.
fn source(node: &Expr<'_>) -> String {
    match node {
        Expr::Const(constant) => py_repr(&constant.value),
        Expr::Var(name) => name.id.to_owned(),
        Expr::Call(call) => {
            let argument = |argument: &CallArg<'_>| match argument {
                CallArg::Pos(value) => source(value),
                CallArg::Kwarg(name, value) => format!("{name}={}", source(value)),
                CallArg::PosSplat(value) => format!("*{}", source(value)),
                CallArg::KwargSplat(value) => format!("**{}", source(value)),
            };
            format!("{}({})", source(&call.expr), joined(&call.args, ", ", argument))
        }
        Expr::List(list) => format!("[{}]", joined(&list.items, ", ", source)),
        Expr::Tuple(tuple) if tuple.items.len() == 1 => format!("({},)", source(&tuple.items[0])),
        Expr::Tuple(tuple) => format!("({})", joined(&tuple.items, ", ", source)),
        Expr::Map(map) => {
            let pairs = map.keys.iter().zip(&map.values);
            format!("{{{}}}", joined(pairs, ", ", |(key, value)| format!("{}: {}", source(key), source(value))))
        }
        Expr::GetAttr(get) => format!("{}.{}", source(&get.expr), get.name),
        Expr::GetItem(get) => format!("{}[{}]", source(&get.expr), source(&get.subscript_expr)),
        Expr::Compare(compare) => {
            let operand = |(op, value): (&str, &Expr<'_>)| format!("{} {}", sign(op), source(value));
            let operands = compare.ops.iter().map(|part| (name_of(part.op), &part.expr));
            format!("{} {}", source(&compare.expr), joined(operands, " ", operand))
        }
        Expr::UnaryOp(unary) => match (&unary.op, &unary.expr) {
            (UnaryOpKind::Neg, value) => format!("-{}", source(value)),
            (UnaryOpKind::Not, Expr::BinOp(inner)) if matches!(inner.op, BinOpKind::In) => {
                format!("{} not in {}", source(&inner.left), source(&inner.right))
            }
            (UnaryOpKind::Not, value) => format!("not {}", source(value)),
        },
        Expr::BinOp(binary) => {
            let written = |sign: &str| format!("{} {sign} {}", source(&binary.left), source(&binary.right));
            match binary.op {
                BinOpKind::ScAnd => written("and"),
                BinOpKind::ScOr => written("or"),
                BinOpKind::Concat => written("~"),
                op => match comparison(op) {
                    Some(name) => written(sign(name)),
                    None => tree(node),
                },
            }
        }
        Expr::Slice(slice) => format!("{}[{}]", source(&slice.expr), range(slice)),
        Expr::IfExpr(_) | Expr::Filter(_) | Expr::Test(_) => tree(node),
    }
}

/// jinja2's name of a comparison.
fn name_of(op: CompareOpKind) -> &'static str {
    match op {
        CompareOpKind::Eq => "eq",
        CompareOpKind::Ne => "ne",
        CompareOpKind::Lt => "lt",
        CompareOpKind::Lte => "lteq",
        CompareOpKind::Gt => "gt",
        CompareOpKind::Gte => "gteq",
        CompareOpKind::In => "in",
        CompareOpKind::NotIn => "notin",
    }
}

fn comparison(op: BinOpKind) -> Option<&'static str> {
    Some(match op {
        BinOpKind::Eq => "eq",
        BinOpKind::Ne => "ne",
        BinOpKind::Lt => "lt",
        BinOpKind::Lte => "lteq",
        BinOpKind::Gt => "gt",
        BinOpKind::Gte => "gteq",
        BinOpKind::In => "in",
        _ => return None,
    })
}

fn sign(name: &str) -> &str {
    match name {
        "eq" => "==",
        "ne" => "!=",
        "lt" => "<",
        "lteq" => "<=",
        "gt" => ">",
        "gteq" => ">=",
        "notin" => "not in",
        other => other,
    }
}

/// The expression as jinja2's `repr` of its syntax tree has it.
fn tree(node: &Expr<'_>) -> String {
    match node {
        Expr::Const(constant) => format!("Const(value={})", py_repr(&constant.value)),
        Expr::Var(name) => format!("Name(name='{}', ctx='load')", name.id),
        Expr::Call(call) => format!("Call(node={}, {})", tree(&call.expr), arguments(&call.args)),
        Expr::Filter(filter) => {
            let value = filter.expr.as_ref().map_or_else(|| "None".to_owned(), tree);
            format!("Filter(node={value}, name='{}', {})", filter.name, arguments(&filter.args))
        }
        Expr::Test(test) => {
            format!("Test(node={}, name='{}', {})", tree(&test.expr), test.name, arguments(&test.args))
        }
        Expr::IfExpr(choice) => format!(
            "CondExpr(test={}, expr1={}, expr2={})",
            tree(&choice.test_expr),
            tree(&choice.true_expr),
            choice.false_expr.as_ref().map_or_else(|| "None".to_owned(), tree)
        ),
        Expr::GetAttr(get) => format!("Getattr(node={}, attr='{}', ctx='load')", tree(&get.expr), get.name),
        Expr::GetItem(get) => {
            format!("Getitem(node={}, arg={}, ctx='load')", tree(&get.expr), tree(&get.subscript_expr))
        }
        Expr::Slice(slice) => format!("Getitem(node={}, arg={}, ctx='load')", tree(&slice.expr), range(slice)),
        Expr::List(list) => format!("List(items=[{}])", joined(&list.items, ", ", tree)),
        Expr::Tuple(tuple) => format!("Tuple(items=[{}], ctx='load')", joined(&tuple.items, ", ", tree)),
        Expr::Map(map) => {
            let pair = |(key, value): (&Expr<'_>, &Expr<'_>)| format!("Pair(key={}, value={})", tree(key), tree(value));
            format!("Dict(items=[{}])", joined(map.keys.iter().zip(&map.values), ", ", pair))
        }
        Expr::Compare(compare) => {
            compared(&compare.expr, compare.ops.iter().map(|part| (name_of(part.op), &part.expr)))
        }
        Expr::UnaryOp(unary) => match (&unary.op, &unary.expr) {
            (UnaryOpKind::Neg, value) => format!("Neg(node={})", tree(value)),
            (UnaryOpKind::Not, Expr::BinOp(inner)) if matches!(inner.op, BinOpKind::In) => {
                compared(&inner.left, [("notin", &inner.right)])
            }
            (UnaryOpKind::Not, value) => format!("Not(node={})", tree(value)),
        },
        Expr::BinOp(binary) => {
            let name = match binary.op {
                BinOpKind::ScAnd => "And",
                BinOpKind::ScOr => "Or",
                BinOpKind::Add => "Add",
                BinOpKind::Sub => "Sub",
                BinOpKind::Mul => "Mul",
                BinOpKind::Div => "Div",
                BinOpKind::FloorDiv => "FloorDiv",
                BinOpKind::Rem => "Mod",
                BinOpKind::Pow => "Pow",
                BinOpKind::Concat => {
                    let mut parts = Vec::new();
                    concatenated(node, &mut parts);
                    return format!("Concat(nodes=[{}])", joined(parts, ", ", tree));
                }
                op => return compared(&binary.left, [(comparison(op).unwrap_or_default(), &binary.right)]),
            };
            format!("{name}(left={}, right={})", tree(&binary.left), tree(&binary.right))
        }
    }
}

/// `Slice(start=…, stop=…, step=…)`
fn range(slice: &Slice<'_>) -> String {
    let part = |part: &Option<Expr<'_>>| part.as_ref().map_or_else(|| "None".to_owned(), tree);
    format!("Slice(start={}, stop={}, step={})", part(&slice.start), part(&slice.stop), part(&slice.step))
}

fn compared<'t, 's: 't>(left: &Expr<'s>, operands: impl IntoIterator<Item = (&'static str, &'t Expr<'s>)>) -> String {
    let operand = |(op, value): (&str, &Expr<'_>)| format!("Operand(op='{op}', expr={})", tree(value));
    format!("Compare(expr={}, ops=[{}])", tree(left), joined(operands, ", ", operand))
}

/// `a ~ b ~ c` is one node of jinja2.
fn concatenated<'t, 's>(node: &'t Expr<'s>, parts: &mut Vec<&'t Expr<'s>>) {
    match node {
        Expr::BinOp(binary) if matches!(binary.op, BinOpKind::Concat) => {
            concatenated(&binary.left, parts);
            parts.push(&binary.right);
        }
        other => parts.push(other),
    }
}

/// `args=[…], kwargs=[…], dyn_args=None, dyn_kwargs=None`
fn arguments(args: &[CallArg<'_>]) -> String {
    let (mut plain, mut keywords) = (Vec::new(), Vec::new());
    let (mut rest, mut more) = ("None".to_owned(), "None".to_owned());
    for argument in args {
        match argument {
            CallArg::Pos(value) => plain.push(tree(value)),
            CallArg::Kwarg(name, value) => keywords.push(format!("Keyword(key='{name}', value={})", tree(value))),
            CallArg::PosSplat(value) => rest = tree(value),
            CallArg::KwargSplat(value) => more = tree(value),
        }
    }
    let (plain, keywords) = (plain.join(", "), keywords.join(", "));
    format!("args=[{plain}], kwargs=[{keywords}], dyn_args={rest}, dyn_kwargs={more}")
}
