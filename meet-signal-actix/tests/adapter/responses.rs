//! The responses to requests that are not upgraded: they are the same as those of the adapter for axum.

use std::{collections::BTreeMap, io, net::SocketAddr};

use actix_web::web;
use meet_signal_actix::{Hub, OriginPolicy, SignalService};
use meet_signal_axum::SignalRouter;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::server::{Server, serve, serve_hub};

/// The parts of a response that both adapters have in common.
#[derive(Debug, PartialEq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    /// Empty if it is not text.
    pub(crate) body: String,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
) -> Response {
    let mut tcp = TcpStream::connect(address).await.expect("a server listens");
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
    tcp.write_all(request.as_bytes()).await.expect("a connection");

    let mut tcp = BufReader::new(tcp);
    let status_line = line(&mut tcp).await;
    let status = status_line.split(' ').nth(1).expect("a status").parse().expect("a number");
    let mut headers = BTreeMap::new();
    let mut length = 0;
    while let Some((name, value)) = line(&mut tcp).await.split_once(": ") {
        let name = name.to_ascii_lowercase();
        if name == "content-length" {
            length = value.parse().expect("a number");
        }
        // The frameworks differ in which connections they keep.
        let is_kept = name == "connection" && !value.eq_ignore_ascii_case("upgrade");
        if COMPARED_HEADERS.contains(&name.as_str()) && !is_kept {
            // Lines of the same name are one list.
            let list: &mut String = headers.entry(name).or_default();
            list.push_str(if list.is_empty() { "" } else { ", " });
            list.push_str(value);
        }
    }
    let bodiless = method == "HEAD" || status == 304;
    let mut bytes = vec![0; if bodiless { 0 } else { length }];
    tcp.read_exact(&mut bytes).await.expect("the whole body");
    let body = String::from_utf8(bytes.clone()).unwrap_or_default();
    Response { status, headers, body, bytes }
}

async fn line(tcp: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    tcp.read_line(&mut line).await.expect("a line");
    line.trim_end().to_owned()
}

/// The response of this adapter, which must equal that of the other one.
async fn response(method: &str, path: &str, headers: &[&str]) -> Response {
    BothAdapters::start().await.response(method, path, headers).await
}

/// A server on each adapter, with the same routes.
pub(crate) struct BothAdapters {
    actix: Server,
    axum: SocketAddr,
    axum_server: JoinHandle<io::Result<()>>,
}

impl BothAdapters {
    pub(crate) async fn start() -> Self {
        let pages = || OriginPolicy::listed(["https://www.example.com"]).expect("an origin");
        let actix = serve(move |app| {
            app.service(SignalService::new(Hub::default()))
                .service(web::scope("/js").service(meet_signal_actix::client()))
                .service(
                    web::scope("/any")
                        .service(SignalService::new(Hub::default()).origins(OriginPolicy::any())),
                )
                .service(
                    web::scope("/teams/{team}/{module}/js")
                        .service(meet_signal_actix::client_for(pages())),
                );
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let axum = listener.local_addr().expect("it listens");
        let any = SignalRouter::new(Hub::default()).origins(OriginPolicy::any());
        let app = SignalRouter::new(Hub::default())
            .into_router()
            .nest("/js", meet_signal_axum::client::<()>())
            .nest("/any", any.into_router())
            .nest("/teams/{team}/{module}/js", meet_signal_axum::client_for(pages()));
        let axum_server = tokio::spawn(axum::serve(listener, app).into_future());
        Self { actix, axum, axum_server }
    }

    /// The response of this adapter, which must equal that of the other one.
    pub(crate) async fn response(&self, method: &str, path: &str, headers: &[&str]) -> Response {
        let response = request(self.actix.address, method, path, headers).await;
        let other = request(self.axum, method, path, headers).await;
        assert_eq!(response, other, "{method} {path} {headers:?}");
        response
    }
}

impl Drop for BothAdapters {
    fn drop(&mut self) {
        self.axum_server.abort();
    }
}

async fn handshake(path: &str, headers: &[&str]) -> Response {
    response("GET", path, &[&HANDSHAKE, headers].concat()).await
}

#[tokio::test]
async fn an_invalid_room_name_is_refused() {
    for (segment, reason) in [
        (&*"x".repeat(129), "not be longer than 128 bytes of UTF-8"),
        (".", "not be `.` or `..`"),
        ("%2E.", "not be `.` or `..`"),
        ("%FF", "be UTF-8"),
        ("a%0A", "not contain U+000A, a control character"),
        ("%E2%80%AEa", "not contain U+202E, a format character"),
        ("%E2%80%A8", "not contain U+2028, a line or paragraph separator"),
        ("%EF%BF%BF", "not contain U+FFFF, a character that Unicode has not assigned"),
        ("%EF%BF%BD", "not contain U+FFFD, which replaces what is not UTF-8"),
    ] {
        let response = handshake(&format!("/signal/{segment}"), &[]).await;
        assert_eq!(response.status, 400, "{segment}");
        assert_eq!(response.body, format!("a room name must {reason}"), "{segment}");
        assert_eq!(response.headers["content-type"], "text/plain; charset=utf-8");
    }
    assert_eq!(handshake("/signal/", &[]).await.status, 404);
}

#[tokio::test]
async fn an_unknown_subprotocol_is_refused() {
    let response = handshake(ROOM, &["Sec-WebSocket-Protocol: chat, meet-signal.v2"]).await;
    assert_eq!(response.status, 400);
    assert_eq!(response.body, "this server speaks the WebSocket subprotocol meet-signal.v1");
    assert_eq!(response.headers["content-type"], "text/plain; charset=utf-8");
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused() {
    let response = handshake(ROOM, &["Origin: https://evil.example"]).await;
    assert_eq!(response.status, 403);
    assert_eq!(response.body, "pages of this origin may not connect here");
    // The forwarding headers of a client are not trusted.
    let forwarded = ["Origin: https://evil.example", "X-Forwarded-Host: evil.example"];
    assert_eq!(handshake(ROOM, &forwarded).await.status, 403);
}

/// The table "Before the upgrade" of `docs/protocol.md`.
#[tokio::test]
async fn an_invalid_handshake_is_refused() {
    let without = |name: &str| HANDSHAKE.into_iter().filter(|it| !it.starts_with(name)).collect();
    let with = |name: &str, header| [without(name), vec![header]].concat();
    let server = serve_hub(&Hub::default());
    let cases: [(&str, &str, Vec<&str>, u16); 14] = [
        ("GET", ROOM, without("Connection"), 400),
        ("GET", ROOM, with("Connection", "Connection: keep-alive"), 400),
        ("HEAD", ROOM, vec![], 405),
        ("GET", ROOM, without("Sec-WebSocket-Version"), 400),
        ("GET", ROOM, with("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"), 400),
        ("GET", ROOM, with("Sec-WebSocket-Version", "Sec-WebSocket-Version: 14"), 400),
        ("GET", ROOM, with("Sec-WebSocket-Version", "Sec-WebSocket-Version: x"), 400),
        ("GET", ROOM, without("Sec-WebSocket-Key"), 400),
        ("GET", ROOM, with("Sec-WebSocket-Key", "Sec-WebSocket-Key: c2hvcnQ="), 400),
        ("POST", ROOM, HANDSHAKE.to_vec(), 405),
        ("PUT", ROOM, vec![], 405),
        ("OPTIONS", ROOM, vec![], 405),
        ("GET", "/signal/", HANDSHAKE.to_vec(), 404),
        ("GET", "/signal/a/b", HANDSHAKE.to_vec(), 404),
    ];
    for (method, path, headers, status) in cases {
        let response = request(server.address, method, path, &headers).await;
        assert_eq!(response.status, status, "{method} {path} {headers:?}");
    }
}

/// What a page's `fetch` gets of the route, and a WebSocket through a proxy that removes `Upgrade`.
#[tokio::test]
async fn a_get_that_asks_for_no_websocket_is_told_to_upgrade_where_it_could() {
    let without = |name: &str| HANDSHAKE.into_iter().filter(|it| !it.starts_with(name)).collect();
    let stripped: Vec<_> = without("Upgrade");
    let h2c = [stripped.as_slice(), &["Upgrade: h2c"]].concat();
    for headers in [vec![], stripped, h2c] {
        let ordinary = response("GET", ROOM, &headers).await;
        assert_eq!(ordinary.status, 426, "{headers:?}");
        assert_eq!(ordinary.body, "this is the URL of a WebSocket");
        assert_eq!(ordinary.headers["content-type"], "text/plain; charset=utf-8");
        assert_eq!(ordinary.headers["upgrade"], "websocket");
        assert_eq!(ordinary.headers["connection"], "upgrade");
    }
    assert_eq!(response("GET", "/signal/a%09room", &[]).await.status, 400);
    assert_eq!(response("GET", ROOM, &["Origin: https://evil.example"]).await.status, 403);
    assert_eq!(response("GET", ROOM, &["Sec-WebSocket-Protocol: chat"]).await.status, 400);
}

#[tokio::test]
async fn the_browser_side_is_served_and_revalidated() {
    let whole = response("GET", "/meet-signal/index.js", &[]).await;
    assert_eq!(whole.status, 200);
    assert_eq!(whole.headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(whole.headers["x-content-type-options"], "nosniff");
    assert_eq!(whole.headers["cache-control"], "no-cache");
    let has = format!("If-None-Match: \"other\", W/{}", whole.headers["etag"]);
    let fresh = response("GET", "/js/index.js", &[&has]).await;
    assert_eq!((fresh.status, fresh.body.as_str()), (304, ""));
    assert_eq!(fresh.headers["etag"], whole.headers["etag"]);
    let stale = response("GET", "/js/index.js", &["If-None-Match: \"other\""]).await;
    assert_eq!(stale, whole);
    let head = response("HEAD", "/js/index.js", &[]).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.headers, whole.headers);
    for name in ["nothing.js", "..%2Flib.rs"] {
        assert_eq!(response("GET", &format!("/js/{name}"), &[]).await.status, 404, "{name}");
    }
    assert_eq!(response("POST", "/js/index.js", &[]).await.status, 405);
}

const COMPARED_HEADERS: [&str; 9] = [
    "access-control-allow-origin",
    "cache-control",
    "connection",
    "content-encoding",
    "content-type",
    "etag",
    "upgrade",
    "vary",
    "x-content-type-options",
];

const ROOM: &str = "/signal/standup";

pub(crate) const HANDSHAKE: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];
