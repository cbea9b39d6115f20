//! The code that the Meet examples share: the pages, the command line, the listener, the certificate,
//! who may join and who is host, the shutdown.

mod bounds;
mod browser;
mod hosts;
mod logging;
mod login;
mod options;
mod pages;
mod security;
mod stop;
mod tls;
mod turn;

pub use bounds::Bounds;
pub use browser::Browser;
pub use hosts::Hosts;
pub use logging::log_to_stderr;
pub use login::Login;
pub use options::Options;
pub use pages::{Asset, asset, form_target, home, room, room_name};
pub use security::security_headers;
pub use stop::{DRAIN_TIMEOUT, stopping};
pub use tls::{CertificateError, server_config};
pub use turn::Turn;

// Compiles the Rust code of the project's README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
