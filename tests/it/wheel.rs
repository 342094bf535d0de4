//! The wheel: built once, installed into fresh environments; the program is found, and the types are known.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::call::{Call, path_with};
use crate::repo::{NEW, Repo, environment, site_packages};

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

/// Builds the wheel from what is compiled already; the first test that needs it waits for the others.
fn wheel() -> &'static Path {
    static WHEEL: OnceLock<PathBuf> = OnceLock::new();
    WHEEL.get_or_init(|| {
        let target = Path::new(env!("CARGO_BIN_EXE_shed")).parent().unwrap().parent().unwrap();
        let folder = target.join("wheel-of-the-tests");
        let _ = fs::remove_dir_all(&folder);
        let output = Command::new(environment("wheel").join("bin/maturin"))
            .args(["build", "--profile", "dev", "--locked", "--out"])
            .arg(folder.join("wheels"))
            .arg("--manifest-path")
            .arg(Path::new(CRATE).join("Cargo.toml"))
            // What is compiled is shared, but the program that other tests are running is not replaced.
            .env("CARGO_BUILD_BUILD_DIR", target)
            .env("CARGO_TARGET_DIR", &folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let files: Vec<PathBuf> =
            fs::read_dir(folder.join("wheels")).unwrap().flatten().map(|entry| entry.path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    })
}

/// An environment with the wheel, and with what stands in requirements/wheel.txt beside it; made once.
pub fn outfitted() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let (repo, folder) = (Repo::new(), wheel().ancestors().nth(2).unwrap().join("venv"));
        fresh(&repo, &folder, "uv");
        let beside = site_packages(&environment("wheel"));
        fs::write(site_packages(&folder).join("beside.pth"), format!("{}\n", beside.display())).unwrap();
        folder
    })
}

/// A fresh environment that holds the wheel and nothing else, installed by one of the two.
fn fresh(repo: &Repo, folder: &Path, installer: &str) {
    let python = environment("wheel").join("bin/python");
    let (uv, own) = (environment("wheel").join("bin/uv"), folder.join("bin/python"));
    let uv = || repo.call(&uv).env("UV_CACHE_DIR", repo.path("uv-cache")).any_stderr();
    match installer {
        "uv" => {
            uv().args(["venv", "--offline", "--python"]).arg(&python).arg(folder).ok();
            uv().args(["pip", "install", "--offline", "--no-index", "--python"]).arg(&own).arg(wheel()).ok();
        }
        _ => {
            repo.call(&python).args(["-m", "venv"]).arg(folder).ok();
            let pip = repo.call(&own).args(["-m", "pip", "install", "--quiet", "--no-index"]).arg(wheel());
            pip.any_stderr().ok();
        }
    }
}

/// A script in the outfitted environment; its `shed` is the wheel's, and none is on PATH.
pub fn script(repo: &Repo, text: &str) -> Call {
    repo.write("script.py", text);
    in_environment(repo, outfitted()).arg(repo.path("script.py"))
}

pub fn in_environment(repo: &Repo, folder: &Path) -> Call {
    repo.call(folder.join("bin/python")).env("PATH", path_with(&[])).env_remove("VIRTUAL_ENV")
}

#[test]
fn pip_and_uv_install_the_program_and_the_package() {
    for installer in ["pip", "uv"] {
        let repo = Repo::new();
        let folder = repo.path("venv");
        fresh(&repo, &folder, installer);
        repo.call(folder.join("bin/shed")).arg("--version").stdout("shed 0.1.0\n").ok();
        let names = "import sys, shed_db, shed_db.aio\n\
                     print(shed_db.run_migration.__doc__.splitlines()[0][:17], 'sqlalchemy' in sys.modules)\n\
                     print(sorted(set(shed_db.__all__) - set(dir(shed_db))), shed_db.binary.find())";
        let found = format!("Applies revisions False\n[] {}\n", folder.join("bin/shed").display())
            .replace(&*repo.path("").display().to_string(), "$REPO");
        in_environment(&repo, &folder).args(["-c", names]).stdout(found).ok();
        let site = site_packages(&folder).join("shed_db");
        let mut shipped: Vec<_> = fs::read_dir(site).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let mut own: Vec<_> = fs::read_dir(Path::new(CRATE).join("python/shed_db"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        for names in [&mut shipped, &mut own] {
            names.retain(|name| name != "__pycache__");
            names.sort();
        }
        assert_eq!(shipped, own);
    }
}

#[test]
fn the_program_is_found_beside_python_and_the_formatter_of_its_name_is_not_taken_for_it() {
    let repo = Repo::new();
    repo.program("path/shed", "#!/bin/sh\nexec from shed import\n");
    let find = "from shed_db import ShedError, binary\ntry: print(binary.find())\nexcept ShedError as e: print(e)";
    let python = || repo.call(outfitted().join("bin/python")).args(["-c", find]);
    let own = outfitted().join("bin/shed").display().to_string();
    python().env("PATH", path_with(&[repo.path("path")])).stdout(format!("{own}\n")).ok();
    python().env("SHED_BINARY", repo.path("path/shed")).stdout("$REPO/path/shed\n").ok();
    python().env("SHED_BINARY", "/nowhere/shed").stdout("SHED_BINARY is /nowhere/shed, which is no program\n").ok();
    // The package without its program.
    let package = environment(NEW).join("bin/python");
    let elsewhere = || repo.call(&package).args(["-c", find]).env("PYTHONPATH", Path::new(CRATE).join("python"));
    elsewhere()
        .env("PATH", repo.path("path"))
        .stdout("$REPO/path/shed is the formatter `shed`, not the program of shed-db\nhelp: [..]\n")
        .ok();
    elsewhere().env("PATH", "/nowhere").stdout("the program `shed` was not found\nhelp: [..]\n").ok();
}

/// The face is checked whole; a caller's script knows its types, or the remarks in it would be in vain.
#[test]
fn types_and_style_of_the_package_are_in_order() {
    let repo = Repo::new();
    let face = "
from typing import List, Optional
import shed_db
from shed_db import aio

migration: shed_db.Migration = shed_db.run_migration('a', 'head', settings='x', backup=True)
behind: bool = shed_db.should_run_migration('a')
now: Optional[str] = shed_db.current_revision('a', python='x')
waiting: List[shed_db.PendingRevision] = shed_db.pending('a')
shed_db.pending('a', setings='x')  # type: ignore[call-arg]
wrong: str = shed_db.should_run_migration('a')  # type: ignore[assignment]

async def main() -> shed_db.MigrationResult:
    return await aio.auto('a', check=False)
";
    repo.write("user.py", face);
    let target = wheel().ancestors().nth(3).unwrap();
    let mypy = |words: &[&str], folder: &Path| {
        let cache = target.join("mypy-of-the-tests");
        let call = repo.call(environment("wheel").join("bin/mypy")).args(["--strict", "--cache-dir"]).arg(cache);
        call.args(words).arg("--python-executable").arg(outfitted().join("bin/python")).dir(folder)
    };
    mypy(&["user.py"], &repo.path("")).stdout("Success: no issues found in 1 source file\n").ok();
    let python = Path::new(CRATE).join("python");
    let found = mypy(&["shed_db"], &python).any_stdout().run().stdout;
    let mine: Vec<&str> = found.lines().filter(|line| wheel_alone(&python, line)).collect();
    assert!(found.contains("source files") && mine.is_empty(), "{found}");
    for words in ["check", "format --check"].map(str::split_whitespace) {
        let ruff = repo.call(environment("wheel").join("bin/ruff")).args(words).arg("shed_db").dir(&python);
        ruff.env("RUFF_NO_CACHE", "true").any_stdout().ok();
    }
}

/// The files that are for applications alone.
fn face_files(python: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(python.join("shed_db")).unwrap().map(|entry| entry.unwrap().path());
    let is_face = |path: &PathBuf| {
        path.extension().is_some_and(|end| end == "py")
            && fs::read_to_string(path).unwrap().starts_with("\"\"\"In the wheel alone: ")
    };
    let found: Vec<PathBuf> = files.filter(is_face).collect();
    assert!(found.len() > 5, "{found:?}");
    found
}

fn wheel_alone(python: &Path, line: &str) -> bool {
    face_files(python).iter().any(|file| python.join(line.split(':').next().unwrap()) == *file)
}
