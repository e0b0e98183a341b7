/*
 * What ci/oracle/stubs builds for every ABI and runs under an emulator: system calls through the
 * emitted stubs alone, no C library.
 *
 * ci/oracle/stubs provides numbers.h (cargo codegen export c), stubs.h (cargo codegen emit c), and
 * ABI_EBADF, ABI_EINVAL and ABI_ENOSYS from the tables; NO_SIXTH is why an emulator loses a sixth
 * argument. With AIO_SYSCALL_EXTERN the same calls go to the functions of the emitted .S file.
 */
#include "numbers.h"
#include "stubs.h"

#define POINTER(p) AIO_POINTER(p)
#define AT_FDCWD (-100)
#define AT_EMPTY_PATH 0x1000
#define STATX_SIZE 0x200
#define NO_CALL 16383

#ifdef __NR_getxpid
#define __NR_getpid __NR_getxpid
#endif

static long passed, failed, skipped;

static long length(const char *text)
{
	long n = 0;
	while (text[n])
		n++;
	return n;
}

static void print(const char *text)
{
	aio_syscall3(__NR_write, 1, POINTER(text), length(text));
}

/* Without a division, which not every CPU has. */
static void print_number(long number)
{
	static const long powers[] = {
		1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1
	};
	char digits[sizeof powers / sizeof powers[0] + 1];
	char *at = digits, *first = digits;
	unsigned n;

	if (number < 0) {
		print("-");
		number = -number;
	}
	for (n = 0; n < sizeof powers / sizeof powers[0]; n++) {
		for (*at = '0'; number >= powers[n] && *at < '9'; ++*at)
			number -= powers[n];
		if (first == at && *at == '0' && powers[n] != 1)
			first = at + 1;
		at++;
	}
	*at = 0;
	print(first);
}

static void expect(const char *what, aio_word got, aio_word want)
{
	if (got == want) {
		passed++;
		return;
	}
	if (got == -ABI_ENOSYS) {
		skipped++;
		print("SKIPPED: the emulator has no ");
		print(what);
		print("\n");
		return;
	}
	failed++;
	print("wrong: ");
	print(what);
	print(" gave ");
	print_number((long)got);
	print(", not ");
	print_number((long)want);
	print("\n");
}

static volatile long seed = 1;

/*
 * Values that live across calls of every arity: as many as fill the registers that a call may keep.
 */
static void keep(void)
{
	long a = seed, b = a * 3, c = b + 5, d = c * 3, e = d + 7, f = e * 3, g = f + 9, h = g * 3;
	long i = h + 11, j = i * 3, k = j + 13, l = k * 3, m = l + 15, n = m * 3, o = n + 17;
	long p = o * 3;
	long before = a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ i ^ j ^ k ^ l ^ m ^ n ^ o ^ p;
	int round;

	for (round = 0; round < 2; round++) {
		aio_syscall0(NO_CALL);
		aio_syscall1(NO_CALL, a);
		aio_syscall2(NO_CALL, b, c);
		aio_syscall3(NO_CALL, d, e, f);
		aio_syscall4(NO_CALL, g, h, i, j);
		aio_syscall5(NO_CALL, k, l, m, n, o);
		aio_syscall6(NO_CALL, p, a, b, c, d, e);
	}
	/* The compiler cannot see their values, so it cannot compute them again. */
	expect("keep (values across calls)",
		a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ i ^ j ^ k ^ l ^ m ^ n ^ o ^ p, before);
	seed = seed + 1;
	expect("keep (one value)", p - o * 3, 0);
}

static char text[] = "0123456789abcdef";
static char buffer[64];
__extension__ typedef long long wide;

static wide offsets[2];
static struct {
	unsigned mask, blksize;
	wide attributes;
	unsigned nlink, uid, gid;
	unsigned short mode, pad;
	wide ino, size;
	char rest[256];
} stat;

static int same(const char *a, const char *b, long n)
{
	while (n-- > 0)
		if (a[n] != b[n])
			return 0;
	return 1;
}

#if defined AIO_BOTH_CHILD
#define SIGCHLD 20 /* SPARC's */

/*
 * A child by one of the calls: the second result is 1 there, and 0 in the parent. The first is not
 * looked at in the child, as the emulator has 0 where a kernel has the parent's number.
 */
static int right_child(aio_word nr, aio_word flags)
{
	aio_word before = aio_syscall0(__NR_getpid), pid, second = -1;
	int status = -1;

	pid = nr == __NR_clone ? aio_syscall5_both(nr, flags, 0, 0, 0, 0, &second)
		: aio_syscall0_both(nr, &second);
	if (aio_syscall0(__NR_getpid) != before)
		aio_syscall1(__NR_exit_group, second == 1 ? 7 : 8);
	return pid > 0 && second == 0
		&& aio_syscall4(__NR_wait4, pid, POINTER(&status), 0, 0) == pid
		&& status == 7 << 8;
}
#endif

/* The calls whose second result is half of what they say. */
static void both(void)
{
#ifdef AIO_BOTH_CHILD
	aio_word second;
#endif
#ifdef AIO_BOTH_ARRAY
	aio_word ends[2];
#endif
#ifdef AIO_BOTH_OWN
	aio_word own = -1;
#endif

#ifdef AIO_BOTH_CHILD
	expect("fork", right_child(__NR_fork, 0), 1);
	expect("vfork", right_child(__NR_vfork, 0), 1);
	expect("clone", right_child(__NR_clone, SIGCHLD), 1);
	expect("clone with bad flags", aio_syscall5_both(__NR_clone, 0x800, 0, 0, 0, 0, &second),
		-ABI_EINVAL);
#endif
#ifdef AIO_BOTH_ARRAY
	ends[0] = aio_syscall0_both(__NR_pipe, &ends[1]);
	expect("pipe", ends[0] > 2 && ends[1] > ends[0], 1);
	expect("write to a pipe", aio_syscall3(__NR_write, ends[1], POINTER(text), 5), 5);
	expect("read from a pipe", aio_syscall3(__NR_read, ends[0], POINTER(buffer), 64), 5);
	expect("what the pipe brought", same(buffer, text, 5), 1);
#endif
#ifdef AIO_BOTH_OWN
	expect("getxpid", aio_syscall0_both(__NR_getxpid, &own), aio_syscall0(__NR_gettid));
	expect("getxpid, the parent", own, aio_syscall0(__NR_getppid));
	/* The emulator runs no program under two users. */
	expect("getxuid", aio_syscall0_both(__NR_getxuid, &own), aio_syscall0(__NR_geteuid));
	expect("getxuid, effective", own, aio_syscall0(__NR_geteuid));
	expect("getxgid", aio_syscall0_both(__NR_getxgid, &own), aio_syscall0(__NR_getegid));
	expect("getxgid, effective", own, aio_syscall0(__NR_getegid));
#endif
}

static int check(void)
{
	aio_word pid, from, to, twin;

	print("hello from the stubs\n");
	expect("write to a bad descriptor", aio_syscall3(__NR_write, 999, POINTER(text), 1),
		-ABI_EBADF);
	expect("the error of a number without a call", aio_syscall0(NO_CALL) == -ABI_ENOSYS, 1);

	/* 0: a process of one thread has its own number. */
	pid = aio_syscall0(__NR_getpid);
	expect("getpid", pid == aio_syscall0(__NR_gettid) && pid > 0, 1);
	/* 2 */
	expect("kill", aio_syscall2(__NR_kill, pid, 0), 0);
	expect("kill with a bad signal", aio_syscall2(__NR_kill, pid, 999), -ABI_EINVAL);
	from = aio_syscall2(__NR_memfd_create, POINTER("from"), 0);
	to = aio_syscall2(__NR_memfd_create, POINTER("to"), 0);
	expect("memfd_create", from > 2 && to > from, 1);
	/* 1: the second close of a descriptor finds none. */
	twin = aio_syscall1(__NR_dup, from);
	expect("dup", twin > to, 1);
	expect("close", aio_syscall1(__NR_close, twin), 0);
	expect("close again", aio_syscall1(__NR_close, twin), -ABI_EBADF);
	/* 3 */
	expect("write", aio_syscall3(__NR_write, from, POINTER(text), 16), 16);
	/* 4: each of them has its say in what comes back. */
	expect("readlinkat", aio_syscall4(__NR_readlinkat, AT_FDCWD, POINTER("/proc/self/exe"),
		POINTER(buffer), 1), 1);
	expect("what readlinkat wrote", buffer[0] == '/' && buffer[1] == 0, 1);
	/* 5 */
	expect("statx", aio_syscall5(__NR_statx, from, POINTER(""), AT_EMPTY_PATH, STATX_SIZE,
		POINTER(&stat)), 0);
	expect("what statx wrote", (aio_word)stat.size, 16);
	/*
	 * 6: five bytes from offset 3 to offset 2. No two of the six can be swapped, and the last
	 * one must be 0.
	 */
	offsets[0] = 3;
	offsets[1] = 2;
#ifdef NO_SIXTH
	skipped++;
	print("SKIPPED: the sixth argument: " NO_SIXTH "\n");
#else
	expect("copy_file_range with bad flags", aio_syscall6(__NR_copy_file_range, from,
		POINTER(&offsets[0]), to, POINTER(&offsets[1]), 5, 0x40000000), -ABI_EINVAL);
#endif
	expect("copy_file_range", aio_syscall6(__NR_copy_file_range, from, POINTER(&offsets[0]), to,
		POINTER(&offsets[1]), 5, 0), 5);
	expect("offsets of copy_file_range", offsets[0] == 8 && offsets[1] == 7, 1);
	buffer[0] = buffer[1] = 1;
	expect("read", aio_syscall3(__NR_read, to, POINTER(buffer), 64), 7);
	expect("what copy_file_range copied", same(buffer, "\0\00034567", 7), 1);
	keep();
	both();

	print_number(passed);
	print(" passed, ");
	print_number(failed);
	print(" failed, ");
	print_number(skipped);
	print(" skipped\n");
	return failed != 0;
}

/* The linker's entry point is _start; some ABIs need a register set before C code runs. */
void begin(void)
{
	aio_syscall1(__NR_exit_group, check());
	for (;;)
		;
}

#if defined __alpha__
__asm__(".text\n.globl _start\n_start:\n\tbr $27, 1f\n1:\tldgp $29, 0($27)\n\tjsr $26, begin");
#elif defined __hppa__
__asm__(".text\n.globl _start\n_start:\n\tldil L%$global$, %r27\n"
	"\tldo R%$global$(%r27), %r27\n\tcopy %r27, %r19\n"
	"\tb begin\n\tldo 64(%r30), %r30");
#elif defined __mips__
__asm__(".text\n.set push\n.set noreorder\n.align 3\n.globl _start\n_start:\n\tbal 1f\n\tnop\n"
#if __SIZEOF_POINTER__ == 8
	"\t.dword begin\n1:\tld $25, 0($31)\n\tdaddiu $29, $29, -64\n"
#else
	"\t.word begin\n1:\tlw $25, 0($31)\n\taddiu $29, $29, -64\n"
#endif
	"\tjr $25\n\tnop\n.set pop");
#elif defined __i386__ || defined __x86_64__
__attribute__((force_align_arg_pointer)) void _start(void) { begin(); }
#else
void _start(void) { begin(); }
#endif
