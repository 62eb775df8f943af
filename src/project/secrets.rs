//! Values of `DBT_ENV_SECRET_*` must not reach logs, errors or artifacts.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_secrets_are_masked_first_and_never_shown() {
        let env = Env::from([("DBT_ENV_SECRET_A", "abc"), ("DBT_ENV_SECRET_B", "abcdef"), ("HOME", "x")]);
        let secrets = Secrets::new(&env);
        assert_eq!(secrets.mask("abcdef, abc, x"), "*****, *****, x");
        assert!(!format!("{secrets:?} {env:?}").contains("abc"));
    }
}
