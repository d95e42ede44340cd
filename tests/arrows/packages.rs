//! The packages of the workspace and what they depend on, as `cargo metadata` tells.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::sources::root;

/// Where a member of the workspace lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Core,
    Adapters,
    Apps,
    Tests,
    Benches,
}

/// The packages that are built here, by id, and the edges that end up in a product: those of
/// `[dependencies]` and `[build-dependencies]`, not those of tests.
pub(crate) struct Workspace {
    names: BTreeMap<String, String>,
    members: BTreeMap<String, Place>,
    edges: BTreeMap<String, Vec<String>>,
}

impl Workspace {
    pub(crate) fn load() -> Self {
        let mut command = Command::new(env!("CARGO"));
        command.args(["metadata", "--format-version=1", "--offline", "--filter-platform", &host()]);
        let output = command.current_dir(root()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cargo metadata: {error}");
        Self::of(&serde_json::from_slice(&output.stdout).unwrap())
    }

    fn of(metadata: &Value) -> Self {
        let mut workspace =
            Self { names: BTreeMap::new(), members: BTreeMap::new(), edges: BTreeMap::new() };
        for package in array(&metadata["packages"]) {
            let id = text(&package["id"]);
            workspace.names.insert(id.clone(), text(&package["name"]));
            if package["source"].is_null() {
                workspace.members.insert(id, place(&text(&package["manifest_path"])));
            }
        }
        for node in array(&metadata["resolve"]["nodes"]) {
            let deps = array(&node["deps"]).filter(|dep| in_product(dep));
            let deps = deps.map(|dep| text(&dep["pkg"])).collect();
            workspace.edges.insert(text(&node["id"]), deps);
        }
        workspace
    }

    /// The members that live in `place`.
    pub(crate) fn members(&self, place: Place) -> Vec<String> {
        let there = self.members.iter().filter(|(_, at)| **at == place);
        let names: Vec<_> = there.map(|(id, _)| self.names[id].clone()).collect();
        assert!(!names.is_empty(), "no package in {place:?}: the test is blind");
        names
    }

    /// The members that `package` depends on itself.
    pub(crate) fn members_known_by(&self, package: &str) -> Vec<String> {
        let known = self.edges[self.id(package)].iter().filter(|id| self.members.contains_key(*id));
        known.map(|id| self.names[id].clone()).collect()
    }

    /// Everything that comes with `package`.
    pub(crate) fn closure(&self, package: &str) -> BTreeSet<String> {
        let (mut seen, mut next) = (BTreeSet::new(), vec![self.id(package)]);
        while let Some(id) = next.pop() {
            if seen.insert(id) {
                next.extend(self.edges[id].iter().map(String::as_str));
            }
        }
        seen.into_iter().map(|id| self.names[id].clone()).collect()
    }

    fn id(&self, package: &str) -> &str {
        let found = self.members.keys().find(|id| self.names[*id] == package);
        found.unwrap()
    }
}

/// The platform that this was built for, as cargo calls it.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().into()
}

fn place(manifest: &str) -> Place {
    let path = manifest.strip_prefix(root().to_str().unwrap()).unwrap();
    match path.split('/').nth(1) {
        Some("core") => Place::Core,
        Some("adapters") => Place::Adapters,
        Some("apps") => Place::Apps,
        Some("tests") => Place::Tests,
        Some("benches") => Place::Benches,
        other => panic!("a package in {other:?}"),
    }
}

fn in_product(dep: &Value) -> bool {
    array(&dep["dep_kinds"]).any(|kind| kind["kind"] != "dev")
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().into()
}
