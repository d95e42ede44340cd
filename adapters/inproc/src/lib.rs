//! Every port in memory: the model that the other adapters are tested against, and all that a
//! program needs to embed the core without a server or a file.

mod ledger;

pub use ledger::InprocLedger;
