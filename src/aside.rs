//! What few calls need, kept out of the way of all others.

use std::future::Future;

use futures_util::future::BoxFuture;

/// Puts a future on the heap, and its code out of its caller's. Takes what makes it, so that it is made where it will lie.
///
/// An async function has room for whatever it awaits, in its state and in the frame of each poll. `Box::pin` of a rare branch saves the
/// state alone: the future is made in the frame first, and its code becomes part of the caller's, which on every poll then passes over
/// pages that hardly any call uses.
///
/// A method that gives an `impl Future` back puts an `async move` around it: the future there is of one lifetime, and its caller's are several.
#[inline]
pub(crate) fn aside<'a, F>(make: impl FnOnce() -> F) -> BoxFuture<'a, F::Output>
where
    F: Future + Send + 'a,
{
    let place = Box::<F>::new_uninit();
    let future = Box::write(place, make());
    Box::into_pin(future)
}
