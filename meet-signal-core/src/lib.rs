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
mod close;
mod connection;
mod error_code;
mod frame;
mod hub;
mod ice;
mod id;
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
#[cfg_attr(not(feature = "testing"), allow(dead_code, unreachable_pub))]
mod roster;
mod secret;
mod session;
mod sync;
#[cfg_attr(not(feature = "testing"), allow(dead_code, unreachable_pub))]
mod ticket;

pub use authorize::{
    AuthRequest, Authorize, ByClosure, BySend, Decision, Denied, Grant, LocalAuthorize,
    LocalDecision,
};
pub use client_address::{ClientAddress, InvalidHeaderName};
pub use close::{CloseReason, is_going_away};
pub use error_code::ErrorCode;
pub use frame::Frame;
pub use handshake::{InvalidOrigin, OriginFault, OriginPolicy, OriginRefused};
pub use hub::{Hub, JoinError, JoinRequest, ResumeError, SendError};
pub use ice::{IceServerProvider, IceServerRequest, IceServers, ProvideIceServers};
#[cfg(feature = "turn")]
pub use ice::{InvalidTurnCredentials, TurnCredentials};
pub use id::{InvalidPeerId, InvalidRoomId, PeerId, RoomId};
pub use limits::{InvalidLimits, Limits, LimitsBuilder};
pub use message::{IceServer, LeaveReason, Meta, Resumed, Status};
pub use permissions::Permissions;
pub use roster::MemberInfo;
pub use secret::Secret;
pub use session::Session;
