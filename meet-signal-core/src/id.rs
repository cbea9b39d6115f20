//! Identifiers: parsed at the boundary, opaque afterwards.

use std::{borrow::Borrow, fmt, hash, str::FromStr, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::random::random;

/// The name of a room: 1 to 64 characters of `A-Z a-z 0-9 . _ ~ -`, which no URL has to escape (RFC
/// 3986, section 2.3).
///
/// Cloning increments a reference count.
///
/// ```
/// use meet_signal_core::RoomId;
///
/// let room: RoomId = "standup".parse()?;
/// assert_eq!(room.as_str(), "standup");
/// assert!("no spaces".parse::<RoomId>().is_err());
/// # Ok::<(), meet_signal_core::InvalidRoomId>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomId(Arc<str>);

impl RoomId {
    /// The longest name, in characters (which are bytes, since all of them are ASCII).
    pub const MAX_LEN: usize = 64;

    /// The name as it is in the URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoomId {
    type Err = InvalidRoomId;

    fn from_str(name: &str) -> Result<Self, InvalidRoomId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'-');
        if (1..=Self::MAX_LEN).contains(&name.len()) && name.bytes().all(allowed) {
            Ok(Self(name.into()))
        } else {
            Err(InvalidRoomId)
        }
    }
}

// `str` and `RoomId` hash and compare alike, so a map keyed by `RoomId` can be queried with
// `&str`.
impl Borrow<str> for RoomId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoomId({})", self.0)
    }
}

impl Serialize for RoomId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RoomId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        name.parse().map_err(de::Error::custom)
    }
}

/// The text is not a valid room name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a room name is 1 to 64 characters of A-Z a-z 0-9 . _ ~ -")]
#[non_exhaustive]
pub struct InvalidRoomId;

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
    fn room_names_are_what_no_url_escapes() {
        for name in ["a", "Stand-up_1.~", &"x".repeat(64)] {
            assert_eq!(name.parse::<RoomId>().unwrap().as_str(), name);
        }
        for name in ["", "a b", "a/b", "ä", "a%20b", "a\n", &"x".repeat(65)] {
            assert_eq!(name.parse::<RoomId>(), Err(InvalidRoomId), "{name:?}");
        }
    }

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
