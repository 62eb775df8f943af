//! Values as MySQL writes them.

use crate::adapter::table::hex;
use crate::adapter::{Binding, Cell, DbError, DbErrorKind, DbResult};

/// A cell as a literal. Backslashes are escaped: sessions never run with `NO_BACKSLASH_ESCAPES`.
pub(in crate::adapter) fn literal(cell: &Cell) -> String {
    match cell {
        Cell::Null => "null".to_owned(),
        Cell::Bool(value) => value.to_string(),
        Cell::Int(value) => value.to_string(),
        Cell::UInt(value) => value.to_string(),
        // No literal is infinite or not a number here.
        Cell::Float(value) if !value.is_finite() => "null".to_owned(),
        Cell::Float(value) => format!("{value:?}"),
        Cell::Decimal(text) => text.clone(),
        Cell::Text(text) | Cell::Date(text) | Cell::Datetime(text) | Cell::Time(text) => quoted(text),
        Cell::Bytes(bytes) => format!("x'{}'", hex(bytes)),
    }
}

pub(super) fn quoted(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for c in text.chars() {
        match c {
            '\'' => literal.push_str("''"),
            '\\' => literal.push_str("\\\\"),
            '\0' => literal.push_str("\\0"),
            c => literal.push(c),
        }
    }
    literal.push('\'');
    literal
}

/// The statement with each `%s` replaced by a value; `%%` is a percent sign.
pub(super) fn bind(sql: &str, values: &[Cell]) -> DbResult<String> {
    let mark = Binding::Percent.as_str();
    let mut bound = String::with_capacity(sql.len() + values.len() * 12);
    let mut values = values.iter();
    let mut rest = sql;
    while let Some(at) = rest.find('%') {
        bound.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix(mark) {
            bound.push_str(&literal(values.next().ok_or_else(wrong_count)?));
            rest = after;
        } else {
            bound.push('%');
            rest = rest.strip_prefix("%%").unwrap_or(&rest[1..]);
        }
    }
    bound.push_str(rest);
    if values.next().is_some() { Err(wrong_count()) } else { Ok(bound) }
}

fn wrong_count() -> DbError {
    DbError::new(DbErrorKind::Other, "the statement has not as many `%s` as there are values")
}

#[cfg(test)]
mod tests {
    use super::{bind, literal};
    use crate::adapter::Cell;

    #[test]
    fn texts_are_escaped() {
        assert_eq!(literal(&Cell::Text("it's a \\ b\n".into())), "'it''s a \\\\ b\n'");
        assert_eq!(literal(&Cell::Bytes(vec![0, 255])), "x'00ff'");
        assert_eq!(literal(&Cell::Float(1.0)), "1.0");
    }

    #[test]
    fn values_take_the_places_of_marks() {
        let values = [Cell::Int(1), Cell::Text("%s".into())];
        assert_eq!(bind("insert t values (%s, %s) -- 5%%", &values).expect("bound"), "insert t values (1, '%s') -- 5%");
        assert!(bind("select %s", &values).is_err());
        assert!(bind("select %s, %s, %s", &values).is_err());
    }
}
