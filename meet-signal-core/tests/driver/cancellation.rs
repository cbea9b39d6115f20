//! Drops the driver's future after each of its polls. With paused time and one thread, a scenario
//! takes the same polls each time.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use meet_signal_core::{
    AuthRequest, Denied, Grant, Hub, Limits,
    driver::serve,
    testing::{ClientEnd, Received, connection},
};
use serde_json::Value;
use tokio::{
    spawn,
    task::{JoinHandle, yield_now},
    time::{Duration, sleep},
};

use crate::{
    BEAT, GRACE, observer,
    resume::{broadcast, send_app, send_resume},
    room,
};

/// A future that is dropped, with all that it holds, after this many polls.
struct Cancelled<F> {
    future: Option<Pin<Box<F>>>,
    polls: usize,
    ended: Arc<AtomicBool>,
}

impl<F: Future> Future for Cancelled<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { future, polls, ended } = &mut *self;
        let Some(left) = polls.checked_sub(1) else {
            *future = None;
            return Poll::Ready(());
        };
        *polls = left;
        let running = future.as_mut().expect("it is not polled after its end");
        let polled = running.as_mut().poll(cx).map(drop);
        ended.store(polled.is_ready(), Ordering::Relaxed);
        if polled.is_pending() && left == 0 {
            // There is no next poll to wait for: drop it here.
            *future = None;
            return Poll::Ready(());
        }
        polled
    }
}

/// What the test does to a connection whose driver is dropped at some point. The script continues
/// after the drop.
#[derive(Debug, Clone, Copy)]
enum Scenario {
    /// Joins, sends, receives, and leaves.
    Leaves,
    /// Does not read, overflows its outbox, and is closed.
    Slow,
    /// Loses its socket, and the grace period ends.
    LosesSocket,
    /// Becomes silent.
    HalfOpen,
    /// Is taken over by a newer connection, whose driver is not dropped.
    TakenOver,
    /// Is taken over while it has no socket.
    TakenOverAway,
    /// Takes a session over; the older connection's driver is not dropped.
    TakesOver,
    /// Sends malformed messages instead of `join`, until it is closed.
    NeverJoins,
}

/// Runs a scenario in which the driver is dropped after this many polls. Returns whether the driver
/// ended before.
async fn run(scenario: Scenario, polls: usize) -> bool {
    let limits = Limits::builder().outbox_frames(4).bad_messages(2);
    let hub = Hub::new(limits.build().expect("within the ranges"));
    let mut other = observer(&hub).await;
    let ended = Arc::new(AtomicBool::new(false));
    let (driver, client) = start(&hub, scenario, polls, &ended).await;
    act(scenario, &hub, client).await;
    driver.await.expect("dropping does not panic");
    // Newer and older connections of the same session end as well.
    sleep(BEAT * 3 + GRACE * 2).await;
    assert_eq!(hub.sessions(), 1, "{scenario:?} after {polls} polls: only the observer's");
    assert_eq!(hub.roster(&room()).len(), 1);

    // The error shows that no other message follows.
    other.to_server.send(r#"{"type":"signal","to":"nobody","data":0}"#);
    let (mut joined, mut left) = (Vec::new(), Vec::new());
    loop {
        let frame = other.recv().await;
        match frame["type"].as_str() {
            Some("joined") => joined.push(frame["peer"]["id"].clone()),
            Some("left") => left.push(frame["peer"].clone()),
            Some("error") => break,
            _ => {}
        }
    }
    assert_eq!(joined, left, "{scenario:?} after {polls} polls: one leave for each join");
    ended.load(Ordering::Relaxed)
}

/// The connection whose driver is dropped, and an older connection of its session if the scenario
/// needs one.
async fn start(
    hub: &Hub,
    scenario: Scenario,
    polls: usize,
    ended: &Arc<AtomicBool>,
) -> (JoinHandle<()>, Client) {
    let older = match scenario {
        Scenario::TakesOver => {
            let (server, mut older) = connection(8);
            spawn(serve(hub.clone(), room(), Grant::new(), server));
            Some((older.join().await, older))
        }
        _ => None,
    };
    let (server, client) = connection(2);
    let authorize = async |_: AuthRequest| {
        // As if the application queried its database.
        yield_now().await;
        Ok::<_, Denied>(Grant::new())
    };
    let future = Some(Box::pin(serve(hub.clone(), room(), authorize, server)));
    let driver = spawn(Cancelled { future, polls, ended: ended.clone() });
    (driver, Client { end: client, older })
}

struct Client {
    end: ClientEnd,
    older: Option<(Value, ClientEnd)>,
}

async fn act(scenario: Scenario, hub: &Hub, Client { mut end, older }: Client) {
    if let Scenario::NeverJoins = scenario {
        (0..4).for_each(|_| end.send("no JSON"));
        return until_the_end(&mut end).await;
    }
    match &older {
        Some((welcome, _)) => send_resume(&end, welcome, 0),
        None => end.send(r#"{"type":"join"}"#),
    }
    let welcome = match end.next().await {
        Received::Flush(mut frames) => frames.swap_remove(0),
        // The driver was dropped before it sent anything.
        _ => return,
    };
    for n in 0..3 {
        end.send(&broadcast(n));
        send_app(hub, n);
        yield_now().await;
    }
    match scenario {
        Scenario::Leaves | Scenario::TakesOver => {
            end.send(r#"{"type":"leave"}"#);
            until_the_end(&mut end).await;
        }
        Scenario::Slow => {
            end.stall();
            for n in 0..8 {
                send_app(hub, n);
                yield_now().await;
            }
            sleep(Duration::from_secs(11)).await;
            until_the_end(&mut end).await;
        }
        Scenario::LosesSocket => end.cut(),
        Scenario::HalfOpen => end.half_open(),
        Scenario::TakenOver | Scenario::TakenOverAway => {
            let end = match scenario {
                Scenario::TakenOver => Some(end),
                _ => None,
            };
            yield_now().await;
            let (server, mut newer) = connection(8);
            spawn(serve(hub.clone(), room(), Grant::new(), server));
            send_resume(&newer, &welcome, 0);
            assert!(matches!(newer.next().await, Received::Flush(_)));
            if let Some(mut end) = end {
                until_the_end(&mut end).await;
            }
            newer.send(r#"{"type":"leave"}"#);
            until_the_end(&mut newer).await;
        }
        Scenario::NeverJoins => unreachable!("handled above"),
    }
}

async fn until_the_end(end: &mut ClientEnd) {
    while let Received::Flush(_) = end.next().await {}
}

/// Drops the driver after 1, 2, 3, … polls, until it ends by itself. (Before the first poll, the
/// future only holds its arguments.)
async fn drop_everywhere(scenario: Scenario, at_least: usize) {
    let mut polls = 0;
    while !run(scenario, polls).await {
        polls += 1;
        assert!(polls < 1_000, "{scenario:?} does not end");
    }
    assert!(polls >= at_least, "{scenario:?} has only {polls} polls: has the scenario changed?");
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_of_a_life_that_leaves() {
    drop_everywhere(Scenario::Leaves, 5).await;
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_with_a_slow_socket() {
    drop_everywhere(Scenario::Slow, 6).await;
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_of_losing_the_socket_and_the_grace() {
    drop_everywhere(Scenario::LosesSocket, 5).await;
    drop_everywhere(Scenario::HalfOpen, 7).await;
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_of_being_taken_over() {
    drop_everywhere(Scenario::TakenOver, 5).await;
    drop_everywhere(Scenario::TakenOverAway, 5).await;
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_of_taking_over() {
    drop_everywhere(Scenario::TakesOver, 4).await;
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_before_the_join() {
    drop_everywhere(Scenario::NeverJoins, 1).await;
}
