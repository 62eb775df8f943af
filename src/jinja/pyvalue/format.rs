//! Python's `text % values` and `text.format(..)`.

use std::str::Chars;

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::super::error::fail;
use super::super::ops;
use super::{Decimal, py_repr, py_str, text, type_name};

/// Wider fields are taken for a mistake.
const MAX_WIDTH: usize = 10_000;

/// How one value is to be written: the parts of `{:*>+#010,.2f}` and of `%+05.1f`.
#[derive(Default, Clone, Copy)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

/// `format % values`
pub(in super::super) fn percent(format: &str, values: &Value) -> Result<String, Error> {
    let positional = if values.is_tuple() { ops::items(values)? } else { vec![values.clone()] };
    let mut next = positional.iter();
    let mut out = String::with_capacity(format.len() + 16);
    let mut chars = format.chars();
    while let Some(char) = chars.next() {
        if char != '%' {
            out.push(char);
            continue;
        }
        let mut key = None;
        if chars.as_str().starts_with('(') {
            let rest = &chars.as_str()[1..];
            let (name, rest) = rest.split_once(')').ok_or_else(|| fail("incomplete format key"))?;
            key = Some(values.get_item(&Value::from(name))?);
            chars = rest.chars();
        }
        let spec = percent_spec(&mut chars, &mut next)?;
        let kind = spec.kind.ok_or_else(|| fail("incomplete format"))?;
        if kind == '%' {
            out.push('%');
            continue;
        }
        let value = match key {
            Some(value) => value,
            None => next.next().cloned().ok_or_else(|| fail("not enough arguments for format string"))?,
        };
        out.push_str(&percent_value(&value, spec, kind)?);
    }
    if next.next().is_some() && (values.is_tuple() || values.kind() != ValueKind::Map) {
        return Err(fail("not all arguments converted during string formatting"));
    }
    Ok(out)
}

fn percent_spec<'v>(chars: &mut Chars<'_>, next: &mut impl Iterator<Item = &'v Value>) -> Result<Spec, Error> {
    let mut spec = Spec::default();
    let mut zero = false;
    while let Some(flag) = chars.as_str().chars().next().filter(|char| "-+ #0".contains(*char)) {
        chars.next();
        match flag {
            '-' => spec.align = Some('<'),
            '+' | ' ' if spec.sign != Some('+') => spec.sign = Some(flag),
            '#' => spec.alternate = true,
            '0' => zero = true,
            _ => {}
        }
    }
    spec.width = match star(chars, next)? {
        Some(width) => width,
        None => number(chars).unwrap_or(0),
    };
    if chars.as_str().starts_with('.') {
        chars.next();
        spec.precision = Some(match star(chars, next)? {
            Some(precision) => precision,
            None => number(chars).unwrap_or(0),
        });
    }
    spec.kind = chars.next();
    if spec.width > MAX_WIDTH || spec.precision.is_some_and(|precision| precision > MAX_WIDTH) {
        return Err(fail("the format is too wide"));
    }
    if zero && spec.align.is_none() && spec.kind.is_some_and(|kind| !"sracA".contains(kind)) {
        (spec.fill, spec.align) = (Some('0'), Some('='));
    }
    spec.align = spec.align.or(Some('>'));
    Ok(spec)
}

/// `*`: the number is the next value.
fn star<'v>(chars: &mut Chars<'_>, next: &mut impl Iterator<Item = &'v Value>) -> Result<Option<usize>, Error> {
    if !chars.as_str().starts_with('*') {
        return Ok(None);
    }
    chars.next();
    let value = next.next().and_then(Value::as_usize);
    value.map(Some).ok_or_else(|| fail("`*` in a format needs an integer"))
}

fn number(chars: &mut Chars<'_>) -> Option<usize> {
    let rest = chars.as_str();
    let digits = rest.len() - rest.trim_start_matches(|char: char| char.is_ascii_digit()).len();
    *chars = rest[digits..].chars();
    if digits == 0 { None } else { Some(rest[..digits].parse().unwrap_or(usize::MAX)) }
}

fn percent_value(value: &Value, spec: Spec, kind: char) -> Result<String, Error> {
    let text = match kind {
        's' => return Ok(padded(&cut(py_str(value), spec.precision), spec)),
        'r' | 'a' => return Ok(padded(&cut(py_repr(value), spec.precision), spec)),
        'c' => match value.as_str() {
            Some(text) => text.to_owned(),
            None => char::from_u32(whole(value, kind)? as u32).unwrap_or('?').to_string(),
        },
        'd' | 'i' | 'u' => {
            let digits = whole(value, kind)?.unsigned_abs().to_string();
            let digits = format!("{digits:0>width$}", width = spec.precision.unwrap_or(0));
            return Ok(signed(&digits, whole(value, kind)? < 0, spec));
        }
        'x' | 'X' | 'o' => return Ok(signed(&based(whole(value, kind)?, kind, spec), whole(value, kind)? < 0, spec)),
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => return floating(value, spec, kind),
        other => return Err(fail(format!("unsupported format character '{other}'"))),
    };
    Ok(padded(&text, spec))
}

fn cut(text: String, precision: Option<usize>) -> String {
    match precision {
        Some(precision) => text.chars().take(precision).collect(),
        None => text,
    }
}

fn whole(value: &Value, kind: char) -> Result<i128, Error> {
    let found = match ops::number(value) {
        Some(ops::Number::Int(number)) => Some(number),
        Some(ops::Number::Float(number)) => Some(number as i128),
        Some(ops::Number::Decimal(number)) => Some(number.truncated()),
        None => None,
    };
    found.ok_or_else(|| fail(format!("%{kind} format: a real number is required, not {}", type_name(value))))
}

fn real(value: &Value) -> Result<f64, Error> {
    match ops::number(value) {
        Some(number) => Ok(number.to_f64()),
        None => Err(fail(format!("must be real number, not {}", type_name(value)))),
    }
}

fn based(number: i128, kind: char, spec: Spec) -> String {
    let size = number.unsigned_abs();
    let (prefix, digits) = match kind {
        'x' => ("0x", format!("{size:x}")),
        'X' => ("0X", format!("{size:X}")),
        'b' => ("0b", format!("{size:b}")),
        _ => ("0o", format!("{size:o}")),
    };
    if spec.alternate { format!("{prefix}{digits}") } else { digits }
}

fn floating(value: &Value, spec: Spec, kind: char) -> Result<String, Error> {
    let exact = value.downcast_object_ref::<Decimal>().filter(|_| kind == 'f');
    let number = real(value)?;
    let negative = number.is_sign_negative() && !number.is_nan();
    let size = number.abs();
    let precision = spec.precision.unwrap_or(6);
    let digits = match (exact, kind.to_ascii_lowercase()) {
        _ if !number.is_finite() => if number.is_nan() { "nan" } else { "inf" }.to_owned(),
        (_, 'f') => format!("{size:.precision$}"),
        (_, 'e') => scientific(size, precision),
        _ => general(size, precision, spec.alternate),
    };
    let digits = if kind.is_ascii_uppercase() { digits.to_uppercase() } else { digits };
    Ok(signed(&digits, negative, spec))
}

fn scientific(size: f64, precision: usize) -> String {
    let text = format!("{size:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

fn general(size: f64, precision: usize, alternate: bool) -> String {
    let precision = precision.max(1);
    let text = format!("{size:.*e}", precision - 1);
    let exponent: i32 = text.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    let digits = if exponent < -4 || exponent >= precision as i32 {
        scientific(size, precision - 1)
    } else {
        format!("{size:.*}", (precision as i32 - 1 - exponent).max(0) as usize)
    };
    if alternate || !digits.contains('.') {
        return digits;
    }
    let (mantissa, exponent) = digits.find('e').map_or((digits.as_str(), ""), |at| digits.split_at(at));
    format!("{}{exponent}", mantissa.trim_end_matches('0').trim_end_matches('.'))
}

/// Digits with their sign, grouped and padded.
fn signed(digits: &str, negative: bool, spec: Spec) -> String {
    let sign = match (negative, spec.sign) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    };
    let digits = spec.grouping.map_or_else(|| digits.to_owned(), |separator| grouped(digits, separator));
    if spec.align == Some('=') {
        let room = spec.width.saturating_sub(sign.len());
        let fill = spec.fill.unwrap_or(' ').to_string().repeat(room.saturating_sub(digits.chars().count()));
        return format!("{sign}{fill}{digits}");
    }
    padded(&format!("{sign}{digits}"), Spec { align: spec.align.or(Some('>')), ..spec })
}

fn grouped(digits: &str, separator: char) -> String {
    let end = digits.find(|char: char| !char.is_ascii_digit()).unwrap_or(digits.len());
    let (whole, rest) = digits.split_at(end);
    let mut out = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(separator);
        }
        out.push(digit);
    }
    out + rest
}

fn padded(text: &str, spec: Spec) -> String {
    let missing = spec.width.saturating_sub(text.chars().count());
    let fill = |count: usize| spec.fill.unwrap_or(' ').to_string().repeat(count);
    match spec.align.unwrap_or('<') {
        '>' | '=' => fill(missing) + text,
        '^' => fill(missing / 2) + text + &fill(missing - missing / 2),
        _ => text.to_owned() + &fill(missing),
    }
}

/// `template.format(*positional, **named)`
pub(in super::super) fn format(
    template: &str,
    positional: &[Value],
    named: &[(String, Value)],
) -> Result<String, Error> {
    Fields { positional, named, automatic: 0 }.format(template, 0)
}

struct Fields<'a> {
    positional: &'a [Value],
    named: &'a [(String, Value)],
    automatic: usize,
}

impl Fields<'_> {
    fn format(&mut self, template: &str, depth: usize) -> Result<String, Error> {
        if depth > 2 {
            return Err(fail("format fields are nested too deeply"));
        }
        let mut out = String::with_capacity(template.len());
        let mut rest = template;
        while let Some(at) = rest.find(['{', '}']) {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let brace = &rest[at..=at];
            if after.starts_with(brace) {
                out.push_str(brace);
                rest = &after[1..];
            } else if brace == "{" {
                let end = field_end(after).ok_or_else(|| fail("expected '}' before end of string"))?;
                out.push_str(&self.field(&after[..end], depth)?);
                rest = &after[end + 1..];
            } else {
                return Err(fail("single '}' encountered in format string"));
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn field(&mut self, field: &str, depth: usize) -> Result<String, Error> {
        let (target, spec) = field.split_once(':').unwrap_or((field, ""));
        let (target, conversion) = target.split_once('!').unwrap_or((target, ""));
        let value = self.value(target)?;
        let spec = self.format(spec, depth + 1)?;
        match conversion {
            "" => format_value(&value, &spec),
            "r" | "a" => format_value(&Value::from(py_repr(&value)), &spec),
            "s" => format_value(&Value::from(py_str(&value)), &spec),
            other => Err(fail(format!("unknown conversion specifier '{other}'"))),
        }
    }

    /// `0`, `name`, `name.attribute[key]`, or nothing for the next positional value.
    fn value(&mut self, target: &str) -> Result<Value, Error> {
        let end = target.find(['.', '[']).unwrap_or(target.len());
        let (first, mut path) = target.split_at(end);
        let mut value = if first.is_empty() {
            self.automatic += 1;
            self.nth(self.automatic - 1)?
        } else if let Ok(index) = first.parse() {
            self.nth(index)?
        } else {
            let found = self.named.iter().find(|(name, _)| name == first);
            found.map(|(_, value)| value.clone()).ok_or_else(|| fail(format!("format() has no argument '{first}'")))?
        };
        while !path.is_empty() {
            let (key, rest) = if let Some(after) = path.strip_prefix('[') {
                after.split_once(']').ok_or_else(|| fail("missing ']' in format string"))?
            } else {
                let after = &path[1..];
                after.split_at(after.find(['.', '[']).unwrap_or(after.len()))
            };
            let key = key.parse::<i64>().map_or_else(|_| Value::from(key), Value::from);
            value = value.get_item(&key)?;
            path = rest;
        }
        Ok(value)
    }

    fn nth(&self, index: usize) -> Result<Value, Error> {
        let found = self.positional.get(index).cloned();
        found.ok_or_else(|| fail(format!("replacement index {index} out of range for positional args tuple")))
    }
}

/// Where a replacement field ends; its format may hold fields itself.
fn field_end(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, char) in text.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Python's `format(value, spec)`.
fn format_value(value: &Value, spec: &str) -> Result<String, Error> {
    if spec.is_empty() {
        return Ok(py_str(value));
    }
    let spec = read_spec(spec)?;
    let kind = spec.kind.unwrap_or('\0');
    let is_number = ops::number(value).is_some() && value.kind() != ValueKind::Bool;
    match kind {
        's' | '\0' if !is_number => Ok(padded(&cut(py_str(value), spec.precision), spec)),
        _ if ops::number(value).is_none() => {
            Err(fail(format!("unknown format code '{kind}' for object of type '{}'", type_name(value))))
        }
        'd' | 'n' => Ok(signed(&whole(value, 'd')?.unsigned_abs().to_string(), whole(value, 'd')? < 0, spec)),
        'x' | 'X' | 'o' | 'b' => Ok(signed(&based(whole(value, kind)?, kind, spec), whole(value, kind)? < 0, spec)),
        'c' => percent_value(value, spec, 'c'),
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => floating(value, spec, kind),
        '%' => {
            let precision = spec.precision.unwrap_or(6);
            let number = real(value)? * 100.0;
            Ok(signed(&format!("{:.precision$}%", number.abs()), number < 0.0, spec))
        }
        '\0' if spec.precision.is_some() => floating(value, spec, 'g'),
        '\0' => {
            let mut digits = String::new();
            let _ = text::write_str(&mut digits, value);
            let negative = digits.starts_with('-');
            Ok(signed(digits.trim_start_matches('-'), negative, spec))
        }
        other => Err(fail(format!("unknown format code '{other}'"))),
    }
}

fn read_spec(text: &str) -> Result<Spec, Error> {
    let mut spec = Spec::default();
    let mut chars = text.chars();
    let is_align = |char: Option<char>| char.is_some_and(|char| "<>=^".contains(char));
    let mut ahead = text.chars();
    let (first, second) = (ahead.next(), ahead.next());
    if is_align(second) {
        (spec.fill, spec.align) = (first, second);
        chars.next();
        chars.next();
    } else if is_align(first) {
        spec.align = first;
        chars.next();
    }
    let mut take = |wanted: &str| {
        let found = chars.as_str().chars().next().filter(|char| wanted.contains(*char));
        if found.is_some() {
            chars.next();
        }
        found
    };
    spec.sign = take("+- ");
    spec.alternate = take("#").is_some();
    if take("0").is_some() && spec.align.is_none() {
        (spec.fill, spec.align) = (Some('0'), Some('='));
    }
    spec.width = number(&mut chars).unwrap_or(0);
    let rest = chars.as_str();
    if let Some(separator) = rest.chars().next().filter(|char| matches!(char, ',' | '_')) {
        spec.grouping = Some(separator);
        chars.next();
    }
    if chars.as_str().starts_with('.') {
        chars.next();
        spec.precision = Some(number(&mut chars).ok_or_else(|| fail("format specifier missing precision"))?);
    }
    spec.kind = chars.next();
    if chars.next().is_some() {
        return Err(fail(format!("invalid format specifier '{text}'")));
    }
    if spec.width > MAX_WIDTH || spec.precision.is_some_and(|precision| precision > MAX_WIDTH) {
        return Err(fail("the format is too wide"));
    }
    Ok(spec)
}
