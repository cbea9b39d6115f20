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

pub use meet_signal_core as core;
pub use meet_signal_core::{
    ClientAddress, Denied, Grant, Hub, InvalidHeaderName, InvalidOrigin, Limits, OriginPolicy,
    RoomId,
};
