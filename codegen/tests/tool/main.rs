//! The tool and the importer: what needs no kernel and no other crate of this workspace.

mod common;
mod tree;

mod diff;
mod explain;
mod export;
mod formats;
mod generated;
mod gotchas;
mod import;
mod manual;
mod new_abi;
mod prototypes;
mod traps;
