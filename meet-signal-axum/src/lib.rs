#![doc = include_str!("../README.md")]

mod assets;
mod parameter;
mod router;
mod socket;
mod upgrade;

pub use assets::client;
pub use router::SignalRouter;
pub use upgrade::SignalUpgrade;

pub use meet_signal_core as core;
pub use meet_signal_core::{
    ClientAddress, Denied, Grant, Hub, InvalidHeaderName, InvalidOrigin, Limits, OriginPolicy,
    RoomId, handshake::UpgradeRefused,
};
