//! The description of the interface is good enough for programs that are made of it.

use crate::cache::{clients, program};
use crate::soma::{Folder, Soma};

/// A program of `tests/clients` does what it says against a platform of its own.
async fn passes(name: &'static str) {
    let Some(clients) = clients() else { return };
    let data = Folder::new(name);
    let soma = Soma::start(data.path(), &[]);
    let mut command = program(&clients, name);
    command.arg(&soma.url).stderr(std::process::Stdio::piped());

    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();

    let (said, cried) = (output.stdout, output.stderr);
    let (said, cried) = (String::from_utf8_lossy(&said), String::from_utf8_lossy(&cried));
    assert!(output.status.success(), "{name}: {said}{cried}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn description_passes_a_linter_of_others() {
    passes("openapi.mjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_in_typescript_holds_a_conversation() {
    passes("typescript.mjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_in_python_holds_a_conversation() {
    passes("conversation.py").await;
}
