//! One suite for every adapter: drives each promise of the wire protocol against a running server,
//! over real sockets, and reports each by name.
//!
//! An adapter's author starts a server on a port of the loopback interface, with the suite's
//! [limits] and its way to [authorize], and runs the [`Suite`]:
//!
//! ```no_run
//! use meet_signal_conformance::{self as conformance, Suite, Target};
//! use meet_signal_core::Hub;
//! use tokio::net::TcpListener;
//!
//! # async fn your_server(_: TcpListener, _: Hub, _: impl meet_signal_core::Authorize) {}
//! #[tokio::test(flavor = "multi_thread")]
//! async fn keeps_the_protocols_promises() {
//!     let hub = Hub::new(conformance::limits());
//!     let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
//!     let target = Target::new(listener.local_addr().unwrap()).hub(hub.clone());
//!     tokio::spawn(your_server(listener, hub, conformance::authorize));
//!
//!     let report = Suite::new(target).run().await;
//!     println!("{report}");
//!     report.assert_kept();
//! }
//! ```
//!
//! # What the suite expects of the server
//!
//! - Plain TCP, HTTP/1.1, rooms at `/signal/{room}` or where [`Target::path`] says.
//! - A hub with [`limits`]: short times, so that the suite is done in seconds, and small bounds.
//! - [`authorize`], which has tokens for whatever an application can decide.
//! - The default [`OriginPolicy`](meet_signal_core::OriginPolicy): pages of the same host, and those without
//!   an `Origin`.
//! - Nobody else's load. The suite waits for events and gives them 15 seconds, but who does not
//!   answer a heartbeat is lost, in the suite as elsewhere.
//!
//! With [`Target::hub`] the suite drives what the application does, too (its messages, closing a
//! room, draining), and sees that nothing is left behind; otherwise these promises are reported as
//! not driven. **Draining comes last: the hub takes nobody afterwards.**
//!
//! A hostile act is done in a room with two bystanders, who then exchange signals, have been told
//! what they should have been and nothing more, and whose room a newcomer finds as it should be.

mod bystanders;
mod check;
mod client;
mod promises;
mod report;
mod request;
mod server;
mod suite;
mod table;
mod target;
mod wire;

pub use report::{Outcome, Promise, Report};
pub use suite::{Suite, promises};
pub use target::{Target, authorize, limits};
