//! Files that are written whole or not at all: beside their place first, then renamed into it.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

use crate::error::{Error, Result};

/// A file that is being written; dropped before [`Outfile::keep`], it leaves nothing behind.
pub struct Outfile {
    aside: NamedTempFile,
    path: PathBuf,
}

/// A folder that is being written, in the same way.
pub struct Outfolder {
    aside: TempDir,
    path: PathBuf,
}

impl Outfile {
    pub fn at(path: &Path) -> Result<Self> {
        let make = || -> io::Result<NamedTempFile> {
            // Readable for whom the folder's own files are: the umask, or the file that it replaces, says.
            let mode = fs::metadata(path).map_or(0o666, |metadata| metadata.permissions().mode() & 0o777);
            let mut builder = tempfile::Builder::new();
            builder.prefix(".shed-").permissions(Permissions::from_mode(mode)).tempfile_in(folder_of(path))
        };
        if path.is_dir() {
            return Err(Error::usage(format!("{} is a folder", path.display())).help("name a file"));
        }
        Ok(Self { aside: make().map_err(|error| unwritable(path, &error))?, path: path.to_path_buf() })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.aside.write_all(bytes).map_err(|error| unwritable(&self.path, &error))
    }

    /// For a program that writes it by its name.
    pub fn aside(&self) -> &Path {
        self.aside.path()
    }

    /// Puts it into its place; its size.
    pub fn keep(self) -> Result<u64> {
        let Self { aside, path } = self;
        let keep = || -> io::Result<u64> {
            // By its name: a program may have written it anew.
            let file = File::open(aside.path())?;
            file.sync_all()?;
            let bytes = file.metadata()?.len();
            aside.persist(&path).map_err(|error| error.error)?;
            File::open(folder_of(&path))?.sync_all()?;
            Ok(bytes)
        };
        keep().map_err(|error| unwritable(&path, &error))
    }
}

impl Outfolder {
    /// The place must be free.
    pub fn at(path: &Path) -> Result<Self> {
        if path.exists() {
            return Err(Error::usage(format!("{} is there already", path.display())).help("name a new folder"));
        }
        let aside = tempfile::Builder::new().prefix(".shed-").tempdir_in(folder_of(path));
        Ok(Self { aside: aside.map_err(|error| unwritable(path, &error))?, path: path.to_path_buf() })
    }

    /// The folder, which the program makes.
    pub fn aside(&self) -> PathBuf {
        self.aside.path().join("dump")
    }

    /// Puts it into its place; its size.
    pub fn keep(self) -> Result<u64> {
        let keep = || -> io::Result<u64> {
            let mut bytes = 0;
            for entry in fs::read_dir(self.aside())? {
                let file = File::open(entry?.path())?;
                file.sync_all()?;
                bytes += file.metadata()?.len();
            }
            fs::rename(self.aside(), &self.path)?;
            Ok(bytes)
        };
        keep().map_err(|error| unwritable(&self.path, &error))
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    Error::environment(format!("could not write {}: {error}", path.display()))
        .help("name a file in a folder that is there and that you may write to")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_old_one_until_it_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("schema.sql");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let mut file = Outfile::at(&path).unwrap();
        file.write(b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(file.keep().unwrap(), 3);
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        drop(Outfile::at(&path).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
