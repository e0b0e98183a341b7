#ifdef CONFIG_COMPAT
COMPAT_SYSCALL_DEFINE3(io_submit, compat_aio_context_t, ctx_id,
		       int, nr, compat_uptr_t __user *, iocbpp)
{
	return 'x' + "\"(";
}
#elif defined(A) && !defined(B)
SYSCALL_DEFINE2(truncate64, const char __user *, path, SC_ARG64(length)) // comment
#endif
asmlinkage long sys_old(void (*handler)(int), int fd[2]) { }
