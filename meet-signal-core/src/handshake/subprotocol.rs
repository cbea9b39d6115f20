//! The negotiation of the protocol version.

use thiserror::Error;

/// The WebSocket subprotocol for version 1 of the protocol.
pub const SUBPROTOCOL: &str = "meet-signal.v1";

/// The same protocol for a client that waits for the server's `hello` before it sends something.
pub const HELLO_SUBPROTOCOL: &str = "meet-signal.v1.hello";

/// Selects a subprotocol from the values of the `Sec-WebSocket-Protocol` headers (RFC 6455, section
/// 1.9). `None` if the client offers none; it gets version 1.
///
/// # Errors
///
/// The client offers only unknown subprotocols. Respond with status 400.
pub fn select_subprotocol<'a>(
    headers: impl IntoIterator<Item = &'a str>,
) -> Result<Option<&'static str>, UnknownSubprotocol> {
    Subprotocols::offered(headers).select(false)
}

/// Those that a client offers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Subprotocols {
    hello: bool,
    v1: bool,
    unknown: bool,
}

impl Subprotocols {
    pub(super) fn offered<'a>(headers: impl IntoIterator<Item = &'a str>) -> Self {
        let mut offered = Self::default();
        for name in headers.into_iter().flat_map(|header| header.split(',')) {
            match name.trim() {
                HELLO_SUBPROTOCOL => offered.hello = true,
                SUBPROTOCOL => offered.v1 = true,
                _ => offered.unknown = true,
            }
        }
        offered
    }

    /// The one for the connection, of a server that does or does not say `hello`.
    pub(super) fn select(
        self,
        says_hello: bool,
    ) -> Result<Option<&'static str>, UnknownSubprotocol> {
        match self {
            Self { hello: true, .. } if says_hello => Ok(Some(HELLO_SUBPROTOCOL)),
            Self { v1: true, .. } => Ok(Some(SUBPROTOCOL)),
            Self { hello: false, unknown: false, .. } => Ok(None),
            _ => Err(UnknownSubprotocol),
        }
    }
}

/// None of the offered subprotocols is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this server speaks the WebSocket subprotocol {SUBPROTOCOL}")]
#[non_exhaustive]
pub struct UnknownSubprotocol;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_one_is_found_among_others() {
        assert_eq!(select_subprotocol([]), Ok(None));
        assert_eq!(select_subprotocol(["meet-signal.v1"]), Ok(Some(SUBPROTOCOL)));
        assert_eq!(select_subprotocol(["meet-signal.v2, meet-signal.v1"]), Ok(Some(SUBPROTOCOL)));
        assert_eq!(select_subprotocol(["chat", "meet-signal.v1"]), Ok(Some(SUBPROTOCOL)));
        for other in ["chat", "meet-signal.v2,chat", "meet-signal.v11", ""] {
            assert_eq!(select_subprotocol([other]), Err(UnknownSubprotocol), "{other:?}");
        }
    }

    #[test]
    fn that_with_hello_is_preferred_where_the_server_says_it() {
        let select = |header, says_hello| Subprotocols::offered([header]).select(says_hello);
        for both in ["meet-signal.v1, meet-signal.v1.hello", "meet-signal.v1.hello,meet-signal.v1"]
        {
            assert_eq!(select(both, true), Ok(Some(HELLO_SUBPROTOCOL)));
            assert_eq!(select(both, false), Ok(Some(SUBPROTOCOL)));
        }
        assert_eq!(select("meet-signal.v1.hello", true), Ok(Some(HELLO_SUBPROTOCOL)));
        assert_eq!(select("meet-signal.v1.hello", false), Err(UnknownSubprotocol));
        assert_eq!(select("meet-signal.v1, chat", true), Ok(Some(SUBPROTOCOL)));
        assert_eq!(select("chat", true), Err(UnknownSubprotocol));
    }
}
