//! The flows of all six services together, over the in-memory ports and in virtual time.

mod house;

mod budgets;
mod cancelling;
mod exhaustive;
mod memories;
mod models;
mod outages;
mod policies;
mod queueing;
mod records;
mod requests;
mod restarts;
mod scale;
mod storms;
mod story;
