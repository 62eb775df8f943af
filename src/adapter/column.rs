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
    fn quotes_inside_names_are_doubled() {
        assert_eq!(Column::from_description("a`b", "int", '`').quoted(), "`a``b`");
    }
}
