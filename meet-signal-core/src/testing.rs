//! For the tests of adapters and applications. Behind the feature `testing`, which belongs into
//! `[dev-dependencies]`.

pub mod conformance;
