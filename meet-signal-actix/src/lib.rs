#![doc = include_str!("../README.md")]

mod assets;
mod connection;
mod incoming;
mod outgoing;
mod service;
mod socket;
mod upgrade;

pub use assets::{client, client_for};
pub use connection::{on_connect, on_connect_tcp};
pub use service::SignalService;
pub use socket::{SignalSocket, SignalText};
pub use upgrade::SignalUpgrade;

pub use meet_signal_core::{
    Admission, AppData, AuthRequest, Authorize, ByClosure, BySend, ByWithResumes, ClientAddress,
    CloseReason, Decision, Denied, Duplicates, ErrorCode, Events, Frame, Grant, Hub, IceServer,
    IceServerProvider, IceServerRequest, IceServers, Identity, InvalidHeaderName, InvalidLimits,
    InvalidOrigin, InvalidPeerId, InvalidRoomId, Lagged, LeaveReason, Limits, LimitsBuilder,
    LocalAuthorize, LocalDecision, MemberInfo, Meta, ModerationError, OriginFault, OriginPolicy,
    OriginRefused, PeerId, Permissions, PreviousSession, ProvideIceServers, Reason, Resumed,
    RoomCount, RoomEvent, RoomEventKind, RoomId, RoomSettings, RoomSnapshot, Secret, SendError,
    Status, WithResumes, driver,
    handshake::{UnknownSubprotocol, UpgradeRefused},
    socket::{Disconnected, Incoming, Socket},
};
#[cfg(feature = "turn")]
pub use meet_signal_core::{InvalidTurnCredentials, TurnCredentials};
pub use meet_signal_js::{client_preload, client_url};
