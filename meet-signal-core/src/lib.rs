#![doc = include_str!("../README.md")]

#[cfg(feature = "driver")]
pub mod driver;
pub mod handshake;
/// The messages of the wire protocol as Rust types, for the tools of this repository. They may
/// change in any release.
#[cfg(feature = "unstable-message")]
pub mod message;
pub mod socket;
#[cfg(feature = "testing")]
pub mod testing;

mod authorize;
mod budget;
mod client_address;
mod clock;
mod close;
mod connection;
mod error_code;
mod frame;
mod grant;
mod hub;
mod ice;
mod id;
mod identity;
mod inbound;
#[cfg(all(test, loom))]
mod interleavings;
mod limits;
#[cfg(not(feature = "unstable-message"))]
#[allow(dead_code, unreachable_pub, unused_imports, reason = "public with `unstable-message`")]
mod message;
mod outbox;
mod permissions;
mod random;
mod rate;
#[cfg_attr(not(feature = "testing"), allow(dead_code, unreachable_pub))]
mod room;
#[cfg_attr(not(feature = "driver"), allow(dead_code, unreachable_pub))]
mod room_event;
mod room_id;
#[cfg_attr(not(feature = "testing"), allow(dead_code, unreachable_pub))]
mod roster;
mod secret;
mod session;
mod sync;
#[cfg_attr(not(feature = "testing"), allow(dead_code, unreachable_pub))]
mod ticket;
mod trace;

pub use authorize::{
    AuthRequest, Authorize, ByClosure, BySend, ByWithResumes, Decision, LocalAuthorize,
    LocalDecision, PreviousSession, WithResumes,
};
pub use client_address::{ClientAddress, InvalidHeaderName};
pub use close::{CloseReason, Reason, is_going_away};
pub use error_code::ErrorCode;
pub use frame::Frame;
pub use grant::{Denied, Grant};
pub use handshake::{InvalidOrigin, OriginFault, OriginPolicy, OriginRefused};
#[cfg(feature = "driver")]
pub use hub::{Events, Lagged};
pub use hub::{Hub, JoinError, JoinRequest, ModerationError, ResumeError, RoomCount, SendError};
pub use ice::{IceServerProvider, IceServerRequest, IceServers, ProvideIceServers};
#[cfg(feature = "turn")]
pub use ice::{InvalidTurnCredentials, TurnCredentials};
pub use id::{InvalidPeerId, PeerId};
pub use identity::{AppData, Identity};
pub use limits::{InvalidLimits, Limits, LimitsBuilder, RoomSettings};
pub use message::{IceServer, LeaveReason, Meta, Resumed, Status};
pub use permissions::Permissions;
pub use room::{Admission, Duplicates};
#[cfg(not(feature = "driver"))]
use room_event::RoomEventKind;
#[cfg(feature = "driver")]
pub use room_event::{RoomEvent, RoomEventKind, RoomSnapshot};
pub use room_id::{InvalidRoomId, RoomId};
pub use roster::MemberInfo;
pub use secret::Secret;
pub use session::Session;
