//! Packages from git, by the `git` program: logins, proxies and keys are those that the user has set up for it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::project::{Env, Secrets, files};

const PATIENCE: Duration = Duration::from_millis(20);
/// Set by git for its hooks; they would lead our calls into the project's own repository.
const OF_HOOKS: [&str; 6] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX"];

/// Why there is no checkout.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    Cancelled,
    /// There is no `git` here.
    NoGit(String),
    /// What git said, without logins.
    Git(String),
}

pub(super) struct Git<'a> {
    pub env: &'a Env,
    pub secrets: &'a Secrets,
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
}

/// A repository at one of its commits.
#[derive(Debug, Clone)]
pub(super) struct Checkout {
    pub folder: PathBuf,
    /// 40 hexadecimal digits.
    pub commit: String,
}

impl Git<'_> {
    /// Fetches one commit of a repository, and of it only `subdirectory` where the server can do that.
    pub(super) fn checkout(
        &self,
        url: &str,
        revision: Option<&str>,
        subdirectory: Option<&str>,
        into: &Path,
    ) -> Result<Checkout, Failure> {
        let revision = revision.unwrap_or("HEAD");
        if url.starts_with('-') || revision.starts_with('-') {
            return Err(Failure::Git("an address or a revision does not start with `-`".to_owned()));
        }
        let io = |error: std::io::Error| Failure::Git(files::reason(&error));
        if into.exists() {
            std::fs::remove_dir_all(into).map_err(io)?;
        }
        std::fs::create_dir_all(into).map_err(io)?;
        let git = |words: &[&str]| self.run(into, url, words);
        git(&["init", "--quiet"])?;
        git(&["remote", "add", "origin", url])?;
        if let Some(folder) = subdirectory {
            // Older than 2.25, git takes the whole.
            let _ = git(&["sparse-checkout", "set", folder]);
        }
        let filter: &[&str] = if subdirectory.is_some() { &["--filter=blob:none"] } else { &[] };
        let fetch = |depth: &[&str], what: &[&str]| {
            let words = [&["fetch", "--quiet", "--no-tags"], depth, filter, &["origin"], what].concat();
            git(&words)
        };
        match fetch(&["--depth", "1"], &[revision]) {
            Ok(_) => git(&["checkout", "--quiet", "--detach", "FETCH_HEAD"])?,
            // Some servers do not give out single commits.
            Err(Failure::Git(why)) if is_commit(revision) => {
                fetch(&[], &["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"])
                    .and_then(|_| git(&["checkout", "--quiet", "--detach", revision]))
                    .map_err(|failure| if let Failure::Git(_) = failure { Failure::Git(why) } else { failure })?
            }
            Err(failure) => return Err(failure),
        };
        let commit = git(&["rev-parse", "HEAD"])?.trim().to_owned();
        let folder = subdirectory.map_or_else(|| into.to_owned(), |folder| into.join(folder));
        Ok(Checkout { folder, commit })
    }

    fn run(&self, folder: &Path, url: &str, words: &[&str]) -> Result<String, Failure> {
        let mut command = Command::new("git");
        command.args(words).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
        for name in OF_HOOKS {
            command.env_remove(name);
        }
        if self.env.get("GIT_SSH_COMMAND").is_none() && self.env.get("GIT_SSH").is_none() && uses_ssh(url) {
            // ssh asks on the terminal, past git, for passphrases and unknown hosts.
            command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
        }
        let mut child = command.spawn().map_err(|error| Failure::NoGit(files::reason(&error)))?;
        let readers = (child.stdout.take().map(reader), child.stderr.take().map(reader));
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if (self.cancelled)() => {
                    // It may have ended by itself meanwhile.
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(Failure::Cancelled);
                }
                Ok(None) => thread::sleep(PATIENCE),
                Err(error) => return Err(Failure::Git(files::reason(&error))),
            }
        };
        let text = |reader: Option<thread::JoinHandle<String>>| reader.and_then(|reader| reader.join().ok());
        let (said, complained) = (text(readers.0).unwrap_or_default(), text(readers.1).unwrap_or_default());
        if status.success() { Ok(said) } else { Err(Failure::Git(self.words(&complained, url))) }
    }

    /// The line of git's complaint that says most.
    fn words(&self, complaint: &str, url: &str) -> String {
        let mut lines = complaint.lines().map(str::trim).filter(|line| !line.is_empty());
        let telling = lines.clone().find(|line| line.starts_with("fatal:") || line.starts_with("ERROR:"));
        let line = telling.or_else(|| lines.next_back()).unwrap_or("git failed without a word");
        let line = line.trim_start_matches("fatal: ").trim_start_matches("ERROR: ");
        shown(&line.replace(url, &shown(url, self.secrets)), self.secrets)
    }
}

fn reader(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What could be read before it broke off is what there is.
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

pub(super) fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// `ssh://…`, `git@host:path`.
fn uses_ssh(url: &str) -> bool {
    url.starts_with("ssh://") || url.starts_with("git+ssh://") || (!url.contains("://") && url.contains('@'))
}

/// A URL as people may see it: without the login in it.
pub(in crate::project) fn shown(text: &str, secrets: &Secrets) -> String {
    let masked = secrets.mask(text);
    let mut out = String::new();
    let mut rest: &str = &masked;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after.find(['/', ' ', '\'', '"', '`']).unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        match authority.rsplit_once('@') {
            // A bare user (`ssh://git@host`) is no secret; of `user:password` and tokens nothing is shown.
            Some((login, host)) if login == "git" => out.push_str(&format!("{login}@{host}")),
            Some((_, host)) => out.push_str(&format!("*****@{host}")),
            None => out.push_str(authority),
        }
        rest = tail;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_not_shown() {
        let secrets = Secrets::new(&Env::from([("DBT_ENV_SECRET_T", "tok")]));
        assert_eq!(shown("https://me:pw@host/x.git", &secrets), "https://*****@host/x.git");
        assert_eq!(shown("'https://ghp_1@host/x' gone", &secrets), "'https://*****@host/x' gone");
        assert_eq!(shown("ssh://git@host/x", &secrets), "ssh://git@host/x");
        assert_eq!(shown("git@host:tok/x", &secrets), "git@host:*****/x");
    }

    #[test]
    fn what_goes_over_ssh() {
        assert!(uses_ssh("git@github.com:org/repo.git") && uses_ssh("ssh://git@host/x"));
        assert!(!uses_ssh("https://me@host/x") && !uses_ssh("/srv/x"));
    }
}
