//! The memory budget of all sessions of a hub.

use std::sync::{Arc, atomic::Ordering};

use crate::sync::AtomicUsize;

/// A budget in bytes, and its usage.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicUsize,
    limit: usize,
}

/// Bytes that count for a budget until this is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), limit })
    }

    /// Whether the usage is over the budget. Pushes in a room do not wait for the budget, so this
    /// can be so for a short time.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.used() > self.limit
    }

    /// Whether an eighth of the budget is free. Reclaiming frees that much, so that the next frame
    /// does not trigger it again.
    pub(crate) fn is_relieved(&self) -> bool {
        self.used() <= self.limit - self.limit / 8
    }

    #[cfg(test)]
    pub(crate) fn is_unused(&self) -> bool {
        self.used() == 0
    }

    fn used(&self) -> usize {
        // A memory counter: no other access is ordered by it.
        self.used.load(Ordering::Relaxed)
    }
}

impl Reservation {
    /// Zero bytes.
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        Self { budget, bytes: 0 }
    }

    /// Sets the number of bytes.
    pub(crate) fn set(&mut self, bytes: usize) {
        let used = &self.budget.used;
        if bytes > self.bytes {
            used.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else if bytes < self.bytes {
            used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
    }

    /// Like [`set`](Self::set), if the budget has space for it.
    #[must_use]
    pub(crate) fn try_set(&mut self, bytes: usize) -> bool {
        let limit = self.budget.limit;
        let grow = |used: usize| used.checked_add(bytes - self.bytes).filter(|it| *it <= limit);
        let relaxed = Ordering::Relaxed;
        if bytes > self.bytes {
            if self.budget.used.fetch_update(relaxed, relaxed, grow).is_err() {
                return false;
            }
            self.bytes = bytes;
        } else {
            self.set(bytes);
        }
        true
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_reservation_is_no_longer_counted() {
        let budget = Budget::new(80);
        let mut first = Reservation::new(budget.clone());
        let mut second = Reservation::new(budget.clone());
        first.set(50);
        second.set(30);
        assert!(!budget.is_exceeded() && !budget.is_relieved());
        assert!(!second.try_set(31) && second.try_set(29) && second.try_set(30));
        second.set(31);
        assert!(budget.is_exceeded());
        first.set(40);
        assert!(!budget.is_relieved());
        first.set(39);
        assert!(budget.is_relieved());
        drop(second);
        assert_eq!(budget.used(), 39);
        assert!(!first.try_set(81) && first.try_set(80));
    }
}
