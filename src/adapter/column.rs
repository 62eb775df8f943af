//! Columns of relations, with the type arithmetic that macros ask for.

/// The size of a string column whose type names none, as dbt counts it.
const DEFAULT_STRING_SIZE: u64 = 256;
/// The longest `varchar` of four-byte characters that a MySQL row can hold.
const LONGEST_MYSQL_VARCHAR: u64 = 16_383;

const STRINGS: &[&str] = &[
    "text",
    "character varying",
    "character",
    "varchar",
    "char",
    "string",
    "bpchar",
    "tinytext",
    "mediumtext",
    "longtext",
    "nchar",
    "nvarchar",
];
const INTEGERS: &[&str] = &[
    "smallint",
    "integer",
    "bigint",
    "smallserial",
    "serial",
    "bigserial",
    "int2",
    "int4",
    "int8",
    "serial2",
    "serial4",
    "serial8",
    "int",
    "tinyint",
    "mediumint",
    "hugeint",
    "utinyint",
    "usmallint",
    "uinteger",
    "ubigint",
    "uhugeint",
];
const FLOATS: &[&str] = &["real", "float4", "float", "double precision", "float8", "double"];
const NUMERICS: &[&str] = &["numeric", "decimal"];

/// A column as the catalog describes it. `dtype` is the bare type (`varchar`), sizes are apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub dtype: String,
    pub char_size: Option<u64>,
    pub numeric_precision: Option<u32>,
    pub numeric_scale: Option<u32>,
    /// The full type as the server writes it (`decimal(12,2)`, `int(11) unsigned`), where the catalog has it.
    pub full_type: Option<String>,
    pub nullable: bool,
    pub quote_char: char,
}

impl Column {
    /// A column with a type as a user writes it: `decimal(12,2)` is taken apart.
    pub fn from_description(name: &str, raw_type: &str, quote_char: char) -> Self {
        let (dtype, sizes) = match raw_type.split_once('(') {
            Some((dtype, rest)) => (dtype, rest.split(')').next().unwrap_or("")),
            None => (raw_type, ""),
        };
        let mut column = Self {
            name: name.to_owned(),
            dtype: dtype.trim().to_owned(),
            char_size: None,
            numeric_precision: None,
            numeric_scale: None,
            full_type: Some(raw_type.trim().to_owned()),
            nullable: true,
            quote_char,
        };
        let mut sizes = sizes.split(',').map(|size| size.trim().parse::<u64>().ok());
        let (first, second) = (sizes.next().flatten(), sizes.next().flatten());
        if column.is_string() {
            column.char_size = first;
        } else if column.is_numeric() {
            column.numeric_precision = first.map(|size| size as u32);
            column.numeric_scale = first.map(|_| second.unwrap_or(0) as u32);
        }
        column
    }

    pub fn is_string(&self) -> bool {
        self.is_one_of(STRINGS)
    }

    pub fn is_number(&self) -> bool {
        self.is_integer() || self.is_numeric() || self.is_float()
    }

    pub fn is_integer(&self) -> bool {
        self.is_one_of(INTEGERS)
    }

    pub fn is_float(&self) -> bool {
        self.is_one_of(FLOATS)
    }

    /// Exact numbers with a scale: `numeric`, `decimal`.
    pub fn is_numeric(&self) -> bool {
        self.is_one_of(NUMERICS)
    }

    fn is_one_of(&self, types: &[&str]) -> bool {
        types.iter().any(|name| name.eq_ignore_ascii_case(&self.dtype))
    }

    /// How many characters a string column holds; None for other columns.
    pub fn string_size(&self) -> Option<u64> {
        self.is_string().then(|| self.char_size.unwrap_or(DEFAULT_STRING_SIZE))
    }

    /// The name between quotes.
    pub fn quoted(&self) -> String {
        let mut text = String::with_capacity(self.name.len() + 2);
        super::relation::push_quoted(&mut text, &self.name, self.quote_char);
        text
    }

    /// The type as a column definition writes it.
    pub fn data_type(&self) -> String {
        if let Some(full) = &self.full_type {
            return full.clone();
        }
        match (self.string_size(), self.numeric_precision, self.numeric_scale) {
            (Some(size), ..) => self.string_type(size),
            (None, Some(precision), Some(scale)) if self.is_numeric() => format!("{}({precision},{scale})", self.dtype),
            _ => self.dtype.clone(),
        }
    }

    /// A string type for `size` characters in this column's dialect. MySQL rows cannot hold a very long `varchar`, which
    /// becomes a text type there.
    pub fn string_type(&self, size: u64) -> String {
        if self.quote_char != '`' || size <= LONGEST_MYSQL_VARCHAR {
            return format!("varchar({size})");
        }
        match size {
            0..=65_535 => "text",
            65_536..=16_777_215 => "mediumtext",
            _ => "longtext",
        }
        .to_owned()
    }

    /// Whether this column, made as wide as `other`, would hold the other's values too (strings only).
    pub fn can_expand_to(&self, other: &Self) -> bool {
        matches!((self.string_size(), other.string_size()), (Some(own), Some(theirs)) if theirs > own)
    }
}

/// Digits of the largest number before the point, and bytes, by the type's name.
const WIDTHS: &[(&str, u32, u32)] = &[
    ("tinyint", 3, 1),
    ("smallint", 5, 2),
    ("mediumint", 8, 3),
    ("int", 10, 4),
    ("integer", 10, 4),
    ("bigint", 20, 8),
    ("hugeint", 39, 16),
];
/// What the narrower of the databases can write as one decimal; more digits are no reason to change a type.
const LONGEST_DECIMAL: u32 = 38;
/// Moments, each of which holds those before it.
const MOMENTS: &[&str] = &["date", "datetime", "timestamp"];

/// Widening: which type holds the values of two.
impl Column {
    /// The type that holds the values of this column and of `other`: this column's own where it does. None where the two
    /// are of different kinds, and one would have to be turned into the other.
    pub fn type_with(&self, other: &Self) -> Option<String> {
        if self.data_type().eq_ignore_ascii_case(&other.data_type()) {
            return Some(self.data_type());
        }
        if self.is_string() && other.is_string() {
            let wider = self.can_expand_to(other).then(|| self.string_type(other.string_size().unwrap_or_default()));
            return Some(wider.unwrap_or_else(|| self.data_type()));
        }
        if self.is_float() && (other.is_float() || other.is_integer() || other.is_numeric()) {
            let doubles = other.is_float() && other.dtype.len() > self.dtype.len();
            return Some(if doubles { other.data_type() } else { self.data_type() });
        }
        if let (Some(own), Some(theirs)) = (self.integer_bytes(), other.integer_bytes()) {
            return Some(self.integer_with(own, other, theirs));
        }
        if let (Some((whole, scale)), Some((other_whole, other_scale))) = (self.digits(), other.digits()) {
            let (all, part) = (whole.max(other_whole), scale.max(other_scale));
            let holds = (all, part) == (whole, scale);
            return match all + part {
                _ if holds => Some(self.data_type()),
                precision if precision <= LONGEST_DECIMAL => Some(format!("decimal({precision},{part})")),
                _ => None,
            };
        }
        self.moment_with(other)
    }

    fn is_unsigned(&self) -> bool {
        self.full_type.as_deref().is_some_and(|full| full.to_ascii_lowercase().contains("unsigned"))
    }

    fn integer_bytes(&self) -> Option<u32> {
        let name = self.dtype.split_whitespace().next()?;
        let (.., bytes) = WIDTHS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name))?;
        Some(*bytes)
    }

    fn integer_with(&self, own: u32, other: &Self, theirs: u32) -> String {
        match (self.is_unsigned(), other.is_unsigned()) {
            (one, same) if one == same => if theirs > own { other } else { self }.data_type(),
            // A signed type holds an unsigned one of fewer bytes, never the other way round.
            (false, true) if own > theirs => self.data_type(),
            _ if own.max(theirs) < 8 => "bigint".to_owned(),
            _ => "decimal(20,0)".to_owned(),
        }
    }

    /// Digits before and after the point of an exact number.
    fn digits(&self) -> Option<(u32, u32)> {
        if self.is_numeric() {
            let (precision, scale) = (self.numeric_precision?, self.numeric_scale.unwrap_or(0));
            return Some((precision.saturating_sub(scale), scale));
        }
        WIDTHS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(&self.dtype)).map(|(_, digits, _)| (*digits, 0))
    }

    fn moment_with(&self, other: &Self) -> Option<String> {
        let rank = |column: &Self| MOMENTS.iter().position(|name| name.eq_ignore_ascii_case(&column.dtype));
        let fraction = |column: &Self| {
            let full = column.full_type.as_deref()?;
            full.split_once('(')?.1.split(')').next()?.trim().parse::<u32>().ok()
        };
        let (own, theirs) = (fraction(self).unwrap_or(0), fraction(other).unwrap_or(0));
        match (rank(self), rank(other)) {
            (Some(0), Some(1..)) => Some(other.data_type()),
            (Some(1..), Some(_)) if theirs <= own => Some(self.data_type()),
            (Some(1..), Some(_)) => Some(format!("{}({theirs})", self.dtype)),
            (None, None) if self.dtype.eq_ignore_ascii_case("time") && other.dtype.eq_ignore_ascii_case("time") => {
                Some(if theirs > own { other.data_type() } else { self.data_type() })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Column;

    fn column(raw_type: &str) -> Column {
        Column::from_description("c", raw_type, '`')
    }

    #[test]
    fn types_are_classified() {
        assert!(column("varchar(20)").is_string() && column("LONGTEXT").is_string());
        assert!(column("int(11) unsigned").is_integer() && column("BIGINT").is_number());
        assert!(column("double").is_float() && !column("double").is_numeric());
        assert!(column("decimal(12,2)").is_numeric() && !column("date").is_number());
    }

    #[test]
    fn descriptions_are_taken_apart_and_written_back() {
        let decimal = column("decimal(12, 2)");
        assert_eq!((decimal.numeric_precision, decimal.numeric_scale), (Some(12), Some(2)));
        assert_eq!(decimal.data_type(), "decimal(12, 2)");
        assert_eq!(Column { full_type: None, ..decimal }.data_type(), "decimal(12,2)");
        assert_eq!(Column { full_type: None, ..column("varchar(20)") }.data_type(), "varchar(20)");
        assert_eq!(column("text").string_size(), Some(256));
        assert_eq!(column("date").string_size(), None);
    }

    #[test]
    fn only_strings_expand_and_only_to_wider_ones() {
        assert!(column("varchar(20)").can_expand_to(&column("varchar(30)")));
        assert!(!column("varchar(30)").can_expand_to(&column("varchar(20)")));
        assert!(!column("int").can_expand_to(&column("varchar(20)")));
        assert_eq!(column("varchar(20)").string_type(40_000), "text");
    }

    #[test]
    fn a_type_is_found_that_holds_both() {
        let both = |own: &str, other: &str| column(own).type_with(&column(other));
        for (own, other, wanted) in [
            ("int(11)", "int(1)", "int(11)"),
            ("int(11)", "bigint(20)", "bigint(20)"),
            ("bigint", "int unsigned", "bigint"),
            ("int", "int unsigned", "bigint"),
            ("bigint", "bigint unsigned", "decimal(20,0)"),
            ("decimal(12,2)", "decimal(8,2)", "decimal(12,2)"),
            ("decimal(12,2)", "decimal(12,4)", "decimal(14,4)"),
            ("int", "decimal(6,2)", "decimal(12,2)"),
            ("decimal(6,2)", "int", "decimal(12,2)"),
            ("varchar(5)", "varchar(9)", "varchar(9)"),
            ("varchar(9)", "varchar(5)", "varchar(9)"),
            ("date", "datetime(6)", "datetime(6)"),
            ("datetime", "datetime(6)", "datetime(6)"),
            ("datetime(6)", "datetime", "datetime(6)"),
            ("float", "double", "double"),
            ("double", "int", "double"),
            ("time", "time(3)", "time(3)"),
        ] {
            assert_eq!(both(own, other).as_deref(), Some(wanted), "{own} and {other}");
        }
        assert_eq!(both("int", "varchar(3)"), None);
        assert_eq!(both("varchar(3)", "date"), None);
        assert_eq!(both("decimal(38,0)", "decimal(38,10)"), None);
    }

    #[test]
    fn quotes_inside_names_are_doubled() {
        assert_eq!(Column::from_description("a`b", "int", '`').quoted(), "`a``b`");
    }
}
