//! Files that would take long or much: accepted or refused at once. And how fast good ones are read.

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::Repo;
use crate::settings::parse::LARGEST;

/// The first line of the error; within the second that a debug build gets five times of.
#[track_caller]
fn told(text: &str) -> String {
    assert!(text.len() <= LARGEST);
    let repo = Repo::new(text);
    let start = Instant::now();
    let told = repo.read().map_or_else(|error| error.to_string(), |_| "accepted".to_owned());
    let limit = if cfg!(debug_assertions) { 5 } else { 1 };
    assert!(start.elapsed() < Duration::from_secs(limit), "{:?} for {}", start.elapsed(), &text[..40]);
    told.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn brackets_without_end_are_refused_at_once() {
    assert_eq!(told(&"[".repeat(100_000)), "shed.yaml:1:65: nested more than 64 levels deep");
    assert_eq!(told(&"[{a: ".repeat(10_000)), "shed.yaml:1:161: nested more than 64 levels deep");
    let deep: String = (0..1_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert_eq!(told(&deep), "shed.yaml:65:65: nested more than 64 levels deep");
    assert_eq!(told(&"- ".repeat(100_000)), "shed.yaml:1:129: nested more than 64 levels deep");
}

#[test]
fn aliases_that_multiply_are_refused_at_once() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..12 {
        let alias = format!("*a{},", i - 1).repeat(10);
        writeln!(laughs, "a{i}: &a{i} [{alias}]").unwrap();
    }
    assert_eq!(told(&laughs), "shed.yaml:5:10: more than 20000 values, counting what aliases repeat");
    let quadratic = format!("a: &a [{}]\nb: [{}]\n", "x,".repeat(9_000), "*a,".repeat(9_000));
    assert_eq!(told(&quadratic), "shed.yaml:2:8: more than 20000 values, counting what aliases repeat");
    let anchors: String = (0..5_000).map(|i| format!("k{i}: &a{i} x\n")).collect();
    assert_eq!(told(&anchors), "shed.yaml:101:13: more than 100 anchors");
    let env: String = (0..4_000).map(|i| format!("    k{i}: x\n")).collect();
    let projects: String = (0..1_500).map(|i| format!("  p{i}: {{env: {{k: x}}}}\n")).collect();
    let text = format!("defaults:\n  env:\n{env}projects:\n{projects}");
    let expected = "shed.yaml:4103:3: the settings are too large once `defaults` are merged into every project";
    assert_eq!(told(&text), expected);
}

#[test]
fn a_megabyte_of_anything_is_accepted_or_refused_at_once() {
    let room = LARGEST - 100;
    assert_eq!(told(&format!("projects: {{}}\n# {}\n", "x".repeat(room))), "accepted");
    assert_eq!(told(&format!("root: {}\n", "x".repeat(room))), "accepted");
    assert_eq!(
        told(&format!("root: \"{}\n", "x\n".repeat(room / 2))),
        "shed.yaml:2:1: not valid YAML: invalid indentation in multiline quoted scalar"
    );
    let long_key = format!("{}: x\n", "x".repeat(room));
    assert_eq!(told(&long_key), "shed.yaml:1:1048477: not valid YAML: mapping values are not allowed in this context");
    assert_eq!(told(&"a\n".repeat(room / 2)), "shed.yaml:1:1: the settings must be a map");
    let many = "more than 20000 values, counting what aliases repeat";
    assert_eq!(told(&"a:\n".repeat(room / 3)), format!("shed.yaml:10000:2: {many}"));
    let no_document = "not valid YAML: did not find expected <document start>";
    assert_eq!(told(&"&a ".repeat(room / 3)), format!("shed.yaml:1:4: {no_document}"));
    assert_eq!(told(&"? ".repeat(room / 2)), "shed.yaml:1:129: nested more than 64 levels deep");
    let trailing = "not valid YAML: invalid trailing content after double-quoted scalar";
    assert_eq!(told(&"\"".repeat(room)), format!("shed.yaml:1:3: {trailing}"));
    assert_eq!(told(&"---\n".repeat(room / 4)), "shed.yaml:2:1: a second document begins here");
    assert_eq!(told(&"\n".repeat(room)), "shed.yaml:1:1: the settings are empty");
    assert_eq!(told(&"!x ".repeat(room / 3)), "shed.yaml:1:1: tags such as `!x` mean nothing here");
    assert_eq!(told(&"{a: ${X}, ".repeat(room / 10)), "shed.yaml:1:636: nested more than 64 levels deep");
}

#[test]
fn a_file_over_a_megabyte_is_refused_unread() {
    let repo = Repo::new(&" ".repeat(LARGEST + 1));
    assert_eq!(repo.error(), "shed.yaml:1:1: the settings are larger than 1 MiB");
}
