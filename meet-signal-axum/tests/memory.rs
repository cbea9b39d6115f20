//! The memory that clients that do not read use in a server, measured in a process of its own.

#![cfg(target_os = "linux")]

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use axum::Router;
use futures_util::{SinkExt, StreamExt, future::join_all};
use meet_signal_axum::{Hub, Limits, SignalRouter};
use serde_json::{Value, json};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Bytes, Message},
};

#[tokio::test]
async fn a_client_that_never_reads_costs_no_more_than_its_outbox() {
    let server = Server::start();
    let mut sender = server.join("/patient").await;
    assert_eq!(next_message(&mut sender).await["type"], "welcome");
    let mut deaf = Vec::new();
    let mut reachable = Vec::new();
    for reference in 0..CLIENTS {
        deaf.push(server.join("/patient").await);
        let joined = next_message(&mut sender).await;
        reachable.push((reference, joined["peer"]["id"].clone()));
    }
    let before = server.peak_memory();

    // One more for each, until all are unreachable: then all outboxes are nearly full.
    let mut sent = 0;
    while !reachable.is_empty() {
        let data = "x".repeat(60_000);
        for (reference, id) in &reachable {
            let signal = json!({"type": "signal", "to": id, "data": data, "ref": reference});
            send(&mut sender, &signal).await;
        }
        sent += data.len() as u64;
        assert!(sent < 16 * MIB, "{sent} bytes wait for each client");
        send(&mut sender, &json!({"type": "signal", "to": "nobody", "data": null})).await;
        loop {
            let error = next_message(&mut sender).await;
            match error["code"].as_str() {
                Some("peer-unreachable") => reachable.retain(|(at, _)| error["ref"] != *at),
                Some("no-such-peer") => break,
                None if error["type"] == "ping" => {}
                _ => panic!("not expected: {error}"),
            }
        }
    }
    let cost = (server.peak_memory() - before) / CLIENTS;
    println!("{} KiB a client, each of which was sent {} KiB", cost / KIB, sent / KIB);
    assert!(cost < Limits::default().outbox_bytes() as u64 + 256 * KIB, "{cost} bytes a client");
}

/// Each pong waits in the WebSocket's own buffer and not in the outbox.
#[tokio::test]
async fn a_client_that_pings_and_never_reads_costs_no_more_than_its_rate() {
    let server = Server::start();
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(server.join("/default").await);
    }
    let before = server.peak_memory();
    let floods = clients.iter_mut().map(async |client| {
        let ping = Message::Ping(Bytes::from_static(&[0; 125]));
        for _ in 0..4 * MIB / 125 {
            // It ends earlier if the server closes the connection.
            if client.feed(ping.clone()).await.is_err() {
                return;
            }
        }
        let _ = client.flush().await;
    });
    let floods = timeout(Duration::from_secs(60), join_all(floods)).await;
    floods.expect("the server takes them, or has had enough");
    let cost = (server.peak_memory() - before) / clients.len() as u64;
    println!("{} KiB a client", cost / KIB);
    assert!(cost < MIB, "{cost} bytes a client");
}

/// The server's process. It exits when its standard input closes, which the test holds.
struct Server {
    process: Child,
    address: SocketAddr,
    /// Held open: the process is a test, and prints its result.
    _output: BufReader<ChildStdout>,
}

impl Server {
    fn start() -> Self {
        let test = env::current_exe().expect("a test is a program");
        let mut process = Command::new(test)
            .args(["--exact", "the_server", "--ignored", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the test can be started once more");
        let mut output = BufReader::new(process.stdout.take().expect("it is piped"));
        let address = output
            .by_ref()
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.split_once(LISTENING)?.1.parse().ok());
        Self { process, address: address.expect("the server listens"), _output: output }
    }

    /// A client with a small receive buffer that has sent `join`, and does not read by itself.
    async fn join(&self, hub: &str) -> Client {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a small buffer");
        let stream = socket.connect(self.address).await.expect("the server listens");
        let url = format!("ws://{}{hub}/signal/standup", self.address);
        let (mut client, _) = client_async(url, stream).await.expect("an upgrade");
        send(&mut client, &json!({"type": "join"})).await;
        client
    }

    /// The peak memory of the process, in bytes.
    fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.expect("the server runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak.expect("the kernel counts it") * KIB
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

#[tokio::test]
#[ignore = "the server that the other tests start"]
async fn the_server() {
    // No client times out during the measurement, and one may send as much as it needs.
    let patient = Limits::builder()
        .heartbeat(Duration::from_secs(300))
        .write_timeout(Duration::from_secs(300))
        .rate_burst(1_000_000)
        .rate_burst_bytes(1 << 30)
        .build()
        .unwrap();
    let router = |limits| SignalRouter::new(Hub::new(limits)).into_router();
    let app =
        Router::new().nest("/patient", router(patient)).nest("/default", router(Limits::default()));
    // The kernel's buffers are not the server's memory, and would have to be filled first.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(4096).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(64).unwrap();
    println!("{LISTENING}{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, app).await });
    let ended = tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink()));
    ended.await.unwrap().unwrap();
}

type Client = WebSocketStream<TcpStream>;

async fn send(client: &mut Client, message: &Value) {
    client.send(Message::text(message.to_string())).await.expect("the connection is open");
}

async fn next_message(client: &mut Client) -> Value {
    let message = client.next().await.expect("the connection goes on").expect("a message");
    serde_json::from_str(message.to_text().expect("a text")).expect("JSON")
}

const LISTENING: &str = "listening at ";

/// With the sender, a full room.
const CLIENTS: u64 = 15;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
