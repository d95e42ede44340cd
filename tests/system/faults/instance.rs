//! A place where a service runs: its process is started again whenever it ends, as an init system does.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::processes::{command, up};

/// How long a process may take to start.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long it may take to come to its fail-point.
const WAY: Duration = Duration::from_secs(40);
/// Between the end of a process and the start of the next.
const PAUSE: Duration = Duration::from_millis(100);

/// A place, and the process that runs there.
pub(crate) struct Instance {
    pub(crate) service: &'static str,
    place: Arc<Place>,
    keeper: Option<JoinHandle<()>>,
}

struct Place {
    seen: watch::Sender<Seen>,
    /// Of the next process.
    fail_point: Mutex<Option<String>>,
}

/// What was seen of the processes.
#[derive(Clone, Debug, Default)]
struct Seen {
    pid: Option<u32>,
    starts: usize,
    ends: Vec<ExitStatus>,
    closed: bool,
}

impl Instance {
    /// Starts the first process, and waits until it is up.
    pub(crate) async fn start(
        service: &'static str,
        settings: Vec<(&'static str, String)>,
    ) -> Self {
        let (seen, _) = watch::channel(Seen::default());
        let place = Arc::new(Place { seen, fail_point: Mutex::default() });
        let kept = Arc::clone(&place);
        let keeper = std::thread::spawn(move || kept.keep(service, &settings));
        let instance = Self { service, place, keeper: Some(keeper) };
        instance.until("it is up", |seen| seen.starts > 0).await;
        instance
    }

    /// `kill -9`; another process is up when this returns.
    pub(crate) async fn kill(&self) {
        let starts = self.starts();
        self.signal("KILL");
        self.until("it is up again", |seen| seen.starts > starts).await;
    }

    /// An orderly stop; another process is up when this returns.
    pub(crate) async fn stop(&self) {
        let (starts, ends) = (self.starts(), self.ends());
        self.signal("TERM");
        self.until("it is up again", |seen| seen.starts > starts).await;
        let seen = self.place.seen.borrow();
        assert!(seen.ends[ends].success(), "{}: {}", self.service, seen.ends[ends]);
    }

    /// Has a process of its own end at a fail-point; another is up when this returns. Returns whether
    /// it came to that point.
    pub(crate) async fn fail_at(&self, point: &str) -> bool {
        *self.place.fail_point.lock().unwrap() = Some(point.into());
        self.stop().await;
        let (starts, ends) = (self.starts(), self.ends());
        let came = self.within(WAY, |seen| seen.ends.len() > ends).await;
        if came {
            let end = self.place.seen.borrow().ends[ends];
            assert_eq!(end.signal(), Some(6), "{} was to abort at {point}: {end}", self.service);
            self.until("it is up again", |seen| seen.starts > starts).await;
        } else {
            self.stop().await;
        }
        came
    }

    /// Sends a signal to the process.
    pub(crate) fn signal(&self, name: &str) {
        if let Some(pid) = self.place.seen.borrow().pid {
            let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status();
            assert!(sent.unwrap().success());
        }
    }

    fn starts(&self) -> usize {
        self.place.seen.borrow().starts
    }

    fn ends(&self) -> usize {
        self.place.seen.borrow().ends.len()
    }

    async fn until(&self, what: &str, holds: impl Fn(&Seen) -> bool) {
        assert!(self.within(PATIENCE, holds).await, "{}: not in time: {what}", self.service);
    }

    async fn within(&self, most: Duration, holds: impl Fn(&Seen) -> bool) -> bool {
        let mut seen = self.place.seen.subscribe();
        timeout(most, seen.wait_for(|seen| holds(seen))).await.is_ok()
    }
}

impl Place {
    fn keep(&self, service: &str, settings: &[(&'static str, String)]) {
        while !self.seen.borrow().closed {
            let mut command = command(service, settings);
            if let Some(point) = self.fail_point.lock().unwrap().take() {
                command.env("SOMA_FAIL_POINT", point);
            }
            let mut child = command.spawn().unwrap();
            self.seen.send_modify(|seen| seen.pid = Some(child.id()));
            // Closed in between, it would be left alone.
            if self.seen.borrow().closed {
                let _ = child.kill();
            }
            let out = child.stdout.take().unwrap();
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if up(&line).is_some() {
                    self.seen.send_modify(|seen| seen.starts += 1);
                }
            }
            let end = child.wait().unwrap();
            self.seen.send_modify(|seen| {
                seen.pid = None;
                seen.ends.push(end);
            });
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.place.seen.send_modify(|seen| seen.closed = true);
        if let Some(pid) = self.place.seen.borrow().pid {
            let _ = Command::new("kill").args(["-s", "KILL", &pid.to_string()]).status();
        }
        let _ = self.keeper.take().map(JoinHandle::join);
    }
}
