//! The behavior of this adapter that the conformance suite cannot test.

mod addresses;
mod assets;
mod authorize;
mod http2;
mod mounts;
mod on_socket;
mod refuse;
mod secrets;
mod support;
mod upgrade;
mod watch;
