//! The packages that are published.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{cargo, root, succeeds};

/// The packages of the workspace that are published, as `cargo metadata` tells.
pub(crate) struct Packages(Vec<Value>);

impl Packages {
    pub(crate) fn published() -> Self {
        let mut metadata = cargo(&["metadata", "--format-version=1", "--no-deps"]);
        let said = succeeds(metadata.current_dir(root()));
        let told: Value = serde_json::from_str(&said).unwrap();
        let all = told["packages"].as_array().unwrap();
        // An empty list says that it may be published nowhere.
        let published: Vec<_> =
            all.iter().filter(|one| one["publish"].is_null()).cloned().collect();
        assert!(published.len() >= 10, "core, the adapters and the services are published");
        Self(published)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.iter()
    }

    /// Packs all of them, and unpacks them below `place`.
    pub(crate) fn unpack(&self, place: &Path) -> Unpacked {
        let packed = place.join("packed");
        let mut package = cargo(&["package", "--no-verify", "--allow-dirty", "--target-dir"]);
        package.arg(&packed).current_dir(root());
        for name in self.names() {
            package.args(["--package", name]);
        }
        succeeds(&mut package);
        let folders = self.0.iter().map(|one| {
            let name = one["name"].as_str().unwrap();
            let full = format!("{name}-{}", one["version"].as_str().unwrap());
            let archive = packed.join("package").join(format!("{full}.crate"));
            (name.to_owned(), unpacked(&archive, place, &full))
        });
        Unpacked(folders.collect())
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|one| one["name"].as_str().unwrap())
    }
}

/// Where the unpacked packages lie, by name.
pub(crate) struct Unpacked(BTreeMap<String, PathBuf>);

impl Unpacked {
    /// What makes cargo take these in place of those of the registry.
    pub(crate) fn patches(&self) -> String {
        let line = |(name, folder): (&String, &PathBuf)| {
            format!("{name} = {{ path = '{}' }}\n", folder.display())
        };
        let lines = self.0.iter().map(line);
        format!("[patch.crates-io]\n{}", lines.collect::<String>())
    }
}

/// The folder of an archive. It is unpacked unless it is the one that lies there already: what did
/// not change is not built anew.
fn unpacked(archive: &Path, place: &Path, full: &str) -> PathBuf {
    let (folder, known) = (place.join(full), place.join(format!("{full}.known")));
    let bytes = fs::read(archive).unwrap();
    if folder.is_dir() && fs::read(&known).is_ok_and(|old| old == bytes) {
        return folder;
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    // The times in an archive are all the same: what is unpacked now is new.
    let mut tar = Command::new("tar");
    succeeds(tar.args(["-x", "-z", "-m", "-f"]).arg(archive).arg("-C").arg(place));
    fs::write(known, bytes).unwrap();
    folder
}
