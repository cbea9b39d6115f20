//! Running all promises.

use std::{
    future::Future,
    hash::{BuildHasher, Hasher, RandomState},
    pin::Pin,
    sync::Arc,
};

use tokio::{
    sync::Semaphore,
    task::{JoinError, JoinSet},
    time::{Duration, timeout},
};

use crate::{
    check::Verdict,
    promises::PROMISES,
    report::{Outcome, Promise, Report},
    server::Server,
    target::Target,
};

/// All promises, to be driven against one server.
#[derive(Debug, Clone)]
#[must_use = "`run` drives the promises"]
pub struct Suite {
    target: Target,
    chosen: Vec<&'static Entry>,
}

/// One line of the suite's table.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) promise: Promise,
    pub(crate) turn: Turn,
    pub(crate) drive: fn(Server) -> Driving,
}

pub(crate) type Driving = Pin<Box<dyn Future<Output = Verdict> + Send>>;

/// When a promise is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Beside others, in rooms of its own.
    Together,
    /// After these and alone: it makes load.
    Alone,
    /// Alone, and only where there is a hub.
    WithHub,
}

/// Every promise that the suite drives, in the order of the protocol.
pub fn promises() -> impl ExactSizeIterator<Item = Promise> {
    PROMISES.iter().map(|entry| entry.promise)
}

impl Suite {
    /// The suite against this server.
    pub fn new(target: Target) -> Self {
        Self { target, chosen: PROMISES.iter().collect() }
    }

    /// Drives only those promises that are chosen: to look at one that is broken, say.
    pub fn only(mut self, choose: impl Fn(&Promise) -> bool) -> Self {
        self.chosen.retain(|entry| choose(&entry.promise));
        self
    }

    /// Drives every promise and reports each. Takes some 20 seconds, mostly of waiting.
    ///
    /// Needs a tokio runtime with its I/O and its timers. Draining comes last: see
    /// [the module](super).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops all connections; the hub is as it is.
    pub async fn run(self) -> Report {
        let Self { target, chosen } = self;
        let target = Arc::new(target);
        // Neither another run at the same server nor what it left may be met.
        let run = RandomState::new().build_hasher().finish();
        let server = |index: usize| Server::new(target.clone(), format!("{run:016x}-{index}"));

        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut together = JoinSet::new();
        for (index, entry) in chosen.iter().enumerate() {
            if entry.turn == Turn::Together {
                let (drive, server, places) = (entry.drive, server(index), places.clone());
                together.spawn(async move {
                    let _place = places.acquire_owned().await;
                    (index, drive_one(drive, server).await)
                });
            }
        }
        let mut outcomes = vec![Outcome::NotDriven; chosen.len()];
        while let Some(done) = together.join_next().await {
            let (index, outcome) = done.expect("a promise that panics does so in its own task");
            outcomes[index] = outcome;
        }
        for (index, entry) in chosen.iter().enumerate() {
            let driven = match entry.turn {
                Turn::Together => false,
                Turn::Alone => true,
                Turn::WithHub => target.hub.is_some(),
            };
            if driven {
                outcomes[index] = drive_one(entry.drive, server(index)).await;
            }
        }
        Report::new(chosen.iter().map(|entry| entry.promise).zip(outcomes).collect())
    }
}

async fn drive_one(drive: fn(Server) -> Driving, server: Server) -> Outcome {
    let mut task = JoinSet::new();
    task.spawn(timeout(LONGEST, drive(server)));
    match task.join_next().await.expect("the task was spawned") {
        Ok(Ok(Ok(()))) => Outcome::Kept,
        Ok(Ok(Err(broken))) => Outcome::Broken(broken.to_string()),
        Ok(Err(_)) => Outcome::Broken(format!("not shown within {LONGEST:?}")),
        Err(panic) => Outcome::Broken(format!("the suite itself panicked: {}", message(panic))),
    }
}

fn message(panic: JoinError) -> String {
    match panic.try_into_panic().map(|payload| payload.downcast::<String>()) {
        Ok(Ok(message)) => *message,
        _ => "see its output".to_owned(),
    }
}

/// How many promises are driven at once: enough to wait for many timers together, and few enough
/// that two cores answer every heartbeat in time.
const AT_ONCE: usize = 16;

/// Well above the longest promise, which waits for a handful of events.
const LONGEST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_sections_in_order() {
        let names: HashSet<_> = promises().map(|promise| promise.name).collect();
        assert_eq!(names.len(), promises().len());
        assert!(promises().is_sorted_by_key(|promise| promise.section));
        assert!(promises().all(|promise| !promise.name.contains(['|', '\n'])), "a table's cell");
    }
}
