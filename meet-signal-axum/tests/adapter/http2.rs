//! WebSockets over HTTP/2 (RFC 8441): each is a stream of one connection, opened with `CONNECT`.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{Method, Request, Version},
    response::Response,
    routing,
};
use h2::{
    RecvStream, SendStream,
    client::{ResponseFuture, SendRequest},
    ext::Protocol,
};
use meet_signal_axum::{Grant, Hub, SignalRouter, SignalUpgrade};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};

use crate::support::serve;

/// One connection to a server, for several WebSockets.
struct Connection {
    server: SocketAddr,
    requests: SendRequest<Bytes>,
}

impl Connection {
    async fn open(app: Router) -> Self {
        let server = serve(app).await;
        let stream = TcpStream::connect(server).await.expect("the server listens");
        let (requests, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        tokio::spawn(connection);
        let mut requests = requests.ready().await.expect("an open connection");
        // The server's settings, which precede its first response, announce it.
        let request = Request::get(format!("http://{server}/nothing")).body(());
        let request = request.expect("a request");
        let (response, _) = requests.send_request(request, true).expect("an open connection");
        response.await.expect("a response");
        assert!(requests.is_extended_connect_protocol_enabled());
        Self { server, requests }
    }

    fn ask(
        &mut self,
        method: &Method,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> (ResponseFuture, SendStream<Bytes>) {
        let mut request = Request::builder()
            .version(Version::HTTP_2)
            .method(method)
            .uri(format!("http://{}{path}", self.server))
            .header("sec-websocket-version", "13");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).expect("a request");
        if *method == Method::CONNECT {
            request.extensions_mut().insert(Protocol::from_static("websocket"));
        }
        self.requests.send_request(request, false).expect("an open connection")
    }

    async fn status(
        &mut self,
        method: &Method,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> u16 {
        let (response, _stream) = self.ask(method, path, headers);
        response.await.expect("a response").status().as_u16()
    }

    async fn websocket(&mut self, path: &str) -> WebSocket {
        let origin = format!("http://{}", self.server);
        let headers = [("origin", origin.as_str()), ("sec-websocket-protocol", "meet-signal.v1")];
        let (response, to_server) = self.ask(&Method::CONNECT, path, &headers);
        let response = response.await.expect("a response");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["sec-websocket-protocol"], "meet-signal.v1");
        assert!(!response.headers().contains_key("sec-websocket-accept"));
        WebSocket { to_server, from_server: response.into_body(), received: Vec::new() }
    }
}

/// A WebSocket on an HTTP/2 stream.
struct WebSocket {
    to_server: SendStream<Bytes>,
    from_server: RecvStream,
    received: Vec<u8>,
}

impl WebSocket {
    /// Sends a frame with a mask of zeros, which leaves the payload unchanged.
    fn send(&mut self, first: u8, payload: &[u8]) {
        let length = u8::try_from(payload.len()).expect("a short frame");
        assert!(length < 126);
        let frame = [&[first, 0x80 | length, 0, 0, 0, 0], payload].concat();
        self.to_server.send_data(frame.into(), false).expect("an open stream");
    }

    fn send_message(&mut self, message: &Value) {
        self.send(0x81, message.to_string().as_bytes());
    }

    /// The next frame: its first byte and its payload. `None` at the end of the stream.
    async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some(frame) = self.take_frame() {
                return Some(frame);
            }
            let data = timeout(Duration::from_secs(10), self.from_server.data()).await;
            let data = data.expect("something comes")?.expect("an open stream");
            let _ = self.from_server.flow_control().release_capacity(data.len());
            self.received.extend(data);
        }
    }

    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let [first, length] = *self.received.first_chunk()?;
        let (start, length) = match length {
            126 => {
                let length = self.received.get(2..4)?;
                (4, usize::from(u16::from_be_bytes([length[0], length[1]])))
            }
            short => (2, usize::from(short)),
        };
        let payload = self.received.get(start..start + length)?.to_vec();
        self.received.drain(..start + length);
        Some((first, payload))
    }

    async fn next_message(&mut self) -> Value {
        let (first, payload) = self.next().await.expect("the stream goes on");
        assert_eq!(first, 0x81);
        serde_json::from_slice(&payload).expect("JSON")
    }
}

#[tokio::test]
async fn sessions_run_on_streams_of_one_connection() {
    let hub = Hub::default();
    let app = Router::new().nest("/teams/{team}", SignalRouter::new(hub.clone()).into_router());
    let mut connection = Connection::open(app).await;
    let mut ada = connection.websocket("/teams/red/signal/standup").await;
    ada.send_message(&json!({"type": "join"}));
    let welcome = ada.next_message().await;
    assert_eq!((&welcome["type"], &welcome["room"]), (&json!("welcome"), &json!("standup")));
    let mut bob = connection.websocket("/teams/red/signal/standup").await;
    bob.send_message(&json!({"type": "join"}));
    let peers = bob.next_message().await["peers"].clone();
    assert_eq!(peers[0]["id"], welcome["self"]["id"]);
    assert_eq!(ada.next_message().await["type"], "joined");

    // In fragments, around a ping.
    bob.send(0x01, br#"{"type":"broad"#);
    bob.send(0x89, b"?");
    bob.send(0x80, br#"cast","data":"hello"}"#);
    assert_eq!(bob.next().await, Some((0x8A, b"?".to_vec())));
    assert_eq!(ada.next_message().await["data"], "hello");

    // The server replies to a close frame, the stream ends, and the session is kept.
    bob.send(0x88, b"\x03\xE8");
    assert_eq!(bob.next().await, Some((0x88, b"\x03\xE8".to_vec())));
    assert_eq!(bob.next().await, None);
    assert_eq!(ada.next_message().await["status"], "away");

    ada.send_message(&json!({"type": "leave"}));
    let (first, payload) = ada.next().await.unwrap();
    assert_eq!((first, &payload[..2]), (0x88, b"\x03\xE8".as_slice()));
    ada.send(0x88, b"\x03\xE8");
    assert_eq!(ada.next().await, None);
}

#[tokio::test]
async fn refused_requests_get_the_same_responses_as_over_http_1() {
    async fn signal(
        State(hub): State<Hub>,
        Path(room): Path<String>,
        upgrade: SignalUpgrade,
    ) -> Response {
        upgrade.join(&hub, &room, Grant::new())
    }

    let app = Router::new()
        .route("/rooms/{room}", routing::any(signal))
        .with_state(Hub::default())
        .merge(SignalRouter::new(Hub::default()).into_router());
    let mut connection = Connection::open(app).await;
    let foreign = [("origin", "https://evil.example")];
    let chat = [("sec-websocket-protocol", "chat")];
    for base in ["/rooms", "/signal"] {
        let standup = format!("{base}/standup");
        let other = format!("{base}/a%00b");
        for (expected, method, path, headers) in [
            (200, Method::CONNECT, &standup, [].as_slice()),
            (400, Method::CONNECT, &other, &[]),
            (403, Method::CONNECT, &standup, &foreign),
            (400, Method::CONNECT, &standup, &chat),
            (426, Method::GET, &standup, &[]),
            (400, Method::GET, &other, &[]),
            (405, Method::POST, &standup, &[]),
        ] {
            let status = connection.status(&method, path, headers).await;
            assert_eq!(status, expected, "{method} {path} {headers:?}");
        }
    }
}
