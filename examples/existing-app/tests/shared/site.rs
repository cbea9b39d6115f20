//! The site as a process, and what a browser does with it.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest, http::HeaderValue},
};

use crate::PROGRAM;

/// The site, in a process of its own.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) process: Child,
}

impl Site {
    pub(crate) fn start() -> Self {
        let mut process = Command::new(PROGRAM)
            .env("PORT", "0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let stdout = BufReader::new(process.stdout.take().expect("a pipe"));
        let line = stdout.lines().next().expect("a line").expect("text");
        let (_, url) = line.split_once("http://").expect("the address");
        Self { address: url.trim_end_matches('/').parse().expect("an address"), process }
    }

    /// The head of a response, and its body.
    pub(crate) async fn request(
        &self,
        request: &str,
        headers: &str,
        body: &str,
    ) -> (String, String) {
        let mut tcp = TcpStream::connect(self.address).await.expect("the site listens");
        let length = body.len();
        let request = format!(
            "{request} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {length}\r\n\
             {headers}\r\n{body}",
            self.address
        );
        tcp.write_all(request.as_bytes()).await.expect("a connection");
        let mut response = String::new();
        tcp.read_to_string(&mut response).await.expect("a response");
        let (head, body) = response.split_once("\r\n\r\n").expect("a head");
        (head.to_owned(), body.to_owned())
    }

    pub(crate) async fn page(&self, path: &str, cookie: &str) -> (String, String) {
        self.request(&format!("GET {path}"), &format!("Cookie: {cookie}\r\n"), "").await
    }

    /// Logs in, and returns the cookie.
    pub(crate) async fn log_in(&self, login: &str) -> String {
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        let body = format!("login={login}&password=demo");
        let (head, _) = self.request("POST /login", form, &body).await;
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = cookie.and_then(|cookie| cookie.split(';').next()).expect("a cookie");
        cookie.to_owned()
    }

    pub(crate) async fn connect(&self, path: &str, cookie: &str) -> Result<Peer, u16> {
        self.connect_from(None, path, cookie).await
    }

    /// The error is the status of the response.
    pub(crate) async fn connect_from(
        &self,
        origin: Option<&'static str>,
        path: &str,
        cookie: &str,
    ) -> Result<Peer, u16> {
        let url = format!("ws://{}{path}", self.address);
        let mut request = url.into_client_request().expect("a URL");
        let cookie = HeaderValue::from_str(cookie).expect("a header");
        request.headers_mut().insert("cookie", cookie);
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", HeaderValue::from_static(origin));
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Peer(socket)),
            Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) struct Peer(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Peer {
    pub(crate) async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.expect("a connection");
    }

    /// Joins, and returns the `welcome`.
    pub(crate) async fn join(&mut self) -> Value {
        self.send(json!({"type": "join"})).await;
        self.expect("welcome").await
    }

    /// The next message, which must have this type.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        let message = self.0.next().await.expect("a message").expect("a connection");
        let message: Value = serde_json::from_str(message.to_text().expect("text")).expect("JSON");
        assert_eq!(message["type"], kind, "{message}");
        message
    }

    /// The code and the message of the error, and the code of the close frame.
    pub(crate) async fn refusal(&mut self) -> (String, String, u16) {
        let error = self.expect("error").await;
        let text = |name: &str| error[name].as_str().expect("a text").to_owned();
        (text("code"), text("message"), self.closed().await.0)
    }

    /// The code and the reason of the close frame, which is next.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        let Some(Ok(Message::Close(Some(close)))) = self.0.next().await else {
            panic!("a close frame")
        };
        (close.code.into(), close.reason.to_string())
    }
}

pub(crate) const SIGNAL: &str = "/teams/apollo/meeting/signal";
