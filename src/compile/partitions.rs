//! `adapter.make_partitions` and `adapter.partition_drift`: config `partition_by` at run time.

use std::sync::Arc;

use serde_json::Value as Json;

use super::adapter::{database, session};
use super::contract::config_place;
use super::objects::given;
use super::objects::relation::expect_relation;
use super::scope::Scope;
use crate::adapter::options::PartitionBy;
use crate::adapter::partitions::{Arrival, Plan, Touched};
use crate::adapter::ranges::Ranges;
use crate::adapter::{Column, DbErrorKind, Relation};
use crate::diag::{Code, Diagnostic, suggest};
use crate::jinja::{self, Args, Error, Value, pyvalue};

/// How often a plan is made anew because somebody else has changed the table's partitions since.
const PLANS: usize = 20;

/// Whether the partitions of the node's table are made when rows arrive.
pub(super) fn are_made(scope: &Scope) -> Value {
    Value::from(matches!(scope.table_options().partition_by, Some(PartitionBy::Ranges(_))))
}

/// `make_partitions(relation, rows, is_new=false, only=none)`: makes the partitions that the rows of another table need.
/// `{staging, partitions: [{name, staged}]}`, or none where the table is not partitioned by the ranges of its config.
pub(super) fn make(scope: &Arc<Scope>, a: &mut Args<'_>) -> Result<Value, Error> {
    let (table, rows) = (a.take("relation")?, a.take("rows")?);
    let (table, rows) = (expect_relation(&table, "relation")?, expect_relation(&rows, "rows")?);
    let is_new = a.truth("is_new", false)?;
    let only = match given(a.optional("only")?) {
        Some(values) => Some(texts(&pyvalue::to_json(&values)?)),
        None => None,
    };
    let Some(PartitionBy::Ranges(ranges)) = scope.table_options().partition_by else { return Ok(Value::from(())) };
    if scope.is_replay() {
        return Ok(Value::from(()));
    }
    let session = session(scope)?;
    let columns = session.columns(table).map_err(database)?;
    let column = field(scope, &ranges, &columns)?;
    let arrival = Arrival { ranges: &ranges, table, column, rows, only: only.as_deref(), is_new };
    let mut plan = session.plan_partitions(&arrival).map_err(database)?;
    let mut plans = 1;
    while let Plan::Make { statements, .. } = &plan {
        let Some(error) = statements.iter().find_map(|sql| session.execute(sql, false, false).err()) else { break };
        // Batches of this model, or another run, may have made some of them meanwhile.
        if error.kind != DbErrorKind::Other || plans == PLANS {
            return Err(database(error));
        }
        let other = session.plan_partitions(&arrival).map_err(database)?;
        if other == plan {
            return Err(database(error));
        }
        plan = other;
        plans += 1;
    }
    outcome(scope, table, plan)
}

fn outcome(scope: &Scope, table: &Relation, plan: Plan) -> Result<Value, Error> {
    match plan {
        Plan::Other => Ok(Value::from(())),
        Plan::Make { touched, staging, .. } => {
            let one = |part: Touched| {
                Value::from_pairs([("name", Value::from(part.name)), ("staged", Value::from(part.staged))])
            };
            let parts = pyvalue::list(touched.into_iter().map(one).collect());
            Ok(Value::from_pairs([("staging", Value::from(staging)), ("partitions", parts)]))
        }
        Plan::Refused { key, problem, notes, help } => {
            let message = format!("config `{key}` of {} {problem}", scope.subject.describe());
            let mut diagnostic = Diagnostic::error(Code::InvalidConfig, message);
            if let Some(node) = scope.subject.node() {
                diagnostic = diagnostic.at(config_place(scope, node, key), "");
            }
            for note in notes {
                diagnostic = diagnostic.note(note);
            }
            Err(jinja::raise(diagnostic.note(format!("the table is {table}")).help(help)))
        }
    }
}

fn field<'a>(scope: &Scope, ranges: &Ranges, columns: &'a [Column]) -> Result<&'a Column, Error> {
    let found = columns.iter().find(|column| column.name.to_lowercase() == ranges.field.to_lowercase());
    found.ok_or_else(|| {
        let (who, field) = (scope.subject.describe(), &ranges.field);
        let message = format!("config `partition_by` of {who} names a `field` that it does not have: `{field}`");
        let mut diagnostic = Diagnostic::error(Code::InvalidConfig, message);
        if let Some(node) = scope.subject.node() {
            diagnostic = diagnostic.at(config_place(scope, node, "partition_by"), "");
        }
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        if let Some(near) = suggest::nearest(field, names.iter().copied()) {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
        }
        jinja::raise(diagnostic.note(format!("it has {}", names.join(", "))))
    })
}

/// Config `partitions`: one value or a list of them.
fn texts(value: &Json) -> Vec<String> {
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Json::Array(values) => values.iter().map(text).collect(),
        one => vec![text(one)],
    }
}

/// `partition_drift(relation)`: in what the partitions of a table are not those of its node's config; none if they are.
pub(super) fn drift(scope: &Arc<Scope>, a: &mut Args<'_>) -> Result<Value, Error> {
    let table = a.take("relation")?;
    let table = expect_relation(&table, "relation")?;
    let Some(wanted) = scope.table_options().partition_by else { return Ok(Value::from(())) };
    if scope.is_replay() {
        return Ok(Value::from(()));
    }
    let session = session(scope)?;
    let column = match &wanted {
        PartitionBy::Ranges(ranges) => {
            let columns = session.columns(table).map_err(database)?;
            Some(field(scope, ranges, &columns)?.clone())
        }
        _ => None,
    };
    session.partition_drift(table, &wanted, column.as_ref()).map(Value::from).map_err(database)
}
