//! Signals to stop.

use std::io;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use soma_core::flows::stop::Stop;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a shell reports for a program that a signal ended, less the signal's number.
const ENDED_BY: i32 = 128;
/// How long the same signal counts as the first one still: `timeout` sends it to the process and to
/// its group, and who runs a program for others passes on what its terminal sent to both.
const MOMENT: Duration = Duration::from_millis(500);

/// Gives `stop` at the first SIGTERM or SIGINT; the second one ends the process at once, unless it is
/// the first again within a moment. To be called within the runtime.
///
/// # Errors
///
/// If the operating system refuses to tell of signals.
pub fn stop_on_signals(stop: Stop) -> io::Result<()> {
    let mut signals = Signals {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
    };
    let listen = async move {
        let first = signals.next().await;
        tracing::info!(signal = first, "stopping; a second signal ends at once");
        stop.trigger();
        let second = match signals.another(first).await {
            Some(other) => other,
            None => signals.next().await,
        };
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

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// The number of the signal that comes next.
    async fn next(&mut self) -> i32 {
        let (terminate, interrupt) = (pin!(self.terminate.recv()), pin!(self.interrupt.recv()));
        let next = match select(terminate, interrupt).await {
            Either::Left(_) => SignalKind::terminate(),
            Either::Right(_) => SignalKind::interrupt(),
        };
        next.as_raw_value()
    }

    /// A signal that is not `first` and comes within a moment.
    async fn another(&mut self, first: i32) -> Option<i32> {
        let other = pin!(async {
            loop {
                let next = self.next().await;
                if next != first {
                    return next;
                }
            }
        });
        #[expect(clippy::disallowed_methods, reason = "nothing is set up that could wait for it")]
        let moment = pin!(tokio::time::sleep(MOMENT));
        match select(other, moment).await {
            Either::Left((other, _)) => Some(other),
            Either::Right(_) => None,
        }
    }
}
