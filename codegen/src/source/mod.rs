//! The source of a kernel: where the importer reads.

pub(crate) mod files;
