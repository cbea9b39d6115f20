//! The site's meetings, on this framework.

#[path = "../../existing-app/tests/shared/mod.rs"]
mod shared;

const PROGRAM: &str = env!("CARGO_BIN_EXE_existing-app-axum");
