//! The page.

use std::fmt::Write;

use serde_json::Value;

use super::{Answer, Row, Section};

pub fn page(dbt: &Value, sections: &[Section]) -> String {
    let version = dbt["dbt"].as_str().unwrap_or_default();
    let mut text = format!(
        "# Compatibility with dbt {version}\n\n\
         Every name that dbt {version} offers, and what becomes of it here: **supported**, *refused* with an error that says so, \
         or *different*, and how. The names are read from an installed dbt, the answers from Headwater itself: commands are \
         run, templates rendered, projects parsed. `HEADWATER_UPDATE_DOCS=1 cargo test --features python --test \
         compatibility` writes this page; a test fails when it is out of date, or when a name of dbt is neither supported \
         nor refused and nobody has said why. Names in a table are supported unless the table says otherwise.\n\n"
    );
    text.push_str("| | supported | different | refused |\n|---|--:|--:|--:|\n");
    for section in sections {
        let count = |which: fn(&Answer) -> bool| section.rows.iter().filter(|row| which(&row.answer)).count();
        let _ = writeln!(
            text,
            "| [{}](#{}) | {} | {} | {} |",
            section.title,
            anchor(&section.title),
            count(|answer| *answer == Answer::Supported),
            count(|answer| matches!(answer, Answer::Different(_) | Answer::Missing(_))),
            count(|answer| matches!(answer, Answer::Refused(_))),
        );
    }
    let _ = write!(text, "\n## Behaviour\n\n{}", include_str!("behaviour.md"));
    for section in sections {
        of_section(&mut text, section);
    }
    text
}

fn anchor(title: &str) -> String {
    let kept =
        title.to_lowercase().chars().filter(|at| at.is_alphanumeric() || " -_".contains(*at)).collect::<String>();
    kept.replace(' ', "-")
}

fn of_section(text: &mut String, section: &Section) {
    let _ = write!(text, "\n## {}\n\n", section.title);
    if !section.intro.is_empty() {
        let _ = write!(text, "{}\n\n", section.intro);
    }
    if !section.columns.is_empty() {
        table(text, section.columns, section.rows.iter());
        return;
    }
    let (same, other): (Vec<&Row>, Vec<&Row>) = section.rows.iter().partition(|row| row.answer == Answer::Supported);
    if !same.is_empty() {
        let names: Vec<String> = same.iter().map(|row| format!("`{}`", row.name)).collect();
        let _ = write!(text, "Supported: {}\n\n", names.join(", "));
    }
    if !other.is_empty() {
        table(text, &[], other.into_iter());
    }
    while text.ends_with("\n\n") {
        text.pop();
    }
}

fn table<'a>(text: &mut String, columns: &[&str], rows: impl Iterator<Item = &'a Row>) {
    let more: String = columns.iter().map(|column| format!(" {column} |")).collect();
    let _ = writeln!(text, "| Name |{more} Answer |\n|---|{}---|", "---|".repeat(columns.len()));
    for row in rows {
        let cells: String = row.cells.iter().map(|cell| format!(" {cell} |")).collect();
        let answer = match &row.answer {
            Answer::Supported => "supported".to_owned(),
            Answer::Refused(why) => format!("*refused*: {why}"),
            Answer::Different(how) => format!("*different*: {how}"),
            Answer::Missing(what) => format!("NOT EXPLAINED {what}"),
        };
        let _ = writeln!(
            text,
            "| `{}` |{cells} {} |",
            row.name.replace('|', "\\|"),
            answer.replace('|', "\\|").replace('\n', " ")
        );
    }
}
