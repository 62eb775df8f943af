//! Python's operators, and the constant functions that lowered code calls.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, LazyLock};

use minijinja::value::{DynObject, Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use super::error::fail;
use super::machinery::ast::BinOpKind;
use super::pyvalue::{self, Decimal, Set, dict, is_undefined, list, py_repr, text, tuple, type_name};
use super::sink;

/// Longer texts and lists from `*` are taken for a mistake.
const MAX_REPEATED: usize = 100_000_000;

type Body = fn(&mut State<'_, '_>, &[Value]) -> Result<Value, Error>;

/// A function that only compiled code can name.
struct Intrinsic {
    name: &'static str,
    body: Body,
}

impl fmt::Debug for Intrinsic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.name)
    }
}

impl Object for Intrinsic {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        (self.body)(state, args)
    }
}

macro_rules! intrinsics {
    ($($name:ident = $body:expr,)*) => {
        /// Constants of the compiled code.
        pub(super) struct Intrinsics { $(pub $name: Value,)* }

        impl Intrinsics {
            pub fn get() -> &'static Self {
                static ALL: LazyLock<Intrinsics> = LazyLock::new(|| Intrinsics {
                    $($name: Value::from_object(Intrinsic { name: stringify!($name), body: $body }),)*
                });
                &ALL
            }
        }
    };
}

intrinsics! {
    list = |_, items| Ok(list(items.to_vec())),
    dict = |_, parts| Ok(dict(parts.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())))),
    slice = |_, args| slice(args),
    iter = |_, args| iterable(&args[0]),
    piece = sink::piece,
    raw_piece = sink::raw_piece,
    invoke = |state, _| invoke(state),
    neg = |_, args| negate(&args[0]),
    concat = |_, args| Ok(concat(args)),
    add = |state, args| binary(state, Operator::Add, &args[0], &args[1]),
    sub = |state, args| binary(state, Operator::Sub, &args[0], &args[1]),
    mul = |state, args| binary(state, Operator::Mul, &args[0], &args[1]),
    div = |state, args| binary(state, Operator::Div, &args[0], &args[1]),
    floor_div = |state, args| binary(state, Operator::FloorDiv, &args[0], &args[1]),
    rem = |state, args| binary(state, Operator::Rem, &args[0], &args[1]),
    pow = |state, args| binary(state, Operator::Pow, &args[0], &args[1]),
    eq = |_, args| Ok(Value::from(equal(&args[0], &args[1]))),
    ne = |_, args| Ok(Value::from(!equal(&args[0], &args[1]))),
    lt = |state, args| compare(state, Comparison::Lt, &args[0], &args[1]),
    le = |state, args| compare(state, Comparison::Le, &args[0], &args[1]),
    gt = |state, args| compare(state, Comparison::Gt, &args[0], &args[1]),
    ge = |state, args| compare(state, Comparison::Ge, &args[0], &args[1]),
}

impl Intrinsics {
    /// The function for a binary operator; none where the stock operator means the same. Operations on two constants
    /// are folded by the stock compiler and mean the same, but for text.
    pub fn binary(&self, operator: BinOpKind, left_is_constant: bool, right_is_constant: bool) -> Option<&Value> {
        let folded = left_is_constant && right_is_constant;
        Some(match operator {
            BinOpKind::Concat => &self.concat,
            BinOpKind::Rem => &self.rem,
            BinOpKind::Add if !folded => &self.add,
            BinOpKind::Sub if !folded => &self.sub,
            BinOpKind::Mul if !folded => &self.mul,
            BinOpKind::Div if !folded => &self.div,
            BinOpKind::FloorDiv if !folded => &self.floor_div,
            BinOpKind::Pow if !folded => &self.pow,
            BinOpKind::Eq if !folded => &self.eq,
            BinOpKind::Ne if !folded => &self.ne,
            BinOpKind::Lt if !folded => &self.lt,
            BinOpKind::Lte if !folded => &self.le,
            BinOpKind::Gt if !folded => &self.gt,
            BinOpKind::Gte if !folded => &self.ge,
            _ => return None,
        })
    }
}

/// The names of what `invoke` calls.
pub(super) const CALLEE: &str = "\0callee";
pub(super) const ARGUMENTS: &str = "\0arguments";

fn invoke(state: &mut State<'_, '_>) -> Result<Value, Error> {
    let callee = state.lookup(CALLEE).unwrap_or_default();
    let args: Vec<Value> = match state.lookup(ARGUMENTS) {
        Some(args) => args.try_iter()?.collect(),
        None => Vec::new(),
    };
    callee.call(state, &args)
}

/// The items of anything that Python can iterate over.
pub(super) fn items(value: &Value) -> Result<Vec<Value>, Error> {
    match value.kind() {
        ValueKind::String => Ok(value.as_str().unwrap_or_default().chars().map(Value::from).collect()),
        ValueKind::Undefined => Ok(Vec::new()),
        _ => match value.try_iter() {
            Ok(items) => Ok(items.collect()),
            Err(_) => Err(fail(format!("'{}' object is not iterable", type_name(value)))),
        },
    }
}

/// What a `for` loop walks over: always of a known length, so that `loop.last` is right.
fn iterable(value: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Undefined => Ok(value.clone()),
        _ => items(value).map(list),
    }
}

fn concat(parts: &[Value]) -> Value {
    let mut out = String::new();
    for part in parts {
        // Writing into a string does not fail.
        let _ = text::write_str(&mut out, part);
    }
    Value::from(out)
}

/// A number of any of Python's kinds; booleans count as integers.
pub(super) enum Number {
    Int(i128),
    Float(f64),
    Decimal(Decimal),
}

impl Number {
    pub fn to_f64(&self) -> f64 {
        match self {
            Number::Int(number) => *number as f64,
            Number::Float(number) => *number,
            Number::Decimal(number) => number.to_f64(),
        }
    }

    fn to_decimal(&self) -> Option<Decimal> {
        match self {
            Number::Int(number) => Some(Decimal::of_integer(*number)),
            Number::Decimal(number) => Some(*number),
            Number::Float(_) => None,
        }
    }
}

pub(super) fn number(value: &Value) -> Option<Number> {
    match value.kind() {
        ValueKind::Bool => Some(Number::Int(i128::from(value.is_true()))),
        ValueKind::Number if value.is_integer() => i128::try_from(value.clone()).ok().map(Number::Int),
        ValueKind::Number => f64::try_from(value.clone()).ok().map(Number::Float),
        _ => value.downcast_object_ref::<Decimal>().copied().map(Number::Decimal),
    }
}

pub(super) fn integer(number: i128) -> Value {
    i64::try_from(number).map_or_else(|_| Value::from(number), Value::from)
}

fn is_sequence(value: &Value) -> bool {
    !value.is_tuple() && value.kind() == ValueKind::Seq
}

/// Whether other objects may define what an operator means for this value.
fn is_foreign(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Plain | ValueKind::Iterable) && !is_undefined(value)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Rem,
    Pow,
}

impl Operator {
    fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::FloorDiv => "//",
            Self::Rem => "%",
            Self::Pow => "** or pow()",
        }
    }

    /// The Python methods that define it: of the left value, of the right one.
    fn methods(self) -> (&'static str, &'static str) {
        match self {
            Self::Add => ("__add__", "__radd__"),
            Self::Sub => ("__sub__", "__rsub__"),
            Self::Mul => ("__mul__", "__rmul__"),
            Self::Div => ("__truediv__", "__rtruediv__"),
            Self::FloorDiv => ("__floordiv__", "__rfloordiv__"),
            Self::Rem => ("__mod__", "__rmod__"),
            Self::Pow => ("__pow__", "__rpow__"),
        }
    }
}

fn binary(state: &mut State<'_, '_>, operator: Operator, left: &Value, right: &Value) -> Result<Value, Error> {
    if let (Some(a), Some(b)) = (number(left), number(right)) {
        return arithmetic(operator, &a, &b);
    }
    if let Some(text) = left.as_str() {
        match (operator, right.as_str()) {
            (Operator::Add, Some(other)) => return Ok(Value::from([text, other].concat())),
            (Operator::Rem, _) => return pyvalue::format::percent(text, right).map(Value::from),
            _ => {}
        }
    }
    if operator == Operator::Add {
        if is_sequence(left) && is_sequence(right) {
            return Ok(list([items(left)?, items(right)?].concat()));
        }
        if left.is_tuple() && right.is_tuple() {
            return Ok(tuple([items(left)?, items(right)?].concat()));
        }
    }
    if operator == Operator::Mul
        && let Some(repeated) = repeat(left, right).or_else(|| repeat(right, left))
    {
        return repeated;
    }
    if operator == Operator::Sub
        && let (Some(mine), Some(theirs)) = (left.downcast_object_ref::<Set>(), right.downcast_object_ref::<Set>())
    {
        return Ok(pyvalue::set(mine.members().difference(&theirs.members()).cloned()));
    }
    if is_undefined(left) || is_undefined(right) {
        return Err(undefined_operand());
    }
    let (method, reflected) = operator.methods();
    if let Some(result) = foreign(state, left, method, right).or_else(|| foreign(state, right, reflected, left)) {
        return result;
    }
    Err(fail(match (operator, left.kind(), right.kind()) {
        (Operator::Add, ValueKind::String, _) => {
            format!("can only concatenate str (not \"{}\") to str", type_name(right))
        }
        (Operator::Add, ValueKind::Seq, _) if !left.is_tuple() => {
            format!("can only concatenate list (not \"{}\") to list", type_name(right))
        }
        _ => {
            let (a, b) = (type_name(left), type_name(right));
            format!("unsupported operand type(s) for {}: '{a}' and '{b}'", operator.sign())
        }
    }))
}

fn undefined_operand() -> Error {
    fail("an operand is undefined")
}

fn foreign(state: &mut State<'_, '_>, left: &Value, method: &str, right: &Value) -> Option<Result<Value, Error>> {
    if !is_foreign(left) {
        return None;
    }
    match left.as_object()?.call_method(state, method, std::slice::from_ref(right)) {
        Err(error) if error.kind() == ErrorKind::UnknownMethod => None,
        result => Some(result),
    }
}

/// `sequence * count`
fn repeat(sequence: &Value, count: &Value) -> Option<Result<Value, Error>> {
    let count = match number(count)? {
        Number::Int(count) => usize::try_from(count.max(0)).ok()?,
        _ => return None,
    };
    let size = match sequence.kind() {
        ValueKind::String => sequence.as_str()?.len(),
        ValueKind::Seq => sequence.len()?,
        _ => return None,
    };
    if size.saturating_mul(count) > MAX_REPEATED {
        return Some(Err(fail("the repeated value is too long")));
    }
    if let Some(text) = sequence.as_str() {
        return Some(Ok(Value::from(text.repeat(count))));
    }
    Some(items(sequence).map(|items| {
        let repeated = (0..count).flat_map(|_| items.iter().cloned()).collect();
        if sequence.is_tuple() { tuple(repeated) } else { list(repeated) }
    }))
}

fn arithmetic(operator: Operator, left: &Number, right: &Number) -> Result<Value, Error> {
    if let (Number::Int(a), Number::Int(b)) = (left, right) {
        return integers(operator, *a, *b);
    }
    if let (Some(a), Some(b)) = (left.to_decimal(), right.to_decimal()) {
        return decimals(operator, a, b);
    }
    floats(operator, left.to_f64(), right.to_f64())
}

fn division_by_zero() -> Error {
    fail("division by zero")
}

fn integers(operator: Operator, a: i128, b: i128) -> Result<Value, Error> {
    let divides = matches!(operator, Operator::Div | Operator::FloorDiv | Operator::Rem);
    if divides && b == 0 {
        return Err(division_by_zero());
    }
    let result = match operator {
        Operator::Div => return Ok(Value::from(a as f64 / b as f64)),
        Operator::Pow if b < 0 => return floats(operator, a as f64, b as f64),
        Operator::Add => a.checked_add(b),
        Operator::Sub => a.checked_sub(b),
        Operator::Mul => a.checked_mul(b),
        Operator::FloorDiv => a.checked_div(b).map(|quotient| {
            let inexact = a % b != 0 && (a < 0) != (b < 0);
            quotient - i128::from(inexact)
        }),
        Operator::Rem => a.checked_rem(b).map(|rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }),
        Operator::Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
    };
    result.map(integer).ok_or_else(|| fail("the integer is too large: the limit is 128 bits"))
}

fn floats(operator: Operator, a: f64, b: f64) -> Result<Value, Error> {
    if b == 0.0 && matches!(operator, Operator::Div | Operator::FloorDiv | Operator::Rem) {
        return Err(division_by_zero());
    }
    let rest = || {
        let rest = a % b;
        if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
    };
    Ok(Value::from(match operator {
        Operator::Add => a + b,
        Operator::Sub => a - b,
        Operator::Mul => a * b,
        Operator::Div => a / b,
        Operator::FloorDiv => ((a - rest()) / b).round(),
        Operator::Rem => rest(),
        Operator::Pow => a.powf(b),
    }))
}

fn decimals(operator: Operator, a: Decimal, b: Decimal) -> Result<Value, Error> {
    if b.is_zero() && matches!(operator, Operator::Div | Operator::FloorDiv | Operator::Rem) {
        return Err(division_by_zero());
    }
    let exact = match operator {
        Operator::Add => a.add(b),
        Operator::Sub => a.add(b.negated()),
        Operator::Mul => a.mul(b),
        Operator::Div => a.div(b),
        Operator::FloorDiv => a.floor_div(b),
        Operator::Rem => a.rem(b),
        Operator::Pow => None,
    };
    match exact {
        Some(number) => Ok(Value::from_object(number)),
        None => floats(operator, a.to_f64(), b.to_f64()),
    }
}

fn negate(value: &Value) -> Result<Value, Error> {
    match number(value) {
        Some(Number::Int(number)) => {
            number.checked_neg().map(integer).ok_or_else(|| fail("the integer is too large: the limit is 128 bits"))
        }
        Some(Number::Float(number)) => Ok(Value::from(-number)),
        Some(Number::Decimal(number)) => Ok(Value::from_object(number.negated())),
        None if is_undefined(value) => Err(undefined_operand()),
        None => Err(fail(format!("bad operand type for unary -: '{}'", type_name(value)))),
    }
}

/// Python's `left == right`.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (left.as_object(), right.as_object()) {
        (None, None) => left == right,
        _ if is_undefined(left) && is_undefined(right) => true,
        (left_object, right_object) => {
            // minijinja would compare their members in order.
            let as_set = |object: Option<&DynObject>| object?.downcast_ref::<Set>().map(Set::members);
            match (as_set(left_object), as_set(right_object)) {
                (Some(a), Some(b)) => return a == b,
                (None, None) => {}
                _ => return false,
            }
            let is_decimal = left_object.or(right_object).is_some_and(|object| object.is::<Decimal>());
            match (is_decimal, number(left), number(right)) {
                (true, Some(a), Some(b)) => numeric_order(&a, &b) == Some(Ordering::Equal),
                _ => left == right,
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Comparison {
    Lt,
    Le,
    Gt,
    Ge,
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Lt => ordering.is_lt(),
            Self::Le => ordering.is_le(),
            Self::Gt => ordering.is_gt(),
            Self::Ge => ordering.is_ge(),
        }
    }

    /// Its sign; the method of the left value; the method of the right value that means the same.
    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Lt => ("<", "__lt__", "__gt__"),
            Self::Le => ("<=", "__le__", "__ge__"),
            Self::Gt => (">", "__gt__", "__lt__"),
            Self::Ge => (">=", "__ge__", "__le__"),
        }
    }
}

fn compare(state: &mut State<'_, '_>, comparison: Comparison, left: &Value, right: &Value) -> Result<Value, Error> {
    if let (Some(a), Some(b)) = (number(left), number(right)) {
        // Comparisons with NaN do not hold.
        return Ok(Value::from(numeric_order(&a, &b).is_some_and(|ordering| comparison.holds(ordering))));
    }
    let (sign, method, reflected) = comparison.names();
    if let Some(result) = foreign(state, left, method, right).or_else(|| foreign(state, right, reflected, left)) {
        return result;
    }
    order(left, right, sign).map(|ordering| Value::from(comparison.holds(ordering)))
}

fn numeric_order(left: &Number, right: &Number) -> Option<Ordering> {
    match (left, right) {
        (Number::Int(a), Number::Int(b)) => Some(a.cmp(b)),
        _ => match (left.to_decimal(), right.to_decimal()) {
            (Some(a), Some(b)) => Some(a.compare(b)),
            _ => left.to_f64().partial_cmp(&right.to_f64()),
        },
    }
}

/// The order of two values, where Python knows one; `sign` is what the message names.
pub(super) fn order(left: &Value, right: &Value, sign: &str) -> Result<Ordering, Error> {
    if let (Some(a), Some(b)) = (number(left), number(right)) {
        return Ok(numeric_order(&a, &b).unwrap_or(Ordering::Equal));
    }
    if let (Some(a), Some(b)) = (left.as_str(), right.as_str()) {
        return Ok(a.cmp(b));
    }
    let same_kind = left.kind() == ValueKind::Seq && right.kind() == ValueKind::Seq;
    if same_kind && left.is_tuple() == right.is_tuple() {
        let (a, b) = (items(left)?, items(right)?);
        for (a, b) in a.iter().zip(&b) {
            if !equal(a, b) {
                return order(a, b, sign);
            }
        }
        return Ok(a.len().cmp(&b.len()));
    }
    if let (Some(a), Some(b)) = (left.as_object(), right.as_object())
        && is_foreign(left)
        && let Some(ordering) = a.custom_cmp(b)
    {
        return Ok(ordering);
    }
    if is_undefined(left) || is_undefined(right) {
        return Err(undefined_operand());
    }
    let (a, b) = (type_name(left), type_name(right));
    Err(fail(format!("'{sign}' not supported between instances of '{a}' and '{b}'")))
}

/// Python's `sorted(items, key=key, reverse=reverse)`: stable, also reversed.
pub(super) fn sorted(
    state: &mut State<'_, '_>,
    items: Vec<Value>,
    key: Option<&Value>,
    reverse: bool,
) -> Result<Vec<Value>, Error> {
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        let by = match key {
            Some(key) => key.call(state, std::slice::from_ref(&item))?,
            None => item.clone(),
        };
        keyed.push((by, item));
    }
    sort_by_key(keyed, reverse)
}

/// Sorts by keys that were computed before. A merge sort of our own: the one of the standard library may panic where
/// keys have no total order.
pub(super) fn sort_by_key(keyed: Vec<(Value, Value)>, reverse: bool) -> Result<Vec<Value>, Error> {
    Ok(merge_sort(keyed, reverse)?.into_iter().map(|(_, item)| item).collect())
}

fn merge_sort(mut keyed: Vec<(Value, Value)>, reverse: bool) -> Result<Vec<(Value, Value)>, Error> {
    if keyed.len() < 2 {
        return Ok(keyed);
    }
    let right = keyed.split_off(keyed.len() / 2);
    let mut left = merge_sort(keyed, reverse)?.into_iter().peekable();
    let mut right = merge_sort(right, reverse)?.into_iter().peekable();
    let mut merged = Vec::with_capacity(left.len() + right.len());
    while let (Some((a, _)), Some((b, _))) = (left.peek(), right.peek()) {
        let ordering = order(b, a, "<")?;
        let right_first = if reverse { ordering.is_gt() } else { ordering.is_lt() };
        merged.extend(if right_first { right.next() } else { left.next() });
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}

/// Python's `left + right`.
pub(super) fn add(state: &mut State<'_, '_>, left: &Value, right: &Value) -> Result<Value, Error> {
    binary(state, Operator::Add, left, right)
}

/// `value[start:stop:step]`, its parts `none` where they are left out.
fn slice(args: &[Value]) -> Result<Value, Error> {
    let [value, start, stop, step] = args else { return Err(fail("a slice has three parts")) };
    let bound = |value: &Value| match value.kind() {
        ValueKind::None => Ok(None),
        _ => value.as_i64().map(Some).ok_or_else(|| fail("slice indices must be integers or None")),
    };
    let (start, stop, step) = (bound(start)?, bound(stop)?, bound(step)?.unwrap_or(1));
    if step == 0 {
        return Err(fail("slice step cannot be zero"));
    }
    if let Some(text) = value.as_str() {
        let chars: Vec<char> = text.chars().collect();
        let picked = positions(chars.len(), start, stop, step);
        return Ok(Value::from(picked.into_iter().map(|at| chars[at]).collect::<String>()));
    }
    if value.kind() != ValueKind::Seq && value.kind() != ValueKind::Iterable {
        if is_undefined(value) {
            return Err(undefined_operand());
        }
        return Err(fail(format!("'{}' object cannot be sliced: {}", type_name(value), py_repr(value))));
    }
    let items = items(value)?;
    let picked = positions(items.len(), start, stop, step).into_iter().map(|at| items[at].clone()).collect();
    Ok(if value.is_tuple() { tuple(picked) } else { list(picked) })
}

fn positions(len: usize, start: Option<i64>, stop: Option<i64>, step: i64) -> Vec<usize> {
    let len = len as i64;
    let clamp = |at: i64, low: i64, high: i64| (if at < 0 { at.saturating_add(len) } else { at }).clamp(low, high);
    let (mut at, stop) = if step > 0 {
        (clamp(start.unwrap_or(0), 0, len), clamp(stop.unwrap_or(len), 0, len))
    } else {
        let start = start.map_or(len - 1, |start| clamp(start, -1, len - 1));
        (start, stop.map_or(-1, |stop| clamp(stop, -1, len - 1)))
    };
    let mut positions = Vec::new();
    while (step > 0 && at < stop) || (step < 0 && at > stop) {
        positions.push(at as usize);
        at = at.saturating_add(step);
    }
    positions
}
