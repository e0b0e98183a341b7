//! Children, and executors that wait for an eventfd.

use super::*;

/// Before a batch, in it, with requests in flight, with events that are ready: the child gets
/// errors and waits for nothing, and the parent gets everything.
#[test]
fn a_fork_at_every_stage() {
    let file = temp_file(100);
    let (reader, mut writer) = pair();
    let mut queue = new_queue(8);
    let child = |queue: &mut Queue<Vec<u8>>, poll: Option<PollToken>| {
        let in_flight = queue.outstanding();
        queue.submit(op::read_at(&file, vec![0; 3], 0)).unwrap();
        assert_eq!(
            queue
                .wait(1, LONG)
                .map(|ready| ready.map(|done| assert_eq!(done.result, Err(Errno::EINVAL))).count()),
            Ok(1)
        );
        assert_eq!((queue.reap().count(), queue.outstanding()), (0, in_flight));
        if in_flight > 0 {
            assert_eq!(queue.wait(1, LONG).map(Iterator::count), Err(Errno::EINVAL));
        }
        if let Some(poll) = poll {
            assert_eq!(queue.cancel(poll), Err(Errno::EINVAL));
        }
        // SAFETY: the child's copy, which is not used again.
        let copy = unsafe { std::ptr::read(queue) };
        let start = Instant::now();
        // Not even a system call: it would have to wait for the kernel.
        drop(copy);
        start.elapsed() < Duration::from_secs(1)
    };
    in_child(|| child(&mut queue, None));
    queue.submit(op::read_at(&file, vec![0; 3], 1)).unwrap();
    assert_eq!(queue.pending(), 1);
    in_child(|| child(&mut queue, None));
    assert_eq!(only(&mut queue).buf.unwrap(), [1, 2, 3]);
    let poll = queue.submit(op::poll(&reader, PollEvents::IN)).unwrap();
    in_child(|| child(&mut queue, Some(poll)));
    queue.batch(|batch| {
        batch.push(op::read_at(&file, vec![0; 3], 7)).unwrap();
        in_child(|| {
            // In the child the batch is discarded.
            batch.push(op::read_at(&file, vec![0; 3], 8)).is_ok()
        });
    });
    writer.write_all(b"x").unwrap();
    let mut done = drain(&mut queue);
    done.sort_by_key(|done| done.token == poll);
    assert_eq!(done[0].buf.as_deref(), Some([7, 8, 9].as_slice()));
    assert!(done[1].token == poll && done[1].result.is_ok());
}

/// The child has the completion that was being delivered at the fork, and no other.
#[test]
fn a_child_forked_during_a_visit_has_no_other_completion() {
    in_child(|| {
        let (_reader, writer) = pair();
        let mut queue = new_queue(3);
        queue.batch(|batch| {
            while batch.free() > 0 {
                batch.push(op::poll(&writer, PollEvents::OUT)).unwrap();
            }
        });
        let (mut child, mut count) = (-1, 0);
        let taken = queue.wait(3, LONG).map(|ready| {
            ready
                .map(|_| {
                    count += 1;
                    if count == 1 {
                        child = fork();
                        if child > 0 {
                            await_child(child);
                        }
                    }
                })
                .count()
        });
        if child == 0 {
            leave(taken == Ok(1) && count == 1 && queue.outstanding() == 2);
        }
        (taken, count, queue.outstanding(), queue.pending()) == (Ok(3), 3, 0, 0)
    });
}

#[test]
fn an_eventfd_is_readable_when_there_is_a_completion() {
    let (reader, mut writer) = pair();
    let mut queue = Queue::<Vec<u8>>::with_eventfd(NonZeroU32::new(4).unwrap()).unwrap();
    assert!(Queue::<Vec<u8>>::new(NonZeroU32::MIN).unwrap().eventfd().is_none());
    let readable = |queue: &Queue<Vec<u8>>| {
        let mut fds = libc::pollfd {
            fd: queue.eventfd().unwrap().as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: `1` is the length of the array, which is written to.
        unsafe { libc::poll(&mut fds, 1, 0) == 1 }
    };
    assert!(!readable(&queue));
    assert_eq!(queue.clear_eventfd(), 0, "it does not block");
    queue.batch(|batch| {
        batch.push(op::poll(&reader, PollEvents::IN)).unwrap();
        batch.push(op::poll(&reader, PollEvents::IN)).unwrap();
    });
    assert!(!readable(&queue));
    writer.write_all(b"x").unwrap();
    assert!(readable(&queue));
    assert_eq!(queue.clear_eventfd(), 2);
    assert!(!readable(&queue));
    assert_eq!(queue.reap().map(|done| assert!(done.result.is_ok())).count(), 2);
    let fd = queue.eventfd().unwrap().as_raw_fd();
    // SAFETY: it only reads the flags.
    let flags = unsafe {
        (libc::fcntl(fd, libc::F_GETFL) & libc::O_NONBLOCK, libc::fcntl(fd, libc::F_GETFD))
    };
    assert_eq!(flags, (libc::O_NONBLOCK, libc::FD_CLOEXEC));
}
