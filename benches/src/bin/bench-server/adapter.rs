//! Each adapter's server.

pub(crate) mod actix;
pub(crate) mod axum;
pub(crate) mod tungstenite;
