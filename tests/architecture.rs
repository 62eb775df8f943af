//! The house rules of docs/architecture.md that a machine can check.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms and their floors. A room may use rooms on lower floors only.
const FLOORS: &[(&str, u32)] = &[
    ("diag", 1),
    ("yaml", 2),
    ("sql", 2),
    ("jinja", 2),
    ("store", 2),
    ("project", 3),
    ("adapter", 3),
    ("manifest", 4),
    ("graph", 5),
    ("compile", 5),
    ("select", 6),
    ("plan", 7),
    ("execute", 8),
    ("artifacts", 9),
    ("engine", 10),
    ("cli", 11),
    ("py", 12),
];

/// A file longer than this holds more than one idea.
const MAX_LINES: usize = 800;

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    assert!(!files.is_empty());
    let relative = |path: &PathBuf| path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
    files.iter().map(|path| (relative(path), fs::read_to_string(path).unwrap())).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}

/// The room of `manifest/parse/model.rs` or `yaml.rs`; none for lib.rs.
fn room(path: &str) -> Option<&str> {
    let room = path.split('/').next()?.trim_end_matches(".rs");
    (room != "lib").then_some(room)
}

fn floor(room: &str) -> Option<u32> {
    FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

/// Code without comment lines.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(at, line)| (at + 1, line))
}

/// The rooms that follow `crate::` in a line; also those of `use crate::{a, b}` on one line.
fn used(line: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    line.match_indices("crate::")
        .filter(|(at, _)| !line[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$'))
        .flat_map(|(at, matched)| {
            let rest = &line[at + matched.len()..];
            match rest.strip_prefix('{') {
                Some(list) => top_level(list).into_iter().map(|part| word(part.trim())).collect(),
                None => vec![word(rest)],
            }
        })
        .collect()
}

/// The parts of `a::{x, y}, b}` between commas of the outer braces.
fn top_level(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&list[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts
}

#[test]
fn rooms_use_lower_floors_only() {
    let mut upward = Vec::new();
    for (path, text) in sources() {
        let Some(room) = room(&path) else { continue };
        let own = floor(room).unwrap_or_else(|| panic!("src/{path}: the room `{room}` is on no floor"));
        for (number, line) in code(&text) {
            for used in used(line) {
                if used != room && floor(&used).is_some_and(|other| other >= own) {
                    upward.push(format!("src/{path}:{number}: `{room}` (floor {own}) uses `{used}`"));
                }
            }
        }
    }
    assert!(upward.is_empty(), "\n{}", upward.join("\n"));
}

#[test]
fn imports_of_rooms_stand_on_their_own_lines() {
    let mixed: Vec<String> = sources()
        .into_iter()
        .flat_map(|(path, text)| {
            code(&text)
                .filter(|(_, line)| line.trim_end().ends_with("crate::{"))
                .map(|(number, _)| format!("src/{path}:{number}: write one `use crate::<room>` per room"))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(mixed.is_empty(), "\n{}", mixed.join("\n"));
}

#[test]
fn only_the_python_room_knows_python() {
    let leaks: Vec<String> = sources()
        .into_iter()
        .filter(|(path, _)| room(path) != Some("py"))
        .filter(|(_, text)| code(text).any(|(_, line)| line.contains("pyo3")))
        .map(|(path, _)| format!("src/{path}"))
        .collect();
    assert!(leaks.is_empty(), "pyo3 outside src/py:\n{}", leaks.join("\n"));
}

#[test]
fn files_stay_readable() {
    let long: Vec<String> = sources()
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(path, lines)| format!("src/{path}: {lines} lines, {MAX_LINES} is the ceiling"))
        .collect();
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}
