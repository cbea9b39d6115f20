//! What the application does.

use meet_signal_core::{ModerationError, testing::ApplyError};
use serde_json::value::to_raw_value;

use super::{Harness, room};

impl Harness {
    /// The application admits a participant, or denies it.
    pub(crate) fn decide(&mut self, at: usize, who: usize, admits: bool) {
        let (peer, model) = (self.id(who), &mut self.rooms[at]);
        let (decided, expected) = match admits {
            true => (self.hub.admit(&room(at), peer), model.admit(peer)),
            false => (self.hub.deny(&room(at), peer, None), model.deny(peer)),
        };
        let error = |error| match error {
            ApplyError::RoomFull => ModerationError::RoomFull,
            _ => ModerationError::NoSuchPeer,
        };
        assert_eq!(decided, expected.map_err(error));
    }

    pub(crate) fn set_lobby(&mut self, at: usize, enabled: bool) {
        self.hub.set_lobby(&room(at), enabled);
        self.rooms[at].set_lobby(enabled);
    }

    /// The application sends something to one participant, or to a room.
    pub(crate) fn app(&mut self, at: usize, to: Option<usize>) {
        let data = to_raw_value(&self.number()).expect("a number is JSON");
        let to = to.map(|who| self.id(who));
        let model = &mut self.rooms[at];
        let sent = match to {
            Some(to) => self.hub.send(&room(at), to, &data),
            None => self.hub.send_all(&room(at), &data),
        };
        assert_eq!(sent, model.send(to, &data));
    }

    pub(crate) fn close_room(&mut self, at: usize) {
        assert_eq!(self.hub.close_room(&room(at)), self.rooms[at].close());
    }
}
