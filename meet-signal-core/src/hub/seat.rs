//! A member's place in a room.

use std::sync::Arc;

use crate::{intake::Intake, outbox::Outbox};

/// What is kept of a session, whichever connection it has.
pub(super) struct Seat {
    pub(super) outbox: Arc<Outbox>,
    /// How many sequenced frames of this member were handled.
    pub(super) received: u64,
    pub(super) intake: Intake,
}

impl Seat {
    pub(super) fn new(outbox: Arc<Outbox>, intake: Intake) -> Self {
        Self { outbox, received: 0, intake }
    }
}
