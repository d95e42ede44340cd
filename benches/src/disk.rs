//! What the disk alone can do: the floor of every durable write.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::samples::Samples;

/// A page of a database.
const PAGE: [u8; 4096] = [0x5a; 4096];

/// A file in a folder that grows by a page at a time, each synced before the next.
#[derive(Debug)]
pub struct SyncedFile {
    file: File,
}

impl SyncedFile {
    /// Makes the file, or makes it empty.
    pub fn create(folder: &Path) -> io::Result<Self> {
        Ok(Self { file: File::create(folder.join("floor.bin"))? })
    }

    /// Appends a page, and returns once the disk has it.
    pub fn append(&mut self) -> io::Result<()> {
        self.file.write_all(&PAGE)?;
        self.file.sync_data()
    }
}

/// The times of appends to a file in `folder`, one after the other, for about `span`.
pub fn syncs(folder: &Path, span: Duration) -> io::Result<Samples> {
    let mut file = SyncedFile::create(folder)?;
    let began = Instant::now();
    let mut times = Vec::new();
    while began.elapsed() < span {
        let before = Instant::now();
        file.append()?;
        times.push(before.elapsed());
    }
    Ok(times.into_iter().collect())
}
