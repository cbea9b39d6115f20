//! Without the feature `tracing`: nothing.

#![allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "as with the feature")]

#[cfg(feature = "driver")]
pub(crate) use driver::*;

use crate::{CloseReason, LeaveReason, handshake::UpgradeRefused};

pub(crate) fn upgrade_refused(_: &UpgradeRefused) {}

pub(crate) fn draining(_: usize) {}

pub(crate) fn drained() {}

pub(crate) fn reclaimed(_: usize, _: usize) {}

#[derive(Debug, Default)]
pub(crate) struct Membership;

impl Membership {
    pub(crate) fn leaves(&self, _: LeaveReason) {}

    pub(crate) fn dropped(&self, _: impl FnOnce() -> Option<CloseReason>) {}
}

#[cfg(feature = "driver")]
mod driver {
    use std::{net::IpAddr, time::Duration};

    use crate::{
        CloseReason, Denied, ErrorCode, Grant, Hub, Resumed, RoomId, Session, driver::exit::Exit,
        message::ErrorFrame,
    };

    #[derive(Clone)]
    pub(crate) struct Connection;

    impl Connection {
        pub(crate) fn opened(_: &Hub, _: Option<&RoomId>, _: Option<IpAddr>) -> Self {
            Self
        }

        pub(crate) fn within<F: Future>(&self, future: F) -> F {
            future
        }

        pub(crate) fn ice_servers_missing(&self) {}

        pub(crate) fn waiting(&self, _: &Session) {}

        pub(crate) fn joined(&self, _: &mut Session, _: Resumed) {}

        pub(crate) fn away(&self, _: &Session, _: &Exit) {}

        pub(crate) fn closed(&self, _: &Exit) {}
    }

    pub(crate) struct Authorizing;

    impl Authorizing {
        pub(crate) fn new() -> Self {
            Self
        }

        pub(crate) fn decided(self, _: &Result<Result<Grant, Denied>, Exit>) {}
    }

    pub(crate) fn authorize_timed_out(_: Duration) {}

    pub(crate) fn refused(_: &ErrorFrame<'_>, _: &CloseReason) {}

    pub(crate) fn denied(_: ErrorCode, _: &CloseReason) {}
}
