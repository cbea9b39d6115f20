//! A real hub with some rooms, and the same on paper.

mod paper;

use std::{
    collections::BTreeSet,
    ops::ControlFlow,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use meet_signal_core::{
    CloseReason, Frame, Grant, Hub, JoinError, JoinRequest, Limits, MemberInfo, PeerId,
    Permissions, ResumeError, RoomId, SendError, Session,
    message::{LeaveReason, Meta, ServerMessage, Status},
    testing::{ApplyError, Input, Member, TicketHash, ids, model::Model},
};
use serde_json::{Value, json, value::to_raw_value};

use crate::stay::{Bounds, Bucket, Stay};

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) hub: Hub,
    pub(crate) bounds: Bounds,
    pub(crate) rooms: Vec<Model>,
    /// How many dismissals of each room are accounted for.
    dismissed: Vec<usize>,
    /// All that ever were, and which of them is whose last one.
    pub(crate) stays: Vec<Stay>,
    people: Vec<Option<usize>>,
    /// What was taken over, and is still held.
    old: Vec<Session>,
    numbers: u64,
    now: Instant,
}

/// What somebody says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Said {
    /// To the one with this index among all people, wherever it is.
    Signal(usize),
    Broadcast,
    Update,
    Acknowledge,
    Nonsense,
    Leave,
    Control,
}

impl World {
    pub(crate) fn new(people: usize, rooms: usize, bounds: Bounds) -> Self {
        let limits = Limits::builder()
            .room_peers(bounds.room_peers)
            .sessions(bounds.sessions)
            .outbox_frames(bounds.waiting)
            .rate_per_second(bounds.per_second)
            .rate_burst(bounds.burst)
            // Those of bytes and of addresses, and how fast rooms change, have tests of their own.
            .updates_per_minute(1_000_000)
            .room_joins_per_minute(1_000_000)
            .bad_messages(bounds.bad_messages)
            // Resuming has tests of its own, in `tests/resume`.
            .resumes_per_minute(1_000_000)
            .unacknowledged_frames(1_000_000)
            .unacknowledged_bytes(1 << 30)
            .hub_bytes(1 << 40)
            .grace(GRACE);
        Self {
            hub: Hub::new(limits.build().expect("within the ranges")),
            bounds,
            rooms: (0..rooms).map(|_| Model::new(bounds.room_peers)).collect(),
            dismissed: vec![0; rooms],
            stays: Vec::new(),
            people: vec![None; people],
            old: Vec::new(),
            numbers: 0,
            now: Instant::now(),
        }
    }

    pub(crate) fn people(&self) -> usize {
        self.people.len()
    }

    /// Joins, unless it is somewhere.
    pub(crate) fn join(&mut self, who: usize, at: usize, replaces: Option<usize>, grant: &Grant) {
        if self.stay(who).is_some_and(|stay| self.stays[stay].session.is_some()) {
            return;
        }
        let ticket =
            replaces.and_then(|who| self.stay(who)).map(|at| self.stays[at].ticket.clone());
        let n = self.number();
        let joining = JoinRequest::new(meta(n)).replaces(ticket.as_deref());
        let sessions = self.sessions();
        let joined = self.hub.join(room(at), joining, grant, self.now).map(greeted);
        let replaces = ticket.as_deref().and_then(TicketHash::of);
        let members = self.rooms[at].members();
        let takes_a_place = members.iter().any(|member| Some(member.ticket) == replaces);
        let (session, welcome) = match joined {
            Ok(joined) => joined,
            Err(JoinError::HubFull) => {
                assert!(!takes_a_place);
                return assert_eq!(sessions, self.bounds.sessions);
            }
            Err(refused) => {
                assert_eq!(refused, JoinError::RoomFull);
                let member =
                    Member::new(ids::peer(0), meta(n), Permissions::default(), ids::ticket(0));
                let refused = self.rooms[at].apply(&Input::Join { member, replaces });
                return assert_eq!(refused, Err(ApplyError::RoomFull));
            }
        };
        assert!(sessions < self.bounds.sessions || takes_a_place);
        let welcome: Value = serde_json::from_str(welcome.as_str()).expect("JSON");
        let ticket = welcome["ticket"].as_str().expect("a ticket").to_owned();
        let granted = welcome["self"]["meta"] == "granted";
        let permissions = welcome["self"]["permissions"].as_array().expect("a list");
        let mut allowed = Permissions::NONE;
        allowed.signal = permissions.contains(&json!("signal"));
        allowed.broadcast = permissions.contains(&json!("broadcast"));
        let meta = if granted { Meta::new(&"granted").expect("JSON") } else { meta(n) };
        let hash = TicketHash::of(&ticket).expect("a ticket");
        let member = Member::new(session.id(), meta, allowed, hash).meta_is_granted(granted);
        self.people[who] = Some(self.stays.len());
        self.stays.push(Stay {
            who,
            room: at,
            id: session.id(),
            ticket,
            session: Some(session),
            away_since: None,
            end: None,
            owed: [].into(),
            overflowed: false,
            events: 0,
            received: 0,
            handled: 0,
            agreed: true,
            rate: Bucket::new(self.bounds.per_second, self.bounds.burst, self.now),
            patience: Bucket::new(self.bounds.per_second, self.bounds.burst, self.now),
            bad_messages_left: self.bounds.bad_messages,
            log: Vec::new(),
        });
        self.apply(at, &Input::Join { member, replaces }).expect("the hub let it in, too");
        self.welcomed(self.stays.len() - 1, "no", welcome);
    }

    pub(crate) fn say(&mut self, who: usize, said: Said) {
        let Some(at) = self.connected(who) else { return };
        let n = self.number();
        let text = self.text(said, n);
        let stay = &mut self.stays[at];
        let session = stay.session.as_mut().expect("it is connected");
        let end = match said {
            Said::Control => session.receive_control(self.now),
            _ => session.receive(&text, self.now),
        };
        let expected = match stay.end.clone() {
            Some(reason) => ControlFlow::Break(reason),
            None => self.expect(at, said, n),
        };
        assert_eq!(end, expected, "{text}");
        if let ControlFlow::Break(reason) = end {
            self.closes(at, &reason);
        }
    }

    /// Takes what waits, or one frame of it.
    pub(crate) fn drain(&mut self, who: usize, all: bool) {
        let Some(at) = self.connected(who) else { return };
        let stay = &mut self.stays[at];
        let session = stay.session.as_ref().expect("it is connected");
        let (mut batch, most) = (Vec::new(), if all { usize::MAX } else { 1 });
        let drained = session.poll_drain(&Context::from_waker(Waker::noop()), most, &mut batch);
        assert!(batch.len() <= self.bounds.waiting);
        let expected = match (stay.end.clone(), stay.overflowed) {
            (Some(reason), _) => Poll::Ready(Err(reason)),
            (None, true) => Poll::Ready(Err(CloseReason::TooSlow)),
            (None, false) if stay.owed.is_empty() => Poll::Pending,
            (None, false) => Poll::Ready(Ok(())),
        };
        assert_eq!(drained, expected);
        for frame in batch {
            let (owed, _) = stay.owed.pop_front().expect("no more comes than is owed");
            assert!(owed.is(frame.as_str()), "{owed:?} is owed, and {} comes", frame.as_str());
            stay.log.push(serde_json::from_str(frame.as_str()).expect("JSON"));
            stay.handled += 1;
        }
        if all {
            assert!(stay.owed.is_empty(), "{:?} does not come", stay.owed);
        }
        if let Poll::Ready(Err(reason)) = drained {
            self.closes(at, &reason);
        }
    }

    /// The socket is lost.
    pub(crate) fn lose(&mut self, who: usize) {
        let Some(at) = self.connected(who) else { return };
        self.stays[at].session.as_ref().expect("it is connected").away(self.now);
        self.stays[at].away_since = Some(self.now);
        if self.stays[at].is_member() {
            self.set_status(at, Status::Away);
        }
    }

    /// Comes back with the ticket of its last stay, whatever has become of it.
    pub(crate) fn come_back(&mut self, who: usize) {
        let Some(at) = self.stay(who) else { return };
        let stay = &mut self.stays[at];
        let (ticket, handled) = (stay.ticket.clone(), stay.handled);
        let (session, welcome) =
            match self.hub.resume(&room(stay.room), &ticket, handled, self.now).map(greeted) {
                Ok(resumed) => resumed,
                Err(refused) => {
                    assert_eq!(refused, ResumeError::UnknownTicket);
                    return assert!(!stay.is_member());
                }
            };
        assert!(stay.is_member());
        self.old.extend(stay.session.replace(session));
        stay.away_since = None;
        let full = stay.agreed && !stay.overflowed;
        if !full {
            (stay.handled, stay.received) = (0, 0);
            (stay.overflowed, stay.agreed) = (false, false);
            stay.owed.clear();
        }
        self.set_status(at, Status::Here);
        let welcome = serde_json::from_str(welcome.as_str()).expect("JSON");
        self.welcomed(at, if full { "full" } else { "partial" }, welcome);
    }

    /// Its task is dropped.
    pub(crate) fn abort(&mut self, who: usize) {
        let Some(at) = self.stay(who) else { return };
        if self.stays[at].session.take().is_some() && self.stays[at].is_member() {
            self.leaves(at, LeaveReason::Closed);
        }
    }

    /// Time passes; those whose grace is over go.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.old.clear();
        for at in 0..self.stays.len() {
            let stay = &mut self.stays[at];
            if stay.away_since.is_some_and(|since| self.now >= since + GRACE)
                && let Some(session) = stay.session.take()
            {
                session.leave(LeaveReason::Timeout);
                if self.stays[at].is_member() {
                    self.leaves(at, LeaveReason::Timeout);
                }
            }
        }
    }

    /// The application tells one, or all.
    pub(crate) fn app(&mut self, at: usize, to: Option<usize>) {
        let n = self.number();
        let data = to_raw_value(&n).expect("a number is JSON");
        let to = to.map(|who| self.id(who));
        let told = match to {
            Some(to) => self.hub.send(&room(at), to, &data),
            None => self.hub.send_all(&room(at), &data),
        };
        let frame = ServerMessage::App { data: &data }.encode();
        let nobody = self.rooms[at].members().is_empty();
        let expected = match self.apply(at, &Input::App { to, frame }) {
            _ if nobody => Err(SendError::NoSuchRoom),
            Err(_) => Err(SendError::NoSuchPeer),
            Ok(reached) => (reached || to.is_none()).then_some(()).ok_or(SendError::Unreachable),
        };
        assert_eq!(told, expected);
    }

    pub(crate) fn close_room(&mut self, at: usize) {
        assert_eq!(self.hub.close_room(&room(at)), !self.rooms[at].members().is_empty());
        self.apply(at, &Input::Close).expect("it is the application's");
    }

    /// Everybody goes.
    pub(crate) fn end(&mut self) {
        (0..self.people()).for_each(|who| self.abort(who));
        self.old.clear();
    }

    /// The hub has what the paper has, and not more than it may.
    pub(crate) fn check(&self) {
        let mut open = BTreeSet::new();
        for (at, model) in self.rooms.iter().enumerate() {
            let members: Vec<_> = model.members().iter().map(MemberInfo::from).collect();
            assert_eq!(self.hub.roster(&room(at)), members);
            assert!(model.members().len() <= self.bounds.room_peers);
            if !model.members().is_empty() {
                open.insert(room(at));
            }
        }
        assert_eq!(self.hub.rooms().into_iter().collect::<BTreeSet<_>>(), open);
        assert_eq!(self.hub.sessions(), self.sessions());
        assert!(self.hub.sessions() <= self.bounds.sessions);
        for stay in &self.stays {
            let received = if stay.is_member() { stay.received } else { 0 };
            assert_eq!(stay.session.as_ref().map_or(received, Session::received), received);
        }
    }

    /// As the driver does it.
    fn closes(&mut self, at: usize, reason: &CloseReason) {
        if reason.keeps_session() {
            return self.lose(self.stays[at].who);
        }
        let session = self.stays[at].session.take().expect("it was not closed before");
        session.leave(LeaveReason::Closed);
        if self.stays[at].is_member() {
            self.leaves(at, LeaveReason::Closed);
        }
    }

    fn text(&self, said: Said, n: u64) -> String {
        let message = match said {
            Said::Signal(to) => json!({"type": "signal", "to": self.id(to), "data": n, "ref": n}),
            Said::Broadcast => json!({"type": "broadcast", "data": n, "ref": n}),
            Said::Update => json!({"type": "update", "meta": n, "ref": n}),
            Said::Acknowledge => json!({"type": "ack", "received": 0}),
            Said::Leave => json!({"type": "leave"}),
            Said::Nonsense | Said::Control => return "no JSON".to_owned(),
        };
        message.to_string()
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn sessions(&self) -> usize {
        // Who takes another one's place is counted in its place.
        let replaced = Some(CloseReason::TakenOver);
        let counts = |stay: &&Stay| stay.session.is_some() && stay.end != replaced;
        self.stays.iter().filter(counts).count()
    }

    fn stay(&self, who: usize) -> Option<usize> {
        self.people[who]
    }

    /// Its stay, where it has a session and a socket.
    fn connected(&self, who: usize) -> Option<usize> {
        let connected =
            |at: &usize| self.stays[*at].session.is_some() && self.stays[*at].away_since.is_none();
        self.stay(who).filter(connected)
    }

    /// The id of its last stay, or one that nobody has.
    fn id(&self, who: usize) -> PeerId {
        self.stay(who).map_or(ids::peer(0), |at| self.stays[at].id)
    }
}

pub(crate) fn room(at: usize) -> RoomId {
    format!("room-{at}").parse().expect("a valid name")
}

fn meta(n: u64) -> Meta {
    Meta::new(&n).expect("a number is JSON")
}

pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// The session, and the welcome that its connection sends first.
fn greeted(session: Session) -> (Session, Frame) {
    let mut batch = Vec::new();
    let _ = session.poll_drain(&Context::from_waker(Waker::noop()), 1, &mut batch);
    (session, batch.remove(0))
}
