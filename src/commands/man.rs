//! `shed man`: the manual pages, on stdout or into a folder.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::output::Report;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write one page per command into this folder, instead of the main page to stdout
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Manual {
    /// The files that were written.
    pub files: Vec<PathBuf>,
    /// The main page, where none was.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub page: String,
}

/// Renders the manual from the command tree.
pub fn man(tree: clap::Command, args: &Args) -> Result<Manual> {
    let unwritable = |error: std::io::Error| Error::environment(format!("could not write the manual: {error}"));
    let Some(folder) = &args.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(tree).render(&mut page).map_err(unwritable)?;
        return Ok(Manual { files: Vec::new(), page: String::from_utf8_lossy(&page).into_owned() });
    };
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    clap_mangen::generate_to(tree, folder).map_err(unwritable)?;
    let entries = std::fs::read_dir(folder).map_err(unwritable)?.flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    Ok(Manual { files, page: String::new() })
}

impl fmt::Display for Manual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.page)?;
        self.files.iter().try_for_each(|file| writeln!(f, "{}", file.display()))
    }
}

impl Report for Manual {}
