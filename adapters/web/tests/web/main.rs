//! The routes over real HTTP: a server on a free port of the loopback, with the ports in memory.

mod app;
mod client;
mod faulty;
mod frames;

mod hosts;
mod messages;
mod operations;
mod problems;
mod sessions;
mod stopping;
mod streams;
mod tools;
mod websocket;
