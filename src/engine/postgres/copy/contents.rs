//! The table of contents of an archive, as `pg_restore -l` prints it and `-L` takes it.

/// What comes after the rows, and was not taken yet.
pub struct Contents(Vec<Entry>);

struct Entry {
    id: u32,
    /// Catalog and OID of an index, or of a key.
    object: Option<String>,
}

impl Contents {
    /// `3389; 1259 16402 INDEX public t0_created_idx owner`: id, catalog, OID, kind, then names that may hold anything.
    pub fn read(listed: &[u8]) -> Self {
        let listed = String::from_utf8_lossy(listed);
        let entry = |line: &str| {
            let (id, rest) = line.split_once(';')?;
            let words: Vec<&str> = rest.split_whitespace().take(3).collect();
            let object = match words[..] {
                [catalog, oid, "INDEX" | "CONSTRAINT"] => Some(format!("{catalog} {oid}")),
                _ => None,
            };
            Some(Entry { id: id.parse().ok()?, object })
        };
        Self(listed.lines().filter_map(entry).collect())
    }

    /// The ids of these objects, in the archive's order.
    pub fn take(&mut self, objects: &[String]) -> Vec<u32> {
        let is_one = |entry: &mut Entry| entry.object.as_ref().is_some_and(|object| objects.contains(object));
        self.0.extract_if(.., is_one).map(|entry| entry.id).collect()
    }

    /// The ids of all that nobody took.
    pub fn rest(&self) -> Vec<u32> {
        self.0.iter().map(|entry| entry.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = ";\n; Archive created at 2026-11-21\n;     dbname: a; b\n\n215; 1259 16390 TABLE public t0 me\n\
        3389; 1259 16402 INDEX public t0_idx me\n3390; 2606 16410 CONSTRAINT public t0 t0_pkey me\n\
        3391; 2606 16411 FK CONSTRAINT public t0 t0_fkey me\n3400; 0 0 COMMENT public INDEX t0_idx me\n";

    #[test]
    fn indexes_and_keys_are_taken_and_the_rest_stays() {
        let mut contents = Contents::read(LISTED.as_bytes());
        let objects = ["2606 16410", "1259 16402", "1259 16390", "2606 16411"].map(str::to_owned);
        assert_eq!(contents.take(&objects), [3389, 3390]);
        assert_eq!((contents.take(&objects), contents.rest()), (vec![], vec![215, 3391, 3400]));
    }
}
