//! `init`: a project to begin with, and a profile for it. Everything is asked before anything is written.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::call::{Call, Stage};
use super::{Command, CommandResult, Done, Host, Options, debug};
use crate::diag::log::{Detail, Level, LogEntry};
use crate::diag::{Code, Diagnostic};
use crate::project::profile_setup::{self, DATABASES, Question, Template};
use crate::project::{self, starter};

/// Packages that are built in, and adapters: a project of that name would hide their macros.
const TAKEN: &[&str] = &["dbt", "dbt_mysql", "dbt_mariadb", "dbt_duckdb"];

/// A profile that is going to be written.
struct Answers {
    profile: String,
    target: String,
    entries: Map<String, Value>,
}

pub(super) fn init(call: &mut Call<'_>) -> Stage<Done> {
    match project::find_root(&call.request()) {
        Some(root) => in_project(call, &root),
        None => new_project(call),
    }
}

/// Inside of a project only the profile is set up.
fn in_project(call: &mut Call<'_>, root: &Path) -> Stage<Done> {
    if call.options.profile.is_some() {
        let text = "`init` does not change the profile of a project that is there";
        return Err(vec![Diagnostic::error(Code::CommandLine, text).help("change `profile:` in its dbt_project.yml")]);
    }
    if let Some(name) = &call.options.project_name {
        let text = format!("no project `{name}` is made: `{}` is a project already", root.display());
        let warning = Diagnostic::warning(Code::CommandLine, text).help("run `headwater init` outside of it");
        call.warn([warning])?;
    }
    if call.options.skip_profile_setup {
        return Ok(CommandResult::Nothing.into());
    }
    let profile = project::profile_name(root).map_err(|problem| vec![*problem])?;
    let template = root.join("profile_template.yml");
    let template = template.is_file().then(|| std::fs::read_to_string(&template).unwrap_or_default());
    let template = match template.map(|text| Template::parse("profile_template.yml", &text)) {
        Some(Ok(template)) => Some(template),
        Some(Err(problem)) => {
            let mut warning = *problem;
            warning.severity = crate::diag::Severity::Warning;
            call.warn([warning.note("the usual questions are asked instead")])?;
            None
        }
        None => None,
    };
    match ask_profile(call, &profile, &profile, template)? {
        Some(answers) => {
            write_profile(call, answers)?;
            check_connection(call, root)
        }
        None => Ok(CommandResult::Nothing.into()),
    }
}

fn new_project(call: &mut Call<'_>) -> Stage<Done> {
    let name = project_name(call)?;
    let folder = call.host.cwd.join(&name);
    if folder.symlink_metadata().is_ok() {
        let text = format!("`{name}` exists already in `{}`", call.host.cwd.display());
        return Err(vec![Diagnostic::error(Code::File, text).help("choose another name, or another folder")]);
    }
    let profiles = profile_setup::profiles_dir(&call.request());
    let (profile, answers) = match &call.options.profile {
        Some(profile) => {
            let known = profile_setup::profile_names(&profiles).map_err(|problem| vec![*problem])?;
            if !known.contains(profile) {
                let text = format!("there is no profile `{profile}` in `{}`", profiles.join("profiles.yml").display());
                return Err(vec![Diagnostic::error(Code::ProfileNotFound, text).help(match known.is_empty() {
                    true => "leave out `--profile`, to be asked for the connection".to_owned(),
                    false => format!("it has `{}`", known.join("`, `")),
                })]);
            }
            (profile.clone(), None)
        }
        None if call.options.skip_profile_setup => (name.clone(), None),
        None => (name.clone(), ask_profile(call, &name, &name, None)?),
    };
    starter::write(&folder, &name, &profile).map_err(|problem| vec![*problem])?;
    tell(call, "ProjectCreated", &format!("The project `{name}` is in `{}`", folder.display()));
    let has_profile = answers.is_some() || call.options.profile.is_some();
    let done = match answers {
        Some(answers) => {
            write_profile(call, answers)?;
            check_connection(call, &folder)?
        }
        None => CommandResult::Nothing.into(),
    };
    let next = if has_profile { "headwater build" } else { "headwater init` for its profile, then `headwater build" };
    tell(call, "Formatting", &format!("Next: `cd {name}`, then `{next}`"));
    Ok(done)
}

/// The name from the command line, or from the user.
fn project_name(call: &Call<'_>) -> Stage<String> {
    let mut name = call.options.project_name.clone();
    loop {
        match &name {
            Some(name) if is_free(name) => return Ok(name.clone()),
            Some(wrong) if call.host.asker.is_none() => {
                let text = format!("`{wrong}` cannot be the name of a project");
                let problem = Diagnostic::error(Code::InvalidValue, text);
                return Err(vec![problem.note("a name has letters, digits and `_`, no digit first; `dbt` is taken")]);
            }
            Some(wrong) => tell(call, "Formatting", &format!("{wrong} cannot be the name of a project.")),
            None => {}
        }
        let text = "Enter a name for your project (letters, digits, underscore)".to_owned();
        name = Some(ask(call, &Question { text, default: None, hidden: false })?);
    }
}

fn is_free(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    starts && name.chars().all(|c| c.is_alphanumeric() || c == '_') && !TAKEN.contains(&name)
}

/// None: there is such a profile, and it is to stay.
fn ask_profile(call: &Call<'_>, profile: &str, project: &str, template: Option<Template>) -> Stage<Option<Answers>> {
    if call.host.asker.is_none() {
        return Err(vec![no_terminal("for the connection")]);
    }
    tell(call, "SettingUpProfile", "Setting up your profile.");
    let folder = profile_setup::profiles_dir(&call.request());
    if profile_setup::profile_names(&folder).map_err(|problem| vec![*problem])?.iter().any(|name| name == profile) {
        let path = folder.join("profiles.yml");
        let text = format!("The profile {profile} already exists in {}. Write over it? [y/N]", path.display());
        let answer = ask(call, &Question { text, default: Some(String::new()), hidden: false })?;
        if !matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            return Ok(None);
        }
    }
    let mut asking = |question: &Question| ask(call, question).ok();
    let target = match template {
        Some(template) => template.ask(&mut asking),
        None => {
            let names: Vec<&str> = DATABASES.iter().map(|(name, _)| *name).collect();
            match profile_setup::choose("Which database would you like to use?", &names, &mut asking) {
                Some(at) => {
                    let template = Template::of_database(DATABASES[at].1, project).map_err(|problem| vec![*problem])?;
                    template.ask(&mut asking)
                }
                None => None,
            }
        }
    };
    let (target, entries) = target.ok_or_else(|| vec![stopped()])?;
    Ok(Some(Answers { profile: profile.to_owned(), target, entries }))
}

fn write_profile(call: &Call<'_>, answers: Answers) -> Stage<()> {
    let folder = profile_setup::profiles_dir(&call.request());
    let Answers { profile, target, entries } = answers;
    let written = profile_setup::write_profile(&folder, &profile, &target, entries);
    let path = written.map_err(|problem| vec![*problem])?;
    tell(call, "ProfileWrittenWithTargetTemplateYAML", &format!("Profile {profile} written to {}", path.display()));
    Ok(())
}

/// Tries the new profile, unless that is not wanted. What is wrong with it is told; the work of `init` is done.
fn check_connection(call: &mut Call<'_>, root: &Path) -> Stage<Done> {
    if call.options.skip_debug {
        return Ok(CommandResult::Nothing.into());
    }
    let options = Options {
        project_dir: Some(PathBuf::from(root)),
        profiles_dir: Some(profile_setup::profiles_dir(&call.request())),
        ..call.options.clone()
    };
    let host = Host { cwd: root.to_owned(), ..call.host.clone() };
    let mut inner = Call::new(Command::Debug, &options, &host);
    let done = debug::debug(&mut inner)?;
    let problems = std::mem::take(&mut inner.warnings).into_iter().map(|mut problem| {
        problem.severity = crate::diag::Severity::Warning;
        problem
    });
    call.warn(problems)?;
    Ok(Done::printing(CommandResult::Nothing, done.output))
}

fn ask(call: &Call<'_>, question: &Question) -> Stage<String> {
    let Some(asker) = &call.host.asker else { return Err(vec![no_terminal("")]) };
    asker.ask(question).ok_or_else(|| vec![stopped()])
}

fn stopped() -> Diagnostic {
    Diagnostic::error(Code::Cancelled, "stopped before anything was written")
}

fn no_terminal(what: &str) -> Diagnostic {
    Diagnostic::error(Code::CommandLine, format!("`init` has no terminal to ask {what} on").replace("  ", " "))
        .help("give a name and skip the questions: `headwater init my_project --skip-profile-setup`")
        .help("or name a profile that is there: `headwater init my_project --profile my_profile`")
}

fn tell(call: &Call<'_>, event: &'static str, text: &str) {
    call.host.log.write(&LogEntry {
        level: Level::Info,
        node: None,
        thread: None,
        event,
        text,
        detail: Detail::Message,
    });
}
