//! The rule holds whatever the network does, and whoever goes first: without a port, and over
//! minutes of the protocol's time in milliseconds.

use meet_signal_core::{
    Hub, RoomId,
    testing::{ClientEnd, Received, connection},
};
use property_tests::{Role, attend};
use proptest::{collection::vec, prelude::*};
use tokio::time::{Duration, Instant, sleep, timeout_at};

#[derive(Debug, Clone)]
enum Fate {
    Leaves,
    Cut,
    HalfOpen,
}

fn fate() -> impl Strategy<Value = (u64, Fate)> {
    (0..120_u64, prop_oneof![Just(Fate::Leaves), Just(Fate::Cut), Just(Fate::HalfOpen)])
}

proptest! {
    #[test]
    fn nobody_is_left_in_a_meeting_without_its_host(fates in vec(fate(), 2..6)) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build()?.block_on(async {
            let (hub, start) = (Hub::default(), Instant::now());
            let mut roles = vec![Role::Host];
            roles.resize(fates.len(), Role::Guest);
            for (role, (seconds, fate)) in roles.into_iter().zip(fates) {
                let (server, mut person) = connection(64);
                tokio::spawn(attend(hub.clone(), room(), role, server));
                person.join().await;
                tokio::spawn(live(person, start + Duration::from_secs(seconds), fate));
            }
            // The fates are at whole seconds, these at halves of them.
            sleep(Duration::from_millis(500)).await;
            while !hub.rooms().is_empty() {
                let roster = hub.roster(&room());
                prop_assert!(roster.iter().any(|member| member.meta == Role::Host.meta()));
                sleep(Duration::from_secs(1)).await;
            }
            // Two minutes, the silence that gives a connection away, the grace, a close.
            prop_assert!(start.elapsed() < Duration::from_secs(120 + 30 + 30 + 3));
            // Some are still being told: that takes a close frame's answer, or two seconds.
            sleep(Duration::from_secs(3)).await;
            prop_assert_eq!(hub.sessions(), 0);
            Ok(())
        })?;
    }
}

/// Answers pings until its time has come, or the connection's.
async fn live(mut person: ClientEnd, until: Instant, fate: Fate) {
    while let Ok(received) = timeout_at(until, person.next()).await {
        let Received::Flush(frames) = received else { return };
        if frames.iter().any(|frame| frame["type"] == "ping") {
            person.send(r#"{"type":"pong","received":0}"#);
        }
    }
    match fate {
        Fate::Leaves => person.send(r#"{"type":"leave"}"#),
        Fate::Cut => person.cut(),
        Fate::HalfOpen => person.half_open(),
    }
}

fn room() -> RoomId {
    "a-meeting".parse().expect("a valid name")
}
