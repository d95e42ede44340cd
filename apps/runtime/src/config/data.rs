//! Where things are in a person's home, by the XDG rules.

use std::path::PathBuf;

use super::reader::Reader;
use super::{Env, parse, setting};

/// The folder of all data: the one that was set, or the person's own.
pub(super) fn folder(reader: &mut Reader<'_>) -> PathBuf {
    if reader.is_set(setting::DATA) {
        return reader.or(setting::DATA, PathBuf::new(), parse::path);
    }
    home(reader.env(), "XDG_DATA_HOME", ".local/share").unwrap_or_else(|| {
        let what = "must be set, as neither XDG_DATA_HOME nor HOME is";
        reader.problem(setting::DATA, what);
        PathBuf::new()
    })
}

/// The folder `soma` in the folder that `variable` names, or else in `below` the home folder.
pub(super) fn home(env: Env<'_>, variable: &str, below: &str) -> Option<PathBuf> {
    // The XDG rules: a path that is not absolute is as good as none.
    let absolute = |variable| env(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(below)))?;
    Some(base.join("soma"))
}
