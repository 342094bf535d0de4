//! `shed targets`: every project and database of the settings.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::engine::Engine;
use crate::error::Result;
use crate::output::Report;

use super::Scope;

#[derive(Debug, clap::Args)]
pub struct Args {}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Targets {
    pub targets: Vec<Target>,
}

/// One database of one project.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Target {
    /// `billing.prod`
    pub target: String,
    pub project: String,
    pub database: String,
    /// `sqlite` or `postgres`
    pub r#type: &'static str,
    pub default: bool,
    pub protected: bool,
    /// Where it is, without secrets; `null` where a variable is missing.
    pub place: Option<String>,
}

/// Lists the targets in the order of the settings.
pub fn targets(scope: &Scope<'_>, _: &Args) -> Result<Targets> {
    let projects = scope.settings.projects()?.values();
    let targets = projects.flat_map(|project| {
        project.db.values().map(move |database| Target {
            target: format!("{}.{}", project.name, database.name),
            project: project.name.clone(),
            database: database.name.clone(),
            r#type: database.kind.as_str(),
            default: database.default,
            protected: database.protected,
            place: scope
                .settings
                .demand_database(&project.name, &database.name)
                .ok()
                .and_then(|()| Engine::place_of(database, scope.environment)),
        })
    });
    Ok(Targets { targets: scope.ours(targets) })
}

impl fmt::Display for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.targets.iter().map(|target| target.target.len()).max().unwrap_or(0);
        for target in &self.targets {
            let place = target.place.as_deref().unwrap_or("(a variable is missing)");
            let mut marks = String::new();
            if target.default {
                marks.push_str(" (default)");
            }
            if target.protected {
                marks.push_str(" (protected)");
            }
            writeln!(f, "{:width$}  {place}{marks}", target.target)?;
        }
        Ok(())
    }
}

impl Report for Targets {}
