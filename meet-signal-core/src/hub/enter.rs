//! How a connection enters a room: with a new session, or with one that it resumes.

use std::{sync::Arc, time::Instant};

use serde_json::value::RawValue;

use super::{
    AddressKey, Hub, JoinError, ResumeError, RoomState,
    input_error::InputError,
    lobby::WaitingSession,
    offers::Offers,
    resume::ResumeRequest,
    session_state::{SessionSnapshot, SessionState, WelcomeTerms},
};
use crate::{
    Admission, Grant, PeerId, Resumed, RoomEventKind, Status,
    connection::{Connection, Generation},
    ice::Provider,
    outbox::{Outbox, Wakers},
    room::{Input, Newcomer},
    roster::{Granted, Member},
    ticket::TicketHash,
};

/// A connection that has entered a room.
pub(super) struct Entered {
    pub(super) connection: Connection,
    pub(super) outbox: Arc<Outbox>,
    pub(super) ice_provider: Option<Provider>,
    /// For its `welcome`. `None` if its first frame is queued: it waits in the lobby, or was
    /// admitted in the same step.
    pub(super) welcome: Option<(SessionSnapshot, WelcomeTerms)>,
}

impl RoomState {
    /// Adds a member or a peer in the lobby, if the limits allow it.
    pub(super) fn join(
        &mut self,
        hub: &Hub,
        (newcomer, mut session, mut terms): (Newcomer, SessionState, WelcomeTerms),
        offers: &[&RawValue],
        now: Instant,
        wakers: &mut Wakers,
    ) -> Result<Entered, JoinError> {
        self.tighten(&mut session, &mut terms, now);
        self.apply_infallible(Input::Expire { now }, wakers);
        let (peer, meta_bytes) = (newcomer.member.id, newcomer.member.meta.as_json().len());
        let place = self.room.place_for(&newcomer)?;
        if place.waits && place.replaced.is_none() {
            let address = session.address;
            let same = self.waiting.values().filter(|waiting| waiting.session.address == address);
            if address.is_some() && same.count() >= (self.limits.lobby_peers() / 2).max(1) {
                return Err(JoinError::LobbyFull);
            }
        }
        self.rate
            .join(session.address, meta_bytes, &self.limits, now)
            .map_err(|retry_after| JoinError::TooOften { retry_after })?;
        match place.replaced.and_then(|replaced| self.session_mut(replaced)) {
            // The new session takes its place in the count, so a full hub is no obstacle.
            Some(session) => session.supersede(wakers),
            None if hub.session_begins() => {}
            None => return Err(JoinError::HubFull),
        }
        // In the lobby there is nobody to offer to, and nobody knows for how long.
        let is_used = newcomer.member.permissions.signal && !place.waits;
        let offers = if is_used { offers } else { &[] };
        let mut offers = Offers::new(offers, session.sender);
        let joined = self.apply_with(Input::Join(newcomer), &mut offers, wakers);
        debug_assert!(!matches!(joined, Err(InputError::Apply(_))), "{joined:?}");
        let mut entered = Entered {
            connection: Connection { peer, generation: session.generation },
            outbox: session.outbox.clone(),
            ice_provider: session.ice.provider(),
            welcome: None,
        };
        // Inserted after the effects: its history begins with its welcome, without the `left` of
        // the replaced member.
        if place.waits {
            entered.outbox.greet(session.generation, terms.waiting());
            self.waiting.insert(peer, WaitingSession { session, terms });
        } else {
            self.sessions.insert(peer, session);
            self.count_meta(peer);
            let mut snapshot = self.snapshot(peer, Resumed::No);
            snapshot.offered = offers.delivered();
            entered.welcome = Some((snapshot, terms));
        }
        Ok(entered)
    }

    /// Lets a newer connection take a session over. The room, the session and its generation change
    /// in one step.
    pub(super) fn resume(
        &mut self,
        hub: &Hub,
        ticket: TicketHash,
        request: &ResumeRequest<'_>,
        mut terms: WelcomeTerms,
        (now, wakers): (Instant, &mut Wakers),
    ) -> Result<Entered, ResumeError> {
        let Some(peer) = self.room.find_by_ticket(ticket) else {
            let ended = self.ended.reason(ticket, now).cloned();
            return Err(ended.map_or(ResumeError::UnknownTicket, ResumeError::Ended));
        };
        let identity = self.room.find(peer).and_then(|member| member.identity.as_ref());
        if request.grant.is_some_and(|grant| grant.identity.as_ref() != identity) {
            return Err(ResumeError::OtherIdentity);
        }
        let session = self.session_mut(peer).expect("every peer has a session");
        let resumed = session.limiter.resume(request.limiter, hub.limits(), now);
        resumed.map_err(|retry_after| ResumeError::TooOften { retry_after })?;
        let address = request.address.map(AddressKey::from).or(session.address);
        let from = (address, hub.sender(peer, address));
        let resumed = session.take_over(request.received, from, wakers);
        if let Some(grant) = request.grant {
            session.ice.regrant(grant);
        }
        terms.limits = (&*session.limits).into();
        let (generation, outbox) = (session.generation, session.outbox.clone());
        let mut entered = Entered {
            connection: Connection { peer, generation },
            ice_provider: session.ice.provider(),
            outbox,
            welcome: None,
        };
        self.apply_infallible(Input::Status { peer, status: Status::Here }, wakers);
        if self.is_waiting(peer) {
            self.resume_waiting((peer, generation), request.grant, wakers);
            return Ok(entered);
        }
        if let Some(grant) = request.grant {
            self.regrant(peer, grant, wakers);
            self.repeat_ice_servers(peer, wakers);
        }
        if let (true, Some(member)) = (self.journal.is_read, self.room.roster().get(peer)) {
            self.journal.pending.push(RoomEventKind::Resumed { member: member.into(), resumed });
        }
        entered.welcome = Some((self.snapshot(peer, resumed), terms));
        Ok(entered)
    }

    /// A peer goes on waiting, unless the application's newer decision admits it.
    fn resume_waiting(
        &mut self,
        (peer, generation): (PeerId, Generation),
        grant: Option<&Grant>,
        wakers: &mut Wakers,
    ) {
        if let Some(grant) = grant {
            self.regrant(peer, grant, wakers);
            let is_direct = grant.admission == Admission::Direct || grant.permissions.moderate;
            // If the room is locked or full, it goes on waiting.
            let is_direct = is_direct && !self.room.access().is_locked();
            if is_direct && self.apply(Input::Admit { by: None, peer }, wakers).is_ok() {
                return;
            }
        }
        if let Some(WaitingSession { session, terms }) = self.waiting.get(&peer) {
            session.outbox.greet(generation, terms.waiting());
        }
    }

    /// Applies the application's newer decision about a member or a peer in the lobby.
    fn regrant(&mut self, peer: PeerId, grant: &Grant, wakers: &mut Wakers) {
        let Grant { permissions, meta, data, .. } = grant.clone();
        let granted = Granted::new(permissions, meta);
        self.apply_infallible(Input::Regrant { peer, granted, data }, wakers);
        self.count_meta(peer);
    }

    /// Counts a `meta` that the application may have set, so that no budget of clients refuses it.
    fn count_meta(&mut self, peer: PeerId) {
        let bytes = self.room.find(peer).map(|member| member.meta.as_json().len());
        if let (Some(bytes), Some(session)) = (bytes, self.session_mut(peer)) {
            session.meta_bytes.set(bytes);
        }
    }

    /// What the `welcome` of a member says.
    pub(super) fn snapshot(&self, peer: PeerId, resumed: Resumed) -> SessionSnapshot {
        let session = self.sessions.get(&peer).expect("every member has a session");
        let moderates =
            self.room.roster().get(peer).is_some_and(|member| member.permissions.moderate);
        let knocking = self.room.lobby().waiting().iter().filter(|_| moderates);
        SessionSnapshot {
            resumed,
            received: session.received,
            locked: self.room.access().is_locked(),
            lobby: self.room.access().has_lobby(),
            members: self.room.roster().iter().cloned().collect(),
            knocking: knocking.map(|Member { id, meta, .. }| (*id, meta.clone())).collect(),
            ice_servers: session.ice.servers(),
            offered: Vec::new(),
        }
    }
}
