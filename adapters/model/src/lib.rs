//! Language models: any server that speaks OpenAI's chat completions, and a stand-in that needs
//! none.

pub mod offline;
pub mod openai;
mod secret;
pub mod sse;
mod tokens;

pub use offline::OfflineModel;
pub use openai::{OpenAiConfig, OpenAiModel};
pub use secret::{Secret, StoredSecret};
pub use tokens::estimate;

/// Makes ring the process's TLS provider, once; again is nothing. Must come before any other client
/// of HTTP is made.
pub fn install_tls() {
    // An error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
