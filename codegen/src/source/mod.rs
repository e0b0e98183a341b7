//! The kernel source that tables are imported from: a kernel tree, or installed headers; on disk,
//! or a map in memory for tests and the fuzzer.
//!
//! Everything that is read of a kernel is read through a [`Source`], by paths with forward slashes
//! that are relative to its top. It knows its version and the user's names of its files. It alone
//! decides
//!
//! - which files are read: regular files of at most 8 MiB, and links to such files outside of the
//!   tree, as `cp -rs` creates them. A link within the tree is a duplicate and is skipped in
//!   listings;
//! - how an unlistable directory is handled: as an error, since its content would be lost silently.
//!   A missing directory is empty;
//! - the error for an incomplete source: [`Source::incomplete`].
//!
//! Each file is read once, and each directory listed once. The thousands of C files that are only
//! searched for definitions are not kept: [`Source::skim`].

pub(crate) mod disk;
mod layer;
#[cfg(test)]
mod tests;

use crate::Error;
use crate::version::Version;
use layer::{Entry, Layer};
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The advice for a text that ends too early.
pub(crate) const CUT_OFF: &str = "it was cut off; fetch the tree again";

/// A header that every architecture has.
const UNISTD: &str = "asm/unistd.h";

/// A kernel tree, or installed headers. See the [module](self).
pub struct Source {
    /// Its directories, as the user named them.
    shown: String,
    kind: Kind,
    /// A path is looked up in the first layer that has it. A tree has one layer.
    layers: Vec<Layer>,
    /// How many of the first layers the user named.
    named: usize,
    /// The directories of the headers, by all of their names.
    places: Vec<PathBuf>,
    files: Mutex<HashMap<String, Arc<File>>>,
    lists: Mutex<HashMap<String, Arc<[Entry]>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tree,
    Headers,
}

/// The suspected cause of an incomplete source.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Some of its files are missing.
    Missing,
    /// The end of the file is missing.
    CutOff,
    /// The file is damaged.
    Damaged,
}

/// An error in a text and its line; `None` for the whole text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) line: Option<usize>,
    pub(crate) what: String,
}

impl Fault {
    /// A fault at a line.
    pub(crate) fn at(line: usize, what: impl Into<String>) -> Fault {
        Fault { line: Some(line), what: what.into() }
    }

    /// A fault of the whole text.
    pub(crate) fn whole(what: impl Into<String>) -> Fault {
        Fault { line: None, what: what.into() }
    }

    /// The error for the file of this name.
    pub(crate) fn error(self, name: &str) -> Error {
        match self.line {
            Some(line) => Error::at(name, line, self.what),
            None => Error::in_file(name, self.what),
        }
    }
}

/// A file that was read.
pub(crate) struct File {
    /// The text; bytes that are not UTF-8 are replaced.
    pub(crate) text: Arc<str>,
    /// The bytes, if they differ from the text.
    bytes: Option<Vec<u8>>,
    sha256: OnceLock<String>,
}

impl File {
    fn new(bytes: Vec<u8>) -> File {
        let (text, bytes) = match String::from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(error) => {
                let bytes = error.into_bytes();
                (String::from_utf8_lossy(&bytes).into_owned(), Some(bytes))
            }
        };
        File { text: text.into(), bytes, sha256: OnceLock::new() }
    }

    /// The SHA-256 of its bytes.
    pub(crate) fn sha256(&self) -> String {
        let bytes = || self.bytes.as_deref().unwrap_or(self.text.as_bytes());
        let digest = || Sha256::digest(bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        self.sha256.get_or_init(digest).clone()
    }
}

impl Source {
    /// A kernel tree in a directory; [`Source::version`] checks whether it is one.
    pub fn open(directory: impl Into<PathBuf>) -> Source {
        let directory = directory.into();
        let shown = directory.display().to_string();
        Source::new(shown.clone(), Kind::Tree, vec![Layer::disk(shown, directory)])
    }

    /// A kernel tree in memory: contents by path. `shown` is its directory in messages.
    pub fn in_memory(shown: &str, files: BTreeMap<String, Vec<u8>>) -> Source {
        Source::new(shown.to_owned(), Kind::Tree, vec![Layer::memory(shown.to_owned(), files)])
    }

    /// Installed headers: directories that contain them, or whose `include` does. One of them has
    /// `asm/unistd.h`, at any place in the list. Other headers are looked up in the others, in
    /// order, then in the directories above.
    ///
    /// # Errors
    /// There are no headers in the directories, or those of two architectures.
    pub fn headers(directories: &[impl AsRef<Path>]) -> Result<Source, Error> {
        let given = || directories.iter().map(AsRef::as_ref);
        if let Some(other) = given().find(|directory| !directory.is_dir()) {
            return Err(Error::in_file(other.display().to_string(), "is not a directory"));
        }
        let shown = disk::joined(given());
        let unistd = |directory: &Path| directory.join(UNISTD);
        let (own, shared): (Vec<PathBuf>, Vec<PathBuf>) =
            given().map(disk::include).partition(|directory| unistd(directory).is_file());
        let Some((first, others)) = own.split_first() else { return Err(no_headers(&shown)) };
        // A link may give one directory the content of another.
        let real = |directory: &Path| unistd(directory).canonicalize().ok();
        if others.iter().any(|other| real(other) != real(first)) {
            let shown = disk::joined(own.iter().map(PathBuf::as_path));
            return Err(Error::in_file(shown, format!("each holds {UNISTD}; give one of them")));
        }
        // A shared directory may have generic headers for architectures without their own.
        let mut directories = [own, shared].concat();
        let named = directories.len();
        let places: Vec<PathBuf> =
            directories.iter().flat_map(|directory| disk::places(directory)).collect();
        for file in ["asm-generic/unistd.h", "linux/version.h"] {
            if !directories.iter().any(|directory| directory.join(file).is_file()) {
                directories.extend(places.iter().find_map(|place| disk::above(place, file)));
            }
        }
        let layer = |directory: PathBuf| Layer::disk(directory.display().to_string(), directory);
        let layers = directories.into_iter().map(layer).collect();
        Ok(Source { places, named, ..Source::new(shown, Kind::Headers, layers) })
    }

    /// Installed headers in memory: contents by path, as in `asm/unistd.h`. `shown` is their
    /// directory in messages; it may name the architecture as a directory's path does.
    ///
    /// # Errors
    /// There are no headers in the map.
    pub fn headers_in_memory(
        shown: &str,
        files: BTreeMap<String, Vec<u8>>,
    ) -> Result<Source, Error> {
        if !files.contains_key(UNISTD) {
            return Err(no_headers(shown));
        }
        let layers = vec![Layer::memory(shown.to_owned(), files)];
        let places = vec![PathBuf::from(shown)];
        Ok(Source { places, ..Source::new(shown.to_owned(), Kind::Headers, layers) })
    }

    fn new(shown: String, kind: Kind, layers: Vec<Layer>) -> Source {
        let (files, lists) = (Mutex::default(), Mutex::default());
        let named = layers.len();
        Source { shown, kind, layers, named, places: Vec::new(), files, lists }
    }

    /// Its directories, as the user named them.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The version of a kernel tree, from the head of its Makefile.
    ///
    /// # Errors
    /// This is not a kernel tree.
    pub fn version(&self) -> Result<Version, Error> {
        let no_tree = |why: &str| {
            let what = format!(
                "is not a kernel source tree: {why}; pass the directory with the kernel's Makefile"
            );
            Error::in_file(&self.shown, what)
        };
        if !self.is_directory("") {
            return Err(no_tree("it is not a directory"));
        }
        if !self.is_file("Makefile") {
            return Err(no_tree("it has no Makefile"));
        }
        let file = self.read("Makefile")?;
        merged(&file.text).map_err(|fault| self.fault("Makefile", fault))?;
        let value = |name: &str| {
            let mut lines = file.text.lines();
            let line =
                lines.find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('='))?;
            Some(line.trim().to_owned())
        };
        let number = |name: &str| value(name)?.parse::<u32>().ok();
        let [Some(version), Some(patchlevel), Some(sublevel)] =
            ["VERSION", "PATCHLEVEL", "SUBLEVEL"].map(number)
        else {
            let why = "its Makefile has no VERSION, PATCHLEVEL and SUBLEVEL";
            return Err(no_tree(why));
        };
        let extra = value("EXTRAVERSION").unwrap_or_default();
        Ok(Version::new(format!("{version}.{patchlevel}.{sublevel}{extra}")))
    }

    /// The directories that headers are in, by all of the names that they have: a distribution may
    /// keep the headers of all architectures elsewhere, with links to them.
    pub(crate) fn places(&self) -> &[PathBuf] {
        &self.places
    }

    /// Whether these are installed headers.
    pub(crate) fn is_installed(&self) -> bool {
        self.kind == Kind::Headers
    }

    /// The layer that has a path, or the first.
    fn layer(&self, path: &str) -> &Layer {
        match &self.layers[..] {
            [only] => only,
            layers => layers.iter().find(|layer| layer.exists(path)).unwrap_or(&layers[0]),
        }
    }

    /// The name of a file or a directory in messages.
    pub(crate) fn name(&self, path: &str) -> String {
        if path.is_empty() {
            return self.shown.clone();
        }
        self.layer(path).name(path)
    }

    /// The path of a name in messages. If directories are nested, the inner one applies.
    pub(crate) fn path<'n>(&self, name: &'n str) -> &'n str {
        let paths = self.layers.iter().filter_map(|layer| layer.path(name));
        paths.min_by_key(|path| path.len()).unwrap_or(name)
    }

    /// The path of a file as tables spell it: relative to a directory that the user named, if
    /// possible.
    pub(crate) fn spelled(&self, path: &str) -> String {
        if self.layers[..self.named].iter().any(|layer| layer.exists(path)) {
            path.to_owned()
        } else {
            self.name(path)
        }
    }

    /// Whether this path exists, even if it is unreadable.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.layer(path).exists(path)
    }

    /// Whether this is the path of a file.
    pub(crate) fn is_file(&self, path: &str) -> bool {
        self.layer(path).is_file(path)
    }

    /// Whether this is the path of a directory.
    pub(crate) fn is_directory(&self, path: &str) -> bool {
        self.layer(path).is_directory(path)
    }

    /// A file.
    pub(crate) fn read(&self, path: &str) -> Result<Arc<File>, Error> {
        if let Some(known) = locked(&self.files).get(path) {
            return Ok(known.clone());
        }
        let file = Arc::new(File::new(self.layer(path).read(path)?));
        locked(&self.files).insert(path.to_owned(), file.clone());
        Ok(file)
    }

    /// The text of a file.
    pub(crate) fn text(&self, path: &str) -> Result<Arc<str>, Error> {
        Ok(self.read(path)?.text.clone())
    }

    /// The SHA-256 of a file.
    pub(crate) fn sha256(&self, path: &str) -> Result<String, Error> {
        Ok(self.read(path)?.sha256())
    }

    /// The text of a file that [`Source::walk`] found. It is not kept: it is in the buffer, or in
    /// the map.
    pub(crate) fn skim<'b>(
        &'b self,
        path: &str,
        buffer: &'b mut Vec<u8>,
    ) -> Result<Cow<'b, str>, Error> {
        Ok(String::from_utf8_lossy(self.layer(path).skim(path, buffer)?))
    }

    /// The files and directories in a directory, sorted.
    pub(crate) fn list(&self, directory: &str) -> Result<Arc<[Entry]>, Error> {
        if let Some(known) = locked(&self.lists).get(directory) {
            return Ok(known.clone());
        }
        let failed = |error| self.wrong(directory, format!("cannot be listed: {error}"));
        let mut entries = self.layer(directory).list(directory).map_err(failed)?;
        entries.sort();
        let entries: Arc<[Entry]> = entries.into();
        locked(&self.lists).insert(directory.to_owned(), entries.clone());
        Ok(entries)
    }

    /// The files below some directories, sorted: of the names that are `wanted`, and in directories
    /// that are `entered`. Links to directories are not followed. `failed` decides whether an
    /// unlistable directory ends the walk.
    pub(crate) fn walk(
        &self,
        directories: impl IntoIterator<Item = impl Into<String>>,
        entered: impl Fn(&str) -> bool,
        wanted: impl Fn(&str) -> bool,
        mut failed: impl FnMut(Error) -> Result<(), Error>,
    ) -> Result<Vec<String>, Error> {
        let mut directories: Vec<String> = directories.into_iter().map(Into::into).collect();
        let mut files = Vec::new();
        while let Some(directory) = directories.pop() {
            let entries = match self.list(&directory) {
                Ok(entries) => entries,
                Err(error) => {
                    failed(error)?;
                    continue;
                }
            };
            for Entry { name, is_directory } in &*entries {
                if *is_directory {
                    let path = format!("{directory}/{name}");
                    directories.extend(entered(&path).then_some(path));
                } else if wanted(name) {
                    files.push(format!("{directory}/{name}"));
                }
            }
        }
        files.sort();
        Ok(files)
    }

    /// An error about a whole file or directory.
    pub(crate) fn wrong(&self, path: &str, what: impl Into<String>) -> Error {
        Error::in_file(self.name(path), what)
    }

    /// An error about a file, at a line.
    pub(crate) fn fault(&self, path: &str, fault: Fault) -> Error {
        fault.error(&self.name(path))
    }

    /// An error about a file or directory that shows that the source is incomplete.
    pub(crate) fn incomplete(&self, path: &str, doubt: Doubt, what: impl Into<String>) -> Error {
        self.wrong(path, what.into() + "; " + self.question(doubt))
    }

    /// The same at a line of the file `name`.
    pub(crate) fn incomplete_at(&self, name: &str, line: usize, what: impl Into<String>) -> Error {
        Error::at(name, line, what.into() + "; " + self.question(Doubt::Missing))
    }

    fn question(&self, doubt: Doubt) -> &'static str {
        match (doubt, self.kind) {
            (Doubt::Missing, Kind::Tree) => "is the tree complete?",
            (Doubt::Missing, Kind::Headers) => "are all headers installed?",
            (Doubt::CutOff, _) => "is it cut off?",
            (Doubt::Damaged, Kind::Tree) => "is it damaged?",
            (Doubt::Damaged, Kind::Headers) => "are the headers complete?",
        }
    }
}

/// Whether a line is a merge conflict marker.
pub(crate) fn is_conflict(line: &str) -> bool {
    ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|marker| line.starts_with(marker))
}

/// The message for such a line.
pub(crate) const CONFLICT: &str = "a merge conflict marker; resolve the conflict first";

/// Refuses a text with a merge that is not finished. A line of `=` alone may be a comment's.
pub(crate) fn merged(text: &str) -> Result<(), Fault> {
    if !text.contains("<<<<<<< ") {
        return Ok(());
    }
    let starts = |marker: &'static str| move |line: &str| line.starts_with(marker);
    match text.lines().position(starts("<<<<<<< ")) {
        Some(at) if text.lines().skip(at).any(starts(">>>>>>> ")) => {
            Err(Fault::at(at + 1, CONFLICT))
        }
        _ => Ok(()),
    }
}

/// Refuses the text of a file that ends within a line, unless what stands there is complete: some
/// vendors leave out last newlines, and so did mainline in kernel/Kconfig.preempt.
pub(crate) fn ends(file: &str, text: &str) -> Result<(), Fault> {
    let last = text.lines().next_back().unwrap_or_default().trim();
    let name = file.rsplit('/').next().unwrap_or_default();
    let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
    let complete = match (stem, extension) {
        (_, "c" | "h" | "S") => last == "}" || last.starts_with("#endif") || last.ends_with("*/"),
        ("Kconfig", _) => {
            let words = ["bool", "tristate", "endif", "endmenu", "endchoice"];
            words.contains(&last) || last.ends_with(" y") || last.ends_with(" n")
        }
        ("Makefile" | "Kbuild", _) => last.ends_with(".o") || last.ends_with('/'),
        _ => false,
    };
    if text.is_empty() || text.ends_with('\n') || complete {
        return Ok(());
    }
    Err(Fault::at(text.lines().count(), "the file ends within a line; was it cut off?"))
}

fn no_headers(shown: &str) -> Error {
    let what = format!(
        "has no {UNISTD}; pass a directory of installed headers such as /usr/include/TRIPLET"
    );
    Error::in_file(shown, what)
}

/// The map is consistent after a panic: each change is one insertion.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
