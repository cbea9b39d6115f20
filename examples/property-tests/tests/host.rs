//! The rule holds in whichever order and way participants disconnect. The test needs no port, and minutes
//! of the protocol's time pass in milliseconds.

use meet_signal_core::{
    Hub, RoomId,
    testing::{connection, strategies::disconnect_mode},
};
use property_tests::{Role, attend};
use proptest::{collection::vec, prelude::*};
use tokio::time::{Duration, Instant, sleep};

proptest! {
    #[test]
    fn no_guest_stays_in_a_meeting_without_its_host(
        participants in vec((0..120_u64, disconnect_mode()), 2..6),
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build()?.block_on(async {
            let room: RoomId = "meeting".parse()?;
            let (hub, start) = (Hub::default(), Instant::now());
            for (n, (seconds, mode)) in participants.into_iter().enumerate() {
                let role = if n == 0 { Role::Host } else { Role::Guest };
                let (server, mut client) = connection(64);
                tokio::spawn(attend(hub.clone(), room.clone(), role, server));
                client.join().await;
                tokio::spawn(client.live(start + Duration::from_secs(seconds), mode));
            }
            // Clients disconnect at whole seconds; the checks are at half seconds.
            sleep(Duration::from_millis(500)).await;
            while !hub.rooms().is_empty() {
                let roster = hub.roster(&room);
                prop_assert!(roster.iter().any(|member| member.meta == Role::Host.meta()));
                sleep(Duration::from_secs(1)).await;
            }
            // Two minutes, three heartbeats without a sign of life, the grace, and a close.
            prop_assert!(start.elapsed() < Duration::from_secs(120 + 30 + 30 + 3));
            sleep(Duration::from_secs(3)).await;
            prop_assert_eq!(hub.sessions(), 0, "a close waits two seconds for a client that is gone");
            Ok(())
        })?;
    }
}
