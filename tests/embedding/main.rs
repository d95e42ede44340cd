//! The program of `docs/embedding.md`: it compiles, it answers, and the page shows it as it is.
#![expect(clippy::disallowed_methods, reason = "the program spawns as a program of anyone would")]

mod program;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn program_answers_a_message() {
    let answer = program::answer("hello").await.unwrap();

    assert!(answer.contains("hello"), "{answer}");
}

#[test]
fn page_shows_the_program() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let page = std::fs::read_to_string(format!("{root}/docs/embedding.md")).unwrap();
    let program = std::fs::read_to_string(format!("{root}/tests/embedding/program.rs")).unwrap();

    assert!(
        page.contains(program.trim()),
        "docs/embedding.md is behind tests/embedding/program.rs"
    );
}
