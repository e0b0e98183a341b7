//! Oracles made by others.
