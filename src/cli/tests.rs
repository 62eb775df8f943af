use std::sync::{Arc, Mutex};

use super::console::Captured;
use super::*;

struct Ran {
    outcome: Outcome,
    stdout: String,
    stderr: String,
}

fn ran(line: &[&str]) -> Ran {
    let (stdout, stderr) = (Captured::default(), Captured::default());
    let dir = tempfile::tempdir().unwrap();
    let host = Host {
        drivers: Drivers::default(),
        modules: None,
        listener: None,
        cancel: CancelToken::new(),
        env: Env::default(),
        cwd: dir.path().to_owned(),
        stdout: Arc::new(Mutex::new(stdout.clone())),
        stderr: Arc::new(Mutex::new(stderr.clone())),
        is_terminal: false,
    };
    let argv: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
    Ran { outcome: main(&argv, host), stdout: stdout.text(), stderr: stderr.text() }
}

#[test]
fn help_and_version_go_to_stdout() {
    assert!(ran(&["--version"]).stdout.starts_with("headwater "));
    assert_eq!(ran(&[]).outcome.exit_code, 0);
    assert!(ran(&["ls", "--help"]).stdout.contains("Usage: headwater list [OPTIONS]\nAlso: headwater ls\n"));
}

#[test]
fn usage_errors_go_to_stderr_and_exit_with_2() {
    let ran = ran(&["biuld"]);
    assert_eq!(ran.outcome.exit_code, 2);
    assert_eq!(ran.stderr, "error[command-line]: there is no command `biuld`\nhelp: did you mean `build`?\n");
    assert_eq!(ran.stdout, "");
}
