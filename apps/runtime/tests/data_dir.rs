//! The folder of all data: its rights, and who holds it.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use soma_runtime::data_dir::{DataDir, DataDirError};
use tempfile::tempdir;

fn rights(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn folder_is_made_for_its_owner_only() {
    let place = tempdir().unwrap();
    let path = place.path().join("share/soma");

    let data = DataDir::open(&path).unwrap();

    assert_eq!(data.path(), path);
    assert_eq!(rights(&path), 0o700);
    assert_eq!(rights(&path.join("soma.lock")), 0o600);
}

#[test]
fn second_instance_is_refused_by_the_name_of_the_folder() {
    let place = tempdir().unwrap();
    let _first = DataDir::open(place.path()).unwrap();

    let error = DataDir::open(place.path()).unwrap_err();

    assert!(matches!(error, DataDirError::InUse { .. }), "{error:?}");
    let expected = format!(
        "the folder {} is in use by another soma (process {})",
        place.path().display(),
        std::process::id()
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn folder_is_free_once_it_is_dropped() {
    let place = tempdir().unwrap();

    drop(DataDir::open(place.path()).unwrap());

    assert!(DataDir::open(place.path()).is_ok());
}

#[test]
fn file_in_place_of_the_folder_is_named() {
    let place = tempdir().unwrap();
    let path = place.path().join("soma");
    fs::write(&path, "").unwrap();

    let error = DataDir::open(&path).unwrap_err();

    assert_eq!(error.to_string(), format!("{} is not a folder", path.display()));
}

#[test]
fn folder_that_cannot_be_made_is_named() {
    let place = tempdir().unwrap();
    fs::write(place.path().join("file"), "").unwrap();

    let error = DataDir::open(&place.path().join("file/soma")).unwrap_err();

    assert!(matches!(error, DataDirError::NotMade { .. }), "{error:?}");
}

#[test]
fn lock_that_cannot_be_written_is_an_error_of_its_own() {
    let place = tempdir().unwrap();
    fs::create_dir(place.path().join("soma.lock")).unwrap();

    let error = DataDir::open(place.path()).unwrap_err();

    assert!(matches!(error, DataDirError::NotWritable { .. }), "{error:?}");
}
