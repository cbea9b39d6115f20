//! Rate limits.

use std::time::{Duration, Instant};

/// A token bucket, stored as the instant at which it is full again (the *generic cell rate
/// algorithm*): one word of state, no timer.
#[derive(Debug, Clone)]
pub(crate) struct TokenBucket {
    /// The time to refill one token.
    interval: Duration,
    /// The time to refill an empty bucket: how far `full_at` may be in the future.
    depth: Duration,
    full_at: Instant,
}

impl TokenBucket {
    /// A full bucket of `burst` tokens with a refill of `tokens` per `period`.
    pub(crate) fn new(tokens: u32, period: Duration, burst: u32, now: Instant) -> Self {
        let interval = period / tokens;
        Self { interval, depth: interval * burst, full_at: now }
    }

    /// Takes one token.
    ///
    /// # Errors
    ///
    /// The bucket is empty; nothing was taken. The error is the time until there is a token.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        self.take_many(1, now)
    }

    /// Takes all of these tokens, or none. If they are more than the bucket holds, it takes a full
    /// bucket's tokens.
    ///
    /// # Errors
    ///
    /// There are not enough tokens; nothing was taken. The error is the time until there are.
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

    /// Takes the tokens that are missing from another bucket of the same size, as far as they are
    /// available.
    pub(crate) fn absorb(&mut self, other: &Self, now: Instant) {
        let taken = other.full_at.saturating_duration_since(now);
        self.full_at = (self.full_at.max(now) + taken).min(now + self.depth);
    }

    /// Whether the bucket is equal to a new one.
    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

/// A rate bucket and an overflow bucket of the same size. Frames over the rate get an error reply,
/// which has a cost as well, and take from the overflow bucket. When that is empty, the connection
/// is closed.
#[derive(Debug, Clone)]
pub(crate) struct Allowance {
    rate: TokenBucket,
    overflow: TokenBucket,
}

/// The result of taking from an [`Allowance`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Within the rate.
    Within,
    /// Over the rate until this time has passed.
    Over(Duration),
    /// Over both buckets.
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

    /// Takes the tokens that are missing from another allowance, as far as they are available.
    pub(crate) fn absorb(&mut self, other: &Self, now: Instant) {
        self.rate.absorb(&other.rate, now);
        self.overflow.absorb(&other.overflow, now);
    }
}

/// The cost of notifying a room of this `meta`, in tokens: one, and one more per full kilobyte.
pub(crate) fn announcement_cost(meta_bytes: usize) -> u32 {
    u32::try_from(1 + meta_bytes / 1024).unwrap_or(u32::MAX)
}

// proptest does not run under loom.
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
    fn absorbing_takes_the_missing_tokens_of_another_bucket() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(10, SECOND, 4, start);
        let mut other = bucket.clone();
        other.take_many(3, start).unwrap();
        bucket.absorb(&other, start);
        bucket.take(start).unwrap();
        bucket.take(start).unwrap_err();
        bucket.absorb(&other, start);
        assert_eq!(bucket.take(start), Err(SECOND / 10), "it takes at most a full bucket");
    }

    proptest! {
        /// In any schedule, no window has more than the burst and the refill in it.
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
                    // The returned wait is sufficient.
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
