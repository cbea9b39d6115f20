//! Panics of the application: in its decisions, and in its provider of ICE servers.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use meet_signal_core::{
    AuthRequest, Authorize, CloseReason, Decision, Denied, ErrorCode, Grant, Hub,
    IceServerProvider, IceServerRequest, Limits, ProvideIceServers, RoomEventKind,
    driver::{EndReason, Outcome, serve},
    testing::{ClientEnd, Received, connection},
};
use serde_json::json;
use tokio::{
    task::{JoinHandle, yield_now},
    time::Instant,
};

use crate::{BEAT, closed, connect, observer, resume::resume, room};

const ADDRESS: &str = "192.0.2.1";

/// Panics at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bug {
    WhenItIsAskedAboutResumes,
    WhenItIsCalled,
    AtTheFirstPoll,
    AtALaterPoll,
}

use Bug::*;

const BUGS: [Bug; 4] = [WhenItIsAskedAboutResumes, WhenItIsCalled, AtTheFirstPoll, AtALaterPoll];

impl Authorize for Bug {
    fn authorize(&self, request: AuthRequest) -> Decision<'_> {
        let panics = move || panic!("a bug, with the token {:?}", request.token);
        if *self == WhenItIsCalled {
            panics();
        }
        Box::pin(async move {
            if *self == AtALaterPoll {
                yield_now().await;
            }
            panics();
            Ok(Grant::new())
        })
    }

    fn authorizes_resume(&self) -> bool {
        assert_ne!(*self, WhenItIsAskedAboutResumes, "a bug");
        true
    }
}

/// A connection of the one address.
fn connect_to(hub: &Hub, authorize: impl Authorize + 'static) -> (ClientEnd, JoinHandle<Outcome>) {
    let (server, client) = connection(8);
    let server = server.from_address(ADDRESS.parse().expect("an address"));
    (client, tokio::spawn(serve(hub.clone(), room(), authorize, server)))
}

/// Expects the refusal, and the end of the connection's task.
async fn expect_refusal(mut client: ClientEnd, task: JoinHandle<Outcome>) {
    let message = "the application failed to decide";
    let error = json!({"type": "error", "code": "unavailable", "message": message});
    assert_eq!(client.next().await, Received::Flush(vec![error]));
    assert_eq!(client.next().await, Received::Closed(CloseReason::Unavailable));
    let outcome = task.await.expect("the panic is caught");
    let reason = EndReason::Closed(CloseReason::Unavailable);
    assert_eq!((outcome.peer, outcome.reason), (None, reason));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_application_refuses_that_join_alone() {
    // Each connection and each refusal that was not given back would refuse the next join.
    let limits = Limits::builder().address_connections(1).address_refusals_per_minute(1);
    let hub = Hub::new(limits.build().expect("valid limits"));
    let mut other = observer(&hub).await;
    let (_, mut events) = hub.events();
    for bug in BUGS {
        let (client, task) = connect_to(&hub, bug);
        client.send(r#"{"type":"join","token":"a secret"}"#);
        expect_refusal(client, task).await;
        assert_eq!(hub.sessions(), 1, "{bug:?}");
        assert_eq!(hub.roster(&room()).len(), 1, "{bug:?}");
        let event = events.next().await.expect("one event");
        let refused = RoomEventKind::Refused { code: ErrorCode::Unavailable, identity: None };
        assert_eq!(event.kind, refused, "{bug:?}");
    }
    let (mut next, _task) = connect_to(&hub, Grant::new());
    let welcome = next.join().await;
    assert_eq!(other.recv().await["peer"]["id"], welcome["self"]["id"], "nobody joined before");
}

#[tokio::test(start_paused = true)]
async fn joins_that_panic_count_as_attempts_of_their_address() {
    let limits = Limits::builder().address_joins_per_minute(BUGS.len() as u32);
    let hub = Hub::new(limits.build().expect("valid limits"));
    for bug in BUGS {
        let (client, task) = connect_to(&hub, bug);
        client.send(r#"{"type":"join"}"#);
        expect_refusal(client, task).await;
    }
    let (mut client, _task) = connect_to(&hub, Grant::new());
    client.send(r#"{"type":"join"}"#);
    assert_eq!(client.expect("error").await["code"], "rate-limited");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_decision_about_a_resume_leaves_the_session_alone() {
    let hub = Hub::default();
    for bug in BUGS {
        let (mut member, _task) = connect(&hub);
        let welcome = member.join().await;
        member.send(r#"{"type":"broadcast","data":1,"ref":1}"#);
        let (client, task) = connect_to(&hub, bug);
        let ticket = json!({"ticket": welcome["ticket"], "received": 0});
        client.send(&json!({"type": "join", "resume": ticket}).to_string());
        expect_refusal(client, task).await;
        let (mut again, _task) = connect(&hub);
        assert_eq!(resume(&mut again, &welcome, 0).await["resumed"], "full", "{bug:?}");
        again.send(r#"{"type":"leave"}"#);
        assert_eq!(closed(&mut again).await, CloseReason::Left);
    }
}

/// A future whose destructor panics.
struct Fragile<T>(Option<T>);

impl<T: Unpin> Future for Fragile<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        self.0.take().map_or(Poll::Pending, Poll::Ready)
    }
}

impl<T> Drop for Fragile<T> {
    fn drop(&mut self) {
        panic!("a bug of the application");
    }
}

/// Also if the client has left, and nobody waits for the decision any more.
#[tokio::test(start_paused = true)]
async fn a_panic_in_a_destructor_is_one_in_the_future() {
    let hub = Hub::default();
    let decides = |decision: Option<Result<Grant, Denied>>| {
        let (server, client) = connection(8);
        let authorize = move |_: AuthRequest| Fragile(decision.clone());
        client.send(r#"{"type":"join"}"#);
        (client, tokio::spawn(serve(hub.clone(), room(), authorize, server)))
    };
    for decision in [Ok(Grant::new()), Err(Denied::unauthorized("no"))] {
        let (client, task) = decides(Some(decision));
        expect_refusal(client, task).await;
    }
    let (client, task) = decides(None);
    yield_now().await;
    client.cut();
    assert_eq!(task.await.expect("the panic is caught").reason, EndReason::Disconnected);
    assert_eq!(hub.sessions(), 0);
}

/// A provider of ICE servers that never answers, and whose futures panic when they are dropped.
struct FragileProvider;

impl IceServerProvider for FragileProvider {
    fn provide(&self, _: IceServerRequest) -> ProvideIceServers<'_> {
        Box::pin(Fragile(None))
    }
}

/// A regression: the panic ended the session.
#[tokio::test(start_paused = true)]
async fn a_provider_whose_destructors_panic_ends_no_session() {
    let hub = Hub::default();
    let (server, mut client) = connection(64);
    let grant = Grant::new().ice_provider(FragileProvider);
    let task = tokio::spawn(serve(hub.clone(), room(), grant, server));
    client.join().await;
    let start = Instant::now();
    // The provider is given up after 30 s.
    while start.elapsed() < BEAT * 6 {
        client.expect("ping").await;
        client.send(r#"{"type":"pong","received":0}"#);
    }
    client.send(r#"{"type":"leave"}"#);
    assert_eq!(closed(&mut client).await, CloseReason::Left);
    task.await.expect("the panic is caught");
}
