//! The journal's statements: named locks, and a table in a schema of its own.

use super::literal::quoted;
use crate::adapter::journal::{self, Entry, Place, Unit};
use crate::adapter::relation::push_quoted;

/// Dates and times are UTC by the server's clock, as text.
const NOW: &str = "utc_timestamp(6)";

/// For servers with `get_lock`.
pub(super) struct Statements;

/// The schema of journals: a table of it for each schema that targets build into. Their own schemas are what users look
/// through, list and compare.
const SCHEMA: &str = "headwater";

fn name(schema: &str, table: &str) -> String {
    let mut name = String::new();
    push_quoted(&mut name, schema, '`');
    name.push('.');
    push_quoted(&mut name, table, '`');
    name
}

/// The lock that says that a run is alive. The name is an expression.
fn run_lock(run: &str) -> String {
    format!("concat('headwater/', {run})")
}

impl journal::Statements for Statements {
    fn places(&self, schema: &str) -> Vec<Place> {
        let place = |own: &str, table: &str| Place { schema: own.to_owned(), table: name(own, table) };
        vec![place(SCHEMA, schema), place(schema, "headwater_journal")]
    }

    fn create_schema(&self, place: &Place) -> String {
        let mut sql = "create schema if not exists ".to_owned();
        push_quoted(&mut sql, &place.schema, '`');
        sql
    }

    fn create_table(&self, place: &Place) -> String {
        format!(
            "create table if not exists {} (\
             unit varchar(180) not null primary key, schema_name varchar(64) not null, \
             identifier varchar(64) not null, batch varchar(40), node varchar(255), lock_name varchar(64) not null, \
             run varchar(64) not null, host varchar(255), pid bigint, connection bigint, attempt varchar(40) not null, \
             committed varchar(60), started_at datetime(6) not null, ended_at datetime(6), key run_key (run)\
             ) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin",
            place.table
        )
    }

    fn check(&self, table: &str) -> String {
        // Nothing is written, but a user who may not is refused.
        format!(
            "insert into {table} select * from {table} as j where 1 = 0 on duplicate key update {table}.pid = values(pid)"
        )
    }

    fn live(&self, run: &str, seconds: u32) -> String {
        let lock = run_lock(&quoted(run));
        format!("select get_lock({lock}, {seconds}), cast({NOW} as char), is_used_lock({lock})")
    }

    fn take(&self, lock: &str, seconds: u32) -> String {
        format!("select get_lock({lock}, {seconds}), is_used_lock({lock})", lock = quoted(lock))
    }

    fn release(&self, lock: &str) -> String {
        // Twice, since a lock may be taken twice.
        format!("do release_lock({lock}), release_lock({lock})", lock = quoted(lock))
    }

    fn enter(&self, table: &str, entry: &Entry<'_>, seconds: u32) -> String {
        let Entry { unit, lock, run, host, pid, attempt, opened_at } = entry;
        let (key, lock, run) = (quoted(&unit.key()), quoted(lock), quoted(run));
        let batch = unit.batch.as_deref().map_or_else(|| "null".to_owned(), quoted);
        let values = [
            key.clone(),
            quoted(&unit.schema),
            quoted(&unit.identifier),
            batch,
            quoted(&unit.node),
            lock.clone(),
            run.clone(),
            quoted(host),
            pid.to_string(),
            "connection_id()".to_owned(),
            quoted(attempt),
            NOW.to_owned(),
        ];
        format!(
            "select get_lock({lock}, {seconds}), is_used_lock({lock}), is_used_lock({live}), j.run, j.host, j.pid, \
             cast(j.started_at as char), is_used_lock({theirs}), \
             coalesce(j.run <> {run} and coalesce(j.ended_at, {NOW}) >= {opened}, 0), j.connection \
             from (select 1 as one) as one left join {table} as j on j.unit = {key}; \
             insert into {table} (unit, schema_name, identifier, batch, node, lock_name, run, host, pid, connection, \
             attempt, started_at) select {values} from (select 1 as one) as one \
             where is_used_lock({lock}) = connection_id() \
             on duplicate key update node = values(node), run = values(run), host = values(host), pid = values(pid), \
             connection = values(connection), attempt = values(attempt), committed = null, \
             started_at = values(started_at), ended_at = null",
            live = run_lock(&run),
            theirs = run_lock("coalesce(j.run, '')"),
            opened = quoted(opened_at),
            values = values.join(", "),
        )
    }

    fn committed(&self, table: &str, unit: &Unit, token: &str) -> String {
        format!("update {table} set committed = {} where unit = {}", quoted(token), quoted(&unit.key()))
    }

    fn evidence(&self, table: &str, unit: &Unit) -> String {
        format!("select committed, run, connection from {table} where unit = {}", quoted(&unit.key()))
    }

    fn batches_of_others(&self, table: &str, unit: &Unit, run: &str) -> String {
        format!(
            "select is_used_lock(lock_name) from {table} where schema_name = {} and identifier = {} and batch is not null \
             and run <> {} and is_used_lock(lock_name) is not null",
            quoted(&unit.schema),
            quoted(&unit.identifier),
            quoted(run),
        )
    }

    fn unfinished(&self, table: &str, run: &str) -> String {
        format!(
            "select schema_name, identifier, batch, node, lock_name, run, is_used_lock(lock_name) from {table} \
             where ended_at is null and run <> {} and is_used_lock({}) is null",
            quoted(run),
            run_lock("run"),
        )
    }

    fn end(&self, table: &str, run: &str, except: &[String]) -> String {
        let mut sql = format!("update {table} set ended_at = {NOW} where run = {} and ended_at is null", quoted(run));
        if !except.is_empty() {
            let except: Vec<String> = except.iter().map(|unit| quoted(unit)).collect();
            sql.push_str(&format!(" and unit not in ({})", except.join(", ")));
        }
        sql
    }

    fn kill(&self, connection: u64) -> String {
        format!("kill {connection}")
    }
}
