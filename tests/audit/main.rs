//! What compilers make of the stubs: which registers they keep across a call, and how many
//! instructions there are.

mod assembly;
mod clobbers;
mod poison;
mod shim;
