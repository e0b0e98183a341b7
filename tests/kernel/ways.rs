//! x86's other ways into the kernel: `int 0x80` from 64-bit code, and the 32-bit vDSO's entry. The
//! oracle is the ABI's own way, or the C library.

#![cfg(any(target_arch = "x86_64", target_arch = "x86"))]

#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
mod int80 {
    use aio_sys::Errno;
    use aio_sys::abi::int80::{self, nr};
    use std::ffi::CString;
    use std::fs::File;
    use std::os::fd::AsRawFd as _;
    use std::process;

    /// Memory below 4 GiB, the range of 32-bit calls.
    struct Low(*mut u8);

    const BYTES: usize = 4096;

    impl Low {
        fn new() -> Low {
            let (prot, flags) = (
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT,
            );
            // SAFETY: a mapping where nothing is mapped.
            let address = unsafe { libc::mmap(std::ptr::null_mut(), BYTES, prot, flags, -1, 0) };
            assert_ne!(address, libc::MAP_FAILED);
            Low(address.cast())
        }

        fn holding(bytes: &[u8]) -> Low {
            let low = Low::new();
            // SAFETY: the mapping is larger than any text here, and ours.
            unsafe { low.0.copy_from(bytes.as_ptr(), bytes.len()) };
            low
        }

        fn word(&self) -> u32 {
            u32::try_from(self.0 as usize).expect("MAP_32BIT")
        }

        fn bytes(&self) -> &[u8] {
            // SAFETY: mapped, and nobody writes while the slice lives.
            unsafe { std::slice::from_raw_parts(self.0, BYTES) }
        }
    }

    impl Drop for Low {
        fn drop(&mut self) {
            // SAFETY: mapped by `new`, and borrowed by nobody.
            unsafe { libc::munmap(self.0.cast(), BYTES) };
        }
    }

    /// False on a kernel without 32-bit calls, which kills the caller.
    fn supported() -> bool {
        // SAFETY: a child that makes one call and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: getpid takes no argument.
            let pid = unsafe { int80::syscall0(nr::SYS_getpid) };
            // SAFETY: it ends the child, which has only run this function.
            unsafe { libc::_exit(i32::from(pid < 0)) };
        }
        let mut status = 0;
        // SAFETY: the child is ours.
        unsafe { libc::waitpid(child, &mut status, 0) };
        let there = libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0;
        if !there {
            aio_tests::skip(
                "int 0x80",
                &format!("the kernel has no 32-bit calls: wait status {status:#x}"),
            );
        }
        there
    }

    #[test]
    fn each_argument_has_its_place() {
        if !supported() {
            return;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"0123456789").unwrap();
        let (fd, low) = (file.as_file().as_raw_fd() as u32, Low::new());
        let zero = File::open("/dev/zero").unwrap();
        // SAFETY: calls that take numbers, and pointers into `low`, which has the room.
        unsafe {
            assert_eq!(
                int80::syscall0(nr::SYS_getppid),
                std::os::unix::process::parent_id() as isize
            );
            assert_eq!(Errno::decode(int80::syscall1(nr::SYS_close, u32::MAX)), Err(Errno::EBADF));
            let path = Low::holding(CString::new("/proc/none").unwrap().as_bytes_with_nul());
            assert_eq!(
                Errno::decode(int80::syscall2(nr::SYS_access, path.word(), 0)),
                Err(Errno::ENOENT)
            );
            assert_eq!(int80::syscall3(nr::SYS_read, zero.as_raw_fd() as u32, low.word(), 8), 8);
            // The halves of a 64-bit offset are arguments four and five, low before high.
            assert_eq!(int80::syscall5(nr::SYS_pread64, fd, low.word(), 4, 6, 0), 4);
            assert_eq!(&low.bytes()[..5], b"6789\0");
            assert_eq!(
                int80::syscall5(nr::SYS_pread64, fd, low.word(), 4, 6, 1),
                0,
                "beyond the end"
            );
            // The sixth argument is flags, of which none exist.
            let refused = int80::syscall6(nr::SYS_copy_file_range, fd, 0, fd, 0, 1, 1);
            assert_eq!(Errno::decode(refused), Err(Errno::EINVAL));
            let length = int80::syscall4(nr::SYS_rt_sigprocmask, 0, 0, low.word(), 8);
            assert_eq!(length, 0, "the set has eight bytes");
            assert_eq!(
                Errno::decode(int80::syscall4(nr::SYS_rt_sigprocmask, 0, 0, low.word(), 7)),
                Err(Errno::EINVAL)
            );
        }
    }

    #[test]
    fn six_arguments_map_memory() {
        if !supported() {
            return;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [vec![1u8; BYTES], vec![2; BYTES]].concat()).unwrap();
        let fd = file.as_file().as_raw_fd() as u32;
        let (read, private) = (libc::PROT_READ as u32, libc::MAP_PRIVATE as u32);
        // SAFETY: a mapping of a file that stays as it is, where nothing is mapped; the offset
        // counts pages.
        let address =
            unsafe { int80::syscall6(nr::SYS_mmap2, 0, BYTES as u32, read, private, fd, 1) };
        assert!(!(-4095..0).contains(&address), "{address}");
        let address = address as u32 as usize as *mut u8;
        // SAFETY: the memory was mapped above.
        assert_eq!(unsafe { address.read() }, 2, "the second page of the file");
        let start = address as usize as u32;
        // SAFETY: the memory was mapped above, and is not used again.
        assert_eq!(unsafe { int80::syscall2(nr::SYS_munmap, start, BYTES as u32) }, 0);
    }

    #[test]
    fn numbers_are_those_of_32_bit_code() {
        assert_eq!((nr::SYS_getpid, nr::SYS_io_submit), (20, 248));
        if supported() {
            // SAFETY: getpid takes no argument.
            assert_eq!(unsafe { int80::syscall0(nr::SYS_getpid) }, process::id() as isize);
        }
    }
}

#[cfg(target_arch = "x86")]
mod sysinfo {
    use aio_sys::abi::{self, Word, sysinfo};
    use aio_sys::types::AT_SYSINFO;
    use aio_sys::{Errno, nr};
    use std::ffi::c_void;
    use std::os::fd::AsRawFd as _;

    fn entry() -> Option<*const c_void> {
        // SAFETY: the call has no requirements.
        let entry = unsafe { libc::getauxval(AT_SYSINFO as libc::c_ulong) };
        if entry == 0 {
            aio_tests::skip("the 32-bit vDSO", "the auxiliary vector has no AT_SYSINFO");
        }
        (entry != 0).then_some(entry as *const c_void)
    }

    #[test]
    fn every_arity_agrees_with_int_0x80() {
        let Some(entry) = entry() else { return };
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"0123456789").unwrap();
        let (fd, mut buffer) = (Word::from(file.as_file().as_raw_fd()), [0u8; 8]);
        let (into, zero) = (Word::from(buffer.as_mut_ptr()), Word::from(0));
        // SAFETY: calls that take numbers, and pointers to what lives here; `entry` is the vDSO's.
        unsafe {
            assert_eq!(sysinfo::syscall0(entry, nr::SYS_getppid), abi::syscall0(nr::SYS_getppid));
            let closed = sysinfo::syscall1(entry, nr::SYS_close, Word::from(-1));
            assert_eq!(Errno::decode(closed), Err(Errno::EBADF));
            let path = Word::from(c"/proc/none".as_ptr());
            assert_eq!(
                Errno::decode(sysinfo::syscall2(entry, nr::SYS_access, path, zero)),
                Err(Errno::ENOENT)
            );
            assert_eq!(sysinfo::syscall3(entry, nr::SYS_read, fd, into, Word::from(2)), 2);
            let set =
                sysinfo::syscall4(entry, nr::SYS_rt_sigprocmask, zero, zero, into, Word::from(8));
            assert_eq!(set, 0);
            let read = sysinfo::syscall5(
                entry,
                nr::SYS_pread64,
                fd,
                into,
                Word::from(4),
                Word::from(6),
                zero,
            );
            assert_eq!(read, 4);
            assert_eq!(&buffer[..4], b"6789");
            let beyond = sysinfo::syscall5(
                entry,
                nr::SYS_pread64,
                fd,
                into,
                Word::from(4),
                Word::from(6),
                Word::from(1),
            );
            assert_eq!(beyond, 0);
            let refused = sysinfo::syscall6(
                entry,
                nr::SYS_copy_file_range,
                fd,
                zero,
                fd,
                zero,
                Word::from(1),
                Word::from(1),
            );
            assert_eq!(Errno::decode(refused), Err(Errno::EINVAL));
        }
    }
}
