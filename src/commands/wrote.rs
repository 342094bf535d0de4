//! A revision file that was written: what `revision` and `merge` report.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::alembic::{Difference, Told};
use crate::error::Result;
use crate::output::Report;

use super::Place;
use super::scope::{Chosen, Needs, Scope};

/// The revision file that was written.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Revised {
    pub target: String,
    /// Its id; `null` where autogenerate found nothing.
    pub revision: Option<String>,
    pub path: Option<String>,
    /// What autogenerate found.
    pub differences: Vec<Difference>,
    /// The file's text, with `--dry-run`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(skip)]
    pub text: String,
    #[serde(skip)]
    pub ok: bool,
}

/// What a run wrote.
pub fn revised(target: &Chosen<'_>, told: Told, text: String) -> Revised {
    let wrote = told.wrote.into_iter().next();
    Revised {
        target: target.name.clone(),
        revision: wrote.as_ref().and_then(|wrote| wrote.revision.clone()),
        path: wrote.map(|wrote| wrote.path),
        differences: told.differences,
        source: None,
        text,
        ok: true,
    }
}

impl<'a> Scope<'a> {
    /// The targets of a command that writes revision files: the absence of a name does not mean all of them.
    pub fn target_to_write_files(&self, word: Option<&str>, place: &Place, needs: Needs) -> Result<Vec<Chosen<'a>>> {
        self.targets_for(word, place, needs, true)
    }
}

impl fmt::Display for Revised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Report for Revised {
    fn ok(&self) -> bool {
        self.ok
    }
}
