//! What is to come of it, by the paper.

use std::ops::ControlFlow;

use meet_signal_core::{
    CloseReason, Frame, LeaveReason, PeerId, Status,
    message::ServerMessage,
    testing::{ApplyError, Input, Member},
};
use serde_json::{Value, json, value::to_raw_value};

use super::{Said, World, meta};
use crate::stay::{Class, Owed};

impl World {
    /// What comes of what a member says.
    pub(super) fn expect(&mut self, at: usize, said: Said, n: u64) -> ControlFlow<CloseReason> {
        let (stay, waiting) = (&mut self.stays[at], self.bounds.waiting);
        let in_time = stay.rate.take(self.now);
        if !in_time && !stay.patience.take(self.now) {
            stay.agreed |= !matches!(said, Said::Control);
            return ControlFlow::Break(CloseReason::Flood);
        }
        if let Said::Control = said {
            return ControlFlow::Continue(());
        }
        stay.agreed = true;
        let unhindered = matches!(said, Said::Acknowledge | Said::Leave);
        let reference = (!matches!(said, Said::Nonsense)).then_some(n);
        if !in_time && !unhindered {
            stay.received += 1;
            stay.owe(Owed::Error("rate-limited", reference), Class::Event, waiting);
            return ControlFlow::Continue(());
        }
        let from = stay.id;
        let input = match said {
            Said::Control | Said::Acknowledge => return ControlFlow::Continue(()),
            Said::Nonsense => {
                let Some(left) = stay.bad_messages_left.checked_sub(1) else {
                    return ControlFlow::Break(CloseReason::ProtocolViolation);
                };
                stay.bad_messages_left = left;
                stay.received += 1;
                stay.owe(Owed::Error("bad-message", None), Class::Event, waiting);
                return ControlFlow::Continue(());
            }
            Said::Leave => {
                let at = stay.room;
                let leave = Input::Leave { peer: from, reason: LeaveReason::Left };
                self.apply(at, &leave).expect("it is a member");
                return ControlFlow::Break(CloseReason::Left);
            }
            Said::Update => Input::Update { peer: from, meta: meta(n) },
            Said::Broadcast => Input::Broadcast { from, frame: relayed("broadcast", from, n) },
            Said::Signal(to) => {
                Input::Signal { from, to: self.id(to), frame: relayed("signal", from, n) }
            }
        };
        self.stays[at].received += 1;
        let code = match self.apply(self.stays[at].room, &input) {
            Ok(false) if !matches!(said, Said::Update) => "peer-unreachable",
            Ok(_) => return ControlFlow::Continue(()),
            Err(ApplyError::NoSuchPeer) => "no-such-peer",
            Err(refusal) => {
                assert_eq!(refusal, ApplyError::NotAllowed);
                "not-allowed"
            }
        };
        self.stays[at].owe(Owed::Error(code, Some(n)), Class::Event, waiting);
        ControlFlow::Continue(())
    }

    /// Takes a step on paper. Whether everybody who is told something has room for it.
    pub(super) fn apply(&mut self, at: usize, input: &Input) -> Result<bool, ApplyError> {
        let class = match input {
            Input::Signal { from, .. } | Input::Broadcast { from, .. } => Class::Relayed(*from),
            Input::App { to: Some(_), .. } => Class::Direct,
            _ => Class::Event,
        };
        self.rooms[at].apply(input)?;
        let record = self.rooms[at].record();
        let mut reached = true;
        for stay in self.stays.iter_mut().filter(|stay| stay.room == at) {
            let Some(history) = record.told.get(&stay.id) else { continue };
            for event in &history.events[stay.events..] {
                let text = event.clone().into_frame().as_str().to_owned();
                reached &= stay.owe(Owed::Text(text), class, self.bounds.waiting);
            }
            stay.events = history.events.len();
            let dismissed = &record.dismissed[self.dismissed[at]..];
            if let Some((_, reason)) = dismissed.iter().find(|(id, _)| *id == stay.id) {
                stay.end = Some(reason.clone());
                stay.owed.clear();
            }
        }
        self.dismissed[at] = record.dismissed.len();
        Ok(reached)
    }

    pub(super) fn leaves(&mut self, at: usize, reason: LeaveReason) {
        let (room, peer) = (self.stays[at].room, self.stays[at].id);
        self.apply(room, &Input::Leave { peer, reason }).expect("it is a member");
    }

    pub(super) fn set_status(&mut self, at: usize, status: Status) {
        let (room, peer) = (self.stays[at].room, self.stays[at].id);
        self.apply(room, &Input::Status { peer, status }).expect("it is a member");
    }

    pub(super) fn welcomed(&mut self, at: usize, resumed: &str, welcome: Value) {
        let stay = &mut self.stays[at];
        assert_eq!(welcome["resumed"], resumed);
        assert_eq!(welcome["received"], stay.received);
        assert_eq!(welcome["self"]["id"], stay.id.to_string());
        assert_eq!(welcome["ticket"], stay.ticket);
        let members = self.rooms[stay.room].members();
        let me = members.iter().position(|member| member.id == stay.id).expect("it is a member");
        let others = members.iter().enumerate().filter(|(other, _)| *other != me);
        let peers = others.map(|(other, Member { id, meta, status, .. })| {
            json!({"id": id, "meta": meta, "status": status, "polite": other > me})
        });
        assert_eq!(welcome["peers"], peers.collect::<Value>());
        stay.log.push(welcome);
    }
}

fn relayed(kind: &str, from: PeerId, n: u64) -> Frame {
    let data = &to_raw_value(&n).expect("a number is JSON");
    match kind {
        "signal" => ServerMessage::Signal { from, data }.encode(),
        _ => ServerMessage::Broadcast { from, data }.encode(),
    }
}
