//! Names of tables and views.

use std::fmt;

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
    /// `--empty` and event-time sampling: rendered as a subquery with this limit.
    pub limit: Option<u64>,
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

    pub fn is(&self, kind: RelationType) -> bool {
        self.kind == Some(kind)
    }
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
        match self.limit {
            // dbt writes the zero-row form as `where false`, so that no engine reads the table.
            Some(0) => write!(f, "(select * from {} where false limit 0)", self.render()),
            Some(limit) => write!(f, "(select * from {} limit {limit})", self.render()),
            None => f.write_str(&self.render()),
        }
    }
}
