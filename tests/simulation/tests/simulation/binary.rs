//! The simulator as a program, in both builds.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The build that is tested.
pub(crate) fn debug() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_simulate"))
}

/// The other build, if it was made: `tests/run` makes it.
///
/// # Panics
///
/// If it was not, and `CI` is set.
pub(crate) fn release() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_BIN_EXE_simulate")).ancestors().nth(2).unwrap();
    let path = target.join("release").join("simulate");
    if path.is_file() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", path.display());
    None
}

/// What the program says on its standard output.
///
/// # Panics
///
/// If it cannot be run.
pub(crate) fn says(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}
