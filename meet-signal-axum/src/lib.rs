#![doc = include_str!("../README.md")]

mod assets;
mod parameter;
mod router;
mod socket;
mod upgrade;

pub use assets::{client, client_for};
pub use router::SignalRouter;
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

/// Compiles the code of the guide.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide-access.md")]
struct Guide;
