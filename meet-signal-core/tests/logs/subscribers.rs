//! A subscriber may run any code, even call the hub: no lock is held meanwhile.

use std::{sync::mpsc, thread, time::Duration};

use meet_signal_core::{Duplicates, Grant, Hub, Limits};
use tracing::{
    Event, Id, Metadata, Subscriber,
    span::{Attributes, Record},
    subscriber::with_default,
};

use crate::{connect_as, ended, id, room, send_resume};

/// Calls all kinds of functions of a hub whenever it is called itself.
struct Calls(Hub, mpsc::Sender<&'static str>);

impl Calls {
    fn call(&self, name: &'static str) {
        let hub = &self.0;
        for id in hub.rooms() {
            hub.roster(&id);
            let _ = hub.send_all(&id, "seen");
        }
        hub.lock(&room(), false);
        hub.sessions();
        hub.room_tag(&room());
        let _ = self.1.send(name);
    }
}

impl Subscriber for Calls {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        self.call("enabled");
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        self.call("new_span");
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {
        self.call("record");
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        self.call("event");
    }

    fn enter(&self, _: &Id) {
        self.call("enter");
    }

    fn exit(&self, _: &Id) {
        self.call("exit");
    }

    fn try_close(&self, _: Id) -> bool {
        self.call("try_close");
        true
    }
}

/// A lock that was held would stop the thread for good.
#[test]
fn a_subscriber_that_calls_the_hub_stops_nothing() {
    let limits = Limits::builder().hub_bytes(1024 * 1024).unacknowledged_bytes(0).room_peers(4);
    let hub = Hub::new(limits.build().unwrap());
    let (called, calls) = mpsc::channel();
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().start_paused(true).build().unwrap();
        with_default(Calls(hub.clone(), called), || runtime.block_on(scenario(&hub)));
        done.send(()).unwrap();
    });
    ended.recv_timeout(Duration::from_secs(60)).expect("no lock is held");
    let calls: Vec<_> = calls.try_iter().collect();
    for name in ["enabled", "new_span", "record", "event", "enter", "exit", "try_close"] {
        assert!(calls.contains(&name), "{name} was not called");
    }
}

/// Joins, refusals, a resume, a kick, a full budget and a drain.
async fn scenario(hub: &Hub) {
    let grant = || Grant::new().identity("ada").duplicates(Duplicates::Allow);
    let (mut first, _first) = connect_as(hub, grant());
    let welcome = first.join().await;
    let (second, _second) = connect_as(hub, grant());
    send_resume(&second, &welcome, 0);
    ended(&mut first).await;
    let (mut third, _third) = connect_as(hub, grant().duplicates(Duplicates::Reject));
    third.send(r#"{"type":"join"}"#);
    ended(&mut third).await;
    let (mut fourth, _fourth) = connect_as(hub, grant());
    let kicked = fourth.join().await;
    let kicked = id(&kicked).parse().expect("an id");
    hub.remove(&room(), kicked, None).expect("a member");
    ended(&mut fourth).await;
    for _ in 0..20 {
        let _ = hub.send_all(&room(), &"x".repeat(50 * 1024));
    }
    drop(second);
    hub.drain().await;
}
