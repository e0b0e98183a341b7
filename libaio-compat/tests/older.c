/*
 * Runs a program for i386 as an older 64-bit kernel does: Linux 5.0 has no calls with 64-bit time,
 * and has the signal mask of io_pgetevents in another place.
 *
 *   older PROGRAM [ARGUMENT…]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a 64-bit kernel took for the structure of a 32-bit program: its pointer has 64 bits. */
struct sigset_then { unsigned long long mask; unsigned size; } __attribute__((packed));
struct sigset_now { unsigned mask, size; };

/* The error of the call that a process is in, if it is not made. */
static struct { pid_t pid; int error; } refused[64];
static int *error_of(pid_t pid)
{
	int i = 0;
	while (refused[i].pid && refused[i].pid != pid)
		if (++i == sizeof refused / sizeof *refused) abort();
	refused[i].pid = pid;
	return &refused[i].error;
}

static int entry(pid_t pid, unsigned long long number, unsigned long usig)
{
	struct sigset_then then;
	struct iovec here = { &then, sizeof then }, there = { (void *)usig, sizeof then };
	if (number >= SYS_clock_gettime64 && number <= SYS_sched_rr_get_interval_time64)
		return ENOSYS;
	if (number != SYS_io_pgetevents || !usig) return 0;
	if (process_vm_readv(pid, &here, 1, &there, 1, 0) != sizeof then) return EFAULT;
	if (!then.mask) return 0;
	if (then.size != 8) return EINVAL;
	if (then.mask >> 32) return EFAULT;
	struct sigset_now now = { then.mask, then.size };
	here = (struct iovec){ &now, sizeof now };
	there.iov_len = sizeof now;
	if (process_vm_writev(pid, &here, 1, &there, 1, 0) != sizeof now) abort();
	return 0;
}

int main(int argc, char **argv)
{
	int status;
	pid_t first = fork(), pid;
	if (argc < 2) return 2;
	if (!first) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		execvp(argv[1], argv + 1);
		return 2;
	}
	waitpid(first, &status, 0);
	ptrace(PTRACE_SETOPTIONS, first, NULL,
	       PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE |
	       PTRACE_O_EXITKILL);
	ptrace(PTRACE_SYSCALL, first, NULL, NULL);
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		int signal = 0;
		if (!WIFSTOPPED(status)) {
			if (pid == first) return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
			continue;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			struct __ptrace_syscall_info info;
			struct user_regs_struct registers;
			int *error = error_of(pid);
			ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof info, &info);
			if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
				*error = entry(pid, info.entry.nr, info.entry.args[5]);
			if (*error) {
				ptrace(PTRACE_GETREGS, pid, NULL, &registers);
				if (info.op == PTRACE_SYSCALL_INFO_ENTRY) registers.orig_eax = -1;
				else registers.eax = -*error;
				ptrace(PTRACE_SETREGS, pid, NULL, &registers);
			}
		} else if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) {
			signal = WSTOPSIG(status);
		}
		ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)signal);
	}
	return 2;
}
