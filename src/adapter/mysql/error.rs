//! What the server's errors mean.

use std::sync::LazyLock;

use mysql::{DriverError, Error, MySqlError};
use regex::Regex;

use super::credentials::Credentials;
use super::encryption::{Refusal, Tls};
use crate::adapter::{DbError, DbErrorKind};

// Codes are those of the servers' error message references; MariaDB shares them unless its name stands beside it.
const NO_DATABASE_SELECTED: u16 = 1046;
const UNKNOWN_FUNCTION: u16 = 1305;
/// No partition takes a row's value.
const NO_PARTITION: u16 = 1526;

/// An error of the driver or the server while a statement ran.
pub(super) fn statement_error(error: Error) -> DbError {
    match error {
        Error::MySqlError(error) => server_error(error),
        other if is_lost(&other) => {
            let message = format!("the connection was lost: {}", plain(&other));
            DbError { lost: true, ..DbError::new(DbErrorKind::Connection, message) }
        }
        other => DbError::new(DbErrorKind::Other, plain(&other)),
    }
}

/// An error while connecting: what was refused, by whom, and what to do.
pub(super) fn connect_error(error: Error, credentials: &Credentials) -> DbError {
    let user = credentials.user.as_deref();
    let mut db_error = statement_error(error);
    // Whatever is wrong, it is the connection that could not be made.
    db_error.kind = DbErrorKind::Connection;
    db_error.lost = false;
    let reason = db_error.message.strip_prefix("the connection was lost: ").unwrap_or(&db_error.message);
    // The driver names the address as well.
    let reason = match reason.strip_prefix("Could not connect to address ") {
        Some(rest) => rest.split_once("': ").map_or(reason, |(_, reason)| reason),
        None => reason,
    };
    let encryption = &credentials.encryption;
    let uses_tls = credentials.socket.is_none() && encryption.mode > Tls::Disabled;
    let refusal = if uses_tls && db_error.code == 0 {
        encryption.broken_file().or_else(|| encryption.explain(reason, &credentials.host))
    } else {
        None
    };
    let (reason, help) = match refusal {
        Some(Refusal { reason, help }) => (reason, Some(help)),
        None => match said(reason, credentials, db_error.code) {
            Some((reason, help)) => (reason, Some(help)),
            None => (reason.to_owned(), db_error.help),
        },
    };
    let user = user.map(|user| format!(" as `{user}`")).unwrap_or_default();
    db_error.message = format!("cannot connect to `{}`{user}: {reason}", credentials.address());
    db_error.help = help;
    db_error
}

/// What the driver and the server say of a login, in words that name entries of the target.
fn said(reason: &str, credentials: &Credentials, code: u32) -> Option<(String, String)> {
    let as_it_is = |help: String| Some((reason.to_owned(), help));
    if code == 1045 || code == 1698 {
        let mut help =
            "check `user` and `password`, and that the server lets this user in from this machine".to_owned();
        if credentials.socket.is_none() && !credentials.encryption.has_identity() {
            help.push_str(
                "; a user made with `require ssl` needs `ssl_mode: required`, one with `require x509` also `ssl_cert` and `ssl_key`",
            );
        }
        return as_it_is(help);
    }
    if is_crowded(code, reason) {
        return as_it_is(
            "fewer `threads`, or more `max_connections` (`max_user_connections`) on the server; `headwater debug` shows both"
                .to_owned(),
        );
    }
    if reason.starts_with("Client requires secure connection") {
        let mode = credentials.encryption.mode.as_str();
        return Some((
            format!("the server offers no TLS, and `ssl_mode: {mode}` needs it"),
            "give the server a certificate (its `ssl_cert`, `ssl_key`), or set `ssl_mode: preferred`".to_owned(),
        ));
    }
    if let Some(plugin) = reason.strip_prefix("Unknown authentication protocol: ") {
        return Some(match plugin.trim_matches('`') {
            "mysql_clear_password" => (
                "the server asks for the password as it is (`mysql_clear_password`)".to_owned(),
                "if that is meant (PAM, LDAP, a token of a cloud), set `enable_cleartext_plugin: true` with `ssl_mode: required`"
                    .to_owned(),
            ),
            // MariaDB's way for PAM, unless it is told to ask for the password alone.
            "dialog" => (
                "the login plugin `dialog` is not supported".to_owned(),
                "start the server with `pam_use_cleartext_plugin=ON`, and set `enable_cleartext_plugin: true` with `ssl_mode: required`"
                    .to_owned(),
            ),
            plugin => (
                format!("the login plugin `{plugin}` is not supported"),
                format!("{PLUGINS}: alter the user on the server"),
            ),
        });
    }
    if reason.contains("old_mysql_password") {
        return Some((
            "the user has a password from before MySQL 4.1, which is not safe to send".to_owned(),
            format!("{PLUGINS}: set the user's password anew on the server"),
        ));
    }
    None
}

/// Login plugins that the driver speaks.
const PLUGINS: &str = "supported are `caching_sha2_password`, `mysql_native_password`, `ed25519`, `unix_socket` (auth_socket) and `mysql_clear_password`";

/// The driver panics instead of saying that it does not speak a login plugin.
pub(super) fn unknown_plugin(credentials: &Credentials) -> DbError {
    let address = credentials.address();
    let message = format!("cannot connect to `{address}`: the user's login plugin (`parsec`) is not supported");
    DbError {
        help: Some(format!("{PLUGINS}: alter the user on the server")),
        ..DbError::new(DbErrorKind::Connection, message)
    }
}

/// Whether the server has no room for one more session, of anybody or of this user.
pub(super) fn is_crowded(code: u32, message: &str) -> bool {
    // 1226 is about any resource of a user; limits per hour do not pass soon.
    matches!(code, 1040 | 1203) || code == 1226 && message.contains("max_user_connections")
}

/// Whether the session is gone: its next statement would fail as well.
pub(super) fn is_lost(error: &Error) -> bool {
    match error {
        Error::IoError(_) | Error::CodecError(_) | Error::TlsError(_) => true,
        Error::DriverError(error) => !matches!(error, DriverError::PacketTooLarge),
        Error::MySqlError(error) => is_lost_code(error.code),
        _ => false,
    }
}

fn is_lost_code(code: u16) -> bool {
    // shutdown, session killed (MariaDB), gone away, lost, disconnected for being idle
    matches!(code, 1053 | 1927 | 2006 | 2013 | 4031)
}

/// The driver's own texts start with its type names; what follows them is for people.
fn plain(error: &Error) -> String {
    let text = error.to_string();
    ["IoError { ", "CodecError { ", "DriverError { ", "TlsError { "]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix)?.strip_suffix(" }"))
        .unwrap_or(&text)
        .to_owned()
}

fn server_error(error: MySqlError) -> DbError {
    let MySqlError { state, message, code } = error;
    let identifier = identifier(code, &message);
    let line = if code == 1064 { line(&message) } else { None };
    let help = help(code, identifier.as_deref()).or_else(|| advice(code, &message).map(str::to_owned));
    let lost = is_lost_code(code);
    DbError { code: code.into(), state, identifier, line, help, lost, ..DbError::new(kind(code), message) }
}

fn kind(code: u16) -> DbErrorKind {
    match code {
        _ if is_lost_code(code) => DbErrorKind::Connection,
        1040 | 1042 | 1043 | 1045 | 1129 | 1130 | 1203 | 1226 | 1698 | 3159 => DbErrorKind::Connection,
        1317 => DbErrorKind::Cancelled,
        1064 | 1149 => DbErrorKind::Syntax,
        1049 | 1051 | 1109 | 1146 => DbErrorKind::UnknownTable,
        1054 | 1072 | 1091 => DbErrorKind::UnknownColumn,
        1128 | UNKNOWN_FUNCTION | 1630 => DbErrorKind::UnknownFunction,
        1007 | 1050 | 1060 | 1061 | 1304 => DbErrorKind::AlreadyExists,
        // null, duplicate, foreign keys, checks (MySQL, MariaDB)
        1048 | 1062 | 1169 | 1216 | 1217 | 1364 | 1451 | 1452 | 1557 | 1586 | 3730 | 3819 | 4025 => {
            DbErrorKind::Constraint
        }
        // ranges, truncation, wrong values, JSON, division by zero
        1264 | 1265 | 1292 | 1365 | 1366 | 1367 | 1406 | 1411 | 1441 | 1690 | 3140 | 3141 | 3156 => DbErrorKind::Value,
        1044 | 1142 | 1143 | 1227 | 1370 | 1410 => DbErrorKind::Permission,
        // lock wait, deadlock, nowait
        1205 | 1213 | 3058 | 3572 => DbErrorKind::Lock,
        _ => DbErrorKind::Other,
    }
}

/// The name in quotes that the message is about.
fn identifier(code: u16, message: &str) -> Option<String> {
    if !matches!(
        code,
        1049 | 1050 | 1051 | 1052 | 1054 | 1060 | 1072 | 1091 | 1109 | 1128 | 1146 | UNKNOWN_FUNCTION | 1630
    ) {
        return None;
    }
    static QUOTED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"'([^']+)'|FUNCTION (\S+) ").ok());
    let found = QUOTED.as_ref()?.captures(message)?;
    let name = found.get(1).or_else(|| found.get(2))?.as_str();
    Some(name.replace('`', ""))
}

/// The line of a syntax error, counted from where the failed statement starts.
fn line(message: &str) -> Option<usize> {
    message.rsplit_once("at line ").and_then(|(_, line)| line.trim().parse().ok())
}

/// Newer MySQL servers have `md5` and `sha1` in a component. Without a default database the missing function is reported
/// as 1046.
fn help(code: u16, identifier: Option<&str>) -> Option<String> {
    let function = identifier.and_then(|name| name.rsplit('.').next()).map(str::to_lowercase);
    match (code, function.as_deref()) {
        (UNKNOWN_FUNCTION, Some("md5" | "sha1" | "sha")) => {
            Some("this server has these hash functions in a component: `install component 'file://component_classic_hashing'`".to_owned())
        }
        (1267 | 1270 | 1271, _) => Some(
            "`headwater debug` lists the collations: make the tables alike (`alter table … convert to character set … collate …`), \
             or say `collate` in the SQL"
                .to_owned(),
        ),
        (NO_PARTITION, _) => {
            Some("add a partition for it (`alter table … add partition`), or one of `values less than (maxvalue)`".to_owned())
        }
        (NO_DATABASE_SELECTED, _) => Some(
            "MySQL says this also of a function it does not have; `md5()` is in a component on newer servers: \
             `install component 'file://component_classic_hashing'`"
                .to_owned(),
        ),
        _ => None,
    }
}

/// What to do about the rest.
fn advice(code: u16, message: &str) -> Option<&'static str> {
    match code {
        // no such user (MySQL, MariaDB), no such role
        1410 | 1133 | 3523 | 1959 => Some(
            "the user or role of config `grants` does not exist: create it, or mend its name (`user`, `user@host`)",
        ),
        1142 if message.to_uppercase().starts_with("GRANT ") => {
            Some("the account of this target needs the privilege that it grants, and `grant option`")
        }
        1286 => Some("`show engines` lists the engines of this server"),
        1503 => Some(
            "each unique key of a partitioned table, its primary key among them, must contain the columns of `partition_by`",
        ),
        1526 => Some(
            "give `partition_by` a partition for it, or one for `maxvalue`; an existing table gets it by `alter table … add partition`",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use mysql::{Error, MySqlError};

    use super::statement_error;
    use crate::adapter::{DbError, DbErrorKind};

    fn error(code: u16, message: &str) -> DbError {
        statement_error(Error::MySqlError(MySqlError { state: "HY000".into(), message: message.into(), code }))
    }

    #[test]
    fn names_and_lines_are_read_from_messages() {
        let column = error(1054, "Unknown column 'o.amout' in 'SELECT'");
        assert_eq!((column.kind, column.identifier.as_deref()), (DbErrorKind::UnknownColumn, Some("o.amout")));
        let table = error(1146, "Table 'shop.ordrs' doesn't exist");
        assert_eq!((table.kind, table.identifier.as_deref()), (DbErrorKind::UnknownTable, Some("shop.ordrs")));
        let syntax = error(1064, "You have an error in your SQL syntax; … near 'form t\nat line 2' at line 3");
        assert_eq!((syntax.kind, syntax.line, syntax.identifier), (DbErrorKind::Syntax, Some(3), None));
    }

    #[test]
    fn a_missing_md5_is_explained() {
        let missing = error(1305, "FUNCTION shop.md5 does not exist");
        assert_eq!((missing.kind, missing.identifier.as_deref()), (DbErrorKind::UnknownFunction, Some("shop.md5")));
        assert!(missing.help.is_some_and(|help| help.contains("component_classic_hashing")));
        assert!(error(1305, "FUNCTION shop.nope does not exist").help.is_none());
        assert!(error(1046, "No database selected").help.is_some());
    }

    #[test]
    fn a_mix_of_collations_is_explained() {
        let mixed = error(1267, "Illegal mix of collations (latin1_swedish_ci,IMPLICIT) and (utf8mb4_bin,IMPLICIT)");
        assert!(mixed.help.is_some_and(|help| help.contains("`headwater debug`")));
    }

    #[test]
    fn a_lost_connection_is_told_from_a_failed_statement() {
        assert_eq!(error(2013, "Lost connection").kind, DbErrorKind::Connection);
        assert_eq!(error(1213, "Deadlock found").kind, DbErrorKind::Lock);
        let io = std::io::Error::new(std::io::ErrorKind::BrokenPipe, "broken pipe");
        assert_eq!(statement_error(Error::IoError(io)).message, "the connection was lost: broken pipe");
    }
}
