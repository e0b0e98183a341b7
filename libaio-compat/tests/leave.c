/*
 * Threads that leave a call otherwise than by its return, or are held up in it.
 *
 *   leave stalled     a thread is held up while it takes events, and another destroys the context
 *   leave jumped      a signal handler jumps out of io_getevents, context after context
 *   leave destroyed   two threads destroy each context at the same time
 *   leave forked      a child ends by exit(3), and has destroyed one of its parent's contexts
 *   leave blocked     io_submit blocks, and its request is completed when it returns
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <libaio.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition) do { if (!(condition)) { \
	printf("%s:%d: %s\n", __FILE__, __LINE__, #condition); exit(1); } } while (0)

static io_context_t ctx;
static int pipes[2];
static struct timespec zero;

static io_context_t with_events(int count)
{
	io_context_t made = 0;
	CHECK(io_setup(8, &made) == 0);
	for (int i = 0; i < count; i++) {
		struct iocb iocb, *one = &iocb;
		io_prep_poll(&iocb, pipes[1], POLLOUT);
		iocb.data = (void *)(long)(i + 1);
		CHECK(io_submit(made, 1, &one) == 1);
	}
	return made;
}

/* An array for events that cannot be written before the handler has run. */
static struct io_event *closed;
static atomic_int stalled, resumed;
static void stall(int signal)
{
	(void)signal;
	stalled = 1;
	usleep(1000000);
	mprotect(closed, sizeof(struct io_event[8]), PROT_READ | PROT_WRITE);
	resumed = 1;
}
static void *reader(void *unused)
{
	(void)unused;
	CHECK(io_getevents(ctx, 1, 8, closed, &zero) == 3);
	CHECK(closed[0].data == (void *)1 && closed[2].data == (void *)3);
	return NULL;
}
static void test_stalled(void)
{
	pthread_t thread;
	ctx = with_events(3);
	closed = mmap(NULL, sizeof(struct io_event[8]), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	signal(SIGSEGV, stall);
	pthread_create(&thread, NULL, reader, NULL);
	while (!stalled) usleep(100);
	signal(SIGSEGV, SIG_DFL);
	CHECK(io_destroy(ctx) == 0);
	CHECK(resumed);
	pthread_join(thread, NULL);
}

static sigjmp_buf out;
static void jump(int signal) { (void)signal; siglongjmp(out, 1); }
static void test_jumped(void)
{
	struct itimerval soon = { { 0 }, { 0, 3000 } };
	struct io_event events[8];
	signal(SIGALRM, jump);
	/* More often than a context has places in the library. */
	for (volatile int round = 0; round < 40; round++) {
		ctx = with_events(0);
		if (!sigsetjmp(out, 1)) {
			setitimer(ITIMER_REAL, &soon, NULL);
			io_getevents(ctx, 1, 8, events, NULL);
			CHECK(!"no event");
		}
		CHECK(io_destroy(ctx) == 0);
	}
	/* Its events are taken from the ring: the trace says so. */
	ctx = with_events(3);
	CHECK(io_getevents(ctx, 3, 8, events, NULL) == 3);
	printf("last=%ld\n", (long)ctx);
	CHECK(io_destroy(ctx) == 0);
}

/* Both threads come at the same instant, or nearly so: they do not sleep before it. */
static atomic_int arrived, destroyed;
static void meet(int before)
{
	arrived++;
	while (arrived < before) ;
}
static void *destroyer(void *rounds)
{
	for (int i = 0; i < (int)(long)rounds; i++) {
		meet(4 * i + 2);
		if (io_destroy(ctx) == 0) destroyed++;
		meet(4 * i + 4);
	}
	return NULL;
}
static void test_destroyed(void)
{
	enum { ROUNDS = 100 };
	pthread_t thread;
	pthread_create(&thread, NULL, destroyer, (void *)(long)ROUNDS);
	for (int i = 0; i < ROUNDS; i++) {
		ctx = with_events(1);
		meet(4 * i + 2);
		if (io_destroy(ctx) == 0) destroyed++;
		meet(4 * i + 4);
	}
	pthread_join(thread, NULL);
	CHECK(destroyed == ROUNDS);
}

static void test_forked(void)
{
	struct io_event events[8];
	int status;
	io_context_t other = with_events(1);
	ctx = with_events(1);
	fflush(stdout);
	pid_t child = fork();
	if (!child) {
		io_context_t own = with_events(2);
		CHECK(io_getevents(own, 2, 8, events, NULL) == 2);
		CHECK(io_destroy(other) < 0);
		exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(io_getevents(ctx, 1, 8, events, NULL) == 1);
	CHECK(io_getevents(other, 1, 8, events, NULL) == 1);
}

/* A write into a pipe that is full, until it is emptied. */
static void *emptier(void *unused)
{
	static char bytes[1 << 16];
	(void)unused;
	usleep(200000);
	CHECK(read(pipes[0], bytes, sizeof bytes) == sizeof bytes);
	return NULL;
}
static void test_blocked(void)
{
	static char bytes[1 << 16];
	struct io_event events[8];
	struct iocb iocb, *one = &iocb;
	pthread_t thread;
	CHECK(fcntl(pipes[1], F_SETPIPE_SZ, sizeof bytes) == sizeof bytes);
	CHECK(write(pipes[1], bytes, sizeof bytes) == sizeof bytes);
	ctx = with_events(0);
	pthread_create(&thread, NULL, emptier, NULL);
	io_prep_pwrite(&iocb, pipes[1], bytes, 512, 0);
	CHECK(io_submit(ctx, 1, &one) == 1);
	CHECK(io_getevents(ctx, 1, 8, events, &zero) == 1 && events[0].res == 512);
	CHECK(io_destroy(ctx) == 0);
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	static const struct { const char *name; void (*test)(void); } tests[] = {
		{ "stalled", test_stalled }, { "jumped", test_jumped },
		{ "destroyed", test_destroyed }, { "forked", test_forked },
		{ "blocked", test_blocked },
	};
	if (argc != 2 || pipe(pipes)) return 2;
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		if (!strcmp(argv[1], tests[i].name)) {
			tests[i].test();
			return 0;
		}
	return 2;
}
