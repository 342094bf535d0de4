//! Verbs that are not built yet.

use std::path::Path;

use crate::engine::verbs::Content;
use crate::engine::{Copying, Fill, Replaced, Replacement, Watch};
use crate::error::{Error, Result};
use crate::process::Tool;

use super::File;

fn unbuilt() -> Error {
    Error::environment("not built yet")
}

impl File {
    pub fn recover(&self, _entry: &crate::engine::journal::Entry, _watch: &Watch<'_>) -> Result<String> {
        Err(unbuilt())
    }
    pub fn drop_database(&self, _force: bool) -> Result<()> {
        Err(unbuilt())
    }
    pub fn size(&self) -> Result<u64> {
        Err(unbuilt())
    }
    pub fn is_empty(&self) -> Result<bool> {
        Err(unbuilt())
    }
    pub fn row_counts(&self) -> Result<Vec<(String, u64)>> {
        Err(unbuilt())
    }
    pub fn copy_into(&self, _aside: &Self, _copying: &Copying, _watch: &Watch<'_>) -> Result<()> {
        Err(unbuilt())
    }
    pub fn replace(&self, _how: Replacement<'_>, _watch: &Watch<'_>, _fill: &mut Fill<'_>) -> Result<Replaced> {
        Err(unbuilt())
    }
    pub fn run_file(&self, _path: &Path, _watch: &Watch<'_>) -> Result<()> {
        Err(unbuilt())
    }
    pub fn back_up(&self, _to: &Path, _watch: &Watch<'_>) -> Result<()> {
        Err(unbuilt())
    }
    pub fn verify_backup(&self, _path: &Path, _watch: &Watch<'_>) -> Result<()> {
        Err(unbuilt())
    }
    pub fn fill_from_backup(&self, _path: &Path, _watch: &Watch<'_>) -> Result<()> {
        Err(unbuilt())
    }
    pub fn dump_sql(
        &self,
        _content: Content,
        _version_tables: &[(Option<String>, String)],
        _watch: &Watch<'_>,
    ) -> Result<Vec<u8>> {
        Err(unbuilt())
    }
    pub fn shell(&self, _statement: Option<&str>) -> Result<Tool> {
        Err(unbuilt())
    }
    pub fn heads(&self, _table: &str) -> Result<Option<Vec<String>>> {
        Err(unbuilt())
    }
}
