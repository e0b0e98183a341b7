//! `CallSet` against the standard library's sets.

use aio_sys::{Abi, CallSet, Version};
use std::collections::BTreeSet;

fn numbers(set: &CallSet) -> BTreeSet<u32> {
    set.iter().map(|call| call.number).collect()
}

/// Some calls of an ABI: others for each seed.
fn some(abi: Abi, seed: u32) -> CallSet {
    let mut set = CallSet::new(abi);
    for (at, call) in abi.calls().enumerate() {
        if (at as u32).wrapping_add(seed).wrapping_mul(0x9e37_79b9) >> 30 == 0 {
            assert!(set.insert(call.number));
        }
    }
    set
}

#[test]
fn operations_are_those_of_sets() {
    for abi in Abi::ALL {
        let every: BTreeSet<u32> = abi.calls().map(|call| call.number).collect();
        let all = CallSet::all(*abi);
        assert_eq!((numbers(&all), all.len()), (every.clone(), every.len()), "{abi}");
        let (one, other) = (some(*abi, 1), some(*abi, 2));
        let [a, b] = [&one, &other].map(numbers);
        assert!(a.len() > 30 && a != b && a.iter().all(|number| one.contains(*number)), "{abi}");
        assert_eq!(numbers(&one.union(&other)), a.union(&b).copied().collect(), "{abi}");
        assert_eq!(numbers(&one.intersection(&other)), a.intersection(&b).copied().collect());
        assert_eq!(numbers(&one.difference(&other)), a.difference(&b).copied().collect());
        assert_eq!(numbers(&one.complement()), every.difference(&a).copied().collect());
        assert_eq!(one.complement().complement(), one);
        assert_eq!((one.len(), one.is_empty(), one.abi()), (a.len(), false, *abi));
        assert!(one.difference(&one).is_empty());
        // What is not a call cannot be added, holes among the numbers included.
        let (mut set, past) = (CallSet::new(*abi), every.last().unwrap() + 1);
        for number in (0..past).filter(|number| number.abs_diff(past) < 300).chain([u32::MAX]) {
            assert_eq!(set.insert(number), every.contains(&number), "{abi} {number}");
            assert_eq!(set.contains(number), every.contains(&number), "{abi} {number}");
            // As the standard library's.
            assert!(!set.insert(number), "{abi} {number}");
            assert_eq!(set.remove(number), every.contains(&number), "{abi} {number}");
            assert!(!set.remove(number) && set.is_empty());
        }
    }
}

/// What uname(2) reports of kernels of distributions, and what is not a version.
#[test]
fn versions_are_spelled_as_kernels_spell_them() {
    for (text, version) in [
        ("6.12", Version::new(6, 12)),
        ("6.12.107+deb13-amd64", Version::new(6, 12)),
        ("6.1.0-42-amd64", Version::new(6, 1)),
        ("7.3.0-rc4", Version::new(7, 3)),
        ("7.3-rc4+", Version::new(7, 3)),
        ("4.4.11+", Version::new(4, 4)),
        ("6.12.8_1", Version::new(6, 12)),
        ("3.10.0-1160.el7.x86_64", Version::new(3, 10)),
        ("5.15.167.4-microsoft-standard-WSL2", Version::new(5, 15)),
        ("2.6.39.3", Version::old(2, 6, 39)),
        ("2.6.32-754.el6.x86_64", Version::old(2, 6, 32)),
    ] {
        assert_eq!(Version::parse(text), Some(version), "{text}");
    }
    let words = "6 6. 6.x 6.12. 6.12.x 6.12.5garbage 6.12garbage 6.12.5.6garbage 6.12.5.6.7 v6.12 \
                 6.12.5. 6..12 65536.1";
    for text in words.split_whitespace().chain(["", "6.12 ", " 6.12", "-1.2"]) {
        assert_eq!(Version::parse(text), None, "{text}");
    }
    assert_eq!(Version::old(6, 12, 5), Version::new(6, 12));
    assert!(Version::old(2, 6, 39) < Version::new(3, 0));
}

#[test]
fn a_set_of_another_abi_is_taken_by_name() {
    for from in Abi::ALL {
        for to in [Abi::X86_64, Abi::Aarch64, Abi::MipsO32, Abi::Arm] {
            let set = some(*from, 3);
            let there = set.iter().filter_map(|call| to.number(call.name));
            assert_eq!(numbers(&set.on(to)), there.collect(), "{from} on {to}");
            assert_eq!(CallSet::new(to).union(&set), set.on(to));
        }
    }
    let files = CallSet::of(Abi::Aarch64, &["open", "openat"]).unwrap();
    assert_eq!(format!("{files:?}"), r#"CallSet(aarch64) {"openat"}"#);
    assert_eq!(CallSet::of(Abi::Aarch64, &["openat", "opennat", "x"]), Err("opennat"));
}

#[test]
fn the_calls_of_a_release() {
    for abi in Abi::ALL {
        for version in ["2.6.16", "2.6.24", "2.6.32", "3.0", "4.19", "5.10", "6.12"] {
            let version: Version = version.parse().unwrap();
            // Under the names that they had then.
            let had: BTreeSet<_> =
                abi.calls_of(version).map(|call| (call.number, call.name)).collect();
            let set: BTreeSet<_> = CallSet::of_version(*abi, version)
                .iter()
                .map(|call| (call.number, call.name))
                .collect();
            let still: BTreeSet<_> = abi.calls().map(|call| (call.number, call.name)).collect();
            assert_eq!(set, had.intersection(&still).copied().collect(), "{abi} {version}");
        }
    }
}

#[test]
fn the_calls_of_a_source_file() {
    for abi in Abi::ALL {
        let set = CallSet::of_source(*abi, "fs/aio.c");
        let aio = abi.calls().filter(|call| call.name.starts_with("io_"));
        let aio = aio.filter(|call| !call.name.starts_with("io_uring_"));
        // Numbers of s390's 31-bit ABI have compat entry points alone.
        let expected = aio.filter(|call| call.entry.is_some()).map(|call| call.number);
        assert_eq!(numbers(&set), expected.collect(), "{abi}");
        assert!(CallSet::of_source(*abi, "fs/aio").is_empty());
    }
}
