//! Values of `DBT_ENV_SECRET_*` must not reach logs, errors or artifacts.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock};

use regex::{Captures, Regex};

use super::Env;

/// Environment variables whose values are secret start with this.
pub const PREFIX: &str = "DBT_ENV_SECRET";
const MASK: &str = "*****";

/// The secret values of an environment.
#[derive(Clone, Default)]
pub struct Secrets {
    /// Longest first, so that a secret inside another one does not spoil the mask.
    values: Arc<[String]>,
}

impl Secrets {
    pub fn new(env: &Env) -> Self {
        let secret = env.iter().filter(|(name, value)| name.starts_with(PREFIX) && !value.trim().is_empty());
        let mut values: Vec<String> = secret.map(|(_, value)| value.to_owned()).collect();
        values.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        Self { values: values.into() }
    }

    /// The text with every secret value replaced.
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.values.iter().fold(Cow::Borrowed(text), |text, secret| {
            if text.contains(secret.as_str()) { Cow::Owned(text.replace(secret.as_str(), MASK)) } else { text }
        })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({} values)", self.values.len())
    }
}

/// The text of a profiles.yml with the values of passwords, tokens and keys covered, byte for byte as long, for
/// snippets. A call of `env_var` is no secret.
pub(super) fn covered(profiles: &str) -> String {
    // Key, colon, and what follows up to the end of a flow mapping's entry or of the line.
    static ENTRY: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let key = r"[\w-]*(?:pass|pwd|token|secret|private_key|access_key)[\w-]*";
        Regex::new(&format!(r#"(?mi)(["']?\b{key}["']?[ \t]*:[ \t]*)("(?:[^"\\]|\\.)*"|'[^']*'|[^,}}\n]+)"#)).ok()
    });
    let Some(entry) = &*ENTRY else { return "*".repeat(profiles.len()) };
    let cover = |found: &Captures<'_>| {
        let value = &found[2];
        if value.contains("env_var") {
            found[0].to_owned()
        } else {
            format!("{}{}", &found[1], "*".repeat(value.len()))
        }
    };
    entry.replace_all(profiles, cover).into_owned()
}

/// A text with the logins in its addresses (`https://user:password@host`) covered, byte for byte as long.
pub(super) fn covered_logins(text: &str) -> String {
    static LOGIN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"://([^\s/@'\x22{}]+)@").ok());
    let Some(login) = &*LOGIN else { return "*".repeat(text.len()) };
    let cover = |found: &Captures<'_>| match &found[1] {
        "git" => found[0].to_owned(),
        secret => format!("://{}@", "*".repeat(secret.len())),
    };
    login.replace_all(text, cover).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_profiles_are_covered_and_places_stay() {
        let text = "dev: {password: s3cret, user: me}\n  Password: 'a, b'\n  token: \"x\\\"y\"\n  pass: \"{{ env_var('P') }}\"\n  port: 1\n";
        let shown = covered(text);
        assert_eq!(
            shown,
            "dev: {password: ******, user: me}\n  Password: ******\n  token: ******\n  pass: \"{{ env_var('P') }}\"\n  port: 1\n"
        );
        assert_eq!(shown.len(), text.len());
    }

    #[test]
    fn logins_in_addresses_are_covered() {
        let text = "- git: https://me:p%40w@host/x.git\n- git: ssh://git@host/y\n";
        assert_eq!(covered_logins(text), "- git: https://********@host/x.git\n- git: ssh://git@host/y\n");
    }

    #[test]
    fn longer_secrets_are_masked_first_and_never_shown() {
        let env = Env::from([("DBT_ENV_SECRET_A", "abc"), ("DBT_ENV_SECRET_B", "abcdef"), ("HOME", "x")]);
        let secrets = Secrets::new(&env);
        assert_eq!(secrets.mask("abcdef, abc, x"), "*****, *****, x");
        assert!(!format!("{secrets:?} {env:?}").contains("abc"));
    }
}
