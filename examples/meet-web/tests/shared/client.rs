//! Clients: TCP, TLS, HTTP, WebSocket.

#[cfg(target_os = "linux")]
use std::net::Ipv4Addr;
use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::{interval, timeout},
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};

use super::server::Server;

pub(crate) trait Bytes: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Bytes for T {}

pub(crate) type Connection = Box<dyn Bytes>;

/// Only TCP.
pub(crate) async fn tcp(server: &Server) -> Connection {
    Box::new(TcpStream::connect(server.address).await.expect("the server listens"))
}

/// With TLS, if the server has it.
pub(crate) async fn connect(server: &Server) -> Connection {
    let tcp = TcpStream::connect(server.address).await.expect("the server listens");
    if !server.tls {
        return Box::new(tcp);
    }
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    Box::new(TlsConnector::from(Arc::new(config)).connect(name, tcp).await.expect("a handshake"))
}

/// The first bytes of the response to a request.
pub(crate) async fn response(connection: &mut Connection, request: &str) -> String {
    connection.write_all(request.as_bytes()).await.expect("a connection");
    let mut start = [0; 12];
    connection.read_exact(&mut start).await.expect("a response");
    String::from_utf8_lossy(&start).into_owned()
}

/// The response to a request without a body, on a separate connection: all of it, or its head if the
/// connection becomes a WebSocket.
pub(crate) async fn exchange(server: &Server, request: &str) -> String {
    let mut connection = connect(server).await;
    connection.write_all(request.as_bytes()).await.expect("a connection");
    let mut response = Vec::new();
    // A server that has refused the rest of a request may reset the connection.
    while let Ok(1..) = connection.read_buf(&mut response).await {
        if response.starts_with(b"HTTP/1.1 101") && response.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    String::from_utf8_lossy(&response).into_owned()
}

/// Waits until the server closes the connection.
pub(crate) async fn closed(mut connection: impl AsyncRead + Unpin) {
    while !matches!(connection.read(&mut [0; 4096]).await, Ok(0) | Err(_)) {}
}

/// Sends a byte from time to time, until the server closes the connection.
pub(crate) async fn drip(connection: Connection, bytes: &[u8]) {
    let (read, mut write) = tokio::io::split(connection);
    let write = async {
        let mut pace = interval(Duration::from_millis(50));
        for byte in bytes {
            pace.tick().await;
            if write.write_all(&[*byte]).await.is_err() {
                break;
            }
        }
    };
    let mut closed = pin!(closed(read));
    tokio::select! {
        () = &mut closed => return,
        () = write => {}
    }
    closed.await;
}

/// Waits with a generous timeout.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), future).await.unwrap_or_else(|_| panic!("{what}: never"))
}

/// Raises this process's soft limit of open files to the hard one, and returns it.
pub(crate) fn raise_open_files() -> usize {
    let most = rlimit::increase_nofile_limit(u64::MAX).expect("a limit of open files");
    usize::try_from(most).unwrap_or(usize::MAX)
}

pub(crate) struct Peer(pub(crate) WebSocketStream<Connection>);

impl Peer {
    pub(crate) async fn join(server: &Server, room: &str) -> (Self, Value) {
        let mut peer = Self::open(server, room, connect(server).await, None).await;
        peer.send(&json!({"type": "join"})).await;
        let welcome = peer.expect("welcome").await;
        (peer, welcome)
    }

    /// From another address of this machine, of which Linux has all of 127.0.0.0/8. The server is
    /// without TLS.
    #[cfg(target_os = "linux")]
    pub(crate) async fn join_from(server: &Server, room: &str, from: Ipv4Addr) -> (Self, Value) {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind((from, 0).into()).expect("an address of this machine");
        let tcp = socket.connect(server.address).await.expect("the server listens");
        let mut peer = Self::open(server, room, Box::new(tcp), None).await;
        peer.send(&json!({"type": "join"})).await;
        let welcome = peer.expect("welcome").await;
        (peer, welcome)
    }

    /// Connects as through a proxy that sets `X-Forwarded-For` to this. Does not send `join`.
    pub(crate) async fn forwarded(server: &Server, room: &str, addresses: &'static str) -> Self {
        let header = Some(("x-forwarded-for", addresses));
        Self::open(server, room, connect(server).await, header).await
    }

    /// Connects as a browser that has this cookie. Does not send `join`.
    pub(crate) async fn with_cookie(server: &Server, room: &str, cookie: &str) -> Self {
        Self::open(server, room, connect(server).await, Some(("cookie", cookie))).await
    }

    async fn open(
        server: &Server,
        room: &str,
        connection: Connection,
        header: Option<(&'static str, &str)>,
    ) -> Self {
        let url = format!("ws://{}/signal/{room}", server.address);
        let mut request = url.into_client_request().expect("a URL");
        if let Some((name, value)) = header {
            let value = HeaderValue::from_str(value).expect("a header");
            request.headers_mut().append(name, value);
        }
        Self(client_async(request, connection).await.expect("an upgrade").0)
    }

    /// Sends `leave`.
    pub(crate) async fn leave(mut self) {
        self.send(&json!({"type": "leave"})).await;
        let close = async { while !matches!(self.0.next().await, Some(Ok(Message::Close(_)))) {} };
        soon("a close", close).await;
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).await.expect("a connection");
    }

    /// The next message of this type.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next().await;
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            let frame = self.0.next().await.expect("a frame").expect("a connection");
            if let Message::Text(text) = frame {
                return serde_json::from_str(&text).expect("JSON");
            }
        }
    }

    /// The code that the server closes the connection with.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            let frame = self.0.next().await.expect("a close").expect("a connection");
            if let Message::Close(close) = frame {
                return close.expect("a code").code.into();
            }
        }
    }

    /// Checks that the server replies.
    pub(crate) async fn is_served(&mut self) {
        self.send(&json!({"type": "nothing"})).await;
        assert_eq!(self.expect("error").await["code"], "unknown-type");
    }
}

/// The server creates its certificate when it starts.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
