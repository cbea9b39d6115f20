//! The only source of randomness.

/// `N` bytes from the operating system's generator.
#[cfg(not(loom))]
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has a random number generator");
    bytes
}

#[cfg(loom)]
pub(crate) use numbered::{random, restart};

/// For loom, which repeats a test and must get the same values each time.
#[cfg(loom)]
mod numbered {
    use std::cell::Cell;

    thread_local! {
        // All threads of a loom model are coroutines on one thread.
        static NEXT: Cell<u8> = const { Cell::new(0) };
    }

    /// Bytes that differ from those of all calls since the last [`restart`].
    pub(crate) fn random<const N: usize>() -> [u8; N] {
        [NEXT.replace(NEXT.get() + 1); N]
    }

    pub(crate) fn restart() {
        NEXT.set(0);
    }
}
