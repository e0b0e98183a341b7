/*
 * All that libaio.h has. Compiled with two headers, `layout` has the same bytes in both object
 * files, and the same functions are called; run, the program prints the same.
 */
#include <libaio.h>
#include <stddef.h>

#define FIELD(type, field) offsetof(type, field), sizeof(((type *)0)->field)
#define BOTH(field) FIELD(struct iocb, u.field)
const unsigned char layout[] = {
	sizeof(struct iocb), _Alignof(struct iocb), sizeof(struct io_event),
	sizeof(struct io_iocb_poll), sizeof(struct io_iocb_sockaddr),
	sizeof(struct io_iocb_common), sizeof(struct io_iocb_vector), sizeof(io_iocb_cmd_t),
	FIELD(struct iocb, data), FIELD(struct iocb, key), FIELD(struct iocb, aio_rw_flags),
	FIELD(struct iocb, aio_lio_opcode), FIELD(struct iocb, aio_reqprio),
	FIELD(struct iocb, aio_fildes), BOTH(c), BOTH(v), BOTH(poll), BOTH(saddr),
	BOTH(c.buf), BOTH(c.nbytes), BOTH(c.offset), BOTH(c.__pad3), BOTH(c.flags), BOTH(c.resfd),
	BOTH(v.vec), BOTH(v.nr), BOTH(v.offset), BOTH(poll.events),
	BOTH(saddr.addr), BOTH(saddr.len),
	FIELD(struct io_event, data), FIELD(struct io_event, obj), FIELD(struct io_event, res),
	FIELD(struct io_event, res2),
	sizeof(struct io_sigset), FIELD(struct io_sigset, ss), FIELD(struct io_sigset, ss_len),
	sizeof(struct io_sigset_compat), FIELD(struct io_sigset_compat, ss),
	FIELD(struct io_sigset_compat, ss_len),
	IO_CMD_PREAD, IO_CMD_PWRITE, IO_CMD_FSYNC, IO_CMD_FDSYNC, IO_CMD_POLL, IO_CMD_NOOP,
	IO_CMD_PREADV, IO_CMD_PWRITEV,
};

/* A compiler warns where a type has another sign or another length. */
unsigned *key(struct iocb *i) { return &i->key; }
unsigned *rw_flags(struct iocb *i) { return &i->aio_rw_flags; }
short *opcode(struct iocb *i) { return &i->aio_lio_opcode; }
short *priority(struct iocb *i) { return &i->aio_reqprio; }
int *descriptor(struct iocb *i) { return &i->aio_fildes; }
void **data(struct iocb *i) { return &i->data; }
void **buffer(struct iocb *i) { return &i->u.c.buf; }
unsigned long *length(struct iocb *i) { return &i->u.c.nbytes; }
long long *offset(struct iocb *i) { return &i->u.c.offset; }
unsigned *flags(struct iocb *i) { return &i->u.c.flags; }
unsigned *resfd(struct iocb *i) { return &i->u.c.resfd; }
int *events(struct iocb *i) { return &i->u.poll.events; }
const struct iovec **vectors(struct iocb *i) { return &i->u.v.vec; }
unsigned long *count(struct iocb *i) { return &i->u.v.nr; }
void **event_data(struct io_event *e) { return &e->data; }
struct iocb **object(struct io_event *e) { return &e->obj; }
unsigned long *result(struct io_event *e) { return &e->res; }
unsigned long *result2(struct io_event *e) { return &e->res2; }

#ifdef RUN
#include <stdio.h>
static void callback(io_context_t ctx, struct iocb *iocb, long res, long res2)
{
	(void)ctx; (void)iocb; (void)res; (void)res2;
}
#define SHOW(name, ...) do { \
	memset(&iocb, 0xff, sizeof iocb); \
	__VA_ARGS__; \
	printf("%-10s", name); \
	for (size_t k = 0; k < sizeof iocb; k++) printf(" %02x", ((unsigned char *)&iocb)[k]); \
	printf("\n"); \
} while (0)
#endif

int main(void)
{
	static struct iocb iocb, *one = &iocb;
	io_context_t ctx = 0;
	struct io_event event;
	int status = io_setup(1, &ctx);
#ifdef RUN
	char *buf = (char *)0x12345678;
	const struct iovec *iov = (void *)0x23456789;
	long long far = 0x123456789abcdefLL;
	printf("%d\n", io_getevents(ctx, 0, 1, &event, NULL));
	printf("%d\n", io_pgetevents(ctx, 0, 1, &event, NULL, NULL));
	SHOW("pread", io_prep_pread(&iocb, 3, buf, 0x7654321, far));
	SHOW("pwrite", io_prep_pwrite(&iocb, -4, buf, -1, -far));
	SHOW("preadv", io_prep_preadv(&iocb, 3, iov, 7, far));
	SHOW("pwritev", io_prep_pwritev(&iocb, 3, iov, -7, far));
	SHOW("preadv2", io_prep_preadv2(&iocb, 3, iov, 7, far, 9));
	SHOW("pwritev2", io_prep_pwritev2(&iocb, 3, iov, 7, far, -9));
	SHOW("poll", io_prep_poll(&iocb, 3, 0x12345));
	SHOW("fsync", io_prep_fsync(&iocb, 3));
	SHOW("fdsync", io_prep_fdsync(&iocb, 3));
	SHOW("eventfd", io_prep_fsync(&iocb, 3), io_set_eventfd(&iocb, 77));
	SHOW("callback", io_prep_fsync(&iocb, 3), io_set_callback(&iocb, (io_callback_t)buf));
	printf("%d", io_poll(ctx, &iocb, callback, 1, 4));
	SHOW("", iocb.data = NULL);
	printf("%d", io_fsync(ctx, &iocb, callback, -1));
	SHOW("", iocb.data = NULL);
	printf("%d", io_fdsync(ctx, &iocb, callback, -1));
	SHOW("", iocb.data = NULL);
#else
	struct timespec *time = NULL;
	sigset_t *mask = NULL;
	status |= io_getevents(ctx, 0, 1, &event, time);
	status |= io_pgetevents(ctx, 0, 1, &event, time, mask);
	status |= io_queue_init(1, &ctx) | io_queue_run(ctx) | io_queue_release(ctx);
#endif
	status |= io_submit(ctx, 0, &one) | io_cancel(ctx, &iocb, &event);
	io_destroy(ctx);
	return status == 77;
}
