//! What both adapters say to a client before its first message, over real sockets.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use actix_web::{App, HttpServer};
use futures_util::{SinkExt, StreamExt};
use meet_signal_actix::SignalService;
use meet_signal_axum::SignalRouter;
use meet_signal_core::{AuthRequest, Authorize, Denied, Grant, Hub, IceServer};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

const V1: &str = "meet-signal.v1";
const HELLO: &str = "meet-signal.v1.hello";

fn granted() -> Grant {
    Grant::new().ice_servers([IceServer::stun("stun:granted")])
}

/// What a client gets that offers these subprotocols: the one that is selected, and the first
/// message, to which it replies with a `join`.
async fn first(server: SocketAddr, offered: &str) -> (String, Value) {
    let mut request = format!("ws://{server}/signal/a").into_client_request().expect("a URL");
    request.headers_mut().insert("sec-websocket-protocol", offered.parse().expect("a header"));
    let stream = TcpStream::connect(server).await.expect("the server listens");
    let (mut client, response) = client_async(request, stream).await.expect("it is upgraded");
    let selected =
        response.headers()["sec-websocket-protocol"].to_str().expect("a text").to_owned();
    if selected != HELLO {
        join(&mut client).await;
    }
    let message = next(&mut client).await;
    if message["type"] == "hello" {
        join(&mut client).await;
        assert_eq!(next(&mut client).await["type"], "welcome");
    }
    (selected, message)
}

async fn join(client: &mut WebSocketStream<TcpStream>) {
    client.send(Message::text(r#"{"type":"join"}"#)).await.expect("the connection is open");
}

async fn next(client: &mut WebSocketStream<TcpStream>) -> Value {
    let message = client.next().await.expect("the connection is open").expect("a message");
    serde_json::from_str(message.to_text().expect("a text")).expect("JSON")
}

/// One that has decided, with and without ICE servers, and one that decides by the join.
fn applications() -> [Arc<dyn Authorize>; 3] {
    let by_join = async |_: AuthRequest| Ok::<_, Denied>(granted());
    [granted().shared(), Grant::new().shared(), by_join.shared()]
}

/// A server of each application, for each adapter.
async fn servers() -> Vec<[SocketAddr; 3]> {
    let mut axum = Vec::new();
    for authorize in applications() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        axum.push(listener.local_addr().expect("it is bound"));
        let router = SignalRouter::new(Hub::default()).authorize(authorize);
        let router: axum::Router = router.into_router();
        tokio::spawn(async { axum::serve(listener, router).await });
    }
    let actix = applications().map(|authorize| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let app = move || {
            let service = SignalService::new(Hub::default());
            App::new().service(service.authorize(authorize.clone()))
        };
        let server = HttpServer::new(app).workers(1).disable_signals();
        tokio::spawn(server.listen(listener).expect("it is bound").run());
        address
    });
    vec![axum.try_into().expect("three"), actix]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_told_what_is_decided_before_it_joins() {
    let servers_known = json!({"type": "hello", "iceServers": [{"urls": ["stun:granted"]}]});
    for [some, none, undecided] in servers().await {
        for offered in [format!("{V1}, {HELLO}"), format!("{HELLO},{V1}"), HELLO.to_owned()] {
            let offered = offered.as_str();
            assert_eq!(first(some, offered).await, (HELLO.to_owned(), servers_known.clone()));
            let hello = json!({"type": "hello", "iceServers": []});
            assert_eq!(first(none, offered).await, (HELLO.to_owned(), hello));
            let hello = json!({"type": "hello"});
            assert_eq!(first(undecided, offered).await, (HELLO.to_owned(), hello));
        }
        // A client of before.
        assert_eq!(first(some, V1).await, (V1.to_owned(), servers_known.clone()));
        for server in [none, undecided] {
            assert_eq!(first(server, V1).await.1["type"], "welcome");
        }
    }
}
