//! What the writer and the readers promise to the ports.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use rusqlite::{Connection, ffi};
use soma_core::ports::{PortError, PortResult};
use tempfile::TempDir;

use super::error::Undone;
use super::{Database, Durability, SqlError};

/// A database with a table of names.
async fn database() -> (TempDir, Arc<Database>) {
    let folder = TempDir::new().unwrap();
    let database = Database::open(folder.path().join("soma.db")).unwrap();
    database
        .write(Durability::Full, |c| Ok(c.execute_batch("CREATE TABLE names (name TEXT)")?))
        .await
        .unwrap();
    (folder, database)
}

fn add(connection: &Connection, name: &str) -> Result<(), SqlError> {
    connection.execute("INSERT INTO names (name) VALUES (?1)", [name])?;
    Ok(())
}

async fn names(database: &Database) -> Vec<String> {
    let read = |c: &Connection| {
        let mut select = c.prepare("SELECT name FROM names ORDER BY rowid")?;
        let names = select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(names)
    };
    database.read(read).await.unwrap()
}

/// A job that lasts until it is let go, so that others queue up behind it.
async fn hold(database: &Database, until: mpsc::Receiver<()>) {
    let wait = move |_: &Connection| {
        until.recv().unwrap();
        Ok(())
    };
    database.write(Durability::Full, wait).await.unwrap();
}

#[tokio::test]
async fn job_that_fails_undoes_itself_and_nothing_of_its_neighbours() {
    let (_folder, database) = database().await;
    let (go, until) = mpsc::channel();
    let fails = |c: &Connection| -> Result<(), SqlError> {
        add(c, "undone")?;
        Ok(c.execute_batch("INSERT INTO nowhere VALUES (1)")?)
    };
    let panics = |c: &Connection| -> Result<(), SqlError> {
        add(c, "undone too")?;
        panic!("a bug in a job")
    };

    let ((), before, failed, panicked, after, ()) = tokio::join!(
        hold(&database, until),
        database.write(Durability::Full, |c| add(c, "before")),
        database.write(Durability::Full, fails),
        database.write(Durability::Relaxed, panics),
        database.write(Durability::Relaxed, |c| add(c, "after")),
        async { go.send(()).unwrap() },
    );

    assert!(matches!((before, after), (Ok(()), Ok(()))));
    assert!(matches!(failed, Err(PortError::Broken { what: "a statement failed", .. })));
    assert!(matches!(panicked, Err(PortError::Broken { what: "a job panicked", .. })));
    assert_eq!(names(&database).await, ["before", "after"]);
}

#[tokio::test]
async fn jobs_that_wait_together_are_committed_together() {
    let (_folder, database) = database().await;
    let (go, until) = mpsc::channel();
    let path = database.read(|c| Ok(c.path().map(str::to_owned))).await.unwrap().unwrap();
    let outside = move |_: &Connection| -> Result<i64, SqlError> {
        let other = Connection::open(&path)?;
        Ok(other.query_row("SELECT count(*) FROM names", [], |row| row.get(0))?)
    };

    let ((), first, seen, ()) = tokio::join!(
        hold(&database, until),
        database.write(Durability::Full, |c| add(c, "first")),
        database.write(Durability::Full, outside),
        async { go.send(()).unwrap() },
    );

    first.unwrap();
    assert_eq!(seen.unwrap(), 0, "the first was committed before the second ran");
    assert_eq!(names(&database).await, ["first"]);
}

#[tokio::test]
async fn write_that_was_answered_is_seen_by_the_next_read() {
    let (_folder, database) = database().await;

    for number in 0..200 {
        let durability = if number % 2 == 0 { Durability::Full } else { Durability::Relaxed };
        database.write(durability, move |c| add(c, &number.to_string())).await.unwrap();

        assert_eq!(names(&database).await.len(), number + 1);
    }
}

#[tokio::test]
async fn readers_cannot_write_and_survive_a_panic() {
    let (_folder, database) = database().await;

    let panicked: Vec<PortResult<()>> =
        join_all((0..9).map(|_| database.read(|_| panic!("a bug in a job")))).await;
    let written = database.read(|c| add(c, "sneaked in")).await;

    assert!(panicked.iter().all(Result::is_err));
    assert!(written.is_err());
    assert_eq!(names(&database).await, [""; 0]);
}

#[tokio::test]
async fn full_disk_is_told_and_loses_nothing_that_was_answered() {
    let (_folder, database) = database().await;
    database.write(Durability::Full, |c| add(c, "kept")).await.unwrap();
    let limit = |pages: i64| {
        move |c: &Connection| {
            let _: i64 =
                c.pragma_update_and_check(None, "max_page_count", pages, |row| row.get(0))?;
            Ok(())
        }
    };
    database.write(Durability::Full, limit(1)).await.unwrap();
    let big = "x".repeat(1 << 20);

    let (small, large) = tokio::join!(
        database.write(Durability::Full, |c| add(c, "small")),
        database.write(Durability::Full, move |c| add(c, &big)),
    );
    let kept = names(&database).await;
    database.write(Durability::Full, limit(1 << 30)).await.unwrap();
    database.write(Durability::Full, |c| add(c, "again")).await.unwrap();

    let told = large.unwrap_err();
    assert!(matches!(told, PortError::Unavailable(_)), "{told:?}");
    assert_eq!(kept.contains(&"small".to_owned()), small.is_ok());
    assert!(small.is_ok() || small.is_err_and(|error| error.is_transient()));
    assert_eq!(kept.first().unwrap(), "kept");
    assert_eq!(names(&database).await.last().unwrap(), "again");
}

#[test]
fn failed_commit_is_ambiguous_unless_it_cannot_have_happened() {
    let outcome = |code| {
        let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        Undone::commit(error).port_error()
    };

    assert!(matches!(outcome(ffi::SQLITE_IOERR_FSYNC), PortError::Ambiguous(_)));
    assert!(matches!(outcome(ffi::SQLITE_CORRUPT), PortError::Ambiguous(_)));
    assert!(matches!(outcome(ffi::SQLITE_FULL), PortError::Unavailable(_)));
    assert!(matches!(outcome(ffi::SQLITE_BUSY), PortError::Unavailable(_)));
}

#[test]
fn neighbour_of_a_job_that_lost_the_transaction_is_not_to_blame() {
    let no_savepoint = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_ERROR), None);

    let error = Undone::lost(no_savepoint).port_error();

    assert!(matches!(error, PortError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn full_disk_is_told_until_there_is_room() {
    let (_folder, database) = database().await;
    let limit = |pages: i64| {
        move |c: &Connection| {
            let _: i64 =
                c.pragma_update_and_check(None, "max_page_count", pages, |row| row.get(0))?;
            Ok(())
        }
    };
    assert_eq!(database.fault(), None);
    database.write(Durability::Full, limit(1)).await.unwrap();
    let big = "x".repeat(1 << 20);

    database.write(Durability::Full, move |c| add(c, &big)).await.unwrap_err();

    assert_eq!(database.fault(), Some("the disk is full"));
}

#[tokio::test]
async fn job_whose_caller_went_away_runs_all_the_same() {
    let (_folder, database) = database().await;
    let (go, until) = mpsc::channel();

    let abandoned = async {
        let write = database.write(Durability::Full, |c| add(c, "abandoned"));
        let gone = write.now_or_never();
        assert!(gone.is_none());
        go.send(()).unwrap();
    };
    tokio::join!(hold(&database, until), abandoned);

    database.write(Durability::Full, |_| Ok(())).await.unwrap();
    assert_eq!(names(&database).await, ["abandoned"]);
}

#[tokio::test]
async fn what_is_committed_reaches_the_file_without_the_writer() {
    let (folder, database) = database().await;
    let alone = folder.path().join("alone.db");
    database.write(Durability::Full, |c| add(c, "copied")).await.unwrap();

    // The file without its log: there is nobody else who copies from one to the other so early.
    let copied = || {
        std::fs::copy(folder.path().join("soma.db"), &alone).unwrap();
        let file = Connection::open(&alone).unwrap();
        file.query_row("SELECT name FROM names", [], |row| row.get::<_, String>(0))
    };
    #[expect(clippy::disallowed_methods, reason = "a thread of the database is waited for")]
    let looks = async {
        while copied().is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), looks).await.unwrap();

    assert_eq!(copied().unwrap(), "copied");
    drop(database);
    assert!(
        !folder.path().join("soma.db-wal").exists(),
        "the writer's connection was not the last"
    );
}
