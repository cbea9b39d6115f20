//! The check of an HTTP request before its upgrade to a WebSocket, for all adapters.

mod origin;
mod subprotocol;

use thiserror::Error;

pub use origin::{InvalidOrigin, OriginFault, OriginPolicy, OriginRefused};
pub use subprotocol::{HELLO_SUBPROTOCOL, SUBPROTOCOL, UnknownSubprotocol, select_subprotocol};

use crate::{InvalidRoomId, RoomId, trace};
use subprotocol::Subprotocols;

/// The parts of an upgrade request that decide whether it is accepted.
///
/// An adapter reads it from its framework's request, before or after the application's own
/// extractors, and then [checks](Self::check) it:
///
/// ```
/// use meet_signal_core::{OriginPolicy, handshake::Handshake};
///
/// let headers = [
///     ("host", b"meet.example.com".as_slice()),
///     ("origin", b"https://evil.example"),
///     ("sec-websocket-protocol", b"meet-signal.v1"),
/// ];
/// let handshake = Handshake::new(None, headers);
/// let refused = handshake.check("standup", &OriginPolicy::same_host()).unwrap_err();
/// assert_eq!(refused.status(), 403);
///
/// let accepted = handshake.check("standup", &OriginPolicy::any())?;
/// assert_eq!(accepted.room.as_str(), "standup");
/// assert_eq!(accepted.subprotocol, Some("meet-signal.v1"));
/// # Ok::<(), meet_signal_core::handshake::UpgradeRefused>(())
/// ```
#[derive(Debug, Clone)]
pub struct Handshake {
    origin: Option<String>,
    host: Option<String>,
    encrypted: bool,
    is_upgrade: bool,
    subprotocols: Subprotocols,
    says_hello: bool,
}

/// A request that may be upgraded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "the connection is still to be upgraded"]
#[non_exhaustive]
pub struct Accepted {
    /// The room of its session.
    pub room: RoomId,
    /// The value of `Sec-WebSocket-Protocol` in the response; `None` if the client offered no
    /// subprotocol.
    pub subprotocol: Option<&'static str>,
}

/// Why a request is not upgraded. `Display` is a line of text for the body of the response, which
/// developers see in the browser's console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum UpgradeRefused {
    /// The text is not a valid room name.
    Room(#[from] InvalidRoomId),
    /// The page's origin may not connect.
    Origin(#[from] OriginRefused),
    /// The client offers only unknown subprotocols.
    Subprotocol(#[from] UnknownSubprotocol),
    /// The request asks for no WebSocket: an ordinary `GET`, or one whose `Upgrade` a proxy has
    /// removed. Over HTTP/1.1 the response has `Upgrade: websocket` and `Connection: upgrade` (RFC
    /// 9110, section 15.5.22).
    #[error("this is the URL of a WebSocket")]
    NotWebSocket,
}

impl Handshake {
    /// Reads the headers, given as names (in any case) and values. `authority` is that of the
    /// request's URI, which HTTP/2 has instead of `Host`.
    ///
    /// Other headers are ignored. Of several `Origin` headers the first counts.
    pub fn new<'a>(
        authority: Option<&str>,
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Self {
        let (mut origin, mut host) = (None, authority);
        let mut subprotocols = Vec::new();
        for (name, value) in headers {
            let value = str::from_utf8(value);
            if name.eq_ignore_ascii_case("origin") {
                origin = origin.or(Some(value.unwrap_or(NOT_TEXT)));
            } else if name.eq_ignore_ascii_case("host") {
                host = host.or(value.ok());
            } else if name.eq_ignore_ascii_case("sec-websocket-protocol") {
                subprotocols.push(value.unwrap_or(NOT_TEXT));
            }
        }
        Self {
            origin: origin.map(str::to_owned),
            host: host.map(str::to_owned),
            encrypted: false,
            is_upgrade: true,
            subprotocols: Subprotocols::offered(subprotocols),
            says_hello: false,
        }
    }

    /// Sets whether the connection is known to be encrypted, so that unencrypted pages have another
    /// origin: see [`OriginPolicy::same_host`]. The default is false, which is correct behind a
    /// proxy that terminates TLS.
    #[must_use]
    pub fn encrypted(mut self, encrypted: bool) -> Self {
        self.encrypted = encrypted;
        self
    }

    /// Also accepts [`HELLO_SUBPROTOCOL`], and prefers it. For an adapter whose
    /// [`Socket::awaits_hello`](crate::socket::Socket::awaits_hello) says whether it was selected.
    #[must_use]
    pub fn hello(mut self) -> Self {
        self.says_hello = true;
        self
    }

    /// Sets whether the request asks for a WebSocket. The default is true. An adapter also checks
    /// requests that do not, so that a page whose WebSocket did not open learns over HTTP what is
    /// wrong.
    #[must_use]
    pub fn upgrade(mut self, is_upgrade: bool) -> Self {
        self.is_upgrade = is_upgrade;
        self
    }

    /// Checks the request, for the room name in the URL (percent-decoded if the framework decodes
    /// it).
    ///
    /// # Errors
    ///
    /// Respond with the status [`UpgradeRefused::status`].
    pub fn check(&self, room: &str, origins: &OriginPolicy) -> Result<Accepted, UpgradeRefused> {
        self.accept(room.parse(), origins)
    }

    /// Like [`check`](Self::check), for a room name that is a segment of the URL, not decoded yet:
    /// see [`RoomId::from_segment`].
    ///
    /// # Errors
    ///
    /// Respond with the status [`UpgradeRefused::status`].
    pub fn check_segment(
        &self,
        segment: &str,
        origins: &OriginPolicy,
    ) -> Result<Accepted, UpgradeRefused> {
        self.accept(RoomId::from_segment(segment), origins)
    }

    /// Checks the request without a room, before the application's refusal is sent over its
    /// WebSocket: a page of another origin must not receive that. Returns the value of
    /// `Sec-WebSocket-Protocol` in the response.
    ///
    /// # Errors
    ///
    /// Respond with the status [`UpgradeRefused::status`].
    pub fn check_page(
        &self,
        origins: &OriginPolicy,
    ) -> Result<Option<&'static str>, UpgradeRefused> {
        self.accept_page(origins).inspect_err(trace::upgrade_refused)
    }

    fn accept(
        &self,
        room: Result<RoomId, InvalidRoomId>,
        origins: &OriginPolicy,
    ) -> Result<Accepted, UpgradeRefused> {
        let accept = |room| Ok(Accepted { room, subprotocol: self.accept_page(origins)? });
        room.map_err(Into::into).and_then(accept).inspect_err(trace::upgrade_refused)
    }

    fn accept_page(&self, origins: &OriginPolicy) -> Result<Option<&'static str>, UpgradeRefused> {
        match origins.check(self.origin.as_deref(), self.host.as_deref(), self.encrypted) {
            // With an ordinary `GET`, a page of the same origin sends no `Origin`.
            Err(OriginRefused::Missing) if !self.is_upgrade => {}
            checked => checked?,
        }
        let subprotocol = self.subprotocols.select(self.says_hello)?;
        if self.is_upgrade { Ok(subprotocol) } else { Err(UpgradeRefused::NotWebSocket) }
    }
}

impl UpgradeRefused {
    /// The HTTP status of the response.
    pub fn status(self) -> u16 {
        match self {
            Self::Room(_) | Self::Subprotocol(_) => 400,
            Self::Origin(_) => 403,
            Self::NotWebSocket => 426,
        }
    }
}

/// Replaces a header value that is not text. `null` is an opaque origin, which matches no list and
/// no host, and it is not a subprotocol.
const NOT_TEXT: &str = "null";

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: (&str, &[u8]) = ("Host", b"a.example");

    fn check(headers: &[(&str, &[u8])]) -> Result<Accepted, UpgradeRefused> {
        let headers = headers.iter().copied().chain([HOST]);
        Handshake::new(None, headers).check("standup", &OriginPolicy::same_host())
    }

    #[test]
    fn names_of_headers_are_in_any_case_and_others_are_passed_over() {
        let accepted = check(&[
            ("Origin", b"http://a.example"),
            ("x-origin", b"http://b.example"),
            ("Sec-WebSocket-Protocol", b"chat"),
            ("sec-websocket-protocol", b"meet-signal.v1"),
        ]);
        assert_eq!(accepted.unwrap().subprotocol, Some("meet-signal.v1"));
    }

    #[test]
    fn the_authority_of_the_uri_is_the_host() {
        let headers = [HOST, ("origin", b"https://b.example".as_slice())];
        let policy = OriginPolicy::same_host();
        assert!(Handshake::new(Some("b.example"), headers).check("a", &policy).is_ok());
        assert!(Handshake::new(None, headers).check("a", &policy).is_err());
    }

    #[test]
    fn an_encrypted_connection_is_not_for_pages_that_are_not() {
        let policy = OriginPolicy::same_host();
        let check = |origin: &str, encrypted| {
            let handshake = Handshake::new(None, [HOST, ("origin", origin.as_bytes())]);
            handshake.encrypted(encrypted).check("a", &policy).is_ok()
        };
        assert!(check("https://a.example", true) && check("https://a.example", false));
        assert!(!check("http://a.example", true) && check("http://a.example", false));
    }

    #[test]
    fn an_ordinary_request_is_refused_for_that_last() {
        let check = |room: &str, headers: &[(&str, &[u8])], policy: &OriginPolicy| {
            let headers = headers.iter().copied().chain([HOST]);
            let refused = Handshake::new(None, headers).upgrade(false).check(room, policy);
            refused.unwrap_err().status()
        };
        let policy = OriginPolicy::same_host();
        assert_eq!(check("a", &[], &policy), 426);
        assert_eq!(check("a", &[], &policy.clone().browsers_only()), 426);
        assert_eq!(check("no\ttab", &[], &policy), 400);
        assert_eq!(check("a", &[("origin", b"http://b.example")], &policy), 403);
        assert_eq!(check("a", &[("sec-websocket-protocol", b"chat")], &policy), 400);
    }

    #[test]
    fn a_page_is_checked_without_a_room() {
        let page = |headers: &[(&str, &[u8])]| {
            let headers = headers.iter().copied().chain([HOST]);
            Handshake::new(None, headers).check_page(&OriginPolicy::same_host())
        };
        assert_eq!(page(&[("sec-websocket-protocol", b"meet-signal.v1")]), Ok(Some(SUBPROTOCOL)));
        let origin = page(&[("origin", b"http://b.example")]);
        assert_eq!(origin, Err(UpgradeRefused::Origin(OriginRefused::NotAllowed)));
        let subprotocol = page(&[("sec-websocket-protocol", b"chat")]);
        assert_eq!(subprotocol, Err(UpgradeRefused::Subprotocol(UnknownSubprotocol)));
    }

    #[test]
    fn a_header_that_is_not_text_matches_nothing() {
        let origin = check(&[("origin", b"http://\xff")]);
        assert_eq!(origin, Err(UpgradeRefused::Origin(OriginRefused::NotAllowed)));
        let subprotocol = check(&[("sec-websocket-protocol", b"\xff")]);
        assert_eq!(subprotocol, Err(UpgradeRefused::Subprotocol(UnknownSubprotocol)));
    }

    #[test]
    fn each_refusal_has_its_status_and_says_why() {
        for (headers, room, status, body) in [
            (None, "..", 400, "a room name must not"),
            (Some(("origin", b"http://b.example".as_slice())), "a", 403, "pages of this origin"),
            (Some(("sec-websocket-protocol", b"chat")), "a", 400, "this server speaks"),
        ] {
            let handshake = Handshake::new(None, headers);
            let refused = handshake.check(room, &OriginPolicy::same_host()).unwrap_err();
            assert_eq!(refused.status(), status);
            assert!(refused.to_string().starts_with(body), "{refused}");
        }
    }
}
