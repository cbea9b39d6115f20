//! The adapter over real sockets, served by several workers.

mod answers;
mod frames;
mod memory;
mod peer;
mod secrets;
mod server;
mod sessions;
mod slow;
