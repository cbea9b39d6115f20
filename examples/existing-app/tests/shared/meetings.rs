//! Who may join a meeting, and what the site adds for it.

use std::process::Command;

use futures_util::StreamExt;
use serde_json::json;

use super::site::{SIGNAL, Site};

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
    assert!(team.contains("\"/teams/apollo/meeting/attendance\""), "{team}");
    let (_, meeting) = site.page("/teams/apollo/meeting", &ada).await;
    assert!(meeting.contains(&format!("\"{SIGNAL}\"")), "{meeting}");
    assert!(meeting.contains("\"/static/meeting.js\""), "{meeting}");
    let (_, script) = site.page("/static/meeting.js", "").await;
    assert!(script.contains("'/meet-signal/index.js'"), "{script}");
    assert!(script.contains("'./people.js'"), "{script}");
    for module in ["/meet-signal/index.js", "/static/people.js"] {
        let (head, _) = site.page(module, "").await;
        assert!(head.contains("content-type: text/javascript"), "{head}");
    }
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
    assert_eq!(ada.closed().await.0, 4000);
    assert!(ada.0.next().await.is_none());
    assert!(site.process.wait().unwrap().success());
}

const EVIL: &str = "https://evil.example";
