//! `deps --add-package`: writes an entry into packages.yml. Comments and everything else stay as they are.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::Deps;
use crate::diag::{Code, Diagnostic, Result, SourceFile};
use crate::project::files;
use crate::yaml::{self, Node, Yaml};

/// Where an added package comes from (`--source`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    #[default]
    Hub,
    Git,
    Local,
}

/// What to add.
#[derive(Debug, Clone, PartialEq)]
pub struct Addition {
    /// `owner/name`, an address, or a folder.
    pub package: String,
    /// A version, ranges with commas between them, or a revision.
    pub version: Option<String>,
    pub origin: Origin,
}

/// A packages.yml that has been changed, and how to take that back.
pub struct Edited {
    path: PathBuf,
    /// None: there was no file.
    before: Option<String>,
}

impl Edited {
    /// Takes the change back: what was added cannot be had.
    pub fn undo(self) {
        // It is on disk for everybody to see and to mend.
        let _ = match self.before {
            Some(text) => std::fs::write(&self.path, text),
            None => std::fs::remove_file(&self.path),
        };
    }
}

impl Addition {
    fn entry(&self) -> Map<String, Value> {
        let (key, version_key) = match self.origin {
            Origin::Hub => ("package", "version"),
            Origin::Git => ("git", "revision"),
            Origin::Local => ("local", "version"),
        };
        let mut entry = Map::from_iter([(key.to_owned(), json!(self.package))]);
        if let Some(version) = self.version.as_deref().filter(|_| self.origin != Origin::Local) {
            let parts: Vec<&str> = version.split(',').map(str::trim).collect();
            let version = if parts.len() > 1 { json!(parts) } else { json!(version) };
            entry.insert(version_key.to_owned(), version);
        }
        entry
    }

    /// Whether an entry is about the same package: its last name stands in the address, with `-` for `_` or not.
    fn replaces(&self, item: &Node) -> bool {
        let kinds = ["package", "git", "local", "tarball", "private"];
        let Some(address) = kinds.iter().find_map(|kind| item.get(kind)?.as_str()) else { return false };
        let fold = |text: &str| text.replace('-', "_");
        let (address, own) = (fold(address), fold(self.package.rsplit('/').next().unwrap_or(&self.package)));
        let own = own.trim_end_matches(".git");
        let is_edge = |c: Option<char>| c.is_none_or(|c| matches!(c, '/' | '.'));
        !own.is_empty()
            && address.match_indices(own).any(|(at, found)| {
                is_edge(address[..at].chars().next_back()) && is_edge(address[at + found.len()..].chars().next())
            })
    }
}

impl Deps<'_> {
    /// Adds a package to packages.yml, or to dependencies.yml if the packages stand there. An entry about the same
    /// package is replaced.
    ///
    /// # Errors
    /// The file cannot be read, has another shape, or cannot be written.
    pub fn add(&self, addition: &Addition) -> std::result::Result<Edited, Vec<Diagnostic>> {
        self.try_add(addition).map_err(|problem| vec![*problem])
    }

    fn try_add(&self, addition: &Addition) -> Result<Edited> {
        let root = &self.project.root;
        let read = |name: &str| {
            let path = root.join(name);
            path.is_file().then(|| std::fs::read_to_string(&path)).transpose().map_err(|error| {
                Diagnostic::error(Code::File, format!("cannot read `{name}`: {}", files::reason(&error))).boxed()
            })
        };
        let dependencies = read("dependencies.yml")?;
        let has_packages = |text: &String| {
            let node = yaml::parse(&SourceFile::new("dependencies.yml", text.as_str()), &mut Vec::new());
            node.is_ok_and(|node| node.get("packages").is_some())
        };
        let (name, before) = match dependencies.filter(has_packages) {
            Some(text) => ("dependencies.yml", Some(text)),
            None => ("packages.yml", read("packages.yml")?),
        };
        let (text, removed) = edited(name, before.as_deref().unwrap_or_default(), addition)?;
        let path = root.join(name);
        std::fs::write(&path, text).map_err(|error| {
            Diagnostic::error(Code::File, format!("cannot write `{name}`: {}", files::reason(&error))).boxed()
        })?;
        if before.is_none() {
            self.tell("Formatting", "Created packages.yml");
        }
        for entry in removed {
            let text = format!("Found duplicate package in packages.yml, removing: {}", Value::Object(entry));
            self.tell("DepsFoundDuplicatePackage", &text);
        }
        let version = addition.version.as_deref().unwrap_or("None");
        let text = format!("Added new package {}@{version} to {}", addition.package, path.display());
        self.tell("DepsAddPackage", &text);
        Ok(Edited { path, before })
    }
}

/// The text with the entry, and the entries that it replaces.
fn edited(name: &str, text: &str, addition: &Addition) -> Result<(String, Vec<Map<String, Value>>)> {
    let file = SourceFile::new(name, text);
    let root = yaml::parse(&file, &mut Vec::new())?;
    let wrong = |what: &str| Diagnostic::error(Code::InvalidValue, format!("`{name}` {what}")).boxed();
    let packages = match &root.value {
        Yaml::Null => None,
        Yaml::Map(map) => map.entry("packages"),
        _ => return Err(wrong("is not a mapping")),
    };
    let indent = |spaces: usize, entry: Value| -> String {
        let lines = yaml::emit(&json!([entry]), false);
        lines.lines().map(|line| format!("{}{line}\n", " ".repeat(spaces))).collect()
    };
    let new = Value::Object(addition.entry());
    let Some((key, packages)) = packages else {
        let line_break = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        return Ok((format!("{text}{line_break}packages:\n{}", indent(2, new)), Vec::new()));
    };
    let items: &[Node] = match &packages.value {
        Yaml::Seq(items) => items,
        Yaml::Null => &[],
        _ => return Err(wrong("has `packages`, but it is not a list")),
    };
    let replaced: Vec<bool> = items.iter().map(|item| addition.replaces(item)).collect();
    let removed = items.iter().zip(&replaced).filter(|(_, gone)| **gone);
    let removed = removed.filter_map(|(item, _)| Some(item.as_map()?.to_json())).collect();
    let is_flow = text[packages.range.start as usize..].starts_with('[');
    if is_flow || items.is_empty() {
        // A list in brackets is written anew, one entry a line.
        let kept = items.iter().zip(&replaced).filter(|(_, gone)| !**gone).map(|(item, _)| item.to_json());
        let lines: String = kept.chain([new]).map(|entry| indent(2, entry)).collect();
        let start = key.range.end as usize;
        let colon = start + text[start..].find(':').map_or(0, |at| at + 1);
        let end = if is_flow { end_of_brackets(text, packages.range.start as usize) } else { colon };
        let rest = text[end..].strip_prefix('\n').unwrap_or(&text[end..]);
        return Ok((format!("{}\n{lines}{rest}", &text[..colon]), removed));
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let line_of = |item: &Node| file.line_column(item.range.start as usize).0 - 1;
    let dash = lines[line_of(&items[0])].find('-').unwrap_or(0);
    let own = indent(dash, new);
    let mut out = String::new();
    let mut next_line = 0;
    let mut is_written = false;
    for (at, item) in items.iter().enumerate() {
        let first = line_of(item);
        let end = end_of(&lines, first, dash);
        out.extend(lines[next_line..first].iter().copied());
        if !replaced[at] {
            out.extend(lines[first..end].iter().copied());
        } else if !is_written {
            out.push_str(&own);
            is_written = true;
        }
        next_line = end;
    }
    if !is_written {
        if !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(&own);
    }
    out.extend(lines[next_line..].iter().copied());
    Ok((out, removed))
}

/// Behind the `]` of the list that starts at `start`.
fn end_of_brackets(text: &str, start: usize) -> usize {
    let mut depth = 0;
    let mut quote = None;
    for (at, c) in text[start..].char_indices() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') if depth == 1 => return start + at + 1,
            (None, ']') => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

/// The line behind an item: its last line that stands further right than the dash.
fn end_of(lines: &[&str], first: usize, dash: usize) -> usize {
    let mut end = first + 1;
    for (at, line) in lines.iter().enumerate().skip(first + 1) {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        if content.trim().is_empty() || (content.starts_with('#') && indent <= dash) {
            continue;
        }
        if indent <= dash {
            break;
        }
        end = at + 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(text: &str, package: &str, version: &str) -> String {
        let version = Some(version.to_owned()).filter(|version| !version.is_empty());
        let origin = if package.contains("://") { Origin::Git } else { Origin::Hub };
        edited("packages.yml", text, &Addition { package: package.to_owned(), version, origin }).unwrap().0
    }

    #[test]
    fn comments_and_layout_stay() {
        let text = "\
# Ours.
packages:
    # Helpers.
    - package: dbt-labs/dbt_utils # everywhere
      version: 1.1.0

    - git: https://git.corp/kit.git
      revision: v1  # keep
    # The end.

vars_of_ours: 1
";
        assert_eq!(
            added(text, "calogica/dbt_date", ">=0.9.0,<1.0.0"),
            text.replace(
                "# keep\n",
                "# keep\n    - package: calogica/dbt_date\n      version:\n      - '>=0.9.0'\n      - <1.0.0\n"
            )
        );
        assert_eq!(
            added(text, "dbt-labs/dbt_utils", "1.3.0"),
            text.replace(
                "    - package: dbt-labs/dbt_utils # everywhere\n      version: 1.1.0\n",
                "    - package: dbt-labs/dbt_utils\n      version: 1.3.0\n"
            )
        );
        // From another source, and written with a dash: the same package.
        let replaced = added(text, "https://github.com/dbt-labs/dbt-utils.git", "1.3.0");
        assert!(
            !replaced.contains("1.1.0") && replaced.contains("dbt-utils.git\n      revision: 1.3.0\n"),
            "{replaced}"
        );
        assert!(added(text, "x/utils", "1.0.0").contains("1.1.0"));
    }

    #[test]
    fn files_without_entries() {
        let entry = "packages:\n  - package: a/b\n    version: 1.0.0\n";
        assert_eq!(added("", "a/b", "1.0.0"), entry);
        assert_eq!(added("packages: []\n", "a/b", "1.0.0"), entry);
        assert_eq!(added("packages:\n", "a/b", "1.0.0"), entry);
        assert_eq!(added("# x", "a/b", "1.0.0"), format!("# x\n{entry}"));
        assert_eq!(
            added("packages: [{package: a/b, version: 0.1.0}, {local: ../x}] # all\nother: 1\n", "a/b", "1.0.0"),
            "packages:\n  - local: ../x\n  - package: a/b\n    version: 1.0.0\n # all\nother: 1\n"
        );
        assert_eq!(
            added("packages:\n- local: ../x", "a/b", "1.0.0"),
            "packages:\n- local: ../x\n- package: a/b\n  version: 1.0.0\n"
        );
    }
}
