//! The handshake of RFC 6455, section 4, from the client's side, with whatever headers one likes.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpSocket, tcp},
};

use crate::{
    check::{Broken, Verdict, ensure, within_patience},
    client::{Client, Conduct},
};

/// A request for a WebSocket.
#[derive(Debug, Clone)]
#[must_use]
pub(crate) struct Request {
    address: SocketAddr,
    path: String,
    headers: Vec<(&'static str, String)>,
    receive_buffer: Option<u32>,
}

/// What the server answers.
#[derive(Debug)]
pub(crate) struct Answer {
    /// None where it ended the connection instead.
    pub(crate) status: Option<u16>,
    headers: Vec<(String, String)>,
    reader: BufReader<tcp::OwnedReadHalf>,
    writer: tcp::OwnedWriteHalf,
}

impl Request {
    /// What a client that is no browser sends, with no subprotocol.
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

    /// Receives little at once: what the client does not read soon waits at the server.
    pub(crate) fn receive_buffer(mut self, bytes: u32) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    pub(crate) async fn send(self) -> Verdict<Answer> {
        within_patience("a handshake", self.exchange()).await?
    }

    /// Sends, and expects to be upgraded.
    pub(crate) async fn upgrade(self, conduct: Conduct) -> Verdict<Client> {
        self.send().await?.upgraded(conduct)
    }

    /// Sends so many bytes of it, and cuts the connection.
    pub(crate) async fn send_part(self, bytes: usize) -> Verdict {
        let (_, mut writer) = self.connect().await?;
        let text = self.text();
        // A server that has seen enough may be quicker.
        let _ = writer.write_all(&text.as_bytes()[..bytes.min(text.len())]).await;
        Ok(())
    }

    async fn exchange(self) -> Verdict<Answer> {
        let (reader, mut writer) = self.connect().await?;
        // Whether it could be written shows in the answer.
        let _ = writer.write_all(self.text().as_bytes()).await;
        let mut answer =
            Answer { status: None, headers: Vec::new(), reader: BufReader::new(reader), writer };
        answer.read_head().await?;
        Ok(answer)
    }

    async fn connect(&self) -> Verdict<(tcp::OwnedReadHalf, tcp::OwnedWriteHalf)> {
        let cannot = |error| Broken::new(format_args!("cannot connect: {error}"));
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

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn upgraded(self, conduct: Conduct) -> Verdict<Client> {
        ensure!(self.status == Some(101), "{}, expected an upgrade", self.describe());
        ensure!(self.header("Sec-WebSocket-Accept") == Some(ACCEPT), "not the answer to the key");
        Ok(Client::new(self.reader, self.writer, conduct))
    }

    pub(crate) fn refused(&self, status: u16) -> Verdict {
        ensure!(self.status == Some(status), "{}, expected {status}", self.describe());
        Ok(())
    }

    fn describe(&self) -> String {
        match self.status {
            Some(status) => format!("the answer is {status}"),
            None => "there is no answer".to_owned(),
        }
    }

    async fn read_head(&mut self) -> Verdict {
        let Some(first) = self.read_line().await else { return Ok(()) };
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        ensure!(status.is_some(), "the answer is not HTTP: {first:?}");
        self.status = status;
        while let Some(line) = self.read_line().await.filter(|line| !line.is_empty()) {
            let Some((name, value)) = line.split_once(':') else {
                return Err(Broken::new(format_args!("not a header: {line:?}")));
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

/// The example of RFC 6455, section 1.3, and its answer. Nothing depends on the key's being random.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
