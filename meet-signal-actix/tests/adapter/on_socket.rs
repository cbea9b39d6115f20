//! An application that serves the connection itself: with a rule around the driver, and within a socket
//! of its own.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use actix_web::{
    Error, HttpResponse,
    error::{ErrorImATeapot, ErrorUpgradeRequired},
    rt,
    web::{self, Data, Path},
};
use futures_util::StreamExt;
use meet_signal_actix::{
    CloseReason, Disconnected, Frame, Grant, Hub, Incoming, Limits, SignalUpgrade, Socket,
    UpgradeRefused,
    driver::{EndReason, Outcome, Reporter},
};
use property_tests::{Role, attend};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{
    peer::Peer,
    responses::{HANDSHAKE, request},
    server::{Server, serve},
};

/// A meeting of `examples/property-tests`, which ends when its host leaves.
async fn meeting(
    hub: Data<Hub>,
    path: Path<(String, String)>,
    upgrade: SignalUpgrade,
) -> HttpResponse {
    let (role, room) = path.into_inner();
    let role = if role == "host" { Role::Host } else { Role::Guest };
    let hub = Hub::clone(&hub);
    upgrade.on_socket(&hub.clone(), &room, move |room, socket| attend(hub, room, role, socket))
}

#[tokio::test]
async fn a_rule_around_the_driver_is_mounted() {
    let hub = Data::new(Hub::default());
    let server = serve(move |app| {
        app.app_data(hub.clone()).route("/{role}/{room}", web::get().to(meeting));
    });
    let (mut host, _) = Peer::join(server.address, "/host/standup", "Ada").await;
    let (mut guest, welcome) = Peer::join(server.address, "/guest/standup", "Bob").await;
    assert_eq!(welcome["self"]["meta"], "guest");
    assert_eq!(welcome["peers"][0]["meta"], "host");
    assert_eq!(host.next().await.unwrap()["type"], "joined");
    host.send(&json!({"type": "leave"})).await;
    assert_eq!(guest.next().await.unwrap()["type"], "left");
    assert_eq!(guest.expect_close().await.0, 4507);
}

/// Counts the bytes of the texts that a client has sent, as they arrive.
struct Counted<S> {
    inner: S,
    bytes: Arc<AtomicUsize>,
}

impl<S: Socket> Socket for Counted<S> {
    type Text = S::Text;

    async fn recv(&mut self) -> Incoming<S::Text> {
        let incoming = self.inner.recv().await;
        if let Incoming::Text(text) = &incoming {
            self.bytes.fetch_add(text.as_ref().len(), Ordering::Relaxed);
        }
        incoming
    }

    async fn send(&mut self, batch: &mut Vec<Frame>) -> Result<(), Disconnected> {
        self.inner.send(batch).await
    }

    async fn close(&mut self, reason: CloseReason) {
        self.inner.close(reason).await;
    }

    fn peer_address(&self) -> Option<IpAddr> {
        self.inner.peer_address()
    }
}

#[derive(Clone)]
struct Counting {
    hub: Hub,
    bytes: Arc<AtomicUsize>,
    outcomes: UnboundedSender<Outcome>,
}

async fn counted(
    counting: Data<Counting>,
    room: Path<String>,
    upgrade: SignalUpgrade,
) -> HttpResponse {
    let Counting { hub, bytes, outcomes } = Counting::clone(&counting);
    upgrade.on_socket(&hub.clone(), &room, async move |room, inner| {
        let mut reporter = Reporter::new();
        let session = reporter.watch();
        rt::spawn(async move { outcomes.send(session.ended().await) });
        reporter.serve_local(hub, room, Grant::new(), Counted { inner, bytes }).await;
    })
}

fn serve_counted() -> (Server, Arc<AtomicUsize>, UnboundedReceiver<Outcome>) {
    let limits = Limits::builder().address_connections(1).build().expect("valid limits");
    let (outcomes, ended) = unbounded_channel();
    let counting = Counting { hub: Hub::new(limits), bytes: Arc::default(), outcomes };
    let bytes = Arc::clone(&counting.bytes);
    let counting = Data::new(counting);
    let server = serve(move |app| {
        app.app_data(counting.clone()).route("/{room}", web::get().to(counted));
    });
    (server, bytes, ended)
}

#[tokio::test]
async fn a_socket_around_the_connection_is_served() {
    let (server, bytes, mut ended) = serve_counted();
    let mut peer = Peer::connect(server.address, "/standup").await;
    let join = json!({"type": "join"});
    peer.send(&join).await;
    let welcome = peer.expect("welcome").await;
    let message = json!({"type": "signal", "to": "nobody", "data": null, "ref": 1});
    peer.send(&message).await;
    assert_eq!(peer.next().await.unwrap()["code"], "no-such-peer");
    let sent = join.to_string().len() + message.to_string().len();
    assert_eq!(bytes.load(Ordering::Relaxed), sent);

    // The limits per address hold: the socket has the address of its inner one.
    let mut second = Peer::connect(server.address, "/standup").await;
    assert_eq!(second.next().await.unwrap()["code"], "rate-limited");
    assert_eq!(second.expect_close().await.0, 4003);
    while second.frame().await.is_some() {}
    let refused = ended.recv().await.unwrap();
    assert_eq!((refused.peer, refused.reason), (None, EndReason::Closed(CloseReason::Unavailable)));

    peer.send(&json!({"type": "leave"})).await;
    assert_eq!(peer.expect_close().await.0, 1000);
    while peer.frame().await.is_some() {}
    let left = ended.recv().await.unwrap();
    assert_eq!(left.peer.unwrap().to_string(), welcome["self"]["id"]);
    assert_eq!(left.reason, EndReason::Closed(CloseReason::Left));
}

#[tokio::test]
async fn an_invalid_request_gets_its_status_and_no_socket() {
    async fn own_pages(
        hub: Data<Hub>,
        room: Path<String>,
        upgrade: SignalUpgrade,
    ) -> Result<HttpResponse, Error> {
        let served = async move |_, _| panic!("it is not upgraded");
        let response = upgrade.try_on_socket(&hub, &room, served);
        response.map_err(|refused| match refused {
            UpgradeRefused::NotWebSocket => ErrorUpgradeRequired("a WebSocket"),
            _ => ErrorImATeapot("go away"),
        })
    }

    let other_origin = [&HANDSHAKE[..], &["Origin: null"]].concat();
    let (server, ..) = serve_counted();
    let hub = Data::new(Hub::default());
    let own = serve(move |app| {
        app.app_data(hub.clone()).route("/{room}", web::get().to(own_pages));
    });
    for (server, path, headers, status) in [
        (&server, "/standup", &[][..], 426),
        (&server, "/standup", &other_origin, 403),
        (&server, "/%00", &HANDSHAKE, 400),
        (&own, "/standup", &[], 426),
        (&own, "/standup", &other_origin, 418),
    ] {
        let response = request(server.address, "GET", path, headers).await;
        assert_eq!(response.status, status, "{path} {headers:?}");
    }
}

#[tokio::test]
async fn dropping_the_socket_ends_the_connection() {
    async fn dropped(hub: Data<Hub>, room: Path<String>, upgrade: SignalUpgrade) -> HttpResponse {
        upgrade.on_socket(&hub, &room, async |_, socket| drop(socket))
    }

    let hub = Data::new(Hub::default());
    let server = serve(move |app| {
        app.app_data(hub.clone()).route("/{room}", web::get().to(dropped));
    });
    let mut peer = Peer::connect(server.address, "/standup").await;
    assert!(!matches!(peer.0.next().await, Some(Ok(_))), "it ends without a frame");
}
