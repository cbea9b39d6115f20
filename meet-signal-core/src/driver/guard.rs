//! Catches the panics of the application's code, so that the connection can say what happened. The
//! panic hook has reported them by then.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

/// Calls the application; `None` if it panics. It gets owned values and holds no lock, so a panic
/// leaves no value of the core half changed.
pub(super) fn guard<T>(call: impl FnOnce() -> T) -> Option<T> {
    let discard = |payload| {
        // The payload of a panic is the application's as well, and so is its destructor.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        dropped.unwrap_or_else(mem::forget);
    };
    catch_unwind(AssertUnwindSafe(call)).map_err(discard).ok()
}

/// A future of the application; `None` if it panics. A panic of its destructor is caught as well.
pub(super) struct Guarded<F: ?Sized>(Option<Pin<Box<F>>>);

impl<F> Guarded<F> {
    pub(super) fn new(future: F) -> Self {
        Self(Some(Box::pin(future)))
    }
}

impl<F: Future + ?Sized> Future for Guarded<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.0.as_mut().expect("it is taken only when it is dropped");
        match guard(|| future.as_mut().poll(cx)) {
            Some(polled) => polled.map(Some),
            None => Poll::Ready(None),
        }
    }
}

impl<F: ?Sized> Drop for Guarded<F> {
    fn drop(&mut self) {
        let future = self.0.take();
        guard(|| drop(future));
    }
}
