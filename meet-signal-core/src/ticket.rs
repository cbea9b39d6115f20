//! Tickets: what proves that a connection belongs to a session.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::random::random;

/// A bearer secret of 256 random bits, given to the client in its `welcome` and kept nowhere else.
pub(crate) struct Ticket([u8; 32]);

impl Ticket {
    pub(crate) fn random() -> Self {
        Self(random())
    }

    pub(crate) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub(crate) fn hash(&self) -> TicketHash {
        TicketHash(Sha256::digest(self.0).into())
    }
}

// A secret must not reach a log by way of `{:?}`.
impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(..)")
    }
}

/// What a server keeps of a ticket: its SHA-256. Whoever reads the server's memory or its store
/// cannot come back as somebody else.
///
/// Comparing two of them takes the same time wherever they differ, so that nobody can find a hash
/// out byte by byte.
#[derive(Clone, Copy, Eq)]
pub struct TicketHash([u8; 32]);

impl TicketHash {
    /// The hash of a ticket as a client presents it; `None` where the text cannot be one.
    pub fn of(presented: &str) -> Option<Self> {
        let mut secret = [0; 32];
        match URL_SAFE_NO_PAD.decode_slice(presented, &mut secret) {
            Ok(32) => Some(Ticket(secret).hash()),
            _ => None,
        }
    }
}

impl PartialEq for TicketHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for TicketHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_presented_ticket_hashes_to_what_was_kept() {
        let ticket = Ticket::random();
        assert_eq!(TicketHash::of(&ticket.encode()), Some(ticket.hash()));
        assert_ne!(ticket.hash(), Ticket::random().hash());
        assert_eq!(TicketHash::of("not a ticket"), None);
    }

    #[test]
    fn secrets_do_not_reach_a_log() {
        let ticket = Ticket::random();
        assert_eq!(format!("{ticket:?} {:?}", ticket.hash()), "Ticket(..) TicketHash(..)");
    }
}
