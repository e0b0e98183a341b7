//! When the kernel has a file or a definition: what its makefiles, its Kconfig files and its
//! preprocessor conditions say.

pub(super) mod condition;
pub(super) mod everywhere;
pub(super) mod kbuild;
pub(super) mod kconfig;
pub(super) mod makefile;
