//! argv → which command, and what was said about which flag.

use super::flag::{Flag, Kind};
use super::table::{COMMANDS, FLAGS, REFUSED, REFUSED_COMMANDS};
use crate::diag::{Code, Diagnostic, Result, suggest};
use crate::engine::Command;

/// What the command line says about a flag.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    On,
    Off,
    /// The last value; of flags that take many, all of them.
    Words(Vec<String>),
}

/// A command line that makes sense; the values of its flags are not looked at yet.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub command: Option<Command>,
    /// What stands behind the command without a flag.
    pub operands: Vec<String>,
    pub said: Vec<(&'static Flag, Said)>,
    pub help: bool,
    pub version: bool,
}

/// Reads the words of a command line, without the program's name.
///
/// # Errors
/// Unknown commands and flags, flags that are refused or not valid for the command, missing values.
pub(super) fn parse(argv: &[String]) -> Result<Given> {
    let mut reader = Reader { rest: argv, given: Given::default(), before: Vec::new() };
    while let Some(word) = reader.next() {
        match word.strip_prefix("--") {
            Some("") => reader.take_rest(),
            Some(long) => reader.long(long)?,
            None if word.len() > 1 && word.starts_with('-') => reader.short(&word[1..])?,
            None => reader.word(word)?,
        }
    }
    let given = reader.given;
    if !given.help && !given.version {
        check(&given)?;
    }
    Ok(given)
}

struct Reader<'a> {
    rest: &'a [String],
    given: Given,
    /// Flags that stood before the command: they may not come again behind it.
    before: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    fn take_rest(&mut self) {
        self.given.operands.extend(self.rest.iter().cloned());
        self.rest = &[];
    }

    /// The command, or what stands behind it.
    fn word(&mut self, word: &str) -> Result<()> {
        if self.given.command.is_some() {
            self.given.operands.push(word.to_owned());
            return Ok(());
        }
        if word == "help" && !self.given.help {
            // What it is about comes next, and what is wrong with that is told.
            self.given.help = true;
            return Ok(());
        }
        let two = self.rest.first().map(|second| format!("{word} {second}"));
        let found = two.as_deref().and_then(command_named).map(|command| (command, true));
        match found.or_else(|| command_named(word).map(|command| (command, false))) {
            Some((command, has_two_words)) => {
                if has_two_words {
                    self.next();
                }
                self.given.command = Some(command);
                self.before = self.given.said.iter().map(|(flag, _)| flag.long).collect();
                Ok(())
            }
            None => Err(unknown_command(word)),
        }
    }

    fn long(&mut self, text: &str) -> Result<()> {
        let (name, attached) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        match name {
            "help" => self.given.help = true,
            "version" => self.given.version = true,
            _ => return self.flag(name, attached),
        }
        Ok(())
    }

    fn flag(&mut self, name: &str, attached: Option<String>) -> Result<()> {
        if let Some(flag) = flag_named(name, self.given.command) {
            return self.say(flag, attached);
        }
        let positive = name.strip_prefix("no-").filter(|_| attached.is_none());
        let negated = positive.and_then(|name| flag_named(name, self.given.command));
        match negated.filter(|flag| matches!(flag.kind, Kind::Switch(_))) {
            Some(flag) => self.note(flag, Said::Off),
            // To switch off what we do not have asks for nothing.
            None if REFUSED.iter().any(|refused| !refused.takes_value && Some(refused.long) == positive) => Ok(()),
            None => Err(unknown_flag(&format!("--{name}"), name)),
        }
    }

    /// `-x`, `-xd`, `-s value`, `-svalue`.
    fn short(&mut self, text: &str) -> Result<()> {
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            rest = &rest[letter.len_utf8()..];
            match letter {
                'h' => self.given.help = true,
                'v' | 'V' => self.given.version = true,
                _ => {
                    let Some(flag) = best(|flag| flag.short == Some(letter), self.given.command) else {
                        let long = if letter == 'r' { "record-timing-info" } else { "" };
                        return Err(unknown_flag(&format!("-{letter}"), long));
                    };
                    if flag.kind.takes_value() {
                        let attached = rest.strip_prefix('=').unwrap_or(rest);
                        return self.say(flag, (!rest.is_empty()).then(|| attached.to_owned()));
                    }
                    self.say(flag, None)?;
                }
            }
        }
        Ok(())
    }

    fn say(&mut self, flag: &'static Flag, attached: Option<String>) -> Result<()> {
        if !flag.kind.takes_value() {
            return match attached {
                None => self.note(flag, Said::On),
                Some(_) => {
                    let no = if matches!(flag.kind, Kind::Switch(_)) {
                        format!(" or `--no-{}`", flag.long)
                    } else {
                        String::new()
                    };
                    Err(usage(format!("`--{}` takes no value", flag.long))
                        .help(format!("write `--{}`{no}", flag.long))
                        .boxed())
                }
            };
        }
        let mut words: Vec<String> = attached.into_iter().collect();
        if flag.kind.takes_many() {
            // Like dbt: `--select a b` takes both. Before the command is known, its name ends the values.
            while let Some(word) = self.rest.first() {
                let is_command = self.given.command.is_none() && command_named(word).is_some();
                if word.starts_with('-') || is_command {
                    break;
                }
                words.extend(self.next().map(str::to_owned));
            }
        } else if words.is_empty() {
            let usable = self.rest.first().filter(|word| !is_flag(word));
            words.extend(usable.cloned());
            self.rest = &self.rest[words.len()..];
        }
        if words.is_empty() {
            return Err(usage(format!("`--{}` needs a value", flag.long)).boxed());
        }
        self.note(flag, Said::Words(words))
    }

    fn note(&mut self, flag: &'static Flag, said: Said) -> Result<()> {
        if self.given.command.is_some() && self.before.contains(&flag.long) {
            return Err(usage(format!("`--{}` is given both before and behind the command", flag.long)).boxed());
        }
        let earlier = self.given.said.iter_mut().find(|(known, _)| std::ptr::eq(*known, flag));
        match (earlier, said) {
            (Some((_, Said::Words(words))), Said::Words(more)) if flag.kind.takes_many() => words.extend(more),
            (Some((_, old)), new) => *old = new,
            (None, said) => self.given.said.push((flag, said)),
        }
        Ok(())
    }
}

/// Whether a word is a flag that we know: then it is not the value of the one before.
fn is_flag(word: &str) -> bool {
    match word.strip_prefix("--") {
        Some(long) => {
            let name = long.split('=').next().unwrap_or(long);
            let known = |name| flag_named(name, None).is_some();
            known(name) || known(name.strip_prefix("no-").unwrap_or(name))
        }
        None => {
            let letter = word.strip_prefix('-').and_then(|rest| rest.chars().next());
            letter.is_some_and(|letter| FLAGS.iter().any(|flag| flag.short == Some(letter)))
        }
    }
}

/// The flag of this name. Commands may have flags of their own under one name: those of the command come first.
fn flag_named(name: &str, command: Option<Command>) -> Option<&'static Flag> {
    best(|flag| flag.names().any(|known| known == name), command)
}

fn best(fits: impl Fn(&Flag) -> bool, command: Option<Command>) -> Option<&'static Flag> {
    let all = || FLAGS.iter().copied().filter(|flag| fits(flag));
    command.and_then(|command| all().find(|flag| flag.on.has(command))).or_else(|| all().next())
}

/// The command that is typed like this, in one word or two.
pub(super) fn command_named(text: &str) -> Option<Command> {
    let spec = COMMANDS.iter().find(|spec| spec.command.as_str() == text || spec.aliases.contains(&text))?;
    Some(spec.command)
}

fn check(given: &Given) -> Result<()> {
    let Some(command) = given.command else {
        return Err(usage("no command is given").help("`headwater --help` lists the commands").boxed());
    };
    if let Some((flag, _)) = given.said.iter().find(|(flag, _)| !flag.on.has(command)) {
        let wrong = usage(format!("`{}` has no option `--{}`", command.as_str(), flag.long));
        return Err(wrong.help(format!("`headwater {} --help` lists its options", command.as_str())).boxed());
    }
    let allowed = usize::from(matches!(command, Command::RunOperation | Command::Init));
    match given.operands.get(allowed) {
        Some(word) => Err(too_many(command, word)),
        None if command == Command::RunOperation => {
            let has_sql = given.said.iter().any(|(flag, _)| std::ptr::eq(*flag, &super::table::SQL));
            match (given.operands.is_empty(), has_sql) {
                (true, false) => Err(usage("`run-operation` needs the name of a macro, or `--sql`")
                    .help("`headwater run-operation my_macro`")
                    .boxed()),
                (false, true) => Err(usage("`run-operation` takes the name of a macro or `--sql`, not both").boxed()),
                _ => Ok(()),
            }
        }
        None => Ok(()),
    }
}

fn too_many(command: Command, word: &str) -> Box<Diagnostic> {
    let problem = usage(format!("`{}` does not expect `{word}`", command.as_str()));
    let selects = super::table::SELECT.on.has(command);
    if selects { problem.help(format!("to work on it, write `--select {word}`")).boxed() } else { problem.boxed() }
}

fn unknown_command(word: &str) -> Box<Diagnostic> {
    if let Some((name, why)) = REFUSED_COMMANDS.iter().find(|(name, _)| *name == word) {
        return Diagnostic::error(Code::NotSupported, format!("dbt's command `{name}` is not supported: {why}"))
            .boxed();
    }
    if word == "docs" {
        return usage("`docs` needs to be told what to do")
            .help("`headwater docs generate`, `headwater docs serve`")
            .boxed();
    }
    if word == "source" {
        return usage("`source` needs to be told what to do").help("`headwater source freshness`").boxed();
    }
    let names = COMMANDS.iter().flat_map(|spec| spec.aliases.iter().copied().chain([spec.command.as_str()]));
    let problem = usage(format!("there is no command `{word}`"));
    match suggest::nearest(word, names) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("`headwater --help` lists the commands"),
    }
    .boxed()
}

fn unknown_flag(shown: &str, name: &str) -> Box<Diagnostic> {
    if let Some(refused) = REFUSED.iter().find(|refused| refused.long == name) {
        return not_supported(&format!("option `--{name}`"), refused.why).boxed();
    }
    let names = FLAGS.iter().flat_map(|flag| flag.names()).chain(["help", "version"]);
    let problem = usage(format!("there is no option `{shown}`"));
    match suggest::nearest(name, names) {
        Some(near) => problem.help(format!("did you mean `--{near}`?")),
        None => problem.help("`headwater COMMAND --help` lists the options of a command"),
    }
    .boxed()
}

/// Something of dbt that would change what is done, and that we do not have.
pub(super) fn not_supported(what: &str, why: &str) -> Diagnostic {
    Diagnostic::error(Code::NotSupported, format!("dbt's {what} is not supported: {why}"))
}

pub(super) fn usage(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Code::CommandLine, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn given(line: &str) -> Given {
        parse(&words(line)).unwrap_or_else(|problem| panic!("{line}: {}", problem.message))
    }

    fn said(line: &str, name: &str) -> Option<Said> {
        given(line).said.into_iter().find(|(flag, _)| flag.long == name).map(|(_, said)| said)
    }

    fn list(words: &[&str]) -> Option<Said> {
        Some(Said::Words(words.iter().map(|word| (*word).to_owned()).collect()))
    }

    fn problem(line: &str) -> (String, Vec<String>) {
        let problem = parse(&words(line)).expect_err(line);
        (problem.message, problem.helps)
    }

    #[test]
    fn flags_stand_before_or_behind_the_command() {
        assert_eq!(given("--target dev build --fail-fast").command, Some(Command::Build));
        assert_eq!(said("--target dev build -x", "target"), list(&["dev"]));
        assert_eq!(said("--no-use-colors build", "use-colors"), Some(Said::Off));
        assert_eq!(given("source snapshot-freshness").command, Some(Command::SourceFreshness));
        assert_eq!(problem("--target a build --target b").0, "`--target` is given both before and behind the command");
    }

    #[test]
    fn words_are_eaten_up_to_the_next_flag() {
        assert_eq!(said("build --select a b --exclude c", "select"), list(&["a", "b"]));
        assert_eq!(said("build -s a -s b+", "select"), list(&["a", "b+"]));
        assert_eq!(said("build --select=a b", "select"), list(&["a", "b"]));
        assert_eq!(said("--select a build", "select"), list(&["a"]));
        assert_eq!(given("run-operation --args {} my_macro").operands, ["my_macro"]);
    }

    #[test]
    fn short_flags_stand_together_or_with_their_value() {
        let given = given("run -xdf -tprod");
        assert_eq!(
            given.said.iter().map(|(flag, _)| flag.long).collect::<Vec<_>>(),
            ["fail-fast", "debug", "full-refresh", "target"]
        );
        assert_eq!(said("show -s a --limit -1", "limit"), list(&["-1"]));
    }

    #[test]
    fn mistakes_are_explained() {
        assert_eq!(problem("biuld"), ("there is no command `biuld`".into(), vec!["did you mean `build`?".into()]));
        assert_eq!(
            problem("build --selct a"),
            ("there is no option `--selct`".into(), vec!["did you mean `--select`?".into()])
        );
        assert_eq!(problem("deps --select a").0, "`deps` has no option `--select`");
        assert_eq!(
            problem("build orders"),
            ("`build` does not expect `orders`".into(), vec!["to work on it, write `--select orders`".into()])
        );
        assert_eq!(problem("build --target --quiet").0, "`--target` needs a value");
        assert_eq!(problem("build --quiet=yes").0, "`--quiet` takes no value");
        assert_eq!(
            problem("build --use-v2-parser").0,
            "dbt's option `--use-v2-parser` is not supported: there is one parser"
        );
        assert!(problem("rpc").0.starts_with("dbt's command `rpc` is not supported"));
        assert_eq!(problem("docs").0, "`docs` needs to be told what to do");
        assert_eq!(problem("").0, "no command is given");
        assert_eq!(problem("run-operation").0, "`run-operation` needs the name of a macro, or `--sql`");
    }

    #[test]
    fn names_of_a_command_are_unique() {
        for command in Command::ALL {
            let of_command = || FLAGS.iter().filter(|flag| flag.on.has(command));
            let mut names: Vec<&str> = of_command().flat_map(|flag| flag.names()).collect();
            names.extend(REFUSED.iter().map(|refused| refused.long).filter(|long| flag_named(long, None).is_none()));
            let mut shorts: Vec<char> = of_command().filter_map(|flag| flag.short).collect();
            let counts = (names.len(), shorts.len());
            names.sort_unstable();
            names.dedup();
            shorts.sort_unstable();
            shorts.dedup();
            assert_eq!((names.len(), shorts.len()), counts, "{}", command.as_str());
        }
    }

    #[test]
    fn help_is_a_command_too() {
        let about = given("help seed");
        assert_eq!((about.help, about.command), (true, Some(Command::Seed)));
        assert_eq!((given("help").help, given("help").command), (true, None));
        assert_eq!(problem("help sede").1, ["did you mean `seed`?"]);
    }

    #[test]
    fn switching_off_what_is_refused_is_fine() {
        assert_eq!(given("run --no-use-v2-parser").command, Some(Command::Run));
        assert!(problem("run -r x").0.starts_with("dbt's option `--record-timing-info` is not supported"));
    }
}
