//! Audits of the compiled stubs: the registers that are kept across a call, and the number of
//! instructions.

mod assembly;
mod clobbers;
mod poison;
mod shim;
