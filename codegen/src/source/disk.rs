//! Files on disk, read with limits.

use super::UNISTD;
use crate::Error;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The largest file that the tool reads.
pub(super) const LARGEST: usize = 8 << 20;

/// The text of a file; bytes that are not UTF-8 are replaced.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    let bytes =
        read_bytes(path).map_err(|what| Error::in_file(path.display().to_string(), what))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The bytes of a file, or why it cannot be read.
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, String> {
    let metadata = fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?;
    // Opening a named pipe would block until it has a writer.
    if !metadata.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    read_regular(path, &mut bytes)?;
    Ok(bytes)
}

/// Reads a known regular file into the buffer, which is cleared first.
pub(super) fn read_regular(path: &Path, bytes: &mut Vec<u8>) -> Result<(), String> {
    bytes.clear();
    let most = LARGEST as u64 + 1;
    let read = fs::File::open(path).and_then(|file| file.take(most).read_to_end(bytes));
    read.map_err(|error| format!("cannot be read: {error}"))?;
    check_size(bytes)
}

/// Refuses a file that is larger than any kernel source file.
pub(super) fn check_size(bytes: &[u8]) -> Result<(), String> {
    if bytes.len() > LARGEST {
        return Err(format!("is larger than {} MiB, the limit for a source file", LARGEST >> 20));
    }
    Ok(())
}

/// The name of several directories in messages.
pub(super) fn joined<'p>(directories: impl Iterator<Item = &'p Path>) -> String {
    let shown: Vec<String> = directories.map(|directory| directory.display().to_string()).collect();
    shown.join(" and ")
}

/// Where the headers of a directory are: in it, or in its `include`.
pub(super) fn include(directory: &Path) -> PathBuf {
    let both = [directory.to_owned(), directory.join("include")];
    let with = |name: &str| both.iter().find(|directory| directory.join(name).exists());
    let found = [UNISTD, "linux", "asm-generic"].into_iter().find_map(with);
    found.unwrap_or(&both[0]).clone()
}

/// The names of a directory of headers: its own, and those of link targets.
pub(super) fn places(directory: &Path) -> Vec<PathBuf> {
    let real = |path: &Path| path.canonicalize().ok().into_iter();
    let unistd =
        real(&directory.join(UNISTD)).filter_map(|path| Some(path.parent()?.parent()?.to_owned()));
    [directory.to_owned()].into_iter().chain(unistd).chain(real(directory)).collect()
}

/// The directory at or above a place, or the `include` next to it, that has a file.
pub(super) fn above(place: &Path, file: &str) -> Option<PathBuf> {
    let directories = place
        .ancestors()
        .take(5)
        .flat_map(|directory| [directory.to_owned(), directory.join("include")]);
    directories.into_iter().find(|directory| directory.join(file).is_file())
}
