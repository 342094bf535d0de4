//! `shed clone`: a copy of one database in the place of another, which is the old or the whole new one whenever anything dies.

mod ends;
mod report;
mod verify;

use std::cell::Cell;
use std::path::PathBuf;
use std::time::Instant;

use crate::engine::{Begun, Copying, Engine, Making, Replaced, Replacement, Watch};
use crate::error::{Error, Result};
use crate::failpoint::reach;

use super::Scope;
use super::completions::TARGETS;
use super::hold::Held;

use ends::Ends;
use verify::Compared;

pub use report::Cloned;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is copied: PROJECT.DATABASE or development.SERVER/NAME
    #[arg(value_name = "SOURCE", add = TARGETS())]
    source: String,
    /// What is replaced: PROJECT.DATABASE or development.SERVER[/NAME] [default NAME: <project>_<database>]
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: String,
    /// Tables, indexes and so on; rows of the version table alone
    #[arg(long)]
    schema_only: bool,
    /// Leave the rows of these tables out; may be repeated
    #[arg(long, value_name = "GLOB")]
    exclude_table_data: Vec<String>,
    /// PostgreSQL, one server: let it copy its files (nobody may be connected to the source)
    #[arg(long, conflicts_with_all = ["schema_only", "exclude_table_data"])]
    template: bool,
    /// SQL to run in the copy before it takes the target's place: masking
    #[arg(long, value_name = "FILE")]
    after: Option<PathBuf>,
    /// End the sessions of others in the target
    #[arg(long)]
    force: bool,
    /// Print sizes and commands; change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Replaces the target's content by a copy of the source.
pub fn clone(scope: &Scope<'_>, args: &Args) -> Result<Cloned> {
    let ends = Ends::of(scope, &args.source, &args.target, args.dry_run)?;
    let after = args.after.as_ref().map(|file| scope.environment.working_dir().join(file));
    if let Some(file) = after.as_ref().filter(|file| !file.is_file()) {
        return Err(Error::usage(format!("there is no file {}", file.display())).help("--after takes a file of SQL"));
    }
    ends.refuse_itself()?;
    scope.demand_there(&ends.source, &ends.from)?;
    let mut copying = args.copying(scope)?;
    if args.dry_run {
        return ends.planned(&copying, after.as_deref());
    }
    scope.watched(|watch| {
        ends.to.make_room()?;
        let held = scope.hold(&ends.target, &ends.to, "clone", watch)?;
        if !ends.to.is_empty()? {
            scope.confirm(&format!("replace everything in {} ({})?", ends.target.name, ends.to.place()))?;
        }
        let in_any_way = !copying.is_partial() && copying.jobs.is_none();
        copying.template |= in_any_way && ends.source_is_ours() && ends.from.can_be_template_for(&ends.to)?;
        let work = Work { ends: &ends, copying: &copying, after, force: args.force };
        work.run(held, watch)
    })
}

impl Args {
    fn copying(&self, scope: &Scope<'_>) -> Result<Copying> {
        let jobs = scope.global.jobs.map(usize::from);
        if self.template && jobs.is_some() {
            return Err(
                Error::usage("--template lets the server copy: there are no --jobs").help("leave one of them out")
            );
        }
        Ok(Copying {
            schema_only: self.schema_only,
            exclude_table_data: self.exclude_table_data.clone(),
            template: self.template,
            jobs,
        })
    }
}

/// What is done once the target is held.
struct Work<'a> {
    ends: &'a Ends<'a>,
    copying: &'a Copying,
    after: Option<PathBuf>,
    force: bool,
}

impl Work<'_> {
    fn run(&self, mut held: Held, watch: &Watch<'_>) -> Result<Cloned> {
        let started = Instant::now();
        let mut compared = None;
        let (run, interrupts) = (&held.run, watch.interrupts);
        let begin = |to: &Engine| self.ends.from.begin_copy(to, run, self.copying, interrupts);
        let begun = Cell::new(None);
        let meanwhile = || begun.set(Some(begin(&self.ends.to)));
        let how = Replacement {
            run,
            journal: &held.journal,
            lock: &mut held.lock,
            force: self.force,
            keep_old: false,
            making: if self.copying.template { Making::ByFilling } else { Making::Meanwhile(&meanwhile) },
        };
        let replaced = self.ends.to.replace(how, watch, &mut |aside| {
            let to = if self.copying.template { &self.ends.to } else { aside };
            let begun = begun.take().unwrap_or_else(|| begin(to))?;
            compared = self.fill(aside, begun, watch)?;
            Ok(())
        })?;
        self.report(started, compared, replaced, watch)
    }

    /// Copies, compares, then lets the user's own statements run: all before anybody sees the copy.
    fn fill(&self, aside: &Engine, begun: Begun, watch: &Watch<'_>) -> Result<Option<Compared>> {
        let from = &self.ends.from;
        let counted = from.copy_into(aside, self.copying, begun, watch)?;
        reach("clone-copied")?;
        let compared = counted.map(|counted| Compared::of(&counted, self.copying, from)).transpose()?;
        if let Some(file) = &self.after {
            aside.run_file(file, watch)?;
        }
        reach("clone-after")?;
        Ok(compared)
    }

    fn report(
        &self,
        started: Instant,
        compared: Option<Compared>,
        replaced: Replaced,
        watch: &Watch<'_>,
    ) -> Result<Cloned> {
        let compared = match compared {
            Some(compared) => compared,
            // It was written in place, and is compared as it stands now.
            None => Compared::afterwards(&self.ends.from, &self.ends.to, self.copying)?,
        };
        if let Some(why) = &compared.note {
            watch.note(&format!("{}: {why}", self.ends.target.name));
        }
        if let Some(remark) = &replaced.remark {
            watch.note(&format!("{}: {remark}", self.ends.target.name));
        }
        Ok(Cloned {
            source: self.ends.source.name.clone(),
            target: self.ends.target.name.clone(),
            database: self.ends.to.place(),
            bytes: self.ends.to.size()?,
            tables: compared.tables,
            rows: compared.rows,
            seconds: (started.elapsed().as_secs_f64() * 10.0).round() / 10.0,
            verified: compared.equal,
            replaced_in_place: replaced.remark.is_some(),
            dry_run: false,
            commands: Vec::new(),
        })
    }
}
