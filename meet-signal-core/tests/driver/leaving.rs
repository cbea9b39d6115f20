//! Pages that go away, and sessions that leave by their ticket.

use std::future::pending;

use meet_signal_core::{
    CloseReason, Denied, Grant, Hub, Limits,
    driver::serve,
    socket::Incoming,
    testing::{Received, connection},
};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};

use crate::{
    GRACE, assert_about, connect, connect_with_room_for, id, observer, resume::send_app, room,
};

const GOING_AWAY: Duration = Duration::from_secs(2);

fn leave(ticket: &Value) -> String {
    json!({"type": "leave", "ticket": ticket}).to_string()
}

#[tokio::test(start_paused = true)]
async fn a_page_that_goes_away_is_kept_for_a_shorter_time() {
    for (incoming, kept) in [(Incoming::Closed, GRACE), (Incoming::GoingAway, GOING_AWAY)] {
        let hub = Hub::default();
        let mut other = observer(&hub).await;
        let (mut client, task) = connect(&hub);
        client.join().await;
        assert_eq!(other.recv().await["type"], "joined");
        client.sender().deliver(incoming);
        let start = Instant::now();
        assert_eq!(other.recv().await["status"], "away");
        assert_eq!(other.recv().await["reason"], "timeout");
        assert_about(start.elapsed(), kept);
        task.await.unwrap();
    }
}

/// The shortest of the three grace periods applies.
#[tokio::test(start_paused = true)]
async fn the_shortest_grace_counts() {
    let seconds = Duration::from_secs;
    for (grace, unheard, going, expected) in
        [(1, 9, 9, 1), (9, 1, 9, 1), (9, 9, 1, 1), (9, 9, 0, 0)]
    {
        let limits = Limits::builder().grace(seconds(grace)).unheard_grace(seconds(unheard));
        let hub = Hub::new(limits.going_away_grace(seconds(going)).build().unwrap());
        let mut other = observer(&hub).await;
        let (mut client, _task) = connect(&hub);
        // The client sends nothing after its welcome.
        client.send(r#"{"type":"join"}"#);
        client.expect("welcome").await;
        assert_eq!(other.recv().await["type"], "joined");
        client.sender().deliver(Incoming::GoingAway);
        let start = Instant::now();
        if expected > 0 {
            assert_eq!(other.recv().await["status"], "away");
        }
        assert_eq!(other.recv().await["reason"], "timeout");
        assert_about(start.elapsed(), seconds(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_resumes_in_time_has_the_full_grace_period_again() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let (mut client, _task) = connect(&hub);
    let welcome = client.join().await;
    assert_eq!(other.recv().await["type"], "joined");
    client.sender().deliver(Incoming::GoingAway);
    assert_eq!(other.recv().await["status"], "away");
    sleep(GOING_AWAY - Duration::from_millis(1)).await;
    let (mut client, _task) = connect(&hub);
    let resume = json!({"ticket": welcome["ticket"], "received": 0});
    client.send(&json!({"type": "join", "resume": resume}).to_string());
    assert_eq!(client.expect("welcome").await["resumed"], "full");
    assert_eq!(other.recv().await["status"], "here");
    drop(client);
    assert_eq!(other.recv().await["status"], "away");
    let start = Instant::now();
    assert_eq!(other.recv().await["reason"], "timeout");
    assert_about(start.elapsed(), GRACE);
}

/// Before the join, and during the authorization, there is no session to keep.
#[tokio::test(start_paused = true)]
async fn a_page_that_goes_away_before_it_has_joined_leaves_no_session() {
    for is_joining in [false, true] {
        let hub = Hub::default();
        let (server, client) = connection(8);
        let undecided = async |_| pending::<Result<Grant, Denied>>().await;
        let task = tokio::spawn(serve(hub.clone(), room(), undecided, server));
        if is_joining {
            client.send(r#"{"type":"join"}"#);
        }
        client.sender().deliver(Incoming::GoingAway);
        task.await.unwrap();
        assert_eq!(hub.sessions(), 0);
    }
}

/// The session leaves at once, in every state of its own connection.
#[tokio::test(start_paused = true)]
async fn a_ticket_ends_its_session() {
    enum State {
        Here,
        Away,
        Stalled,
    }
    for state in [State::Here, State::Away, State::Stalled] {
        let hub = Hub::default();
        let mut other = observer(&hub).await;
        let (mut client, task) = connect_with_room_for(1, &hub);
        let welcome = client.join().await;
        assert_eq!(other.recv().await["type"], "joined");
        match state {
            State::Here => {}
            State::Away => {
                client.sender().deliver(Incoming::Closed);
                assert_eq!(other.recv().await["status"], "away");
            }
            State::Stalled => {
                client.stall();
                send_app(&hub, 1);
                assert_eq!(other.recv().await["type"], "app");
                sleep(Duration::from_secs(1)).await;
            }
        }
        let (mut farewell, _task) = connect(&hub);
        farewell.send(&leave(&welcome["ticket"]));
        assert_eq!(farewell.next().await, Received::Closed(CloseReason::Left));
        let left = other.recv().await;
        assert_eq!((&left["peer"], &left["reason"]), (id(&welcome), &json!("left")));
        if let State::Stalled = state {
            drop(client);
        }
        task.await.unwrap();
        assert_eq!(hub.sessions(), 1);
    }
}

/// An unknown ticket gets the same reply, so it reveals nothing about the room.
#[tokio::test(start_paused = true)]
async fn an_unknown_ticket_is_ignored() {
    let hub = Hub::default();
    let (mut client, _task) = connect(&hub);
    client.join().await;
    for ticket in [json!(""), json!("x".repeat(43)), json!("A".repeat(43))] {
        let (mut farewell, _task) = connect(&hub);
        farewell.send(&leave(&ticket));
        assert_eq!(farewell.next().await, Received::Closed(CloseReason::Left));
    }
    assert_eq!(hub.sessions(), 1);
    // In the room it is an ordinary `leave`, whatever ticket it has.
    client.send(&leave(&json!("another ticket")));
    assert_eq!(client.next().await, Received::Closed(CloseReason::Left));
}

/// A probe is answered at once, one `ping` answers several, and each counts against the rate.
#[tokio::test(start_paused = true)]
async fn a_probe_is_answered_and_counts_against_the_rate() {
    let hub = Hub::new(Limits::builder().rate_burst(8).build().unwrap());
    let (mut client, _task) = connect(&hub);
    client.join().await;
    let start = Instant::now();
    client.send(r#"{"type":"probe"}"#);
    client.expect("ping").await;
    assert_about(start.elapsed(), Duration::ZERO);
    // Over the rate it is still answered; over the overflow bucket it ends the connection.
    for _ in 0..10 {
        client.send(r#"{"type":"probe"}"#);
        client.expect("ping").await;
    }
    for _ in 0..10 {
        client.send(r#"{"type":"probe"}"#);
    }
    loop {
        match client.next().await {
            Received::Flush(frames) => assert!(frames.iter().all(|frame| frame["type"] == "ping")),
            end => return assert_eq!(end, Received::Closed(CloseReason::Flood)),
        }
    }
}
