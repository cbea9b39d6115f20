//! The lobby: peers that wait to be admitted, and those who admit them.

use std::time::Instant;

use super::{
    Hub, ModerationError, RoomState,
    input_error::InputError,
    moderation::checked,
    session_state::{SessionState, WelcomeTerms},
};
use crate::{
    MemberInfo, PeerId, Resumed, RoomId, Status,
    clock::now,
    outbox::Wakers,
    room::{ApplyError, Input},
};

/// The session of a peer in the lobby.
pub(super) struct WaitingSession {
    pub(super) session: SessionState,
    /// For its `welcome`.
    pub(super) terms: WelcomeTerms,
}

impl RoomState {
    /// Whether this peer waits in the lobby.
    pub(crate) fn is_waiting(&self, peer: PeerId) -> bool {
        self.waiting.contains_key(&peer)
    }

    /// A peer in the lobby has become a member. Its history begins with its `welcome`.
    pub(super) fn admitted(&mut self, peer: PeerId, wakers: &mut Wakers) {
        let Some(WaitingSession { mut session, terms }) = self.waiting.remove(&peer) else {
            return;
        };
        session.admit(now());
        let (outbox, generation) = (session.outbox.clone(), session.generation);
        self.sessions.insert(peer, session);
        // A connection that resumes the session gets a welcome of its own.
        let member = self.room.roster().get(peer);
        let is_here = member.is_some_and(|member| member.status == Status::Here);
        let welcome = is_here.then(|| self.snapshot(peer, Resumed::No).welcome(peer, &terms));
        outbox.begin(welcome, generation, wakers);
    }

    /// Admits a peer. All members are told, so it counts like a join.
    pub(super) fn admit(
        &mut self,
        by: Option<PeerId>,
        peer: PeerId,
        now: Instant,
        wakers: &mut Wakers,
    ) -> Result<(), InputError> {
        self.room.check_moderator(by)?;
        let waiting = self.room.lobby().waiting().get(peer).ok_or(ApplyError::NoSuchPeer)?;
        let counted = self.rate.admission(waiting.meta.as_json().len(), now);
        let counted = counted.map_err(|retry_after| InputError::TooOften { retry_after })?;
        self.apply(Input::Admit { by, peer }, wakers)?;
        self.rate.admitted(counted);
        Ok(())
    }

    /// Admits all who wait, in the order in which they knocked, as far as the room has places.
    pub(super) fn admit_all(
        &mut self,
        by: Option<PeerId>,
        now: Instant,
        wakers: &mut Wakers,
    ) -> Result<usize, InputError> {
        self.room.check_moderator(by)?;
        let waiting: Vec<_> = self.room.lobby().waiting().iter().map(|peer| peer.id).collect();
        let mut admitted = 0;
        for peer in &waiting {
            match self.admit(None, *peer, now, wakers) {
                Ok(()) => admitted += 1,
                // Another one with its identity has been admitted before.
                Err(InputError::Apply(ApplyError::Duplicate)) => {}
                Err(error) if admitted == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(admitted)
    }
}

impl Hub {
    /// Turns the lobby of a room on or off. While it is on, peers that join wait until somebody
    /// admits them, unless they may moderate or their [`Grant::admission`](crate::Grant::admission)
    /// says otherwise. Those who wait when it is turned off go on waiting: see
    /// [`admit_all`](Self::admit_all).
    ///
    /// The room need not have members; while it has none, this is remembered for at most
    /// [`Limits::empty_room_time`](crate::Limits::empty_room_time).
    pub fn set_lobby(&self, room: &RoomId, enabled: bool) {
        let set = self.set_access(room, Input::SetLobby { by: None, enabled });
        debug_assert!(set.is_ok(), "the application may turn any lobby on or off");
    }

    /// The peers that wait in the lobby of a room, in the order in which they knocked.
    pub fn waiting(&self, room: &RoomId) -> Vec<MemberInfo> {
        let waiting = self.with_room(room, |room, _| {
            room.room.lobby().waiting().iter().map(MemberInfo::from).collect()
        });
        waiting.unwrap_or_default()
    }

    /// Admits a peer from the lobby, also to a room that is locked. It joins in the same step.
    ///
    /// # Errors
    ///
    /// [`ModerationError::NoSuchPeer`], [`RoomFull`](ModerationError::RoomFull),
    /// [`Duplicate`](ModerationError::Duplicate) or [`TooOften`](ModerationError::TooOften). In the
    /// latter cases it goes on waiting.
    pub fn admit(&self, room: &RoomId, peer: PeerId) -> Result<(), ModerationError> {
        let admitted = self.with_room(room, |room, wakers| room.admit(None, peer, now(), wakers));
        admitted.unwrap_or(Err(ApplyError::NoSuchPeer.into())).map_err(Into::into)
    }

    /// Admits all peers from the lobby, in the order in which they knocked, as far as the room has
    /// places, and as [`Limits::room_joins_per_minute`](crate::Limits::room_joins_per_minute) allows.
    /// Returns how many it has admitted.
    ///
    /// # Errors
    ///
    /// [`ModerationError::RoomFull`] or [`TooOften`](ModerationError::TooOften) if that kept it from
    /// admitting any of them.
    pub fn admit_all(&self, room: &RoomId) -> Result<usize, ModerationError> {
        let admitted = self.with_room(room, |room, wakers| room.admit_all(None, now(), wakers));
        admitted.unwrap_or(Ok(0)).map_err(Into::into)
    }

    /// Turns a peer in the lobby away. Its client gets the error
    /// [`ErrorCode::Denied`](crate::ErrorCode::Denied) with the reason, of at most 256 bytes, and
    /// does not reconnect by itself.
    ///
    /// # Errors
    ///
    /// [`ModerationError::NoSuchPeer`] or [`ReasonTooLong`](ModerationError::ReasonTooLong).
    pub fn deny(
        &self,
        room: &RoomId,
        peer: PeerId,
        reason: Option<&str>,
    ) -> Result<(), ModerationError> {
        let reason = checked(reason)?;
        self.moderate(room, Input::Deny { by: None, peer, reason })
    }
}
