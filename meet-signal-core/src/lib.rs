#![doc = include_str!("../README.md")]

#[cfg(feature = "driver")]
pub mod driver;
pub mod handshake;
pub mod message;
pub mod room;
pub mod roster;
pub mod socket;
#[cfg(feature = "testing")]
pub mod testing;
pub mod ticket;

mod authorize;
mod budget;
mod client_address;
mod close;
mod connection;
mod error_code;
mod frame;
mod hub;
mod id;
mod intake;
#[cfg(all(test, loom))]
mod interleavings;
mod limits;
mod origin;
mod outbox;
mod random;
mod rate;
mod secret;
mod session;
mod subprotocol;
mod sync;

pub use authorize::{AuthRequest, Authorize, Denied, Grant, Permissions};
pub use client_address::{ClientAddress, InvalidHeaderName};
pub use close::{CloseReason, is_going_away};
pub use error_code::ErrorCode;
pub use frame::Frame;
pub use hub::{Hub, JoinError, JoinRequest, ResumeError, SendError};
pub use id::{InvalidPeerId, InvalidRoomId, PeerId, RoomId};
pub use limits::{InvalidLimits, Limits, LimitsBuilder};
pub use origin::{InvalidOrigin, OriginFault, OriginPolicy, OriginRefused};
pub use secret::Secret;
pub use session::Session;
pub use subprotocol::{UnknownSubprotocol, select_subprotocol};
