//! A server in a separate process, which a test measures or stops.

use std::{
    env, fs,
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use meet_signal_actix::Limits;

use crate::server::{Adapter, Setup};

pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Process {
    /// This executable, running [`the_server`] alone.
    pub(crate) fn start(adapter: Adapter) -> Self {
        let mut child = Command::new(env::current_exe().expect("known"))
            .args(["--exact", "process::the_server", "--ignored", "--nocapture"])
            .env(ADAPTER, format!("{adapter:?}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this executable runs");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let address = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix(ADDRESS)?.parse().ok())
            .expect("the server prints its address");
        Self { address, child }
    }

    /// Its resident memory, in bytes.
    pub(crate) fn resident(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the process is alive");
        let size = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let size = size.and_then(|size| size.trim().strip_suffix(" kB")).expect("a size");
        size.parse::<usize>().expect("a number") * 1024
    }

    /// Sends it a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([format!("-{name}"), pid]).status();
        assert!(status.expect("there is `kill`").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It also exits when its standard input closes, if this process is killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "the other process of the tests that need one"]
fn the_server() {
    let adapter = env::var(ADAPTER).expect("the process is started by a test");
    let adapter = if adapter == "Axum" { Adapter::Axum } else { Adapter::Actix };
    let limits = Limits::builder()
        .hub_bytes(HUB_BYTES)
        .heartbeat(Duration::from_secs(1))
        .rate_per_second(1_000_000)
        .rate_burst(1_000_000)
        .rate_bytes_per_second(1 << 30)
        .rate_burst_bytes(1 << 30)
        .build()
        .unwrap();
    let address = Setup::new(limits).serve(adapter);
    println!("\n{ADDRESS}{address}");
    io::copy(&mut io::stdin(), &mut io::sink()).unwrap();
}

/// The limit `hub_bytes`; half of it is for outboxes.
pub(crate) const HUB_BYTES: usize = 8 << 20;

const ADAPTER: &str = "MEET_SIGNAL_HOSTILE_ADAPTER";
const ADDRESS: &str = "serving at ";
