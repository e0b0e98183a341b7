//! Where the copy goes: in sight only when it is whole.

use crate::{Result, cannot};
use std::ffi::{CString, c_char, c_int};
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind};
use std::mem;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::SeqCst};

/// The destination, and the file that is written in its stead.
pub struct Target {
    pub path: PathBuf,
    pub file: File,
    /// What is there already.
    old: Option<Metadata>,
    place: Place,
}

enum Place {
    /// The destination itself, a device or a pipe.
    Itself,
    /// A file without a name, which is gone if the process is.
    Unnamed,
    /// A file beside the destination, where the file system knows no others.
    Hidden(Hidden),
}

impl Target {
    /// Opens what is to be written. A destination that could not be written is refused here, like
    /// one that is no file.
    pub fn open(mut path: PathBuf) -> Result<Target> {
        let old = match OpenOptions::new().write(true).open(&path) {
            Ok(file) => Some((file.metadata().map_err(cannot("write", &path))?, file)),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(cannot("write", &path)(error));
            }
            Err(_) if path.is_symlink() => {
                return Err(format!("{path:?} is a dangling symbolic link"));
            }
            // "name/" is a directory or nothing.
            Err(_) if !ends_in_its_name(&path) => {
                return Err(format!("{path:?} is not a directory"));
            }
            Err(_) => None,
        };
        let old = match old {
            Some((meta, file)) if !meta.is_file() => {
                return Ok(Target { path, file, old: Some(meta), place: Place::Itself });
            }
            Some((meta, _)) => {
                // Through symbolic links: their target is replaced, not they.
                path = fs::canonicalize(&path).map_err(cannot("find", &path))?;
                Some(meta)
            }
            None => None,
        };
        let dir = directory(&path);
        let mut options = OpenOptions::new();
        options.write(true).mode(0o600);
        // It is through /proc that the file can get its name.
        let unnamed = options.clone().custom_flags(libc::O_TMPFILE).open(dir).ok();
        let (file, place) = match unnamed.filter(|_| Path::new("/proc/self/fd").exists()) {
            Some(file) => (file, Place::Unnamed),
            None => {
                let hidden = Hidden::beside(&path);
                let file = options
                    .create_new(true)
                    .open(&hidden.path)
                    .map_err(cannot("create a file in", dir))?;
                (file, Place::Hidden(hidden))
            }
        };
        Ok(Target { path, file, old, place })
    }

    /// Whether a write at an offset goes there.
    pub fn takes_aio(&self) -> bool {
        self.old.as_ref().is_none_or(|meta| meta.is_file() || meta.file_type().is_block_device())
    }

    /// Makes room for all of it: better told now than later that there is none, and a write that
    /// makes the file longer is not asynchronous.
    pub fn reserve(&self, size: u64) -> Result<()> {
        if let Place::Itself = self.place {
            return Ok(());
        }
        allocate(&self.file, size)
            .or_else(|error| match error.kind() {
                ErrorKind::Unsupported => self.file.set_len(size),
                _ => Err(error),
            })
            .map_err(cannot(&format!("make room for {size} bytes in"), &self.path))
    }

    /// Gives the file its final size, owner and permissions.
    pub fn settle(&self, size: u64, src: &Metadata) -> Result<()> {
        if let Place::Itself = self.place {
            return Ok(());
        }
        self.file.set_len(size).map_err(cannot("truncate", &self.path))?;
        let mode = match &self.old {
            Some(old) => {
                // Only root may give files away.
                let _ = fchown(&self.file, Some(old.uid()), Some(old.gid()));
                old.mode()
            }
            None => src.mode() & !umask(),
        };
        // Some file systems have no permissions; the copy is whole all the same.
        let _ = self.file.set_permissions(Permissions::from_mode(mode & 0o777));
        Ok(())
    }

    /// Puts the file, which is whole and on disk, in the destination's place.
    pub fn commit(self) -> Result<()> {
        let Target { path, file, old, place } = self;
        let hidden = match place {
            Place::Itself => return Ok(()),
            Place::Hidden(hidden) => hidden,
            Place::Unnamed => {
                if old.is_none() {
                    match link(&file, &path) {
                        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                        result => return result.map_err(cannot("create", &path)),
                    }
                }
                // No call gives a file a name that another has; a rename does.
                let hidden = Hidden::beside(&path);
                link(&file, &hidden.path).map_err(cannot("create a file in", directory(&path)))?;
                hidden
            }
        };
        fs::rename(&hidden.path, &path).map_err(cannot("replace", &path))
    }
}

/// Not so if it ends in `/` or `/.`.
fn ends_in_its_name(path: &Path) -> bool {
    path.file_name().is_some_and(|name| path.as_os_str().as_bytes().ends_with(name.as_bytes()))
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn allocate(file: &File, size: u64) -> io::Result<()> {
    // A 32-bit C library may have no word for the size.
    let size = libc::off_t::try_from(size).map_err(|_| ErrorKind::Unsupported)?;
    loop {
        // SAFETY: it takes no memory of ours.
        match done(unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, size) }) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Gives a name to a file that has none.
fn link(file: &File, name: &Path) -> io::Result<()> {
    let from = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let to = CString::new(name.as_os_str().as_bytes())?;
    // SAFETY: both are strings, and are only read.
    done(unsafe {
        libc::linkat(
            libc::AT_FDCWD,
            from.as_ptr(),
            libc::AT_FDCWD,
            to.as_ptr(),
            libc::AT_SYMLINK_FOLLOW,
        )
    })
}

fn umask() -> libc::mode_t {
    // SAFETY: it takes no memory of ours. There is no call that only asks; there is no other thread
    // to see 0 meanwhile.
    unsafe {
        let mask = libc::umask(0);
        libc::umask(mask);
        mask
    }
}

fn done(result: c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A name beside the destination that nobody else uses, and that is gone again when this is dropped
/// or the process is interrupted, if a file has got it by then.
struct Hidden {
    path: PathBuf,
}

/// The name, for the signal handler; null if there is none.
static HIDDEN: AtomicPtr<c_char> = AtomicPtr::new(ptr::null_mut());

impl Hidden {
    fn beside(path: &Path) -> Hidden {
        // 64 random bits.
        let path = directory(path)
            .join(format!(".aiocp-{:016x}", RandomState::new().build_hasher().finish()));
        // Never freed: a handler may be about to read it. There is one a process.
        let name =
            CString::new(path.as_os_str().as_bytes()).expect("a path that was opened has no NUL");
        HIDDEN.store(name.into_raw(), SeqCst);
        [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM].into_iter().for_each(on_signal);
        Hidden { path }
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _ = fs::remove_file(&self.path);
        HIDDEN.store(ptr::null_mut(), SeqCst);
    }
}

/// Has `remove_and_die` handle a signal, unless whoever started the process had it ignored.
fn on_signal(signal: c_int) {
    // SAFETY: zeros are a valid `sigaction`: no flags, no signals masked, the default action.
    let (mut action, mut old): (libc::sigaction, libc::sigaction) =
        unsafe { (mem::zeroed(), mem::zeroed()) };
    action.sa_sigaction = remove_and_die as extern "C" fn(c_int) as libc::sighandler_t;
    action.sa_flags = libc::SA_RESETHAND;
    // SAFETY: both are valid `sigaction`s, and `remove_and_die` calls nothing but what a handler
    // may.
    unsafe {
        libc::sigaction(signal, ptr::null(), &mut old);
        if old.sa_sigaction != libc::SIG_IGN {
            libc::sigaction(signal, &action, ptr::null_mut());
        }
    }
}

extern "C" fn remove_and_die(signal: c_int) {
    let name = HIDDEN.load(SeqCst);
    // SAFETY: `name` is null or a string that is never freed; unlink and raise are
    // async-signal-safe. On entry the signal got its default action back: the one raised here,
    // delivered on return, is what the process dies of.
    unsafe {
        if !name.is_null() {
            libc::unlink(name);
        }
        libc::raise(signal);
    }
}
