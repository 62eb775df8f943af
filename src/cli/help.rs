//! Help and version, made from the tables.

use super::flag::{Flag, Kind};
use super::table::{COMMANDS, FLAGS, Spec};
use crate::engine::Command;
use crate::project::DBT_VERSION;

/// Where explanations begin.
const COLUMN: usize = 34;
const WIDTH: usize = 110;

pub(super) fn version() -> String {
    format!("headwater {} (speaks dbt {DBT_VERSION})\n", crate::VERSION)
}

pub(super) fn help(command: Option<Command>) -> String {
    match command.and_then(|command| COMMANDS.iter().find(|spec| spec.command == command)) {
        Some(spec) => of_command(spec),
        None => overview(),
    }
}

fn overview() -> String {
    let mut text = String::from(
        "Headwater runs dbt projects on MySQL, MariaDB and DuckDB.\n\nUsage: headwater COMMAND [OPTIONS]\n\nCommands:\n",
    );
    for spec in COMMANDS {
        let alias = if spec.aliases == ["ls"] { ", ls" } else { "" };
        entry(&mut text, &format!("  {}{alias}", spec.command.as_str()), spec.summary);
    }
    text.push_str("\nOptions:\n");
    entry(&mut text, "  -h, --help", "print help; `headwater help COMMAND` explains one command");
    entry(&mut text, "  -V, --version", "print the version");
    text.push_str(
        "\nOptions may also be set by environment variables (HEADWATER_X, DBT_ENGINE_X or DBT_X; a file `.env` adds to them),\n\
         under `flags:` in dbt_project.yml, and under `flags:` in ~/.dbt/user_settings.yml. The command line comes first,\n\
         then the others in this order.\n",
    );
    text
}

fn of_command(spec: &Spec) -> String {
    let operand = if spec.operand.is_empty() { String::new() } else { format!(" {}", spec.operand) };
    let mut text = String::new();
    wrap(&mut text, spec.about, 0, 0);
    text.push_str(&format!("\nUsage: headwater {}{operand} [OPTIONS]\n", spec.command.as_str()));
    if !spec.aliases.is_empty() {
        text.push_str(&format!("Also: headwater {}\n", spec.aliases.join(", ")));
    }
    let valid = |flag: &&'static Flag| flag.on.has(spec.command);
    let (idle, real): (Vec<&Flag>, Vec<&Flag>) = FLAGS.iter().copied().filter(valid).partition(|flag| flag.idle);
    let (common, own): (Vec<&Flag>, Vec<&Flag>) = real.into_iter().partition(|flag| flag.on == super::flag::On::ALL);
    for (title, flags) in
        [("Options", own), ("Options of every command", common), ("Accepted as dbt does, without effect", idle)]
    {
        if !flags.is_empty() {
            text.push_str(&format!("\n{title}:\n"));
            flags.into_iter().for_each(|flag| of_flag(&mut text, flag));
        }
    }
    text
}

fn of_flag(text: &mut String, flag: &Flag) {
    let short = flag.short.map_or("    ".to_owned(), |short| format!("-{short}, "));
    let no = if matches!(flag.kind, Kind::Switch(_)) { "[no-]" } else { "" };
    let mut about = flag.help.to_owned();
    if let Kind::Choice(choices) = flag.kind
        && flag.long.starts_with("log-")
    {
        about.push_str(&format!(": {}", choices.join(", ")));
    }
    let default = match (flag.default, flag.kind) {
        (Some(default), _) => Some(default),
        (None, Kind::Switch(true)) => Some("on"),
        _ => None,
    };
    let env = flag.env.map(|env| format!("DBT_{env}"));
    let facts: Vec<String> = default.map(|default| format!("default: {default}")).into_iter().chain(env).collect();
    if !facts.is_empty() && !flag.idle {
        about.push_str(&format!(" [{}]", facts.join("; ")));
    }
    entry(text, &format!("  {short}--{no}{}{}", flag.long, value_name(flag.kind)), &about);
}

fn value_name(kind: Kind) -> String {
    match kind {
        Kind::Switch(_) | Kind::Mark => String::new(),
        Kind::Value(name) => format!(" {name}"),
        Kind::Choice(_) => " CHOICE".to_owned(),
        Kind::Number(_) => " N".to_owned(),
        Kind::Words(name) => format!(" {name}…"),
        Kind::Choices(_) => " TYPE…".to_owned(),
        Kind::Mapping => " YAML".to_owned(),
    }
}

/// A name, and its explanation in the second column.
fn entry(text: &mut String, name: &str, about: &str) {
    text.push_str(name);
    let used = name.chars().count();
    if used + 2 > COLUMN {
        text.push('\n');
        wrap(text, about, COLUMN, 0);
    } else {
        wrap(text, about, COLUMN, used);
    }
}

/// Words up to the line's width; `used` columns of the first line are taken.
fn wrap(text: &mut String, words: &str, indent: usize, used: usize) {
    text.push_str(&" ".repeat(indent - used.min(indent)));
    let mut column = indent;
    for (at, word) in words.split_whitespace().enumerate() {
        let length = word.chars().count();
        if at > 0 && column + 1 + length > WIDTH {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            column = indent;
        } else if at > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_help_that_fits() {
        for command in Command::ALL {
            let text = help(Some(command));
            assert!(text.contains(&format!("Usage: headwater {}", command.as_str())), "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
            assert!(help(None).contains(command.as_str()));
        }
    }

    /// docs/commands.md is this text; `HEADWATER_UPDATE_DOCS=1 cargo test --lib help` writes it.
    #[test]
    fn the_documentation_is_the_help() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/commands.md");
        let mut page = format!(
            "# Commands\n\nWhat `headwater --help` and `headwater COMMAND --help` print.\n\n```text\n{}```\n",
            help(None)
        );
        for spec in COMMANDS {
            page.push_str(&format!("\n## {}\n\n```text\n{}```\n", spec.command.as_str(), of_command(spec)));
        }
        if std::env::var_os("HEADWATER_UPDATE_DOCS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), page, "docs/commands.md is out of date");
    }

    #[test]
    fn help_of_a_command_lists_its_own_options_first() {
        let text = help(Some(Command::Seed));
        let start: String = text.lines().take(9).map(|line| format!("{line}\n")).collect();
        assert_eq!(
            start,
            "\
Loads the CSV files of the seed folders as tables.

Usage: headwater seed [OPTIONS]

Options:
  -s, --select CRITERION…         what to work on: names, `tag:…`, `path:…`, `+parents`, `children+`
  -m, --models CRITERION…         dbt's older name of --select; for `ls` it also means models only
      --exclude CRITERION…        what to leave out, written like --select
      --selector NAME             a selection defined in selectors.yml
"
        );
        assert!(text.contains("  -f, --[no-]full-refresh         rebuild incremental models and seeds from scratch [default: as configured;\n"));
    }
}
