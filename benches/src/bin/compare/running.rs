//! Starts and stops the programs that are measured.

use std::{
    env,
    io::{self, BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::suite::{Kind, Server};

/// A server that runs; dropped, it stops.
pub(crate) struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    /// Starts a server, and waits until it listens. Only servers of this crate take the arguments.
    pub(crate) fn start(server: &Server, arguments: &str) -> io::Result<Self> {
        match server.kind {
            Kind::Peer => Self::peer(&server.command),
            _ => Self::own(&server.command, arguments),
        }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A server of this crate chooses a port, and prints its address.
    fn own(command: &str, arguments: &str) -> io::Result<Self> {
        let mut words = command.split_whitespace().chain(arguments.split_whitespace());
        let program = program(words.next().unwrap_or_default())?;
        let mut child = Command::new(program).args(words).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line)?;
        let address = line.trim().strip_prefix("http://").and_then(|it| it.parse().ok());
        let running = address.map(|address| Self { child, address });
        running.ok_or_else(|| io::Error::other("the server did not print its address"))
    }

    /// A peer gets a port that was free a moment ago.
    fn peer(command: &str) -> io::Result<Self> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let port = address.port().to_string();
        let mut words = command.split_whitespace().map(|word| word.replace("PORT", &port));
        let program = words.next().unwrap_or_default();
        let program =
            if program.contains('/') { peers()?.join(program) } else { PathBuf::from(program) };
        // Logging is not measured.
        let child = Command::new(program)
            .args(words)
            .current_dir(peers()?)
            .env("PORT", &port)
            .env("RUST_LOG", "error")
            .stdout(Stdio::null())
            .spawn()?;
        let mut running = Self { child, address };
        let deadline = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = running.child.try_wait()? {
                return Err(io::Error::other(format!("the server did not start: {status}")));
            }
            if Instant::now() > deadline {
                return Err(io::Error::other("the server does not listen"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // If it has ended already, the generator has reported it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program of this crate.
pub(crate) fn program(name: &str) -> io::Result<PathBuf> {
    let path = env::current_exe()?.with_file_name(name);
    if path.exists() {
        Ok(path)
    } else {
        Err(io::Error::other(format!("build {name} first: benches/run does")))
    }
}

/// Where `benches/peers/install` puts its servers.
pub(crate) fn peers() -> io::Result<PathBuf> {
    Ok(env::current_exe()?.with_file_name("../bench-peers"))
}

const START_TIMEOUT: Duration = Duration::from_secs(20);
