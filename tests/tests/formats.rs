//! The importer on what is no `syscall.tbl`: headers of older kernel trees, and headers that are
//! installed.

mod common;

use aio_codegen::Tables;
use common::*;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use tempfile::TempDir;

/// Number, name and entry point of every call of an ABI, the base left out; names that only headers
/// define are in parentheses.
fn listed(tables: &Tables, abi: &str) -> String {
    let base = tables.abi(abi).unwrap().base;
    let mut lines = String::new();
    for call in calls(tables, abi) {
        let name =
            if call.tag.is_some() { call.name.to_owned() } else { format!("({})", call.name) };
        lines += &format!("{} {name} {}\n", call.number - base, call.entry.unwrap_or("-"));
    }
    lines
}

// asm-generic/unistd.h, as Linux 6.1 has it.

#[test]
fn the_generic_header_is_preprocessed_for_each_abi() {
    let tables = imported(&Tree::linux_6_1(), &[]);
    let unified = |secret| {
        format!(
            "424 pidfd_send_signal sys_pidfd_send_signal\n435 clone3 sys_clone3\n\
                   {secret}450 set_mempolicy_home_node sys_set_mempolicy_home_node\n471 rseq_slice_yield sys_rseq_slice_yield\n"
        )
    };
    let secret = unified("447 memfd_secret sys_memfd_secret\n");
    assert_eq!(
        listed(&tables, "aarch64"),
        "0 io_setup sys_io_setup\n4 io_getevents sys_io_getevents\n25 fcntl sys_fcntl\n38 renameat sys_renameat\n\
         84 sync_file_range sys_sync_file_range\n92 personality sys_arm64_personality\n220 clone sys_clone\n\
         222 mmap sys_mmap\n"
            .to_owned()
            + &secret
    );
    // The switch of the architecture, a call of its own, a name for 32 bits.
    assert_eq!(
        listed(&tables, "riscv32"),
        "0 io_setup sys_io_setup\n25 fcntl64 sys_fcntl64\n84 sync_file_range sys_sync_file_range\n\
         92 personality sys_personality\n220 clone sys_clone\n222 mmap2 sys_mmap2\n\
         259 riscv_flush_icache sys_riscv_flush_icache\n"
            .to_owned()
            + &secret
    );
    // What a C file swaps, and what the header itself does.
    assert_eq!(call(&tables, "arc", "clone"), Some((220, "sys_clone_wrapper")));
    assert_eq!(call(&tables, "arc", "mmap2"), Some((222, "sys_mmap_pgoff")));
    assert_eq!(call(&tables, "arc", "sysfs"), Some((247, "sys_sysfs")));
    assert_eq!(call(&tables, "openrisc", "or1k_atomic"), Some((244, "sys_or1k_atomic")));
    assert_eq!(call(&tables, "csky", "sync_file_range2"), Some((84, "sys_sync_file_range2")));
    assert_eq!(call(&tables, "csky", "sync_file_range"), None);
    assert_eq!(call(&tables, "hexagon", "clone3"), None);
    let table = tables.table("asm-generic").unwrap();
    assert_eq!(table.source, "include/uapi/asm-generic/unistd.h");
    assert_eq!(table.tags("loongarch32"), None, "its time had not come");
    assert!(
        table
            .rows
            .iter()
            .all(|row| row.tag == "common"
                || row.tag.split('+').all(|abi| table.tags(abi).is_some()))
    );
    // A row that all have is `common`; others name who has them.
    let tag = |name: &str| table.rows.iter().find(|row| row.name == name).unwrap().tag.clone();
    assert_eq!(
        (tag("io_setup").as_str(), tag("clone3").as_str()),
        ("common", "aarch64+riscv64+riscv32+loongarch64+openrisc+csky+arc")
    );
}

#[test]
fn aarch32_on_arm64_has_a_header_of_its_own() {
    let tables = imported(&Tree::linux_6_1(), &["arm64-compat"]);
    assert_eq!(
        listed(&tables, "arm64-compat"),
        "0 restart_syscall sys_restart_syscall\n243 io_setup compat_sys_io_setup\n\
         424 pidfd_send_signal sys_pidfd_send_signal\n435 clone3 sys_clone3\n\
         450 set_mempolicy_home_node sys_set_mempolicy_home_node\n471 rseq_slice_yield sys_rseq_slice_yield\n"
    );
}

#[test]
fn the_header_of_aarch32_on_arm64_is_not_lost() {
    let (header, table) = ("arch/arm64/include/asm/unistd32.h", "arch/arm64/tools/syscall_32.tbl");
    for (tree, path) in [
        (Tree::linux_4_19(), header),
        (Tree::linux_6_1(), header),
        (Tree::linux_6_12(), table),
        (Tree::new(), table),
    ] {
        tree.remove(path);
        refused(
            &tree,
            &format!("{{tree}}/{path}: cannot be read: No such file or directory (os error 2)"),
        );
        // A table that is not asked for is no reason to stop.
        assert_eq!(import(tree.path(), stale().path(), &["s390"]).0, Some(0));
        if path == header {
            tree.write(path, "");
            refused(
                &tree,
                &format!("{{tree}}/{path}: defines no system call; is the tree complete?"),
            );
        }
    }
}

#[test]
fn a_word_has_a_width() {
    let path = "include/uapi/asm-generic/bitsperlong.h";
    for tree in [Tree::linux_6_1(), Tree::linux_4_19()] {
        tree.write(path, "");
        refused(&tree, &format!("{{tree}}/{path}: is empty; is the tree complete?"));
        tree.write(path, "#define BITS_PER_LONG 64\n");
        refused(
            &tree,
            &format!("{{tree}}/{path}: defines no __BITS_PER_LONG; is the tree complete?"),
        );
    }
}

#[test]
fn a_generic_header_that_is_damaged_is_refused() {
    let generic = "include/uapi/asm-generic/unistd.h";
    let tree = Tree::linux_6_1();
    tree.edit(generic, "#define __NR_clone 220\n", "#define __NR_clone 220 +\n");
    let (_, _, stderr) = import(tree.path(), stale().path(), &[]);
    assert!(
        stderr.contains("`__SYSCALL(__NR_clone, sys_clone)` has no number that can be worked out"),
        "{stderr}"
    );
    let tree = Tree::linux_6_1();
    tree.edit(generic, "sys_clone)\n", "sys-clone)\n");
    let (_, _, stderr) = import(tree.path(), stale().path(), &[]);
    assert!(stderr.contains("`__SYSCALL(__NR_clone, sys-clone)` names no entry point"), "{stderr}");
    let tree = Tree::linux_6_1();
    let line =
        tree.edit(generic, "#define __NR_clone 220\n", "<<<<<<< HEAD\n#define __NR_clone 220\n");
    refused(
        &tree,
        &format!("{{tree}}/{generic}:{line}: a merge conflict marker; resolve the conflict first"),
    );
    let tree = Tree::linux_6_1();
    tree.edit(
        generic,
        "#define __NR_pidfd_send_signal 424\n__SYSCALL(__NR_pidfd_send_signal, sys_pidfd_send_signal)\n",
        "",
    );
    let (_, _, stderr) = import(tree.path(), stale().path(), &[]);
    assert!(stderr.contains("aarch64 lacks pidfd_send_signal"), "{stderr}");
    let tree = Tree::linux_6_1();
    tree.write("arch/nios2/include/uapi/asm/unistd.h", "#include <asm/nothing.h>\n");
    let sentence = "includes <asm/nothing.h>, which is not there; is the tree complete?";
    refused(&tree, &format!("{{tree}}/arch/nios2/include/uapi/asm/unistd.h:1: {sentence}"));
    tree.write("arch/nios2/include/uapi/asm/unistd.h", "\n");
    let sentence = "defines no system call; is the tree complete?";
    refused(&tree, &format!("{{tree}}/arch/nios2/include/uapi/asm/unistd.h: {sentence}"));
}

// Plain #defines, as Linux 4.19 has them.

#[test]
fn plain_defines_are_preprocessed_for_each_abi() {
    let tables = imported(&Tree::linux_4_19(), &[]);
    for (abi, expected) in [
        ("mips-o32", "0 syscall -\n241 io_setup -\n"),
        ("mips-n32", "200 io_setup -\n"),
        ("mips-n64", "200 io_setup -\n"),
        ("sparc32", "1 exit -\n53 getgid32 -\n268 io_setup -\n"),
        ("sparc64", "1 exit -\n268 io_setup -\n"),
        ("powerpc32", "1 exit -\n204 fcntl64 -\n227 io_setup -\n"),
        ("powerpc64", "1 exit -\n227 io_setup -\n"),
        ("powerpc-spu", ""),
        // Another system's names are none of Linux.
        ("parisc32", "1 exit -\n215 io_setup -\n"),
        (
            "alpha",
            "0 osf_syscall -\n22 umount2 -\n209 shmat -\n321 umount -\n398 io_setup -\n209 (osf_shmat) -\n",
        ),
        // The base stands in the numbers.
        ("ia64", "0 ni_syscall -\n214 io_setup -\n"),
        // A comment defines nothing, and what is below 0 is no call.
        ("m68k", "241 io_setup -\n"),
        ("microblaze", "245 io_setup -\n"),
        ("sh", "245 io_setup -\n"),
        // __SYSCALL with three arguments.
        ("xtensa", "0 spill sys_ni_syscall\n239 io_setup sys_io_setup\n"),
    ] {
        assert_eq!(listed(&tables, abi), expected, "{abi}");
    }
    // These three had tables; lines may end as on another system, and numbers may be hexadecimal.
    assert_eq!(
        listed(&tables, "x86_64"),
        "0 read sys_read\n56 clone sys_clone\n134 uselib -\n206 io_setup sys_io_setup\n"
    );
    assert_eq!(calls(&tables, "x32").last().unwrap().name, "uselib_too");
    assert_eq!(call(&tables, "arm", "io_setup"), Some((243, "sys_io_setup")));
    assert_eq!(call(&tables, "s390", "time"), Some((13, "-")));
    assert_eq!(tables.table("arm").unwrap().tags("arm-oabi").unwrap(), ["common", "oabi"]);
}

#[test]
fn x86_had_another_folder() {
    let tree = Tree::linux_4_19();
    tree.write("Makefile", "VERSION = 3\nPATCHLEVEL = 9\nSUBLEVEL = 0\nEXTRAVERSION =\n");
    fs::rename(tree.path().join("arch/x86/entry/syscalls"), tree.path().join("arch/x86/syscalls"))
        .unwrap();
    // Linux 3.9 had no RWF_ and kept the ring's constants elsewhere.
    tree.write("include/uapi/linux/fs.h", "#define BLKROSET 1\n");
    tree.write(
        "fs/aio.c",
        "SYSCALL_DEFINE2(io_setup, unsigned, nr_events, aio_context_t __user *, ctxp)\n{\n}\n",
    );
    let tables = imported(&tree, &[]);
    let table = tables.table("x86_64").unwrap();
    assert_eq!(
        (table.source.as_str(), table.linux.as_str()),
        ("arch/x86/syscalls/syscall_64.tbl", "3.9.0")
    );
    assert_eq!(call(&tables, "x32", "execve"), Some((0x4000_0000 + 520, "compat_sys_execve")));
}

#[test]
fn a_table_that_the_tree_cannot_have() {
    refused_only(
        &{
            let tree = Tree::new();
            tree.remove("arch/xtensa");
            tree
        },
        &["xtensa"],
        "{tree}: is Linux 7.2.13, which has no ABI of the table xtensa",
    );
}

// Installed headers.

/// Headers of 64-bit and 32-bit x86 as packages have them.
const X86: &[(&str, &str)] = &[
    (
        "asm/unistd.h",
        "#define __X32_SYSCALL_BIT\t0x40000000\n# ifdef __i386__\n#  include <asm/unistd_32.h>\n\
         # elif defined(__ILP32__)\n#  include <asm/unistd_x32.h>\n# else\n#  include <asm/unistd_64.h>\n# endif\n",
    ),
    (
        "asm/unistd_64.h",
        "#define __NR_read 0\n#define __NR_io_setup 206\n#ifdef __KERNEL__\n#define __NR_syscalls 451\n#endif\n",
    ),
    (
        "asm/unistd_x32.h",
        "#define __NR_read (__X32_SYSCALL_BIT + 0)\n#define __NR_io_setup (__X32_SYSCALL_BIT + 543)\n",
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
         #define __NR_io_setup 0\n__SYSCALL(__NR_io_setup, sys_io_setup)\n#define __NR3264_mmap 222\n\
         #if __BITS_PER_LONG == 64\n#define __NR_mmap __NR3264_mmap\n#else\n#define __NR_mmap2 __NR3264_mmap\n#endif\n",
    ),
    ("linux/version.h", "#define LINUX_VERSION_CODE 393659\n"),
    ("linux/aio_abi.h", "enum {\n\tIOCB_CMD_PREAD = 0,\n};\n#define IOCB_FLAG_RESFD (1 << 0)\n"),
    ("linux/fs.h", "#define RWF_HIPRI ((__kernel_rwf_t)0x00000001)\n"),
];

const ARM64: &[(&str, &str)] = &[
    ("asm/unistd.h", "#include <asm-generic/unistd.h>\n"),
    ("asm/bitsperlong.h", "#define __BITS_PER_LONG 64\n"),
    ("asm/errno.h", "#include <asm-generic/errno.h>\n"),
];

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// `import --headers FOLDER --tables NEW …`.
fn import_headers(folder: &Path, new: &Path, more: &[&str]) -> (Option<i32>, String) {
    let mut command = codegen();
    command.arg("import").arg("--headers").arg(folder).arg("--tables").arg(new).args(more);
    let (status, stdout, stderr) = run(&mut command);
    assert_eq!(stdout, "");
    (status, stderr)
}

#[track_caller]
fn headers(folder: &Path, more: &[&str]) -> Tables {
    let new = TempDir::new().unwrap();
    let (status, stderr) = import_headers(folder, new.path(), more);
    assert_eq!(status, Some(0), "{stderr}");
    tables(new.path())
}

#[track_caller]
fn headers_refused(folder: &Path, more: &[&str], sentence: &str) {
    let new = TempDir::new().unwrap();
    let sentence = sentence.replace("{folder}", folder.to_str().unwrap()) + "\n";
    assert_eq!(import_headers(folder, new.path(), more), (Some(2), sentence));
    assert!(contents(new.path()).is_empty());
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
    assert_eq!(tables.constants().unwrap().len(), 2);
    assert!(!tables.has_table("asm-generic"));
    // A package without x32 is one without x32, if it does not ask for its header.
    let triplet = include.join("x86_64-linux-gnu");
    fs::remove_file(triplet.join("asm/unistd_x32.h")).unwrap();
    let unistd = fs::read_to_string(triplet.join("asm/unistd.h")).unwrap();
    let without = unistd.replace("# elif defined(__ILP32__)\n#  include <asm/unistd_x32.h>\n", "");
    fs::write(triplet.join("asm/unistd.h"), without).unwrap();
    let tables = headers(&include.join("x86_64-linux-gnu"), &[]);
    assert_eq!(tables.table("x86_64").unwrap().tags("x32"), None);
    // Newer headers say the version in three parts, since the last has outgrown its eight bits.
    let parts = "#define LINUX_VERSION_CODE 1\n#define LINUX_VERSION_MAJOR 6\n#define LINUX_VERSION_PATCHLEVEL 1\n\
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
    // A link to the folder, whose own name tells nothing.
    let linked = include.join("elsewhere");
    fs::create_dir(&linked).unwrap();
    symlink("../../lib/linux/uapi/arm64/asm", linked.join("asm")).unwrap();
    for folder in [uapi.join("arm64"), include.join("aarch64-linux-gnu"), linked] {
        let tables = headers(&folder, &[]);
        assert_eq!(
            listed(&tables, "aarch64"),
            "0 io_setup -\n222 mmap -\n",
            "{}",
            folder.display()
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
    for folder in [&include, &root.path().join("usr/riscv64-linux-gnu")] {
        let tables = headers(folder, &[]);
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
        "{folder}: its path does not say for which architecture these headers are; add --arch ARCH",
    );
    let tables = headers(&include, &["--arch", "x86"]);
    assert_eq!(listed(&tables, "x32"), "0 read -\n543 io_setup -\n");
}

/// Linux 7.2 has no 31-bit s390, and gives whoever asks for it the header of 64 bits.
#[test]
fn an_abi_without_a_header_of_its_own_is_not_there() {
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
    // A 32-bit loongarch is not what every old header means that can be read as one.
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
             #if defined(__thumb__) || defined(__ARM_EABI__)\n#define __NR_SYSCALL_BASE 0\n#include <asm/unistd-eabi.h>\n\
             #else\n#define __NR_SYSCALL_BASE __NR_OABI_SYSCALL_BASE\n#include <asm/unistd-oabi.h>\n#endif\n\
             #define __NR_sync_file_range2 __NR_arm_sync_file_range\n\
             #define __ARM_NR_BASE (__NR_SYSCALL_BASE+0x0f0000)\n#define __ARM_NR_cacheflush (__ARM_NR_BASE+2)\n",
        ),
        ("asm/unistd-eabi.h", "#define __NR_arm_sync_file_range (__NR_SYSCALL_BASE + 341)\n"),
        (
            "asm/unistd-oabi.h",
            "#define __NR_time (__NR_SYSCALL_BASE + 13)\n#define __NR_arm_sync_file_range (__NR_SYSCALL_BASE + 341)\n",
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

#[test]
fn what_is_no_folder_of_headers() {
    let root = TempDir::new().unwrap();
    let include = root.path().join("x86_64-linux-gnu");
    headers_refused(&include, &[], "{folder}: is no folder");
    fs::create_dir(&include).unwrap();
    let ends =
        "holds no asm/unistd.h; give a folder of installed headers, as /usr/include/TRIPLET is";
    headers_refused(&include, &[], &format!("{{folder}}: {ends}"));
    write(&include, X86);
    headers_refused(
        &include,
        &[],
        "{folder}: there is no linux/version.h at or above it to say which kernel these headers are of",
    );
    write(&include, SHARED);
    headers_refused(
        &include,
        &["--arch", "arm64"],
        "{folder}: its path says that these are headers of x86, and --arch says arm64",
    );
    write(&include, &[("linux/version.h", "#define NOTHING 1\n")]);
    headers_refused(
        &include,
        &[],
        "{folder}/linux/version.h: defines no LINUX_VERSION_CODE; are the headers complete?",
    );
    write(&include, SHARED);
    write(&include, &[("asm/unistd_64.h", "#define __NR_read x\n")]);
    headers_refused(
        &include,
        &[],
        "{folder}/asm/unistd_64.h:1: `__NR_read` has no number that can be worked out",
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
        "{folder}/asm/unistd_x32.h:1: `__NR_read` is 7, less than what x32 adds to its numbers, 1073741824",
    );
    write(&include, X86);
    fs::remove_file(include.join("asm/errno.h")).unwrap();
    headers_refused(
        &include,
        &[],
        "{folder}: holds no asm/errno.h; are all of the headers installed?",
    );
    let other = root.path().join("include");
    write(&other, SHARED);
    write(&other, X86);
    let (status, stderr) = import_headers(&other, root.path(), &["--arch", "x68"]);
    assert!(
        status == Some(2) && stderr.starts_with("--arch: `x68` is no folder of the kernel's arch/"),
        "{stderr}"
    );
}

const INSTALLED: &str = "which is not there; are all of the headers installed?";

/// No ABI goes with its header, where the package asks for it.
#[test]
fn a_package_that_lacks_the_header_of_an_abi() {
    let root = TempDir::new().unwrap();
    let include = root.path().join("x86_64-linux-gnu");
    write(&include, SHARED);
    for (name, line) in [("asm/unistd_64.h", 7), ("asm/unistd_x32.h", 5), ("asm/unistd_32.h", 3)] {
        write(&include, X86);
        fs::remove_file(include.join(name)).unwrap();
        headers_refused(
            &include,
            &[],
            &format!("{{folder}}/asm/unistd.h:{line}: includes <{name}>, {INSTALLED}"),
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
        &format!("{{folder}}/asm/unistd.h:8: includes <asm/unistd_n64.h>, {INSTALLED}"),
    );
    // What arm's two ABIs share is there, and what is the one's alone is not.
    let include = root.path().join("arm-linux-gnueabihf");
    write(&include, SHARED);
    let arm = [
        (
            "asm/unistd.h",
            "#define __NR_SYSCALL_BASE 0\n#include <asm/unistd-common.h>\n#include <asm/unistd-eabi.h>\n",
        ),
        ("asm/unistd-common.h", "#define __NR_exit 1\n"),
    ];
    write(&include, &arm);
    headers_refused(
        &include,
        &[],
        &format!("{{folder}}/asm/unistd.h:3: includes <asm/unistd-eabi.h>, {INSTALLED}"),
    );
}

/// The generic header is not the architecture's own, and half of the error numbers are not all.
#[test]
fn a_package_that_lacks_what_its_headers_include() {
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
            "#include <asm/byteorder.h>\n#if defined(__LITTLE_ENDIAN)\n#else\n#error edit for your odd byteorder.\n#endif\n",
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
            &format!("{{folder}}/{name}:{line}: includes <{lost}>, {INSTALLED}"),
        );
    }
}

#[test]
fn headers_are_not_for_the_repository() {
    let sentence = "--headers: headers know no entry points, which the repository's tables would lose; add --tables DIR\n";
    let mut command = codegen();
    assert_eq!(
        run(command.args(["import", "--headers", "/usr/include"])),
        (Some(2), String::new(), sentence.to_owned())
    );
}

// The repository's own tables.

#[test]
fn an_abi_that_leaves_the_kernel_is_not_lost() {
    let repository = repository();
    fs::write(repository.path().join("README.md"), README).unwrap();
    let import = |tree: &Tree| {
        let mut command = codegen();
        command.env("CARGO_MANIFEST_DIR", repository.path().join("codegen"));
        run(command.arg("import").arg("--linux").arg(tree.path()))
    };
    let tree = Tree::new();
    assert_eq!(import(&tree).0, Some(0));
    let before = contents(&repository.path().join("tables/linux"));
    tree.edit("arch/x86/entry/syscalls/Makefile", "$(uapi)/unistd_x32.h: abis := common,x32\n", "");
    tree.edit(
        X86_64,
        "512\tx32\trt_sigaction\t\tcompat_sys_rt_sigaction\n543\tx32\tio_setup\t\tcompat_sys_io_setup\n",
        "",
    );
    tree.edit(HEADER_X86, "#elif defined(__ILP32__)\n#include <asm/unistd_x32.h>\n", "");
    tree.edit("Makefile", "PATCHLEVEL = 2", "PATCHLEVEL = 3");
    let sentence = "error: tables/linux/x86_64.toml: Linux 7.3.13 has no x32 any more, and the table is from 7.2.13; if it has left the \
                    kernel, give it a [[table]] of its own in abis.toml with frozen = \"7.2\", and import that from a tree \
                    of this series\n";
    assert_eq!(import(&tree), (Some(2), String::new(), sentence.to_owned()));
    assert!(contents(&repository.path().join("tables/linux")) == before);
    // Nor is a whole table, which a part of a tree does not have.
    let part = Tree::new();
    fs::remove_dir_all(part.path().join("arch/sh")).unwrap();
    let sentence = format!(
        "{}: has no arch/sh/kernel/syscalls/syscall.tbl, and the repository has tables/linux/sh.toml; is all of the tree there? If \
         it has left the kernel, give the [[table]] in abis.toml the last series that had it, frozen = \"…\"\n",
        part.path().display()
    );
    assert_eq!(import(&part), (Some(2), String::new(), sentence));
    assert!(contents(&repository.path().join("tables/linux")) == before);
    // In another folder there is nothing to lose.
    let tables = imported(&tree, &[]);
    assert_eq!(tables.table("x86_64").unwrap().tags("x32"), None);
    assert!(calls(&tables, "x32").is_empty());
}
