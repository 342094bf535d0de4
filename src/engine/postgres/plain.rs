//! What `pg_dump` prints, made the same whichever minor version printed it: its head and its last lines.

/// Settings that every supported server knows; newer ones print more, which older ones refuse.
const KNOWN: [&str; 12] = [
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "client_encoding",
    "standard_conforming_strings",
    "check_function_bodies",
    "xmloption",
    "client_min_messages",
    "row_security",
    "default_tablespace",
    "default_table_access_method",
    "search_path",
];

/// A filter for the output as it comes. The head is held back until it is over; the rest passes through line by line.
#[derive(Default)]
pub struct Plain {
    line: Vec<u8>,
    head: Option<Vec<String>>,
    over: bool,
    /// The key of `\restrict`, which `\unrestrict` repeats.
    key: Option<String>,
    /// Blank lines that are printed only if something follows.
    blank: usize,
}

impl Plain {
    /// Takes what was printed; gives what is to be kept.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut kept = Vec::new();
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.take(&line, &mut kept);
            }
        }
        kept
    }

    /// The rest.
    pub fn finish(mut self) -> Vec<u8> {
        let mut kept = Vec::new();
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.take(&line, &mut kept);
        }
        kept.extend(self.end_head());
        // An empty database is all head.
        while kept.ends_with(b"\n\n") {
            kept.pop();
        }
        kept
    }

    fn take(&mut self, line: &[u8], kept: &mut Vec<u8>) {
        if !self.over {
            let text = String::from_utf8_lossy(line).trim_end_matches('\n').to_owned();
            let ends = self.ends_head(&text);
            self.head.get_or_insert_default().push(text);
            if ends {
                kept.extend(self.end_head());
            }
            return;
        }
        if line == b"\n" {
            self.blank += 1;
            return;
        }
        let is_key =
            |key: &String| line.strip_prefix(b"\\unrestrict ").is_some_and(|rest| rest.trim_ascii() == key.as_bytes());
        if self.key.as_ref().is_some_and(is_key) {
            return;
        }
        kept.extend(std::iter::repeat_n(b'\n', self.blank));
        self.blank = 0;
        kept.extend_from_slice(line);
    }

    /// The head ends with the header of the first thing that is neither a schema nor a schema's comment.
    fn ends_head(&mut self, line: &str) -> bool {
        if let Some(key) = line.strip_prefix("\\restrict ") {
            self.key = Some(key.trim().to_owned());
        }
        kind(line).is_some_and(|(name, kind)| kind != "SCHEMA" && !(kind == "COMMENT" && name.starts_with("SCHEMA ")))
    }

    fn end_head(&mut self) -> Vec<u8> {
        self.over = true;
        let Some(lines) = self.head.take() else { return Vec::new() };
        let mut text = String::new();
        let mut is_blank = true;
        for line in without_public(&lines).into_iter().filter(|line| is_kept(line)) {
            // What was taken out leaves its blank lines behind.
            if !(line.is_empty() && is_blank) {
                text += line;
                text.push('\n');
            }
            is_blank = line.is_empty();
        }
        text.into_bytes()
    }
}

/// Name and type in the header of an entry: `-- Name: public; Type: SCHEMA; Schema: -; Owner: -`.
fn kind(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix("-- Name: ")?.split_once("; Type: ")?;
    Some((name, rest.split(';').next().unwrap_or_default()))
}

/// The lines without the entries of the schema `public`, which every new database has.
fn without_public(lines: &[String]) -> Vec<&str> {
    let mut kept: Vec<&str> = Vec::new();
    let mut skips = false;
    for (index, line) in lines.iter().enumerate() {
        // An entry begins with `--` above its header.
        if line == "--"
            && let Some((name, _)) = lines.get(index + 1).and_then(|next| kind(next))
        {
            skips = ["public", "SCHEMA public"].contains(&name);
        }
        if !skips {
            kept.push(line);
        }
    }
    kept
}

fn is_kept(line: &str) -> bool {
    if ["\\restrict ", "\\unrestrict ", "-- Dumped from database version", "-- Dumped by pg_dump version"]
        .iter()
        .any(|beginning| line.starts_with(beginning))
    {
        return false;
    }
    line.strip_prefix("SET ").is_none_or(|rest| KNOWN.iter().any(|known| rest.starts_with(&format!("{known} "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "--\n-- Name: f(); Type: FUNCTION; Schema: public; Owner: -\n--\n\nCREATE FUNCTION public.f() RETURNS void\n    \
                        LANGUAGE sql\n    AS $$\n\n\n-- Dumped by pg_dump version 1\n\\unrestrict other\nSET transaction_timeout = 0;\n$$;\n\n\n";
    const END: &str = "--\n-- PostgreSQL database dump complete\n--\n\n";

    fn through(text: &str) -> String {
        // In pieces, as they come from a pipe.
        let mut plain = Plain::default();
        let mut kept: Vec<u8> = text.as_bytes().chunks(7).flat_map(|piece| plain.push(piece)).collect();
        kept.extend(plain.finish());
        String::from_utf8(kept).unwrap()
    }

    fn dump(head: &str, tail: &str) -> String {
        format!("--\n-- PostgreSQL database dump\n--\n\n{head}SET client_encoding = 'UTF8';\n{tail}")
    }

    #[test]
    fn programs_of_several_versions_give_the_same_text() {
        let old = dump(
            "-- Dumped from database version 14.9\n-- Dumped by pg_dump version 14.9\n\nSET statement_timeout = 0;\n",
            &format!(
                "\n--\n-- Name: public; Type: SCHEMA; Schema: -; Owner: -\n--\n\nCREATE SCHEMA public;\n\n\n\
                 --\n-- Name: SCHEMA public; Type: COMMENT; Schema: -; Owner: -\n--\n\nCOMMENT ON SCHEMA public IS 'standard public schema';\n\n\n{BODY}{END}"
            ),
        );
        let new = dump(
            "\\restrict k3y\n\n-- Dumped from database version 17.6\n-- Dumped by pg_dump version 17.6\n\nSET statement_timeout = 0;\nSET transaction_timeout = 0;\n",
            &format!("\n{BODY}{END}\\unrestrict k3y\n\n"),
        );
        let expected = dump("SET statement_timeout = 0;\n", &format!("\n{BODY}{}", END.trim_end())) + "\n";
        assert_eq!(through(&old), expected);
        assert_eq!(through(&new), expected);
    }

    #[test]
    fn other_schemas_stay() {
        let schemas = "\n--\n-- Name: audit; Type: SCHEMA; Schema: -; Owner: -\n--\n\nCREATE SCHEMA audit;\n\n\n--\n-- Name: public; Type: SCHEMA; Schema: -; Owner: -\n--\n\n-- *not* creating schema, since initdb creates it\n\n\n";
        let text = through(&dump("", &format!("{schemas}{BODY}{END}")));
        assert!(text.contains("CREATE SCHEMA audit;\n\n--\n-- Name: f(); Type"), "{text}");
        assert!(!text.contains("public; Type: SCHEMA") && !text.contains("*not*"), "{text}");
    }

    #[test]
    fn an_empty_database_is_all_head() {
        let text = through(&dump("\\restrict k\n\n", &format!("\n{END}\\unrestrict k\n\n")));
        assert_eq!(text, dump("", &format!("\n{}", END.trim_end())) + "\n");
    }
}
