//! Removing, banning, locking, permissions, and identities that are in a room already.

use meet_signal_core::{
    CloseReason, Denied, Duplicates, ErrorCode, Hub, JoinError, JoinRequest, Limits, Meta,
    ModerationError, Permissions, RoomEventKind, RoomId, driver::serve, testing::connection,
};
use serde_json::{Value, json};
use tokio::time::{Instant, advance};

use crate::{
    client::{SECOND, answer, closed, connect, host, join, member, plain, refused},
    id, room,
};

#[tokio::test(start_paused = true)]
async fn a_member_that_is_kicked_is_out_and_its_ticket_is_void() {
    let hub = Hub::default();
    let (mut ada, _) = join(&hub, host()).await;
    let (mut bob, welcome) = join(&hub, member()).await;
    let (mut cleo, _) = join(&hub, member()).await;
    let kick = json!({"type": "kick", "peer": id(&welcome), "reason": "Too loud."});
    ada.send(&kick.to_string());
    let end = closed(&mut bob).await;
    assert_eq!((end.code(), &*end.text()), (4500, "Too loud."));
    assert!(!end.keeps_session());
    let left = json!({"type": "left", "peer": id(&welcome), "reason": "kicked"});
    assert_eq!(ada.expect("left").await, left);
    assert_eq!(cleo.expect("left").await, left);

    let resume = json!({"ticket": welcome["ticket"], "received": 0});
    let back = json!({"type": "join", "resume": resume});
    let mut again = connect(&hub, member());
    again.send(&back.to_string());
    let end = closed(&mut again).await;
    assert_eq!((end.code(), &*end.text()), (4500, "Too loud."), "it may not know yet");

    // A session that timed out long ago would be gone, too.
    advance(hub.limits().grace()).await;
    let mut again = connect(&hub, member());
    again.send(&back.to_string());
    let second = again.expect("welcome").await;
    assert_eq!(second["resumed"], "no");
    assert_ne!(id(&second), id(&welcome));
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_away_is_kicked_as_well() {
    let hub = Hub::default();
    let (mut ada, _) = join(&hub, host()).await;
    let (bob, welcome) = join(&hub, member()).await;
    bob.cut();
    assert_eq!(ada.expect("status").await["status"], "away");
    ada.send(&json!({"type": "kick", "peer": id(&welcome)}).to_string());
    assert_eq!(ada.expect("left").await["reason"], "kicked");
    let resume = json!({"ticket": welcome["ticket"], "received": 0});
    let mut again = connect(&hub, member());
    again.send(&json!({"type": "join", "resume": resume}).to_string());
    assert_eq!(closed(&mut again).await.code(), 4500);
}

#[tokio::test(start_paused = true)]
async fn a_long_reason_is_cut_between_characters() {
    let hub = Hub::default();
    let (_ada, _) = join(&hub, host()).await;
    let (mut bob, welcome) = join(&hub, member()).await;
    let peer = id(&welcome).as_str().unwrap().parse().unwrap();
    hub.remove(&room(), peer, Some(&"ü".repeat(128))).unwrap();
    assert_eq!(closed(&mut bob).await.text(), "ü".repeat(61));
    let (mut bob, welcome) = join(&hub, member()).await;
    let peer = id(&welcome).as_str().unwrap().parse().unwrap();
    let too_long = hub.remove(&room(), peer, Some(&"u".repeat(257)));
    assert_eq!(too_long, Err(ModerationError::ReasonTooLong));
    hub.remove(&room(), peer, None).unwrap();
    assert_eq!(closed(&mut bob).await.text(), "removed from the room");
    assert_eq!(hub.remove(&room(), peer, None), Err(ModerationError::NoSuchPeer));
}

#[tokio::test(start_paused = true)]
async fn moderation_needs_the_permission_and_a_member() {
    let hub = Hub::default();
    let (mut ada, _) = join(&hub, host()).await;
    let (mut bob, welcome) = join(&hub, member()).await;
    let peer = id(&welcome);
    let requests = [
        json!({"type": "kick", "peer": peer}),
        json!({"type": "kick", "peer": peer, "banSeconds": 5}),
        json!({"type": "lock", "locked": true}),
        json!({"type": "permissions", "peer": peer, "permissions": ["moderate"]}),
    ];
    for request in requests {
        assert_eq!(answer(&mut bob, request.clone()).await, "not-allowed", "{request}");
    }
    for peer in ["nobody", "AAAAAAAAAAAAAAAAAAAAAA"] {
        for request in [
            json!({"type": "kick", "peer": peer}),
            json!({"type": "permissions", "peer": peer, "permissions": []}),
        ] {
            assert_eq!(answer(&mut ada, request.clone()).await, "no-such-peer", "{request}");
        }
    }
    for (request, code) in [
        (json!({"type": "kick", "peer": peer, "reason": "x".repeat(257)}), "bad-message"),
        (json!({"type": "kick", "peer": peer, "banSeconds": 86_401}), "bad-message"),
        (json!({"type": "kick", "peer": peer, "banSeconds": u64::MAX}), "bad-message"),
        (json!({"type": "permissions", "peer": peer, "permissions": ["fly"]}), "bad-message"),
        // It has no identity.
        (json!({"type": "kick", "peer": peer, "banSeconds": 5}), "not-allowed"),
    ] {
        assert_eq!(answer(&mut ada, request.clone()).await, code, "{request}");
    }
    assert_eq!(hub.roster(&room()).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_banned_identity_stays_out_until_its_time_is_over() {
    let hub = Hub::default();
    let (mut ada, _) = join(&hub, host()).await;
    let (mut phone, first) = join(&hub, member().identity("bob")).await;
    let (mut laptop, second) = join(&hub, member().identity("bob")).await;
    let kick = json!({"type": "kick", "peer": id(&first), "banSeconds": 60});
    ada.send(&kick.to_string());
    for client in [&mut phone, &mut laptop] {
        assert_eq!(closed(client).await, CloseReason::Kicked { reason: None });
        assert_eq!(ada.expect("left").await["reason"], "kicked");
    }
    let resume = json!({"ticket": second["ticket"], "received": 0});
    let tickets = json!({"type": "join", "resume": resume, "replaces": first["ticket"]});
    let banned = (json!("banned"), CloseReason::Banned);
    assert_eq!(refused(&hub, member().identity("bob"), plain()).await, banned);
    let mut away = connect(&hub, member().identity("bob"));
    away.send(&tickets.to_string());
    assert_eq!(closed(&mut away).await, CloseReason::Kicked { reason: None });
    let (_other, _) = join(&hub, member().identity("bo")).await;
    let (_nobody, _) = join(&hub, member()).await;

    advance(59 * SECOND).await;
    assert_eq!(refused(&hub, member().identity("bob"), plain()).await, banned);
    advance(SECOND).await;
    join(&hub, member().identity("bob")).await;
}

#[tokio::test(start_paused = true)]
async fn the_application_bans_and_lifts_the_ban() {
    let hub = Hub::new(Limits::builder().longest_ban(60 * SECOND).build().unwrap());
    let banned = (json!("banned"), CloseReason::Banned);
    // Nobody is in the room yet.
    hub.ban(&room(), "bob", 60 * SECOND, None).unwrap();
    let too_long = hub.ban(&room(), "bob", 61 * SECOND, None);
    assert_eq!(too_long, Err(ModerationError::BanTooLong));
    assert_eq!(refused(&hub, member().identity("bob"), plain()).await, banned);
    hub.unban(&room(), "bob");
    let (mut bob, _) = join(&hub, member().identity("bob")).await;
    hub.ban(&room(), "bob", SECOND, Some("Enough.")).unwrap();
    assert_eq!(closed(&mut bob).await.text(), "Enough.");

    for n in 0..255 {
        hub.ban(&room(), format!("user {n}"), SECOND, None).unwrap();
    }
    let full = hub.ban(&room(), "one more", SECOND, None);
    assert_eq!(full, Err(ModerationError::TooManyBans));
    hub.ban(&room(), "bob", SECOND, None).expect("it is banned already");
    advance(SECOND).await;
    hub.ban(&room(), "one more", SECOND, None).expect("the others have expired");
}

#[tokio::test(start_paused = true)]
async fn a_locked_room_admits_nobody_new() {
    let hub = Hub::default();
    let (mut ada, first) = join(&hub, host()).await;
    assert_eq!(first["locked"], false);
    let (mut bob, welcome) = join(&hub, member()).await;
    ada.send(r#"{"type":"lock","locked":true}"#);
    for client in [&mut ada, &mut bob] {
        assert_eq!(client.expect("locked").await["locked"], true);
    }
    let locked = (json!("room-locked"), CloseReason::RoomFull);
    assert_eq!(refused(&hub, member(), plain()).await, locked);

    // A connection that is back, and a page that was reloaded.
    bob.cut();
    let mut bob = connect(&hub, member());
    let resume = json!({"ticket": welcome["ticket"], "received": 1});
    bob.send(&json!({"type": "join", "resume": resume}).to_string());
    let resumed = bob.expect("welcome").await;
    assert_eq!((&resumed["resumed"], &resumed["locked"]), (&json!("full"), &json!(true)));
    let mut bob = connect(&hub, member());
    bob.send(&json!({"type": "join", "replaces": welcome["ticket"]}).to_string());
    assert_eq!(bob.expect("welcome").await["locked"], true);

    // A lock that changes nothing is no event.
    ada.send(r#"{"type":"lock","locked":true}"#);
    ada.send(r#"{"type":"lock","locked":false}"#);
    assert_eq!(bob.expect("locked").await["locked"], false);
    join(&hub, member()).await;
    // Unless the application says so.
    hub.lock(&room(), true);
    join(&hub, member().passes_lock()).await;
}

#[tokio::test(start_paused = true)]
async fn an_empty_room_remembers_its_lock_for_some_time() {
    let limits = Limits::builder().empty_room_time(60 * SECOND).build().unwrap();
    let hub = Hub::new(limits);
    hub.lock(&room(), true);
    assert!(hub.rooms().is_empty(), "it has no members");
    let locked = (json!("room-locked"), CloseReason::RoomFull);
    assert_eq!(refused(&hub, member(), plain()).await, locked);
    hub.lock(&room(), false);
    let (mut ada, _) = join(&hub, host()).await;
    ada.send(r#"{"type":"lock","locked":true}"#);
    ada.expect("locked").await;
    ada.send(r#"{"type":"leave"}"#);
    assert_eq!(closed(&mut ada).await, CloseReason::Left);
    assert!(!hub.close_room(&room()), "it has no members");
    assert!(hub.send_all(&room(), &1).is_err());

    // A refused join does not extend the time.
    advance(59 * SECOND).await;
    assert_eq!(refused(&hub, member(), plain()).await, locked);
    advance(SECOND).await;
    // Another room of the shard need not be used for this one to be forgotten.
    join(&hub, member()).await;
}

#[tokio::test(start_paused = true)]
async fn only_so_many_empty_rooms_are_remembered() {
    // The limit is counted in 64 parts, each of which some of the rooms are in.
    for (limit, expected) in [(0, 0), (1, 64), (64, 64), (65, 128)] {
        let hub = Hub::new(Limits::builder().empty_rooms(limit).build().unwrap());
        let rooms: Vec<RoomId> = (0..2_000).map(|n| format!("room-{n}").parse().unwrap()).collect();
        for room in &rooms {
            hub.lock(room, true);
        }
        let now = Instant::now().into_std();
        let is_locked = |room: &&RoomId| {
            let joined = hub.join((*room).clone(), JoinRequest::default(), &member(), now);
            joined.is_err_and(|error| error == JoinError::RoomLocked)
        };
        assert_eq!(rooms.iter().filter(is_locked).count(), expected, "{limit}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_application_hears_of_refused_joins() {
    let hub = Hub::default();
    let (_, mut events) = hub.events();
    let banned = || member().identity("bob");
    hub.ban(&room(), "bob", 60 * SECOND, None).unwrap();
    refused(&hub, banned(), plain()).await;
    let (_ada, _) = join(&hub, member()).await;
    refused(&hub, banned(), plain()).await;
    let (server, end) = connection(64);
    let never = |_| async { Err(Denied::refused("not today")) };
    tokio::spawn(serve(hub.clone(), room(), never, server));
    end.send(r#"{"type":"join"}"#);
    let mut told = Vec::new();
    while told.len() < 5 {
        let event = events.next().await.unwrap();
        told.push((event.number, event.kind.clone()));
    }
    let refused = |code, identity: Option<&str>| RoomEventKind::Refused {
        code,
        identity: identity.map(Into::into),
    };
    assert_eq!(told[0], (1, refused(ErrorCode::Banned, Some("bob"))));
    assert_eq!(told[1], (2, RoomEventKind::Opened));
    assert_eq!(told[3], (4, refused(ErrorCode::Banned, Some("bob"))));
    assert_eq!(told[4], (5, refused(ErrorCode::Denied, None)));

    // A room that the hub does not know.
    hub.lock(&"other".parse().unwrap(), true);
    let locked = events.next().await.unwrap();
    assert_eq!((locked.number, &locked.kind), (1, &RoomEventKind::Locked(true)));
}

#[tokio::test(start_paused = true)]
async fn everybody_sees_what_everybody_may_do() {
    let hub = Hub::default();
    let (mut ada, first) = join(&hub, host()).await;
    let (mut bob, welcome) = join(&hub, member()).await;
    let rights = json!(["signal", "broadcast"]);
    assert_eq!(ada.expect("joined").await["peer"]["permissions"], rights);
    assert_eq!(welcome["peers"][0]["permissions"], json!(["signal", "broadcast", "moderate"]));

    let change = |peer: &Value, permissions: Value| {
        json!({"type": "permissions", "peer": peer, "permissions": permissions}).to_string()
    };
    ada.send(&change(id(&welcome), json!(["signal"])));
    let told = json!({"type": "permissions", "peer": id(&welcome), "permissions": ["signal"]});
    assert_eq!(ada.expect("permissions").await, told);
    assert_eq!(bob.expect("permissions").await, told);
    let broadcast = json!({"type": "broadcast", "data": 1});
    assert_eq!(answer(&mut bob, broadcast).await, "not-allowed");

    // The host hands over.
    ada.send(&change(id(&welcome), json!(["moderate"])));
    bob.expect("permissions").await;
    ada.send(&change(id(&first), json!([])));
    bob.expect("permissions").await;
    assert_eq!(answer(&mut ada, json!({"type": "lock", "locked": true})).await, "not-allowed");
    bob.send(r#"{"type":"lock","locked":true}"#);
    assert_eq!(bob.expect("locked").await["locked"], true);

    let peer = id(&first).as_str().unwrap().parse().unwrap();
    hub.set_permissions(&room(), peer, Permissions::default()).unwrap();
    assert_eq!(bob.expect("permissions").await["permissions"], rights);
    assert_eq!(hub.roster(&room())[0].permissions, Permissions::default());
}

#[tokio::test(start_paused = true)]
async fn an_identity_is_in_a_room_as_often_as_the_application_allows() {
    let hub = Hub::default();
    let bob = |duplicates| member().identity("bob").duplicates(duplicates);
    let (mut ada, _) = join(&hub, member().identity("ada")).await;
    let (mut first, welcome) = join(&hub, bob(Duplicates::Allow)).await;
    let (mut second, _) = join(&hub, bob(Duplicates::Allow)).await;
    let duplicate = (json!("duplicate"), CloseReason::Duplicate);
    assert_eq!(refused(&hub, bob(Duplicates::Reject), plain()).await, duplicate);
    // Those without an identity are all different.
    join(&hub, member().duplicates(Duplicates::Reject)).await;
    join(&hub, member().duplicates(Duplicates::Reject)).await;

    let (third, newest) = join(&hub, bob(Duplicates::Replace)).await;
    for client in [&mut first, &mut second] {
        assert_eq!(closed(client).await, CloseReason::Duplicate);
        assert_eq!(ada.expect("left").await["reason"], "replaced");
    }
    // Its place in the room is free, and its ticket void.
    let resume = json!({"ticket": welcome["ticket"], "received": 0});
    let join_again = json!({"type": "join", "resume": resume});
    assert_eq!(refused(&hub, bob(Duplicates::Reject), join_again).await, duplicate);

    // Away is there.
    third.cut();
    assert_eq!(refused(&hub, bob(Duplicates::Reject), plain()).await, duplicate);
    let mut reloaded = connect(&hub, bob(Duplicates::Reject));
    reloaded.send(&json!({"type": "join", "replaces": newest["ticket"]}).to_string());
    let last = reloaded.expect("welcome").await;
    reloaded.cut();
    while ada.expect("left").await["peer"] != *id(&last) {}
    join(&hub, bob(Duplicates::Reject)).await;
}

#[tokio::test(start_paused = true)]
async fn the_application_changes_a_meta_for_good() {
    let hub = Hub::default();
    let (mut ada, _) = join(&hub, member()).await;
    let (mut bob, welcome) = join(&hub, member()).await;
    let peer = id(&welcome).as_str().unwrap().parse().unwrap();
    hub.set_meta(&room(), peer, Meta::new(&"Bob").unwrap()).unwrap();
    for client in [&mut ada, &mut bob] {
        let told = json!({"type": "updated", "peer": id(&welcome), "meta": "Bob"});
        assert_eq!(client.expect("updated").await, told);
    }
    let update = json!({"type": "update", "meta": "Ada"});
    assert_eq!(answer(&mut bob, update).await, "not-allowed");
    assert_eq!(hub.roster(&room())[1].meta, Meta::new(&"Bob").unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_message_reaches_all_sessions_of_an_identity() {
    let hub = Hub::default();
    let (_ada, _) = join(&hub, member().identity("ada")).await;
    let (mut phone, _) = join(&hub, member().identity("bob")).await;
    let (mut laptop, _) = join(&hub, member().identity("bob")).await;
    let sent = hub.send_to_identity(&room(), &"bob".into(), &json!({"hello": 1}));
    assert_eq!(sent, Ok(2));
    for client in [&mut phone, &mut laptop] {
        assert_eq!(client.expect("app").await["data"], json!({"hello": 1}));
    }
    let nobody = hub.send_to_identity(&room(), &"cleo".into(), &1);
    assert_eq!(nobody, Err(meet_signal_core::SendError::NoSuchPeer));
}
