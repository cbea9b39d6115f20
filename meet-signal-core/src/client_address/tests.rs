//! Tests of the parser, in tables. 192.0.2.1 is the connection's address, which is the proxy's.

use super::*;

const PROXY: &str = "192.0.2.1";

/// The resolved address of a request with these lines.
fn resolved(policy: &ClientAddress, name: &str, lines: &[&str]) -> String {
    let headers = lines.iter().map(|line| (name, line.as_bytes()));
    let others = [("x-other", b"203.0.113.200".as_slice())];
    let proxy = Some(PROXY.parse().unwrap());
    policy.resolve(proxy, headers.chain(others)).expect("there is a connection").to_string()
}

#[test]
fn the_nth_address_from_the_right_counts() {
    for (proxies, lines, expected) in [
        (1, &["198.51.100.7"] as &[_], "198.51.100.7"),
        // The client has sent addresses of its own, in one line or in several.
        (1, &["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        (1, &["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        (1, &["203.0.113.9,203.0.113.8", "198.51.100.7"], "198.51.100.7"),
        (1, &[", ,\t,198.51.100.7"], "198.51.100.7"),
        (1, &["\"', 198.51.100.7"], "198.51.100.7"),
        (2, &["203.0.113.9, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        (2, &["203.0.113.9, 198.51.100.7", "10.0.0.2"], "198.51.100.7"),
        (3, &["198.51.100.7", "10.0.0.3", "10.0.0.2"], "198.51.100.7"),
        // Ports and IPv6.
        (1, &["198.51.100.7:4711"], "198.51.100.7"),
        (1, &["2001:db8::7"], "2001:db8::7"),
        (1, &["[2001:db8::7]"], "2001:db8::7"),
        (1, &["[2001:db8::7]:4711"], "2001:db8::7"),
        (1, &["::ffff:198.51.100.7"], "198.51.100.7"),
        (1, &["[::ffff:198.51.100.7]:4711"], "198.51.100.7"),
        // Missing, short or malformed: the connection.
        (1, &[], PROXY),
        (2, &["198.51.100.7"], PROXY),
        (255, &["198.51.100.7"], PROXY),
        (1, &["203.0.113.9, "], PROXY),
        (1, &["203.0.113.9", ""], PROXY),
        (1, &["203.0.113.9, unknown"], PROXY),
        (1, &["203.0.113.9, unix:"], PROXY),
        (1, &["198.51.100.7:port"], PROXY),
        (1, &["198.51.100.7:65536"], PROXY),
        (1, &["198.51.100.7:"], PROXY),
        (1, &["198.51.100.7:+1"], PROXY),
        (1, &["198.51.100.256"], PROXY),
        (1, &["[2001:db8::7"], PROXY),
        (1, &["[2001:db8::7]4711"], PROXY),
        (1, &["[198.51.100.7]"], PROXY),
        (1, &["fe80::7%eth0"], PROXY),
        (0, &["203.0.113.9"], PROXY),
    ] {
        let policy = ClientAddress::forwarded_for(proxies);
        assert_eq!(resolved(&policy, "X-Forwarded-For", lines), expected, "{proxies}: {lines:?}");
        // No other header is read, and this one by no other policy.
        assert_eq!(resolved(&policy, "Forwarded", &["for=203.0.113.9"]), PROXY);
        assert_eq!(resolved(&ClientAddress::forwarded(1), "X-Forwarded-For", lines), PROXY);
        assert_eq!(resolved(&ClientAddress::connection(), "X-Forwarded-For", lines), PROXY);
    }
}

#[test]
fn the_nth_element_of_forwarded_counts() {
    for (proxies, lines, expected) in [
        (1, &["for=198.51.100.7"] as &[_], "198.51.100.7"),
        (1, &["For=\"198.51.100.7:4711\"; proto=https"], "198.51.100.7"),
        (1, &["proto=https;by=203.0.113.43;for=198.51.100.7"], "198.51.100.7"),
        (1, &["for=\"[2001:db8::7]\""], "2001:db8::7"),
        (1, &["FOR=\"[2001:db8::7]:4711\""], "2001:db8::7"),
        (1, &["for=\"[::ffff:198.51.100.7]:_port\""], "198.51.100.7"),
        // The client's data is on the left, however it is quoted.
        (1, &["for=203.0.113.9, for=198.51.100.7"], "198.51.100.7"),
        (1, &["for=203.0.113.9", "for=198.51.100.7"], "198.51.100.7"),
        (1, &["for=\", for=198.51.100.7"], "198.51.100.7"),
        (1, &["for=\"203.0.113.9\\, for=198.51.100.7"], "198.51.100.7"),
        (1, &["for=\"a\";\", for=\"198.51.100.7\""], "198.51.100.7"),
        // The proxy may quote data of the client.
        (1, &["for=198.51.100.7;host=\"a, for=203.0.113.9\""], "198.51.100.7"),
        (1, &[r#"for=198.51.100.7;host="a\", for=203.0.113.9;x=\"b""#], "198.51.100.7"),
        (1, &[r#"for=198.51.100.7;host="a\\\";for=203.0.113.9""#], "198.51.100.7"),
        (1, &[r#"host="a\\";for=198.51.100.7"#], "198.51.100.7"),
        (2, &["for=203.0.113.9, for=198.51.100.7;host=\"a,b\"", "for=10.0.0.2"], "198.51.100.7"),
        // Missing, short, hidden or malformed: the connection.
        (1, &[], PROXY),
        (2, &["for=198.51.100.7"], PROXY),
        (1, &["for=203.0.113.9, for=unknown"], PROXY),
        (1, &["for=203.0.113.9, for=_hidden"], PROXY),
        (1, &["for=203.0.113.9, for=\"unknown:4711\""], PROXY),
        (1, &["for=203.0.113.9, proto=https"], PROXY),
        (1, &["for=203.0.113.9,"], PROXY),
        (1, &["for=203.0.113.9;for=198.51.100.7"], PROXY),
        (1, &["for=203.0.113.9, for=\"198.51.100.7"], PROXY),
        (1, &["for=203.0.113.9, for=198.51.100.7\""], PROXY),
        (1, &["for=\"198.51.100.7:_\""], PROXY),
        (1, &["for"], PROXY),
        (0, &["for=203.0.113.9"], PROXY),
    ] {
        let policy = ClientAddress::forwarded(proxies);
        assert_eq!(resolved(&policy, "forwarded", lines), expected, "{proxies}: {lines:?}");
        assert_eq!(resolved(&policy, "X-Forwarded-For", &["203.0.113.9"]), PROXY);
        assert_eq!(resolved(&ClientAddress::default(), "forwarded", lines), PROXY);
    }
}

#[test]
fn a_header_with_one_address_counts_where_it_occurs_once() {
    let policy = ClientAddress::header("X-Real-IP").unwrap();
    for (lines, expected) in [
        (&["198.51.100.7"] as &[_], "198.51.100.7"),
        (&[" 2001:db8::7 "], "2001:db8::7"),
        (&["::ffff:198.51.100.7"], "198.51.100.7"),
        (&[], PROXY),
        (&[""], PROXY),
        (&["203.0.113.9, 198.51.100.7"], PROXY),
        (&["203.0.113.9", "198.51.100.7"], PROXY),
        (&["unknown"], PROXY),
    ] {
        assert_eq!(resolved(&policy, "x-real-ip", lines), expected, "{lines:?}");
    }
    for name in ["", "X Real IP", "X-Real-IP:", "X-Réal-IP"] {
        let error = ClientAddress::header(name).unwrap_err();
        assert_eq!(error.to_string(), format!("`{name}` is no name of a header"));
    }
}

#[test]
fn without_a_connection_there_is_an_address_only_in_the_header() {
    let headers = [("x-forwarded-for", b"198.51.100.7".as_slice())];
    let policy = ClientAddress::forwarded_for(1);
    assert_eq!(policy.resolve(None, headers), "198.51.100.7".parse().ok());
    assert_eq!(policy.resolve(None, []), None);
    assert_eq!(ClientAddress::connection().resolve(None, headers), None);
}

#[test]
fn an_ipv4_connection_on_a_socket_for_both_versions_is_ipv4() {
    let mapped = "::ffff:192.0.2.1".parse().ok();
    assert_eq!(ClientAddress::connection().resolve(mapped, []), PROXY.parse().ok());
}

#[test]
fn an_unknown_address_is_none_whatever_there_is() {
    let headers = [("x-forwarded-for", b"198.51.100.7".as_slice())];
    let policy = ClientAddress::unknown();
    assert_eq!(policy.resolve(PROXY.parse().ok(), headers), None);
    assert!(policy.is_unknown() && !ClientAddress::default().is_unknown());
}

#[test]
fn bytes_that_are_no_text_count_only_in_the_element_that_counts() {
    let resolve = |line: &'static [u8]| {
        let headers = [("x-forwarded-for", line)];
        ClientAddress::forwarded_for(1).resolve(PROXY.parse().ok(), headers)
    };
    assert_eq!(resolve(b"\xff, 198.51.100.7"), "198.51.100.7".parse().ok());
    assert_eq!(resolve(b"198.51.100.7\xff"), PROXY.parse().ok());
}
