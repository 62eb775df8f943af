//! Files that an earlier invocation has read, so that unchanged ones need not be read again.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use macro_rules_attribute::derive;
use twox_hash::XxHash3_128;

use super::{FilePath, Files, PackageFile, SeedFile};
use crate::diag::SourceFile;
use crate::store::Stored;

/// File systems keep times more coarsely than they are written; FAT is the coarsest.
const COARSEST: Duration = Duration::from_secs(2);

/// What tells a file from another version of itself without reading it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Stored!)]
pub struct Stat {
    size: u64,
    /// Nanoseconds since the epoch, as the file's writer may set them.
    modified: u64,
    /// The same, as nobody can set them; 0 on systems that do not tell.
    changed: u64,
    inode: u64,
    /// Whether a change after this would show. Not so for a file that had been written just before.
    pub settled: bool,
}

impl Stat {
    fn of(metadata: &Metadata) -> Self {
        let nanoseconds = |time: SystemTime| {
            let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        };
        let modified = metadata.modified().map_or(u64::MAX, nanoseconds);
        let (changed, inode) = system(metadata);
        let now = nanoseconds(SystemTime::now() - COARSEST);
        Self { size: metadata.len(), modified, changed, inode, settled: modified.max(changed) < now }
    }

    /// Of the file as it is now; of none, one that is never settled.
    pub fn now(path: &Path) -> Self {
        std::fs::metadata(path).map(|metadata| Self::of(&metadata)).unwrap_or_default()
    }

    /// The same file, whose changes would show.
    fn is_same(&self, other: &Self) -> bool {
        self.settled && Self { settled: true, ..*other } == *self
    }
}

#[cfg(unix)]
fn system(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    let changed = metadata.ctime().saturating_mul(1_000_000_000).saturating_add(metadata.ctime_nsec());
    (u64::try_from(changed).unwrap_or_default(), metadata.ino())
}

#[cfg(not(unix))]
fn system(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// The files of an earlier invocation.
#[derive(Debug, Default)]
pub struct Known {
    files: HashMap<PathBuf, PackageFile>,
    seeds: HashMap<PathBuf, SeedFile>,
    packages: HashMap<PathBuf, Files>,
    /// The files are not looked at: those that were there are taken to be there unchanged.
    assumed: bool,
}

impl Known {
    /// `packages` by the folders of packages. With `assume` they are taken to be as they were.
    pub fn new(packages: Vec<(PathBuf, Files)>, assume: bool) -> Self {
        let mut known = Self { assumed: assume, ..Self::default() };
        for (root, files) in packages {
            if assume {
                known.packages.insert(root, files);
            } else {
                let seeds = files.seeds.iter().cloned();
                known.seeds.extend(seeds.map(|seed| (seed.path.absolute.clone(), seed)));
                known.files.extend(files.into_texts().map(|file| (file.path.absolute.clone(), file)));
            }
        }
        known
    }

    pub(super) fn package(&self, root: &Path) -> Option<&Files> {
        self.packages.get(root).filter(|_| self.assumed)
    }

    /// The text of a file, read only where it may have changed.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn bytes(&self, path: &Path) -> std::io::Result<(Stat, Content<'_>)> {
        let known = self.files.get(path);
        if let Some(known) = known {
            let stat = Stat::now(path);
            if known.stat.is_same(&stat) {
                return Ok((known.stat, Content::Known(&known.source)));
            }
        }
        let mut file = File::open(path)?;
        let before = Stat::of(&file.metadata()?);
        let mut bytes = Vec::with_capacity(usize::try_from(before.size).unwrap_or_default());
        file.read_to_end(&mut bytes)?;
        let after = Stat::of(&file.metadata()?);
        let unchanged = Stat { settled: true, ..before } == Stat { settled: true, ..after };
        let stat = Stat { settled: before.settled && unchanged, ..before };
        Ok((stat, Content::Read { bytes, known: known.map(|known| &known.source) }))
    }
}

/// Of larger seeds nothing but the file's times is compared.
const LARGE_SEED: u64 = 1 << 20;

impl Known {
    /// A seed as it is now.
    pub(super) fn seed(&self, path: FilePath) -> SeedFile {
        let stat = Stat::now(&path.absolute);
        if let Some(known) = self.seeds.get(&path.absolute).filter(|known| known.stat.is_same(&stat)) {
            return SeedFile { path, ..known.clone() };
        }
        // A seed that cannot be read is told of when the project is parsed.
        let bytes = if stat.size <= LARGE_SEED { std::fs::read(&path.absolute).ok() } else { None };
        let digest = bytes.map(|bytes| format!("{:x}", XxHash3_128::oneshot(&bytes)));
        let unchanged = Stat::now(&path.absolute) == stat;
        SeedFile { stat: Stat { settled: stat.settled && unchanged, ..stat }, digest, path }
    }
}

/// Files that are not as they were, as dbt calls files: `package://models/orders.sql`.
#[derive(Debug, Clone, Default)]
pub struct FileChanges {
    pub deleted: Vec<String>,
    pub added: Vec<String>,
    pub changed: Vec<String>,
}

impl FileChanges {
    /// Those of one package.
    pub fn add(&mut self, package: &str, now: &Files, before: &Files) {
        fn texts(files: &Files) -> HashMap<&str, &PackageFile> {
            files.texts().map(|file| (file.path.original.as_str(), file)).collect()
        }
        fn seeds(files: &Files) -> HashMap<&str, &SeedFile> {
            files.seeds.iter().map(|seed| (seed.path.original.as_str(), seed)).collect()
        }
        self.add_maps(package, &texts(now), &texts(before));
        self.add_maps(package, &seeds(now), &seeds(before));
        [&mut self.deleted, &mut self.added, &mut self.changed].into_iter().for_each(|paths| paths.sort());
    }

    fn add_maps<T: PartialEq>(&mut self, package: &str, now: &HashMap<&str, T>, before: &HashMap<&str, T>) {
        let id = |path: &str| format!("{package}://{path}");
        self.deleted.extend(before.keys().filter(|path| !now.contains_key(*path)).map(|path| id(path)));
        for (path, file) in now {
            match before.get(path) {
                None => self.added.push(id(path)),
                Some(earlier) if earlier != file => self.changed.push(id(path)),
                Some(_) => {}
            }
        }
    }
}

/// What [`Known::bytes`] gives.
pub(super) enum Content<'a> {
    /// Unchanged.
    Known(&'a Arc<SourceFile>),
    /// Anew, with what it was before.
    Read { bytes: Vec<u8>, known: Option<&'a Arc<SourceFile>> },
}

impl Files {
    /// Of every file, in the order of their lists.
    pub fn stats(&self) -> impl Iterator<Item = Stat> {
        self.texts().map(|file| file.stat).chain(self.seeds.iter().map(|seed| seed.stat))
    }

    fn texts(&self) -> impl Iterator<Item = &PackageFile> {
        // A new list has to be put here: the compiler says so.
        let Self {
            models,
            seeds: _,
            tests,
            generic_tests,
            analyses,
            macros,
            snapshots,
            functions,
            docs,
            properties,
            fixtures,
        } = self;
        [models, tests, generic_tests, analyses, macros, snapshots, functions, docs, properties, fixtures]
            .into_iter()
            .flatten()
    }

    /// All files whose texts are read.
    fn into_texts(self) -> impl Iterator<Item = PackageFile> {
        // A new list has to be put here: the compiler says so.
        let Self {
            models,
            seeds: _,
            tests,
            generic_tests,
            analyses,
            macros,
            snapshots,
            functions,
            docs,
            properties,
            fixtures,
        } = self;
        [models, tests, generic_tests, analyses, macros, snapshots, functions, docs, properties, fixtures]
            .into_iter()
            .flatten()
    }
}
