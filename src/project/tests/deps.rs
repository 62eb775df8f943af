use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::*;
use crate::diag::Code;
use crate::diag::log::NullLog;
use crate::project::deps::{Addition, Deps, Installed, Origin};

/// A web server on this machine: paths with their answers, which are taken one after the other; the last one stays.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
    /// `Authorization` of each request that had one, with its path.
    logins: Arc<Mutex<Vec<(String, String)>>>,
    pages: Arc<Mutex<HashMap<String, Vec<Answer>>>>,
}

#[derive(Clone)]
enum Answer {
    Page(Vec<u8>),
    Status(u16, &'static str),
    Silence,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (asked, pages) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<HashMap<_, Vec<Answer>>>>::default());
        let logins = Arc::<Mutex<Vec<(String, String)>>>::default();
        let (log, answers, seen) = (asked.clone(), pages.clone(), logins.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, answers, seen) = (log.clone(), answers.clone(), seen.clone());
                thread::spawn(move || {
                    let mut stream = stream;
                    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                    let path =
                        lines.next().and_then(|line| Some(line.split(' ').nth(1)?.to_owned())).unwrap_or_default();
                    for line in lines.take_while(|line| !line.is_empty()) {
                        if let Some((_, login)) =
                            line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
                        {
                            seen.lock().unwrap().push((path.clone(), login.to_owned()));
                        }
                    }
                    log.lock().unwrap().push(path.clone());
                    let answer = {
                        let mut answers = answers.lock().unwrap();
                        match answers.get_mut(&path) {
                            Some(found) if found.len() > 1 => found.remove(0),
                            Some(found) => found[0].clone(),
                            None => Answer::Status(404, ""),
                        }
                    };
                    let (head, body) = match answer {
                        Answer::Page(body) => ("200 OK".to_owned(), body),
                        Answer::Status(status, more) => (format!("{status} x{more}"), Vec::new()),
                        Answer::Silence => return thread::sleep(Duration::from_secs(20)),
                    };
                    let head =
                        format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                    // Whoever asked may be gone.
                    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
                });
            }
        });
        Self { address, asked, logins, pages }
    }

    fn serve(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        self.pages.lock().unwrap().insert(path.to_owned(), answers.into_iter().collect());
    }

    fn page(&self, path: &str, body: impl Into<Vec<u8>>) {
        self.serve(path, [Answer::Page(body.into())]);
    }

    /// A package with versions: text, what it asks for, `require_dbt_version`.
    fn package(&self, name: &str, versions: &[(&str, Value, Value)]) {
        let own = name.split('/').next_back().unwrap();
        let mut all = Map::new();
        for (version, packages, required) in versions {
            let path = format!("/archives/{name}/{version}");
            self.page(
                &path,
                archive(&[(
                    &format!("{own}-{version}/dbt_project.yml"),
                    &format!("name: {own}\nversion: {version}\n"),
                )]),
            );
            let about = json!({
                "name": own, "version": version, "packages": packages, "require_dbt_version": required,
                "downloads": {"tarball": format!("{}{path}", self.address), "format": "tgz"},
            });
            all.insert((*version).to_owned(), about);
        }
        let answer = json!({"name": own, "namespace": name.split('/').next(), "versions": all});
        self.page(&format!("/api/v1/{name}.json"), answer.to_string());
    }

    fn env(&self) -> Env {
        Env::from([("DBT_PACKAGE_HUB_URL", self.address.as_str())])
    }
}

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        // Past the checks of `set_path`: paths that lead elsewhere are what some tests are about.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        builder.append(&header, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn with_link(name: &str, to: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, name, to).unwrap();
    let text = "name: kit\n";
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, "kit/dbt_project.yml", text.as_bytes()).unwrap();
    builder.into_inner().unwrap()
}

#[derive(Default)]
struct Asked {
    upgrade: bool,
    lock: bool,
    add: Option<Addition>,
    no_version_check: bool,
}

struct Done {
    installed: Vec<Installed>,
    warnings: Vec<Diagnostic>,
}

fn run(folder: &Path, env: Env, asked: &Asked, log: &dyn Log) -> Result<Done, Vec<Diagnostic>> {
    let request = Request { cwd: folder.to_path_buf(), env, ..Request::default() };
    let project = load_project_only(&request, &Engine::new())?;
    let engine = Engine::new();
    let version_check = !asked.no_version_check;
    let deps = Deps { project: &project, engine: &engine, log, cancelled: &|| false, version_check };
    if let Some(addition) = &asked.add {
        deps.add(addition)?;
    }
    let resolved = deps.resolve(asked.upgrade)?;
    deps.lock(&resolved)?;
    let mut warnings = resolved.warnings.clone();
    if asked.lock {
        return Ok(Done { installed: Vec::new(), warnings });
    }
    let staged = deps.stage(&resolved)?;
    warnings.extend(staged.warnings.iter().cloned());
    Ok(Done { installed: staged.finish()?, warnings })
}

fn install(fixture: &Fixture, env: Env) -> Result<Done, Vec<Diagnostic>> {
    run(fixture.path(), env, &Asked::default(), &NullLog)
}

fn versions(done: &Done) -> Vec<(&str, &str)> {
    done.installed.iter().map(|package| (package.name.as_str(), package.version.as_str())).collect()
}

fn read(fixture: &Fixture, path: &str) -> String {
    fs::read_to_string(fixture.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn messages(errors: &[Diagnostic]) -> Vec<&str> {
    errors.iter().map(|error| error.message.as_str()).collect()
}

fn failed(fixture: &Fixture, env: Env) -> Vec<Diagnostic> {
    install(fixture, env).map(|done| done.installed).unwrap_err()
}

fn shop_with_kit() -> Fixture {
    Fixture::new(&[
        ("shop/dbt_project.yml", PROJECT),
        ("shop/profiles.yml", PROFILES),
        ("shop/packages.yml", "packages:\n  - local: \"{{ env_var('KIT', '../kit') }}\"\n"),
        ("kit/dbt_project.yml", "name: kit\nmacro-paths: [macros]\n"),
        ("kit/packages.yml", "packages:\n  - local: ../base\n"),
        ("kit/macros/m.sql", "{% macro m() %}{% endmacro %}"),
        ("base/dbt_project.yml", "name: base\n"),
    ])
}

#[test]
fn local_packages_are_linked_with_those_they_ask_for() {
    let fixture = shop_with_kit();
    let shop = fixture.path().join("shop");
    let done = run(&shop, Env::default(), &Asked::default(), &NullLog).unwrap();
    assert_eq!(versions(&done), [("kit", "<local @ ../kit>"), ("base", "<local @ ../base>")]);

    let request = Request { cwd: shop.clone(), ..Request::default() };
    let project = fixture.load_with(request.clone());
    let packages: Vec<&str> = project.packages.iter().map(|package| &*package.name).collect();
    assert_eq!(packages, ["shop", "base", "kit", "dbt_duckdb", "dbt"]);
    let macros = &project.package("kit").unwrap().files.macros;
    assert_eq!(macros[0].path.original, "macros/m.sql");
    assert_eq!(macros[0].source.path, "dbt_packages/kit/macros/m.sql");
    assert!(fs::symlink_metadata(shop.join("dbt_packages/kit")).unwrap().is_symlink());

    // A second time replaces what is there, and what is asked for no more goes.
    fixture.write("kit/packages.yml", "packages: []\n");
    fixture.write("shop/dbt_packages/notes.txt", "mine");
    fs::remove_file(shop.join("package-lock.yml")).unwrap();
    run(&shop, Env::default(), &Asked::default(), &NullLog).unwrap();
    fixture.load_with(request);
    let mut left: Vec<String> = fs::read_dir(shop.join("dbt_packages"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["kit", "notes.txt"]);
}

/// The hashes are those of dbt's own `_create_sha1_hash`.
#[test]
fn the_lock_file_is_that_of_dbt() {
    let expected = [
        ("packages: []\n", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        (
            "packages:\n  - package: dbt-labs/dbt_utils\n    version: 1.3.0\n",
            "226ae69cdfbc9367e2aa2c472b01f99dbce11de0",
        ),
        (
            "packages:\n  - package: dbt-labs/dbt_utils\n    version: ['>=1.0.0', 2.0]\n    install_prerelease: true\n",
            "c4a5cdd7e0451df5f22fe6bc243d092d6b447fb6",
        ),
        ("packages:\n  - git: https://x/y.git\n    revision: 1.0\n", "14ad9efd9ece9f3d4ac11f57d65216f0a9a6d1ed"),
        ("packages:\n  - git: https://x/y.git\n    revision: 12\n", "e19f2dee677f60a0499deda638b8b88a9f92ebdb"),
        (
            "packages:\n  - git: https://x/y.git\n    revision: main\n    subdirectory: a/b\n    warn-unpinned: false\n",
            "0d3398023bcf217e2876d241a3aedcbeabe36cd7",
        ),
        ("packages:\n  - local: ../é\n", "f34fd9f28a23f5a337439aab676354df238b917a"),
        ("packages:\n  - local: ../x\n    name: y\n", "3271cb7036938c130d522fc8b4642055248849a2"),
        ("packages:\n  - tarball: https://x/y.tgz\n    name: y\n", "bcf9ababa827e84db409b03b560deb88e635fc25"),
        (
            "packages:\n  - private: org/repo\n    provider: github\n    revision: main\n",
            "15dd1c92031cd473e193401452ac54b6ac52b8a7",
        ),
    ];
    for (text, hash) in expected {
        // A lock file with dbt's hash is honoured: what is in it is taken, not what is asked for.
        let fixture = Fixture::new(&[
            ("packages.yml", text),
            ("package-lock.yml", &format!("packages:\n  - local: inner\n    name: inner\nsha1_hash: {hash}\n")),
            ("inner/dbt_project.yml", "name: inner\n"),
        ]);
        let done = install(&fixture, Env::default()).map(|done| done.installed.len());
        let wanted = usize::from(text != "packages: []\n");
        assert_eq!(done.unwrap_or_else(|errors| panic!("{text}: {:?}", messages(&errors))), wanted, "{text}");
    }
    let fixture = shop_with_kit();
    let asked = Asked { lock: true, ..Asked::default() };
    run(&fixture.path().join("shop"), Env::default(), &asked, &NullLog).unwrap();
    let lock = read(&fixture, "shop/package-lock.yml");
    let (packages, hash) = lock.split_once("sha1_hash: ").unwrap();
    assert_eq!(packages, "packages:\n  - local: ../kit\n    name: kit\n  - local: ../base\n    name: base\n");
    assert_eq!(hash.trim().len(), 40);
    assert!(!fixture.path().join("shop/dbt_packages").exists());
}

#[test]
fn hub_packages_are_chosen_by_all_demands_together() {
    let server = Server::start();
    let none = || json!([]);
    server.package(
        "acme/base",
        &[
            ("1.0.0", none(), Value::Null),
            ("1.4.0", none(), json!([">=1.0.0", "<3.0.0"])),
            ("1.5.0", none(), json!(">=99.0.0")),
            ("1.10.0-rc1", none(), Value::Null),
            ("2.0.0", none(), Value::Null),
        ],
    );
    server.package(
        "acme/kit",
        &[("0.1.0", json!([{"package": "acme/base", "version": [">=1.0.0", "<2.0.0"]}]), Value::Null)],
    );
    let text =
        "packages:\n  - package: acme/kit\n    version: 0.1.0\n  - package: acme/base\n    version: \">=1.0.0\"\n";
    let fixture = Fixture::new(&[("packages.yml", text)]);
    let log = Memory::default();
    let done = run(fixture.path(), server.env(), &Asked::default(), &log).unwrap();
    assert_eq!(versions(&done), [("kit", "version 0.1.0"), ("base", "version 1.4.0")]);
    assert_eq!(read(&fixture, "dbt_packages/base/dbt_project.yml"), "name: base\nversion: 1.4.0\n");
    let lock = read(&fixture, "package-lock.yml");
    let packages = "packages:\n  - name: kit\n    package: acme/kit\n    version: 0.1.0\n  - name: base\n    package: acme/base\n    version: 1.4.0\nsha1_hash: ";
    assert!(lock.starts_with(packages), "{lock}");
    let told: Vec<String> = log.0.lock().unwrap().iter().map(|(event, _, text)| format!("{event}: {text}")).collect();
    let path = fixture.path().join("package-lock.yml");
    assert_eq!(
        told,
        [
            &format!("DepsLockUpdating: Updating lock file in file path: {}", path.display()),
            "DepsStartPackageInstall: Installing acme/kit",
            "DepsInstallInfo: Installed from version 0.1.0",
            "DepsUpToDate: Up to date!",
            "DepsStartPackageInstall: Installing acme/base",
            "DepsInstallInfo: Installed from version 1.4.0",
            "DepsUpdateAvailable: Updated version available: 2.0.0",
            "Formatting: ",
            "DepsNotifyUpdatesAvailable: Updates available for packages: ['acme/base']\nUpdate your versions in packages.yml, then run headwater deps",
        ]
    );

    // The lock holds although a newer version fits by now; --upgrade takes it.
    server.package("acme/base", &[("1.4.0", none(), Value::Null), ("1.6.0", none(), Value::Null)]);
    assert_eq!(versions(&install(&fixture, server.env()).unwrap())[1].1, "version 1.4.0");
    let upgrade = Asked { upgrade: true, ..Asked::default() };
    let upgraded = run(fixture.path(), server.env(), &upgrade, &NullLog).unwrap();
    assert_eq!(versions(&upgraded)[1].1, "version 1.6.0");
    // What the lock names may be gone.
    server.package("acme/base", &[("1.7.0", none(), Value::Null)]);
    let gone = failed(&fixture, server.env());
    assert!(gone[0].message.ends_with("has no version of `acme/base` in =1.6.0"), "{}", gone[0].message);
    assert!(gone[0].helps.iter().any(|help| help.contains("`headwater deps --upgrade`")));
    server.package("acme/base", &[("1.4.0", none(), Value::Null)]);
    // Another demand: the lock is renewed.
    fixture.write("packages.yml", "packages:\n  - package: acme/base\n    version: 1.4.0\n");
    assert_eq!(versions(&install(&fixture, server.env()).unwrap()), [("base", "version 1.4.0")]);
    assert!(!fixture.path().join("dbt_packages/kit").exists());
}

#[test]
fn pre_releases_and_other_versions_of_dbt_are_taken_only_on_demand() {
    let server = Server::start();
    let later = json!([">=99.0.0", "<100.0.0"]);
    server.package(
        "acme/base",
        &[("1.0.0", json!([]), Value::Null), ("1.1.0-rc1", json!([]), Value::Null), ("1.2.0", json!([]), later)],
    );
    let taken = |entry: &str, asked: &Asked| {
        let fixture = Fixture::new(&[("packages.yml", &format!("packages:\n  - package: acme/base\n{entry}"))]);
        let done = run(fixture.path(), server.env(), asked, &NullLog);
        done.map(|done| done.installed[0].version.clone()).map_err(|errors| fixture.shown(&errors))
    };
    let plain = Asked::default();
    assert_eq!(taken("    version: \">=1.0.0\"\n", &plain).unwrap(), "version 1.0.0");
    assert_eq!(taken("    version: \">=1.0.0\"\n    install_prerelease: true\n", &plain).unwrap(), "version 1.1.0-rc1");
    assert_eq!(taken("    version: [\">=1.1.0-a\"]\n", &plain).unwrap(), "version 1.1.0-rc1");
    let any = Asked { no_version_check: true, ..Asked::default() };
    assert_eq!(taken("    version: \">=1.0.0\"\n", &any).unwrap(), "version 1.2.0");
    let host = server.address.trim_start_matches("http://");
    let expected = format!(
        "\
error[dependency]: `{host}` has no version of `acme/base` in >=1.1.0
  --> packages.yml:2:5
   |
 2 |   - package: acme/base
   |     ^^^^^^^^^^^^^^^^^^ asks for `>=1.1.0`
   |
note: versions: 1.0.0
note: left out, because they require another version of dbt: 1.2.0
help: to take them nevertheless: `headwater deps --no-version-check`
"
    );
    assert_eq!(taken("    version: \">=1.1.0\"\n", &plain).unwrap_err(), expected);
    assert!(taken("    version: latest\n", &plain).unwrap_err().contains("`latest` is no version of `acme/base`"));
}

#[test]
fn contradictions_name_everybody_who_asks() {
    let server = Server::start();
    server.package("acme/base", &[("1.0.0", json!([]), Value::Null), ("2.0.0", json!([]), Value::Null)]);
    server.package("acme/kit", &[("0.1.0", json!([{"package": "acme/base", "version": ["<2.0.0"]}]), Value::Null)]);
    let text = "packages:\n  - package: acme/kit\n    version: 0.1.0\n  - package: acme/base\n    version: 2.0.0\n";
    let fixture = Fixture::new(&[("packages.yml", text)]);
    let host = server.address.trim_start_matches("http://").to_owned();
    let shown = fixture.shown(&failed(&fixture, server.env())).replace(&host, "hub");
    let expected = "\
error[dependency]: no version of `acme/base` can be all that is asked for together
  --> packages.yml:4:5
   |
 4 |   - package: acme/base
   |     ^^^^^^^^^^^^^^^^^^ asks for `2.0.0`
  ::: hub: acme/kit 0.1.0:2:3
 2 | - package: acme/base
   |   ------------------ asks for `<2.0.0`
   |
help: change one of the ranges, or take another version of a package that asks
";
    assert_eq!(shown, expected);

    // The same project from two places, and a package that is called like the project.
    fixture.write("base/dbt_project.yml", "name: base\n");
    fixture.write("self/dbt_project.yml", "name: shop\n");
    fixture.write(
        "packages.yml",
        "packages:\n  - package: acme/base\n    version: 2.0.0\n  - local: base\n  - local: self\n",
    );
    assert_eq!(
        messages(&failed(&fixture, server.env())),
        ["two packages are called `base`", "a package is called `shop`, like the project itself"]
    );
}

#[test]
fn packages_that_were_renamed_or_never_existed() {
    let server = Server::start();
    server.package("acme/base", &[("1.0.0", json!([]), Value::Null)]);
    let mut answer: Value = match &server.pages.lock().unwrap()["/api/v1/acme/base.json"][0] {
        Answer::Page(body) => serde_json::from_slice(body).unwrap(),
        _ => unreachable!(),
    };
    answer["redirectnamespace"] = json!("acme-labs");
    answer["redirectname"] = Value::Null;
    server.page("/api/v1/acme/base.json", answer.to_string());
    server.page("/api/v1/index.json", json!(["acme/base", "other/kit"]).to_string());
    let fixture = Fixture::new(&[("packages.yml", "packages:\n  - package: acme/base\n    version: 1.0.0\n")]);
    let done = install(&fixture, server.env()).unwrap();
    assert_eq!(messages(&done.warnings), ["the package `acme/base` is now called `acme-labs/base`"]);
    for (wrong, right) in [("acme/bsae", "acme/base"), ("acme/kit", "other/kit")] {
        fixture.write("packages.yml", format!("packages:\n  - package: {wrong}\n    version: 1.0.0\n"));
        let errors = failed(&fixture, server.env());
        assert!(errors[0].message.ends_with(&format!("has no package `{wrong}`")), "{}", errors[0].message);
        assert_eq!(errors[0].helps, [format!("did you mean `{right}`?")]);
    }
    fixture.write("packages.yml", "packages:\n  - package: base\n    version: 1.0.0\n  - package: acme/base\n");
    assert_eq!(
        messages(&failed(&fixture, server.env())),
        ["the hub package `base` has no owner", "the hub package `acme/base` has no `version`"]
    );
}

#[test]
fn a_network_that_fails_is_told_with_what_to_do() {
    let server = Server::start();
    server.package("acme/base", &[("1.0.0", json!([]), Value::Null)]);
    let fixture = Fixture::new(&[("packages.yml", "packages:\n  - package: acme/base\n    version: 1.0.0\n")]);
    let hub = "/api/v1/acme/base.json";
    let good = server.pages.lock().unwrap()[hub][0].clone();
    // What may pass is tried again.
    server.serve(hub, [Answer::Status(503, ""), good.clone()]);
    install(&fixture, server.env()).unwrap();
    assert_eq!(server.asked.lock().unwrap().iter().filter(|path| *path == hub).count(), 2);
    // Half an archive as well.
    let tarball = "/archives/acme/base/1.0.0";
    let Answer::Page(whole) = server.pages.lock().unwrap()[tarball][0].clone() else { unreachable!() };
    server.serve(tarball, [Answer::Page(whole[..whole.len() / 2].to_vec()), Answer::Page(whole)]);
    install(&fixture, server.env()).unwrap();

    let told = |env: Env| {
        let error = failed(&fixture, env).remove(0);
        (error.message, error.helps)
    };
    server.serve(hub, [Answer::Status(403, "")]);
    fs::remove_file(fixture.path().join("package-lock.yml")).unwrap();
    let (message, helps) = told(server.env());
    assert!(message.ends_with(": the server answered 403"), "{message}");
    assert_eq!(helps[0], "the address needs a login, or a token that may read it");
    let (message, helps) = told(Env::from([("DBT_PACKAGE_HUB_URL", "http://hub.invalid/")]));
    assert_eq!(message, "`acme/base` cannot be looked up at `hub.invalid`: the host `hub.invalid` is not known");
    assert!(helps[0].starts_with("check the network; behind a proxy, set HTTPS_PROXY"));
    let (message, _) = told(Env::from([("DBT_PACKAGE_HUB_URL", "http://127.0.0.1:1/")]));
    assert!(message.ends_with("no connection to `127.0.0.1:1` (it is refused)"), "{message}");
    let secret = Env::from([("DBT_PACKAGE_HUB_URL", "http://me:pa55@127.0.0.1:1/")]);
    assert!(!fixture.shown(&failed(&fixture, secret)).contains("pa55"));
    server.page(hub, "<html>");
    let (message, _) = told(server.env());
    assert!(message.ends_with("the hub's answer is not JSON"), "{message}");
}

#[test]
fn a_server_that_does_not_answer_is_left() {
    let server = Server::start();
    server.serve("/api/v1/acme/base.json", [Answer::Silence]);
    let fixture = Fixture::new(&[("packages.yml", "packages:\n  - package: acme/base\n    version: 1.0.0\n")]);
    let request = |env| Request { cwd: fixture.path().to_path_buf(), env, ..Request::default() };
    let engine = Engine::new();
    // Ctrl-C, while it is waited for.
    let project = load_project_only(&request(server.env()), &engine).unwrap();
    let stop = AtomicBool::new(false);
    let cancelled = || stop.load(Ordering::SeqCst);
    let deps = Deps { project: &project, engine: &engine, log: &NullLog, cancelled: &cancelled, version_check: true };
    thread::scope(|scope| {
        scope.spawn(|| {
            while server.asked.lock().unwrap().is_empty() {
                thread::sleep(Duration::from_millis(10));
            }
            stop.store(true, Ordering::SeqCst);
        });
        let Err(errors) = deps.resolve(false) else { panic!("there is no answer") };
        assert_eq!(errors[0].code, Code::Cancelled);
    });
    let env = Env::from([("DBT_PACKAGE_HUB_URL", server.address.as_str()), ("DBT_HTTP_TIMEOUT", "0.05")]);
    let error = failed(&fixture, env).remove(0);
    assert!(error.message.ends_with("did not answer in time"), "{}", error.message);
}

#[test]
fn archives_are_unpacked_with_care() {
    let server = Server::start();
    let outside = Fixture::new(&[]);
    let absolute = outside.path().join("evil").display().to_string();
    let project = ("kit/dbt_project.yml", "name: kit\n");
    let cases: &[(&str, Vec<u8>, &str)] = &[
        (
            "up",
            archive(&[project, ("kit/../../evil", "x")]),
            "`kit/../../evil` in the archive leads out of the package's folder",
        ),
        ("root", archive(&[project, (&absolute, "x")]), "in the archive leads out of the package's folder"),
        ("link", with_link("kit/x", "../../evil"), "`kit/x` in the archive leads out of the package's folder"),
        ("rooted", with_link("kit/x", "/etc"), "`kit/x` in the archive leads out of the package's folder"),
        ("junk", b"\x1f\x8bnot really".to_vec(), "the archive is broken"),
        ("empty", archive(&[("kit/readme", "x")]), "the archive holds no dbt project"),
        ("two", archive(&[("a/x", ""), ("b/y", "")]), "the archive holds no dbt project"),
    ];
    for (name, body, expected) in cases {
        server.page(&format!("/{name}.tgz"), body.clone());
        let text = format!("packages:\n  - tarball: {}/{name}.tgz\n    name: kit\n", server.address);
        let fixture = Fixture::new(&[
            ("packages.yml", &text),
            ("dbt_packages/kit/dbt_project.yml", "name: kit\n"),
            ("dbt_packages/kit/old", ""),
        ]);
        let errors = failed(&fixture, Env::default());
        assert!(errors[0].message.contains(expected), "{name}: {}", errors[0].message);
        // What was there is still there.
        assert!(fixture.path().join("dbt_packages/kit/old").is_file(), "{name}");
        assert!(!fixture.path().join("evil").exists() && !Path::new(&absolute).exists());
    }
    server.page("/good.tgz", with_link("kit/models", "./inner"));
    let text = format!(
        "packages:\n  - tarball: {}/good.tgz\n    name: tools\n",
        server.address.replace("http://", "http://me:pw@")
    );
    let fixture = Fixture::new(&[("packages.yml", &text)]);
    let done = install(&fixture, Env::default()).unwrap();
    assert_eq!(done.installed[0].name, "tools");
    assert!(done.installed[0].version.contains("http://*****@127.0.0.1"), "{}", done.installed[0].version);
    assert!(fs::symlink_metadata(fixture.path().join("dbt_packages/tools/models")).unwrap().is_symlink());
}

#[test]
fn netrc_holds_logins_for_downloads() {
    let server = Server::start();
    server.page("/kit.tgz", archive(&[("kit/dbt_project.yml", "name: kit\n")]));
    let fixture = Fixture::new(&[
        ("packages.yml", &format!("packages:\n  - tarball: {}/kit.tgz\n    name: kit\n", server.address)),
        ("home/.netrc", "machine 127.0.0.1\n  login me\n  password pw\n"),
        ("other", "machine elsewhere login me password no\n"),
    ]);
    let home = fixture.path().join("home").display().to_string();
    install(&fixture, Env::from([("HOME", home.clone())])).unwrap();
    let logins = || std::mem::take(&mut *server.logins.lock().unwrap());
    assert_eq!(logins(), [("/kit.tgz".to_owned(), "Basic bWU6cHc=".to_owned())]);
    let other = fixture.path().join("other").display().to_string();
    fs::remove_dir_all(fixture.path().join("dbt_packages")).unwrap();
    install(&fixture, Env::from([("HOME", home), ("NETRC", other)])).unwrap();
    assert_eq!(logins(), []);
}

#[test]
fn checksums_of_the_hub_are_compared() {
    let server = Server::start();
    server.package("acme/base", &[("1.0.0", json!([]), Value::Null)]);
    let fixture = Fixture::new(&[("packages.yml", "packages:\n  - package: acme/base\n    version: 1.0.0\n")]);
    let Answer::Page(page) = server.pages.lock().unwrap()["/api/v1/acme/base.json"][0].clone() else { unreachable!() };
    let with = |key: &str, value: &str| {
        let mut answer: Value = serde_json::from_slice(&page).unwrap();
        answer["versions"]["1.0.0"]["downloads"][key] = json!(value);
        server.page("/api/v1/acme/base.json", answer.to_string());
    };
    with("sha1", "00");
    let done = install(&fixture, server.env()).unwrap();
    assert_eq!(messages(&done.warnings), ["the archive of `acme/base` is not the one of the hub: its SHA-1 differs"]);
    with("sha256", "00");
    fixture.write("dbt_packages/base/old", "");
    let errors = failed(&fixture, server.env());
    assert_eq!(messages(&errors), ["the archive of `acme/base` is not the one of the hub: its SHA-256 differs"]);
    assert!(fixture.path().join("dbt_packages/base/old").is_file());
}

fn git(folder: &Path, words: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]);
    let done = command.args(words).env("GIT_CONFIG_NOSYSTEM", "1").output().unwrap();
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

#[test]
fn git_packages_are_fetched_at_a_revision() {
    let fixture = Fixture::new(&[
        ("repo/kit/dbt_project.yml", "name: kit\n"),
        ("repo/kit/packages.yml", "packages:\n  - local: base\n"),
        ("base/dbt_project.yml", "name: base\n"),
        ("repo/kit/v", "1"),
        ("repo/other/big", "x"),
    ]);
    let repo = fixture.path().join("repo");
    git(&repo, &["init", "-q"]);
    git(&repo, &["add", "."]);
    git(&repo, &["commit", "-qm", "one"]);
    git(&repo, &["tag", "-a", "v1", "-m", "v1"]);
    let first = git(&repo, &["rev-parse", "HEAD"]);
    fixture.write("repo/kit/v", "2");
    git(&repo, &["commit", "-qam", "two"]);
    let second = git(&repo, &["rev-parse", "HEAD"]);

    let install_at = |entry: &str| {
        // Neither the lock file nor what was installed before may matter.
        let _ = fs::remove_file(fixture.path().join("package-lock.yml"));
        fixture.write(
            "packages.yml",
            format!("packages:\n  - git: file://{}\n    subdirectory: kit\n{entry}", repo.display()),
        );
        install(&fixture, Env::default())
    };
    let pinned = install_at("    revision: v1\n").unwrap();
    assert!(pinned.warnings.is_empty());
    assert_eq!(versions(&pinned), [("kit", format!("revision {first}").as_str()), ("base", "<local @ base>")]);
    assert_eq!(read(&fixture, "dbt_packages/kit/v"), "1");
    assert!(!fixture.path().join("dbt_packages/kit/.git").exists());
    let lock = read(&fixture, "package-lock.yml");
    let entry = format!(
        "packages:\n  - git: file://{}\n    name: kit\n    revision: {first}\n    subdirectory: kit\n",
        repo.display()
    );
    assert!(lock.starts_with(&entry), "{lock}");
    // The commit of the lock file, by the lock file.
    assert_eq!(versions(&install(&fixture, Env::default()).unwrap())[0].1, format!("revision {first}"));

    let newest = install_at("").unwrap();
    assert_eq!(read(&fixture, "dbt_packages/kit/v"), "2");
    assert!(newest.warnings[0].message.ends_with("is not pinned: its newest commit is taken"));
    assert_eq!(newest.warnings[0].code, Code::UnpinnedPackage);
    assert!(install_at("    warn-unpinned: false\n").unwrap().warnings.is_empty());
    assert!(install_at("    revision: main\n").unwrap().warnings[0].message.contains("pinned to the branch `main`"));
    install_at(&format!("    revision: {second}\n")).unwrap();
    let missing = install_at("    revision: v9\n").map(|done| done.installed).unwrap_err();
    assert!(missing[0].message.contains("couldn't find remote ref v9"), "{}", missing[0].message);
    assert!(missing[0].helps[0].starts_with("`v9` is no branch and no tag there"));
    // The installed packages are still those of before.
    assert_eq!(read(&fixture, "dbt_packages/kit/v"), "2");
    let option = install_at("    revision: --upload-pack=touch evil\n").map(|done| done.installed).unwrap_err();
    assert!(option[0].message.contains("does not start with `-`"));
    let two =
        format!("    revision: v1\n  - git: file://{}\n    subdirectory: kit\n    revision: main\n", repo.display());
    let two = install_at(&two).map(|done| done.installed).unwrap_err();
    assert!(two[0].message.starts_with("two revisions of git repository"), "{}", two[0].message);
}

#[test]
fn secrets_are_used_and_never_shown() {
    let fixture = Fixture::new(&[(
        "packages.yml",
        "packages:\n  - git: \"https://{{ env_var('DBT_ENV_SECRET_TOKEN') }}@127.0.0.1:1/x.git\"\n    revision: v1\n  - git: http://me:pa55@127.0.0.1:1/y.git\n    revision: v1\n",
    )]);
    let env = Env::from([("DBT_ENV_SECRET_TOKEN", "tok3n")]);
    let errors = failed(&fixture, env);
    let shown = fixture.shown(&errors);
    assert_eq!(errors.len(), 2, "{shown}");
    assert!(!shown.contains("tok3n") && !shown.contains("pa55"), "{shown}");
    assert!(errors[0].message.contains("https://*****@127.0.0.1:1/x.git"), "{shown}");
}

#[test]
fn packages_are_added_and_taken_back() {
    let server = Server::start();
    server.package("acme/base", &[("1.0.0", json!([]), Value::Null)]);
    let fixture =
        Fixture::new(&[("packages.yml", "packages: # ours\n  - local: kit\n"), ("kit/dbt_project.yml", "name: kit\n")]);
    let addition =
        Addition { package: "acme/base".into(), version: Some(">=1.0.0,<2.0.0".into()), origin: Origin::Hub };
    let asked = Asked { add: Some(addition), ..Asked::default() };
    let done = run(fixture.path(), server.env(), &asked, &NullLog).unwrap();
    assert_eq!(versions(&done), [("kit", "<local @ kit>"), ("base", "version 1.0.0")]);
    assert_eq!(
        read(&fixture, "packages.yml"),
        "packages: # ours\n  - local: kit\n  - package: acme/base\n    version:\n    - '>=1.0.0'\n    - <2.0.0\n"
    );
    let dependencies = Fixture::new(&[
        ("dependencies.yml", "packages:\n  - local: kit\n"),
        ("kit/dbt_project.yml", "name: kit\n"),
        ("two/dbt_project.yml", "name: two\n"),
    ]);
    let addition = Addition { package: "two".into(), version: None, origin: Origin::Local };
    let asked = Asked { add: Some(addition), ..Asked::default() };
    run(dependencies.path(), Env::default(), &asked, &NullLog).unwrap();
    assert_eq!(read(&dependencies, "dependencies.yml"), "packages:\n  - local: kit\n  - local: two\n");
}

#[test]
fn what_cannot_be_installed_says_why() {
    let fixture = Fixture::new(&[(
        "packages.yml",
        "packages:\n  - local: nowhere\n  - private: acme/kit\n    provider: bitbucket\n  \
         - private: acme/tools\n    provider: ado\n",
    )]);
    let errors = failed(&fixture, Env::default());
    let told: Vec<(Code, &str)> = errors.iter().map(|error| (error.code, error.message.as_str())).collect();
    assert_eq!(
        told,
        [
            (Code::Dependency, "there is no dbt project in `nowhere`"),
            (Code::Dependency, "the private package `acme/kit` has no address"),
            (Code::Dependency, "the private package `acme/tools` has no address"),
        ]
    );
    assert_eq!(errors[1].notes, ["`bitbucket` is none of the providers github, gitlab, ado and azure_devops"]);
    assert_eq!(errors[2].notes, ["packages of the provider `ado` are called `organisation/project/repository`"]);
    let platform = Fixture::new(&[("packages.yml", "packages:\n  - private: acme/kit\n    revision: v1\n")]);
    let given = Env::from([("DBT_ENV_PRIVATE_GIT_PROVIDER_INFO", "[{\"org\": \"acme\", \"token\": \"t0ken\"}]")]);
    let refused = failed(&platform, given);
    assert_eq!(messages(&refused), ["the private package `acme/kit` has no address"]);
    assert!(refused[0].notes[0].contains("is for dbt's platform"), "{:?}", refused[0].notes);
    let both = Fixture::new(&[
        ("packages.yml", "packages:\n  - local: a\n"),
        ("dependencies.yml", "packages:\n  - local: b\n"),
    ]);
    assert_eq!(messages(&failed(&both, Env::default())), ["both packages.yml and dependencies.yml ask for packages"]);
    let itself = Fixture::new(&[
        ("dbt_project.yml", "name: shop\nprofile: shop\npackages-install-path: .\n"),
        ("packages.yml", "packages:\n  - local: kit\n"),
        ("kit/dbt_project.yml", "name: kit\n"),
    ]);
    assert!(messages(&failed(&itself, Env::default()))[0].ends_with("which holds the project itself"));
}

#[test]
fn packages_that_are_asked_for_must_be_installed() {
    let fixture = Fixture::new(&[("packages.yml", "packages:\n  - package: dbt-labs/dbt_utils\n    version: 1.3.0\n")]);
    let expected = "\
error[dependency]: hub package `dbt-labs/dbt_utils` is not installed in `dbt_packages`
  --> packages.yml:2:5
   |
 2 |   - package: dbt-labs/dbt_utils
   |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^ asked for here
   |
help: run `headwater deps`
";
    assert_eq!(fixture.shown(&fixture.errors()), expected);
    fixture.write("dbt_packages/dbt_utils/dbt_project.yml", "name: dbt_utils\n");
    fixture.load();
}

#[test]
fn two_packages_of_one_name_are_refused() {
    let fixture = Fixture::new(&[
        ("dbt_packages/one/dbt_project.yml", "name: kit\n"),
        ("dbt_packages/two/dbt_project.yml", "name: kit\n"),
    ]);
    let errors = fixture.errors();
    assert_eq!(errors[0].code, Code::DuplicateName);
    assert_eq!(errors[0].notes, ["`dbt_packages/one` and `dbt_packages/two`"]);
}
