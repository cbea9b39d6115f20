//! Security headers of every response, which limit the effect of a fault in a page.

/// The headers of every response, pages, redirects and errors alike, to a request with this `Host`.
///
/// The pages load resources from this host only, and have their own style sheets inline; the browser
/// itself creates `blob:` and `data:` URLs. In
/// older versions of Safari `'self'` does not cover WebSockets, so the policy allows them for the host of
/// the request. It does not allow `ws:` and `wss:` for every host: an injected script could then send
/// data anywhere.
pub fn security_headers(host: Option<&str>) -> [(&'static str, String); 2] {
    let connect = match host {
        Some(host) if is_source(host) => format!("'self' ws://{host} wss://{host}"),
        // In newer browsers `'self'` is sufficient.
        _ => "'self'".to_owned(),
    };
    let policy = format!(
        "default-src 'self'; style-src 'self' {STYLES}; connect-src {connect}; \
        img-src 'self' data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; \
        form-action 'self'; frame-ancestors 'none'"
    );
    [("content-security-policy", policy), ("x-content-type-options", "nosniff".to_owned())]
}

/// The hashes of the pages' style sheets (CSP Level 3, section 2.3.1).
const STYLES: &str = include_str!("../dist/styles.txt");

/// Whether it is a `host-source` of a policy: letters, digits, hyphens and dots, and optionally a port
/// (CSP Level 3, section 2.3.1). IPv6 addresses are not allowed.
fn is_source(host: &str) -> bool {
    let (name, port) = host.split_once(':').unwrap_or((host, "0"));
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
        && !port.is_empty()
        && port.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn websockets_are_allowed_to_the_requests_host_alone() {
        for host in ["localhost:3000", "meet.example.com", "127.0.0.1:80", "a-b.example:65535"] {
            let policy = policy(Some(host));
            let connect = format!("connect-src 'self' ws://{host} wss://{host};");
            assert!(policy.contains(&connect), "{policy}");
        }
    }

    #[test]
    fn a_host_cannot_write_into_the_policy() {
        let plain = policy(None);
        assert!(plain.contains("connect-src 'self';"));
        for host in [
            "",
            ":80",
            "a:",
            "a:b",
            "*",
            "*.example",
            "a;script-src *",
            "a b",
            "a,b",
            "[::1]:80",
            "a'b",
            "a/b",
            "http://a",
            "a@b",
            "ä",
        ] {
            assert_eq!(policy(Some(host)), plain, "{host}");
        }
    }

    fn policy(host: Option<&str>) -> String {
        let [(_, policy), _] = security_headers(host);
        policy
    }
}
