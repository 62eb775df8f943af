//! Logins of `~/.netrc`, which dbt's downloads find through Python's requests.

use std::path::{Path, PathBuf};

use crate::project::Env;

#[derive(Debug, Default)]
pub(super) struct Netrc {
    entries: Vec<Entry>,
}

struct Entry {
    /// None: for every host that has no entry of its own.
    host: Option<String>,
    login: String,
    password: String,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Netrc {
    /// The file that `NETRC` names, else `~/.netrc` or `~/_netrc`. One that cannot be read holds no logins.
    pub(super) fn of(env: &Env) -> Self {
        let home = env.get("HOME").or_else(|| env.get("USERPROFILE")).map(Path::new);
        let usual = [".netrc", "_netrc"].into_iter().filter_map(|name| Some(home?.join(name)));
        let file = match env.get("NETRC").filter(|path| !path.is_empty()) {
            Some(path) => Some(PathBuf::from(path)),
            None => usual.into_iter().find(|path| path.is_file()),
        };
        let text = file.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        Self { entries: entries(&text) }
    }

    /// Login and password for a host, without its port.
    pub(super) fn login(&self, host: &str) -> Option<(&str, &str)> {
        let own = self.entries.iter().rev().find(|entry| entry.host.as_deref() == Some(host));
        let entry = own.or_else(|| self.entries.iter().find(|entry| entry.host.is_none()))?;
        Some((&entry.login, &entry.password))
    }
}

fn entries(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut lines = text.lines();
    let mut words: std::collections::VecDeque<String> = std::collections::VecDeque::new();
    let mut key: Option<String> = None;
    loop {
        let Some(word) = words.pop_front() else {
            let Some(line) = lines.next() else { break };
            words.extend(words_of(line));
            continue;
        };
        match key.take().as_deref() {
            Some("machine") => {
                entries.push(Entry { host: Some(word), login: String::new(), password: String::new() });
            }
            Some("macdef") => {
                // Up to the next empty line.
                words.clear();
                lines.by_ref().find(|line| line.trim().is_empty());
            }
            Some("login" | "user") => {
                entries.iter_mut().last().into_iter().for_each(|entry| entry.login.clone_from(&word))
            }
            Some("password") => {
                entries.iter_mut().last().into_iter().for_each(|entry| entry.password.clone_from(&word))
            }
            Some(_) => {}
            None if word == "default" => {
                entries.push(Entry { host: None, login: String::new(), password: String::new() });
            }
            None if word.starts_with('#') => words.clear(),
            None => key = Some(word),
        }
    }
    entries
}

/// Words between blanks; one in double quotes may have blanks in it, and `\` takes the next character as it is.
fn words_of(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut chars = line.trim().chars().peekable();
    while let Some(first) = chars.next_if(|c| !c.is_whitespace()).or_else(|| chars.find(|c| !c.is_whitespace())) {
        let quoted = first == '"';
        let mut word = String::new();
        let mut next = if quoted { chars.next() } else { Some(first) };
        while let Some(c) = next {
            match c {
                '"' if quoted => break,
                c if c.is_whitespace() && !quoted => break,
                '\\' => word.extend(chars.next()),
                c => word.push(c),
            }
            next = chars.next();
        }
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{Netrc, entries};

    #[test]
    fn files_are_read_as_python_reads_them() {
        let text = "# ours\nmachine hub.example login me password p#1 account x\n\
                    machine \"two.example\"\n  login \"a b\"\n  password a\\ b\n\
                    macdef init\nmachine no.example login no\n\n# more\ndefault login anyone password guest\n";
        let netrc = Netrc { entries: entries(text) };
        assert_eq!(netrc.login("hub.example"), Some(("me", "p#1")));
        assert_eq!(netrc.login("two.example"), Some(("a b", "a b")));
        assert_eq!(netrc.login("no.example"), Some(("anyone", "guest")));
        assert!(!format!("{netrc:?}").contains("guest"));
        assert_eq!(Netrc { entries: entries("machine") }.login("x"), None);
    }
}
