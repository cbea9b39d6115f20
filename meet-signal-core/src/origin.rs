//! Which web pages may connect.

use thiserror::Error;

/// Which `Origin` (RFC 6454) a WebSocket handshake may come from.
///
/// A browser lets any page open a WebSocket to any server, and sends the cookies along. So the
/// server has to look: the default takes pages of the same host only. `Origin` is compared exactly,
/// as scheme, host and port.
///
/// What is not a browser sends no `Origin`, and could send any: it is let in by default, and kept
/// out by [`browsers_only`](Self::browsers_only).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OriginPolicy {
    pages: Pages,
    browsers_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Pages {
    #[default]
    SameHost,
    Listed(Vec<String>),
    Any,
}

/// This page may not connect. Answered with 403 before the upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OriginRefused {
    /// There is an origin, and it is not among those that may.
    #[error("pages of this origin may not connect here")]
    NotAllowed,
    /// There is none, and [`OriginPolicy::browsers_only`] asks for one.
    #[error("a connection needs an Origin")]
    Missing,
}

impl OriginPolicy {
    /// Pages whose host and port are those that the request was sent to. Behind a proxy that changes
    /// `Host`, list the origins instead.
    pub fn same_host() -> Self {
        Self::default()
    }

    /// Pages of these origins alone, each written like `https://meet.example.com` or
    /// `http://localhost:8080`.
    pub fn listed(origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let origins = origins.into_iter().map(Into::into).collect();
        Self { pages: Pages::Listed(origins), browsers_only: false }
    }

    /// Any page. Right only where no cookie and no network position lets anybody in.
    pub fn any() -> Self {
        Self { pages: Pages::Any, browsers_only: false }
    }

    /// Refuses those who send no `Origin`.
    #[must_use]
    pub fn browsers_only(mut self) -> Self {
        self.browsers_only = true;
        self
    }

    /// Decides from the request's headers `Origin` and `Host` (`:authority` in HTTP/2).
    ///
    /// # Errors
    ///
    /// The request is to be answered with 403.
    pub fn check(&self, origin: Option<&str>, host: Option<&str>) -> Result<(), OriginRefused> {
        let Some(origin) = origin else {
            return if self.browsers_only { Err(OriginRefused::Missing) } else { Ok(()) };
        };
        let allowed = match &self.pages {
            Pages::SameHost => host.is_some_and(|host| is_host_of(origin, host)),
            Pages::Listed(origins) => origins.iter().any(|listed| listed == origin),
            Pages::Any => true,
        };
        if allowed { Ok(()) } else { Err(OriginRefused::NotAllowed) }
    }
}

/// `Host` may name the scheme's default port where `Origin` leaves it out.
fn is_host_of(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let bare = |name: &str| name.strip_suffix(default_port).unwrap_or(name).to_ascii_lowercase();
    bare(authority) == bare(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_host_is_compared_exactly() {
        let policy = OriginPolicy::same_host();
        let check = |origin, host| policy.check(Some(origin), Some(host)).is_ok();
        assert!(check("http://localhost:8080", "localhost:8080"));
        assert!(check("https://meet.example.com", "meet.example.com"));
        assert!(check("https://meet.example.com", "Meet.Example.com:443"));
        assert!(check("http://[::1]:80", "[::1]"));
        for (origin, host) in [
            ("https://evil.example", "meet.example.com"),
            ("https://meet.example.com.evil.example", "meet.example.com"),
            ("https://evil.example/meet.example.com", "meet.example.com"),
            ("http://localhost:8081", "localhost:8080"),
            ("http://meet.example.com", "meet.example.com:443"),
            ("ftp://meet.example.com", "meet.example.com"),
            ("null", "null"),
            ("", ""),
        ] {
            assert!(!check(origin, host), "{origin} at {host}");
        }
        assert!(policy.check(Some("http://localhost"), None).is_err());
    }

    #[test]
    fn a_list_is_compared_exactly() {
        let policy = OriginPolicy::listed(["https://a.example", "http://localhost:3000"]);
        let check = |origin| policy.check(Some(origin), Some("b.example"));
        assert_eq!(check("https://a.example"), Ok(()));
        assert_eq!(check("http://localhost:3000"), Ok(()));
        for origin in ["http://a.example", "https://a.example:8443", "https://b.example", "null"] {
            assert_eq!(check(origin), Err(OriginRefused::NotAllowed), "{origin}");
        }
    }

    #[test]
    fn those_without_an_origin_are_an_explicit_choice() {
        assert_eq!(OriginPolicy::default().check(None, None), Ok(()));
        assert_eq!(OriginPolicy::any().check(Some("https://x.example"), None), Ok(()));
        let strict = OriginPolicy::any().browsers_only();
        assert_eq!(strict.check(None, Some("a.example")), Err(OriginRefused::Missing));
    }
}
