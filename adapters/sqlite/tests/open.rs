//! What a database file may be like when it is opened.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use soma_sqlite::{Database, OpenError};
use tempfile::TempDir;

/// A folder with a database that was closed.
fn closed() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("soma.db");
    drop(Database::open(&path).unwrap());
    (folder, path)
}

fn refusal(path: &Path) -> OpenError {
    Database::open(path).unwrap_err()
}

/// Opens the file as a user who owns nothing. Only root can become one; anyone else is one.
fn refusal_to_nobody(path: &Path) -> OpenError {
    let open = || {
        let nobody = rustix::thread::Uid::from_raw(65_534);
        // Fails for who is not root, and is not needed then.
        let _ = rustix::thread::set_thread_res_uid(nobody, nobody, nobody);
        refusal(path)
    };
    std::thread::scope(|scope| scope.spawn(open).join().unwrap())
}

#[test]
fn missing_file_is_made_with_its_folder_for_its_user_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a/b/soma.db");

    Database::open(&path).unwrap();

    let mode = fs::metadata(folder.path().join("a/b")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert!(path.is_file());
}

#[test]
fn file_can_be_opened_again_once_it_is_closed() {
    let (_folder, path) = closed();

    for _ in 0..20 {
        Database::open(&path).unwrap();
    }
}

#[test]
fn newer_schema_is_refused_and_left_alone() {
    let (_folder, path) = closed();
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 1_000).unwrap();
    let before = fs::read(&path).unwrap();

    let error = refusal(&path);

    assert!(matches!(error, OpenError::NewerSchema { found: 1_000, .. }), "{error:?}");
    assert!(error.to_string().contains("has schema 1000, this release knows up to"));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn text_is_no_database() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("soma.db");
    fs::write(&path, "a letter to someone, not a database at all ".repeat(50)).unwrap();

    let error = refusal(&path);

    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error:?}");
    assert!(fs::read_to_string(&path).unwrap().starts_with("a letter"));
}

#[test]
fn database_of_another_program_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("photos.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE photos (id)").unwrap();
    let before = fs::read(&path).unwrap();

    let error = refusal(&path);

    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn damaged_file_is_corrupt() {
    let (_folder, path) = closed();
    let file = File::options().write(true).open(&path).unwrap();
    file.write_all_at(&[0xA5; 3_996], 100).unwrap();

    let error = refusal(&path);

    assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
}

#[test]
fn file_that_was_cut_is_corrupt() {
    let (_folder, path) = closed();
    File::options().write(true).open(&path).unwrap().set_len(8_192).unwrap();

    let error = refusal(&path);

    assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
}

#[test]
fn read_only_file_is_told() {
    let (folder, path) = closed();
    fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();

    let error = refusal_to_nobody(&path);

    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error:?}");
}

#[test]
fn read_only_folder_is_told() {
    let (folder, path) = closed();
    fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();

    let error = refusal_to_nobody(&path);

    assert!(
        matches!(error, OpenError::ReadOnly { .. } | OpenError::Unopenable { .. }),
        "{error:?}"
    );
}

#[test]
fn folder_that_cannot_be_made_is_told() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "in the way").unwrap();

    let error = refusal(&file.join("data/soma.db"));

    assert!(matches!(error, OpenError::Folder { .. }), "{error:?}");
}

#[test]
fn folder_in_place_of_the_file_is_told() {
    let folder = TempDir::new().unwrap();

    let error = refusal(folder.path());

    assert!(matches!(error, OpenError::Unopenable { .. }), "{error:?}");
}
