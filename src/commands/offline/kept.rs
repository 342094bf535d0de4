//! Where the scratch database of a target is kept at its heads, so that the next run goes on from there.

use std::fs;
use std::path::PathBuf;

use crate::alembic::kept::{KeptTemplate, MadeOf, Store};
use crate::alembic::plan::Snapshot;
use crate::engine::{Server, Template};
use crate::settings::Kind;

/// A file of the cache directory tells of it, where there is one.
#[derive(Debug, Clone)]
pub struct Keeping {
    kind: Kind,
    /// What its name begins with on a server.
    prefix: String,
    place: PathBuf,
    store: Store,
}

impl Keeping {
    pub fn of(kind: Kind, target: &str, place: PathBuf, store: &Store) -> Self {
        Self { kind, prefix: target.replace('.', "_"), place, store: store.clone() }
    }

    /// What the run is told of it; `is_filled`: the server has filled the scratch database from it.
    pub fn told(&self, is_filled: bool) -> Snapshot {
        let is_filled = (self.kind == Kind::Postgres).then_some(is_filled);
        Snapshot { place: self.place.clone(), is_filled }
    }

    /// Makes this scratch database of the one that is kept, where that may hold; drops what need not be kept any more.
    pub fn fill(&self, scratch: &Server, target: &str) -> bool {
        let Some(kept) = KeptTemplate::read(&self.place) else { return false };
        let Ok(found) = scratch.templates() else { return false };
        let cache = self.store.id();
        let there = found.iter().find(|found| found.is(&kept.template, &cache) && kept.is_of_these_files());
        let is_filled = there.is_some_and(|there| scratch.make_from(there, target).is_ok());
        let known: Vec<String> = self.store.templates().into_iter().map(|kept| kept.template.name).collect();
        scratch.prune_templates(found, &cache, &known);
        is_filled
    }

    /// It does not hold: the next database is made without it.
    pub fn forget(&self, scratch: &Server) {
        let kept = KeptTemplate::read(&self.place);
        let _ = fs::remove_file(&self.place);
        kept.iter().for_each(|kept| self.drop_one(scratch, &kept.template));
    }

    /// Where it cannot be dropped, another run will.
    fn drop_one(&self, scratch: &Server, template: &Template) {
        let _ = scratch.drop_templates(&self.store.id(), Some(template));
    }

    /// Keeps this scratch database in its stead; `false` where it is still there, to be dropped.
    pub fn keep(&self, scratch: &Server, server: &str, target: &str, made_of: MadeOf) -> bool {
        let before = KeptTemplate::read(&self.place);
        let run = crate::keep::run_id();
        let Ok(Some(template)) = scratch.keep(&self.prefix, &run, &self.store.id()) else { return false };
        match KeptTemplate::new(target, server, template.clone(), made_of).write(&self.place) {
            Ok(()) => before.iter().for_each(|before| self.drop_one(scratch, &before.template)),
            Err(_) => self.drop_one(scratch, &template),
        }
        true
    }
}
