//! SQL text into statements, as SQLite itself tells where one ends: triggers hold semicolons of their own.

/// A statement and the line on which it begins, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement<'a> {
    pub text: &'a str,
    pub line: usize,
}

/// What a piece of SQL means for where a statement ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Semicolon,
    Space,
    Other,
    Explain,
    Create,
    Temp,
    Trigger,
    End,
}

/// The table of `sqlite3_complete`: from a state, by a token, to a state; 1 is the start of a statement.
const NEXT: [[u8; 8]; 8] = [
    [1, 0, 2, 3, 4, 2, 2, 2], // nothing yet
    [1, 1, 2, 3, 4, 2, 2, 2], // start
    [1, 2, 2, 2, 2, 2, 2, 2], // within a statement
    [1, 3, 3, 2, 4, 2, 2, 2], // EXPLAIN
    [1, 4, 2, 2, 2, 4, 5, 2], // CREATE
    [6, 5, 5, 5, 5, 5, 5, 5], // CREATE TRIGGER
    [6, 6, 5, 5, 5, 5, 5, 7], // a semicolon in a trigger
    [1, 7, 5, 5, 5, 5, 5, 5], // `;END` in a trigger
];

/// The statements of a text; the last one may lack its semicolon.
pub fn statements(text: &str) -> impl Iterator<Item = Statement<'_>> {
    let (mut at, mut line) = (0, 1);
    std::iter::from_fn(move || {
        while at < text.len() {
            let rest = &text[at..];
            let (length, blank) = statement(rest);
            let space = if blank { length } else { leading_space(rest) };
            line += lines(&rest[..space]);
            let found = Statement { text: &rest[space..length], line };
            line += lines(found.text);
            at += length;
            if !blank && found.text.trim() != ";" {
                return Some(found);
            }
        }
        None
    })
}

/// How long the first statement is, and whether there is none but space and comments.
fn statement(text: &str) -> (usize, bool) {
    let (mut state, mut at, mut blank) = (1, 0, true);
    while at < text.len() {
        let (token, length) = token(&text.as_bytes()[at..]);
        at += length;
        blank &= token == Token::Space;
        state = NEXT[usize::from(state)][token as usize];
        if state == 1 && token == Token::Semicolon {
            break;
        }
    }
    (at, blank)
}

fn leading_space(text: &str) -> usize {
    let mut at = 0;
    while at < text.len() {
        match token(&text.as_bytes()[at..]) {
            (Token::Space, length) => at += length,
            _ => break,
        }
    }
    at
}

fn lines(text: &str) -> usize {
    text.bytes().filter(|&byte| byte == b'\n').count()
}

/// The first token of a text that is not empty, and its length in bytes.
fn token(text: &[u8]) -> (Token, usize) {
    let until = |end: &[u8], from: usize| {
        let found = text.get(from..).and_then(|rest| rest.windows(end.len()).position(|window| window == end));
        found.map_or(text.len(), |at| from + at + end.len())
    };
    match text[0] {
        b';' => (Token::Semicolon, 1),
        b' ' | b'\t' | b'\n' | b'\r' | 0x0c => (Token::Space, 1),
        b'-' if text.starts_with(b"--") => (Token::Space, until(b"\n", 2)),
        b'/' if text.starts_with(b"/*") => (Token::Space, until(b"*/", 2)),
        b'[' => (Token::Other, until(b"]", 1)),
        quote @ (b'\'' | b'"' | b'`') => (Token::Other, until(&[quote], 1)),
        byte if is_word(byte) => {
            let length = text.iter().position(|&byte| !is_word(byte)).unwrap_or(text.len());
            (word(&text[..length]), length)
        }
        _ => (Token::Other, 1),
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

fn word(text: &[u8]) -> Token {
    match text.to_ascii_lowercase().as_slice() {
        b"create" => Token::Create,
        b"trigger" => Token::Trigger,
        b"temp" | b"temporary" => Token::Temp,
        b"end" => Token::End,
        b"explain" => Token::Explain,
        _ => Token::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<&str> {
        statements(sql).map(|statement| statement.text).collect()
    }

    #[test]
    fn a_semicolon_within_quotes_comments_and_triggers_ends_nothing() {
        let trigger = "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET x = ';'; DELETE FROM b; END;";
        let sql = format!(
            "-- a; b\nINSERT INTO a VALUES('it''s; x');\n/* ; */ SELECT \"a;b\", [c;d], `e;f`;{trigger}\n ; SELECT 1"
        );
        assert_eq!(
            texts(&sql),
            ["INSERT INTO a VALUES('it''s; x');", "SELECT \"a;b\", [c;d], `e;f`;", trigger, "SELECT 1"]
        );
    }

    #[test]
    fn a_statement_knows_its_line() {
        let lines: Vec<_> = statements("\n-- x\nSELECT 1;\n\nSELECT\n2; SELECT 3;\n").map(|found| found.line).collect();
        assert_eq!(lines, [3, 5, 6]);
    }

    #[test]
    fn nothing_is_no_statement() {
        assert_eq!(texts(" \n-- x\n/* y */ ;; "), [""; 0]);
        assert_eq!(texts("'open"), ["'open"]);
        assert_eq!(texts("é;ü"), ["é;", "ü"]);
    }

    #[test]
    fn every_piece_is_complete_to_sqlite_itself() {
        let sql = "CREATE TABLE a(x);EXPLAIN CREATE TRIGGER b AFTER DELETE ON a BEGIN SELECT CASE WHEN 1 THEN 2 END; END;SELECT 1;";
        assert_eq!(texts(sql).concat(), sql);
        for text in texts(sql) {
            let text = std::ffi::CString::new(text).unwrap();
            // SAFETY: a string that ends with a zero byte, read and not kept.
            assert_eq!(unsafe { rusqlite::ffi::sqlite3_complete(text.as_ptr()) }, 1, "{text:?}");
        }
    }
}
