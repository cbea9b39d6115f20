//! The command line.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener},
    time::Duration,
};

use clap::{Parser, builder::FalseyValueParser};
use meet_signal_core::{ClientAddress, Grant, Hub, IceServer, InvalidLimits, Limits, RoomSettings};
use tracing_subscriber::filter::Targets;

use crate::{
    bounds::{Bounds, seconds},
    hosts::Hosts,
    login::Login,
    turn::Turn,
};

/// Video meetings in the browser.
#[derive(Debug, Clone, Parser)]
#[command(version)]
#[non_exhaustive]
pub struct Options {
    /// The address to listen at; 0.0.0.0 for every interface
    #[arg(long, env = "HOST", default_value = "127.0.0.1", value_name = "IP")]
    pub host: IpAddr,

    /// The port to listen at; 0 picks a free one
    #[arg(long, env = "PORT", default_value_t = 3000)]
    pub port: u16,

    /// Serve https with a new self-signed certificate: on other addresses than localhost, browsers
    /// require it for the camera
    #[arg(long)]
    pub tls: bool,

    /// A STUN server for the participants, like stun:stun.example.com:3478 (repeatable). None by default:
    /// the application contacts no other host unasked
    #[arg(long, value_name = "URL", value_parser = stun_url)]
    pub stun: Vec<String>,

    #[allow(missing_docs, reason = "clap would take it for the program's description")]
    #[command(flatten)]
    pub turn: Turn,

    /// How long to keep the session of a participant who has lost the connection
    #[arg(long, env = "GRACE", default_value = "30", value_name = "SECONDS", value_parser = seconds)]
    pub grace: Duration,

    /// Turn the lobby of each new room on: later participants wait until the host admits them. The host
    /// is the one that opened the room, and can turn the lobby on and off. By default it is off
    #[arg(long, env = "LOBBY", value_parser = FalseyValueParser::new())]
    pub lobby: bool,

    /// How many reverse proxies every connection passes. Each must append the address of its
    /// own client to X-Forwarded-For; the limits per address use the one that the outermost proxy
    /// appended. With 0 the header is not read, and behind a proxy all clients share one address
    #[arg(long, env = "TRUSTED_PROXIES", default_value_t = 0, value_name = "NUMBER")]
    pub trusted_proxies: u8,

    /// What is logged to standard error: targets, each with a level. At `trace`, the names of rooms and
    /// the addresses of participants are in it
    #[arg(long, env = "RUST_LOG", default_value = "meet_signal=info", value_name = "FILTER")]
    pub log: Targets,

    /// The delay before each join is admitted, as by an application with a slow login; with 30 or more
    /// every join is refused. For tests of the client
    #[arg(long, value_name = "SECONDS", value_parser = seconds, hide = true)]
    pub login_seconds: Option<Duration>,

    #[allow(missing_docs, reason = "clap would take it for the program's description")]
    #[command(flatten)]
    pub bounds: Bounds,
}

impl Options {
    /// Listens at the address of these options, for connections that time out.
    ///
    /// # Errors
    ///
    /// The address is not available; the message names it.
    pub fn listen(&self) -> io::Result<TcpListener> {
        let address = SocketAddr::new(self.host, self.port);
        listen(address).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot listen at {address}: {error}"))
        })
    }

    /// The rooms.
    ///
    /// # Errors
    ///
    /// The grace is longer than a day.
    pub fn hub(&self) -> Result<Hub, InvalidLimits> {
        Ok(Hub::new(Limits::builder().grace(self.grace).build()?))
    }

    /// The policy for the address of a client.
    pub fn client_address(&self) -> ClientAddress {
        ClientAddress::forwarded_for(self.trusted_proxies)
    }

    /// Admits every participant, with the STUN and TURN servers.
    pub fn login(&self, hosts: Hosts) -> Login {
        let mut grant = Grant::new().ice_servers(self.ice_servers());
        if self.lobby {
            grant = grant.room_settings(RoomSettings::new().lobby(true));
        }
        if let Some(turn) = self.turn.provider() {
            grant = grant.ice_provider(turn);
        }
        Login::new(grant, self.login_seconds, hosts)
    }

    fn ice_servers(&self) -> Vec<IceServer> {
        self.stun.iter().map(IceServer::stun).collect()
    }

    /// The URL to open once the server listens at `address`.
    pub fn url(&self, address: SocketAddr) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        let port = address.port();
        match address.ip() {
            ip if ip.is_unspecified() => format!("{scheme}://localhost:{port}/"),
            _ => format!("{scheme}://{address}/"),
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    // The queue of connections to be accepted: the standard library's 128 are few. The system may have
    // a lower limit.
    socket2::SockRef::from(&listener).listen(4096)?;
    // Each connection inherits it. It closes a connection whose peer does not read for so long, for
    // which a web server would wait without limit.
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(&listener).set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(listener)
}

#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// RFC 7064. A browser throws at a URL that it cannot parse, which would end every join.
fn stun_url(url: &str) -> Result<String, &'static str> {
    match url.split_once(':') {
        Some(("stun" | "stuns", host)) if !host.is_empty() && !host.starts_with('/') => {
            Ok(url.to_owned())
        }
        _ => Err("a STUN URL is like stun:stun.example.com:3478"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_one_that_a_browser_opens() {
        let url = |args: &[&str], address: &str| {
            let options = Options::parse_from([&["meet"], args].concat());
            options.url(address.parse().unwrap())
        };
        assert_eq!(url(&[], "127.0.0.1:3000"), "http://127.0.0.1:3000/");
        assert_eq!(url(&["--tls"], "[::1]:8443"), "https://[::1]:8443/");
        assert_eq!(url(&["--host", "0.0.0.0"], "0.0.0.0:80"), "http://localhost:80/");
    }

    #[test]
    fn the_header_of_proxies_is_read_only_if_there_are_some() {
        let proxy = "192.0.2.1".parse().ok();
        let headers = [("x-forwarded-for", b"203.0.113.9, 198.51.100.7".as_slice())];
        for (args, expected) in [
            (&[] as &[_], "192.0.2.1"),
            (&["--trusted-proxies", "1"], "198.51.100.7"),
            (&["--trusted-proxies", "2"], "203.0.113.9"),
        ] {
            let options = Options::parse_from([&["meet"], args].concat());
            let address = options.client_address().resolve(proxy, headers);
            assert_eq!(address, expected.parse().ok(), "{args:?}");
        }
    }

    #[test]
    fn only_stun_urls_are_taken() {
        let parse = |url| Options::try_parse_from(["meet", "--stun", url]);
        assert_eq!(parse("stun:a.example:3478").unwrap().ice_servers().len(), 1);
        for url in ["a.example", "http://a.example", "stun:", "stun://a.example", "turn:a.example"]
        {
            assert!(parse(url).is_err(), "{url}");
        }
    }
}
