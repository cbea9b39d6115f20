//! Time-limited credentials for a TURN server that shares a secret with this one.

use std::{
    future::ready,
    net::Ipv6Addr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use thiserror::Error;

use super::{IceServerProvider, IceServerRequest, IceServers, ProvideIceServers};
use crate::{IceServer, Secret, random::random};

/// Mints time-limited credentials for TURN servers, as `use-auth-secret` of coturn takes them: the
/// user name is the Unix time at which they expire and a random number, the credential an
/// HMAC-SHA1 of it with the shared secret. Nothing in them identifies a person, and each session
/// gets its own.
///
/// It is an [`IceServerProvider`]: the credentials of a session are renewed while it lasts.
///
/// ```
/// use std::time::Duration;
///
/// use meet_signal_core::{Grant, TurnCredentials};
///
/// let turn = TurnCredentials::new(["turn:turn.example.com:3478"], "the secret of coturn")?
///     .stun(["stun:turn.example.com:3478"])?
///     .lifetime(Duration::from_secs(2 * 3600))?;
/// let grant = Grant::new().ice_provider(turn);
/// # Ok::<(), meet_signal_core::InvalidTurnCredentials>(())
/// ```
#[derive(Debug, Clone)]
pub struct TurnCredentials {
    stun: Vec<String>,
    turn: Vec<String>,
    secret: Secret<'static>,
    lifetime: Duration,
}

/// Why no credentials can be minted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidTurnCredentials {
    /// There is no URL of a TURN server.
    #[error("no URL of a TURN server")]
    NoUrl,
    /// A URL is not one of a TURN server (RFC 7065), or of a STUN server (RFC 7064). Browsers
    /// reject a configuration with it.
    #[error("no URL of a TURN server, like turn:turn.example.com:3478, or of a STUN server: {url}")]
    #[non_exhaustive]
    Url {
        /// The URL.
        url: String,
    },
    /// The secret is empty.
    #[error("the secret that is shared with the TURN server is empty")]
    EmptySecret,
    /// The lifetime is out of its range.
    #[error("credentials of a TURN server live from 10 seconds to 24 hours")]
    Lifetime,
}

impl TurnCredentials {
    /// Credentials that are valid for an hour, for servers with these URLs: `turn:` or `turns:`
    /// (RFC 7065), all with the same secret.
    ///
    /// # Errors
    ///
    /// There is no URL, one is invalid, or the secret is empty.
    pub fn new(
        urls: impl IntoIterator<Item = impl Into<String>>,
        secret: impl Into<Secret<'static>>,
    ) -> Result<Self, InvalidTurnCredentials> {
        let (turn, secret) = (checked(urls, ["turn", "turns"])?, secret.into());
        if turn.is_empty() {
            return Err(InvalidTurnCredentials::NoUrl);
        }
        if secret.expose().is_empty() {
            return Err(InvalidTurnCredentials::EmptySecret);
        }
        Ok(Self { stun: Vec::new(), turn, secret, lifetime: LIFETIME })
    }

    /// Sets STUN servers, which take no credentials: `stun:` or `stuns:` (RFC 7064).
    ///
    /// # Errors
    ///
    /// A URL is invalid.
    pub fn stun(
        mut self,
        urls: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, InvalidTurnCredentials> {
        self.stun = checked(urls, ["stun", "stuns"])?;
        Ok(self)
    }

    /// Sets how long credentials are valid. Browsers get new ones after half of it. Credentials
    /// that leak can be used for as long; a browser that is offline or asleep for longer needs the
    /// `welcome` of a resume for new ones.
    ///
    /// # Errors
    ///
    /// It is less than 10 seconds, or more than 24 hours.
    pub fn lifetime(mut self, lifetime: Duration) -> Result<Self, InvalidTurnCredentials> {
        if !(MIN_LIFETIME..=MAX_LIFETIME).contains(&lifetime) {
            return Err(InvalidTurnCredentials::Lifetime);
        }
        self.lifetime = lifetime;
        Ok(self)
    }

    /// Mints credentials that are valid from `now` on. Only a session without the driver needs
    /// this; see [`Hub::set_ice_servers`](crate::Hub::set_ice_servers).
    pub fn mint(&self, now: SystemTime) -> IceServers {
        let expires = now + self.lifetime;
        let expires = expires.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let username = format!("{expires}:{}", URL_SAFE_NO_PAD.encode(random::<9>()));
        let credential = self.credential(&username);
        let mut servers = Vec::with_capacity(2);
        if !self.stun.is_empty() {
            servers.push(IceServer { urls: self.stun.clone(), username: None, credential: None });
        }
        servers.push(IceServer {
            urls: self.turn.clone(),
            username: Some(Secret::from(username)),
            credential: Some(Secret::from(credential)),
        });
        IceServers::new(servers).valid_for(self.lifetime)
    }

    fn credential(&self, username: &str) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(self.secret.expose().as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(username.as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }
}

impl IceServerProvider for TurnCredentials {
    fn provide(&self, request: IceServerRequest) -> ProvideIceServers<'_> {
        Box::pin(ready(Ok(self.mint(request.now))))
    }
}

fn checked(
    urls: impl IntoIterator<Item = impl Into<String>>,
    schemes: [&str; 2],
) -> Result<Vec<String>, InvalidTurnCredentials> {
    let check = |url: String| match is_url_of(&url, schemes) {
        true => Ok(url),
        false => Err(InvalidTurnCredentials::Url { url }),
    };
    urls.into_iter().map(|url| check(url.into())).collect()
}

/// `scheme:host`, `scheme:host:port`, and for TURN also `?transport=udp` or `?transport=tcp`.
fn is_url_of(url: &str, schemes: [&str; 2]) -> bool {
    let Some((scheme, rest)) = url.split_once(':') else { return false };
    let authority = match rest.split_once('?') {
        Some((authority, "transport=udp" | "transport=tcp")) if scheme.starts_with("turn") => {
            authority
        }
        Some(_) => return false,
        None => rest,
    };
    schemes.contains(&scheme) && is_authority(authority)
}

/// A name or an address, an IPv6 address in brackets, and perhaps a port.
fn is_authority(authority: &str) -> bool {
    let host_end = authority.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match authority[host_end..].split_once(':') {
        Some((rest, port)) => (&authority[..host_end + rest.len()], Some(port)),
        None => (authority, None),
    };
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            !host.is_empty() && host.chars().all(is_part)
        }
    };
    let is_port = |port: &str| {
        // A number may have a sign, too.
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
    };
    is_host && port.is_none_or(is_port)
}

/// Renewed after half an hour: this server may be down for so long before credentials expire.
const LIFETIME: Duration = Duration::from_secs(3600);

/// Long enough to set up a connection.
const MIN_LIFETIME: Duration = Duration::from_secs(10);

/// Credentials that leak can be used for as long.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn turn() -> TurnCredentials {
        TurnCredentials::new(["turn:turn.example:3478", "turns:turn.example"], "secret").unwrap()
    }

    /// Made with openssl:
    /// `printf %s 1767225600:abc | openssl dgst -sha1 -hmac secret -binary | base64`.
    #[test]
    fn a_credential_is_the_hmac_of_the_user_name() {
        assert_eq!(turn().credential("1767225600:abc"), CREDENTIAL);
    }

    #[test]
    fn the_user_name_is_the_expiry_and_a_random_number() {
        let now = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        let turn = turn().stun(["stun:turn.example"]).unwrap();
        let turn = turn.lifetime(Duration::from_secs(600)).unwrap();
        let [first, second] = [turn.mint(now), turn.mint(now)];
        assert_eq!(first.valid_for, Some(Duration::from_secs(600)));
        let [stun, one] = first.servers() else { panic!("two servers") };
        assert_eq!(stun, &IceServer::stun("stun:turn.example"));
        assert_eq!(one.urls, ["turn:turn.example:3478", "turns:turn.example"]);
        let username = one.username.as_ref().unwrap().expose();
        let (expires, random) = username.split_once(':').unwrap();
        assert_eq!((expires, random.len()), ("1767226200", 12));
        assert_eq!(one.credential.as_ref().unwrap().expose(), turn.credential(username));
        assert_ne!(one.username, second.servers()[1].username);
    }

    #[test]
    fn what_is_invalid_is_refused_with_a_reason() {
        let none: [&str; 0] = [];
        assert_eq!(TurnCredentials::new(none, "s").unwrap_err(), InvalidTurnCredentials::NoUrl);
        let empty = TurnCredentials::new(["turn:a.example"], "").unwrap_err();
        assert_eq!(empty, InvalidTurnCredentials::EmptySecret);
        for url in [
            "",
            "turn:",
            "turn.example",
            "turn://turn.example",
            "stun:turn.example",
            "turn:a b",
            "turn:a?transport=sctp",
            "turn:a:port",
            "turn:a:",
            "turn:a:+5",
            "turn:ä.example",
            "turn:[::1]x:5",
            "turn:a:70000",
            "turn:[::1",
            "turn:user@a.example",
            "https://turn.example",
            "turn:[a]",
        ] {
            let error = TurnCredentials::new([url], "s").expect_err(url);
            assert_eq!(error, InvalidTurnCredentials::Url { url: url.to_owned() });
        }
        for url in [
            "turn:a.example",
            "turns:a.example:443",
            "turn:192.0.2.1:3478?transport=udp",
            "turns:a.example?transport=tcp",
            "turn:[2001:db8::1]:3478",
            "turn:[::1]",
        ] {
            TurnCredentials::new([url], "s").expect(url);
        }
        let stun = |url: &'static str| turn().stun([url]).map(drop);
        stun("stun:a.example").unwrap();
        stun("stun:a.example?transport=udp").unwrap_err();
        stun("turn:a.example").unwrap_err();
        for (seconds, valid) in [(9, false), (10, true), (86_400, true), (86_401, false)] {
            let lifetime = turn().lifetime(Duration::from_secs(seconds));
            assert_eq!(lifetime.is_ok(), valid, "{seconds}");
        }
    }

    const CREDENTIAL: &str = "fDey3hkZG8DUdS9LlN3EPFTNH10=";
}
