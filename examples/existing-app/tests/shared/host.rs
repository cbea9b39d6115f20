//! What the host of a meeting does to others.

use serde_json::{Value, json};

use super::site::{Peer, SIGNAL, Site};

impl Site {
    async fn join(&self, cookie: &str) -> (Peer, Value) {
        let mut peer = self.connect(SIGNAL, cookie).await.expect("an upgrade");
        let welcome = peer.join().await;
        (peer, welcome["self"].clone())
    }

    /// The head of the response to a form, and its body.
    async fn post(&self, path: &str, cookie: &str, body: &str) -> (String, String) {
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        let headers = format!("Cookie: {cookie}\r\n{form}");
        self.request(&format!("POST /teams/apollo/meeting/{path}"), &headers, body).await
    }
}

#[tokio::test]
async fn the_host_moderates_and_others_do_not() {
    let site = Site::start();
    let (mut ada, ada_self) = site.join(&site.log_in("ada").await).await;
    assert_eq!(ada_self["permissions"], json!(["signal", "broadcast", "moderate"]));
    let (mut bob, bob_self) = site.join(&site.log_in("bob").await).await;
    assert_eq!(bob_self["permissions"], json!(["signal", "broadcast"]));
    ada.expect("joined").await;

    bob.send(json!({"type": "kick", "peer": ada_self["id"]})).await;
    assert_eq!(bob.expect("error").await["code"], "not-allowed");
    ada.send(json!({"type": "kick", "peer": bob_self["id"], "reason": "too loud"})).await;
    assert_eq!(bob.closed().await, (4500, "too loud".into()));
    assert_eq!(ada.expect("left").await["reason"], "kicked");
    // Who was removed may join again.
    site.join(&site.log_in("bob").await).await;
    ada.expect("joined").await;
}

#[tokio::test]
async fn who_is_blocked_stays_out_until_the_host_allows_it() {
    let site = Site::start();
    let (ada, bob) = (site.log_in("ada").await, site.log_in("bob").await);
    let (mut host, _) = site.join(&ada).await;
    let (mut guest, guest_self) = site.join(&bob).await;
    host.expect("joined").await;

    let peer = format!("peer={}", guest_self["id"].as_str().expect("an id"));
    let (head, _) = site.post("block", &ada, &peer).await;
    assert!(head.starts_with("HTTP/1.1 204 "), "{head}");
    assert_eq!(guest.closed().await, (4500, BLOCKED.into()));
    assert_eq!(host.expect("left").await["peer"], guest_self["id"]);
    // Another login of the same person is no way in, either, nor is another device.
    for cookie in [&bob, &site.log_in("bob").await] {
        let mut again = site.connect(SIGNAL, cookie).await.expect("an upgrade");
        assert_eq!(again.refusal().await, ("banned".into(), BLOCKED.into(), 4505));
        let (head, body) = site.page(SIGNAL, cookie).await;
        assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
        assert_eq!(body, BLOCKED);
    }
    // The block is one of this team's meetings.
    assert!(site.connect("/teams/gemini/meeting/signal", &bob).await.is_ok());

    let attendance = "/teams/apollo/meeting/attendance";
    assert!(site.page(attendance, &ada).await.1.contains("Let Bob Kahn in again"));
    assert!(!site.page(attendance, &bob).await.1.contains("in again"));
    let (head, _) = site.post("unblock", &bob, "login=bob").await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    let (head, _) = site.post("unblock", &ada, "login=bob").await;
    assert!(head.starts_with("HTTP/1.1 303 "), "{head}");
    assert!(head.contains(&format!("location: {attendance}")), "{head}");
    site.join(&bob).await;
    host.expect("joined").await;
    assert!(!site.page(attendance, &ada).await.1.contains("in again"));
}

#[tokio::test]
async fn a_request_to_block_that_makes_no_sense_is_refused() {
    let site = Site::start();
    let (ada, cy) = (site.log_in("ada").await, site.log_in("cy").await);
    let (mut host, host_self) = site.join(&ada).await;
    let own = format!("peer={}", host_self["id"].as_str().expect("an id"));
    for (cookie, body, status) in [
        (&ada[..], "peer=nobody", "404"),
        (&ada, "peer=", "404"),
        (&ada, &own, "409"),
        (&site.log_in("bob").await, &own, "403"),
        (&cy, &own, "403"),
        ("", &own, "303"),
    ] {
        let (head, _) = site.post("block", cookie, body).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{body}: {head}");
    }
    // The host is still there.
    host.send(json!({"type": "probe"})).await;
    host.expect("ping").await;
}

const BLOCKED: &str = "the host has blocked you from this meeting";
