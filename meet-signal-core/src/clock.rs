//! The current time, for calls that are not given it.

use std::time::Instant;

/// With the driver, tokio's clock, which a test can pause.
pub(crate) fn now() -> Instant {
    #[cfg(feature = "driver")]
    return tokio::time::Instant::now().into_std();
    #[cfg(not(feature = "driver"))]
    Instant::now()
}
