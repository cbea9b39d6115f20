//! The client's side of the handshake (RFC 6455, section 4), with arbitrary headers.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpSocket, tcp},
};

use crate::{
    check::{Result, Violation, ensure, with_timeout},
    client::{Client, ReadMode},
};

/// An upgrade request.
#[derive(Debug, Clone)]
#[must_use]
pub(crate) struct Request {
    address: SocketAddr,
    path: String,
    headers: Vec<(&'static str, String)>,
    receive_buffer: Option<u32>,
}

/// The response to an upgrade request.
#[derive(Debug)]
pub(crate) struct Response {
    /// None if the server closed the connection instead.
    pub(crate) status: Option<u16>,
    headers: Vec<(String, String)>,
    reader: BufReader<tcp::OwnedReadHalf>,
    writer: tcp::OwnedWriteHalf,
}

impl Request {
    /// A request without `Origin` and without a subprotocol.
    pub(crate) fn new(address: SocketAddr, path: String) -> Self {
        let headers = [
            ("Host", address.to_string()),
            ("Connection", "Upgrade".to_owned()),
            ("Upgrade", "websocket".to_owned()),
            ("Sec-WebSocket-Version", "13".to_owned()),
            ("Sec-WebSocket-Key", KEY.to_owned()),
        ];
        Self { address, path, headers: headers.into(), receive_buffer: None }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self
    }

    /// Sets the size of the receive buffer. With a small one, what the client does not read soon
    /// fills the send queue of the server.
    pub(crate) fn receive_buffer(mut self, bytes: u32) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    pub(crate) async fn send(self) -> Result<Response> {
        with_timeout("the handshake", self.exchange()).await?
    }

    /// Sends the request, and expects status 101.
    pub(crate) async fn upgrade(self, mode: ReadMode) -> Result<Client> {
        self.send().await?.into_client(mode)
    }

    /// Sends the first bytes of the request, and closes the connection.
    pub(crate) async fn send_part(self, bytes: usize) -> Result {
        let (_, mut writer) = self.connect().await?;
        let text = self.text();
        // The server may close the connection first.
        let _ = writer.write_all(&text.as_bytes()[..bytes.min(text.len())]).await;
        Ok(())
    }

    async fn exchange(self) -> Result<Response> {
        let (reader, mut writer) = self.connect().await?;
        // The response shows whether the server received it.
        let _ = writer.write_all(self.text().as_bytes()).await;
        let mut response =
            Response { status: None, headers: Vec::new(), reader: BufReader::new(reader), writer };
        response.read_head().await?;
        Ok(response)
    }

    async fn connect(&self) -> Result<(tcp::OwnedReadHalf, tcp::OwnedWriteHalf)> {
        let cannot = |error| Violation::new(format_args!("cannot connect: {error}"));
        let ipv6 = self.address.is_ipv6();
        let socket = if ipv6 { TcpSocket::new_v6() } else { TcpSocket::new_v4() };
        let socket = socket.map_err(cannot)?;
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes).map_err(cannot)?;
        }
        let stream = socket.connect(self.address).await.map_err(cannot)?;
        stream.set_nodelay(true).map_err(cannot)?;
        Ok(stream.into_split())
    }

    fn text(&self) -> String {
        let headers = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        format!("GET {} HTTP/1.1\r\n{}\r\n", self.path, headers.collect::<String>())
    }
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn into_client(self, mode: ReadMode) -> Result<Client> {
        ensure!(self.status == Some(101), "{}, expected 101", self.describe());
        ensure!(
            self.header("Sec-WebSocket-Accept") == Some(ACCEPT),
            "`Sec-WebSocket-Accept` does not match the key"
        );
        Ok(Client::new(self.reader, self.writer, mode))
    }

    pub(crate) fn expect_status(&self, status: u16) -> Result {
        ensure!(self.status == Some(status), "{}, expected {status}", self.describe());
        Ok(())
    }

    fn describe(&self) -> String {
        match self.status {
            Some(status) => format!("the status is {status}"),
            None => "the connection ended without a response".to_owned(),
        }
    }

    async fn read_head(&mut self) -> Result {
        let Some(first) = self.read_line().await else { return Ok(()) };
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        ensure!(status.is_some(), "the response is not HTTP: {first:?}");
        self.status = status;
        while let Some(line) = self.read_line().await.filter(|line| !line.is_empty()) {
            let Some((name, value)) = line.split_once(':') else {
                return Err(Violation::new(format_args!("an invalid header: {line:?}")));
            };
            self.headers.push((name.to_owned(), value.trim().to_owned()));
        }
        Ok(())
    }

    async fn read_line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.reader.read_line(&mut line).await.ok()?;
        (read > 0).then(|| line.trim_end().to_owned())
    }
}

/// The example of RFC 6455, section 1.3. No test depends on a random key.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
