//! What a client is told before its first message.

use std::future::pending;

use meet_signal_core::{
    AuthRequest, Authorize, Denied, Grant, Hub, IceServer, IceServerProvider, IceServerRequest,
    IceServers, Limits, ProvideIceServers, WithResumes,
    driver::serve,
    testing::{ClientEnd, connection},
};
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{Duration, Instant, sleep},
};

use crate::{assert_about, id, room};

fn granted() -> Grant {
    Grant::new().ice_servers([IceServer::stun("stun:granted")])
}

/// A connection of a client that waits for a `hello`.
fn awaiting<M>(hub: &Hub, authorize: impl Authorize<M> + 'static) -> ClientEnd
where
    M: 'static,
{
    let (server, client) = connection(64);
    tokio::spawn(serve(hub.clone(), room(), authorize, server.awaiting_hello()));
    client
}

fn urls(message: &Value) -> Vec<&str> {
    let servers = message["iceServers"].as_array().expect("a list of servers");
    servers.iter().map(|server| server["urls"][0].as_str().expect("a URL")).collect()
}

/// Answers after a time, or never, and reports for whom it was asked.
struct Slow(Option<Duration>, mpsc::UnboundedSender<IceServerRequest>);

impl IceServerProvider for Slow {
    fn provide(&self, request: IceServerRequest) -> ProvideIceServers<'_> {
        let _ = self.1.send(request);
        Box::pin(async {
            match self.0 {
                Some(time) => sleep(time).await,
                None => pending().await,
            }
            Ok(IceServers::new([IceServer::stun("stun:provided")]))
        })
    }
}

fn provided(after: Option<Duration>) -> (Grant, mpsc::UnboundedReceiver<IceServerRequest>) {
    let (sender, asked) = mpsc::unbounded_channel();
    (granted().ice_provider(Slow(after, sender)), asked)
}

#[tokio::test(start_paused = true)]
async fn the_servers_of_a_ready_grant_come_before_the_join() {
    let hub = Hub::default();
    for authorize in [granted().shared(), WithResumes(granted()).shared()] {
        let (server, mut plain) = connection(64);
        tokio::spawn(serve(hub.clone(), room(), authorize.clone(), server));
        let mut waits = awaiting(&hub, authorize);
        for client in [&mut plain, &mut waits] {
            let servers = json!([{"urls": ["stun:granted"]}]);
            assert_eq!(
                client.expect("hello").await,
                json!({"type": "hello", "iceServers": servers})
            );
            assert_eq!(urls(&client.join().await), ["stun:granted"]);
        }
    }
}

/// A client that knows nothing of `hello` gets as few surprises as possible.
#[tokio::test(start_paused = true)]
async fn without_servers_only_those_who_wait_get_a_hello() {
    let hub = Hub::default();
    let mut waits = awaiting(&hub, Grant::new());
    assert_eq!(waits.expect("hello").await, json!({"type": "hello", "iceServers": []}));
    let decides = async |_: AuthRequest| Ok::<_, Denied>(granted());
    let mut waits = awaiting(&hub, decides);
    assert_eq!(waits.expect("hello").await, json!({"type": "hello"}), "no credentials before that");
    assert_eq!(urls(&waits.join().await), ["stun:granted"]);

    let (server, mut plain) = connection(64);
    tokio::spawn(serve(hub.clone(), room(), Grant::new(), server));
    plain.send(r#"{"type":"probe"}"#);
    let first = plain.expect("error").await;
    assert_eq!(first["code"], "not-joined");
}

#[tokio::test(start_paused = true)]
async fn a_provider_is_asked_once_for_the_member_that_the_client_becomes() {
    let hub = Hub::default();
    let (grant, mut asked) = provided(Some(Duration::from_millis(300)));
    let start = Instant::now();
    let mut client = awaiting(&hub, grant);
    assert_eq!(urls(&client.expect("hello").await), ["stun:granted", "stun:provided"]);
    assert_about(start.elapsed(), Duration::from_millis(300));
    let welcome = client.join().await;
    assert_eq!(urls(&welcome), ["stun:granted", "stun:provided"]);
    assert_about(start.elapsed(), Duration::from_millis(300));
    assert_eq!(asked.recv().await.expect("it is asked").peer.to_string(), *id(&welcome));
    assert!(asked.try_recv().is_err(), "it is asked once");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_joins_meanwhile_waits_for_the_same_answer() {
    let hub = Hub::default();
    let (grant, mut asked) = provided(Some(Duration::from_millis(300)));
    let start = Instant::now();
    let mut client = awaiting(&hub, grant);
    client.send(r#"{"type":"join"}"#);
    // Without a `hello`, which has no use any more.
    let welcome = client.expect("welcome").await;
    assert_eq!(urls(&welcome), ["stun:granted", "stun:provided"]);
    assert_about(start.elapsed(), Duration::from_millis(300));
    assert_eq!(asked.recv().await.expect("it is asked").peer.to_string(), *id(&welcome));
    assert!(asked.try_recv().is_err(), "it is asked once");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_delays_the_hello_as_long_as_a_welcome() {
    let limits = Limits::builder().ice_servers_timeout(Duration::from_secs(2)).build().unwrap();
    let hub = Hub::new(limits);
    let (grant, _asked) = provided(None);
    let start = Instant::now();
    let mut client = awaiting(&hub, grant);
    assert_eq!(urls(&client.expect("hello").await), ["stun:granted"]);
    assert_about(start.elapsed(), Duration::from_secs(2));
    assert_eq!(urls(&client.join().await), ["stun:granted"]);
}

/// The provider is asked for the session that is resumed, and not for another one that never joins.
#[tokio::test(start_paused = true)]
async fn a_resume_without_a_hello_asks_once() {
    let hub = Hub::default();
    let (grant, mut asked) = provided(Some(Duration::ZERO));
    let mut first = awaiting(&hub, grant.clone());
    let welcome = first.join().await;
    assert_eq!(asked.recv().await.expect("it is asked").peer.to_string(), *id(&welcome));
    let (server, mut again) = connection(64);
    tokio::spawn(serve(hub.clone(), room(), grant, server));
    let resume = json!({"ticket": welcome["ticket"], "received": 0});
    again.send(&json!({"type": "join", "resume": resume}).to_string());
    assert_eq!(again.expect("welcome").await["resumed"], "full");
    assert_eq!(asked.recv().await.expect("it is asked").peer.to_string(), *id(&welcome));
    assert!(asked.try_recv().is_err(), "once");
}

#[tokio::test(start_paused = true)]
async fn an_application_that_panics_has_granted_nothing() {
    struct Panics;

    impl Authorize for Panics {
        fn authorize(&self, _: AuthRequest) -> meet_signal_core::Decision<'_> {
            Box::pin(async { Ok(granted()) })
        }

        fn granted(&self) -> Option<&Grant> {
            panic!("a bug of the application")
        }
    }

    let mut client = awaiting(&Hub::default(), Panics);
    assert_eq!(client.expect("hello").await, json!({"type": "hello"}));
    assert_eq!(urls(&client.join().await), ["stun:granted"]);
}
