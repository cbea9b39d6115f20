//! A hub with several rooms, and a model of each. Every call and every frame is compared.

mod application;
mod checks;

use std::{
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use meet_signal_core::{
    Admission, CloseReason, Frame, Grant, Hub, JoinError, JoinRequest, LeaveReason, Limits, Meta,
    PeerId, Permissions, ResumeError, RoomId, Session,
    testing::{
        ApplyError, Member, Newcomer, TicketHash, ids,
        model::{Message, Model, assert_drained},
    },
};
use serde_json::Value;

/// The limits of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) room_peers: usize,
    pub(crate) sessions: usize,
    pub(crate) waiting: usize,
    pub(crate) per_second: u32,
    pub(crate) burst: u32,
    pub(crate) bad_messages: u32,
}

#[derive(Debug)]
pub(crate) struct Harness {
    pub(crate) hub: Hub,
    bounds: Bounds,
    pub(crate) rooms: Vec<Model>,
    /// Of all participants, also those that have ended.
    pub(crate) memberships: Vec<Membership>,
    /// The last membership of each participant.
    last: Vec<Option<usize>>,
    /// Sessions that were taken over and are not dropped yet.
    superseded: Vec<Session>,
    numbers: u64,
    now: Instant,
    began: Instant,
}

/// One participant's membership of one room, from its join to its end.
#[derive(Debug)]
pub(crate) struct Membership {
    pub(crate) participant: usize,
    pub(crate) room: usize,
    pub(crate) id: PeerId,
    ticket: String,
    /// Until its driver has seen that the membership has ended.
    pub(crate) session: Option<Session>,
    pub(crate) away_since: Option<Instant>,
    /// How many frames the client has handled in the current sequence of numbers.
    handled: u64,
    /// Whether it has resumed the session and not read the reply yet.
    is_unanswered: bool,
    /// Whether it has sent something then. The server takes that for a sign that it has read the reply,
    /// and counts as it says there.
    is_early: bool,
    /// All frames that the client received, the welcomes too.
    pub(crate) log: Vec<Value>,
}

/// What a participant sends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Said {
    /// To the participant with this index, in whichever room it is.
    Signal(usize),
    Broadcast,
    Update,
    Acknowledge,
    Nonsense,
    Leave,
    Control,
}

impl Harness {
    pub(crate) fn new(participants: usize, rooms: usize, bounds: Bounds) -> Self {
        let limits = Limits::builder()
            .room_peers(bounds.room_peers)
            .lobby_peers(bounds.room_peers)
            .sessions(bounds.sessions)
            .outbox_frames(bounds.waiting)
            .rate_per_second(bounds.per_second)
            .rate_burst(bounds.burst)
            .bad_messages(bounds.bad_messages)
            .grace(GRACE)
            // The limits that are no part of the model have tests of their own.
            .updates_per_minute(1_000_000)
            .room_joins_per_minute(1_000_000)
            .resumes_per_minute(1_000_000)
            .unacknowledged_frames(1_000_000)
            .unacknowledged_bytes(1 << 30)
            .hub_bytes(1 << 40);
        let limits = limits.build().expect("within the ranges");
        let now = Instant::now();
        Self {
            hub: Hub::new(limits.clone()),
            bounds,
            rooms: vec![Model::new(limits); rooms],
            memberships: Vec::new(),
            last: vec![None; participants],
            superseded: Vec::new(),
            numbers: 0,
            now,
            began: now,
        }
    }

    pub(crate) fn participants(&self) -> usize {
        self.last.len()
    }

    /// A participant joins, unless it has a session. The application may decide its `meta`.
    pub(crate) fn join(
        &mut self,
        who: usize,
        at: usize,
        replaces: Option<usize>,
        (permissions, granted, admission): (Permissions, Option<Meta>, Admission),
    ) {
        if self.last[who].is_some_and(|last| self.memberships[last].session.is_some()) {
            return;
        }
        let ticket = replaces.and_then(|who| self.last[who]);
        let ticket = ticket.map(|last| self.memberships[last].ticket.clone());
        let replaces = ticket.as_deref().and_then(TicketHash::of);
        let all = [self.rooms[at].members(), &self.rooms[at].waiting()].concat();
        let takes_a_place = all.iter().any(|member| Some(member.ticket) == replaces);
        let has_room = self.sessions() < self.bounds.sessions || takes_a_place;
        let own = Meta::new(&self.number()).expect("a number is JSON");
        let mut grant = Grant::new().permissions(permissions).admission(admission);
        if let Some(meta) = granted.clone() {
            grant = grant.meta(meta);
        }
        let request = JoinRequest::new(own.clone()).replaces(ticket.as_deref());
        let is_granted = granted.is_some();
        let meta = granted.unwrap_or(own);
        let newcomer = |id, ticket| {
            let member = Member::new(id, meta, permissions, ticket).meta_is_granted(is_granted);
            Newcomer::new(member).replaces(replaces).admission(admission)
        };
        let session = match self.hub.join(room(at), request, &grant, self.now) {
            Ok(session) => session,
            Err(JoinError::HubFull) => return assert!(!has_room),
            Err(error) => {
                let expected = match error {
                    JoinError::RoomFull => ApplyError::RoomFull,
                    JoinError::LobbyFull => ApplyError::LobbyFull,
                    _ => panic!("{error}"),
                };
                let newcomer = newcomer(ids::peer(0), ids::ticket(0));
                return assert_eq!(self.rooms[at].enter(newcomer, self.now), Err(expected));
            }
        };
        // The client has its ticket from the welcome, and cannot resume before it has received that.
        let (drained, batch) = poll(&session, 1);
        let welcome = value(&batch[0]);
        let ticket = welcome["ticket"].as_str().expect("text").to_owned();
        let id = session.id();
        let newcomer = newcomer(id, TicketHash::of(&ticket).expect("a ticket"));
        self.rooms[at].enter(newcomer, self.now).expect("the hub lets it in");
        assert!(has_room);
        assert_drained(&drained, &batch, &self.rooms[at].drain(id, 1));
        self.last[who] = Some(self.memberships.len());
        self.memberships.push(Membership {
            participant: who,
            room: at,
            id,
            ticket,
            session: Some(session),
            away_since: None,
            handled: 0,
            is_unanswered: false,
            is_early: false,
            log: vec![welcome],
        });
    }

    pub(crate) fn say(&mut self, who: usize, said: Said) {
        let Some(at) = self.connected(who) else { return };
        let n = self.number();
        let message = match said {
            Said::Signal(to) => Some(Message::Signal(self.id(to), n)),
            Said::Broadcast => Some(Message::Broadcast(n)),
            Said::Update => Some(Message::Update(n)),
            Said::Acknowledge => Some(Message::Ack(0)),
            Said::Nonsense => Some(Message::Invalid),
            Said::Leave => Some(Message::Leave),
            Said::Control => None,
        };
        let Membership { room, id, session, is_unanswered, is_early, .. } =
            &mut self.memberships[at];
        *is_early |= *is_unanswered;
        let (session, model) = (session.as_mut().expect("connected"), &mut self.rooms[*room]);
        let (end, expected) = match message {
            Some(message) => {
                let end = session.receive(&message.text(), self.now);
                (end, model.receive(*id, message, self.now))
            }
            None => (session.receive_control(self.now), model.receive_control(*id, self.now)),
        };
        assert_eq!(end, expected, "{message:?}");
        if let Some(reason) = end.break_value() {
            self.close(at, &reason);
        }
    }

    /// A client receives what waits, or one frame of it.
    pub(crate) fn drain(&mut self, who: usize, all: bool) {
        while self.drain_once(who, all) && all {}
    }

    fn drain_once(&mut self, who: usize, all: bool) -> bool {
        let Some(at) = self.connected(who) else { return false };
        let most = if all { usize::MAX } else { 1 };
        let Membership { room, id, session, handled, is_unanswered, log, .. } =
            &mut self.memberships[at];
        let (drained, batch) = poll(session.as_ref().expect("connected"), most);
        assert_drained(&drained, &batch, &self.rooms[*room].drain(*id, most));
        for frame in batch {
            *is_unanswered = false;
            let frame = value(&frame);
            match frame["resumed"].as_str() {
                Some("full") => {}
                Some(_) => *handled = 0,
                None if frame["type"] == "waiting" => {}
                None => *handled += 1,
            }
            log.push(frame);
        }
        let is_open = matches!(drained, Poll::Ready(Ok(())));
        if let Poll::Ready(Err(reason)) = drained {
            self.close(at, &reason);
        }
        is_open
    }

    /// A socket is lost.
    pub(crate) fn lose(&mut self, who: usize) {
        let Some(at) = self.connected(who) else { return };
        let membership = &mut self.memberships[at];
        membership.session.as_ref().expect("connected").away(self.now);
        membership.away_since = Some(self.now);
        self.rooms[membership.room].away(membership.id);
    }

    /// A participant resumes its last session, whether it has ended or not.
    pub(crate) fn resume(&mut self, who: usize) {
        let Some(at) = self.last[who] else { return };
        let is_member = self.is_member(at);
        let Membership { room: at_room, id, ticket, handled, log, .. } = &self.memberships[at];
        // A client that has had no welcome knows no count.
        let is_welcomed = log.iter().any(|frame| frame["type"] == "welcome");
        let handled = if is_welcomed { *handled } else { u64::MAX };
        match self.hub.resume(&room(*at_room), ticket, handled, self.now) {
            Ok(session) => {
                assert!(is_member);
                assert_eq!(session.id(), *id);
                self.rooms[*at_room].resume(*id, handled);
                self.memberships[at].away_since = None;
                self.memberships[at].is_unanswered = true;
                self.superseded.extend(self.memberships[at].session.replace(session));
            }
            Err(error) => {
                assert!(!is_member);
                let end = self.end_of(&self.memberships[at]);
                match error {
                    // Its client is told for as long as its session would have been kept.
                    ResumeError::Ended(reason) => assert_eq!(Some(reason), end),
                    error => {
                        assert_eq!(error, ResumeError::UnknownTicket);
                        let is_told = matches!(
                            end,
                            Some(CloseReason::RoomClosed | CloseReason::NotAdmitted { .. })
                        );
                        assert!(!is_told || self.now >= self.began + GRACE, "{end:?}");
                    }
                }
            }
        }
    }

    /// A session's task is dropped.
    pub(crate) fn abort(&mut self, who: usize) {
        let Some(at) = self.last[who] else { return };
        if self.memberships[at].session.take().is_some() {
            self.leave(at, LeaveReason::Closed);
        }
    }

    /// Time passes; those whose grace is over leave.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.superseded.clear();
        for at in 0..self.memberships.len() {
            let membership = &mut self.memberships[at];
            if membership.away_since.is_some_and(|since| self.now >= since + GRACE)
                && let Some(session) = membership.session.take()
            {
                session.leave(LeaveReason::Timeout);
                self.leave(at, LeaveReason::Timeout);
            }
        }
    }

    /// All sessions are dropped.
    pub(crate) fn end(&mut self) {
        (0..self.participants()).for_each(|who| self.abort(who));
        self.superseded.clear();
    }

    /// Every connected client receives everything.
    pub(crate) fn settle(&mut self) {
        // The first round ends connections that are too slow, which is news for the others.
        for _ in 0..2 {
            (0..self.participants()).for_each(|who| self.drain(who, true));
        }
    }

    /// What the driver does when a connection ends.
    fn close(&mut self, at: usize, reason: &CloseReason) {
        if reason.keeps_session() {
            return self.lose(self.memberships[at].participant);
        }
        let session = self.memberships[at].session.take().expect("it was not closed before");
        session.leave(LeaveReason::Closed);
        self.leave(at, LeaveReason::Closed);
    }

    fn leave(&mut self, at: usize, reason: LeaveReason) {
        let Membership { room, id, .. } = self.memberships[at];
        self.rooms[room].leave(id, reason);
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// How many sessions the hub counts. One that was replaced is counted for its successor.
    fn sessions(&self) -> usize {
        let is_counted = |membership: &&Membership| {
            membership.session.is_some() && self.end_of(membership) != Some(CloseReason::TakenOver)
        };
        self.memberships.iter().filter(is_counted).count()
    }

    /// The membership of a participant that has a session and a socket.
    fn connected(&self, who: usize) -> Option<usize> {
        self.last[who].filter(|at| {
            let membership = &self.memberships[*at];
            membership.session.is_some() && membership.away_since.is_none()
        })
    }

    /// The participant's last id, or one that no participant has.
    fn id(&self, who: usize) -> PeerId {
        self.last[who].map_or(ids::peer(0), |at| self.memberships[at].id)
    }
}

pub(crate) fn poll(session: &Session, most: usize) -> (Poll<Result<(), CloseReason>>, Vec<Frame>) {
    let mut batch = Vec::new();
    let drained = session.poll_drain(&Context::from_waker(Waker::noop()), most, &mut batch);
    (drained, batch)
}

fn room(at: usize) -> RoomId {
    format!("room-{at}").parse().expect("a valid name")
}

fn value(frame: &Frame) -> Value {
    serde_json::from_str(frame.as_str()).expect("frames are JSON")
}

const GRACE: Duration = Duration::from_secs(2);
