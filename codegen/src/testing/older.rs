//! The files that differ in older kernels.

use super::X86_64;

/// The files that differ in Linux 6.1. Each row of the generic header covers one of its forms.
pub(super) const OLDER: &[(&str, &str)] = &[
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
         #ifdef __ARCH_WANT_RENAMEAT\n#define __NR_renameat 38\n\
         __SYSCALL(__NR_renameat, sys_renameat)\n#endif\n\
         #ifdef __ARCH_WANT_SYNC_FILE_RANGE2\n#define __NR_sync_file_range2 84\n\
         __SC_COMP(__NR_sync_file_range2, sys_sync_file_range2, compat_sys_sync_file_range2)\n\
         #else\n\
         #define __NR_sync_file_range 84\n\
         __SC_COMP(__NR_sync_file_range, sys_sync_file_range, compat_sys_sync_file_range)\n#endif\n\
         #define __NR_personality 92\n__SYSCALL(__NR_personality, sys_personality)\n\
         #define __NR_clone 220\n__SYSCALL(__NR_clone, sys_clone)\n\
         #define __NR3264_mmap 222\n__SC_3264(__NR3264_mmap, sys_mmap2, sys_mmap)\n\
         #define __NR_arch_specific_syscall 244\n\
         #define __NR_pidfd_send_signal 424\n\
         __SYSCALL(__NR_pidfd_send_signal, sys_pidfd_send_signal)\n\
         #ifdef __ARCH_WANT_SYS_CLONE3\n#define __NR_clone3 435\n\
         __SYSCALL(__NR_clone3, sys_clone3)\n#endif\n\
         #ifdef __ARCH_WANT_MEMFD_SECRET\n#define __NR_memfd_secret 447\n\
         __SYSCALL(__NR_memfd_secret, sys_memfd_secret)\n#endif\n\
         #define __NR_set_mempolicy_home_node 450\n\
         __SYSCALL(__NR_set_mempolicy_home_node, sys_set_mempolicy_home_node)\n\
         #define __NR_rseq_slice_yield 471\n\
         __SYSCALL(__NR_rseq_slice_yield, sys_rseq_slice_yield)\n\
         #undef __NR_syscalls\n#define __NR_syscalls 472\n\
         #if __BITS_PER_LONG == 64 && !defined(__SYSCALL_COMPAT)\n\
         #define __NR_fcntl __NR3264_fcntl\n#define __NR_mmap __NR3264_mmap\n#else\n\
         #define __NR_fcntl64 __NR3264_fcntl\n#define __NR_mmap2 __NR3264_mmap\n#endif\n",
    ),
    (
        "arch/arm64/include/uapi/asm/unistd.h",
        "#define __ARCH_WANT_RENAMEAT\n#define __ARCH_WANT_SYS_CLONE3\n\
         #define __ARCH_WANT_MEMFD_SECRET\n\
         #include <asm-generic/unistd.h>\n",
    ),
    (
        "arch/arm64/include/asm/unistd32.h",
        "#ifndef __SYSCALL\n#define __SYSCALL(x, y)\n#endif\n\
         #define __NR_restart_syscall 0\n__SYSCALL(__NR_restart_syscall, sys_restart_syscall)\n\
         \t/* 7 was sys_waitpid */\n__SYSCALL(7, sys_ni_syscall)\n\
         #define __NR_io_setup 243\n__SYSCALL(__NR_io_setup, compat_sys_io_setup)\n\
         #define __NR_pidfd_send_signal 424\n\
         __SYSCALL(__NR_pidfd_send_signal, sys_pidfd_send_signal)\n\
         #define __NR_clone3 435\n__SYSCALL(__NR_clone3, sys_clone3)\n\
         #define __NR_set_mempolicy_home_node 450\n\
         __SYSCALL(__NR_set_mempolicy_home_node, sys_set_mempolicy_home_node)\n\
         #define __NR_rseq_slice_yield 471\n\
         __SYSCALL(__NR_rseq_slice_yield, sys_rseq_slice_yield)\n",
    ),
    (
        "arch/riscv/include/uapi/asm/unistd.h",
        "#define __ARCH_WANT_SYS_CLONE3\n#define __ARCH_WANT_MEMFD_SECRET\n\
         #include <asm-generic/unistd.h>\n\
         #ifndef __NR_riscv_flush_icache\n\
         #define __NR_riscv_flush_icache (__NR_arch_specific_syscall + 15)\n#endif\n\
         __SYSCALL(__NR_riscv_flush_icache, sys_riscv_flush_icache)\n",
    ),
    (
        "arch/loongarch/include/uapi/asm/unistd.h",
        "#define __ARCH_WANT_SYS_CLONE3\n#include <asm-generic/unistd.h>\n",
    ),
    (
        "arch/arc/include/uapi/asm/unistd.h",
        "#if !defined(_UAPI_ASM_ARC_UNISTD_H) || defined(__SYSCALL)\n\
         #define _UAPI_ASM_ARC_UNISTD_H\n\
         #define __ARCH_WANT_TIME32_SYSCALLS\n#define __ARCH_WANT_SYS_CLONE3\n\
         #define sys_mmap2 sys_mmap_pgoff\n\
         #include <asm-generic/unistd.h>\n#define NR_syscalls\t__NR_syscalls\n\
         #define __NR_sysfs\t(__NR_arch_specific_syscall + 3)\n__SYSCALL(__NR_sysfs, sys_sysfs)\n\
         #undef __SYSCALL\n#endif\n",
    ),
    (
        "arch/csky/include/uapi/asm/unistd.h",
        "#define __ARCH_WANT_TIME32_SYSCALLS\n#define __ARCH_WANT_SYS_CLONE3\n\
         #define __ARCH_WANT_SYNC_FILE_RANGE2\n\
         #include <asm-generic/unistd.h>\n",
    ),
    (
        "arch/hexagon/include/uapi/asm/unistd.h",
        "#define sys_mmap2 sys_mmap_pgoff\n#define __ARCH_WANT_TIME32_SYSCALLS\n\
         #include <asm-generic/unistd.h>\n",
    ),
    (
        "arch/nios2/include/uapi/asm/unistd.h",
        " #define sys_mmap2 sys_mmap_pgoff\n#define __ARCH_WANT_TIME32_SYSCALLS\n\
         #include <asm-generic/unistd.h>\n\
         #define __NR_cacheflush (__NR_arch_specific_syscall)\n\
         __SYSCALL(__NR_cacheflush, sys_cacheflush)\n",
    ),
    (
        "arch/openrisc/include/uapi/asm/unistd.h",
        "#define __ARCH_WANT_TIME32_SYSCALLS\n#define __ARCH_WANT_SYS_CLONE3\n\
         #include <asm-generic/unistd.h>\n\
         #define __NR_or1k_atomic __NR_arch_specific_syscall\n\
         __SYSCALL(__NR_or1k_atomic, sys_or1k_atomic)\n",
    ),
];

/// The files that differ between Linux 4.19 and 6.1.
pub(super) const OLDEST: &[(&str, &str)] = &[
    (
        X86_64,
        "0\tcommon\tread\t\t\t__x64_sys_read\r\n56\tcommon\tclone\t\t\t__x64_sys_clone/ptregs\r\n\
         134\t64\tuselib\r\n0xce\t64\tio_setup\t\t__x64_sys_io_setup\r\n\
         512\tx32\trt_sigaction\t\t__x32_compat_sys_rt_sigaction\r\n\
         520\tx32\texecve\t\t\t__x32_compat_sys_execve/ptregs\r\n\
         543\tx32\tio_setup\t\t__x32_compat_sys_io_setup\r\n\
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
         $(uapi)/unistd_x32.h: $(syscall64)\nsyshdr_abi_unistd_64 := common,64\n\
         $(uapi)/unistd_64.h: $(syscall64)\n",
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
         #if _MIPS_SIM == _MIPS_SIM_ABI64\n#define __NR_Linux 5000\n\
         #define __NR_io_setup (__NR_Linux + 200)\n#endif\n\
         #if _MIPS_SIM == _MIPS_SIM_NABI32\n#define __NR_Linux 6000\n\
         #define __NR_io_setup (__NR_Linux + 200)\n#endif\n",
    ),
    (
        "arch/sparc/include/uapi/asm/unistd.h",
        "#ifndef __32bit_syscall_numbers__\n#ifndef __arch64__\n\
         #define __32bit_syscall_numbers__\n#endif\n#endif\n\
         #define __NR_exit 1 /* Common */\n#ifdef __32bit_syscall_numbers__\n\
         #define __NR_getgid32 53\n#else\n\
         /* #define __NR_getgid32 53 */\n#endif\n#define __NR_io_setup 268\n\
         #define NR_syscalls 361\n",
    ),
    (
        "arch/powerpc/include/uapi/asm/unistd.h",
        "#define __NR_exit 1\n#ifndef __powerpc64__\n#define __NR_fcntl64 204\n#endif\n\
         #define __NR_io_setup 227\n",
    ),
    (
        "arch/parisc/include/uapi/asm/unistd.h",
        "#define __NR_HPUX_exit 1\n#define __NR_Linux 0\n#define __NR_exit (__NR_Linux + 1)\n\
         #define __NR_io_setup (__NR_Linux + 215)\n\
         #define __NR_Linux_syscalls (__NR_io_setup + 1)\n",
    ),
    (
        "arch/alpha/include/uapi/asm/unistd.h",
        "#define __NR_osf_syscall\t  0\t/* not implemented */\n#define __NR_umount 321\n\
         #define __NR_umount2 22\n\
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
    (
        "arch/sh/include/uapi/asm/unistd_32.h",
        "#define __NR_io_setup 245\n#define __NR_syscall_max __NR_io_setup\n",
    ),
    (
        "arch/xtensa/include/uapi/asm/unistd.h",
        "#ifndef __SYSCALL\n#define __SYSCALL(nr,func,nargs)\n#endif\n\
         #define __NR_spill 0\n__SYSCALL(  0, sys_ni_syscall, 0)\n\
         #define __NR_io_setup 239\n__SYSCALL(239, sys_io_setup, 2)\n\
         #define __NR_syscall_count 352\n\
         #define SYS_XTENSA_RESERVED 0\n",
    ),
];
