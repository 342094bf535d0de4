//! `shed eject`: plain files of Alembic's for one target, which run without shed.

mod constants;
mod url;
mod written;

use std::fmt;
use std::path::{Component, Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::alembic::{Logger, in_ini, loggers};
use crate::error::{Error, Result};
use crate::output::Report;
use crate::render;
use crate::settings::{AlembicKeys, Format, Project, VersionsEntry, normal};

use super::outfile::Outfile;
use super::scope::{Chosen, Needs};
use super::{Place, Scope};
use written::Written;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT.DATABASE, or PROJECT
    #[arg(value_name = "TARGET")]
    target: String,
    /// The folder of the files; made where it is not there
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
    /// Print what would be written
    #[arg(long)]
    dry_run: bool,
}

/// The files, and what they do not say.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Ejected {
    pub target: String,
    pub dry_run: bool,
    pub files: Vec<File>,
    /// The variable that env.py takes the URL from; none where the project's own env.py goes on.
    pub variable: Option<String>,
    /// Keys of the settings that plain Alembic has no place for, or whose value is a secret's.
    pub left_out: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct File {
    pub path: PathBuf,
    pub text: String,
}

/// Writes them.
pub fn eject(scope: &Scope<'_>, args: &Args) -> Result<Ejected> {
    let chosen = scope.only_target(Some(&args.target), &Place::default(), Needs::Reading)?;
    if chosen.project.format == Format::Sql {
        return Err(Error::usage(format!("{} keeps its revisions as SQL, which Alembic does not read", chosen.name))
            .help("dbmate reads the same files"));
    }
    let dir = real(&scope.environment.working_dir().join(&args.dir));
    let written = Written::of(scope, &chosen)?;
    let mut left_out = written.left_out();
    let (files, variable) = match &chosen.project.env_py {
        Some(env_py) => (vec![own_ini(scope, &chosen, env_py, &dir)?], None),
        None => {
            let (files, variable) = files(scope, &chosen, &dir, &written)?;
            (files, Some(variable))
        }
    };
    left_out.sort();
    refuse(&files, args.force)?;
    if !args.dry_run {
        write(&files, &dir)?;
    }
    Ok(Ejected { target: chosen.name, dry_run: args.dry_run, files, variable, left_out })
}

fn refuse(files: &[File], force: bool) -> Result<()> {
    match files.iter().find(|file| file.path.exists() && !force) {
        Some(file) => {
            Err(Error::usage(format!("{} is there already", file.path.display())).help("--force replaces it"))
        }
        None => Ok(()),
    }
}

fn write(files: &[File], dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)
        .map_err(|error| Error::environment(format!("could not make {}: {error}", dir.display())))?;
    for file in files {
        let mut out = Outfile::at(&file.path)?;
        out.write(file.text.as_bytes())?;
        out.keep()?;
    }
    Ok(())
}

#[derive(Serialize, JsonSchema)]
struct EnvValues {
    target: String,
    constants: Vec<constants::Constant>,
}

#[derive(Serialize)]
struct IniValues<'a> {
    target: &'a str,
    place: String,
    scripts: String,
    versions: String,
    recursive: bool,
    prepend: String,
    options: Vec<Pair>,
    hooks: String,
    hook_options: Vec<Pair>,
    loggers: Vec<Logger>,
}

#[derive(Serialize)]
struct Pair {
    name: String,
    value: String,
}

#[derive(Serialize)]
struct Imports<'a> {
    script_imports: &'a [String],
}

fn files(scope: &Scope<'_>, chosen: &Chosen<'_>, dir: &Path, written: &Written) -> Result<(Vec<File>, String)> {
    let place = url::place(chosen, written, dir);
    let target = chosen.name.clone();
    let constants = constants::of(scope, chosen, dir, written, &place)?;
    let file = |name: &str, text: String| File { path: dir.join(name), text };
    let script = match &chosen.project.script_template {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| Error::environment(format!("could not read {}: {error}", path.display())))?,
        None => render::text("script.py.mako", &Imports { script_imports: &chosen.project.script_imports })?,
    };
    let files = vec![
        file("alembic.ini", ini(scope, chosen, dir, "%(here)s".to_owned(), None)?),
        file("env.py", render::text("env_eject.py", &EnvValues { target, constants })?),
        file("script.py.mako", script),
    ];
    Ok((files, place.variable))
}

/// The project's own env.py stays where it is: only the ini is missing.
fn own_ini(scope: &Scope<'_>, chosen: &Chosen<'_>, env_py: &Path, dir: &Path) -> Result<File> {
    if !env_py.ends_with("env.py") {
        return Err(Error::usage(format!(
            "{} is named otherwise than env.py, which Alembic looks for",
            env_py.display()
        )));
    }
    let scripts = in_here(env_py.parent().unwrap_or(env_py), dir);
    let written = Written::of(scope, chosen)?;
    let url = url::place(chosen, &written, Path::new("")).default.map(|url| match url.split_once(":///") {
        Some((scheme, file)) if scheme.starts_with("sqlite") => {
            format!("{scheme}:///{}", in_here(&Path::new("/").join(file), dir))
        }
        _ => url.replace('%', "%%"),
    });
    let url = url.map(|value| Pair { name: "sqlalchemy.url".to_owned(), value });
    Ok(File { path: dir.join("alembic.ini"), text: ini(scope, chosen, dir, scripts, url)? })
}

fn ini(scope: &Scope<'_>, chosen: &Chosen<'_>, dir: &Path, scripts: String, url: Option<Pair>) -> Result<String> {
    let project = chosen.project;
    let kind = chosen.database_or_first().map_or(crate::settings::Kind::Sqlite, |database| database.kind);
    let versions = project.versions_for(kind);
    let versions = versions.iter().map(|entry| match entry {
        VersionsEntry::Folder(folder) => in_here(folder, dir),
        VersionsEntry::Package(package) => package.replace('%', "%%"),
    });
    let settings = in_here(scope.settings.folder(), dir);
    // A sign that stands in no value keeps the place of the folder.
    let own = |name: &str, value: &str| in_ini(name, value, "\u{1}").replace('\u{1}', &settings);
    // Its values may be secrets.
    let nothing = AlembicKeys::default();
    let keys = if Written::of(scope, chosen)?.varies("alembic") { &nothing } else { &project.alembic };
    let (options, hooks) = (keys.options.iter(), &keys.post_write_hooks);
    let hook_options = hooks.iter().flat_map(|hook| {
        let name = hook.get("name").cloned().unwrap_or_default();
        hook.iter().filter(|(key, _)| *key != "name").map(move |(key, value)| (format!("{name}.{key}"), value))
    });
    let names: Vec<&str> = hooks.iter().filter_map(|hook| hook.get("name")).map(String::as_str).collect();
    let values = IniValues {
        target: &chosen.name,
        place: "python -m alembic -c this-file current".to_owned(),
        scripts,
        versions: versions.collect::<Vec<_>>().join(":"),
        recursive: project.recursive,
        prepend: python_path(project).iter().map(|folder| in_here(folder, dir)).collect::<Vec<_>>().join(":"),
        options: options.map(|(name, value)| Pair { name: name.clone(), value: own(name, value) }).chain(url).collect(),
        hooks: names.join(","),
        hook_options: hook_options.map(|(name, value)| Pair { value: own(&name, value), name }).collect(),
        loggers: loggers(&keys.log_levels, true),
    };
    render::text("alembic_eject.ini", &values)
}

/// Where imports begin: without `pythonpath` in the working directory.
fn python_path(project: &Project) -> Vec<PathBuf> {
    if project.pythonpath.is_empty() { vec![project.cwd.clone()] } else { project.pythonpath.clone() }
}

/// A path as the ini writes it.
fn in_here(path: &Path, dir: &Path) -> String {
    format!("%(here)s/{}", from(dir, path).replace('%', "%%"))
}

/// The way from a folder to a path, both absolute.
fn from(dir: &Path, path: &Path) -> String {
    let (dir, path) = (normal(dir), normal(path));
    let (dir, path): (Vec<Component>, Vec<Component>) = (dir.components().collect(), path.components().collect());
    let same = dir.iter().zip(&path).take_while(|(one, other)| one == other).count();
    let up = std::iter::repeat_n("..".to_owned(), dir.len() - same);
    let down = path[same..].iter().map(|part| part.as_os_str().to_string_lossy().into_owned());
    let way: Vec<String> = up.chain(down).collect();
    if way.is_empty() { ".".to_owned() } else { way.join("/") }
}

/// The path without links, as far as it is there.
fn real(path: &Path) -> PathBuf {
    let path = normal(path);
    let there = path.ancestors().find_map(|folder| folder.canonicalize().ok().map(|real| (real, folder)));
    there.map_or(path.clone(), |(real, folder)| real.join(path.strip_prefix(folder).unwrap_or(Path::new(""))))
}

impl fmt::Display for Ejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            match self.dry_run {
                true => write!(f, "# {}\n{}\n", file.path.display(), file.text)?,
                false => writeln!(f, "made {}", file.path.display())?,
            }
        }
        if let Some(variable) = &self.variable {
            writeln!(f, "env.py takes the URL of {} from {variable}", self.target)?;
        }
        if !self.left_out.is_empty() {
            writeln!(f, "left out: {}", self.left_out.join(", "))?;
        }
        Ok(())
    }
}

impl Report for Ejected {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_between_two_folders_is_found() {
        for (dir, path, way) in
            [("/a/b", "/a/c/d", "../c/d"), ("/a", "/a", "."), ("/a/b", "/a", ".."), ("/a", "/a/b", "b")]
        {
            assert_eq!(from(Path::new(dir), Path::new(path)), way);
        }
    }
}
