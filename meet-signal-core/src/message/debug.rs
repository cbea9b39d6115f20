//! `Debug` for the messages, for logs: without payloads, which are private (a session description
//! has the keys of a call), and without free text from clients.

use std::fmt::{Debug, Formatter, Result};

use super::{ClientMessage, ServerMessage};

impl Debug for ClientMessage<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let name = match self {
            Self::Join(join) => return f.debug_tuple("Join").field(join).finish(),
            Self::Signal { .. } => "Signal",
            Self::Broadcast { .. } => "Broadcast",
            Self::Update { .. } => "Update",
            Self::Leave { .. } => "Leave",
            Self::Probe => "Probe",
            Self::Pong { .. } => "Pong",
            Self::Ack { .. } => "Ack",
            Self::Admit { .. } => "Admit",
            Self::Deny { .. } => "Deny",
            Self::AdmitAll { .. } => "AdmitAll",
            Self::Lobby { .. } => "Lobby",
            Self::Kick { .. } => "Kick",
            Self::Lock { .. } => "Lock",
            Self::Permissions { .. } => "Permissions",
        };
        f.debug_struct(name).field("reference", &self.reference()).finish_non_exhaustive()
    }
}

impl Debug for ServerMessage<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mut shown = match self {
            Self::Welcome(welcome) => return f.debug_tuple("Welcome").field(welcome).finish(),
            Self::Error(error) => return f.debug_tuple("Error").field(error).finish(),
            Self::Waiting(waiting) => return f.debug_tuple("Waiting").field(waiting).finish(),
            Self::Hello { .. } => f.debug_struct("Hello"),
            Self::Joined { .. } => f.debug_struct("Joined"),
            Self::Left { .. } => f.debug_struct("Left"),
            Self::Status { .. } => f.debug_struct("Status"),
            Self::Updated { .. } => f.debug_struct("Updated"),
            Self::Permissions { .. } => f.debug_struct("Permissions"),
            Self::Signal { .. } => f.debug_struct("Signal"),
            Self::Broadcast { .. } => f.debug_struct("Broadcast"),
            Self::App { .. } => f.debug_struct("App"),
            Self::Knock { .. } => f.debug_struct("Knock"),
            Self::KnockGone { .. } => f.debug_struct("KnockGone"),
            Self::Locked { .. } => f.debug_struct("Locked"),
            Self::Lobby { .. } => f.debug_struct("Lobby"),
            Self::IceServers { .. } => f.debug_struct("IceServers"),
            Self::Ping { .. } => f.debug_struct("Ping"),
        };
        match self {
            Self::Joined { peer, .. } => shown.field("peer", &peer.id),
            Self::Knock { peer } => shown.field("peer", &peer.id),
            Self::Left { peer, reason } => shown.field("peer", peer).field("reason", reason),
            Self::Status { peer, status } => shown.field("peer", peer).field("status", status),
            Self::Updated { peer, .. }
            | Self::Permissions { peer, .. }
            | Self::KnockGone { peer } => shown.field("peer", peer),
            Self::Signal { from, .. } | Self::Broadcast { from, .. } => shown.field("from", from),
            _ => &mut shown,
        };
        shown.finish_non_exhaustive()
    }
}
