//! Session tickets, which prove that a connection belongs to a session.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::random::random;

/// A bearer token of 256 random bits. The client gets it in its `welcome`; the server keeps only
/// its hash.
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

// A secret must not be logged by `{:?}`.
impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(..)")
    }
}

/// The SHA-256 of a ticket, which is all that the server keeps of it. An attacker who reads the
/// server's memory or store cannot resume a session with it.
///
/// Comparison takes constant time, so that timing does not reveal a hash byte by byte.
#[derive(Clone, Copy, Eq)]
pub struct TicketHash([u8; 32]);

impl TicketHash {
    /// The hash of a ticket from a client; `None` if the text is not a ticket.
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
