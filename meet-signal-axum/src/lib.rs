#![doc = include_str!("../README.md")]

mod assets;
mod parameter;
mod router;
mod socket;
mod upgrade;

pub use assets::client;
pub use router::SignalRouter;
pub use upgrade::SignalUpgrade;

pub use meet_signal_core::{
    AuthRequest, Authorize, ByClosure, BySend, ClientAddress, CloseReason, Decision, Denied, Grant,
    Hub, IceServer, IceServerProvider, IceServerRequest, IceServers, InvalidHeaderName,
    InvalidLimits, InvalidOrigin, InvalidPeerId, InvalidRoomId, LeaveReason, Limits, LimitsBuilder,
    LocalAuthorize, LocalDecision, MemberInfo, Meta, OriginFault, OriginPolicy, OriginRefused,
    PeerId, Permissions, ProvideIceServers, RoomId, Secret, SendError, Status,
    handshake::{UnknownSubprotocol, UpgradeRefused},
};
#[cfg(feature = "turn")]
pub use meet_signal_core::{InvalidTurnCredentials, TurnCredentials};
