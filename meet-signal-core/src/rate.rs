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
        self.take_many(1, now)
    }

    /// Takes so many tokens, or none. More than the bucket holds are never there at once: as many as
    /// it holds are taken then.
    ///
    /// # Errors
    ///
    /// There are not so many; nothing was taken. The error is how long it takes until there are.
    pub(crate) fn take_many(&mut self, tokens: u32, now: Instant) -> Result<(), Duration> {
        let cost = (self.interval * tokens).min(self.depth);
        let full_at = self.full_at.max(now) + cost;
        let ahead = full_at - now;
        if ahead > self.depth {
            return Err(ahead - self.depth);
        }
        self.full_at = full_at;
        Ok(())
    }

    /// Takes what was taken from another bucket of the same kind, as far as there is so much.
    pub(crate) fn absorb(&mut self, other: &Self, now: Instant) {
        let taken = other.full_at.saturating_duration_since(now);
        self.full_at = (self.full_at.max(now) + taken).min(now + self.depth);
    }

    /// Whether it is as if nothing had ever been taken.
    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

/// Two buckets of the same size. What the first has no room for is answered, which costs, too, and
/// takes from the second; who goes on and on is cut off.
#[derive(Debug, Clone)]
pub(crate) struct Allowance {
    rate: TokenBucket,
    overflow: TokenBucket,
}

/// What became of taking from an [`Allowance`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is within the rate.
    Within,
    /// It is over the rate, and would not be after this time.
    Over(Duration),
    /// It is over both buckets.
    FarOver,
}

impl Allowance {
    /// Like [`TokenBucket::new`] with a period of a second.
    pub(crate) fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        let rate = TokenBucket::new(per_second, Duration::from_secs(1), burst, now);
        Self { overflow: rate.clone(), rate }
    }

    pub(crate) fn take(&mut self, tokens: u32, now: Instant) -> Taken {
        match self.rate.take_many(tokens, now) {
            Ok(()) => Taken::Within,
            Err(wait) => match self.overflow.take_many(tokens, now) {
                Ok(()) => Taken::Over(wait),
                Err(_) => Taken::FarOver,
            },
        }
    }

    /// Takes what was taken from another one, as far as there is so much.
    pub(crate) fn absorb(&mut self, other: &Self, now: Instant) {
        self.rate.absorb(&other.rate, now);
        self.overflow.absorb(&other.overflow, now);
    }
}

/// How much one announcement with this `meta` counts: each is about as large as a kilobyte at most.
pub(crate) fn announcement_cost(meta_bytes: usize) -> u32 {
    u32::try_from(1 + meta_bytes / 1024).unwrap_or(u32::MAX)
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

    #[test]
    fn more_than_the_bucket_holds_takes_all_of_it() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(10, SECOND, 3, start);
        bucket.take_many(1_000, start).unwrap();
        assert!(!bucket.is_full(start));
        assert_eq!(bucket.take_many(2, start), Err(SECOND / 5));
        assert!(bucket.is_full(start + SECOND * 3 / 10));
    }

    #[test]
    fn what_another_bucket_lacks_is_taken() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(10, SECOND, 4, start);
        let mut other = bucket.clone();
        other.take_many(3, start).unwrap();
        bucket.absorb(&other, start);
        bucket.take(start).unwrap();
        bucket.take(start).unwrap_err();
        bucket.absorb(&other, start);
        assert_eq!(bucket.take(start), Err(SECOND / 10), "it owes no more than it holds");
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
