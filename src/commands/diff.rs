//! `shed diff`: what would make a database like the models, or like another database. It only looks.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alembic::{Difference, Step};
use crate::error::{Error, Result};
use crate::output::Report;
use crate::settings::Kind;

use super::completions::TARGETS;
use super::live::Live;
use super::planning::Wishes;
use super::reports::Answer;
use super::scope::{Chosen, Needs};
use super::several::Way;
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE], a pattern, or none: the project of this folder, or all
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    /// Another database of the same type, whose schema the first would get; instead of the models
    #[arg(value_name = "OTHER", add = TARGETS())]
    other: Option<String>,
    /// Print SQL in the database's dialect
    #[arg(long)]
    sql: bool,
    /// Exit code 1 where there is a difference
    #[arg(long)]
    exit_code: bool,
    /// Models to look at instead of the project's `module`
    #[arg(long, value_name = "MODULE", conflicts_with = "other")]
    models: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// What would make one database like the models, or like another one.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Differing {
    pub target: String,
    /// The database that it would become like; `null` where that is the models.
    pub other: Option<String>,
    /// Whether there is no difference.
    pub in_order: bool,
    pub differences: Vec<Difference>,
    /// With --sql: the differences as statements.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// Whether the exit code tells of a difference.
    #[serde(skip)]
    pub exit_code: bool,
}

/// Compares; creates nothing, wherever the database stands.
pub fn diff(scope: &Scope<'_>, args: &Args) -> Result<Answer<Differing>> {
    let Some(other) = &args.other else {
        let chosen = scope.targets(args.target.as_deref(), &args.place, Needs::Reading)?;
        return scope.each(&chosen, Way::Reading, |scope, target, _| compare(scope, target, None, args));
    };
    let (chosen, other) = both(scope, args, other)?;
    compare(scope, &chosen, Some(&other), args).map(Answer::One)
}

/// Two databases of one type; a development server's takes the project of the other one.
fn both<'a>(scope: &Scope<'a>, args: &Args, other: &str) -> Result<(Chosen<'a>, Chosen<'a>)> {
    if args.place.all || args.place.on.is_some() || args.place.create {
        return Err(Error::usage("--all, --on and --create are for one target, not for two")
            .help("a copy is named as development.SERVER/NAME"));
    }
    if args.place.database_url.is_some() || scope.environment.os("SHED_DATABASE_URL").is_some() {
        return Err(Error::usage("a database URL replaces the connection of one target, and two are compared")
            .help("give the URL in the place of one of them"));
    }
    let target = args.target.as_deref().unwrap_or_default();
    let chosen = one(scope, target, project_of(other), &args.place)?;
    let other = one(scope, other, Some(&chosen.project.name), &args.place)?;
    let kinds = [&chosen, &other].map(|each| each.database.as_ref().map(|database| database.kind));
    if kinds[0] != kinds[1] {
        let words = [&chosen, &other].map(|each| format!("{} is {}", each.name, type_of(each)));
        return Err(Error::usage(format!("two databases of one type are compared, and {}", words.join(", ")))
            .help("types and defaults have other names on each; compare each with the models: shed diff TARGET"));
    }
    Ok((chosen, other))
}

fn one<'a>(scope: &Scope<'a>, word: &str, project: Option<&str>, place: &Place) -> Result<Chosen<'a>> {
    let (word, place) = if word.starts_with("development.") {
        (project, Place { on: Some(word.to_owned()), ..place.clone() })
    } else if word.contains("://") {
        (project, Place { database_url: Some(word.to_owned()), ..place.clone() })
    } else {
        (Some(word), place.clone())
    };
    let mut chosen = scope.targets_for(word, &place, Needs::Reading, true)?;
    match (chosen.pop(), chosen.is_empty()) {
        (Some(mut only), true) => {
            if let (Some(_), Some(database)) = (&place.database_url, &only.database) {
                // A URL may hold a password; its place does not.
                only.name = scope.engine(database)?.place();
            }
            Ok(only)
        }
        _ => Err(Error::usage("two databases are compared, not patterns").help("shed diff PROJECT.DATABASE OTHER")),
    }
}

fn project_of(word: &str) -> Option<&str> {
    let named = !word.starts_with("development.") && !word.contains("://");
    named.then(|| word.split('.').next().unwrap_or(word))
}

fn type_of(chosen: &Chosen<'_>) -> &'static str {
    match chosen.database.as_ref().map(|database| database.kind) {
        Some(Kind::Sqlite) => "SQLite",
        Some(Kind::Postgres) => "PostgreSQL",
        None => "none",
    }
}

/// What the worker tells.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    differences: Vec<Difference>,
    sql: Option<String>,
}

fn compare(scope: &Scope<'_>, target: &Chosen<'_>, other: Option<&Chosen<'_>>, args: &Args) -> Result<Differing> {
    let (reach, keys) = other.map(|other| scope.beside(other)).transpose()?.unzip();
    let is_alone = keys.is_none();
    let step = Step::Diff { sql: args.sql, x: args.place.x.clone(), other: keys };
    let wishes = Wishes {
        needs_models: is_alone,
        models: args.models.as_deref(),
        terminal: args.place.tty,
        ..Wishes::default()
    };
    let mut plan = scope.plan(target, Needs::Reading, vec![step], wishes)?;
    plan.other = reach;
    scope.say_missing(&plan);
    let ended = scope.run(&plan, &mut Live::aside(scope.out, &plan.target))?.good()?;
    let value = ended.told.results.into_iter().next().unwrap_or_default();
    let told: Told =
        serde_json::from_value(value).map_err(|error| Error::failed(format!("{}: {error}", target.name)))?;
    Ok(Differing {
        target: target.name.clone(),
        other: other.map(|other| other.name.clone()),
        in_order: told.differences.is_empty(),
        differences: told.differences,
        sql: told.sql,
        exit_code: args.exit_code,
    })
}

impl fmt::Display for Differing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.sql.is_some() { "-- " } else { "" };
        let like = self.other.as_deref().unwrap_or("the models");
        if self.in_order {
            return writeln!(f, "{mark}{} is like {like}", self.target);
        }
        writeln!(f, "{mark}to make {} like {like}:", self.target)?;
        match &self.sql {
            Some(sql) => f.write_str(sql),
            None => self.differences.iter().try_for_each(|difference| writeln!(f, "{difference}")),
        }
    }
}

impl Report for Differing {
    fn ok(&self) -> bool {
        self.in_order || !self.exit_code
    }
}
