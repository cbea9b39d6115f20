//! The headers of each response.

use super::{
    client::{exchange, soon},
    server::Server,
};

#[tokio::test]
async fn every_response_has_the_policy_and_nosniff() {
    for tls in [false, true] {
        let server = Server::start(tls, &["--request-timeout", "1"]);
        for (request, status) in [
            ("GET /", 200),
            ("HEAD /", 0),
            ("GET /assets/room.js", 200),
            ("GET /meet-signal/index.js", 200),
            ("GET /room?room=standup", 303),
            ("GET /room", 303),
            ("GET /room?room=%ff", 303),
            ("GET /room/standup", 200),
            ("GET /room/a%2Fb", 404),
            ("GET /nothing", 404),
            ("GET /assets/nothing", 404),
            ("GET /assets/%ff", 0),
            ("GET /assets/..%2fCargo.toml", 404),
            ("GET /meet-signal/nothing.js", 404),
            ("GET /signal/standup", 0),
            ("GET /signal/%00", 400),
            ("GET //", 404),
            ("POST /", 0),
            ("PUT /room/standup", 0),
            ("DELETE /signal/standup", 0),
            ("OPTIONS *", 0),
        ] {
            let response = ask(&server, request, "").await;
            if status != 0 {
                assert_eq!(
                    response.get(9..12),
                    Some(&*status.to_string()),
                    "{request}: {response}"
                );
            }
            assert_secured(request, &response);
        }
        // With the headers of an upgrade request.
        for (what, headers) in [
            ("an upgrade", HANDSHAKE),
            ("an upgrade from another site", FOREIGN_HANDSHAKE),
            ("an upgrade to a protocol of another version", OTHER_HANDSHAKE),
        ] {
            let response = ask(&server, "GET /signal/standup", headers).await;
            assert_secured(what, &response);
        }
    }
}

#[tokio::test]
async fn websockets_may_go_to_the_requests_host_alone() {
    let server = Server::start(false, &[]);
    for (host, connect) in [
        ("meet.example:8443", "connect-src 'self' ws://meet.example:8443 wss://meet.example:8443;"),
        ("[::1]:80", "connect-src 'self';"),
        ("a;script-src *", "connect-src 'self';"),
        ("", "connect-src 'self';"),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let response = soon("a response", exchange(&server, &request)).await.to_lowercase();
        // A server may refuse an invalid host.
        if response.starts_with("http/1.1 200") || !host.contains(';') {
            assert!(response.contains(connect), "{host}: {response}");
        }
        assert!(!response.contains("script-src"), "{host}: {response}");
    }
}

#[tokio::test]
async fn below_room_every_address_has_the_page_that_explains_the_error() {
    let server = Server::start(false, &[]);
    let long = "x".repeat(129);
    for (name, status) in [
        ("standup", 200),
        ("st%61ndup", 200),
        ("standup/", 200),
        ("standup?a=b", 200),
        ("...", 200),
        ("a+b", 200),
        ("a%20b", 200),
        ("%2520", 200),
        ("caf%C3%A9", 200),
        ("%C3%89quipe%20%E2%80%93%20%E6%9C%9D%E4%BC%9A%20%F0%9F%8E%89", 200),
        (&"x".repeat(128), 200),
        ("", 404),
        ("/", 404),
        ("a/b", 404),
        ("a%2Fb", 404),
        ("a//b", 404),
        ("%", 404),
        ("%zz", 404),
        ("%ff", 404),
        ("%EF%BF%BD", 404),
        ("%2E%2e", 404),
        ("a%0Ab", 404),
        ("%00", 404),
        ("%20", 404),
        ("%E2%80%AE", 404),
        (&long, 404),
        (&"x".repeat(5000), 404),
    ] {
        let request = format!("GET /room/{name}");
        let response = ask(&server, &request, "").await;
        assert_eq!(response.get(9..12), Some(&*status.to_string()), "{name}: {response}");
        assert!(response.contains("/assets/room-"), "{name}: {response}");
        assert_secured(&request, &response);
    }
}

async fn ask(server: &Server, request: &str, headers: &str) -> String {
    let host = server.address;
    let headers = headers.replace("{host}", &host.to_string());
    let close = if headers.is_empty() { "Connection: close\r\n" } else { "" };
    let request = format!("{request} HTTP/1.1\r\nHost: {host}\r\n{close}{headers}\r\n");
    soon("a response", exchange(server, &request)).await
}

fn assert_secured(request: &str, response: &str) {
    let (head, _) = response.split_once("\r\n\r\n").unwrap_or((response, ""));
    let head = head.to_lowercase();
    for part in [
        "x-content-type-options: nosniff",
        "content-security-policy: default-src 'self';",
        "form-action 'self';",
    ] {
        assert_eq!(head.matches(part).count(), 1, "{request}: {head}");
    }
}

const HANDSHAKE: &str = "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const FOREIGN_HANDSHAKE: &str = "Origin: http://evil.example\r\nConnection: upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const OTHER_HANDSHAKE: &str = "Sec-WebSocket-Protocol: other\r\nConnection: upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
