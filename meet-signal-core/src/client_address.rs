//! The address of a client: that of its connection, or the one that a trusted proxy forwards.

mod field;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use thiserror::Error;

/// Where the address for the limits per address comes from. By default it is the address of the
/// connection, and no header is read.
///
/// Behind a reverse proxy all connections come from the proxy, so all clients share the limits of
/// one address. The proxy passes the address of its client on in a header. Any client can send that
/// header too, so it must be read only where every connection comes from a proxy that sets it:
/// otherwise each client chooses its own address, and the limits per address bound nothing.
///
/// ```
/// use std::net::IpAddr;
/// use meet_signal_core::ClientAddress;
///
/// let proxy: Option<IpAddr> = "192.0.2.1".parse().ok();
/// // The client sent 203.0.113.9. The proxy appended the address that it saw.
/// let headers = [("x-forwarded-for", b"203.0.113.9, 198.51.100.7".as_slice())];
///
/// let address = ClientAddress::forwarded_for(1).resolve(proxy, headers);
/// assert_eq!(address, "198.51.100.7".parse().ok());
/// assert_eq!(ClientAddress::default().resolve(proxy, headers), proxy);
/// ```
///
/// # When the header has no address
///
/// The header may be missing, have too few elements, or have something else in the element that
/// counts. Then the address is that of the connection, which is the proxy's: these clients share the
/// limits of one address, so leaving out or corrupting the header gains nothing.
///
/// # Which texts are addresses
///
/// An IPv4 or IPv6 address, with a port or without; one of IPv6 with a port has to be in brackets.
/// The port is dropped, and an IPv4 address in IPv6 (`::ffff:192.0.2.1`) is an IPv4 address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientAddress {
    source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Source {
    #[default]
    Connection,
    /// The number of proxies, which is not 0.
    ForwardedFor(u8),
    Forwarded(u8),
    Header(String),
    Unknown,
}

/// The text is not a valid header name (RFC 9110, section 5.1).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{name}` is no name of a header")]
#[non_exhaustive]
pub struct InvalidHeaderName {
    /// The text.
    pub name: String,
}

impl ClientAddress {
    /// The address of the connection: the default.
    pub fn connection() -> Self {
        Self::default()
    }

    /// `X-Forwarded-For`, to which each of this many trusted proxies appends the address of its own
    /// client: the address is the n-th from the right, over all lines of the header. The client can
    /// choose everything further to the left, so it is not read.
    ///
    /// Count the proxies between the internet and this server, each of which must append to the
    /// header or, if it is the outermost one, may replace it. A number that is too high lets clients
    /// choose their addresses. With 0 the address is that of the connection.
    pub fn forwarded_for(proxies: u8) -> Self {
        Self::behind(proxies, Source::ForwardedFor)
    }

    /// `Forwarded` (RFC 7239): like [`forwarded_for`](Self::forwarded_for), with the parameter `for`
    /// of the n-th element from the right.
    ///
    /// The identifiers `unknown` and `_hidden`, by which a proxy conceals its client, are no
    /// addresses.
    pub fn forwarded(proxies: u8) -> Self {
        Self::behind(proxies, Source::Forwarded)
    }

    /// A header with one address, which the proxy sets and removes from clients' requests:
    /// `X-Real-IP`, `CF-Connecting-IP`, `Fly-Client-IP` and others. A request in which it occurs
    /// twice has no address.
    ///
    /// # Errors
    ///
    /// The name is not a valid header name.
    pub fn header(name: impl Into<String>) -> Result<Self, InvalidHeaderName> {
        let name = name.into();
        if field::is_name(&name) {
            Ok(Self { source: Source::Header(name) })
        } else {
            Err(InvalidHeaderName { name })
        }
    }

    /// No address, which turns the limits per address off. For servers whose clients all have one
    /// address and whose proxy does not forward another one.
    pub fn unknown() -> Self {
        Self { source: Source::Unknown }
    }

    /// The address of a client. `connection` is the address of its connection, if known; `headers`
    /// are the names (in any case) and values of the request, repeated names in their order.
    ///
    /// `None` if the address is not known;
    /// [`Socket::peer_address`](crate::socket::Socket::peer_address) then returns `None` as well.
    pub fn resolve<'a>(
        &self,
        connection: Option<IpAddr>,
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Option<IpAddr> {
        let lines = |wanted: &str| -> Vec<&'a [u8]> {
            let named = headers.into_iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            named.map(|(_, value)| value).collect()
        };
        let forwarded = match &self.source {
            Source::Unknown => return None,
            Source::Connection => None,
            Source::ForwardedFor(proxies) => {
                field::forwarded_for(&lines("x-forwarded-for"), usize::from(*proxies))
            }
            Source::Forwarded(proxies) => {
                field::forwarded(&lines("forwarded"), usize::from(*proxies))
            }
            Source::Header(name) => field::single(&lines(name)),
        };
        forwarded.or(connection).map(|address| address.to_canonical())
    }

    /// Whether the limits per address are off on purpose, by [`unknown`](Self::unknown).
    pub fn is_unknown(&self) -> bool {
        self.source == Source::Unknown
    }

    fn behind(proxies: u8, source: fn(u8) -> Source) -> Self {
        Self { source: if proxies == 0 { Source::Connection } else { source(proxies) } }
    }
}
