//! A requirement of the protocol, and the test of it.

use std::{future::Future, pin::Pin};

use crate::{check::Result, server::Server};

/// A requirement of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Requirement {
    /// The requirement in one sentence. No two requirements have the same name.
    pub name: &'static str,
    /// The section of `docs/protocol.md` that specifies it: 1 to 6.
    pub section: u8,
}

impl Requirement {
    /// The title of its section.
    pub fn section_title(&self) -> &'static str {
        match self.section {
            1 => "Frame and envelope",
            2 => "Joining",
            3 => "In the room",
            4 => "Liveness",
            5 => "Resuming",
            _ => "Errors and close codes",
        }
    }
}

/// A requirement with its test.
#[derive(Debug)]
pub(crate) struct TestCase {
    pub(crate) requirement: Requirement,
    pub(crate) schedule: Schedule,
    pub(crate) run: fn(Server) -> TestFuture,
}

pub(crate) type TestFuture = Pin<Box<dyn Future<Output = Result> + Send>>;

/// When a test runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schedule {
    /// In parallel with others.
    Parallel,
    /// After the parallel ones and alone, because it makes load.
    Serial,
    /// As [`Serial`](Self::Serial), and only if the suite has the hub.
    SerialWithHub,
}
