//! Methods of Python's built-in values that are no objects of ours.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, UndefinedBehavior, Value};

use super::args::Args;
use super::error::fail;
use super::ops;
use super::pyvalue::{self, format, index, is_undefined, list, tuple, type_name};

/// What the virtual machine asks where an object knows no such method itself.
pub(super) fn call(state: &mut State<'_, '_>, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    let parsing = state.undefined_behavior() == UndefinedBehavior::Chainable;
    if parsing && is_undefined(value) {
        return Ok(pyvalue::parse_undefined());
    }
    let found = match value.kind() {
        ValueKind::String => text(value.as_str().unwrap_or_default(), method, args),
        ValueKind::Map => pyvalue::dict::read(value, method, args),
        ValueKind::Seq => sequence(value, method, args),
        ValueKind::Number if method == "is_integer" => {
            let whole = f64::try_from(value.clone()).is_ok_and(|number| number.fract() == 0.0);
            Some(Ok(Value::from(whole)))
        }
        _ => None,
    };
    if let Some(result) = found {
        return result;
    }
    let is_attribute = value.as_object().is_some_and(|object| object.get_value(&Value::from(method)).is_some());
    if is_attribute || value.is_undefined() {
        // The virtual machine goes on with the attribute, or knows how to complain.
        return Err(Error::from(ErrorKind::UnknownMethod));
    }
    if parsing {
        return Ok(pyvalue::parse_undefined());
    }
    Err(Error::new(ErrorKind::UnknownMethod, format!("'{}' object has no attribute '{method}'", type_name(value))))
}

fn sequence(value: &Value, method: &str, args: &[Value]) -> Option<Result<Value, Error>> {
    match (method, args) {
        ("index", [item]) => Some(ops::items(value).and_then(|items| pyvalue::list::position(&items, item))),
        ("count", [item]) => Some(ops::items(value).map(|items| pyvalue::list::count(&items, item))),
        ("copy", []) if !value.is_tuple() => Some(ops::items(value).map(list)),
        _ => None,
    }
}

/// Methods of `str`.
fn text(text: &str, method: &str, args: &[Value]) -> Option<Result<Value, Error>> {
    Some(match method {
        "format" => {
            let mut args = Args::new("format", args);
            let (positional, named) = (args.rest(), args.keywords());
            format::format(text, &positional, &named).map(Value::from)
        }
        _ => {
            let mut args = Args::new(method, args);
            match text_method(text, method, &mut args) {
                Ok(Some(value)) => args.finish().map(|()| value),
                Ok(None) => return None,
                Err(error) => Err(error),
            }
        }
    })
}

fn text_method(text: &str, method: &str, args: &mut Args<'_>) -> Result<Option<Value>, Error> {
    let is_all = |test: fn(char) -> bool| !text.is_empty() && text.chars().all(test);
    let has_case = || text.chars().any(char::is_alphabetic);
    Ok(Some(match method {
        "upper" => Value::from(text.to_uppercase()),
        "lower" | "casefold" => Value::from(text.to_lowercase()),
        "capitalize" => Value::from(capitalized(text)),
        "title" => Value::from(titled(text)),
        "swapcase" => Value::from(text.chars().map(swapped).collect::<String>()),
        "strip" => Value::from(stripped(text, args, true, true)?),
        "lstrip" => Value::from(stripped(text, args, true, false)?),
        "rstrip" => Value::from(stripped(text, args, false, true)?),
        "split" => list(split(text, args)?.into_iter().map(Value::from).collect()),
        "rsplit" => list(rsplit(text, args)?.into_iter().map(Value::from).collect()),
        "splitlines" => splitlines(text, args.truth("keepends", false)?),
        "partition" => {
            let separator = args.string("sep")?;
            match text.split_once(separator.as_str()) {
                Some((before, after)) => tuple(vec![before.into(), separator.as_str().into(), after.into()]),
                None => tuple(vec![text.into(), "".into(), "".into()]),
            }
        }
        "rpartition" => {
            let separator = args.string("sep")?;
            match text.rsplit_once(separator.as_str()) {
                Some((before, after)) => tuple(vec![before.into(), separator.as_str().into(), after.into()]),
                None => tuple(vec!["".into(), "".into(), text.into()]),
            }
        }
        "replace" => replaced(text, args)?,
        "join" => {
            let items = args.take("iterable")?;
            joined(text, &ops::items(&items)?)?
        }
        "startswith" => affix(text, args, |text, part| text.starts_with(part))?,
        "endswith" => affix(text, args, |text, part| text.ends_with(part))?,
        "removeprefix" => {
            let prefix = args.string("prefix")?;
            Value::from(text.strip_prefix(prefix.as_str()).unwrap_or(text))
        }
        "removesuffix" => {
            let suffix = args.string("suffix")?;
            Value::from(text.strip_suffix(suffix.as_str()).unwrap_or(text))
        }
        "find" => Value::from(found(text, args, false)?.unwrap_or(-1)),
        "rfind" => Value::from(found(text, args, true)?.unwrap_or(-1)),
        "index" => Value::from(found(text, args, false)?.ok_or_else(|| fail("substring not found"))?),
        "rindex" => Value::from(found(text, args, true)?.ok_or_else(|| fail("substring not found"))?),
        "count" => {
            let part = args.string("sub")?;
            let (text, _) = window(text, args)?;
            Value::from(if part.is_empty() { text.chars().count() + 1 } else { text.matches(&*part).count() })
        }
        "zfill" => {
            let width = width(args)?;
            let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+'])));
            let zeros = width.saturating_sub(text.chars().count());
            Value::from(format!("{sign}{}{digits}", "0".repeat(zeros)))
        }
        "ljust" => padded(text, args, |missing| (0, missing))?,
        "rjust" => padded(text, args, |missing| (missing, 0))?,
        "center" => padded(text, args, |missing| (missing / 2, missing - missing / 2))?,
        "expandtabs" => {
            let size = args.or("tabsize", 8)?.as_usize().unwrap_or(0);
            Value::from(expanded(text, size.min(1000)))
        }
        "isalpha" => Value::from(is_all(char::is_alphabetic)),
        "isalnum" => Value::from(is_all(char::is_alphanumeric)),
        "isdigit" | "isdecimal" | "isnumeric" => Value::from(is_all(char::is_numeric)),
        "isspace" => Value::from(is_all(char::is_whitespace)),
        "isascii" => Value::from(text.is_ascii()),
        "islower" => Value::from(has_case() && text == text.to_lowercase()),
        "isupper" => Value::from(has_case() && text == text.to_uppercase()),
        "istitle" => Value::from(has_case() && text == titled(text)),
        "isidentifier" => {
            let starts = text.starts_with(|char: char| char.is_alphabetic() || char == '_');
            Value::from(starts && text.chars().all(|char| char.is_alphanumeric() || char == '_'))
        }
        "encode" => {
            args.rest();
            args.keywords();
            Value::from_bytes(text.as_bytes().to_vec())
        }
        _ => return Ok(None),
    }))
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect(),
        None => String::new(),
    }
}

fn titled(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_word = false;
    for char in text.chars() {
        if in_word {
            out.extend(char.to_lowercase());
        } else {
            out.extend(char.to_uppercase());
        }
        in_word = char.is_alphabetic();
    }
    out
}

fn swapped(char: char) -> char {
    let other = if char.is_uppercase() { char.to_lowercase().next() } else { char.to_uppercase().next() };
    other.unwrap_or(char)
}

fn stripped<'t>(text: &'t str, args: &mut Args<'_>, start: bool, end: bool) -> Result<&'t str, Error> {
    let chars = args.optional_string("chars")?;
    let is_stripped = |char: char| match &chars {
        Some(chars) => chars.contains(char),
        None => char.is_whitespace(),
    };
    let text = if start { text.trim_start_matches(is_stripped) } else { text };
    Ok(if end { text.trim_end_matches(is_stripped) } else { text })
}

/// The separator (none: blanks) and how many splits at most.
fn split_args(args: &mut Args<'_>) -> Result<(Option<String>, usize), Error> {
    let separator = args.optional_string("sep")?;
    if separator.as_deref() == Some("") {
        return Err(fail("empty separator"));
    }
    let most = args.or("maxsplit", -1)?.as_i64().ok_or_else(|| fail("maxsplit must be an integer"))?;
    Ok((separator, usize::try_from(most).unwrap_or(usize::MAX - 1)))
}

fn split<'t>(text: &'t str, args: &mut Args<'_>) -> Result<Vec<&'t str>, Error> {
    let (separator, most) = split_args(args)?;
    let Some(separator) = separator else {
        let (mut parts, mut rest) = (Vec::new(), text.trim_start());
        while !rest.is_empty() && parts.len() < most {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            parts.push(&rest[..end]);
            rest = rest[end..].trim_start();
        }
        if !rest.is_empty() {
            parts.push(rest);
        }
        return Ok(parts);
    };
    Ok(text.splitn(most + 1, &separator).collect())
}

fn rsplit<'t>(text: &'t str, args: &mut Args<'_>) -> Result<Vec<&'t str>, Error> {
    let (separator, most) = split_args(args)?;
    let mut parts = Vec::new();
    match separator {
        Some(separator) => parts.extend(text.rsplitn(most + 1, &separator)),
        None => {
            let mut rest = text.trim_end();
            while !rest.is_empty() && parts.len() < most {
                let start = rest.char_indices().rev().find(|(_, char)| char.is_whitespace());
                let start = start.map_or(0, |(at, char)| at + char.len_utf8());
                parts.push(&rest[start..]);
                rest = rest[..start].trim_end();
            }
            if !rest.is_empty() {
                parts.push(rest);
            }
        }
    }
    parts.reverse();
    Ok(parts)
}

fn splitlines(text: &str, keep_ends: bool) -> Value {
    let lines = text
        .split_inclusive('\n')
        .map(|line| Value::from(if keep_ends { line } else { line.trim_end_matches('\n').trim_end_matches('\r') }));
    list(lines.collect())
}

fn replaced(text: &str, args: &mut Args<'_>) -> Result<Value, Error> {
    let (old, new) = (args.string("old")?, args.string("new")?);
    let count = args.or("count", -1)?.as_i64().ok_or_else(|| fail("count must be an integer"))?;
    Ok(Value::from(match usize::try_from(count) {
        Ok(count) => text.replacen(&old, &new, count),
        Err(_) => text.replace(&old, &new),
    }))
}

fn joined(separator: &str, items: &[Value]) -> Result<Value, Error> {
    let mut out = String::new();
    for (index, item) in items.iter().enumerate() {
        let part = item
            .as_str()
            .ok_or_else(|| fail(format!("sequence item {index}: expected str instance, {} found", type_name(item))))?;
        if index > 0 {
            out.push_str(separator);
        }
        out.push_str(part);
    }
    Ok(Value::from(out))
}

/// `startswith` and `endswith`: one part or a tuple of them.
fn affix(text: &str, args: &mut Args<'_>, matches: fn(&str, &str) -> bool) -> Result<Value, Error> {
    let parts = args.take("prefix")?;
    let (text, _) = window(text, args)?;
    let parts = if parts.is_tuple() { ops::items(&parts)? } else { vec![parts] };
    for part in &parts {
        let part = part.as_str().ok_or_else(|| {
            fail(format!("the first argument must be str or a tuple of str, not {}", type_name(part)))
        })?;
        if matches(text, part) {
            return Ok(Value::from(true));
        }
    }
    Ok(Value::from(false))
}

/// The part between the optional arguments `start` and `end`, and how many characters lie before it.
fn window<'t>(text: &'t str, args: &mut Args<'_>) -> Result<(&'t str, usize), Error> {
    let (start, end) = (args.or("start", ())?, args.or("end", ())?);
    if start.is_none() && end.is_none() {
        return Ok((text, 0));
    }
    let length = text.chars().count();
    let place = |value: &Value, default: usize| match value.as_i64() {
        Some(at) if at < 0 => index(value, length).unwrap_or(0),
        Some(at) => (at as usize).min(length),
        None => default,
    };
    let (start, end) = (place(&start, 0), place(&end, length));
    let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
    Ok((text.get(byte(start)..byte(end)).unwrap_or_default(), start))
}

fn found(text: &str, args: &mut Args<'_>, last: bool) -> Result<Option<i64>, Error> {
    let part = args.string("sub")?;
    let (text, before) = window(text, args)?;
    let at = if last { text.rfind(&*part) } else { text.find(&*part) };
    Ok(at.map(|at| (before + text[..at].chars().count()) as i64))
}

fn width(args: &mut Args<'_>) -> Result<usize, Error> {
    let width = args.take("width")?.as_i64().ok_or_else(|| fail("width must be an integer"))?;
    Ok(usize::try_from(width).unwrap_or(0).min(100_000))
}

fn padded(text: &str, args: &mut Args<'_>, sides: fn(usize) -> (usize, usize)) -> Result<Value, Error> {
    let width = width(args)?;
    let fill = args.optional_string("fillchar")?.unwrap_or_else(|| " ".to_owned());
    if fill.chars().count() != 1 {
        return Err(fail("the fill character must be exactly one character long"));
    }
    let (left, right) = sides(width.saturating_sub(text.chars().count()));
    Ok(Value::from(format!("{}{text}{}", fill.repeat(left), fill.repeat(right))))
}

fn expanded(text: &str, size: usize) -> String {
    let (mut out, mut column) = (String::new(), 0);
    for char in text.chars() {
        match char {
            '\t' if size > 0 => {
                let blanks = size - column % size;
                out.push_str(&" ".repeat(blanks));
                column += blanks;
            }
            '\t' => {}
            char => {
                out.push(char);
                column = if char == '\n' { 0 } else { column + 1 };
            }
        }
    }
    out
}
