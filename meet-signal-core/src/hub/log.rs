//! The names of rooms in logs: `Hub::room_tag`.

use sha2::{Digest, Sha256};

use super::Hub;
use crate::RoomId;

impl Hub {
    /// The room in the events of `tracing`: 16 hexadecimal digits in place of its name, which may be
    /// personal, or the secret of an invitation. They do not reveal the name, and are the same for as
    /// long as this hub exists; another hub has others.
    ///
    /// An application uses it to find the events of a room, or to write it into its own log beside
    /// a name that is not sensitive.
    pub fn room_tag(&self, room: &RoomId) -> String {
        let hash = Sha256::new().chain_update(self.0.tag_key).chain_update(room.as_str());
        hash.finalize()[..TAG_BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Enough for the rooms of one process to differ.
const TAG_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_of_one_room_of_one_hub() {
        let (hub, other) = (Hub::default(), Hub::default());
        let room = |name: &str| name.parse::<RoomId>().unwrap();
        let tag = hub.room_tag(&room("standup"));
        assert_eq!(tag, hub.clone().room_tag(&room("standup")));
        assert_ne!(tag, hub.room_tag(&room("standup2")));
        assert_ne!(tag, other.room_tag(&room("standup")));
        assert!(tag.len() == 16 && tag.bytes().all(|byte| byte.is_ascii_hexdigit()), "{tag}");
    }
}
