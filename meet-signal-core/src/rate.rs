//! The rate at which one session may do something.

use std::time::{Duration, Instant};

/// A token bucket, kept as the instant at which it is full again (the *generic cell rate
/// algorithm*): one word of state, no timer.
#[derive(Debug, Clone)]
pub(crate) struct TokenBucket {
    /// What one token takes to come back.
    interval: Duration,
    /// How far `full_at` may lie ahead: the time in which an empty bucket fills.
    depth: Duration,
    full_at: Instant,
}

impl TokenBucket {
    /// A full bucket of `burst` tokens that regains `tokens` of them in each `period`.
    pub(crate) fn new(tokens: u32, period: Duration, burst: u32, now: Instant) -> Self {
        let interval = period / tokens;
        Self { interval, depth: interval * burst, full_at: now }
    }

    /// Takes one token.
    ///
    /// # Errors
    ///
    /// The bucket is empty; nothing was taken. The error is how long it takes until there is one.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.max(now) + self.interval;
        let ahead = full_at - now;
        if ahead > self.depth {
            return Err(ahead - self.depth);
        }
        self.full_at = full_at;
        Ok(())
    }
}

// Not with loom's locks: proptest is not there then.
#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_then_the_sustained_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(10, SECOND, 3, start);
        for _ in 0..3 {
            bucket.take(start).unwrap();
        }
        assert_eq!(bucket.take(start), Err(Duration::from_millis(100)));
        let later = start + Duration::from_millis(40);
        assert_eq!(bucket.take(later), Err(Duration::from_millis(60)));
        bucket.take(start + Duration::from_millis(100)).unwrap();
        assert!(bucket.take(start + Duration::from_millis(100)).is_err());
    }

    proptest! {
        /// Whatever the schedule: no window holds more than the burst and what flowed back in it.
        #[test]
        fn no_window_exceeds_burst_plus_rate(
            gaps in prop::collection::vec(0_u64..300, 1..200),
            per_second in 1_u32..50,
            burst in 1_u32..20,
        ) {
            let start = Instant::now();
            let mut bucket = TokenBucket::new(per_second, SECOND, burst, start);
            let mut now = start;
            let mut taken = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                match bucket.take(now) {
                    Ok(()) => taken.push(now),
                    // Its word can be relied on.
                    Err(wait) => prop_assert!(bucket.clone().take(now + wait).is_ok()),
                }
            }
            for (i, from) in taken.iter().enumerate() {
                for (n, to) in taken[i..].iter().enumerate() {
                    let refill = (*to - *from).as_secs_f64() * f64::from(per_second);
                    prop_assert!((n + 1) as f64 <= f64::from(burst) + refill + 1e-3);
                }
            }
        }
    }
}
