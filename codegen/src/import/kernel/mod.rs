//! The condition under which the kernel has a file or a definition, from its makefiles, its Kconfig
//! files and its preprocessor conditions.

pub(super) mod condition;
pub(super) mod everywhere;
pub(super) mod kbuild;
pub(super) mod kconfig;
pub(super) mod makefile;
