//! Offers that come with a join.

use meet_signal_core::{
    Admission, Grant, Hub, Limits, Permissions,
    driver::serve,
    testing::{ClientEnd, Received, connection},
};
use serde_json::{Value, json};

use crate::{connect, id, room};

fn connect_with(hub: &Hub, grant: Grant) -> ClientEnd {
    let (server, client) = connection(64);
    tokio::spawn(serve(hub.clone(), room(), grant, server));
    client
}

async fn join_with(client: &mut ClientEnd, join: Value) -> Value {
    client.send(&join.to_string());
    client.expect("welcome").await
}

/// What each peer of a welcome was offered.
fn offered(welcome: &Value) -> Vec<Option<u64>> {
    let peers = welcome["peers"].as_array().expect("a list of peers");
    peers
        .iter()
        .map(|peer| peer.get("offered").map(|offer| offer.as_u64().expect("a number")))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn each_member_gets_the_offer_of_its_place() {
    for offers in 0..5usize {
        let hub = Hub::default();
        let mut members: Vec<_> = (0..3).map(|_| connect(&hub).0).collect();
        for at in 0..3 {
            members[at].join().await;
            for earlier in &mut members[..at] {
                assert!(earlier.expect("joined").await.get("offer").is_none());
            }
        }
        let mut newcomer = connect(&hub).0;
        let list: Vec<_> = (0..offers).map(|n| json!({"offer": n})).collect();
        let welcome = join_with(&mut newcomer, json!({"type": "join", "offers": list})).await;
        let places: Vec<_> = (0..3).map(|at| (at < offers).then_some(at as u64)).collect();
        assert_eq!(offered(&welcome), places);
        for (at, member) in members.iter_mut().enumerate() {
            let joined = member.expect("joined").await;
            assert_eq!(joined["peer"]["id"], *id(&welcome));
            assert_eq!(joined.get("offer"), list.get(at), "{at} of {offers}");
        }
        // Who joins later learns nothing of it.
        let late = connect(&hub).0.join().await;
        assert_eq!(offered(&late), [None; 4]);
    }
}

#[tokio::test(start_paused = true)]
async fn offers_are_not_for_the_member_that_is_replaced() {
    let hub = Hub::default();
    let (mut old, mut other) = (connect(&hub).0, connect(&hub).0);
    let ticket = old.join().await["ticket"].clone();
    other.join().await;
    let mut newcomer = connect(&hub).0;
    let join = json!({"type": "join", "offers": ["one", "two"], "replaces": ticket});
    let welcome = join_with(&mut newcomer, join).await;
    assert_eq!(offered(&welcome), [Some(0)]);
    let Received::Flush(frames) = other.next().await else { panic!("both events") };
    assert_eq!((&frames[0]["type"], &frames[1]["offer"]), (&json!("left"), &json!("one")));
}

#[tokio::test(start_paused = true)]
async fn an_away_member_gets_it_when_it_is_back() {
    let hub = Hub::default();
    let mut away = connect(&hub).0;
    let welcome = away.join().await;
    let mut other = connect(&hub).0;
    other.join().await;
    away.expect("joined").await;
    away.cut();
    other.expect("status").await;
    let mut newcomer = connect(&hub).0;
    let second = join_with(&mut newcomer, json!({"type": "join", "offers": [1, 2]})).await;
    assert_eq!(offered(&second), [Some(0), Some(1)]);
    let mut back = connect(&hub).0;
    let resume = json!({"ticket": welcome["ticket"], "received": 1});
    back.send(&json!({"type": "join", "resume": resume, "offers": [3]}).to_string());
    let third = back.expect("welcome").await;
    assert_eq!((&third["resumed"], offered(&third)), (&json!("full"), vec![None; 2]));
    let frame = back.expect("joined").await;
    assert_eq!((&frame["peer"]["id"], &frame["offer"]), (id(&second), &json!(1)));
    // A resume offers nothing to anybody.
    assert_eq!(other.expect("joined").await["offer"], 2);
    other.expect("status").await;
}

#[tokio::test(start_paused = true)]
async fn without_the_permission_to_signal_nothing_is_offered() {
    let hub = Hub::default();
    let mut member = connect(&hub).0;
    member.join().await;
    let mut listener = connect_with(&hub, Grant::new().permissions(Permissions::NONE));
    let welcome = join_with(&mut listener, json!({"type": "join", "offers": [1]})).await;
    assert_eq!(offered(&welcome), [None]);
    assert!(member.expect("joined").await.get("offer").is_none());
}

#[tokio::test(start_paused = true)]
async fn offers_of_who_waits_in_the_lobby_are_dropped() {
    let hub = Hub::default();
    let mut host =
        connect_with(&hub, Grant::new().permissions(Permissions::default().moderate(true)));
    host.join().await;
    let mut guest = connect_with(&hub, Grant::new().admission(Admission::ByModerator));
    guest.send(&json!({"type": "join", "offers": [1]}).to_string());
    guest.expect("waiting").await;
    let knock = host.expect("knock").await;
    assert!(!knock.to_string().contains("offer"));
    host.send(&json!({"type": "admit", "peer": knock["peer"]["id"]}).to_string());
    assert_eq!(offered(&guest.expect("welcome").await), [None]);
    let Received::Flush(frames) = host.next().await else { panic!("the events") };
    let joined = frames.iter().find(|frame| frame["type"] == "joined").expect("it joins");
    assert!(joined.get("offer").is_none());
}

/// The newcomer's share of a queue is that of its address, so it cannot end anybody's connection.
#[tokio::test(start_paused = true)]
async fn a_member_that_does_not_read_gets_the_event_alone() {
    let limits = Limits::builder().outbox_bytes(256 * 1024).build().expect("valid limits");
    let hub = Hub::new(limits);
    let mut slow = connect(&hub).0;
    let welcome = slow.join().await;
    slow.stall();
    let offer = "x".repeat(60_000);
    let mut delivered = Vec::new();
    for _ in 0..16 {
        let (server, mut newcomer) = connection(64);
        let server = server.from_address([192, 0, 2, 1].into());
        tokio::spawn(serve(hub.clone(), room(), Grant::new(), server));
        let second = join_with(&mut newcomer, json!({"type": "join", "offers": [offer]})).await;
        delivered.push(offered(&second)[0].is_some());
        newcomer.send(r#"{"type":"leave"}"#);
    }
    let first = delivered.iter().filter(|delivered| **delivered).count();
    assert!((1..8).contains(&first), "{delivered:?}");
    assert_eq!(hub.roster(&room())[0].id.to_string(), *id(&welcome), "it is still there");
    let mut joined = Vec::new();
    while joined.len() < 16 {
        let Received::Flush(frames) = slow.next().await else { panic!("it is connected") };
        let events = frames.into_iter().filter(|frame| frame["type"] == "joined");
        joined.extend(events.map(|frame| frame.get("offer").is_some()));
    }
    assert_eq!(joined, delivered, "each welcome says what was delivered");
}

#[tokio::test(start_paused = true)]
async fn more_offers_than_any_room_has_members_are_not_kept() {
    let hub = Hub::default();
    let mut member = connect(&hub).0;
    member.join().await;
    let list: Vec<_> = (0..10_000).collect();
    let mut newcomer = connect(&hub).0;
    let welcome = join_with(&mut newcomer, json!({"type": "join", "offers": list})).await;
    assert_eq!(offered(&welcome), [Some(0)]);
    assert_eq!(member.expect("joined").await["offer"], 0);
}
