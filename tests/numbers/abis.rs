//! `aio_sys::Abi` against the tables themselves, rustc and dpkg.

use aio_codegen::Tables;
use aio_codegen::tables::Call;
use aio_codegen::version::Version;
use aio_sys::{Abi, Errno};
use aio_tests::{CCompiler, skip};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Runs on the calls of every ABI, as the tables have them.
fn with_calls(mut check: impl FnMut(Abi, &aio_codegen::tables::Abi, &[Call<'_>])) {
    let tables = Tables::embedded().unwrap();
    for abi in &tables.abis {
        let table = tables.table(&abi.table).unwrap();
        check(abi.name.parse().unwrap(), abi, &abi.calls(table));
    }
}

/// Numbers that are easily got wrong, for an ABI that has these.
fn boundaries(numbers: impl Iterator<Item = u32>) -> BTreeSet<u32> {
    let powers = (0..32).map(|bit| 1 << bit).chain([0, u32::MAX]);
    let near = powers
        .chain(numbers)
        .flat_map(|n| (0..3u32).flat_map(move |d| [n.wrapping_sub(d), n.wrapping_add(d)]));
    (0..2000).chain(near).collect()
}

#[test]
fn every_abi_is_there_with_what_is_known_of_it() {
    let tables = Tables::embedded().unwrap();
    let names: Vec<_> = tables.abis.iter().map(|abi| abi.name.as_str()).collect();
    assert_eq!(Abi::ALL.iter().map(|abi| abi.as_str()).collect::<Vec<_>>(), names);
    for (abi, known) in Abi::ALL.iter().zip(&tables.abis) {
        assert_eq!(
            (abi.to_string(), abi.bits(), abi.base()),
            (known.name.clone(), known.bits, known.base)
        );
        assert_eq!(abi.linux(), tables.table(&known.table).unwrap().linux.as_str());
        assert_eq!(known.name.parse(), Ok(*abi));
    }
    assert_eq!(Abi::TARGET.as_str(), aio_sys::abi::ABI);
    let error = "vax".parse::<Abi>().unwrap_err().to_string();
    assert_eq!(error, format!("unknown ABI; expected one of {}", names.join(", ")));
}

#[test]
fn each_number_has_the_name_in_the_tables_and_no_other_number_has_one() {
    with_calls(|abi, _, calls| {
        let mut known: BTreeMap<u32, &Call<'_>> = BTreeMap::new();
        for call in calls {
            known.entry(call.number).or_insert(call);
        }
        for number in boundaries(known.keys().copied()) {
            let call = known.get(&number);
            assert_eq!(abi.name(number), call.map(|call| call.name), "{abi} {number}");
            assert_eq!(abi.entry(number), call.and_then(|call| call.entry), "{abi} {number}");
            assert_eq!(abi.compat(number), call.and_then(|call| call.compat), "{abi} {number}");
            assert_eq!(
                abi.call(number).map(|call| (call.number, call.name)),
                call.map(|call| (number, call.name))
            );
        }
        let expected: Vec<_> = known.values().map(|call| (call.number, call.name)).collect();
        let pair = |call: aio_sys::Call| (call.number, call.name);
        assert_eq!(abi.calls().map(pair).collect::<Vec<_>>(), expected);
        assert_eq!(abi.calls().len(), expected.len());
        assert!(abi.calls().rev().map(pair).eq(expected.iter().rev().copied()));
        // From both ends at once, to the middle and no further.
        let (mut both, mut left) = (abi.calls(), expected.len());
        while left > 0 {
            let call = if left % 3 == 0 { both.next_back() } else { both.next() };
            left -= 1;
            assert!(call.is_some() && both.len() == left && both.clone().count() == left, "{abi}");
        }
        assert_eq!((both.next(), both.next_back()), (None, None));
    });
}

#[test]
fn each_name_has_its_number_and_no_other_text_has_one() {
    let mut every = BTreeSet::new();
    with_calls(|_, _, calls| every.extend(calls.iter().map(|call| call.name.to_owned())));
    let mut texts = every.clone();
    for name in &every {
        texts.extend((0..name.len()).map(|at| name[..at].to_owned()));
        texts.extend((0..name.len()).map(|at| name[at..].to_owned()));
        for at in 0..name.len() {
            let mut bytes = name.clone().into_bytes();
            bytes[at] ^= 1;
            texts.insert(String::from_utf8(bytes).unwrap());
        }
        texts.extend(
            ["\0", "a", "é", "_time64_time64_time64_time64"].map(|end| format!("{name}{end}")),
        );
    }
    assert!(texts.len() > 20 * every.len());
    with_calls(|abi, _, calls| {
        let mut known = BTreeMap::new();
        for call in calls {
            assert_eq!(known.insert(call.name, call.number), None, "{abi}: {} twice", call.name);
        }
        for text in &texts {
            assert_eq!(abi.number(text), known.get(text.as_str()).copied(), "{abi} {text:?}");
        }
    });
}

#[test]
fn a_call_is_translated_by_its_name() {
    let mut all = Vec::new();
    with_calls(|abi, _, calls| {
        let numbers: BTreeMap<String, u32> =
            calls.iter().map(|call| (call.name.to_owned(), call.number)).collect();
        all.push((abi, numbers));
    });
    for (from, _) in &all {
        for call in from.calls() {
            for (to, numbers) in &all {
                let expected = numbers.get(call.name).copied();
                assert_eq!(
                    Abi::translate(call.number, *from, *to),
                    expected,
                    "{} of {from} on {to}",
                    call.name
                );
            }
        }
        assert_eq!(Abi::translate(u32::MAX, *from, *from), None);
    }
}

#[test]
fn a_prototype_is_one_that_the_tables_have() {
    let tables = Tables::embedded().unwrap();
    let prototypes = tables.prototypes().unwrap();
    let (mut with, mut without) = (0, 0);
    for abi in Abi::ALL {
        for call in abi.calls() {
            let Some(entry) = call.entry else { continue };
            let known: Vec<_> =
                prototypes.iter().filter(|prototype| prototype.entry == entry).collect();
            let Some(prototype) = call.prototype else {
                without += 1;
                continue;
            };
            with += 1;
            let args: Vec<_> =
                prototype.args().map(|arg| (arg.ctype.to_owned(), arg.name.to_owned())).collect();
            assert!(
                known.iter().any(|k| k.args == args
                    && k.source == prototype.source()
                    && k.line == prototype.line()
                    && k.optional.as_deref() == prototype.optional()),
                "{abi} {entry}: {prototype:?}"
            );
            assert_eq!((prototype.len(), prototype.is_empty()), (args.len(), args.is_empty()));
            assert_eq!(prototype.argument(args.len()), None);
        }
    }
    assert!(with > 10 * without, "{with} entry points have a prototype, {without} have none");
    let entry = |abi: Abi| abi.prototype(abi.number("io_submit").unwrap()).unwrap().to_string();
    assert_eq!(
        entry(Abi::X32),
        "compat_aio_context_t ctx_id, int nr, compat_uptr_t __user * iocbpp"
    );
}

#[test]
fn what_an_abi_does_not_have_has_a_reason() {
    for absent in Tables::embedded().unwrap().absent().unwrap() {
        for abi in Abi::ALL {
            let reason = abi.absent(&absent.name);
            if absent.holds(abi.as_str(), &Version::new(abi.linux())) {
                let (why, instead) = reason.map(|reason| (reason.why, reason.instead)).unwrap();
                // The history adds what it knows.
                let mine = why == absent.why || why.starts_with(&format!("{}; ", absent.why));
                assert!(mine && instead.replace('`', "") == absent.instead, "{abi}: {why}");
                assert_eq!(abi.number(&absent.name), None, "{abi} has {}", absent.name);
            }
        }
    }
    // Every call of every ABI, and every ABI without it: the reason, and calls that it has.
    let mut having: BTreeMap<String, BTreeSet<Abi>> = BTreeMap::new();
    with_calls(|abi, _, calls| {
        for call in calls {
            having.entry(call.name.to_owned()).or_default().insert(abi);
        }
    });
    let (mut pairs, mut few) = (0, 0);
    for (name, abis) in &having {
        for abi in Abi::ALL {
            let reason = abi.absent(name);
            if abis.contains(abi) {
                assert_eq!(reason, None, "{abi} has {name}");
                continue;
            }
            let most = abis.len() * 2 > Abi::ALL.len();
            *(if most { &mut pairs } else { &mut few }) += 1;
            let reason = reason.unwrap_or_else(|| panic!("{abi} has no {name}, and no reason"));
            for call in reason.calls {
                assert!(abi.number(call).is_some(), "{abi}, {name}: {call}");
                assert!(reason.instead.contains(&format!("`{call}`")), "{abi}, {name}: {call}");
            }
            assert!(!most || !reason.instead.is_empty(), "{abi}, {name}: {}", reason.why);
        }
    }
    assert!(pairs > 1100 && few > 7000, "{pairs} pairs, {few} of calls that few ABIs have");
    println!("{pairs} pairs of a call that most ABIs have, and an ABI that does not have it");
    assert_eq!(Abi::X86_64.absent("io_submit"), None);
    assert_eq!(Abi::X86_64.absent("no_such_call"), None);
}

/// Against the choices of the kernel's scripts and of musl.
#[test]
fn a_call_is_replaced_as_others_replace_it() {
    let list = include_str!("../oracles/replacements.txt");
    let lines: Vec<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
    let (mut compared, mut wrong) = (0, String::new());
    for line in &lines {
        let words = line.split_once(" | ").unwrap().0;
        let (name, choices) = words.split_once(' ').unwrap();
        // SPU code is helped by the PowerPC side.
        for abi in Abi::ALL.iter().filter(|abi| **abi != Abi::PowerpcSpu) {
            let there = |call: &&str| {
                let number = abi.number(call);
                number.is_some_and(|number| abi.entry(number) != Some("sys_ni_syscall"))
            };
            let expected = choices.split(' ').find(there);
            let Some(absent) = abi.absent(name).filter(|_| expected.is_some()) else { continue };
            compared += 1;
            if absent.calls.first().copied() != expected {
                wrong += &format!("{abi} {name}: {}, not {expected:?}\n", absent.instead);
            }
        }
    }
    assert_eq!(wrong, "");
    assert!(lines.len() > 100 && compared > 1000, "{compared} of {} calls", lines.len());
    // The entry point that counts in pages is shared by those ABIs.
    for abi in Abi::ALL {
        let Some(absent) = abi.absent("mmap").filter(|absent| !absent.calls.is_empty()) else {
            continue;
        };
        let pages = abi.entry(abi.number("mmap2").unwrap()) == Some("sys_mmap_pgoff");
        let unit = if pages { "in pages" } else { "in units of 4096 bytes" };
        assert!(absent.instead.ends_with(unit), "{abi}: {}", absent.instead);
    }
}

/// Where an ABI had a call once, the reason has the last release with it.
#[test]
fn a_removed_call_has_its_last_release_as_a_reason() {
    let mut removed = 0;
    for abi in Abi::ALL {
        for call in abi.removed().filter(|call| abi.number(call.name).is_none()) {
            let last = abi.removed_number(call.name).unwrap().until.unwrap();
            let by = format!(", by {}", last.gone_by());
            let by = if last.exact().is_some() { "" } else { &by };
            let suffix = format!("removed after Linux {}{by}", last.last());
            let why = abi.absent(call.name).map(|absent| absent.why).unwrap_or_default();
            assert!(why.ends_with(&suffix), "{abi} {}: {why}, and not {suffix}", call.name);
            removed += 1;
        }
    }
    assert!(removed > 190, "{removed}");
}

/// Against net.h and ipc.h, as the C compiler reads them.
#[test]
fn one_number_for_many_calls() {
    let sub_calls = [("socketcall", "SYS_", 1..=20), ("ipc", "", 1..=24)];
    let mut asserts = "#include <linux/net.h>\n#include <linux/ipc.h>\n".to_owned();
    let mut seen = 0;
    for abi in Abi::ALL {
        for (name, prefix, values) in sub_calls.clone() {
            let number = abi.number(name).unwrap_or(u32::MAX);
            let there = abi.entry(number) != Some("sys_ni_syscall");
            for value in values {
                let Some(call) = abi.multiplexed_name(number, value) else { continue };
                assert!(there, "{abi} {name} {value}");
                assert_eq!(abi.multiplexed(call), Some((number, value)), "{abi} {call}");
                let constant = format!("{prefix}{}", call.to_uppercase());
                asserts += &format!("_Static_assert({constant} == {value}, \"{constant}\");\n");
                seen += 1;
            }
            assert_eq!(abi.multiplexed_name(number, 0), None);
        }
    }
    assert_eq!(Abi::S390x.multiplexed_name(117, 1 << 16 | 24), Some("shmctl"));
    assert_eq!(Abi::I386.multiplexed_name(102, 1 << 16 | 1), None);
    assert_eq!(Abi::Microblaze.multiplexed("semop"), None);
    assert!(seen > 13 * 20, "only {seen}");
    let Some(cc) = CCompiler::find() else { return skip("net.h and ipc.h", "no C compiler") };
    if let Err(why) = cc.run(&["-fsyntax-only"], &asserts) {
        assert!(why.contains("No such file"), "{why}");
        skip("net.h and ipc.h", "no headers of Linux");
    }
}

#[test]
fn rustc_s_targets_have_the_abi_that_their_cfg_says() {
    let tables = Tables::embedded().unwrap();
    let print = |what: &[&str]| {
        let output = Command::new("rustc").args(what).output().expect("rustc runs");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    };
    let mut compared = 0;
    for target in print(&["--print", "target-list"]).unwrap().lines() {
        if !target.contains("linux") && !target.contains("android") {
            assert_eq!(Abi::of(target), None, "{target}");
            continue;
        }
        let cfg = match print(&["--print", "cfg", "--target", target]) {
            Ok(cfg) => cfg,
            // A distribution's LLVM may have been built without the target.
            Err(why) => {
                skip(&format!("the ABI of {target}"), why.lines().next().unwrap_or_default());
                continue;
            }
        };
        let value = |key: &str| {
            let mut values =
                cfg.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix("=\""));
            values.next().map_or("", |value| value.trim_end_matches('"'))
        };
        let (arch, width) = (value("target_arch"), value("target_pointer_width"));
        let expected = tables.abi_for_target(arch, width).map(|abi| abi.name.as_str());
        assert_eq!(Abi::of(target).map(Abi::as_str), expected, "{target}");
        compared += 1;
    }
    assert!(compared > 70, "only {compared} Linux targets");
}

#[test]
fn dpkg_s_triplets_have_an_abi_of_their_word_size_and_architecture() {
    let print = |arguments: &[&str]| {
        let output = Command::new("dpkg-architecture")
            .args(arguments)
            .stderr(std::process::Stdio::null())
            .output();
        output
            .ok()
            .filter(|output| output.status.success())
            .map(|output| String::from_utf8(output.stdout).unwrap())
    };
    let Some(list) = print(&["-L"]) else { return skip("dpkg's triplets", "no dpkg-architecture") };
    // Ports to other kernels, and with other C libraries, have a prefix.
    let linux = |arch: &&str| !arch.contains('-');
    let mut unknown = BTreeSet::new();
    let mut compared = 0;
    for arch in list.lines().filter(linux) {
        let facts = print(&["-a", arch]).unwrap();
        let value = |key: &str| {
            let mut values =
                facts.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            values
                .next()
                .unwrap_or_else(|| panic!("dpkg-architecture says no {key} of {arch}"))
                .to_owned()
        };
        let triplet = value("DEB_HOST_GNU_TYPE");
        let Some(abi) = Abi::of(&triplet) else {
            unknown.insert(triplet);
            continue;
        };
        assert_eq!(abi.bits().to_string(), value("DEB_HOST_ARCH_BITS"), "{triplet} is {abi}");
        compared += 1;
    }
    // Left the kernel before these tables began: AVR32, M32R, TILE-Gx. Never was in it: ilp32 on
    // arm64.
    let old = ["aarch64-linux-gnu_ilp32", "avr32-linux-gnu", "m32r-linux-gnu", "tilegx-linux-gnu"];
    assert!(unknown.iter().eq(old), "{unknown:?}");
    assert!(compared > 40, "only {compared} triplets");
}

#[test]
fn a_triple_means_one_abi() {
    for (triple, abi) in [
        ("x86_64-pc-linux-gnu", Some(Abi::X86_64)),
        ("x86_64-linux-muslx32", Some(Abi::X32)),
        ("i486-linux-gnu", Some(Abi::I386)),
        ("arm-linux-gnu", Some(Abi::ArmOabi)),
        ("thumbv7neon-linux-androideabi", Some(Abi::Arm)),
        ("aarch64_be-none-linux-gnu", Some(Abi::Aarch64)),
        ("hppa2.0-unknown-linux-gnu", Some(Abi::Parisc32)),
        ("hppa64-linux-gnu", Some(Abi::Parisc64)),
        ("mipsel-linux-gnu", Some(Abi::MipsO32)),
        ("mipsisa64r6el-linux-gnuabin32", Some(Abi::MipsN32)),
        ("or1k-buildroot-linux-musl", Some(Abi::Openrisc)),
        ("microblazeel-xilinx-linux-gnu", Some(Abi::Microblaze)),
        ("loongarch32-unknown-linux-gnu", Some(Abi::Loongarch32)),
        ("mips64-linux-gnu", None),
        ("aarch64-linux-gnu_ilp32", None),
        ("x86_64-unknown-freebsd", None),
        ("x86_64-kfreebsd-gnu", None),
        ("aarch64-apple-darwin", None),
        ("wasm32-wali-linux-musl", None),
        ("x86_64", None),
        ("linux", None),
        ("-", None),
        ("", None),
    ] {
        assert_eq!(Abi::of(triple), abi, "{triple}");
    }
    // No text fits two ABIs, so that their order does not matter.
    let tables = Tables::embedded().unwrap();
    for abi in &tables.abis {
        for pattern in abi.triples.iter().filter(|pattern| !pattern.starts_with('!')) {
            let plain = pattern.replace('*', "");
            let found = Abi::of(&plain).map(Abi::as_str);
            assert!(
                found == Some(&*abi.name) || found.is_none(),
                "{pattern} of {} is {found:?}",
                abi.name
            );
        }
    }
}

#[test]
fn error_numbers_differ_by_architecture() {
    let tables = Tables::embedded().unwrap();
    for (abi, known) in Abi::ALL.iter().zip(&tables.abis) {
        let enosys = match known.arch.as_str() {
            "alpha" => 78,
            "mips" => 89,
            "parisc" => 251,
            "sparc" => 90,
            _ => 38,
        };
        assert_eq!(
            (abi.errno("ENOSYS"), abi.errno_name(enosys)),
            (Some(enosys), Some("ENOSYS")),
            "{abi}"
        );
        let errnos = tables.errnos(&known.arch).unwrap();
        for value in 0..=u16::MAX {
            let first = errnos.iter().find(|errno| errno.value == u32::from(value));
            assert_eq!(
                abi.errno_name(value),
                first.map(|errno| errno.name.as_str()),
                "{abi} {value}"
            );
        }
        for errno in errnos {
            assert_eq!(
                abi.errno(&errno.name).map(u32::from),
                Some(errno.value),
                "{abi} {}",
                errno.name
            );
        }
        assert_eq!((abi.errno(""), abi.errno("ENOSUCH"), abi.errno("enosys")), (None, None, None));
    }
}

#[test]
fn serde_takes_back_what_it_gave() {
    for abi in Abi::ALL {
        let text = serde_json::to_string(abi).unwrap();
        assert_eq!(text, format!("\"{abi}\""));
        assert_eq!(serde_json::from_str::<Abi>(&text).unwrap(), *abi);
    }
    let refused = serde_json::from_str::<Abi>("\"vax\"").unwrap_err().to_string();
    assert!(refused.starts_with("`vax`: unknown ABI; expected one of x86_64, x32,"), "{refused}");

    for number in 1..=4095 {
        let errno = Errno::decode(-number).unwrap_err();
        let text = serde_json::to_string(&errno).unwrap();
        assert_eq!(text, errno.name().map_or(number.to_string(), |name| format!("\"{name}\"")));
        assert_eq!(serde_json::from_str::<Errno>(&text).unwrap(), errno);
        assert_eq!(serde_json::from_str::<Errno>(&number.to_string()).unwrap(), errno);
    }
    assert_eq!(serde_json::from_str::<Errno>("\"EWOULDBLOCK\"").unwrap(), Errno::EAGAIN);
    for (text, why) in [
        (
            "\"ENOSUCH\"",
            "invalid value: string \"ENOSUCH\", expected the name or number of an error",
        ),
        ("0", "invalid value: integer `0`, expected the name or number of an error"),
        ("4096", "invalid value: integer `4096`, expected the name or number of an error"),
        ("65537", "invalid value: integer `65537`, expected the name or number of an error"),
        ("-5", "invalid type: integer `-5`, expected the name or number of an error"),
    ] {
        let refused = serde_json::from_str::<Errno>(text).unwrap_err().to_string();
        assert!(refused.starts_with(why), "{refused}");
    }
}
