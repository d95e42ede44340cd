//! One turn, from the accepted message to its terminal event: a pure state machine.
//!
//! [`Turn::step`](machine::Turn::step) takes the state by value and one [`Input`](input::Input), and returns the
//! next state with what must become durable (`record`, `usage`, `calls`, …) and what must be
//! asked through ports ([`Request`](step::Request)). What is not an input may not influence a step, and
//! every input is recorded, so a turn can be folded again from its record alone.

pub mod config;
pub mod input;
pub mod machine;
pub mod prompt;
pub mod step;
