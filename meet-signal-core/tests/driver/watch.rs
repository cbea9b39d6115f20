//! What a watch of a connection says, and when.

use meet_signal_core::{
    AuthRequest, CloseReason, Denied, Frame, Grant, Hub,
    driver::{EndReason, Outcome, Reporter, SessionWatch},
    socket::{Disconnected, Incoming, Socket},
    testing::{ClientEnd, connection},
};
use serde_json::Value;
use tokio::{
    task::{JoinHandle, yield_now},
    time::{Duration, Instant, timeout},
};

use crate::{
    GRACE, closed, id, observer,
    resume::{resume, send_resume},
    room,
};

fn connect(hub: &Hub) -> (ClientEnd, SessionWatch, JoinHandle<Outcome>) {
    let mut reporter = Reporter::new();
    let watch = reporter.watch();
    let (server, client) = connection(64);
    let served = reporter.serve(hub.clone(), room(), Grant::new(), server);
    (client, watch, tokio::spawn(served))
}

async fn joined(watch: &SessionWatch) -> Value {
    watch.joined().await.expect("it joins").to_string().into()
}

#[tokio::test(start_paused = true)]
async fn a_watch_names_the_peer_and_then_the_outcome_at_any_time() {
    let hub = Hub::default();
    let (mut client, watch, task) = connect(&hub);
    // It may be dropped while it waits.
    timeout(Duration::from_secs(1), watch.joined()).await.unwrap_err();
    timeout(Duration::from_secs(1), watch.ended()).await.unwrap_err();
    client.send(r#"{"type":"join"}"#);
    let peer = joined(&watch).await;
    assert_eq!(hub.roster(&room())[0].id.to_string(), peer, "it is in the roster by then");
    assert_eq!(id(&client.expect("welcome").await), &peer);
    timeout(Duration::from_secs(1), watch.ended()).await.unwrap_err();
    let late = watch.clone();
    client.send(r#"{"type":"leave"}"#);
    assert_eq!(closed(&mut client).await, CloseReason::Left);
    let outcome = task.await.unwrap();
    assert_eq!(outcome.reason, EndReason::Closed(CloseReason::Left));
    assert_eq!(watch.ended().await, outcome);
    assert_eq!((joined(&late).await, late.ended().await), (peer, outcome));
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_has_no_peer_and_says_why() {
    let hub = Hub::default();
    let denied = || Denied::unauthorized("log in again");
    let reason = EndReason::Closed(CloseReason::Unauthorized);

    let (mut by_authorize, mut before) = (Reporter::new(), Reporter::new());
    let watches = [by_authorize.watch(), before.watch()];
    let (server, client) = connection(8);
    let authorize = move |_: AuthRequest| async move { Err(denied()) };
    tokio::spawn(by_authorize.serve(hub.clone(), room(), authorize, server));
    client.send(r#"{"type":"join"}"#);
    let (server, _refused) = connection(8);
    tokio::spawn(before.refuse(hub.clone(), denied(), server));
    for watch in watches {
        assert_eq!(watch.joined().await, None);
        let outcome = watch.ended().await;
        assert_eq!((outcome.peer, outcome.reason), (None, reason.clone()));
    }

    let (client, watch, _task) = connect(&hub);
    client.cut();
    assert_eq!(watch.joined().await, None);
    assert_eq!(watch.ended().await.reason, EndReason::Disconnected);
}

#[tokio::test(start_paused = true)]
async fn each_connection_of_a_session_has_a_watch_of_its_own() {
    let hub = Hub::default();
    let (mut first, first_watch, _task) = connect(&hub);
    let welcome = first.join().await;
    let (mut second, second_watch, _task) = connect(&hub);
    resume(&mut second, &welcome, 0).await;
    assert_eq!(first_watch.ended().await.reason, EndReason::Closed(CloseReason::TakenOver));
    assert_eq!(joined(&second_watch).await, *id(&welcome));

    second.cut();
    let lost = Instant::now();
    let outcome = second_watch.ended().await;
    assert_eq!(outcome.reason, EndReason::TimedOut { closed: None });
    assert!(lost.elapsed() >= GRACE / 3, "{:?}", lost.elapsed());
    assert_eq!(hub.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_session_does_not_depend_on_its_watches() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let (mut client, watch, _task) = connect(&hub);
    drop(watch);
    client.join().await;
    other.recv().await;
    client.send(r#"{"type":"broadcast","data":1}"#);
    assert_eq!(other.recv().await["data"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_dropped_is_aborted_and_its_peer_has_left() {
    let hub = Hub::default();
    let (mut client, watch, task) = connect(&hub);
    client.join().await;
    let peer = watch.joined().await;
    tokio::time::advance(Duration::from_secs(3)).await;
    task.abort();
    let outcome = watch.ended().await;
    assert_eq!(hub.sessions(), 0, "it has left by then");
    assert_eq!((outcome.peer, outcome.reason), (peer, EndReason::Aborted));
    assert_eq!(outcome.duration, Duration::from_secs(3));

    // While it waits for a resume, and before it has joined.
    let (mut client, watch, task) = connect(&hub);
    client.join().await;
    client.cut();
    while hub.roster(&room())[0].status != meet_signal_core::Status::Away {
        yield_now().await;
    }
    task.abort();
    assert_eq!(watch.ended().await.reason, EndReason::Aborted);
    assert_eq!(hub.sessions(), 0);
    let (_client, watch, task) = connect(&hub);
    task.abort();
    assert_eq!((watch.joined().await, watch.ended().await.reason), (None, EndReason::Aborted));
}

#[tokio::test(start_paused = true)]
async fn a_reporter_that_serves_nothing_is_aborted() {
    let mut reporter = Reporter::new();
    let (first, second) = (reporter.watch(), reporter.watch());
    drop(reporter);
    for watch in [first, second] {
        assert_eq!(watch.joined().await, None);
        let outcome = watch.ended().await;
        assert_eq!((outcome.reason, outcome.duration), (EndReason::Aborted, Duration::ZERO));
    }
}

/// A socket that panics after the first message.
struct Fragile<S>(S, bool);

impl<S: Socket> Socket for Fragile<S> {
    type Text = S::Text;

    async fn recv(&mut self) -> Incoming<S::Text> {
        let incoming = self.0.recv().await;
        assert!(!self.1, "a bug of the application");
        self.1 = true;
        incoming
    }

    async fn send(&mut self, batch: &mut Vec<Frame>) -> Result<(), Disconnected> {
        self.0.send(batch).await
    }

    async fn close(&mut self, reason: CloseReason) {
        self.0.close(reason).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_panics_ends_its_own_session_alone() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let mut reporter = Reporter::new();
    let watch = reporter.watch();
    let (server, mut client) = connection(8);
    let served = reporter.serve(hub.clone(), room(), Grant::new(), Fragile(server, false));
    tokio::spawn(served);
    let welcome = client.join().await;
    assert_eq!(other.recv().await["type"], "joined");
    client.send(r#"{"type":"broadcast","data":1}"#);
    let outcome = watch.ended().await;
    assert_eq!(outcome.reason, EndReason::Aborted);
    assert_eq!(outcome.peer.unwrap().to_string(), *id(&welcome));
    assert_eq!(other.recv().await["type"], "left");
    let (next, next_watch, _task) = connect(&hub);
    send_resume(&next, &welcome, 0);
    assert_ne!(joined(&next_watch).await, *id(&welcome), "the ticket is void");
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_the_lobby_has_joined_when_it_is_admitted() {
    let hub = Hub::default();
    hub.set_lobby(&room(), true);
    let (mut client, admitted, _task) = connect(&hub);
    let (mut other, denied, _task) = connect(&hub);
    for client in [&mut client, &mut other] {
        client.send(r#"{"type":"join"}"#);
        client.expect("waiting").await;
    }
    let waiting = hub.waiting(&room());
    let early = timeout(Duration::from_secs(1), admitted.joined()).await;
    assert!(early.is_err(), "it waits");
    hub.admit(&room(), waiting[0].id).unwrap();
    assert_eq!(admitted.joined().await, Some(waiting[0].id));
    hub.deny(&room(), waiting[1].id, None).unwrap();
    assert_eq!(denied.joined().await, None);
    let outcome = denied.ended().await;
    assert_eq!(outcome.reason, EndReason::Closed(CloseReason::NotAdmitted { reason: None }));
}

#[tokio::test(start_paused = true)]
async fn who_is_admitted_without_a_connection_has_joined() {
    let hub = Hub::default();
    hub.set_lobby(&room(), true);
    let (mut client, watch, _task) = connect(&hub);
    client.send(r#"{"type":"join"}"#);
    client.expect("waiting").await;
    client.send(r#"{"type":"ack","received":0}"#);
    let peer = hub.waiting(&room())[0].id;
    client.cut();
    yield_now().await;
    hub.admit(&room(), peer).unwrap();
    let outcome = watch.ended().await;
    assert_eq!((outcome.peer, outcome.reason), (Some(peer), EndReason::TimedOut { closed: None }));
    assert_eq!(watch.joined().await, Some(peer));
}

#[tokio::test(start_paused = true)]
async fn who_is_admitted_and_removed_without_a_connection_has_joined() {
    let hub = Hub::default();
    hub.set_lobby(&room(), true);
    let (mut client, watch, _task) = connect(&hub);
    client.send(r#"{"type":"join"}"#);
    client.expect("waiting").await;
    let peer = hub.waiting(&room())[0].id;
    client.cut();
    yield_now().await;
    hub.admit(&room(), peer).unwrap();
    hub.remove(&room(), peer, None).unwrap();
    assert_eq!(watch.ended().await.peer, Some(peer));
}
