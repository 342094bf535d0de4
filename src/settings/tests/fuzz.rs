//! Mutated files: never a panic, and every error has a line and a column.

use std::path::Path;

use super::random::{Random, wanted};
use super::{EXAMPLE, Repo};
use crate::settings::Settings;
use crate::settings::source::Source;

const ANCHORS: &str = "defaults: &d\n  alembic:\n    file_template: '%(rev)s'\n    post_write_hooks:\n    - {name: ruff, type: exec, executable: ruff, options: check}\n    log_levels: {root: INFO}\n  versions: {sqlite: [a, b], postgres: pkg:x}\nprojects:\n  ünï: &u\n    module: [a/b.py, c.d]\n    <<: *d\n    on_connect: |\n      SELECT 1;\n    configure: {compare_type: true, n: 1.5, m: [null, ~]}\n    env: {A: \"${X:-y}\", B: 'it''s', C: \"\\u00e4\\n\"}\n    statement_timeout: 5m\n    db:\n      x: {connection: {url: \"postgresql+asyncpg://me:pw@h:1/db?sslmode=require\"}, migration_url: postgresql://h/x}\n";

const PIECES: [&[u8]; 40] = [
    b"\n",
    b"\r\n",
    b"\t",
    b" ",
    b"  ",
    b":",
    b": ",
    b"- ",
    b"? ",
    b"#",
    b" # ",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"\"",
    b"'",
    b"|",
    b">",
    b"&a ",
    b"*a",
    b"!t ",
    b"<<: ",
    b"---\n",
    b"...\n",
    b"%YAML 1.2\n",
    b"${",
    b"${X}",
    b"$$",
    b"~",
    b"null",
    b"true",
    b"-1",
    b"\xff",
    b"\xc3\xa4",
    b"\xe2\x80\xa8",
    b"\0",
    b"\xef\xbb\xbf",
    b"projects:",
];

/// The text with a few stretches cut, doubled, or replaced.
pub(super) fn mutated(random: &mut Random, text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(12)).min(bytes.len());
        match random.below(6) {
            0 => bytes.truncate(at.max(1)),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let copy = bytes[at..end].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, copy);
            }
            3 if at < bytes.len() => bytes[at] = u8::try_from(random.below(256)).unwrap(),
            _ => {
                let piece = random.one_of(&PIECES).to_vec();
                let end = if random.below(2) == 0 { at } else { end };
                bytes.splice(at..end, piece);
            }
        }
    }
    bytes
}

/// `shed.yaml:LINE:COLUMN: what`.
fn has_a_place(error: &str) -> bool {
    let mut parts = error.strip_prefix("shed.yaml:").unwrap_or_default().splitn(3, ':');
    let mut number = || parts.next().and_then(|part| part.parse::<usize>().ok()).is_some_and(|number| number > 0);
    number() && number()
}

#[test]
fn mutated_files_are_read_or_refused_with_a_place() {
    let repo = Repo::new(EXAMPLE);
    let mut random = Random(0x5eed_cafe_f00d_0001);
    let mut refused = 0;
    let count = wanted("SHED_TEST_FUZZ", 20_000);
    for _ in 0..count {
        let text = *random.one_of(&[EXAMPLE, ANCHORS]);
        let bytes = mutated(&mut random, text);
        let read = Source::decode("shed.yaml", &bytes)
            .and_then(|source| Settings::of_source(Path::new("shed.yaml"), source, &repo.environment));
        match read {
            Ok((settings, _)) => drop(settings.redacted().unwrap()),
            Err(error) => {
                refused += 1;
                assert!(has_a_place(&error.to_string()), "{error}\n{}", String::from_utf8_lossy(&bytes));
            }
        }
    }
    assert!(refused > count / 4 && refused < count, "{refused} of {count} refused");
}
