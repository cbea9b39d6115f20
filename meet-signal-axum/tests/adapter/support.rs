//! A server, and requests to it, byte by byte.

use std::net::SocketAddr;

use axum::Router;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

/// Serves the router until the test's runtime ends.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

/// Like [`serve`], with the addresses of clients.
pub(crate) async fn serve_with_addresses(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async { axum::serve(listener, service).await });
    address
}

pub(crate) struct Response {
    pub(crate) status: u16,
    /// Empty if it is not text.
    pub(crate) body: String,
    pub(crate) bytes: Vec<u8>,
    headers: Vec<(String, String)>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

pub(crate) async fn get(server: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Response {
    request(server, "GET", path, headers).await
}

pub(crate) async fn request(
    server: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Response {
    let stream = TcpStream::connect(server).await.expect("the server listens");
    let mut stream = BufReader::new(stream);
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {server}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("the server reads");

    let status = line(&mut stream).await;
    let status = status.split(' ').nth(1).and_then(|status| status.parse().ok());
    let mut response = Response {
        status: status.expect("a status"),
        body: String::new(),
        bytes: Vec::new(),
        headers: Vec::new(),
    };
    loop {
        let line = line(&mut stream).await;
        let Some((name, value)) = line.split_once(':') else { break };
        response.headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let has_body = method != "HEAD" && response.status != 304;
    let length = response.header("content-length").filter(|_| has_body);
    let length = length.map_or(0, |length| length.parse().expect("a number"));
    stream.take(length).read_to_end(&mut response.bytes).await.expect("a body");
    response.body = String::from_utf8(response.bytes.clone()).unwrap_or_default();
    response
}

async fn line(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.expect("a text");
    assert!(read > 0, "the connection ended within the head");
    line.trim_end().to_owned()
}

/// Requests a WebSocket.
pub(crate) async fn upgrade(server: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Response {
    get(server, path, &[&HANDSHAKE, headers].concat()).await
}

pub(crate) const HANDSHAKE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

pub(crate) type Client = WebSocketStream<TcpStream>;

/// Joins, and returns the welcome.
pub(crate) async fn join(server: SocketAddr, path: &str) -> (Client, Value) {
    let stream = TcpStream::connect(server).await.expect("the server listens");
    let client = client_async(format!("ws://{server}{path}"), stream).await;
    let (mut client, _) = client.expect("the request is upgraded");
    client.send(Message::text(r#"{"type":"join"}"#)).await.expect("the connection is open");
    let welcome = next_message(&mut client).await;
    assert_eq!(welcome["type"], "welcome");
    (client, welcome)
}

pub(crate) async fn next_message(client: &mut Client) -> Value {
    let message = client.next().await.expect("the connection is open").expect("a message");
    serde_json::from_str(message.to_text().expect("a text")).expect("JSON")
}
