//! The blocks of one SQL file, found by the rules of dbmate.

use serde::Serialize;

const MARK: &str = "\u{feff}";
const HELP: &str =
    "each file has both lines, in this order: -- migrate:up, -- migrate:down; below the second one may stand nothing";

/// An up block and the down block that undoes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    pub up: Block,
    pub down: Block,
}

/// From its directive to the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Block {
    /// In bytes, from the beginning of the file.
    pub start: usize,
    pub end: usize,
    /// The line of the directive, from 1.
    pub line: usize,
    /// Whether it runs in a transaction.
    pub transaction: bool,
    /// Words after the directive that mean nothing.
    #[serde(skip)]
    pub ignored: Vec<String>,
}

/// Why a file cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub text: String,
    pub line: Option<usize>,
    pub help: Option<String>,
}

impl Problem {
    pub(super) fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), line: None, help: None }
    }

    fn at(line: usize, text: impl Into<String>) -> Self {
        Self { text: text.into(), line: Some(line), help: Some(HELP.to_owned()) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

impl Direction {
    fn line(self) -> &'static str {
        match self {
            Self::Up => "`-- migrate:up`",
            Self::Down => "`-- migrate:down`",
        }
    }
}

/// A line that begins a block.
struct Directive {
    direction: Direction,
    start: usize,
    line: usize,
    /// What stands after it on its line.
    options: String,
}

/// The sections of a file, in their order; a byte order mark and `\r\n` are taken.
pub fn sections(content: &[u8]) -> Result<Vec<Section>, Problem> {
    let text = std::str::from_utf8(content).map_err(|error| {
        let line = 1 + content[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        let help = Some("save it as UTF-8".to_owned());
        Problem { text: "is not UTF-8".to_owned(), line: Some(line), help }
    })?;
    let begin = if text.starts_with(MARK) { MARK.len() } else { 0 };
    let directives = directives(text, begin);
    demand_order(&directives)?;
    if let Some(first) = directives.first() {
        refuse_statements_before(&text[begin..first.start])?;
    }
    let ends = directives.iter().skip(1).map(|next| next.start).chain([text.len()]);
    let blocks: Vec<Block> = directives.iter().zip(ends).map(|(directive, end)| directive.block(end)).collect();
    let pair = |pair: &[Block]| Section { up: pair[0].clone(), down: pair[1].clone() };
    Ok(blocks.chunks_exact(2).map(pair).collect())
}

/// `(?m)^--\s*migrate:(up|down)(\s*$|\s+\S+)`: blanks may be line ends, too.
fn directives(text: &str, begin: usize) -> Vec<Directive> {
    let mut found = Vec::new();
    let (mut at, mut line) = (begin, 1);
    loop {
        found.extend(directive(text, at, line));
        match text[at..].find('\n') {
            Some(end) => (at, line) = (at + end + 1, line + 1),
            None => return found,
        }
    }
}

fn directive(text: &str, start: usize, line: usize) -> Option<Directive> {
    let rest = text[start..].strip_prefix("--")?.trim_start_matches(is_blank).strip_prefix("migrate:")?;
    let (direction, rest) = match (rest.strip_prefix("up"), rest.strip_prefix("down")) {
        (Some(rest), _) => (Direction::Up, rest),
        (_, Some(rest)) => (Direction::Down, rest),
        _ => return None,
    };
    if !rest.is_empty() && !rest.starts_with(is_blank) {
        return None;
    }
    let options = rest.split('\n').next().unwrap_or_default().to_owned();
    Some(Directive { direction, start, line, options })
}

/// What Go's `\s` is.
fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ')
}

fn demand_order(directives: &[Directive]) -> Result<(), Problem> {
    let missing = |direction: Direction| Problem {
        text: format!("has no {} line", direction.line()),
        line: None,
        help: Some(HELP.to_owned()),
    };
    for direction in [Direction::Up, Direction::Down] {
        if !directives.iter().any(|directive| directive.direction == direction) {
            return Err(missing(direction));
        }
    }
    let mut before = None;
    for directive in directives {
        let line = directive.line;
        match (before, directive.direction) {
            (None, Direction::Down) => {
                return Err(Problem::at(line, "`-- migrate:down` stands before `-- migrate:up`"));
            }
            (Some(Direction::Down), Direction::Down) => {
                return Err(Problem::at(line, "a second `-- migrate:down` without a `-- migrate:up` before it"));
            }
            (Some(Direction::Up), Direction::Up) => {
                return Err(Problem::at(line, "a second `-- migrate:up` without a `-- migrate:down` before it"));
            }
            (_, direction) => before = Some(direction),
        }
    }
    match directives.last() {
        Some(last) if last.direction == Direction::Up => {
            Err(Problem::at(last.line, "this `-- migrate:up` has no `-- migrate:down` after it"))
        }
        _ => Ok(()),
    }
}

/// Comments and blank lines alone.
fn refuse_statements_before(text: &str) -> Result<(), Problem> {
    let is_statement = |line: &str| {
        let line = line.trim_start_matches(is_blank);
        !line.is_empty() && !line.starts_with("--")
    };
    match text.split('\n').enumerate().find(|(_, line)| is_statement(line)) {
        Some((at, line)) => Err(Problem::at(
            at + 1,
            format!("a statement before `-- migrate:up`, where only comments may stand: {}", line.trim()),
        )),
        None => Ok(()),
    }
}

impl Directive {
    fn block(&self, end: usize) -> Block {
        let mut block = Block { start: self.start, end, line: self.line, transaction: true, ignored: Vec::new() };
        for word in self.options.split(is_blank).filter(|word| !word.is_empty()) {
            match word.split(':').collect::<Vec<_>>().as_slice() {
                ["transaction", value] => {
                    block.transaction = *value != "false";
                    if !["true", "false"].contains(value) {
                        block.ignored.push(word.to_owned());
                    }
                }
                _ => block.ignored.push(word.to_owned()),
            }
        }
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each block's first line and whether it runs in a transaction; or what is wrong, with the line.
    fn told(text: &str) -> String {
        let block = |block: &Block| {
            let first = text[block.start..block.end].lines().next().unwrap_or_default();
            format!("{first}{}", if block.transaction { "" } else { " !" })
        };
        match sections(text.as_bytes()) {
            Ok(sections) => {
                let words = sections.iter().map(|section| format!("{} | {}", block(&section.up), block(&section.down)));
                words.collect::<Vec<_>>().join(" || ")
            }
            Err(Problem { text, line: Some(line), .. }) => format!("{line}: {text}"),
            Err(problem) => problem.text,
        }
    }

    #[test]
    fn a_block_goes_from_its_line_to_the_next_one() {
        let text = "-- migrate:up\ncreate table a(x);\n\n-- migrate:down\ndrop table a;\n";
        let [section] = sections(text.as_bytes()).unwrap().try_into().unwrap();
        assert_eq!(&text[section.up.start..section.up.end], "-- migrate:up\ncreate table a(x);\n\n");
        assert_eq!(&text[section.down.start..section.down.end], "-- migrate:down\ndrop table a;\n");
        assert_eq!((section.up.line, section.down.line), (1, 4));
    }

    #[test]
    fn what_dbmate_takes_for_a_directive_is_one() {
        let plain = "-- migrate:up | -- migrate:down";
        assert_eq!(told("-- migrate:up\n-- migrate:down"), plain);
        assert_eq!(told("--migrate:up\n--   migrate:down   \n"), "--migrate:up | --   migrate:down   ");
        assert_eq!(told("\n-- a comment\n  -- another\n-- migrate:up\n-- migrate:down\n"), plain);
        assert_eq!(told("--\nmigrate:up\n-- migrate:down"), "-- | -- migrate:down");
        assert_eq!(told("-- migrate:up\n -- migrate:down\n-- migrate:down\n"), plain);
        assert_eq!(told("-- migrate:up\n-- migrate:downwards\n-- migrate:down\n"), plain);
        assert_eq!(told("-- migrate:up\nselect 1; -- migrate:down\n-- migrate:down\n"), plain);
    }

    #[test]
    fn options_stand_on_the_directives_line_and_hold_for_their_block() {
        assert_eq!(
            told("-- migrate:up transaction:false\nx\n-- migrate:down\ny"),
            "-- migrate:up transaction:false ! | -- migrate:down"
        );
        assert_eq!(
            told("-- migrate:up\n-- transaction:false\n-- migrate:down a:b transaction:false c\n"),
            "-- migrate:up | -- migrate:down a:b transaction:false c !"
        );
        assert_eq!(
            told("-- migrate:up transaction:False\n-- migrate:down\n"),
            "-- migrate:up transaction:False | -- migrate:down"
        );
    }

    #[test]
    fn unknown_and_malformed_options_are_ignored_and_remembered() {
        let text = b"-- migrate:up transactions:false x y:z:w transaction:no\n-- migrate:down transaction:true\n";
        let [section] = sections(text).unwrap().try_into().unwrap();
        assert_eq!(section.up.ignored, ["transactions:false", "x", "y:z:w", "transaction:no"]);
        assert!(section.up.transaction && section.down.ignored.is_empty());
    }

    #[test]
    fn several_pairs_are_several_sections() {
        let text = "-- migrate:up\na\n-- migrate:down\nb\n-- migrate:up transaction:false\nc\n-- migrate:down\nd\n";
        assert_eq!(
            told(text),
            "-- migrate:up | -- migrate:down || -- migrate:up transaction:false ! | -- migrate:down"
        );
    }

    #[test]
    fn a_mark_and_windows_line_ends_are_taken() {
        assert_eq!(told("\u{feff}-- migrate:up\r\nx;\r\n-- migrate:down\r\n"), "-- migrate:up | -- migrate:down");
        assert_eq!(
            told("-- migrate:up transaction:false\r\n-- migrate:down\r\n"),
            "-- migrate:up transaction:false ! | -- migrate:down"
        );
    }

    #[test]
    fn what_is_missing_or_in_the_wrong_place_is_an_error_with_its_line() {
        assert_eq!(told(""), "has no `-- migrate:up` line");
        assert_eq!(told("create table a(x);\n"), "has no `-- migrate:up` line");
        assert_eq!(told("  -- migrate:up\n-- migrate:down\n"), "has no `-- migrate:up` line");
        assert_eq!(told("-- migrate:upwards\n-- migrate:down\n"), "has no `-- migrate:up` line");
        assert_eq!(told("-- migrate:up\nx\n"), "has no `-- migrate:down` line");
        assert_eq!(told("-- migrate:down\n-- migrate:up\n"), "1: `-- migrate:down` stands before `-- migrate:up`");
        assert_eq!(
            told("-- migrate:up\n-- migrate:down\n-- migrate:down\n"),
            "3: a second `-- migrate:down` without a `-- migrate:up` before it"
        );
        assert_eq!(
            told("-- migrate:up\n-- migrate:up\n-- migrate:down\n"),
            "2: a second `-- migrate:up` without a `-- migrate:down` before it"
        );
        assert_eq!(
            told("-- migrate:up\n-- migrate:down\n-- migrate:up\n"),
            "3: this `-- migrate:up` has no `-- migrate:down` after it"
        );
        assert_eq!(
            told("-- fine\n\ncreate type t;\n-- migrate:up\n-- migrate:down\n"),
            "3: a statement before `-- migrate:up`, where only comments may stand: create type t;"
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error_with_their_line() {
        let problem = sections(b"-- migrate:up\nselect '\xff';\n-- migrate:down\n").unwrap_err();
        assert_eq!((problem.text.as_str(), problem.line), ("is not UTF-8", Some(2)));
    }
}
