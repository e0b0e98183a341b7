//! Linux system-call tables, and the Rust text that is emitted from them.
//!
//! Without features this is what `aio-sys` runs at build time: the tables ([`Tables`]), and the
//! generator, which lowers them ([`lower`]) and prints the result ([`emit`]). With the feature
//! `cli` there is also the tool that imports tables from kernel trees and prints them.

mod ctype;
pub mod emit;
mod error;
pub mod lower;
pub mod tables;
mod text;
pub mod version;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
mod export;
#[cfg(all(fuzzing, feature = "cli"))]
pub mod fuzzing;
#[cfg(feature = "cli")]
pub mod import;
#[cfg(feature = "cli")]
pub mod report;
#[cfg(feature = "cli")]
pub mod source;
#[cfg(feature = "cli")]
pub mod store;
#[cfg(feature = "cli")]
mod term;
#[cfg(all(feature = "cli", any(test, feature = "testing")))]
pub mod testing;

pub use error::{Error, Place};
pub use tables::Tables;
