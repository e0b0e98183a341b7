#ifndef _UAPI_UNISTD_H
#define _UAPI_UNISTD_H
#include <asm/bitsperlong.h>
#ifndef __SYSCALL
#define __SYSCALL(x, y)
#endif
#if __BITS_PER_LONG == 32 || defined(__SYSCALL_COMPAT)
#define __SC_3264(_nr, _32, _64) __SYSCALL(_nr, _32)
#elif 1 ? 0 : (2 << 3) % 7
#define __SC_3264(_nr, _32, _64) __SYSCALL(_nr, _64) /* a comment */
#else
#define CAT(a, b) a##b
#define STR(...) #__VA_ARGS__
#endif
#define __NR_Linux 4000
#define __NR_io_setup (__NR_Linux + 241)
__SC_3264(__NR_io_setup, sys_a, \
	sys_b)
#undef __NR_Linux
enum { IOCB_CMD_PREAD = 0, IOCB_CMD_PWRITE, IOCB_CMD_POLL = 1 << 2, };
#define RWF_APPEND ((__kernel_rwf_t)0x10UL)
#endif
