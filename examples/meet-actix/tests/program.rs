//! The Meet application on this framework, as a process.

#[path = "../../meet-web/tests/shared/mod.rs"]
mod shared;

const PROGRAM: &str = env!("CARGO_BIN_EXE_meet-actix");
