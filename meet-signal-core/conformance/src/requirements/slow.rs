//! Clients that do not read, and messages that do not end.

use serde_json::{Value, json};
use tokio::{
    select,
    time::{Duration, sleep},
};

use crate::{
    check::{Result, Violation, ensure, includes},
    client::{Client, ReadMode},
    observers::Observers,
    server::{Member, Server},
    target::limits,
    wire::{CONTINUATION, FIN, PING, TEXT, frame, text_frame},
};

/// A room with a member that does not read.
struct StalledRoom {
    observers: Observers,
    /// Fills the outbox of the stalled member.
    sender: Member,
    stalled: Client,
    stalled_id: String,
}

/// The member never reads; the write timeout closes its connection.
pub(super) async fn unreachable(server: Server) -> Result {
    with_stalled_member(
        &server,
        SMALL,
        STALLED_ATTEMPTS,
        async |StalledRoom { observers, sender, stalled_id, .. }| {
            observers.expect_lost(stalled_id).await?;
            // The other members are not affected, and neither is the sender that got the error.
            let to = observers.first().id.clone();
            sender.signal(&to, "still here").await?;
            observers.first().expect(json!({"type": "signal", "data": "still here"})).await?;
            observers.check_undisturbed().await
        },
    )
    .await
}

/// The member reads again before the write timeout.
pub(super) async fn slow_but_reading(server: Server) -> Result {
    with_stalled_member(
        &server,
        FAST,
        1,
        async |StalledRoom { observers, sender, stalled, stalled_id }| {
            let to = observers.first().id.clone();
            stalled.start_reading(ReadMode::AutoReply);
            // The sender retries until the outbox has room.
            let end = json!({"type": "signal", "to": stalled_id, "data": "at last", "ref": 1});
            loop {
                sender.send(end.clone()).await?;
                sender.send(json!({"type": "dance", "ref": 0})).await?;
                if sender.expect(json!({"type": "error"})).await?["code"] == "unknown-type" {
                    break;
                }
                sender.expect_error("unknown-type", Some(0)).await?;
                sleep(Duration::from_millis(50)).await;
            }
            while stalled.recv().await?["data"] != "at last" {}
            stalled.send(json!({"type": "signal", "to": to, "data": "still here"})).await?;
            observers.first().expect(json!({"type": "signal", "data": "still here"})).await?;
            observers.check_undisturbed().await
        },
    )
    .await
}

/// Control frames between the fragments do not extend the time.
pub(super) async fn incomplete_message(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    // It does not reply to `ping`: that would be a message within a message.
    let mut client = observers.join_client_as(ReadMode::NoReply).await?;
    client.write(&frame(TEXT, br#"{"type":"ack","#)).await?;
    let writer = client.writer();
    let ping = [frame(FIN | PING, b""), frame(CONTINUATION, b" ")].concat();
    let writing = async {
        loop {
            sleep(Duration::from_millis(500)).await;
            // Fails after the connection is closed.
            let _ = writer.write(&ping).await;
        }
    };
    select! {
        result = client.expect_close_eventually(4002) => result?,
        () = writing => {}
    }
    observers.expect_lost(&client.id).await?;
    observers.check_undisturbed().await
}

/// Fills the outbox of a member that does not read, and runs the rest of the test. The member sends
/// all the time, so that the heartbeat does not close its connection.
async fn with_stalled_member(
    server: &Server,
    receive_buffer: u32,
    attempts: u32,
    rest: impl AsyncFnOnce(&mut StalledRoom) -> Result,
) -> Result {
    let mut room = join_stalled(server, receive_buffer).await?;
    let writer = room.stalled.writer();
    let ack = text_frame(json!({"type": "ack", "received": 0}));
    let test = async {
        fill_outbox(&mut room, attempts).await?;
        rest(&mut room).await
    };
    select! {
        result = test => result,
        violation = writer.write_repeatedly(&ack) => Err(violation),
    }
}

async fn join_stalled(server: &Server, receive_buffer: u32) -> Result<StalledRoom> {
    let (mut observers, mut sender) = Observers::join_with_client(server).await?;
    let stalled = server.request().receive_buffer(receive_buffer).upgrade(ReadMode::Paused).await?;
    stalled.send(json!({"type": "join"})).await?;
    let stalled_id = observers.expect_any_joined().await?;
    sender.expect(json!({"type": "joined"})).await?;
    Ok(StalledRoom { observers, sender, stalled, stalled_id })
}

/// Sends to the stalled member until it is unreachable in so many attempts in a row. One is enough
/// for a full outbox, but a busy server may write the outbox to the kernel's buffers later.
async fn fill_outbox(room: &mut StalledRoom, attempts: u32) -> Result {
    let data = "x".repeat(DATA_BYTES);
    let (mut reference, mut accepted, mut rejected) = (0, 0, 0);
    while accepted < MAX_SIGNALS {
        reference += 1;
        let signal =
            json!({"type": "signal", "to": room.stalled_id, "data": data, "ref": reference});
        room.sender.send(signal).await?;
        // An error about this one shows that there was none about the signal.
        room.sender.send(json!({"type": "dance", "ref": 0})).await?;
        let error = recv_error(&mut room.sender).await?;
        if error["code"] == "unknown-type" {
            (accepted, rejected) = (accepted + 1, 0);
            continue;
        }
        let unreachable = json!({"type": "error", "code": "peer-unreachable", "ref": reference});
        ensure!(includes(&error, &unreachable), "expected {unreachable}, got {error}");
        let next = recv_error(&mut room.sender).await?;
        ensure!(next["code"] == "unknown-type", "expected an unknown type, got {next}");
        rejected += 1;
        if rejected == attempts {
            return Ok(());
        }
        // At the rate of these two frames, so that attempts do not use up the burst.
        sleep(Duration::from_secs(2) / limits().rate_per_second()).await;
    }
    Err(Violation::new(format_args!(
        "the server queues {MAX_SIGNALS} signals of {DATA_BYTES} bytes"
    )))
}

/// Skips the messages about the status of the stalled member.
async fn recv_error(sender: &mut Member) -> Result<Value> {
    loop {
        let received = sender.recv().await?;
        if received["type"] != "status" {
            return Ok(received);
        }
    }
}

/// A receive buffer, in bytes. The kernel rounds it up to its minimum.
const SMALL: u32 = 4096;

/// A receive buffer that is large enough to read the whole outbox quickly.
const FAST: u32 = 256 * 1024;

/// Together longer than a server that is only busy leaves its outbox full, and shorter than the
/// write timeout.
const STALLED_ATTEMPTS: u32 = 5;

const DATA_BYTES: usize = 60_000;

/// More than the kernel's buffers of both ends (about 4 MiB) and the outbox hold, and less than the
/// burst of the sender.
const MAX_SIGNALS: u64 = 110;
