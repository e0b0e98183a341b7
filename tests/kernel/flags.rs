//! The flags do what those of the crate `bitflags` do.

use crate::common::{Random, seeds};
use aio_sys::{IocbFlags, PollEvents, RwFlags};

/// Compares a type with one of `bitflags` that has the same flags.
macro_rules! same_as_bitflags {
    ($test:ident: $ours:ident $bits:ty { $($flag:ident)* }) => {
        #[test]
        fn $test() {
            bitflags::bitflags! {
                #[derive(Clone, Copy, Debug, PartialEq)]
                struct Theirs: $bits { $(const $flag = $ours::$flag.bits();)* }
            }
            assert_eq!($ours::all().bits(), Theirs::all().bits());
            assert_eq!($ours::NONE.bits(), Theirs::empty().bits());
            assert_eq!($ours::default(), $ours::NONE);

            let mut values = vec![0, Theirs::all().bits(), !0 $(, $ours::$flag.bits())*];
            // Some named bits, and any bits.
            values.extend(seeds(30).into_iter().flat_map(|seed| {
                let bits = Random(seed).next() as $bits;
                [bits, bits & Theirs::all().bits()]
            }));
            for &a in &values {
                assert_eq!(
                    $ours::from_bits(a).map($ours::bits),
                    Theirs::from_bits(a).map(|theirs| theirs.bits())
                );
                assert_eq!(
                    $ours::from_bits_truncate(a).bits(),
                    Theirs::from_bits_truncate(a).bits()
                );
                let (x, theirs) = ($ours::from_bits_retain(a), Theirs::from_bits_retain(a));
                assert_eq!(x.bits(), theirs.bits());
                assert_eq!(x.is_empty(), theirs.is_empty());
                assert_eq!((!x).bits(), (!theirs).bits());
                for &b in &values {
                    let (y, their_y) = ($ours::from_bits_retain(b), Theirs::from_bits_retain(b));
                    assert_eq!((x | y).bits(), (theirs | their_y).bits());
                    assert_eq!((x & y).bits(), (theirs & their_y).bits());
                    assert_eq!((x - y).bits(), (theirs - their_y).bits());
                    assert_eq!(x.contains(y), theirs.contains(their_y));
                    assert_eq!(x.intersects(y), theirs.intersects(their_y));
                    let (mut or, mut and, mut sub) = (x, x, x);
                    or |= y;
                    and &= y;
                    sub -= y;
                    assert_eq!([or, and, sub], [x | y, x & y, x - y]);
                }
            }
        }
    };
}

same_as_bitflags!(of_reads_and_writes: RwFlags i32 {
    HIPRI DSYNC SYNC NOWAIT APPEND NOAPPEND ATOMIC DONTCACHE NOSIGNAL
});
same_as_bitflags!(of_requests: IocbFlags u32 { RESFD IOPRIO });
same_as_bitflags!(of_polls: PollEvents u16 { IN PRI OUT ERR HUP RDHUP });

#[test]
fn names_and_other_bits_are_printed() {
    let flags = RwFlags::DSYNC | RwFlags::NOWAIT;
    assert_eq!(format!("{flags:?}"), "DSYNC | NOWAIT");
    assert_eq!(
        format!("{:?}", flags | RwFlags::from_bits_retain(1 << 20)),
        "DSYNC | NOWAIT | 0x100000"
    );
    assert_eq!(format!("{:?}", flags - flags), "NONE");
    assert_eq!(format!("{:?}", RwFlags::from_bits_retain(1 << 20)), "0x100000");
}
