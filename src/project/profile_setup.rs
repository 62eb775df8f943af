//! Making a profile by asking: profile_template.yml says what, profiles.yml keeps the answers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Number, Value, json};

use super::{Request, files, location, profile};
use crate::diag::{Code, Diagnostic, Result, SourceFile, Span};
use crate::yaml::{self, Mapping, Node, Yaml};

/// Databases that can be asked for, each with its questions in the shape of a profile_template.yml.
pub const DATABASES: &[(&str, &str)] = &[("duckdb", DUCKDB), ("mysql", MYSQL), ("mariadb", MARIADB)];

const DUCKDB: &str = "\
fixed: {type: duckdb}
prompts:
  path: {hint: 'the database file', default: PROJECT_NAME.duckdb}
  schema: {default: main}
  threads: {hint: 'how many models run at the same time', type: int, default: 4}
";
/// What a server is asked for, whichever of the two it is.
macro_rules! server {
    ($kind:literal) => {
        concat!(
            "fixed: {type: ",
            $kind,
            "}\n",
            "prompts:\n",
            "  server: {hint: 'host name or address', default: localhost}\n",
            "  port: {type: int, default: 3306}\n",
            "  username: {}\n",
            "  password: {hide_input: true, default: ''}\n",
            "  schema: {hint: 'the database that models are built in'}\n",
            "  threads: {hint: 'how many models run at the same time', type: int, default: 4}\n",
        )
    };
}
const MYSQL: &str = server!("mysql");
const MARIADB: &str = server!("mariadb");

/// One thing to ask.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    pub text: String,
    /// What an empty answer means.
    pub default: Option<String>,
    /// Passwords are not shown while they are typed.
    pub hidden: bool,
}

/// Asks until there is an answer. None: nobody answers, or the user wants to stop.
pub type Asking<'a> = dyn FnMut(&Question) -> Option<String> + 'a;

/// A target's name and its entries.
pub type Target = (String, Map<String, Value>);

/// Which questions make a target.
pub struct Template {
    file: Arc<SourceFile>,
    root: Node,
}

impl Template {
    /// Reads a profile_template.yml.
    ///
    /// # Errors
    /// It is no mapping with `fixed` and `prompts`, or a prompt has no shape that is known.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let file = SourceFile::new(name, text);
        let root = yaml::parse(&file, &mut Vec::new())?;
        let template = Self { file, root };
        template.check()?;
        Ok(template)
    }

    /// The questions of one of [`DATABASES`].
    ///
    /// # Errors
    /// None that a test would not have found.
    pub fn of_database(text: &str, project: &str) -> Result<Self> {
        Self::parse("profile_template.yml", &text.replace("PROJECT_NAME", project))
    }

    fn check(&self) -> Result<()> {
        let has_parts = ["fixed", "prompts"].iter().any(|key| self.root.get(key).is_some());
        if self.root.as_map().is_none() || !has_parts {
            return Err(self.wrong(&self.root, "a template has `fixed` and `prompts`"));
        }
        match self.root.get("prompts") {
            Some(prompts) if !prompts.is_null() => self.check_prompts(prompts),
            _ => Ok(()),
        }
    }

    fn check_prompts(&self, prompts: &Node) -> Result<()> {
        let Some(map) = prompts.as_map() else { return Err(self.wrong(prompts, "prompts are a mapping")) };
        for (key, value) in map {
            if key.name.starts_with("_choose") {
                let choices = value.as_map().filter(|choices| !choices.is_empty());
                let choices = choices.ok_or_else(|| self.wrong(value, "choices are a mapping of names to prompts"))?;
                choices.iter().try_for_each(|(_, inner)| self.check_prompts(inner))?;
            } else if !key.name.starts_with("_fixed") {
                let kind = value.get("type").and_then(Node::as_str);
                if value.as_map().is_none() && !value.is_null() {
                    return Err(self.wrong(value, "a prompt is a mapping: `hint`, `default`, `type`, `hide_input`"));
                }
                if kind.is_some_and(|kind| !["string", "int", "float", "bool"].contains(&kind)) {
                    return Err(self.wrong(value, "`type` is one of `string`, `int`, `float`, `bool`"));
                }
            }
        }
        Ok(())
    }

    fn wrong(&self, node: &Node, what: &str) -> Box<Diagnostic> {
        let span = Span { file: self.file.clone(), range: node.range.clone() };
        Diagnostic::error(Code::InvalidValue, format!("`{}` cannot be used", self.file.path)).at(span, what).boxed()
    }

    /// Asks everything.
    pub fn ask(&self, ask: &mut Asking<'_>) -> Option<Target> {
        let fixed = self.root.get("fixed").and_then(Node::as_map).map(Mapping::to_json);
        let mut target = fixed.unwrap_or_default();
        if let Some(prompts) = self.root.get("prompts").and_then(Node::as_map) {
            ask_all(prompts, &mut target, ask)?;
        }
        let name = target.remove("target").and_then(|name| name.as_str().map(str::to_owned));
        Some((name.unwrap_or_else(|| "dev".to_owned()), target))
    }
}

fn ask_all(prompts: &Mapping, target: &mut Map<String, Value>, ask: &mut Asking<'_>) -> Option<()> {
    for (key, prompt) in prompts {
        if let Some(what) = key.name.strip_prefix("_choose") {
            let choices = prompt.as_map()?;
            let names: Vec<&str> = choices.iter().map(|(key, _)| key.name.as_str()).collect();
            let what = what.trim_start_matches('_').replace('_', " ");
            let at = choose(&format!("Which {what}?"), &names, ask)?;
            if let Some(inner) = choices.entries.get(at).and_then(|(_, inner)| inner.as_map()) {
                ask_all(inner, target, ask)?;
            }
        } else if let Some(name) = key.name.strip_prefix("_fixed_") {
            target.insert(name.to_owned(), prompt.to_json());
        } else {
            target.insert(key.name.clone(), ask_one(&key.name, prompt, ask)?);
        }
    }
    Some(())
}

/// Lets the user pick by number; gives the index.
pub fn choose(question: &str, names: &[&str], ask: &mut Asking<'_>) -> Option<usize> {
    let lines: String = names.iter().enumerate().map(|(at, name)| format!("[{}] {name}\n", at + 1)).collect();
    let mut text = format!("{question}\n{lines}Enter a number");
    loop {
        let answer = ask(&Question { text: text.clone(), default: None, hidden: false })?;
        let by_name = names.iter().position(|name| *name == answer.trim());
        let number = answer.trim().parse::<usize>().ok().filter(|number| (1..=names.len()).contains(number));
        if let Some(at) = number.map(|number| number - 1).or(by_name) {
            return Some(at);
        }
        text = format!("Enter a number from 1 to {}", names.len());
    }
}

fn ask_one(name: &str, prompt: &Node, ask: &mut Asking<'_>) -> Option<Value> {
    let text = |key: &str| {
        let value = prompt.get(key).map(Node::to_json)?;
        match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        }
    };
    let hint = text("hint").map(|hint| format!(" ({hint})")).unwrap_or_default();
    let hidden = matches!(prompt.get("hide_input").map(|node| &node.value), Some(Yaml::Bool(true)));
    let mut question = Question { text: format!("{name}{hint}"), default: text("default"), hidden };
    let kind = text("type").unwrap_or_else(|| "string".to_owned());
    loop {
        let answer = ask(&question)?;
        let answer = if answer.is_empty() { question.default.clone() } else { Some(answer) };
        let value = answer.map(|answer| match kind.as_str() {
            "int" => answer.trim().parse::<i64>().ok().map(Value::from),
            "float" => answer.trim().parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number),
            "bool" => match answer.trim().to_lowercase().as_str() {
                "y" | "yes" | "true" | "t" | "1" | "on" => Some(Value::Bool(true)),
                "n" | "no" | "false" | "f" | "0" | "off" => Some(Value::Bool(false)),
                _ => None,
            },
            _ => Some(Value::String(answer)),
        });
        match value {
            Some(Some(value)) => return Some(value),
            // Nothing was typed, and nothing is the default: the same again.
            None => {}
            Some(None) => question.text = format!("{name} (a value of type {kind})"),
        }
    }
}

/// The folder whose profiles.yml is read, or would be if it were there.
pub fn profiles_dir(request: &Request) -> PathBuf {
    let asked = request.profiles_dir.clone().or_else(|| request.env.option("PROFILES_DIR").map(PathBuf::from));
    if let Some(asked) = asked {
        return location::normal(&request.cwd.join(profile::expand_home(&asked, request)));
    }
    match request.env.dbt_home() {
        Some(home) if !request.cwd.join(profile::FILE).is_file() => home,
        _ => request.cwd.clone(),
    }
}

/// Names of the profiles in a folder.
///
/// # Errors
/// Its profiles.yml cannot be read.
pub fn profile_names(folder: &Path) -> Result<Vec<String>> {
    let path = folder.join(profile::FILE);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let file = files::read_profiles(&path, &path.display().to_string())?;
    let root = yaml::parse(&file, &mut Vec::new())?;
    Ok(root.as_map().map(|map| map.iter().map(|(key, _)| key.name.clone()).collect()).unwrap_or_default())
}

/// Writes a profile of one target into the folder's profiles.yml, in place of the one of that name. Everything else in
/// the file stays as it is. A new file can be read by its owner only: there are passwords in it.
///
/// # Errors
/// The file cannot be read or written.
pub fn write_profile(folder: &Path, name: &str, target: &str, entries: Map<String, Value>) -> Result<PathBuf> {
    let path = folder.join(profile::FILE);
    let failed = |error: std::io::Error| {
        Diagnostic::error(Code::File, format!("cannot write `{}`: {}", path.display(), files::reason(&error))).boxed()
    };
    let own = yaml::emit(&json!({name: {"target": target, "outputs": {target: entries}}}), false);
    if !path.is_file() {
        std::fs::create_dir_all(folder).map_err(failed)?;
        write_private(&path, &own).map_err(failed)?;
        return Ok(path);
    }
    let text = std::fs::read_to_string(&path).map_err(failed)?;
    let file = SourceFile::new(profile::FILE, text.as_str());
    let root = yaml::parse(&file, &mut Vec::new())?;
    let entries = root.as_map().map(|map| map.entries.as_slice()).unwrap_or_default();
    let start_of = |at: usize| {
        let (key, _) = entries.get(at)?;
        Some(file.line_range(file.line_column(key.range.start as usize).0).start)
    };
    let edited = match entries.iter().position(|(key, _)| key.name == name) {
        Some(at) => {
            let start = start_of(at).unwrap_or(0);
            let mut end = start_of(at + 1).unwrap_or(text.len());
            // Comments and blank lines above the next profile belong to it.
            while let Some(before) = text[start..end].strip_suffix('\n') {
                let line = start + before.rfind('\n').map_or(0, |at| at + 1);
                let content = text[line..end].trim();
                if line == start || !(content.is_empty() || text[line..].starts_with('#')) {
                    break;
                }
                end = line;
            }
            format!("{}{own}{}", &text[..start], &text[end..])
        }
        None => {
            let line_break = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            let blank = if text.trim().is_empty() { "" } else { "\n" };
            format!("{text}{line_break}{blank}{own}")
        }
    };
    std::fs::write(&path, edited).map_err(failed)?;
    Ok(path)
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers one after the other, and what was asked.
    fn asked(template: &str, answers: &[&str]) -> (Option<Target>, Vec<Question>) {
        let template = Template::parse("profile_template.yml", template).unwrap();
        let (mut answers, mut questions) = (answers.iter(), Vec::new());
        let target = template.ask(&mut |question| {
            questions.push(question.clone());
            answers.next().map(|answer| (*answer).to_owned())
        });
        (target, questions)
    }

    #[test]
    fn templates_say_what_is_asked() {
        let template = "\
fixed: {type: mysql, port: 3306}
prompts:
  target: {default: prod}
  threads: {type: int, hint: at once}
  password: {hide_input: true}
  _choose_way_in:
    socket: {_fixed_unix_socket: /run/db.sock}
    network:
      host: {}
      ssl: {type: bool, default: true}
";
        let (target, questions) = asked(template, &["", "many", "8", "pw", "3", "2", "", "db", ""]);
        let expected =
            json!({"type": "mysql", "port": 3306, "threads": 8, "password": "pw", "host": "db", "ssl": true});
        assert_eq!(target.map(|(name, target)| (name, Value::Object(target))), Some(("prod".to_owned(), expected)));
        let texts: Vec<&str> = questions.iter().map(|question| question.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "target",
                "threads (at once)",
                "threads (a value of type int)",
                "password",
                "Which way in?\n[1] socket\n[2] network\nEnter a number",
                "Enter a number from 1 to 2",
                "host",
                "host",
                "ssl"
            ]
        );
        assert!(questions[3].hidden && !questions[0].hidden);
        assert_eq!(questions[8].default.as_deref(), Some("true"));
        // Nobody answers any more.
        assert_eq!(asked(template, &["", "8"]).0, None);
        for wrong in ["[]", "prompts: {a: {type: date}}", "prompts: {a: 1}", "other: 1"] {
            assert!(Template::parse("t.yml", wrong).is_err(), "{wrong}");
        }
        for (kind, text) in DATABASES {
            assert!(Template::of_database(text, "shop").is_ok(), "{kind}");
        }
    }

    #[test]
    fn profiles_are_written_beside_those_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("home");
        let entries =
            |path: &str| Map::from_iter([("type".to_owned(), json!("duckdb")), ("path".to_owned(), json!(path))]);
        let path = write_profile(&dir, "shop", "dev", entries("a")).unwrap();
        let shop = "shop:\n  target: dev\n  outputs:\n    dev:\n      type: duckdb\n      path: a\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), shop);
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions()) & 0o777,
            0o600
        );
        std::fs::write(&path, format!("# mine\nother: {{target: x}} # it\n{shop}\n# the last\nlast: {{}}\n")).unwrap();
        write_profile(&dir, "shop", "dev", entries("b")).unwrap();
        write_profile(&dir, "new", "dev", entries("c")).unwrap();
        let expected = format!(
            "# mine\nother: {{target: x}} # it\n{}\n# the last\nlast: {{}}\n\n{}",
            shop.replace(" a\n", " b\n"),
            shop.replace(" a\n", " c\n").replace("shop:", "new:")
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        assert_eq!(profile_names(&dir).unwrap(), ["other", "shop", "last", "new"]);
    }
}
