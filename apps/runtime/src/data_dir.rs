//! The folder of all data: made for its owner only, and used by one process at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The file whose lock says that the folder is in use.
const LOCK: &str = "soma.lock";

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It is there, and not a folder.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// It is not there and cannot be made.
    #[error("cannot make the folder {}", path.display())]
    NotMade {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Nothing can be written in it.
    #[error("cannot write in the folder {}", path.display())]
    NotWritable {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Another process uses it.
    #[error("the folder {} is in use by another soma{}", path.display(), by(process))]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The other process's number; empty if it did not say.
        process: String,
    },
}

/// The folder of all data, held by this process until this is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the folder if it is not there, readable for its owner only, and takes it.
    ///
    /// # Errors
    ///
    /// [`DataDirError`] if it cannot be used, or another process uses it.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        make(path)?;
        let not_writable = |source| DataDirError::NotWritable { path: path.into(), source };
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut lock = options.open(path.join(LOCK)).map_err(not_writable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut process = String::new();
                // Who it is is only for the message.
                let _ = lock.read_to_string(&mut process);
                let process = process.trim().to_owned();
                return Err(DataDirError::InUse { path: path.into(), process });
            }
            Err(TryLockError::Error(source)) => return Err(not_writable(source)),
        }
        lock.set_len(0).map_err(not_writable)?;
        writeln!(lock, "{}", std::process::id()).map_err(not_writable)?;
        Ok(Self { path: path.into(), _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn make(path: &Path) -> Result<(), DataDirError> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(DataDirError::NotAFolder(path.into())),
        Err(_) => DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|source| DataDirError::NotMade { path: path.into(), source }),
    }
}

fn by(process: &str) -> String {
    if process.is_empty() { String::new() } else { format!(" (process {process})") }
}
