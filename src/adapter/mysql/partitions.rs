//! Partitions by range: reading them, and the SQL that makes them.

use std::collections::BTreeSet;

use chrono::NaiveDateTime;

use super::catalog::{settled, text};
use super::constraints::is_table;
use super::literal::quoted;
use crate::adapter::partitions::{Arrival, Plan, Touched};
use crate::adapter::ranges::{self, Bound, Change, MOST_PARTITIONS, Part, Range, Ranges, Step};
use crate::adapter::relation::push_quoted;
use crate::adapter::{Column, Connection, DbResult, Relation};

const TIME: &str = "%Y-%m-%d %H:%M:%S";
const MOST_NAMED: usize = 3;

/// How a table is partitioned, as `information_schema` has it.
#[derive(Debug)]
pub(super) struct Existing {
    /// `RANGE COLUMNS`
    pub method: String,
    pub expression: String,
    pub is_divided: bool,
    /// Names, and what stands behind `values less than` or `in`.
    pub parts: Vec<(String, String)>,
}

/// None: it has no partitions.
pub(super) fn existing(connection: &mut dyn Connection, table: &Relation) -> DbResult<Option<Existing>> {
    let sql = format!(
        "select partition_name, partition_method, partition_expression, partition_description, max(subpartition_name) \
         from information_schema.partitions where {} and partition_name is not null \
         group by partition_name, partition_method, partition_expression, partition_description, partition_ordinal_position \
         order by partition_ordinal_position",
        is_table(table, "")
    );
    let mut found: Option<Existing> = None;
    for row in settled(connection, &sql)?.rows {
        let [name, method, expression, description, divided] = row.as_slice() else { continue };
        let existing = found.get_or_insert_with(|| Existing {
            method: text(method).unwrap_or_default(),
            expression: text(expression).unwrap_or_default(),
            is_divided: false,
            parts: Vec::new(),
        });
        existing.is_divided |= text(divided).is_some();
        existing.parts.push((text(name).unwrap_or_default(), text(description).unwrap_or_default()));
    }
    Ok(found)
}

/// What kind of values the column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Date,
    Datetime,
    /// Seconds since 1970, in UTC: the session's zone does not move the bounds. With its digits behind the point.
    Timestamp(u32),
    Integer,
}

/// A column whose ranges are partitions, and how its server writes them.
pub(super) struct Field {
    step: Step,
    kind: Kind,
    quoted: String,
    full_type: String,
}

impl Field {
    /// # Errors
    /// Says why the column cannot be partitioned so.
    pub(super) fn new(ranges: &Ranges, column: &Column) -> Result<Self, String> {
        let full_type = column.full_type.clone().unwrap_or_else(|| column.dtype.clone()).to_lowercase();
        let digits = || full_type.split_once('(').and_then(|(_, rest)| rest.split(')').next()?.parse().ok());
        let kind = match column.dtype.to_lowercase().as_str() {
            "date" => Kind::Date,
            "datetime" => Kind::Datetime,
            "timestamp" => Kind::Timestamp(digits().unwrap_or(0)),
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => Kind::Integer,
            _ => return Err(format!("is `{full_type}`: ranges are of dates, times or integers")),
        };
        match ranges.step {
            Step::Numbers { .. } if kind != Kind::Integer => return Err(format!("is `{full_type}`, and no integer")),
            Step::Numbers { start, .. } if start < 0 && full_type.contains("unsigned") => {
                return Err(format!("is `{full_type}`, and `range` starts below 0"));
            }
            Step::Numbers { .. } => {}
            _ if kind == Kind::Integer => return Err(format!("is `{full_type}`, and no date or time")),
            Step::Hour if kind == Kind::Date => return Err("is `date`, which has no hours".to_owned()),
            _ => {}
        }
        let mut name = String::new();
        push_quoted(&mut name, &column.name, '`');
        Ok(Self { step: ranges.step, kind, quoted: name, full_type })
    }

    /// What stands between `partition by` and the partitions.
    pub(super) fn by(&self) -> String {
        match self.kind {
            Kind::Timestamp(_) => format!("range ({})", self.expression()),
            _ => format!("range columns ({})", self.quoted),
        }
    }

    fn expression(&self) -> String {
        match self.kind {
            Kind::Timestamp(0) => format!("unix_timestamp({})", self.quoted),
            Kind::Timestamp(_) => format!("floor(unix_timestamp({}))", self.quoted),
            _ => self.quoted.clone(),
        }
    }

    /// Whether a table is partitioned by this field's ranges, however wide.
    pub(super) fn is_of(&self, existing: &Existing) -> bool {
        let method = match existing.method.as_str() {
            "RANGE" => matches!(self.kind, Kind::Timestamp(_) | Kind::Integer),
            "RANGE COLUMNS" => !matches!(self.kind, Kind::Timestamp(_)),
            _ => false,
        };
        let plain = |text: &str| text.to_lowercase().replace(' ', "");
        method && plain(&existing.expression) == plain(&self.expression())
    }

    /// The partitions of a table that [`Self::is_of`]; None where a bound cannot be read.
    pub(super) fn layout(&self, existing: &Existing) -> Option<Vec<Part>> {
        existing.parts.iter().map(|(name, to)| Some(Part { name: name.clone(), to: self.read(to)? })).collect()
    }

    fn read(&self, description: &str) -> Option<Bound> {
        let text = description.trim_matches('\'');
        if text.eq_ignore_ascii_case("maxvalue") {
            return Some(Bound::Max);
        }
        match self.kind {
            Kind::Integer => text.parse().ok().map(Bound::Number),
            Kind::Timestamp(_) => match text.parse().ok()? {
                ..=0 => Some(self.step.floor()),
                seconds => chrono::DateTime::from_timestamp(seconds, 0).map(|at| Bound::Time(at.naive_utc())),
            },
            Kind::Date | Kind::Datetime => time(text).map(Bound::Time),
        }
    }

    fn write(&self, bound: Bound) -> String {
        match (bound, self.kind) {
            (Bound::Max, Kind::Timestamp(_)) => "maxvalue".to_owned(),
            (Bound::Max, _) => "(maxvalue)".to_owned(),
            (Bound::Number(number), _) => format!("({number})"),
            (Bound::Time(time), Kind::Timestamp(_)) => format!("({})", time.and_utc().timestamp().max(0)),
            (Bound::Time(time), Kind::Date) => format!("('{}')", time.format("%Y-%m-%d")),
            (Bound::Time(time), _) => format!("('{}')", time.format(TIME)),
        }
    }

    /// Where the partition of a value begins, as text; null for nulls and numbers below all. The value is brought to the
    /// column's type first, as the insert will do it: that may round it up into the next partition.
    fn start_of(&self, value: &str) -> String {
        if let Step::Numbers { start, end, interval } = self.step {
            let number = format!("cast({value} as decimal(30, 0))");
            return format!(
                "cast(case when {number} < {start} then null when {number} >= {end} then {end} \
                 else {number} - mod({number} - ({start}), {interval}) end as char)"
            );
        }
        let time = match self.kind {
            Kind::Timestamp(digits) => format!(
                "timestampadd(second, floor(round(unix_timestamp({value}), {digits})), cast('1970-01-01' as datetime))"
            ),
            _ => format!("cast({value} as {})", self.full_type),
        };
        let format = match self.step {
            Step::Hour => "%Y-%m-%d %H:00:00",
            Step::Month => "%Y-%m-01 00:00:00",
            Step::Year => "%Y-01-01 00:00:00",
            Step::Day | Step::Numbers { .. } => "%Y-%m-%d 00:00:00",
        };
        format!("date_format({time}, '{format}')")
    }

    /// The ranges that the values of a query have; a query of more than a table can have partitions is cut.
    fn ranges_of(&self, connection: &mut dyn Connection, values: &str) -> DbResult<BTreeSet<Range>> {
        let start = self.start_of("dbt_value");
        let sql = format!("select distinct {start} from ({values}) as dbt_values limit {}", MOST_PARTITIONS + 1);
        let rows = connection.execute(&sql, true)?.table.rows;
        let value = |row: &Vec<_>| row.first().and_then(text).and_then(|start| self.read_start(&start));
        Ok(rows.iter().map(|row| self.step.range_of(value(row))).collect())
    }

    fn read_start(&self, text: &str) -> Option<Bound> {
        match self.kind {
            Kind::Integer => text.parse().ok().map(Bound::Number),
            _ => time(text).map(Bound::Time),
        }
    }

    /// `(partition p1 values less than (…), …)`
    fn definitions(&self, parts: &[Part]) -> String {
        let one = |part: &Part| format!("partition {} values less than {}", name(&part.name), self.write(part.to));
        format!("({})", parts.iter().map(one).collect::<Vec<_>>().join(", "))
    }

    fn statement(&self, table: &str, change: &Change) -> String {
        let new = self.definitions(&change.new);
        if change.old.is_empty() {
            return format!("alter table {table} add partition {new}");
        }
        let old = change.old.iter().map(|part| name(part)).collect::<Vec<_>>().join(", ");
        format!("alter table {table} reorganize partition {old} into {new}")
    }

    /// `2024-01-05`, as people write a range that a message is about.
    fn show(&self, range: Range) -> String {
        let Some(from) = range.from else { return "null".to_owned() };
        match from {
            Bound::Time(time) => time.format(if self.step == Step::Hour { TIME } else { "%Y-%m-%d" }).to_string(),
            Bound::Number(number) => number.to_string(),
            Bound::Max => String::new(),
        }
    }
}

fn time(text: &str) -> Option<NaiveDateTime> {
    let text = text.split('.').next().unwrap_or(text);
    let full = if text.len() == 10 { format!("{text} 00:00:00") } else { text.to_owned() };
    NaiveDateTime::parse_from_str(&full, TIME).ok()
}

fn name(name: &str) -> String {
    let mut text = String::new();
    push_quoted(&mut text, name, '`');
    text
}

/// What the rows need. The layout is read anew each time: other runs and batches make partitions of the same table.
pub(super) fn plan(connection: &mut dyn Connection, arrival: &Arrival<'_>) -> DbResult<Plan> {
    let refused = |key, problem, notes, help| Ok(Plan::Refused { key, problem, notes, help });
    let field = match Field::new(arrival.ranges, arrival.column) {
        Ok(field) => field,
        Err(problem) => {
            let problem = format!("has the `field` `{}`, which {problem}", arrival.column.name);
            let help = "name another column, or select this one as another type";
            return refused("partition_by", problem, Vec::new(), help);
        }
    };
    let old = match existing(connection, arrival.table)? {
        None if arrival.is_new => Vec::new(),
        Some(found) if field.is_of(&found) && !found.is_divided => match field.layout(&found) {
            Some(parts) => parts,
            None => return Ok(Plan::Other),
        },
        _ => return Ok(Plan::Other),
    };
    let rows = arrival.rows.render();
    let mut wanted = field.ranges_of(connection, &format!("select {} as dbt_value from {rows}", field.quoted))?;
    if let Some(only) = arrival.only {
        let values: Vec<String> =
            only.iter().map(|value| format!("select {} as dbt_value", value_sql(value))).collect();
        let given = field.ranges_of(connection, &values.join(" union all "))?;
        let outside: Vec<String> = wanted.difference(&given).map(|range| field.show(*range)).collect();
        if !outside.is_empty() {
            let many = if outside.len() > MOST_NAMED { ", …" } else { "" };
            let notes = vec![format!("they belong to {}{many}", outside[..outside.len().min(MOST_NAMED)].join(", "))];
            let problem = "does not have all partitions that new rows belong to".to_owned();
            let help = "select only rows of `partitions`, or leave it out: then those of the new rows are replaced";
            return refused("partitions", problem, notes, help);
        }
        wanted = given;
    }
    let changes = ranges::changes(arrival.ranges.step, &old, &wanted);
    let new = ranges::changed(&old, &changes);
    if new.len() > MOST_PARTITIONS {
        let step = arrival.ranges.step.describe();
        let problem = format!("of one {step} each asks for more partitions than a table can have, {MOST_PARTITIONS}");
        let help = if arrival.ranges.step.is_of_numbers() {
            "take a wider `interval`"
        } else {
            "take a coarser `granularity`"
        };
        return refused("partition_by", problem, Vec::new(), help);
    }
    let table = arrival.table.render();
    let statements = match old.is_empty() {
        true => vec![format!("alter table {table} partition by {} {}", field.by(), field.definitions(&new))],
        false => changes.iter().map(|change| field.statement(&table, change)).collect(),
    };
    let alone = ranges::changed(&[], &ranges::changes(arrival.ranges.step, &[], &wanted));
    let touched = |range: &Range| {
        let (there, staged) = (ranges::find(&new, *range)?, ranges::find(&alone, *range)?);
        Some(Touched { name: there.name.clone(), staged: staged.name.clone() })
    };
    Ok(Plan::Make {
        statements,
        touched: wanted.iter().filter_map(touched).collect(),
        staging: format!("partition by {} {}", field.by(), field.definitions(&alone)),
    })
}

/// A value of config `partitions`: a date or number as it is, anything else is SQL.
fn value_sql(value: &str) -> String {
    let value = value.trim();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = value.get(..10).unwrap_or(value).split('-').collect();
    match parts.as_slice() {
        [year, month, day] if [year, month, day].into_iter().all(|part| digits(part)) => quoted(value),
        [year, month] if year.len() == 4 && digits(year) && digits(month) => quoted(&format!("{value}-01")),
        _ => value.to_owned(),
    }
}
