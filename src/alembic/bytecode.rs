//! Environments without bytecode, as container images often are: Python would compile every library at every start.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::keep::private_folder;

/// What tells Python where bytecode goes, and whether; a project that sets one of them in its `env` keeps it.
pub const VARIABLES: [&str; 2] = ["PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"];
/// Packages that every run imports.
const PACKAGES: [&str; 2] = ["sqlalchemy", "alembic"];

/// The folder in shed's cache that takes the bytecode of an interpreter whose libraries have none.
pub fn folder_for(interpreter: &Path, environment: &Environment) -> Option<PathBuf> {
    if environment.os(VARIABLES[0]).is_some() || !lacks_bytecode(interpreter) {
        return None;
    }
    let folder = environment.cache_dir()?.join("v1/pyc");
    private_folder(&folder).ok().map(|()| folder)
}

/// Where the packages are not found, nothing is known, and nothing is lacking.
fn lacks_bytecode(interpreter: &Path) -> bool {
    let Some(root) = interpreter.parent().and_then(Path::parent) else { return false };
    let libraries = fs::read_dir(root.join("lib")).into_iter().flatten().flatten();
    let mut versions = libraries.filter_map(|entry| Some((tag(entry.file_name().to_str()?)?, entry.path())));
    versions.any(|(tag, library)| {
        let packages = PACKAGES.map(|package| library.join("site-packages").join(package));
        packages.iter().any(|package| package.join("__init__.py").is_file() && !is_compiled(package, &tag))
    })
}

/// `python3.11` names its bytecode `cpython-311`.
fn tag(library: &str) -> Option<String> {
    let version = library.strip_prefix("python3.")?;
    version.parse::<u16>().ok().map(|minor| format!("cpython-3{minor}"))
}

/// Whether there is bytecode that Python would take: it goes by the hash, or by the time of the source.
fn is_compiled(package: &Path, tag: &str) -> bool {
    let mut head = [0; 16];
    let compiled = fs::File::open(package.join(format!("__pycache__/__init__.{tag}.pyc")));
    if compiled.and_then(|mut file| file.read_exact(&mut head)).is_err() {
        return false;
    }
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let by_hash = number(4) != 0;
    let source = fs::metadata(package.join("__init__.py"));
    by_hash || source.is_ok_and(|source| u32::try_from(source.mtime()).is_ok_and(|time| time == number(8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(package: &Path, flags: u8, time: u32) {
        fs::create_dir_all(package.join("__pycache__")).unwrap();
        let head = [&[0, 0, 0, 0, flags, 0, 0, 0][..], &time.to_le_bytes(), &[0; 4]].concat();
        fs::write(package.join("__pycache__/__init__.cpython-311.pyc"), head).unwrap();
    }

    #[test]
    fn bytecode_counts_where_python_would_take_it() {
        let root = tempfile::tempdir().unwrap();
        let site = root.path().join("lib/python3.11/site-packages");
        let interpreter = root.path().join("bin/python");
        assert!(!lacks_bytecode(&interpreter));
        for package in PACKAGES {
            fs::create_dir_all(site.join(package)).unwrap();
            fs::write(site.join(package).join("__init__.py"), "").unwrap();
        }
        assert!(lacks_bytecode(&interpreter));
        let time = |package: &str| fs::metadata(site.join(package).join("__init__.py")).unwrap().mtime();
        compiled(&site.join("sqlalchemy"), 0, time("sqlalchemy").try_into().unwrap());
        assert!(lacks_bytecode(&interpreter));
        compiled(&site.join("alembic"), 0, 12);
        assert!(lacks_bytecode(&interpreter));
        compiled(&site.join("alembic"), 1, 0);
        assert!(!lacks_bytecode(&interpreter));
    }
}
