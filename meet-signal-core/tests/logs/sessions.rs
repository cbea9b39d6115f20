//! The life of a session.

use meet_signal_core::{Duplicates, Grant, Hub, JoinRequest, Limits};
use serde_json::json;
use tokio::time::{Duration, Instant, advance, sleep};
use tracing::Level;

use crate::{capture, connect, connect_as, ended, id, room, send_resume, slow};

#[tokio::test(start_paused = true)]
async fn a_session_is_authorized_joined_and_left() {
    let (logs, _guard) = capture();
    let hub = Hub::default();
    let (mut client, task) = connect_as(&hub, slow);
    let welcome = client.join().await;
    sleep(Duration::from_secs(20)).await;
    client.send(r#"{"type":"leave"}"#);
    ended(&mut client).await;
    task.await.unwrap();

    let [authorized, joined, closed, left] =
        ["authorized", "joined", "closed", "left"].map(|message| logs.one(message));
    assert_eq!((authorized.level, authorized.field("result")), (Level::INFO, "granted"));
    assert_eq!(authorized.field("elapsed_ms"), "1000");
    assert_eq!(joined.level, Level::INFO);
    assert_eq!((closed.level, closed.field("reason")), (Level::DEBUG, "left"));
    assert_eq!((left.level, left.field("reason")), (Level::INFO, "left"));
    assert_eq!(left.field("stay_ms"), "20000");
    for line in [&joined, &closed, &left] {
        assert_eq!((line.span("peer"), line.target), (id(&welcome), "meet_signal"));
    }
    for line in [authorized, joined, closed, left] {
        assert_eq!(line.span("room"), hub.room_tag(&room()));
        assert_eq!(line.span_levels, [Level::ERROR], "it is shown with each event");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_away_and_is_resumed_full_then_partial() {
    let (logs, _guard) = capture();
    let hub = Hub::default();
    let (mut first, first_task) = connect(&hub);
    let welcome = first.join().await;
    sleep(Duration::from_secs(1)).await;
    first.cut();
    sleep(Duration::from_secs(1)).await;
    let away = logs.one("away");
    assert_eq!((away.level, away.field("reason")), (Level::INFO, "disconnected"));
    assert_eq!(away.field("grace_ms"), "30000");

    let (mut second, second_task) = connect(&hub);
    send_resume(&second, &welcome, 0);
    second.expect("welcome").await;
    first_task.await.unwrap();
    let resumed = logs.one("resumed");
    assert_eq!((resumed.level, resumed.field("resumed")), (Level::INFO, "full"));
    assert_eq!((away.span("peer"), resumed.span("peer")), (id(&welcome), id(&welcome)));

    // It takes over while the second one is open.
    let (mut third, third_task) = connect(&hub);
    send_resume(&third, &welcome, 1_000);
    third.expect("welcome").await;
    ended(&mut second).await;
    second_task.await.unwrap();
    assert_eq!(logs.of("resumed")[1].field("resumed"), "partial");
    let closed = logs.of("closed");
    assert_eq!((closed[1].level, closed[1].field("reason")), (Level::DEBUG, "taken-over"));
    assert_eq!(logs.of("left"), []);

    sleep(Duration::from_secs(8)).await;
    third.cut();
    third_task.await.unwrap();
    let left = logs.one("left");
    assert_eq!((left.field("reason"), left.span("peer")), ("timeout", id(&welcome)));
    // From the join on, however many connections there were: 10 s, and the grace of a client that
    // has said nothing since.
    let stay: u64 = left.field("stay_ms").parse().unwrap();
    assert!((20_000..=40_000).contains(&stay), "{stay}");
    assert_eq!(logs.of("joined").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_grace_period_a_lost_member_has_left_at_once() {
    let (logs, _guard) = capture();
    let hub = Hub::new(Limits::builder().grace(Duration::ZERO).build().unwrap());
    let (mut client, task) = connect(&hub);
    client.join().await;
    client.cut();
    task.await.unwrap();
    assert_eq!(logs.one("left").field("reason"), "timeout");
    assert_eq!(logs.of("away"), []);
}

#[tokio::test(start_paused = true)]
async fn each_reason_to_leave_is_logged_once() {
    let hub = Hub::default();
    let close_room = |hub: &Hub, _: &str| assert!(hub.close_room(&room()));
    let kick = |hub: &Hub, peer: &str| {
        hub.remove(&room(), peer.parse().unwrap(), Some("too loud")).unwrap();
    };
    let replace = |hub: &Hub, _: &str| {
        let grant = Grant::new().identity("ada").duplicates(Duplicates::Replace);
        let joined = hub.join(room(), JoinRequest::default(), &grant, Instant::now().into_std());
        drop(joined.unwrap());
    };
    type End = fn(&Hub, &str);
    let ends: [(End, _, _); 3] = [
        (close_room, "closed", "room-closed"),
        (kick, "kicked", "kicked"),
        (replace, "replaced", "duplicate"),
    ];
    for is_away in [false, true] {
        for (end, left, closed) in ends {
            let (logs, _guard) = capture();
            let (mut client, task) = connect_as(&hub, Grant::new().identity("ada"));
            let welcome = client.join().await;
            if is_away {
                client.cut();
                sleep(Duration::from_millis(1)).await;
                end(&hub, id(&welcome));
            } else {
                end(&hub, id(&welcome));
                ended(&mut client).await;
                assert_eq!(logs.one("closed").field("reason"), closed);
            }
            task.await.unwrap();
            let line = logs.one("left");
            assert_eq!((line.field("reason"), line.span("peer")), (left, id(&welcome)));
            assert_eq!(logs.of("away").len(), usize::from(is_away));
        }
    }
}

/// A reload: the new session takes the place of the old one, also in the count of sessions.
#[tokio::test(start_paused = true)]
async fn a_session_that_a_reload_replaces_has_left() {
    let (logs, _guard) = capture();
    let hub = Hub::default();
    let (mut old, first_task) = connect(&hub);
    let welcome = old.join().await;
    // Over two connections, so that it was taken over before.
    let (mut resumed, second_task) = connect(&hub);
    send_resume(&resumed, &welcome, 0);
    resumed.expect("welcome").await;
    let (mut new, _task) = connect(&hub);
    new.send(&json!({"type": "join", "replaces": welcome["ticket"]}).to_string());
    let next = new.expect("welcome").await;
    ended(&mut old).await;
    ended(&mut resumed).await;
    first_task.await.unwrap();
    second_task.await.unwrap();
    let left = logs.one("left");
    assert_eq!((left.field("reason"), left.span("peer")), ("replaced", id(&welcome)));
    assert_eq!(logs.of("joined").last().unwrap().span("peer"), id(&next));
}

/// The tab closes: another connection has the ticket.
#[tokio::test(start_paused = true)]
async fn a_session_that_is_left_by_its_ticket_has_left() {
    let (logs, _guard) = capture();
    let hub = Hub::default();
    let (mut client, task) = connect(&hub);
    let welcome = client.join().await;
    let (mut other, other_task) = connect(&hub);
    other.send(&json!({"type": "leave", "ticket": welcome["ticket"]}).to_string());
    ended(&mut other).await;
    ended(&mut client).await;
    task.await.unwrap();
    other_task.await.unwrap();
    let left = logs.one("left");
    assert_eq!((left.field("reason"), left.span("peer")), ("left", id(&welcome)));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_cancelled_or_panics_leaves_once() {
    let (logs, _guard) = capture();
    let hub = Hub::default();
    let (mut client, task) = connect(&hub);
    let welcome = client.join().await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    let left = logs.one("left");
    assert_eq!((left.field("reason"), left.span("peer")), ("closed", id(&welcome)));

    // An older connection that is cancelled leaves nothing.
    let (mut old, old_task) = connect(&hub);
    let welcome = old.join().await;
    old.cut();
    advance(Duration::from_secs(1)).await;
    let (mut new, _task) = connect(&hub);
    send_resume(&new, &welcome, 0);
    new.expect("welcome").await;
    old_task.abort();
    let _ = old_task.await;
    assert_eq!(logs.of("left").len(), 1);
    assert_eq!(hub.sessions(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_the_lobby_joins_when_it_is_admitted() {
    let (logs, _guard) = capture();
    let hub = Hub::default();
    hub.set_lobby(&room(), true);
    let (mut client, task) = connect(&hub);
    client.send(r#"{"type":"join"}"#);
    client.expect("waiting").await;
    let waiting = logs.one("waiting");
    assert_eq!(waiting.level, Level::INFO);
    assert_eq!(logs.of("joined").len(), 0);
    sleep(Duration::from_secs(1)).await;
    let peer = hub.waiting(&room()).remove(0).id;
    hub.admit(&room(), peer).unwrap();
    client.expect("welcome").await;
    client.send(r#"{"type":"leave"}"#);
    ended(&mut client).await;
    task.await.unwrap();
    let [joined, left] = ["joined", "left"].map(|message| logs.one(message));
    for line in [&waiting, &joined, &left] {
        assert_eq!(line.span("peer"), peer.to_string());
    }
    assert_eq!(left.field("stay_ms"), "0", "it is counted from the admission");

    // Who is denied has neither joined nor left.
    let (mut client, task) = connect(&hub);
    client.send(r#"{"type":"join"}"#);
    client.expect("waiting").await;
    hub.deny(&room(), hub.waiting(&room()).remove(0).id, Some("a reason")).unwrap();
    ended(&mut client).await;
    task.await.unwrap();
    assert_eq!((logs.of("joined").len(), logs.of("left").len()), (1, 1));
    let closed = logs.of("closed");
    assert_eq!(closed[1].field("reason"), "not-admitted");
}

#[tokio::test(start_paused = true)]
async fn who_is_admitted_without_a_connection_joins_when_it_has_one() {
    let (logs, _guard) = capture();
    let hub = Hub::default();
    hub.set_lobby(&room(), true);
    let (mut client, _task) = connect(&hub);
    client.send(r#"{"type":"join"}"#);
    let waiting = client.expect("waiting").await;
    client.cut();
    sleep(Duration::from_secs(1)).await;
    hub.admit(&room(), hub.waiting(&room()).remove(0).id).unwrap();
    let (mut client, task) = connect(&hub);
    let resume = json!({"ticket": waiting["ticket"], "received": 0, "waiting": true});
    client.send(&json!({"type": "join", "resume": resume}).to_string());
    client.expect("welcome").await;
    client.send(r#"{"type":"leave"}"#);
    ended(&mut client).await;
    task.await.unwrap();
    assert_eq!(["joined", "left", "resumed"].map(|message| logs.of(message).len()), [1, 1, 0]);
}
