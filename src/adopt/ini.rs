//! An alembic.ini as Python's `configparser` reads it.

use indexmap::IndexMap;

/// Values nest no deeper, as in Python.
const DEEPEST: usize = 10;

/// The sections with their keys, values as they are written.
#[derive(Debug, Default, Clone)]
pub struct Ini {
    sections: IndexMap<String, IndexMap<String, String>>,
    defaults: IndexMap<String, String>,
}

impl Ini {
    /// `here` is what `%(here)s` stands for.
    pub fn read(text: &str, here: &str) -> Self {
        let mut ini = Self::default();
        ini.defaults.insert("here".to_owned(), here.replace('%', "%%"));
        let mut section: Option<String> = None;
        let mut last: Option<(String, usize)> = None;
        for line in text.trim_start_matches('\u{feff}').lines() {
            let words = line.trim();
            if words.is_empty() || words.starts_with(['#', ';']) {
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            if let Some((key, of_key)) = &last
                && indent > *of_key
            {
                let value = ini.place(section.as_deref()).entry(key.clone()).or_default();
                value.push('\n');
                value.push_str(words);
                continue;
            }
            if let Some(name) = words.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                section = Some(name.0.to_owned());
                ini.place(section.as_deref());
                last = None;
                continue;
            }
            let (key, value) = words.split_once(['=', ':']).unwrap_or((words, ""));
            let key = key.trim().to_lowercase();
            ini.place(section.as_deref()).insert(key.clone(), value.trim().to_owned());
            last = Some((key, indent));
        }
        ini
    }

    fn place(&mut self, section: Option<&str>) -> &mut IndexMap<String, String> {
        match section {
            None | Some("DEFAULT") => &mut self.defaults,
            Some(name) => self.sections.entry(name.to_owned()).or_default(),
        }
    }

    pub fn has(&self, section: &str) -> bool {
        self.sections.contains_key(section)
    }

    pub fn sections(&self) -> impl Iterator<Item = &str> {
        self.sections.keys().map(String::as_str)
    }

    /// The keys of a section itself, without those of `[DEFAULT]`.
    pub fn keys(&self, section: &str) -> impl Iterator<Item = &str> {
        self.sections.get(section).into_iter().flat_map(|keys| keys.keys().map(String::as_str))
    }

    /// The value as it is written.
    pub fn raw(&self, section: &str, key: &str) -> Option<&str> {
        let own = self.sections.get(section).and_then(|keys| keys.get(key));
        own.or_else(|| self.defaults.get(key).filter(|_| self.has(section))).map(String::as_str)
    }

    /// The value with `%(name)s` put in; as it is written where that cannot be done.
    pub fn get(&self, section: &str, key: &str) -> Option<String> {
        let raw = self.raw(section, key)?;
        Some(self.expanded(section, raw, 0).unwrap_or_else(|| raw.to_owned()))
    }

    fn expanded(&self, section: &str, text: &str, depth: usize) -> Option<String> {
        let mut done = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            done.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('%') {
                done.push('%');
                rest = after;
                continue;
            }
            let (name, after) = rest.strip_prefix('(')?.split_once(")s")?;
            let value = self.raw(section, &name.to_lowercase()).filter(|_| depth < DEEPEST)?;
            done.push_str(&self.expanded(section, value, depth + 1)?);
            rest = after;
        }
        done.push_str(rest);
        Some(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_python_does() {
        let text = "\
[DEFAULT]
top = x
[alembic]
# a remark
Script_Location = %(here)s/alembic
version_locations = a
    # within
    b

    c
file_template = %%(rev)s_%(top)s
url: sqlite:///a.db  ; stays
bare
[other]
k = %(missing)s
";
        let ini = Ini::read(text, "/r%d");
        assert_eq!(ini.get("alembic", "script_location").as_deref(), Some("/r%d/alembic"));
        assert_eq!(ini.get("alembic", "version_locations").as_deref(), Some("a\nb\nc"));
        assert_eq!(ini.get("alembic", "file_template").as_deref(), Some("%(rev)s_x"));
        assert_eq!(ini.get("alembic", "url").as_deref(), Some("sqlite:///a.db  ; stays"));
        assert_eq!(ini.get("alembic", "bare").as_deref(), Some(""));
        assert_eq!(ini.get("other", "k").as_deref(), Some("%(missing)s"));
        assert_eq!(ini.get("none", "top"), None);
        assert_eq!(ini.sections().collect::<Vec<_>>(), ["alembic", "other"]);
    }
}
