//! What the files of a project hold, before anything is rendered.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::fqn_of;
use super::properties::NodePatch;
use crate::diag::{Code, Diagnostic, SourceFile, Span};
use crate::jinja::{BlockKind, blocks};
use crate::manifest::{Checksum, Detail, FunctionDetail, ModelDetail, ResourceType, UniqueId, hash};
use crate::project::{FilePath, Hook, Package, PackageFile, Project};

/// A node to be: its name, its text, its place.
#[derive(Debug)]
pub struct Draft {
    pub kind: ResourceType,
    pub package: Arc<str>,
    pub name: String,
    pub unique_id: UniqueId,
    pub path: String,
    pub original_file_path: String,
    pub fqn: Vec<String>,
    /// The text to render is `body` of this file.
    pub source: Arc<SourceFile>,
    pub body: Range<usize>,
    pub checksum: Checksum,
    pub detail: Detail,
    /// Tags that come with it: those of hooks.
    pub tags: Vec<String>,
}

/// Everything in the files of a project.
pub fn drafts(project: &Project, maximum_seed_bytes: u64, diags: &mut Vec<Diagnostic>) -> Vec<Draft> {
    let mut outcomes: Vec<Result<Vec<Draft>, Vec<Diagnostic>>> = Vec::new();
    for package in &project.packages {
        let files = &package.files;
        outcomes.par_extend(files.models.par_iter().map(|file| model(package, file)));
        outcomes.par_extend(files.seeds.par_iter().map(|file| seed(package, &file.path, maximum_seed_bytes)));
        outcomes.par_extend(files.snapshots.par_iter().map(|file| snapshots(package, file)));
        outcomes.par_extend(files.tests.par_iter().map(|file| Ok(vec![singular_test(package, file)])));
        outcomes.par_extend(files.analyses.par_iter().map(|file| Ok(vec![analysis(package, file)])));
        outcomes.par_extend(files.functions.par_iter().map(|file| function(package, file)));
        outcomes.push(Ok(hooks(package)));
    }
    let mut drafts = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(found) => drafts.extend(found),
            Err(mut errors) => diags.append(&mut errors),
        }
    }
    drafts
}

/// The text of a file without blank space around it.
fn trimmed(text: &str) -> Range<usize> {
    let start = text.len() - text.trim_start().len();
    start..start + text.trim().len()
}

fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// As dbt since 1.12: over the words of the text, so that blank space does not matter.
fn sha256(text: &str) -> Checksum {
    let words: Vec<&str> = text.split_whitespace().collect();
    Checksum { name: "sha256", checksum: hash::sha256(words.join(" ").as_bytes()) }
}

fn from_file(package: &Package, file: &PackageFile, kind: ResourceType, path: String, detail: Detail) -> Draft {
    let name = stem(&file.path.relative).to_owned();
    let body = trimmed(&file.source.text);
    let mut fqn = fqn_of(&package.name, &path);
    fqn.push(name.clone());
    Draft {
        unique_id: format!("{}.{}.{name}", kind.as_str(), package.name).into(),
        kind,
        package: package.name.clone(),
        path,
        original_file_path: file.path.original.clone(),
        fqn,
        checksum: sha256(&file.source.text[body.clone()]),
        source: file.source.clone(),
        body,
        detail,
        tags: Vec::new(),
        name,
    }
}

fn model(package: &Package, file: &PackageFile) -> Result<Vec<Draft>, Vec<Diagnostic>> {
    if file.path.original.ends_with(".py") {
        let message =
            format!("model `{}` is written in Python, which this version does not run", stem(&file.path.relative));
        let span = Span::line(&file.source, 1);
        return Err(vec![
            Diagnostic::error(Code::NotSupported, message)
                .at(span, "")
                .help("write it in SQL, or list the file in .dbtignore"),
        ]);
    }
    let detail = Detail::Model(ModelDetail::default());
    Ok(vec![from_file(package, file, ResourceType::Model, file.path.relative.clone(), detail)])
}

fn function(package: &Package, file: &PackageFile) -> Result<Vec<Draft>, Vec<Diagnostic>> {
    let language = match file.path.original.rsplit_once('.') {
        Some((_, "py")) => "Python",
        Some((_, "js")) => "JavaScript",
        _ => {
            let path = file.path.relative.clone();
            return Ok(vec![from_file(
                package,
                file,
                ResourceType::Function,
                path,
                Detail::Function(FunctionDetail::default()),
            )]);
        }
    };
    let message = format!(
        "function `{}` is written in {language}, which none of the databases of this version can run",
        stem(&file.path.relative)
    );
    Err(vec![
        Diagnostic::error(Code::NotSupported, message)
            .at(Span::line(&file.source, 1), "")
            .help("write it in SQL, or list the file in .dbtignore"),
    ])
}

fn singular_test(package: &Package, file: &PackageFile) -> Draft {
    from_file(package, file, ResourceType::Test, file.path.relative.clone(), Detail::SingularTest)
}

fn analysis(package: &Package, file: &PackageFile) -> Draft {
    let path = format!("analysis/{}", file.path.relative);
    from_file(package, file, ResourceType::Analysis, path, Detail::Analysis)
}

fn seed(package: &Package, path: &FilePath, maximum: u64) -> Result<Vec<Draft>, Vec<Diagnostic>> {
    let unreadable = |error: std::io::Error| {
        vec![Diagnostic::error(Code::File, format!("cannot read seed `{}`: {error}", path.original))]
    };
    let size = std::fs::metadata(&path.absolute).map_err(unreadable)?.len();
    let checksum = if maximum > 0 && size > maximum {
        Checksum { name: "path", checksum: path.original.clone() }
    } else {
        let bytes = std::fs::read(&path.absolute).map_err(unreadable)?;
        Checksum { name: "sha256", checksum: hash::sha256(&seed_content(&bytes)) }
    };
    let name = stem(&path.relative).to_owned();
    let mut fqn = fqn_of(&package.name, &path.relative);
    fqn.push(name.clone());
    Ok(vec![Draft {
        kind: ResourceType::Seed,
        unique_id: format!("seed.{}.{name}", package.name).into(),
        package: package.name.clone(),
        path: path.relative.clone(),
        original_file_path: path.original.clone(),
        fqn,
        source: SourceFile::new(path.original.clone(), ""),
        body: 0..0,
        checksum,
        detail: Detail::Seed { root_path: package.root.display().to_string(), file: path.absolute.clone() },
        tags: Vec::new(),
        name,
    }])
}

/// What the checksum of a seed is made of: as dbt, which reads it as Python reads text, line ends as `\n`, and leaves out
/// the blank space around it. A checkout with other line ends is no change.
fn seed_content(bytes: &[u8]) -> Cow<'_, [u8]> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Cow::Borrowed(bytes) };
    let text = text.trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c));
    if !text.contains('\r') {
        return Cow::Borrowed(text.as_bytes());
    }
    Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n").into_bytes())
}

fn snapshots(package: &Package, file: &PackageFile) -> Result<Vec<Draft>, Vec<Diagnostic>> {
    let blocks = blocks(&file.source).map_err(|error| vec![*error])?;
    let path = &file.path.relative;
    let without_ending = path.rsplit_once('.').map_or(path.as_str(), |(stem, _)| stem);
    let found = blocks.into_iter().filter(|block| block.kind == BlockKind::Snapshot);
    Ok(found
        .map(|block| {
            // The path of a snapshot's config includes its file.
            let mut fqn = vec![package.name.to_string()];
            fqn.extend(without_ending.split('/').map(str::to_owned));
            fqn.push(block.name.clone());
            Draft {
                kind: ResourceType::Snapshot,
                package: package.name.clone(),
                unique_id: format!("snapshot.{}.{}", package.name, block.name).into(),
                path: path.clone(),
                original_file_path: file.path.original.clone(),
                fqn,
                checksum: sha256(file.source.text.trim()),
                source: file.source.clone(),
                body: block.body,
                detail: Detail::Snapshot,
                tags: Vec::new(),
                name: block.name,
            }
        })
        .collect())
}

/// A snapshot that is only described: `relation: ref('orders')`.
pub fn described_snapshot(patch: &NodePatch) -> Option<Draft> {
    let (relation, _) = patch.relation.as_ref()?;
    let text = format!("select * from {{{{ {relation} }}}}");
    let place = &patch.place;
    let mut fqn = fqn_of(&place.package, &place.path);
    fqn.push(patch.name.clone());
    Some(Draft {
        kind: ResourceType::Snapshot,
        package: place.package.clone(),
        unique_id: format!("snapshot.{}.{}", place.package, patch.name).into(),
        path: format!("{}.sql", patch.name),
        original_file_path: place.original_file_path.to_string(),
        fqn,
        checksum: sha256(&place.span.file.text),
        body: 0..text.len(),
        source: SourceFile::new(place.original_file_path.to_string(), text),
        detail: Detail::Snapshot,
        tags: Vec::new(),
        name: patch.name.clone(),
    })
}

/// on-run-start and on-run-end.
fn hooks(package: &Package) -> Vec<Draft> {
    let lists = [("on-run-start", &package.config.on_run_start), ("on-run-end", &package.config.on_run_end)];
    let numbered = |(event, hooks): (&'static str, &'_ Vec<Hook>)| -> Vec<Draft> {
        hooks.iter().enumerate().map(|(index, hook)| operation(package, event, index, hook)).collect()
    };
    lists.into_iter().flat_map(numbered).collect()
}

fn operation(package: &Package, event: &str, index: usize, hook: &Hook) -> Draft {
    let name = format!("{}-{event}-{index}", package.name);
    // The text of a hook may be folded or quoted in YAML: it is rendered as a file of its own.
    let source = SourceFile::new(hook.span.file.path.clone(), hook.sql.clone());
    Draft {
        kind: ResourceType::Operation,
        package: package.name.clone(),
        unique_id: format!("operation.{}.{name}", package.name).into(),
        path: format!("hooks/{name}.sql"),
        original_file_path: "./dbt_project.yml".to_owned(),
        fqn: vec![package.name.to_string(), "hooks".to_owned(), name.clone()],
        checksum: sha256(package.config.file.text.trim()),
        body: 0..hook.sql.len(),
        source,
        detail: Detail::Operation { index },
        tags: vec![event.to_owned()],
        name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_and_blank_space_around_a_seed_are_no_content() {
        // What dbt 1.12.6 makes of a file with this text, by either line end.
        let expected = "8785bd65e2099267252e07a04b3ad2eb72f692775aae46d95ff6a49f0a864e4f";
        for text in ["id,name\n1,a\n", "\n id,name\r\n1,a\r\n", "id,name\r1,a\u{1c}"] {
            assert_eq!(hash::sha256(&seed_content(text.as_bytes())), expected, "{text:?}");
        }
        assert_eq!(&*seed_content(b"\xff\n"), b"\xff\n");
    }
}
