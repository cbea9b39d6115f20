//! How fast peers may join one room.

use std::time::{Duration, Instant};

use super::AddressKey;
use crate::{
    Limits,
    rate::{TokenBucket, announcement_cost},
};

/// The joins of a room, and what of them each address may have. Each is announced to everybody in
/// the room, and so is its end, so there must not be more than the slowest reader has room for.
pub(super) struct JoinRate {
    all: TokenBucket,
    /// Of the addresses that have joined lately, so there are no more than joins in a minute.
    by_address: Vec<(AddressKey, TokenBucket)>,
}

impl JoinRate {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        let joins = limits.room_joins_per_minute();
        Self { all: a_minute(joins, now), by_address: Vec::new() }
    }

    /// Lets somebody join who brings a `meta` of this size.
    ///
    /// # Errors
    ///
    /// Not now; the error is how long to wait.
    pub(super) fn take(
        &mut self,
        address: Option<AddressKey>,
        meta_bytes: usize,
        limits: &Limits,
        now: Instant,
    ) -> Result<(), Duration> {
        let cost = announcement_cost(meta_bytes);
        self.by_address.retain(|(_, joins)| !joins.is_full(now));
        let Some(address) = address else { return self.all.take_many(cost, now) };
        let at = self.by_address.iter().position(|(other, _)| *other == address);
        let half = limits.room_joins_per_minute().div_ceil(2);
        let mut own = at.map_or_else(|| a_minute(half, now), |at| self.by_address[at].1.clone());
        own.take_many(cost, now)?;
        self.all.take_many(cost, now)?;
        match at {
            Some(at) => self.by_address[at].1 = own,
            None => self.by_address.push((address, own)),
        }
        Ok(())
    }
}

fn a_minute(joins: u32, now: Instant) -> TokenBucket {
    TokenBucket::new(joins, Duration::from_secs(60), joins, now)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn one_address_has_half_of_a_rooms_joins() {
        let limits = Limits::builder().room_joins_per_minute(8).build().unwrap();
        let now = Instant::now();
        let mut rate = JoinRate::new(&limits, now);
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|it| it.parse::<IpAddr>().unwrap());
        let mut take = |address: IpAddr, meta, now| {
            rate.take(Some(address.into()), meta, &limits, now).is_ok()
        };
        assert!(take(one, 0, now) && take(one, 2 * 1024, now), "4 of its 4");
        assert!(!take(one, 0, now));
        assert!((0..4).all(|_| take(other, 0, now)));
        assert!(!take(other, 0, now));
        assert!(rate.take(None, 0, &limits, now).is_err(), "8 of 8 are taken");
        let later = now + Duration::from_secs(60);
        assert!(rate.take(None, 0, &limits, later).is_ok());
        assert!(rate.by_address.is_empty(), "what is full again is not kept");
    }
}
