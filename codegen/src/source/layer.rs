//! A directory of a source, on disk or in memory.

use super::disk;
use crate::Error;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The directory, and its name in messages.
pub(super) struct Layer {
    shown: String,
    place: Place,
}

enum Place {
    Disk {
        root: PathBuf,
        /// The same without links; empty if there is none.
        real: OnceLock<PathBuf>,
    },
    Memory(BTreeMap<String, Vec<u8>>),
}

/// A file or a directory in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// Its name, without that of the directory.
    pub(crate) name: String,
    /// Whether it is a directory.
    pub(crate) is_directory: bool,
}

impl Layer {
    pub(super) fn disk(shown: String, root: PathBuf) -> Layer {
        Layer { shown, place: Place::Disk { root, real: OnceLock::new() } }
    }

    pub(super) fn memory(shown: String, files: BTreeMap<String, Vec<u8>>) -> Layer {
        Layer { shown, place: Place::Memory(files) }
    }

    /// The name of a path in messages.
    pub(super) fn name(&self, path: &str) -> String {
        if path.is_empty() {
            return self.shown.clone();
        }
        Path::new(&self.shown).join(path).display().to_string()
    }

    /// The path of a name.
    pub(super) fn path<'n>(&self, name: &'n str) -> Option<&'n str> {
        let rest = name.strip_prefix(self.shown.trim_end_matches('/'))?;
        rest.strip_prefix('/')
    }

    /// Whether the path exists, even if it is unreadable.
    pub(super) fn exists(&self, path: &str) -> bool {
        match (&self.place, plain(path)) {
            (_, None) => false,
            (Place::Disk { root, .. }, Some(path)) => {
                let found = root.join(&*path).symlink_metadata();
                found.err().is_none_or(|error| !nothing_there(&error))
            }
            (Place::Memory(files), Some(path)) => {
                files.contains_key(&*path) || is_directory(files, &path)
            }
        }
    }

    pub(super) fn is_file(&self, path: &str) -> bool {
        match (&self.place, plain(path)) {
            (_, None) => false,
            (Place::Disk { root, .. }, Some(path)) => root.join(&*path).is_file(),
            (Place::Memory(files), Some(path)) => files.contains_key(&*path),
        }
    }

    pub(super) fn is_directory(&self, path: &str) -> bool {
        match (&self.place, plain(path)) {
            (_, None) => false,
            (Place::Disk { root, .. }, Some(path)) => root.join(&*path).is_dir(),
            (Place::Memory(files), Some(path)) => is_directory(files, &path),
        }
    }

    /// The bytes of a file.
    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>, Error> {
        let bytes = match (&self.place, plain(path)) {
            (Place::Disk { root, .. }, Some(path)) => disk::read_bytes(&root.join(&*path)),
            (Place::Memory(files), Some(path)) => in_memory(files, &path).map(<[u8]>::to_vec),
            (_, None) => Err(outside()),
        };
        bytes.map_err(|what| Error::in_file(self.name(path), what))
    }

    /// The bytes of a listed file, in the buffer or in the map.
    pub(super) fn skim<'b>(
        &'b self,
        path: &str,
        buffer: &'b mut Vec<u8>,
    ) -> Result<&'b [u8], Error> {
        let bytes = match &self.place {
            Place::Disk { root, .. } => {
                disk::read_regular(&root.join(path), buffer).map(|()| &buffer[..])
            }
            Place::Memory(files) => in_memory(files, path),
        };
        bytes.map_err(|what| Error::in_file(self.name(path), what))
    }

    /// The entries of a directory; empty if it does not exist.
    pub(super) fn list(&self, directory: &str) -> io::Result<Vec<Entry>> {
        match &self.place {
            Place::Disk { root, .. } => {
                let entries = match root.join(directory).read_dir() {
                    Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
                    entries => entries?,
                };
                let mut found = Vec::new();
                for entry in entries {
                    let entry = entry?;
                    let kind = entry.file_type()?;
                    let is_file =
                        || kind.is_file() || kind.is_symlink() && self.leads_out(&entry.path());
                    if kind.is_dir() || is_file() {
                        let name = entry.file_name().to_string_lossy().into_owned();
                        found.push(Entry { name, is_directory: kind.is_dir() });
                    }
                }
                Ok(found)
            }
            Place::Memory(files) => {
                if files.contains_key(directory) {
                    return Err(ErrorKind::NotADirectory.into());
                }
                let mut found: Vec<Entry> = Vec::new();
                for rest in below(files, directory) {
                    let (name, is_directory) = match rest.split_once('/') {
                        Some((name, _)) => (name, true),
                        None => (rest, false),
                    };
                    if found.last().is_none_or(|last| last.name != name) {
                        found.push(Entry { name: name.to_owned(), is_directory });
                    }
                }
                Ok(found)
            }
        }
    }

    /// Whether a link's target is a file outside of the tree; within the tree, it is a duplicate.
    fn leads_out(&self, link: &Path) -> bool {
        let Place::Disk { root, real } = &self.place else { return false };
        let real = real.get_or_init(|| root.canonicalize().unwrap_or_default());
        let outside = |to: &Path| real.as_os_str().is_empty() || !to.starts_with(real);
        link.canonicalize().is_ok_and(|to| to.is_file() && outside(&to))
    }
}

/// Whether an error means that the name does not exist.
fn nothing_there(error: &io::Error) -> bool {
    [ErrorKind::NotADirectory, ErrorKind::NotFound].contains(&error.kind())
}

/// A path without `.` and `..`; `None` if it leads out of the source.
fn plain(path: &str) -> Option<Cow<'_, str>> {
    if path.split('/').all(|part| !["", ".", ".."].contains(&part)) || path.is_empty() {
        return Some(Cow::Borrowed(path));
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(Cow::Owned(parts.join("/")))
}

fn outside() -> String {
    "is outside of the source".to_owned()
}

fn in_memory<'f>(files: &'f BTreeMap<String, Vec<u8>>, path: &str) -> Result<&'f [u8], String> {
    if is_directory(files, path) {
        return Err("is not a regular file".to_owned());
    }
    // The operating system's message for a file on disk.
    let none = || format!("cannot be read: {}", io::Error::from_raw_os_error(2));
    let bytes = files.get(path).ok_or_else(none)?;
    disk::check_size(bytes)?;
    Ok(bytes)
}

/// The paths below a directory, relative to it.
fn below<'f>(
    files: &'f BTreeMap<String, Vec<u8>>,
    directory: &str,
) -> impl Iterator<Item = &'f str> {
    let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
    let from = files.range(prefix.clone()..);
    from.map_while(move |(path, _)| path.strip_prefix(&prefix))
}

fn is_directory(files: &BTreeMap<String, Vec<u8>>, path: &str) -> bool {
    path.is_empty() || below(files, path).next().is_some()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_path_stays_within_the_source() {
        for (path, expected) in [
            ("fs/aio.c", Some("fs/aio.c")),
            ("", Some("")),
            ("fs/../mm/./a.c", Some("mm/a.c")),
            ("fs//a.c", Some("fs/a.c")),
            ("/etc/passwd", Some("etc/passwd")),
            ("fs/../../a.c", None),
            ("..", None),
        ] {
            assert_eq!(plain(path).as_deref(), expected, "{path}");
        }
    }
}
