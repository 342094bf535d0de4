//! What keeps a run that writes safe: the options, and the rules that follow from settings and engine.

use std::path::PathBuf;

pub use crate::alembic::Kept;
use crate::alembic::recover::{Allowed, broken_off};
use crate::alembic::{Ended, Plan, Rules, Safety, Vault};
use crate::engine::backups::Store;
use crate::engine::journal::Journal;
use crate::engine::{Engine, News, Watch};
use crate::error::Result;
use crate::keep;
use crate::output::Output;
use crate::settings::{Backup, Options, Restore, VersionsEntry};

use super::live::Live;
use super::scope::{Chosen, Scope};

/// Options of the commands that run migrations.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
#[command(next_help_heading = "Safety options")]
pub struct Care {
    /// Back the database up first [default: `backup.before_migrate`: true for SQLite, false for PostgreSQL]
    #[arg(long, conflicts_with = "no_backup")]
    backup: bool,
    /// No backup first
    #[arg(long)]
    no_backup: bool,
    /// What happens with the backup when a migration fails that the engine cannot roll back [default: auto]
    #[arg(long, value_enum, value_name = "auto|ask|never", hide_possible_values = true)]
    restore: Option<Answer>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Answer {
    Auto,
    Ask,
    Never,
}

impl Care {
    /// For what adds to a database and takes nothing away.
    pub fn without_backup() -> Self {
        Self { no_backup: true, ..Self::default() }
    }

    fn restore(self, options: &Options) -> Restore {
        match self.restore {
            Some(Answer::Auto) => Restore::Auto,
            Some(Answer::Ask) => Restore::Ask,
            Some(Answer::Never) => Restore::Never,
            // Without `unpipe` a piped backup cannot be read again.
            None if options.backup.pipe.is_some() && options.backup.unpipe.is_none() => Restore::Never,
            None => options.restore,
        }
    }

    fn backs_up(self, options: &Options, rolls_back: bool) -> bool {
        self.backup || (!self.no_backup && (options.backup.before_migrate || !rolls_back))
    }
}

impl Scope<'_> {
    /// Runs a plan that writes: under the lock, with journal and backup; `command` is its name for people.
    pub fn run_safely(
        &self,
        chosen: &Chosen<'_>,
        plan: &Plan<'_>,
        command: &str,
        care: Care,
        live: &mut Live<'_>,
    ) -> Result<Ended> {
        self.run_kept(chosen, plan, (command, care), &mut Kept::default(), live)
    }

    /// As [`Scope::run_safely`]; tells of the backup too, however the run ends.
    pub fn run_kept(
        &self,
        chosen: &Chosen<'_>,
        plan: &Plan<'_>,
        (command, care): (&str, Care),
        kept: &mut Kept,
        live: &mut Live<'_>,
    ) -> Result<Ended> {
        let (Some(reach), Some(options)) = (&plan.reach, &plan.options) else { return self.run(plan, live) };
        let Some(journal) = self.journal(&reach.engine)? else { return self.run(plan, live) };
        let interrupts = self.interrupts()?;
        let hear = |news: News<'_>| tell(self.out, news);
        let ask = |question: &str| self.out.agree(question);
        let rolls_back = match &reach.engine {
            Engine::Sqlite(_) => options.transactional && plan.project.env_py.is_none(),
            Engine::Postgres(_) => true,
        };
        let rules = Rules {
            target: &plan.target,
            command,
            timeout: options.lock.timeout,
            backs_up: care.backs_up(options, rolls_back),
            allowed: Allowed { restore: care.restore(options), ask: &ask },
            rolls_back,
            folder: revisions_of(plan).unwrap_or_else(|| plan.project.folder.clone()),
            environment: self.environment,
        };
        let vault = self.vault(chosen, &reach.engine, options);
        let mut safety = Safety::new(&reach.engine, journal, vault, Watch::new(interrupts, &hear), rules);
        let ended = self.run_with(plan, live, Some(&mut safety));
        *kept = safety.kept;
        ended
    }

    /// Where the journal of a database is; none in memory.
    pub fn journal(&self, engine: &Engine) -> Result<Option<Journal>> {
        engine.journal(&self.state())
    }

    pub fn state(&self) -> PathBuf {
        keep::state_dir(self.environment).unwrap_or_else(|| self.settings.folder().join(keep::BESIDE))
    }

    /// Reading does not put right what a dead run left; it says so.
    pub fn report_broken_off(&self, target: &str, engine: &Engine) {
        if !engine.may_have_journal(&self.state()) {
            return;
        }
        // What keeps the journal from being read will keep the command from its work too, and say so.
        let Ok(Some(journal)) = self.journal(engine) else { return };
        if let Some(words) = left_by_a_dead_run(&journal) {
            self.out.line(&format!(
                "{target}: {words}; the next command that writes puts it right, or shed recover {target}"
            ));
        }
    }

    /// The backups of a target's database.
    pub fn vault<'v>(&self, chosen: &Chosen<'_>, engine: &'v Engine, options: &Options) -> Vault<'v> {
        let root = self.settings.root();
        Vault {
            engine,
            name: self.stored_name(chosen),
            store: Store::of(&options.backup, root),
            failures: Store::of(&Backup { keep: 1, ..options.backup.clone() }, root),
            version_table: chosen.project.version_table(options),
            format: chosen.project.format,
        }
    }
}

/// Where the revision files are.
fn revisions_of(plan: &Plan<'_>) -> Option<PathBuf> {
    plan.versions.iter().find_map(|entry| match entry {
        VersionsEntry::Folder(folder) => Some(folder.clone()),
        VersionsEntry::Package(_) => None,
    })
}

/// What a run that was broken off was about to do, in words.
pub fn left_by_a_dead_run(journal: &Journal) -> Option<String> {
    let entry = journal.read().ok()??;
    (entry.process.lives() != Some(true)).then(|| broken_off(&entry))
}

/// What work on a database says, for the person who waits.
pub fn tell(out: &Output, news: News<'_>) {
    match news {
        News::Progress { .. } => {}
        News::Note(text) => out.note(text),
        News::Warning(text) => out.warn(text),
    }
}
