//! Limits how fast one room may change.

use std::time::{Duration, Instant};

use super::AddressKey;
use crate::{
    Limits,
    rate::{TokenBucket, announcement_cost},
};

/// The rate limits on the joins of a room, and on the joins and updates by address. All members are
/// notified of each, so there must not be more than the slowest reader can receive.
pub(super) struct RoomRate {
    joins: TokenBucket,
    /// The addresses with recent changes. There are never more than could join.
    by_address: Vec<(AddressKey, Changes)>,
}

/// The bucket of a room's joins, to be put in place.
pub(super) struct Joins(TokenBucket);

/// The rate limits of one address. A session has its own limit on updates, but a client could join
/// again for a fresh one.
#[derive(Clone)]
struct Changes {
    joins: TokenBucket,
    updates: TokenBucket,
}

impl RoomRate {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        let joins = per_minute(limits.room_joins_per_minute(), now);
        Self { joins, by_address: Vec::new() }
    }

    /// Other limits hold from now on. What was used counts.
    pub(super) fn reconfigure(&mut self, limits: &Limits, now: Instant) {
        let mut joins = per_minute(limits.room_joins_per_minute(), now);
        joins.absorb(&self.joins, now);
        self.joins = joins;
    }

    /// Counts a join with a `meta` of this size.
    ///
    /// # Errors
    ///
    /// The rate is exceeded; the error is how long to wait.
    pub(super) fn join(
        &mut self,
        address: Option<AddressKey>,
        meta_bytes: usize,
        limits: &Limits,
        now: Instant,
    ) -> Result<(), Duration> {
        let cost = announcement_cost(meta_bytes);
        let Some(address) = address else { return self.joins.take_many(cost, now) };
        let mut joins = self.of(address, limits, now).joins.clone();
        joins.take_many(cost, now)?;
        self.joins.take_many(cost, now)?;
        self.of(address, limits, now).joins = joins;
        Ok(())
    }

    /// The joins of the room, once one more peer is admitted from the lobby with a `meta` of this size.
    ///
    /// # Errors
    ///
    /// As for [`join`](Self::join).
    pub(super) fn admission(&self, meta_bytes: usize, now: Instant) -> Result<Joins, Duration> {
        let mut joins = self.joins.clone();
        joins.take_many(announcement_cost(meta_bytes), now)?;
        Ok(Joins(joins))
    }

    /// The peer was admitted.
    pub(super) fn admitted(&mut self, Joins(joins): Joins) {
        self.joins = joins;
    }

    /// Counts an update to a `meta` of this size, by a member of this address.
    ///
    /// # Errors
    ///
    /// The rate is exceeded; the error is how long to wait.
    pub(super) fn update(
        &mut self,
        address: AddressKey,
        meta_bytes: usize,
        limits: &Limits,
        now: Instant,
    ) -> Result<(), Duration> {
        self.of(address, limits, now).updates.take_many(announcement_cost(meta_bytes), now)
    }

    fn of(&mut self, address: AddressKey, limits: &Limits, now: Instant) -> &mut Changes {
        let at = self.by_address.iter().position(|(other, _)| *other == address);
        let at = at.unwrap_or_else(|| {
            self.by_address.retain(|(_, changes)| !changes.are_full(now));
            let joins = per_minute(limits.room_joins_per_minute().div_ceil(2), now);
            let updates = per_minute(limits.updates_per_minute().saturating_mul(2), now);
            self.by_address.push((address, Changes { joins, updates }));
            self.by_address.len() - 1
        });
        &mut self.by_address[at].1
    }
}

impl Changes {
    fn are_full(&self, now: Instant) -> bool {
        self.joins.is_full(now) && self.updates.is_full(now)
    }
}

fn per_minute(tokens: u32, now: Instant) -> TokenBucket {
    TokenBucket::new(tokens, Duration::from_secs(60), tokens, now)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn address(host: u8) -> AddressKey {
        IpAddr::from([192, 0, 2, host]).into()
    }

    #[test]
    fn one_address_has_half_of_a_rooms_joins() {
        let limits = Limits::builder().room_joins_per_minute(8).build().unwrap();
        let now = Instant::now();
        let mut rate = RoomRate::new(&limits, now);
        let mut join = |host: u8, meta| rate.join(Some(address(host)), meta, &limits, now).is_ok();
        assert!(join(1, 0) && join(1, 2 * 1024), "4 of its 4");
        assert!(!join(1, 0));
        assert!((0..4).all(|_| join(2, 0)));
        assert!(!join(2, 0));
        assert!(rate.join(None, 0, &limits, now).is_err(), "8 of 8 are taken");
        let later = now + Duration::from_secs(60);
        assert!(rate.join(None, 0, &limits, later).is_ok());
        assert!(rate.join(Some(address(3)), 0, &limits, later).is_ok());
        assert_eq!(rate.by_address.len(), 1, "what is full again is not kept");
    }

    #[test]
    fn one_address_has_the_updates_of_two_sessions() {
        let limits = Limits::builder().updates_per_minute(3).build().unwrap();
        let now = Instant::now();
        let mut rate = RoomRate::new(&limits, now);
        let mut update = |host, meta| rate.update(address(host), meta, &limits, now);
        assert!(update(1, 0).is_ok() && update(1, 4 * 1024).is_ok());
        assert_eq!(update(1, 0), Err(Duration::from_secs(10)));
        assert!(update(2, 0).is_ok());
    }
}
