/*
 * Linux native asynchronous I/O: source-compatible with libaio 0.3.113.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The functions return -errno where the system call fails, and do not touch `errno`. The structures
 * are those of <linux/aio_abi.h> with C types: a pointer or a `long` has 64 bits there on every
 * ABI.
 */
#ifndef LIBAIO_H
#define LIBAIO_H

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/select.h> /* sigset_t, also where <signal.h> has it only with POSIX */
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iovec;
struct sockaddr;
struct timespec;

/* A field of 64 bits, of which the C type has the low half where it has 32 bits. */
#define LIBAIO_LITTLE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
#if LONG_MAX > 0x7fffffff
#define LIBAIO_WIDE(field, padding) field
#elif LIBAIO_LITTLE
#define LIBAIO_WIDE(field, padding) field; unsigned padding
#else
#define LIBAIO_WIDE(field, padding) unsigned padding; field
#endif

/* Two fields of 32 bits, of which the first is the low half of 64. */
#if !LIBAIO_LITTLE
#define LIBAIO_PAIR(low, high) unsigned high; low
#elif LONG_MAX > 0x7fffffff
#define LIBAIO_PAIR(low, high) low, high
#else
#define LIBAIO_PAIR(low, high) low; unsigned high
#endif

typedef struct io_context *io_context_t;

/* Standards before C99 and C++11 do not have it. */
__extension__ typedef long long libaio_offset_t;

typedef enum io_iocb_cmd {
	IO_CMD_PREAD = 0,
	IO_CMD_PWRITE = 1,
	IO_CMD_FSYNC = 2,
	IO_CMD_FDSYNC = 3,
	IO_CMD_POLL = 5,
	IO_CMD_NOOP = 6,
	IO_CMD_PREADV = 7,
	IO_CMD_PWRITEV = 8
} io_iocb_cmd_t;

struct io_iocb_poll {
	LIBAIO_PAIR(int events, __pad1);
};

struct io_iocb_sockaddr {
	LIBAIO_WIDE(struct sockaddr *addr, __pad1);
	LIBAIO_WIDE(unsigned long len, __pad2);
};

struct io_iocb_common {
	LIBAIO_WIDE(void *buf, __pad1);
	LIBAIO_WIDE(unsigned long nbytes, __pad2);
	libaio_offset_t offset;
	libaio_offset_t __pad3;
	unsigned flags;
	unsigned resfd;
};

struct io_iocb_vector {
	LIBAIO_WIDE(const struct iovec *vec, __pad1);
	LIBAIO_WIDE(unsigned long nr, __pad2);
	libaio_offset_t offset;
};

struct iocb {
	LIBAIO_WIDE(void *data, __pad1);
	LIBAIO_PAIR(unsigned key, aio_rw_flags);
	short aio_lio_opcode;
	short aio_reqprio;
	int aio_fildes;
	union {
		struct io_iocb_common c;
		struct io_iocb_vector v;
		struct io_iocb_poll poll;
		struct io_iocb_sockaddr saddr;
	} u;
};

struct io_event {
	LIBAIO_WIDE(void *data, __pad1);
	LIBAIO_WIDE(struct iocb *obj, __pad2);
	LIBAIO_WIDE(unsigned long res, __pad3);
	LIBAIO_WIDE(unsigned long res2, __pad4);
};

struct io_sigset {
	unsigned long ss;
	unsigned long ss_len;
};

struct io_sigset_compat {
	LIBAIO_WIDE(unsigned long ss, __ss_pad);
	unsigned long ss_len;
};

#undef LIBAIO_LITTLE
#undef LIBAIO_PAIR
#undef LIBAIO_WIDE

typedef void (*io_callback_t)(io_context_t ctx, struct iocb *iocb, long res, long res2);

extern int io_setup(int maxevents, io_context_t *ctxp);
extern int io_destroy(io_context_t ctx);
extern int io_submit(io_context_t ctx, long nr, struct iocb *ios[]);
extern int io_cancel(io_context_t ctx, struct iocb *iocb, struct io_event *evt);

/* Where `struct timespec` has 64-bit seconds though `long` has 32 bits. */
#if LONG_MAX == 0x7fffffff && defined(_TIME_BITS) && _TIME_BITS == 64
extern int io_getevents(io_context_t ctx, long min_nr, long nr, struct io_event *events,
			struct timespec *timeout) __asm__("io_getevents_time64");
extern int io_pgetevents(io_context_t ctx, long min_nr, long nr, struct io_event *events,
			 struct timespec *timeout, sigset_t *sigmask)
	__asm__("io_pgetevents_time64");
#else
extern int io_getevents(io_context_t ctx, long min_nr, long nr, struct io_event *events,
			struct timespec *timeout);
extern int io_pgetevents(io_context_t ctx, long min_nr, long nr, struct io_event *events,
			 struct timespec *timeout, sigset_t *sigmask);
#endif

extern int io_queue_init(int maxevents, io_context_t *ctxp);
extern int io_queue_release(io_context_t ctx);
extern int io_queue_run(io_context_t ctx);

static __inline__ void io_set_callback(struct iocb *iocb, io_callback_t cb)
{
	iocb->data = __extension__(void *)cb;
}

/* For an iocb that was prepared. */
static __inline__ void io_set_eventfd(struct iocb *iocb, int eventfd)
{
	iocb->u.c.flags |= 1; /* IOCB_FLAG_RESFD */
	iocb->u.c.resfd = eventfd;
}

/* Each io_prep_* overwrites the whole iocb: set data and eventfd afterwards. */
static __inline__ void libaio_prep(struct iocb *iocb, io_iocb_cmd_t command, int fd)
{
	memset(iocb, 0, sizeof(*iocb));
	iocb->aio_lio_opcode = command;
	iocb->aio_fildes = fd;
}

static __inline__ void libaio_prep_transfer(struct iocb *iocb, io_iocb_cmd_t command, int fd,
					    const void *buf, size_t count, libaio_offset_t offset,
					    int flags)
{
	libaio_prep(iocb, command, fd);
	iocb->aio_rw_flags = flags;
	iocb->u.c.buf = (void *)buf;
	iocb->u.c.nbytes = count;
	iocb->u.c.offset = offset;
}

static __inline__ void io_prep_pread(struct iocb *iocb, int fd, void *buf, size_t count,
				     libaio_offset_t offset)
{
	libaio_prep_transfer(iocb, IO_CMD_PREAD, fd, buf, count, offset, 0);
}

static __inline__ void io_prep_pwrite(struct iocb *iocb, int fd, void *buf, size_t count,
				      libaio_offset_t offset)
{
	libaio_prep_transfer(iocb, IO_CMD_PWRITE, fd, buf, count, offset, 0);
}

static __inline__ void io_prep_preadv2(struct iocb *iocb, int fd, const struct iovec *iov,
				       int iovcnt, libaio_offset_t offset, int flags)
{
	libaio_prep_transfer(iocb, IO_CMD_PREADV, fd, iov, iovcnt, offset, flags);
}

static __inline__ void io_prep_pwritev2(struct iocb *iocb, int fd, const struct iovec *iov,
					int iovcnt, libaio_offset_t offset, int flags)
{
	libaio_prep_transfer(iocb, IO_CMD_PWRITEV, fd, iov, iovcnt, offset, flags);
}

static __inline__ void io_prep_preadv(struct iocb *iocb, int fd, const struct iovec *iov,
				      int iovcnt, libaio_offset_t offset)
{
	io_prep_preadv2(iocb, fd, iov, iovcnt, offset, 0);
}

static __inline__ void io_prep_pwritev(struct iocb *iocb, int fd, const struct iovec *iov,
				       int iovcnt, libaio_offset_t offset)
{
	io_prep_pwritev2(iocb, fd, iov, iovcnt, offset, 0);
}

static __inline__ void io_prep_poll(struct iocb *iocb, int fd, int events)
{
	libaio_prep(iocb, IO_CMD_POLL, fd);
	iocb->u.poll.events = events;
}

static __inline__ void io_prep_fsync(struct iocb *iocb, int fd)
{
	libaio_prep(iocb, IO_CMD_FSYNC, fd);
}

static __inline__ void io_prep_fdsync(struct iocb *iocb, int fd)
{
	libaio_prep(iocb, IO_CMD_FDSYNC, fd);
}

static __inline__ int io_poll(io_context_t ctx, struct iocb *iocb, io_callback_t cb, int fd,
			      int events)
{
	io_prep_poll(iocb, fd, events);
	io_set_callback(iocb, cb);
	return io_submit(ctx, 1, &iocb);
}

static __inline__ int io_fsync(io_context_t ctx, struct iocb *iocb, io_callback_t cb, int fd)
{
	io_prep_fsync(iocb, fd);
	io_set_callback(iocb, cb);
	return io_submit(ctx, 1, &iocb);
}

static __inline__ int io_fdsync(io_context_t ctx, struct iocb *iocb, io_callback_t cb, int fd)
{
	io_prep_fdsync(iocb, fd);
	io_set_callback(iocb, cb);
	return io_submit(ctx, 1, &iocb);
}

#ifdef __cplusplus
}
#endif

#endif
