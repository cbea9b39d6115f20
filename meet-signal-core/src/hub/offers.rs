//! The offers that come with a join.

use serde_json::value::RawValue;

use super::RoomState;
use crate::{
    PeerId,
    message::MAX_OFFERS,
    outbox::{Push, Sender, Wakers},
    room::Event,
};

/// The first offers of a newcomer's connections, for the members that it finds.
#[derive(Default)]
pub(super) struct Offers<'a> {
    offers: &'a [&'a RawValue],
    /// The newcomer.
    sender: Option<Sender>,
    /// Which member got which of them.
    delivered: Vec<(PeerId, u32)>,
}

impl<'a> Offers<'a> {
    pub(super) fn new(offers: &'a [&'a RawValue], sender: Sender) -> Self {
        let offers = offers.get(..MAX_OFFERS).unwrap_or(offers);
        Self { offers, sender: Some(sender), delivered: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.offers.is_empty()
    }

    pub(super) fn delivered(self) -> Vec<(PeerId, u32)> {
        self.delivered
    }
}

impl RoomState {
    /// Sends a `joined` to the other members, in the order in which they joined: the first ones get
    /// an offer with it.
    ///
    /// With an offer it is the newcomer's frame, and uses its share of the member's queue: nobody
    /// loses its connection because of offers. Without space for that, the member gets the event
    /// alone.
    pub(super) fn notify_joined(
        &self,
        event: &Event,
        offers: &mut Offers<'_>,
        wakers: &mut Wakers,
    ) {
        let (newcomer, mut alone) = (event.subject(), None);
        let members = self.room.roster().iter().filter(|member| Some(member.id) != newcomer);
        for (member, number) in members.zip(0u32..) {
            let Some(session) = self.sessions.get(&member.id) else { continue };
            let offer = offers.offers.get(number as usize).zip(offers.sender);
            let relayed = offer
                .and_then(|(offer, sender)| Some(Push::relayed(event.frame(Some(offer))?, sender)));
            if relayed.is_some_and(|push| session.outbox.push(push, wakers).is_ok()) {
                offers.delivered.push((member.id, number));
                continue;
            }
            if alone.is_none() {
                alone = event.frame(None);
            }
            if let Some(frame) = &alone {
                let _ = session.outbox.push(Push::event(frame.clone()), wakers);
            }
        }
    }
}
