//! The processing of a client's frame before the room: parsing it, checking it against the
//! session's limits, and converting it to a request.

mod limiter;
mod parsed_frame;
mod request;

pub(crate) use limiter::{InboundLimiter, Rejection, rate_exceeded};
pub(crate) use parsed_frame::ParsedFrame;
pub(crate) use request::{ErrorReply, MAX_REASON_BYTES, Request};
