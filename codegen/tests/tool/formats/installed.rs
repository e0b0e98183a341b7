//! Installed headers.

use super::*;
use aio_codegen::import::{Claims, Findings};
use aio_codegen::source::Source;
use aio_codegen::version::Version;
use aio_codegen::{Error, import, store};

/// Headers of 64-bit and 32-bit x86 as packages have them.
const X86: &[(&str, &str)] = &[
    (
        "asm/unistd.h",
        "#define __X32_SYSCALL_BIT\t0x40000000\n# ifdef __i386__\n#  include <asm/unistd_32.h>\n\
         # elif defined(__ILP32__)\n#  include <asm/unistd_x32.h>\n# else\n#  include \
         <asm/unistd_64.h>\n# endif\n",
    ),
    (
        "asm/unistd_64.h",
        "#define __NR_read 0\n#define __NR_io_setup 206\n#ifdef __KERNEL__\n#define __NR_syscalls \
         451\n#endif\n",
    ),
    (
        "asm/unistd_x32.h",
        "#define __NR_read (__X32_SYSCALL_BIT + 0)\n#define __NR_io_setup (__X32_SYSCALL_BIT + \
         543)\n",
    ),
    ("asm/unistd_32.h", "#define __NR_exit 1\n#define __NR_io_setup 245\n"),
    ("asm/errno.h", "#include <asm-generic/errno.h>\n"),
];

const SHARED: &[(&str, &str)] = &[
    (
        "asm-generic/errno.h",
        "#define EPERM 1 /* Operation not permitted */\n#define ENOSYS 38 /* Invalid */\n",
    ),
    ("asm-generic/bitsperlong.h", "#define __BITS_PER_LONG (__CHAR_BIT__ * __SIZEOF_LONG__)\n"),
    (
        "asm-generic/unistd.h",
        "#include <asm/bitsperlong.h>\n#ifndef __SYSCALL\n#define __SYSCALL(x, y)\n#endif\n\
         #define __NR_io_setup 0\n__SYSCALL(__NR_io_setup, sys_io_setup)\n#define __NR3264_mmap \
         222\n\
         #if __BITS_PER_LONG == 64\n#define __NR_mmap __NR3264_mmap\n#else\n#define __NR_mmap2 \
         __NR3264_mmap\n#endif\n",
    ),
    ("linux/version.h", "#define LINUX_VERSION_CODE 393659\n"),
    ("linux/aio_abi.h", "enum {\n\tIOCB_CMD_PREAD = 0,\n};\n#define IOCB_FLAG_RESFD (1 << 0)\n"),
    ("linux/fs.h", "#define BLKSSZGET 0x1268\n#define RWF_HIPRI ((__kernel_rwf_t)0x00000001)\n"),
];

const ARM64: &[(&str, &str)] = &[
    ("asm/unistd.h", "#include <asm-generic/unistd.h>\n"),
    ("asm/bitsperlong.h", "#define __BITS_PER_LONG 64\n"),
    ("asm/errno.h", "#include <asm-generic/errno.h>\n"),
];

fn write(directory: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// `import --headers DIR`, and optionally `--arch ARCH`, in this process.
fn import_headers(directory: &Path, more: &[&str]) -> Result<Files, Error> {
    let arch = more.get(1).map(|&arch| arch.to_owned());
    import_split(&[directory], &Claims { arch, linux: None })
}

/// `import --headers DIR …`, and optionally more options, in this process.
fn import_split(directories: &[&Path], claims: &Claims) -> Result<Files, Error> {
    import::headers(&Source::headers(directories)?, claims, &COMMITTED, &Findings::strict())
}

#[track_caller]
fn headers(directory: &Path, more: &[&str]) -> Tables {
    let files = import_headers(directory, more).unwrap_or_else(|error| panic!("{error}"));
    store::in_memory("{tables}", &files).unwrap()
}

#[track_caller]
fn headers_refused(directory: &Path, more: &[&str], message: &str) {
    let message = message.replace("{directory}", directory.to_str().unwrap());
    assert_eq!(import_headers(directory, more).map_err(|error| error.to_string()), Err(message));
}

#[test]
fn the_headers_of_a_triplet() {
    let root = TempDir::new().unwrap();
    let include = root.path().join("usr/include");
    write(&include, SHARED);
    write(&include.join("x86_64-linux-gnu"), X86);
    let tables = headers(&include.join("x86_64-linux-gnu"), &[]);
    assert_eq!(listed(&tables, "x86_64"), "0 read -\n206 io_setup -\n");
    assert_eq!(listed(&tables, "x32"), "0 read -\n543 io_setup -\n");
    assert_eq!(listed(&tables, "i386"), "1 exit -\n245 io_setup -\n");
    let table = tables.table("x86_64").unwrap();
    assert_eq!((table.linux.as_str(), table.source.as_str()), ("6.1.187", "asm/unistd_64.h"));
    let rows: Vec<_> = table.rows.iter().map(|row| (row.nr, row.tag.as_str())).collect();
    assert_eq!(rows, [(0, "common"), (206, "x86_64"), (543, "x32")]);
    assert_eq!(tables.errnos("x86").unwrap().last().unwrap().value, 38);
    assert_eq!(tables.constants().unwrap().len(), 3);
    assert!(!tables.has_table("asm-generic"));
    // A package without x32 is accepted if it does not include x32's header.
    let triplet = include.join("x86_64-linux-gnu");
    fs::remove_file(triplet.join("asm/unistd_x32.h")).unwrap();
    let unistd = fs::read_to_string(triplet.join("asm/unistd.h")).unwrap();
    let without = unistd.replace("# elif defined(__ILP32__)\n#  include <asm/unistd_x32.h>\n", "");
    fs::write(triplet.join("asm/unistd.h"), without).unwrap();
    let tables = headers(&include.join("x86_64-linux-gnu"), &[]);
    assert_eq!(tables.table("x86_64").unwrap().tags("x32"), None);
    // Newer headers have the version in three parts, since the last one no longer fits in eight
    // bits.
    let parts = "#define LINUX_VERSION_CODE 1\n#define LINUX_VERSION_MAJOR 6\n#define \
                 LINUX_VERSION_PATCHLEVEL 1\n\
                 #define LINUX_VERSION_SUBLEVEL 300\n";
    write(&include, &[("linux/version.h", parts)]);
    let tables = headers(&include.join("x86_64-linux-gnu"), &[]);
    assert_eq!(tables.table("i386").unwrap().linux.as_str(), "6.1.300");
}

#[test]
fn the_headers_of_all_architectures_and_links_to_them() {
    let root = TempDir::new().unwrap();
    let include = root.path().join("usr/include");
    let uapi = root.path().join("usr/lib/linux/uapi");
    write(&include, SHARED);
    write(&uapi.join("arm64"), ARM64);
    let triplet = include.join("aarch64-linux-gnu/asm");
    fs::create_dir_all(&triplet).unwrap();
    for (name, _) in ARM64 {
        let name = name.strip_prefix("asm/").unwrap();
        symlink(Path::new("../../../lib/linux/uapi/arm64/asm").join(name), triplet.join(name))
            .unwrap();
    }
    // A link to the directory, whose own name does not show the architecture.
    let linked = include.join("elsewhere");
    fs::create_dir(&linked).unwrap();
    symlink("../../lib/linux/uapi/arm64/asm", linked.join("asm")).unwrap();
    for directory in [uapi.join("arm64"), include.join("aarch64-linux-gnu"), linked] {
        let tables = headers(&directory, &[]);
        assert_eq!(
            listed(&tables, "aarch64"),
            "0 io_setup -\n222 mmap -\n",
            "{}",
            directory.display()
        );
        let table = tables.table("asm-generic").unwrap();
        assert!(table.takes.len() == 1 && table.linux.as_str() == "6.1.187");
    }
}

#[test]
fn the_headers_of_a_cross_compiler() {
    let root = TempDir::new().unwrap();
    let include = root.path().join("usr/riscv64-linux-gnu/include");
    write(&include, SHARED);
    write(&include, &ARM64[..1]);
    write(&include, &[("asm/bitsperlong.h", "#include <asm-generic/bitsperlong.h>\n"), ARM64[2]]);
    for directory in [&include, &root.path().join("usr/riscv64-linux-gnu")] {
        let tables = headers(directory, &[]);
        assert_eq!(listed(&tables, "riscv64"), "0 io_setup -\n222 mmap -\n");
        assert_eq!(listed(&tables, "riscv32"), "0 io_setup -\n222 mmap2 -\n");
    }
}

#[test]
fn the_headers_that_make_installed() {
    let root = TempDir::new().unwrap();
    let include = root.path().join("usr/include");
    write(&include, SHARED);
    write(&include, X86);
    headers_refused(
        &include,
        &[],
        "{directory}: the path does not show the architecture of these headers; pass --arch ARCH",
    );
    let tables = headers(&include, &["--arch", "x86"]);
    assert_eq!(listed(&tables, "x32"), "0 read -\n543 io_setup -\n");
}

/// Linux 7.2 has no 31-bit s390; its compiler would get the 64-bit header.
#[test]
fn an_abi_without_its_own_header_is_left_out() {
    let root = TempDir::new().unwrap();
    let include = root.path().join("s390x-linux-gnu/include");
    write(&include, SHARED);
    let s390 = [
        ("asm/unistd.h", "#include <asm/unistd_64.h>\n"),
        ("asm/unistd_64.h", "#define __NR_io_setup 243\n"),
        ("asm/errno.h", "#include <asm-generic/errno.h>\n"),
    ];
    write(&include, &s390);
    let tables = headers(&include, &[]);
    assert!(tables.has_table("s390") && !tables.has_table("s390-31bit"));
    // An old header that can be read for 32-bit loongarch is not for it.
    let include = root.path().join("loongarch64-linux-gnu/include");
    write(&include, SHARED);
    write(
        &include,
        &[ARM64[0], ("asm/bitsperlong.h", "#include <asm-generic/bitsperlong.h>\n"), ARM64[2]],
    );
    let read = headers(&include, &[]);
    let table = read.table("asm-generic").unwrap();
    assert_eq!(
        table.takes.iter().map(|taker| taker.abi.as_str()).collect::<Vec<_>>(),
        ["loongarch64"]
    );
}

#[test]
fn arm_has_hyphens_and_private_calls() {
    let root = TempDir::new().unwrap();
    let include = root.path().join("arm-linux-gnueabihf/include");
    write(&include, SHARED);
    let arm = [
        (
            "asm/unistd.h",
            "#define __NR_OABI_SYSCALL_BASE 0x900000\n#define __NR_SYSCALL_MASK 0x0fffff\n\
             #if defined(__thumb__) || defined(__ARM_EABI__)\n#define __NR_SYSCALL_BASE 0\n\
             #include <asm/unistd-eabi.h>\n\
             #else\n#define __NR_SYSCALL_BASE __NR_OABI_SYSCALL_BASE\n#include \
             <asm/unistd-oabi.h>\n#endif\n\
             #define __NR_sync_file_range2 __NR_arm_sync_file_range\n\
             #define __ARM_NR_BASE (__NR_SYSCALL_BASE+0x0f0000)\n#define __ARM_NR_cacheflush \
             (__ARM_NR_BASE+2)\n",
        ),
        ("asm/unistd-eabi.h", "#define __NR_arm_sync_file_range (__NR_SYSCALL_BASE + 341)\n"),
        (
            "asm/unistd-oabi.h",
            "#define __NR_time (__NR_SYSCALL_BASE + 13)\n#define __NR_arm_sync_file_range \
             (__NR_SYSCALL_BASE + 341)\n",
        ),
        ("asm/errno.h", "#include <asm-generic/errno.h>\n"),
    ];
    write(&include, &arm);
    let tables = headers(&include, &[]);
    let same = "341 arm_sync_file_range -\n341 (sync_file_range2) -\n983042 (cacheflush) -\n";
    assert_eq!(listed(&tables, "arm"), same);
    assert_eq!(listed(&tables, "arm-oabi"), format!("13 time -\n{same}"));
    let table = tables.table("arm").unwrap();
    assert_eq!(
        table.rows.iter().map(|row| row.tag.as_str()).collect::<Vec<_>>(),
        ["arm-oabi", "common"]
    );
    assert_eq!(table.extras.len(), 1);
}

/// `asm/` is in one directory, as in the Zig distribution, and the rest in another, with generic
/// headers for architectures without their own.
#[test]
fn headers_that_are_split() {
    let root = TempDir::new().unwrap();
    let include = root.path().join("lib/libc/include");
    let [own, shared, other] =
        ["sparc-linux-any", "any-linux-any", "x86-linux-any"].map(|name| include.join(name));
    let sparc = [
        ("asm/unistd.h", "#define __NR_io_setup 268\n"),
        ("asm/errno.h", "#define ENOSYS 90 /* Invalid */\n"),
    ];
    write(&own, &sparc);
    write(&shared, SHARED);
    write(&shared, &[("asm/errno.h", "#include <asm-generic/errno.h>\n")]);
    write(&other, X86);
    let good = |directories: &[&Path]| {
        import_split(directories, &Claims::default()).unwrap_or_else(|e| panic!("{e}"))
    };
    let split = good(&[&own, &shared]);
    let tables = store::in_memory("{tables}", &split).unwrap();
    assert_eq!(tables.errnos("sparc").unwrap().last().unwrap().value, 90);
    assert_eq!(tables.constants().unwrap().len(), 3);
    let table = tables.table("sparc").unwrap();
    assert_eq!((table.linux.as_str(), table.source.as_str()), ("6.1.187", "asm/unistd.h"));
    assert_eq!(good(&[&shared, &own]), split);
    // A link to it, and the directory above it.
    let linked = root.path().join("linked");
    fs::create_dir(&linked).unwrap();
    symlink(own.join("asm"), linked.join("asm")).unwrap();
    assert_eq!(good(&[&linked, &shared, &own]), split);
    write(&include, SHARED);
    assert_eq!(good(&[&include, &own]), good(&[&own, &include]));

    let refused = |directories: &[&Path], message: &str| {
        let names = [("{own}", &own), ("{shared}", &shared), ("{other}", &other)];
        let message = names.iter().fold(message.to_owned(), |message, (name, directory)| {
            message.replace(name, directory.to_str().unwrap())
        });
        let error =
            import_split(directories, &Claims::default()).map_err(|error| error.to_string());
        assert_eq!(error, Err(message));
    };
    refused(
        &[&other, &shared, &own],
        "{other} and {own}: each holds asm/unistd.h; give one of them",
    );
    fs::remove_file(own.join("asm/unistd.h")).unwrap();
    refused(&[&shared, &own], &format!("{{shared}} and {{own}}: {NO_UNISTD}"));
    fs::remove_dir_all(&own).unwrap();
    refused(&[&shared, &own], "{own}: is not a directory");
}

#[test]
fn the_version_of_headers_without_version_h() {
    let import = |version_h: Option<&str>, linux: Option<&str>| {
        let shared = SHARED.iter().filter(|(name, _)| *name != "linux/version.h");
        let files =
            shared.chain(X86).copied().chain(version_h.map(|text| ("linux/version.h", text)));
        let files = files.map(|(name, text)| (name.to_owned(), text.into())).collect();
        let source = Source::headers_in_memory("x86_64-linux-any", files)?;
        let claims = Claims { arch: None, linux: linux.map(Version::new) };
        let files = import::headers(&source, &claims, &COMMITTED, &Findings::strict())?;
        let tables = store::in_memory("{tables}", &files)?;
        Ok::<_, Error>(tables.table("x86_64")?.linux.to_string())
    };
    let error = import(None, None).unwrap_err().to_string();
    assert!(error.ends_with("; pass --linux-version VERSION"), "{error}");
    assert_eq!(import(None, Some("6.1.0-rc3")).unwrap(), "6.1.0-rc3");
    let version_h = Some("#define LINUX_VERSION_CODE 393659\n");
    for same in ["6.1.187", "6.1.187-amd64"] {
        assert_eq!(import(version_h, Some(same)).unwrap(), "6.1.187");
    }
    for other in ["7.2.13", "6.1", "6.1.187-rc1"] {
        let error = import(version_h, Some(other)).unwrap_err().to_string();
        let expected = format!(
            "x86_64-linux-any/linux/version.h: is of Linux 6.1.187, but --linux-version is {other}"
        );
        assert_eq!(error, expected);
    }
    // A damaged file is not treated as absent.
    let error = import(Some("#define NOTHING 1\n"), Some("6.1.187")).unwrap_err().to_string();
    assert!(error.contains("does not define LINUX_VERSION_CODE"), "{error}");
}

/// The error for a directory without headers of an architecture.
const NO_UNISTD: &str =
    "has no asm/unistd.h; pass a directory of installed headers such as /usr/include/TRIPLET";

#[test]
fn directories_without_headers_are_refused() {
    let root = TempDir::new().unwrap();
    let include = root.path().join("x86_64-linux-gnu");
    headers_refused(&include, &[], "{directory}: is not a directory");
    fs::create_dir(&include).unwrap();
    headers_refused(&include, &[], &format!("{{directory}}: {NO_UNISTD}"));
    write(&include, X86);
    headers_refused(
        &include,
        &[],
        "{directory}: no linux/version.h here or above shows the kernel of these headers; pass \
         --linux-version VERSION",
    );
    write(&include, SHARED);
    headers_refused(
        &include,
        &["--arch", "arm64"],
        "{directory}: the path is of headers for x86, but --arch is arm64",
    );
    write(&include, &[("linux/version.h", "#define NOTHING 1\n")]);
    headers_refused(
        &include,
        &[],
        "{directory}/linux/version.h: does not define LINUX_VERSION_CODE; are the headers \
         complete?",
    );
    write(&include, SHARED);
    write(&include, &[("asm/unistd_64.h", "#define __NR_read x\n")]);
    headers_refused(
        &include,
        &[],
        "{directory}/asm/unistd_64.h:1: `__NR_read` has a number that cannot be evaluated",
    );
    write(
        &include,
        &[
            ("asm/unistd_64.h", "#define __NR_read 0\n"),
            ("asm/unistd_x32.h", "#define __NR_read 7\n"),
        ],
    );
    headers_refused(
        &include,
        &[],
        "{directory}/asm/unistd_x32.h:1: `__NR_read` is 7, less than what x32 adds to its numbers, \
         1073741824",
    );
    write(&include, X86);
    fs::remove_file(include.join("asm/errno.h")).unwrap();
    headers_refused(
        &include,
        &[],
        "{directory}: does not have asm/errno.h; are all headers installed?",
    );
    let other = root.path().join("include");
    write(&other, SHARED);
    write(&other, X86);
    let error = import_headers(&other, &["--arch", "x68"]).unwrap_err().to_string();
    assert!(error.starts_with("--arch: `x68` is not an architecture of a known ABI; "), "{error}");
}

const INSTALLED: &str = "which does not exist; are all headers installed?";

/// An ABI is not dropped when its header is missing but included.
#[test]
fn a_package_without_the_header_of_an_abi() {
    let root = TempDir::new().unwrap();
    let include = root.path().join("x86_64-linux-gnu");
    write(&include, SHARED);
    for (name, line) in [("asm/unistd_64.h", 7), ("asm/unistd_x32.h", 5), ("asm/unistd_32.h", 3)] {
        write(&include, X86);
        fs::remove_file(include.join(name)).unwrap();
        headers_refused(
            &include,
            &[],
            &format!("{{directory}}/asm/unistd.h:{line}: includes <{name}>, {INSTALLED}"),
        );
    }
    let include = root.path().join("mips64el-linux-gnuabi64");
    write(&include, SHARED);
    let tree = Tree::new();
    for name in ["unistd.h", "sgidefs.h", "errno.h"] {
        write(
            &include,
            &[(
                &*format!("asm/{name}"),
                &*tree.read(&format!("arch/mips/include/uapi/asm/{name}")),
            )],
        );
    }
    write(&include, &[("asm-generic/errno-base.h", "#define EPERM 1\n")]);
    for name in ["o32", "n32", "n64"] {
        write(
            &include,
            &[(&*format!("asm/unistd_{name}.h"), "#define __NR_io_setup (__NR_Linux + 241)\n")],
        );
    }
    assert_eq!(headers(&include, &[]).errnos("mips").unwrap().last().unwrap().value, 89);
    fs::remove_file(include.join("asm/unistd_n64.h")).unwrap();
    headers_refused(
        &include,
        &[],
        &format!("{{directory}}/asm/unistd.h:8: includes <asm/unistd_n64.h>, {INSTALLED}"),
    );
    // The common calls of arm's two ABIs exist, and those of one ABI do not.
    let include = root.path().join("arm-linux-gnueabihf");
    write(&include, SHARED);
    let arm = [
        (
            "asm/unistd.h",
            "#define __NR_SYSCALL_BASE 0\n#include <asm/unistd-common.h>\n#include \
             <asm/unistd-eabi.h>\n",
        ),
        ("asm/unistd-common.h", "#define __NR_exit 1\n"),
    ];
    write(&include, &arm);
    headers_refused(
        &include,
        &[],
        &format!("{{directory}}/asm/unistd.h:3: includes <asm/unistd-eabi.h>, {INSTALLED}"),
    );
}

/// The generic header does not replace the architecture's own, and half of the error numbers are
/// not accepted.
#[test]
fn a_package_without_included_headers() {
    let root = TempDir::new().unwrap();
    let include = root.path().join("x86_64-linux-gnu");
    for (name, text, line, lost) in [
        ("asm/errno.h", "#include <asm-generic/errno.h>\n", 1, "asm-generic/errno.h"),
        (
            "asm-generic/errno.h",
            "\n#include <asm-generic/errno-base.h>\n#define ENOSYS 38\n",
            2,
            "asm-generic/errno-base.h",
        ),
        (
            "linux/aio_abi.h",
            "#include <asm/byteorder.h>\n#if defined(__LITTLE_ENDIAN)\n#else\n#error edit for your \
             odd byteorder.\n#endif\n",
            1,
            "asm/byteorder.h",
        ),
    ] {
        write(&include, SHARED);
        write(&include, X86);
        let _ = fs::remove_file(include.join(lost));
        write(&include, &[(name, text)]);
        headers_refused(
            &include,
            &[],
            &format!("{{directory}}/{name}:{line}: includes <{lost}>, {INSTALLED}"),
        );
    }
}

/// The C library's own header is not part of what `make headers_install` writes.
#[test]
fn a_header_of_the_c_library_is_left_out() {
    let root = TempDir::new().unwrap();
    let include = root.path().join("x86_64-linux-gnu");
    write(&include, SHARED);
    write(&include, X86);
    let line = "#include <bits/wordsize.h>\n#define __NR_ACMEStat 416\n";
    let shown = include.display();
    let import = |more: &str, findings: &Findings| {
        write(&include, &[("asm/unistd_32.h", &format!("{line}{more}#define __NR_exit 1\n"))]);
        let source = Source::headers(&[&*include]).unwrap();
        import::headers(&source, &Claims::default(), &COMMITTED, findings)
    };
    let findings = Findings::lenient();
    let files = import("", &findings).unwrap();
    let tables = store::in_memory("{tables}", &files).unwrap();
    assert_eq!(listed(&tables, "i386"), "1 exit -\n416 ACMEStat -\n");
    let expected = format!(
        "{shown}/asm/unistd_32.h:1: includes <bits/wordsize.h>, which does not exist, and is left \
         out; if a build or a C library provides it, copy it to {shown}/bits/wordsize.h"
    );
    let found = findings.warnings();
    let found: Vec<_> = found.iter().map(|(_, error)| error.to_string()).collect();
    assert_eq!(found, [expected]);
    let more = "#if __WORDSIZE == 64\n#define __NR_acme 417\n#endif\n";
    let error = import(more, &Findings::lenient()).unwrap_err().to_string();
    let expected = "unistd_32.h:3: `__NR_acme` depends on __WORDSIZE, which is not defined, and";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn headers_are_not_for_the_repository() {
    let message = "error: --headers: headers have no entry points, which the repository's tables \
                   would lose; pass --tables DIR\n";
    let mut command = codegen();
    assert_eq!(
        run(command.args(["import", "--headers", "/usr/include"])),
        (Some(2), String::new(), message.to_owned())
    );
}
