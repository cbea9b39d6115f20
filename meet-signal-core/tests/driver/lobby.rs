//! The lobby: waiting, admitting, denying.

mod place;

use std::time::Duration;

use meet_signal_core::{
    Admission, Grant, Hub, IceServer, IceServerProvider, IceServerRequest, IceServers, Limits,
    ModerationError, PeerId, Permissions, ProvideIceServers, RoomEventKind,
};
use serde_json::{Value, json};
use tokio::time::advance;

use crate::{
    client::{Client, SECOND, answer, closed, connect, host, join, member, refused},
    id, room,
};

const HOUR: Duration = Duration::from_secs(3600);

/// Gives each peer credentials of its own.
struct Turn;

impl IceServerProvider for Turn {
    fn provide(&self, request: IceServerRequest) -> ProvideIceServers<'_> {
        let server = IceServer::turn("turn:turn.example.com", request.peer.to_string(), "secret");
        Box::pin(async move { Ok(IceServers::new([server])) })
    }
}

/// A room with a lobby and a moderator.
async fn hosted(limits: Limits) -> (Hub, Client) {
    // No client here answers pings.
    let limits = limits.to_builder().heartbeat(HOUR).build().expect("within the ranges");
    let hub = Hub::new(limits);
    hub.set_lobby(&room(), true);
    let (ada, welcome) = join(&hub, host()).await;
    assert_eq!(welcome["lobby"], true);
    (hub, ada)
}

/// Joins, and waits.
async fn knock(hub: &Hub, join: Value) -> (Client, Value) {
    knock_as(hub, member(), join).await
}

async fn knock_as(hub: &Hub, grant: Grant, join: Value) -> (Client, Value) {
    let mut client = connect(hub, grant);
    client.send(&join.to_string());
    let waiting = client.expect("waiting").await;
    client.send(r#"{"type":"ack","received":0}"#);
    (client, waiting)
}

fn named(name: &str) -> Value {
    json!({"type": "join", "meta": {"name": name}})
}

/// What a client sends that has had no `welcome`.
fn resume(waiting: &Value) -> Value {
    let ticket = &waiting["ticket"];
    json!({"type": "join", "resume": {"ticket": ticket, "received": 0, "waiting": true}})
}

fn about(kind: &str, knock: &Value) -> Value {
    json!({"type": kind, "peer": knock["peer"]["id"]})
}

fn peer_id(knock: &Value) -> PeerId {
    knock["peer"]["id"].as_str().expect("an id").parse().expect("a peer's id")
}

#[tokio::test(start_paused = true)]
async fn who_is_admitted_joins_as_the_peer_that_knocked() {
    let (hub, mut ada) = hosted(Limits::default()).await;
    let (mut cleo, _) = join(&hub, member().admission(Admission::Direct)).await;
    ada.expect("joined").await;
    let (mut bob, waiting) = knock(&hub, named("Bob")).await;
    let knock = ada.expect("knock").await;
    assert_eq!(knock["peer"]["meta"], json!({"name": "Bob"}));
    assert_eq!(hub.roster(&room()).len(), 2, "who waits is no member");
    assert_eq!(hub.waiting(&room())[0].id, peer_id(&knock));

    ada.send(&about("admit", &knock).to_string());
    let welcome = bob.expect("welcome").await;
    assert_eq!((&welcome["resumed"], &welcome["received"]), (&json!("no"), &json!(0)));
    assert_eq!((id(&welcome), &welcome["ticket"]), (&knock["peer"]["id"], &waiting["ticket"]));
    assert_eq!(welcome["peers"].as_array().map(Vec::len), Some(2));
    assert!(welcome.get("knocking").is_none(), "{welcome}");
    assert_eq!(ada.expect("knockGone").await, about("knockGone", &knock));
    assert_eq!(ada.expect("joined").await["peer"]["id"], knock["peer"]["id"]);
    // The first thing that a member without `moderate` hears of it.
    assert_eq!(cleo.next().await["type"], "joined");
    assert!(hub.waiting(&room()).is_empty());

    // It is a member like any other.
    bob.send(&json!({"type": "signal", "to": id(&welcome), "data": 1, "ref": 3}).to_string());
    assert_eq!(bob.expect("error").await["code"], "no-such-peer");
    bob.send(r#"{"type":"broadcast","data":2}"#);
    assert_eq!(cleo.expect("broadcast").await["from"], *id(&welcome));
}

#[tokio::test(start_paused = true)]
async fn who_is_denied_is_told_why_and_may_ask_again_later() {
    let (hub, mut ada) = hosted(Limits::default()).await;
    let (mut bob, waiting) = knock(&hub, named("Bob")).await;
    let knock_of_bob = ada.expect("knock").await;
    let reason = "ü".repeat(128);
    let mut deny = about("deny", &knock_of_bob);
    deny["reason"] = json!(reason);
    ada.send(&deny.to_string());
    let error = bob.expect("error").await;
    assert_eq!((&error["code"], &error["message"]), (&json!("denied"), &json!(reason)));
    let end = closed(&mut bob).await;
    assert_eq!((end.code(), &*end.text()), (4504, "ü".repeat(61).as_str()));
    ada.expect("knockGone").await;

    // A client that has lost its connection before it was told.
    let (code, end) = refused(&hub, member(), resume(&waiting)).await;
    assert_eq!((code, end.code()), (json!("denied"), 4504));
    advance(hub.limits().grace()).await;
    ada.send(r#"{"type":"ack","received":0}"#);
    let (_bob, again) = knock(&hub, resume(&waiting)).await;
    assert_ne!(again["ticket"], waiting["ticket"]);
    assert_ne!(ada.expect("knock").await["peer"]["id"], knock_of_bob["peer"]["id"]);

    let (mut dan, _) = knock(&hub, named("Dan")).await;
    hub.deny(&room(), peer_id(&ada.expect("knock").await), None).unwrap();
    assert_eq!(dan.expect("error").await["message"], "not admitted");
    assert_eq!(closed(&mut dan).await.text(), "not admitted");
}

#[tokio::test(start_paused = true)]
async fn who_leaves_the_lobby_is_gone_at_once() {
    let (hub, mut ada) = hosted(Limits::default()).await;
    let (mut bob, _) = knock(&hub, named("Bob")).await;
    let knock_of_bob = ada.expect("knock").await;
    bob.send(r#"{"type":"leave"}"#);
    assert_eq!(closed(&mut bob).await.code(), 1000);
    assert_eq!(ada.expect("knockGone").await, about("knockGone", &knock_of_bob));

    let (_lost, waiting) = knock(&hub, named("Cleo")).await;
    let knock_of_cleo = ada.expect("knock").await;
    let mut other = connect(&hub, member());
    other.send(&json!({"type": "leave", "ticket": waiting["ticket"]}).to_string());
    assert_eq!(closed(&mut other).await.code(), 1000);
    assert_eq!(ada.expect("knockGone").await, about("knockGone", &knock_of_cleo));
    assert_eq!(hub.sessions(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_moderator_hears_of_all_who_wait() {
    let (hub, ada) = hosted(Limits::default()).await;
    let (_bob, _) = knock(&hub, named("Bob")).await;
    let (_cleo, _) = knock(&hub, named("Cleo")).await;
    let names = |list: &Value| -> Vec<_> {
        list.as_array().unwrap().iter().map(|peer| peer["meta"]["name"].clone()).collect()
    };
    let (mut dan, welcome) = join(&hub, host()).await;
    assert_eq!(names(&welcome["knocking"]), ["Bob", "Cleo"]);
    let (mut eve, welcome) = join(&hub, member().admission(Admission::Direct)).await;
    assert!(welcome.get("knocking").is_none(), "{welcome}");

    let everything = json!(["signal", "broadcast", "moderate"]);
    let promote = json!({"type": "permissions", "peer": id(&welcome), "permissions": everything});
    ada.send(&promote.to_string());
    let told: Vec<_> = [eve.next().await, eve.next().await, eve.next().await].into();
    assert_eq!(told[0]["type"], "permissions");
    assert_eq!(
        (&told[1]["peer"]["meta"]["name"], &told[2]["peer"]["meta"]["name"]),
        (&json!("Bob"), &json!("Cleo"))
    );

    let demote = json!({"type": "permissions", "peer": id(&welcome), "permissions": ["signal"]});
    ada.send(&demote.to_string());
    eve.expect("permissions").await;
    let (_fay, _) = knock(&hub, named("Fay")).await;
    assert_eq!(dan.expect("knock").await["peer"]["meta"]["name"], "Fay");
    ada.send(r#"{"type":"broadcast","data":1}"#);
    assert_eq!(eve.next_but_pings().await["type"], "broadcast", "she may not moderate any more");
}

#[tokio::test(start_paused = true)]
async fn a_full_room_admits_nobody_and_the_others_go_on_waiting() {
    let limits = Limits::builder().room_peers(2).build().unwrap();
    let (hub, mut ada) = hosted(limits).await;
    let (mut bob, _) = knock(&hub, named("Bob")).await;
    let (mut cleo, waiting) = knock(&hub, named("Cleo")).await;
    ada.send(r#"{"type":"admitAll"}"#);
    assert_eq!(bob.expect("welcome").await["peers"].as_array().map(Vec::len), Some(1));
    let knock_of_cleo =
        ada.expect_where("knock", |knock| knock["peer"]["meta"]["name"] == "Cleo").await;
    assert_eq!(answer(&mut ada, about("admit", &knock_of_cleo)).await, "room-full");
    assert_eq!(answer(&mut ada, json!({"type": "admitAll"})).await, "room-full");
    let peer = peer_id(&knock_of_cleo);
    assert_eq!(hub.admit(&room(), peer), Err(ModerationError::RoomFull));
    assert_eq!(hub.admit_all(&room()), Err(ModerationError::RoomFull));
    bob.send(r#"{"type":"leave"}"#);
    ada.expect("left").await;
    assert_eq!(hub.admit_all(&room()), Ok(1));
    assert_eq!(cleo.expect("welcome").await["ticket"], waiting["ticket"]);
    assert_eq!(hub.admit_all(&room()), Ok(0));
    assert_eq!(hub.admit(&room(), peer), Err(ModerationError::NoSuchPeer));
    assert_eq!(hub.deny(&room(), peer, None), Err(ModerationError::NoSuchPeer));
}

#[tokio::test(start_paused = true)]
async fn without_permission_nobody_is_admitted() {
    let (hub, mut ada) = hosted(Limits::default()).await;
    let (mut eve, _) = join(&hub, member().admission(Admission::Direct)).await;
    let (bob, _) = knock(&hub, named("Bob")).await;
    let knock_of_bob = ada.expect("knock").await;
    for request in [
        about("admit", &knock_of_bob),
        about("deny", &knock_of_bob),
        json!({"type": "admitAll"}),
        json!({"type": "lobby", "enabled": false}),
    ] {
        assert_eq!(answer(&mut eve, request).await, "not-allowed");
    }
    for nobody in ["not an id", "AAAAAAAAAAAAAAAAAAAAAA"] {
        let admit = json!({"type": "admit", "peer": nobody});
        assert_eq!(answer(&mut ada, admit).await, "no-such-peer");
    }
    let mut deny = about("deny", &knock_of_bob);
    deny["reason"] = json!("u".repeat(257));
    assert_eq!(answer(&mut ada, deny).await, "bad-message");
    assert_eq!(hub.waiting(&room()).len(), 1);
    drop(bob);
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_in_the_lobby_has_no_effect_and_does_not_count() {
    let (hub, mut ada) = hosted(Limits::default()).await;
    let (mut bob, _) = knock(&hub, named("Bob")).await;
    let knock_of_bob = ada.expect("knock").await;
    for request in [
        json!({"type": "broadcast", "data": 1}),
        json!({"type": "update", "meta": 1}),
        json!({"type": "admit", "peer": knock_of_bob["peer"]["id"]}),
        json!({"type": "join"}),
    ] {
        bob.send(&request.to_string());
        assert_eq!(bob.expect("error").await["code"], "not-joined");
    }
    bob.send(r#"{"type":"probe"}"#);
    assert_eq!(bob.expect("ping").await["received"], 0);
    hub.admit(&room(), peer_id(&knock_of_bob)).unwrap();
    let welcome = bob.expect("welcome").await;
    assert_eq!(
        (&welcome["received"], &welcome["self"]["meta"]),
        (&json!(0), &json!({"name": "Bob"}))
    );
    // Both count from here: the number of frames that the server sends is that of the client.
    ada.send(r#"{"type":"broadcast","data":1}"#);
    bob.expect("broadcast").await;
    bob.send(r#"{"type":"ack","received":1}"#);
    bob.send(r#"{"type":"ack","received":2}"#);
    assert_eq!(bob.expect("error").await["code"], "bad-message");
}

#[tokio::test(start_paused = true)]
async fn a_lock_admits_no_new_knocks_and_a_ban_ends_a_wait() {
    let (hub, mut ada) = hosted(Limits::default()).await;
    let (mut bob, _) = knock_as(&hub, member().identity("bob"), named("Bob")).await;
    let (mut cleo, _) = knock(&hub, named("Cleo")).await;
    hub.lock(&room(), true);
    let (code, _) = refused(&hub, member(), named("Dan")).await;
    assert_eq!(code, "room-locked");
    ada.send(r#"{"type":"admitAll"}"#);
    assert_eq!(cleo.expect("welcome").await["locked"], true, "a moderator has decided");
    bob.expect("welcome").await;
    hub.lock(&room(), false);

    let (mut bob, waiting) = knock_as(&hub, member().identity("bob"), named("Bob")).await;
    hub.ban(&room(), "bob", SECOND, Some("Enough.")).unwrap();
    assert_eq!(closed(&mut bob).await.code(), 4500);
    let (code, _) = refused(&hub, member().identity("bob"), named("Bob")).await;
    assert_eq!(code, "banned");
    let mut again = connect(&hub, member().identity("bob"));
    again.send(&resume(&waiting).to_string());
    assert_eq!(closed(&mut again).await.code(), 4500);

    // A moderator may do both as well.
    let (mut dan, _) = knock_as(&hub, member().identity("dan"), named("Dan")).await;
    let knock_of_dan =
        ada.expect_where("knock", |knock| knock["peer"]["meta"]["name"] == "Dan").await;
    let mut ban = about("kick", &knock_of_dan);
    ban["banSeconds"] = 60.into();
    ada.send(&ban.to_string());
    assert_eq!(closed(&mut dan).await.code(), 4500);
    let (code, _) = refused(&hub, member().identity("dan"), named("Dan")).await;
    assert_eq!(code, "banned");
}

#[tokio::test(start_paused = true)]
async fn the_grant_decides_who_waits() {
    let hub = Hub::default();
    let (mut ada, _) = join(&hub, member().opener(Permissions::default().moderate(true))).await;
    ada.send(r#"{"type":"lobby","enabled":true}"#);
    assert_eq!(ada.expect("lobby").await["enabled"], true);
    // It is the opener's only while the room is empty.
    let second = member().opener(Permissions::default().moderate(true));
    let (_bob, waiting) = knock_as(&hub, second, named("Bob")).await;
    ada.send(r#"{"type":"lobby","enabled":false}"#);
    assert_eq!(ada.expect("lobby").await["enabled"], false);
    let by_moderator = member().admission(Admission::ByModerator);
    let (_cleo, _) = knock_as(&hub, by_moderator, named("Cleo")).await;
    assert_eq!(hub.waiting(&room()).len(), 2, "turning the lobby off admits nobody");

    // The application's newer decision admits who comes back.
    let mut bob = connect(&hub, member().admission(Admission::Direct));
    bob.send(&resume(&waiting).to_string());
    assert_eq!(bob.expect("welcome").await["resumed"], "no");
    assert_eq!(ada.expect("joined").await["peer"]["permissions"], json!(["signal", "broadcast"]));
}

#[tokio::test(start_paused = true)]
async fn who_waits_gets_no_credentials_and_who_is_admitted_gets_them() {
    let (hub, mut ada) = hosted(Limits::default()).await;
    let (mut bob, waiting) = knock_as(&hub, member().ice_provider(Turn), named("Bob")).await;
    assert!(!waiting.to_string().contains("turn:"), "{waiting}");
    advance(SECOND).await;
    let knock_of_bob = ada.expect("knock").await;
    hub.admit(&room(), peer_id(&knock_of_bob)).unwrap();
    let welcome = bob.next().await;
    assert_eq!(welcome["type"], "welcome", "nothing comes before it");
    assert_eq!(welcome["iceServers"][0]["username"], *id(&welcome));
}

#[tokio::test(start_paused = true)]
async fn the_application_hears_of_the_lobby() {
    let hub = Hub::default();
    let (_, mut events) = hub.events();
    hub.set_lobby(&room(), true);
    let (_ada, _) = join(&hub, host()).await;
    let (_bob, _) = knock_as(&hub, member().identity("bob"), named("Bob")).await;
    let waiting = hub.waiting(&room()).remove(0);
    let (snapshot, _) = hub.events();
    assert_eq!((snapshot[0].lobby, &snapshot[0].waiting), (true, &vec![waiting.clone()]));
    assert_eq!(waiting.identity, Some("bob".into()));
    hub.admit(&room(), waiting.id).unwrap();
    let (cleo, _) = knock(&hub, named("Cleo")).await;
    let of_cleo = hub.waiting(&room()).remove(0);
    hub.deny(&room(), of_cleo.id, None).unwrap();
    let expected = [
        RoomEventKind::Lobby(true),
        RoomEventKind::Opened,
        RoomEventKind::Joined(hub.roster(&room()).remove(0)),
        RoomEventKind::Knock(waiting.clone()),
        RoomEventKind::Admitted(waiting.id),
        RoomEventKind::Joined(waiting),
        RoomEventKind::Knock(of_cleo.clone()),
    ];
    for kind in expected {
        assert_eq!(events.next().await.unwrap().kind, kind);
    }
    let gone = events.next().await.unwrap().kind;
    assert!(
        matches!(gone, RoomEventKind::KnockGone { peer, reason: None } if peer == of_cleo.id),
        "{gone:?}"
    );
    drop(cleo);
}

#[tokio::test(start_paused = true)]
async fn who_is_admitted_to_an_empty_room_opens_it() {
    let hub = Hub::default();
    hub.set_lobby(&room(), true);
    let grant = || member().opener(Permissions::default().moderate(true));
    let (mut ada, _) = join(&hub, grant()).await;
    let (mut bob, _) = knock_as(&hub, grant(), named("Bob")).await;
    ada.expect("knock").await;
    ada.send(r#"{"type":"leave"}"#);
    closed(&mut ada).await;
    assert_eq!(hub.admit_all(&room()), Ok(1));
    let permissions = &bob.expect("welcome").await["self"]["permissions"];
    assert_eq!(*permissions, json!(["signal", "broadcast", "moderate"]));
}
