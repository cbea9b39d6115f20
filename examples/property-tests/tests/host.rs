//! The rule holds whatever the network does, and whoever goes first: without a port, and over
//! minutes of the protocol's time in milliseconds.

use meet_signal_core::{
    Hub, RoomId,
    testing::{connection, strategies::fate},
};
use property_tests::{Role, attend};
use proptest::{collection::vec, prelude::*};
use tokio::time::{Duration, Instant, sleep};

proptest! {
    #[test]
    fn nobody_is_left_in_a_meeting_without_its_host(lives in vec((0..120_u64, fate()), 2..6)) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build()?.block_on(async {
            let room: RoomId = "meeting".parse()?;
            let (hub, start) = (Hub::default(), Instant::now());
            for (n, (seconds, fate)) in lives.into_iter().enumerate() {
                let role = if n == 0 { Role::Host } else { Role::Guest };
                let (server, mut person) = connection(64);
                tokio::spawn(attend(hub.clone(), room.clone(), role, server));
                person.join().await;
                tokio::spawn(person.live(start + Duration::from_secs(seconds), fate));
            }
            // They meet their fates at whole seconds; these looks are at halves of them.
            sleep(Duration::from_millis(500)).await;
            while !hub.rooms().is_empty() {
                let roster = hub.roster(&room);
                prop_assert!(roster.iter().any(|member| member.meta == Role::Host.meta()));
                sleep(Duration::from_secs(1)).await;
            }
            // Two minutes, the silence that gives a connection away, the grace, a close.
            prop_assert!(start.elapsed() < Duration::from_secs(120 + 30 + 30 + 3));
            sleep(Duration::from_secs(3)).await;
            prop_assert_eq!(hub.sessions(), 0, "a close waits two seconds for who is not there");
            Ok(())
        })?;
    }
}
