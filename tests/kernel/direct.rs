//! The reported alignment for `O_DIRECT` against what the kernel accepts and refuses.

use crate::common::{in_child, refuse};
use aio_sys::{AlignedBuf, AlignmentSource, DirectAlignment, Errno, Queue, RwFlags, nr, op};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Error, Result};
use std::num::NonZeroU32;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const LEN: usize = 1 << 20;

fn run(program: &str, arguments: &[&OsStr]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| text.trim().to_owned())
}

fn direct(path: &Path) -> Result<File> {
    File::options().read(true).custom_flags(libc::O_DIRECT).open(path)
}

/// A direct read of `len` bytes at `offset`, into memory that starts `shift` bytes after a page.
fn read(file: &File, shift: usize, len: usize, offset: usize) -> Result<usize> {
    let mut buf = AlignedBuf::new(LEN, 1 << 16).unwrap();
    let into = buf[shift..].as_mut_ptr();
    assert!(shift + len <= LEN);
    // SAFETY: as many bytes are in the buffer from there on.
    let result = unsafe { libc::pread(file.as_raw_fd(), into.cast(), len, offset as libc::off_t) };
    usize::try_from(result).map_err(|_| Error::last_os_error())
}

/// The kernel accepts this alignment. If `strict`, it refuses lengths and offsets with half of it.
/// (Some drivers do not need the memory alignment that they report.)
fn check(file: &File, align: DirectAlignment, strict: bool) {
    let DirectAlignment { memory, offset, .. } = align;
    for times in [1, 3] {
        assert_eq!(
            read(file, memory * times, offset * times, offset).unwrap(),
            offset * times,
            "{align:?}"
        );
    }
    if strict {
        for (len, at) in [(offset / 2, offset), (offset, offset / 2)] {
            let error = read(file, 0, len, at).unwrap_err();
            let what = format!("{len} at {at} of {align:?}");
            assert_eq!(error.raw_os_error(), Some(libc::EINVAL), "{what}");
        }
    }
}

/// The alignment without statx: in a child, since the filter cannot be removed.
fn without_statx(file: &File, expected: AlignmentSource, sector: usize) {
    in_child(|| {
        assert!(refuse(&[nr::SYS_statx], libc::ENOSYS));
        let align = DirectAlignment::of(file).unwrap();
        check(file, align, false);
        assert_eq!(align.source, expected);
        align.offset >= sector && align.memory >= sector
    });
}

/// A disk with sectors of 4096 bytes, as long as it exists.
struct Disk {
    device: PathBuf,
    mounted: Option<tempfile::TempDir>,
    _image: tempfile::NamedTempFile,
}

impl Disk {
    fn new() -> Option<Disk> {
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(16 * LEN as u64).unwrap();
        let arguments = ["-b", "4096", "-f", "--show"].map(OsStr::new);
        let device = run("losetup", &[&arguments[..], &[image.path().as_os_str()]].concat())?;
        Some(Disk { device: device.into(), mounted: None, _image: image })
    }

    /// A file on a file system on it.
    fn file(&mut self) -> Option<File> {
        let device = self.device.as_os_str();
        run("mkfs.ext4", &[OsStr::new("-q"), device])?;
        let place = tempfile::tempdir().unwrap();
        run("mount", &[device, place.path().as_os_str()])?;
        let path = place.path().join("file");
        self.mounted = Some(place);
        std::fs::write(&path, vec![7; LEN]).unwrap();
        File::open(&path).unwrap().sync_all().unwrap();
        Some(direct(&path).unwrap())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(place) = &self.mounted {
            run("umount", &[place.path().as_os_str()]);
        }
        run("losetup", &[OsStr::new("-d"), self.device.as_os_str()]);
    }
}

#[test]
fn a_file_is_read_with_the_reported_alignment() {
    for directory in [std::env::temp_dir(), "/dev/shm".into(), "/var/tmp".into()] {
        let what = format!("O_DIRECT in {}", directory.display());
        let Ok(file) = tempfile::NamedTempFile::new_in(&directory) else {
            aio_tests::skip(&what, "no files can be made there");
            continue;
        };
        std::fs::write(file.path(), vec![7; LEN]).unwrap();
        file.as_file().sync_all().unwrap();
        let (Ok(open), Some(align)) = (direct(file.path()), DirectAlignment::of(&file)) else {
            aio_tests::skip(&what, "the file system takes none");
            continue;
        };
        assert_eq!(DirectAlignment::of(&open), Some(align), "it need not be open for it");
        check(&open, align, align.source == AlignmentSource::Statx);
        without_statx(&open, AlignmentSource::Guess, 512);
    }
}

/// A disk for which 512 bytes are not enough.
#[test]
fn a_disk_with_large_sectors() {
    let Some(mut disk) = Disk::new() else {
        return aio_tests::skip("sectors of 4096 bytes", "losetup makes no such loop device");
    };
    let device = direct(&disk.device).unwrap();
    let align = DirectAlignment::of(&device).unwrap();
    assert_eq!(align.offset, 4096);
    assert!(read(&device, 0, 512, 512).is_err());
    check(&device, align, align.source == AlignmentSource::Statx);
    without_statx(&device, AlignmentSource::Sector, 4096);

    let Some(file) = disk.file() else {
        return aio_tests::skip("a file on sectors of 4096 bytes", "there is no ext4");
    };
    let align = DirectAlignment::of(&file).unwrap();
    assert_eq!(align.offset, 4096);
    check(&file, align, align.source == AlignmentSource::Statx);
    without_statx(&file, AlignmentSource::Guess, 4096);

    let buf = AlignedBuf::for_file(&file, 5000).unwrap();
    assert_eq!((buf.len(), buf.align()), (8192, 4096));
    let mut queue = Queue::new(NonZeroU32::MIN).unwrap();
    assert!(queue.submit(op::read_at(&file, buf, 4096)).is_ok());
    let done = queue.wait(1, None).unwrap().next().unwrap();
    assert_eq!(done.result, Ok(8192));
    assert!(done.buf.unwrap().iter().all(|&byte| byte == 7));
}

/// ext4 takes the address into account where the space was never written: with NOWAIT it refuses
/// what it would do inside the submission.
#[test]
fn writes_to_new_space_are_asynchronous() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let opened = File::options().write(true).custom_flags(libc::O_DIRECT).open(file.path());
    let Ok(file) = opened else {
        return aio_tests::skip("writes to new space", "no O_DIRECT in the temporary directory");
    };
    // SAFETY: it touches no memory.
    let allocated = unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, 1 << 20) };
    if allocated != 0 {
        return aio_tests::skip("writes to new space", "no fallocate in the temporary directory");
    }
    let mut queue = Queue::new(NonZeroU32::MIN).unwrap();
    // The allocator would give other addresses to some of these if they were not aligned to that.
    let bufs: Vec<AlignedBuf> =
        (0..16).map(|_| AlignedBuf::for_file(&file, 8192).unwrap()).collect();
    for (at, buf) in bufs.into_iter().enumerate() {
        let mut buf = Some(buf);
        // It may also be refused for another reason, such as a lock.
        let done = (0..1000).find_map(|_| {
            let write = op::write_at(&file, buf.take().unwrap(), at as u64 * 8192);
            queue.submit(write.flags(RwFlags::NOWAIT)).unwrap();
            let done = queue.wait(1, None).unwrap().next().unwrap();
            buf = done.buf;
            Some(done.result).filter(|result| *result != Err(Errno::EAGAIN))
        });
        match done {
            Some(Err(Errno::EOPNOTSUPP | Errno::EINVAL)) => {
                return aio_tests::skip("writes to new space", "no NOWAIT in that file system");
            }
            done => assert_eq!(done, Some(Ok(8192)), "block {at}"),
        }
    }
}

#[test]
fn files_that_are_not_on_a_disk() {
    let (_, pipe) = crate::common::pipe();
    assert_eq!(DirectAlignment::of(&pipe).unwrap().source, AlignmentSource::Guess);
    // A filter that answers without making the call.
    let file = tempfile::tempfile().unwrap();
    in_child(|| {
        assert!(refuse(&[nr::SYS_statx], 0));
        DirectAlignment::of(&file).unwrap().source == AlignmentSource::Guess
    });
    // The alignment of memory is never 0, and never more than the address allows.
    assert_eq!(AlignedBuf::for_file(&pipe, 1).unwrap().len(), 4096);
    assert!(AlignedBuf::for_file(&pipe, 0).is_err());
    assert!(AlignedBuf::for_file(&pipe, usize::MAX).is_err());
}
