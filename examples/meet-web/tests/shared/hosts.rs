//! Who is host of a room, its lobby, and the identities of browsers.

use serde_json::{Value, json};

use super::{
    client::{Peer, exchange, soon},
    server::Server,
};

#[tokio::test]
async fn who_opens_a_room_is_its_host_and_the_next_one_follows() {
    let server = Server::start(false, &[]);
    let (ada, welcome) = Peer::join(&server, "standup").await;
    assert_eq!(permissions(&welcome["self"]), json!(["signal", "broadcast", "moderate"]));
    assert!(welcome.get("lobby").is_none(), "the lobby is off");
    let (mut bob, of_bob) = Peer::join(&server, "standup").await;
    let (mut cleo, _) = Peer::join(&server, "standup").await;
    assert_eq!(permissions(&of_bob["self"]), json!(["signal", "broadcast"]));
    ada.leave().await;
    for peer in [&mut bob, &mut cleo] {
        let change = soon("another host", peer.expect("permissions")).await;
        assert_eq!(change["peer"], of_bob["self"]["id"]);
        assert_eq!(permissions(&change), json!(["signal", "broadcast", "moderate"]));
    }
    bob.send(&json!({"type": "lock", "locked": true})).await;
    assert_eq!(soon("a lock", cleo.expect("locked")).await["locked"], true);
}

#[tokio::test]
async fn with_lobby_everybody_but_the_first_waits() {
    for server in [
        Server::start(false, &["--lobby"]),
        Server::start_in(&[("LOBBY", "1")], &[]),
        // A time in which others come.
        Server::start(false, &["--lobby", "--login-seconds", "0.2"]),
    ] {
        for room in ["a", "b"] {
            let (mut ada, welcome) = Peer::join(&server, room).await;
            assert_eq!(welcome["lobby"], true);
            let mut bob = Peer::with_cookie(&server, room, "").await;
            bob.send(&json!({"type": "join", "meta": "Bob"})).await;
            soon("a wait", bob.expect("waiting")).await;
            let knock = soon("a knock", ada.expect("knock")).await;
            assert_eq!(knock["peer"]["meta"], "Bob");
            ada.send(&json!({"type": "admit", "peer": knock["peer"]["id"]})).await;
            soon("an admission", bob.expect("welcome")).await;
            // The host may turn it off.
            ada.send(&json!({"type": "lobby", "enabled": false})).await;
            assert_eq!(soon("a change", bob.expect("lobby")).await["enabled"], false);
            let (_cleo, welcome) = Peer::join(&server, room).await;
            assert!(welcome.get("lobby").is_none());
        }
    }
    let server = Server::start_in(&[("LOBBY", "0")], &[]);
    let (_ada, welcome) = Peer::join(&server, "a").await;
    assert!(welcome.get("lobby").is_none());
}

#[tokio::test]
async fn of_those_who_open_a_room_with_a_lobby_at_once_one_is_let_in() {
    let server = Server::start(false, &["--lobby", "--login-seconds", "0.2"]);
    let mut peers = Vec::new();
    for _ in 0..5 {
        let mut peer = Peer::with_cookie(&server, "standup", "").await;
        peer.send(&json!({"type": "join"})).await;
        peers.push(peer);
    }
    let mut replies = Vec::new();
    for peer in &mut peers {
        let reply = async {
            loop {
                match peer.next().await {
                    message if message["type"] == "ping" => {}
                    message => return message["type"].clone(),
                }
            }
        };
        replies.push(soon("a reply", reply).await);
    }
    replies.sort_by_key(Value::to_string);
    assert_eq!(replies, ["waiting", "waiting", "waiting", "waiting", "welcome"]);
}

#[tokio::test]
async fn a_blocked_browser_cannot_return_in_any_way() {
    let server = Server::start(false, &[]);
    let (mut ada, _) = Peer::join(&server, "standup").await;
    let cookie = cookie(&server, "").await.expect("a cookie");
    assert_eq!(self::cookie(&server, &cookie).await.as_ref(), Some(&cookie), "it is renewed");

    let mut bob = Peer::with_cookie(&server, "standup", &cookie).await;
    bob.send(&json!({"type": "join"})).await;
    let welcome = soon("a welcome", bob.expect("welcome")).await;
    let id = &soon("a member", ada.expect("joined")).await["peer"];
    assert_eq!(id.to_string().matches(&cookie[cookie.len() - 32..]).count(), 0, "{id}");
    let kick = json!({"type": "kick", "peer": id["id"], "banSeconds": 60, "reason": "No."});
    ada.send(&kick).await;
    assert_eq!(soon("a leave", ada.expect("left")).await["reason"], "kicked");

    let ticket = &welcome["ticket"];
    for join in [json!({"type": "join"}), json!({"type": "join", "replaces": ticket})] {
        let mut again = Peer::with_cookie(&server, "standup", &cookie).await;
        again.send(&join).await;
        assert_eq!(soon("a refusal", again.expect("error")).await["code"], "banned", "{join}");
    }
    let mut again = Peer::with_cookie(&server, "standup", &cookie).await;
    again.send(&json!({"type": "join", "resume": {"ticket": ticket, "received": 0}})).await;
    assert_eq!(soon("a close", again.closed()).await, 4500);
    // Another browser can, and this one can in another room.
    for (room, cookie) in [("standup", self::cookie(&server, "").await), ("other", Some(cookie))] {
        let mut peer = Peer::with_cookie(&server, room, &cookie.expect("a cookie")).await;
        peer.send(&json!({"type": "join"})).await;
        soon("a welcome", peer.expect("welcome")).await;
    }
}

#[tokio::test]
async fn a_browser_without_cookies_can_be_removed_but_not_blocked() {
    let server = Server::start(false, &[]);
    let (mut ada, _) = Peer::join(&server, "standup").await;
    let (mut bob, welcome) = Peer::join(&server, "standup").await;
    let bob_id = &welcome["self"]["id"];
    ada.send(&json!({"type": "kick", "peer": bob_id, "banSeconds": 60})).await;
    assert_eq!(soon("an error", ada.expect("error")).await["code"], "not-allowed");
    ada.send(&json!({"type": "kick", "peer": bob_id})).await;
    assert_eq!(soon("a close", bob.closed()).await, 4500);
}

#[tokio::test]
async fn the_cookie_is_for_the_server_alone() {
    for tls in [false, true] {
        let server = Server::start(tls, &[]);
        for path in ["/room/standup", "/room/%ff"] {
            let head = get(&server, path, "").await;
            let cookie = set_cookie(&head).expect("a cookie");
            assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
            assert_eq!(cookie.ends_with("; Secure"), tls, "{cookie}");
            assert_eq!(cookie.starts_with("__Host-"), tls, "{cookie}");
            assert!(head.to_lowercase().contains("cache-control: private, no-cache"), "{head}");
            // A proxy has the certificate.
            let head = get(&server, path, "X-Forwarded-Proto: https\r\n").await;
            let cookie = set_cookie(&head).expect("a cookie");
            assert!(cookie.starts_with("__Host-") && cookie.ends_with("; Secure"), "{cookie}");
        }
        for path in ["/", "/assets/room.js", "/meet-signal/index.js", "/signal/standup"] {
            assert_eq!(set_cookie(&get(&server, path, "").await), None, "{path}");
        }
    }
}

fn permissions(peer: &Value) -> Value {
    peer["permissions"].clone()
}

/// The cookie that a browser gets which sends this one.
async fn cookie(server: &Server, cookie: &str) -> Option<String> {
    let head = get(server, "/room/standup", &format!("Cookie: {cookie}\r\n")).await;
    let cookie = set_cookie(&head)?;
    Some(cookie.split(';').next().expect("a pair").to_owned())
}

async fn get(server: &Server, path: &str, headers: &str) -> String {
    let host = server.address;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
    soon("a response", exchange(server, &request)).await
}

fn set_cookie(response: &str) -> Option<&str> {
    let (head, _) = response.split_once("\r\n\r\n").expect("a head");
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("set-cookie").then_some(value)
    })
}
