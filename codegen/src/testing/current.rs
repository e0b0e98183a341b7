//! The files of the newest tree.

use super::{GENERIC, HEADER_X86, MIPS_O32, S390, X86_64};

/// Calls that every table has; alpha adds 110 to the numbers.
pub(super) const UNIFIED: &[(u32, &str)] = &[
    (424, "pidfd_send_signal"),
    (435, "clone3"),
    (450, "set_mempolicy_home_node"),
    (471, "rseq_slice_yield"),
];

/// Path, rows before the common ones, the common rows' tag, `-NAME` of a missing one and `+TAG` of
/// a memfd_secret, rows after.
type Table = (&'static str, &'static str, &'static str, &'static [&'static str], &'static str);

pub(super) const TABLES: &[Table] = &[
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
        "512\tx32\trt_sigaction\t\tcompat_sys_rt_sigaction\n\
         543\tx32\tio_setup\t\tcompat_sys_io_setup\n",
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
        "0\tcommon\trestart_syscall\tsys_restart_syscall\n\
         243\tcommon\tio_setup\tsys_io_setup\tcompat_sys_io_setup\n",
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
        "0\to32\tsyscall\tsys_syscall\tsys32_syscall\n\
         241\to32\tio_setup\tsys_io_setup\tcompat_sys_io_setup\n",
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
        "0\tn64\tread\tsys_read\n167\tn64\tunused1\tsys_ni_syscall\n\
         200\tn64\tio_setup\tsys_io_setup\n",
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
        "92\t32\ttruncate64\tparisc_truncate64\n\
         215\tcommon\tio_setup\tsys_io_setup\tcompat_sys_io_setup\n",
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

/// The options of the architectures: a kernel of one word size or of both, with programs of the
/// other.
pub(super) const KCONFIGS: &[(&str, &str)] = &[
    (
        "x86 mips powerpc sparc parisc riscv",
        "config 64BIT\n\tbool \"64-bit kernel\"\nconfig COMPAT\n\tdef_bool y\n\tdepends on 64BIT\n",
    ),
    ("loongarch", "config 64BIT\n\tbool \"64-bit kernel\"\n"),
    ("arm64", "config 64BIT\n\tdef_bool y\nconfig COMPAT\n\tbool \"32-bit programs\"\n"),
    ("alpha s390", "config 64BIT\n\tdef_bool y\n"),
    ("arc arm csky hexagon m68k microblaze nios2 openrisc sh xtensa", "config MMU\n\tdef_bool y\n"),
];

pub(super) const FILES: &[(&str, &str)] = &[
    // The built files, and their conditions.
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
    // The tags of each header.
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
        "cmd = sh $(syshdr) --offset __NR_Linux $< $@\n\
         uapisyshdr-y += unistd_n32.h unistd_n64.h \\\n\tunistd_o32.h\n",
    ),
    ("arch/arm64/include/asm/Kbuild", "# for AArch32\nsyscall-y += unistd_compat_32.h\n"),
    (
        "arch/powerpc/kernel/syscalls/Makefile",
        "$(uapi)/unistd_32.h: abis := common,nospu,32\n\
         $(uapi)/unistd_64.h: abis := common,nospu,64\n\
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
        "syscall_abis_32 +=\nsyscall_abis_64 += renameat rlimit memfd_secret\n\
         syscalltbl = arch/arm64/tools/syscall_%.tbl\n",
    ),
    // A symbolic link in a checkout without links.
    ("arch/arm64/tools/syscall_64.tbl", "../../../scripts/syscall.tbl\n"),
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
    // Headers for user space.
    (
        HEADER_X86,
        "#define __X32_SYSCALL_BIT 0x40000000\n\
         #ifdef __i386__\n#include <asm/unistd_32.h>\n#elif defined(__ILP32__)\n\
         #include <asm/unistd_x32.h>\n\
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
        "#ifndef __powerpc64__\n#include <asm/unistd_32.h>\n#else\n#include <asm/unistd_64.h>\n\
         #endif\n",
    ),
    ("arch/s390/include/uapi/asm/unistd.h", "#include <asm/unistd_64.h>\n"),
    (
        "arch/mips/include/uapi/asm/unistd.h",
        "#include <asm/sgidefs.h>\n\
         #if _MIPS_SIM == _MIPS_SIM_ABI32\n#define __NR_Linux 4000\n#include <asm/unistd_o32.h>\n\
         #endif\n\
         #if _MIPS_SIM == _MIPS_SIM_ABI64\n#define __NR_Linux 5000\n#include <asm/unistd_n64.h>\n\
         #endif\n\
         #if _MIPS_SIM == _MIPS_SIM_NABI32\n#define __NR_Linux 6000\n#include <asm/unistd_n32.h>\n\
         #endif\n",
    ),
    (
        "arch/mips/include/uapi/asm/sgidefs.h",
        "#define _MIPS_SIM_ABI32 1\n#define _MIPS_SIM_NABI32 2\n#define _MIPS_SIM_ABI64 3\n",
    ),
    (
        "arch/sparc/include/uapi/asm/unistd.h",
        "#ifdef __arch64__\n#include <asm/unistd_64.h>\n#else\n#include <asm/unistd_32.h>\n\
         #endif\n",
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
        "#define RWF_HIPRI ((__kernel_rwf_t)0x00000001)\n\
         #define RWF_NOWAIT ((__kernel_rwf_t)0x00000008)\n\
         #define RWF_SUPPORTED (RWF_HIPRI | RWF_NOWAIT)\n\
         #define BLKSSZGET 0x1268\n",
    ),
    ("include/uapi/linux/fcntl.h", "#define AT_EMPTY_PATH 0x1000\n"),
    ("include/uapi/linux/stat.h", "#define STATX_DIOALIGN 0x00002000U\n"),
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
    (
        "include/uapi/linux/audit.h",
        "#include <linux/elf-em.h>\n#define __AUDIT_ARCH_LE 0x40000000\n\
         #define AUDIT_ARCH_I386 (EM_386|__AUDIT_ARCH_LE)\n",
    ),
    ("include/uapi/linux/elf-em.h", "#define EM_386 3\n"),
    ("include/uapi/linux/net.h", "#define SYS_SOCKET 1 /* sys_socket(2) */\n"),
    ("include/uapi/linux/ipc.h", "#define SEMOP 1\n#define MSGSND 11\n#define SHMAT 21\n"),
    ("include/uapi/linux/mman.h", "#include <asm/mman.h>\n#define MAP_PRIVATE 0x02\n"),
    (
        "include/uapi/asm-generic/fcntl.h",
        "#define O_NONBLOCK 00004000\n#define O_CLOEXEC 02000000\n\
         #define O_APPEND 00002000\n#define F_GETFL 3\n",
    ),
    (
        "arch/mips/include/uapi/asm/fcntl.h",
        "#define O_NONBLOCK 0x0080\n#define O_CLOEXEC 02000000\n\
         #define O_APPEND 0x0008\n#define F_GETFL 3\n",
    ),
    (
        "include/uapi/asm-generic/mman.h",
        "#define PROT_READ 0x1\n#define PROT_WRITE 0x2\n#define MAP_ANONYMOUS 0x20\n\
         #define MADV_WIPEONFORK 18\n",
    ),
    (
        "include/uapi/asm-generic/poll.h",
        "#define POLLIN 0x1\n#define POLLPRI 0x2\n#define POLLOUT 0x4\n#define POLLERR 0x8\n\
         #define POLLHUP 0x10\n\
         #ifndef POLLRDHUP\n#define POLLRDHUP 0x2000\n#endif\n",
    ),
    (
        "arch/sparc/include/uapi/asm/poll.h",
        "#define POLLRDHUP 0x800\n#include <asm-generic/poll.h>\n",
    ),
    (
        "fs/aio.c",
        "#define AIO_RING_MAGIC 0xa10a10a1\n#define AIO_RING_COMPAT_FEATURES 1\n\
         #define AIO_RING_INCOMPAT_FEATURES 0\n\
         SYSCALL_DEFINE2(io_setup, unsigned, nr_events, aio_context_t __user *, ctxp)\n{\n}\n\
         #ifdef CONFIG_COMPAT\n\
         COMPAT_SYSCALL_DEFINE2(io_setup, unsigned, nr_events, u32 __user *, ctx32p)\n{\n}\n\
         #endif\n\
         #ifdef CONFIG_64BIT\n\
         SYSCALL_DEFINE5(io_getevents, aio_context_t, ctx_id, long, min_nr, long, nr,\n\
         \t\tstruct io_event __user *, events, struct __kernel_timespec __user *, timeout)\n{\n}\n\
         #endif\n",
    ),
    // Entry points, and the architectures' replacements.
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
        "#define sys_clone\tsys_clone_wrapper\n#define sys_mmap2\tsys_mmap_pgoff\n\
         void *sys_call_table[];\n",
    ),
    (
        "arch/csky/kernel/syscall_table.c",
        "#define sys_sync_file_range sys_sync_file_range2\nvoid *sys_call_table[];\n",
    ),
    (
        "arch/hexagon/kernel/syscalltab.c",
        "#define sys_mmap2 sys_mmap_pgoff\n#define sys_sync_file_range sys_sync_file_range2\n\
         void *sys_call_table[];\n",
    ),
    (
        "arch/nios2/kernel/syscall_table.c",
        "#define sys_mmap2 sys_mmap_pgoff\n#define sys_clone3 __sys_clone3\n\
         void *sys_call_table[];\n",
    ),
    (
        "arch/openrisc/kernel/sys_call_table.c",
        "#define sys_clone __sys_clone\n#define sys_fork __sys_fork\nvoid *sys_call_table[];\n",
    ),
];

const BY_LONG: &str = "#include <asm/bitsperlong.h>\n\
     #if __BITS_PER_LONG == 32\n#include <asm/unistd_32.h>\n#else\n#include <asm/unistd_64.h>\n\
     #endif\n";

const RANGE2: &str =
    "#include <asm/unistd_32.h>\n#define __NR_sync_file_range2 84\n#undef __NR_sync_file_range\n";
