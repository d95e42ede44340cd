//! What is sent to be stored.

use soma_core::digest::Digest32;
use soma_core::memory::MemoryWrite;
use soma_core::time::Timestamp;

use crate::failure::{Failure, Kind};
use crate::marks::{document, legacy_document, storable};
use crate::record::Record;
use crate::scope::Scope;

/// A record with what the server is to find it by.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Where it comes from, in the call.
    pub(crate) place: usize,
    /// The server's key.
    pub(crate) key: String,
    /// The record, as text.
    pub(crate) record: String,
    /// What is to be found again; nothing if it is forgotten.
    pub(crate) write: Option<MemoryWrite>,
    /// When it was said.
    pub(crate) at: Timestamp,
    /// The words that are not said.
    marks: String,
}

impl Entry {
    /// A memory; `marks` are the words that it is found by whatever it says.
    pub(crate) fn memory(
        place: usize,
        scope: &Scope,
        write: &MemoryWrite,
    ) -> Result<Self, Failure> {
        let record = Record::of(scope, write);
        let text = text_of(&record)?;
        let Record::Memory { write, .. } = record else { return Err(unwritable()) };
        let marks = format!("{} {}", scope.mark(), scope.session_mark(write.session_id));
        let (key, at) = (scope.key(&write.key), write.at);
        Ok(Self { place, key, record: text, write: Some(write), at, marks })
    }

    /// What takes the place of a memory that is forgotten.
    pub(crate) fn forgotten(
        place: usize,
        scope: &Scope,
        write: &MemoryWrite,
    ) -> Result<Self, Failure> {
        let record = text_of(&Record::Forgotten)?;
        let (key, at) = (scope.key(&write.key), write.at);
        Ok(Self { place, key, record, write: None, at, marks: "forgotten".into() })
    }

    /// Adds a word that it is found by.
    pub(crate) fn mark(&mut self, mark: &str) {
        self.marks = format!("{} {mark}", self.marks);
    }

    /// What was said, as the server may store it.
    pub(crate) fn said(&self) -> String {
        self.write.as_ref().map(|write| storable(&write.text)).unwrap_or_default()
    }

    /// The text that is searched.
    pub(crate) fn document(&self) -> String {
        document(self.write.as_ref().map_or("", |write| &write.text), &self.marks)
    }

    /// The text that is searched, for the legacy API.
    pub(crate) fn legacy_document(&self) -> String {
        legacy_document(self.write.as_ref().map_or("", |write| &write.text), &self.marks)
    }

    /// Seconds since the Unix epoch, as the server counts.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of this century fit into 2^53")]
    pub(crate) fn seconds(&self) -> f64 {
        self.at.as_micros() as f64 / 1e6
    }

    /// A coordinate that no other key has, for the legacy API: three numbers from -1 to 1.
    pub(crate) fn coordinate(&self) -> String {
        let Digest32(bytes) = Digest32::of(self.key.as_bytes());
        let axis = |four: &[u8]| {
            let number = four.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
            (2.0 * f64::from(number) / f64::from(u32::MAX) - 1.0).to_string()
        };
        bytes.chunks_exact(4).take(3).map(axis).collect::<Vec<_>>().join(",")
    }
}

fn text_of(record: &Record) -> Result<String, Failure> {
    record.text().map_err(|_| unwritable())
}

fn unwritable() -> Failure {
    Failure::new(Kind::Rejected, "the memory cannot be written as JSON")
}
