//! The attendance lists, and one meeting at a time.

use std::time::Duration;

use futures_util::{StreamExt, future::join};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::site::{Peer, SIGNAL, Site};

impl Site {
    /// The rows of the attendance lists of a team: login, length and state.
    async fn attendance(&self, team: &str, cookie: &str) -> Vec<[String; 3]> {
        let path = format!("/teams/{team}/meeting/attendance");
        let (head, page) = self.page(&path, cookie).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let rows = page.split("<tr data-login=\"").skip(1);
        let rows = rows.map(|row| {
            let login = row.split('"').next().expect("a login").to_owned();
            let mut cells = row.split("<td>").skip(2).map(|cell| cell.split("</td>").next());
            let mut cell = || cells.next().flatten().expect("a cell").to_owned();
            [login, cell(), cell()]
        });
        rows.collect()
    }

    /// Asks for the attendance lists until they have these logins and states. They follow the events of
    /// the rooms, a moment after the peers have them.
    async fn attended(&self, team: &str, cookie: &str, expected: &[(&str, &str)]) {
        let mut rows = Vec::new();
        let asked = async {
            loop {
                rows = self.attendance(team, cookie).await;
                let states = rows.iter().map(|[login, _, state]| (&login[..], &state[..]));
                if states.eq(expected.iter().copied()) {
                    return;
                }
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(30), asked).await;
        assert!(in_time.is_ok(), "{rows:?} instead of {expected:?}");
    }
}

/// How a connection has ended, or that it is still open: it has answered a probe.
async fn end(peer: &mut Peer) -> Option<(u16, String)> {
    loop {
        match peer.0.next().await.expect("a message").expect("a connection") {
            Message::Close(close) => {
                let close = close.expect("a code");
                return Some((close.code.into(), close.reason.to_string()));
            }
            message => {
                let text = message.to_text().expect("text");
                let message: Value = serde_json::from_str(text).expect("JSON");
                if message["type"] == "ping" {
                    return None;
                }
            }
        }
    }
}

/// How a connection ends, which may be before its `welcome` was sent.
async fn closing(peer: &mut Peer) -> (u16, String) {
    let ended = async {
        loop {
            if let Some(ended) = end(peer).await {
                return ended;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), ended).await.expect("it ends")
}

#[tokio::test]
async fn the_attendance_list_shows_who_is_there_and_how_others_left() {
    let site = Site::start();
    let (ada, bob) = (site.log_in("ada").await, site.log_in("bob").await);
    assert_eq!(site.attendance("apollo", &ada).await, [[""; 3]; 0]);
    let mut first = site.connect(SIGNAL, &ada).await.unwrap();
    let ticket = first.join().await["ticket"].clone();
    let mut second = site.connect(SIGNAL, &bob).await.unwrap();
    second.join().await;
    site.attended("apollo", &ada, &[("ada", HERE), ("bob", HERE)]).await;

    second.send(json!({"type": "leave"})).await;
    site.attended("apollo", &bob, &[("ada", HERE), ("bob", "left")]).await;
    drop(first);
    site.attended("apollo", &ada, &[("ada", "connection lost, may return"), ("bob", "left")]).await;
    let mut third = site.connect(SIGNAL, &ada).await.unwrap();
    let resume = json!({"ticket": ticket, "received": 0});
    third.send(json!({"type": "join", "resume": resume})).await;
    assert_eq!(third.expect("welcome").await["resumed"], "full");
    site.attended("apollo", &ada, &[("ada", HERE), ("bob", "left")]).await;

    // Another meeting is another list, above the older one.
    third.send(json!({"type": "leave"})).await;
    site.attended("apollo", &ada, &[("ada", "left"), ("bob", "left")]).await;
    let mut fourth = site.connect(SIGNAL, &bob).await.unwrap();
    fourth.join().await;
    site.attended("apollo", &ada, &[("bob", HERE), ("ada", "left"), ("bob", "left")]).await;
    for [_, length, _] in site.attendance("apollo", &ada).await {
        assert!(length.ends_with(" s"), "{length}");
    }
}

#[tokio::test]
async fn other_teams_and_strangers_see_no_attendance_list() {
    let site = Site::start();
    let path = "/teams/apollo/meeting/attendance";
    let (head, _) = site.page(path, "").await;
    assert!(head.starts_with("HTTP/1.1 303 ") && head.contains("location: /login"), "{head}");
    let (head, _) = site.page(path, &site.log_in("cy").await).await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
}

#[tokio::test]
async fn a_second_meeting_ends_the_first_one() {
    let site = Site::start();
    let bob = site.log_in("bob").await;
    let mut apollo = site.connect(SIGNAL, &bob).await.unwrap();
    apollo.join().await;
    let mut gemini = site.connect(GEMINI, &bob).await.unwrap();
    gemini.join().await;
    assert_eq!(apollo.closed().await, (4500, "you have joined another meeting".into()));
    site.attended("apollo", &bob, &[("bob", "left for another meeting")]).await;
    site.attended("gemini", &bob, &[("bob", HERE)]).await;
}

/// Both requests are granted before either has joined, and both joins are sent at once: neither handler
/// can see the other one's member.
#[tokio::test]
async fn of_two_joins_at_once_one_stays() {
    let site = Site::start();
    let bob = site.log_in("bob").await;
    for _ in 0..20 {
        let (apollo, gemini) = join(site.connect(SIGNAL, &bob), site.connect(GEMINI, &bob)).await;
        let (mut apollo, mut gemini) = (apollo.unwrap(), gemini.unwrap());
        join(apollo.send(json!({"type": "join"})), gemini.send(json!({"type": "join"}))).await;
        // The first one that ends. Then the site has read both joins, so the other one stays.
        let (ended, other) = tokio::select! {
            ended = closing(&mut apollo) => (ended, &mut gemini),
            ended = closing(&mut gemini) => (ended, &mut apollo),
        };
        assert_eq!(ended, (4500, "you have joined another meeting".into()));
        other.send(json!({"type": "probe"})).await;
        assert_eq!(end(other).await, None);
        other.send(json!({"type": "leave"})).await;
        closing(other).await;
    }
}

#[tokio::test]
async fn a_second_page_of_the_same_meeting_replaces_the_first_one() {
    let site = Site::start();
    let bob = site.log_in("bob").await;
    let mut first = site.connect(SIGNAL, &bob).await.unwrap();
    first.join().await;
    let mut second = site.connect(SIGNAL, &bob).await.unwrap();
    let welcome = second.join().await;
    assert_eq!(welcome["peers"], json!([]));
    assert_eq!(first.closed().await.0, 4506);
    site.attended("apollo", &bob, &[("bob", HERE)]).await;
}

const GEMINI: &str = "/teams/gemini/meeting/signal";
const HERE: &str = "in the meeting";
