//! A place in the lobby: over other connections, while the room is empty or locked, and at its end.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_wait_goes_on_over_another_connection() {
    let (hub, mut ada) = hosted(Limits::default()).await;
    let (bob, waiting) = knock(&hub, named("Bob")).await;
    let knock_of_bob = ada.expect("knock").await;
    bob.cut();
    advance(hub.limits().grace() - SECOND).await;
    let (bob, again) = knock(&hub, resume(&waiting)).await;
    assert_eq!(again["ticket"], waiting["ticket"]);
    // Also while the older connection seems to be open.
    let (mut newest, _) = knock(&hub, resume(&waiting)).await;
    assert_eq!(closed(&mut { bob }).await.code(), 4508);
    hub.admit(&room(), peer_id(&knock_of_bob)).unwrap();
    assert_eq!(*id(&newest.expect("welcome").await), knock_of_bob["peer"]["id"]);
    assert_eq!(ada.next_but_pings().await["type"], "knockGone", "there was one knock");

    let (cleo, _) = knock(&hub, named("Cleo")).await;
    let knock_of_cleo = ada.expect("knock").await;
    cleo.cut();
    advance(hub.limits().grace()).await;
    assert_eq!(ada.expect("knockGone").await, about("knockGone", &knock_of_cleo));
}

#[tokio::test(start_paused = true)]
async fn who_has_missed_its_first_welcome_gets_one_that_is_complete() {
    let (hub, mut ada) = hosted(Limits::default()).await;
    let (bob, waiting) = knock(&hub, named("Bob")).await;
    let knock_of_bob = ada.expect("knock").await;
    bob.cut();
    advance(SECOND).await;
    hub.admit(&room(), peer_id(&knock_of_bob)).unwrap();
    ada.expect("joined").await;
    assert_eq!(ada.expect("status").await["status"], "away");
    ada.send(r#"{"type":"broadcast","data":1}"#);

    let mut bob = connect(&hub, member());
    bob.send(&resume(&waiting).to_string());
    let welcome = bob.expect("welcome").await;
    assert_eq!(
        (&welcome["resumed"], id(&welcome)),
        (&json!("partial"), &knock_of_bob["peer"]["id"])
    );
    assert_eq!(welcome["peers"].as_array().map(Vec::len), Some(1));
    bob.send(r#"{"type":"ack","received":0}"#);
    bob.cut();
    let mut bob = connect(&hub, member());
    let ticket = &welcome["ticket"];
    let full = json!({"type": "join", "resume": {"ticket": ticket, "received": 0}});
    bob.send(&full.to_string());
    assert_eq!(bob.expect("welcome").await["resumed"], "full");

    // The welcome is lost with the connection, after something sent in the lobby has come.
    let (cleo, waiting) = knock(&hub, named("Cleo")).await;
    let knock_of_cleo = ada.expect("knock").await;
    hub.admit(&room(), peer_id(&knock_of_cleo)).unwrap();
    cleo.send(r#"{"type":"pong","received":0}"#);
    ada.expect("joined").await;
    cleo.cut();
    let mut cleo = connect(&hub, member());
    cleo.send(&resume(&waiting).to_string());
    assert_eq!(cleo.expect("welcome").await["resumed"], "partial");
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_its_place_in_the_lobby_or_in_the_room() {
    let limits = Limits::builder().lobby_peers(1).build().unwrap();
    let (hub, mut ada) = hosted(limits).await;
    let (mut bob, waiting) = knock(&hub, named("Bob")).await;
    let first = ada.expect("knock").await;
    let (code, end) = refused(&hub, member(), named("Cleo")).await;
    assert_eq!((code, end.code()), (json!("room-full"), 4503));

    let mut reload = named("Bob");
    reload["replaces"] = waiting["ticket"].clone();
    let (mut bob_again, waiting) = knock(&hub, reload.clone()).await;
    assert_eq!(closed(&mut bob).await.code(), 4508);
    assert_eq!(ada.expect("knockGone").await, about("knockGone", &first));
    let second = ada.expect("knock").await;
    assert_ne!(first["peer"]["id"], second["peer"]["id"]);

    hub.admit(&room(), peer_id(&second)).unwrap();
    bob_again.expect("welcome").await;
    reload["replaces"] = waiting["ticket"].clone();
    let mut bob = connect(&hub, member());
    bob.send(&reload.to_string());
    assert_eq!(bob.next().await["type"], "welcome", "it was admitted before");
    assert_eq!(ada.expect("left").await["reason"], "replaced");
    assert_eq!(hub.sessions(), 2);
}

/// Once, a peer that waited could reload into a locked room whose lobby was off.
#[tokio::test(start_paused = true)]
async fn a_ticket_of_the_lobby_does_not_open_a_locked_room() {
    let (hub, mut ada) = hosted(Limits::default()).await;
    let (bob, waiting) = knock(&hub, named("Bob")).await;
    let knock_of_bob = ada.expect("knock").await;
    hub.lock(&room(), true);
    let mut reload = named("Bob");
    reload["replaces"] = waiting["ticket"].clone();
    let direct = || member().admission(Admission::Direct);
    assert_eq!(refused(&hub, direct(), reload.clone()).await.0, "room-locked");
    hub.set_lobby(&room(), false);
    assert_eq!(refused(&hub, member(), reload.clone()).await.0, "room-locked");
    // The older knock is unharmed, and an application's newer decision waits, too.
    assert_eq!(hub.waiting(&room())[0].id, peer_id(&knock_of_bob));
    let (_bob, again) = knock_as(&hub, direct(), resume(&waiting)).await;
    assert_eq!(again["ticket"], waiting["ticket"]);
    hub.set_lobby(&room(), true);
    let (_bob, again) = knock(&hub, reload).await;
    assert_ne!(again["ticket"], waiting["ticket"]);
    drop(bob);
}

#[tokio::test(start_paused = true)]
async fn the_lobby_survives_an_empty_room() {
    let (hub, mut ada) = hosted(Limits::default()).await;
    let (mut bob, _) = knock(&hub, named("Bob")).await;
    ada.send(r#"{"type":"leave"}"#);
    closed(&mut ada).await;
    assert_eq!((hub.rooms(), hub.waiting(&room()).len()), (Vec::new(), 1));
    // An empty room is not remembered for as long.
    advance(HOUR / 2).await;
    let (dan, welcome) = join(&hub, host()).await;
    assert_eq!(welcome["knocking"][0]["meta"]["name"], "Bob");
    dan.send(r#"{"type":"admitAll"}"#);
    bob.expect("welcome").await;
    for mut client in [dan, bob] {
        client.send(r#"{"type":"leave"}"#);
        closed(&mut client).await;
    }
    let (mut eve, _) = knock(&hub, named("Eve")).await;
    eve.send(r#"{"type":"leave"}"#);
    closed(&mut eve).await;
    advance(hub.limits().empty_room_time() - SECOND).await;
    let (mut eve, _) = knock(&hub, named("Eve")).await;
    eve.send(r#"{"type":"leave"}"#);
    closed(&mut eve).await;
    advance(hub.limits().empty_room_time()).await;
    let (_eve, welcome) = join(&hub, member()).await;
    assert!(welcome.get("lobby").is_none(), "nobody was there for long");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_reloads_is_host_and_a_silenced_member_is_silent() {
    let hub = Hub::default();
    let grant = || member().opener(Permissions::default().moderate(true));
    let (_ada, welcome) = join(&hub, grant()).await;
    let (_bob, of_bob) = join(&hub, grant()).await;
    let silenced = Permissions::default().signal(false);
    let bob = id(&of_bob).as_str().unwrap().parse().unwrap();
    hub.set_permissions(&room(), bob, silenced).unwrap();
    for (before, permissions) in
        [(&welcome, json!(["signal", "broadcast", "moderate"])), (&of_bob, json!(["broadcast"]))]
    {
        let mut again = connect(&hub, grant());
        again.send(&json!({"type": "join", "replaces": before["ticket"]}).to_string());
        assert_eq!(again.expect("welcome").await["self"]["permissions"], permissions);
        // It stays.
        std::mem::forget(again);
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_closed_is_closed_for_those_who_are_away_or_wait() {
    let (hub, mut ada) = hosted(Limits::default()).await;
    let (bob, of_bob) = join(&hub, member().admission(Admission::Direct)).await;
    let (mut cleo, waiting) = knock(&hub, named("Cleo")).await;
    bob.cut();
    assert_eq!(ada.expect("status").await["status"], "away");
    assert!(hub.close_room(&room()));
    for client in [&mut ada, &mut cleo] {
        assert_eq!(closed(client).await.code(), 4507);
    }
    for ticket in [&of_bob, &waiting] {
        let mut again = connect(&hub, member());
        again.send(&resume(ticket).to_string());
        assert_eq!(closed(&mut again).await.code(), 4507);
    }
    // The room can be opened anew. Who comes back later is a newcomer.
    let (_dan, welcome) = join(&hub, host()).await;
    assert_eq!(welcome["peers"], json!([]));
    advance(hub.limits().grace()).await;
    let (_bob, again) = knock(&hub, resume(&of_bob)).await;
    assert_ne!(again["ticket"], of_bob["ticket"]);
    assert!(hub.close_room(&room()));
    assert!(!hub.close_room(&room()), "nobody is there");
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_the_waits() {
    let (hub, _ada) = hosted(Limits::default()).await;
    let (mut bob, _) = knock(&hub, named("Bob")).await;
    let drained = tokio::spawn({
        let hub = hub.clone();
        async move { hub.drain().await }
    });
    assert_eq!(closed(&mut bob).await.code(), 4000);
    drop(_ada);
    drained.await.unwrap();
    assert_eq!(hub.sessions(), 0);
}
