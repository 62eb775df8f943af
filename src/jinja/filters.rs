//! Filters, tests and global functions, where Jinja2's differ from the stock ones.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexSet;
use minijinja::value::{Object, ObjectRepr, Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, State, Value};

use super::args::{Args, function, is_function};
use super::error::fail;
use super::macros::{self, MISSING_TEST};
use super::ops::{self, Number};
use super::prose;
use super::pyvalue::{self, dict, dumps, format, is_undefined, list, py_str, range, tuple, type_name};
use super::sink::SINK;
use super::turns;

/// The names of all filters, for "did you mean".
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "as_bool",
    "as_native",
    "as_number",
    "as_text",
    "attr",
    "batch",
    "capitalize",
    "center",
    "count",
    "default",
    "dictsort",
    "escape",
    "filesizeformat",
    "first",
    "float",
    "forceescape",
    "format",
    "groupby",
    "indent",
    "int",
    "is_list",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "random",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "striptags",
    "sum",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "wordcount",
    "wordwrap",
];

/// The names of all tests, for "did you mean".
pub(super) const TESTS: &[&str] = &[
    "boolean",
    "callable",
    "defined",
    "divisibleby",
    "eq",
    "equalto",
    "even",
    "false",
    "filter",
    "float",
    "ge",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "string",
    "test",
    "true",
    "undefined",
    "upper",
];

type Filter = fn(&mut State<'_, '_>, &Value, &mut Args<'_>) -> Result<Value, Error>;

/// Puts everything that templates can use without being given it into an environment.
pub(super) fn install(environment: &mut Environment<'static>) {
    let filters: &[(&'static str, Filter)] = &[
        ("as_bool", |state, value, _| Ok(marked(state, value, Wanted::Bool))),
        ("as_native", |state, value, _| Ok(marked(state, value, Wanted::Native))),
        ("as_number", |state, value, _| Ok(marked(state, value, Wanted::Number))),
        ("as_text", |state, value, _| Ok(marked(state, value, Wanted::Text))),
        ("batch", batch),
        ("center", center),
        ("count", length),
        ("d", default),
        ("default", default),
        ("dictsort", dictsort),
        ("e", prose::escape),
        ("escape", prose::escape),
        ("filesizeformat", prose::filesizeformat),
        ("float", float),
        ("forceescape", prose::forceescape),
        ("format", |_, value, args| percent(value, args)),
        ("int", int),
        ("is_list", |_, value, _| Ok(Value::from(value.kind() == ValueKind::Seq && !value.is_tuple()))),
        ("items", |_, value, _| dict_items(value)),
        ("join", join),
        ("length", length),
        ("list", |_, value, _| ops::items(value).map(list)),
        ("max", |_, value, args| extreme(value, args, true)),
        ("min", |_, value, args| extreme(value, args, false)),
        ("random", |_, value, _| ops::items(value)?.first().cloned().ok_or_else(|| fail("nothing to choose from"))),
        ("replace", replace),
        ("reverse", |_, value, _| reverse(value)),
        ("round", round),
        ("slice", slice),
        ("sort", sort),
        ("string", |_, value, _| Ok(Value::from(py_str(value)))),
        ("striptags", prose::striptags),
        ("sum", sum),
        ("tojson", tojson),
        ("truncate", truncate),
        ("unique", unique),
        ("urlencode", prose::urlencode),
        ("wordcount", |_, value, _| Ok(Value::from(py_str(value).split_whitespace().count()))),
        ("wordwrap", prose::wordwrap),
    ];
    for (name, body) in filters {
        environment.add_filter(*name, move |state: &mut State<'_, '_>, args: Rest<ValueOrKwargs>| {
            let args = args.into_values();
            let (value, rest) = args.split_first().ok_or_else(|| fail(format!("{name} needs a value")))?;
            body(state, value, &mut Args::new(name, rest))
        });
    }
    environment.add_test(MISSING_TEST, |value: Value| macros::is_missing(&value));
    environment.add_test("defined", |value: Value| !is_undefined(&value));
    environment.add_test("undefined", |value: Value| is_undefined(&value));
    environment.add_test("callable", |value: Value| macros::is_callable(&value) || is_function(&value));
    environment.add_test("number", |value: Value| {
        // Python's booleans are numbers too.
        ops::number(&value).is_some()
    });
    environment.add_test("mapping", |value: Value| {
        // dbt's relations are mappings, which packages ask before they read the type in `metadata`.
        let metadata = || value.as_object()?.get_value(&Value::from("metadata"));
        value.kind() == ValueKind::Map || metadata().is_some_and(|metadata| metadata.kind() == ValueKind::Map)
    });
    environment.add_test("sequence", |value: Value| {
        matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::String) || value.is_undefined()
    });
    environment.add_test("iterable", |value: Value| {
        matches!(
            value.kind(),
            ValueKind::Seq | ValueKind::Map | ValueKind::String | ValueKind::Iterable | ValueKind::Undefined
        )
    });
    environment.add_global("cycler", function("cycler", turns::cycler));
    environment.add_global("joiner", function("joiner", turns::joiner));
    environment.add_global("range", function("range", |_, args| range::construct(args)));
    environment.add_global("dict", function("dict", |_, args| pyvalue::dict::construct(args)));
    environment.add_global(
        "return",
        function("return", |_, args| {
            let value = args.or("data", ())?;
            args.finish()?;
            Err(macros::return_signal(value))
        }),
    );
    environment.remove_global("debug");
}

fn as_usize(args: &mut Args<'_>, name: &'static str, default: usize) -> Result<usize, Error> {
    match args.optional(name)? {
        Some(value) => value.as_usize().ok_or_else(|| fail(format!("'{name}' must be a positive integer"))),
        None => Ok(default),
    }
}

fn given(args: &mut Args<'_>, name: &'static str) -> Result<Option<Value>, Error> {
    Ok(args.optional(name)?.filter(|value| !value.is_none() && !is_undefined(value)))
}

/// `value.a.b` or `value[0]`, as filters with `attribute=` mean it; an undefined value where there is none.
fn attribute(value: &Value, path: &Value) -> Value {
    let Some(path) = path.as_str() else { return value.get_item(path).unwrap_or_default() };
    path.split('.').fold(value.clone(), |value, part| {
        let key = part.parse::<i64>().map_or_else(|_| Value::from(part), Value::from);
        value.get_item(&key).unwrap_or_default()
    })
}

/// What filters compare: an attribute, and text without case unless it matters.
fn comparable(value: &Value, path: Option<&Value>, case_sensitive: bool) -> Value {
    let value = path.map_or_else(|| value.clone(), |path| attribute(value, path));
    match value.as_str() {
        Some(text) if !case_sensitive => Value::from(text.to_lowercase()),
        _ => value,
    }
}

fn length(_: &mut State<'_, '_>, value: &Value, _: &mut Args<'_>) -> Result<Value, Error> {
    if is_undefined(value) {
        return Ok(Value::from(0));
    }
    match value.len() {
        Some(length) => Ok(Value::from(length)),
        None => match value.try_iter() {
            Ok(items) => Ok(Value::from(items.count())),
            Err(_) => Err(fail(format!("object of type '{}' has no len()", type_name(value)))),
        },
    }
}

fn default(_: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    let default = args.or("default_value", "")?;
    let also_false = args.truth("boolean", false)?;
    args.finish()?;
    Ok(if is_undefined(value) || (also_false && !value.is_true()) { default } else { value.clone() })
}

fn int(_: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    let default = args.or("default", 0)?;
    let base = as_usize(args, "base", 10)?;
    args.finish()?;
    let parsed = match value.as_str() {
        Some(text) => parse_integer(text, base),
        None => match ops::number(value) {
            Some(Number::Int(number)) => Some(number),
            Some(Number::Float(number)) if number.is_finite() => Some(number.trunc() as i128),
            Some(Number::Decimal(number)) => Some(number.truncated()),
            _ => None,
        },
    };
    Ok(parsed.map_or(default, ops::integer))
}

fn parse_integer(text: &str, base: usize) -> Option<i128> {
    let digits = text.trim().replace('_', "").to_lowercase();
    let (negative, digits) = digits.strip_prefix('-').map_or((false, digits.as_str()), |digits| (true, digits));
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    let prefix = match base {
        2 => "0b",
        8 => "0o",
        16 => "0x",
        _ => "",
    };
    let size = match u32::try_from(base).ok().filter(|base| (2..=36).contains(base)) {
        Some(base) => i128::from_str_radix(digits.strip_prefix(prefix).unwrap_or(digits), base).ok(),
        None => None,
    };
    let size = size.or_else(|| {
        let number = (base == 10).then(|| digits.parse::<f64>().ok()).flatten()?;
        number.is_finite().then_some(number.trunc() as i128)
    });
    size.map(|size| if negative { -size } else { size })
}

fn float(_: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    let default = args.or("default", 0.0)?;
    args.finish()?;
    let parsed = match value.as_str() {
        Some(text) => text.trim().replace('_', "").parse().ok(),
        None => ops::number(value).map(|number| number.to_f64()),
    };
    Ok(parsed.map_or(default, Value::from))
}

fn round(_: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    let precision = args.or("precision", 0)?.as_i64().ok_or_else(|| fail("'precision' must be an integer"))?;
    let method = args.optional_string("method")?;
    args.finish()?;
    let number = match ops::number(value) {
        Some(number) => number.to_f64(),
        None => return Err(fail(format!("type {} cannot be rounded", type_name(value)))),
    };
    let scale = 10_f64.powi(precision.clamp(-300, 300) as i32);
    Ok(Value::from(match method.as_deref().unwrap_or("common") {
        "ceil" => (number * scale).ceil() / scale,
        "floor" => (number * scale).floor() / scale,
        // The decimal digits of the exact binary value decide, half to even, as in Python.
        "common" if precision >= 0 => {
            std::format!("{number:.*}", precision.min(300) as usize).parse().unwrap_or(number)
        }
        "common" => (number * scale).round_ties_even() / scale,
        other => return Err(fail(std::format!("method must be common, ceil or floor, not {other}"))),
    }))
}

fn join(_: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    let separator = given(args, "d")?.map_or_else(String::new, |separator| py_str(&separator));
    let path = given(args, "attribute")?;
    args.finish()?;
    let parts: Vec<String> = ops::items(value)?
        .iter()
        .map(|item| path.as_ref().map_or_else(|| py_str(item), |path| py_str(&attribute(item, path))))
        .collect();
    Ok(Value::from(parts.join(&separator)))
}

fn sort(_: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    let reverse = args.truth("reverse", false)?;
    let case_sensitive = args.truth("case_sensitive", false)?;
    let paths = given(args, "attribute")?;
    args.finish()?;
    let paths: Vec<Value> = match paths.as_ref().and_then(Value::as_str) {
        Some(paths) => paths.split(',').map(Value::from).collect(),
        None => paths.into_iter().collect(),
    };
    let keyed = ops::items(value)?.into_iter().map(|item| {
        let key = match paths.as_slice() {
            [] => comparable(&item, None, case_sensitive),
            paths => tuple(paths.iter().map(|path| comparable(&item, Some(path), case_sensitive)).collect()),
        };
        (key, item)
    });
    ops::sort_by_key(keyed.collect(), reverse).map(list)
}

fn dictsort(_: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    let case_sensitive = args.truth("case_sensitive", false)?;
    let by = args.optional_string("by")?;
    let reverse = args.truth("reverse", false)?;
    args.finish()?;
    let by_value = by.as_deref() == Some("value");
    let keyed = pyvalue::dict::entries_of(value)?.into_iter().map(|(key, entry)| {
        let by = comparable(if by_value { &entry } else { &key }, None, case_sensitive);
        (by, tuple(vec![key, entry]))
    });
    ops::sort_by_key(keyed.collect(), reverse).map(list)
}

fn unique(_: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    let case_sensitive = args.truth("case_sensitive", false)?;
    let path = given(args, "attribute")?;
    args.finish()?;
    let mut seen = IndexSet::new();
    let mut items = ops::items(value)?;
    items.retain(|item| seen.insert(comparable(item, path.as_ref(), case_sensitive)));
    Ok(list(items))
}

fn extreme(value: &Value, args: &mut Args<'_>, largest: bool) -> Result<Value, Error> {
    let case_sensitive = args.truth("case_sensitive", false)?;
    let path = given(args, "attribute")?;
    args.finish()?;
    let mut best: Option<(Value, Value)> = None;
    for item in ops::items(value)? {
        let key = comparable(&item, path.as_ref(), case_sensitive);
        let better = match &best {
            Some((best, _)) => {
                let ordering = ops::order(&key, best, if largest { ">" } else { "<" })?;
                if largest { ordering.is_gt() } else { ordering.is_lt() }
            }
            None => true,
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or(Value::UNDEFINED, |(_, item)| item))
}

fn sum(state: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    let path = given(args, "attribute")?;
    let mut total = args.or("start", 0)?;
    args.finish()?;
    for item in ops::items(value)? {
        let item = path.as_ref().map_or_else(|| item.clone(), |path| attribute(&item, path));
        total = ops::add(state, &total, &item)?;
    }
    Ok(total)
}

fn batch(_: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    let size = args.take("linecount")?.as_usize().filter(|size| *size > 0);
    let size = size.ok_or_else(|| fail("batch() needs a positive number of items"))?;
    let fill = given(args, "fill_with")?;
    args.finish()?;
    let items = ops::items(value)?;
    let batches = items.chunks(size).map(|chunk| {
        let mut chunk = chunk.to_vec();
        if let Some(fill) = &fill {
            chunk.resize(size, fill.clone());
        }
        list(chunk)
    });
    Ok(list(batches.collect()))
}

fn slice(_: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    let count = args.take("slices")?.as_usize().filter(|count| *count > 0);
    let count = count.ok_or_else(|| fail("slice() needs a positive number of slices"))?;
    let fill = given(args, "fill_with")?;
    args.finish()?;
    let items = ops::items(value)?;
    let (size, longer) = (items.len() / count, items.len() % count);
    let mut rest = items.as_slice();
    let mut slices = Vec::new();
    for index in 0..count {
        let (part, after) = rest.split_at(size + usize::from(index < longer));
        rest = after;
        let mut part = part.to_vec();
        if let Some(fill) = fill.as_ref().filter(|_| longer > 0 && index >= longer) {
            part.push(fill.clone());
        }
        slices.push(list(part));
    }
    Ok(list(slices))
}

fn reverse(value: &Value) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        return Ok(Value::from(text.chars().rev().collect::<String>()));
    }
    let mut items = ops::items(value)?;
    items.reverse();
    Ok(list(items))
}

fn dict_items(value: &Value) -> Result<Value, Error> {
    if is_undefined(value) {
        return Ok(list(Vec::new()));
    }
    let entries = pyvalue::dict::entries_of(value)?;
    Ok(list(entries.into_iter().map(|(key, entry)| tuple(vec![key, entry])).collect()))
}

fn replace(_: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    let (text, old, new) = (py_str(value), py_str(&args.take("old")?), py_str(&args.take("new")?));
    let count = given(args, "count")?.and_then(|count| count.as_usize());
    args.finish()?;
    Ok(Value::from(match count {
        Some(count) => text.replacen(&old, &new, count),
        None => text.replace(&old, &new),
    }))
}

fn center(_: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    let width = as_usize(args, "width", 80)?.min(10_000);
    args.finish()?;
    Ok(Value::from(std::format!("{:^width$}", py_str(value))))
}

fn truncate(_: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    let text = py_str(value);
    let length = as_usize(args, "length", 255)?;
    let inside_words = args.truth("killwords", false)?;
    let end = args.optional_string("end")?.unwrap_or_else(|| "...".to_owned());
    let leeway = as_usize(args, "leeway", 5)?;
    args.finish()?;
    if text.chars().count() <= length + leeway {
        return Ok(Value::from(text));
    }
    let kept: String = text.chars().take(length.saturating_sub(end.chars().count())).collect();
    let kept = if inside_words { kept.as_str() } else { kept.rsplit_once(' ').map_or(kept.as_str(), |(kept, _)| kept) };
    Ok(Value::from(std::format!("{kept}{end}")))
}

fn percent(value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    let (positional, named) = (args.rest(), args.keywords());
    let values = if named.is_empty() {
        tuple(positional)
    } else {
        dict(named.into_iter().map(|(name, value)| (Value::from(name), value)))
    };
    format::percent(&py_str(value), &values).map(Value::from)
}

/// JSON that is safe inside HTML, keys sorted, as Jinja2 does it.
fn tojson(_: &mut State<'_, '_>, value: &Value, args: &mut Args<'_>) -> Result<Value, Error> {
    let indent = given(args, "indent")?.and_then(|indent| indent.as_usize());
    args.finish()?;
    let text = match indent {
        Some(indent) => pyvalue::dumps_indented(value, true, indent)?,
        None => dumps(value, true)?,
    };
    let escapes = [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026"), ('\'', "\\u0027")];
    Ok(Value::from(escapes.iter().fold(text, |text, (char, escape)| text.replace(*char, escape))))
}

/// What a value of a native render must become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Text,
    Native,
    Bool,
    Number,
}

/// A value that `as_text`, `as_native`, `as_bool` or `as_number` has marked.
#[derive(Debug)]
pub(super) struct Marked {
    pub value: Value,
    pub wanted: Wanted,
}

impl Object for Marked {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.value.is_true()
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&py_str(&self.value))
    }
}

/// The marks mean something only where the value itself is the result.
fn marked(state: &State<'_, '_>, value: &Value, wanted: Wanted) -> Value {
    if state.lookup(SINK).is_none() || is_undefined(value) {
        return value.clone();
    }
    Value::from_object(Marked { value: value.clone(), wanted })
}
