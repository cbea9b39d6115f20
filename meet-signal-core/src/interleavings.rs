//! Tests of concurrent threads in all interleavings: models for [loom].
//!
//! They run only under `--cfg loom` (see `scripts/test`), where the hub has one shard, and ids are
//! the same in each execution. loom reports a lost wake-up as a thread that waits forever, and a
//! lock order that can deadlock.
//!
//! [loom]: https://docs.rs/loom

mod harness;
mod lobby;

use std::{future::poll_fn, ops::ControlFlow, sync::Arc, time::Instant};

use loom::{future::block_on, thread};
use serde_json::value::to_raw_value;

use crate::{
    CloseReason, Frame, Grant, Hub, JoinError, JoinRequest, Limits, ResumeError,
    budget::Budget,
    connection::Generation,
    message::{LeaveReason, Resumed},
    outbox::Outbox,
};
use harness::{
    drain, drain_as, fire, frames, in_every_order, is_open, join, kinds, outbox, push, resume, room,
};

#[test]
fn a_push_wakes_a_reader_that_waits() {
    in_every_order(|| {
        let outbox = outbox(10);
        let writer = thread::spawn({
            let outbox = outbox.clone();
            move || (0..2).for_each(|n| push(&outbox, n).expect("there is room"))
        });
        let mut read = Vec::new();
        while read.len() < 2 {
            read.extend(block_on(drain(&outbox)).expect("it is not closed"));
        }
        assert_eq!(read, [0, 1]);
        writer.join().unwrap();
    });
}

#[test]
fn a_push_against_a_close() {
    in_every_order(|| {
        let outbox = outbox(10);
        let writer = thread::spawn({
            let outbox = outbox.clone();
            move || push(&outbox, 0)
        });
        let closer = thread::spawn({
            let outbox = outbox.clone();
            move || fire(|wakers| outbox.close(CloseReason::RoomClosed, wakers))
        });
        let mut read = Vec::new();
        let end = loop {
            match block_on(drain(&outbox)) {
                Ok(batch) => read.extend(batch),
                Err(reason) => break reason,
            }
        };
        assert_eq!(end, CloseReason::RoomClosed);
        let pushed = writer.join().unwrap();
        assert!(read.is_empty() || pushed.is_ok(), "a refused frame is not delivered");
        closer.join().unwrap();
        assert!(push(&outbox, 1).is_err());
    });
}

#[test]
fn an_overflow_against_a_drain() {
    in_every_order(|| {
        let outbox = outbox(1);
        let writer = thread::spawn({
            let outbox = outbox.clone();
            move || [push(&outbox, 0), push(&outbox, 1)].map(|pushed| pushed.is_ok())
        });
        let mut read = Vec::new();
        let end = loop {
            match block_on(drain(&outbox)) {
                Ok(batch) => read.extend(batch),
                Err(reason) => break Some(reason),
            }
            if read.len() == 2 {
                break None;
            }
        };
        let pushed = writer.join().unwrap();
        // Either all frames in order, or the end and no frame after a gap.
        match end {
            None => assert_eq!((read, pushed), (vec![0, 1], [true, true])),
            Some(reason) => {
                assert_eq!((reason, pushed), (CloseReason::TooSlow, [true, false]));
                assert!(read.is_empty() || read == [0]);
            }
        }
    });
}

#[test]
fn a_takeover_against_a_push_and_the_older_reader() {
    in_every_order(|| {
        let outbox = outbox(10);
        let older = thread::spawn({
            let outbox = outbox.clone();
            move || {
                let mut read = Vec::new();
                loop {
                    match block_on(drain(&outbox)) {
                        Ok(batch) => read.extend(batch),
                        Err(reason) => return (read, reason),
                    }
                }
            }
        });
        let writer = thread::spawn({
            let outbox = outbox.clone();
            move || push(&outbox, 0).expect("there is room")
        });
        let newer = Generation::default().next();
        let resumed = fire(|wakers| outbox.take_over(newer, Some(0), wakers));
        assert_eq!(resumed, Resumed::Full);
        // The client has acknowledged nothing, so it gets the frame even if the older reader took it.
        assert_eq!(block_on(drain_as(newer, &outbox)), Ok(vec![0]));
        let (read, reason) = older.join().unwrap();
        assert_eq!(reason, CloseReason::TakenOver);
        assert!(read.is_empty() || read == [0]);
        writer.join().unwrap();
    });
}

#[test]
fn a_takeover_wakes_a_session_without_a_socket() {
    in_every_order(|| {
        let outbox = outbox(10);
        let waiter = thread::spawn({
            let outbox = outbox.clone();
            move || block_on(poll_fn(|cx| outbox.poll_closed(Generation::default(), cx)))
        });
        fire(|wakers| outbox.take_over(Generation::default().next(), Some(0), wakers));
        assert_eq!(waiter.join().unwrap(), CloseReason::TakenOver);
    });
}

#[test]
fn a_join_against_the_last_leave() {
    in_every_order(|| {
        let hub = Hub::default();
        let (last, _) = join(&hub).unwrap();
        let leaver = thread::spawn(move || drop(last));
        let (joined, welcome) = join(&hub).unwrap();
        leaver.join().unwrap();
        assert_eq!(hub.rooms().len(), 1, "exactly one");
        assert_eq!(hub.roster(&room()).len(), 1);
        // A peer in the welcome must leave later.
        let found = welcome["peers"].as_array().unwrap().len();
        assert_eq!(kinds(&joined), vec!["left"; found]);
        drop(joined);
        assert_eq!((hub.rooms().len(), hub.sessions()), (0, 0));
    });
}

#[test]
fn two_joins_see_each_other_once() {
    in_every_order(|| {
        let hub = Hub::default();
        let other = thread::spawn({
            let hub = hub.clone();
            move || join(&hub).unwrap()
        });
        let one = join(&hub).unwrap();
        for (session, welcome) in [one, other.join().unwrap()] {
            let found = welcome["peers"].as_array().unwrap().len();
            // The second session is read after the first one has left.
            let joined = kinds(&session).iter().filter(|kind| *kind == "joined").count();
            assert_eq!(found + joined, 1);
        }
        assert_eq!((hub.rooms().len(), hub.sessions()), (0, 0));
    });
}

#[test]
fn a_takeover_against_the_end_of_the_grace() {
    in_every_order(|| {
        let hub = Hub::default();
        let (old, welcome) = join(&hub).unwrap();
        old.away(Instant::now());
        let ender = thread::spawn(move || old.leave(LeaveReason::Timeout));
        let resumed = resume(&hub, &welcome);
        ender.join().unwrap();
        let alive = usize::from(resumed.is_ok());
        assert_eq!((hub.sessions(), hub.roster(&room()).len()), (alive, alive));
        match resumed {
            Ok(session) => assert!(is_open(&session)),
            Err(refused) => assert_eq!(refused, ResumeError::UnknownTicket),
        }
        assert_eq!((hub.rooms().len(), hub.sessions()), (0, 0));
    });
}

/// Both change the count of sessions; a full hub admits a session that replaces another one.
#[test]
fn a_replacement_against_the_end_of_the_older_session() {
    in_every_order(|| {
        let hub = Hub::new(Limits::builder().sessions(1).build().expect("within the ranges"));
        let (old, welcome) = join(&hub).unwrap();
        let ender = thread::spawn(move || drop(old));
        let ticket = welcome["ticket"].as_str().expect("a ticket");
        let request = JoinRequest::default().replaces(Some(ticket));
        let joined = hub.join(room(), request, &Grant::new(), Instant::now());
        ender.join().unwrap();
        let alive = usize::from(joined.is_ok());
        assert_eq!((hub.sessions(), hub.roster(&room()).len()), (alive, alive));
        match joined {
            Ok(session) => assert!(is_open(&session)),
            // The old session had left the room, but still counted.
            Err(refused) => assert_eq!(refused, JoinError::HubFull),
        }
        assert_eq!((hub.rooms().len(), hub.sessions()), (0, 0));
    });
}

/// Reclaiming empties the queue while the reader takes frames out of it and another thread pushes.
/// A reader that waits gets the greeting, or the end.
#[test]
fn a_greeting_against_a_close_and_a_take_over() {
    in_every_order(|| {
        let outbox = outbox(10);
        let greeter = thread::spawn({
            let outbox = outbox.clone();
            move || outbox.greet(Generation::default(), Frame::new("7".to_owned()))
        });
        let taker = thread::spawn({
            let outbox = outbox.clone();
            move || {
                let next = Generation::default().next();
                fire(|wakers| outbox.take_over(next, Some(0), wakers));
                fire(|wakers| outbox.close(CloseReason::RoomClosed, wakers));
                next
            }
        });
        let first = block_on(drain(&outbox));
        assert!(matches!(first.as_deref(), Ok([7]) | Err(CloseReason::TakenOver)), "{first:?}");
        greeter.join().unwrap();
        let next = taker.join().unwrap();
        // The next connection never gets the greeting of the one before.
        assert_eq!(block_on(drain_as(next, &outbox)), Err(CloseReason::RoomClosed));
    });
}

#[test]
fn a_reclaim_against_a_push_and_a_drain() {
    in_every_order(|| {
        let budget = Budget::new(1 << 20);
        let limits = Limits::default();
        let outbox = Arc::new(Outbox::new(&limits, budget.clone()));
        push(&outbox, 1).unwrap();
        let reclaimer = thread::spawn({
            let outbox = outbox.clone();
            move || fire(|wakers| outbox.overflow(wakers))
        });
        let pusher = thread::spawn({
            let outbox = outbox.clone();
            move || drop(push(&outbox, 2))
        });
        let drained = block_on(drain(&outbox));
        assert!(matches!(drained.as_deref(), Ok([1] | [1, 2]) | Err(CloseReason::TooSlow)));
        reclaimer.join().unwrap();
        pusher.join().unwrap();
        assert_eq!(outbox.kept_bytes(), 0);
        drop(outbox);
        assert!(budget.is_unused());
    });
}

#[test]
fn a_takeover_against_the_older_connections_frame() {
    in_every_order(|| {
        let hub = Hub::default();
        let (mut old, welcome) = join(&hub).unwrap();
        let sender = thread::spawn(move || {
            let end = old.receive(r#"{"type":"broadcast","data":1}"#, Instant::now());
            (old, end)
        });
        let session = resume(&hub, &welcome).unwrap();
        let (old, end) = sender.join().unwrap();
        let handled = match end {
            ControlFlow::Continue(()) => 1,
            ControlFlow::Break(reason) => {
                assert_eq!(reason, CloseReason::TakenOver);
                0
            }
        };
        // Processed completely before the resume, or not at all.
        assert_eq!(session.received(), handled);
        drop(old);
        assert_eq!(hub.sessions(), 1);
    });
}

#[test]
fn of_two_takeovers_one_has_the_session() {
    in_every_order(|| {
        let hub = Hub::default();
        let (old, welcome) = join(&hub).unwrap();
        let other = thread::spawn({
            let (hub, welcome) = (hub.clone(), welcome.clone());
            move || resume(&hub, &welcome).unwrap()
        });
        let one = resume(&hub, &welcome).unwrap();
        let sessions = [old, one, other.join().unwrap()];
        assert_eq!(sessions.iter().filter(|session| is_open(session)).count(), 1);
        assert_eq!(hub.sessions(), 1);
        drop(sessions);
        assert_eq!((hub.rooms().len(), hub.sessions()), (0, 0));
    });
}

#[test]
fn messages_from_several_threads_have_one_order() {
    in_every_order(|| {
        let hub = Hub::default();
        let members = [join(&hub).unwrap().0, join(&hub).unwrap().0];
        let sender = thread::spawn({
            let hub = hub.clone();
            move || hub.send_all(&room(), &to_raw_value(&1).unwrap()).unwrap()
        });
        hub.send_all(&room(), &to_raw_value(&2).unwrap()).unwrap();
        sender.join().unwrap();
        let [one, other] = members.each_ref().map(|session| {
            let mut received: Vec<_> =
                frames(session).iter().map(|frame| frame["data"].clone()).collect();
            received.retain(|data| !data.is_null());
            received
        });
        assert_eq!(one.len(), 2);
        assert_eq!(one, other);
    });
}

#[test]
fn a_drain_against_a_join() {
    in_every_order(|| {
        let hub = Hub::default();
        let joiner = thread::spawn({
            let hub = hub.clone();
            move || match join(&hub) {
                // Joined before the drain, which ended the session.
                Ok((session, _)) => {
                    let end = block_on(poll_fn(|cx| session.poll_closed(cx)));
                    assert!(matches!(end, CloseReason::Draining { .. }));
                }
                Err(refused) => assert_eq!(refused, JoinError::Draining),
            }
        });
        block_on(hub.drain());
        assert_eq!(hub.rooms().len(), 0);
        joiner.join().unwrap();
    });
}
