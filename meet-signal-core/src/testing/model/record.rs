//! What happened in a room, of the model or real.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    CloseReason, Frame, PeerId,
    room::{ApplyError, Effect, Event, Input, Recipients, Room},
    roster::Member,
};

/// What happened in a room, and what its members received, also those that have left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// What each peer received while it was a member.
    pub histories: BTreeMap<PeerId, History>,
    /// What happened in the room, in order.
    pub events: Vec<Event>,
    /// Which connections were ended, and why, in order.
    pub disconnected: Vec<(PeerId, CloseReason)>,
}

/// What one member received.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct History {
    /// The members at the moment of its join, in the order in which they had joined.
    pub found: Vec<Member>,
    /// Those who waited in the lobby then, in the order in which they had knocked, if it might
    /// moderate.
    pub knocking: Vec<Member>,
    /// What it received from then on.
    pub deliveries: Vec<Delivery>,
}

/// One thing that a member received.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an effect reaches a member in one of these ways")]
pub enum Delivery {
    /// Something happened in the room.
    Event(Event),
    /// A frame of a member or of the application.
    Frame(Frame),
}

/// The real [`Room`], which carries its effects out with vectors as a hub does with outboxes.
#[derive(Debug)]
pub struct RecordedRoom {
    room: Room,
    record: Record,
}

impl RecordedRoom {
    /// An empty room for `capacity` members.
    pub fn new(capacity: usize) -> Self {
        Self { room: Room::new(capacity), record: Record::default() }
    }

    /// Takes one step, and carries its effects out.
    ///
    /// # Errors
    ///
    /// The input is refused, and the room is as it was.
    ///
    /// # Panics
    ///
    /// An effect is for a peer that is no member.
    pub fn apply(&mut self, input: Input) -> Result<(), ApplyError> {
        let newcomer = match &input {
            Input::Join(newcomer) => Some(newcomer.member.id),
            Input::Admit { peer, .. } => Some(*peer),
            _ => None,
        };
        for effect in self.room.apply(input)? {
            match effect {
                Effect::Send(to, frame) => self.deliver(to, newcomer, &Delivery::Frame(frame)),
                Effect::Event(event) => {
                    self.record.events.push(event.clone());
                    if let Some(recipients) = event.recipients() {
                        self.deliver(recipients, newcomer, &Delivery::Event(event));
                    }
                }
                Effect::Notify(peer, event) => {
                    self.deliver(Recipients::One(peer), newcomer, &Delivery::Event(event));
                }
                // Its history begins below.
                Effect::Admitted(peer) => assert_eq!(Some(peer), newcomer),
                Effect::Disconnect(peer, reason) => self.record.disconnected.push((peer, reason)),
            }
        }
        let roster = self.room.roster();
        if let Some(member) = newcomer.and_then(|newcomer| roster.get(newcomer)) {
            let others = roster.iter().filter(|other| other.id != member.id);
            let waiting = self.room.lobby().waiting().iter();
            let knocking = waiting.filter(|_| member.permissions.moderate);
            self.record.begin(member.id, others.cloned().collect(), knocking.cloned().collect());
        }
        Ok(())
    }

    /// The room.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// What happened, and what each member received.
    pub fn record(&self) -> &Record {
        &self.record
    }

    fn deliver(&mut self, to: Recipients, newcomer: Option<PeerId>, delivery: &Delivery) {
        let receives = |member: &Member| match to {
            Recipients::One(peer) => peer == member.id,
            Recipients::AllBut(peer) => peer != member.id,
            Recipients::All => true,
            Recipients::Moderators => member.permissions.moderate,
        };
        if let Recipients::One(peer) = to {
            assert!(
                self.room.roster().contains(peer),
                "{peer} receives something and is no member"
            );
        }
        // A newcomer's history begins with what it finds.
        let members = self.room.roster().iter();
        for member in members.filter(|member| Some(member.id) != newcomer && receives(member)) {
            self.record.deliver(member.id, delivery.clone());
        }
    }
}

impl Record {
    /// The members, computed from the events alone, in the order in which they joined.
    ///
    /// # Panics
    ///
    /// The events do not pair: each `Joined` with one `Left`, each `Knock` with one `KnockGone`, each
    /// `Opened` with one `Closed`, between which those about members lie.
    pub fn members(&self) -> Vec<PeerId> {
        let (mut is_open, mut members) = (false, Vec::new());
        let mut waiting = BTreeSet::new();
        for event in &self.events {
            let at = members.iter().position(|member| Some(*member) == event.subject());
            match (event, at) {
                (Event::Opened, _) if !is_open => is_open = true,
                (Event::Closed, _) if is_open && members.is_empty() => is_open = false,
                (Event::Joined(peer, ..), None) if is_open => members.push(*peer),
                (Event::Left(..), Some(at)) => drop(members.remove(at)),
                (
                    Event::Status(..)
                    | Event::Updated(..)
                    | Event::MetaSet(..)
                    | Event::Permissions(..),
                    Some(_),
                )
                | (Event::Locked(_) | Event::Lobby(_), _) => {}
                (Event::Knock(peer, _), None) => _ = waiting.insert(*peer),
                (Event::KnockGone(peer, _), None) if waiting.remove(peer) => {}
                _ => panic!("{event:?} in a room with {members:?}"),
            }
        }
        assert_eq!(is_open, !members.is_empty(), "a room is open while it has members");
        members
    }

    pub(super) fn begin(&mut self, peer: PeerId, found: Vec<Member>, knocking: Vec<Member>) {
        self.histories.insert(peer, History { found, knocking, deliveries: Vec::new() });
    }

    pub(super) fn deliver(&mut self, peer: PeerId, delivery: Delivery) {
        self.histories.entry(peer).or_default().deliveries.push(delivery);
    }
}

impl Delivery {
    /// The frame, unless it is an event of which members receive none.
    pub fn into_frame(self) -> Option<Frame> {
        match self {
            Self::Event(event) => event.into_frame(),
            Self::Frame(frame) => Some(frame),
        }
    }
}
