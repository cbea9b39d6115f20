//! The messages from clients.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    envelope::{Envelope, optional, optional_object, raw, required},
    is_false,
    malformed::{Malformed, Problem},
};
use crate::{Permissions, Secret};

/// A message from a client.
///
/// It borrows from its frame. Its payload is checked to be JSON, and is opaque otherwise.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum ClientMessage<'a> {
    /// The first message of a connection.
    Join(Join<'a>),
    /// Sends to one peer.
    Signal {
        /// The receiver's id.
        to: Cow<'a, str>,
        /// Opaque.
        #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
        data: &'a RawValue,
        /// Echoed in an error about this message.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
    },
    /// Sends to all other peers in the room.
    Broadcast {
        /// Opaque.
        #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
        data: &'a RawValue,
        /// Echoed in an error about this message.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
    },
    /// Replaces the sender's `meta`.
    Update {
        /// Opaque.
        #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
        meta: &'a RawValue,
        /// Echoed in an error about this message.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
    },
    /// Leaves the room immediately, without a grace period.
    Leave {
        /// Instead of a `join`: ends the session with this ticket, whether or not it has a
        /// connection.
        #[serde(skip_serializing_if = "Option::is_none")]
        ticket: Option<Secret<'a>>,
    },
    /// Requests a `ping`, to check whether the connection is alive.
    Probe,
    /// The reply to a `ping`.
    Pong {
        /// How many of the server's sequenced frames the client has handled.
        received: u64,
    },
    /// An acknowledgement without a `ping`.
    Ack {
        /// How many of the server's sequenced frames the client has handled.
        received: u64,
    },
    /// Admits a peer from the lobby. Needs the permission to moderate.
    Admit {
        /// The peer.
        peer: Cow<'a, str>,
        /// Echoed in an error about this message.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
    },
    /// Rejects a peer in the lobby. Needs the permission to moderate.
    Deny {
        /// The peer.
        peer: Cow<'a, str>,
        /// The reason, for people.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<Cow<'a, str>>,
        /// Echoed in an error about this message.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
    },
    /// Admits all peers in the lobby, as far as the room has places. Needs the permission to
    /// moderate.
    AdmitAll {
        /// Echoed in an error about this message.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
    },
    /// Turns the lobby on or off. Needs the permission to moderate.
    Lobby {
        /// Whether newcomers wait to be admitted.
        enabled: bool,
        /// Echoed in an error about this message.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
    },
    /// Removes a member from the room. Needs the permission to moderate.
    Kick {
        /// The peer.
        peer: Cow<'a, str>,
        /// The reason, for people.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<Cow<'a, str>>,
        /// How long its identity may not join, in seconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        ban_seconds: Option<u64>,
        /// Echoed in an error about this message.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
    },
    /// Locks or unlocks the room. Needs the permission to moderate.
    Lock {
        /// Whether the room admits no new members.
        locked: bool,
        /// Echoed in an error about this message.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
    },
    /// Changes what a member may do. Needs the permission to moderate.
    Permissions {
        /// The member.
        peer: Cow<'a, str>,
        /// What it may do from now on.
        permissions: Permissions,
        /// Echoed in an error about this message.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
    },
}

/// A request to join. All fields are optional.
#[derive(Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Join<'a> {
    /// The `meta` that the others see of this peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<serde_json::Value>"))]
    pub meta: Option<&'a RawValue>,
    /// For the application's authorization. Never logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret<'a>>,
    /// Requests to resume a session whose socket was lost. If that succeeds, the other fields are
    /// ignored; otherwise they start a new session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume<'a>>,
    /// The ticket of a session that the new one replaces: that of the page before a reload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Secret<'a>>,
    /// The first offers of connections: the *i*th is for the *i*th of the other members, in the order
    /// in which they joined, who gets it with `joined`. Opaque. At most 64 are used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<serde_json::Value>>"))]
    pub offers: Vec<&'a RawValue>,
}

/// How many offers of a [`Join`] are used. More would hardly fit into a frame.
pub const MAX_OFFERS: usize = 64;

/// The session to resume, and the client's position in it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Resume<'a> {
    /// The ticket in the session's `welcome`.
    pub ticket: Secret<'a>,
    /// How many of the server's sequenced frames the client has handled since the last welcome that
    /// was not `full`.
    pub received: u64,
    /// Whether the ticket is that of a `waiting`, and no `welcome` has come since.
    #[serde(default, skip_serializing_if = "is_false")]
    pub waiting: bool,
}

/// [`Resume`] for deserialization. It is a separate type because serde's errors quote the input:
/// they are dropped in [`ClientMessage::parse`].
#[derive(Deserialize)]
struct ResumeFields<'a> {
    #[serde(borrow)]
    ticket: Cow<'a, str>,
    received: u64,
    #[serde(default)]
    waiting: Option<bool>,
}

/// The first [`MAX_OFFERS`] of a list.
#[derive(Default)]
struct Offers<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Offers<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(OffersVisitor)
    }
}

struct OffersVisitor;

impl<'de> Visitor<'de> for OffersVisitor {
    type Value = Offers<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of offers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Offers<'de>, A::Error> {
        let mut offers = Vec::new();
        while let Some(offer) = list.next_element()? {
            if offers.len() < MAX_OFFERS {
                offers.push(offer);
            }
        }
        Ok(Offers(offers))
    }
}

// Without `meta`, which is personal data.
impl fmt::Debug for Join<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join")
            .field("token", &self.token)
            .field("resume", &self.resume)
            .field("replaces", &self.replaces)
            .finish_non_exhaustive()
    }
}

impl<'a> ClientMessage<'a> {
    /// Parses a frame's text.
    ///
    /// # Errors
    ///
    /// The text is not a valid message; see [`Problem`].
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let envelope = Envelope::parse(text).map_err(|problem| Malformed {
            problem,
            reference: None,
            sequenced: true,
        })?;
        let reference = envelope.reference();
        Self::read(&envelope, reference).map_err(|problem| Malformed {
            problem,
            reference: reference.ok().flatten(),
            sequenced: !matches!(&*envelope.kind, "join" | "probe" | "pong" | "ack"),
        })
    }

    fn read(
        envelope: &Envelope<'a>,
        reference: Result<Option<u64>, Problem>,
    ) -> Result<Self, Problem> {
        Ok(match &*envelope.kind {
            "signal" => Self::Signal {
                to: required("to", envelope.to)?,
                data: raw("data", envelope.data)?,
                reference: reference?,
            },
            "broadcast" => {
                Self::Broadcast { data: raw("data", envelope.data)?, reference: reference? }
            }
            "pong" => Self::Pong { received: required("received", envelope.received)? },
            "ack" => Self::Ack { received: required("received", envelope.received)? },
            "update" => Self::Update { meta: raw("meta", envelope.meta)?, reference: reference? },
            "join" => Self::Join(Join {
                meta: envelope.meta,
                token: secret("token", envelope.token)?,
                resume: optional_object("resume", envelope.resume)?.map(
                    |ResumeFields { ticket, received, waiting }| Resume {
                        ticket: ticket.into(),
                        received,
                        waiting: waiting == Some(true),
                    },
                ),
                replaces: secret("replaces", envelope.replaces)?,
                offers: optional::<Offers<'a>>("offers", envelope.offers)?.unwrap_or_default().0,
            }),
            "leave" => Self::Leave { ticket: secret("ticket", envelope.ticket)? },
            "probe" => Self::Probe,
            "admit" => {
                Self::Admit { peer: required("peer", envelope.peer)?, reference: reference? }
            }
            "deny" => Self::Deny {
                peer: required("peer", envelope.peer)?,
                reason: optional("reason", envelope.reason)?,
                reference: reference?,
            },
            "admitAll" => Self::AdmitAll { reference: reference? },
            "lobby" => Self::Lobby {
                enabled: required("enabled", envelope.enabled)?,
                reference: reference?,
            },
            "kick" => Self::Kick {
                peer: required("peer", envelope.peer)?,
                reason: optional("reason", envelope.reason)?,
                ban_seconds: optional("banSeconds", envelope.ban_seconds)?,
                reference: reference?,
            },
            "lock" => {
                Self::Lock { locked: required("locked", envelope.locked)?, reference: reference? }
            }
            "permissions" => Self::Permissions {
                peer: required("peer", envelope.peer)?,
                permissions: required("permissions", envelope.permissions)?,
                reference: reference?,
            },
            _ => return Err(Problem::UnknownType),
        })
    }

    /// The `ref` for an error about this message.
    pub fn reference(&self) -> Option<u64> {
        match self {
            Self::Signal { reference, .. }
            | Self::Broadcast { reference, .. }
            | Self::Update { reference, .. }
            | Self::Admit { reference, .. }
            | Self::Deny { reference, .. }
            | Self::AdmitAll { reference }
            | Self::Lobby { reference, .. }
            | Self::Kick { reference, .. }
            | Self::Lock { reference, .. }
            | Self::Permissions { reference, .. } => *reference,
            Self::Join(_)
            | Self::Leave { .. }
            | Self::Probe
            | Self::Pong { .. }
            | Self::Ack { .. } => None,
        }
    }

    /// Whether both ends count this message (`docs/protocol.md`, section 5).
    pub fn is_sequenced(&self) -> bool {
        !matches!(self, Self::Join(_) | Self::Probe | Self::Pong { .. } | Self::Ack { .. })
    }
}

fn secret<'a>(
    name: &'static str,
    field: Option<&'a RawValue>,
) -> Result<Option<Secret<'a>>, Problem> {
    Ok(optional::<Cow<'a, str>>(name, field)?.map(Secret::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_no_message() {
        for text in [r#"["leave"]"#, "\n [\"leave\"]", r#"["broadcast",null,1]"#] {
            let problem = ClientMessage::parse(text).unwrap_err().problem;
            assert_eq!(problem, Problem::Envelope, "{text}");
        }
        let join = r#"{"type":"join","resume":["a ticket",0]}"#;
        let problem = ClientMessage::parse(join).unwrap_err().problem;
        assert_eq!(problem, Problem::WrongType("resume"));
        let data = r#"{"type":"broadcast","data":[1,[2]]}"#;
        assert!(ClientMessage::parse(data).is_ok(), "a payload is what it likes");
    }
}
