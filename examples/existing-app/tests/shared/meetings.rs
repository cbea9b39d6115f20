//! Tests of the site on either framework, over real sockets, against the program itself.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest, http::HeaderValue},
};

use crate::PROGRAM;

/// The site, in a process of its own.
struct Site {
    address: SocketAddr,
    process: Child,
}

impl Site {
    fn start() -> Self {
        let mut process = Command::new(PROGRAM)
            .env("PORT", "0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let stdout = BufReader::new(process.stdout.take().expect("a pipe"));
        let line = stdout.lines().next().expect("a line").expect("text");
        let (_, url) = line.split_once("http://").expect("the address");
        Self { address: url.trim_end_matches('/').parse().expect("an address"), process }
    }

    /// The head of a response, and its body.
    async fn request(&self, request: &str, headers: &str, body: &str) -> (String, String) {
        let mut tcp = TcpStream::connect(self.address).await.expect("the site listens");
        let length = body.len();
        let request = format!(
            "{request} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {length}\r\n\
             {headers}\r\n{body}",
            self.address
        );
        tcp.write_all(request.as_bytes()).await.expect("a connection");
        let mut response = String::new();
        tcp.read_to_string(&mut response).await.expect("a response");
        let (head, body) = response.split_once("\r\n\r\n").expect("a head");
        (head.to_owned(), body.to_owned())
    }

    async fn page(&self, path: &str, cookie: &str) -> (String, String) {
        self.request(&format!("GET {path}"), &format!("Cookie: {cookie}\r\n"), "").await
    }

    /// Logs in, and returns the cookie.
    async fn log_in(&self, login: &str) -> String {
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        let body = format!("login={login}&password=demo");
        let (head, _) = self.request("POST /login", form, &body).await;
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = cookie.and_then(|cookie| cookie.split(';').next()).expect("a cookie");
        cookie.to_owned()
    }

    async fn connect(&self, path: &str, cookie: &str) -> Result<Peer, u16> {
        self.connect_from(None, path, cookie).await
    }

    /// The error is the status of the response.
    async fn connect_from(
        &self,
        origin: Option<&'static str>,
        path: &str,
        cookie: &str,
    ) -> Result<Peer, u16> {
        let url = format!("ws://{}{path}", self.address);
        let mut request = url.into_client_request().expect("a URL");
        let cookie = HeaderValue::from_str(cookie).expect("a header");
        request.headers_mut().insert("cookie", cookie);
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", HeaderValue::from_static(origin));
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Peer(socket)),
            Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Peer(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Peer {
    async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.expect("a connection");
    }

    /// The next message, which must have this type.
    async fn expect(&mut self, kind: &str) -> Value {
        let message = self.0.next().await.expect("a message").expect("a connection");
        let message: Value = serde_json::from_str(message.to_text().expect("text")).expect("JSON");
        assert_eq!(message["type"], kind, "{message}");
        message
    }

    /// The code and the message of the error, and the code of the close frame.
    async fn refusal(&mut self) -> (String, String, u16) {
        let error = self.expect("error").await;
        let Some(Ok(Message::Close(Some(close)))) = self.0.next().await else {
            panic!("a close frame")
        };
        let text = |name: &str| error[name].as_str().expect("a text").to_owned();
        (text("code"), text("message"), close.code.into())
    }
}

#[tokio::test]
async fn a_request_without_a_login_is_redirected() {
    let site = Site::start();
    for path in ["/", "/teams/apollo", "/teams/apollo/meeting"] {
        let (head, _) = site.page(path, "").await;
        assert!(head.starts_with("HTTP/1.1 303 "), "{path}: {head}");
        assert!(head.contains("location: /login"), "{path}: {head}");
    }
}

/// A page cannot see the status of a WebSocket's handshake.
#[tokio::test]
async fn a_meeting_without_a_login_is_refused_over_the_websocket() {
    let site = Site::start();
    for cookie in ["", "person=ada", "id=ada"] {
        let mut peer = site.connect(SIGNAL, cookie).await.expect("an upgrade");
        assert_eq!(peer.refusal().await, ("unauthorized".into(), "log in again".into(), 4502));
    }
    let (head, body) = site.page(SIGNAL, "").await;
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    assert_eq!(body, "log in again");
    let (head, _) = site.page(SIGNAL, &site.log_in("ada").await).await;
    assert!(head.starts_with("HTTP/1.1 426 "), "{head}");
}

#[tokio::test]
async fn a_page_of_another_site_learns_nothing_of_the_login() {
    let site = Site::start();
    for cookie in ["", &site.log_in("ada").await] {
        assert_eq!(site.connect_from(Some(EVIL), SIGNAL, cookie).await.err(), Some(403));
        let headers = format!("Cookie: {cookie}\r\nOrigin: {EVIL}\r\n");
        let (head, body) = site.request(&format!("GET {SIGNAL}"), &headers, "").await;
        assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
        assert_eq!(body, "pages of this origin may not connect here");
    }
}

#[tokio::test]
async fn a_member_of_another_team_is_refused() {
    let site = Site::start();
    let cy = site.log_in("cy").await;
    let (head, _) = site.page("/teams/apollo/meeting", &cy).await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    for (path, message) in
        [(SIGNAL, "this is not your team"), ("/teams/none/meeting/signal", "there is no such team")]
    {
        let mut peer = site.connect(path, &cy).await.expect("an upgrade");
        assert_eq!(peer.refusal().await, ("denied".into(), message.into(), 4504));
    }
    assert!(site.connect("/teams/gemini/meeting/signal", &cy).await.is_ok());
}

#[tokio::test]
async fn members_join_under_the_names_of_their_logins() {
    let site = Site::start();
    let mut ada = site.connect(SIGNAL, &site.log_in("ada").await).await.unwrap();
    ada.send(json!({"type": "join", "meta": {"name": "Grace Hopper"}})).await;
    assert_eq!(ada.expect("welcome").await["self"]["meta"], json!({"name": "Ada Lovelace"}));

    let mut bob = site.connect(SIGNAL, &site.log_in("bob").await).await.unwrap();
    bob.send(json!({"type": "join", "meta": {"name": "Ada Lovelace"}})).await;
    let welcome = bob.expect("welcome").await;
    assert_eq!(welcome["peers"][0]["meta"], json!({"name": "Ada Lovelace"}));
    assert_eq!(ada.expect("joined").await["peer"]["meta"], json!({"name": "Bob Kahn"}));
}

#[tokio::test]
async fn the_page_of_a_meeting_has_all_that_it_loads() {
    let site = Site::start();
    let ada = site.log_in("ada").await;
    let (_, team) = site.page("/teams/apollo", &ada).await;
    assert!(team.contains("\"/teams/apollo/meeting\""), "{team}");
    let (_, meeting) = site.page("/teams/apollo/meeting", &ada).await;
    assert!(meeting.contains(&format!("\"{SIGNAL}\"")), "{meeting}");
    assert!(meeting.contains("\"/static/meeting.js\""), "{meeting}");
    let (_, script) = site.page("/static/meeting.js", "").await;
    assert!(script.contains("'/meet-signal/index.js'"), "{script}");
    let (head, _) = site.page("/meet-signal/index.js", "").await;
    assert!(head.contains("content-type: text/javascript"), "{head}");
    // The same, of this version.
    let (_, client) = meeting.split_once(r#""/meet-signal/index.js": ""#).expect("an import map");
    let (client, _) = client.split_once('"').expect("a URL");
    let (head, _) = site.page(client, "").await;
    assert!(head.contains("content-type: text/javascript"), "{client}: {head}");
    assert!(head.contains("immutable"), "{client}: {head}");
}

/// By a signal, as a deployment does.
#[tokio::test]
async fn a_stopping_server_drains_the_meeting_and_exits() {
    let mut site = Site::start();
    let mut ada = site.connect(SIGNAL, &site.log_in("ada").await).await.unwrap();
    ada.send(json!({"type": "join"})).await;
    ada.expect("welcome").await;
    let asked = Command::new("kill").arg(site.process.id().to_string()).status().unwrap();
    assert!(asked.success());
    let Some(Ok(Message::Close(Some(close)))) = ada.0.next().await else { panic!("a close frame") };
    assert_eq!(u16::from(close.code), 4000);
    assert!(ada.0.next().await.is_none());
    assert!(site.process.wait().unwrap().success());
}

const SIGNAL: &str = "/teams/apollo/meeting/signal";
const EVIL: &str = "https://evil.example";
