//! What clients of one address use of a hub, so that one of them cannot take the house.

#![cfg_attr(
    not(feature = "driver"),
    allow(dead_code, reason = "connections, and what is decided of them, are the driver's")
)]

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    Limits,
    rate::TokenBucket,
    sync::{Mutex, MutexGuard},
};

/// Who shares limits: an IPv4 address, or the 64 bits of an IPv6 address that its network has
/// (RFC 6177: a site has at least so many addresses to choose from).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AddressKey(IpAddr);

impl From<IpAddr> for AddressKey {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let host = u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !host))
            }
        })
    }
}

/// The addresses that use something of a hub.
#[derive(Debug)]
pub(crate) struct Addresses {
    limits: Limits,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    by: HashMap<AddressKey, Usage>,
    /// With how many addresses those that use nothing any more are looked for.
    sweep_at: usize,
}

#[derive(Debug)]
struct Usage {
    connections: u32,
    away: u32,
    joins: TokenBucket,
    refusals: TokenBucket,
}

/// One of the things that an address may have a number of, as long as it is held.
#[derive(Debug)]
pub(crate) struct Lease {
    addresses: Arc<Addresses>,
    key: AddressKey,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Connection,
    Away,
}

impl Addresses {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, used: Mutex::default() })
    }

    /// A connection is open; `None` where there are too many.
    pub(crate) fn connect(self: &Arc<Self>, key: AddressKey, now: Instant) -> Option<Lease> {
        self.lease(key, Kind::Connection, now)
    }

    /// A session is kept without a connection; `None` where there are too many.
    pub(crate) fn away(self: &Arc<Self>, key: AddressKey, now: Instant) -> Option<Lease> {
        self.lease(key, Kind::Away, now)
    }

    /// A join is tried.
    ///
    /// # Errors
    ///
    /// There were too many, or too many that the application refused. The error is how long to wait.
    pub(crate) fn join(&self, key: AddressKey, now: Instant) -> Result<(), Duration> {
        let mut used = self.lock();
        let usage = used.usage(key, &self.limits, now);
        usage.refusals.clone().take(now)?;
        usage.joins.take(now)
    }

    /// The application has refused a join.
    pub(crate) fn refused(&self, key: AddressKey, now: Instant) {
        // Whether there was one left is looked at before the next join.
        let _ = self.lock().usage(key, &self.limits, now).refusals.take(now);
    }

    fn lease(self: &Arc<Self>, key: AddressKey, kind: Kind, now: Instant) -> Option<Lease> {
        let most = match kind {
            Kind::Connection => self.limits.address_connections(),
            Kind::Away => self.limits.address_away(),
        };
        let mut used = self.lock();
        let count = used.usage(key, &self.limits, now).count(kind);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Lease { addresses: Arc::clone(self), key, kind })
    }

    // Nothing in here calls foreign code between two changes.
    fn lock(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(usage) = self.addresses.lock().by.get_mut(&self.key) {
            *usage.count(self.kind) -= 1;
        }
    }
}

impl Used {
    fn usage(&mut self, key: AddressKey, limits: &Limits, now: Instant) -> &mut Usage {
        if self.by.len() > self.sweep_at {
            self.by.retain(|_, usage| usage.is_used(now));
            self.by.shrink_to_fit();
            // So that looking through all of them is shared by as many who came since.
            self.sweep_at = (2 * self.by.len()).max(SWEEP);
        }
        self.by.entry(key).or_insert_with(|| Usage::new(limits, now))
    }
}

impl Usage {
    fn new(limits: &Limits, now: Instant) -> Self {
        let a_minute = |n| TokenBucket::new(n, Duration::from_secs(60), n, now);
        Self {
            connections: 0,
            away: 0,
            joins: a_minute(limits.address_joins_per_minute()),
            refusals: a_minute(limits.address_refusals_per_minute()),
        }
    }

    fn count(&mut self, kind: Kind) -> &mut u32 {
        match kind {
            Kind::Connection => &mut self.connections,
            Kind::Away => &mut self.away,
        }
    }

    /// Whether forgetting it would change anything.
    fn is_used(&self, now: Instant) -> bool {
        let buckets = [&self.joins, &self.refusals];
        self.connections > 0 || self.away > 0 || !buckets.iter().all(|bucket| bucket.is_full(now))
    }
}

/// With fewer addresses than these, none is forgotten: they take a few hundred kilobytes.
const SWEEP: usize = 1_024;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn key(address: &str) -> AddressKey {
        address.parse::<IpAddr>().expect("an address").into()
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.2"), key("192.0.2.1"));
    }

    #[test]
    fn what_is_held_counts_until_it_is_dropped() {
        let limits = Limits::builder().address_connections(2).address_away(1).build().unwrap();
        let (addresses, now) = (Addresses::new(limits), Instant::now());
        let (one, other) = (key("192.0.2.1"), key("192.0.2.2"));
        let first = addresses.connect(one, now).unwrap();
        let _second = addresses.connect(one, now).unwrap();
        assert!(addresses.connect(one, now).is_none());
        assert!(addresses.connect(other, now).is_some());
        let _away = addresses.away(one, now).unwrap();
        assert!(addresses.away(one, now).is_none());
        drop(first);
        assert!(addresses.connect(one, now).is_some());
    }

    #[test]
    fn refusals_and_joins_come_back_with_time() {
        let limits = Limits::builder().address_joins_per_minute(3).address_refusals_per_minute(1);
        let (addresses, now) = (Addresses::new(limits.build().unwrap()), Instant::now());
        let one = key("192.0.2.1");
        addresses.join(one, now).unwrap();
        addresses.refused(one, now);
        assert_eq!(addresses.join(one, now), Err(Duration::from_secs(60)));
        let later = now + Duration::from_secs(60);
        (0..3).for_each(|_| addresses.join(one, later).unwrap());
        assert_eq!(addresses.join(one, later), Err(Duration::from_secs(20)));
    }

    #[test]
    fn addresses_that_use_nothing_are_forgotten() {
        let (addresses, now) = (Addresses::new(Limits::default()), Instant::now());
        let numbered = |n: u32| AddressKey::from(IpAddr::V4(n.into()));
        let _held = addresses.connect(numbered(0), now).unwrap();
        let mut later = now;
        for n in 1..20_000 {
            later += Duration::from_secs(1);
            addresses.join(numbered(n), later).unwrap();
        }
        let used = addresses.lock();
        assert!(used.by.len() <= 2 * SWEEP && used.by.contains_key(&numbered(0)));
    }
}
