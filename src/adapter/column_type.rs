//! Whether a column of a query may fill a column that was declared.

/// How a dialect reads the names of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeRules {
    /// `boolean` is another name of `tinyint(1)`.
    pub boolean_is_integer: bool,
    /// `json` is another name of a text type.
    pub json_is_text: bool,
    /// `varchar(20)` takes longer texts as well.
    pub endless_text: bool,
    /// Digits of a `decimal` that names none: all, and those after the point.
    pub decimal: (u32, u32),
    /// Digits of the seconds of a time that names none.
    pub second_digits: u32,
}

#[derive(Debug, Clone, PartialEq)]
enum Type {
    /// Of a literal `null`: fits anything.
    Null,
    Integer {
        unsigned: bool,
    },
    Decimal {
        digits: u32,
        scale: u32,
    },
    Float {
        double: bool,
    },
    Boolean,
    Text {
        longest: Option<u64>,
    },
    Bytes {
        longest: Option<u64>,
    },
    /// One of a list of texts.
    Choice,
    Date,
    Time {
        digits: u32,
    },
    Timestamp {
        digits: u32,
        zoned: bool,
    },
    Other(String),
}

impl TypeRules {
    /// Whether every value of the type `actual` is kept as it is by a column of the type `declared`, or else refused by the
    /// server when it is stored. What is told apart is what would change without a word: the kind, digits after the point,
    /// lengths, the sign. Integers of any size may fill each other, because no dialect of MySQL can cast to `int`: there
    /// a value out of range is an error of its own.
    pub fn fits(self, declared: &str, actual: &str) -> bool {
        match (self.read(declared), self.read(actual)) {
            (_, Type::Null) => true,
            (Type::Integer { unsigned }, Type::Integer { unsigned: actual }) => actual || !unsigned,
            (Type::Decimal { digits, scale }, Type::Decimal { digits: all, scale: after }) => {
                after <= scale && all.saturating_sub(after) <= digits.saturating_sub(scale)
            }
            (Type::Float { double }, Type::Float { double: actual }) => double || !actual,
            (Type::Text { longest }, Type::Text { longest: actual })
            | (Type::Bytes { longest }, Type::Bytes { longest: actual }) => match (longest, actual) {
                (None, _) => true,
                (Some(most), Some(actual)) => actual <= most,
                (Some(_), None) => false,
            },
            // The server refuses a text that is not on the list.
            (Type::Choice, Type::Text { .. } | Type::Choice) | (Type::Text { .. }, Type::Choice) => true,
            (Type::Time { digits }, Type::Time { digits: actual }) => actual <= digits,
            (Type::Timestamp { digits, zoned }, Type::Timestamp { digits: actual, zoned: other }) => {
                zoned == other && actual <= digits
            }
            (declared, actual) => declared == actual,
        }
    }

    fn read(self, text: &str) -> Type {
        let text = text.trim().to_lowercase();
        let (before, sizes, after) = match text.split_once('(') {
            Some((before, rest)) => {
                let (sizes, after) = rest.rsplit_once(')').unwrap_or((rest, ""));
                (before.trim(), sizes, after)
            }
            None => (text.as_str(), "", ""),
        };
        if text.ends_with("[]") || text.ends_with(']') {
            return Type::Other(text);
        }
        let mut words = before.split_whitespace().chain(after.split_whitespace());
        let name = words.next().unwrap_or_default();
        let rest: Vec<&str> = words.collect();
        let says = |word: &str| rest.contains(&word);
        let mut numbers = sizes.split(',').map(|size| size.trim().parse::<u64>().ok());
        let (first, second) = (numbers.next().flatten(), numbers.next().flatten());
        let digits = first.map_or(self.second_digits, |digits| digits as u32);
        let text_of = |longest: Option<u64>| Type::Text { longest: longest.filter(|_| !self.endless_text) };
        match name {
            "binary" | "varbinary" if first == Some(0) => Type::Null,
            "\"null\"" | "null" => Type::Null,
            "bool" | "boolean" | "logical" if !self.boolean_is_integer => Type::Boolean,
            "bool" | "boolean" | "int" | "integer" | "tinyint" | "smallint" | "mediumint" | "bigint" | "hugeint"
            | "int1" | "int2" | "int3" | "int4" | "int8" | "middleint" | "signed" | "long" | "short" | "year" => {
                Type::Integer { unsigned: says("unsigned") || says("zerofill") }
            }
            "utinyint" | "usmallint" | "uinteger" | "ubigint" | "uhugeint" | "unsigned" | "serial" => {
                Type::Integer { unsigned: true }
            }
            "decimal" | "numeric" | "dec" | "fixed" | "number" => Type::Decimal {
                digits: first.map_or(self.decimal.0, |digits| digits as u32),
                scale: match (first, second) {
                    (None, _) => self.decimal.1,
                    (_, scale) => scale.unwrap_or(0) as u32,
                },
            },
            "float" | "float4" if first.is_none_or(|bits| bits <= 24) => Type::Float { double: false },
            // MySQL's `real` is a double, DuckDB's a float.
            "real" => Type::Float { double: self.boolean_is_integer },
            "float" | "double" | "float8" => Type::Float { double: true },
            "char" | "character" | "nchar" | "national" if says("varying") || says("varchar") => text_of(first),
            "char" | "character" | "nchar" | "national" | "bpchar" => text_of(Some(first.unwrap_or(1))),
            "varchar" | "nvarchar" | "varcharacter" => text_of(first),
            "string" => Type::Text { longest: None },
            "tinytext" => text_of(Some(255)),
            "text" => text_of(first.or(Some(65_535))),
            "mediumtext" => text_of(Some(16_777_215)),
            "longtext" => Type::Text { longest: None },
            "json" if self.json_is_text => Type::Text { longest: None },
            "enum" | "set" => Type::Choice,
            "binary" => Type::Bytes { longest: Some(first.unwrap_or(1)) },
            "varbinary" if !self.endless_text => Type::Bytes { longest: first },
            "tinyblob" => Type::Bytes { longest: Some(255) },
            "blob" if !self.endless_text => Type::Bytes { longest: first.or(Some(65_535)) },
            "mediumblob" => Type::Bytes { longest: Some(16_777_215) },
            "longblob" | "blob" | "varbinary" | "bytea" => Type::Bytes { longest: None },
            "date" => Type::Date,
            "time" => Type::Time { digits },
            "datetime" | "timestamp" => Type::Timestamp { digits, zoned: says("with") && !says("without") },
            "timestamptz" => Type::Timestamp { digits, zoned: true },
            _ => Type::Other(text.split_whitespace().collect::<Vec<_>>().join(" ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TypeRules;

    const MYSQL: TypeRules = TypeRules {
        boolean_is_integer: true,
        json_is_text: false,
        endless_text: false,
        decimal: (10, 0),
        second_digits: 0,
    };
    const DUCKDB: TypeRules = TypeRules {
        boolean_is_integer: false,
        json_is_text: false,
        endless_text: true,
        decimal: (18, 3),
        second_digits: 6,
    };

    #[test]
    fn aliases_are_one_type() {
        for (declared, actual) in [
            ("integer", "int(11)"),
            ("boolean", "tinyint(1)"),
            ("numeric(12,2)", "decimal(12,2)"),
            ("numeric", "decimal(10,0)"),
            ("character varying(20)", "varchar(20)"),
            ("INT UNSIGNED", "int(10) unsigned"),
            ("double precision", "double"),
            ("timestamp(3)", "datetime(3)"),
        ] {
            assert!(MYSQL.fits(declared, actual), "{declared} <- {actual}");
        }
        assert!(DUCKDB.fits("varchar(20)", "VARCHAR") && DUCKDB.fits("timestamp", "TIMESTAMP"));
        assert!(DUCKDB.fits("bigint", "HUGEINT") && DUCKDB.fits("int[]", "INT[]"));
    }

    #[test]
    fn a_wider_column_takes_a_narrower_one_and_not_the_other_way_round() {
        for (wide, narrow) in [
            ("varchar(20)", "varchar(2)"),
            ("text", "varchar(20)"),
            ("decimal(12,4)", "decimal(10,2)"),
            ("datetime(6)", "datetime(3)"),
            ("double", "float"),
            ("bigint", "int unsigned"),
        ] {
            assert!(MYSQL.fits(wide, narrow), "{wide} <- {narrow}");
            assert!(narrow.starts_with("int") || !MYSQL.fits(narrow, wide), "{narrow} <- {wide}");
        }
        assert!(!MYSQL.fits("decimal(12,2)", "decimal(12,4)") && !MYSQL.fits("int unsigned", "int"));
        assert!(MYSQL.fits("int", "bigint(21)"), "there is no cast to int");
    }

    #[test]
    fn kinds_are_told_apart() {
        for (declared, actual) in
            [("int", "varchar(5)"), ("date", "datetime"), ("decimal(10,2)", "double"), ("json", "varchar(10)")]
        {
            assert!(!MYSQL.fits(declared, actual), "{declared} <- {actual}");
        }
        assert!(TypeRules { json_is_text: true, ..MYSQL }.fits("json", "varchar(18)"));
        assert!(MYSQL.fits("int", "binary(0)"), "a literal null");
        assert!(!DUCKDB.fits("boolean", "INTEGER") && !DUCKDB.fits("timestamp", "TIMESTAMP WITH TIME ZONE"));
    }
}
