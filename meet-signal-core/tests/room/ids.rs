//! Ids and tickets that a test can tell apart.

use meet_signal_core::{PeerId, ticket::TicketHash};

/// The `n`th peer. Ids come from the server's generator; a test reads them from their text.
pub(crate) fn peer(n: u8) -> PeerId {
    format!("{n:A>21}A").parse().expect("22 characters of base64url")
}

pub(crate) fn ticket_text(n: u8) -> String {
    format!("{n:A>42}A")
}

pub(crate) fn ticket(n: u8) -> TicketHash {
    TicketHash::of(&ticket_text(n)).expect("43 characters of base64url")
}
