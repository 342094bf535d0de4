//! The folders of a cluster: in the state directory, or, where shed is root, where the user that it drops to can go.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::keep;
use crate::process::{self, Account, Tool};

use super::Said;
use super::room::{Record, Room, is_private, own_uid, unusable};
use super::server;

/// Where root's clusters are; nobody else can put anything there.
const OF_ROOT: &str = "/var/lib/shed";
const TEMPORARY: &str = "/var/tmp";
/// The users that root drops to: the one made for it, else the one of nobody.
const USERS: [&str; 2] = ["postgres", "nobody"];
/// A socket's path has at most 103 bytes on macOS, 107 on Linux; the name in the folder takes 14.
const SOCKET_FOLDER: usize = 85;

/// The record of a cluster, with all of its folders there and nobody else's.
pub fn prepared(room: &Room, bin: &Path, environment: &Environment, said: &mut Vec<Said>) -> Result<Record> {
    let known = room.record();
    let account = account(known.as_ref(), environment)?;
    let owner = account.map_or_else(own_uid, |account| account.uid);
    let home = match known.as_ref().map(|known| &known.home) {
        Some(home) if is_private_again(home, owner) => home.clone(),
        Some(home) if home.exists() && account.is_some() => {
            let not_trusted = "belongs to somebody else, or others may write to it; a new server is made";
            said.push(Said::Warning(format!("{}: {} {not_trusted}", room.title(), home.display())));
            new_home(room, account)?
        }
        _ => new_home(room, account)?,
    };
    let sockets = sockets(&home, known.as_ref(), account)?;
    let role = match known {
        Some(known) => known.role,
        None => asked(environment, &["-u", "-n"])?,
    };
    let record = Record::new(bin.to_path_buf(), home, sockets, role, account);
    make_within(&record, environment)?;
    room.write(&record)?; // before anything lies in the folders, so that they are found again
    Ok(record)
}

/// Whether nobody else can have changed anything in it; others who may look in are shut out.
fn is_private_again(folder: &Path, owner: u32) -> bool {
    let is_safe = fs::symlink_metadata(folder)
        .is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == owner && metadata.mode() & 0o022 == 0);
    is_safe && fs::set_permissions(folder, Permissions::from_mode(0o700)).is_ok()
}

/// Who the server runs as, where that is not us: PostgreSQL refuses to be root's.
pub fn account(known: Option<&Record>, environment: &Environment) -> Result<Option<Account>> {
    if own_uid() != 0 {
        return Ok(None);
    }
    if let Some(account) = known.and_then(|known| known.account) {
        return Ok(Some(account));
    }
    let number = |flag: &str, user: &str| asked(environment, &[flag, user]).ok()?.parse().ok();
    let mut found =
        USERS.iter().filter_map(|user| Some(Account { uid: number("-u", user)?, gid: number("-g", user)? }));
    let found = found.find(|account| account.uid != 0);
    found.map(Some).ok_or_else(|| {
        Error::environment("PostgreSQL refuses to run as root, and there is no user postgres and no user nobody")
            .help("add one of them, or run shed as another user")
    })
}

/// What `id` says.
fn asked(environment: &Environment, arguments: &[&str]) -> Result<String> {
    let id = process::find("id", environment.os("PATH"), Path::new("/")).unwrap_or_else(|| "/usr/bin/id".into());
    let captured = Tool::new(id).args(arguments.iter().copied()).capture()?;
    if captured.status.success() {
        return Ok(String::from_utf8_lossy(&captured.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&captured.stderr).trim().to_owned();
    Err(Error::environment("this user has no name, which PostgreSQL wants").detail(said))
}

fn new_home(room: &Room, account: Option<Account>) -> Result<PathBuf> {
    let Some(account) = account else {
        let home = room.folder.join("home");
        keep::private_folder(&home).map_err(|error| unusable(&home, &error))?;
        return match is_private_again(&home, own_uid()) {
            true => Ok(home),
            false => {
                Err(Error::environment(format!("{} belongs to somebody else, or others may enter it", home.display()))
                    .help("move it away"))
            }
        };
    };
    let mut last = None;
    for (parent, prefix) in [(of_root(), ""), (temporary(), "shed-")] {
        let made =
            parent.and_then(|parent| random(&parent, &format!("{prefix}{}-{}-", room.name, room.major), account));
        match made {
            Ok(home) => return Ok(home),
            Err(error) => last = Some(error),
        }
    }
    let error = last.unwrap_or_else(|| io::ErrorKind::NotFound.into());
    Err(unusable(Path::new(OF_ROOT), &error).help("a server of root's needs a place there, or in /var/tmp"))
}

/// `/var/lib/shed`, root's and to be entered by all.
fn of_root() -> io::Result<PathBuf> {
    let folder = PathBuf::from(OF_ROOT);
    match DirBuilder::new().mode(0o755).create(&folder) {
        Ok(()) => fs::set_permissions(&folder, Permissions::from_mode(0o755))?, // whatever the umask is
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    roots(folder, |mode| mode & 0o022 == 0)
}

/// `/var/tmp`, where only the owner of a folder can put another in its place.
fn temporary() -> io::Result<PathBuf> {
    roots(PathBuf::from(TEMPORARY), |mode| mode & 0o1000 != 0)
}

fn roots(folder: PathBuf, is_safe: impl Fn(u32) -> bool) -> io::Result<PathBuf> {
    let metadata = fs::symlink_metadata(&folder)?;
    let is_good = metadata.is_dir() && metadata.uid() == 0 && metadata.mode() & 0o001 != 0 && is_safe(metadata.mode());
    if is_good { Ok(folder) } else { Err(io::Error::other(format!("{} is not root's alone", folder.display()))) }
}

/// A new folder under a name that nobody could foresee, given to the server's user.
fn random(parent: &Path, prefix: &str, account: Account) -> io::Result<PathBuf> {
    let made = private_random(parent, prefix)?;
    std::os::unix::fs::lchown(&made, Some(account.uid), Some(account.gid))?;
    Ok(made)
}

fn private_random(parent: &Path, prefix: &str) -> io::Result<PathBuf> {
    let mut builder = tempfile::Builder::new();
    let made = builder.prefix(prefix).rand_bytes(10).permissions(Permissions::from_mode(0o700)).tempdir_in(parent)?;
    Ok(made.keep())
}

/// In the home where that is short enough and plain, else a folder with a short name.
fn sockets(home: &Path, known: Option<&Record>, account: Option<Account>) -> Result<PathBuf> {
    let inside = home.join("s");
    if can_hold_a_socket(&inside) {
        return Ok(inside);
    }
    let owner = account.map_or_else(own_uid, |account| account.uid);
    if let Some(known) = known.filter(|known| !known.sockets.starts_with(home) && is_private(&known.sockets, owner)) {
        return Ok(known.sockets.clone());
    }
    let parent = Path::new("/tmp");
    let made = match account {
        Some(account) => random(parent, "shed-", account),
        None => private_random(parent, "shed-"),
    };
    made.map_err(|error| unusable(parent, &error))
}

/// Short, and without what the server's options or a shell would read as something else.
fn can_hold_a_socket(folder: &Path) -> bool {
    let text = folder.to_string_lossy();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    is_plain && text.len() <= SOCKET_FOLDER
}

/// What lies in the home is made by its owner: root touches nothing where another user could lay a link.
fn make_within(record: &Record, environment: &Environment) -> Result<()> {
    if is_private(&record.sockets, record.owner()) {
        return Ok(());
    }
    let mkdir = server::tool(record, Path::new("/bin/mkdir"), environment);
    let captured = mkdir.args(["-m", "700"]).arg(&record.sockets).capture()?;
    match captured.status.success() && is_private(&record.sockets, record.owner()) {
        true => Ok(()),
        false => Err(Error::environment(format!("{} cannot be used", record.sockets.display()))
            .detail(String::from_utf8_lossy(&captured.stderr).trim())),
    }
}

/// Removes the folders that lie outside the room.
pub fn remove(room: &Room, record: &Record) {
    for folder in [&record.home, &record.sockets] {
        if !folder.starts_with(&room.folder) && is_private(folder, record.owner()) {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_s_folder_is_short_and_plain() {
        assert!(can_hold_a_socket(Path::new("/home/me/.local/state/shed/v1/servers/own/15/home/s")));
        assert!(!can_hold_a_socket(Path::new("/home/my name/s")));
        assert!(!can_hold_a_socket(Path::new(&format!("/{}/s", "x".repeat(90)))));
    }

    #[test]
    fn a_folder_that_others_may_enter_is_not_trusted() {
        let parent = tempfile::tempdir().unwrap();
        let folder = private_random(parent.path(), "shed-").unwrap();
        assert!(is_private(&folder, own_uid()) && !is_private(&folder, own_uid() + 1));
        let link = parent.path().join("link");
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        assert!(!is_private(&link, own_uid()));
        fs::set_permissions(&folder, Permissions::from_mode(0o750)).unwrap();
        assert!(!is_private(&folder, own_uid()));
    }
}
