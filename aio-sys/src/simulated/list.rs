//! A list that only grows, and is read without a lock. Its nodes are never freed, which Miri does
//! not report as a leak, since a `static` refers to them.

use std::boxed::Box;
use std::iter;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

pub(super) struct List<T: 'static>(AtomicPtr<Node<T>>);

struct Node<T> {
    value: T,
    next: *mut Node<T>,
}

impl<T: Send + Sync> List<T> {
    pub(super) const fn new() -> List<T> {
        List(AtomicPtr::new(ptr::null_mut()))
    }

    pub(super) fn push(&self, value: T) -> &'static T {
        let node = Box::into_raw(Box::new(Node { value, next: ptr::null_mut() }));
        let link = |first| {
            // SAFETY: the node was just allocated, and nobody else has its address before it is the
            // first of the list.
            unsafe { (*node).next = first };
            Some(node)
        };
        let _ = self.0.fetch_update(Ordering::Release, Ordering::Relaxed, link);
        // SAFETY: a node is never freed, and never changed once it is in the list.
        unsafe { &(*node).value }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'static T> + use<T> {
        // SAFETY: a node is never freed, and never changed once it is in the list.
        let node = |node: *mut Node<T>| unsafe { node.as_ref() };
        let first = node(self.0.load(Ordering::Acquire));
        iter::successors(first, move |before| node(before.next)).map(|node| &node.value)
    }
}
