//! Stopping a server without dropping anybody on the floor.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{PoisonError, atomic::Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::{Hub, JoinError, lock};
use crate::{CloseReason, outbox::Wakers, random::random, sync::MutexGuard};

impl Hub {
    /// Refuses joins and resumes, and asks every client to come back a little later, each after another
    /// delay: to the process that takes over. Resolves when no session is left.
    ///
    /// A web server's own graceful shutdown does not wait for WebSockets: await this beside it, under
    /// a timeout (a client that does not answer is waited for until the close handshake gives up,
    /// which takes seconds). Draining cannot be taken back.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the hub goes on draining, and it can be called again.
    pub async fn drain(&self) {
        // Ordered by the shards' locks: a join that was before this shard's turn is closed below, a
        // later one sees the flag.
        self.0.draining.store(true, Ordering::Relaxed);
        for shard in &self.0.shards {
            let mut wakers = Wakers::new();
            lock(shard).close_all(&mut wakers, reason);
            wakers.into_iter().for_each(Waker::wake);
        }
        Drained { hub: self, number: None }.await;
    }

    pub(super) fn session_begins(&self) -> Result<(), JoinError> {
        let most = self.limits().sessions();
        self.0
            .sessions
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < most).then_some(n + 1))
            .map(drop)
            .map_err(|_| JoinError::HubFull)
    }

    pub(crate) fn session_ended(&self) {
        let mut waiting = self.waiting();
        if self.0.sessions.fetch_sub(1, Ordering::Relaxed) == 1 {
            let wakers = std::mem::take(&mut waiting.wakers);
            // An executor may poll `drain` right here.
            drop(waiting);
            wakers.into_values().for_each(Waker::wake);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.drained.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tasks that wait until no session is left, numbered.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    wakers: BTreeMap<u64, Waker>,
    next: u64,
}

/// Waits until no session is left. It keeps one waker, however often it is polled, and none once it
/// is dropped.
struct Drained<'a> {
    hub: &'a Hub,
    number: Option<u64>,
}

impl Future for Drained<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut waiting = self.hub.waiting();
        // Looked at under the lock that `session_ended` takes, so that no wake-up is lost.
        if self.hub.sessions() == 0 {
            return Poll::Ready(());
        }
        let number = self.number.unwrap_or(waiting.next);
        waiting.next = waiting.next.max(number + 1);
        waiting.wakers.insert(number, cx.waker().clone());
        drop(waiting);
        self.number = Some(number);
        Poll::Pending
    }
}

impl Drop for Drained<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.hub.waiting().wakers.remove(&number);
        }
    }
}

/// Everybody comes back at another time, so that the next process is not run over.
pub(super) fn reason() -> CloseReason {
    let share = f64::from(u16::from_ne_bytes(random())) / f64::from(u16::MAX);
    CloseReason::Draining { retry_after: SPREAD.mul_f64(share) }
}

/// Over how long a time those who were asked to come back do so.
const SPREAD: Duration = Duration::from_secs(5);

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

    /// Polls `drain` inside of its wake-up, as an executor may that has one thread and no queue.
    struct Inline(Hub, mpsc::Sender<bool>);

    impl Wake for Inline {
        fn wake(self: Arc<Self>) {
            let drained = is_drained(&self.0, Waker::noop());
            self.1.send(drained).expect("somebody waits");
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
        let patience = Duration::from_secs(10);
        assert_eq!(result.recv_timeout(patience), Ok(true), "it is stuck, or not drained");
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
        assert_eq!(hub.waiting().wakers.len(), 2);
        drop(drains);
        assert_eq!(hub.waiting().wakers.len(), 0);
        drop(joined);
        assert!(is_drained(&hub, Waker::noop()));
    }

    #[test]
    fn clients_come_back_spread_over_some_seconds() {
        let mut seconds = [0; SPREAD.as_secs() as usize];
        for _ in 0..1_000 {
            let CloseReason::Draining { retry_after } = reason() else { panic!("another reason") };
            // The very end of the last second is in it, too.
            let second = retry_after.min(SPREAD - Duration::from_nanos(1)).as_secs();
            assert!(retry_after <= SPREAD, "{retry_after:?}");
            seconds[second as usize] += 1;
        }
        // 200 in each, give or take 13.
        assert!(seconds.iter().all(|clients| *clients > 100), "{seconds:?}");
    }
}
