//! The six services of the platform, each built once, from the same [`Ports`] and [`Settings`].
//!
//! A [`Composition`] builds them: whoever runs the platform (the binaries, `soma up`, the simulator, a
//! program that embeds it) differs only in the adapters that it puts into the ports, and in the
//! [`World`](soma_core::flows::world::World) it runs them in.
//!
//! With the feature `web` the gateway answers HTTP and WebSocket; without, it is its use cases.

mod composition;
mod conversation_worker;
mod gateway;
mod memory_replicator;
mod memory_sync;
mod outbox_sync;
mod ports;
mod settings;
mod soma;
mod supervisor;
mod tool_executor;
mod unit;
#[cfg(feature = "web")]
mod web;

pub use composition::{Background, Composition};
pub use conversation_worker::ConversationWorker;
pub use gateway::Gateway;
pub use memory_replicator::MemoryReplicator;
pub use memory_sync::MemorySync;
pub use outbox_sync::OutboxSync;
pub use ports::Ports;
pub use settings::Settings;
pub use soma::{Builder, SetupError, Soma};
pub use supervisor::{Factory, Supervisor};
pub use tool_executor::ToolExecutor;
pub use unit::{Instance, Unit};
#[cfg(feature = "web")]
pub use web::{Edge, WebGateway};
