//! The ids of peers.

use std::{fmt, hash, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::random::random;

/// The id of one participant of one room: 128 random bits from the server, unguessable.
///
/// On the wire and in [`Display`](fmt::Display) it is 22 characters of base64url (RFC 4648,
/// section 5, without padding).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PeerId([u8; 16]);

impl PeerId {
    pub(crate) fn random() -> Self {
        Self(random())
    }

    /// 32 of the random bits, none of which a map uses as its hash.
    pub(crate) fn low_bits(self) -> u32 {
        let (_, tail) = self.0.split_at(12);
        u32::from_ne_bytes(tail.try_into().expect("4 of 16 bytes"))
    }

    /// The id as it is on the wire.
    pub(crate) fn encode(self, buffer: &mut [u8; 22]) -> &str {
        URL_SAFE_NO_PAD.encode_slice(self.0, buffer).expect("16 bytes are 22 characters of base64");
        std::str::from_utf8(buffer).expect("base64 is ASCII")
    }
}

impl FromStr for PeerId {
    type Err = InvalidPeerId;

    fn from_str(text: &str) -> Result<Self, InvalidPeerId> {
        let mut bytes = [0; 16];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(16) => Ok(Self(bytes)),
            _ => Err(InvalidPeerId),
        }
    }
}

// The bits are random and clients cannot choose them (a client can only look ids up), so any 64
// of them are a hash that no attacker can control; see `IdHasher`.
impl hash::Hash for PeerId {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        let (head, _) = self.0.split_at(8);
        state.write_u64(u64::from_ne_bytes(head.try_into().expect("8 of 16 bytes")));
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.encode(&mut [0; 22]))
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({self})")
    }
}

impl Serialize for PeerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.encode(&mut [0; 22]))
    }
}

/// The text is not a peer id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a peer id is 22 characters of base64url")]
#[non_exhaustive]
pub struct InvalidPeerId;

/// Returns the random bits of a [`PeerId`] as its hash.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct IdHasher(u64);

impl hash::Hasher for IdHasher {
    fn write_u64(&mut self, bits: u64) {
        self.0 = bits;
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only `PeerId` is hashed, by `write_u64`");
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A map keyed by peer.
pub(crate) type PeerMap<T> =
    std::collections::HashMap<PeerId, T, hash::BuildHasherDefault<IdHasher>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peer_ids_survive_the_wire_and_have_one_spelling() {
        let id = PeerId::random();
        let text = id.to_string();
        assert_eq!(text.len(), 22);
        assert_eq!(text.parse(), Ok(id));
        assert_ne!(id, PeerId::random());
        // 22 characters carry 132 bits: if the last four were ignored, one id would have 16
        // encodings.
        assert!("AAAAAAAAAAAAAAAAAAAAAA".parse::<PeerId>().is_ok());
        assert!("AAAAAAAAAAAAAAAAAAAAAB".parse::<PeerId>().is_err());
        for text in ["", "short", "AAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(text.parse::<PeerId>(), Err(InvalidPeerId), "{text:?}");
        }
    }
}
