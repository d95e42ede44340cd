//! The flows of all six services together, over the in-memory ports and in virtual time.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod house;

mod approvals;
mod batches;
mod budgets;
mod calls;
mod cancelling;
mod exhaustive;
mod failing;
mod following;
mod forgetting;
mod idle;
mod losses;
mod memories;
mod models;
mod observed;
mod outages;
mod policies;
mod queueing;
mod reasoning;
mod records;
mod redriving;
mod relaying;
mod releasing;
mod requests;
mod restarts;
mod scale;
mod sharing;
mod storms;
mod story;
mod tools;
mod tracing;
mod unreadable;
mod windows;
