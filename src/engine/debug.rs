//! `debug`: checks, one by one, what every other command needs.

use std::sync::Arc;

use super::call::{Call, Stage};
use super::{CommandResult, Done};
use crate::adapter::Adapter;
use crate::diag::{Code, Diagnostic};
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
            connection(&mut report, &adapter);
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

fn connection(report: &mut Report, adapter: &Arc<dyn Adapter>) {
    let answer = adapter.connect("debug").and_then(|mut connection| connection.execute("select 1", true));
    report.check(
        "connection",
        match answer {
            Ok(_) => {
                let server = adapter.capabilities();
                Ok(format!("{} {}", server.product, server.version).trim().to_owned())
            }
            Err(error) => {
                let text = format!("the database cannot be reached: {}", error.message);
                Err(vec![Diagnostic::error(Code::Connection, text)])
            }
        },
    );
}

fn config_dir(call: &Call<'_>) -> Done {
    let asked = call.options.profiles_dir.as_ref().map(|dir| call.host.cwd.join(dir));
    let here = Some(call.host.cwd.clone()).filter(|dir| dir.join("profiles.yml").is_file());
    let home = call.host.env.dbt_home();
    let dir = asked.or(here).or(home).map(|dir| dir.display().to_string()).unwrap_or_default();
    Done::printing(CommandResult::Debug(true), format!("{dir}\n"))
}
