//! The program, in a separate process.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use crate::PROGRAM;

/// Stopped when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) tls: bool,
    process: Child,
}

impl Server {
    pub(crate) fn start(tls: bool, args: &[&str]) -> Self {
        Self::run(Command::new(PROGRAM), tls, args)
    }

    /// With environment variables.
    pub(crate) fn start_in(environment: &[(&str, &str)], args: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.envs(environment.iter().copied());
        Self::run(command, false, args)
    }

    /// A process that may open no more files than this, and cannot raise that limit.
    pub(crate) fn start_with_open_files(files: usize, tls: bool, args: &[&str]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\""), PROGRAM]);
        Self::run(command, tls, args)
    }

    fn run(mut command: Command, tls: bool, args: &[&str]) -> Self {
        command.args(["--port", "0"]).args(tls.then_some("--tls")).args(args);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("the program runs");
        let stdout = BufReader::new(process.stdout.take().expect("a pipe"));
        let line = stdout.lines().next().expect("a line").expect("text");
        let (_, address) = line.split_once("://").expect("the address");
        let address = address.trim_end_matches('/').parse().expect("an address");
        Self { address, tls, process }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// A field of `/proc/{id}/status`, in KiB: `VmRSS` is its memory, `VmHWM` the peak.
    pub(crate) fn kib(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).expect("it runs");
        let size = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let size = size.and_then(|size| size.trim().strip_suffix(" kB")).expect("a size");
        size.parse().expect("a number")
    }

    /// Its CPU time, in ticks of 10 ms.
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id())).expect("it runs");
        // The second field is the name, in parentheses. The times are the 14th and the 15th.
        let (_, rest) = stat.rsplit_once(')').expect("a name");
        let times = rest.split_whitespace().skip(11).take(2);
        times.map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
