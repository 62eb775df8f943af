//! A project in a temporary folder.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use headwater::adapter::fake::FakeAdapter;
use headwater::diag::log::{Log, NullLog};
use headwater::diag::{Diagnostic, render};
use headwater::jinja::Engine;
use headwater::manifest::{Manifest, Node, Parsed, parse};
use headwater::project::{self, Env, Project, Request};

/// Files to write; the usual ones are there already.
pub struct TestProject {
    files: BTreeMap<String, String>,
    env: Vec<(String, String)>,
    folder: tempfile::TempDir,
}

const PROFILES: &str = "shop:
  target: dev
  outputs:
    dev: {type: mysql, server: localhost, schema: main, username: u, password: p, threads: 2}
";

impl TestProject {
    pub fn new() -> Self {
        let project = Self { files: BTreeMap::new(), env: Vec::new(), folder: tempfile::tempdir().unwrap() };
        project.file("dbt_project.yml", "name: shop\nversion: '1'\nprofile: shop\n").file("profiles.yml", PROFILES)
    }

    pub fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn load(&self, engine: &Engine) -> Result<Project, Vec<Diagnostic>> {
        for (path, text) in &self.files {
            let path = self.folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let request = Request {
            project_dir: Some(self.folder.path().to_owned()),
            profiles_dir: Some(self.folder.path().to_owned()),
            cwd: self.folder.path().to_owned(),
            env: Env::from(self.env.clone()),
            ..Request::default()
        };
        project::load(&request, engine)
    }

    pub fn parse(&self) -> Result<(Project, Parsed), Vec<Diagnostic>> {
        let engine = Engine::new();
        let project = self.load(&engine)?;
        let log: Arc<dyn Log> = Arc::new(NullLog);
        let parsed = parse(&project, &FakeAdapter::mysql(), &engine, &log, Err(String::new()))?;
        Ok((project, parsed))
    }

    /// The manifest of a project that has no errors.
    pub fn manifest(&self) -> Arc<Manifest> {
        match self.parse() {
            Ok((_, parsed)) => parsed.manifest,
            Err(diags) => panic!("{}", text(&diags)),
        }
    }

    /// The errors of a project that has some, as people see them.
    pub fn errors(&self) -> String {
        match self.parse() {
            Ok(_) => panic!("the project has no errors"),
            Err(diags) => text(&diags.into_iter().filter(Diagnostic::is_error).collect::<Vec<_>>()),
        }
    }

    /// The warnings of a project without errors.
    pub fn warnings(&self) -> String {
        text(&self.manifest().warnings)
    }
}

pub fn text(diags: &[Diagnostic]) -> String {
    render::text(diags, render::Style { color: false, width: None })
}

pub fn node<'a>(manifest: &'a Manifest, id: &str) -> &'a Node {
    match manifest.nodes.get(id) {
        Some(node) => node,
        None => panic!("no `{id}` among {:?}", manifest.nodes.keys().collect::<Vec<_>>()),
    }
}

pub fn ids(ids: &[Arc<str>]) -> Vec<&str> {
    ids.iter().map(|id| &**id).collect()
}
