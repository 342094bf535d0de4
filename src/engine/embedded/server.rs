//! The server itself: its data made, started, stopped, asked how it is.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process::Tool;
use crate::settings::Postgres;

use super::room::{Record, Room, is_private};

pub const PORT: u16 = 5432;
/// How long a server may take to start or stop; after a crash it replays its log first.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the processes of a server that was killed may take to end.
const LEFTOVERS: Duration = Duration::from_secs(10);
/// A log larger than this begins anew.
const LOG_BYTES: u64 = 4 << 20;

/// How a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Down,
    /// On its way up or down.
    Changing,
    Ready,
}

/// Whether it answers, told by its socket and by the file that it keeps; no program is run.
pub fn state(record: &Record) -> State {
    let socket = record.sockets.join(format!(".s.PGSQL.{PORT}"));
    if !is_private(&record.sockets, record.owner()) || UnixStream::connect(socket).is_err() {
        return State::Down;
    }
    match pid_file(record).lines().nth(7).map(str::trim) {
        Some("ready") => State::Ready,
        _ => State::Changing,
    }
}

/// Waits until it is up or down.
pub fn settled(record: &Record) -> State {
    let until = Instant::now() + PATIENCE;
    loop {
        match state(record) {
            State::Changing if Instant::now() < until => thread::sleep(Duration::from_millis(20)),
            state => return state,
        }
    }
}

/// The way to it.
pub fn connection(record: &Record) -> Postgres {
    Postgres {
        host: Some(record.sockets.to_string_lossy().into_owned()),
        port: Some(PORT),
        user: Some(record.role.clone()),
        ..Postgres::default()
    }
}

/// A program run as the server's user, with nothing of ours but where programs and libraries are.
pub fn tool(record: &Record, program: &Path, environment: &Environment) -> Tool {
    let mut tool = Tool::new(program).apart().account(record.account).dir("/").env("LC_ALL", "C");
    for name in ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZ"] {
        if let Some(value) = environment.os(name) {
            tool = tool.env(name, value);
        }
    }
    tool
}

/// The version that the data are of; `None` where there are none, or broken ones.
pub fn version_of_data(record: &Record) -> Option<u32> {
    read(&record.data().join("PG_VERSION"))?.trim().parse().ok()
}

/// Makes an empty cluster in the folder `data.new`; what was half made there goes.
pub fn make(record: &Record, environment: &Environment) -> Result<PathBuf> {
    let folder = record.home.join("data.new");
    let mut said = String::new();
    // Only the first sorts and upcases beyond ASCII; not every system has it.
    for locale in ["C.UTF-8", "C"] {
        remove(&folder)?;
        let tool = tool(record, &record.bin.join("initdb"), environment)
            .arg("--pgdata")
            .arg(&folder)
            .args(["--username", &record.role, "--auth-local=peer", "--auth-host=reject", "--encoding=UTF8"])
            .args([format!("--locale={locale}"), "--no-sync".to_owned()]);
        let line = tool.command_line();
        let captured = tool.capture().map_err(|error| explained(record, error))?;
        if captured.status.success() {
            return Ok(folder);
        }
        said = format!("{line}\n{}", String::from_utf8_lossy(&captured.stderr).trim());
        if !said.contains("locale") {
            break;
        }
    }
    let _ = remove(&folder);
    Err(explained(record, Error::environment("initdb could not make a cluster").detail(said)))
}

/// Starts it; the inner error is what the server said where it did not come up.
pub fn start(room: &Room, record: &Record, environment: &Environment) -> Result<std::result::Result<(), String>> {
    let until = Instant::now() + LEFTOVERS;
    loop {
        let Some(said) = try_to_start(room, record, environment)? else { return Ok(Ok(())) };
        if !said.contains("pre-existing shared memory block") || Instant::now() > until {
            return Ok(Err(verdict(&said)));
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// What was said where it did not come up.
fn try_to_start(room: &Room, record: &Record, environment: &Environment) -> Result<Option<String>> {
    bound_log(record);
    let before = fs::symlink_metadata(record.log()).map_or(0, |metadata| metadata.len());
    let tool = tool(record, &record.bin.join("pg_ctl"), environment)
        .args(["start", "--wait", "--silent", "--timeout", &PATIENCE.as_secs().to_string(), "--pgdata"])
        .arg(record.data())
        .arg("--log")
        .arg(record.log())
        .args(["--options", &options(room, record)]);
    let captured = tool.capture().map_err(|error| explained(record, error))?;
    match settled(record) {
        State::Ready => return Ok(None),
        State::Changing => {
            return Err(Error::database(format!("{}: the server is still starting", room.title())).help(format!(
                "it replays what it had written before a crash; its log is {}",
                record.log().display()
            )));
        }
        State::Down => {}
    }
    let logged = read_from(&record.log(), before).unwrap_or_default();
    Ok(Some(format!("{logged}{}", String::from_utf8_lossy(&captured.stderr))))
}

/// Every commit lasts, as it should in copies that people keep for days; no network, no statements in the log.
fn options(room: &Room, record: &Record) -> String {
    let sockets = record.sockets.display();
    let settings = [
        "listen_addresses=''".to_owned(),
        format!("unix_socket_directories={sockets}"),
        "unix_socket_permissions=0700".to_owned(),
        format!("port={PORT}"),
        format!("cluster_name=shed.{}", room.name),
        "wal_level=minimal".to_owned(),
        "max_wal_senders=0".to_owned(),
        "logging_collector=off".to_owned(),
        "log_min_error_statement=panic".to_owned(),
        "log_error_verbosity=terse".to_owned(),
    ];
    settings.map(|setting| format!("-c {setting}")).join(" ")
}

/// Ends it, and the sessions with it.
pub fn stop(record: &Record, environment: &Environment) -> Result<()> {
    for mode in ["fast", "immediate"] {
        if state(record) == State::Down {
            return Ok(());
        }
        let tool = tool(record, &record.bin.join("pg_ctl"), environment)
            .args(["stop", "--wait", "--silent", "--mode", mode, "--timeout", "60", "--pgdata"])
            .arg(record.data());
        tool.capture()?;
    }
    match settled(record) {
        State::Down => Ok(()),
        _ => Err(Error::environment(format!("the server in {} does not stop", record.home.display()))
            .help(format!("its log is {}", record.log().display()))),
    }
}

/// Makes way for a start where no socket answers: the server may live without its socket, or be dead while another
/// process, or a zombie that nobody waits for, has its number. Told by /proc; elsewhere PostgreSQL looks by itself.
pub fn clear_way(record: &Record, environment: &Environment) -> Result<()> {
    let Some(process) = pid_file(record).lines().next().and_then(|line| line.trim().parse::<u32>().ok()) else {
        return Ok(());
    };
    let folder = || fs::read_link(format!("/proc/{process}/cwd"));
    if is_data(record, folder()) {
        let pg_ctl = tool(record, &record.bin.join("pg_ctl"), environment);
        let arguments = ["stop", "--wait", "--silent", "--mode", "fast", "--timeout", "20", "--pgdata"];
        pg_ctl.args(arguments).arg(record.data()).capture()?;
    }
    let is_dead = match folder() {
        Ok(folder) => !is_data(record, Ok(folder)),
        Err(error) => error.kind() == ErrorKind::NotFound && Path::new("/proc/self").exists(),
    };
    if is_dead {
        for file in [record.data().join("postmaster.pid"), record.sockets.join(format!(".s.PGSQL.{PORT}.lock"))] {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(super::room::unusable(&file, &error)),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Whether the process that has this working directory is the server: it works in its data.
fn is_data(record: &Record, folder: std::io::Result<PathBuf>) -> bool {
    folder.is_ok_and(|folder| fs::canonicalize(record.data()).is_ok_and(|data| data == folder))
}

/// The log begins anew before it grows without end.
pub fn bound_log(record: &Record) {
    if fs::symlink_metadata(record.log()).is_ok_and(|metadata| metadata.len() > LOG_BYTES)
        && let Some(log) = plain_file(&record.log(), OpenOptions::new().write(true))
        && log.metadata().is_ok_and(|metadata| metadata.uid() == record.owner() && metadata.nlink() == 1)
    {
        let _ = log.set_len(0); // the server appends, so what comes next is at the beginning
    }
}

pub fn remove(folder: &Path) -> Result<()> {
    let until = Instant::now() + LEFTOVERS;
    loop {
        match fs::remove_dir_all(folder) {
            // What a killed initdb left running still writes into it.
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty && Instant::now() < until => {}
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(super::room::unusable(folder, &error)),
            _ => return Ok(()),
        }
    }
}

fn pid_file(record: &Record) -> String {
    read(&record.data().join("postmaster.pid")).unwrap_or_default()
}

fn read(path: &Path) -> Option<String> {
    read_from(path, 0)
}

fn read_from(path: &Path, start: u64) -> Option<String> {
    let mut file = plain_file(path, OpenOptions::new().read(true))?;
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut bytes = Vec::new();
    file.take(64 * 1024).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Opens what is no link: the folder may be another user's.
fn plain_file(path: &Path, options: &mut OpenOptions) -> Option<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = options.custom_flags(i32::try_from(flags.bits()).ok()?).open(path).ok()?;
    file.metadata().is_ok_and(|metadata| metadata.is_file()).then_some(file)
}

/// The lines that say why.
fn verdict(said: &str) -> String {
    let fatal: Vec<&str> = said.lines().filter(|line| line.contains("FATAL") || line.contains("PANIC")).collect();
    let lines = if fatal.is_empty() { said.lines().collect() } else { fatal };
    lines.into_iter().rev().take(5).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
}

fn explained(record: &Record, error: Error) -> Error {
    match record.account {
        Some(account) => error.help(format!(
            "shed is root, and PostgreSQL runs as the user with the number {}, who has to be able to run its programs",
            account.uid
        )),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_is_what_ended_the_server() {
        let said = "LOG:  starting\nFATAL:  could not open file\nLOG:  database system is shut down\npg_ctl: no\n";
        assert_eq!(verdict(said), "FATAL:  could not open file");
        assert_eq!(verdict("a\nb\n"), "a\nb");
    }
}
