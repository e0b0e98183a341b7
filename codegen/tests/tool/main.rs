//! The tool and the importer, without a kernel or other crates of this workspace.

mod common;

mod committed;
mod diff;
mod directories;
mod explain;
mod export;
mod formats;
mod generated;
mod gotchas;
mod history;
mod import;
mod manual;
mod new_abi;
mod profile;
mod prototypes;
mod traps;
