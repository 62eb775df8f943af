//! Names and members that templates see, each looked up by a template of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater::diag::SourceFile;
use headwater::jinja::{Context, Engine, Mode, Namespace, Template};
use serde_json::Value;

use super::probe::Probe;
use super::{Answer, Section, strings};

pub fn sections(dbt: &Value) -> Vec<Section> {
    let mut sections = contexts(dbt);
    sections.extend(members(dbt));
    sections.extend(language(dbt));
    sections
}

/// `{name: whether it is defined}` as a text that Jinja renders.
fn defined(names: &[&str]) -> String {
    let entries: Vec<String> = names.iter().map(|name| format!("{name}={{{{ {name} is defined }}}}")).collect();
    entries.join(";")
}

fn read(text: &str) -> BTreeMap<String, bool> {
    let entries = text.split(';').filter_map(|entry| entry.trim().split_once('='));
    entries.map(|(name, known)| (name.trim().to_owned(), known.trim() == "True")).collect()
}

/// Each name where dbt has it: in the project's files, while nodes are parsed, while they run, and in hooks.
fn contexts(dbt: &Value) -> Vec<Section> {
    let of = |place: &str| strings(&dbt["contexts"][place]);
    let (base, target) = (of("everywhere"), of("in every file of the project"));
    let (nodes, end) = (of("in nodes, macros and hooks"), of("in on-run-end"));
    let early: Vec<&str> = base.iter().chain(&target).copied().collect();
    let late: Vec<&str> = early.iter().chain(&nodes).copied().collect();
    let at_end: Vec<&str> = late.iter().chain(&end).copied().filter(|name| *name != "this").collect();
    let probe = Probe::new(&format!(
        "models:\n  probe:\n    +meta: {{project: \"{}\"}}\non-run-end: \"-- end {}\"\n",
        defined(&early),
        defined(&at_end)
    ));
    // A name that has no value for a node (`sql` before it is compiled) is known all the same while the node runs.
    probe.file(
        "models/node.sql",
        &format!(
            "{{{{ config(materialized='probing') }}}}{{% if not execute %}}{{% set seen %}}{}{{% endset %}}\
             {{{{ config(meta={{'parse': seen}}) }}}}{{% endif %}}select 1 as id",
            defined(&late)
        ),
    );
    probe.file(
        "macros/probing.sql",
        &format!(
            "{{% materialization probing, default %}}{{% call statement('main') %}}select 'run {}'{{% endcall %}}\
             {{{{ return({{'relations': []}}) }}}}{{% endmaterialization %}}",
            defined(&late)
        ),
    );
    probe.file(
        "models/node.yml",
        &format!("models: [{{name: node, config: {{meta: {{yaml: \"{}\"}}}}}}]", defined(&early)),
    );
    probe.done(&["run"]);
    let manifest = probe.json("target/manifest.json");
    let meta = &manifest["nodes"]["model.probe.node"]["config"]["meta"];
    let text = |key: &str| read(meta[key].as_str().unwrap_or_else(|| panic!("no {key} in {meta}")));
    let statements = probe.statements();
    let sent = |start: &str| {
        let found = statements.iter().find_map(|sql| sql.split_once(start)).unwrap_or_else(|| panic!("no {start}"));
        read(found.1.trim_end_matches('\''))
    };
    let seen = [
        ("dbt_project.yml", text("project")),
        ("properties files", text("yaml")),
        ("nodes while they are parsed", text("parse")),
        ("nodes while they run", sent("select 'run ")),
        ("on-run-end", sent("-- end ")),
    ];
    let mut sections = Vec::new();
    for (title, names, places) in [
        ("Jinja: names everywhere", base, &seen[..]),
        ("Jinja: names in every file of a project", target, &seen[..]),
        ("Jinja: names in nodes, macros and hooks", nodes, &seen[2..]),
        ("Jinja: names in on-run-end", end, &seen[4..]),
    ] {
        let mut section = Section::new(title, "");
        for name in names {
            // `this` is no name of on-run-end.
            let lacking: Vec<&str> =
                places.iter().filter(|(_, seen)| seen.get(name) == Some(&false)).map(|(place, _)| *place).collect();
            let answer = match lacking.as_slice() {
                [] => Answer::Supported,
                lacking => Answer::Missing(format!("(not in {})", lacking.join(", "))),
            };
            section.row(name, answer);
        }
        sections.push(section);
    }
    sections
}

/// How a template gets an object of each kind; of some both a value and its class have the members.
fn objects(kind: &str) -> &'static [&'static str] {
    match kind {
        "adapter" => &["adapter"],
        "config" => &["config"],
        "Relation" => &["api.Relation.create(database='d', schema='s', identifier='i', type='table')", "api.Relation"],
        "Column" => &["api.Column('a', 'integer')", "api.Column"],
        "response" => &["load_result('probe').response"],
        "exceptions" => &["exceptions"],
        _ => panic!("an object that nobody knows: {kind}"),
    }
}

/// A member that no object has.
const NOWHERE: &str = "no_such_member";

/// Each member in a model of its own: it is there if it is defined, or if calling it fails for another reason.
fn members(dbt: &Value) -> Vec<Section> {
    let probe = Probe::new("");
    let ask = "{% call statement('probe', fetch_result=True) %}select 1{% endcall %}";
    let mut found: Vec<(&str, &str, Vec<String>)> = Vec::new();
    for (kind, members) in dbt["members"].as_object().into_iter().flatten() {
        // The last one is there to be missed.
        for member in strings(members).into_iter().chain([NOWHERE]) {
            let mut names = Vec::new();
            for (at, object) in objects(kind).iter().enumerate() {
                let name = format!("m_{}_{at}", found.len());
                let before = if kind == "response" { ask } else { "" };
                let text = format!(
                    "{{% if execute %}}{before}{{% set o = {object} %}}{{% if o.{member} is not defined %}}\
                     {{% do o.{member}() %}}{{% endif %}}{{% endif %}}select 1 as id"
                );
                probe.file(&format!("models/{name}.sql"), &text);
                names.push(name);
            }
            found.push((kind, member, names));
        }
    }
    let ran = probe.ran(&["run"]);
    let results = probe.json("target/run_results.json");
    let results: BTreeMap<&str, &Value> = results["results"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|result| Some((result["unique_id"].as_str()?, result)))
        .collect();
    let answer = |name: &String, member: &str| {
        let id = format!("model.probe.{name}");
        let result = results.get(id.as_str()).unwrap_or_else(|| panic!("{id} has no result: {}", ran.stderr));
        let message = result["message"].as_str().unwrap_or_default();
        match result["status"] == "error" {
            true if message.contains("not supported") => {
                Answer::Refused(message.lines().next().unwrap_or_default().to_owned())
            }
            true if message.contains(&format!("has no attribute '{member}'")) => Answer::missing(),
            _ => Answer::Supported,
        }
    };
    let mut sections: Vec<Section> = Vec::new();
    for (kind, member, names) in found {
        let object = if kind == "response" { "a statement's response" } else { kind };
        let title = format!("Jinja: members of {object}");
        if sections.last().is_none_or(|section| section.title != title) {
            sections.push(Section::new(title, ""));
        }
        let answers: Vec<Answer> = names.iter().map(|name| answer(name, member)).collect();
        let known = answers.iter().find(|answer| !matches!(answer, Answer::Missing(_)));
        let answer = known.cloned().unwrap_or_else(Answer::missing);
        if member == NOWHERE {
            assert_eq!(answer, Answer::missing(), "{kind} has a member that it cannot have");
        } else if let Some(section) = sections.last_mut() {
            section.row(member, answer);
        }
    }
    sections
}

/// Filters, tests and functions of the language itself.
fn language(dbt: &Value) -> Vec<Section> {
    let engine = Engine::new();
    let context = Arc::new(Context::new(Namespace::empty(), Mode::Execute));
    let problem = |text: &str| {
        let file = SourceFile::new("probe.sql", text);
        let template = match Template::compile(&file, 0..text.len()) {
            Ok(template) => template,
            Err(problem) => return problem.message,
        };
        engine.render(&template, &context).err().map_or_else(String::new, |error| error.diagnostic().message)
    };
    let mut filters = Section::new("Jinja: filters", "");
    for name in strings(&dbt["filters"]) {
        let text = problem(&format!("{{{{ 'a' | {name} }}}}"));
        filters.row(name, Answer::when(!text.starts_with("there is no")));
    }
    let mut tests = Section::new("Jinja: tests", "");
    for name in strings(&dbt["jinja tests"]) {
        // Operators are tests for `select` and `reject` only.
        let text = problem(&format!("{{{{ [1] | select('{name}', 1) | list }}}}"));
        tests.row(name, Answer::when(!text.starts_with("there is no")));
    }
    let mut functions = Section::new("Jinja: functions", "");
    for name in strings(&dbt["jinja functions"]) {
        functions.row(name, Answer::when(problem(&format!("{{{{ {name}() }}}}")) != format!("`{name}` is undefined")));
    }
    vec![filters, tests, functions]
}
