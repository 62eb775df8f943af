//! Seeds: a CSV file becomes a typed table, a table becomes INSERT statements.
//!
//! Types are found as dbt finds them with the Python package agate: a column has the first type that all its values have,
//! of number, date, datetime, boolean, text. `001` is a number, `1.0` is a whole one, `null` and nothing are null.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

use super::relation::push_quoted;
use super::{Adapter, Cell, ColumnType, Relation, Table, TableColumn};

/// The most digits that any server's decimal is sure to hold.
const DECIMAL_DIGITS: usize = 38;
/// What agate takes off the ends of numbers.
const CURRENCIES: &[char] =
    &['؋', '$', 'ƒ', '៛', '¥', '₡', '₱', '£', '€', '¢', '﷼', '₪', '₩', '₭', '₮', '₦', '฿', '₤', '₫'];

impl Table {
    /// A CSV file with a header, typed as dbt types seeds. Columns in `text_columns` stay text. Rows that are too short end
    /// in nulls. The error is a phrase that names the line.
    pub fn from_csv(text: &str, delimiter: u8, text_columns: &[&str]) -> Result<Self, String> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let mut records = Vec::new();
        for record in reader.records() {
            records.push(record.map_err(|error| error.to_string())?);
        }
        let mut records = records.into_iter();
        let names = records.next().map(|header| column_names(&header)).unwrap_or_default();
        let records: Vec<_> = records.collect();
        if let Some(long) = records.iter().find(|record| record.len() > names.len()) {
            let line = long.position().map_or(0, csv::Position::line);
            return Err(format!("line {line} has {} values, but the header names {} columns", long.len(), names.len()));
        }
        let columns: Vec<(TableColumn, Vec<Cell>)> = names
            .into_iter()
            .enumerate()
            .map(|(index, name)| {
                let values = || records.iter().map(|record| record.get(index).filter(|value| !is_null(value)));
                let reading = if text_columns.contains(&name.as_str()) { Reading::Text } else { Reading::of(values) };
                (TableColumn { name, kind: reading.kind(values) }, reading.cells(values))
            })
            .collect();
        let (columns, cells): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        Ok(Self { columns, rows: transpose(cells, records.len()) })
    }
}

/// The type of a column of texts, where None is null.
pub fn infer(values: &[Option<&str>]) -> ColumnType {
    let values = || values.iter().map(|value| value.filter(|text| !is_null(text)));
    Reading::of(values).kind(values)
}

fn is_null(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || text.eq_ignore_ascii_case("null")
}

/// agate's names: a missing one is a letter, a repeated one gets a number.
fn column_names(header: &csv::StringRecord) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(header.len());
    for (index, name) in header.iter().enumerate() {
        let name = if name.trim().is_empty() { letters(index) } else { name.to_owned() };
        let same = |number: usize| if number == 1 { name.clone() } else { format!("{name}_{number}") };
        let unique = (1..).map(same).find(|name| !names.contains(name));
        names.extend(unique);
    }
    names
}

/// 0 → `a`, 25 → `z`, 26 → `aa`.
fn letters(index: usize) -> String {
    let letter = char::from(b'a' + (index % 26) as u8);
    letter.to_string().repeat(index / 26 + 1)
}

fn transpose(columns: Vec<Vec<Cell>>, rows: usize) -> Vec<Vec<Cell>> {
    let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
    (0..rows).map(|_| columns.iter_mut().filter_map(Iterator::next).collect()).collect()
}

/// How all values of a column are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Number,
    Date,
    Datetime,
    IsoDatetime,
    Bool,
    Text,
}

impl Reading {
    const TYPED: [Self; 5] = [Self::Number, Self::Date, Self::Datetime, Self::IsoDatetime, Self::Bool];

    fn of<'a, I: Iterator<Item = Option<&'a str>>>(values: impl Fn() -> I) -> Self {
        let reads_all = |reading: &Self| values().flatten().all(|value| reading.accepts(value));
        Self::TYPED.into_iter().find(reads_all).unwrap_or(Self::Text)
    }

    fn accepts(self, text: &str) -> bool {
        match self {
            Self::Number => Number::parse(text).is_some(),
            Self::Date => date(text).is_some(),
            Self::Datetime => datetime(text).is_some(),
            Self::IsoDatetime => iso_datetime(text).is_some(),
            Self::Bool => boolean(text).is_some(),
            Self::Text => true,
        }
    }

    fn kind<'a, I: Iterator<Item = Option<&'a str>>>(self, values: impl Fn() -> I) -> ColumnType {
        match self {
            Self::Number => number_kind(values().flatten().filter_map(Number::parse)),
            Self::Date => ColumnType::Date,
            Self::Datetime | Self::IsoDatetime => ColumnType::Datetime,
            Self::Bool => ColumnType::Bool,
            Self::Text => ColumnType::Text,
        }
    }

    fn cells<'a, I: Iterator<Item = Option<&'a str>>>(self, values: impl Fn() -> I) -> Vec<Cell> {
        let cell = |text: &str| match self {
            Self::Number => Number::parse(text).map(|number| number.cell()),
            Self::Date => date(text).map(Cell::Date),
            Self::Datetime => datetime(text).map(Cell::Datetime),
            Self::IsoDatetime => iso_datetime(text).map(Cell::Datetime),
            Self::Bool => boolean(text).map(Cell::Bool),
            Self::Text => Some(Cell::Text(text.to_owned())),
        };
        values().map(|value| value.and_then(cell).unwrap_or(Cell::Null)).collect()
    }
}

/// `Int` for what a 32-bit column holds, `Decimal(_, 0)` for larger whole numbers, `Decimal` with a scale for the rest.
fn number_kind(numbers: impl Iterator<Item = Number>) -> ColumnType {
    let (mut whole, mut scale, mut small) = (1, 0, true);
    for number in numbers {
        whole = whole.max(number.whole_digits());
        scale = scale.max(number.scale());
        small &= number.scale() > 0 || number.plain().parse::<i32>().is_ok();
    }
    match scale {
        0 if small => ColumnType::Int,
        0 => ColumnType::Decimal(whole.min(DECIMAL_DIGITS) as u8, 0),
        _ => ColumnType::Decimal((whole + scale).min(DECIMAL_DIGITS) as u8, scale.min(DECIMAL_DIGITS) as i8),
    }
}

/// A decimal number: `digits` without leading and trailing zeros, times ten to the `exponent`.
#[derive(Debug, PartialEq, Eq)]
struct Number {
    negative: bool,
    digits: String,
    exponent: i32,
}

impl Number {
    /// Larger exponents would be written out as endless zeros.
    const LARGEST_EXPONENT: i32 = 400;

    /// As agate reads them: `1,000`, `$5`, `-5%`, `001`, `1e3`. Not-a-number and infinity are texts.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_matches('%');
        let (minus, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let text: String =
            CURRENCIES.iter().fold(text, |text, symbol| text.trim_matches(*symbol)).replace([',', '_'], "");
        let text = text.trim();
        let (inner_minus, text) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) || exponent.abs() > Self::LARGEST_EXPONENT {
            return None;
        }
        let significant = all.trim_start_matches('0');
        let digits = significant.trim_end_matches('0');
        if digits.is_empty() {
            return Some(Self { negative: false, digits: String::new(), exponent: 0 });
        }
        let exponent = exponent - fraction.len() as i32 + (significant.len() - digits.len()) as i32;
        Some(Self { negative: minus != inner_minus, digits: digits.to_owned(), exponent })
    }

    /// Digits behind the point.
    fn scale(&self) -> usize {
        usize::try_from(-self.exponent).unwrap_or(0)
    }

    fn whole_digits(&self) -> usize {
        usize::try_from(self.digits.len() as i32 + self.exponent).unwrap_or(0).max(1)
    }

    /// Without exponent: `-12.5`, `0.05`.
    fn plain(&self) -> String {
        let zeros = usize::try_from(self.exponent).unwrap_or(0);
        let scale = self.scale();
        let mut digits = format!("{:0>width$}{}", self.digits, "0".repeat(zeros), width = scale + 1);
        if scale > 0 {
            digits.insert(digits.len() - scale, '.');
        }
        if self.negative { format!("-{digits}") } else { digits }
    }

    fn cell(&self) -> Cell {
        let text = self.plain();
        match text.parse() {
            Ok(value) if self.scale() == 0 => Cell::Int(value),
            _ => Cell::Decimal(text),
        }
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.trim() {
        text if text.eq_ignore_ascii_case("true") => Some(true),
        text if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Four digits and a dash: what a year looks like to Python, while chrono takes any number.
fn starts_with_year(text: &str) -> bool {
    matches!(text.as_bytes(), [a, b, c, d, b'-', ..] if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()))
}

fn date(text: &str) -> Option<String> {
    let text = text.trim();
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| starts_with_year(text))?;
    Some(date.format("%Y-%m-%d").to_string())
}

fn datetime(text: &str) -> Option<String> {
    let text = text.trim();
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok().filter(|_| starts_with_year(text))?;
    Some(written(time))
}

/// ISO 8601 with a `T`. A time with a zone is written in UTC, since no seed column has a zone.
fn iso_datetime(text: &str) -> Option<String> {
    let text = text.trim();
    if !starts_with_year(text) || !text.contains('T') {
        return None;
    }
    let zoned = ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z"]
        .iter()
        .find_map(|format| DateTime::parse_from_str(text, format).ok());
    if let Some(zoned) = zoned {
        return Some(written(zoned.with_timezone(&Utc).naive_utc()));
    }
    let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
    formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok()).map(written)
}

fn written(time: NaiveDateTime) -> String {
    let has_fraction = time.and_utc().timestamp_subsec_micros() > 0;
    time.format(if has_fraction { "%Y-%m-%d %H:%M:%S%.6f" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
}

/// The table's rows as INSERT statements of at most `batch_size` rows, each small enough for the server.
pub fn inserts(adapter: &dyn Adapter, relation: &Relation, table: &Table, batch_size: usize) -> Vec<String> {
    let quoted = |column: &TableColumn| {
        let mut name = String::with_capacity(column.name.len() + 2);
        push_quoted(&mut name, &column.name, adapter.quote_char());
        name
    };
    let names = table.columns.iter().map(quoted).collect::<Vec<_>>().join(", ");
    let head = format!("insert into {} ({names}) values\n", relation.render());
    let limit = adapter.max_statement_bytes();
    let mut statements = Vec::new();
    let (mut statement, mut count) = (head.clone(), 0);
    for row in &table.rows {
        let values = format!("({})", row.iter().map(|cell| adapter.literal(cell)).collect::<Vec<_>>().join(", "));
        if count == batch_size.max(1) || count > 0 && statement.len() + values.len() + 2 > limit {
            statements.push(std::mem::replace(&mut statement, head.clone()));
            count = 0;
        }
        if count > 0 {
            statement.push_str(",\n");
        }
        statement.push_str(&values);
        count += 1;
    }
    if count > 0 {
        statements.push(statement);
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::{Number, infer, inserts};
    use crate::adapter::fake::FakeAdapter;
    use crate::adapter::{Cell, ColumnType, Relation, Table};

    fn kind(values: &[&str]) -> ColumnType {
        infer(&values.iter().map(|value| Some(*value)).collect::<Vec<_>>())
    }

    #[test]
    fn types_are_those_that_dbt_finds() {
        assert_eq!(kind(&["1", " 2 ", "", "NULL", "001", "1.0", "1e3", "-7"]), ColumnType::Int);
        assert_eq!(kind(&["1", "3000000000"]), ColumnType::Decimal(10, 0));
        assert_eq!(kind(&["1.50", "$1,000", "25%"]), ColumnType::Decimal(5, 1));
        assert_eq!(kind(&["1", "x"]), ColumnType::Text);
        assert_eq!(kind(&["true", "False", ""]), ColumnType::Bool);
        assert_eq!(kind(&["true", "1"]), ColumnType::Text);
        assert_eq!(kind(&["2024-01-31", "2024-1-5"]), ColumnType::Date);
        assert_eq!(kind(&["2024-01-31", "2024-02-30"]), ColumnType::Text);
        assert_eq!(kind(&["2024-01-31 10:00:00"]), ColumnType::Datetime);
        assert_eq!(kind(&["2024-01-31T10:00:00Z", "2024-01-31T10:00:00.5+02:00"]), ColumnType::Datetime);
        assert_eq!(kind(&["2024-01-31", "2024-01-31 10:00:00"]), ColumnType::Text);
        assert_eq!(kind(&["nan", "1"]), ColumnType::Text);
        assert_eq!(kind(&["", "null"]), ColumnType::Int);
    }

    #[test]
    fn numbers_lose_nothing_but_zeros() {
        let cell = |text| Number::parse(text).expect("a number").cell();
        assert_eq!(cell("0012"), Cell::Int(12));
        assert_eq!(cell("-0.050"), Cell::Decimal("-0.05".into()));
        assert_eq!(cell("1.5e3"), Cell::Int(1500));
        assert_eq!(cell("0"), Cell::Int(0));
        assert_eq!(cell("-$1,234.5"), Cell::Decimal("-1234.5".into()));
        assert_eq!(cell("99999999999999999999"), Cell::Decimal("99999999999999999999".into()));
        assert!(["", "-", ".", "1e", "e3", "1e999", "0x10", "--5x"].iter().all(|text| Number::parse(text).is_none()));
    }

    #[test]
    fn files_become_tables() {
        let table = Table::from_csv("id,code,at,\n1,001,2024-01-31T10:00:00+02:00,x\n2,,null\n", b',', &["code"])
            .expect("reads");
        let columns: Vec<_> = table.columns.iter().map(|column| (column.name.as_str(), column.kind)).collect();
        let kinds = [ColumnType::Int, ColumnType::Text, ColumnType::Datetime, ColumnType::Text];
        assert_eq!(columns, ["id", "code", "at", "d"].into_iter().zip(kinds).collect::<Vec<_>>());
        let first = vec![
            Cell::Int(1),
            Cell::Text("001".into()),
            Cell::Datetime("2024-01-31 08:00:00".into()),
            Cell::Text("x".into()),
        ];
        assert_eq!(table.rows, [first, vec![Cell::Int(2), Cell::Null, Cell::Null, Cell::Null]]);
    }

    #[test]
    fn a_row_that_is_too_long_is_named() {
        let error = Table::from_csv("a;b\n\"x\ny\";2\n1;2;3\n", b';', &[]).expect_err("too long");
        assert_eq!(error, "line 4 has 3 values, but the header names 2 columns");
        assert_eq!(Table::from_csv("", b',', &[]).expect("an empty file"), Table::default());
    }

    #[test]
    fn rows_are_inserted_in_batches() {
        let table = Table::from_csv("id,name\n1,o'k\n2,\n3,x\n", b',', &[]).expect("reads");
        let relation = Relation { kind: None, ..Relation::table("shop", "t") };
        let head = "insert into `shop`.`t` (`id`, `name`) values\n";
        assert_eq!(
            inserts(&FakeAdapter::mysql(), &relation, &table, 2),
            [format!("{head}(1, 'o''k'),\n(2, null)"), format!("{head}(3, 'x')")]
        );
        assert!(inserts(&FakeAdapter::mysql(), &relation, &Table::default(), 2).is_empty());
    }
}
