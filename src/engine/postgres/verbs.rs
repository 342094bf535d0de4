//! Verbs that are not built yet.

use crate::engine::Watch;
use crate::engine::verbs::Content;
use crate::error::{Error, Result};

use super::Server;

fn unbuilt() -> Error {
    Error::environment("not built yet")
}

impl Server {
    pub fn dump_sql(
        &self,
        _content: Content,
        _version_tables: &[(Option<String>, String)],
        _watch: &Watch<'_>,
    ) -> Result<Vec<u8>> {
        Err(unbuilt())
    }
}
