//! The importer on a miniature kernel tree: its output, and each kind of error in a tree. A refusal
//! is one message with its place, and changes no table.

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

/// The report of an import of the miniature tree.
pub const RESOLVED: &str = "entry points of all ABIs: 287 of 287 have a prototype\n";
