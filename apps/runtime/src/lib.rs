//! What every binary of the platform needs and no flow should know: settings, telemetry, signals,
//! the data folder, and the runtime.

pub mod config;
pub mod data_dir;
pub mod report;
pub mod shutdown;
pub mod telemetry;
mod traces;

use std::io;
use std::time::Duration;

/// How long calls that block a thread may take to end once the program's own future is done.
const LAST_CALLS: Duration = Duration::from_secs(1);

/// Runs `program` to its end on a runtime with one thread per core.
///
/// # Errors
///
/// If the operating system gives no threads.
pub fn block_on<F: Future>(program: F) -> io::Result<F::Output> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().thread_name("soma").enable_all().build()?;
    let output = runtime.block_on(program);
    runtime.shutdown_timeout(LAST_CALLS);
    traces::end();
    Ok(output)
}
