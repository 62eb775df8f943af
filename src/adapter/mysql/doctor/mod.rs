//! `debug` on a server: everything outside of a project that its runs depend on. Nothing is changed or written.

mod grants;
mod settings;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{NaiveDateTime, Utc};

use self::grants::{Grants, Missing};
use super::catalog::text;
use super::credentials::Credentials;
use super::encryption::Tls;
use super::literal::quoted;
use super::replica;
use super::server::Server;
use crate::adapter::doctor::{Finding, Needs};
use crate::adapter::relation::push_quoted;
use crate::adapter::{Capabilities, Cell, Connection, DbResult, Table};

/// A clock that is further from ours makes freshness and snapshots wrong.
const SKEW_SECONDS: i64 = 5;
/// Seconds that a replica may be behind before it is told.
const LAG_SECONDS: u64 = 60;

/// All checks, in the order in which they are shown.
pub(super) fn examine(
    connection: &mut dyn Connection,
    credentials: &Credentials,
    capabilities: &Capabilities,
    needs: &Needs,
) -> DbResult<Vec<Finding>> {
    let mut session = Examined { connection };
    let variables = session.variables()?;
    let grants = session.grants()?;
    let mut findings = vec![session.encryption(credentials)?];
    findings.extend(session.privileges(&grants, needs)?);
    findings.push(settings::writable(&variables, &grants));
    findings.extend(settings::strictness(&variables, credentials));
    findings.push(session.collations(&variables, needs)?);
    findings.extend(settings::limits(&variables, needs.threads));
    findings.push(settings::hashes(capabilities));
    findings.extend(settings::locks(&variables, capabilities));
    findings.extend(settings::binlog(&variables, capabilities));
    findings.push(session.replication());
    findings.push(session.clock(&variables)?);
    Ok(findings)
}

/// The target's type decides which macros its statements come from.
pub(super) fn dialect(kind: &str, capabilities: &Capabilities) -> Option<Finding> {
    let (other, gain) = match (kind, capabilities.product.as_str()) {
        ("mysql", "MariaDB") => ("mariadb", "`relationships` tests are then quick without indexes as well"),
        ("mariadb", "MySQL") => ("mysql", "`relationships` tests are then joined by hash"),
        _ => return None,
    };
    let text = format!("the target says `{kind}`, and the server is {}", capabilities.product);
    Some(Finding::warning("type", text, format!("`type: {other}`: {gain}")))
}

/// A replica of the target: whether it can be reached, and follows.
pub(super) fn replica(server: &Arc<Server>) -> Finding {
    const NAME: &str = "replica";
    let address = server.credentials.address();
    let mut connection = match replica::connect(server) {
        Ok(connection) => connection,
        Err(error) => {
            let help = error.help.unwrap_or_else(|| "runs read from the target's own server instead".to_owned());
            return Finding::warning(NAME, error.message, help);
        }
    };
    let finding = Examined { connection: connection.as_mut() }.replication();
    Finding { name: NAME, text: format!("{address}: {}", finding.text), ..finding }
}

/// Values of the session where it has its own, of the server elsewhere. What this server does not have is not in it.
struct Variables(HashMap<String, String>);

impl Variables {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn shown(&self, name: &str) -> &str {
        self.get(name).unwrap_or("unknown")
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.get(name)?.parse().ok()
    }

    fn is_on(&self, name: &str) -> bool {
        matches!(self.get(name), Some("ON" | "1" | "YES"))
    }
}

struct Examined<'a> {
    connection: &'a mut dyn Connection,
}

impl Examined<'_> {
    fn rows(&mut self, sql: &str) -> DbResult<Table> {
        Ok(self.connection.execute(sql, true)?.table)
    }

    /// The first row, as texts.
    fn row(&mut self, sql: &str) -> DbResult<Vec<String>> {
        let table = self.rows(sql)?;
        Ok(table.rows.first().map(|row| row.iter().map(shown).collect()).unwrap_or_default())
    }

    fn variables(&mut self) -> DbResult<Variables> {
        let names = settings::NAMES.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
        let table = self.rows(&format!("show variables where variable_name in ({names})"))?;
        let pair = |row: &Vec<_>| Some((text(row.first()?)?.to_lowercase(), text(row.get(1)?)?));
        Ok(Variables(table.rows.iter().filter_map(pair).collect()))
    }

    /// With those of the roles that are active, which MySQL shows only on demand.
    fn grants(&mut self) -> DbResult<Grants> {
        let role = self.row("select current_role()").ok().and_then(|row| row.into_iter().next()).unwrap_or_default();
        let with_roles = match role.as_str() {
            "" | "NONE" => None,
            roles => self.rows(&format!("show grants for current_user() using {roles}")).ok(),
        };
        let table = match with_roles {
            Some(table) => table,
            None => self.rows("show grants")?,
        };
        let lines: Vec<String> = table.rows.iter().filter_map(|row| text(row.first()?)).collect();
        Ok(Grants::read(lines.iter().map(String::as_str)))
    }

    fn encryption(&mut self, credentials: &Credentials) -> DbResult<Finding> {
        const NAME: &str = "encryption";
        if credentials.socket.is_some() {
            return Ok(Finding::fine(NAME, "not needed: a Unix socket"));
        }
        let status = self.rows("show session status where variable_name in ('Ssl_version', 'Ssl_cipher')")?;
        let mut parts: Vec<String> = status.rows.iter().filter_map(|row| text(row.get(1)?)).collect();
        parts.retain(|part| !part.is_empty());
        parts.sort_unstable_by(|a, b| b.cmp(a));
        if parts.is_empty() {
            let text = "none: who can read the network can read the data";
            let is_local = matches!(credentials.host.as_str(), "localhost" | "127.0.0.1" | "::1");
            return Ok(match is_local {
                true => Finding::fine(NAME, "none, on this machine only"),
                false => Finding::warning(NAME, text, "give the server a certificate and set `ssl_mode: required`"),
            });
        }
        let mode = credentials.encryption.mode;
        let checked = match mode {
            Tls::VerifyIdentity => "certificate and name are checked",
            Tls::VerifyCa => "the certificate is checked, the name is not",
            _ => "the server's certificate is not checked",
        };
        Ok(Finding::fine(NAME, format!("{}, {checked} (`ssl_mode: {}`)", parts.join(", "), mode.as_str())))
    }

    fn privileges(&mut self, grants: &Grants, needs: &Needs) -> DbResult<Vec<Finding>> {
        let user = self.row("select current_user()")?.into_iter().next().unwrap_or_default();
        let statement = |missing: &Missing| {
            let mut sql = format!("grant {} on ", missing.privileges.join(", "));
            push_quoted(&mut sql, &missing.schema, '`');
            let (name, host) = user.rsplit_once('@').unwrap_or((&user, "%"));
            format!("{sql}.* to {}@{}", quoted(name), quoted(host))
        };
        let writes = needs.writes.iter().filter_map(|schema| grants.missing_to_write(schema));
        let reads = needs.reads.iter().filter_map(|schema| grants.missing_to_read(schema));
        let missing: Vec<Missing> = writes.chain(reads).collect();
        let mut findings = Vec::new();
        if missing.is_empty() {
            let schemas = needs.writes.len() + needs.reads.len();
            let what = if schemas == 1 { "its schema".to_owned() } else { format!("{schemas} schemas") };
            findings.push(Finding::fine("privileges", format!("{user} may do what is needed in {what}")));
        } else {
            let list = |missing: &Missing| format!("{} on `{}`", missing.privileges.join(", "), missing.schema);
            let text = missing.iter().map(list).collect::<Vec<_>>().join("; ");
            let help = missing.iter().map(statement).collect::<Vec<_>>().join("; ");
            findings.push(Finding::wrong("privileges", format!("{user} lacks {text}"), help));
        }
        // What only some projects need is told only where the rest is well, and once, for the target's own schema.
        if missing.is_empty()
            && let Some(schema) = needs.writes.first()
        {
            for (missing, what) in grants.missing_for_some(schema) {
                let text = format!("{user} lacks {} for {what}", missing.privileges.join(", "));
                let help = format!("if the project has {what}: {}", statement(&missing));
                findings.push(Finding::warning("privileges", text, help));
            }
        }
        Ok(findings)
    }

    fn collations(&mut self, variables: &Variables, needs: &Needs) -> DbResult<Finding> {
        const NAME: &str = "collations";
        let list = |names: &[String]| names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
        let all: Vec<String> = needs.writes.iter().chain(&needs.reads).cloned().collect();
        // Only those of texts that are compared with others: names in ASCII and the like are the servers' own.
        let found = self.rows(&format!(
            "select collation_name, count(*) from information_schema.columns where table_schema in ({}) \
             and collation_name is not null and data_type not in ('enum', 'set') \
             and not (data_type = 'longtext' and collation_name = 'utf8mb4_bin') \
             group by collation_name order by count(*) desc, collation_name",
            list(&all)
        ))?;
        let found: Vec<(String, String)> =
            found.rows.iter().filter_map(|row| Some((text(row.first()?)?, shown(row.get(1)?)))).collect();
        let schema = self
            .row(&format!(
                "select default_collation_name from information_schema.schemata where schema_name in ({})",
                list(&needs.writes[..needs.writes.len().min(1)])
            ))?
            .into_iter()
            .next();
        let connection = variables.shown("collation_connection");
        let mut shown = format!("connection {connection}, server {}", variables.shown("collation_server"));
        if let Some(schema) = &schema {
            shown.push_str(&format!(", schema {schema}"));
        }
        let columns: Vec<String> = found.iter().map(|(name, count)| format!("{name} ({count})")).collect();
        if !columns.is_empty() {
            shown.push_str(&format!(", columns {}", columns.join(", ")));
        }
        let charset = connection.split('_').next().unwrap_or_default();
        if matches!(charset, "latin1" | "utf8" | "utf8mb3" | "ascii") {
            let help = format!("`charset: utf8mb4` in the profile: `{charset}` does not hold every character");
            return Ok(Finding::warning(NAME, shown, help));
        }
        let most = found.first().map(|(name, _)| name.as_str());
        Ok(match (most, &schema) {
            (Some(most), _) if found.len() > 1 => Finding::warning(
                NAME,
                shown,
                format!(
                    "joins of texts with different collations fail (1267): `alter table … convert to character set {} collate {most}` \
                     for the fewer, and `collation: {most}` in the profile",
                    most.split('_').next().unwrap_or_default()
                ),
            ),
            (Some(most), _) if most != connection => Finding::warning(
                NAME,
                shown,
                format!(
                    "`collation: {most}` in the profile: texts that a model makes would not compare with the tables'"
                ),
            ),
            (None, Some(schema)) if schema != connection => Finding::warning(
                NAME,
                shown,
                format!("`collation: {schema}` in the profile, or `alter database … collate {connection}`"),
            ),
            _ => Finding::fine(NAME, shown),
        })
    }

    /// Whether this server follows another, and how far behind it is. Not knowing is not a fault.
    fn replication(&mut self) -> Finding {
        const NAME: &str = "replication";
        // MariaDB knows one statement for all sources; MySQL changed the words of its own.
        let asked = ["show all slaves status", "show replica status", "show slave status"]
            .iter()
            .find_map(|sql| self.rows(sql).ok());
        let Some(status) = asked else {
            return Finding::fine(NAME, "not known: the user may not ask (`replication client`)");
        };
        let Some(row) = status.rows.first() else { return Finding::fine(NAME, "follows no other server") };
        let field = |names: [&str; 2]| {
            let at = status.columns.iter().position(|column| names.contains(&column.name.as_str()))?;
            row.get(at).map(shown)
        };
        let running = [["Slave_IO_Running", "Replica_IO_Running"], ["Slave_SQL_Running", "Replica_SQL_Running"]]
            .map(|names| field(names).is_some_and(|state| state == "Yes"));
        let lag = field(["Seconds_Behind_Master", "Seconds_Behind_Source"]).and_then(|lag| lag.parse::<u64>().ok());
        match (running, lag) {
            ([true, true], Some(lag)) if lag <= LAG_SECONDS => {
                Finding::fine(NAME, format!("a replica, {lag} s behind its source"))
            }
            ([true, true], lag) => {
                let lag = lag.map_or("an unknown time".to_owned(), |lag| format!("{lag} s"));
                let help = "what is read here is old: wait, or take the source as the target";
                Finding::warning(NAME, format!("a replica, {lag} behind its source"), help)
            }
            _ => {
                let error = field(["Last_SQL_Error", "Last_Error"]).filter(|error| !error.is_empty());
                let error = error.map(|error| format!(": {error}")).unwrap_or_default();
                let help = "mend the replica (`show replica status`), or take the source as the target";
                Finding::warning(NAME, format!("a replica that has stopped{error}"), help)
            }
        }
    }

    fn clock(&mut self, variables: &Variables) -> DbResult<Finding> {
        const NAME: &str = "clock";
        let before = Utc::now().naive_utc();
        let theirs = self.row("select date_format(utc_timestamp(6), '%Y-%m-%d %H:%i:%s.%f')")?;
        let after = Utc::now().naive_utc();
        let ours = before + (after - before) / 2;
        let parsed = theirs.first().and_then(|text| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok());
        let zone = match variables.shown("time_zone") {
            "SYSTEM" => format!("zone of the system ({})", variables.shown("system_time_zone")),
            zone => format!("zone {zone}"),
        };
        let Some(theirs) = parsed else { return Ok(Finding::fine(NAME, zone)) };
        let skew = theirs - ours;
        let seconds = skew.as_seconds_f64();
        Ok(if skew.num_seconds().abs() < SKEW_SECONDS {
            Finding::fine(NAME, format!("{:.1} s from ours, {zone}", seconds.abs()))
        } else {
            let direction = if seconds > 0.0 { "ahead of" } else { "behind" };
            let text = format!("the server is {:.0} s {direction} this machine, {zone}", seconds.abs());
            Finding::warning(NAME, text, "set both by NTP: freshness, snapshots and microbatches compare the two")
        })
    }
}

fn shown(cell: &Cell) -> String {
    cell.to_text().unwrap_or_default().into_owned()
}
