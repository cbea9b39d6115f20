//! A server, and requests to it, byte by byte.

use std::net::SocketAddr;

use axum::Router;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// Serves the router until the test's runtime ends.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    headers: Vec<(String, String)>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

pub(crate) async fn get(server: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    let stream = TcpStream::connect(server).await.expect("the server listens");
    let mut stream = BufReader::new(stream);
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {server}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("the server reads");

    let status = line(&mut stream).await;
    let status = status.split(' ').nth(1).and_then(|status| status.parse().ok());
    let mut answer =
        Answer { status: status.expect("a status"), body: String::new(), headers: Vec::new() };
    loop {
        let line = line(&mut stream).await;
        let Some((name, value)) = line.split_once(':') else { break };
        answer.headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let length = answer.header("content-length").filter(|_| answer.status != 304);
    let length = length.map_or(0, |length| length.parse().expect("a number"));
    stream.take(length).read_to_string(&mut answer.body).await.expect("a text");
    answer
}

async fn line(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.expect("a text");
    assert!(read > 0, "the connection ended within the head");
    line.trim_end().to_owned()
}

/// Asks for a WebSocket.
pub(crate) async fn upgrade(server: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    let handshake = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    get(server, path, &[&handshake, headers].concat()).await
}
