//! Sessions that do not continue or only partially, and what a resume does not reset.

use meet_signal_core::{
    CloseReason, Grant, Hub, Limits, LimitsBuilder,
    driver::serve,
    socket::Incoming,
    testing::{ClientEnd, Received, connection},
};
use serde_json::{Value, json};
use tokio::{
    task::yield_now,
    time::{Duration, Instant, advance},
};

use crate::{
    connect, connect_with_room_for, id, observer,
    resume::{broadcast, numbers, resume, send_app, send_resume},
    room,
};

fn hub(limits: impl FnOnce(LimitsBuilder) -> LimitsBuilder) -> Hub {
    Hub::new(limits(Limits::builder()).build().expect("within the ranges"))
}

/// Joins with a ticket to resume and one to replace.
async fn join_with(client: &mut ClientEnd, resume: &Value, replaces: &Value) -> Value {
    let resume = json!({"ticket": resume, "received": 0});
    let join = json!({"type": "join", "resume": resume, "replaces": replaces});
    client.send(&join.to_string());
    client.expect("welcome").await
}

#[tokio::test(start_paused = true)]
async fn resumes_over_the_rate_are_refused_and_change_nothing() {
    let hub = hub(|limits| limits.resumes_per_minute(2).grace(Duration::from_secs(60)));
    let mut other = observer(&hub).await;
    let (mut client, _task) = connect(&hub);
    let welcome = client.join().await;
    other.recv().await;
    yield_now().await;
    for _ in 0..2 {
        client = connect(&hub).0;
        resume(&mut client, &welcome, 0).await;
    }
    let (mut hasty, task) = connect(&hub);
    send_resume(&hasty, &welcome, 0);
    let error = hasty.expect("error").await;
    assert_eq!(error["code"], "rate-limited");
    let wait = Duration::from_millis(error["retryAfterMs"].as_u64().unwrap());
    assert!(wait <= Duration::from_secs(31), "a token comes every 30 s: {wait:?}");
    assert_eq!(hasty.next().await, Received::Closed(CloseReason::Flood));
    task.await.unwrap();
    client.send(&broadcast(1));
    assert_eq!(other.recv().await["data"], 1, "the session is not affected");

    // The returned wait is sufficient.
    drop(client);
    assert_eq!(other.recv().await["status"], "away");
    advance(Duration::from_secs(29)).await;
    let (mut client, _task) = connect(&hub);
    send_resume(&client, &welcome, 0);
    assert_eq!(client.expect("error").await["code"], "rate-limited");
    let (mut client, _task) = connect(&hub);
    advance(wait - Duration::from_secs(29)).await;
    assert_eq!(resume(&mut client, &welcome, 0).await["received"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_resume_does_not_refill_the_rate() {
    let hub = hub(|limits| limits.rate_per_second(1).rate_burst(5));
    let (mut client, _task) = connect(&hub);
    let welcome = client.join().await;
    // Two of the five are the join and its acknowledgement; the next is the resume.
    client.send(&broadcast(1));
    let (mut client, _task) = connect(&hub);
    resume(&mut client, &welcome, 0).await;
    client.send(&broadcast(2));
    client.send(&broadcast(3));
    let error = client.expect("error").await;
    assert_eq!(error["code"], "rate-limited");
}

#[tokio::test(start_paused = true)]
async fn a_resume_does_not_reset_the_count_of_bad_messages() {
    let hub = hub(|limits| limits.bad_messages(2));
    let (mut client, _task) = connect(&hub);
    let welcome = client.join().await;
    for received in 0..2 {
        client.send("no JSON");
        assert_eq!(client.expect("error").await["code"], "bad-message");
        client = connect(&hub).0;
        resume(&mut client, &welcome, received + 1).await;
    }
    client.send("no JSON");
    assert_eq!(client.next().await, Received::Closed(CloseReason::ProtocolViolation));
}

/// Otherwise a session could send any number of them, with resumes in between.
#[tokio::test(start_paused = true)]
async fn messages_before_a_resume_count_for_the_session() {
    let hub = hub(|limits| limits.bad_messages(3).rate_per_second(1).rate_burst(12));
    let (mut client, _task) = connect(&hub);
    let welcome = client.join().await;
    for _ in 0..3 {
        client = connect(&hub).0;
        client.send("no JSON");
        assert_eq!(client.expect("error").await["code"], "bad-message");
        resume(&mut client, &welcome, 0).await;
    }
    client.send("no JSON");
    assert_eq!(client.next().await, Received::Closed(CloseReason::ProtocolViolation));

    let (mut client, _task) = connect(&hub);
    let welcome = client.join().await;
    client = connect(&hub).0;
    client.sender().deliver(Incoming::Partial { fragments: 9, bytes: 0 });
    resume(&mut client, &welcome, 0).await;
    client.send(&broadcast(1));
    assert_eq!(client.expect("error").await["code"], "rate-limited");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_sent_nothing_gets_a_shorter_grace_period() {
    for (heard, grace) in [(false, 5), (true, 30)] {
        let hub = Hub::default();
        let mut other = observer(&hub).await;
        let (mut client, task) = connect(&hub);
        client.send(r#"{"type":"join"}"#);
        let welcome = client.expect("welcome").await;
        other.recv().await;
        if heard {
            client.send(r#"{"type":"ack","received":0}"#);
        }
        drop(client);
        assert_eq!(other.recv().await["status"], "away");
        let start = Instant::now();
        // A resume within it does not count as data from the client, either.
        advance(Duration::from_secs(4)).await;
        let (mut client, _task) = connect(&hub);
        assert_eq!(resume(&mut client, &welcome, 0).await["resumed"], "full");
        assert_eq!(other.recv().await["status"], "here");
        task.await.unwrap();
        drop(client);
        assert_eq!(other.recv().await["status"], "away");
        assert_eq!(other.recv().await["reason"], "timeout");
        assert_eq!(start.elapsed(), Duration::from_secs(4 + grace));
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_grace_period_a_lost_member_leaves_at_once() {
    let hub = hub(|limits| limits.grace(Duration::ZERO));
    let mut other = observer(&hub).await;
    let (mut client, task) = connect(&hub);
    client.join().await;
    assert_eq!(other.recv().await["type"], "joined");
    drop(client);
    assert_eq!(other.recv().await["reason"], "timeout");
    task.await.unwrap();
    assert_eq!(hub.sessions(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_hub_and_a_full_room_do_not_matter() {
    let hub = hub(|limits| limits.sessions(2).room_peers(2));
    let _other = observer(&hub).await;
    let (mut client, _task) = connect(&hub);
    let welcome = client.join().await;
    for _ in 0..3 {
        client = connect(&hub).0;
        assert_eq!(resume(&mut client, &welcome, 0).await["resumed"], "full");
        assert_eq!(hub.sessions(), 2);
    }
    client.send(r#"{"type":"leave"}"#);
    assert_eq!(client.next().await, Received::Closed(CloseReason::Left));
    while hub.sessions() > 1 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_draining_hub_refuses() {
    let hub = Hub::default();
    let (mut client, _task) = connect(&hub);
    let welcome = client.join().await;
    drop(client);
    yield_now().await;
    hub.drain().await;
    let (mut client, _task) = connect(&hub);
    send_resume(&client, &welcome, 0);
    assert_eq!(client.expect("error").await["code"], "unavailable");
    assert!(matches!(client.next().await, Received::Closed(reason) if reason.code() == 4000));
}

#[tokio::test(start_paused = true)]
async fn a_ticket_is_valid_only_during_its_session() {
    let hub = Hub::default();
    let (mut client, task) = connect(&hub);
    let left = client.join().await;
    client.send(r#"{"type":"leave"}"#);
    assert_eq!(client.next().await, Received::Closed(CloseReason::Left));
    task.await.unwrap();
    let (mut client, task) = connect(&hub);
    let closed = client.join().await;
    assert!(hub.close_room(&room()));
    assert_eq!(client.next().await, Received::Closed(CloseReason::RoomClosed));
    task.await.unwrap();

    let (mut client, _task) = connect(&hub);
    send_resume(&client, &closed, 0);
    assert_eq!(client.next().await, Received::Closed(CloseReason::RoomClosed));
    advance(hub.limits().grace()).await;
    for welcome in [left, closed] {
        let (mut client, _task) = connect(&hub);
        let fresh = resume(&mut client, &welcome, 0).await;
        assert_eq!(fresh["resumed"], "no");
        assert_ne!(fresh["ticket"], welcome["ticket"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_ticket_is_for_its_own_room() {
    let hub = Hub::default();
    let (mut client, _task) = connect(&hub);
    let welcome = client.join().await;
    let (server, mut elsewhere) = connection(8);
    let other_room = "another".parse().expect("a valid name");
    tokio::spawn(serve(hub.clone(), other_room, Grant::new(), server));
    let fresh = resume(&mut elsewhere, &welcome, 0).await;
    assert_eq!((&fresh["room"], &fresh["resumed"]), (&json!("another"), &json!("no")));
    client.send(r#"{"type":"leave"}"#);
    assert_eq!(client.next().await, Received::Closed(CloseReason::Left), "it was not taken over");
}

#[tokio::test(start_paused = true)]
async fn only_a_fresh_join_replaces() {
    let hub = Hub::default();
    let (mut a_end, _task) = connect(&hub);
    let a = a_end.join().await;
    let (mut b_end, _task) = connect(&hub);
    let b = b_end.join().await;

    let (mut client, _task) = connect(&hub);
    let welcome = join_with(&mut client, &b["ticket"], &a["ticket"]).await;
    assert_eq!((&welcome["resumed"], id(&welcome)), (&json!("full"), id(&b)));
    assert_eq!(&welcome["peers"][0]["id"], id(&a), "it was not replaced");

    let (mut client, _task) = connect(&hub);
    let welcome = join_with(&mut client, &json!("unknown"), &b["ticket"]).await;
    assert_eq!(welcome["resumed"], "no");
    assert_eq!(&welcome["peers"][0]["id"], id(&a));
    assert_eq!(hub.roster(&room()).len(), 2, "the session of this ticket was");
}

#[tokio::test(start_paused = true)]
async fn an_overflow_while_away_makes_the_resume_partial() {
    let hub = hub(|limits| limits.outbox_frames(3));
    let (mut client, _task) = connect(&hub);
    let welcome = client.join().await;
    drop(client);
    for n in 1..=4 {
        send_app(&hub, n);
    }
    let late = observer(&hub).await;

    let (mut client, _task) = connect(&hub);
    let partial = resume(&mut client, &welcome, 0).await;
    assert_eq!((&partial["resumed"], &partial["received"]), (&json!("partial"), &json!(0)));
    assert_eq!(id(&partial), id(&welcome));
    assert_eq!(partial["peers"][0]["polite"], true, "it came later");
    // Both ends count from 0.
    client.send(r#"{"type":"ack","received":0}"#);
    client.send(&broadcast(2));
    send_app(&hub, 5);
    assert_eq!(numbers(&mut client, 1).await, [5]);
    let (mut client, _task) = connect(&hub);
    let full = resume(&mut client, &welcome, 1).await;
    assert_eq!((&full["resumed"], &full["received"]), (&json!("full"), &json!(1)));
    drop(late);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_was_too_slow_may_resume() {
    let hub = hub(|limits| limits.outbox_frames(3).write_timeout(Duration::from_secs(1)));
    let (mut stalled, _task) = connect_with_room_for(1, &hub);
    let welcome = stalled.join().await;
    for n in 1..=2 {
        send_app(&hub, n);
        yield_now().await;
    }
    // One frame is in the client's socket; the write of the other one times out.
    advance(Duration::from_secs(2)).await;
    let (mut client, _task) = connect(&hub);
    assert_eq!(resume(&mut client, &welcome, 1).await["resumed"], "full");
    assert_eq!(numbers(&mut client, 1).await, [2]);
    assert!(matches!(stalled.next().await, Received::Flush(_)));
    assert_eq!(stalled.next().await, Received::Closed(CloseReason::TooSlow));
}

/// The client did not receive the `partial` welcome, and resumes again with a number of the
/// previous count. If that were taken for a number of the new count, two frames that it never
/// received would be dropped with a `full`.
#[tokio::test(start_paused = true)]
async fn a_number_of_the_previous_count_is_not_taken_for_one_of_the_new() {
    let hub = hub(|limits| limits.unacknowledged_frames(1));
    let (mut client, _task) = connect(&hub);
    let welcome = client.join().await;
    for n in 1..=4 {
        send_app(&hub, n);
    }
    assert_eq!(numbers(&mut client, 4).await, [1, 2, 3, 4]);
    let (unread, _task) = connect(&hub);
    send_resume(&unread, &welcome, 2);
    assert_eq!(client.next().await, Received::Closed(CloseReason::TakenOver));
    for n in 5..=6 {
        send_app(&hub, n);
        yield_now().await;
    }
    let (mut client, _task) = connect(&hub);
    assert_eq!(resume(&mut client, &welcome, 2).await["resumed"], "partial");

    // A client that sends something has read its welcome, and uses the new count.
    send_app(&hub, 7);
    assert_eq!(numbers(&mut client, 1).await, [7]);
    client.send(r#"{"type":"ack","received":0}"#);
    yield_now().await;
    let (mut client, _task) = connect(&hub);
    assert_eq!(resume(&mut client, &welcome, 0).await["resumed"], "full");
    assert_eq!(numbers(&mut client, 1).await, [7]);
}
