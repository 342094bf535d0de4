//! Copying a database that others use into one that is being built: a snapshot of the source, which is never written to.

mod contents;
mod glance;
mod jobs;
mod parts;
mod picture;
mod pipe;
mod plan;
mod rights;
mod rows;

use std::path::PathBuf;

use crate::engine::{Copying, Counted, Watch};
use crate::error::{Error, Result};
use crate::process::{Interrupts, Tool};

use super::aside::Mark;
use super::facts::{Described, Facts};
use super::tools::Programs;
use super::{Server, identifier, literal};

use parts::Parts;
use picture::Picture;

pub(super) use parts::folder_of;

/// From this size on parallel jobs are worth their starts (bytes).
const LARGE: u64 = 96 * 1024 * 1024;
/// How long pg_dump waits for a table that somebody changes (milliseconds).
const LOCK_WAIT: &str = "--lock-wait-timeout=60000";
/// For the sessions that fill a database which nobody uses yet: the swap makes it last. What they write goes to the disk
/// at once, so that the checkpoint of the swap's DROP DATABASE finds little to wait for.
const BULK: &str = "-c synchronous_commit=off -c maintenance_work_mem=256MB -c backend_flush_after=2MB";

/// One copy: what is read, with which programs, and what is left out.
struct Copy<'a> {
    source: &'a Server,
    programs: &'a Programs,
    copying: &'a Copying,
    keeps_rights: bool,
    /// Whether rows may go over in the form that both servers have in common.
    is_binary: bool,
    encoding: &'a str,
}

/// What is known and held of the source before there is anything to copy into.
pub struct Begun {
    here: Facts,
    /// The other server; its database is the one that is replaced, or the one aside.
    there: Facts,
    /// What marks the database aside.
    mark: String,
    programs: Programs,
    keeps_rights: bool,
    /// Not for a template.
    picture: Option<Picture>,
    /// What a large source is made of.
    parts: Option<Parts>,
}

impl Server {
    /// Looks at both ends, and takes a picture of the source, of a large one its schema too: while `target`'s server makes room.
    pub fn begin_copy(&self, target: &Self, run: &str, copying: &Copying, interrupts: &Interrupts) -> Result<Begun> {
        let (here, there) = (self.facts()?, target.facts()?);
        if here.database.is_none() {
            return Err(
                Error::database(format!("{} is not there", self.place())).help("`shed targets` lists what there is")
            );
        }
        let programs = self.programs_for(here.major)?;
        let mark = Mark::text(&target.name);
        let mut begun = Begun { here, there, mark, programs, keeps_rights: true, picture: None, parts: None };
        if copying.template {
            return Ok(begun);
        }
        begun.keeps_rights = self.keeps_rights(&begun.here, &begun.there, target)?;
        if target.is_collected() {
            return Ok(begun);
        }
        let (copy, mut picture) = (begun.copy(self, copying), Picture::of(self, interrupts)?);
        if copy.is_large(picture.size) {
            begun.parts = Some(copy.parts(run, &mut picture, interrupts)?);
        }
        begun.picture = Some(picture);
        Ok(begun)
    }

    /// Gives the rows of both ends, but of what is only collected.
    pub fn copy_into(
        &self,
        aside: &Self,
        copying: &Copying,
        mut begun: Begun,
        watch: &Watch<'_>,
    ) -> Result<Option<Counted>> {
        let (picture, parts) = (begun.picture.take(), begun.parts.take());
        let Begun { here, there, keeps_rights, .. } = &begun;
        if copying.template {
            return self.copy_by_template(aside, &begun).map(Some);
        }
        if !keeps_rights {
            watch.note("owners and privileges are not copied: they are another server's, or another role's to give");
        }
        let copy = begun.copy(self, copying);
        if let Some(script) = aside.script() {
            return copy.collected(script, watch).map(|()| None);
        }
        let Some(picture) = picture else {
            return Err(Error::failed(format!("{} was not looked at", self.place())));
        };
        // The database aside has the shape of the one that it replaces.
        let asked = if there.database.is_some() { None } else { Some(aside.facts()?) };
        if let Some(described) = &here.database {
            aside.take_shape(described, asked.as_ref().unwrap_or(there), watch)?;
        }
        let aside = aside.in_bulk();
        let counted = match parts {
            Some(parts) => copy.in_parts(parts, picture, &aside, watch)?,
            None => copy.in_one(picture, &aside, watch)?,
        };
        Ok(Some(counted))
    }

    /// `CREATE DATABASE … TEMPLATE`, which nobody may be connected to.
    fn copy_by_template(&self, aside: &Self, Begun { here, there, mark, .. }: &Begun) -> Result<Counted> {
        if aside.is_collected() {
            let why = aside.why_in_place(there).unwrap_or_default();
            return Err(Error::failed(format!("{} cannot be made from a template: {why}", aside.place()))
                .help("leave --template out"));
        }
        if !here.is_same_server(there) {
            return Err(Error::usage(format!("{} is on another server: it cannot be a template", self.place()))
                .help("leave --template out"));
        }
        // Neither they nor what they have locked is waited for.
        if let Some(others) = self.company()? {
            return Err(Error::failed(format!(
                "{} could not be the template: others are connected to it",
                self.place()
            ))
            .detail(others)
            .help("leave --template out: a dump does not mind them"));
        }
        // Before: nobody may be connected to a template, we no more than others.
        let counts = self.row_counts()?;
        // Copying files asks for a checkpoint, which pays from some size on.
        let strategy = if here.major >= 15 && self.size()? >= LARGE { "strategy file_copy" } else { "" };
        let (name, source) = (identifier(&aside.name), identifier(&self.name));
        let belonging = there.database.as_ref().map(Described::belonging).unwrap_or_default();
        aside.administer(&format!("create database {name} template {source} {strategy} {belonging}")).map_err(
            |error| {
                Error::failed(format!("{} could not be the template: others may be connected to it", self.place()))
                    .detail(error.words().and_then(|words| words.detail.clone()).unwrap_or_default())
                    .help("leave --template out: a dump does not mind them")
            },
        )?;
        aside.mark(mark)?;
        Ok(Counted { source: counts, copy: aside.row_counts()?, of_one_moment: false })
    }

    /// The empty database anew, where it would keep or sort text otherwise than the source.
    fn take_shape(&self, source: &Described, there: &Facts, watch: &Watch<'_>) -> Result<()> {
        let Some(own) = there.database.as_ref().filter(|own| !own.has_shape_of(source)) else {
            return Ok(());
        };
        let comment = self.comment()?;
        let (name, belonging) = (identifier(&self.name), own.belonging());
        self.drop_forcibly(there)?;
        let make =
            |shape: &str| self.administer(&format!("create database {name} template template0 {shape} {belonging}"));
        if make(&source.shape()).is_err() {
            // Another operating system may not know the locale.
            watch.warn("the server does not know the source's locale: text is sorted as the target did");
            make(&own.shape())?;
        }
        self.mark(&comment)
    }

    fn comment(&self) -> Result<String> {
        let name = literal(&self.name);
        let query = format!(
            "select to_json(coalesce(shobj_description(oid, 'pg_database'), '')) from pg_database where datname = {name}"
        );
        self.answer(&query)
    }

    /// The same database, in sessions that are made for filling it.
    pub(super) fn in_bulk(&self) -> Self {
        self.with_options(BULK)
    }

    /// The same database, in sessions with these settings of the server.
    fn with_options(&self, more: &str) -> Self {
        let mut server = self.clone();
        let options = server.options.entry("options".into()).or_default();
        *options = format!("{options} {more}").trim_start().to_owned();
        server
    }
}

impl Begun {
    fn copy<'a>(&'a self, source: &'a Server, copying: &'a Copying) -> Copy<'a> {
        Copy {
            source,
            programs: &self.programs,
            copying,
            keeps_rights: self.keeps_rights,
            is_binary: self.here.major == self.there.major && copying.exclude_table_data.is_empty(),
            encoding: self.here.database.as_ref().map(|database| database.encoding.as_str()).unwrap_or_default(),
        }
    }
}

impl Copy<'_> {
    /// `pg_dump` of the source, with everything that is left out.
    fn dump(&self) -> Tool {
        let mut tool = Tool::new(self.programs.path("pg_dump")).args(["-w", LOCK_WAIT]);
        tool = tool.args(self.without_rights());
        for pattern in &self.copying.exclude_table_data {
            tool = tool.arg(format!("--exclude-table-data={pattern}"));
        }
        self.source.with_variables(tool, &self.source.name)
    }

    /// To be said to pg_restore again: archives are written with everything.
    fn without_rights(&self) -> &'static [&'static str] {
        if self.keeps_rights { &[] } else { &["--no-owner", "--no-privileges"] }
    }

    /// Whether parallel jobs are worth their starts.
    fn is_large(&self, size: u64) -> bool {
        let worth = self.copying.jobs.is_some() || size >= LARGE;
        worth && !self.copying.schema_only && self.jobs() > 1
    }

    fn jobs(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from).min(8);
        self.copying.jobs.unwrap_or_else(processors).max(1)
    }
}

impl Server {
    /// `pg_restore` that stops at the first error.
    pub(super) fn restore(&self, programs: &Programs) -> Tool {
        // A name that holds `=` would be read as a whole connection.
        let name = self.name.replace('\\', "\\\\").replace('\'', "\\'");
        let tool = Tool::new(programs.path("pg_restore")).args(["-w", "--exit-on-error", "-d"]);
        self.with_variables(tool.arg(format!("dbname='{name}'")), &self.name)
    }
}

/// Where a run's temporary files lie.
fn temporary(name: String) -> PathBuf {
    std::env::temp_dir().join(name)
}
