//! Takeovers from several threads at once.

use std::{
    sync::Barrier,
    task::{Context, Poll, Waker},
    thread,
    time::Instant,
};

use meet_signal_core::{Grant, Hub, JoinRequest, Limits, Session};
use serde_json::{Value, value::to_raw_value};

use crate::harness::room;

/// Whichever thread wins, there is one session with one current connection, and no frame is lost.
#[test]
fn racing_takeovers_leave_one_session_that_lacks_nothing() {
    const THREADS: usize = 4;
    const ROUNDS: u64 = 300;
    let limits = Limits::builder()
        .resumes_per_minute(1_000_000)
        .unacknowledged_frames(1_000_000)
        .outbox_frames(1_000_000)
        .build();
    let hub = Hub::new(limits.expect("within the ranges"));
    let now = Instant::now();
    let first = hub.join(room(), JoinRequest::default(), &Grant::new(), now);
    let first = first.expect("there is room");
    let welcome = drain(&first).remove(0);
    let ticket = welcome["ticket"].as_str().expect("a ticket");

    let barrier = Barrier::new(THREADS + 1);
    let sessions: Vec<Session> = thread::scope(|scope| {
        let racers: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    let mut last = None;
                    for _ in 0..ROUNDS {
                        let resumed = hub.resume(&room(), ticket, 0, now);
                        let session = resumed.expect("it is kept");
                        drain(&session);
                        session.away(now);
                        // The one before is dropped while others take over. It is an old one by now,
                        // since this thread itself has superseded it.
                        last = Some(session);
                    }
                    last.expect("there was a round")
                })
            })
            .collect();
        barrier.wait();
        for n in 0..ROUNDS {
            hub.send_all(&room(), &to_raw_value(&n).expect("JSON")).expect("it is in the room");
        }
        racers.into_iter().map(|racer| racer.join().expect("no panic")).collect()
    });
    drop(first);

    assert_eq!(hub.sessions(), 1);
    let cx = Context::from_waker(Waker::noop());
    let current = sessions.iter().filter(|session| session.poll_closed(&cx).is_pending());
    assert_eq!(current.count(), 1);
    let session = hub.resume(&room(), ticket, 0, now).expect("it is kept");
    let frames = drain(&session);
    assert_eq!(frames[0]["resumed"], "full");
    let numbers = frames[1..].iter().map(|frame| frame["data"].as_u64().expect("a number"));
    assert!(numbers.eq(0..ROUNDS));
    drop(sessions);
    assert_eq!(hub.sessions(), 1);
    drop(session);
    assert_eq!(hub.sessions(), 0);
    assert!(hub.rooms().is_empty());
}

/// All frames that there are; none where the connection is no longer the current one.
fn drain(session: &Session) -> Vec<Value> {
    let mut batch = Vec::new();
    let cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Ok(())) = session.poll_drain(&cx, usize::MAX, &mut batch) {}
    let frames = batch.iter().map(|frame| serde_json::from_str(frame.as_str()).expect("JSON"));
    frames.collect()
}
