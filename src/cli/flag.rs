//! How a flag is declared: its names, its kind, where it is valid, and its words in the help.

use crate::engine::Command;

/// Commands as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct On(u32);

impl On {
    pub(super) const ALL: Self = Self(u32::MAX);

    pub(super) const fn of(commands: &[Command]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < commands.len() {
            bits |= 1 << commands[at] as u32;
            at += 1;
        }
        Self(bits)
    }

    pub(super) fn has(self, command: Command) -> bool {
        self.0 & (1 << command as u32) != 0
    }
}

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// `--x`, `--no-x`; what it is when neither is given.
    Switch(bool),
    /// `--x` only.
    Mark,
    /// One value; the word for it in the help.
    Value(&'static str),
    /// One of these.
    Choice(&'static [&'static str]),
    /// A number of at least this.
    Number(i64),
    /// All words up to the next flag; each is split at blanks, and a repeated flag adds to it.
    Words(&'static str),
    /// The same, each one of these.
    Choices(&'static [&'static str]),
    /// A YAML mapping.
    Mapping,
}

impl Kind {
    pub(super) fn takes_value(self) -> bool {
        !matches!(self, Self::Switch(_) | Self::Mark)
    }

    pub(super) fn takes_many(self) -> bool {
        matches!(self, Self::Words(_) | Self::Choices(_))
    }
}

/// An older name of an environment variable.
#[derive(Debug, Clone, Copy)]
pub(super) struct Legacy {
    pub name: &'static str,
    /// It says the contrary: `NO_PRINT`.
    pub negated: bool,
}

/// One flag. Parsing, environment variables, help and documentation are made from it.
#[derive(Debug)]
pub(super) struct Flag {
    /// Without the dashes.
    pub long: &'static str,
    pub short: Option<char>,
    pub aliases: &'static [&'static str],
    /// Without `DBT_`.
    pub env: Option<&'static str>,
    /// An older environment variable, without `DBT_`, that dbt still reads.
    pub legacy: Option<Legacy>,
    /// May stand under `flags:` in dbt_project.yml, with `_` for `-`.
    pub in_project: bool,
    pub kind: Kind,
    /// The default as the help tells it, where the kind does not say it.
    pub default: Option<&'static str>,
    pub on: On,
    pub help: &'static str,
    /// Accepted for dbt's sake: there is nothing here that it could change.
    pub idle: bool,
}

impl Flag {
    pub(super) const fn new(long: &'static str, kind: Kind, on: On, help: &'static str) -> Self {
        Self {
            long,
            short: None,
            aliases: &[],
            env: None,
            legacy: None,
            in_project: false,
            kind,
            default: None,
            on,
            help,
            idle: false,
        }
    }

    pub(super) const fn short(mut self, short: char) -> Self {
        self.short = Some(short);
        self
    }

    pub(super) const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    pub(super) const fn env(mut self, env: &'static str) -> Self {
        self.env = Some(env);
        self
    }

    pub(super) const fn legacy(mut self, name: &'static str) -> Self {
        self.legacy = Some(Legacy { name, negated: false });
        self
    }

    pub(super) const fn negated_legacy(mut self, name: &'static str) -> Self {
        self.legacy = Some(Legacy { name, negated: true });
        self
    }

    pub(super) const fn in_project(mut self) -> Self {
        self.in_project = true;
        self
    }

    pub(super) const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    pub(super) const fn idle(mut self) -> Self {
        self.idle = true;
        self
    }

    /// All long names, the first one being the one to use.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.long).chain(self.aliases.iter().copied())
    }
}

/// A flag of dbt that is refused, with the reason.
#[derive(Debug)]
pub(super) struct Refused {
    pub long: &'static str,
    pub takes_value: bool,
    pub env: Option<&'static str>,
    pub why: &'static str,
}
