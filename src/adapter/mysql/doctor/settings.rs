//! What the server's variables mean for runs.

use super::Variables;
use super::grants::Grants;
use crate::adapter::Capabilities;
use crate::adapter::doctor::{Finding, Verdict};
use crate::adapter::mysql::credentials::Credentials;

/// What is asked for, of both servers.
pub(super) const NAMES: &[&str] = &[
    "binlog_format",
    "character_set_server",
    "collation_connection",
    "collation_server",
    "default_storage_engine",
    "enforce_gtid_consistency",
    "foreign_key_checks",
    "gtid_mode",
    "innodb_force_primary_key",
    "innodb_lock_wait_timeout",
    "innodb_read_only",
    "lock_wait_timeout",
    "log_bin",
    "log_bin_trust_function_creators",
    "lower_case_table_names",
    "max_allowed_packet",
    "max_connections",
    "max_execution_time",
    "max_statement_time",
    "max_user_connections",
    "offline_mode",
    "read_only",
    "sql_mode",
    "sql_require_primary_key",
    "super_read_only",
    "system_time_zone",
    "time_zone",
    "version",
    "wait_timeout",
    "wsrep_on",
];

/// Bytes below which seeds and long statements are cut into many.
const SMALL_PACKET: f64 = 4.0 * 1024.0 * 1024.0;
/// Seconds after which a server ends connections that wait for a model to finish elsewhere.
const SHORT_WAIT: f64 = 300.0;
/// Seconds that a statement waits for a row before it is tried again; more is a stall.
const LONG_LOCK_WAIT: f64 = 300.0;

pub(super) fn writable(variables: &Variables, grants: &Grants) -> Finding {
    const NAME: &str = "writes";
    let above = ["super", "read_only admin", "read only admin", "connection_admin", "all privileges"];
    let may = above.iter().any(|privilege| grants.has_global(privilege));
    for name in ["innodb_read_only", "super_read_only", "offline_mode"] {
        if variables.is_on(name) {
            return Finding::wrong(NAME, format!("the server takes none (`{name}`)"), OTHER_SERVER);
        }
    }
    match (variables.is_on("read_only"), may) {
        (true, false) => Finding::wrong(NAME, "the server takes none (`read_only`)", OTHER_SERVER),
        (true, true) => Finding::warning(
            NAME,
            "the server is `read_only`, and this user may write all the same",
            "a replica that is written to stops following: take its source as the target",
        ),
        (false, _) => Finding::fine(NAME, "the server takes writes"),
    }
}

const OTHER_SERVER: &str = "take the server that it follows as the target; replicas serve reads";

pub(super) fn strictness(variables: &Variables, credentials: &Credentials) -> Vec<Finding> {
    const NAME: &str = "sql_mode";
    let modes = variables.shown("sql_mode");
    let has = |mode: &str| modes.split(',').any(|name| name == mode);
    let from = if credentials.sql_mode.is_some() { "`sql_mode` of the profile" } else { "the session" };
    let mut findings = Vec::new();
    if !has("STRICT_ALL_TABLES") && !has("STRICT_TRANS_TABLES") {
        let help = "add `STRICT_ALL_TABLES` to `sql_mode`, or leave `sql_mode` out of the profile: wrong values are stored as others";
        findings.push(Finding::warning(NAME, format!("{from} is not strict: {modes}"), help));
    } else if has("ANSI_QUOTES") {
        let help = "texts need single quotes in this mode: \"a\" is a column";
        findings.push(Finding::warning(NAME, modes, help));
    } else if has("ONLY_FULL_GROUP_BY") {
        findings.push(Finding::fine(NAME, modes));
    } else {
        findings.push(Finding::fine(NAME, format!("{modes}; without ONLY_FULL_GROUP_BY")));
    }
    if variables.get("foreign_key_checks") == Some("OFF") {
        let help = "`set global foreign_key_checks = on`: foreign keys of contracts would hold nothing";
        findings.push(Finding::warning("foreign keys", "the server does not check them", help));
    }
    match variables.get("default_storage_engine") {
        None | Some("InnoDB") => {}
        Some(engine) => findings.push(Finding::warning(
            "engine",
            format!("new tables are made by {engine}"),
            "`engine: InnoDB` as a config of models, or `default_storage_engine` on the server: others have no transactions",
        )),
    }
    let need_keys = ["sql_require_primary_key", "innodb_force_primary_key"];
    if let Some(name) = need_keys.into_iter().find(|name| variables.is_on(name)) {
        findings.push(Finding::warning(
            "primary keys",
            format!("the server takes no table without one (`{name}`)"),
            "declare a primary key for each table, or turn it off for this user's sessions",
        ));
    }
    findings
}

/// Only where runs are not kept apart although the server looks as if they were.
pub(super) fn locks(variables: &Variables, capabilities: &Capabilities) -> Option<Finding> {
    let is_node = variables.is_on("wsrep_on");
    let finding = match capabilities.named_locks {
        false => Finding::warning(
            "locks",
            "a Galera cluster (`wsrep_on`), whose nodes do not share locks: runs at the same time are not kept apart, \
             and lost connections are not recovered",
            "if all runs connect to this one node, `capabilities: {named_locks: true}` in the target; if not, never \
             start two at once",
        ),
        true => Finding::fine("locks", "of this node of a Galera cluster, as the target says"),
    };
    is_node.then_some(finding)
}

pub(super) fn limits(variables: &Variables, threads: usize) -> Vec<Finding> {
    let mut findings = vec![names(variables), packet(variables), timeouts(variables)];
    let of_server = variables.number("max_connections").unwrap_or(0.0);
    let of_user = variables.number("max_user_connections").filter(|limit| *limit > 0.0);
    let most = of_user.map_or(of_server, |limit| limit.min(of_server));
    let text = match of_user {
        Some(limit) => format!("{limit} for this user, {of_server} in all, {threads} threads"),
        None => format!("{of_server} in all, {threads} threads"),
    };
    let most_threads = (most - 1.0).max(1.0);
    findings.push(if most > 0.0 && threads as f64 > most_threads {
        let help = format!(
            "`threads: {most_threads}` in the profile, or more `max_connections` on the server; a run waits for room"
        );
        Finding::warning("sessions", text, help)
    } else {
        Finding::fine("sessions", text)
    });
    findings
}

fn names(variables: &Variables) -> Finding {
    const NAME: &str = "table names";
    let value = variables.shown("lower_case_table_names");
    let text = |what: &str| format!("{what} (`lower_case_table_names = {value}`)");
    match value {
        "0" => Finding::fine(NAME, text("compared with case")),
        "1" => Finding::fine(NAME, text("stored in lower case")),
        _ => Finding::warning(
            NAME,
            text("stored as written, compared without case"),
            "InnoDB stores them in lower case then: use names in lower case",
        ),
    }
}

fn packet(variables: &Variables) -> Finding {
    const NAME: &str = "packet size";
    let bytes = variables.number("max_allowed_packet").unwrap_or(0.0);
    let text = format!("{:.0} MB (`max_allowed_packet`)", bytes / 1024.0 / 1024.0);
    if bytes < SMALL_PACKET {
        let help =
            "`set global max_allowed_packet = 67108864`: seeds go in small pieces, and long statements are refused";
        return Finding::warning(NAME, text, help);
    }
    Finding::fine(NAME, text)
}

fn timeouts(variables: &Variables) -> Finding {
    const NAME: &str = "timeouts";
    let seconds = |name: &str| variables.number(name).unwrap_or(0.0);
    let locks = seconds("innodb_lock_wait_timeout");
    let shown = format!(
        "locks of rows {locks} s, of tables {} s, idle {} s",
        seconds("lock_wait_timeout"),
        seconds("wait_timeout")
    );
    // MariaDB counts seconds for every statement, MySQL milliseconds for queries.
    let statement = Some(seconds("max_statement_time")).filter(|limit| *limit > 0.0);
    let query = Some(seconds("max_execution_time") / 1000.0).filter(|limit| *limit > 0.0);
    let (text, help) = if let Some(limit) = statement.or(query) {
        let what = if statement.is_some() { "statements" } else { "queries" };
        let name = if statement.is_some() { "max_statement_time" } else { "max_execution_time" };
        (
            format!("{what} are ended after {limit} s, {shown}"),
            format!("`{name} = 0` for this user: builds may take longer"),
        )
    } else if seconds("wait_timeout") < SHORT_WAIT {
        (
            shown,
            "`wait_timeout` of at least 600 for this user: idle sessions are lost in the middle of a run".to_owned(),
        )
    } else if locks > LONG_LOCK_WAIT {
        (shown, "a lower `innodb_lock_wait_timeout`: a blocked model is tried again only after that".to_owned())
    } else {
        return Finding::fine(NAME, shown);
    };
    Finding::warning(NAME, text, help)
}

/// Surrogate keys and snapshots are made with `md5`.
pub(super) fn hashes(capabilities: &Capabilities) -> Finding {
    const NAME: &str = "md5()";
    if capabilities.md5 {
        return Finding::fine(NAME, "the server has it");
    }
    Finding::warning(
        NAME,
        "the server does not have it",
        "`install component 'file://component_classic_hashing'`: surrogate keys and snapshots are made with it",
    )
}

/// What the binary log forbids.
pub(super) fn binlog(variables: &Variables, capabilities: &Capabilities) -> Vec<Finding> {
    const NAME: &str = "binary log";
    if !variables.is_on("log_bin") {
        return vec![Finding::fine(NAME, "off")];
    }
    let format = variables.shown("binlog_format");
    let mut findings = Vec::new();
    if format == "STATEMENT" {
        findings.push(Finding::wrong(
            NAME,
            "`binlog_format = STATEMENT` takes no writes at READ COMMITTED, which builds use (1665)",
            "`set global binlog_format = ROW` (or MIXED), also in the server's configuration",
        ));
    }
    // MySQL before 8.0.21 refuses `create table … as select` where GTIDs must be consistent; others lack the variable.
    let number = numbers(&capabilities.version);
    if variables.is_on("enforce_gtid_consistency") && number < [8, 0, 21] {
        findings.push(Finding::wrong(
            NAME,
            "`enforce_gtid_consistency` of this version refuses `create table … as select` (1786)",
            "MySQL 8.0.21 or later",
        ));
    }
    if !variables.is_on("log_bin_trust_function_creators") {
        findings.push(Finding::warning(
            "functions",
            "the binary log lets only administrators make functions (1418, 1419)",
            "if the project has functions: `set global log_bin_trust_function_creators = 1`",
        ));
    }
    if findings.iter().all(|finding| finding.verdict != Verdict::Wrong) {
        let gtid = variables.get("gtid_mode").map(|mode| format!(", GTID {mode}")).unwrap_or_default();
        findings.insert(0, Finding::fine(NAME, format!("{format}{gtid}")));
    }
    findings
}

fn numbers(version: &str) -> [u32; 3] {
    let mut numbers = version.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        Variables(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn capabilities(version: &str) -> Capabilities {
        crate::adapter::mysql::server::capabilities(version, "")
    }

    #[test]
    fn what_old_and_odd_servers_forbid_is_found() {
        let log = variables(&[("log_bin", "ON"), ("binlog_format", "ROW"), ("enforce_gtid_consistency", "ON")]);
        assert_eq!(binlog(&log, &capabilities("8.0.20"))[0].verdict, Verdict::Wrong);
        assert_eq!(binlog(&log, &capabilities("8.0.21"))[0].verdict, Verdict::Fine);
        let statement = variables(&[("log_bin", "ON"), ("binlog_format", "STATEMENT")]);
        assert!(binlog(&statement, &capabilities("9.1.0"))[0].text.contains("1665"));
        assert_eq!(names(&variables(&[("lower_case_table_names", "2")])).verdict, Verdict::Warning);
    }

    #[test]
    fn a_read_only_server_is_wrong_and_worse_where_the_user_may_write() {
        let read_only = variables(&[("read_only", "ON")]);
        assert_eq!(writable(&read_only, &Grants::default()).verdict, Verdict::Wrong);
        let admin = Grants::read(["GRANT SUPER ON *.* TO `a`@`%`"]);
        assert_eq!(writable(&read_only, &admin).verdict, Verdict::Warning);
        assert_eq!(writable(&variables(&[("super_read_only", "ON")]), &admin).verdict, Verdict::Wrong);
    }

    #[test]
    fn limits_are_compared_with_the_threads() {
        let few = variables(&[("max_connections", "100"), ("max_user_connections", "4")]);
        let sessions = |threads| limits(&few, threads).pop().map(|finding| finding.verdict);
        assert_eq!((sessions(3), sessions(16)), (Some(Verdict::Fine), Some(Verdict::Warning)));
        let cut = timeouts(&variables(&[("max_execution_time", "5000"), ("wait_timeout", "28800")]));
        assert!(cut.text.starts_with("queries are ended after 5 s"), "{}", cut.text);
    }
}
