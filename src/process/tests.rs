//! What running other programs gives back.

use std::io::Read;
use std::time::{Duration, Instant};

use super::*;

#[test]
fn a_command_line_can_be_pasted_into_a_shell() {
    let tool = Tool::new("/bin/echo").arg("plain").arg("it's a %").arg("");
    assert_eq!(tool.command_line(), "/bin/echo plain 'it'\\''s a %' ''");
}

#[test]
fn both_streams_and_the_code_are_kept() {
    let captured = Tool::new("/bin/sh").args(["-c", "echo out; echo err >&2; exit 3"]).capture().unwrap();
    assert_eq!((captured.stdout.as_slice(), captured.stderr.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
    assert_eq!(code(captured.status), 3);
}

#[test]
fn a_grandchild_that_keeps_the_pipe_is_not_awaited() {
    let started = Instant::now();
    let captured = Tool::new("/bin/sh").args(["-c", "sleep 5 & echo done"]).capture().unwrap();
    assert_eq!(captured.stdout, b"done\n");
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_missing_program_and_a_missing_folder_are_told_apart() {
    let program = Tool::new("/nowhere/prog").capture().err().unwrap().to_string();
    assert_eq!(program, "could not start /nowhere/prog: No such file or directory (os error 2)");
    let folder = Tool::new("/bin/true").dir("/nowhere").capture().err().unwrap().to_string();
    assert!(folder.starts_with("the working directory /nowhere is not there"), "{folder}");
}

#[test]
fn a_program_apart_has_no_variables_no_files_and_a_session_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let inherited = std::fs::File::create(folder.path().join("held")).unwrap();
    rustix::io::fcntl_setfd(&inherited, rustix::io::FdFlags::empty()).unwrap();
    let script = "env | grep -v -e ^PWD -e ^SHLVL -e ^_=; ls -l /dev/fd/ | grep -c held";
    let tool = Tool::new("/bin/sh").args(["-c", script]).env("NAMED", "1").apart();
    let captured = tool.capture().unwrap();
    let said = String::from_utf8(captured.stdout).unwrap();
    assert_eq!(said, "NAMED=1\n0\n");
}

#[test]
fn a_descriptor_arrives_under_its_number() {
    let (reader, writer) = io::pipe().unwrap();
    let tool = Tool::new("/bin/sh").args(["-c", "echo event >&3"]).descriptor(writer.into(), 3);
    tool.capture().unwrap();
    let mut text = String::new();
    io::BufReader::new(reader).read_to_string(&mut text).unwrap();
    assert_eq!(text, "event\n");
}
