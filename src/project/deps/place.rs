//! Putting packages in place, all or none: they are gathered in a folder beside the old ones, which are replaced only
//! when everything is there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::archive;
use crate::diag::{self, Code, Diagnostic};
use crate::project::{ProjectOnly, files, location};

/// Folders that start with two underscores are no packages, here and for dbt.
const STAGING: &str = "__headwater-";
/// What a run that was killed left behind is removed when it is this old.
const STALE: Duration = Duration::from_secs(3600);

/// New packages on their way into the install folder.
pub(super) struct Staging<'a> {
    project: &'a ProjectOnly,
    folder: PathBuf,
    /// The install folder was not there before.
    is_new: bool,
}

impl<'a> Staging<'a> {
    pub(super) fn new(project: &'a ProjectOnly) -> diag::Result<Self> {
        let root = &project.packages_install_path;
        if project.root.starts_with(root) {
            let shown = root.display();
            return Err(Diagnostic::error(
                Code::InvalidValue,
                format!("`packages-install-path` is `{shown}`, which holds the project itself"),
            )
            .help("name a folder of its own, such as `dbt_packages`")
            .boxed());
        }
        let is_new = !root.exists();
        let staging = Self { project, folder: root.join(format!("{STAGING}{}", uuid::Uuid::new_v4())), is_new };
        for inner in ["new", "old"] {
            let made = fs::create_dir_all(staging.folder.join(inner));
            made.map_err(|error| staging.failed("cannot write to", root, &error))?;
        }
        staging.remove_stale();
        Ok(staging)
    }

    /// Where a new package goes.
    pub(super) fn slot(&self, name: &str) -> PathBuf {
        self.folder.join("new").join(name)
    }

    /// Replaces the packages of the install folder by the new ones. What is no package stays.
    pub(super) fn swap(self) -> diag::Result<()> {
        let root = &self.project.packages_install_path;
        let (new, old) = (self.folder.join("new"), self.folder.join("old"));
        let mut moved: Vec<(PathBuf, PathBuf)> = Vec::new();
        let mut step = |from: PathBuf, to: PathBuf| -> io::Result<()> {
            fs::rename(&from, &to)?;
            moved.push((from, to));
            Ok(())
        };
        let result = (|| {
            let fresh = names(&new)?;
            for name in names(root)?.into_iter().filter(|name| !name.starts_with(STAGING)) {
                let path = root.join(&name);
                let dangling = fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink()) && !path.exists();
                if dangling || fresh.contains(&name) || path.join(location::PROJECT_FILE).is_file() {
                    step(path, old.join(&name))?;
                }
            }
            fresh.iter().try_for_each(|name| step(new.join(name), root.join(name)))
        })();
        result.map_err(|error| {
            for (from, to) in moved.iter().rev() {
                // Nothing more can be done for it than to try.
                let _ = fs::rename(to, from);
            }
            self.failed("cannot replace the packages in", root, &error)
        })
    }

    fn failed(&self, what: &str, path: &Path, error: &io::Error) -> Box<Diagnostic> {
        let shown = location::display(path, &self.project.root);
        Diagnostic::error(Code::File, format!("{what} `{shown}`: {}", files::reason(error))).boxed()
    }

    fn remove_stale(&self) {
        let root = &self.project.packages_install_path;
        for name in names(root).unwrap_or_default() {
            let path = root.join(&name);
            let age = || SystemTime::now().duration_since(fs::metadata(&path)?.modified()?).map_err(io::Error::other);
            if name.starts_with(STAGING) && age().is_ok_and(|age| age > STALE) {
                // It stays until the next time.
                let _ = fs::remove_dir_all(&path);
            }
        }
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        // What cannot be removed now is removed as stale later.
        let _ = fs::remove_dir_all(&self.folder);
        if self.is_new {
            // Only if nothing came into it.
            let _ = fs::remove_dir(&self.project.packages_install_path);
        }
    }
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

#[cfg(unix)]
pub(super) fn link(folder: &Path, target: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(folder.canonicalize()?, target)
}

/// Where links need special rights, a copy has to do.
#[cfg(not(unix))]
pub(super) fn link(folder: &Path, target: &Path) -> io::Result<()> {
    copy_folder(folder, target)
}

/// Copies a package without the repository it lies in. Links that lead out of it are refused.
pub(super) fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    copy_below(from, to, from)
}

fn copy_below(from: &Path, to: &Path, root: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            let to = fs::read_link(&path)?;
            if to.is_absolute() {
                let shown = location::display(&path, root);
                return Err(io::Error::other(format!("the link `{shown}` leads out of the package's folder")));
            }
            archive::stays_inside(&path, root).map_err(io::Error::other)?;
            archive::make_link(&copy, &to)?;
        } else if kind.is_dir() {
            if entry.file_name() != ".git" {
                copy_below(&path, &copy, root)?;
            }
        } else {
            fs::copy(&path, &copy)?;
        }
    }
    Ok(())
}
