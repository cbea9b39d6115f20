//! Every session of a server loses its socket at once, and all resume at once, as after the restart of
//! a proxy. Over real sockets, with clients and server in this process.
//!
//! It prints the cost of the first joins and of the resumes, and asserts no time:
//! `cargo nextest run -p meet-signal-axum --test storm --no-capture`.

use std::{
    collections::HashMap,
    fs,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::serve::ListenerExt;
use futures_util::{SinkExt, StreamExt};
use meet_signal_axum::{Hub, Limits, RoomId, SignalRouter};
use serde_json::{Value, json, value::to_raw_value};
use tokio::{
    net::{TcpSocket, TcpStream},
    sync::Barrier,
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_all_sockets_are_lost_at_once_no_frame_is_lost() {
    let sessions = sessions();
    let hub = hub();
    let address = serve(hub.clone()).await;
    let all = Arc::new(Barrier::new(sessions + 1));

    let cost = Cost::start();
    let clients: Vec<_> =
        (0..sessions).map(|n| tokio::spawn(take_part(address, n, all.clone()))).collect();
    all.wait().await;
    cost.print(sessions, "first joins");

    // Some frames are in transit when the sockets are lost, the others wait for the resumes.
    send_to_all(&hub, sessions, 1..=FROM_THE_APP / 2);
    all.wait().await;
    send_to_all(&hub, sessions, FROM_THE_APP / 2 + 1..=FROM_THE_APP);
    let cost = Cost::start();
    all.wait().await;
    let mut ends = Vec::new();
    for client in clients {
        ends.push(client.await.expect("no client misses a frame"));
    }
    cost.print(sessions, "resumes, and all that was missed");
    assert_eq!(hub.sessions(), sessions);
}

/// One client, from its first join until it has received all expected frames. Returns its open socket.
async fn take_part(address: SocketAddr, n: usize, all: Arc<Barrier>) -> Socket {
    let mut client = Client::default();
    let mut socket = connect(address, n / PEERS).await;
    client.join(&mut socket).await;
    all.wait().await;
    for _ in 1..FROM_EACH {
        let broadcast = client.next_broadcast();
        socket.send(broadcast).await.expect("an open socket");
    }
    // Each has handled and acknowledged a different number of frames.
    while client.handled < (n % 8) as u64 {
        client.read(&mut socket).await;
    }
    all.wait().await;
    drop(socket);

    let _ = client.next_broadcast();
    all.wait().await;
    let mut socket = connect(address, n / PEERS).await;
    client.resume(&mut socket).await;
    while !client.has_all() {
        client.read(&mut socket).await;
    }
    socket
}

/// The state of a client.
#[derive(Default)]
struct Client {
    id: String,
    ticket: String,
    /// How many of the server's frames it has handled.
    handled: u64,
    /// Everything that it has sent.
    sent: Vec<Message>,
    /// The last number from each peer, and from the application.
    from_peers: HashMap<String, u64>,
    from_the_app: u64,
    away: HashMap<String, bool>,
}

type Socket = WebSocketStream<TcpStream>;

impl Client {
    async fn join(&mut self, socket: &mut Socket) {
        let welcome = first_frame(socket, &json!({"type": "join"})).await;
        self.id = text(&welcome["self"]["id"]);
        self.ticket = text(&welcome["ticket"]);
        for peer in welcome["peers"].as_array().expect("a list") {
            self.from_peers.insert(text(&peer["id"]), 0);
        }
    }

    async fn resume(&mut self, socket: &mut Socket) {
        let resume = json!({"ticket": self.ticket, "received": self.handled});
        let welcome = first_frame(socket, &json!({"type": "join", "resume": resume})).await;
        assert_eq!(
            (&welcome["resumed"], &welcome["self"]["id"]),
            (&json!("full"), &json!(self.id))
        );
        let received = welcome["received"].as_u64().expect("a number");
        for message in &self.sent[received as usize..] {
            socket.feed(message.clone()).await.expect("an open socket");
        }
        socket.flush().await.expect("an open socket");
    }

    fn next_broadcast(&mut self) -> Message {
        let n = self.sent.len() + 1;
        self.sent.push(Message::text(json!({"type": "broadcast", "data": n}).to_string()));
        self.sent[n - 1].clone()
    }

    async fn read(&mut self, socket: &mut Socket) {
        let frame = next_frame(socket).await;
        if frame["type"] == "ping" {
            return;
        }
        self.handled += 1;
        let number = || frame["data"].as_u64().expect("a number");
        match frame["type"].as_str() {
            Some("joined") => {
                let known = self.from_peers.insert(text(&frame["peer"]["id"]), 0);
                assert_eq!(known, None, "announced once");
            }
            Some("broadcast") => {
                let last = self.from_peers.get_mut(&text(&frame["from"])).expect("announced");
                assert_eq!(number(), *last + 1, "once and in order");
                *last = number();
            }
            Some("app") => {
                assert_eq!(number(), self.from_the_app + 1, "once and in order");
                self.from_the_app = number();
            }
            Some("status") => {
                let away = self.away.entry(text(&frame["peer"])).or_default();
                assert_eq!(frame["status"], if *away { "here" } else { "away" }, "in turn");
                *away = !*away;
            }
            _ => panic!("an unexpected frame: {frame}"),
        }
        if self.handled.is_multiple_of(ACKNOWLEDGE_AFTER) {
            let ack = json!({"type": "ack", "received": self.handled});
            socket.send(Message::text(ack.to_string())).await.expect("an open socket");
        }
    }

    fn has_all(&self) -> bool {
        self.from_the_app == FROM_THE_APP
            && self.from_peers.len() == PEERS - 1
            && self.from_peers.values().all(|last| *last == FROM_EACH)
    }
}

async fn connect(address: SocketAddr, room: usize) -> Socket {
    let tcp = TcpStream::connect(address).await.expect("the server listens");
    tcp.set_nodelay(true).expect("a TCP socket");
    let url = format!("ws://{address}/signal/{}", room_id(room));
    // 128 KiB for each of thousands, otherwise.
    let config = WebSocketConfig::default().read_buffer_size(4096);
    let upgraded = client_async_with_config(url, tcp, Some(config)).await;
    upgraded.expect("the server upgrades").0
}

async fn first_frame(socket: &mut Socket, join: &Value) -> Value {
    socket.send(Message::text(join.to_string())).await.expect("an open socket");
    let welcome = next_frame(socket).await;
    assert_eq!(welcome["type"], "welcome", "{welcome}");
    welcome
}

async fn next_frame(socket: &mut Socket) -> Value {
    let message = socket.next().await.expect("a frame").expect("an open socket");
    serde_json::from_str(message.to_text().expect("text")).expect("JSON")
}

async fn serve(hub: Hub) -> SocketAddr {
    let socket = TcpSocket::new_v4().expect("IPv4");
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
    let listener = socket.listen(BACKLOG).expect("a bound socket");
    let address = listener.local_addr().expect("a bound socket");
    let listener = listener.tap_io(|tcp| tcp.set_nodelay(true).expect("a TCP socket"));
    tokio::spawn(async { axum::serve(listener, SignalRouter::new(hub).into_router()).await });
    address
}

/// The timeouts are too long for the slowest machine: connections end only because their sockets do.
fn hub() -> Hub {
    let long = Duration::from_secs(300);
    let limits = Limits::builder().join_timeout(long).heartbeat(long).grace(long);
    Hub::new(limits.build().expect("within the ranges"))
}

fn send_to_all(hub: &Hub, sessions: usize, numbers: impl Iterator<Item = u64>) {
    for n in numbers {
        let data = to_raw_value(&n).expect("a number is JSON");
        for room in 0..sessions / PEERS {
            hub.send_all(&room_id(room), &data).expect("the room has members");
        }
    }
}

fn room_id(n: usize) -> RoomId {
    format!("room-{n}").parse().expect("a valid name")
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

/// How many sessions this process may have the sockets for.
fn sessions() -> usize {
    let open = rlimit::increase_nofile_limit(u64::MAX).expect("a limit of open files");
    // Each has a socket at both ends, and for a moment the server's end of the previous one.
    let possible = (open.saturating_sub(200) / 3) as usize;
    if possible < MOST_SESSIONS {
        println!("no more than {open} open files: {possible} sessions, not {MOST_SESSIONS}");
    }
    possible.min(MOST_SESSIONS) / PEERS * PEERS
}

/// The cost of a phase, clients and server together.
struct Cost {
    start: Instant,
    cpu: Option<Duration>,
}

impl Cost {
    fn start() -> Self {
        Self { start: Instant::now(), cpu: cpu_time() }
    }

    fn print(&self, sessions: usize, phase: &str) {
        let elapsed = self.start.elapsed();
        let cpu = cpu_time().zip(self.cpu).map(|(now, then)| format!("{:.2?}", now - then));
        let cpu = cpu.as_deref().unwrap_or("not available on this system");
        println!("{sessions} {phase}: {elapsed:.2?}; CPU of clients and server: {cpu}");
    }
}

/// User and system time of this process, if the system reports it (Linux, `proc_pid_stat(5)`).
fn cpu_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the name in parentheses, which may contain anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().ok());
    Some(Duration::from_millis(ticks.sum::<Option<u64>>()? * 1000 / TICKS_PER_SECOND))
}

const MOST_SESSIONS: usize = 5_000;

/// How many sessions a room has.
const PEERS: usize = 5;

/// How many frames each session sends to its room: the last one without a socket.
const FROM_EACH: u64 = 3;

/// How many frames the application sends to each room.
const FROM_THE_APP: u64 = 4;

/// The protocol requires one after 32 at the latest; fewer mean more different states to resume from.
const ACKNOWLEDGE_AFTER: u64 = 3;

/// How many connections may wait to be accepted; the system has its own limit.
const BACKLOG: u32 = 4_096;

/// `USER_HZ`: the unit in which Linux reports times to user space.
const TICKS_PER_SECOND: u64 = 100;
