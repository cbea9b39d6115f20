//! An application's own rule about its rooms: a meeting ends when its host leaves. The property test of
//! the rule is in `tests/host.rs`.

use meet_signal_core::{Grant, Hub, Meta, RoomId, driver::serve, socket::Socket};

/// The role of a participant in a meeting, which the application decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an example")]
pub enum Role {
    /// Leads the meeting. It may lose its connection and resume; when it leaves, the meeting ends.
    Host,
    /// Takes part in the meeting.
    Guest,
}

impl Role {
    /// What the others see: `"host"` or `"guest"`. A client cannot set it.
    pub fn meta(self) -> Meta {
        let name = match self {
            Self::Host => "host",
            Self::Guest => "guest",
        };
        Meta::new(&name).expect("a string is JSON")
    }
}

/// Serves one connection of a meeting. The handler of the application's route awaits it.
///
/// # Cancel safety
///
/// As of [`serve`]; the rule also holds then.
pub async fn attend(hub: Hub, room: RoomId, role: Role, socket: impl Socket) {
    // Its destructor runs after that of the session, however the connection ends.
    let _rule = CloseWithHost { hub: hub.clone(), room: room.clone() };
    serve(hub, room, Grant::new().meta(role.meta()), socket).await;
}

struct CloseWithHost {
    hub: Hub,
    room: RoomId,
}

impl Drop for CloseWithHost {
    fn drop(&mut self) {
        // A host that has resumed on another connection is still there.
        let members = self.hub.roster(&self.room);
        if members.iter().all(|member| member.meta != Role::Host.meta()) {
            self.hub.close_room(&self.room);
        }
    }
}
