//! The environment variables and places of this process, read once. Only this file reads them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// A picture of the environment, handed down as an argument so that tests can hand down another.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    working_dir: PathBuf,
    config_dir: Option<PathBuf>,
    cache_dir: Option<PathBuf>,
}

impl Environment {
    /// Reads the environment of this process.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn of_this_process() -> Self {
        let working_dir = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let variables = std::env::vars_os().collect();
        Self { variables, working_dir, config_dir: dirs::config_dir(), cache_dir: dirs::cache_dir() }
    }

    /// An environment of these variables alone.
    #[cfg(test)]
    pub fn of(variables: &[(&str, &str)], working_dir: &Path) -> Self {
        let config_dir = variables.iter().find(|(name, _)| *name == "XDG_CONFIG_HOME");
        Self {
            variables: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            working_dir: working_dir.to_path_buf(),
            config_dir: config_dir.map(|(_, folder)| PathBuf::from(folder)),
            cache_dir: None,
        }
    }

    /// The variable as text, `None` where it is unset, empty, or not UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.os(name).and_then(OsStr::to_str)
    }

    /// The variable as it is, `None` where it is unset or empty.
    pub fn os(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// The variable as a path.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.os(name).map(PathBuf::from)
    }

    /// All variables.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The working directory.
    pub fn working_dir(&self) -> &Path {
        &self.working_dir
    }

    /// The operating system's folder for the user's settings.
    pub fn config_dir(&self) -> Option<&Path> {
        self.config_dir.as_deref()
    }

    /// `SHED_CACHE_DIR`, or the user's cache directory where there is a home for it.
    pub fn cache_dir(&self) -> Option<PathBuf> {
        self.path("SHED_CACHE_DIR").or_else(|| {
            self.home()?;
            Some(self.cache_dir.as_ref()?.join("shed"))
        })
    }

    /// Which build of shed this is: what one has found out does not hold for another.
    pub fn program(&self) -> String {
        use std::os::unix::fs::MetadataExt;
        let file = std::env::current_exe().and_then(std::fs::metadata);
        let written = file.map(|file| (file.len(), file.mtime(), file.mtime_nsec())).unwrap_or_default();
        format!("{} {written:?}", env!("CARGO_PKG_VERSION"))
    }

    /// This program's file.
    pub fn executable(&self) -> Option<PathBuf> {
        std::env::current_exe().ok()
    }

    /// `HOME`, where it is an absolute path.
    pub fn home(&self) -> Option<PathBuf> {
        self.path("HOME").filter(|home| home.is_absolute())
    }
}
