//! Trees that contradict `abis.toml`.

use super::*;

#[test]
fn a_directory_that_is_not_a_kernel_tree() {
    let directory = TempDir::new().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("file"), "").unwrap();
    for (path, makefile, why) in [
        ("missing", None, "it is not a directory"),
        ("file", None, "it is not a directory"),
        ("empty", None, "it has no Makefile"),
        ("other", Some("all:\n\tcc x.c\n"), NO_VERSION),
        ("half", Some("VERSION = 7\nPATCHLEVEL = 2\n"), NO_VERSION),
        ("blank", Some("VERSION =\nPATCHLEVEL = 2\nSUBLEVEL = 13\n"), NO_VERSION),
        ("words", Some("VERSION = $(shell date)\nPATCHLEVEL = 2\nSUBLEVEL = 13\n"), NO_VERSION),
        ("nul", Some("\0\0\0"), NO_VERSION),
    ] {
        if path != "file" && path != "missing" {
            fs::create_dir(at(path)).unwrap();
        }
        if let Some(text) = makefile {
            fs::write(at(path).join("Makefile"), text).unwrap();
        }
        let (old, tables) = (stale(), at("tables"));
        let before = contents(old.path());
        let ends = "pass the directory with the kernel's Makefile";
        let message =
            format!("error: {}: is not a kernel source tree: {why}; {ends}\n", at(path).display());
        for to in [old.path(), &tables] {
            assert_eq!(import(&at(path), to, &[]), (Some(2), String::new(), message.clone()));
        }
        assert!(contents(old.path()) == before && !tables.exists(), "{path}");
    }
    // A vendor's Makefile may start differently, and a directory without a table is not a kernel.
    fs::write(
        at("empty").join("Makefile"),
        "ifeq ($(X),)\nendif\n".repeat(20) + "VERSION = 7\nPATCHLEVEL = 2\nSUBLEVEL = 13\n",
    )
    .unwrap();
    let message = format!(
        "error: {}: is Linux 7.2.13, but has no table of system calls; pass the top directory of a \
         kernel tree\n",
        at("empty").display()
    );
    assert_eq!(import(&at("empty"), &at("tables"), &[]), (Some(2), String::new(), message));
}

const NO_VERSION: &str = "its Makefile has no VERSION, PATCHLEVEL and SUBLEVEL";

#[test]
fn a_release_candidate_is_named() {
    let mut tree = Tree::new();
    tree.edit("Makefile", "EXTRAVERSION =", "EXTRAVERSION = -rc4");
    assert_eq!(imported(&tree, &["sh"]).table("sh").unwrap().linux.as_str(), "7.2.13-rc4");
}

#[test]
fn makefiles_assign_rows_to_abis() {
    let tags = |tree: &Tree, table: &str, abi: &str| -> Option<String> {
        imported(tree, &[table]).table(table).unwrap().tags(abi).map(|tags| tags.join(","))
    };
    let mut tree = Tree::new();
    assert_eq!(tags(&tree, "x86_64", "x32").as_deref(), Some("common,x32"));
    assert_eq!(tags(&tree, "arm", "arm").as_deref(), Some("common,eabi"));
    assert_eq!(tags(&tree, "powerpc", "powerpc-spu").as_deref(), Some("common,spu"));
    assert_eq!(tags(&tree, "mips-o32", "mips-o32").as_deref(), Some(""));
    // The tags of the shared table are in two makefiles.
    let path = "arch/riscv/kernel/Makefile.syscalls";
    assert_eq!(
        tags(&tree, "asm-generic", "riscv64").as_deref(),
        Some("common,64,riscv,rlimit,memfd_secret")
    );
    tree.edit(path, "riscv rlimit", "riscv");
    let tables = imported(&tree, &["asm-generic"]);
    assert_eq!(
        (call(&tables, "riscv64", "getrlimit"), call(&tables, "riscv64", "memfd_secret").is_some()),
        (None, true)
    );
    tree.remove(path);
    refused(
        &tree,
        &format!(
            "{{tree}}/{path}: cannot be read: No such file or directory (os error 2); riscv64 is \
             left out"
        ),
    );
    // An ABI whose header is not generated does not exist.
    let mut tree = Tree::new();
    let kbuild = "arch/riscv/include/uapi/asm/Kbuild";
    tree.edit(kbuild, "syscall-y += unistd_32.h\n", "");
    let gives =
        format!("does not generate unistd_32.h, for which {path} sets tags; is the tree complete?");
    refused(&tree, &format!("{{tree}}/{kbuild}: {gives}; riscv32 is left out"));
    tree.edit(path, "syscall_abis_32 += riscv memfd_secret\n", "");
    let asked = format!(
        "does not generate unistd_32.h from {GENERIC}, which arch/riscv/include/uapi/asm/unistd.h \
         includes for riscv32; is it cut off?"
    );
    refused(&tree, &format!("{{tree}}/scripts/Makefile.asm-headers: {asked}"));
    tree.write("arch/riscv/include/uapi/asm/unistd.h", "#include <asm/unistd_64.h>\n");
    assert_eq!(tags(&tree, "asm-generic", "riscv32"), None);
    // Files that are cut off.
    let complete = "is the tree complete?";
    tree.edit(path, "syscall_abis_64 += riscv rlimit memfd_secret\n", "");
    let what = "does not add to syscall_abis_64, from which unistd_64.h is generated";
    refused(&tree, &format!("{{tree}}/{path}: {what}; {complete}; riscv64 is left out"));
    tree.write("scripts/Makefile.asm-headers", "syscall_abis_32 += common,32\n");
    refused(
        &tree,
        &format!(
            "{{tree}}/scripts/Makefile.asm-headers: does not add to syscall_abis_64; {complete}; \
             aarch64 is left out"
        ),
    );
}

/// Rows that a damaged makefile assigns to no ABI are found in the table.
#[test]
fn every_row_belongs_to_an_abi() {
    let ends = "; if this is a new ABI, add it to abis.toml";
    let mut tree = Tree::new();
    tree.edit("arch/x86/entry/syscalls/Makefile", "$(uapi)/unistd_x32.h: abis := common,x32\n", "");
    let line = 1 + tree.read(X86_64).lines().take_while(|line| !line.contains("x32")).count();
    refused(
        &tree,
        &format!("{{tree}}/{X86_64}:{line}: unknown tag `x32`; expected one of 64, common{ends}"),
    );
    let mut tree = Tree::new();
    tree.edit("arch/arm/tools/Makefile", "common,$*", "$*");
    let arm = "arch/arm/tools/syscall.tbl";
    refused(
        &tree,
        &format!("{{tree}}/{arm}:2: unknown tag `common`; expected one of eabi, oabi{ends}"),
    );
    let mut tree = Tree::new();
    let mips = "arch/mips/kernel/syscalls/Makefile";
    tree.edit(mips, "--offset __NR_Linux", "--abis n64");
    refused(&tree, &format!("{{tree}}/{MIPS_O32}:2: unknown tag `o32`; expected one of n64{ends}"));
    let mut tree = Tree::new();
    tree.write(mips, "all:\n");
    refused(
        &tree,
        &format!("{{tree}}/{mips}: does not generate unistd_o32.h from {MIPS_O32}; is it damaged?"),
    );
}

/// Without tags, each of two ABIs would get the other's rows.
#[test]
fn a_truncated_makefile_assigns_no_rows() {
    let mut tree = Tree::new();
    let (arm, parisc) = ("arch/arm/tools/Makefile", "arch/parisc/kernel/syscalls/Makefile");
    tree.edit(arm, "cmd = sh $(syshdr) --abis common,$* $< $@\n", "");
    let alone = "which shares arch/arm/tools/syscall.tbl; is it cut off?";
    refused(&tree, &format!("{{tree}}/{arm}: does not set the tags of unistd-eabi.h, {alone}"));
    let mut tree = Tree::new();
    tree.edit(parisc, "$(uapi)/unistd_64.h: abis := common,64\n", "");
    let asked = "which arch/parisc/include/uapi/asm/unistd.h includes for parisc64; is it cut off?";
    let table = "arch/parisc/kernel/syscalls/syscall.tbl";
    refused(
        &tree,
        &format!("{{tree}}/{parisc}: does not generate unistd_64.h from {table}, {asked}"),
    );
}

#[test]
fn headers_include_what_the_kernel_generates() {
    let mut tree = Tree::new();
    tree.edit(HEADER_X86, "unistd_x32.h", "unistd_32.h");
    let ends = "does not include <asm/unistd_x32.h> for x32; correct `header` or `predefined` in \
                tables/abis.toml";
    refused(&tree, &format!("{{tree}}/{HEADER_X86}: {ends}"));
    tree.remove(HEADER_X86);
    refused(
        &tree,
        &format!("{{tree}}/{HEADER_X86}: cannot be read: No such file or directory (os error 2)"),
    );
}

#[test]
fn headers_add_the_base_of_abis_toml() {
    let mut tree = Tree::new();
    let line = "#define __X32_SYSCALL_BIT 0x40000000\n";
    tree.edit(HEADER_X86, line, "#define __X32_SYSCALL_BIT 0x20000000\n");
    let message =
        "defines the base of x32 as 0x20000000, but abis.toml has 0x40000000; correct `base` there";
    refused(&tree, &format!("{{tree}}/{HEADER_X86}: {message}"));
    tree.edit(HEADER_X86, "#define __X32_SYSCALL_BIT 0x20000000\n", "");
    let message = "does not define __X32_SYSCALL_BIT; correct `base_macro` in tables/abis.toml";
    refused(&tree, &format!("{{tree}}/{HEADER_X86}: {message}"));
}

#[test]
fn names_in_headers_have_numbers() {
    let mut tree = Tree::new();
    let path = "arch/arm/include/uapi/asm/unistd.h";
    let line = tree.append(path, "#define __NR_gone __NR_nowhere\n");
    refused(
        &tree,
        &format!("{{tree}}/{path}:{line}: `__NR_gone` has a number that cannot be evaluated"),
    );
}

#[test]
fn headers_are_whole() {
    for path in [
        HEADER_X86,
        "arch/mips/include/uapi/asm/errno.h",
        "include/uapi/linux/aio_abi.h",
        "fs/aio.c",
    ] {
        let mut tree = Tree::new();
        let line = tree.append(path, "#ifdef A\n");
        let error = mistake(&tree, &[]);
        // fs/aio.c is read for its system calls, too, and that reader names only the file.
        let place = if path == "fs/aio.c" { String::new() } else { format!(":{line}") };
        assert!(error.starts_with(&format!("{{tree}}/{path}{place}: ")), "{error}");
        assert!(error.contains("#endif") && error.lines().count() == 1, "{error}");
    }
}

#[test]
fn headers_define_the_expected_constants() {
    for (path, message) in [
        ("include/uapi/linux/aio_abi.h", "does not define IOCB_CMD_; is the tree complete?"),
        ("include/uapi/linux/fs.h", "does not define RWF_; is the tree complete?"),
        ("arch/mips/include/uapi/asm/errno.h", "defines no error number; is the tree complete?"),
        ("arch/mips/include/uapi/asm/fcntl.h", "does not define O_NONBLOCK; is the tree complete?"),
        ("include/uapi/linux/mman.h", "does not define MAP_PRIVATE; is the tree complete?"),
        (
            "include/uapi/linux/audit.h",
            "does not define AUDIT_ARCH_ or __AUDIT_ARCH_LE; is the tree complete?",
        ),
        ("include/uapi/linux/net.h", "does not define SYS_; is the tree complete?"),
        ("include/uapi/linux/ipc.h", "does not define SEM or MSG or SHM; is the tree complete?"),
        ("include/uapi/linux/stat.h", "does not define STATX_DIOALIGN; is the tree complete?"),
    ] {
        let mut tree = Tree::new();
        tree.write(path, "#define SOMETHING 1\n");
        refused(&tree, &format!("{{tree}}/{path}: {message}"));
    }
    let mut tree = Tree::new();
    tree.edit(
        "fs/aio.c",
        "#define AIO_RING_MAGIC 0xa10a10a1\n#define AIO_RING_COMPAT_FEATURES 1\n#define \
         AIO_RING_INCOMPAT_FEATURES 0\n",
        "",
    );
    refused(
        &tree,
        "{tree}/fs/aio.c: does not define AIO_RING_MAGIC or AIO_RING_COMPAT_ or \
         AIO_RING_INCOMPAT_; is the tree complete?",
    );
}

/// Its values may depend on the headers that it includes.
#[test]
fn architectures_that_share_a_header_may_differ() {
    let mut tree = Tree::new();
    let value = "#include <asm/fcntl.h>\n#define BLKSSZGET O_NONBLOCK\n";
    tree.edit("include/uapi/linux/fs.h", "#define BLKSSZGET 0x1268\n", value);
    let tables = imported(&tree, &[]);
    let constants = tables.constants().unwrap().iter();
    let sets = constants.filter(|set| set.constants.iter().any(|one| one.name == "BLKSSZGET"));
    let of = |arch: &str| {
        let mut own = sets.clone().filter(|set| set.archs.iter().any(|own| own == arch));
        let found = own.next().unwrap();
        assert!(own.next().is_none(), "{arch} has two");
        found.constants[0].value
    };
    assert_eq!((of("x86"), of("mips"), of("arm64")), (0o4000, 0x80, 0o4000));
}

#[test]
fn definitions_are_whole() {
    let mut tree = Tree::new();
    let line = tree.append("kernel/sys.c", "SYSCALL_DEFINE2(half, int, fd,\n");
    refused(
        &tree,
        &format!(
            "{{tree}}/kernel/sys.c:{line}: the parentheses of `SYSCALL_DEFINE2` do not close; \
             repair them"
        ),
    );
}

/// Unusual characters in a tree are kept, and the tables can be read.
#[test]
fn strange_letters_are_kept() {
    let mut tree = Tree::new();
    tree.edit("Makefile", "EXTRAVERSION =", "EXTRAVERSION = \"\u{1}");
    tree.edit("include/uapi/asm-generic/errno-base.h", "Try again", "Try\u{7}\0\u{200b}\"again\\");
    let odd = "#ifndef A\u{7f}\\B\nSYSCALL_DEFINE1(exit, int\u{1}, error_code)\n#endif\n";
    tree.edit("kernel/sys.c", "SYSCALL_DEFINE1(exit, int, error_code)\n", odd);
    let tables = imported(&tree, &[]);
    assert_eq!(tables.table("sh").unwrap().linux.as_str(), "7.2.13\"\u{1}");
    let errnos = tables.errnos("x86").unwrap();
    assert_eq!(
        errnos.iter().find(|errno| errno.name == "EAGAIN").unwrap().text,
        "Try\u{7}\0\u{200b}\"again\\"
    );
    let prototypes = tables.prototypes().unwrap();
    let exit = prototypes.iter().find(|prototype| prototype.entry == "sys_exit").unwrap();
    assert_eq!(exit.args[0].0, "int \u{1}");
    assert!(exit.condition.as_ref().unwrap().contains('\u{7f}'));
}
