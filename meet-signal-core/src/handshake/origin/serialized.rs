//! The serialization of origins and hosts by browsers.

use std::net::{Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// A text for an [`OriginPolicy`](crate::OriginPolicy) does not have the form in which browsers
/// send it (RFC 6454, section 6.2). The comparison is byte by byte, so no page would match.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` matches no page: {fault}")]
#[non_exhaustive]
pub struct InvalidOrigin {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub fault: OriginFault,
}

/// Why a text is not an origin, or not a host with or without a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OriginFault {
    /// `null`, the origin of pages without one, which any page can have: a frame with `sandbox` has
    /// it. To allow all pages, use [`any`](crate::OriginPolicy::any).
    #[error("`null` is the origin of pages that have none, and any page can be one")]
    Null,
    /// An origin begins with `https://`, `http://`, or the scheme of an application's own pages.
    #[error("an origin begins with a scheme, such as `https://`")]
    NoScheme,
    /// The text before `://` is not the scheme of a page, such as `wss`, or not a scheme at all.
    #[error("this is not the scheme of a page, which is `https` as a rule")]
    Scheme,
    /// A host has no scheme.
    #[error("a host is written without a scheme")]
    SchemeOfHost,
    /// A user name or a password, followed by `@`.
    #[error("a user name is not part of it")]
    UserInfo,
    /// Text after the host and the port, such as `/`.
    #[error("it ends with the host or the port: without a path, and without a `/`")]
    Path,
    /// Schemes and hosts are in lower case.
    #[error("it is written in lower case")]
    UpperCase,
    /// No host, a wildcard, a character that requires Punycode, or an IP address that is not in its
    /// canonical form.
    #[error("this is not a host as browsers write it: a name in ASCII, or an IP address")]
    Host,
    /// Not a number from 0 to 65,535, or one with leading zeros.
    #[error("a port is a number of at most 65535")]
    Port,
    /// The default port of the scheme: 443 for `https`, 80 for `http`.
    #[error("the port that a scheme has anyway is left out")]
    DefaultPort,
}

/// Checks that a browser could send this as `Origin`.
pub(super) fn check_origin(text: &str) -> Result<(), InvalidOrigin> {
    named(text, origin_fault(text))
}

/// Checks that a browser could send this as `Host`, with or without the default port.
pub(super) fn check_host(text: &str) -> Result<(), InvalidOrigin> {
    let fault = if text.contains("://") {
        Err(OriginFault::SchemeOfHost)
    } else {
        authority_fault(text).map(drop)
    };
    named(text, fault)
}

/// The default port of this scheme; `None` if the scheme is not HTTP's.
pub(super) fn default_port(scheme: &str) -> Option<&'static str> {
    match scheme {
        "http" => Some("80"),
        "https" => Some("443"),
        _ => None,
    }
}

fn named(text: &str, checked: Result<(), OriginFault>) -> Result<(), InvalidOrigin> {
    checked.map_err(|fault| InvalidOrigin { text: text.to_owned(), fault })
}

fn origin_fault(text: &str) -> Result<(), OriginFault> {
    if text.eq_ignore_ascii_case("null") {
        return Err(OriginFault::Null);
    }
    let (scheme, authority) = text.split_once("://").ok_or(OriginFault::NoScheme)?;
    let rest = scheme.strip_prefix(|first: char| first.is_ascii_alphabetic());
    let is_scheme = rest.is_some_and(|rest| {
        rest.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    });
    if !is_scheme || ["ws", "wss"].iter().any(|other| scheme.eq_ignore_ascii_case(other)) {
        return Err(OriginFault::Scheme);
    }
    if scheme.contains(|c: char| c.is_ascii_uppercase()) {
        return Err(OriginFault::UpperCase);
    }
    match authority_fault(authority)? {
        Some(port) if default_port(scheme) == Some(port) => Err(OriginFault::DefaultPort),
        _ => Ok(()),
    }
}

/// The port, if there is one.
fn authority_fault(authority: &str) -> Result<Option<&str>, OriginFault> {
    if authority.contains(['/', '\\', '?', '#']) {
        return Err(OriginFault::Path);
    }
    if authority.contains('@') {
        return Err(OriginFault::UserInfo);
    }
    if authority.contains(|c: char| c.is_ascii_uppercase()) {
        return Err(OriginFault::UpperCase);
    }
    // The colons of an IPv6 address are inside its brackets.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if !is_host(host) {
        return Err(OriginFault::Host);
    }
    match port {
        Some(port)
            if port.parse::<u16>().map(|number| number.to_string()).as_deref() != Ok(port) =>
        {
            Err(OriginFault::Port)
        }
        port => Ok(port),
    }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let parsed = address.parse::<Ipv6Addr>();
        return parsed.is_ok_and(|parsed| written_by_browsers(parsed) == address);
    }
    let label = |label: &str| {
        let mut characters = label.chars();
        !label.is_empty()
            && characters
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
    };
    // A name may end with the dot of the DNS root.
    let name = host.strip_suffix('.').unwrap_or(host);
    if !name.split('.').all(label) {
        return false;
    }
    // Browsers parse a host whose last label is a number as an IPv4 address.
    let last = name.rsplit('.').next().unwrap_or(name);
    let number = last.chars().all(|c| c.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|hex| hex.chars().all(|c| c.is_ascii_hexdigit()));
    !number || host.parse::<Ipv4Addr>().is_ok()
}

/// The URL standard does not use the dotted form for IPv4-mapped addresses.
fn written_by_browsers(address: Ipv6Addr) -> String {
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => format!("::ffff:{high:x}:{low:x}"),
        _ => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_taken_as_browsers_write_them() {
        for text in [
            "https://meet.example.com",
            "http://localhost:3000",
            "https://xn--mller-kva.example",
            "http://127.0.0.1:8080",
            "https://[::1]",
            "https://[2001:db8::1]:8443",
            "https://[::ffff:102:304]",
            "https://a_b.example.",
            "https://example.com:80",
            "https://3com.example",
            "chrome-extension://abcdefghijklmnop",
            "tauri://localhost",
        ] {
            assert_eq!(check_origin(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_text_that_no_browser_sends_is_refused_with_its_fault() {
        use OriginFault::*;
        for (text, fault) in [
            ("null", Null),
            ("", NoScheme),
            ("*", NoScheme),
            ("meet.example.com", NoScheme),
            ("//meet.example.com", NoScheme),
            ("https:meet.example.com", NoScheme),
            ("://meet.example.com", Scheme),
            ("wss://meet.example.com", Scheme),
            ("1s://meet.example.com", Scheme),
            ("https ://meet.example.com", Scheme),
            ("https://meet.example.com/", Path),
            ("https://meet.example.com/room", Path),
            ("https://meet.example.com?a", Path),
            ("https://meet.example.com#a", Path),
            ("https://meet.example.com\\", Path),
            ("https://me@meet.example.com", UserInfo),
            ("https://me:secret@meet.example.com", UserInfo),
            ("HTTPS://meet.example.com", UpperCase),
            ("https://Meet.example.com", UpperCase),
            ("https://", Host),
            ("file://", Host),
            ("https://:8443", Host),
            ("https://*.example.com", Host),
            ("https://meet..example.com", Host),
            ("https://müller.example", Host),
            ("https://meet.example.com ", Host),
            (" https://meet.example.com", Scheme),
            ("https://127.1", Host),
            ("https://127.0.0.01", Host),
            ("https://a.0x7f", Host),
            ("https://::1", Host),
            ("https://[0:0:0:0:0:0:0:1]", Host),
            ("https://[::ffff:1.2.3.4]", Host),
            ("https://[::1", Host),
            ("https://a.example:", Port),
            ("https://a.example:x", Port),
            ("https://a.example:+1", Port),
            ("https://a.example:08443", Port),
            ("https://a.example:65536", Port),
            ("https://a.example:443", DefaultPort),
            ("http://a.example:80", DefaultPort),
        ] {
            let invalid = InvalidOrigin { text: text.to_owned(), fault };
            assert_eq!(check_origin(text), Err(invalid), "{text}");
        }
    }

    #[test]
    fn a_host_has_no_scheme_and_any_port() {
        for text in ["a.example", "a.example:443", "localhost:8080", "[::1]:80", "127.0.0.1"] {
            assert_eq!(check_host(text), Ok(()), "{text}");
        }
        for (text, fault) in [
            ("https://a.example", OriginFault::SchemeOfHost),
            ("a.example/", OriginFault::Path),
            ("*", OriginFault::Host),
            ("", OriginFault::Host),
            ("A.example", OriginFault::UpperCase),
            ("a.example:99999", OriginFault::Port),
        ] {
            assert_eq!(check_host(text).map_err(|invalid| invalid.fault), Err(fault), "{text}");
        }
    }

    #[test]
    fn the_error_says_what_was_given() {
        let error = check_origin("https://x/").expect_err("it has a path");
        assert_eq!(
            error.to_string(),
            "`https://x/` matches no page: it ends with the host or the port: without a path, and without a `/`"
        );
    }
}
