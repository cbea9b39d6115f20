//! An application that serves the connection itself: with a rule around the driver, and within a socket
//! of its own.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::any,
};
use futures_util::{SinkExt, StreamExt};
use meet_signal_axum::{
    CloseReason, Disconnected, Frame, Grant, Hub, Incoming, Limits, SignalUpgrade, Socket,
    UpgradeRefused,
    driver::{EndReason, Outcome, Reporter},
};
use property_tests::{Role, attend};
use serde_json::json;
use tokio::{
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};
use tokio_tungstenite::{
    client_async,
    tungstenite::{Message, protocol::CloseFrame},
};

use crate::support::{Client, get, join, next_message, serve, serve_with_addresses, upgrade};

/// A meeting of `examples/property-tests`, which ends when its host leaves.
async fn meeting(
    State(hub): State<Hub>,
    Path((role, room)): Path<(String, String)>,
    upgrade: SignalUpgrade,
) -> Response {
    let role = if role == "host" { Role::Host } else { Role::Guest };
    upgrade.on_socket(&hub.clone(), &room, move |room, socket| attend(hub, room, role, socket))
}

#[tokio::test]
async fn a_rule_around_the_driver_is_mounted() {
    let hub = Hub::default();
    let app = Router::new().route("/{role}/{room}", any(meeting)).with_state(hub.clone());
    let server = serve(app).await;
    let (mut host, _) = join(server, "/host/standup").await;
    let (mut guest, welcome) = join(server, "/guest/standup").await;
    assert_eq!(welcome["self"]["meta"], "guest");
    assert_eq!(welcome["peers"][0]["meta"], "host");
    assert_eq!(next_message(&mut host).await["type"], "joined");
    host.send(Message::text(r#"{"type":"leave"}"#)).await.unwrap();
    assert_eq!(next_message(&mut guest).await["type"], "left");
    assert_eq!(close(&mut guest).await.code, 4507.into());
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
    State(Counting { hub, bytes, outcomes }): State<Counting>,
    Path(room): Path<String>,
    upgrade: SignalUpgrade,
) -> Response {
    upgrade.on_socket(&hub.clone(), &room, async move |room, inner| {
        let mut reporter = Reporter::new();
        let session = reporter.watch();
        tokio::spawn(async move { outcomes.send(session.ended().await) });
        reporter.serve(hub, room, Grant::new(), Counted { inner, bytes }).await;
    })
}

async fn serve_counted() -> (SocketAddr, Arc<AtomicUsize>, UnboundedReceiver<Outcome>) {
    let limits = Limits::builder().address_connections(1).build().expect("valid limits");
    let (outcomes, ended) = unbounded_channel();
    let counting = Counting { hub: Hub::new(limits), bytes: Arc::default(), outcomes };
    let bytes = Arc::clone(&counting.bytes);
    let app = Router::new().route("/{room}", any(counted)).with_state(counting);
    (serve_with_addresses(app).await, bytes, ended)
}

#[tokio::test]
async fn a_socket_around_the_connection_is_served() {
    let (server, bytes, mut ended) = serve_counted().await;
    let (mut client, welcome) = join(server, "/standup").await;
    let message = json!({"type": "signal", "to": "nobody", "data": null, "ref": 1}).to_string();
    client.send(Message::text(message.clone())).await.unwrap();
    assert_eq!(next_message(&mut client).await["code"], "no-such-peer");
    let join = r#"{"type":"join"}"#;
    assert_eq!(bytes.load(Ordering::Relaxed), join.len() + message.len());

    // The limits per address hold: the socket has the address of its inner one.
    let mut second = connect(server, "/standup").await;
    assert_eq!(next_message(&mut second).await["code"], "rate-limited");
    assert_eq!(close(&mut second).await.code, 4003.into());
    let refused = ended.recv().await.unwrap();
    assert_eq!((refused.peer, refused.reason), (None, EndReason::Closed(CloseReason::Unavailable)));

    client.send(Message::text(r#"{"type":"leave"}"#)).await.unwrap();
    assert_eq!(close(&mut client).await.code, 1000.into());
    let left = ended.recv().await.unwrap();
    assert_eq!(left.peer.unwrap().to_string(), welcome["self"]["id"]);
    assert_eq!(left.reason, EndReason::Closed(CloseReason::Left));
}

#[tokio::test]
async fn an_invalid_request_gets_its_status_and_no_socket() {
    async fn own_pages(
        State(hub): State<Hub>,
        Path(room): Path<String>,
        upgrade: SignalUpgrade,
    ) -> Result<Response, StatusCode> {
        let served = async move |_, _| panic!("it is not upgraded");
        let response = upgrade.try_on_socket(&hub, &room, served);
        response.map_err(|refused| match refused {
            UpgradeRefused::NotWebSocket => StatusCode::UPGRADE_REQUIRED,
            _ => StatusCode::IM_A_TEAPOT,
        })
    }

    let (server, ..) = serve_counted().await;
    assert_eq!(get(server, "/standup", &[]).await.status, 426);
    assert_eq!(upgrade(server, "/standup", &[("Origin", "null")]).await.status, 403);
    assert_eq!(upgrade(server, "/%00", &[]).await.status, 400);
    let app = Router::new().route("/{room}", any(own_pages)).with_state(Hub::default());
    let server = serve(app).await;
    assert_eq!(get(server, "/standup", &[]).await.status, 426);
    assert_eq!(upgrade(server, "/standup", &[("Origin", "null")]).await.status, 418);
}

#[tokio::test]
async fn dropping_the_socket_ends_the_connection() {
    async fn dropped(
        State(hub): State<Hub>,
        Path(room): Path<String>,
        upgrade: SignalUpgrade,
    ) -> Response {
        upgrade.on_socket(&hub, &room, async |_, socket| drop(socket))
    }

    let app = Router::new().route("/{room}", any(dropped)).with_state(Hub::default());
    let mut client = connect(serve(app).await, "/standup").await;
    assert!(!matches!(client.next().await, Some(Ok(_))), "it ends without a frame");
}

async fn connect(server: SocketAddr, path: &str) -> Client {
    let stream = TcpStream::connect(server).await.expect("the server listens");
    client_async(format!("ws://{server}{path}"), stream).await.expect("an upgrade").0
}

async fn close(client: &mut Client) -> CloseFrame {
    match client.next().await {
        Some(Ok(Message::Close(Some(close)))) => close,
        other => panic!("expected a close frame, got {other:?}"),
    }
}
