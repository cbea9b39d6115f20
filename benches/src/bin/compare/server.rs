//! Who is measured, and how each is started.

use std::{
    env,
    io::{self, BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::plan::Plan;

/// A server.
pub(crate) struct Server {
    /// In the raw results, and for `--servers`.
    pub(crate) name: &'static str,
    /// In RESULTS.md.
    pub(crate) title: &'static str,
    /// By the generator's name for it.
    pub(crate) protocol: &'static str,
    pub(crate) kind: Kind,
    program: Program,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// meet-signal.
    Own,
    /// meet-signal without a part of what it does, to see what that costs.
    Reduced,
    /// Another server.
    Peer,
    /// A floor that knows bytes.
    Bytes,
    /// A floor that knows frames.
    Frames,
    /// A floor that sends frames to many.
    FanOut,
    /// No server: functions of the core.
    InProcess,
}

/// `PORT` in arguments stands for the port. Paths are below `target/bench-peers`.
enum Program {
    None,
    /// Of this crate; the port is its first option.
    Own(&'static str, &'static [&'static str]),
    Peer(&'static str, &'static [&'static str]),
    /// Run by Node.
    Node(&'static [&'static str]),
}

pub(crate) fn servers() -> Vec<Server> {
    use Program::{Node, Own, Peer};
    let server =
        |name, title, protocol, kind, program| Server { name, title, protocol, kind, program };
    let own = |name, title| {
        let arguments: &[_] = match name {
            "axum" => &["--adapter", "axum"],
            "actix" => &["--adapter", "actix"],
            _ => &["--adapter", "tungstenite"],
        };
        server(name, title, "meet-signal", Kind::Own, Own("bench-server", arguments))
    };
    let floor = |name, title, protocol, kind, arguments| {
        server(name, title, protocol, kind, Own("bench-floor", arguments))
    };
    let peer = |name, title, protocol, program| server(name, title, protocol, Kind::Peer, program);
    vec![
        floor("tcp", "floor: bytes between two TCP sockets", "tcp", Kind::Bytes, &["tcp"]),
        floor(
            "bare",
            "floor: bare WebSockets, one task for both",
            "bare",
            Kind::Frames,
            &["pairs", "--tuned"],
        ),
        floor(
            "bare-tasks",
            "floor: bare WebSockets, a task each",
            "bare",
            Kind::Frames,
            &["tasks", "--tuned"],
        ),
        floor(
            "bare-default",
            "floor: a task each, axum's own buffers",
            "bare",
            Kind::Frames,
            &["tasks"],
        ),
        floor(
            "bare-loop",
            "floor: one loop over all WebSockets",
            "bare",
            Kind::FanOut,
            &["fan-out", "--tuned"],
        ),
        own("axum", "**meet-signal on axum**"),
        own("actix", "**meet-signal on actix-web**"),
        own("tungstenite", "**meet-signal on tokio-tungstenite**"),
        server(
            "axum-forgets",
            "meet-signal on axum, nothing kept for who comes back",
            "meet-signal",
            Kind::Reduced,
            Own("bench-server", &["--adapter", "axum", "--forget"]),
        ),
        peer(
            "socketioxide",
            "socketioxide",
            "socket-io",
            Peer("rust/release/meet-signal-bench-peers", &["PORT"]),
        ),
        peer(
            "matchbox",
            "matchbox_server",
            "matchbox",
            Peer("matchbox/bin/matchbox_server", &["127.0.0.1:PORT"]),
        ),
        peer(
            "peerjs",
            "PeerJS server",
            "peer-js",
            Node(&[
                "node/node_modules/peer/dist/bin/peerjs.js",
                "--host",
                "127.0.0.1",
                "--port",
                "PORT",
            ]),
        ),
        peer("socket.io", "Socket.IO", "socket-io", Node(&["node/socket-io.js", "PORT"])),
        peer(
            "fastapi",
            "FastAPI tutorial, uvicorn",
            "tutorial",
            Peer(
                "python/bin/uvicorn",
                &["fastapi_server:app", "--log-level", "warning", "--port", "PORT"],
            ),
        ),
        peer(
            "y-webrtc",
            "y-webrtc signaling",
            "y-webrtc",
            Node(&["node/node_modules/y-webrtc/bin/server.js"]),
        ),
        server("in-process", "the core, without a socket", "", Kind::InProcess, Program::None),
    ]
}

/// A server that runs; dropped, it stops.
pub(crate) struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    /// Starts a server, and waits until it listens.
    pub(crate) fn start(server: &Server, plan: &Plan) -> io::Result<Self> {
        match server.program {
            Program::Own(..) => Self::announced(server, plan),
            _ => Self::on_a_free_port(server, plan),
        }
    }

    /// A server of this crate chooses a port, and says which.
    fn announced(server: &Server, plan: &Plan) -> io::Result<Self> {
        let mut child = server.command(0, plan)?.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line)?;
        let address = line.trim().strip_prefix("http://").and_then(|it| it.parse().ok());
        let running = address.map(|address| Self { child, address });
        running.ok_or_else(|| io::Error::other("did not say where it listens"))
    }

    fn on_a_free_port(server: &Server, plan: &Plan) -> io::Result<Self> {
        let port = free_port()?;
        let child = server.command(port, plan)?.stdout(Stdio::null()).spawn()?;
        let mut running = Self { child, address: (Ipv4Addr::LOCALHOST, port).into() };
        let deadline = Instant::now() + START;
        while TcpStream::connect(running.address).is_err() {
            if let Some(status) = running.child.try_wait()? {
                return Err(io::Error::other(format!("did not start: {status}")));
            }
            if Instant::now() > deadline {
                return Err(io::Error::other("does not listen"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(running)
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, which the generator has seen.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn command(&self, port: u16, plan: &Plan) -> io::Result<Command> {
        let port = port.to_string();
        let peers = peers()?;
        let (mut command, arguments) = match &self.program {
            Program::Own(name, arguments) => {
                let mut command = Command::new(crate::own(name)?);
                command.args(["--port", &port]);
                if *name == "bench-server" {
                    command.args(plan.server);
                }
                (command, arguments)
            }
            Program::Peer(path, arguments) => (Command::new(peers.join(path)), arguments),
            Program::Node(arguments) => (Command::new("node"), arguments),
            Program::None => return Err(io::Error::other("not a server")),
        };
        if self.kind == Kind::Peer {
            // As quiet as they can be: what a server logs is not what is measured.
            command.current_dir(peers).env("PORT", &port).env("RUST_LOG", "error");
        }
        command.args(arguments.iter().map(|argument| argument.replace("PORT", &port)));
        Ok(command)
    }
}

/// Where `benches/peers/install` puts them.
fn peers() -> io::Result<PathBuf> {
    let target = env::current_exe()?.parent().and_then(|it| it.parent()).map(PathBuf::from);
    Ok(target.expect("a program is in a folder").join("bench-peers"))
}

/// A port that was free a moment ago.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(20);
