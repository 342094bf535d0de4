//! Revision files as git holds them: in a commit, and in what the next commit will be. Nothing of the repository is changed.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process::{self, Tool};

/// What leads a git of a hook to its own repository; it must not lead us from ours.
const OF_A_HOOK: [&str; 4] = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"];

/// A git repository.
pub struct Repository {
    git: PathBuf,
    root: PathBuf,
}

/// Where the revision files of a project lie in the repository.
pub struct Place {
    pub folders: Vec<String>,
    pub recursive: bool,
    /// Whether a file of this name is one.
    pub is_one: fn(&str) -> bool,
}

/// The commits of a merge, beside our own.
pub struct Points {
    pub base: String,
    pub theirs: String,
}

/// Path within the repository to the name of the content; folders of revisions alone.
pub type Listing = BTreeMap<String, String>;

/// The commit that is checked out where a folder lies; `None` where git or a commit is not to be had.
pub fn commit_at(folder: &Path, environment: &Environment) -> Option<String> {
    let git = process::find("git", environment.os("PATH"), environment.working_dir())?;
    let existing = folder.ancestors().find(|folder| folder.is_dir())?;
    let mut tool = Tool::new(&git).args(["rev-parse", "--verify", "--quiet", "HEAD"]).dir(existing);
    for name in OF_A_HOOK {
        tool = tool.env_remove(name);
    }
    let said = tool.capture().ok()?;
    said.status.success().then(|| words(&said.stdout))
}

impl Repository {
    /// The repository that a folder lies in; the folder itself may be missing.
    pub fn of(folder: &Path, environment: &Environment) -> Result<Self> {
        let git = process::find("git", environment.os("PATH"), environment.working_dir()).ok_or_else(|| {
            Error::environment("git is not on PATH").help("install git: the other side of the merge is read from it")
        })?;
        let existing = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
        let mut tool = Tool::new(&git).args(["rev-parse", "--show-toplevel"]).dir(existing);
        for name in OF_A_HOOK {
            tool = tool.env_remove(name);
        }
        let said = tool.capture()?;
        if !said.status.success() {
            return Err(Error::environment(format!("{} lies in no git repository", folder.display()))
                .detail(words(&said.stderr))
                .help("`guard` compares with another branch of the same repository"));
        }
        let root = PathBuf::from(words(&said.stdout));
        Ok(Self { git, root: root.canonicalize().unwrap_or(root) })
    }

    /// The other side's commit, and the last one that both sides have.
    pub fn points(&self, against: &str) -> Result<Points> {
        let commit = |name: &str| {
            self.says(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")])
        };
        let Some(ours) = commit("HEAD")? else {
            return Err(Error::usage(format!("there is no commit yet in {}", self.root.display())).help("commit first"));
        };
        let Some(theirs) = commit(against)? else {
            return Err(Error::usage(format!("there is no `{against}` in {}", self.root.display()))
                .help("fetch it (git fetch origin), or name another: --against REF"));
        };
        let base = self.says(&["merge-base", &ours, &theirs])?.ok_or_else(|| {
            Error::usage(format!("HEAD and `{against}` have no commit in common"))
                .help("fetch more of the history: git fetch --unshallow")
        })?;
        Ok(Points { base, theirs })
    }

    /// The revision files of a commit.
    pub fn files_of(&self, commit: &str, place: &Place) -> Result<Listing> {
        let arguments = ["ls-tree", "-r", "-z", "--full-tree", commit, "--"];
        let listed = self.must(self.tool(&arguments).args(named(&place.folders)))?;
        Ok(listing(&listed, place, 2))
    }

    /// The revision files of the index: what is committed, with what is staged.
    pub fn files_staged(&self, place: &Place) -> Result<Listing> {
        let tool = self.tool(&["ls-files", "-s", "-z", "--"]).env("GIT_LITERAL_PATHSPECS", "1");
        Ok(listing(&self.must(tool.args(named(&place.folders)))?, place, 1))
    }

    /// The contents of these names.
    pub fn contents(&self, names: &[&str]) -> Result<HashMap<String, Vec<u8>>> {
        let asked: String = names.iter().map(|name| format!("{name}\n")).collect();
        let said = self.must(self.tool(&["cat-file", "--batch"]).input(asked))?;
        let (mut found, mut rest) = (HashMap::new(), said.as_slice());
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let header = String::from_utf8_lossy(&rest[..end]).into_owned();
            let mut words = header.split(' ');
            let (name, size) = (words.next().unwrap_or_default(), words.nth(1).and_then(|size| size.parse().ok()));
            let content = size.and_then(|size: usize| rest.get(end + 1..end + 1 + size));
            let Some(content) = content else {
                return Err(Error::failed(format!("git has no content for {header}")).help("git fsck"));
            };
            found.insert(name.to_owned(), content.to_vec());
            rest = rest.get(end + 2 + content.len()..).unwrap_or_default();
        }
        Ok(found)
    }

    /// The folder as git names it.
    pub fn within(&self, folder: &Path) -> Result<String> {
        let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder);
        let rest = folder.strip_prefix(existing).unwrap_or(Path::new(""));
        let real = existing.canonicalize().unwrap_or_else(|_| existing.to_path_buf()).join(rest);
        let inside =
            real.strip_prefix(&self.root).ok().and_then(Path::to_str).map(|path| path.trim_end_matches('/').to_owned());
        inside.ok_or_else(|| {
            Error::usage(format!("{} lies outside of the git repository {}", folder.display(), self.root.display()))
        })
    }

    fn tool(&self, arguments: &[&str]) -> Tool {
        Tool::new(&self.git).args(arguments).dir(&self.root).env("LC_ALL", "C")
    }

    /// The one line that git says; `None` where it says no.
    fn says(&self, arguments: &[&str]) -> Result<Option<String>> {
        let said = self.tool(arguments).capture()?;
        let line = words(&said.stdout).lines().next().unwrap_or_default().to_owned();
        Ok((said.status.success() && !line.is_empty()).then_some(line))
    }

    fn must(&self, tool: Tool) -> Result<Vec<u8>> {
        let command = tool.command_line();
        let said = tool.capture()?;
        match said.status.success() {
            true => Ok(said.stdout),
            false => Err(Error::failed(format!("{command} failed")).detail(words(&said.stderr))),
        }
    }
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// The root itself is every path.
fn named(folders: &[String]) -> Vec<String> {
    if folders.iter().any(String::is_empty) { Vec::new() } else { folders.to_vec() }
}

/// `mode … name …\tpath`, of which the name is the word at `at`; folder by folder, each by path.
fn listing(bytes: &[u8], place: &Place, at: usize) -> Listing {
    let entries = bytes.split(|byte| *byte == 0).filter_map(|entry| str::from_utf8(entry).ok());
    let entry = |entry: &str| {
        let (facts, path) = entry.split_once('\t')?;
        let mut facts = facts.split(' ');
        // Files alone: neither links nor repositories within.
        let is_file = facts.next()?.starts_with("100");
        let name = facts.nth(at - 1)?.to_owned();
        (is_file && place.holds(path)).then(|| (path.to_owned(), name))
    };
    entries.filter_map(entry).collect()
}

impl Place {
    fn holds(&self, path: &str) -> bool {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let below = |top: &String| {
            top.is_empty() || folder.strip_prefix(top.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        let of_python = folder.split('/').any(|part| part.ends_with("__pycache__"));
        let is_here = |top: &String| top == folder || (self.recursive && below(top));
        (self.is_one)(name) && !of_python && self.folders.iter().any(is_here)
    }
}
