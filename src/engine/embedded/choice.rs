//! Which cluster, and which version of the programs.

use std::path::Path;

use crate::engine::programs::{self, Installed};
use crate::environment::Environment;
use crate::error::{Error, Result};

use super::home;
use super::room::Room;
use super::server::{self, State};
use super::{Said, Wanted};

/// A cluster to use, with the programs to start it where it does not run.
pub struct Choice {
    pub room: Room,
    pub programs: Option<Installed>,
    pub said: Vec<Said>,
}

/// The newest one that has copies already and can be started, else a new one of the newest version.
/// Whether one runs decides nothing: the same copies are found today and tomorrow.
pub fn choose(wanted: &Wanted<'_>, servers: &Path, environment: &Environment) -> Result<Choice> {
    let rooms = Room::all(servers).into_iter().filter(|room| room.name == wanted.name && room.record().is_some());
    let (usable, old): (Vec<Room>, Vec<Room>) =
        rooms.partition(|room| wanted.at_least.is_none_or(|least| room.major >= least));
    let running = usable.first().filter(|room| is_running(room, wanted));
    if let Some(room) = running {
        return Ok(Choice { room: room.clone(), programs: None, said: Vec::new() });
    }
    let installed = installed(wanted, environment)?;
    for room in &usable {
        if let Some(programs) = programs_of(room, wanted, &installed) {
            return Ok(Choice { room: room.clone(), programs: Some(programs), said: Vec::new() });
        }
    }
    let newest = installed[0].clone();
    let room = Room::of(servers, wanted.name, newest.major);
    let said = usable.iter().chain(&old).map(|left| Said::Warning(left_behind(left, &room))).collect();
    Ok(Choice { room, programs: Some(newest), said })
}

fn is_running(room: &Room, wanted: &Wanted<'_>) -> bool {
    let record = room.record().filter(|record| wanted.pg_bin.is_none_or(|pg_bin| pg_bin == record.bin));
    record.is_some_and(|record| server::state(&record) == State::Ready)
}

/// What a new cluster would be started with; the error says what to install.
pub fn startable(wanted: &Wanted<'_>, environment: &Environment) -> Result<Installed> {
    home::account(None, environment)?;
    installed(wanted, environment).map(|mut installed| installed.swap_remove(0))
}

/// The programs that will do, the newest first; never none.
fn installed(wanted: &Wanted<'_>, environment: &Environment) -> Result<Vec<Installed>> {
    among(programs::servers(wanted.pg_bin, environment), wanted)
}

fn among(mut found: Vec<Installed>, wanted: &Wanted<'_>) -> Result<Vec<Installed>> {
    let title = format!("development.{}", wanted.name);
    let Some(newest) = found.first().cloned() else {
        let what = match wanted.pg_bin {
            Some(pg_bin) => format!("{title}: PostgreSQL's server programs are not in {}", pg_bin.display()),
            None => format!("{title}: PostgreSQL's server programs (initdb, postgres, pg_ctl) were not found"),
        };
        return Err(Error::environment(what).help("install the package postgresql, or set `pg_bin` to their folder"));
    };
    found.retain(|installed| wanted.at_least.is_none_or(|least| installed.major >= least));
    if found.is_empty() {
        let (least, place) = (wanted.at_least.unwrap_or_default(), newest.bin.display());
        return Err(Error::environment(format!(
            "{title}: PostgreSQL {least} or later is needed, and the newest server here is {} in {place}",
            newest.version
        ))
        .help(format!("install the package postgresql-{least}, or set `pg_bin` to its folder")));
    }
    Ok(found)
}

/// The programs of this cluster's version: those that it was started with, else any.
fn programs_of(room: &Room, wanted: &Wanted<'_>, installed: &[Installed]) -> Option<Installed> {
    let same = installed.iter().find(|installed| installed.major == room.major).cloned();
    let before = || programs::server_in(&room.record()?.bin).filter(|installed| installed.major == room.major);
    same.or_else(|| if wanted.pg_bin.is_none() { before() } else { None })
}

fn left_behind(left: &Room, new: &Room) -> String {
    let folder = left.record().map_or_else(|| left.folder.clone(), |record| record.home);
    let (title, major, old, folder) = (new.title(), new.major, left.major, folder.display());
    format!("{title}: a new server of PostgreSQL {major} is made; the copies of PostgreSQL {old} stay in {folder}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn wanted(at_least: Option<u32>, pg_bin: Option<&Path>) -> Wanted<'_> {
        Wanted { name: "own", at_least, pg_bin, idle: Duration::ZERO, beside: None }
    }

    fn version(major: u32) -> Installed {
        Installed { bin: format!("/pg/{major}").into(), major, version: format!("{major}.1") }
    }

    #[test]
    fn a_version_is_at_least_the_one_that_is_wanted() {
        let majors = |least| {
            let found = among(vec![version(17), version(15), version(13)], &wanted(least, None));
            found.map(|found| found.iter().map(|installed| installed.major).collect::<Vec<_>>())
        };
        assert_eq!(majors(None).unwrap(), [17, 15, 13]);
        assert_eq!(majors(Some(15)).unwrap(), [17, 15]);
        let error = majors(Some(18)).unwrap_err();
        assert_eq!(error.code(), 3);
        assert_eq!(
            error.to_string(),
            "development.own: PostgreSQL 18 or later is needed, and the newest server here is 17.1 in /pg/17\n\
             help: install the package postgresql-18, or set `pg_bin` to its folder"
        );
    }

    #[test]
    fn a_machine_without_programs_is_told_what_to_install() {
        let error = among(Vec::new(), &wanted(None, None)).unwrap_err();
        assert_eq!(error.code(), 3);
        assert_eq!(
            error.to_string(),
            "development.own: PostgreSQL's server programs (initdb, postgres, pg_ctl) were not found\n\
             help: install the package postgresql, or set `pg_bin` to their folder"
        );
    }

    #[test]
    fn a_cluster_keeps_its_version_while_there_are_programs_for_it() {
        let servers = tempfile::tempdir().unwrap();
        let room = Room::of(servers.path(), "own", 15);
        let installed = [version(17), version(15)];
        assert_eq!(programs_of(&room, &wanted(None, None), &installed), Some(version(15)));
        assert_eq!(programs_of(&room, &wanted(None, None), &installed[..1]), None);
    }
}
