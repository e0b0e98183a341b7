//! A kernel tree in miniature: every file that the importer reads, with a few rows each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// The tree. It goes with its value.
pub struct Tree(TempDir);

impl Tree {
    /// Linux 7.2.13.
    pub fn new() -> Tree {
        let tree = Tree(TempDir::new().unwrap());
        tree.put("Makefile", "# A kernel.\nVERSION = 7\nPATCHLEVEL = 2\nSUBLEVEL = 13\nEXTRAVERSION =\nNAME = Mini\n");
        for (path, text) in FILES {
            tree.put(path, text);
        }
        for arch in ["m68k", "sh", "microblaze", "xtensa", "nios2", "openrisc", "arc"] {
            tree.put(
                &format!("arch/{arch}/include/uapi/asm/unistd.h"),
                "#include <asm/unistd_32.h>\n",
            );
        }
        for (arch, enosys) in [("alpha", 78), ("parisc", 251), ("powerpc", 38), ("sparc", 90)] {
            let errno = format!(
                "#include <asm-generic/errno-base.h>\n#define ENOSYS {enosys} /* Not implemented */\n"
            );
            tree.put(&format!("arch/{arch}/include/uapi/asm/errno.h"), errno);
        }
        for (header, archs) in [
            ("fcntl.h", "alpha arm arm64 m68k parisc powerpc sparc"),
            ("mman.h", "alpha arm arm64 mips parisc powerpc sparc x86 xtensa"),
            ("poll.h", "m68k mips xtensa"),
        ] {
            for arch in archs.split(' ') {
                let own = format!("#include <asm-generic/{header}>\n");
                tree.write(&format!("arch/{arch}/include/uapi/asm/{header}"), own);
            }
        }
        for arch in ["alpha", "m68k", "sh", "microblaze", "xtensa"] {
            let made = "cmd = sh $(syshdr) --emit-nr $< $@\nuapisyshdr-y += unistd_32.h\n";
            tree.put(&format!("arch/{arch}/kernel/syscalls/Makefile"), made);
        }
        for (arch, headers) in [
            ("arc", "unistd_32.h"),
            ("arm64", "unistd_64.h"),
            ("csky", "unistd_32.h"),
            ("hexagon", "unistd_32.h"),
            ("loongarch", "unistd_32.h unistd_64.h"),
            ("nios2", "unistd_32.h"),
            ("openrisc", "unistd_32.h"),
            ("riscv", "unistd_32.h unistd_64.h"),
        ] {
            let made: String =
                headers.split(' ').map(|header| format!("syscall-y += {header}\n")).collect();
            tree.put(&format!("arch/{arch}/include/uapi/asm/Kbuild"), made);
        }
        for (path, head, tag, own, tail) in TABLES {
            let numbered = UNIFIED
                .iter()
                .map(|(nr, name)| (nr + if path.contains("alpha") { 110 } else { 0 }, name));
            let lacks = |name| own.iter().any(|own| own.strip_prefix('-') == Some(name));
            let mut rows: Vec<(u32, String)> = numbered
                .filter(|(_, name)| !lacks(name))
                .map(|(nr, name)| (nr, format!("{nr}\t{tag}\t{name}\tsys_{name}\n")))
                .collect();
            if let Some(tag) = own.iter().find_map(|own| own.strip_prefix('+')) {
                rows.push((447, format!("447\t{tag}\tmemfd_secret\tsys_memfd_secret\n")));
            }
            rows.sort();
            let rows: String = rows.into_iter().map(|(_, row)| row).collect();
            tree.put(path, format!("# number, tag, name, entry\n{head}{rows}{tail}"));
        }
        for (archs, text) in KCONFIGS {
            archs.split(' ').for_each(|arch| tree.put(&format!("arch/{arch}/Kconfig"), text));
        }
        tree.define();
        tree
    }

    /// Linux 6.1, the last with ia64. Eight architectures have their numbers in headers, and so has
    /// AArch32 on arm64.
    pub fn linux_6_1() -> Tree {
        let tree = Tree::linux_6_12();
        tree.put("Makefile", "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 176\nEXTRAVERSION =\n");
        for path in [GENERIC, "scripts/Makefile.asm-headers", "arch/arm64/tools/syscall_32.tbl"] {
            tree.remove(path);
        }
        for (path, text) in OLDER {
            tree.put(path, text);
        }
        for arch in ["arc", "arm64", "csky", "hexagon", "loongarch", "nios2", "openrisc", "riscv"] {
            tree.remove(&format!("arch/{arch}/include/uapi/asm/Kbuild"));
            tree.remove(&format!("arch/{arch}/kernel/Makefile.syscalls"));
        }
        tree.put("arch/ia64/Kconfig", "config 64BIT\n\tdef_bool y\n");
        tree.put(
            "arch/ia64/kernel/syscalls/syscall.tbl",
            "20\tcommon\tumount2\tsys_umount\n214\tcommon\tio_setup\tsys_io_setup\n\
             424\tcommon\tpidfd_send_signal\tsys_pidfd_send_signal\n\
             450\tcommon\tset_mempolicy_home_node\tsys_set_mempolicy_home_node\n\
             471\tcommon\trseq_slice_yield\tsys_rseq_slice_yield\n",
        );
        tree.put(
            "arch/ia64/kernel/syscalls/Makefile",
            "cmd = sh $(syshdr) --offset __NR_Linux $< $@\nuapisyshdr-y += unistd_64.h\n",
        );
        tree.put(
            "arch/ia64/include/uapi/asm/unistd.h",
            "#define __NR_Linux 1024\n#define __NR_umount __NR_umount2\n#include <asm/unistd_64.h>\n",
        );
        tree.define();
        tree
    }

    /// Linux 4.19: x86, arm and s390 have tables, whose makefiles and symbols are spelt otherwise;
    /// the other architectures have plain `#define`s.
    pub fn linux_4_19() -> Tree {
        let tree = Tree::linux_6_1();
        tree.put("Makefile", "VERSION = 4\nPATCHLEVEL = 19\nSUBLEVEL = 13\nEXTRAVERSION =\n");
        for arch in [
            "mips",
            "alpha",
            "m68k",
            "sh",
            "microblaze",
            "xtensa",
            "powerpc",
            "sparc",
            "parisc",
            "ia64",
        ] {
            tree.remove(&format!("arch/{arch}/kernel"));
        }
        for arch in ["loongarch", "csky"] {
            tree.remove(&format!("arch/{arch}"));
        }
        for (path, text) in OLDEST {
            tree.put(path, text);
        }
        // The numbers that all share are younger.
        let compat = "arch/arm64/include/asm/unistd32.h";
        for path in
            ["arch/arm/tools/syscall.tbl", S390, "include/uapi/asm-generic/unistd.h", compat]
        {
            let young = |line: &&str| {
                UNIFIED.iter().any(|(_, name)| line.contains(name)) || line.contains("memfd_secret")
            };
            let kept: Vec<String> = tree
                .read(path)
                .lines()
                .filter(|line| !young(line))
                .map(|line| format!("{line}\n"))
                .collect();
            tree.put(path, kept.concat());
        }
        tree.define();
        tree
    }

    /// Linux 6.12, the last with 31-bit s390 and without a 32-bit loongarch: its script, and its
    /// own meaning of the entry columns.
    pub fn linux_6_12() -> Tree {
        let tree = Tree::new();
        tree.put("Makefile", "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 107\nEXTRAVERSION =\n");
        tree.put("arch/loongarch/include/uapi/asm/Kbuild", "syscall-y += unistd_64.h\n");
        tree.put("arch/loongarch/kernel/Makefile.syscalls", "syscall_abis_64 += memfd_secret\n");
        tree.put("arch/s390/Kconfig", "config 64BIT\n\tdef_bool y\nconfig COMPAT\n\tdef_bool y\n");
        tree.edit(
            S390,
            "13\tcommon\talarm\tsys_alarm\n",
            "13  32\ttime\t-\tsys_time32\n13  64\talarm\tsys_alarm\t-\n",
        );
        tree.put(
            "arch/s390/kernel/syscalls/Makefile",
            "uapi-hdrs-y := $(uapi)/unistd_32.h\nuapi-hdrs-y += $(uapi)/unistd_64.h\n\
             syshdr_abi_unistd_32 := common,32\nsyshdr_abi_unistd_64 := common,64\n\
             filechk = sh $(systbl) -H -a $(syshdr_abi_$(basetarget)) < $<\n",
        );
        tree.put(
            "arch/s390/include/uapi/asm/unistd.h",
            "#ifdef __s390x__\n#include <asm/unistd_64.h>\n#else\n#include <asm/unistd_32.h>\n#endif\n",
        );
        tree.define();
        tree
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, and defines the entry points that it names.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        self.put(path, text);
        self.define();
    }

    fn put(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Reads a file.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap()
    }

    /// Puts `to` in the place of `from`, which the file holds once; returns the line.
    #[track_caller]
    pub fn edit(&self, path: &str, from: &str, to: &str) -> usize {
        let text = self.read(path);
        let parts: Vec<&str> = text.split(from).collect();
        assert_eq!(parts.len(), 2, "{path} holds `{from}` {} times", parts.len() - 1);
        self.write(path, parts.join(to));
        1 + parts[0].matches('\n').count()
    }

    /// Adds rows to the end of a table; returns the line of the first.
    pub fn append(&self, path: &str, rows: &str) -> usize {
        let text = self.read(path);
        self.write(path, format!("{text}{rows}"));
        1 + text.lines().count()
    }

    /// Removes a file or a folder.
    pub fn remove(&self, path: &str) {
        let path = self.path().join(path);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap()
        } else {
            fs::remove_file(path).unwrap()
        }
    }

    /// Gives a definition to every entry point that tables, headers and swaps name and no file has:
    /// `lib/calls.c`, and `calls.c` of the architecture where the name is none that the macros
    /// make.
    fn define(&self) {
        let (mut named, mut defined) = (BTreeSet::new(), BTreeSet::new());
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap();
                let metadata = path.symlink_metadata().unwrap();
                if metadata.is_dir() {
                    folders.push(path);
                    continue;
                }
                // Of the others some are there to be refused.
                let read =
                    [".tbl", ".c", "unistd.h", "unistd32.h"].iter().any(|end| name.ends_with(end));
                if !read || name == "calls.c" || !metadata.is_file() || metadata.len() > 1 << 20 {
                    continue;
                }
                let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                let place = path.strip_prefix(self.path()).unwrap().to_str().unwrap();
                let arch =
                    place.strip_prefix("arch/").map_or("", |rest| rest.split('/').next().unwrap());
                for line in text.lines() {
                    if let Some((word, list)) = line
                        .trim()
                        .split_once('(')
                        .filter(|(word, _)| word.contains("SYSCALL_DEFINE"))
                    {
                        let prefix =
                            if word.starts_with("COMPAT") { "compat_sys_" } else { "sys_" };
                        defined
                            .insert(format!("{prefix}{}", list.split([',', ')']).next().unwrap()));
                        continue;
                    }
                    let columns = if name.ends_with(".tbl") { 3 } else { 0 };
                    let words = line
                        .split_whitespace()
                        .skip(columns)
                        .flat_map(|word| word.split(['(', ')', ',', '/', ';']));
                    let prefixes = ["__x64_", "__ia32_", "__x32_", "__arm64_"];
                    let bare = words.map(|word| {
                        prefixes.iter().find_map(|prefix| word.strip_prefix(prefix)).unwrap_or(word)
                    });
                    let symbol = |word: &&str| {
                        let plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                        plain
                            && !word.is_empty()
                            && (columns > 0
                                || ["sys_", "compat_sys_", "__sys_"]
                                    .iter()
                                    .any(|p| word.starts_with(p)))
                    };
                    let none = ["sys_ni_syscall", "noreturn", "ptregs"];
                    let entries = bare.filter(symbol).filter(|word| !none.contains(word));
                    named.extend(entries.map(|word| (word.to_owned(), arch.to_owned())));
                }
            }
        }
        let mut texts = BTreeMap::from([("lib".to_owned(), BTreeSet::new())]);
        for (entry, arch) in named.into_iter().filter(|(entry, _)| !defined.contains(entry)) {
            let (folder, head) =
                match (entry.strip_prefix("sys_"), entry.strip_prefix("compat_sys_")) {
                    (Some(name), _) => ("lib".to_owned(), format!("SYSCALL_DEFINE0({name})")),
                    (_, Some(name)) => {
                        ("lib".to_owned(), format!("COMPAT_SYSCALL_DEFINE0({name})"))
                    }
                    _ => (format!("arch/{arch}/kernel"), format!("asmlinkage long {entry}(void)")),
                };
            texts.entry(folder).or_default().insert(format!("{head}\n{{\n}}\n"));
        }
        for (folder, text) in texts {
            self.put(&format!("{folder}/calls.c"), text.into_iter().collect::<String>());
            let makefile = format!("{folder}/Makefile");
            if !self.path().join(&makefile).exists() {
                self.put(&makefile, "obj-y += calls.o\n");
            }
        }
    }
}

pub const X86_64: &str = "arch/x86/entry/syscalls/syscall_64.tbl";
pub const S390: &str = "arch/s390/kernel/syscalls/syscall.tbl";
pub const GENERIC: &str = "scripts/syscall.tbl";
pub const MIPS_O32: &str = "arch/mips/kernel/syscalls/syscall_o32.tbl";
pub const HEADER_X86: &str = "arch/x86/include/uapi/asm/unistd.h";

/// Calls that every table has; alpha adds 110 to the numbers.
const UNIFIED: &[(u32, &str)] = &[
    (424, "pidfd_send_signal"),
    (435, "clone3"),
    (450, "set_mempolicy_home_node"),
    (471, "rseq_slice_yield"),
];

/// Path, rows before the common ones, the common rows' tag, `-NAME` of one that it lacks and `+TAG`
/// of a memfd_secret, rows after.
type Table = (&'static str, &'static str, &'static str, &'static [&'static str], &'static str);

const TABLES: &[Table] = &[
    (
        X86_64,
        "0\tcommon\tread\t\t\tsys_read\n\
         13\t64\trt_sigaction\t\tsys_rt_sigaction\n\
         60\tcommon\texit\t\t\tsys_exit\t\t\t-\t\t\tnoreturn\n\
         134\t64\tuselib\n\
         206\t64\tio_setup\t\tsys_io_setup\n\
         207\tcommon\tio_destroy\t\tsys_io_destroy\n",
        "common",
        &["+common"],
        "512\tx32\trt_sigaction\t\tcompat_sys_rt_sigaction\n543\tx32\tio_setup\t\tcompat_sys_io_setup\n",
    ),
    (
        "arch/x86/entry/syscalls/syscall_32.tbl",
        "1\ti386\texit\t\t\tsys_exit\t\t\t-\t\t\tnoreturn\n\
         3\ti386\tread\t\t\tsys_read\n\
         17\ti386\tbreak\n\
         245\ti386\tio_setup\t\tsys_io_setup\t\t\tcompat_sys_io_setup\n",
        "i386",
        &["+i386"],
        "",
    ),
    (
        GENERIC,
        "0\tcommon\tio_setup\tsys_io_setup\tcompat_sys_io_setup\n\
         4\ttime32\tio_getevents\tsys_io_getevents_time32\n\
         4\t64\tio_getevents\tsys_io_getevents\n\
         25\t32\tfcntl64\tsys_fcntl64\tcompat_sys_fcntl64\n\
         25\t64\tfcntl\tsys_fcntl\n\
         38\trenameat\trenameat\tsys_renameat\n\
         80\tstat64\tfstat64\tsys_fstat64\n\
         84\tcommon\tsync_file_range\tsys_sync_file_range\n\
         92\tcommon\tpersonality\tsys_personality\n\
         163\trlimit\tgetrlimit\tsys_getrlimit\tcompat_sys_getrlimit\n\
         220\tcommon\tclone\tsys_clone\n\
         222\t32\tmmap2\tsys_mmap2\n\
         222\t64\tmmap\tsys_mmap\n\
         244\tarc\tcacheflush\tsys_cacheflush\n\
         245\tarc\tarc_settls\tsys_arc_settls\n\
         244\tcsky\tset_thread_area\tsys_set_thread_area\n\
         245\tcsky\tcacheflush\tsys_cacheflush\n\
         244\tnios2\tcacheflush\tsys_cacheflush\n\
         244\tor1k\tor1k_atomic\tsys_or1k_atomic\n\
         258\triscv\triscv_hwprobe\tsys_riscv_hwprobe\n",
        "common",
        &["+memfd_secret"],
        "",
    ),
    (
        "arch/arm/tools/syscall.tbl",
        "0\tcommon\trestart_syscall\tsys_restart_syscall\n\
         13\toabi\ttime\tsys_time32\n\
         243\tcommon\tio_setup\tsys_io_setup\n\
         341\tcommon\tarm_sync_file_range\tsys_sync_file_range2\n",
        "common",
        &[],
        "",
    ),
    (
        "arch/arm64/tools/syscall_32.tbl",
        "0\tcommon\trestart_syscall\tsys_restart_syscall\n243\tcommon\tio_setup\tsys_io_setup\tcompat_sys_io_setup\n",
        "common",
        &[],
        "",
    ),
    (
        "arch/powerpc/kernel/syscalls/syscall.tbl",
        "18\t32\toldstat\tsys_stat\tsys_ni_syscall\n\
         18\t64\toldstat\tsys_ni_syscall\n\
         18\tspu\toldstat\tsys_ni_syscall\n\
         227\tcommon\tio_setup\tsys_io_setup\tcompat_sys_io_setup\n",
        "common",
        &["-clone3", "-set_mempolicy_home_node", "-rseq_slice_yield"],
        "435\tnospu\tclone3\tsys_clone3\n\
         450 \tnospu\tset_mempolicy_home_node\tsys_set_mempolicy_home_node\n\
         471\tnospu\trseq_slice_yield\tsys_rseq_slice_yield\n",
    ),
    (
        S390,
        "13\tcommon\talarm\tsys_alarm\n243\tcommon\tio_setup\tsys_io_setup\n",
        "common",
        &["+common"],
        "",
    ),
    (
        MIPS_O32,
        "0\to32\tsyscall\tsys_syscall\tsys32_syscall\n241\to32\tio_setup\tsys_io_setup\tcompat_sys_io_setup\n",
        "o32",
        &[],
        "",
    ),
    (
        "arch/mips/kernel/syscalls/syscall_n32.tbl",
        "200\tn32\tio_setup\tcompat_sys_io_setup\n",
        "n32",
        &[],
        "",
    ),
    (
        "arch/mips/kernel/syscalls/syscall_n64.tbl",
        "0\tn64\tread\tsys_read\n167\tn64\tunused1\tsys_ni_syscall\n200\tn64\tio_setup\tsys_io_setup\n",
        "n64",
        &[],
        "",
    ),
    (
        "arch/sparc/kernel/syscalls/syscall.tbl",
        "1\t32\texit\tsys_exit\tsparc_exit\n\
         1\t64\texit\tsparc_exit\n\
         31\t32    \tlchown32\tsys_lchown\n\
         63\tcommon\tfstat64\tsys_fstat64\tcompat_sys_fstat64\n\
         268\tcommon\tio_setup\tsys_io_setup\tcompat_sys_io_setup\n",
        "common",
        &[],
        "",
    ),
    (
        "arch/parisc/kernel/syscalls/syscall.tbl",
        "92\t32\ttruncate64\tparisc_truncate64\n215\tcommon\tio_setup\tsys_io_setup\tcompat_sys_io_setup\n",
        "common",
        &[],
        "",
    ),
    (
        "arch/alpha/kernel/syscalls/syscall.tbl",
        "0\tcommon\tosf_syscall\talpha_syscall_zero\n\
         20\tcommon\tgetxpid\tsys_getxpid\n\
         398\tcommon\tio_setup\tsys_io_setup\n",
        "common",
        &[],
        "",
    ),
    (
        "arch/m68k/kernel/syscalls/syscall.tbl",
        "241\tcommon\tio_setup\tsys_io_setup\n",
        "common",
        &[],
        "",
    ),
    (
        "arch/sh/kernel/syscalls/syscall.tbl",
        "90\tcommon\tmmap\told_mmap\n245\tcommon\tio_setup\tsys_io_setup\n",
        "common",
        &["-clone3"],
        "",
    ),
    (
        "arch/microblaze/kernel/syscalls/syscall.tbl",
        "245\tcommon\tio_setup\tsys_io_setup\n",
        "common",
        &[],
        "",
    ),
    (
        "arch/xtensa/kernel/syscalls/syscall.tbl",
        "239\tcommon\tio_setup\tsys_io_setup\n",
        "common",
        &[],
        "",
    ),
];

/// What the architectures let one configure: a kernel of one word size or of either, with programs
/// of the other.
const KCONFIGS: &[(&str, &str)] = &[
    (
        "x86 mips powerpc sparc parisc riscv",
        "config 64BIT\n\tbool \"64-bit kernel\"\nconfig COMPAT\n\tdef_bool y\n\tdepends on 64BIT\n",
    ),
    ("loongarch", "config 64BIT\n\tbool \"64-bit kernel\"\n"),
    ("arm64", "config 64BIT\n\tdef_bool y\nconfig COMPAT\n\tbool \"32-bit programs\"\n"),
    ("alpha s390", "config 64BIT\n\tdef_bool y\n"),
    ("arc arm csky hexagon m68k microblaze nios2 openrisc sh xtensa", "config MMU\n\tdef_bool y\n"),
];

const FILES: &[(&str, &str)] = &[
    // What is built, and when.
    ("Kbuild", "obj-y += fs/\nobj-y += kernel/\nobj-y += lib/\n"),
    ("fs/Makefile", "obj-$(CONFIG_AIO) += aio.o\n"),
    ("kernel/Makefile", "obj-y += sys.o sys_ni.o\n"),
    (
        "kernel/sys_ni.c",
        "COND_SYSCALL(io_setup);\nCOND_SYSCALL_COMPAT(io_setup);\nCOND_SYSCALL(io_getevents);\n",
    ),
    ("init/Kconfig", "config AIO\n\tbool \"Asynchronous I/O\"\n\tdefault y\n"),
    ("arch/Kconfig", "config BACKWARDS\n\tbool\n"),
    ("arch/arm64/kernel/Makefile", "obj-y += sys.o calls.o\n"),
    // Which tags make up which header.
    (
        "arch/x86/entry/syscalls/Makefile",
        "cmd = sh $(syshdr) --abis $(abis) $< $@\n\
         $(uapi)/unistd_32.h: abis := i386\n$(uapi)/unistd_x32.h: abis := common,x32\n\
         $(uapi)/unistd_64.h: abis := common,64\n",
    ),
    (
        "arch/arm/tools/Makefile",
        "uapi-hdrs-y += $(uapi)/unistd-oabi.h\nuapi-hdrs-y += $(uapi)/unistd-eabi.h\n\
         cmd = sh $(syshdr) --abis common,$* $< $@\n",
    ),
    (
        "arch/mips/kernel/syscalls/Makefile",
        "cmd = sh $(syshdr) --offset __NR_Linux $< $@\nuapisyshdr-y += unistd_n32.h unistd_n64.h \\\n\tunistd_o32.h\n",
    ),
    ("arch/arm64/include/asm/Kbuild", "# for AArch32\nsyscall-y += unistd_compat_32.h\n"),
    (
        "arch/powerpc/kernel/syscalls/Makefile",
        "$(uapi)/unistd_32.h: abis := common,nospu,32\n$(uapi)/unistd_64.h: abis := common,nospu,64\n\
         $(kapi)/syscall_table_spu.h: abis := common,spu\n",
    ),
    (
        "arch/s390/kernel/syscalls/Makefile",
        "cmd = sh $(syshdr) --emit-nr --abis common,$* $< $@\nuapisyshdr-y += unistd_64.h\n",
    ),
    (
        "arch/sparc/kernel/syscalls/Makefile",
        "$(uapi)/unistd_32.h: abis := common,32\n$(uapi)/unistd_64.h: abis := common,64\n",
    ),
    (
        "arch/parisc/kernel/syscalls/Makefile",
        "$(uapi)/unistd_32.h: abis := common,32\n$(uapi)/unistd_64.h: abis := common,64\n",
    ),
    (
        "scripts/Makefile.asm-headers",
        "syscall_abis_32  += common,32\nsyscall_abis_64  += common,64\n",
    ),
    ("arch/arc/kernel/Makefile.syscalls", "syscall_abis_32 += arc time32 renameat stat64 rlimit\n"),
    (
        "arch/arm64/kernel/Makefile.syscalls",
        "syscall_abis_32 +=\nsyscall_abis_64 += renameat rlimit memfd_secret\nsyscalltbl = arch/arm64/tools/syscall_%.tbl\n",
    ),
    ("arch/csky/kernel/Makefile.syscalls", "syscall_abis_32 += csky time32 stat64 rlimit\n"),
    (
        "arch/hexagon/kernel/Makefile.syscalls",
        "syscall_abis_32 += hexagon time32 stat64 rlimit renameat\n",
    ),
    (
        "arch/loongarch/kernel/Makefile.syscalls",
        "syscall_abis_32 += memfd_secret\nsyscall_abis_64 += memfd_secret\n",
    ),
    (
        "arch/nios2/kernel/Makefile.syscalls",
        "syscall_abis_32 += nios2 time32 stat64 renameat rlimit\n",
    ),
    (
        "arch/openrisc/kernel/Makefile.syscalls",
        "syscall_abis_32 += or1k time32 stat64 rlimit renameat\n",
    ),
    (
        "arch/riscv/kernel/Makefile.syscalls",
        "syscall_abis_32 += riscv memfd_secret\nsyscall_abis_64 += riscv rlimit memfd_secret\n",
    ),
    // What user space includes.
    (
        HEADER_X86,
        "#define __X32_SYSCALL_BIT 0x40000000\n\
         #ifdef __i386__\n#include <asm/unistd_32.h>\n#elif defined(__ILP32__)\n#include <asm/unistd_x32.h>\n\
         #else\n#include <asm/unistd_64.h>\n#endif\n",
    ),
    (
        "arch/arm/include/uapi/asm/unistd.h",
        "#ifdef __ARM_EABI__\n#define __NR_SYSCALL_BASE 0\n#include <asm/unistd-eabi.h>\n\
         #else\n#define __NR_SYSCALL_BASE 0x900000\n#include <asm/unistd-oabi.h>\n#endif\n\
         #define __NR_sync_file_range2 __NR_arm_sync_file_range\n\
         #define __ARM_NR_BASE (__NR_SYSCALL_BASE + 0x0f0000)\n\
         #define __ARM_NR_cacheflush (__ARM_NR_BASE + 2)\n",
    ),
    ("arch/arm64/include/uapi/asm/unistd.h", "#include <asm/unistd_64.h>\n"),
    ("arch/riscv/include/uapi/asm/unistd.h", BY_LONG),
    ("arch/loongarch/include/uapi/asm/unistd.h", BY_LONG),
    (
        "arch/parisc/include/uapi/asm/unistd.h",
        "#ifdef __LP64__\n#include <asm/unistd_64.h>\n#else\n#include <asm/unistd_32.h>\n#endif\n",
    ),
    (
        "arch/powerpc/include/uapi/asm/unistd.h",
        "#ifndef __powerpc64__\n#include <asm/unistd_32.h>\n#else\n#include <asm/unistd_64.h>\n#endif\n",
    ),
    ("arch/s390/include/uapi/asm/unistd.h", "#include <asm/unistd_64.h>\n"),
    (
        "arch/mips/include/uapi/asm/unistd.h",
        "#include <asm/sgidefs.h>\n\
         #if _MIPS_SIM == _MIPS_SIM_ABI32\n#define __NR_Linux 4000\n#include <asm/unistd_o32.h>\n#endif\n\
         #if _MIPS_SIM == _MIPS_SIM_ABI64\n#define __NR_Linux 5000\n#include <asm/unistd_n64.h>\n#endif\n\
         #if _MIPS_SIM == _MIPS_SIM_NABI32\n#define __NR_Linux 6000\n#include <asm/unistd_n32.h>\n#endif\n",
    ),
    (
        "arch/mips/include/uapi/asm/sgidefs.h",
        "#define _MIPS_SIM_ABI32 1\n#define _MIPS_SIM_NABI32 2\n#define _MIPS_SIM_ABI64 3\n",
    ),
    (
        "arch/sparc/include/uapi/asm/unistd.h",
        "#ifdef __arch64__\n#include <asm/unistd_64.h>\n#else\n#include <asm/unistd_32.h>\n#endif\n",
    ),
    (
        "arch/alpha/include/uapi/asm/unistd.h",
        "#define __NR_getpid __NR_getxpid\n#include <asm/unistd_32.h>\n",
    ),
    ("arch/csky/include/uapi/asm/unistd.h", RANGE2),
    ("arch/hexagon/include/uapi/asm/unistd.h", RANGE2),
    (
        "include/uapi/asm-generic/bitsperlong.h",
        "#define __BITS_PER_LONG (__CHAR_BIT__ * __SIZEOF_LONG__)\n",
    ),
    // Error numbers and constants.
    (
        "include/uapi/asm-generic/errno-base.h",
        "#define EPERM 1 /* Operation not permitted */\n#define EAGAIN 11 /* Try again */\n",
    ),
    (
        "include/uapi/asm-generic/errno.h",
        "#include <asm-generic/errno-base.h>\n#define ENOSYS 38 /* Invalid system call number */\n\
         #define EWOULDBLOCK EAGAIN /* Operation would block */\n",
    ),
    (
        "arch/mips/include/uapi/asm/errno.h",
        "#include <asm-generic/errno-base.h>\n#define ENOSYS 89 /* Function not implemented */\n",
    ),
    (
        "include/uapi/linux/aio_abi.h",
        "enum {\n\tIOCB_CMD_PREAD = 0,\n\tIOCB_CMD_PWRITE = 1,\n\tIOCB_CMD_POLL = 5,\n};\n\
         #define IOCB_FLAG_RESFD (1 << 0)\n#define IOCB_FLAG_IOPRIO (1 << 1)\n",
    ),
    (
        "include/uapi/linux/fs.h",
        "#define RWF_HIPRI ((__kernel_rwf_t)0x00000001)\n#define RWF_NOWAIT ((__kernel_rwf_t)0x00000008)\n\
         #define RWF_SUPPORTED (RWF_HIPRI | RWF_NOWAIT)\n",
    ),
    ("include/uapi/linux/uio.h", "#define UIO_MAXIOV 1024\n"),
    ("include/uapi/linux/auxvec.h", "#define AT_HWCAP2 26\n"),
    (
        "arch/x86/include/uapi/asm/auxvec.h",
        "#ifdef __i386__\n#define AT_SYSINFO 32\n#endif\n#define AT_SYSINFO_EHDR 33\n",
    ),
    (
        "arch/powerpc/include/uapi/asm/cputable.h",
        "#define PPC_FEATURE2_SCV 0x00100000 /* scv syscall */\n",
    ),
    ("include/uapi/linux/mman.h", "#include <asm/mman.h>\n#define MAP_PRIVATE 0x02\n"),
    (
        "include/uapi/asm-generic/fcntl.h",
        "#define O_NONBLOCK 00004000\n#define O_CLOEXEC 02000000\n",
    ),
    (
        "arch/mips/include/uapi/asm/fcntl.h",
        "#define O_NONBLOCK 0x0080\n#define O_CLOEXEC 02000000\n",
    ),
    (
        "include/uapi/asm-generic/mman.h",
        "#define PROT_READ 0x1\n#define PROT_WRITE 0x2\n#define MAP_ANONYMOUS 0x20\n#define MADV_WIPEONFORK 18\n",
    ),
    (
        "include/uapi/asm-generic/poll.h",
        "#define POLLIN 0x1\n#define POLLPRI 0x2\n#define POLLOUT 0x4\n#define POLLERR 0x8\n#define POLLHUP 0x10\n\
         #ifndef POLLRDHUP\n#define POLLRDHUP 0x2000\n#endif\n",
    ),
    (
        "arch/sparc/include/uapi/asm/poll.h",
        "#define POLLRDHUP 0x800\n#include <asm-generic/poll.h>\n",
    ),
    (
        "fs/aio.c",
        "#define AIO_RING_MAGIC 0xa10a10a1\n#define AIO_RING_COMPAT_FEATURES 1\n#define AIO_RING_INCOMPAT_FEATURES 0\n\
         SYSCALL_DEFINE2(io_setup, unsigned, nr_events, aio_context_t __user *, ctxp)\n{\n}\n\
         #ifdef CONFIG_COMPAT\n\
         COMPAT_SYSCALL_DEFINE2(io_setup, unsigned, nr_events, u32 __user *, ctx32p)\n{\n}\n\
         #endif\n\
         #ifdef CONFIG_64BIT\n\
         SYSCALL_DEFINE5(io_getevents, aio_context_t, ctx_id, long, min_nr, long, nr,\n\
         \t\tstruct io_event __user *, events, struct __kernel_timespec __user *, timeout)\n{\n}\n\
         #endif\n",
    ),
    // Entry points, and what architectures put in their place.
    (
        "kernel/sys.c",
        "SYSCALL_DEFINE0(getpid)\n{\n}\nSYSCALL_DEFINE1(exit, int, error_code)\n{\n}\n\
         SYSCALL_DEFINE1(personality, unsigned int, personality)\n{\n}\n",
    ),
    (
        "arch/arm64/kernel/sys.c",
        "SYSCALL_DEFINE1(arm64_personality, unsigned int, personality)\n{\n}\n\
         #define __arm64_sys_personality __arm64_sys_arm64_personality\nvoid *sys_call_table[];\n",
    ),
    (
        "arch/arc/kernel/sys.c",
        "#define sys_clone\tsys_clone_wrapper\n#define sys_mmap2\tsys_mmap_pgoff\nvoid *sys_call_table[];\n",
    ),
    (
        "arch/csky/kernel/syscall_table.c",
        "#define sys_sync_file_range sys_sync_file_range2\nvoid *sys_call_table[];\n",
    ),
    (
        "arch/hexagon/kernel/syscalltab.c",
        "#define sys_mmap2 sys_mmap_pgoff\n#define sys_sync_file_range sys_sync_file_range2\nvoid *sys_call_table[];\n",
    ),
    (
        "arch/nios2/kernel/syscall_table.c",
        "#define sys_mmap2 sys_mmap_pgoff\n#define sys_clone3 __sys_clone3\nvoid *sys_call_table[];\n",
    ),
    (
        "arch/openrisc/kernel/sys_call_table.c",
        "#define sys_clone __sys_clone\n#define sys_fork __sys_fork\nvoid *sys_call_table[];\n",
    ),
];

/// What Linux 6.1 has in other files than its successors. Every row of the generic header is there
/// for one of its ways.
const OLDER: &[(&str, &str)] = &[
    (
        "include/uapi/asm-generic/unistd.h",
        "#include <asm/bitsperlong.h>\n\
         #ifndef __SYSCALL\n#define __SYSCALL(x, y)\n#endif\n\
         #if __BITS_PER_LONG == 32 || defined(__SYSCALL_COMPAT)\n\
         #define __SC_3264(_nr, _32, _64) __SYSCALL(_nr, _32)\n#else\n\
         #define __SC_3264(_nr, _32, _64) __SYSCALL(_nr, _64)\n#endif\n\
         #ifdef __SYSCALL_COMPAT\n\
         #define __SC_COMP(_nr, _sys, _comp) __SYSCALL(_nr, _comp)\n\
         #define __SC_COMP_3264(_nr, _32, _64, _comp) __SYSCALL(_nr, _comp)\n#else\n\
         #define __SC_COMP(_nr, _sys, _comp) __SYSCALL(_nr, _sys)\n\
         #define __SC_COMP_3264(_nr, _32, _64, _comp) __SC_3264(_nr, _32, _64)\n#endif\n\
         #define __NR_io_setup 0\n__SC_COMP(__NR_io_setup, sys_io_setup, compat_sys_io_setup)\n\
         #if defined(__ARCH_WANT_TIME32_SYSCALLS) || __BITS_PER_LONG != 32\n\
         #define __NR_io_getevents 4\n\
         __SC_3264(__NR_io_getevents, sys_io_getevents_time32, sys_io_getevents)\n#endif\n\
         #define __NR3264_fcntl 25\n\
         __SC_COMP_3264(__NR3264_fcntl, sys_fcntl64, sys_fcntl, \\\n\tcompat_sys_fcntl64)\n\
         #ifdef __ARCH_WANT_RENAMEAT\n#define __NR_renameat 38\n__SYSCALL(__NR_renameat, sys_renameat)\n#endif\n\
         #ifdef __ARCH_WANT_SYNC_FILE_RANGE2\n#define __NR_sync_file_range2 84\n\
         __SC_COMP(__NR_sync_file_range2, sys_sync_file_range2, compat_sys_sync_file_range2)\n#else\n\
         #define __NR_sync_file_range 84\n\
         __SC_COMP(__NR_sync_file_range, sys_sync_file_range, compat_sys_sync_file_range)\n#endif\n\
         #define __NR_personality 92\n__SYSCALL(__NR_personality, sys_personality)\n\
         #define __NR_clone 220\n__SYSCALL(__NR_clone, sys_clone)\n\
         #define __NR3264_mmap 222\n__SC_3264(__NR3264_mmap, sys_mmap2, sys_mmap)\n\
         #define __NR_arch_specific_syscall 244\n\
         #define __NR_pidfd_send_signal 424\n__SYSCALL(__NR_pidfd_send_signal, sys_pidfd_send_signal)\n\
         #ifdef __ARCH_WANT_SYS_CLONE3\n#define __NR_clone3 435\n__SYSCALL(__NR_clone3, sys_clone3)\n#endif\n\
         #ifdef __ARCH_WANT_MEMFD_SECRET\n#define __NR_memfd_secret 447\n\
         __SYSCALL(__NR_memfd_secret, sys_memfd_secret)\n#endif\n\
         #define __NR_set_mempolicy_home_node 450\n\
         __SYSCALL(__NR_set_mempolicy_home_node, sys_set_mempolicy_home_node)\n\
         #define __NR_rseq_slice_yield 471\n__SYSCALL(__NR_rseq_slice_yield, sys_rseq_slice_yield)\n\
         #undef __NR_syscalls\n#define __NR_syscalls 472\n\
         #if __BITS_PER_LONG == 64 && !defined(__SYSCALL_COMPAT)\n\
         #define __NR_fcntl __NR3264_fcntl\n#define __NR_mmap __NR3264_mmap\n#else\n\
         #define __NR_fcntl64 __NR3264_fcntl\n#define __NR_mmap2 __NR3264_mmap\n#endif\n",
    ),
    (
        "arch/arm64/include/uapi/asm/unistd.h",
        "#define __ARCH_WANT_RENAMEAT\n#define __ARCH_WANT_SYS_CLONE3\n#define __ARCH_WANT_MEMFD_SECRET\n\
         #include <asm-generic/unistd.h>\n",
    ),
    (
        "arch/arm64/include/asm/unistd32.h",
        "#ifndef __SYSCALL\n#define __SYSCALL(x, y)\n#endif\n\
         #define __NR_restart_syscall 0\n__SYSCALL(__NR_restart_syscall, sys_restart_syscall)\n\
         \t/* 7 was sys_waitpid */\n__SYSCALL(7, sys_ni_syscall)\n\
         #define __NR_io_setup 243\n__SYSCALL(__NR_io_setup, compat_sys_io_setup)\n\
         #define __NR_pidfd_send_signal 424\n__SYSCALL(__NR_pidfd_send_signal, sys_pidfd_send_signal)\n\
         #define __NR_clone3 435\n__SYSCALL(__NR_clone3, sys_clone3)\n\
         #define __NR_set_mempolicy_home_node 450\n\
         __SYSCALL(__NR_set_mempolicy_home_node, sys_set_mempolicy_home_node)\n\
         #define __NR_rseq_slice_yield 471\n__SYSCALL(__NR_rseq_slice_yield, sys_rseq_slice_yield)\n",
    ),
    (
        "arch/riscv/include/uapi/asm/unistd.h",
        "#define __ARCH_WANT_SYS_CLONE3\n#define __ARCH_WANT_MEMFD_SECRET\n#include <asm-generic/unistd.h>\n\
         #ifndef __NR_riscv_flush_icache\n#define __NR_riscv_flush_icache (__NR_arch_specific_syscall + 15)\n#endif\n\
         __SYSCALL(__NR_riscv_flush_icache, sys_riscv_flush_icache)\n",
    ),
    (
        "arch/loongarch/include/uapi/asm/unistd.h",
        "#define __ARCH_WANT_SYS_CLONE3\n#include <asm-generic/unistd.h>\n",
    ),
    (
        "arch/arc/include/uapi/asm/unistd.h",
        "#if !defined(_UAPI_ASM_ARC_UNISTD_H) || defined(__SYSCALL)\n#define _UAPI_ASM_ARC_UNISTD_H\n\
         #define __ARCH_WANT_TIME32_SYSCALLS\n#define __ARCH_WANT_SYS_CLONE3\n#define sys_mmap2 sys_mmap_pgoff\n\
         #include <asm-generic/unistd.h>\n#define NR_syscalls\t__NR_syscalls\n\
         #define __NR_sysfs\t(__NR_arch_specific_syscall + 3)\n__SYSCALL(__NR_sysfs, sys_sysfs)\n\
         #undef __SYSCALL\n#endif\n",
    ),
    (
        "arch/csky/include/uapi/asm/unistd.h",
        "#define __ARCH_WANT_TIME32_SYSCALLS\n#define __ARCH_WANT_SYS_CLONE3\n#define __ARCH_WANT_SYNC_FILE_RANGE2\n\
         #include <asm-generic/unistd.h>\n",
    ),
    (
        "arch/hexagon/include/uapi/asm/unistd.h",
        "#define sys_mmap2 sys_mmap_pgoff\n#define __ARCH_WANT_TIME32_SYSCALLS\n#include <asm-generic/unistd.h>\n",
    ),
    (
        "arch/nios2/include/uapi/asm/unistd.h",
        " #define sys_mmap2 sys_mmap_pgoff\n#define __ARCH_WANT_TIME32_SYSCALLS\n#include <asm-generic/unistd.h>\n\
         #define __NR_cacheflush (__NR_arch_specific_syscall)\n__SYSCALL(__NR_cacheflush, sys_cacheflush)\n",
    ),
    (
        "arch/openrisc/include/uapi/asm/unistd.h",
        "#define __ARCH_WANT_TIME32_SYSCALLS\n#define __ARCH_WANT_SYS_CLONE3\n#include <asm-generic/unistd.h>\n\
         #define __NR_or1k_atomic __NR_arch_specific_syscall\n__SYSCALL(__NR_or1k_atomic, sys_or1k_atomic)\n",
    ),
];

/// What Linux 4.19 has in other files than 6.1.
const OLDEST: &[(&str, &str)] = &[
    (
        X86_64,
        "0\tcommon\tread\t\t\t__x64_sys_read\r\n56\tcommon\tclone\t\t\t__x64_sys_clone/ptregs\r\n\
         134\t64\tuselib\r\n0xce\t64\tio_setup\t\t__x64_sys_io_setup\r\n\
         512\tx32\trt_sigaction\t\t__x32_compat_sys_rt_sigaction\r\n\
         520\tx32\texecve\t\t\t__x32_compat_sys_execve/ptregs\r\n543\tx32\tio_setup\t\t__x32_compat_sys_io_setup\r\n\
         545\tx32\tuselib_too\r\n",
    ),
    (
        "arch/x86/entry/syscalls/syscall_32.tbl",
        "1\ti386\texit\t\t\tsys_exit\t\t\t__ia32_sys_exit\n17\ti386\tbreak\n\
         120\ti386\tclone\t\t\tsys_clone\t\t\t__ia32_compat_sys_x86_clone\n\
         245\ti386\tio_setup\t\tsys_io_setup\t\t\t__ia32_compat_sys_io_setup\n",
    ),
    (
        "arch/x86/entry/syscalls/Makefile",
        "syshdr_abi_unistd_32 := i386\n$(uapi)/unistd_32.h: $(syscall32) $(syshdr)\n\
         syshdr_abi_unistd_x32 := common,x32\nsyshdr_offset_unistd_x32 := __X32_SYSCALL_BIT\n\
         $(uapi)/unistd_x32.h: $(syscall64)\nsyshdr_abi_unistd_64 := common,64\n$(uapi)/unistd_64.h: $(syscall64)\n",
    ),
    (
        "arch/arm/tools/Makefile",
        "syshdr_abi_unistd-common := common\n$(uapi)/unistd-common.h: $(syscall)\n\
         syshdr_abi_unistd-oabi := oabi\n$(uapi)/unistd-oabi.h: $(syscall)\n\
         syshdr_abi_unistd-eabi := eabi\n$(uapi)/unistd-eabi.h: $(syscall)\n",
    ),
    (
        "arch/mips/include/uapi/asm/unistd.h",
        "#include <asm/sgidefs.h>\n\
         #if _MIPS_SIM == _MIPS_SIM_ABI32\n#define __NR_Linux 4000\n\
         #define __NR_syscall\t\t\t(__NR_Linux +\t0)\n#define __NR_io_setup (__NR_Linux + 241)\n\
         #define __NR_Linux_syscalls 366\n#endif\n#define __NR_O32_Linux 4000\n\
         #if _MIPS_SIM == _MIPS_SIM_ABI64\n#define __NR_Linux 5000\n#define __NR_io_setup (__NR_Linux + 200)\n#endif\n\
         #if _MIPS_SIM == _MIPS_SIM_NABI32\n#define __NR_Linux 6000\n#define __NR_io_setup (__NR_Linux + 200)\n#endif\n",
    ),
    (
        "arch/sparc/include/uapi/asm/unistd.h",
        "#ifndef __32bit_syscall_numbers__\n#ifndef __arch64__\n#define __32bit_syscall_numbers__\n#endif\n#endif\n\
         #define __NR_exit 1 /* Common */\n#ifdef __32bit_syscall_numbers__\n#define __NR_getgid32 53\n#else\n\
         /* #define __NR_getgid32 53 */\n#endif\n#define __NR_io_setup 268\n#define NR_syscalls 361\n",
    ),
    (
        "arch/powerpc/include/uapi/asm/unistd.h",
        "#define __NR_exit 1\n#ifndef __powerpc64__\n#define __NR_fcntl64 204\n#endif\n#define __NR_io_setup 227\n",
    ),
    (
        "arch/parisc/include/uapi/asm/unistd.h",
        "#define __NR_HPUX_exit 1\n#define __NR_Linux 0\n#define __NR_exit (__NR_Linux + 1)\n\
         #define __NR_io_setup (__NR_Linux + 215)\n#define __NR_Linux_syscalls (__NR_exit + 1)\n",
    ),
    (
        "arch/alpha/include/uapi/asm/unistd.h",
        "#define __NR_osf_syscall\t  0\t/* not implemented */\n#define __NR_umount 321\n#define __NR_umount2 22\n\
         #define __NR_osf_shmat __NR_shmat\n#define __NR_shmat 209\n#define __NR_io_setup 398\n",
    ),
    (
        "arch/ia64/include/uapi/asm/unistd.h",
        "#include <asm/break.h>\n#define __NR_ni_syscall\t\t\t1024\n#define __NR_io_setup 1238\n",
    ),
    ("arch/ia64/include/uapi/asm/break.h", "#define __BREAK_SYSCALL 0x100000\n"),
    (
        "arch/m68k/include/uapi/asm/unistd.h",
        "/*#define __NR_break\t\t 17*/\n#define __NR_io_setup 241\n",
    ),
    (
        "arch/microblaze/include/uapi/asm/unistd.h",
        "#define __NR_io_setup 245 /* ok */\n#define __NR_FAST_x -1\n",
    ),
    (
        "arch/sh/include/uapi/asm/unistd.h",
        "#ifdef __SH5__\n#include <asm/unistd_64.h>\n#else\n#include <asm/unistd_32.h>\n#endif\n",
    ),
    ("arch/sh/include/uapi/asm/unistd_32.h", "#define __NR_io_setup 245\n"),
    (
        "arch/xtensa/include/uapi/asm/unistd.h",
        "#ifndef __SYSCALL\n#define __SYSCALL(nr,func,nargs)\n#endif\n\
         #define __NR_spill 0\n__SYSCALL(  0, sys_ni_syscall, 0)\n\
         #define __NR_io_setup 239\n__SYSCALL(239, sys_io_setup, 2)\n#define __NR_syscall_count 352\n\
         #define SYS_XTENSA_RESERVED 0\n",
    ),
];

const BY_LONG: &str = "#include <asm/bitsperlong.h>\n\
     #if __BITS_PER_LONG == 32\n#include <asm/unistd_32.h>\n#else\n#include <asm/unistd_64.h>\n#endif\n";

const RANGE2: &str =
    "#include <asm/unistd_32.h>\n#define __NR_sync_file_range2 84\n#undef __NR_sync_file_range\n";
