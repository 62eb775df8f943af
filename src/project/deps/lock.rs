//! package-lock.yml, as dbt writes it: either program honours the other's.

use serde_json::{Map, Value, json};
use sha1::{Digest, Sha1};

use super::Found;
use crate::diag::{self, Code, Diagnostic};
use crate::project::packages::{LOCK_FILE, Requested, Source};
use crate::project::{ProjectOnly, files};
use crate::yaml;

/// Writes the resolved packages and the hash of what was asked for.
pub(super) fn write(project: &ProjectOnly, hash: &str, found: &[Found]) -> diag::Result<()> {
    let mut text = String::from(if found.is_empty() { "packages: []\n" } else { "packages:\n" });
    for package in found {
        let mut entry = package.entry.clone();
        entry.insert("name".to_owned(), package.name.clone().into());
        // A list whose items are indented, and sorted keys.
        let lines = yaml::emit(&Value::Array(vec![Value::Object(entry)]), true);
        lines.lines().for_each(|line| text.push_str(&format!("  {line}\n")));
    }
    text.push_str(&yaml::emit(&json!({"sha1_hash": hash}), true));
    let path = project.root.join(LOCK_FILE);
    let fresh = project.root.join(format!("{LOCK_FILE}.{}", std::process::id()));
    let written = std::fs::write(&fresh, text).and_then(|()| std::fs::rename(&fresh, path));
    written.map_err(|error| {
        // There may be none.
        let _ = std::fs::remove_file(&fresh);
        Diagnostic::error(Code::File, format!("cannot write `{LOCK_FILE}`: {}", files::reason(&error))).boxed()
    })
}

/// dbt's hash: SHA-1 of the entries as JSON with sorted keys, sorted, one a line.
pub(super) fn hash(requested: &[Requested]) -> String {
    let mut entries: Vec<String> =
        requested.iter().map(|request| python_json(&Value::Object(entry(request)))).collect();
    entries.sort();
    Sha1::digest(entries.join("\n")).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An entry with the keys that dbt's class for its kind has; what is not written is null, or the default.
fn entry(request: &Requested) -> Map<String, Value> {
    let keys: &[&str] = match &request.source {
        Source::Local(_) => &["local"],
        Source::Tarball { .. } => &["tarball"],
        Source::Hub { .. } => &["package", "version", "install_prerelease"],
        Source::Git { private: None, .. } => &["git", "revision", "warn-unpinned", "subdirectory"],
        Source::Git { .. } | Source::Private { .. } => {
            &["private", "provider", "revision", "warn-unpinned", "subdirectory"]
        }
    };
    let value = |key: &&str| {
        let default = if *key == "install_prerelease" { Value::Bool(false) } else { Value::Null };
        ((*key).to_owned(), request.rendered.get(*key).cloned().unwrap_or(default))
    };
    let mut entry: Map<String, Value> = keys.iter().map(value).collect();
    entry.insert("unrendered".to_owned(), json!(request.written));
    if let Some(name) = request.rendered.get("name").filter(|name| !name.is_null()) {
        entry.insert("name".to_owned(), name.clone());
    }
    entry
}

/// `json.dumps(value, sort_keys=True)`.
fn python_json(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            let entries: Vec<String> =
                entries.into_iter().map(|(key, value)| format!("{}: {}", ascii(key), python_json(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(python_json).collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => ascii(text),
        value => value.to_string(),
    }
}

/// A JSON string with everything beyond ASCII escaped.
fn ascii(text: &str) -> String {
    let mut out = String::new();
    for c in Value::from(text).to_string().chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        }
    }
    out
}
