//! The failures of a connection in memory are those of a network.

use meet_signal_core::{CloseReason, Hub, testing::Received};
use serde_json::json;
use tokio::{
    task::yield_now,
    time::{Duration, Instant},
};

use crate::{
    BEAT, FINAL_READ, GRACE, assert_about, connect, id, observer,
    resume::{numbers, resume, send_app},
};

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_is_found_out_by_its_silence() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let (mut client, task) = connect(&hub);
    let welcome = client.join().await;
    other.recv().await;
    let start = Instant::now();
    client.half_open();
    send_app(&hub, 1);
    assert_eq!(other.recv().await["data"], 1);
    assert_eq!(other.recv().await["status"], "away");
    // The close frame is lost as well; the grace period starts after the close timeout.
    let silence = BEAT * 3 + FINAL_READ;
    assert_about(start.elapsed(), silence);
    let left = json!({"type": "left", "peer": id(&welcome), "reason": "timeout"});
    assert_eq!(other.recv().await, left);
    assert_about(start.elapsed(), silence + Duration::from_secs(2) + GRACE);
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_resume_after_a_half_open_connection_misses_nothing() {
    let hub = Hub::default();
    let (mut client, task) = connect(&hub);
    let welcome = client.join().await;
    client.half_open();
    for n in 1..=3 {
        send_app(&hub, n);
        yield_now().await;
    }
    let (mut client, _task) = connect(&hub);
    assert_eq!(resume(&mut client, &welcome, 0).await["resumed"], "full");
    assert_eq!(numbers(&mut client, 3).await, [1, 2, 3]);
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stall_is_over_with_the_next_read() {
    let hub = Hub::default();
    let (mut client, _task) = connect(&hub);
    client.join().await;
    client.stall();
    send_app(&hub, 1);
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(numbers(&mut client, 1).await, [1]);
}

#[tokio::test(start_paused = true)]
async fn a_stall_is_given_up_after_the_write_timeout() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let (mut client, _task) = connect(&hub);
    client.join().await;
    other.recv().await;
    client.stall();
    let start = Instant::now();
    send_app(&hub, 1);
    assert_eq!(other.recv().await["data"], 1);
    assert_eq!(other.recv().await["status"], "away");
    assert_about(start.elapsed(), Duration::from_secs(10));
    assert_eq!(client.next().await, Received::Closed(CloseReason::TooSlow));
}
