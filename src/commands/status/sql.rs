//! Where a target of `format: sql` stands: each file is applied or not, in whatever order that was done.

use std::collections::HashSet;

use crate::commands::Scope;
use crate::commands::safely::left_by_a_dead_run;
use crate::commands::scope::Chosen;
use crate::engine::Identity;
use crate::engine::standing::Rows;
use crate::error::Result;
use crate::revisions::sql;

use super::read::{Site, edited};
use super::{Line, Standing};

pub fn standing(scope: &Scope<'_>, target: &Chosen<'_>, site: &Site<'_>, rows: Rows, alone: bool) -> Result<Standing> {
    let files = sql::list(target.project, &target.project.versions_for(site.database.kind))?;
    let files = files.names();
    let held: HashSet<String> = match site.engine.identity() {
        // In memory every run begins with all of it.
        Identity::Memory => files.iter().map(|file| file.version.clone()).collect(),
        _ => rows.heads.unwrap_or_default().into_iter().collect(),
    };
    let applied = files.iter().filter(|file| held.contains(&file.version));
    let edited = edited(applied.map(|file| (file.version.as_str(), file.path.as_path())), &rows.digests);
    let last = files.last().map(|file| file.version.clone());
    let lines: Vec<Line> = files
        .iter()
        .map(|file| Line {
            revision: file.version.clone(),
            message: Some(file.message()).filter(|message| !message.is_empty()),
            applied: held.contains(&file.version),
            is_head: Some(&file.version) == last.as_ref(),
            edited: edited.contains(&file.version),
            file: Some(file.name.clone()),
        })
        .collect();
    let applied = lines.iter().filter(|line| line.applied).count();
    let current = lines.iter().rfind(|line| line.applied).map(|line| line.revision.clone());
    let is_known = |version: &&String| !files.iter().any(|file| file.version == **version);
    let mut unknown: Vec<String> = held.iter().filter(is_known).cloned().collect();
    unknown.sort();
    let journal = site.engine.journal_on(&scope.state(), rows.system.as_deref()).filter(|_| site.wants_name);
    Ok(Standing {
        target: target.name.clone(),
        project: target.project.name.clone(),
        database: site.database.name.clone(),
        place: site.engine.place(),
        protected: site.database.protected,
        missing: site.engine.is_missing_file(),
        current: current.into_iter().collect(),
        heads: last.into_iter().collect(),
        applied,
        pending: Some(files.len() - applied),
        unknown,
        edited,
        broken_off: journal.as_ref().and_then(left_by_a_dead_run),
        revisions: alone.then_some(lines),
        is_sql: true,
        exit_code: false,
    })
}
