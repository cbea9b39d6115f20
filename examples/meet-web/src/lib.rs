//! What the Meet examples share, whatever their web framework: the pages, the command line, the
//! certificate.

mod options;
mod pages;
mod tls;

pub use options::Options;
pub use pages::{Asset, CONTENT_SECURITY_POLICY, asset, home, room, room_path};
pub use tls::{CertificateError, server_config};

// The Rust of the project's README is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
