//! The values of the rendered files: Alembic's own keys, `%` doubled, no secret.

use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::settings::Settings;

use super::plan::Plan;

const HERE: &str = "%(here)s";

#[derive(Serialize)]
pub struct Values<'a> {
    script_location: String,
    options: Vec<Pair<'a>>,
    loggers: Vec<Logger>,
    script_imports: &'a [String],
}

#[derive(Serialize)]
struct Pair<'a> {
    name: &'a str,
    value: String,
}

#[derive(Serialize)]
pub struct Logger {
    /// The section's name.
    name: String,
    /// The logger's name.
    qualname: String,
    level: String,
}

impl<'a> Values<'a> {
    pub fn of(plan: &'a Plan<'_>, settings: &Settings, workspace: &Path) -> Result<Self> {
        let here = settings.folder().to_string_lossy();
        let keys = &plan.project.alembic;
        let pairs = keys.options.iter().map(|(name, value)| Pair { name, value: in_ini(name, value, &here) });
        // A name of the operating system's, in which nothing has a meaning.
        let script_location = workspace.to_string_lossy().replace('%', "%%");
        if script_location.contains('\n') {
            return Err(Error::environment("the temporary directory's name holds a line break").help("set TMPDIR"));
        }
        Ok(Self {
            script_location,
            options: pairs.collect(),
            loggers: loggers(&keys.log_levels, plan.verbose),
            script_imports: &plan.project.script_imports,
        })
    }
}

/// `%(here)s` becomes the settings file's folder, every other single `%` is doubled; `%%` as in an ini is taken too.
pub fn in_ini(name: &str, value: &str, here: &str) -> String {
    let double = |text: &str| {
        // A file template is a format of its own, where `%%` is a percent sign.
        let (written, meant) = if name == "file_template" { ("%%(", "%(") } else { ("%%", "%") };
        text.replace(written, meant).replace('%', "%%")
    };
    let parts: Vec<String> = value.split(HERE).map(double).collect();
    // A line break would begin a new key: indented, it continues the value.
    parts.join(&here.replace('%', "%%")).replace('\n', "\n    ")
}

/// The root logger first, as `fileConfig` wants it; the levels of Alembic's own template where nothing is said.
pub fn loggers(levels: &indexmap::IndexMap<String, String>, verbose: bool) -> Vec<Logger> {
    let alembic = if verbose { "INFO" } else { "WARNING" };
    let mut all: Vec<(&str, &str)> = vec![("root", "WARNING"), ("sqlalchemy", "WARNING"), ("alembic", alembic)];
    for (name, level) in levels {
        match all.iter_mut().find(|(known, _)| known == name) {
            Some(known) => known.1 = level,
            None => all.push((name, level)),
        }
    }
    let logger = |(name, level): (&str, &str)| Logger {
        name: name.replace(['.', ','], "_"),
        qualname: name.to_owned(),
        level: level.to_owned(),
    };
    all.into_iter().map(logger).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_percent_signs_are_doubled_and_here_is_replaced() {
        let template = in_ini("file_template", "%(here)s/x %(rev)s %%(slug)s 100%%", "/a%b");
        assert_eq!(template, "/a%%b/x %%(rev)s %%(slug)s 100%%%%");
        assert_eq!(in_ini("timezone", "50% 50%%", ""), "50%% 50%%");
    }

    #[test]
    fn the_root_logger_comes_first_and_levels_can_be_set() {
        let levels = indexmap::IndexMap::from([("sqlalchemy.engine".to_owned(), "INFO".to_owned())]);
        let names: Vec<(String, String)> =
            loggers(&levels, true).into_iter().map(|logger| (logger.name, logger.level)).collect();
        let expected =
            [("root", "WARNING"), ("sqlalchemy", "WARNING"), ("alembic", "INFO"), ("sqlalchemy_engine", "INFO")];
        assert_eq!(names, expected.map(|(name, level)| (name.to_owned(), level.to_owned())));
    }
}
