//! What the Meet examples share, whatever their web framework: the pages, the command line, the
//! listener, the certificate, the end.

mod bounds;
mod login;
mod options;
mod pages;
mod security;
mod stop;
mod tls;

pub use bounds::Bounds;
pub use login::Login;
pub use options::Options;
pub use pages::{Asset, asset, form_target, home, room};
pub use security::security_headers;
pub use stop::{PATIENCE, stopping};
pub use tls::{CertificateError, server_config};

// The Rust of the project's README is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
