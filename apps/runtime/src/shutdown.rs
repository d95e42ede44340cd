//! Signals to stop.

use std::io;

use futures_util::future::{Either, select};
use soma_core::flows::stop::Stop;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a shell reports for a program that a signal ended, less the signal's number.
const ENDED_BY: i32 = 128;

/// Gives `stop` at the first SIGTERM or SIGINT; the second one ends the process at once. To be
/// called within the runtime.
///
/// # Errors
///
/// If the operating system refuses to tell of signals.
pub fn stop_on_signals(stop: Stop) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listen = async move {
        let first = either(&mut terminate, &mut interrupt).await;
        tracing::info!(signal = first, "stopping; a second signal ends at once");
        stop.trigger();
        let second = either(&mut terminate, &mut interrupt).await;
        tracing::warn!(signal = second, "ended by a second signal");
        std::process::exit(ENDED_BY + second);
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "it listens until the process ends, so shutdown must not wait for it"
    )]
    tokio::spawn(listen);
    Ok(())
}

/// The number of the signal that comes first.
async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> i32 {
    let first = {
        let (terminate, interrupt) =
            (std::pin::pin!(terminate.recv()), std::pin::pin!(interrupt.recv()));
        match select(terminate, interrupt).await {
            Either::Left(_) => SignalKind::terminate(),
            Either::Right(_) => SignalKind::interrupt(),
        }
    };
    first.as_raw_value()
}
