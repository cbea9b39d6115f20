//! Limits of connections that have not joined a room: their timeouts and their number.

use std::{io, thread::available_parallelism, time::Duration};

use clap::Args;

/// Limits of connections.
#[derive(Debug, Clone, Copy, Args)]
#[non_exhaustive]
pub struct Bounds {
    /// How long a connection may take until the server has read the whole head of a request. The time
    /// before the first byte counts as well, so this closes silent and idle connections too
    #[arg(long, env = "REQUEST_TIMEOUT", default_value = "5", value_name = "SECONDS",
        value_parser = seconds)]
    pub request_timeout: Duration,

    /// How long a TLS handshake may take
    #[arg(long, env = "HANDSHAKE_TIMEOUT", default_value = "5", value_name = "SECONDS",
        value_parser = seconds)]
    pub handshake_timeout: Duration,

    /// How many connections to serve at once; further ones wait. The default, and the maximum, is what
    /// the limit of open files allows
    #[arg(long, env = "CONNECTIONS", value_name = "NUMBER", default_value_t = MOST_CONNECTIONS)]
    pub connections: usize,
}

impl Bounds {
    /// Raises the process's soft limit of open files to the hard one, and lowers `connections` to what it
    /// allows, with this many descriptors for each connection.
    ///
    /// # Errors
    ///
    /// The limit cannot be read or set.
    pub fn within_open_files(mut self, files_each: usize) -> io::Result<Self> {
        let open_files = rlimit::increase_nofile_limit(u64::MAX)?;
        let open_files = usize::try_from(open_files).unwrap_or(usize::MAX);
        let most = open_files.saturating_sub(reserved_files()) / files_each.max(1);
        if most == 0 {
            return Err(io::Error::other(format!("{open_files} open files are too few")));
        }
        self.connections = self.connections.clamp(1, most);
        Ok(self)
    }
}

/// The files that are not connections: the event loop of each thread has three or four; the listener,
/// the standard streams, and some to spare.
fn reserved_files() -> usize {
    let threads = available_parallelism().map_or(1, usize::from);
    32 + 4 * threads
}

pub(crate) fn seconds(argument: &str) -> Result<Duration, &'static str> {
    let seconds =
        argument.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|time| !time.is_zero()).ok_or("a time is a number of seconds, more than 0")
}

/// Each uses memory, too, and some systems have practically no limit of open files.
const MOST_CONNECTIONS: usize = 65_536;

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        bounds: Bounds,
    }

    fn bounds(args: &[&str]) -> Result<Bounds, clap::Error> {
        Program::try_parse_from([&["meet"], args].concat()).map(|program| program.bounds)
    }

    #[test]
    fn times_are_seconds() {
        let bounds = bounds(&["--request-timeout", "0.25"]).unwrap();
        assert_eq!(bounds.request_timeout, Duration::from_millis(250));
        assert_eq!(bounds.handshake_timeout, Duration::from_secs(5));
    }

    #[test]
    fn an_invalid_time_is_refused() {
        for time in ["0", "-1", "NaN", "inf", "1e300", "soon"] {
            assert!(bounds(&["--handshake-timeout", time]).is_err(), "{time}");
        }
    }

    #[test]
    fn there_are_no_more_connections_than_open_files() {
        for files_each in [1, 2] {
            let most = bounds(&["--connections", "4294967295"]).unwrap();
            let most = most.within_open_files(files_each).unwrap();
            let files = (most.connections * files_each) as u64;
            assert!(files < rlimit::Resource::NOFILE.get_soft().unwrap());
        }
        let three = bounds(&["--connections", "3"]).unwrap().within_open_files(2).unwrap();
        assert_eq!(three.connections, 3);
    }
}
