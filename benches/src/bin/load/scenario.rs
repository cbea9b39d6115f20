//! What participants do.

mod calls;
mod churn;
mod fan_out;
mod idle;
mod relay;
mod storm;

use std::io;

use clap::Subcommand;

use crate::{metrics::Metrics, peer::Target, process::Process};

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Scenario {
    /// Rooms of two that send to each other.
    Relay(relay::Relay),
    /// Calls from the first connection to the last leave.
    Calls(calls::Calls),
    /// One room, in which one participant sends to all others.
    FanOut(fan_out::FanOut),
    /// Connections that send nothing.
    Idle(idle::Idle),
    /// Many join at once.
    JoinStorm(storm::JoinStorm),
    /// Many lose their sockets at once, and resume.
    ResumeStorm(storm::ResumeStorm),
    /// Participants join and leave.
    Churn(churn::Churn),
}

impl Scenario {
    /// The length of a message, if all have the same.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Relay(relay) => relay.bytes,
            _ => 0,
        }
    }

    pub(crate) async fn run(&self, target: Target, server: Process) -> io::Result<Metrics> {
        match self {
            Self::Relay(relay) => relay.run(target, server).await,
            Self::Calls(calls) => calls.run(target, server).await,
            Self::FanOut(fan_out) => fan_out.run(target, server).await,
            Self::Idle(idle) => idle.run(target, server).await,
            Self::JoinStorm(storm) => storm.run(target, server).await,
            Self::ResumeStorm(storm) => storm.run(target, server).await,
            Self::Churn(churn) => churn.run(target, server).await,
        }
    }
}
