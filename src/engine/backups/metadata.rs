//! What is known of a backup: a JSON file beside it, written last.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// The form of the file; a higher one is a later shed's.
pub(super) const VERSION: u32 = 1;

/// What is known of a backup. No secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    pub version: u32,
    /// The target's name at the time.
    pub target: String,
    /// The database in words that outlast its file.
    pub identity: String,
    /// PostgreSQL's own name for the cluster, where it may be asked.
    pub system_identifier: Option<String>,
    /// `sqlite` or `postgres`.
    pub engine: String,
    /// Where the database was.
    pub place: String,
    /// When it was begun, in UTC.
    pub created: String,
    /// The revisions that the database held.
    pub heads: Vec<String>,
    /// The name of the file with the bytes.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Of the bytes as they are stored.
    pub sha256: String,
    /// The command that it was taken for: `manual`, `migrate`, `downgrade`, `restore`.
    pub reason: String,
    /// The run that took it.
    pub run: String,
    /// Whether `backup.pipe` made the stored bytes.
    pub piped: bool,
    /// The shed that took it.
    pub shed: String,
    /// The version of the server or library.
    pub database_version: Option<String>,
}

impl Metadata {
    /// Reads one; an error is a reason in words.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        #[derive(Deserialize)]
        struct Form {
            version: u32,
        }
        let unreadable = |error: serde_json::Error| format!("its metadata cannot be read: {error}");
        let form: Form = serde_json::from_slice(&bytes).map_err(unreadable)?;
        if form.version > VERSION {
            return Err(format!("its metadata has version {}: a later shed wrote it", form.version));
        }
        serde_json::from_slice(&bytes).map_err(unreadable)
    }

    /// The revisions in words.
    pub fn revisions(&self) -> String {
        if self.heads.is_empty() { "base".into() } else { self.heads.join(", ") }
    }
}
