//! An owned AIO context, and its completion ring.

#[cfg(feature = "std")]
pub(crate) mod background;
pub(crate) mod consumer;
pub(crate) mod context;
pub(crate) mod fork;
pub(crate) mod release;
pub(crate) mod ring;
pub(crate) mod wait;
