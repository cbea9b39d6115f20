//! The adapter over real sockets, served by several workers.

mod addresses;
mod authorize;
mod client;
mod frames;
mod memory;
mod mounts;
mod on_socket;
mod peer;
mod raw;
mod refuse;
mod responses;
mod room_names;
mod secrets;
mod server;
mod sessions;
mod slow;
mod tls;
mod watch;
