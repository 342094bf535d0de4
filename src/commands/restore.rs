//! `shed restore`: a backup takes the place of a database.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::alembic::event::heads_in_words;
use crate::alembic::failed;
use crate::engine::backups::{Found, Metadata, REPLACED, Store, Wish, in_words};
use crate::engine::{Engine, Making, Replaced, Replacement, Watch};
use crate::error::{Error, Result};
use crate::output::Report;

use super::Scope;
use super::completions::TARGETS;
use super::scope::Chosen;
use super::stored::{heads, refuse_memory};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT.DATABASE or development.SERVER/NAME
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: String,
    /// Its name or a revision, or their beginnings; or the path of a file [default: the newest]
    #[arg(value_name = "BACKUP")]
    backup: Option<String>,
    /// What the last failed migration left, kept when its backup was put back
    #[arg(long, conflicts_with = "backup")]
    failed: bool,
    /// Take the backup of another target, or a file that nothing is known of
    #[arg(long)]
    force: bool,
    /// PostgreSQL: end the sessions of others in the database
    #[arg(long)]
    end_sessions: bool,
    /// Keep what is replaced, under a name that is told
    #[arg(long)]
    keep_old: bool,
    /// Take no backup of what is replaced
    #[arg(long)]
    no_backup: bool,
    /// Check the backup and say what would be replaced; replace nothing
    #[arg(long)]
    dry_run: bool,
}

/// What was put in whose place.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Restored {
    pub target: String,
    pub database: String,
    /// The file that was read.
    pub backup: PathBuf,
    /// When it was taken, in UTC; not known of a file without metadata.
    pub taken: Option<String>,
    /// Whether it was done; not in a dry run.
    pub restored: bool,
    /// Whether the database was there before.
    pub existed: bool,
    /// The revisions before; none where they could not be read.
    pub from: Option<Vec<String>>,
    /// The revisions after.
    pub to: Vec<String>,
    /// The backup of what was replaced.
    pub safety: Option<PathBuf>,
    /// The database or file that holds what was replaced.
    pub old: Option<String>,
    /// How it was done, where it was not done by building aside and swapping.
    pub remark: Option<String>,
}

/// One restore, decided.
struct Work<'w> {
    chosen: &'w Chosen<'w>,
    engine: Engine,
    store: Store,
    /// The target's name in the store.
    name: String,
    found: Found,
    existed: bool,
}

/// Puts a backup in the place of the database, after a yes.
pub fn restore(scope: &Scope<'_>, args: &Args) -> Result<Restored> {
    let mut chosen = vec![scope.named(&args.target, "restore")?];
    if !args.dry_run {
        chosen = scope.allow_writing(chosen)?;
    }
    let Some(chosen) = chosen.first() else { return Err(Error::usage("no target is left")) };
    let (engine, store) = (scope.reach(chosen)?, scope.store(chosen)?);
    refuse_memory(chosen, &engine)?;
    let name = scope.stored_name(chosen);
    let from = if args.failed { failed(&name) } else { name.clone() };
    let found = store.find(&from, args.backup.as_deref(), scope.environment.working_dir())?;
    let existed = engine.exists()?;
    let work = Work { chosen, engine, store, name, found, existed };
    work.refuse_others(args.force)?;
    if args.dry_run {
        scope.watched(|watch| work.store.open_found(&work.found, &work.engine, watch).map(drop))?;
        return Ok(work.report(None));
    }
    scope.confirm(&work.question(args))?;
    scope.watched(|watch| work.run(scope, args, watch))
}

impl Work<'_> {
    fn metadata(&self) -> Option<&Metadata> {
        match &self.found {
            Found::Kept(backup) => Some(&backup.metadata),
            Found::Stray(_) => None,
        }
    }

    /// Another engine's backup is never taken; another target's, or nobody's, with `--force`.
    fn refuse_others(&self, force: bool) -> Result<()> {
        let path = self.found.path().display();
        let Some(metadata) = self.metadata() else {
            if force {
                return Ok(());
            }
            return Err(Error::usage(format!("{path} has no metadata beside it: whose backup it is cannot be told"))
                .help("--force restores it"));
        };
        self.store.refuse_engine(&self.found, &self.engine)?;
        let own = [self.name.clone(), failed(&self.name)].contains(&metadata.target);
        if force || own || self.store.is_of(metadata, &self.engine) {
            return Ok(());
        }
        Err(Error::usage(format!("{path} is a backup of {}, not of {}", metadata.target, self.chosen.name))
            .help("--force restores it all the same"))
    }

    /// What will be lost, by name and time.
    fn question(&self, args: &Args) -> String {
        let place = self.engine.place();
        let with = match self.metadata() {
            None => format!("{}, of which nothing is known", self.found.path().display()),
            Some(metadata) => format!(
                "the backup of {} at {} ({}, taken for {} from {})",
                metadata.created,
                metadata.revisions(),
                in_words(metadata.bytes),
                metadata.reason,
                metadata.place
            ),
        };
        if !self.existed {
            return format!("{}: make {place} from {with}?", self.chosen.name);
        }
        let safety = if args.no_backup { "; no backup of it is taken now" } else { "" };
        format!("{}: replace {place} by {with}? Everything written since is erased{safety}", self.chosen.name)
    }

    fn run(&self, scope: &Scope<'_>, args: &Args, watch: &Watch<'_>) -> Result<Restored> {
        self.refuse_sessions(args.end_sessions)?;
        // Before anything is touched: the backup is read to its end.
        let plain = self.store.open_found(&self.found, &self.engine, watch)?;
        self.engine.make_room()?;
        let mut held = scope.hold(self.chosen, &self.engine, "restore", watch)?;
        // Recovery may have brought it back.
        let existed = self.engine.exists()?;
        let from = if existed { self.heads().ok() } else { None };
        let safety = if existed && !args.no_backup { self.keep_safe(scope, &held.run, watch)? } else { None };
        let (force, keep_old) = (args.end_sessions, args.keep_old);
        let how = Replacement {
            run: &held.run,
            journal: &held.journal,
            lock: &mut held.lock,
            force,
            keep_old,
            making: Making::Before,
        };
        let fill = &mut |aside: &Engine| aside.fill_from_backup(plain.path(), watch);
        let replaced = self.engine.replace(how, watch, fill).map_err(with_own_flag)?;
        let to = self.heads()?;
        watch.note(&format!("{}: now at {}", self.chosen.name, heads_in_words(&to)));
        Ok(Restored { existed, from, to, safety, ..self.report(Some(replaced)) })
    }

    /// Told before the long work; the swap itself looks again.
    fn refuse_sessions(&self, ends: bool) -> Result<()> {
        if ends || !self.existed {
            return Ok(());
        }
        let sessions = self.engine.lasting_sessions(&|_| true)?;
        let lines: Vec<String> = sessions.iter().map(super::drop::in_words).collect();
        if lines.is_empty() {
            return Ok(());
        }
        Err(Error::failed(format!("{}: sessions of others are in {}", self.chosen.name, self.engine.place()))
            .detail(lines.join("\n"))
            .help("end them, or add --end-sessions, which ends them"))
    }

    fn heads(&self) -> Result<Vec<String>> {
        match &self.chosen.database {
            Some(database) => heads(&self.engine, self.chosen.project, database),
            None => Ok(Vec::new()),
        }
    }

    /// A backup of what is replaced: the wrong file is the classic accident.
    fn keep_safe(&self, scope: &Scope<'_>, run: &str, watch: &Watch<'_>) -> Result<Option<PathBuf>> {
        if self.engine.is_empty().unwrap_or(false) {
            return Ok(None);
        }
        let mut except = scope.named_by_journal(&self.engine)?;
        except.push(self.found.path().to_path_buf());
        let heads = self.heads().unwrap_or_default();
        let wish = Wish { target: &self.name, run, reason: REPLACED, heads: &heads, except: &except };
        match self.store.take(&self.engine, &wish, watch) {
            Ok(taken) => {
                watch.note(&format!("{}: what is replaced is kept as {}", self.chosen.name, taken.name));
                Ok(Some(taken.path))
            }
            Err(error) if error.words().is_some() => {
                Err(error.help("nothing was changed; --no-backup restores without a backup of what is there now"))
            }
            Err(error) => Err(error),
        }
    }

    fn report(&self, replaced: Option<Replaced>) -> Restored {
        let restored = replaced.is_some();
        let replaced = replaced.unwrap_or_default();
        Restored {
            target: self.chosen.name.clone(),
            database: self.engine.place(),
            backup: self.found.path().to_path_buf(),
            taken: self.metadata().map(|metadata| metadata.created.clone()),
            restored,
            existed: self.existed,
            from: None,
            to: self.metadata().map(|metadata| metadata.heads.clone()).unwrap_or_default(),
            safety: None,
            old: replaced.old,
            remark: replaced.remark,
        }
    }
}

/// `--force` means something else here.
fn with_own_flag(error: Error) -> Error {
    let help = error.words().and_then(|words| words.help.clone());
    match help.filter(|help| help.contains("--force")) {
        Some(help) => error.help(help.replace("--force", "--end-sessions")),
        None => error,
    }
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (target, database, backup) = (&self.target, &self.database, self.backup.display());
        let what = match (self.restored, self.existed) {
            (true, _) => "restored from",
            (false, true) => "would be replaced by",
            (false, false) => "would be made from",
        };
        writeln!(f, "{target}: {database} {what} {backup}")?;
        if let Some(old) = &self.old {
            writeln!(f, "{target}: what was replaced is in {old}")?;
        }
        self.remark.iter().try_for_each(|remark| writeln!(f, "{target}: {remark}"))
    }
}

impl Report for Restored {}
