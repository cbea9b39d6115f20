//! The check of the `Origin` header.

mod serialized;

use thiserror::Error;

pub use serialized::{InvalidOrigin, OriginFault};

/// Which `Origin` (RFC 6454) a WebSocket handshake may have.
///
/// Browsers let any page open a WebSocket to any server, and send the cookies along, so the server
/// has to check: the default accepts only pages of the same host. `Origin` is compared exactly, as
/// scheme, host and port.
///
/// Clients other than browsers send no `Origin`, or any. A request without one is accepted by
/// default, and refused with [`browsers_only`](Self::browsers_only).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OriginPolicy {
    pages: Pages,
    browsers_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Pages {
    #[default]
    SameHost,
    SameHostAmong(Vec<String>),
    Listed(Vec<String>),
    Any,
}

/// A request with this `Origin` is refused, with status 403.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OriginRefused {
    /// The request has an origin that is not allowed.
    #[error("pages of this origin may not connect here")]
    NotAllowed,
    /// The request has no origin, and [`OriginPolicy::browsers_only`] requires one.
    #[error("a connection needs an Origin")]
    Missing,
}

impl OriginPolicy {
    /// Pages whose host and port are those in `Host`. Behind a proxy that changes `Host`, list the
    /// origins instead.
    ///
    /// If the connection is known to be encrypted, an `http` page may not connect, because anyone
    /// on the network can modify it. Over plain HTTP both schemes may, because a proxy may have
    /// terminated TLS.
    ///
    /// The server does not know its own names: a page of `attacker.example` has the same host if
    /// that name resolves to this server (DNS rebinding). It has no cookies of the real name, so
    /// this matters for servers that admit everyone who can reach them, in an internal network or
    /// on a developer's machine. [`same_host_among`](Self::same_host_among) excludes such pages.
    pub fn same_host() -> Self {
        Self::default()
    }

    /// Like [`same_host`](Self::same_host), but only for these hosts, each in the form
    /// `meet.example.com` or `localhost:8080`.
    ///
    /// ```
    /// use meet_signal_core::OriginPolicy;
    ///
    /// let policy = OriginPolicy::same_host_among(["meet.example.com", "localhost:8080"])?;
    /// # Ok::<(), meet_signal_core::InvalidOrigin>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A host does not have the form in which browsers send it.
    pub fn same_host_among(
        hosts: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, InvalidOrigin> {
        let hosts = checked(hosts, serialized::check_host)?;
        Ok(Self { pages: Pages::SameHostAmong(hosts), browsers_only: false })
    }

    /// Pages of these origins, each in the form `https://meet.example.com` or
    /// `http://localhost:8080`, for any `Host`.
    ///
    /// ```
    /// use meet_signal_core::OriginPolicy;
    ///
    /// let policy = OriginPolicy::listed(["https://meet.example.com"])?;
    /// let error = OriginPolicy::listed(["https://meet.example.com/"]).unwrap_err();
    /// assert_eq!(error.text, "https://meet.example.com/");
    /// # Ok::<(), meet_signal_core::InvalidOrigin>(())
    /// ```
    ///
    /// # Errors
    ///
    /// An origin does not have the form in which browsers send it (RFC 6454, section 6.2), so no
    /// page would match. `null` is refused as well, although browsers send it: see
    /// [`OriginFault::Null`].
    pub fn listed(
        origins: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, InvalidOrigin> {
        let origins = checked(origins, serialized::check_origin)?;
        Ok(Self { pages: Pages::Listed(origins), browsers_only: false })
    }

    /// Any page. Only for servers where neither cookies nor the network position of a client grant
    /// access.
    pub fn any() -> Self {
        Self { pages: Pages::Any, browsers_only: false }
    }

    /// Refuses requests without `Origin`.
    #[must_use]
    pub fn browsers_only(mut self) -> Self {
        self.browsers_only = true;
        self
    }

    /// Checks the request's headers `Origin` and `Host` (`:authority` in HTTP/2). `encrypted` is
    /// whether the connection is known to be encrypted.
    ///
    /// # Errors
    ///
    /// Respond with status 403.
    pub fn check(
        &self,
        origin: Option<&str>,
        host: Option<&str>,
        encrypted: bool,
    ) -> Result<(), OriginRefused> {
        let Some(origin) = origin else {
            return if self.browsers_only { Err(OriginRefused::Missing) } else { Ok(()) };
        };
        let same = |host| is_host_of(origin, host, encrypted);
        let allowed = match &self.pages {
            Pages::SameHost => host.is_some_and(same),
            Pages::SameHostAmong(hosts) => {
                host.is_some_and(same) && hosts.iter().any(|listed| same(listed))
            }
            Pages::Listed(origins) => origins.iter().any(|listed| listed == origin),
            Pages::Any => true,
        };
        if allowed { Ok(()) } else { Err(OriginRefused::NotAllowed) }
    }

    /// The headers of a response that pages of other origins may read (CORS), for adapters to serve
    /// the browser side: `Access-Control-Allow-Origin` for listed origins and for any, and `Vary`
    /// where it depends on the request's `Origin`. None for a policy of the same host.
    pub fn response_headers(
        &self,
        origin: Option<&str>,
    ) -> impl Iterator<Item = (&'static str, &str)> {
        let (varies, allowed) = match &self.pages {
            Pages::SameHost | Pages::SameHostAmong(_) => (None, None),
            Pages::Listed(origins) => {
                let listed = origins.iter().find(|listed| Some(listed.as_str()) == origin);
                (Some("origin"), listed.map(String::as_str))
            }
            Pages::Any => (None, Some("*")),
        };
        let allowed = allowed.map(|origin| ("access-control-allow-origin", origin));
        varies.map(|name| ("vary", name)).into_iter().chain(allowed)
    }
}

fn checked(
    texts: impl IntoIterator<Item = impl Into<String>>,
    check: fn(&str) -> Result<(), InvalidOrigin>,
) -> Result<Vec<String>, InvalidOrigin> {
    let checked = |text: String| check(&text).map(|()| text);
    texts.into_iter().map(Into::into).map(checked).collect()
}

/// Ignores the scheme's default port, which `Host` may have and `Origin` has not.
fn is_host_of(origin: &str, host: &str, encrypted: bool) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let Some(default_port) = serialized::default_port(scheme) else { return false };
    if encrypted && scheme != "https" {
        return false;
    }
    let bare = |name: &str| {
        let name = name.to_ascii_lowercase();
        let bare = name.strip_suffix(default_port).and_then(|name| name.strip_suffix(':'));
        bare.map(str::to_owned).unwrap_or(name)
    };
    bare(authority) == bare(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_host_is_compared_exactly() {
        let policy = OriginPolicy::same_host();
        let check = |origin, host| policy.check(Some(origin), Some(host), false).is_ok();
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
        assert!(policy.check(Some("http://localhost"), None, false).is_err());
    }

    #[test]
    fn the_scheme_counts_where_the_connection_is_encrypted() {
        let policy = OriginPolicy::same_host();
        for (origin, host, encrypted, plain) in [
            ("https://a.example", "a.example", true, true),
            ("https://a.example", "a.example:443", true, true),
            ("http://a.example", "a.example", false, true),
            ("http://a.example:8443", "a.example:8443", false, true),
        ] {
            let check = |known| policy.check(Some(origin), Some(host), known).is_ok();
            assert_eq!((check(true), check(false)), (encrypted, plain), "{origin} at {host}");
        }
        // A listed origin includes its scheme.
        let listed = OriginPolicy::listed(["http://a.example"]).unwrap();
        assert_eq!(listed.check(Some("http://a.example"), Some("a.example"), true), Ok(()));
    }

    #[test]
    fn a_name_that_was_made_to_lead_here_is_not_among_the_hosts() {
        let policy = OriginPolicy::same_host_among(["a.example", "localhost:8080"]).unwrap();
        let check = |origin, host| policy.check(Some(origin), Some(host), false).is_ok();
        assert!(check("https://a.example", "a.example"));
        assert!(check("https://a.example", "A.example:443"));
        assert!(check("http://localhost:8080", "localhost:8080"));
        for (origin, host) in [
            ("http://attacker.example", "attacker.example"),
            ("http://a.example", "localhost:8080"),
            ("http://attacker.example", "a.example"),
            ("http://localhost:8081", "localhost:8081"),
            ("https://a.example:8443", "a.example:8443"),
            ("null", "a.example"),
        ] {
            assert!(!check(origin, host), "{origin} at {host}");
        }
        assert_eq!(
            OriginPolicy::same_host().check(
                Some("http://attacker.example"),
                Some("attacker.example"),
                false
            ),
            Ok(()),
            "which is why there is a list"
        );
    }

    #[test]
    fn an_origin_that_matches_no_page_is_refused_when_the_policy_is_built() {
        let error = OriginPolicy::listed(["https://a.example", "https://x/"]).unwrap_err();
        assert_eq!((error.text.as_str(), error.fault), ("https://x/", OriginFault::Path));
        let error = OriginPolicy::listed(["null"]).unwrap_err();
        assert_eq!(error.fault, OriginFault::Null);
        let error = OriginPolicy::same_host_among(["https://a.example"]).unwrap_err();
        assert_eq!(error.fault, OriginFault::SchemeOfHost);
    }

    #[test]
    fn a_list_is_compared_exactly() {
        let policy = OriginPolicy::listed(["https://a.example", "http://localhost:3000"]).unwrap();
        let check = |origin| policy.check(Some(origin), Some("b.example"), false);
        assert_eq!(check("https://a.example"), Ok(()));
        assert_eq!(check("http://localhost:3000"), Ok(()));
        for origin in ["http://a.example", "https://a.example:8443", "https://b.example", "null"] {
            assert_eq!(check(origin), Err(OriginRefused::NotAllowed), "{origin}");
        }
    }

    #[test]
    fn only_named_origins_may_read_a_response() {
        let headers = |policy: &OriginPolicy, origin| {
            let headers = policy.response_headers(origin);
            headers.map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>()
        };
        let a = Some("https://a.example");
        let among = OriginPolicy::same_host_among(["a.example"]).unwrap();
        for policy in [OriginPolicy::default(), OriginPolicy::default().browsers_only(), among] {
            assert!(headers(&policy, a).is_empty(), "{policy:?}");
        }
        let listed = OriginPolicy::listed(["https://b.example", "https://a.example"]).unwrap();
        let allowed = ["vary: origin", "access-control-allow-origin: https://a.example"];
        assert_eq!(headers(&listed, a), allowed);
        for other in [None, Some("null"), Some("http://a.example"), Some("https://A.example")] {
            assert_eq!(headers(&listed, other), ["vary: origin"], "{other:?}");
        }
        for origin in [None, a, Some("null")] {
            assert_eq!(headers(&OriginPolicy::any(), origin), ["access-control-allow-origin: *"]);
        }
    }

    #[test]
    fn those_without_an_origin_are_an_explicit_choice() {
        assert_eq!(OriginPolicy::default().check(None, None, false), Ok(()));
        assert_eq!(OriginPolicy::any().check(Some("https://x.example"), None, true), Ok(()));
        let strict = OriginPolicy::any().browsers_only();
        assert_eq!(strict.check(None, Some("a.example"), false), Err(OriginRefused::Missing));
    }
}
