//! Why a frame is not a valid message.

use thiserror::Error;

/// A frame is not a valid message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{problem}")]
#[non_exhaustive]
pub struct Malformed {
    /// What is wrong with it.
    pub problem: Problem,
    /// The frame's `ref`, if it could be parsed.
    pub reference: Option<u64>,
    /// Whether both ends count the frame nevertheless.
    pub sequenced: bool,
}

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// Not a JSON object, no `type`, or a duplicate field.
    #[error("a frame is one JSON object with a `type`, and no field twice")]
    Envelope,
    /// A required field is missing.
    #[error("the field `{0}` is missing")]
    Missing(&'static str),
    /// A field's value has the wrong type.
    #[error("the field `{0}` has the wrong type")]
    WrongType(&'static str),
    /// An unknown `type` of message.
    #[error("this type of message is not known")]
    UnknownType,
}
