//! Reports on the tables, for people and programs: comparisons with other kernels, explanations of
//! calls, and counts.

pub(crate) mod check;
pub mod coverage;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod pages;
pub(crate) mod profile;
pub(crate) mod records;
pub(crate) mod then;
