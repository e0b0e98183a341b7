//! Reading with limits, and writing all or nothing.

use crate::Error;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

/// No file that the importer reads is larger.
const LARGEST: u64 = 8 << 20;

/// The text of a file; bytes that are no UTF-8 are replaced.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    Ok(String::from_utf8_lossy(&bytes(path)?).into_owned())
}

/// The text of a file that is read to its end: one that ends within a line was cut off.
pub(crate) fn whole(path: &Path) -> Result<String, Error> {
    let text = read(path)?;
    ends(&path.display().to_string(), &text)?;
    Ok(text)
}

/// Refuses a text that ends within a line.
pub(crate) fn ends(file: &str, text: &str) -> Result<(), Error> {
    if text.is_empty() || text.ends_with('\n') {
        return Ok(());
    }
    Err(Error::at(
        file,
        text.lines().count(),
        "the file ends within a line: it was cut off; fetch the tree again",
    ))
}

fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let shown = path.display().to_string();
    let failed = |error: std::io::Error| Error::in_file(&shown, format!("cannot be read: {error}"));
    // Whoever opens a named pipe waits until somebody writes to it.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Error::in_file(shown, "is no regular file"));
    }
    let mut bytes = Vec::new();
    read_regular(path, &mut bytes)?;
    Ok(bytes)
}

/// The bytes of what is known to be a regular file, in place of those that the buffer holds.
pub(crate) fn read_regular(path: &Path, bytes: &mut Vec<u8>) -> Result<(), Error> {
    let failed = |what: String| Error::in_file(path.display().to_string(), what);
    bytes.clear();
    let read = fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(bytes));
    if read.map_err(|error| failed(format!("cannot be read: {error}")))? as u64 > LARGEST {
        return Err(failed(format!(
            "is larger than {} MiB, which no kernel source is",
            LARGEST >> 20
        )));
    }
    Ok(())
}

/// Whether anything has this name, be it something that cannot be read.
pub(crate) fn is_there(path: &Path) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    path.symlink_metadata()
        .err()
        .is_none_or(|error| ![NotADirectory, NotFound].contains(&error.kind()))
}

/// Whether a folder's entry is a file to read. A link counts if it leads out of the tree; within,
/// it leads to a copy.
pub(crate) fn is_file(root: &Path, entry: &fs::DirEntry) -> bool {
    let outside = |to: &Path| !root.canonicalize().is_ok_and(|root| to.starts_with(root));
    match entry.file_type() {
        Ok(kind) if kind.is_symlink() => {
            entry.path().canonicalize().is_ok_and(|to| to.is_file() && outside(&to))
        }
        kind => kind.is_ok_and(|kind| kind.is_file()),
    }
}

/// The SHA-256 of a file's bytes.
pub(crate) fn sha256(path: &Path) -> Result<String, Error> {
    Ok(Sha256::digest(bytes(path)?).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes the files that differ into `folder` and says which: each to a temporary file first, and
/// none renamed before all are written.
pub(crate) fn replace(folder: &Path, files: &[(String, String)]) -> Result<Vec<String>, Error> {
    let failed = |error: std::io::Error| {
        Error::in_file(folder.display().to_string(), format!("cannot be written: {error}"))
    };
    let mut written = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(failed)?;
        // Whoever opens a named pipe waits until somebody writes to it.
        match fs::metadata(&path) {
            Ok(there) if there.is_dir() => {
                return Err(Error::in_file(
                    path.display().to_string(),
                    "cannot be written: it is a folder",
                ));
            }
            Ok(there) if !there.is_file() => {
                return Err(Error::in_file(
                    path.display().to_string(),
                    "cannot be written: it is no regular file",
                ));
            }
            _ => {}
        }
        if fs::read(&path).is_ok_and(|old| old == text.as_bytes()) {
            continue;
        }
        let mut temporary = tempfile::Builder::new()
            .prefix(".")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .tempfile_in(parent)
            .map_err(failed)?;
        temporary.as_file_mut().write_all(text.as_bytes()).map_err(failed)?;
        written.push((temporary, path, name.clone()));
    }
    let mut names = Vec::new();
    for (temporary, path, name) in written {
        temporary.persist(&path).map_err(|error| failed(error.error))?;
        names.push(name);
    }
    Ok(names)
}
