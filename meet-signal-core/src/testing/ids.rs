//! Readable ids and tickets.
//!
//! A hub's ids are random, like those of [`strategies::peer_id`](super::strategies::peer_id). These
//! contain their number, so that a failing case can be read.

use crate::{PeerId, ticket::TicketHash};

/// The `n`th peer.
///
/// ```
/// use meet_signal_core::testing::ids;
///
/// assert_eq!(ids::peer(17).to_string(), "AAAAAAAAAAAAAAAAAAA17A");
/// ```
pub fn peer(n: u32) -> PeerId {
    format!("{n:A>21}A").parse().expect("22 characters of base64url")
}

/// The ticket that the `n`th peer presents.
pub fn ticket_text(n: u32) -> String {
    format!("{n:A>42}A")
}

/// The hash of the `n`th peer's ticket, which a room keeps.
pub fn ticket(n: u32) -> TicketHash {
    TicketHash::of(&ticket_text(n)).expect("43 characters of base64url")
}
