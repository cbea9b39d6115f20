//! The negotiation of the protocol version.

use thiserror::Error;

/// The WebSocket subprotocol for version 1 of the protocol.
pub const SUBPROTOCOL: &str = "meet-signal.v1";

/// Selects a subprotocol from the values of the `Sec-WebSocket-Protocol` headers (RFC 6455, section
/// 1.9). `None` if the client offers none; it gets version 1.
///
/// # Errors
///
/// The client offers only unknown subprotocols. Respond with status 400.
pub fn select_subprotocol<'a>(
    headers: impl IntoIterator<Item = &'a str>,
) -> Result<Option<&'static str>, UnknownSubprotocol> {
    let mut offers = false;
    for offered in headers.into_iter().flat_map(|header| header.split(',')) {
        if offered.trim() == SUBPROTOCOL {
            return Ok(Some(SUBPROTOCOL));
        }
        offers = true;
    }
    if offers { Err(UnknownSubprotocol) } else { Ok(None) }
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
}
