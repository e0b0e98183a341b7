//! A kernel tree in miniature, for tests and the fuzzer: every file that the importer reads, with a
//! few rows each.

mod current;
mod older;

use crate::source::Source;
use current::{FILES, KCONFIGS, TABLES, UNIFIED};
use older::{OLDER, OLDEST};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use tempfile::TempDir;

/// x86_64's table.
pub const X86_64: &str = "arch/x86/entry/syscalls/syscall_64.tbl";
/// The table of s390.
pub const S390: &str = "arch/s390/kernel/syscalls/syscall.tbl";
/// The table that the newest architectures share.
pub const GENERIC: &str = "scripts/syscall.tbl";
/// The table of mips-o32.
pub const MIPS_O32: &str = "arch/mips/kernel/syscalls/syscall_o32.tbl";
/// The header that includes what is generated from x86's tables.
pub const HEADER_X86: &str = "arch/x86/include/uapi/asm/unistd.h";

/// A kernel tree in memory.
#[derive(Clone)]
pub struct Tree {
    /// Contents by path.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Default for Tree {
    fn default() -> Tree {
        Tree::new()
    }
}

impl Tree {
    /// Linux 7.2.13.
    pub fn new() -> Tree {
        let mut tree = Tree { files: BTreeMap::new() };
        tree.put(
            "Makefile",
            "# A kernel.\nVERSION = 7\nPATCHLEVEL = 2\nSUBLEVEL = 13\nEXTRAVERSION =\n\
             NAME = Mini\n",
        );
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
                "#include <asm-generic/errno-base.h>\n\
                 #define ENOSYS {enosys} /* Not implemented */\n"
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
                tree.put(&format!("arch/{arch}/include/uapi/asm/{header}"), own);
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
            let is_removed = |name| own.iter().any(|own| own.strip_prefix('-') == Some(name));
            let mut rows: Vec<(u32, String)> = numbered
                .filter(|(_, name)| !is_removed(name))
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
        let mut tree = Tree::linux_6_12();
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
            "#define __NR_Linux 1024\n#define __NR_umount __NR_umount2\n\
             #include <asm/unistd_64.h>\n",
        );
        tree.define();
        tree
    }

    /// Linux 4.19: x86, arm and s390 have tables, with other spellings in makefiles and symbols;
    /// the other architectures have plain `#define`s.
    pub fn linux_4_19() -> Tree {
        let mut tree = Tree::linux_6_1();
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
        // The common numbers are newer.
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
    /// different entry columns.
    pub fn linux_6_12() -> Tree {
        let mut tree = Tree::new();
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
            "#ifdef __s390x__\n#include <asm/unistd_64.h>\n#else\n#include <asm/unistd_32.h>\n\
             #endif\n",
        );
        tree.define();
        tree
    }

    /// The tree for the importer; named `linux` in messages.
    pub fn source(&self) -> Source {
        Source::in_memory("linux", self.files.clone())
    }

    /// The tree in a temporary directory, for links, pipes and modes, which a map does not have.
    ///
    /// # Panics
    /// The directory cannot be written.
    pub fn on_disk(&self) -> TempDir {
        let directory = TempDir::new().unwrap();
        for (path, bytes) in &self.files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        directory
    }

    /// Writes a file, and defines the entry points that it names.
    pub fn write(&mut self, path: &str, text: impl AsRef<[u8]>) {
        self.put(path, text);
        self.define();
    }

    /// Writes a file, and nothing else.
    pub fn put(&mut self, path: &str, text: impl AsRef<[u8]>) {
        self.files.insert(path.to_owned(), text.as_ref().to_vec());
    }

    /// The text of a file.
    ///
    /// # Panics
    /// There is no such file, or it is not UTF-8.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        let bytes = self.files.get(path).unwrap_or_else(|| panic!("{path}: there is no such file"));
        String::from_utf8(bytes.clone()).unwrap()
    }

    /// Replaces `from`, which the file contains once, by `to`; returns the line.
    ///
    /// # Panics
    /// The file does not contain `from`, or more than once.
    #[track_caller]
    pub fn edit(&mut self, path: &str, from: &str, to: &str) -> usize {
        let text = self.read(path);
        let parts: Vec<&str> = text.split(from).collect();
        assert_eq!(parts.len(), 2, "{path} holds `{from}` {} times", parts.len() - 1);
        self.write(path, parts.join(to));
        1 + parts[0].matches('\n').count()
    }

    /// Adds rows to the end of a table; returns the line of the first.
    ///
    /// # Panics
    /// There is no such file.
    #[track_caller]
    pub fn append(&mut self, path: &str, rows: &str) -> usize {
        let text = self.read(path);
        self.write(path, format!("{text}{rows}"));
        1 + text.lines().count()
    }

    /// Removes a file, or a directory with its content.
    ///
    /// # Panics
    /// It does not exist.
    #[track_caller]
    pub fn remove(&mut self, path: &str) {
        let before = self.files.len();
        let below = format!("{path}/");
        self.files.retain(|file, _| file != path && !file.starts_with(&below));
        assert!(self.files.len() < before, "{path}: there is no such file");
    }

    /// Defines every entry point that tables, headers and swaps name and no file has: in
    /// `lib/calls.c`, or in the architecture's `calls.c` if the macros do not generate such a name.
    fn define(&mut self) {
        let (mut named, mut defined) = (BTreeSet::new(), BTreeSet::new());
        let read = |path: &str| {
            let name = path.rsplit('/').next().unwrap_or(path);
            let ends = [".tbl", ".c", "unistd.h", "unistd32.h"];
            name != "calls.c" && ends.iter().any(|end| name.ends_with(end))
        };
        for (path, bytes) in self.files.iter().filter(|(path, _)| read(path)) {
            // Some of the others are meant to be refused.
            if bytes.len() > 1 << 20 {
                continue;
            }
            let text = String::from_utf8_lossy(bytes);
            let directory = match path.strip_prefix("arch/").and_then(|rest| rest.split_once('/')) {
                Some((arch, _)) => format!("arch/{arch}/kernel"),
                None => "arch/kernel".to_owned(),
            };
            for line in text.lines() {
                if let Some((word, list)) =
                    line.trim().split_once('(').filter(|(word, _)| word.contains("SYSCALL_DEFINE"))
                {
                    let prefix = if word.starts_with("COMPAT") { "compat_sys_" } else { "sys_" };
                    defined.insert(format!("{prefix}{}", list.split([',', ')']).next().unwrap()));
                    continue;
                }
                let columns = if path.ends_with(".tbl") { 3 } else { 0 };
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
                named.extend(entries.map(|word| (word.to_owned(), directory.clone())));
            }
        }
        let mut texts = BTreeMap::from([("lib".to_owned(), BTreeSet::new())]);
        for (entry, own) in named.into_iter().filter(|(entry, _)| !defined.contains(entry)) {
            let (directory, head) =
                match (entry.strip_prefix("sys_"), entry.strip_prefix("compat_sys_")) {
                    (Some(name), _) => ("lib".to_owned(), format!("SYSCALL_DEFINE0({name})")),
                    (_, Some(name)) => {
                        ("lib".to_owned(), format!("COMPAT_SYSCALL_DEFINE0({name})"))
                    }
                    _ => (own, format!("asmlinkage long {entry}(void)")),
                };
            texts.entry(directory).or_default().insert(format!("{head}\n{{\n}}\n"));
        }
        for (directory, text) in texts {
            self.put(&format!("{directory}/calls.c"), text.into_iter().collect::<String>());
            let makefile = format!("{directory}/Makefile");
            if !self.files.contains_key(&makefile) {
                self.put(&makefile, "obj-y += calls.o\n");
            }
        }
    }
}
