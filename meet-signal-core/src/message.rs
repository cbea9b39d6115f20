//! The messages of the wire protocol, version 1.
//!
//! A client's message borrows from its frame and keeps its payload as raw JSON. A server's message
//! is encoded once for all receivers. `docs/protocol.md` defines their meaning.

mod client;
mod debug;
mod envelope;
#[cfg(test)]
mod golden;
mod malformed;
mod meta;
#[cfg(feature = "schema")]
mod schema;
mod server;

pub use client::{ClientMessage, Join, MAX_OFFERS, Resume};
pub use malformed::{Malformed, Problem};
pub use meta::Meta;
pub use server::{
    ClientLimits, ErrorFrame, IceServer, Knocking, LeaveReason, Peer, Resumed, SelfInfo,
    ServerMessage, Status, Waiting, Welcome,
};

/// The protocol version in a `welcome`.
pub const VERSION: u32 = 1;

/// For fields that are absent unless they are true.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !value
}
