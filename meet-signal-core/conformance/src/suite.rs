//! Runs the tests of all requirements.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::Arc,
};

use tokio::{
    sync::Semaphore,
    task::{JoinError, JoinSet},
    time::{Duration, timeout},
};

use crate::{
    report::{Outcome, Report},
    requirement::{Requirement, Schedule, TestCase, TestFuture},
    requirements::TEST_CASES,
    server::Server,
    target::Target,
};

/// Tests of all requirements, for one server.
#[derive(Debug, Clone)]
#[must_use = "`run` runs the tests"]
pub struct Suite {
    target: Target,
    selected: Vec<&'static TestCase>,
}

impl Suite {
    /// The suite for this server.
    pub fn new(target: Target) -> Self {
        Self { target, selected: TEST_CASES.iter().collect() }
    }

    /// Restricts the suite to the requirements that `select` returns true for, for example to
    /// examine one failure.
    pub fn only(mut self, select: impl Fn(&Requirement) -> bool) -> Self {
        self.selected.retain(|case| select(&case.requirement));
        self
    }

    /// Tests each requirement. A run takes about 20 seconds, most of it in timers.
    ///
    /// Needs a tokio runtime with I/O and timers. The last test drains the hub: see
    /// [the crate](crate).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops all connections, and leaves the hub as it is.
    pub async fn run(self) -> Report {
        let Self { target, selected } = self;
        let target = Arc::new(target);
        // Two runs with one server, or what an earlier run left, must not share a room.
        let run = RandomState::new().build_hasher().finish();
        let server = |index: usize| Server::new(target.clone(), format!("{run:016x}-{index}"));

        let permits = Arc::new(Semaphore::new(PARALLEL_TESTS));
        let mut parallel = JoinSet::new();
        for (index, case) in selected.iter().enumerate() {
            if case.schedule == Schedule::Parallel {
                let (run, server, permits) = (case.run, server(index), permits.clone());
                parallel.spawn(async move {
                    let _permit = permits.acquire_owned().await;
                    (index, run_one(run, server).await)
                });
            }
        }
        let mut outcomes = vec![Outcome::Skipped; selected.len()];
        while let Some(done) = parallel.join_next().await {
            let (index, outcome) = done.expect("a test that panics does so in a task of its own");
            outcomes[index] = outcome;
        }
        for (index, case) in selected.iter().enumerate() {
            let runs = match case.schedule {
                Schedule::Parallel => false,
                Schedule::Serial => true,
                Schedule::SerialWithHub => target.hub.is_some(),
            };
            if runs {
                outcomes[index] = run_one(case.run, server(index)).await;
            }
        }
        Report::new(selected.iter().map(|case| case.requirement).zip(outcomes).collect())
    }
}

async fn run_one(run: fn(Server) -> TestFuture, server: Server) -> Outcome {
    let mut task = JoinSet::new();
    task.spawn(timeout(TEST_TIMEOUT, run(server)));
    match task.join_next().await.expect("the task was spawned") {
        Ok(Ok(Ok(()))) => Outcome::Passed,
        Ok(Ok(Err(violation))) => Outcome::Failed(violation.to_string()),
        Ok(Err(_)) => Outcome::Failed(format!("no result within {TEST_TIMEOUT:?}")),
        Err(panic) => Outcome::Failed(format!("the suite panicked: {}", message(panic))),
    }
}

fn message(panic: JoinError) -> String {
    match panic.try_into_panic().map(|payload| payload.downcast::<String>()) {
        Ok(Ok(message)) => *message,
        _ => "see the output".to_owned(),
    }
}

/// Enough to wait for many timers at a time, and few enough that two cores answer each heartbeat in
/// time.
const PARALLEL_TESTS: usize = 16;

/// Well above the longest test, which waits for a handful of events.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);
