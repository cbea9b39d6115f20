//! Sessions that continue on another connection.

use std::{
    future::{Future, poll_fn, ready},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use meet_signal_core::{
    AuthRequest, CloseReason, Denied, Grant, Hub, IceServer, Meta, Status,
    driver::serve,
    testing::{ClientEnd, Received, connection},
};
use serde_json::{Value, json, value::to_raw_value};
use tokio::{
    select,
    sync::mpsc,
    task::yield_now,
    time::{Duration, Instant, advance, timeout},
};

use crate::{GRACE, connect, connect_with_room_for, id, observer, room};

/// Sends the `join` that resumes the session of this welcome.
pub(crate) fn send_resume(client: &ClientEnd, welcome: &Value, received: u64) {
    let resume = json!({"ticket": welcome["ticket"], "received": received});
    client.send(&json!({"type": "join", "resume": resume}).to_string());
}

pub(crate) async fn resume(client: &mut ClientEnd, welcome: &Value, received: u64) -> Value {
    send_resume(client, welcome, received);
    client.expect("welcome").await
}

pub(crate) fn send_app(hub: &Hub, n: u64) {
    let data = to_raw_value(&n).expect("a number is JSON");
    hub.send_all(&room(), &data).expect("the room has members");
}

pub(crate) fn broadcast(n: u64) -> String {
    json!({"type": "broadcast", "data": n}).to_string()
}

/// The numbers in the client's next flushes, until there are `count`.
pub(crate) async fn numbers(client: &mut ClientEnd, count: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let Received::Flush(frames) = client.next().await else { panic!("the session goes on") };
        numbers.extend(frames.iter().filter_map(|frame| frame["data"].as_u64()));
    }
    numbers
}

#[tokio::test(start_paused = true)]
async fn a_takeover_closes_the_old_socket_and_the_others_get_no_message() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let (mut old, task) = connect(&hub);
    let first = old.join().await;
    other.recv().await;

    let (mut new, _task) = connect(&hub);
    let second = resume(&mut new, &first, 0).await;
    assert_eq!(second["resumed"], "full");
    assert_eq!((id(&second), &second["ticket"]), (id(&first), &first["ticket"]));
    assert_eq!(second["self"], first["self"]);
    assert_eq!(second["peers"], first["peers"], "roles do not change");
    assert_eq!(old.next().await, Received::Closed(CloseReason::TakenOver));
    task.await.unwrap();

    new.send(&broadcast(1));
    assert_eq!(other.recv().await["data"], 1, "and no message before it");
    assert_eq!(hub.sessions(), 2);
}

#[tokio::test(start_paused = true)]
async fn roles_and_ice_servers_are_those_of_the_first_welcome() {
    let hub = Hub::default();
    let (server, mut old) = connection(8);
    let grant = Grant::new()
        .meta(Meta::new(&"granted").unwrap())
        .ice_servers([IceServer::stun("stun:stun.example.org")]);
    tokio::spawn(serve(hub.clone(), room(), grant, server));
    let mut earlier = observer(&hub).await;
    let first = old.join().await;
    earlier.recv().await;
    let _later = observer(&hub).await;
    assert_eq!(old.expect("joined").await["peer"]["polite"], true);

    let (server, mut new) = connection(8);
    let never = |_: AuthRequest| async { Err(Denied::unauthorized("asked again")) };
    tokio::spawn(serve(hub.clone(), room(), never, server));
    let second = resume(&mut new, &first, 1).await;
    let polite: Vec<_> = second["peers"].as_array().unwrap().iter().map(|p| &p["polite"]).collect();
    assert_eq!(polite, [false, true]);
    assert_eq!(second["iceServers"], first["iceServers"]);
    assert_eq!(second["self"]["meta"], "granted");
}

#[tokio::test(start_paused = true)]
async fn a_cut_within_the_grace_loses_nothing_in_either_direction() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let (mut old, _task) = connect(&hub);
    let first = old.join().await;
    other.recv().await;
    old.send(&broadcast(1));
    assert_eq!(other.recv().await["data"], 1);
    for n in 1..=3 {
        send_app(&hub, n);
    }
    assert_eq!(numbers(&mut old, 3).await, [1, 2, 3]);
    for _ in 1..=3 {
        other.recv().await;
    }
    drop(old);
    assert_eq!(other.recv().await["status"], "away");
    send_app(&hub, 4);
    other.recv().await;
    advance(GRACE / 2).await;

    // The client has handled two of the three frames.
    let (mut new, _task) = connect(&hub);
    let second = resume(&mut new, &first, 2).await;
    assert_eq!((&second["resumed"], &second["received"]), (&json!("full"), &json!(1)));
    new.send(&broadcast(2));
    let here = json!({"type": "status", "peer": id(&first), "status": "here"});
    assert_eq!(other.recv().await, here, "before anything that it sends");
    assert_eq!(other.recv().await["data"], 2);
    send_app(&hub, 5);
    assert_eq!(numbers(&mut new, 3).await, [3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_resume_before_any_frame_is_full() {
    let hub = Hub::default();
    let (mut old, _task) = connect(&hub);
    let first = old.join().await;
    drop(old);
    let (mut new, _task) = connect(&hub);
    let second = resume(&mut new, &first, 0).await;
    assert_eq!((&second["resumed"], &second["received"]), (&json!("full"), &json!(0)));
    assert_eq!(id(&second), id(&first));
}

#[tokio::test(start_paused = true)]
async fn two_cuts_in_a_row_lose_nothing() {
    let hub = Hub::default();
    let (mut client, _task) = connect(&hub);
    let welcome = client.join().await;
    for n in 1..=4 {
        send_app(&hub, n);
    }
    assert_eq!(numbers(&mut client, 4).await, [1, 2, 3, 4]);
    drop(client);
    // The second connection is lost after one more frame was handled, the third before its welcome.
    let (mut client, _task) = connect(&hub);
    assert_eq!(resume(&mut client, &welcome, 1).await["resumed"], "full");
    assert_eq!(numbers(&mut client, 3).await, [2, 3, 4]);
    drop(client);
    let (client, _task) = connect(&hub);
    send_resume(&client, &welcome, 2);
    drop(client);
    let (mut client, _task) = connect(&hub);
    assert_eq!(resume(&mut client, &welcome, 2).await["resumed"], "full");
    send_app(&hub, 5);
    assert_eq!(numbers(&mut client, 3).await, [3, 4, 5]);
    assert_eq!(hub.sessions(), 1);
}

#[tokio::test(start_paused = true)]
async fn each_loss_starts_a_full_grace_period() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let (mut client, _task) = connect(&hub);
    let welcome = client.join().await;
    other.recv().await;
    for _ in 0..3 {
        drop(client);
        assert_eq!(other.recv().await["status"], "away");
        timeout(GRACE - MOMENT, other.recv()).await.expect_err("it is still in time");
        client = connect(&hub).0;
        resume(&mut client, &welcome, 0).await;
        assert_eq!(other.recv().await["status"], "here");
    }
    let start = Instant::now();
    drop(client);
    assert_eq!(other.recv().await["status"], "away");
    assert_eq!(other.recv().await["reason"], "timeout");
    assert_eq!(start.elapsed(), GRACE);
}

#[tokio::test(start_paused = true)]
async fn the_last_instant_of_the_grace_is_in_time() {
    let hub = Hub::default();
    let (mut old, task) = connect(&hub);
    let first = old.join().await;
    drop(old);
    while hub.roster(&room())[0].status == Status::Here {
        yield_now().await;
    }
    let (server, mut new) = connection(8);
    let mut serving = pin!(serve(hub.clone(), room(), Grant::new(), server));
    send_resume(&new, &first, 0);

    // The grace period is over, but the task that waits for it has not run yet.
    advance_only_the_clock(GRACE).await;
    assert!(poll_once(serving.as_mut()).is_pending());
    task.await.unwrap();
    let welcome = select! {
        _ = &mut serving => panic!("the session goes on"),
        welcome = new.expect("welcome") => welcome,
    };
    assert_eq!((id(&welcome), &welcome["resumed"]), (id(&first), &json!("full")));
}

#[tokio::test(start_paused = true)]
async fn after_the_grace_period_the_client_is_authorized_again() {
    let hub = Hub::default();
    let (requests, mut received) = mpsc::unbounded_channel();
    let connect = || {
        let (server, client) = connection(8);
        let requests = requests.clone();
        let authorize = move |request: AuthRequest| {
            requests.send(request.token).unwrap();
            ready(Ok::<_, Denied>(Grant::new()))
        };
        (tokio::spawn(serve(hub.clone(), room(), authorize, server)), client)
    };
    let (task, mut client) = connect();
    let first = client.join().await;
    assert_eq!(received.recv().await, Some(None));
    drop(client);
    task.await.unwrap();

    let resume = json!({"ticket": first["ticket"], "received": 0});
    let join = json!({"type": "join", "token": "a token", "resume": resume}).to_string();
    let (_task, mut client) = connect();
    client.send(&join);
    let second = client.expect("welcome").await;
    assert_eq!(received.recv().await, Some(Some("a token".into())));
    assert_eq!(second["resumed"], "no");
    assert_ne!(id(&second), id(&first));

    // The new ticket is valid without authorization.
    let resume = json!({"ticket": second["ticket"], "received": 0});
    let join = json!({"type": "join", "resume": resume}).to_string();
    let (_task, mut client) = connect();
    client.send(&join);
    assert_eq!(client.expect("welcome").await["resumed"], "full");
    assert!(received.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_old_socket_does_not_end_the_new_one() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let (mut client, mut task) = connect(&hub);
    let welcome = client.join().await;
    other.recv().await;
    // The old task finds at once that its socket is lost and that it was taken over, and handles
    // either first. In both cases it must not report the member as away.
    for n in 1..=20 {
        let (server, new) = connection(8);
        let mut serving = Box::pin(serve(hub.clone(), room(), Grant::new(), server));
        send_resume(&new, &welcome, 0);
        assert!(poll_once(serving.as_mut()).is_pending());
        drop(std::mem::replace(&mut client, new));
        task.await.unwrap();
        task = tokio::spawn(serving);
        assert_eq!(client.expect("welcome").await["resumed"], "full");
        client.send(&broadcast(n));
        assert_eq!(other.recv().await["data"], n);
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_the_old_task_does_not_leave() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let (mut old, task) = connect(&hub);
    let welcome = old.join().await;
    other.recv().await;
    let (mut new, _task) = connect(&hub);
    resume(&mut new, &welcome, 0).await;
    // It still waits for the old client to reply to its close frame.
    assert!(!task.is_finished());
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    new.send(&broadcast(1));
    assert_eq!(other.recv().await["data"], 1, "and no message before it");
    assert_eq!(hub.sessions(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stalled_socket_is_taken_over_at_once() {
    let hub = Hub::default();
    let (mut old, task) = connect_with_room_for(1, &hub);
    let welcome = old.join().await;
    for n in 1..=3 {
        send_app(&hub, n);
        yield_now().await;
    }
    let start = Instant::now();
    let (mut new, _task) = connect(&hub);
    assert_eq!(resume(&mut new, &welcome, 0).await["resumed"], "full");
    assert_eq!(numbers(&mut new, 3).await, [1, 2, 3], "including the frame that was being written");
    assert!(matches!(old.next().await, Received::Flush(_)));
    assert_eq!(old.next().await, Received::Closed(CloseReason::TakenOver));
    task.await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
}

/// Advances the clock. The tasks that it wakes have not run yet.
async fn advance_only_the_clock(duration: Duration) {
    let mut advancing = pin!(advance(duration));
    poll_fn(|cx| Poll::Ready(advancing.as_mut().poll(cx).is_ready())).await;
}

fn poll_once<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

const MOMENT: Duration = Duration::from_millis(1);
