//! For the tests of adapters and applications. Behind the feature `testing`, which belongs into
//! `[dev-dependencies]`.
//!
//! - [`connection`] is a socket without a network: to test your own handlers, rules and application
//!   messages without a port.
//! - [`strategies`] generate ids, messages and whole histories of rooms, for [proptest].
//! - [`model`] is a reference model of a room and its sessions, with which tests compare real ones.
//!
//! # A connection in memory
//!
//! [`serve`](crate::driver::serve) runs one end of it, the test holds the other one. Its ways to
//! fail are those of a network: it is [cut](ClientEnd::cut), it is [half open](ClientEnd::half_open),
//! it [stalls](ClientEnd::stall). With [`ClientEnd::live`] a client stays for a while and then
//! disconnects in a [`DisconnectMode`].
//!
//! The driver has tokio's clock and no other, so a test pauses it, with tokio's feature `test-util`
//! and `#[tokio::test(start_paused = true)]`. The clock then jumps to the next timer whenever all
//! tasks wait: half an hour of heartbeats takes a millisecond, and each run is like the one before.
//!
//! ```
//! use meet_signal_core::{Grant, Hub, driver::serve, testing::connection};
//! use tokio::time::{Duration, Instant};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut builder = tokio::runtime::Builder::new_current_thread();
//! # let runtime = builder.enable_time().start_paused(true).build()?;
//! # runtime.block_on(async {
//! // The body of a test with `#[tokio::test(start_paused = true)]`.
//! let hub = Hub::default();
//! let (server, mut ada) = connection(8);
//! tokio::spawn(serve(hub.clone(), "standup".parse()?, Grant::new(), server));
//! let welcome = ada.join().await;
//! assert_eq!(welcome["peers"], serde_json::json!([]));
//!
//! let (server, mut bob) = connection(8);
//! let task = tokio::spawn(serve(hub.clone(), "standup".parse()?, Grant::new(), server));
//! let bob_id = bob.join().await["self"]["id"].clone();
//! assert_eq!(ada.expect("joined").await["peer"]["id"], bob_id);
//!
//! let start = Instant::now();
//! bob.cut();
//! assert_eq!(ada.expect("status").await["status"], "away");
//! ada.send(r#"{"type":"leave"}"#);
//! task.await?; // Bob's grace period is over.
//! assert_eq!(start.elapsed(), Duration::from_secs(30));
//! assert_eq!(hub.sessions(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok(())
//! # }
//! ```
//!
//! # A room against its model
//!
//! ```
//! use meet_signal_core::testing::{
//!     model::{RecordedRoom, RoomModel},
//!     strategies,
//! };
//! use proptest::prelude::*;
//!
//! // The body of a test; or `proptest! { #[test] fn …(history in …) { … } }`.
//! proptest!(|(history in strategies::history(1..80))| {
//!     let (mut model, mut room) = (RoomModel::new(8), RecordedRoom::new(8));
//!     for input in history {
//!         prop_assert_eq!(room.apply(input.clone()), model.apply(&input));
//!     }
//!     prop_assert_eq!(room.record(), model.record());
//! });
//! ```
//!
//! `examples/property-tests` in the repository tests an application's own rule this way.
//!
//! [proptest]: https://docs.rs/proptest

pub mod ids;
pub mod model;
pub mod strategies;

mod disconnect;
mod socket;

pub use crate::{
    room::{
        Access, ApplyError, Effect, Effects, Event, Input, IntoEffects, KnockEnd, Lobby, Newcomer,
        Recipients, Room,
    },
    roster::{Granted, Member, Roster},
    ticket::TicketHash,
};
pub use disconnect::DisconnectMode;
pub use socket::{ClientEnd, Received, Sender, ServerEnd, connection};

/// A frame with this text, for the tests of a [`Socket`](crate::socket::Socket).
pub fn frame(text: impl Into<String>) -> crate::Frame {
    crate::Frame::new(text.into())
}
