#![doc = include_str!("../README.md")]

mod check;
mod client;
mod observers;
mod report;
mod request;
mod requirement;
mod requirements;
mod server;
mod suite;
mod table;
mod target;
mod wire;

pub use report::{Outcome, Report};
pub use requirement::Requirement;
pub use requirements::requirements;
pub use suite::Suite;
pub use target::{Target, authorize, limits};
