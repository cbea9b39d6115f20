//! The driver's future is dropped wherever it can be: after each of the polls that a life takes.
//! With the clock paused and one thread, a life takes the same polls each time.

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
    resume::{ask, broadcast, tell},
    room,
};

/// A future that is dropped, with all that it holds, once it was polled so many times.
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
            // There is no next poll to wait for: it is dropped where it waits.
            *future = None;
            return Poll::Ready(());
        }
        polled
    }
}

/// What the test does to a connection, after the driver is set to be dropped at some point of it.
/// Whatever became of it, the script goes on.
#[derive(Debug, Clone, Copy)]
enum Life {
    /// Joins, relays, is relayed to, and leaves.
    Leaves,
    /// Reads nothing, has too much waiting for it, and is closed.
    Slow,
    /// Is cut, and the grace passes.
    AwaitsResume,
    /// Falls silent.
    HalfOpen,
    /// Is taken over by a newer connection, whose driver lives.
    TakenOver,
    /// Is taken over while it waits without a socket.
    TakenOverAway,
    /// Takes a session over; the older driver lives.
    TakesOver,
    /// Says nonsense instead of `join`, until it is closed.
    NeverJoins,
}

/// Plays a life with the driver dropped after so many polls. Whether it came to its end before.
async fn play(life: Life, polls: usize) -> bool {
    let limits = Limits::builder().outbox_frames(4).bad_messages(2);
    let hub = Hub::new(limits.build().expect("within the ranges"));
    let mut other = observer(&hub).await;
    let ended = Arc::new(AtomicBool::new(false));
    let (driver, client) = start(&hub, life, polls, &ended).await;
    act(life, &hub, client).await;
    driver.await.expect("dropping is no panic");
    // Newer and older connections of the same session end, too.
    sleep(BEAT * 3 + GRACE * 2).await;
    assert_eq!(hub.sessions(), 1, "{life:?} after {polls} polls: only the observer's");
    assert_eq!(hub.roster(&room()).len(), 1);

    // To know that nothing more comes.
    other.to_server.send(r#"{"type":"signal","to":"nobody","data":0}"#);
    let (mut joined, mut left) = (Vec::new(), Vec::new());
    loop {
        let frame = other.next().await;
        match frame["type"].as_str() {
            Some("joined") => joined.push(frame["peer"]["id"].clone()),
            Some("left") => left.push(frame["peer"].clone()),
            Some("error") => break,
            _ => {}
        }
    }
    assert_eq!(joined, left, "{life:?} after {polls} polls: one leave for each join");
    ended.load(Ordering::Relaxed)
}

/// The connection whose driver is to be dropped; with, where it needs one, another one of its
/// session.
async fn start(
    hub: &Hub,
    life: Life,
    polls: usize,
    ended: &Arc<AtomicBool>,
) -> (JoinHandle<()>, Client) {
    let older = match life {
        Life::TakesOver => {
            let (server, mut older) = connection(8);
            spawn(serve(hub.clone(), room(), Grant::new(), server));
            Some((older.join().await, older))
        }
        _ => None,
    };
    let (server, client) = connection(2);
    let authorize = async |_: AuthRequest| {
        // The application has to ask its database.
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

async fn act(life: Life, hub: &Hub, Client { mut end, older }: Client) {
    if let Life::NeverJoins = life {
        (0..4).for_each(|_| end.send("no JSON"));
        return until_the_end(&mut end).await;
    }
    match &older {
        Some((welcome, _)) => ask(&end, welcome, 0),
        None => end.send(r#"{"type":"join"}"#),
    }
    let welcome = match end.next().await {
        Received::Flush(mut frames) => frames.swap_remove(0),
        // It was dropped before it could say anything.
        _ => return,
    };
    for n in 0..3 {
        end.send(&broadcast(n));
        tell(hub, n);
        yield_now().await;
    }
    match life {
        Life::Leaves | Life::TakesOver => {
            end.send(r#"{"type":"leave"}"#);
            until_the_end(&mut end).await;
        }
        Life::Slow => {
            end.stall();
            for n in 0..8 {
                tell(hub, n);
                yield_now().await;
            }
            sleep(Duration::from_secs(11)).await;
            until_the_end(&mut end).await;
        }
        Life::AwaitsResume => end.cut(),
        Life::HalfOpen => end.half_open(),
        Life::TakenOver | Life::TakenOverAway => {
            let end = match life {
                Life::TakenOver => Some(end),
                _ => None,
            };
            yield_now().await;
            let (server, mut newer) = connection(8);
            spawn(serve(hub.clone(), room(), Grant::new(), server));
            ask(&newer, &welcome, 0);
            assert!(matches!(newer.next().await, Received::Flush(_)));
            if let Some(mut end) = end {
                until_the_end(&mut end).await;
            }
            newer.send(r#"{"type":"leave"}"#);
            until_the_end(&mut newer).await;
        }
        Life::NeverJoins => unreachable!("it has returned"),
    }
}

async fn until_the_end(end: &mut ClientEnd) {
    while let Received::Flush(_) = end.next().await {}
}

/// Drops the driver after 1, 2, 3, … polls, until it comes to its end by itself. (Before the first
/// one it is nothing yet but its arguments.)
async fn drop_everywhere(life: Life, at_least: usize) {
    let mut polls = 0;
    while !play(life, polls).await {
        polls += 1;
        assert!(polls < 1_000, "{life:?} does not end");
    }
    assert!(polls >= at_least, "{life:?} has only {polls} polls: is it what it was?");
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_of_a_life_that_leaves() {
    drop_everywhere(Life::Leaves, 5).await;
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_with_a_slow_socket() {
    drop_everywhere(Life::Slow, 6).await;
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_of_losing_the_socket_and_the_grace() {
    drop_everywhere(Life::AwaitsResume, 5).await;
    drop_everywhere(Life::HalfOpen, 7).await;
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_of_being_taken_over() {
    drop_everywhere(Life::TakenOver, 5).await;
    drop_everywhere(Life::TakenOverAway, 5).await;
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_of_taking_over() {
    drop_everywhere(Life::TakesOver, 4).await;
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_before_the_join() {
    drop_everywhere(Life::NeverJoins, 1).await;
}
