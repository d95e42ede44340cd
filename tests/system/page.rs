//! The page in a real browser: `tests/clients/page.mjs` uses it as a person does.

use soma_tests::stub_model::{StubModel, by_markers};

use crate::cache::{clients, program};
use crate::soma::{Folder, Soma};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn page_does_what_a_person_expects() {
    let Some(clients) = clients() else { return };
    let stub = StubModel::start(by_markers).unwrap();
    let data = Folder::new("page");
    let base = stub.base_url();
    let settings = [("SLM_BASE_URL", base.as_str()), ("SLM_MODEL", "stub")];
    let soma = Soma::start(data.path(), &settings);
    let mut command = program(&clients, "page.mjs");
    command.arg(&soma.url).arg(data.path().join("page.png"));

    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();

    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.lines().count(), 6, "each part says its name: {said}");
}
