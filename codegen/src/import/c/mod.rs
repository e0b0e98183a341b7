//! C, as far as headers and definitions need it.

pub(super) mod cpp;
pub(super) mod text;
