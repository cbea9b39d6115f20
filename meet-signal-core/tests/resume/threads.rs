//! Takeovers from several threads at once.

use std::{
    sync::Barrier,
    task::{Context, Poll, Waker},
    thread,
    time::Instant,
};

use meet_signal_core::{Grant, Hub, JoinRequest, Limits, Session};
use serde_json::{Value, value::to_raw_value};

use crate::world::room;

/// Whoever wins, there is one session, one connection speaks for it, and what was sent meanwhile is
/// all there.
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
    let first =
        hub.join(room(), JoinRequest::default(), &Grant::new(), now).expect("there is room");
    let (first, welcome) = greeted(first);
    let welcome: Value = serde_json::from_str(welcome.as_str()).expect("JSON");
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
                        let cx = Context::from_waker(Waker::noop());
                        // The welcome, and all that waits.
                        let _ = session.poll_drain(&cx, usize::MAX, &mut Vec::new());
                        let _ = session.poll_drain(&cx, usize::MAX, &mut Vec::new());
                        session.away(now);
                        // The one before is dropped while others take over: it must be an old one
                        // by now, since this thread itself has superseded it.
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
    let speaking: Vec<_> =
        sessions.iter().filter(|session| session.poll_closed(&cx).is_pending()).collect();
    assert_eq!(speaking.len(), 1);
    let (session, welcome) = greeted(hub.resume(&room(), ticket, 0, now).expect("it is kept"));
    assert!(welcome.as_str().contains(r#""resumed":"full""#));
    let mut batch = Vec::new();
    assert_eq!(session.poll_drain(&cx, usize::MAX, &mut batch), Poll::Ready(Ok(())));
    let numbers = batch.iter().map(|frame| {
        let frame: Value = serde_json::from_str(frame.as_str()).expect("JSON");
        frame["data"].as_u64().expect("a number")
    });
    assert!(numbers.eq(0..ROUNDS));
    drop(sessions);
    assert_eq!(hub.sessions(), 1);
    drop(session);
    assert_eq!(hub.sessions(), 0);
    assert!(hub.rooms().is_empty());
}

/// The session, and the welcome that its connection sends first.
fn greeted(session: Session) -> (Session, meet_signal_core::Frame) {
    let mut batch = Vec::new();
    let _ = session.poll_drain(&Context::from_waker(Waker::noop()), 1, &mut batch);
    (session, batch.remove(0))
}
