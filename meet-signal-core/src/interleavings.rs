//! What several threads do at once, in every order that there is: models for [loom].
//!
//! They run under `--cfg loom` alone (`scripts/test` does so), where the hub has one shard, and the
//! same ids in each execution. A wake-up that is lost shows as a thread that waits for ever, which
//! loom reports; so does a lock order that can end in a deadlock.
//!
//! [loom]: https://docs.rs/loom

use std::{future::poll_fn, ops::ControlFlow, sync::Arc, task::Waker, time::Instant};

use loom::{future::block_on, thread};
use serde_json::{Value, value::to_raw_value};

use crate::{
    CloseReason, Frame, Grant, Hub, JoinError, JoinRequest, Limits, ResumeError, RoomId, Session,
    budget::Budget,
    connection::Generation,
    message::{LeaveReason, Resumed},
    outbox::{Outbox, Push, Wakers},
    random,
};

/// Runs `test` once for every order in which its threads can do what they do.
fn in_every_order(test: impl Fn() + Sync + Send + 'static) {
    loom::model(move || {
        random::restart();
        test();
    });
}

// The outbox.

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
            read.extend(block_on(drain(&outbox)).expect("nobody closes it"));
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
        assert!(read.is_empty() || pushed.is_ok(), "what was refused does not come");
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
        // Either all of it, in order, or the end and nothing after a hole.
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
        // It lacks the frame, whoever else was sent it.
        assert_eq!(block_on(drain_as(newer, &outbox)), Ok(vec![0]));
        let (read, reason) = older.join().unwrap();
        assert_eq!(reason, CloseReason::TakenOver);
        assert!(read.is_empty() || read == [0]);
        writer.join().unwrap();
    });
}

#[test]
fn a_takeover_wakes_who_waits_without_a_socket() {
    in_every_order(|| {
        let outbox = outbox(10);
        let waiting = thread::spawn({
            let outbox = outbox.clone();
            move || block_on(poll_fn(|cx| outbox.poll_closed(Generation::default(), cx)))
        });
        fire(|wakers| outbox.take_over(Generation::default().next(), Some(0), wakers));
        assert_eq!(waiting.join().unwrap(), CloseReason::TakenOver);
    });
}

// The hub.

#[test]
fn a_join_against_the_last_leave() {
    in_every_order(|| {
        let hub = Hub::default();
        let (last, _) = join(&hub).unwrap();
        let leaving = thread::spawn(move || drop(last));
        let (newcomer, welcome) = join(&hub).unwrap();
        leaving.join().unwrap();
        assert_eq!(hub.rooms().len(), 1, "neither lost nor doubled");
        assert_eq!(hub.roster(&room()).len(), 1);
        // Whom it found it heard leave.
        let found = welcome["peers"].as_array().unwrap().len();
        assert_eq!(kinds(&newcomer), vec!["left"; found]);
        drop(newcomer);
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
            // The second one to be looked at also hears the first one leave.
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
        let ending = thread::spawn(move || old.leave(LeaveReason::Timeout));
        let resumed = resume(&hub, &welcome);
        ending.join().unwrap();
        let alive = usize::from(resumed.is_ok());
        assert_eq!((hub.sessions(), hub.roster(&room()).len()), (alive, alive));
        match resumed {
            Ok(session) => assert!(is_open(&session)),
            Err(refused) => assert_eq!(refused, ResumeError::UnknownTicket),
        }
        assert_eq!((hub.rooms().len(), hub.sessions()), (0, 0));
    });
}

/// Both end what the other one counts by; a full hub lets in who takes the place.
#[test]
fn a_replacement_against_the_end_of_the_older_session() {
    in_every_order(|| {
        let hub = Hub::new(Limits::builder().sessions(1).build().expect("within the ranges"));
        let (old, welcome) = join(&hub).unwrap();
        let ending = thread::spawn(move || drop(old));
        let ticket = welcome["ticket"].as_str().expect("a ticket");
        let joining = JoinRequest::default().replaces(Some(ticket));
        let joined = hub.join(room(), joining, &Grant::new(), Instant::now());
        ending.join().unwrap();
        let alive = usize::from(joined.is_ok());
        assert_eq!((hub.sessions(), hub.roster(&room()).len()), (alive, alive));
        match joined {
            Ok(session) => assert!(is_open(&session)),
            // It had left the room already, but was still counted.
            Err(refused) => assert_eq!(refused, JoinError::HubFull),
        }
        assert_eq!((hub.rooms().len(), hub.sessions()), (0, 0));
    });
}

/// Queues are emptied while somebody takes frames out of one of them, and others push.
#[test]
fn a_reclaim_against_a_push_and_a_drain() {
    in_every_order(|| {
        let budget = Budget::new(1 << 20);
        let limits = Limits::default();
        let outbox = Arc::new(Outbox::new(&limits, budget.clone()));
        push(&outbox, 1).unwrap();
        let reclaiming = thread::spawn({
            let outbox = outbox.clone();
            move || fire(|wakers| outbox.overflow(wakers))
        });
        let pushing = thread::spawn({
            let outbox = outbox.clone();
            move || drop(push(&outbox, 2))
        });
        let drained = block_on(drain(&outbox));
        assert!(matches!(drained.as_deref(), Ok([1] | [1, 2]) | Err(CloseReason::TooSlow)));
        reclaiming.join().unwrap();
        pushing.join().unwrap();
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
        let speaking = thread::spawn(move || {
            let end = old.receive(r#"{"type":"broadcast","data":1}"#, Instant::now());
            (old, end)
        });
        let session = resume(&hub, &welcome).unwrap();
        let (old, end) = speaking.join().unwrap();
        let handled = match end {
            ControlFlow::Continue(()) => 1,
            ControlFlow::Break(reason) => {
                assert_eq!(reason, CloseReason::TakenOver);
                0
            }
        };
        // Done as a whole before, or not at all.
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
fn a_room_that_is_told_things_from_several_threads_has_one_order() {
    in_every_order(|| {
        let hub = Hub::default();
        let members = [join(&hub).unwrap().0, join(&hub).unwrap().0];
        let telling = thread::spawn({
            let hub = hub.clone();
            move || hub.send_all(&room(), &to_raw_value(&1).unwrap()).unwrap()
        });
        hub.send_all(&room(), &to_raw_value(&2).unwrap()).unwrap();
        telling.join().unwrap();
        let [one, other] = members.each_ref().map(|session| {
            let mut told: Vec<_> =
                frames(session).iter().map(|frame| frame["data"].clone()).collect();
            told.retain(|data| !data.is_null());
            told
        });
        assert_eq!(one.len(), 2);
        assert_eq!(one, other);
    });
}

#[test]
fn a_drain_against_a_join() {
    in_every_order(|| {
        let hub = Hub::default();
        let joining = thread::spawn({
            let hub = hub.clone();
            move || match join(&hub) {
                // Let in before the drain, and so ended by it.
                Ok((session, _)) => {
                    let end = block_on(poll_fn(|cx| session.poll_closed(cx)));
                    assert!(matches!(end, CloseReason::Draining { .. }));
                }
                Err(refused) => assert_eq!(refused, JoinError::Draining),
            }
        });
        block_on(hub.drain());
        assert_eq!(hub.rooms().len(), 0);
        joining.join().unwrap();
    });
}

fn outbox(frames: usize) -> Arc<Outbox> {
    let limits = Limits::builder().outbox_frames(frames).build().expect("within the ranges");
    Arc::new(Outbox::new(&limits, Budget::new(usize::MAX)))
}

/// As the hub does it: what is to be woken is woken when no lock is held.
fn fire<T>(change: impl FnOnce(&mut Wakers) -> T) -> T {
    let mut wakers = Wakers::new();
    let result = change(&mut wakers);
    wakers.into_iter().for_each(Waker::wake);
    result
}

fn push(outbox: &Outbox, n: u64) -> Result<(), crate::outbox::QueueFull> {
    fire(|wakers| outbox.push(Push::event(Frame::new(n.to_string())), wakers))
}

async fn drain(outbox: &Outbox) -> Result<Vec<u64>, CloseReason> {
    drain_as(Generation::default(), outbox).await
}

async fn drain_as(generation: Generation, outbox: &Outbox) -> Result<Vec<u64>, CloseReason> {
    let mut batch = Vec::new();
    poll_fn(|cx| outbox.poll_drain(generation, cx, usize::MAX, &mut batch)).await?;
    Ok(batch.iter().map(|frame| frame.as_str().parse().expect("a number")).collect())
}

fn join(hub: &Hub) -> Result<(Session, Value), JoinError> {
    let joined = hub.join(room(), JoinRequest::default(), &Grant::new(), Instant::now());
    joined.map(|session| {
        let welcome = frames(&session).remove(0);
        (session, welcome)
    })
}

fn resume(hub: &Hub, welcome: &Value) -> Result<Session, ResumeError> {
    let ticket = welcome["ticket"].as_str().expect("a ticket");
    hub.resume(&room(), ticket, 0, Instant::now()).inspect(|session| drop(frames(session)))
}

fn is_open(session: &Session) -> bool {
    session.poll_closed(&std::task::Context::from_waker(Waker::noop())).is_pending()
}

/// All that waits.
fn frames(session: &Session) -> Vec<Value> {
    let mut batch = Vec::new();
    let cx = std::task::Context::from_waker(Waker::noop());
    let _ = session.poll_drain(&cx, usize::MAX, &mut batch);
    batch.iter().map(value).collect()
}

fn kinds(session: &Session) -> Vec<String> {
    let kind = |frame: &Value| frame["type"].as_str().expect("a type").to_owned();
    frames(session).iter().map(kind).collect()
}

fn value(frame: &Frame) -> Value {
    serde_json::from_str(frame.as_str()).expect("frames are JSON")
}

fn room() -> RoomId {
    "standup".parse().expect("a valid name")
}
