//! What this adapter does beyond the protocol, and the conformance suite cannot see.

mod addresses;
mod assets;
mod http2;
mod mounts;
mod secrets;
mod support;
mod upgrade;
