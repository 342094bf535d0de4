//! What is known of a scratch database that is kept on a server at its heads.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::engine::Template;

use super::hex;

const VERSION: u32 = 1;
/// What lies beside the revisions stands under such a name; Python looks at that.
const BESIDE: &str = "beside ";

/// A kept database, and what it was made of.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeptTemplate {
    version: u32,
    /// `billing.prod`
    pub target: String,
    /// The server's name below `development`.
    pub server: String,
    pub template: Template,
    #[serde(flatten)]
    made_of: MadeOf,
}

/// What the same revisions may make something else with, and the revisions by their digests.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct MadeOf {
    stamp: Vec<String>,
    revisions: BTreeMap<String, String>,
}

impl KeptTemplate {
    pub fn new(target: &str, server: &str, template: Template, made_of: MadeOf) -> Self {
        Self { version: VERSION, target: target.to_owned(), server: server.to_owned(), template, made_of }
    }

    /// `None` where there is none, or none that can be read.
    pub fn read(place: &Path) -> Option<Self> {
        let kept: Self = serde_json::from_slice(&fs::read(place).ok()?).ok()?;
        (kept.version == VERSION).then_some(kept)
    }

    pub fn write(&self, place: &Path) -> io::Result<()> {
        let folder = place.parent().unwrap_or(Path::new("."));
        let mut aside = tempfile::Builder::new().prefix("new-").tempfile_in(folder)?;
        aside.write_all(&serde_json::to_vec(self)?)?;
        aside.persist(place).map(drop).map_err(|error| error.error)
    }

    /// Whether the revisions that it was made of are all there still, unchanged.
    pub fn is_of_these_files(&self) -> bool {
        let digest = |path: &String| {
            fs::read(path).is_ok_and(|text| hex(&Sha256::digest(&text)) == self.made_of.revisions[path])
        };
        self.made_of.revisions.keys().filter(|path| !path.starts_with(BESIDE)).all(digest)
    }
}
