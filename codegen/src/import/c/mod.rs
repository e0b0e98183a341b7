//! C, as far as headers and definitions need it: the text of a file ([`text`]), and a small
//! preprocessor ([`unit`]) that says what a header defines, given some macros, and the values of
//! these.
//!
//! The alternatives to a preprocessor of our own are libclang and the `cpp` of an installed
//! compiler. libclang is large, has to be installed, and refuses what its own target does not have;
//! a `cpp` predefines the macros of its host, finds its own headers, and returns lines where names,
//! comments and places are wanted. Neither bounds what a hostile header may cost, and a table would
//! depend on the compiler that it was imported with. What kernel headers use is small.
//!
//! Directives, comments, line splices and macro expansion follow C as gcc reads it. Where a header
//! could tell:
//!
//! - nothing is predefined but what the caller passes, which goes for `__has_attribute(x)` and its
//!   kin, too;
//! - in `#if`, an unknown name is 0; an unknown name with arguments, a comma, a shift wider than
//!   its operand and a division by zero are errors;
//! - the value of a macro is what the C expression has on a 64-bit target: `~0U` is 4294967295, `1
//!   << 31` is negative. One above `i64::MAX` wraps. A cast to a type whose name does not tell its
//!   width changes nothing.

mod eval;
mod expand;
mod lex;
#[cfg(test)]
mod tests;
pub(super) mod text;
mod unit;

pub(super) use unit::{Line, Macro, Unit};

const MAX_FILE: usize = 4 << 20;
/// Bytes that one unit may read, a file counted each time it is included, and characters that it
/// may expand in all.
const MAX_UNIT: usize = 64 << 20;
const MAX_INCLUDES: usize = 64;
/// Levels of `#if`, of macros within macros and of parentheses; also the parameters of one macro.
const MAX_NESTING: usize = 256;
/// Macros, lines and names that one unit may hold.
const MAX_ITEMS: usize = 1 << 17;
/// Characters that the expansion of one expression may pass through; `MAP_ASCII14SEG_ALPHANUM`
/// takes 96 000.
const MAX_EXPANSION: usize = 1 << 17;

fn too_large(what: &str, limit: usize) -> String {
    format!("more than {limit} {what}; this is not a header to import")
}
