//! `debug`: checks, one by one, what every other command needs.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::call::{Call, Stage};
use super::{CommandResult, Done};
use crate::adapter::doctor::{Finding, Needs, Verdict};
use crate::adapter::{Adapter, Connection};
use crate::diag::{Code, Diagnostic};
use crate::manifest;
use crate::project::{DBT_VERSION, Project};

pub(super) fn debug(call: &mut Call<'_>) -> Stage<Done> {
    let mut report = Report::default();
    if call.options.config_dir {
        return Ok(config_dir(call));
    }
    if !call.options.connection {
        report.line("headwater", &format!("{} (speaks dbt {DBT_VERSION})", crate::VERSION));
        report.line("platform", &format!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
    }
    match call.load() {
        Ok((project, adapter)) => {
            if !call.options.connection {
                files(&mut report, &project);
                target(&mut report, &*adapter);
            }
            let session = connection(&mut report, &adapter);
            if let Some(mut session) = session.filter(|_| !call.options.connection) {
                examine(&mut report, call, &project, &*adapter, session.as_mut());
            }
        }
        Err(problems) => {
            let of_profile = problems.iter().any(|problem| problem.code == Code::ProfileNotFound);
            report.check(if of_profile { "profile" } else { "project" }, Err(problems));
            report.line("connection", "not tried");
        }
    }
    let healthy = report.problems.is_empty();
    report.text.push_str(if healthy { "\nAll checks passed\n" } else { "\nNot all checks passed\n" });
    call.warnings.extend(report.problems);
    Ok(Done::printing(CommandResult::Debug(healthy), report.text))
}

#[derive(Default)]
struct Report {
    text: String,
    problems: Vec<Diagnostic>,
}

impl Report {
    fn line(&mut self, name: &str, value: &str) {
        self.text.push_str(&format!("{:<16}{value}\n", format!("{name}:")));
    }

    /// What to do stands below, under the text that it is about.
    fn finding(&mut self, finding: Finding) {
        let Finding { name, verdict, text, help } = finding;
        let mark = match verdict {
            Verdict::Fine => "[OK]",
            Verdict::Warning => "[WARN]",
            Verdict::Wrong => "[ERROR]",
        };
        self.line(name, &format!("{text} {mark}"));
        if let Some(help) = &help {
            self.text.push_str(&format!("{:<16}help: {help}\n", ""));
        }
        if verdict == Verdict::Wrong {
            let problem = Diagnostic::error(Code::Database, format!("{name}: {text}"));
            self.problems.push(help.into_iter().fold(problem, Diagnostic::help));
        }
    }

    fn check(&mut self, name: &str, result: Result<String, Vec<Diagnostic>>) {
        match result {
            Ok(text) => self.line(name, &format!("{text} [OK]")),
            Err(problems) => {
                let first = problems.first().map_or("", |problem| problem.message.as_str());
                self.line(name, &format!("{first} [ERROR]"));
                self.problems.extend(problems);
            }
        }
    }
}

fn files(report: &mut Report, project: &Project) {
    report.check("project", Ok(format!("{} in {}", project.name, project.root.display())));
    let profile = &project.profile;
    let file = profile.span.as_ref().map(|span| format!(" of {}", span.file.path)).unwrap_or_default();
    report.check("profile", Ok(format!("{}, target {}{file}", profile.name, profile.target_name)));
}

fn target(report: &mut Report, adapter: &dyn Adapter) {
    report.line("adapter", adapter.kind());
    for (name, value) in adapter.visible_credentials() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        report.line(&format!("  {name}"), &text);
    }
}

fn connection(report: &mut Report, adapter: &Arc<dyn Adapter>) -> Option<Box<dyn Connection>> {
    let answer = adapter.connect("debug").and_then(|mut connection| {
        connection.execute("select 1", true)?;
        Ok(connection)
    });
    match answer {
        Ok(connection) => {
            let server = adapter.capabilities();
            let text = format!("{} {}", server.product, server.version).trim().to_owned();
            report.check("connection", Ok(text));
            Some(connection)
        }
        Err(error) => {
            let text = format!("the database cannot be reached: {}", error.message);
            let problem = Diagnostic::error(Code::Connection, text);
            let problem = error.help.into_iter().fold(problem, Diagnostic::help);
            report.check("connection", Err(vec![problem]));
            None
        }
    }
}

/// Everything else that runs depend on. Warnings do not fail the command.
fn examine(
    report: &mut Report,
    call: &Call<'_>,
    project: &Arc<Project>,
    adapter: &dyn Adapter,
    session: &mut dyn Connection,
) {
    let needs = needs(report, call, project, adapter);
    match adapter.examine(session, &needs) {
        Ok(findings) => findings.into_iter().for_each(|finding| report.finding(finding)),
        Err(error) => {
            let text = format!("not all checks could be made: {}", error.message);
            report.check("checks", Err(vec![Diagnostic::error(Code::Database, text)]));
        }
    }
}

/// The schemas that the project's nodes and sources are in; of a project that does not parse, only the target's own.
fn needs(report: &mut Report, call: &Call<'_>, project: &Arc<Project>, adapter: &dyn Adapter) -> Needs {
    let threads = project.profile.threads;
    let mut needs = Needs { writes: vec![adapter.schema()], reads: Vec::new(), threads };
    let log = &call.host.log;
    match manifest::parse(project, adapter, &call.jinja, log, Err("`debug` keeps nothing".to_owned())) {
        Ok(parsed) => {
            let built = parsed.manifest.nodes.values().filter(|node| node.relation_name.is_some());
            let written: BTreeSet<&str> = built.map(|node| node.schema.as_str()).collect();
            let read: BTreeSet<&str> = parsed.manifest.sources.values().map(|source| source.schema.as_str()).collect();
            let own = adapter.schema();
            needs.writes.extend(written.iter().filter(|name| ***name != own).map(|name| (*name).to_owned()));
            let only_read = read.iter().filter(|name| ***name != own && !written.contains(**name));
            needs.reads = only_read.map(|name| (*name).to_owned()).collect();
        }
        Err(problems) => {
            let help = "`headwater parse` shows them; schemas of sources and custom schemas are not looked at";
            let text = format!("the project does not parse (problems: {})", problems.len());
            report.finding(Finding::warning("nodes", text, help));
        }
    }
    needs
}

fn config_dir(call: &Call<'_>) -> Done {
    let asked = call.options.profiles_dir.as_ref().map(|dir| call.host.cwd.join(dir));
    let here = Some(call.host.cwd.clone()).filter(|dir| dir.join("profiles.yml").is_file());
    let home = call.host.env.dbt_home();
    let dir = asked.or(here).or(home).map(|dir| dir.display().to_string()).unwrap_or_default();
    Done::printing(CommandResult::Debug(true), format!("{dir}\n"))
}
