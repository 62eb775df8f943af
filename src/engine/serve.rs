//! `docs serve`: the files of `docs generate` over HTTP, for the browser on the same machine.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Component, Path};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::call::{Call, Stage};
use super::{CommandResult, Done};
use crate::diag::log::{Detail, Level, Log, LogEntry};
use crate::diag::{Code, Diagnostic};
use crate::project::load_project_only;

/// What is served, with the images of descriptions. Nothing else can be asked for, so no path leads out of the folder.
const FILES: &[(&str, &str)] = &[
    ("index.html", "text/html; charset=utf-8"),
    ("manifest.json", "application/json"),
    ("catalog.json", "application/json"),
    ("run_results.json", "application/json"),
];
/// Images of the project's asset folders, by their ending.
const IMAGES: &[(&str, &str)] = &[
    ("gif", "image/gif"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("webp", "image/webp"),
];
/// How often Ctrl-C is looked for.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a browser may take to ask, and to take its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest request, in bytes.
const LONGEST_REQUEST: u64 = 16 * 1024;

pub(super) fn serve(call: &mut Call<'_>) -> Stage<Done> {
    let project = load_project_only(&call.request(), &call.jinja)?;
    call.warn(project.warnings.iter().cloned())?;
    let target = project.target_path.clone();
    if !target.join("index.html").is_file() {
        let message = format!("there is no documentation in `{}`", target.display());
        return Err(vec![Diagnostic::error(Code::File, message).help("`headwater docs generate` writes it")]);
    }
    let (host, port) = (call.options.host.as_str(), call.options.port);
    let refused = |error: io::Error| {
        let message = format!("cannot listen on `{host}`, port {port}: {error}");
        vec![Diagnostic::error(Code::Connection, message).help("choose another with `--port`; 0 takes a free one")]
    };
    let listener = TcpListener::bind((host, port)).map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    listener.set_nonblocking(true).map_err(refused)?;
    let url = format!("http://{address}/");
    let text = format!("Serving the documentation at {url} (Ctrl-C stops it)");
    call.host.log.write(&LogEntry {
        level: Level::Info,
        node: None,
        thread: None,
        event: "Note",
        text: &text,
        detail: Detail::Message,
    });
    if call.options.browser {
        open_browser(&url, &*call.host.log);
    }
    while !call.host.cancel.is_cancelled() {
        match listener.accept() {
            Ok((stream, _)) => {
                let (target, assets) = (target.clone(), project.config.paths.assets.clone());
                // A browser that went away is no problem of ours.
                thread::spawn(move || answer(&stream, &target, &assets));
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
    Ok(CommandResult::Nothing.into())
}

fn open_browser(url: &str, log: &dyn Log) {
    let program = match std::env::consts::OS {
        "macos" => "open",
        "windows" => "explorer",
        _ => "xdg-open",
    };
    let quiet = || Stdio::null();
    let started = Command::new(program).arg(url).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
    match started {
        // Its end is waited for elsewhere, so that no dead process is left.
        Ok(mut child) => drop(thread::spawn(move || child.wait())),
        Err(error) => {
            let text = format!("no browser was opened: `{program}`: {error}");
            log.write(&LogEntry {
                level: Level::Debug,
                node: None,
                thread: None,
                event: "Note",
                text: &text,
                detail: Detail::Message,
            });
        }
    }
}

fn answer(stream: &TcpStream, target: &Path, assets: &[String]) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream.take(LONGEST_REQUEST)).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    // The headers say nothing that matters here, but an unread request would reset the connection.
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let mut stream = stream;
    stream.write_all(&response(&request, target, assets))?;
    stream.flush()
}

/// The answer to `GET /index.html HTTP/1.1`.
fn response(request: &str, target: &Path, assets: &[String]) -> Vec<u8> {
    let mut words = request.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if !matches!(method, "GET" | "HEAD") {
        return message("405 Method Not Allowed", "text/plain", b"only GET and HEAD\n", true);
    }
    let name = path.split(['?', '#']).next().unwrap_or_default().trim_start_matches('/');
    let name = if name.is_empty() { "index.html" } else { name };
    let known = FILES.iter().find(|(file, _)| *file == name).map(|(_, kind)| kind).or_else(|| image(name, assets));
    match known.and_then(|kind| Some((fs::read(target.join(name)).ok()?, kind))) {
        Some((body, kind)) => message("200 OK", kind, &body, method == "GET"),
        None => message("404 Not Found", "text/plain", b"there is no such page\n", method == "GET"),
    }
}

/// The type of an image in an asset folder.
fn image(name: &str, assets: &[String]) -> Option<&'static &'static str> {
    let path = Path::new(name);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    if !inside || !assets.iter().any(|folder| path.starts_with(folder)) {
        return None;
    }
    let (_, end) = name.rsplit_once('.')?;
    IMAGES.iter().find(|(known, _)| *known == end).map(|(_, kind)| kind)
}

fn message(status: &str, kind: &str, body: &[u8], with_body: bool) -> Vec<u8> {
    let mut message = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-cache\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    if with_body {
        message.extend_from_slice(body);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(request: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("index.html"), "the page").unwrap();
        fs::write(folder.path().join("profiles.yml"), "secret").unwrap();
        fs::create_dir(target.join("assets")).unwrap();
        fs::write(target.join("assets/a.png"), "a picture").unwrap();
        fs::write(target.join("assets/a.txt"), "a text").unwrap();
        String::from_utf8(response(request, &target, &["assets".to_owned()])).unwrap()
    }

    #[test]
    fn the_page_is_served_whole_or_as_its_head() {
        let page = asked("GET / HTTP/1.1");
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("\r\n\r\nthe page"), "{page}");
        assert_eq!(asked("GET /index.html?a=b HTTP/1.1"), page);
        let head = asked("HEAD / HTTP/1.1");
        assert!(head.contains("Content-Length: 8\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    }

    #[test]
    fn nothing_else_can_be_asked_for() {
        assert!(asked("GET /assets/a.png HTTP/1.1").ends_with("\r\n\r\na picture"));
        for path in [
            "/assets/../index.html",
            "/assets/a.txt",
            "/assets/../../profiles.yml",
            "/../profiles.yml",
            "/..%2fprofiles.yml",
            "//profiles.yml",
            "/catalog.json",
            "/.",
        ] {
            assert!(asked(&format!("GET {path} HTTP/1.1")).starts_with("HTTP/1.1 404 "), "{path}");
        }
        assert!(asked("POST / HTTP/1.1").starts_with("HTTP/1.1 405 "));
        assert!(asked("").starts_with("HTTP/1.1 405 "));
    }
}
