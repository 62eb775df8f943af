//! What a target says about the server, as options of the driver.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use mysql::{Opts, OptsBuilder};
use serde_json::{Map, Value};

use super::encryption::{Encryption, Tls};
use super::replica::{self, Place};
use crate::adapter::Patience;
use crate::adapter::credentials::Entries;
use crate::diag::{self, Code, Diagnostic};

const KNOWN: &[&str] = &[
    "server",
    "host",
    "port",
    "unix_socket",
    "socket",
    "username",
    "user",
    "UID",
    "password",
    "PWD",
    "pass",
    "schema",
    "database",
    "charset",
    "collation",
    "ssl_mode",
    "ssl_disabled",
    "ssl_ca",
    "ssl_cert",
    "ssl_key",
    "ssl_verify_cert",
    "ssl_verify_identity",
    "enable_cleartext_plugin",
    "connect_timeout",
    "retries",
    "max_connections",
    "replicas",
    "read_host",
    "replica_wait",
    "lock_wait_timeout",
    "ddl_lock_timeout",
    "ddl_patience",
    "run_patience",
    "sql_mode",
    "capabilities",
];

const DEFAULT_PORT: u16 = 3306;
const DEFAULT_CONNECT_TIMEOUT: u64 = 10;
/// As often as dbt's own adapters try again.
const DEFAULT_RETRIES: u64 = 1;
/// Seconds that reading waits for a replica.
const DEFAULT_REPLICA_WAIT: u64 = 10;
/// Seconds to wait for a metadata lock. The servers' own defaults are a day and a year.
const DEFAULT_LOCK_WAIT_TIMEOUT: u64 = 60;
/// Seconds that a statement which needs a table for itself lets others wait behind it, and for how long it tries.
const DEFAULT_DDL_LOCK_TIMEOUT: u64 = 1;
const DEFAULT_DDL_PATIENCE: u64 = 600;
/// Seconds to wait for another run that builds the same relation.
const DEFAULT_RUN_PATIENCE: u64 = 600;
/// A quiet connection asks after this long whether the server is still there.
const KEEPALIVE_MILLISECONDS: u32 = 30_000;

/// The most that any server takes.
const LARGEST_PACKET: usize = 1 << 30;

#[derive(Clone)]
pub(super) struct Credentials {
    pub host: String,
    pub port: u16,
    pub socket: Option<String>,
    pub user: Option<String>,
    password: Option<String>,
    pub schema: String,
    pub charset: String,
    pub collation: Option<String>,
    pub encryption: Encryption,
    cleartext: bool,
    /// How often a connection that could not be made is tried again.
    pub retries: u32,
    pub connect_timeout: Duration,
    /// The most sessions of a run at once.
    pub max_connections: Option<usize>,
    /// Servers that may be read from.
    pub replicas: Vec<Place>,
    /// Seconds that a replica may need to have what this server has.
    pub replica_wait: u64,
    pub lock_wait_timeout: u64,
    pub patience: Patience,
    /// How long another run may keep a relation that this one is to build. Zero: not at all.
    pub run_patience: Duration,
    /// Replaces the session's whole `sql_mode`.
    pub sql_mode: Option<String>,
    /// What the server can do, against what its version says.
    pub capabilities: Map<String, Value>,
}

impl Credentials {
    pub fn new(entries: &Map<String, Value>, directory: &Path, kind: &str) -> diag::Result<Self> {
        let entries = Entries::new(entries, kind, KNOWN)?;
        let schema = entries.required_text(&["schema"])?;
        if let Some(database) = entries.text(&["database"])?
            && database != schema
        {
            return Err(Diagnostic::error(
                Code::InvalidValue,
                format!("`database` of the `{kind}` target differs from `schema`"),
            )
            .note("on MySQL and MariaDB a schema is a database")
            .help("leave `database` out, or give it the value of `schema`")
            .boxed());
        }
        let charset = entries.text(&["charset"])?;
        let collation = entries.text(&["collation"])?;
        for (name, value) in [("charset", &charset), ("collation", &collation)] {
            if value.as_ref().is_some_and(|text| !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')) {
                return Err(entries.wrong(name, "the name of a character set or collation"));
            }
        }
        let port = match entries.number(&["port"])? {
            None => DEFAULT_PORT,
            Some(port) => u16::try_from(port).map_err(|_| entries.wrong("port", "a port number"))?,
        };
        let sql_mode = entries.text(&["sql_mode"])?;
        if sql_mode.as_ref().is_some_and(|modes| modes.to_uppercase().contains("NO_BACKSLASH_ESCAPES")) {
            return Err(
                entries.wrong("sql_mode", "one without NO_BACKSLASH_ESCAPES, in which texts are escaped differently")
            );
        }
        let capabilities = entries.mapping("capabilities")?.cloned().unwrap_or_default();
        let mut known = super::server::capabilities("", "");
        if capabilities.iter().any(|(name, value)| !known.set(name, value)) {
            return Err(entries.wrong(
                "capabilities",
                "a mapping of what `docs/outgrowing.md` lists: `swap` to `multi_rename`, `swap_with`, `replace_with` or `renames`, \
                 `upsert` to `on_duplicate_key` or `none`, the others to true or false",
            ));
        }
        let encryption = Encryption::new(&entries, directory)?;
        let socket = entries.text(&["unix_socket", "socket"])?;
        let max_connections = match entries.number(&["max_connections"])? {
            Some(0) => return Err(entries.wrong("max_connections", "a whole number from 1")),
            most => most.map(|most| usize::try_from(most).unwrap_or(usize::MAX)),
        };
        let cleartext = cleartext(&entries, &encryption, socket.is_some())?;
        Ok(Self {
            host: entries.text(&["server", "host"])?.unwrap_or_else(|| "localhost".to_owned()),
            port,
            socket,
            user: entries.text(&["username", "user", "UID"])?,
            password: entries.text(&["password", "pass", "PWD"])?,
            schema,
            charset: charset.unwrap_or_else(|| "utf8mb4".to_owned()),
            collation,
            cleartext,
            max_connections,
            replicas: replica::places(&entries)?,
            replica_wait: entries.number(&["replica_wait"])?.unwrap_or(DEFAULT_REPLICA_WAIT),
            encryption,
            retries: entries.number(&["retries"])?.unwrap_or(DEFAULT_RETRIES).try_into().unwrap_or(u32::MAX),
            connect_timeout: Duration::from_secs(
                entries.number(&["connect_timeout"])?.unwrap_or(DEFAULT_CONNECT_TIMEOUT),
            ),
            lock_wait_timeout: entries.number(&["lock_wait_timeout"])?.unwrap_or(DEFAULT_LOCK_WAIT_TIMEOUT),
            patience: patience(&entries)?,
            run_patience: Duration::from_secs(entries.number(&["run_patience"])?.unwrap_or(DEFAULT_RUN_PATIENCE)),
            sql_mode,
            capabilities,
        })
    }

    /// The same on another server.
    pub fn at(&self, place: &Place) -> Self {
        let there = Self { replicas: Vec::new(), ..self.clone() };
        match place {
            Place::Host(host, port) => {
                Self { host: host.clone(), port: port.unwrap_or(self.port), socket: None, ..there }
            }
            Place::Socket(socket) => Self { socket: Some(socket.clone()), ..there },
        }
    }

    /// Options of the driver for one connection.
    pub fn options(&self, tls: Tls) -> Opts {
        let attributes = HashMap::from([("program_name", "headwater")]);
        let builder = OptsBuilder::new()
            .user(self.user.clone())
            .pass(self.password.clone())
            .prefer_socket(false)
            .tcp_nodelay(true)
            .tcp_connect_timeout(Some(self.connect_timeout))
            .tcp_keepalive_time_ms(Some(KEEPALIVE_MILLISECONDS))
            .connect_attrs(Some(attributes))
            .enable_cleartext_plugin(self.cleartext)
            .stmt_cache_size(0)
            // The driver would ask the server for it on every connection; ours learn it while they are set up.
            .max_allowed_packet(Some(LARGEST_PACKET));
        match &self.socket {
            Some(socket) => builder.socket(Some(socket)),
            None => builder.ip_or_hostname(Some(&self.host)).tcp_port(self.port).ssl_opts(self.encryption.options(tls)),
        }
        .into()
    }

    /// Where the server is, for messages.
    pub fn address(&self) -> String {
        match &self.socket {
            Some(socket) => socket.clone(),
            None => format!("{}:{}", self.host, self.port),
        }
    }

    /// The entries that anyone may see.
    pub fn visible(&self) -> Map<String, Value> {
        let mut map = Map::new();
        let mut set = |key: &str, value: Option<&str>| {
            if let Some(value) = value {
                map.insert(key.to_owned(), value.into());
            }
        };
        set("server", self.socket.is_none().then_some(self.host.as_str()));
        set("host", self.socket.is_none().then_some(self.host.as_str()));
        set("unix_socket", self.socket.as_deref());
        set("schema", Some(&self.schema));
        set("username", self.user.as_deref());
        set("user", self.user.as_deref());
        set("charset", Some(&self.charset));
        set("collation", self.collation.as_deref());
        if self.socket.is_none() {
            map.insert("port".to_owned(), self.port.into());
        }
        map
    }
}

fn patience(entries: &Entries<'_>) -> diag::Result<Patience> {
    let turn = entries.number(&["ddl_lock_timeout"])?.unwrap_or(DEFAULT_DDL_LOCK_TIMEOUT);
    if turn == 0 {
        return Err(entries.wrong("ddl_lock_timeout", "a whole number of seconds from 1"));
    }
    let total = entries.number(&["ddl_patience"])?.unwrap_or(DEFAULT_DDL_PATIENCE);
    Ok(Patience { turn: Duration::from_secs(turn), total: Duration::from_secs(total) })
}

/// A login plugin that sends the password as it is (PAM, LDAP, tokens of a cloud) is used only where nobody can read it.
fn cleartext(entries: &Entries<'_>, encryption: &Encryption, socket: bool) -> diag::Result<bool> {
    let wanted = entries.flag("enable_cleartext_plugin")? == Some(true);
    if wanted && !socket && encryption.mode < Tls::Required {
        return Err(entries.wrong("enable_cleartext_plugin", "false, or `ssl_mode` at least `required`"));
    }
    Ok(wanted)
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({} at {}, schema {})", self.user.as_deref().unwrap_or(""), self.address(), self.schema)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::{Credentials, Tls};
    use crate::diag::{Code, Diagnostic};

    fn read(entries: Value) -> Result<Credentials, Box<Diagnostic>> {
        Credentials::new(entries.as_object().expect("a mapping"), Path::new("/project"), "mysql")
    }

    #[test]
    fn names_of_dbt_profiles_are_read() {
        let read = read(json!({
            "type": "mysql", "threads": 8, "server": "db.example", "port": "3307", "unix_socket": "", "UID": "me",
            "PWD": "s3cret", "schema": "shop", "database": "shop", "charset": "utf8mb4", "collation": "utf8mb4_general_ci",
        }))
        .expect("valid");
        assert_eq!((read.address(), read.user.as_deref()), ("db.example:3307".to_owned(), Some("me")));
        assert_eq!(read.encryption.mode, Tls::Preferred);
        assert!(!format!("{read:?} {:?}", read.visible()).contains("s3cret"));
    }

    #[test]
    fn mistakes_are_named() {
        let error = |entries| *read(entries).expect_err("refused");
        let unknown = error(json!({"schema": "shop", "pasword": "s3cret"}));
        assert_eq!((unknown.code, unknown.helps), (Code::UnknownKey, vec!["did you mean `password`?".to_owned()]));
        assert_eq!(error(json!({"host": "h"})).code, Code::MissingKey);
        assert_eq!(error(json!({"schema": "a", "database": "b"})).code, Code::InvalidValue);
        assert_eq!(error(json!({"schema": "a", "port": 99999})).code, Code::InvalidValue);
        assert_eq!(error(json!({"schema": "a", "collation": "x; drop"})).code, Code::InvalidValue);
        assert_eq!(error(json!({"schema": "a", "capabilities": {"md6": true}})).code, Code::InvalidValue);
        assert_eq!(error(json!({"schema": "a", "ddl_lock_timeout": 0})).code, Code::InvalidValue);
        let patience = error(json!({"schema": "a", "run_patience": "for ever"}));
        assert_eq!(patience.message, "`run_patience` of the `mysql` target must be a whole number");
        assert_eq!(error(json!({"schema": "a", "ssl_cert": "c.pem"})).code, Code::InvalidValue);
        assert_eq!(error(json!({"schema": "a", "enable_cleartext_plugin": true})).code, Code::InvalidValue);
    }

    #[test]
    fn tls_follows_from_the_entries() {
        let tls = |entries: Value| read(entries).expect("valid").encryption.mode;
        assert_eq!(tls(json!({"schema": "a", "ssl_disabled": true})), Tls::Disabled);
        assert_eq!(tls(json!({"schema": "a", "ssl_ca": "ca.pem"})), Tls::VerifyCa);
        assert_eq!(tls(json!({"schema": "a", "ssl_ca": "ca.pem", "ssl_verify_identity": true})), Tls::VerifyIdentity);
        assert_eq!(tls(json!({"schema": "a", "ssl_mode": "REQUIRED"})), Tls::Required);
        assert_eq!(tls(json!({"schema": "a", "ssl_mode": "verify-ca", "ssl_disabled": false})), Tls::VerifyCa);
    }
}
