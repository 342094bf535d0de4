//! `shed init`: settings where there are none, a project where there are.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use serde_yaml::{Mapping, Value};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::keep;
use crate::output::{Output, Report};
use crate::render;
use crate::settings::{self, Settings, VersionsEntry};

use super::entry::{DatabaseKeys, ProjectKeys, relative};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project to add
    #[arg(value_name = "PROJECT")]
    project: Option<String>,
    #[command(flatten)]
    keys: ProjectKeys,
    /// The name of the project's first database
    #[arg(long, value_name = "NAME")]
    db: Option<String>,
    #[command(flatten)]
    database: DatabaseKeys,
    /// Copy script.py.mako beside the models and use it for new revisions
    #[arg(long)]
    templates: bool,
    /// Write the user's own settings instead of the repository's
    #[arg(long)]
    user: bool,
    /// Replace a project that is there already
    #[arg(long)]
    force: bool,
}

/// What was made.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Made {
    pub settings: PathBuf,
    pub project: Option<String>,
    /// Files and folders that were not there before.
    pub made: Vec<PathBuf>,
}

/// Writes settings or adds a project, and makes the folder for its revisions.
pub fn init(args: &Args, flag: Option<&Path>, environment: &Environment, out: &Output) -> Result<Made> {
    let path = place(args, flag, environment)?;
    let is_new = !path.exists();
    let root = path.parent().unwrap_or(Path::new("/")).to_path_buf();
    let root = root.canonicalize().unwrap_or(root);
    let wanted = Wanted::of(args, environment, &root, out, is_new)?;
    let mut made = Vec::new();
    if is_new {
        write_new(&path, wanted.as_ref(), environment)?;
        made.push(path.clone());
    } else {
        let Some(wanted) = &wanted else {
            return Err(
                Error::usage(format!("{} is there already", path.display())).help("name a project to add to it")
            );
        };
        add(&path, wanted, args.force, environment)?;
    }
    made.extend(write_schema(&root));
    if let Some(wanted) = &wanted {
        made.extend(make_folders(&path, &wanted.name, environment)?);
        if args.templates {
            made.push(copy_template(&path, &wanted.name, args.force, environment)?);
        }
    }
    Ok(Made { settings: path, project: wanted.map(|wanted| wanted.name), made })
}

/// A project as it is to be written.
struct Wanted {
    name: String,
    map: Mapping,
}

impl Wanted {
    /// From the arguments; on a terminal what is missing is asked for.
    fn of(args: &Args, environment: &Environment, root: &Path, out: &Output, is_new: bool) -> Result<Option<Self>> {
        let here = environment.working_dir();
        let folder = here.file_name().map(|name| name.to_string_lossy().replace([' ', '.'], "_"));
        let asked = || out.ask("name of the project?", folder.as_deref());
        let Some(name) = args.project.clone().or_else(asked) else {
            let keys_without_project = args.keys.module.is_some() || args.db.is_some() || args.templates;
            return match keys_without_project || !is_new {
                true if keys_without_project => Err(Error::usage("the project has no name").help("shed init NAME …")),
                _ => Ok(None),
            };
        };
        let module =
            args.keys.module.clone().or_else(|| out.ask("where are its models (file, folder, dotted name)?", None));
        let keys = ProjectKeys {
            module: module.filter(|module| !module.is_empty()),
            python: args.keys.python.clone(),
            versions: args.keys.versions.clone(),
        };
        let mut map = keys.map(here, root);
        if keys.module.is_none() && keys.versions.is_none() {
            map.insert("versions".into(), Value::from(relative(&here.join("versions"), root)));
        }
        let database = args.db.clone().or_else(|| out.ask("name of its database?", Some("local")));
        let database = database.unwrap_or_else(|| "local".to_owned());
        let entry = args.database.map(&name, &database, here, root)?;
        map.insert("db".into(), Value::Mapping(Mapping::from_iter([(Value::from(database), Value::Mapping(entry))])));
        Ok(Some(Self { name, map }))
    }
}

/// The file that is meant, or where a new one belongs: the git root, else the working directory.
fn place(args: &Args, flag: Option<&Path>, environment: &Environment) -> Result<PathBuf> {
    if args.user {
        let folder = environment
            .config_dir()
            .ok_or_else(|| Error::environment("there is no place for a user's settings").help("set HOME"))?;
        return Ok(folder.join("shed/settings.yaml"));
    }
    Ok(repository_settings(flag, environment.working_dir(), environment))
}

/// The settings of the repository around a folder, or where they belong.
pub fn repository_settings(flag: Option<&Path>, from: &Path, environment: &Environment) -> PathBuf {
    let here = environment.working_dir();
    if let Some(path) = flag.map(Path::to_path_buf).or_else(|| environment.path("SHED_SETTINGS")) {
        return here.join(path);
    }
    let top = from.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(from);
    let mut between = from.ancestors().take_while(|folder| folder.starts_with(top));
    let near = between.find_map(|folder| Some(folder.join("shed.yaml")).filter(|path| path.is_file()));
    near.unwrap_or_else(|| top.join("shed.yaml"))
}

#[derive(Serialize, JsonSchema)]
struct Skeleton {
    projects: String,
    /// Without an example of a project.
    bare: bool,
}

/// Settings without a project, for one to be added.
pub fn bare() -> Result<String> {
    render::text("settings.yaml", &Skeleton { projects: String::new(), bare: true })
}

fn write_new(path: &Path, wanted: Option<&Wanted>, environment: &Environment) -> Result<()> {
    let projects = wanted.map(|wanted| {
        let map = Mapping::from_iter([(Value::from(wanted.name.as_str()), Value::Mapping(wanted.map.clone()))]);
        serde_yaml::to_string(&map).map(|text| indented(&text))
    });
    let projects = projects.transpose().map_err(|error| Error::failed(format!("could not write YAML: {error}")))?;
    let text = render::text("settings.yaml", &Skeleton { projects: projects.unwrap_or_default(), bare: false })?;
    let unwritable = |error| Error::environment(format!("could not write {}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(unwritable)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(unwritable)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(unwritable)?;
    // What the arguments say may be wrong: a file that cannot be read is not left behind.
    Settings::read(path, environment).map(drop).inspect_err(|_| drop(fs::remove_file(path)))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

fn add(path: &Path, wanted: &Wanted, force: bool, environment: &Environment) -> Result<()> {
    let mut settings = Settings::read(path, environment)?;
    if force && settings.project(&wanted.name)?.is_some() {
        let edit = settings.remove(&format!("projects.{}", wanted.name))?;
        settings.save(edit)?;
    }
    let edit = settings.add_project(&wanted.name, &wanted.map)?;
    settings.save(edit)
}

/// The schema that the first line of the settings names; without it editors only complete less.
pub fn write_schema(root: &Path) -> Option<PathBuf> {
    let path = keep::beside(root).ok()?.join("schema.json");
    let is_new = !path.exists();
    fs::write(&path, format!("{:#}\n", settings::schema())).ok()?;
    is_new.then_some(path)
}

fn make_folders(path: &Path, name: &str, environment: &Environment) -> Result<Vec<PathBuf>> {
    let settings = Settings::read(path, environment)?;
    let Some(project) = settings.project(name)? else { return Ok(Vec::new()) };
    let kinds = project.db.values().map(|database| database.kind);
    let mut made = Vec::new();
    for entry in kinds.flat_map(|kind| project.versions_for(kind)) {
        let VersionsEntry::Folder(folder) = entry else { continue };
        if !folder.exists() {
            fs::create_dir_all(&folder)
                .map_err(|error| Error::environment(format!("could not make {}: {error}", folder.display())))?;
            made.push(folder);
        }
    }
    Ok(made)
}

#[derive(Serialize, JsonSchema)]
struct Imports {
    script_imports: Vec<String>,
}

/// The template for new revisions, to be changed by hand.
fn copy_template(path: &Path, name: &str, force: bool, environment: &Environment) -> Result<PathBuf> {
    let mut settings = Settings::read(path, environment)?;
    let Some(project) = settings.project(name)? else {
        return Err(Error::usage(format!("no project is named `{name}`")));
    };
    let file = project.folder.join("script.py.mako");
    if file.exists() && !force {
        return Err(Error::usage(format!("{} is there already", file.display())).help("--force replaces it"));
    }
    let text = render::text("script.py.mako", &Imports { script_imports: Vec::new() })?;
    let unwritable = |error| Error::environment(format!("could not write {}: {error}", file.display()));
    fs::create_dir_all(&project.folder).map_err(unwritable)?;
    fs::write(&file, text).map_err(unwritable)?;
    let edit = settings.set(&format!("projects.{name}.script_template"), &relative(&file, settings.root()))?;
    settings.save(edit)?;
    Ok(file)
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(project) = &self.project {
            writeln!(f, "{}: project {project} is added", self.settings.display())?;
        }
        self.made.iter().try_for_each(|path| writeln!(f, "made {}", path.display()))
    }
}

impl Report for Made {}
