//! Which settings file is meant.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::error::{Error, Result};

const NAME: &str = "shed.yaml";

/// The flag, `SHED_SETTINGS`, the nearest `shed.yaml` upwards, the operating system's place.
pub(super) fn find(flag: Option<&Path>, environment: &Environment) -> Result<PathBuf> {
    let working_dir = environment.working_dir();
    if let Some(path) = flag {
        return Ok(working_dir.join(path));
    }
    if let Some(path) = environment.path("SHED_SETTINGS") {
        return Ok(working_dir.join(path));
    }
    let folders = upwards(environment);
    if let Some(path) = folders.iter().map(|folder| folder.join(NAME)).find(|path| path.is_file()) {
        refuse_strangers(&path)?;
        return Ok(path);
    }
    let of_user = environment.config_dir().map(|folder| folder.join("shed/settings.yaml"));
    if let Some(path) = of_user.as_ref().filter(|path| path.is_file()) {
        return Ok(path.clone());
    }
    Err(nothing_found(&folders, of_user.as_deref()))
}

/// The working directory and what is above it, up to the git root or HOME.
fn upwards(environment: &Environment) -> Vec<PathBuf> {
    let home = environment.home();
    let mut folders = Vec::new();
    for folder in environment.working_dir().ancestors() {
        folders.push(folder.to_path_buf());
        if folder.join(".git").exists() || home.as_deref() == Some(folder) {
            break;
        }
    }
    folders
}

/// A settings file can name programs to run, so that of another user in a shared folder is not taken.
fn refuse_strangers(path: &Path) -> Result<()> {
    let Ok(metadata) = std::fs::metadata(path) else {
        return Ok(());
    };
    let owner_of = |path: PathBuf| std::fs::metadata(path).ok().map(|metadata| metadata.uid());
    let of_git = path.ancestors().skip(1).find(|folder| folder.join(".git").exists());
    let git_owner = of_git.and_then(|folder| owner_of(folder.to_path_buf()));
    let me = rustix::process::geteuid().as_raw();
    if is_trusted(metadata.uid(), me, git_owner) {
        return Ok(());
    }
    let what = format!("{} belongs to another user (id {})", path.display(), metadata.uid());
    Err(Error::usage(what).help(format!("if you trust it, name it: `--settings {}`", path.display())))
}

fn is_trusted(owner: u32, me: u32, git_owner: Option<u32>) -> bool {
    owner == me || owner == 0 || Some(owner) == git_owner
}

fn nothing_found(folders: &[PathBuf], of_user: Option<&Path>) -> Error {
    let mut looked = Vec::new();
    if let (Some(first), Some(last)) = (folders.first(), folders.last()) {
        looked.push(match folders.len() {
            1 => format!("  {}", first.join(NAME).display()),
            _ => format!("  {} and above, up to {}", first.join(NAME).display(), last.display()),
        });
    }
    looked.extend(of_user.map(|path| format!("  {}", path.display())));
    Error::usage("no settings file")
        .detail(format!("looked for:\n{}", looked.join("\n")))
        .help("`shed init` writes one; `--settings FILE` or SHED_SETTINGS names one")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::Builder::new().prefix("find").tempdir().unwrap()
    }

    #[test]
    fn the_flag_wins_over_the_variable_and_that_over_the_folders() {
        let dir = folder();
        std::fs::write(dir.path().join(NAME), "").unwrap();
        let with_variable = Environment::of(&[("SHED_SETTINGS", "b.yaml")], dir.path());
        let without = Environment::of(&[("SHED_SETTINGS", "")], dir.path());
        assert_eq!(find(Some(Path::new("a.yaml")), &with_variable).unwrap(), dir.path().join("a.yaml"));
        assert_eq!(find(None, &with_variable).unwrap(), dir.path().join("b.yaml"));
        assert_eq!(find(None, &without).unwrap(), dir.path().join(NAME));
    }

    #[test]
    fn the_search_stops_at_the_git_root() {
        let dir = folder();
        let inside = dir.path().join("repo/a/b");
        std::fs::create_dir_all(&inside).unwrap();
        std::fs::write(dir.path().join(NAME), "").unwrap();
        std::fs::create_dir(dir.path().join("repo/.git")).unwrap();
        let config = dir.path().join("config");
        let environment = Environment::of(&[("XDG_CONFIG_HOME", config.to_str().unwrap())], &inside);
        let expected = format!(
            "no settings file\nlooked for:\n  {0}/repo/a/b/shed.yaml and above, up to {0}/repo\n  {0}/config/shed/settings.yaml\n\
             help: `shed init` writes one; `--settings FILE` or SHED_SETTINGS names one",
            dir.path().display()
        );
        assert_eq!(find(None, &environment).unwrap_err().to_string(), expected);
        std::fs::write(dir.path().join("repo").join(NAME), "").unwrap();
        assert_eq!(find(None, &environment).unwrap(), dir.path().join("repo").join(NAME));
    }

    #[test]
    fn the_search_stops_at_home_and_then_looks_into_the_users_own_place() {
        let dir = folder();
        let home = dir.path().join("home");
        std::fs::create_dir_all(home.join("work")).unwrap();
        std::fs::create_dir_all(home.join(".config/shed")).unwrap();
        std::fs::write(dir.path().join(NAME), "").unwrap();
        std::fs::write(home.join(".config/shed/settings.yaml"), "").unwrap();
        let config = home.join(".config");
        let variables = [("HOME", home.to_str().unwrap()), ("XDG_CONFIG_HOME", config.to_str().unwrap())];
        let environment = Environment::of(&variables, &home.join("work"));
        assert_eq!(find(None, &environment).unwrap(), home.join(".config/shed/settings.yaml"));
    }

    #[test]
    fn settings_of_another_user_are_trusted_only_where_the_repository_is_theirs() {
        assert!(is_trusted(1000, 1000, None));
        assert!(is_trusted(0, 1000, None));
        assert!(is_trusted(1001, 1000, Some(1001)));
        assert!(!is_trusted(1001, 1000, Some(1000)));
        assert!(!is_trusted(1001, 0, None));
    }
}
