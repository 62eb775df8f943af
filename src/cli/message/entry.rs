//! What rooms below write into the log: messages of templates, statements, the relation cache.

use serde_json::{Value, json};

use super::kind::*;
use super::text::{Paint, Text};
use super::{Head, NodeState, thread_name};
use crate::cli::hub::Hub;
use crate::diag::log::{Detail, Key, LogEntry};

pub(crate) fn tell(hub: &Hub, entry: &LogEntry<'_>) {
    let kind = Kind::named(entry.event);
    let current = std::thread::current();
    let head = Head::new(kind).level(entry.level).thread(thread_name(entry.thread.or(current.name())));
    let data = || {
        let mut data = data(entry);
        // dbt's print and its events of the cache know no node.
        let knows_nodes = !kind.is_payload() && !matches!(entry.detail, Detail::Cached { .. } | Detail::Listed { .. });
        let state = entry.node.filter(|_| knows_nodes).and_then(|id| hub.state(id));
        if let Some(info) = state.as_ref().map(NodeState::info) {
            data["node_info"] = info;
        }
        data
    };
    hub.say(head, || text(entry, hub.width), &data);
}

fn text(entry: &LogEntry<'_>, width: usize) -> Text {
    let text = entry.text;
    match entry.detail {
        Detail::Message => text.into(),
        Detail::Connection { kind } => match entry.event {
            "NewConnection" => format!("Acquiring new {kind} connection '{text}'").into(),
            "ConnectionUsed" => format!("Using {kind} connection \"{text}\"").into(),
            "SQLCommit" => format!("On {text}: COMMIT").into(),
            "Rollback" => format!("On {text}: ROLLBACK").into(),
            _ => Text::filled(format!("CANCEL query {text} "), width, ("CANCEL", Paint::Red), None),
        },
        Detail::Statement { connection } => format!("On {connection}: {text}").into(),
        Detail::Answer { seconds } => format!("SQL status: {text} in {seconds:.3} seconds").into(),
        Detail::Failure { kind } => format!("{kind} adapter: {text}").into(),
        Detail::Listed { schema, names } => {
            let (database, schema) = (schema.database, schema.schema);
            let names = names.join(", ");
            format!("While listing relations in database={database}, schema={schema}, found: {names}").into()
        }
        Detail::Cached { relation, other } => cached(text, relation, other).into(),
    }
}

fn cached(action: &str, relation: Key<'_>, other: Option<Key<'_>>) -> String {
    let shown =
        |key: Key<'_>| format!("(database={}, schema={}, identifier={})", key.database, key.schema, key.identifier);
    let relation = shown(relation);
    match (action, other) {
        ("add_relation", _) => format!("adding relation: {relation}"),
        ("rename_relation", Some(other)) => format!("Renaming relation {relation} to {}", shown(other)),
        _ => format!("Dropping relation: {relation}"),
    }
}

fn data(entry: &LogEntry<'_>) -> Value {
    let text = entry.text;
    match entry.detail {
        Detail::Message => message(entry.event, text),
        Detail::Connection { kind } if matches!(entry.event, "NewConnection" | "ConnectionUsed") => {
            json!({"conn_name": text, "conn_type": kind})
        }
        Detail::Connection { .. } => json!({"conn_name": text}),
        Detail::Statement { connection } => json!({"conn_name": connection, "sql": text}),
        Detail::Answer { seconds } => json!({"elapsed": seconds, "query_id": "", "status": text}),
        Detail::Failure { kind } => json!({"args": [], "base_msg": text, "name": kind}),
        Detail::Listed { schema, names } => {
            let relations = names.iter().map(|name| key(Key { identifier: name, ..schema }));
            let relations: Vec<Value> = relations.collect();
            json!({"database": schema.database, "relations": relations, "schema": schema.schema})
        }
        Detail::Cached { relation, other } => {
            let mut data = json!({"action": text, "ref_key": key(relation), "ref_list": []});
            if let Some(other) = other {
                data["ref_key_2"] = key(other);
            }
            data
        }
    }
}

/// Events whose text is a phrase with one of dbt's fields behind it; none: dbt has no field.
const PHRASES: &[(&str, &str, Option<&str>)] = &[
    ("UnableToPartialParse", "Unable to do partial parsing because ", Some("reason")),
    ("DepsNoPackagesFound", "", None),
    ("DepsStartPackageInstall", "Installing ", Some("package_name")),
    ("DepsInstallInfo", "Installed from ", Some("version_name")),
    ("DepsUpdateAvailable", "Updated version available: ", Some("version_latest")),
    ("DepsUpToDate", "", None),
    ("DepsListSubdirectory", "and subdirectory ", Some("subdirectory")),
    ("DepsLockUpdating", "Updating lock file in file path: ", Some("lock_filepath")),
];

fn message(event: &str, text: &str) -> Value {
    match event {
        "PartialParsingEnabled" => return counts(text),
        "PartialParsingFile" => {
            let (operation, file) =
                text.trim_start_matches("Partial parsing: ").split_once(" file: ").unwrap_or_default();
            return json!({"file_id": file, "operation": operation});
        }
        _ => {}
    }
    match PHRASES.iter().find(|(name, ..)| *name == event) {
        Some((_, phrase, Some(field))) => json!({*field: text.strip_prefix(phrase).unwrap_or(text)}),
        Some((.., None)) => json!({}),
        None => json!({"msg": text}),
    }
}

/// How many files a parse finds deleted, added and changed.
fn counts(text: &str) -> Value {
    let mut numbers = text.split(' ').filter_map(|word| word.parse::<u64>().ok());
    let mut next = || numbers.next().unwrap_or_default();
    json!({"deleted": next(), "added": next(), "changed": next()})
}

fn key(key: Key<'_>) -> Value {
    json!({"database": key.database, "identifier": key.identifier, "schema": key.schema})
}
