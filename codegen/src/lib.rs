//! Linux system-call tables, and the Rust text that is emitted from them.
//!
//! Without features this is what `aio-sys` runs at build time: the tables ([`Tables`]) and the
//! emitter ([`emit`]). With the feature `cli` there is also the tool that imports tables from
//! kernel trees and prints them.

mod ctype;
mod document;
pub mod emit;
mod error;
pub mod tables;

#[cfg(feature = "cli")]
mod check;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
mod diff;
#[cfg(feature = "cli")]
mod explain;
#[cfg(feature = "cli")]
mod export;
#[cfg(feature = "cli")]
mod files;
#[cfg(all(fuzzing, feature = "cli"))]
pub mod fuzzing;
#[cfg(feature = "cli")]
mod import;
#[cfg(feature = "cli")]
pub mod resolved;

pub use error::Error;
pub use tables::Tables;
