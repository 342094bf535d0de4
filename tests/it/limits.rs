//! The bounds of reading settings: any file of up to 1 MiB is read or refused at once and in little memory.

use std::time::{Duration, Instant};

use crate::repo::Repo;

const MIB: usize = 1 << 20;
/// The promise is 1 s and 256 MiB; the debug build that the tests run is slower.
const TIME: Duration = Duration::from_secs(5);
const MEMORY: u64 = 256 << 20;

#[test]
fn deep_and_repetitive_files_are_refused_at_once_with_their_place() {
    let aliases = |count: usize| {
        let first = format!("a0: &a0 [{}]\n", "x,".repeat(1000));
        let others = (1..count).map(|at| format!("a{at}: &a{at} [*a{0}, *a{0}, *a{0}, *a{0}]\n", at - 1));
        first + &others.collect::<String>()
    };
    let one_thing_often = format!("projects: &p [{}]\nx: [{}]\n", "1,".repeat(100_000), "*p,".repeat(100_000));
    let hostile = [
        ("brackets", "[".repeat(100_000)),
        ("brackets under a key", format!("projects: {}", "[".repeat(100_000))),
        ("maps in lists", "[{a: ".repeat(10_000)),
        ("maps in lists under a key", format!("projects: {}", "[{a: ".repeat(10_000))),
        ("maps by indentation", (0..1000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect()),
        ("aliases of aliases", aliases(20)),
        ("one alias often", one_thing_often),
        ("one long line", format!("projects: \"{}", "x".repeat(MIB - 100))),
        ("keys without end", (0..100_000).map(|at| format!("k{at}: 1\n")).collect()),
        ("one key often", "projects: {}\n".repeat(80_000)),
        ("quotes that never close", "'".repeat(MIB - 1)),
        ("dashes", "- ".repeat(MIB / 2 - 1)),
        ("nothing but lines", "\n".repeat(MIB - 1)),
        ("question marks", "? ".repeat(100_000)),
        ("anchors", (0..50_000).map(|at| format!("- &a{at} x\n")).collect()),
        ("tags", "!t ".repeat(100_000)),
    ];
    for (name, text) in hostile {
        assert!(text.len() <= MIB, "{name}: {}", text.len());
        let (code, said) = checked(name, &text);
        assert_eq!(code, 2, "{name}: {said}");
        let place = said
            .split_once("$REPO/shed.yaml:")
            .map(|(_, place)| place.trim_start_matches(|c: char| c.is_ascii_digit()));
        assert!(place.is_some_and(|place| place.starts_with(':')), "{name}: {said}");
        assert!(said.len() < 2000, "{name}: {} bytes are said: {}", said.len(), &said[..2000]);
    }
}

#[test]
fn a_long_file_in_order_is_accepted_at_once_up_to_a_number_of_values() {
    let project = |at: usize| {
        let db = format!("{{ main: {{ type: sqlite, connection: {{ db_path: data/{at}.db }} }} }}");
        format!("  # {}\n  p{at}:\n    module: services/p{at}/models.py\n    db: {db}\n", "remark ".repeat(90))
    };
    let projects = |count: usize| format!("projects:\n{}", (0..count).map(project).collect::<String>());
    let text = projects(1350);
    assert!(text.len() > MIB * 7 / 8 && text.len() <= MIB, "{}", text.len());
    let in_order = "$REPO/shed.yaml: in order, 1350 projects, 1350 databases\n";
    assert_eq!(checked("1350 projects", &text), (0, in_order.into()));
    let text = projects(8000).replace(&"remark ".repeat(90), "");
    let (code, said) = checked("8000 projects", &text);
    assert!(
        code == 2 && said.starts_with("error: $REPO/shed.yaml:") && said.contains("more than 20000 values"),
        "{said}"
    );
    let comments = format!("projects: {{}}\n{}", "# a remark\n".repeat(90_000));
    assert_eq!(checked("comments", &comments), (0, "$REPO/shed.yaml: in order, 0 projects, 0 databases\n".into()));
}

#[test]
fn a_file_that_is_longer_is_refused_for_its_length() {
    let (code, said) = checked("too long", &format!("projects: {{}}\n{}", "#\n".repeat(MIB / 2)));
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("1 MiB") && said.contains("$REPO/shed.yaml"), "{said}");
}

/// What `settings check` says of such a file, within the bounds.
fn checked(name: &str, text: &str) -> (i32, String) {
    let repo = Repo::new().settings(text);
    let begun = Instant::now();
    let measured = repo
        .call(repo.python())
        .args(["-c", MEASURE, env!("CARGO_BIN_EXE_shed"), "settings", "check"])
        .env("RLIMIT", (1u64 << 30).to_string())
        .any_stdout()
        .any_stderr()
        .run();
    let (kilobytes, said) = measured.stdout.split_once('\n').unwrap_or_else(|| panic!("{name}: {measured:?}"));
    assert!(begun.elapsed() < TIME, "{name} took {:?}", begun.elapsed());
    assert!(kilobytes.parse::<u64>().unwrap() * 1024 < MEMORY, "{name} took {kilobytes} KiB");
    (measured.code, format!("{said}{}", measured.stderr))
}

/// Runs a program under a limit of its address space and says first how much memory it took.
const MEASURE: &str = "
import os, resource, subprocess, sys
limit = int(os.environ['RLIMIT'])
done = subprocess.run(sys.argv[1:], capture_output=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(peak // 1024 if sys.platform == 'darwin' else peak, flush=True)
sys.stdout.buffer.write(done.stdout)
sys.stderr.buffer.write(done.stderr)
sys.exit(done.returncode if done.returncode >= 0 else 128 - done.returncode)
";
