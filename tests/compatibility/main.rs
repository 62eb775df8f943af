//! docs/compatibility.md: every name that dbt offers (dbt.json), and what becomes of it here. Our side is asked of the
//! real thing: commands are run, templates rendered, projects parsed, with a scripted database.
//!
//! `HEADWATER_UPDATE_DOCS=1 cargo test --features python --test compatibility` writes the page, and takes reasons out of
//! differences.json that nothing needs any more.

#![allow(clippy::expect_used, clippy::panic)]

mod artifacts;
mod command_line;
mod jinja;
mod macros;
mod page;
mod probe;
mod project;

use std::collections::BTreeMap;

use serde_json::Value;

/// What becomes of a name.
#[derive(Debug, Clone, PartialEq)]
enum Answer {
    Supported,
    /// An error says so; its words.
    Refused(String),
    /// How.
    Different(String),
    /// Nothing here knows it.
    Missing(String),
}

impl Answer {
    fn missing() -> Self {
        Self::Missing(String::new())
    }

    fn when(known: bool) -> Self {
        if known { Self::Supported } else { Self::missing() }
    }
}

/// A part of the page: names with their answers.
struct Section {
    title: String,
    intro: &'static str,
    /// The headings of what stands between the name and the answer.
    columns: &'static [&'static str],
    rows: Vec<Row>,
}

struct Row {
    name: String,
    cells: Vec<String>,
    answer: Answer,
}

impl Section {
    fn new(title: impl Into<String>, intro: &'static str) -> Self {
        Self { title: title.into(), intro, columns: &[], rows: Vec::new() }
    }

    fn row(&mut self, name: impl Into<String>, answer: Answer) {
        self.rows.push(Row { name: name.into(), cells: Vec::new(), answer });
    }
}

/// The strings of a list.
fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// dbt.json
fn dbt() -> Value {
    serde_json::from_str(include_str!("dbt.json")).expect("dbt.json is JSON")
}

/// differences.json: what differs, in our words, by section and name; `*` ends a name that stands for several. `absent`
/// are names that nothing here knows, `changed` such that exist and do something else.
struct Differences {
    absent: Reasons,
    changed: Reasons,
}

type Reasons = BTreeMap<String, BTreeMap<String, Reason>>;

struct Reason {
    why: String,
    used: bool,
}

impl Differences {
    fn read() -> Self {
        let mut value: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>> =
            serde_json::from_str(include_str!("differences.json")).expect("differences.json is JSON");
        let reason = |(name, why): (String, String)| (name, Reason { why, used: false });
        let mut take = |key| -> Reasons {
            let sections = value.remove(key).unwrap_or_default().into_iter();
            sections.map(|(title, of)| (title, of.into_iter().map(reason).collect())).collect()
        };
        Self { absent: take("absent"), changed: take("changed") }
    }

    /// The reason for a name: its own, else the longest that ends in `*` and covers it.
    fn find<'a>(reasons: &'a mut Reasons, section: &str, name: &str) -> Option<&'a mut Reason> {
        let of = reasons.get_mut(section)?;
        let covers = |key: &String| key == name || key.strip_suffix('*').is_some_and(|start| name.starts_with(start));
        let longest = of.iter_mut().filter(|(key, _)| covers(key));
        longest.max_by_key(|(key, _)| (*key == name, key.len())).map(|(_, reason)| reason)
    }

    /// Lays the reasons over what was found; gives what nobody has explained.
    fn apply(&mut self, sections: &mut [Section]) -> Vec<String> {
        let mut problems = Vec::new();
        for section in sections {
            for row in &mut section.rows {
                let reasons = match row.answer {
                    Answer::Missing(_) => &mut self.absent,
                    Answer::Supported => &mut self.changed,
                    Answer::Refused(_) | Answer::Different(_) => continue,
                };
                let reason = Self::find(reasons, &section.title, &row.name);
                match (&row.answer, reason) {
                    (_, Some(reason)) => {
                        reason.used = true;
                        row.answer = Answer::Different(reason.why.clone());
                    }
                    (Answer::Missing(what), None) => problems.push(format!(
                        "{}: `{}` of dbt is neither supported nor refused, and nothing says why {what}",
                        section.title, row.name
                    )),
                    _ => {}
                }
            }
        }
        problems
    }

    /// Reasons that nothing needs any more.
    fn idle(&self) -> Vec<String> {
        let all = self.absent.iter().chain(&self.changed);
        let idle = all.flat_map(|(title, reasons)| {
            reasons.iter().filter(|(_, reason)| !reason.used).map(move |(name, _)| (title, name))
        });
        idle.map(|(title, name)| format!("differences.json explains `{name}` of `{title}`, which needs no explanation"))
            .collect()
    }

    /// Writes those that are needed.
    fn write(&self) {
        let needed = |reasons: &Reasons| -> BTreeMap<String, BTreeMap<String, String>> {
            let section = |of: &BTreeMap<String, Reason>| -> BTreeMap<String, String> {
                let used = of.iter().filter(|(_, reason)| reason.used);
                used.map(|(name, reason)| (name.clone(), reason.why.clone())).collect()
            };
            let sections = reasons.iter().map(|(title, of)| (title.clone(), section(of)));
            sections.filter(|(_, of)| !of.is_empty()).collect()
        };
        let all = BTreeMap::from([("absent", needed(&self.absent)), ("changed", needed(&self.changed))]);
        let text = serde_json::to_string_pretty(&all).expect("texts are JSON");
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/compatibility/differences.json"), text + "\n")
            .expect("writes the reasons");
    }
}

#[test]
fn the_page_says_what_becomes_of_every_name_of_dbt() {
    let dbt = dbt();
    let parts = [command_line::sections, project::sections, jinja::sections, macros::sections, artifacts::sections];
    let mut sections: Vec<Section> = std::thread::scope(|scope| {
        let started = parts.map(|part| {
            let dbt = &dbt;
            scope.spawn(move || part(dbt))
        });
        started.into_iter().flat_map(|part| part.join().expect("a part of the page")).collect()
    });
    let mut differences = Differences::read();
    let mut problems = differences.apply(&mut sections);
    let page = page::page(&dbt, &sections);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/compatibility.md");
    if std::env::var_os("HEADWATER_UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).expect("writes the page");
        differences.write();
    } else {
        problems.extend(differences.idle());
    }
    assert!(
        problems.is_empty(),
        "{}\n{} problems; write the reasons into tests/compatibility/differences.json",
        problems.join("\n"),
        problems.len()
    );
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let same = written == page;
    assert!(same, "docs/compatibility.md is out of date: run it again with HEADWATER_UPDATE_DOCS=1");
}

#[test]
fn warnings_are_known_by_the_names_of_dbts_events() {
    let dbt = dbt();
    let events = dbt["events"].as_object().into_iter().flat_map(|parts| parts.values());
    let mut names: Vec<&str> = events
        .flat_map(|events| events.as_array().into_iter().flatten())
        .filter_map(|event| event.as_str()?.split(' ').nth(1))
        .collect();
    names.sort_unstable();
    names.dedup();
    let known: Vec<&str> = include_str!("../../src/engine/event_names.txt").lines().collect();
    assert_eq!(known, names, "src/engine/event_names.txt holds the names of tests/compatibility/dbt.json");
}
