//! What this adapter does beyond the protocol, and the conformance suite cannot see.

mod assets;
mod secrets;
mod support;
mod upgrade;
