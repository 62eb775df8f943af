//! Metadata locks: which statements need a table for themselves, and who keeps it from them.

use mysql::Conn;
use mysql::prelude::Queryable;

use super::literal::quoted;
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
    let exact = format!(
        "select distinct t.processlist_id, concat(coalesce(t.processlist_user, ''), '@', coalesce(t.processlist_host, '')), \
         cast(coalesce(x.seconds, t.processlist_time) as signed) \
         from performance_schema.metadata_locks as l join performance_schema.threads as t on t.thread_id = l.owner_thread_id \
         left join (select trx_mysql_thread_id as id, timestampdiff(second, trx_started, now()) as seconds \
         from information_schema.innodb_trx) as x on x.id = t.processlist_id \
         where l.object_type = 'TABLE' and l.lock_status = 'GRANTED' and locate(l.object_name, {}) > 0 \
         and t.processlist_id <> connection_id() order by 3 desc limit {NAMED}",
        quoted(sql)
    );
    let oldest = format!(
        "select p.id, concat(p.user, '@', p.host), cast(timestampdiff(second, x.trx_started, now()) as signed) \
         from information_schema.innodb_trx as x join information_schema.processlist as p on p.id = x.trx_mysql_thread_id \
         where p.id <> connection_id() order by x.trx_started limit {NAMED}"
    );
    for query in [exact, oldest] {
        // A server without the one table may have the other, and some users may see neither.
        let Ok(found) = conn.query::<(u64, String, Option<i64>), _>(query) else { continue };
        if !found.is_empty() {
            let name = |(id, user, seconds): (u64, String, Option<i64>)| {
                let since = seconds.map(|seconds| format!(", for {seconds} s")).unwrap_or_default();
                format!("session {id} of `{user}` has an open transaction{since}")
            };
            return found.into_iter().map(name).collect();
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::{ends_transaction, needs_a_table_alone};

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
