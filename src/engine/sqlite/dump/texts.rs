//! Virtual tables in a dump: made by their own statement, their rows put in through them.

use crate::engine::sqlite::look::name;
use crate::engine::verbs::Content;

use super::{Dump, Object};

impl Dump<'_> {
    pub(super) fn texts(&mut self) -> rusqlite::Result<()> {
        for table in self.objects("type = 'table' AND sql LIKE 'create virtual%'")? {
            self.create(&table);
            if self.content == Content::All {
                self.virtual_rows(&table)?;
            }
        }
        Ok(())
    }

    fn virtual_rows(&mut self, table: &Object) -> rusqlite::Result<()> {
        let (quoted, module) = (name(&table.name), module(&table.sql));
        match module.as_str() {
            "fts3" | "fts4" | "fts5" => match argument(&table.sql, "content") {
                None => {
                    let columns = self.columns(&table.name)?;
                    let select = format!("SELECT rowid, {columns} FROM {quoted} ORDER BY rowid");
                    self.inserts(&select, &format!("INSERT INTO {quoted}(rowid, {columns}) VALUES("))
                }
                Some(content) if content.is_empty() => {
                    self.without(&table.name, "a full-text index without its text");
                    Ok(())
                }
                Some(_) => {
                    self.last.push(format!("INSERT INTO {quoted}({quoted}) VALUES('rebuild');"));
                    Ok(())
                }
            },
            "rtree" | "rtree_i32" | "geopoly" => {
                self.inserts(&format!("SELECT * FROM {quoted} ORDER BY 1"), &format!("INSERT INTO {quoted} VALUES("))
            }
            "fts3tokenize" | "fts4aux" | "fts5vocab" | "dbstat" => Ok(()), // views of other tables
            module => {
                self.without(&table.name, &format!("a virtual table of {module}"));
                Ok(())
            }
        }
    }

    fn without(&self, table: &str, what: &str) {
        self.watch.warn(&format!("{table} is {what}: its rows are not in the dump; a backup holds them"));
    }
}

/// `fts5` of `CREATE VIRTUAL TABLE x USING fts5(…)`.
fn module(sql: &str) -> String {
    let lower = sql.to_lowercase();
    let after = lower.split_once(" using ").map_or("", |(_, after)| after);
    after.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The value of `key=…` among the arguments.
fn argument(sql: &str, key: &str) -> Option<String> {
    let inside = sql.split_once('(')?.1.trim_end().trim_end_matches(')');
    inside.split(',').find_map(|argument| {
        let (name, value) = argument.split_once('=')?;
        let is_it = name.trim().eq_ignore_ascii_case(key);
        is_it.then(|| value.trim().trim_matches(['\'', '"', '`', '[', ']']).to_owned())
    })
}
