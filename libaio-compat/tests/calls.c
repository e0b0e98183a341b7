/*
 * Makes many calls, most of them with wrong arguments, and prints what each did: the result,
 * `errno` if it changed, the memory that was written, and what is left in the completion ring.
 *
 *   calls kernel | LIBRARY
 *
 * `kernel` makes the system calls by syscall(2). A line is the same for all implementations that
 * do the same: ci/check/libaio compares them.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libaio.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KERNEL(name, ...) ({ int saved = errno; long r = syscall(__VA_ARGS__); \
	if (r < 0) { r = -errno; errno = saved; } (int)r; })

/* What libaio's functions are, by system calls alone. */
static int k_setup(int nr, io_context_t *ctxp) { return KERNEL(setup, SYS_io_setup, nr, ctxp); }
static int k_destroy(io_context_t ctx) { return KERNEL(destroy, SYS_io_destroy, ctx); }
static int k_submit(io_context_t ctx, long nr, struct iocb **ios)
{
	return KERNEL(submit, SYS_io_submit, ctx, nr, ios);
}
static int k_cancel(io_context_t ctx, struct iocb *iocb, struct io_event *event)
{
	return KERNEL(cancel, SYS_io_cancel, ctx, iocb, event);
}
static int k_getevents(io_context_t ctx, long min, long nr, struct io_event *events,
		       struct timespec *time)
{
	return KERNEL(getevents, SYS_io_getevents, ctx, min, nr, events, time);
}
static int k_pgetevents(io_context_t ctx, long min, long nr, struct io_event *events,
			struct timespec *time, sigset_t *mask)
{
	struct { const void *mask; size_t size; } set = { mask, _NSIG / 8 };
	return KERNEL(pgetevents, SYS_io_pgetevents, ctx, min, nr, events, time, &set);
}
static int k_init(int nr, io_context_t *ctxp)
{
	if (nr <= 0) return -EINVAL;
	if (ctxp) *ctxp = 0;
	return k_setup(nr, ctxp);
}
static int k_wait(io_context_t ctx, struct timespec *time)
{
	return k_getevents(ctx, 0, 0, NULL, time);
}
static int k_run(io_context_t ctx)
{
	struct timespec zero = { 0 };
	struct io_event event;
	int result;
	while ((result = k_getevents(ctx, 0, 1, &event, &zero)) == 1)
		((io_callback_t)event.data)(ctx, event.obj, event.res, event.res2);
	return result;
}
static int k_old_cancel(io_context_t ctx, struct iocb *iocb)
{
	struct io_event event;
	return k_cancel(ctx, iocb, &event);
}
static int k_old_getevents(io_context_t ctx, long nr, struct io_event *events,
			   const struct timespec *time)
{
	return k_getevents(ctx, 1, nr, events, (struct timespec *)time);
}
#ifdef SYS_io_pgetevents_time64
struct time64 { long long seconds, nanoseconds; };
static int k_pgetevents64(io_context_t ctx, long min, long nr, struct io_event *events,
			  struct time64 *time, sigset_t *mask)
{
	struct { const void *mask; size_t size; } set = { mask, _NSIG / 8 };
	return KERNEL(pgetevents, SYS_io_pgetevents_time64, ctx, min, nr, events, time, &set);
}
static int k_getevents64(io_context_t ctx, long min, long nr, struct io_event *events,
			 struct time64 *time)
{
	return k_pgetevents64(ctx, min, nr, events, time, NULL);
}
static int (*pgetevents64)(io_context_t, long, long, struct io_event *, struct time64 *,
			   sigset_t *) = k_pgetevents64;
static int (*getevents64)(io_context_t, long, long, struct io_event *, struct time64 *) =
	k_getevents64;
#endif

static int (*setup)(int, io_context_t *) = k_setup;
static int (*destroy)(io_context_t) = k_destroy;
static int (*submit)(io_context_t, long, struct iocb **) = k_submit;
static int (*cancel)(io_context_t, struct iocb *, struct io_event *) = k_cancel;
static int (*getevents)(io_context_t, long, long, struct io_event *, struct timespec *) =
	k_getevents;
static int (*pgetevents)(io_context_t, long, long, struct io_event *, struct timespec *,
			 sigset_t *) = k_pgetevents;
static int (*init)(int, io_context_t *) = k_init;
static int (*release)(io_context_t) = k_destroy;
static int (*run)(io_context_t) = k_run;
static int (*queue_wait)(io_context_t, struct timespec *) = k_wait;
static int (*old_cancel)(io_context_t, struct iocb *) = k_old_cancel;
static int (*old_getevents)(io_context_t, long, struct io_event *, const struct timespec *) =
	k_old_getevents;
static int (*old_wait)(io_context_t, struct timespec *) = k_wait;

static void load(const char *path)
{
	void *library = dlopen(path, RTLD_NOW);
	if (!library) { fprintf(stderr, "%s\n", dlerror()); exit(2); }
#define LOAD(variable, name, version) \
	if (!(*(void **)&variable = dlvsym(library, name, "LIBAIO_" version))) { \
		fprintf(stderr, "%s\n", dlerror()); exit(2); }
	LOAD(setup, "io_setup", "0.4")
	LOAD(destroy, "io_destroy", "0.4")
	LOAD(submit, "io_submit", "0.1")
	LOAD(cancel, "io_cancel", "0.4")
	LOAD(getevents, "io_getevents", "0.4")
	LOAD(pgetevents, "io_pgetevents", "0.5")
	LOAD(init, "io_queue_init", "0.1")
	LOAD(release, "io_queue_release", "0.1")
	LOAD(run, "io_queue_run", "0.1")
	LOAD(queue_wait, "io_queue_wait", "0.4")
	LOAD(old_cancel, "io_cancel", "0.1")
	LOAD(old_getevents, "io_getevents", "0.1")
	LOAD(old_wait, "io_queue_wait", "0.1")
#ifdef SYS_io_pgetevents_time64
	LOAD(getevents64, "io_getevents_time64", "0.6")
	LOAD(pgetevents64, "io_pgetevents_time64", "0.6")
#endif
}

/* The completion ring, as fs/aio.c has it. */
struct ring { unsigned id, nr, head, tail, magic, compat, incompat, length; };

#define CANARY 0x5a
static sigjmp_buf out;
static void segv(int signal) { (void)signal; siglongjmp(out, 1); }
static void *forbidden, *read_only, *zeros, *fake;
static struct io_event room[8];
static int cases;

/* Prints the result of a call. */
static void done(int crashed, int result)
{
	if (crashed) printf("SIGSEGV");
	else if (result < 0) printf("%s", strerrorname_np(-result));
	else printf("%d", result);
	if (errno != ENXIO) printf(", errno %d", errno);
	printf("\n");
	cases++;
}
#define CASE(call, ...) do { \
	printf(__VA_ARGS__); printf(": "); \
	errno = ENXIO; \
	int result = 0, crashed = sigsetjmp(out, 1); \
	if (!crashed) result = (call); \
	done(crashed, result); \
} while (0)

static int pipes[2];
static void make_poll(struct iocb *iocb, long data)
{
	io_prep_poll(iocb, pipes[1], POLLOUT);
	iocb->data = (void *)data;
}
static io_context_t with_events(int count)
{
	io_context_t ctx = 0;
	static struct iocb iocbs[8];
	if (setup(8, &ctx)) abort();
	for (int i = 0; i < count; i++) {
		struct iocb *one = &iocbs[i];
		make_poll(one, i + 1);
		if (submit(ctx, 1, &one) != 1) abort();
	}
	return ctx;
}
static unsigned pending(io_context_t ctx)
{
	struct ring *ring = (struct ring *)ctx;
	return (ring->tail + ring->nr - ring->head) % ring->nr;
}
/* What was written to `room`, what is left, and the end of the context. */
static void after(io_context_t ctx)
{
	printf("  left %u, events", pending(ctx));
	for (int i = 0; i < 8; i++) {
		unsigned char *bytes = (unsigned char *)&room[i];
		int written = 0;
		for (size_t k = 0; k < sizeof room[i]; k++) written |= bytes[k] != CANARY;
		if (written)
			printf(" %ld:%ld:%ld", (long)room[i].data, (long)room[i].res,
			       (long)room[i].res2);
	}
	printf("\n");
	destroy(ctx);
}

/* Ids that are not contexts. */
static io_context_t destroyed;
#define STRANGE 7
static const char *strange(int kind, io_context_t *ctx)
{
	switch (kind) {
	case 0: *ctx = 0; return "null";
	case 1: *ctx = (io_context_t)-1L; return "-1";
	case 2: *ctx = (io_context_t)8; return "8";
	case 3: *ctx = forbidden; return "no access";
	case 4: *ctx = zeros; return "zeros";
	case 5: *ctx = fake; return "fake ring";
	default: *ctx = destroyed; return "destroyed";
	}
}

static void test_setup(void)
{
	static const int numbers[] = { INT_MIN, -1, 0, 1, 8, 0x7fffffff, 5000000 };
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		int nr = numbers[i];
		io_context_t ctx = 0;
		CASE(setup(nr, &ctx), "io_setup(%d)", nr);
		if (ctx) destroy(ctx);
		CASE(setup(nr, NULL), "io_setup(%d, null)", nr);
		CASE(setup(nr, forbidden), "io_setup(%d, no access)", nr);
		CASE(setup(nr, read_only), "io_setup(%d, read-only)", nr);
		ctx = (io_context_t)1;
		CASE(setup(nr, &ctx), "io_setup(%d, not 0)", nr);
		printf("  %ld\n", (long)ctx);
		CASE(init(nr, &ctx), "io_queue_init(%d, not 0)", nr);
		printf("  %d\n", ctx != 0);
		if (ctx) destroy(ctx);
		CASE(init(nr, NULL), "io_queue_init(%d, null)", nr);
		CASE(init(nr, forbidden), "io_queue_init(%d, no access)", nr);
	}
}

static void test_destroy(void)
{
	for (int kind = 0; kind < STRANGE; kind++) {
		io_context_t ctx;
		const char *name = strange(kind, &ctx);
		CASE(destroy(ctx), "io_destroy(%s)", name);
		CASE(release(ctx), "io_queue_release(%s)", name);
	}
	io_context_t ctx = with_events(2);
	CASE(destroy(ctx), "io_destroy");
	CASE(destroy(ctx), "io_destroy again");
	ctx = with_events(0);
	CASE(release(ctx), "io_queue_release");
	CASE(release(ctx), "io_queue_release again");
}

static void test_submit(void)
{
	struct iocb good, bad, *both[2] = { &good, &bad }, *nulls[2] = { 0 };
	struct iocb *addresses[2] = { forbidden, &good };
	make_poll(&good, 1);
	make_poll(&bad, 2);
	bad.aio_fildes = -1;
	for (int kind = 0; kind < STRANGE; kind++) {
		io_context_t ctx;
		const char *name = strange(kind, &ctx);
		CASE(submit(ctx, 1, both), "io_submit(%s)", name);
		CASE(submit(ctx, 0, NULL), "io_submit(%s, 0)", name);
	}
	io_context_t ctx = with_events(0);
	CASE(submit(ctx, -1, both), "io_submit(-1)");
	CASE(submit(ctx, LONG_MIN, both), "io_submit(LONG_MIN)");
	CASE(submit(ctx, 0, NULL), "io_submit(0, null)");
	CASE(submit(ctx, 1, NULL), "io_submit(1, null)");
	CASE(submit(ctx, 1, forbidden), "io_submit(1, no access)");
	CASE(submit(ctx, 1, nulls), "io_submit(a null)");
	CASE(submit(ctx, 1, addresses), "io_submit(one without access)");
	CASE(submit(ctx, 2, both), "io_submit(good, bad)");
	CASE(submit(ctx, 1, both + 1), "io_submit(bad)");
	for (int what = 0; what < 16; what++) {
		struct iocb *one = &bad;
		static const char *names[] = { "reserved", "opcode 6", "opcode 99", "opcode -1",
			"fd -1", "resfd -1", "resfd not an eventfd", "rw_flags of a poll",
			"rw_flags", "length -1", "offset -1", "vectors", "no vectors",
			"fsync with a buffer", "fsync of a pipe", "read of a write end" };
		io_prep_pread(&bad, pipes[0], room, 0, 0);
		switch (what) {
		case 0: bad.u.c.__pad3 = 1; break;
		case 1: bad.aio_lio_opcode = IO_CMD_NOOP; break;
		case 2: bad.aio_lio_opcode = 99; break;
		case 3: bad.aio_lio_opcode = -1; break;
		case 4: bad.aio_fildes = -1; break;
		case 5: io_set_eventfd(&bad, -1); break;
		case 6: io_set_eventfd(&bad, pipes[0]); break;
		case 7: make_poll(&bad, 0); bad.aio_rw_flags = 1; break;
		case 8: bad.aio_rw_flags = 1 << 30; break;
		case 9: bad.u.c.nbytes = -1; break;
		case 10: io_prep_pread(&bad, fileno(stdin), room, 1, -1); break;
		case 11: io_prep_preadv(&bad, pipes[0], zeros, 1025, 0); break;
		case 12: io_prep_preadv(&bad, pipes[0], forbidden, 1, 0); break;
		case 13: io_prep_fsync(&bad, fileno(stdin)); bad.u.c.buf = room; break;
		case 14: io_prep_fdsync(&bad, pipes[0]); break;
		default: io_prep_pread(&bad, pipes[1], room, 1, 0);
		}
		CASE(submit(ctx, 1, &one), "io_submit(%s)", names[what]);
	}
	struct iocb *constant = read_only;
	CASE(submit(ctx, 1, &constant), "io_submit(read-only)");
	make_poll(&good, 1);
	good.key = 7;
	CASE(submit(ctx, 1, both), "io_submit writes the key");
	printf("  %u\n", good.key);
	after(ctx);
}

static void test_cancel(void)
{
	struct iocb idle, ready, *one = &idle;
	struct io_event event;
	int never = eventfd(0, 0);
	for (int old = 0; old < 2; old++) {
#define CANCEL(ctx, iocb, event) (old ? old_cancel(ctx, iocb) : cancel(ctx, iocb, event))
		memset(&event, CANARY, sizeof event);
		io_prep_poll(&idle, never, POLLIN);
		idle.data = (void *)9;
		for (int kind = 0; kind < STRANGE; kind++) {
			io_context_t ctx;
			const char *name = strange(kind, &ctx);
			CASE(CANCEL(ctx, &idle, &event), "io_cancel %d(%s)", old, name);
			CASE(CANCEL(ctx, forbidden, &event), "io_cancel %d(%s, no access)", old,
			     name);
		}
		io_context_t ctx = with_events(1);
		make_poll(&ready, 1);
		CASE(CANCEL(ctx, NULL, &event), "io_cancel %d(null)", old);
		CASE(CANCEL(ctx, forbidden, &event), "io_cancel %d(no access)", old);
		CASE(CANCEL(ctx, &idle, &event), "io_cancel %d(not submitted)", old);
		CASE(CANCEL(ctx, &ready, NULL), "io_cancel %d(not submitted, null)", old);
		CASE(submit(ctx, 1, &one), "io_submit %d of a poll", old);
		idle.key = 1;
		CASE(CANCEL(ctx, &idle, &event), "io_cancel %d(with a key)", old);
		idle.key = 0;
		CASE(CANCEL(ctx, &idle, &event), "io_cancel %d", old);
		printf("  %x\n", *(unsigned char *)&event);
		CASE(CANCEL(ctx, &idle, &event), "io_cancel %d again", old);
		one = &idle;
		CASE(submit(ctx, 1, &one), "io_submit %d of a poll again", old);
		CASE(CANCEL(ctx, &idle, NULL), "io_cancel %d(no result)", old);
		CASE(getevents(ctx, 3, 3, room, NULL), "io_getevents %d after it", old);
		after(ctx);
	}
	close(never);
}

/* All that can be given for a time; null only where it does not wait. */
#define TIMES 5
static const char *a_time(int kind, struct timespec **time)
{
	static struct timespec zero, soon = { 0, 1000000 }, odd = { 0, 1500000000 };
	switch (kind) {
	case 0: *time = &zero; return "zero";
	case 1: *time = &soon; return "1 ms";
	case 2: *time = forbidden; return "no access";
	case 3: *time = NULL; return "null";
	default: *time = &odd; odd.tv_nsec = 1000000001; return "1000000001 ns";
	}
}

static void test_getevents(void)
{
	static const long pairs[][2] = { { 0, 0 }, { 0, 1 }, { 1, 1 }, { 2, 8 }, { 3, 3 }, { 0, 8 },
		{ 1, 0 }, { -1, 1 }, { 0, -1 }, { LONG_MIN, LONG_MAX }, { 4, 8 }, { 8, 8 } };
	struct timespec *time, zero = { 0 };
	for (int kind = 0; kind < STRANGE; kind++)
		for (int when = 0; when < TIMES - 1; when++) {
			io_context_t ctx;
			const char *name = strange(kind, &ctx), *until = a_time(when, &time);
			CASE(getevents(ctx, 0, 1, room, time), "io_getevents(%s, %s)", name, until);
			CASE(getevents(ctx, 1, 1, room, time), "io_getevents(%s, 1, %s)", name,
			     until);
			CASE(pgetevents(ctx, 0, 1, room, time, NULL), "io_pgetevents(%s, %s)",
			     name, until);
			CASE(queue_wait(ctx, time), "io_queue_wait(%s, %s)", name, until);
			CASE(old_wait(ctx, time), "io_queue_wait 0.1(%s, %s)", name, until);
			CASE(old_getevents(ctx, 1, room, time), "io_getevents 0.1(%s, %s)", name,
			     until);
		}
	for (int ready = 0; ready <= 3; ready += 3)
		for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
			for (int when = 0; when < TIMES; when++) {
				long min = pairs[i][0], nr = pairs[i][1];
				const char *until = a_time(when, &time);
				int refused = min < 0 || min > nr;
				if (!time && !refused && min > ready) continue;
				if (when == TIMES - 1 && min > ready) continue;
				io_context_t ctx = with_events(ready);
				memset(room, CANARY, sizeof room);
				CASE(getevents(ctx, min, nr, room, time),
				     "%d ready: io_getevents(%ld, %ld, %s)", ready, min, nr, until);
				after(ctx);
				if (when > 1) continue;
				ctx = with_events(ready);
				memset(room, CANARY, sizeof room);
				CASE(pgetevents(ctx, min, nr, room, time, NULL),
				     "%d ready: io_pgetevents(%ld, %ld, %s)", ready, min, nr,
				     until);
				after(ctx);
			}
	for (int ready = 0; ready <= 3; ready += 3) {
		struct { void *to; const char *name; } rooms[] = { { NULL, "null" },
			{ forbidden, "no access" }, { read_only, "read-only" },
			{ (char *)room + 1, "not aligned" } };
		for (int i = 0; i < 4; i++) {
			io_context_t ctx = with_events(ready);
			memset(room, CANARY, sizeof room);
			CASE(getevents(ctx, 0, 2, rooms[i].to, &zero),
			     "%d ready: io_getevents(to %s)", ready, rooms[i].name);
			after(ctx);
		}
		for (int when = 0; when < 2; when++) {
			const char *until = a_time(when, &time);
			io_context_t ctx = with_events(ready);
			memset(room, CANARY, sizeof room);
			CASE(queue_wait(ctx, time), "%d ready: io_queue_wait(%s)", ready, until);
			CASE(old_wait(ctx, time), "%d ready: io_queue_wait 0.1(%s)", ready, until);
			CASE(old_getevents(ctx, 2, room, time), "%d ready: io_getevents 0.1(2, %s)",
			     ready, until);
			CASE(old_getevents(ctx, -1, room, time),
			     "%d ready: io_getevents 0.1(-1, %s)", ready, until);
			after(ctx);
		}
	}
}

static volatile int handled;
static void handler(int signal) { (void)signal; handled++; }
static void test_signals(void)
{
	struct timespec zero = { 0 };
	sigset_t none, usr1, with;
	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	signal(SIGUSR1, handler);
	sigprocmask(SIG_BLOCK, &usr1, &with);
	for (int ready = 0; ready <= 3; ready += 3)
		for (int kind = 0; kind < 4; kind++) {
			sigset_t *masks[] = { NULL, &none, &usr1, forbidden };
			static const char *names[] = { "no mask", "unblocked", "blocked",
				"no access" };
			io_context_t ctx = with_events(ready);
			memset(room, CANARY, sizeof room);
			handled = 0;
			raise(SIGUSR1);
			CASE(pgetevents(ctx, 0, 2, room, &zero, masks[kind]),
			     "%d ready, a signal pending: io_pgetevents(%s)", ready, names[kind]);
			printf("  handled %d\n", handled);
			/* So that the next one is pending alone. */
			sigprocmask(SIG_SETMASK, &with, NULL);
			sigprocmask(SIG_BLOCK, &usr1, NULL);
			after(ctx);
		}
	for (int kind = 0; kind < STRANGE; kind++) {
		io_context_t ctx;
		const char *name = strange(kind, &ctx);
		CASE(pgetevents(ctx, 0, 1, room, &zero, &usr1), "io_pgetevents(%s, a mask)", name);
		CASE(pgetevents(ctx, 0, 1, room, &zero, forbidden), "io_pgetevents(%s, no access)",
		     name);
	}
	sigprocmask(SIG_SETMASK, &with, NULL);
}

static void called(io_context_t ctx, struct iocb *iocb, long res, long res2)
{
	(void)ctx;
	printf("  called %d %ld %ld\n", iocb->aio_reqprio, res, res2);
}
static void test_run(void)
{
	for (int kind = 0; kind < STRANGE; kind++) {
		io_context_t ctx;
		const char *name = strange(kind, &ctx);
		CASE(run(ctx), "io_queue_run(%s)", name);
	}
	io_context_t ctx = with_events(0);
	CASE(run(ctx), "io_queue_run of nothing");
	struct iocb iocbs[4], *one;
	for (int i = 0; i < 4; i++) {
		one = &iocbs[i];
		make_poll(one, 0);
		if (i == 2) io_prep_fsync(one, fileno(stdin));
		if (i == 3) io_prep_fdsync(one, fileno(stdin));
		one->aio_reqprio = i;
		io_set_callback(one, called);
		CASE(submit(ctx, 1, &one), "io_submit with a callback");
		/* The syncs are done by kernel threads, in any order. */
		while (pending(ctx) <= (unsigned)i) usleep(1000);
	}
	CASE(run(ctx), "io_queue_run");
	CASE(run(ctx), "io_queue_run again");
	memset(room, CANARY, sizeof room);
	after(ctx);
}

static void test_fork(void)
{
	struct timespec zero = { 0 }, *time;
	struct iocb iocb, *one = &iocb;
	for (int ready = 0; ready <= 3; ready += 3) {
		io_context_t ctx = with_events(ready);
		memset(room, CANARY, sizeof room);
		fflush(stdout);
		pid_t child = fork();
		if (!child) {
			for (int when = 0; when < 2; when++) {
				const char *until = a_time(when, &time);
				CASE(getevents(ctx, 0, 2, room, time),
				     "%d ready, in a child: io_getevents(0, %s)", ready, until);
				CASE(getevents(ctx, 1, 2, room, time),
				     "%d ready, in a child: io_getevents(1, %s)", ready, until);
				CASE(pgetevents(ctx, 1, 2, room, time, NULL),
				     "%d ready, in a child: io_pgetevents(1, %s)", ready, until);
			}
			make_poll(&iocb, 1);
			CASE(submit(ctx, 1, &one), "%d ready, in a child: io_submit", ready);
			CASE(cancel(ctx, one, room), "%d ready, in a child: io_cancel", ready);
			CASE(run(ctx), "%d ready, in a child: io_queue_run", ready);
			CASE(destroy(ctx), "%d ready, in a child: io_destroy", ready);
			CASE(destroy(ctx), "%d ready, in a child: io_destroy again", ready);
			io_context_t own = with_events(2);
			CASE(getevents(own, 2, 8, room, &zero),
			     "%d ready, in a child: its own context", ready);
			after(own);
			fflush(stdout);
			_exit(0);
		}
		int status;
		waitpid(child, &status, 0);
		CASE(getevents(ctx, 0, 8, room, &zero), "%d ready: the parent's events", ready);
		printf("  child %d\n", status);
		after(ctx);
	}
}

#ifdef SYS_io_pgetevents_time64
static void test_time64(void)
{
	/* The upper half of the nanoseconds is padding. */
	struct time64 times[] = { { 0, 0 }, { 0, 1000000 }, { 0, 5LL << 32 }, { 1LL << 32, 0 } };
	for (int ready = 0; ready <= 3; ready += 3)
		for (int i = 0; i < 4; i++)
			for (long min = 0; min < 5; min += 2) {
				if (i == 3 && min > ready) continue;
				io_context_t ctx = with_events(ready);
				memset(room, CANARY, sizeof room);
				CASE(getevents64(ctx, min, 4, room, &times[i]),
				     "%d ready: io_getevents_time64(%ld, %d)", ready, min, i);
				after(ctx);
				ctx = with_events(ready);
				memset(room, CANARY, sizeof room);
				CASE(pgetevents64(ctx, min, 4, room, &times[i], NULL),
				     "%d ready: io_pgetevents_time64(%ld, %d)", ready, min, i);
				after(ctx);
			}
	for (int kind = 0; kind < STRANGE; kind++) {
		io_context_t ctx;
		const char *name = strange(kind, &ctx);
		CASE(getevents64(ctx, 0, 1, room, &times[0]), "io_getevents_time64(%s)", name);
		CASE(pgetevents64(ctx, 0, 1, room, &times[0], NULL), "io_pgetevents_time64(%s)",
		     name);
	}
}
#endif

int main(int argc, char **argv)
{
	if (argc != 2) { fprintf(stderr, "usage: calls kernel | LIBRARY\n"); return 2; }
	if (strcmp(argv[1], "kernel")) load(argv[1]);
	struct sigaction action = { .sa_handler = segv, .sa_flags = SA_NODEFER };
	sigaction(SIGSEGV, &action, NULL);
	/* A regular file whose first byte can be read. */
	if (!freopen("/proc/self/exe", "r", stdin) || pipe2(pipes, O_NONBLOCK)) return 2;
	size_t page = sysconf(_SC_PAGESIZE);
	char *pages = mmap(0, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	forbidden = pages;
	zeros = pages + page;
	fake = pages + 2 * page;
	read_only = pages + 3 * page;
	*(struct ring *)fake = (struct ring){ 0, 127, 0, 0, 0xa10a10a1, 1, 0, 32 };
	make_poll((struct iocb *)(pages + 3 * page), 1);
	mprotect(pages, page, PROT_NONE);
	mprotect(pages + 3 * page, page, PROT_READ);
	destroyed = with_events(0);
	destroy(destroyed);

	test_setup();
	test_destroy();
	test_submit();
	test_cancel();
	test_getevents();
	test_signals();
	test_run();
	test_fork();
#ifdef SYS_io_pgetevents_time64
	test_time64();
#endif
	fprintf(stderr, "%d calls\n", cases);
	return 0;
}
