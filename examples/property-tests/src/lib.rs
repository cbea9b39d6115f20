//! An application's own rule about its rooms: a meeting is over when its host has left. Its property
//! test is in `tests/host.rs`.

use meet_signal_core::{Grant, Hub, Meta, RoomId, driver::serve, socket::Socket};

/// What somebody is in a meeting, by the application's own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an example")]
pub enum Role {
    /// Leads it. It may lose its connection and come back; when it leaves, everybody does.
    Host,
    /// Takes part.
    Guest,
}

impl Role {
    /// What the others are told: `"host"` or `"guest"`, which nobody can claim for itself.
    pub fn meta(self) -> Meta {
        let name = match self {
            Self::Host => "host",
            Self::Guest => "guest",
        };
        Meta::new(&name).expect("a string is JSON")
    }
}

/// Serves one connection of a meeting: what the handler of the application's route awaits.
///
/// # Cancel safety
///
/// As [`serve`]; the rule holds then, too.
pub async fn attend(hub: Hub, room: RoomId, role: Role, socket: impl Socket) {
    // Its destructor runs after the session's, however the connection ends.
    let _rule = CloseWithHost { hub: hub.clone(), room: room.clone() };
    serve(hub, room, Grant::new().meta(role.meta()), socket).await;
}

struct CloseWithHost {
    hub: Hub,
    room: RoomId,
}

impl Drop for CloseWithHost {
    fn drop(&mut self) {
        // A host who came back on another connection is still there.
        let members = self.hub.roster(&self.room);
        if members.iter().all(|member| member.meta != Role::Host.meta()) {
            self.hub.close_room(&self.room);
        }
    }
}
