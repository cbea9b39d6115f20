//! The provider of a session's ICE servers: its answers, its failures, and its slowness.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use meet_signal_core::{
    AuthRequest, Denied, Grant, Hub, IceServer, IceServerProvider, IceServerRequest, IceServers,
    ProvideIceServers,
    driver::{Outcome, serve},
    testing::{ClientEnd, Received, connection},
};
use serde_json::{Value, json};
use tokio::{
    task::JoinHandle,
    time::{Duration, Instant, sleep, timeout},
};

use crate::{
    assert_about, observer,
    resume::{broadcast, resume, send_app},
    room,
};

/// What the provider does on its first question, its second one, and so on; the last one is
/// repeated.
#[derive(Clone)]
struct Script(Arc<(Vec<Step>, AtomicUsize)>);

#[derive(Clone, Copy)]
enum Step {
    Provides,
    ProvidesForever,
    ProvidesAfter(Duration),
    Fails,
    Panics,
    Hangs,
}

use Step::*;

impl Script {
    fn new(steps: &[Step]) -> Self {
        Self(Arc::new((steps.to_vec(), AtomicUsize::new(0))))
    }

    fn asked(&self) -> usize {
        self.0.1.load(Ordering::Relaxed)
    }
}

impl IceServerProvider for Script {
    fn provide(&self, request: IceServerRequest) -> ProvideIceServers<'_> {
        assert_eq!(request.room, room());
        let n = self.0.1.fetch_add(1, Ordering::Relaxed);
        let steps = &self.0.0;
        let step = steps[n.min(steps.len() - 1)];
        let servers = IceServers::new([IceServer::stun(format!("stun:{n}"))]);
        Box::pin(async move {
            match step {
                Provides => {}
                ProvidesForever => return Ok(servers),
                ProvidesAfter(time) => sleep(time).await,
                Fails => return Err("no servers at the moment".into()),
                Panics => panic!("a bug of the application"),
                Hangs => pending().await,
            }
            Ok(servers.valid_for(LIFETIME))
        })
    }
}

fn serve_with(hub: &Hub, provider: &Script) -> (ClientEnd, JoinHandle<Outcome>) {
    let (server, client) = connection(64);
    let grant =
        Grant::new().ice_servers([IceServer::stun("stun:granted")]).ice_provider(provider.clone());
    (client, tokio::spawn(serve(hub.clone(), room(), grant, server)))
}

/// A connection for a resume, about which the application is not asked.
fn reconnect(hub: &Hub) -> (ClientEnd, JoinHandle<Outcome>) {
    let (server, client) = connection(64);
    let never = |_: AuthRequest| async { Err(Denied::unauthorized("asked again")) };
    (client, tokio::spawn(serve(hub.clone(), room(), never, server)))
}

/// What follows "stun:" in the servers of a message.
fn names(message: &Value) -> Vec<&str> {
    let servers = message["iceServers"].as_array().expect("ICE servers");
    servers.iter().map(|server| &server["urls"][0].as_str().expect("a URL")[5..]).collect()
}

/// The next `iceServers`. Answers pings before it.
async fn renewed(client: &mut ClientEnd) -> Value {
    loop {
        let Received::Flush(mut frames) = client.next().await else { panic!("it goes on") };
        assert_eq!(frames.len(), 1, "{frames:?}");
        if frames[0]["type"] == "iceServers" {
            return frames.remove(0);
        }
        assert_eq!(frames[0]["type"], "ping");
        client.send(r#"{"type":"pong","received":0}"#);
    }
}

#[tokio::test(start_paused = true)]
async fn servers_are_in_the_welcome_and_renewed_after_half_their_lifetime() {
    let (hub, provider) = (Hub::default(), Script::new(&[Provides]));
    let (mut client, _task) = serve_with(&hub, &provider);
    let start = Instant::now();
    assert_eq!(names(&client.join().await), ["granted", "0"]);
    for n in 1..=3 {
        assert_eq!(names(&renewed(&mut client).await), ["granted", &n.to_string()]);
        assert_about(start.elapsed(), n * LIFETIME / 2);
    }
}

#[tokio::test(start_paused = true)]
async fn servers_that_do_not_expire_are_asked_for_once() {
    let (hub, provider) = (Hub::default(), Script::new(&[ProvidesForever]));
    let (mut client, _task) = serve_with(&hub, &provider);
    assert_eq!(names(&client.join().await), ["granted", "0"]);
    timeout(100 * LIFETIME, renewed(&mut client)).await.unwrap_err();
    assert_eq!(provider.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_welcome_does_not_wait_for_a_slow_provider_whose_answer_follows() {
    let hub = Hub::default();
    let provider = Script::new(&[ProvidesAfter(Duration::from_secs(20)), Provides]);
    let (mut client, _task) = serve_with(&hub, &provider);
    let start = Instant::now();
    assert_eq!(names(&client.join().await), ["granted"]);
    assert_about(start.elapsed(), hub.limits().ice_servers_timeout());
    assert_eq!(names(&renewed(&mut client).await), ["granted", "0"]);
    assert_about(start.elapsed(), Duration::from_secs(20));
    assert_eq!(provider.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_panics_or_hangs_is_asked_again_with_backoff() {
    for (step, delay) in [
        (Fails, Duration::ZERO),
        (Panics, Duration::ZERO),
        // That of the welcome, and that of an answer.
        (Hangs, Duration::from_secs(32)),
    ] {
        let (hub, provider) = (Hub::default(), Script::new(&[step, step, Provides]));
        let (mut client, _task) = serve_with(&hub, &provider);
        let start = Instant::now();
        assert_eq!(names(&client.join().await), ["granted"]);
        assert!(start.elapsed() <= Duration::from_secs(2) + Duration::from_millis(20));
        assert_eq!(names(&renewed(&mut client).await), ["granted", "2"]);
        // A second and two seconds, each halved at random.
        let (least, most) = (Duration::from_millis(1500), Duration::from_millis(3020));
        let hung = if delay.is_zero() { delay } else { delay + Duration::from_secs(30) };
        let waited = start.elapsed() - hung;
        assert!((least..=most).contains(&waited), "{waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn servers_stay_until_they_expire_while_the_provider_fails() {
    let (hub, provider) = (Hub::default(), Script::new(&[Provides, Fails]));
    let mut other = observer(&hub).await;
    let (mut client, _task) = serve_with(&hub, &provider);
    let start = Instant::now();
    assert_eq!(names(&client.join().await), ["granted", "0"]);
    assert_eq!(names(&renewed(&mut client).await), ["granted"]);
    assert_about(start.elapsed(), LIFETIME);
    // At intervals of half a minute to a minute in the end.
    timeout(60 * LIFETIME, renewed(&mut client)).await.unwrap_err();
    let (asked, most) = (provider.asked(), 60 * LIFETIME.as_secs() as usize / 30);
    assert!((20..most).contains(&asked), "{asked} times");
    assert_eq!(other.recv().await["type"], "joined");
    client.send(&broadcast(1));
    assert_eq!(other.recv().await["data"], 1, "the session goes on");
}

#[tokio::test(start_paused = true)]
async fn each_resume_gets_a_fresh_set() {
    let (hub, provider) = (Hub::default(), Script::new(&[Provides]));
    let (mut old, _task) = serve_with(&hub, &provider);
    let first = old.join().await;
    drop(old);
    let (mut new, _task) = reconnect(&hub);
    let second = resume(&mut new, &first, 0).await;
    assert_eq!((&second["resumed"], names(&second)), (&json!("full"), vec!["granted", "1"]));
    assert_eq!(names(&renewed(&mut new).await), ["granted", "2"], "and it is renewed");
    drop(new);
    // More than was ever sent.
    let (mut newest, _task) = reconnect(&hub);
    let third = resume(&mut newest, &first, 1000).await;
    assert_eq!((&third["resumed"], names(&third)), (&json!("partial"), vec!["granted", "3"]));
}

/// An `iceServers` that is sent again after the `welcome` of a resume is older than that. The client
/// must not end up with it.
#[tokio::test(start_paused = true)]
async fn the_last_servers_that_a_resumed_client_gets_are_the_newest() {
    let (hub, provider) = (Hub::default(), Script::new(&[Provides]));
    let (mut old, _task) = serve_with(&hub, &provider);
    let first = old.join().await;
    send_app(&hub, 1);
    old.expect("app").await;
    assert_eq!(names(&renewed(&mut old).await), ["granted", "1"]);
    drop(old);
    let (mut new, _task) = reconnect(&hub);
    let second = resume(&mut new, &first, 1).await;
    assert_eq!((&second["resumed"], names(&second)), (&json!("full"), vec!["granted", "2"]));
    let Received::Flush(frames) = new.next().await else { panic!("it goes on") };
    let sent: Vec<_> = frames.iter().map(names).collect();
    assert_eq!(sent, [["granted", "1"], ["granted", "2"]], "that again, and the newest");
}

#[tokio::test(start_paused = true)]
async fn a_resume_does_not_wait_for_its_provider_and_has_no_expired_servers() {
    let (hub, provider) = (Hub::default(), Script::new(&[Provides, Fails, Hangs]));
    let (mut old, _task) = serve_with(&hub, &provider);
    let first = old.join().await;
    drop(old);
    let (mut new, _task) = reconnect(&hub);
    assert_eq!(names(&resume(&mut new, &first, 0).await), ["granted", "0"], "still valid");
    drop(new);
    sleep(LIFETIME).await;
    let start = Instant::now();
    let (mut newer, _task) = reconnect(&hub);
    let welcome = resume(&mut newer, &first, 0).await;
    assert_eq!((&welcome["resumed"], names(&welcome)), (&json!("full"), vec!["granted"]));
    assert_about(start.elapsed(), hub.limits().ice_servers_timeout());
}

#[tokio::test(start_paused = true)]
async fn what_the_application_sets_takes_the_place_of_what_it_granted() {
    let (hub, provider) = (Hub::default(), Script::new(&[Provides]));
    let (mut client, _task) = serve_with(&hub, &provider);
    let welcome = client.join().await;
    let peer = welcome["self"]["id"].as_str().unwrap().parse().unwrap();
    hub.set_ice_servers(&room(), peer, [IceServer::stun("stun:set")]).unwrap();
    assert_eq!(names(&renewed(&mut client).await), ["set", "0"]);
    assert_eq!(names(&renewed(&mut client).await), ["set", "1"]);
    drop(client);
    let (mut new, _task) = reconnect(&hub);
    assert_eq!(names(&resume(&mut new, &welcome, 2).await), ["set", "2"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_lost_while_the_provider_hangs_becomes_away_within_the_limit() {
    let (hub, provider) = (Hub::default(), Script::new(&[Hangs]));
    let mut other = observer(&hub).await;
    let (client, task) = serve_with(&hub, &provider);
    client.send(r#"{"type":"join"}"#);
    assert_eq!(other.recv().await["type"], "joined");
    let start = Instant::now();
    drop(client);
    assert_eq!(other.recv().await["status"], "away");
    assert!(start.elapsed() <= hub.limits().ice_servers_timeout());
    assert_eq!(other.recv().await["reason"], "timeout");
    task.await.unwrap();
}

const LIFETIME: Duration = Duration::from_secs(20);
