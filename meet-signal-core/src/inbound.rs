//! What becomes of a client's frame before the room sees it: it is parsed, checked against the
//! session's limits, and turned into a request.

mod limiter;
mod parsed_frame;
mod request;

pub(crate) use limiter::{InboundLimiter, Rejection, rate_exceeded};
pub(crate) use parsed_frame::ParsedFrame;
pub(crate) use request::{ErrorReply, Request};
