//! What the tables say, for people and programs to read: compared with another kernel's, explained
//! call by call, and counted.

pub(crate) mod check;
pub mod coverage;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod pages;
pub(crate) mod profile;
pub(crate) mod records;
pub(crate) mod then;
