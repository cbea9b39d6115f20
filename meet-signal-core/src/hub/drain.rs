//! Draining: stopping a server whose clients reconnect to the next process.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{PoisonError, atomic::Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::{Hub, lock};
use crate::{CloseReason, outbox::Wakers, random::random, sync::MutexGuard, trace};

impl Hub {
    /// Refuses joins and resumes, and closes all connections with a `retry_after` that differs for
    /// each client, so that they reconnect to the process that takes over. Resolves when no session
    /// is left.
    ///
    /// A web server's graceful shutdown does not wait for WebSockets: await this beside it, with a
    /// timeout (the close handshake with a client that does not reply takes seconds). Draining
    /// cannot be undone.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the hub goes on draining, and this can be called again.
    pub async fn drain(&self) {
        // The shards' locks order this: a join before this shard's turn is closed below, and a
        // later one reads the flag.
        self.0.draining.store(true, Ordering::Relaxed);
        trace::draining(self.sessions());
        for shard in &self.0.shards {
            let mut wakers = Wakers::new();
            lock(shard).close_all(&mut wakers, reason);
            wakers.into_iter().for_each(Waker::wake);
        }
        Drained { hub: self, number: None }.await;
        trace::drained();
    }

    /// Counts a session. Returns false if there are [`Limits::sessions`](crate::Limits::sessions).
    pub(super) fn session_begins(&self) -> bool {
        let max = self.limits().sessions();
        self.0
            .sessions
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < max).then_some(n + 1))
            .is_ok()
    }

    pub(crate) fn session_ended(&self) {
        let mut drain_wakers = self.drain_wakers();
        if self.0.sessions.fetch_sub(1, Ordering::Relaxed) == 1 {
            let wakers = std::mem::take(&mut drain_wakers.wakers);
            // An executor may poll `drain` inside of `wake`.
            drop(drain_wakers);
            wakers.into_values().for_each(Waker::wake);
        }
    }

    fn drain_wakers(&self) -> MutexGuard<'_, DrainWakers> {
        self.0.drain_wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wakers of the tasks that wait until no session is left, by number.
#[derive(Debug, Default)]
pub(super) struct DrainWakers {
    wakers: BTreeMap<u64, Waker>,
    next: u64,
}

/// Waits until no session is left. It has one waker, however often it is polled, and none after it
/// is dropped.
struct Drained<'a> {
    hub: &'a Hub,
    number: Option<u64>,
}

impl Future for Drained<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut drain_wakers = self.hub.drain_wakers();
        // Checked under the lock that `session_ended` takes, so that no wake-up is lost.
        if self.hub.sessions() == 0 {
            return Poll::Ready(());
        }
        let number = self.number.unwrap_or(drain_wakers.next);
        drain_wakers.next = drain_wakers.next.max(number + 1);
        drain_wakers.wakers.insert(number, cx.waker().clone());
        drop(drain_wakers);
        self.number = Some(number);
        Poll::Pending
    }
}

impl Drop for Drained<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.hub.drain_wakers().wakers.remove(&number);
        }
    }
}

/// With a random delay, so that the clients do not reconnect to the next process at the same time.
pub(super) fn reason() -> CloseReason {
    let share = f64::from(u16::from_ne_bytes(random())) / f64::from(u16::MAX);
    CloseReason::Draining { retry_after: MAX_DELAY.mul_f64(share) }
}

/// The longest delay before a client reconnects.
const MAX_DELAY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::{Arc, mpsc},
        task::{Context, Wake},
        thread,
        time::Instant,
    };

    use super::*;
    use crate::{Grant, JoinRequest};

    /// Polls `drain` inside of `wake`, as a single-threaded executor without a queue may.
    struct Inline(Hub, mpsc::Sender<bool>);

    impl Wake for Inline {
        fn wake(self: Arc<Self>) {
            let drained = is_drained(&self.0, Waker::noop());
            self.1.send(drained).expect("the test waits");
        }
    }

    fn is_drained(hub: &Hub, waker: &Waker) -> bool {
        pin!(hub.drain()).poll(&mut Context::from_waker(waker)).is_ready()
    }

    #[test]
    fn the_last_session_wakes_without_a_lock() {
        let hub = Hub::default();
        let room = "standup".parse().unwrap();
        let joined = hub.join(room, JoinRequest::default(), &Grant::new(), Instant::now());
        let session = joined.unwrap();
        let (woken, result) = mpsc::channel();
        let inline = Arc::new(Inline(hub.clone(), woken)).into();
        let mut drained = pin!(hub.drain());
        assert!(drained.as_mut().poll(&mut Context::from_waker(&inline)).is_pending());
        thread::spawn(move || drop(session));
        let timeout = Duration::from_secs(10);
        assert_eq!(result.recv_timeout(timeout), Ok(true), "it is stuck, or not drained");
    }

    #[test]
    fn a_drain_that_waits_keeps_one_waker_and_one_that_does_not_none() {
        let hub = Hub::default();
        let room = "standup".parse().unwrap();
        let joined = hub.join(room, JoinRequest::default(), &Grant::new(), Instant::now());
        let mut drains = [Box::pin(hub.drain()), Box::pin(hub.drain())];
        for _ in 0..100 {
            for drain in &mut drains {
                let cx = &mut Context::from_waker(Waker::noop());
                assert!(drain.as_mut().poll(cx).is_pending());
            }
            assert!(!is_drained(&hub, Waker::noop()));
        }
        assert_eq!(hub.drain_wakers().wakers.len(), 2);
        drop(drains);
        assert_eq!(hub.drain_wakers().wakers.len(), 0);
        drop(joined);
        assert!(is_drained(&hub, Waker::noop()));
    }

    #[test]
    fn clients_come_back_spread_over_some_seconds() {
        let mut seconds = [0; MAX_DELAY.as_secs() as usize];
        for _ in 0..1_000 {
            let CloseReason::Draining { retry_after } = reason() else { panic!("another reason") };
            // The maximum counts for the last second.
            let second = retry_after.min(MAX_DELAY - Duration::from_nanos(1)).as_secs();
            assert!(retry_after <= MAX_DELAY, "{retry_after:?}");
            seconds[second as usize] += 1;
        }
        // 200 in each, plus or minus 13.
        assert!(seconds.iter().all(|clients| *clients > 100), "{seconds:?}");
    }
}
