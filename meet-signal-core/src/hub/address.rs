//! The usage of a hub by address, so that the clients of one address cannot exhaust it.

#![cfg_attr(
    not(feature = "driver"),
    allow(dead_code, reason = "only the driver has connections and authorizes joins")
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

/// The key of the limits per address: an IPv4 address, or the 64-bit network prefix of an IPv6
/// address (RFC 6177: a site has at least that many addresses to choose from).
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

/// The addresses with some usage of a hub.
#[derive(Debug)]
pub(crate) struct Addresses {
    limits: Limits,
    used: Mutex<UsageTable>,
}

#[derive(Debug, Default)]
struct UsageTable {
    usages: HashMap<AddressKey, Usage>,
    /// The number of addresses at which unused ones are removed.
    sweep_at: usize,
}

#[derive(Debug)]
struct Usage {
    connections: u32,
    away: u32,
    joins: TokenBucket,
    refusals: TokenBucket,
}

/// A connection or an away session that counts for its address until this is dropped.
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

    /// Counts an open connection; `None` if there are too many.
    pub(crate) fn connect(self: &Arc<Self>, key: AddressKey, now: Instant) -> Option<Lease> {
        self.lease(key, Kind::Connection, now)
    }

    /// Counts a session without a connection; `None` if there are too many.
    pub(crate) fn away(self: &Arc<Self>, key: AddressKey, now: Instant) -> Option<Lease> {
        self.lease(key, Kind::Away, now)
    }

    /// Counts an attempt to join.
    ///
    /// # Errors
    ///
    /// There were too many, or too many that the application refused. The error is how long to
    /// wait.
    pub(crate) fn join(&self, key: AddressKey, now: Instant) -> Result<(), Duration> {
        let mut used = self.lock();
        let usage = used.usage(key, &self.limits, now);
        usage.refusals.clone().take(now)?;
        usage.joins.take(now)
    }

    /// Checks whether the application may be asked about a resume, which is no join.
    pub(crate) fn resume(&self, key: AddressKey, now: Instant) -> Result<(), Duration> {
        self.lock().usage(key, &self.limits, now).refusals.clone().take(now)
    }

    /// Counts a join that the application refused.
    pub(crate) fn refused(&self, key: AddressKey, now: Instant) {
        // The next join checks whether the bucket is empty.
        let _ = self.lock().usage(key, &self.limits, now).refusals.take(now);
    }

    fn lease(self: &Arc<Self>, key: AddressKey, kind: Kind, now: Instant) -> Option<Lease> {
        let max = match kind {
            Kind::Connection => self.limits.address_connections(),
            Kind::Away => self.limits.address_away(),
        };
        let mut used = self.lock();
        let count = used.usage(key, &self.limits, now).count(kind);
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Lease { addresses: Arc::clone(self), key, kind })
    }

    // No foreign code runs between two changes of the state.
    fn lock(&self) -> MutexGuard<'_, UsageTable> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(usage) = self.addresses.lock().usages.get_mut(&self.key) {
            *usage.count(self.kind) -= 1;
        }
    }
}

impl UsageTable {
    fn usage(&mut self, key: AddressKey, limits: &Limits, now: Instant) -> &mut Usage {
        if self.usages.len() > self.sweep_at {
            self.usages.retain(|_, usage| usage.is_used(now));
            self.usages.shrink_to_fit();
            // Amortizes the cost of a sweep over the addresses that were added since the last one.
            self.sweep_at = (2 * self.usages.len()).max(SWEEP);
        }
        self.usages.entry(key).or_insert_with(|| Usage::new(limits, now))
    }
}

impl Usage {
    fn new(limits: &Limits, now: Instant) -> Self {
        let per_minute = |n| TokenBucket::new(n, Duration::from_secs(60), n, now);
        Self {
            connections: 0,
            away: 0,
            joins: per_minute(limits.address_joins_per_minute()),
            refusals: per_minute(limits.address_refusals_per_minute()),
        }
    }

    fn count(&mut self, kind: Kind) -> &mut u32 {
        match kind {
            Kind::Connection => &mut self.connections,
            Kind::Away => &mut self.away,
        }
    }

    /// Whether removing it would lose information.
    fn is_used(&self, now: Instant) -> bool {
        let buckets = [&self.joins, &self.refusals];
        self.connections > 0 || self.away > 0 || !buckets.iter().all(|bucket| bucket.is_full(now))
    }
}

/// Below this number of addresses there are no sweeps: they take a few hundred kilobytes.
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
    fn a_lease_counts_until_it_is_dropped() {
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
        assert!(used.usages.len() <= 2 * SWEEP && used.usages.contains_key(&numbered(0)));
    }
}
