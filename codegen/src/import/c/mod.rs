//! C, as far as headers and definitions need it: the text of a file ([`text`]), and a small
//! preprocessor ([`unit`]) that finds what a header defines, given some macros, and the values.
//!
//! The alternatives to a preprocessor of our own are libclang and the `cpp` of an installed
//! compiler. libclang is large, must be installed, and refuses what its own target does not have. A
//! `cpp` predefines the macros of its host, finds its own headers, and returns lines instead of
//! names, comments and places. Neither limits the cost of a hostile header, and a table would
//! depend on the compiler of the import. Kernel headers use a small part of C.
//!
//! Directives, comments, line splices and macro expansion follow C as gcc reads it. Differences
//! that a header could observe:
//!
//! - only what the caller passes is predefined; this includes `__has_attribute(x)` and similar
//!   macros;
//! - in `#if`, an unknown name is 0; an unknown name with arguments, a comma, a shift wider than
//!   its operand and a division by zero are errors;
//! - the value of a macro is the value of the C expression on a 64-bit target: `~0U` is 4294967295,
//!   `1 << 31` is negative. A value above `i64::MAX` wraps. A cast to a type of unknown width has
//!   no effect.

mod eval;
mod expand;
mod lex;
#[cfg(test)]
mod tests;
pub(super) mod text;
mod unit;

pub(super) use unit::{Line, Macro, Unit, Unsure};

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
