/*
 * Many threads on one context: each event is delivered exactly once.
 *
 *   threads [signals]
 *
 * Some submit, and the others take events in every way there is, waiting and not. With `signals`,
 * a timer interrupts them, and the handler takes events, too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <libaio.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

enum { SUBMITTERS = 2, REAPERS = 3, EACH = 60000, ALL = SUBMITTERS * EACH, WAYS = 4096 };

static io_context_t ctx;
static int pipes[2];
static atomic_uchar seen[ALL];
static atomic_int taken, wrong;

static int take(int way, struct io_event *events)
{
	struct timespec zero = { 0 }, soon = { 0, 200000 };
	sigset_t none;
	sigemptyset(&none);
	/* Mostly without waiting: who waits inside the kernel keeps the others from the ring. */
	switch (way % WAYS) {
	case 0: return io_getevents(ctx, 1, 8, events, &soon);
	case 1: return io_getevents(ctx, 3, 8, events, &soon);
	default:
		switch (way % 16) {
		case 1: return io_pgetevents(ctx, 1, 2, events, &zero, &none);
		case 2: case 6: return io_getevents(ctx, 0, 5, events, &zero);
		case 3: case 7: return io_getevents(ctx, 0, 1, events, NULL);
		default: return io_pgetevents(ctx, 1, 1, events, &zero, NULL);
		}
	}
}

static void count(struct io_event *events, int result)
{
	if (result < 0 && result != -EINTR) wrong++;
	for (int i = 0; i < result; i++) {
		size_t number = (size_t)events[i].data;
		if (number >= ALL || seen[number]++ || events[i].res != POLLOUT) wrong++;
		taken++;
	}
}

static void handler(int signal)
{
	struct io_event events[8];
	(void)signal;
	for (int way = 17; way < 20; way++) count(events, take(way, events));
}

static void *submitter(void *first)
{
	for (size_t i = 0; i < EACH; i++) {
		struct iocb iocb, *one = &iocb;
		io_prep_poll(&iocb, pipes[1], POLLOUT);
		iocb.data = (char *)first + i;
		int result;
		while ((result = io_submit(ctx, 1, &one)) == -EAGAIN) usleep(10);
		if (result != 1) wrong++;
	}
	return NULL;
}

static void *reaper(void *first)
{
	struct io_event events[8];
	for (int way = (long)first; taken < ALL && !wrong; way++)
		count(events, take(way, events));
	return NULL;
}

/* An array for events that cannot be written at first. */
static struct io_event *closed;
static void fault(int signal)
{
	struct io_event events[8];
	(void)signal;
	count(events, take(17, events));
	mprotect(closed, sizeof(struct io_event[8]), PROT_READ | PROT_WRITE);
}

/* A signal handler takes events in the midst of io_getevents. Some are left then. */
static void interrupted(void)
{
	struct timespec zero = { 0 };
	closed = mmap(NULL, sizeof(struct io_event[8]), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	signal(SIGSEGV, fault);
	for (size_t i = 0; i < 7; i++) {
		struct iocb iocb, *one = &iocb;
		io_prep_poll(&iocb, pipes[1], POLLOUT);
		iocb.data = (void *)i;
		if (io_submit(ctx, 1, &one) != 1) wrong++;
	}
	while (taken < 7 && !wrong) {
		int result = io_getevents(ctx, 0, 8, closed, &zero);
		/* The kernel answers this. */
		if (result == -EFAULT) fault(0);
		else count(closed, result);
	}
	if (wrong) printf("interrupted: %d wrong\n", wrong);
	for (size_t i = 0; i < 7; i++) seen[i] = 0;
	taken = 0;
	signal(SIGSEGV, SIG_DFL);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (io_setup(64, &ctx) || pipe(pipes)) return 2;
	interrupted();
	struct itimerval often = { { 0, 100 }, { 0, 100 } }, never = { 0 };
	if (argc > 1) {
		signal(SIGALRM, handler);
		setitimer(ITIMER_REAL, &often, NULL);
	}
	pthread_t threads[SUBMITTERS + REAPERS];
	for (long i = 0; i < SUBMITTERS + REAPERS; i++)
		pthread_create(&threads[i], NULL, i < SUBMITTERS ? submitter : reaper,
			       (void *)(i < SUBMITTERS ? i * EACH : i));
	/* The kernel prefers the first thread for the signals of a process. */
	reaper(0);
	for (int i = 0; i < SUBMITTERS + REAPERS; i++) pthread_join(threads[i], NULL);
	setitimer(ITIMER_REAL, &never, NULL);
	printf("%d of %d events, %d wrong\n", taken, ALL, wrong);
	return taken != ALL || wrong;
}
