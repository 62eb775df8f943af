//! YAML 1.1 as PyYAML's `SafeLoader` resolves plain scalars. Dates stay strings, as dbt has them after JSON.

use serde_json::Value;

use super::Yaml;

/// The value of a plain (unquoted) scalar.
pub(super) fn resolve(text: &str) -> Yaml {
    let Some(first) = text.bytes().next() else { return Yaml::Null };
    match first {
        b'~' | b'n' | b'N' if matches!(text, "~" | "null" | "Null" | "NULL") => Yaml::Null,
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' => {
            boolean(text).map_or_else(|| string(text), Yaml::Bool)
        }
        b'0'..=b'9' | b'+' | b'-' | b'.' => number(text).unwrap_or_else(|| string(text)),
        _ => string(text),
    }
}

fn string(text: &str) -> Yaml {
    Yaml::Str(text.to_owned())
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// A number as PyYAML spells them, or none. Integers beyond 64 bits become floats.
pub(super) fn number(text: &str) -> Option<Yaml> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    integer(digits).map(|value| signed(value, negative)).or_else(|| float(digits, negative, text).map(Yaml::Float))
}

fn signed(value: u128, negative: bool) -> Yaml {
    let value = i128::try_from(value).unwrap_or(i128::MAX) * if negative { -1 } else { 1 };
    i64::try_from(value).map_or(Yaml::Float(value as f64), Yaml::Int)
}

/// `0`, `12_000`, `0x1F`, `0b101`, `017` (octal) and `1:30` (base 60).
fn integer(digits: &str) -> Option<u128> {
    let bytes = digits.as_bytes();
    if !bytes.first()?.is_ascii_digit() {
        return None;
    }
    if digits.contains(':') {
        return sexagesimal(digits);
    }
    let (radix, body) = match bytes {
        [b'0', b'x', ..] => (16, &digits[2..]),
        [b'0', b'b', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if body.bytes().any(|byte| byte != b'_' && !(byte as char).is_digit(radix)) {
        return None;
    }
    let plain: String = body.chars().filter(|c| *c != '_').collect();
    if plain.is_empty() { None } else { u128::from_str_radix(&plain, radix).ok() }
}

/// PyYAML: `[1-9][0-9_]*(:[0-5]?[0-9])+`.
fn sexagesimal(digits: &str) -> Option<u128> {
    let mut parts = digits.split(':');
    let head = parts.next()?;
    if head.starts_with('0') || !head.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
        return None;
    }
    let head: u128 = head.replace('_', "").parse().ok()?;
    parts.try_fold(head, |total, part| {
        let valid = matches!(part.len(), 1 | 2) && part.bytes().all(|b| b.is_ascii_digit());
        let part: u128 = part.parse().ok().filter(|value| valid && *value < 60)?;
        total.checked_mul(60)?.checked_add(part)
    })
}

/// PyYAML wants a point in a float, and a sign in its exponent: `1e3` and `1.0e3` are texts, `1.0e+3` is a number.
fn float(digits: &str, negative: bool, text: &str) -> Option<f64> {
    let sign = if negative { -1.0 } else { 1.0 };
    match digits {
        ".inf" | ".Inf" | ".INF" => return Some(sign * f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" if digits.len() == text.len() => return Some(f64::NAN),
        _ => {}
    }
    let point = digits.find('.')?;
    let (whole, rest) = (&digits[..point], &digits[point + 1..]);
    let (fraction, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let whole_ok = whole.is_empty() || (whole.as_bytes()[0].is_ascii_digit() && is_digits(whole));
    let some_digit = !whole.is_empty() || fraction.as_bytes().first().is_some_and(u8::is_ascii_digit);
    let exponent_ok = exponent.is_none_or(|part| {
        part.len() > 1 && part.starts_with(['+', '-']) && part[1..].bytes().all(|b| b.is_ascii_digit())
    });
    if !(whole_ok && some_digit && is_digits(fraction) && exponent_ok) {
        return None;
    }
    digits.replace('_', "").parse::<f64>().ok().map(|value| sign * value)
}

pub(super) fn float_to_json(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or_else(
        || {
            Value::from(if value.is_nan() {
                ".nan"
            } else if value > 0.0 {
                ".inf"
            } else {
                "-.inf"
            })
        },
        Value::Number,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_resolve_as_in_pyyaml() {
        let cases: &[(&str, Yaml)] = &[
            ("", Yaml::Null),
            ("~", Yaml::Null),
            ("Null", Yaml::Null),
            ("nULL", Yaml::Str("nULL".into())),
            ("yes", Yaml::Bool(true)),
            ("Off", Yaml::Bool(false)),
            ("y", Yaml::Str("y".into())),
            ("n", Yaml::Str("n".into())),
            ("0", Yaml::Int(0)),
            ("-12", Yaml::Int(-12)),
            ("+1_000", Yaml::Int(1000)),
            ("0x1F", Yaml::Int(31)),
            ("0b101", Yaml::Int(5)),
            ("017", Yaml::Int(15)),
            ("0o17", Yaml::Str("0o17".into())),
            ("08", Yaml::Str("08".into())),
            ("001", Yaml::Int(1)),
            ("190:20:30", Yaml::Int(685_230)),
            ("1:70", Yaml::Str("1:70".into())),
            ("99999999999999999999", Yaml::Float(1e20)),
            ("1.5", Yaml::Float(1.5)),
            (".5", Yaml::Float(0.5)),
            ("5.", Yaml::Float(5.0)),
            ("1e3", Yaml::Str("1e3".into())),
            ("1.0e3", Yaml::Str("1.0e3".into())),
            ("1.0e+3", Yaml::Float(1000.0)),
            ("-.inf", Yaml::Float(f64::NEG_INFINITY)),
            (".", Yaml::Str(".".into())),
            ("-", Yaml::Str("-".into())),
            ("1.0.0", Yaml::Str("1.0.0".into())),
            ("2024-01-01", Yaml::Str("2024-01-01".into())),
            ("1_", Yaml::Int(1)),
            ("-a", Yaml::Str("-a".into())),
        ];
        for (text, expected) in cases {
            assert_eq!(resolve(text), *expected, "{text}");
        }
    }
}
