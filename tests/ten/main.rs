//! Ten system calls, each as a small function with `#[syscall]` and with other crates: compares
//! their results and their lengths.
//!
//! A table counts the lines, without comments and empty ones, and the casts. It is printed with
//! `cargo test -p aio-tests --features compare --test ten -- --nocapture`. Types are those of each
//! crate: `libc` and `syscalls` fill the caller's structure by statx(2), which the others return,
//! and `rustix` has an iterator over directory entries, where the others return bytes.

#![cfg(all(target_pointer_width = "64", any(target_arch = "aarch64", target_arch = "x86_64")))]
#![allow(non_camel_case_types)]

#[allow(missing_docs)]
mod by_attribute;
mod by_libc;
mod by_nix;
mod by_rustix;
mod by_syscalls;

use aio_sys::types::__kernel_timespec;
use aio_tests::skip;
use linux_raw_sys::general::{
    EPOLLIN, MOUNT_ATTR_RDONLY, O_CLOEXEC, RESOLVE_BENEATH, epoll_event, mount_attr,
};
use linux_raw_sys::landlock::{LANDLOCK_ACCESS_FS_EXECUTE, landlock_ruleset_attr};
use nix::fcntl::{OFlag, ResolveFlag};
use rustix::event::{Timespec, epoll};
use rustix::fs::{OFlags, ResolveFlags};
use rustix::process::Pid;
use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::AtomicU32;
use std::{fs, thread, time::Duration};

const CALLS: [&str; 10] = [
    "openat2",
    "statx",
    "copy_file_range",
    "pidfd_open",
    "futex",
    "getdents64",
    "memfd_create",
    "epoll_pwait2",
    "mount_setattr",
    "landlock_create_ruleset",
];

const CRATES: [(&str, &str); 5] = [
    ("#[syscall]", include_str!("by_attribute.rs")),
    ("rustix", include_str!("by_rustix.rs")),
    ("nix", include_str!("by_nix.rs")),
    ("libc", include_str!("by_libc.rs")),
    ("syscalls", include_str!("by_syscalls.rs")),
];

/// Lines and casts of the items of a file that `wanted` chooses by name; an empty line separates
/// items. `None` without such an item.
fn count(source: &str, wanted: impl Fn(&str) -> bool) -> Option<(usize, usize)> {
    let (mut lines, mut casts, mut found) = (0, 0, false);
    for item in source.split("\n\n") {
        let code = || item.lines().filter(|line| !line.trim_start().starts_with("//"));
        let name = code().find_map(|line| line.split_once("fn ")?.1.split(['(', '<']).next());
        if !name.is_some_and(&wanted) {
            continue;
        }
        found = true;
        lines += code().filter(|line| !line.trim().is_empty()).count();
        for cast in
            [" as ", ".cast()", ".cast_mut()", ".cast_const()", "transmute", "from_raw_parts"]
        {
            casts += code().map(|line| line.matches(cast).count()).sum::<usize>();
        }
    }
    found.then_some((lines, casts))
}

#[test]
fn the_attribute_is_as_short_as_rustix_and_has_no_cast() {
    let mut table = format!("{:26}", "lines/casts");
    for (name, _) in CRATES {
        table += &format!("{name:>12}");
    }
    let cell = |count: Option<(usize, usize)>| match count {
        Some((lines, casts)) => format!("{:>12}", format!("{lines}/{casts}")),
        None => format!("{:>12}", "-"),
    };
    for call in CALLS {
        let counts = CRATES.map(|(_, source)| count(source, |name| name == call));
        table += &format!("\n{call:26}{}", counts.map(cell).concat());
        let (lines, casts) = counts[0].unwrap();
        assert_eq!(casts, 0, "{call}");
        if let Some((theirs, _)) = counts[1] {
            assert!(lines <= theirs + 2, "{call}: {lines} lines, and {theirs} with rustix");
        }
    }
    let helpers = CRATES.map(|(_, source)| cell(count(source, |name| !CALLS.contains(&name))));
    println!("{table}\n{:26}{}", "shared by these", helpers.concat());
}

/// The answer of a kernel without the call, or of a filter.
fn is_missing<T>(result: &io::Result<T>) -> bool {
    let missing = [libc::ENOSYS, libc::EPERM, libc::EOPNOTSUPP].map(Some);
    result.as_ref().is_err_and(|error| missing.contains(&error.raw_os_error()))
}

/// Checks that all have the first's result. An error is compared by its number.
#[track_caller]
fn same<T: PartialEq + Debug, const N: usize>(call: &str, results: [io::Result<T>; N]) {
    if results.iter().all(is_missing) {
        return skip(call, "the kernel refuses it");
    }
    let results = results.map(|result| result.map_err(|error| error.raw_os_error()));
    for result in &results {
        assert_eq!(result, &results[0], "{call}");
    }
}

fn text(owned: OwnedFd) -> String {
    let mut text = String::new();
    File::from(owned).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn openat2() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "found").unwrap();
    let file = File::open(directory.path()).unwrap();
    let (dir, flags, beneath) = (file.as_fd(), O_CLOEXEC.into(), RESOLVE_BENEATH.into());
    for path in [c"file", c"none", c"../file", c"/"] {
        let results = [
            by_libc::openat2(dir, path, flags, beneath),
            by_syscalls::openat2(dir, path, flags, beneath),
            by_nix::openat2(dir, path, OFlag::O_CLOEXEC, ResolveFlag::RESOLVE_BENEATH),
            by_rustix::openat2(dir, path, OFlags::CLOEXEC, ResolveFlags::BENEATH),
            by_attribute::openat2(dir, path, flags, beneath),
        ];
        same("openat2", results.map(|result| result.map(text)));
    }
}

#[test]
fn statx() {
    let file = File::open("/proc").unwrap();
    for path in [c"/", c"self/exe", c"none"] {
        let metadata = fs::metadata(std::path::Path::new("/proc").join(path.to_str().unwrap()));
        let (mut a, mut b) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        let dir = file.as_fd();
        // SAFETY: the kernel has filled the structures of the calls that succeed.
        let filled = unsafe {
            [
                by_libc::statx(dir, path, &mut a)
                    .map(|()| (a.assume_init_ref().stx_ino, a.assume_init_ref().stx_size)),
                by_syscalls::statx(dir, path, &mut b)
                    .map(|()| (b.assume_init_ref().stx_ino, b.assume_init_ref().stx_size)),
            ]
        };
        let [a, b] = filled;
        let ours = by_attribute::statx(dir, path).map(|stat| (stat.stx_ino, stat.stx_size));
        let rustix = by_rustix::statx(dir, path).map(|stat| (stat.stx_ino, stat.stx_size));
        let std = metadata.map(|metadata| (metadata.ino(), metadata.size()));
        same("statx", [std, a, b, rustix, ours]);
    }
}

#[test]
fn copy_file_range() {
    let mut from = tempfile::tempfile().unwrap();
    from.write_all(b"0123456789").unwrap();
    let mut copies = Vec::new();
    type Copy = fn(BorrowedFd<'_>, BorrowedFd<'_>, usize) -> io::Result<usize>;
    let functions: [Copy; 5] = [
        by_libc::copy_file_range,
        by_syscalls::copy_file_range,
        by_nix::copy_file_range,
        by_rustix::copy_file_range,
        by_attribute::copy_file_range,
    ];
    same(
        "copy_file_range",
        functions.map(|copy| {
            from.rewind()?;
            let mut to = tempfile::tempfile()?;
            let count = copy(from.as_fd(), to.as_fd(), 7)?;
            to.rewind()?;
            copies.push(text(to.into()));
            Ok(count)
        }),
    );
    assert!(copies.iter().all(|copy| copy == "0123456"), "{copies:?}");
}

#[test]
fn pidfd_open() {
    let own = std::process::id().cast_signed();
    // The kernel reports the process of the descriptor.
    let process = |owned: OwnedFd| {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", owned.as_raw_fd())).unwrap();
        info.lines().find(|line| line.starts_with("Pid:")).map(str::to_owned)
    };
    for pid in [own, i32::MAX] {
        let results = [
            by_libc::pidfd_open(pid),
            by_syscalls::pidfd_open(pid),
            by_rustix::pidfd_open(Pid::from_raw(pid).unwrap()),
            by_attribute::pidfd_open(pid),
        ];
        same("pidfd_open", results.map(|result| result.map(process)));
    }
}

#[test]
fn futex() {
    // No thread waits; then one does.
    let word = AtomicU32::new(0);
    let functions = [by_libc::futex, by_syscalls::futex, by_rustix::futex, by_attribute::futex];
    same("futex", functions.map(|wake| wake(&word, 1)));
    same(
        "futex",
        functions.map(|wake| {
            thread::scope(|scope| {
                let waiter = scope.spawn(|| {
                    rustix::thread::futex::wait(
                        &word,
                        rustix::thread::futex::Flags::PRIVATE,
                        0,
                        None,
                    )
                });
                loop {
                    match wake(&word, 1) {
                        Ok(0) => thread::sleep(Duration::from_millis(1)),
                        woken => {
                            waiter.join().unwrap()?;
                            return woken;
                        }
                    }
                }
            })
        }),
    );
}

/// The names in a buffer of getdents64(2).
fn names(mut entries: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    while let [_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, a, b, _, ..] = entries {
        let (entry, rest) = entries.split_at(u16::from_ne_bytes([*a, *b]).into());
        let name = entry[19..].split(|&byte| byte == 0).next().unwrap();
        names.push(String::from_utf8(name.to_vec()).unwrap());
        entries = rest;
    }
    names.sort();
    names
}

#[test]
fn getdents64() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["a", "bc", "def"] {
        fs::write(directory.path().join(name), "").unwrap();
    }
    let open = || File::open(directory.path()).unwrap();
    type Read = fn(BorrowedFd<'_>, &mut [u8]) -> io::Result<usize>;
    let functions: [Read; 3] =
        [by_libc::getdents64, by_syscalls::getdents64, by_attribute::getdents64];
    let [libc, syscalls, ours] = functions.map(|read| {
        let mut buffer = vec![0; 4096];
        let filled = read(open().as_fd(), &mut buffer)?;
        Ok(names(&buffer[..filled]))
    });
    let (dir, mut buffer) = (open(), [MaybeUninit::uninit(); 4096]);
    let mut rustix = Vec::new();
    let mut iterator = by_rustix::getdents64(dir.as_fd(), &mut buffer);
    while let Some(entry) = iterator.next() {
        rustix.push(entry.unwrap().file_name().to_str().unwrap().to_owned());
    }
    rustix.sort();
    assert_eq!(rustix, [".", "..", "a", "bc", "def"]);
    same("getdents64", [Ok(rustix), libc, syscalls, ours]);
    same("getdents64", functions.map(|read| read(open().as_fd(), &mut [])));
}

#[test]
fn memfd_create() {
    let long = std::ffi::CString::new("x".repeat(300)).unwrap();
    for name in [c"a name", &long] {
        let results = [
            by_libc::memfd_create(name),
            by_syscalls::memfd_create(name),
            by_nix::memfd_create(name),
            by_rustix::memfd_create(name),
            by_attribute::memfd_create(name),
        ];
        let link = |owned: OwnedFd| fs::read_link(format!("/proc/self/fd/{}", owned.as_raw_fd()));
        same("memfd_create", results.map(|result| result.and_then(link)));
    }
}

#[test]
fn epoll_pwait2() {
    let instance = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let epoll = instance.as_fd();
    let (reader, mut writer) = std::os::unix::net::UnixStream::pair().unwrap();
    epoll::add(epoll, &reader, epoll::EventData::new_u64(42), epoll::EventFlags::IN).unwrap();
    let libc_time = libc::timespec { tv_sec: 0, tv_nsec: 1 };
    let time = __kernel_timespec { tv_sec: 0, tv_nsec: 1 };
    let raw_time = linux_raw_sys::general::__kernel_timespec { tv_sec: 0, tv_nsec: 1 };
    let rustix_time = Timespec { tv_sec: 0, tv_nsec: 1 };
    for ready in [false, true] {
        let mut a = [libc::epoll_event { events: 0, u64: 0 }; 2];
        let mut b = [epoll_event { events: 0, data: 0 }; 2];
        let mut c = [epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        }; 2];
        let mut d = b;
        same(
            "epoll_pwait2",
            [
                by_libc::epoll_pwait2(epoll, &mut a, &libc_time)
                    .map(|n| (n, a[0].events, a[0].u64)),
                by_syscalls::epoll_pwait2(epoll, &mut b, &raw_time)
                    .map(|n| (n, b[0].events, b[0].data)),
                by_rustix::epoll_pwait2(epoll, &mut c, &rustix_time)
                    .map(|n| (n, { c[0].flags }.bits(), { c[0].data }.u64())),
                by_attribute::epoll_pwait2(epoll, &mut d, &time)
                    .map(|n| (n, d[0].events, d[0].data)),
                Ok(if ready { (1, EPOLLIN, 42) } else { (0, 0, 0) }),
            ],
        );
        writer.write_all(b"x").unwrap();
    }
}

#[test]
fn mount_setattr() {
    let attr = |set| mount_attr { attr_set: set, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let file = File::open("/proc/self").unwrap();
    // Nothing is changed: there is no such path, or no such attribute, or no mount at the path.
    for (path, set) in [(c"none", MOUNT_ATTR_RDONLY.into()), (c"fd", u64::MAX), (c"fd", 1)] {
        same(
            "mount_setattr",
            [
                by_libc::mount_setattr(file.as_fd(), path, &attr(set)),
                by_syscalls::mount_setattr(file.as_fd(), path, &attr(set)),
                by_attribute::mount_setattr(file.as_fd(), path, &attr(set)),
            ],
        );
    }
}

#[test]
fn landlock_create_ruleset() {
    for access in [LANDLOCK_ACCESS_FS_EXECUTE.into(), u64::MAX] {
        let attr =
            landlock_ruleset_attr { handled_access_fs: access, handled_access_net: 0, scoped: 0 };
        let results = [
            by_libc::landlock_create_ruleset(&attr),
            by_syscalls::landlock_create_ruleset(&attr),
            by_attribute::landlock_create_ruleset(&attr),
        ];
        let link = |owned: OwnedFd| fs::read_link(format!("/proc/self/fd/{}", owned.as_raw_fd()));
        same("landlock_create_ruleset", results.map(|result| result.and_then(link)));
    }
}
