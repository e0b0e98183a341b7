//! `aio_sys::Abi`'s dates against the history that they are emitted from; and both against others:
//! man-pages, C libraries, and where it is there, an independent record of every release.

use aio_codegen::Tables;
use aio_codegen::tables::history::Run;
use aio_sys::{Abi, Since, Until, Version};
use aio_tests::{root, skip};
use std::collections::BTreeSet;
use std::{env, fs};

/// Runs on every ABI, its runs, and the names that its numbers have in the table.
fn with_runs(mut check: impl FnMut(Abi, &aio_codegen::tables::Abi, &[Run<'_>])) {
    let tables = Tables::embedded().unwrap();
    for abi in &tables.abis {
        let table = tables.table(&abi.table).unwrap();
        check(abi.name.parse().unwrap(), abi, &tables.history().unwrap().runs(abi, table));
    }
}

fn releases() -> Vec<Version> {
    let tables = Tables::embedded().unwrap();
    let releases = &tables.history().unwrap().releases;
    releases.iter().map(|release| release.linux.as_str().parse().unwrap()).collect()
}

#[test]
fn each_release_has_the_numbers_that_the_history_gives_it() {
    let releases = releases();
    assert!(releases.len() >= 90 && releases.is_sorted());
    with_runs(|abi, _, runs| {
        for (at, version) in releases.iter().enumerate() {
            let there =
                |run: &&Run<'_>| run.since <= at && run.until.is_none_or(|until| at <= until);
            let there = runs.iter().filter(there).map(|run| (run.number, run.name));
            let there: BTreeSet<_> = there.collect();
            let wanted: BTreeSet<u32> = there.iter().map(|(number, _)| *number).collect();
            let found: Vec<_> =
                abi.calls_of(*version).map(|call| (call.number, call.name)).collect();
            let rows: BTreeSet<_> = found.iter().copied().collect();
            assert_eq!(rows.len(), found.len(), "{abi} {version}: one twice");
            // Of the names of a number, those that it had then.
            assert_eq!(rows.difference(&there).next(), None, "{abi} {version}");
            let numbers: BTreeSet<u32> = rows.iter().map(|(number, _)| *number).collect();
            assert_eq!(numbers, wanted, "{abi} {version}");
            let had = runs.iter().map(|run| run.number).filter(|run| abi.had(*run, *version));
            assert_eq!(had.collect::<BTreeSet<_>>(), wanted, "{abi} {version}");
        }
    });
}

#[test]
fn each_call_has_the_dates_of_its_last_run() {
    let (tables, releases) = (Tables::embedded().unwrap(), releases());
    let history = tables.history().unwrap();
    let mut dated = 0;
    with_runs(|abi, known, runs| {
        for call in abi.calls() {
            let mut mine =
                runs.iter().filter(|run| (run.number, run.name) == (call.number, call.name));
            let run = mine.next_back().unwrap_or_else(|| panic!("{abi} {}", call.name));
            let since = abi.since(call.number).unwrap();
            assert_eq!(since.to_string(), history.since(known, run).to_string());
            assert_eq!(since.by(), releases[run.since]);
            assert_eq!(
                abi.until(call.number).map(|until| until.last()),
                run.until.map(|u| releases[u])
            );
            dated += 1;
        }
        for removed in abi.removed() {
            let until = removed.until.unwrap();
            assert!(removed.since.by() <= until.last() && until.last() < until.gone_by());
            assert!(
                abi.removed_call(removed.number).unwrap().until.unwrap().last() >= until.last()
            );
            let named = abi.removed_number(removed.name).unwrap();
            assert!(named.until.unwrap().last() >= until.last(), "{abi} {}", removed.name);
        }
        assert_eq!(abi.since(u32::MAX), None);
        assert_eq!(abi.removed_number("no_such_call"), None);
        assert_eq!(abi.calls_of(Version::new(2, 4)).count(), 0);
    });
    assert!(dated > 13_000, "{dated}");
}

/// What was removed is not in the table of today, under the same number and name.
#[test]
fn a_removed_call_is_not_there_any_more() {
    with_runs(|abi, _, _| {
        for removed in abi.removed() {
            let (number, name) = (removed.number, removed.name);
            assert_ne!(abi.number(name), Some(number), "{abi} {name}");
            assert_ne!(abi.name(number), Some(name), "{abi} {number}");
        }
    });
}

/// A number's name, and its dates in each period.
fn periods(abi: Abi, number: u32, name: &str) -> Vec<(Since, Option<Until>)> {
    let former = abi.removed().chain(abi.earlier());
    let former = former.filter(|call| (call.number, call.name) == (number, name));
    let mut periods: Vec<_> = former.map(|call| (call.since, call.until)).collect();
    if abi.name(number) == Some(name) {
        periods.push((abi.since(number).unwrap(), abi.until(number)));
    }
    periods
}

/// Whether a release may be the one of a date.
fn is_since(since: Since, release: Version) -> bool {
    since.after().is_some_and(|after| after < release) && release <= since.by()
}

/// What glibc and musl recorded, and the record of every release that `ci/oracle/history` reads.
#[test]
fn calls_have_the_dates_that_others_recorded() {
    let list = include_str!("../oracles/history.txt");
    let mut rows = 0;
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let [abi, number, name, release, "|", ..] = words[..] else { panic!("{line}") };
        let periods = periods(abi.parse().unwrap(), number.parse().unwrap(), name);
        let (since, _) = periods.last().unwrap_or_else(|| panic!("{line}"));
        assert!(is_since(*since, release.parse().unwrap()), "{line}: {since}");
        rows += 1;
    }
    assert!(rows > 60, "only {rows}");

    let what = "the record of every release";
    let record = env::var_os("AIO_HISTORY").map_or(root().join("../shared/history"), Into::into);
    let Ok(record) = fs::read_to_string(record.join("since.tsv")) else {
        return skip(what, "it is not there; name its directory in AIO_HISTORY");
    };
    let releases = releases();
    let (mut agree, mut unseen, mut wrong) = (0, 0, String::new());
    for line in record.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [abi, name, number, since, until, ..] = cells[..] else { panic!("{line}") };
        let Some(abi) = Abi::ALL.iter().find(|known| known.as_str() == abi) else { continue };
        let number = number.parse().unwrap();
        let oldest = since.strip_prefix("<=");
        let first: Version = oldest.unwrap_or(since).parse().unwrap();
        let last = until.parse::<Version>().ok();
        let begins = |since: Since| match oldest {
            Some(_) => since.after().is_none() && first <= since.by(),
            None => is_since(since, first),
        };
        let ends = |until: Option<Until>| match (until, last) {
            (None, None) => true,
            (Some(until), Some(last)) => until.last() <= last && last < until.gone_by(),
            _ => false,
        };
        let periods = periods(*abi, number, name);
        if periods.iter().any(|(since, until)| begins(*since) && ends(*until)) {
            agree += 1;
        } else if abi.number(name) == Some(number) && abi.name(number) != Some(name) {
            // An alias has no dates of its own.
        } else if (abi.as_str(), name) == ("x32", "uprobe") {
            // The record dates the one row of both ABIs twice: 6.17, and 6.18 on x86_64.
        } else if !releases
            .iter()
            .any(|release| first <= *release && last.is_none_or(|last| *release <= last))
        {
            unseen += 1;
        } else {
            wrong += &format!("{line}: {periods:?}\n");
        }
    }
    println!("{agree} rows agree, {unseen} came and went unseen");
    assert_eq!(wrong, "");
    assert!(agree > 13_000, "{agree}");
}

/// Since when syscalls(2) of man-pages has calls, which is by name and for the first ABI.
#[test]
fn calls_have_the_dates_of_man_pages() {
    for (name, since) in [
        ("preadv", "2.6.30"),
        ("recvmmsg", "2.6.33"),
        ("syncfs", "2.6.39"),
        ("setns", "3.0"),
        ("process_vm_readv", "3.2"),
        ("kcmp", "3.5"),
        ("finit_module", "3.8"),
        ("sched_setattr", "3.14"),
        ("renameat2", "3.15"),
        ("getrandom", "3.17"),
        ("bpf", "3.18"),
        ("execveat", "3.19"),
        ("userfaultfd", "4.3"),
        ("copy_file_range", "4.5"),
        ("preadv2", "4.6"),
        ("pkey_mprotect", "4.9"),
        ("statx", "4.11"),
        ("io_pgetevents", "4.18"),
        ("io_uring_setup", "5.1"),
        ("fsopen", "5.2"),
        ("clone3", "5.3"),
        ("openat2", "5.6"),
        ("faccessat2", "5.8"),
        ("close_range", "5.9"),
        ("process_madvise", "5.10"),
        ("memfd_secret", "5.14"),
        ("futex_waitv", "5.16"),
        ("cachestat", "6.5"),
        ("mseal", "6.10"),
    ] {
        let version: Version = since.parse().unwrap();
        let found = Abi::X86_64.since(Abi::X86_64.number(name).unwrap()).unwrap();
        let after = found.after().is_some_and(|after| after < version);
        assert!(after && version <= found.by(), "{name}: {found:?}, and {since} in man-pages");
        assert!(found.exact().is_none_or(|exact| exact == version), "{name}: {found:?}");
    }
}
