//! The destination. A new file appears under its name only when it is complete. A file that exists
//! is replaced in the same way if nobody can tell the difference, and otherwise written in place.

use crate::common::{Result, cannot};
use crate::signal;
use rustix::fs::{AtFlags, CWD, FallocateFlags, StatxAttributes, StatxFlags, XattrFlags};
use rustix::io::Errno;
use std::ffi::{CStr, CString, c_char, c_int};
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::SeqCst};

/// The destination, and the file that is written.
pub struct Target {
    pub path: PathBuf,
    pub file: File,
    meta: Metadata,
    place: Place,
}

enum Place {
    /// The destination itself.
    Itself,
    /// A file without a name, which the kernel removes when the process ends.
    Unnamed { replaces: bool },
    /// A file beside the destination, on file systems without unnamed files.
    Hidden(Hidden),
}

impl Target {
    /// Opens the destination, or creates a file for it with the source's permissions.
    pub fn open(path: PathBuf, src: &Metadata) -> Result<Target> {
        let (file, place) = match OpenOptions::new().write(true).open(&path) {
            Ok(old) => replacement(&path, &old).unwrap_or((old, Place::Itself)),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(cannot("write", &path)(error));
            }
            Err(_) if path.is_symlink() => {
                return Err(format!("{path:?} is a dangling symbolic link"));
            }
            // "name/" can only be a directory.
            Err(_) if !ends_in_its_name(&path) => {
                return Err(format!("{path:?} is not a directory"));
            }
            // The kernel applies the umask, or the default ACL of the directory.
            Err(_) => create(&path, src.mode() & 0o777, false)
                .map_err(cannot("create a file in", directory(&path)))?,
        };
        let meta = file.metadata().map_err(cannot("write", &path))?;
        let target = Target { path, file, meta, place };
        if target.is_read_only() {
            // Until it is complete: with O_DIRECT it is opened again.
            target.set_mode(target.meta.mode() | 0o200)?;
        }
        Ok(target)
    }

    /// Whether it is a new file that its owner may not write.
    fn is_read_only(&self) -> bool {
        !matches!(self.place, Place::Itself) && self.meta.mode() & 0o200 == 0
    }

    fn set_mode(&self, mode: u32) -> Result<()> {
        let permissions = Permissions::from_mode(mode & 0o777);
        self.file.set_permissions(permissions).map_err(cannot("write", &self.path))
    }

    pub fn is_regular(&self) -> bool {
        self.meta.is_file()
    }

    /// Whether offsets mean something there.
    pub fn takes_aio(&self) -> bool {
        self.is_regular() || self.meta.file_type().is_block_device()
    }

    /// Gives a regular file its size. Unless it is to have holes, space is allocated at once: a
    /// full disk is reported early, and a write that makes a file longer is not asynchronous.
    pub fn reserve(&self, size: u64, with_holes: bool) -> Result<()> {
        if !self.is_regular() {
            return Ok(());
        }
        self.file.set_len(0).map_err(cannot("truncate", &self.path))?;
        let resized = match with_holes || size == 0 {
            true => self.file.set_len(size),
            false => allocate(&self.file, size),
        };
        resized.map_err(cannot(&format!("make room for {size} bytes in"), &self.path))
    }

    /// Gives the file its final size and permissions: the source may have become shorter.
    pub fn settle(&self, size: u64) -> Result<()> {
        if self.is_regular() {
            self.file.set_len(size).map_err(cannot("truncate", &self.path))?;
        }
        match self.is_read_only() {
            true => self.set_mode(self.meta.mode()),
            false => Ok(()),
        }
    }

    /// Gives the file, which is complete and on disk, the destination's name.
    pub fn commit(self) -> Result<()> {
        let Target { path, file, place, .. } = self;
        let hidden = match place {
            Place::Itself => return Ok(()),
            Place::Hidden(hidden) => hidden,
            Place::Unnamed { replaces } => {
                if !replaces {
                    match link(&file, &path) {
                        Err(Errno::EXIST) => {}
                        result => return result.map_err(|e| cannot("create", &path)(e.into())),
                    }
                }
                // linkat(2) does not replace a file, rename(2) does.
                let hidden = Hidden::beside(&path);
                link(&file, &hidden.path)
                    .map_err(|error| cannot("create a file in", directory(&path))(error.into()))?;
                hidden
            }
        };
        fs::rename(&hidden.path, &path).map_err(cannot("replace", &path))
    }
}

/// A new file that can replace an old one without a trace: the same owner, permissions, ACL and
/// extended attributes. `None` if there is more to the old one than that, or if the process may not
/// create such a file: then the old one has to be written itself, as `cp` does.
fn replacement(path: &Path, old: &File) -> Option<(File, Place)> {
    let meta = old.metadata().ok()?;
    // A symbolic link may be one of /proc, to a file that another process has open.
    let is_plain = fs::symlink_metadata(path).ok()?.is_file()
        && meta.nlink() == 1
        && meta.mode() & 0o7000 == 0
        && !is_mount_point(old);
    if !is_plain {
        return None;
    }
    let (file, place) = create(path, 0o600, true).ok()?;
    let now = file.metadata().ok()?;
    if (now.uid(), now.gid()) != (meta.uid(), meta.gid()) {
        fchown(&file, Some(meta.uid()), Some(meta.gid())).ok()?;
    }
    copy_attributes(old, &file).ok()?;
    // The ACL is there already, and its mask is the permissions of the group.
    file.set_permissions(Permissions::from_mode(meta.mode() & 0o777)).ok()?;
    Some((file, place))
}

/// The ACL and other extended attributes.
fn copy_attributes(old: &File, new: &File) -> rustix::io::Result<()> {
    // From the default ACL of the directory.
    match rustix::fs::fremovexattr(new, "system.posix_acl_access") {
        Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
        Err(errno) => return Err(errno),
    }
    let (mut names, mut value) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let len = match rustix::fs::flistxattr(old, names.as_mut_slice()) {
        Ok(len) => len,
        Err(Errno::OPNOTSUPP) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    for name in names[..len].split_inclusive(|&byte| byte == 0) {
        let name = CStr::from_bytes_with_nul(name).map_err(|_| Errno::INVAL)?;
        // Of these the kernel changes some when the file is written.
        if name.to_bytes().starts_with(b"security.") && name != c"security.selinux" {
            return Err(Errno::PERM);
        }
        let len = rustix::fs::fgetxattr(old, name, value.as_mut_slice())?;
        rustix::fs::fsetxattr(new, name, &value[..len], XattrFlags::empty())?;
    }
    Ok(())
}

/// Whether something is mounted on the path that the file was opened by. Before Linux 5.8 this is
/// not known, and rename(2) fails with `EBUSY`.
fn is_mount_point(file: &File) -> bool {
    rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::empty())
        .is_ok_and(|stat| stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Creates a file in the destination's directory, without its name.
fn create(path: &Path, mode: u32, replaces: bool) -> io::Result<(File, Place)> {
    let dir = directory(path);
    let mut options = OpenOptions::new();
    options.write(true).mode(mode);
    // An unnamed file gets a name through /proc.
    let unnamed = options.clone().custom_flags(libc::O_TMPFILE).open(dir).ok();
    if let Some(file) = unnamed.filter(|_| Path::new("/proc/self/fd").exists()) {
        return Ok((file, Place::Unnamed { replaces }));
    }
    let hidden = Hidden::beside(path);
    let file = options.create_new(true).open(&hidden.path)?;
    Ok((file, Place::Hidden(hidden)))
}

/// Allocates space, or only sets the length if the file system cannot allocate.
fn allocate(file: &File, size: u64) -> io::Result<()> {
    let allocate = || rustix::fs::fallocate(file, FallocateFlags::empty(), 0, size);
    match rustix::io::retry_on_intr(allocate) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => file.set_len(size),
        result => Ok(result?),
    }
}

/// Not so if it ends in `/` or `/.`.
fn ends_in_its_name(path: &Path) -> bool {
    path.file_name().is_some_and(|name| path.as_os_str().as_bytes().ends_with(name.as_bytes()))
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Gives an unnamed file a name.
fn link(file: &File, name: &Path) -> rustix::io::Result<()> {
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, unnamed, CWD, name, AtFlags::SYMLINK_FOLLOW)
}

/// A name beside the destination that is not used otherwise. If a file has it, it is removed when
/// this is dropped or a signal interrupts the process.
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
        // Never freed: a signal handler may be about to read it. A process has few.
        let name =
            CString::new(path.as_os_str().as_bytes()).expect("a path that was opened has no NUL");
        HIDDEN.store(name.into_raw(), SeqCst);
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
            // SAFETY: it calls unlink and raise, which are async-signal-safe.
            unsafe { signal::handle_once(signal, remove_and_die) };
        }
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

extern "C" fn remove_and_die(signal: c_int) {
    let name = HIDDEN.load(SeqCst);
    // SAFETY: `name` is null or a string that is never freed; unlink and raise are
    // async-signal-safe. The signal has its default action since the handler was entered: the one
    // raised here is delivered on return, and kills the process.
    unsafe {
        if !name.is_null() {
            libc::unlink(name);
        }
        libc::raise(signal);
    }
}
