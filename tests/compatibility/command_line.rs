//! Commands, and flags with their environment variables.

use std::collections::BTreeMap;

use headwater::diag::Code;
use serde_json::Value;

use super::probe::{Probe, Ran};
use super::{Answer, Row, Section, strings};

/// A value that each flag takes which does not take every text.
const VALUES: &[(&str, &str)] = &[
    ("--add-package", "dbt-labs/dbt_utils@1.3.0"),
    ("--add-package", "acme/kit@1.0.0"),
    ("--args", "{a: 1}"),
    ("--event-time-end", "2025-02-01"),
    ("--event-time-start", "2025-01-01"),
    ("--exclude-resource-types", "model"),
    ("--indirect-selection", "eager"),
    ("--limit", "5"),
    ("--maximum-seed-size-mib", "1"),
    ("--log-file-max-bytes", "1000"),
    ("--log-format", "text"),
    ("--log-format-file", "text"),
    ("--log-level", "info"),
    ("--log-level-file", "info"),
    ("--output", "json"),
    ("--port", "8080"),
    ("--printer-width", "80"),
    ("--resource-types", "model"),
    ("--sample", "3 days"),
    ("--threads", "2"),
    ("--vars", "{a: 1}"),
    ("--warn-error-options", "{error: all}"),
];

/// What tells `show` what to show; without, it is told by `--inline`.
const SHOWN: &[&str] = &["--inline", "--inline-direct", "--select", "--selector"];

/// What a flag does not go without.
const TOGETHER: &[(&str, &[&str])] = &[
    ("--event-time-end", &["--event-time-start", "2025-01-01"]),
    ("--event-time-start", &["--event-time-end", "2025-02-01"]),
];

pub fn sections(dbt: &Value) -> Vec<Section> {
    vec![commands(dbt), flags(dbt)]
}

/// What a command line says to words that it may not know.
fn answer(ran: &Ran) -> Answer {
    let problem = ran.outcome.diagnostics.iter().find(|problem| problem.is_error());
    match problem.map(|problem| (problem.code, &problem.message)) {
        Some((Code::NotSupported, message)) => Answer::Refused(message.clone()),
        Some((Code::CommandLine, message)) => Answer::Missing(format!("({message})")),
        _ => Answer::Supported,
    }
}

fn commands(dbt: &Value) -> Section {
    let mut section = Section::new("Commands", "");
    let probe = Probe::empty();
    for command in strings(&dbt["commands"]) {
        let line: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        section.row(command, answer(&probe.ran(&line)));
    }
    section
}

/// What the help of a command says about a flag.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    about: String,
    idle: bool,
}

/// The entries of a command's help: a line begins with the flag, more lines are further to the right.
fn help(probe: &Probe, command: &str) -> BTreeMap<String, Told> {
    let line: Vec<&str> = command.split(' ').chain(["--help"]).collect();
    let mut told: BTreeMap<String, Told> = BTreeMap::new();
    let (mut last, mut idle) = (String::new(), false);
    for line in probe.ran(&line).stdout.lines() {
        idle |= line.starts_with("Accepted as dbt does");
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if indent < 10
            && text.starts_with('-')
            && let Some(at) = text.find("--")
        {
            let (name, about) = text[at..].split_once(' ').unwrap_or((&text[at..], ""));
            last = name.replace("--[no-]", "--");
            told.insert(last.clone(), Told { about: about.trim().to_owned(), idle });
        } else if let Some(entry) = told.get_mut(&last).filter(|_| indent >= 10) {
            entry.about = format!("{} {text}", entry.about).trim().to_owned();
        }
    }
    told
}

fn flags(dbt: &Value) -> Section {
    let mut section = Section::new(
        "Flags",
        "Where a flag is not the same for all of its commands, they are named. Every variable may also be written \
         `HEADWATER_X`, which comes first.",
    );
    section.columns = &["Environment", "Commands"];
    let probe = Probe::empty();
    let all = strings(&dbt["commands"]);
    let helps: BTreeMap<&str, _> = all.iter().map(|command| (*command, help(&probe, command))).collect();
    for (name, flag) in dbt["flags"].as_object().into_iter().flatten() {
        let on = if flag["commands"] == "all" { all.clone() } else { strings(&flag["commands"]) };
        let mut answers: Vec<(Answer, Vec<&str>)> = Vec::new();
        for command in &on {
            // A command that is refused refuses its flags with it.
            let of_command = helps[command].is_empty();
            let found = if of_command { continue } else { of_flag(&probe, command, name, flag, &helps[command]) };
            match answers.iter_mut().find(|(answer, _)| *answer == found) {
                Some((_, commands)) => commands.push(command),
                None => answers.push((found, vec![command])),
            }
        }
        let envs = strings(&flag["env"]);
        let single = answers.len() == 1;
        for (mut answer, commands) in answers {
            if answer == Answer::Supported {
                answer = environment(&helps[commands[0]], name, flag, &envs);
            }
            let shown = if single && flag["commands"] == "all" { "all".to_owned() } else { commands.join(", ") };
            let env = envs.iter().filter(|env| !env.starts_with("DBT_ENGINE_") || envs.len() == 1);
            let env: Vec<String> = env.map(|env| format!("`{env}`")).collect();
            section.rows.push(Row { name: name.clone(), cells: vec![env.join(", "), shown], answer });
        }
    }
    section
}

fn spellings<'a>(name: &'a str, flag: &'a Value) -> Vec<&'a str> {
    std::iter::once(name).chain(strings(&flag["also"])).collect()
}

/// Every spelling of a flag on one command.
fn of_flag(probe: &Probe, command: &str, name: &str, flag: &Value, help: &BTreeMap<String, Told>) -> Answer {
    let spellings = spellings(name, flag);
    if let Some(told) = spellings.iter().find_map(|name| help.get(*name)).filter(|told| told.idle) {
        let why = told.about.trim_start_matches("nothing").trim_start_matches([':', ',', ' ']);
        return Answer::Different(format!("accepted without effect: {why}"));
    }
    let value = VALUES.iter().find(|(known, _)| *known == name).map_or("x", |(_, value)| *value);
    let mut supported = false;
    let mut worst = Answer::Supported;
    for spelling in spellings {
        let mut line: Vec<&str> = command.split(' ').collect();
        line.extend(
            (command == "show" && !SHOWN.contains(&name)).then_some(["--inline", "select 1"]).into_iter().flatten(),
        );
        line.extend((command == "run-operation" && name != "--sql").then_some("some_macro"));
        line.push(spelling);
        line.extend(flag["value"].as_bool().unwrap_or_default().then_some(value));
        line.extend(TOGETHER.iter().filter(|(flag, _)| *flag == name).flat_map(|(_, more)| more.iter()));
        // What would do something in an empty folder only tells what it would do.
        line.extend((command == "init").then_some("--help"));
        match answer(&probe.ran(&line)) {
            Answer::Supported => supported = true,
            // `--no-x` of what is refused means what is so anyway.
            Answer::Missing(_) if matches!(worst, Answer::Refused(_)) => {}
            other => worst = other,
        }
    }
    match worst {
        // Some spellings are refused, such as `--no-x`: the flag itself is there.
        Answer::Refused(why) if supported => Answer::Different(format!("one of its forms is refused: {why}")),
        worst => worst,
    }
}

/// Whether the variables of a supported flag are those of dbt.
fn environment(help: &BTreeMap<String, Told>, name: &str, flag: &Value, envs: &[&str]) -> Answer {
    let about = spellings(name, flag).iter().find_map(|name| help.get(*name)).map_or("", |told| &told.about);
    let unknown = envs.iter().map(|env| env.replace("DBT_ENGINE_", "DBT_")).find(|env| {
        let words: Vec<&str> = about.split(|at: char| !at.is_ascii_uppercase() && at != '_').collect();
        !words.contains(&env.as_str())
    });
    match unknown {
        None => Answer::Supported,
        Some(env) => Answer::Missing(format!("(the variable {env})")),
    }
}
