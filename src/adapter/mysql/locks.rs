//! Metadata locks: which statements need a table for themselves, and who keeps it from them.

use mysql::Conn;
use mysql::prelude::Queryable;

use crate::sql;

/// How many sessions a message names.
const NAMED: usize = 3;

/// Whether a text is one statement that waits until nobody uses a table, with everyone who comes after it waiting behind.
/// Such a statement has no effect when it gives up, so it can be tried again. A text of several statements is left alone:
/// those before the one that gave up have been done.
pub(super) fn needs_a_table_alone(text: &str) -> bool {
    let mut words = words(text);
    let mut next = || words.next().unwrap_or_default();
    let is_ddl = match next().as_str() {
        "alter" | "rename" | "truncate" | "optimize" => true,
        "drop" => next() != "temporary",
        "create" => matches!(next().as_str(), "or" | "index" | "unique" | "fulltext" | "spatial" | "trigger"),
        _ => false,
    };
    is_ddl && sql::split_statements(text, "mysql").len() == 1
}

/// Whether a statement of the text commits before it runs, or ends the transaction in another way.
pub(super) fn ends_transaction(text: &str) -> bool {
    sql::split_statements(text, "mysql").into_iter().any(|range| {
        let mut words = words(&text[range]);
        match words.next().unwrap_or_default().as_str() {
            "create" | "drop" => words.next().as_deref() != Some("temporary"),
            "alter" | "analyze" | "begin" | "commit" | "flush" | "grant" | "lock" | "optimize" | "rename"
            | "repair" | "revoke" | "rollback" | "start" | "truncate" => true,
            _ => false,
        }
    })
}

/// The words of a text in lower case, without what stands in comments.
fn words(text: &str) -> impl Iterator<Item = String> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start();
            if let Some(comment) = rest.strip_prefix("/*") {
                rest = comment.split_once("*/").map_or("", |(_, after)| after);
            } else if rest.starts_with("--") || rest.starts_with('#') {
                rest = rest.split_once('\n').map_or("", |(_, after)| after);
            } else {
                break;
            }
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        (!word.is_empty()).then(|| word.to_ascii_lowercase())
    })
}

/// The sessions that hold a table which the statement names, as far as the server tells; else those with the oldest open
/// transactions, one of which it must be. Their statements are theirs: they are not shown.
pub(super) fn holders(conn: &mut Conn, sql: &str) -> Vec<String> {
    const SINCE: &str = "cast(timestampdiff(second, x.trx_started, now()) as signed)";
    const TRX: &str = "information_schema.innodb_trx as x";
    // MySQL has it; MariaDB where the instrument `wait/lock/metadata/sql/mdl` is on.
    let instrument = format!(
        "select distinct t.processlist_id, concat(coalesce(t.processlist_user, ''), '@', coalesce(t.processlist_host, '')), \
         coalesce({SINCE}, cast(t.processlist_time as signed)) as seconds, l.object_name \
         from performance_schema.metadata_locks as l \
         join performance_schema.threads as t on t.thread_id = l.owner_thread_id \
         left join {TRX} on x.trx_mysql_thread_id = t.processlist_id \
         where l.object_type = 'TABLE' and l.lock_status = 'GRANTED' and t.processlist_id <> connection_id() order by seconds desc"
    );
    // MariaDB where the plugin `metadata_lock_info` is there.
    let plugin = format!(
        "select distinct p.id, concat(p.user, '@', p.host), coalesce({SINCE}, cast(p.time as signed)) as seconds, l.table_name \
         from information_schema.metadata_lock_info as l join information_schema.processlist as p on p.id = l.thread_id \
         left join {TRX} on x.trx_mysql_thread_id = p.id \
         where l.lock_type = 'Table metadata lock' and p.id <> connection_id() order by seconds desc"
    );
    let oldest = format!(
        "select p.id, concat(p.user, '@', p.host), {SINCE}, null \
         from {TRX} join information_schema.processlist as p on p.id = x.trx_mysql_thread_id \
         where p.id <> connection_id() order by x.trx_started"
    );
    for query in [instrument, plugin, oldest] {
        // A server without the one table may have the other, and some users may see neither.
        let Ok(found) = conn.query::<(u64, String, Option<i64>, Option<String>), _>(query) else { continue };
        let mut named: Vec<(u64, String)> = Vec::new();
        for (id, user, seconds, table) in found {
            if table.is_none_or(|table| mentions(sql, &table)) && named.iter().all(|(other, _)| *other != id) {
                let since = seconds.map(|seconds| format!(", for {seconds} s")).unwrap_or_default();
                named.push((id, format!("session {id} of `{user}` has an open transaction{since}")));
            }
        }
        if !named.is_empty() {
            return named.into_iter().take(NAMED).map(|(_, text)| text).collect();
        }
    }
    Vec::new()
}

/// Whether the text has the name of a table as a whole.
fn mentions(sql: &str, table: &str) -> bool {
    let (sql, table) = (sql.to_lowercase(), table.to_lowercase());
    let goes_on = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$');
    sql.match_indices(&table)
        .any(|(at, _)| !goes_on(sql[..at].chars().next_back()) && !goes_on(sql[at + table.len()..].chars().next()))
}

#[cfg(test)]
mod tests {
    use super::{ends_transaction, mentions, needs_a_table_alone};

    #[test]
    fn tables_are_found_by_their_whole_name() {
        let sql = "rename table `shop`.`Mart` to shop.mart__dbt_backup";
        assert!(mentions(sql, "mart") && mentions(sql, "mart__dbt_backup"));
        assert!(!mentions(sql, "art") && !mentions(sql, "mart__dbt"));
    }

    #[test]
    fn statements_that_commit_are_known() {
        for sql in ["create table a (n int)", "select 1; grant select on a to b", "-- so\n/*! */ Truncate a", "commit"]
        {
            assert!(ends_transaction(sql), "{sql}");
        }
        for sql in ["select 'create'", "create temporary table a as select 1", "delete from a; insert into a select 1"]
        {
            assert!(!ends_transaction(sql), "{sql}");
        }
    }

    #[test]
    fn statements_that_keep_readers_waiting_are_known() {
        for sql in [
            "rename table a to b",
            "\n  -- why\n/* who */ ALTER TABLE a add x int;",
            "drop table if exists `a`",
            "create or replace view v as select ';' as x",
            "create unique index i on t (a)",
            "truncate table a",
        ] {
            assert!(needs_a_table_alone(sql), "{sql}");
        }
        for sql in [
            "select 1",
            "create table a as select 1",
            "create table `alter` (a int)",
            "drop temporary table a",
            "delete from a",
            "drop table a; create table a (b int)",
            "",
        ] {
            assert!(!needs_a_table_alone(sql), "{sql}");
        }
    }
}
