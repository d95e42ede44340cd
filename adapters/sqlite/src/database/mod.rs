//! The file: who may open it, who writes to it, who reads from it.

mod cause;
mod checkpoints;
mod condition;
mod error;
mod migrations;
mod open;
mod reader;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use soma_core::ports::PortResult;

use checkpoints::Checkpoints;
pub(crate) use error::SqlError;
pub use open::OpenError;
use reader::Readers;
pub(crate) use writer::Durability;
use writer::Writer;

/// One SQLite file with its writer thread, its readers, and the thread for its checkpoints. Dropping it waits for what is queued.
#[derive(Debug)]
pub struct Database {
    // Dropped in this order: the last connection to close merges the write-ahead log, and only the
    // writer's may.
    readers: Readers,
    _checkpoints: Checkpoints,
    writer: Writer,
}

impl Database {
    /// Opens the file, or makes it with its folder, and brings its schema up to date.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what is wrong with the file, its folder or its disk.
    pub fn open(path: impl AsRef<Path>) -> Result<Arc<Self>, OpenError> {
        let path = path.as_ref();
        let writing = open::writing(path)?;
        let readers = Readers::start(|| open::reading(path))?;
        let copying = open::copying(path)?;
        let checkpoints = Checkpoints::start(copying).map_err(OpenError::Threads)?;
        let writer = Writer::start(writing, checkpoints.due()).map_err(OpenError::Threads)?;
        Ok(Arc::new(Self { readers, _checkpoints: checkpoints, writer }))
    }

    /// Ends every partition and lane lease, every membership and every claim of work at once. For the
    /// only owner of a data folder at its start: whoever held them is dead. Epochs stay, so that
    /// nobody of the past can come back.
    ///
    /// # Errors
    ///
    /// As any write: nothing happened, unless it is ambiguous.
    pub async fn expire_leases(&self) -> PortResult<()> {
        self.write(Durability::Full, |connection| {
            connection.execute_batch(
                "UPDATE leases SET owner = NULL, until = 0 WHERE owner IS NOT NULL;
                 DELETE FROM members;
                 UPDATE work_owners SET until = 0;",
            )?;
            Ok(())
        })
        .await
    }

    /// What keeps the file from being written to, for people: a full disk, say. None if nothing does,
    /// or nothing has for some seconds.
    pub fn fault(&self) -> Option<&'static str> {
        self.writer.fault()
    }

    /// Runs `job` in the next transaction, alone in a savepoint: if it fails, nothing of it stays,
    /// and its neighbours do. Resolves once the transaction is committed. A job whose caller went
    /// away runs all the same.
    pub(crate) async fn write<T, J>(&self, durability: Durability, job: J) -> PortResult<T>
    where
        T: Send + 'static,
        J: FnOnce(&Connection) -> Result<T, SqlError> + Send + 'static,
    {
        self.writer.run(durability, job).await
    }

    /// Runs `job` on a reader's connection: all it reads is of one moment, after every write that
    /// was answered before.
    pub(crate) async fn read<T, J>(&self, job: J) -> PortResult<T>
    where
        T: Send + 'static,
        J: FnOnce(&Connection) -> Result<T, SqlError> + Send + 'static,
    {
        self.readers.run(job).await
    }
}
