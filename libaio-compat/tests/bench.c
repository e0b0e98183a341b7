/*
 * Nanoseconds for each request of a batch: io_submit and io_getevents together.
 *
 *   bench FILE     512 bytes of the file are read from the page cache
 *
 * Prints kind, size of the batch, and the least of nine rounds.
 */
#include <fcntl.h>
#include <libaio.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 128, ROUNDS = 9, REQUESTS = 100000 };

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static double each(io_context_t ctx, struct iocb **iocbs, int batch)
{
	struct io_event events[MOST];
	double begun = now();
	for (int k = 0; k < REQUESTS / batch; k++) {
		for (int done = 0; done < batch;)
			done += io_submit(ctx, batch - done, iocbs + done);
		for (int done = 0; done < batch;)
			done += io_getevents(ctx, 1, MOST, events, NULL);
	}
	return (now() - begun) / (REQUESTS / batch * batch);
}

int main(int argc, char **argv)
{
	static char buffer[512];
	struct iocb iocbs[MOST], *pointers[MOST];
	io_context_t ctx = 0;
	int pipes[2], file = argc > 1 ? open(argv[1], O_RDONLY) : -1;
	if (file < 0 || pipe(pipes) || io_setup(2 * MOST, &ctx)) return 2;
	for (int is_read = 0; is_read < 2; is_read++) {
		for (int i = 0; i < MOST; i++) {
			pointers[i] = &iocbs[i];
			if (is_read) io_prep_pread(&iocbs[i], file, buffer, sizeof buffer, 0);
			else io_prep_poll(&iocbs[i], pipes[1], POLLOUT);
		}
		for (int batch = 1; batch <= MOST; batch = batch == 1 ? 8 : 4 * batch) {
			double least = each(ctx, pointers, batch);
			for (int round = 1; round < ROUNDS; round++) {
				double time = each(ctx, pointers, batch);
				if (time < least) least = time;
			}
			printf("%s %d %.1f\n", is_read ? "pread" : "poll", batch, least);
		}
	}
	return 0;
}
