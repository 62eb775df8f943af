//! One rule of a contract: read from YAML or a config, and written as DDL or as a query for the rows that break it.

use std::sync::{Arc, LazyLock};

use regex::Regex;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::adapter::{ConstraintKind, Relation, push_quoted};
use crate::compile::refs;
use crate::compile::scope::Scope;
use crate::diag::{Code, Diagnostic};
use crate::jinja::{self, Error};
use crate::manifest::{Call, parse_call};

/// Between the name that people know a constraint by and what makes it ours: `positive__hw_1f0c9a3b_x3k9`.
pub const MARK: &str = "__hw_";

/// Where a rule was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// The constraint of this number of a column.
    Column { name: String, at: usize },
    /// The constraint of this number of the model.
    Model { at: usize },
    /// A config of the model.
    Config(&'static str),
}

/// What a foreign key refers to.
#[derive(Debug, Clone, PartialEq)]
pub struct Parent {
    /// As SQL writes it.
    pub text: String,
    /// None where the text is all that is known.
    pub relation: Option<Relation>,
    pub columns: Vec<String>,
    /// `on delete cascade`, or empty.
    pub action: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// None of `custom`, whose expression says all.
    pub kind: Option<ConstraintKind>,
    pub name: Option<String>,
    pub columns: Vec<String>,
    pub expression: Option<String>,
    pub parent: Option<Parent>,
    pub origin: Origin,
}

impl Rule {
    /// Reads dbt's form: `{type, name, expression, columns, to, to_columns}`.
    pub fn read(scope: &Arc<Scope>, constraint: &Json, origin: Origin) -> Result<Self, Error> {
        let kind = match field(constraint, "type").unwrap_or_default() {
            "not_null" => Some(ConstraintKind::NotNull),
            "unique" => Some(ConstraintKind::Unique),
            "primary_key" => Some(ConstraintKind::PrimaryKey),
            "check" => Some(ConstraintKind::Check),
            "foreign_key" => Some(ConstraintKind::ForeignKey),
            "custom" => None,
            other => return Err(unknown(other)),
        };
        let columns = match &origin {
            Origin::Column { name, .. } => vec![name.clone()],
            _ => texts(constraint, "columns"),
        };
        if kind == Some(ConstraintKind::NotNull) && !matches!(origin, Origin::Column { .. }) {
            return Err(jinja::raise(Diagnostic::error(
                Code::InvalidConfig,
                "a `not_null` constraint belongs to a column, not to the model",
            )));
        }
        if kind == Some(ConstraintKind::Check) && field(constraint, "expression").is_none() {
            return Err(incomplete("check", "expression"));
        }
        let needs_columns =
            matches!(kind, Some(ConstraintKind::Unique | ConstraintKind::PrimaryKey | ConstraintKind::ForeignKey));
        if needs_columns && columns.is_empty() {
            return Err(incomplete(field(constraint, "type").unwrap_or_default(), "columns"));
        }
        let parent = match kind {
            Some(ConstraintKind::ForeignKey) => Some(Parent::read(scope, constraint)?),
            _ => None,
        };
        let expression = field(constraint, "expression").map(str::to_owned);
        Ok(Self { kind, name: field(constraint, "name").map(str::to_owned), columns, expression, parent, origin })
    }

    /// Whether it says how a column is computed from others of its row.
    pub fn is_generated(&self) -> bool {
        static GENERATED: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r"(?is)^\s*(generated\s+always\s+)?as\s*\(").ok());
        self.kind.is_none()
            && self
                .expression
                .as_deref()
                .is_some_and(|text| GENERATED.as_ref().is_some_and(|found| found.is_match(text)))
    }

    /// Whether it says what a column holds where a row says nothing.
    pub fn is_default(&self) -> bool {
        let word = self.expression.as_deref().and_then(|text| text.split_whitespace().next());
        self.kind.is_none() && word.is_some_and(|word| word.eq_ignore_ascii_case("default"))
    }

    /// For people and for the results: `not null of id`, `check (amount > 0)`.
    pub fn describe(&self) -> String {
        let columns = self.columns.join(", ");
        match self.kind {
            Some(ConstraintKind::NotNull) => format!("not null of {columns}"),
            Some(ConstraintKind::Unique) => format!("unique ({columns})"),
            Some(ConstraintKind::PrimaryKey) => format!("primary key ({columns})"),
            Some(ConstraintKind::Check) => format!("check ({})", self.expression.as_deref().unwrap_or_default()),
            Some(ConstraintKind::ForeignKey) => {
                let parent = self.parent.as_ref();
                let text = parent.map_or("", |parent| parent.text.as_str());
                let to = parent.map_or(String::new(), |parent| parent.columns.join(", "));
                format!("foreign key ({columns}) to {} ({to})", text.replace(['`', '"'], ""))
            }
            None => format!("custom `{}`", self.expression.as_deref().unwrap_or_default()),
        }
    }

    /// Eight digits that change when the rule does.
    pub fn digest(&self) -> String {
        let digest = Sha256::digest(format!("{:?} {}", self.name, self.describe()).as_bytes());
        digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The name in the database. `build` keeps those of two versions of a table apart, because a schema has each name of a
    /// check or foreign key once; without it the server finds names.
    pub fn server_name(&self, table: &str, build: Option<&str>) -> Option<String> {
        let Some(build) = build else { return self.name.clone() };
        let tail = format!("{MARK}{}_{build}", self.digest());
        let short = match self.kind {
            Some(ConstraintKind::Check) => "check",
            Some(ConstraintKind::ForeignKey) => "fk",
            _ => "key",
        };
        let own = self.name.clone().unwrap_or_else(|| format!("{table}_{}_{short}", self.columns.join("_")));
        let room = MAX_NAME.saturating_sub(tail.len());
        Some(own.chars().take(room).chain(tail.chars()).collect())
    }

    /// As a line of `create table` or after `add`. None of rules that belong to the line of their column.
    pub fn definition(&self, quote: char, table: &str, build: Option<&str>) -> Option<String> {
        let columns = self.columns.iter().map(|name| quoted(quote, name)).collect::<Vec<_>>().join(", ");
        let own = self.expression.as_deref().map(|text| format!(" {text}")).unwrap_or_default();
        let text = match self.kind? {
            ConstraintKind::NotNull => return None,
            ConstraintKind::PrimaryKey => return Some(format!("primary key{own} ({columns})")),
            ConstraintKind::Unique => format!("unique{own} ({columns})"),
            ConstraintKind::Check => format!("check ({})", self.expression.as_deref()?),
            ConstraintKind::ForeignKey => {
                let parent = self.parent.as_ref()?;
                let to = parent.columns.iter().map(|name| quoted(quote, name)).collect::<Vec<_>>().join(", ");
                let action = if parent.action.is_empty() { String::new() } else { format!(" {}", parent.action) };
                format!("foreign key ({columns}) references {} ({to}){action}", parent.text)
            }
        };
        Some(match self.server_name(table, build) {
            Some(name) => format!("constraint {} {text}", quoted(quote, &name)),
            None => text,
        })
    }

    /// A select of rows of `from` (a relation, or a query in parentheses) that break the rule, `limit` of them at most. `shown` are columns to tell them by.
    pub fn violations(&self, quote: char, from: &str, shown: &[String], limit: usize) -> Option<String> {
        let q = |name: &String| quoted(quote, name);
        let keys = self.columns.iter().map(q).collect::<Vec<_>>();
        let list = |names: &[String]| names.iter().map(q).collect::<Vec<_>>().join(", ");
        let any_null = || keys.iter().map(|key| format!("{key} is null")).collect::<Vec<_>>().join(" or ");
        Some(match self.kind? {
            ConstraintKind::NotNull => {
                format!("select {} from {from} as dbt_new where {} limit {limit}", list(shown), any_null())
            }
            ConstraintKind::PrimaryKey => {
                let keys = keys.join(", ");
                format!(
                    "select {keys}, count(*) as dbt_rows from {from} as dbt_new group by {keys} having count(*) > 1 or {} limit {limit}",
                    any_null()
                )
            }
            ConstraintKind::Unique => {
                let keys = keys.join(", ");
                format!(
                    "select {keys}, count(*) as dbt_rows from {from} as dbt_new where not ({}) group by {keys} having count(*) > 1 limit {limit}",
                    any_null()
                )
            }
            ConstraintKind::Check => {
                format!(
                    "select {} from {from} as dbt_new where not ({}) limit {limit}",
                    list(shown),
                    self.expression.as_deref()?
                )
            }
            ConstraintKind::ForeignKey => {
                let parent = self.parent.as_ref()?;
                let matches = parent.columns.iter().zip(&keys);
                let matches = matches.map(|(to, own)| format!("dbt_parent.{} = dbt_new.{own}", q(to)));
                let matches = matches.collect::<Vec<_>>().join(" and ");
                let keys = keys.iter().map(|key| format!("dbt_new.{key}")).collect::<Vec<_>>().join(", ");
                let present = self.columns.iter().map(|name| format!("dbt_new.{} is not null", q(name)));
                format!(
                    "select distinct {keys} from {from} as dbt_new where {} and not exists (select 1 from {} as dbt_parent where {matches}) limit {limit}",
                    present.collect::<Vec<_>>().join(" and "),
                    parent.text
                )
            }
        })
    }
}

/// The longest name of a constraint.
const MAX_NAME: usize = 64;

impl Parent {
    /// `to` with `to_columns`, or the older `expression`: `other_table (id)`.
    fn read(scope: &Arc<Scope>, constraint: &Json) -> Result<Self, Error> {
        let columns = texts(constraint, "to_columns");
        let action = ["on_delete", "on_update"].iter().filter_map(|key| {
            let action = field(constraint, key)?;
            Some(format!("{} {}", key.replace('_', " "), action.replace('_', " ")))
        });
        let action = action.collect::<Vec<_>>().join(" ");
        if let Some(to) = field(constraint, "to") {
            if columns.is_empty() {
                return Err(incomplete("foreign_key", "to_columns"));
            }
            let relation = target(scope, to)?;
            let text = relation.as_ref().map_or_else(|| to.to_owned(), Relation::render);
            let own = field(constraint, "expression").unwrap_or_default();
            let action = if action.is_empty() { own.to_owned() } else { action };
            return Ok(Self { text, relation, columns, action });
        }
        let Some(expression) = field(constraint, "expression") else {
            return Err(incomplete("foreign_key", "to"));
        };
        static WRITTEN: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r"(?is)^\s*(?:references\s+)?([^\s(]+)\s*\(([^)]*)\)\s*(.*)$").ok());
        let found = WRITTEN.as_ref().and_then(|pattern| pattern.captures(expression));
        let Some(found) = found else {
            return Err(jinja::raise(
                Diagnostic::error(
                    Code::InvalidConfig,
                    format!("the `expression` of a `foreign_key` constraint is `{expression}`, which names no columns"),
                )
                .help("write `to: ref('…')` and `to_columns: […]`"),
            ));
        };
        let columns = found[2].split(',').map(|name| name.trim().trim_matches(['`', '"']).to_owned()).collect();
        Ok(Self { text: found[1].to_owned(), relation: None, columns, action: found[3].trim().to_owned() })
    }
}

/// The relation that `ref('…')` or `source('…', '…')` names; None of a text that is neither.
fn target(scope: &Arc<Scope>, to: &str) -> Result<Option<Relation>, Error> {
    let runtime = &scope.runtime;
    let package = scope.subject.package();
    let missing = || {
        let message =
            format!("a foreign key of {} points to `{to}`, which is not in this project", scope.subject.describe());
        jinja::raise(Diagnostic::error(Code::RefNotFound, message))
    };
    Ok(match parse_call(to) {
        Some(Call::Ref(call)) => {
            let node = runtime.manifest.resolve_ref(package, &call).map_err(|_| missing())?;
            Some(refs::referred(scope, node)?)
        }
        Some(Call::Source(name, table)) => {
            let source = runtime.manifest.resolve_source(package, &name, &table).map_err(|_| missing())?;
            Some(runtime.source_relation(source))
        }
        Some(Call::Metric(_)) | None => None,
    })
}

pub fn quoted(quote: char, name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 2);
    push_quoted(&mut text, name, quote);
    text
}

fn field<'a>(constraint: &'a Json, key: &str) -> Option<&'a str> {
    constraint.get(key).and_then(Json::as_str).filter(|text| !text.is_empty())
}

fn texts(constraint: &Json, key: &str) -> Vec<String> {
    match constraint.get(key) {
        Some(Json::String(one)) => vec![one.clone()],
        Some(Json::Array(many)) => many.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn incomplete(kind: &str, key: &str) -> Error {
    jinja::raise(Diagnostic::error(Code::InvalidConfig, format!("a `{kind}` constraint has no `{key}`")))
}

fn unknown(kind: &str) -> Error {
    jinja::raise(
        Diagnostic::error(Code::InvalidConfig, format!("`{kind}` is no type of constraint"))
            .note("types are `not_null`, `unique`, `primary_key`, `foreign_key`, `check` and `custom`"),
    )
}
