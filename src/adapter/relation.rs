//! Names of tables and views.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

/// What a relation is, in dbt's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RelationType {
    Table,
    View,
    Cte,
    Ephemeral,
    MaterializedView,
    External,
    Function,
}

impl RelationType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::View => "view",
            Self::Cte => "cte",
            Self::Ephemeral => "ephemeral",
            Self::MaterializedView => "materialized_view",
            Self::External => "external",
            Self::Function => "function",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Table, Self::View, Self::Cte, Self::Ephemeral, Self::MaterializedView, Self::External, Self::Function]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// Which parts of a name are written, or (as a quote policy) quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Include {
    pub database: bool,
    pub schema: bool,
    pub identifier: bool,
}

impl Include {
    pub const ALL: Self = Self { database: true, schema: true, identifier: true };
    /// MySQL: `schema.identifier`.
    pub const TWO_PARTS: Self = Self { database: false, schema: true, identifier: true };
}

/// The name of a relation, as data; [`Relation::render`] writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Relation {
    pub database: Option<String>,
    pub schema: Option<String>,
    pub identifier: Option<String>,
    pub kind: Option<RelationType>,
    pub include: Include,
    pub quote: Include,
    pub quote_char: char,
    /// `--empty`: rendered as a subquery with this limit.
    pub limit: Option<u64>,
    /// Microbatch and `--sample`: rendered as a subquery with these rows only.
    pub event_time: Option<Arc<EventTime>>,
}

/// A condition on when things happened: `column >= start and column < end`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventTime {
    /// Quoted where it has to be.
    pub column: String,
    /// Without quotes, as [`Adapter::event_time`](super::Adapter::event_time) writes them.
    pub start: String,
    pub end: String,
    /// The server wants names for subqueries; the outermost gets its name from what stands around it.
    pub names_inner: bool,
}

impl Relation {
    /// `"db"."schema"."table"`, only the included parts that have a value.
    pub fn render(&self) -> String {
        let parts = [
            (&self.database, self.include.database, self.quote.database),
            (&self.schema, self.include.schema, self.quote.schema),
            (&self.identifier, self.include.identifier, self.quote.identifier),
        ];
        let mut text = String::with_capacity(48);
        for (value, include, quote) in parts {
            let Some(value) = value.as_deref().filter(|_| include) else { continue };
            if !text.is_empty() {
                text.push('.');
            }
            if quote { push_quoted(&mut text, value, self.quote_char) } else { text.push_str(value) }
        }
        text
    }

    /// dbt's name for the subquery that the relation is rendered as; None where it is not.
    pub fn subquery_alias(&self) -> Option<String> {
        match (&self.event_time, self.limit) {
            (Some(_), _) => Some(self.subquery_name("et_filter")),
            (None, Some(_)) => Some(self.subquery_name("limit")),
            (None, None) => None,
        }
    }

    fn subquery_name(&self, what: &str) -> String {
        format!("_dbt_{what}_subq_{}", self.identifier.as_deref().unwrap_or_default())
    }

    pub fn is(&self, kind: RelationType) -> bool {
        self.kind == Some(kind)
    }
}

/// `2024-01-01 00:00:00`, with microseconds where there are any.
pub(super) fn plain_time(at: DateTime<Utc>) -> String {
    let format = if at.timestamp_subsec_micros() == 0 { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S%.6f" };
    at.format(format).to_string()
}

/// `value` between quote characters, those inside it doubled.
pub fn push_quoted(text: &mut String, value: &str, quote: char) {
    text.push(quote);
    for c in value.chars() {
        if c == quote {
            text.push(quote);
        }
        text.push(c);
    }
    text.push(quote);
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limited = match self.limit {
            // dbt writes the zero-row form as `where false`, so that no engine reads the table.
            Some(0) => format!("(select * from {} where false limit 0)", self.render()),
            Some(limit) => format!("(select * from {} limit {limit})", self.render()),
            None => self.render(),
        };
        let Some(EventTime { column, start, end, names_inner }) = self.event_time.as_deref() else {
            return f.write_str(&limited);
        };
        write!(f, "(select * from {limited}")?;
        if self.limit.is_some() && *names_inner {
            write!(f, " {}", self.subquery_name("limit"))?;
        }
        write!(f, " where {column} >= '{start}' and {column} < '{end}')")
    }
}
