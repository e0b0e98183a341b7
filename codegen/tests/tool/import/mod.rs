//! The importer on a kernel tree in miniature: what it writes, and every way in which a tree can be
//! wrong. A refusal is one message with its place, and changes no table.

mod damaged;
mod disk;
mod doubts;
mod facts;
mod rows;
mod written;

use crate::common::*;
use aio_codegen::tables::Why;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// What an import says of the miniature tree.
pub const RESOLVED: &str = "entry points of all ABIs: 287 of 287 have a prototype\n";
