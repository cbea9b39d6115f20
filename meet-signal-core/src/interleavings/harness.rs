//! The outbox and the hub as the models use them.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Waker},
    time::Instant,
};

use serde_json::Value;

use crate::{
    CloseReason, Frame, Grant, Hub, JoinError, JoinRequest, Limits, ResumeError, RoomId, Session,
    budget::Budget,
    connection::Generation,
    outbox::{Outbox, Push, QueueFull, Wakers},
    random,
};

/// Runs `test` once for each possible interleaving of its threads.
pub(super) fn in_every_order(test: impl Fn() + Sync + Send + 'static) {
    loom::model(move || {
        random::restart();
        test();
    });
}

/// [`in_every_order`] for three threads, with at most three preemptions: all orders would take
/// minutes.
pub(super) fn in_most_orders(test: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        random::restart();
        test();
    });
}

pub(super) fn outbox(frames: usize) -> Arc<Outbox> {
    let limits = Limits::builder().outbox_frames(frames).build().expect("within the ranges");
    Arc::new(Outbox::new(&limits, Budget::new(usize::MAX)))
}

/// Fires the wakers after the change, when no lock is held, as the hub does.
pub(super) fn fire<T>(change: impl FnOnce(&mut Wakers) -> T) -> T {
    let mut wakers = Wakers::new();
    let result = change(&mut wakers);
    wakers.into_iter().for_each(Waker::wake);
    result
}

pub(super) fn push(outbox: &Outbox, n: u64) -> Result<(), QueueFull> {
    fire(|wakers| outbox.push(Push::event(Frame::new(n.to_string())), wakers))
}

pub(super) async fn drain(outbox: &Outbox) -> Result<Vec<u64>, CloseReason> {
    drain_as(Generation::default(), outbox).await
}

pub(super) async fn drain_as(
    generation: Generation,
    outbox: &Outbox,
) -> Result<Vec<u64>, CloseReason> {
    let mut batch = Vec::new();
    poll_fn(|cx| outbox.poll_drain(generation, cx, usize::MAX, &mut batch)).await?;
    Ok(batch.iter().map(|frame| frame.as_str().parse().expect("a number")).collect())
}

/// The session and its welcome; `null` if the session was ended before it could be welcomed.
pub(super) fn join(hub: &Hub) -> Result<(Session, Value), JoinError> {
    let joined = hub.join(room(), JoinRequest::default(), &Grant::new(), Instant::now());
    joined.map(|session| {
        let welcome = frames(&session).into_iter().next().unwrap_or_default();
        (session, welcome)
    })
}

pub(super) fn resume(hub: &Hub, welcome: &Value) -> Result<Session, ResumeError> {
    let ticket = welcome["ticket"].as_str().expect("a ticket");
    hub.resume(&room(), ticket, 0, Instant::now()).inspect(|session| drop(frames(session)))
}

pub(super) fn is_open(session: &Session) -> bool {
    session.poll_closed(&Context::from_waker(Waker::noop())).is_pending()
}

/// All waiting frames.
pub(super) fn frames(session: &Session) -> Vec<Value> {
    let mut batch = Vec::new();
    let cx = Context::from_waker(Waker::noop());
    let _ = session.poll_drain(&cx, usize::MAX, &mut batch);
    batch.iter().map(value).collect()
}

pub(super) fn kinds(session: &Session) -> Vec<String> {
    let kind = |frame: &Value| frame["type"].as_str().expect("a type").to_owned();
    frames(session).iter().map(kind).collect()
}

fn value(frame: &Frame) -> Value {
    serde_json::from_str(frame.as_str()).expect("frames are JSON")
}

pub(super) fn room() -> RoomId {
    "standup".parse().expect("a valid name")
}
