//! The one place where randomness comes from.

/// `N` bytes from the operating system's generator.
#[cfg(not(loom))]
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has a random number generator");
    bytes
}

#[cfg(loom)]
pub(crate) use numbered::{random, restart};

/// For loom, which plays one history again and again and must find it the same each time.
#[cfg(loom)]
mod numbered {
    use std::cell::Cell;

    thread_local! {
        // All threads of a model are coroutines on one thread.
        static NEXT: Cell<u8> = const { Cell::new(0) };
    }

    /// Bytes that are no other call's since the last [`restart`].
    pub(crate) fn random<const N: usize>() -> [u8; N] {
        [NEXT.replace(NEXT.get() + 1); N]
    }

    pub(crate) fn restart() {
        NEXT.set(0);
    }
}
