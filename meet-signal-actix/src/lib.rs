#![doc = include_str!("../README.md")]

mod assets;
mod connection;
mod incoming;
mod outgoing;
mod service;
mod socket;
mod upgrade;

pub use assets::client;
pub use connection::{on_connect, on_connect_tcp};
pub use service::SignalService;
pub use upgrade::SignalUpgrade;

pub use meet_signal_core::{
    AuthRequest, Authorize, ClientAddress, CloseReason, Decision, Denied, Grant, Hub, IceServer,
    InvalidHeaderName, InvalidLimits, InvalidOrigin, InvalidRoomId, LeaveReason, Limits,
    LimitsBuilder, LocalAuthorize, LocalDecision, MemberInfo, Meta, OriginPolicy, PeerId,
    Permissions, RoomId, Secret, SendError, Status, handshake::UpgradeRefused,
};
