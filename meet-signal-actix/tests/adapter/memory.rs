//! The memory of a peer that does not read, measured in a server process from outside.
#![cfg(target_os = "linux")]

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use actix_web::web;
use futures_util::{SinkExt, StreamExt};
use meet_signal_actix::{Hub, Limits};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    peer::{FIN, PING, Peer, frame},
    server::{rooms, serve_at, small_buffers},
};

/// A process that serves one hub.
struct ServerProcess {
    address: SocketAddr,
    process: Child,
}

impl ServerProcess {
    /// This executable, running [`server_process`] alone.
    fn start() -> Self {
        let mut process = Command::new(env::current_exe().expect("known"))
            .args(["--exact", "memory::server_process", "--ignored", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this executable runs");
        let lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let address = lines
            .map(Result::unwrap)
            .find_map(|line| line.strip_prefix(ADDRESS).map(str::to_owned))
            .expect("the server prints its address");
        Self { address: address.parse().expect("an address"), process }
    }

    /// Its peak memory, in bytes.
    fn peak(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.expect("the process is alive");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB")).expect("a size");
        peak.parse::<usize>().expect("a number") * 1024
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It also exits when its standard input closes, if this process is killed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
#[ignore = "the other process of the tests below"]
async fn server_process() {
    let limits = Limits::builder()
        .room_peers(1_000)
        .rate_per_second(1_000_000)
        .rate_burst(1_000_000)
        .rate_bytes_per_second(1 << 30)
        .rate_burst_bytes(1 << 30)
        .write_timeout(Duration::from_secs(1))
        .build()
        .unwrap();
    let server = serve_at(small_buffers().into(), rooms(&Hub::new(limits)));
    println!("\n{ADDRESS}{}", server.address);
    let end = web::block(|| std::io::stdin().read_to_end(&mut Vec::new()));
    end.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_peer_that_does_not_read_costs_a_bounded_amount_of_memory() {
    let server = ServerProcess::start();
    let (mut talker, _) = Peer::join(server.address, ROOM, "talker").await;
    let mut stuck = Vec::new();
    for _ in 0..STUCK {
        stuck.push(Peer::join_without_reading(server.address, ROOM).await);
        talker.expect("joined").await;
    }
    let before = server.peak();

    let (mut to_server, mut from_server) = talker.0.split();
    let talk = tokio::spawn(async move {
        let text = json!({"type": "broadcast", "data": "x".repeat(FRAME)}).to_string();
        for _ in 0..BROADCASTS {
            to_server.send(Message::text(text.clone())).await.unwrap();
        }
        to_server
    });
    let mut lost = 0;
    while lost < STUCK {
        let Message::Text(text) = from_server.next().await.unwrap().unwrap() else { continue };
        lost += usize::from(serde_json::from_str::<Value>(&text).unwrap()["type"] == "status");
    }
    let _to_server = talk.await.unwrap();

    let each = (server.peak() - before) / STUCK;
    println!("{} KiB for each, who was sent {} KiB", each / 1024, FRAME * BROADCASTS / 1024);
    assert!(each < UNREAD, "{each} bytes for each");
    for mut peer in stuck {
        assert_eq!(peer.expect_close().await, (4002, "too slow".to_owned()));
    }
}

#[tokio::test]
async fn pongs_do_not_pile_up() {
    let server = ServerProcess::start();
    let (mut talker, _) = Peer::join(server.address, ROOM, "talker").await;
    let mut stuck = Vec::new();
    for _ in 0..STUCK {
        stuck.push(Peer::join_without_reading(server.address, ROOM).await);
        talker.expect("joined").await;
    }
    let before = server.peak();

    let pings = frame(FIN | PING, &[0; 125]).repeat(PINGS);
    for peer in &mut stuck {
        peer.send_raw(&pings).await;
        peer.send(&json!({"type": "update", "meta": "done"})).await;
        talker.expect("updated").await;
    }
    let each = (server.peak() - before) / STUCK;
    println!("{} KiB for each, who sent {} KiB of pings", each / 1024, pings.len() / 1024);
    assert!(each < UNREAD + READ, "{each} bytes for each");
}

const ADDRESS: &str = "serving at ";
const ROOM: &str = "/signal/standup";

const STUCK: usize = 40;
const BROADCASTS: usize = 200;
const FRAME: usize = 48 * 1024;
const PINGS: usize = 16 * 1024;

/// The allowed memory of a peer that does not read: 48 KiB in the slot, as much in actix's buffer, its
/// share of the frames in the outboxes, which all peers share here, and the overhead of the allocator.
const UNREAD: usize = 192 * 1024;

/// The additional memory of a peer that sends much at once: the buffer that actix reads into.
const READ: usize = 256 * 1024;
