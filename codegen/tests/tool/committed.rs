//! The committed tables: the number of calls of each ABI, the AIO calls, and the names that only
//! headers define.

use crate::common::*;
use std::path::Path;

pub fn export(directory: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    run(codegen().args(["export", "tsv", "--tables"]).arg(directory).args(more))
}

/// Rows per ABI, as `make headers` of Linux 7.2.13, 6.12.107 (s390) and 6.1.176 (ia64) and gcc
/// count them. Later kernels add to them.
const ROWS: &[(&str, usize)] = &[
    ("x86_64", 385),
    ("x32", 374),
    ("i386", 461),
    ("arm", 424),
    ("arm-oabi", 436),
    ("aarch64", 327),
    ("arm64-compat", 424),
    ("riscv64", 328),
    ("riscv32", 318),
    ("loongarch64", 324),
    ("loongarch32", 316),
    ("powerpc64", 424),
    ("powerpc32", 452),
    ("powerpc-spu", 336),
    ("s390x", 390),
    ("s390", 433),
    ("mips-o32", 445),
    ("mips-n32", 399),
    ("mips-n64", 375),
    ("sparc64", 404),
    ("sparc32", 441),
    ("parisc64", 386),
    ("parisc32", 407),
    ("alpha", 499),
    ("ia64", 353),
    ("m68k", 443),
    ("sh", 436),
    ("microblaze", 464),
    ("nios2", 347),
    ("openrisc", 347),
    ("csky", 347),
    ("arc", 351),
    ("hexagon", 346),
    ("xtensa", 417),
];

#[test]
fn the_committed_tables_have_the_kernels_rows() {
    let (status, tsv, stderr) = export(&committed(), &[]);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    let mut rows: Vec<(&str, usize)> = Vec::new();
    for line in tsv.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        assert!(columns.len() == 7 && columns[1].parse::<u32>().is_ok(), "{line}");
        match rows.last_mut() {
            Some((abi, count)) if *abi == columns[0] => *count += 1,
            _ => rows.push((columns[0], 1)),
        }
    }
    let abis =
        |rows: &[(&str, usize)]| rows.iter().map(|(abi, _)| (*abi).to_owned()).collect::<Vec<_>>();
    assert_eq!(abis(&rows), abis(ROWS));
    for ((abi, found), (_, least)) in rows.iter().zip(ROWS) {
        let frozen = ["s390", "ia64"].contains(abi);
        assert!(
            if frozen { found == least } else { found >= least },
            "{abi}: {found} rows, and {least} in Linux 7.2.13"
        );
    }
    for line in [
        "x86_64\t209\tio_submit\tsys_io_submit\t\t2.6.12 or earlier\t",
        "x32\t1073742368\tio_submit\tcompat_sys_io_submit\t\t3.15\t",
        "i386\t247\tio_getevents\tsys_io_getevents_time32\t\t2.6.12 or earlier\t",
        "arm-oabi\t9437430\tio_submit\tsys_io_submit\t\t2.6.12 or earlier\t",
        "mips-n64\t5450\tset_mempolicy_home_node\tsys_set_mempolicy_home_node\t\t5.17\t",
        "ia64\t1238\tio_setup\tsys_io_setup\t\t2.6.12 or earlier\t6.6",
        "s390\t416\tio_pgetevents_time64\t\tcompat_sys_io_pgetevents_time64\t5.1\t6.18",
    ] {
        assert!(tsv.lines().any(|found| found == line), "{line}");
    }
}

/// By hand, from the kernel's tables: setup, destroy, submit, cancel, getevents, pgetevents,
/// pgetevents_time64; without the base.
const AIO: &str = "\
x86_64       206 207 209 210 208 333 -
x32          543 207 544 210 208 333 -
i386         245 246 248 249 247 385 416
arm          243 244 246 247 245 399 416
arm-oabi     243 244 246 247 245 399 416
aarch64      0 1 2 3 4 292 -
arm64-compat 243 244 246 247 245 399 416
riscv64      0 1 2 3 4 292 -
riscv32      0 1 2 3 - - 416
loongarch64  0 1 2 3 4 292 -
loongarch32  0 1 2 3 - - 416
powerpc64    227 228 230 231 229 388 -
powerpc32    227 228 230 231 229 388 416
powerpc-spu  227 228 230 231 229 - -
s390x        243 244 246 247 245 382 -
s390         243 244 246 247 245 382 416
mips-o32     241 242 244 245 243 368 416
mips-n32     200 201 203 204 202 332 416
mips-n64     200 201 203 204 202 328 -
sparc64      268 269 270 271 272 361 -
sparc32      268 269 270 271 272 361 416
parisc64     215 216 218 219 217 350 -
parisc32     215 216 218 219 217 350 416
alpha        398 399 401 402 400 523 -
ia64         214 215 217 218 216 327 -
m68k         241 242 244 245 243 - 416
sh           245 246 248 249 247 - 416
microblaze   245 246 248 249 247 399 416
nios2        0 1 2 3 4 292 416
openrisc     0 1 2 3 4 292 416
csky         0 1 2 3 4 292 416
arc          0 1 2 3 4 292 416
hexagon      0 1 2 3 4 292 416
xtensa       239 240 241 243 242 - 416
";

#[test]
fn the_aio_calls_of_every_abi() {
    let tables = &*COMMITTED;
    let names =
        ["setup", "destroy", "submit", "cancel", "getevents", "pgetevents", "pgetevents_time64"];
    let mut found = String::new();
    for abi in &tables.abis {
        let number = |name: &str| {
            call(tables, &abi.name, &format!("io_{name}")).map(|(number, _)| number - abi.base)
        };
        let numbers =
            names.map(|name| number(name).map_or("-".to_owned(), |number| number.to_string()));
        found += &format!("{:<12} {}\n", abi.name, numbers.join(" "));
    }
    assert_eq!(found, AIO);
}

#[test]
fn header_names_are_aliases_and_private_calls() {
    let (plain, all) = (export(&committed(), &[]).1, export(&committed(), &["--header-names"]).1);
    let plain: Vec<&str> = plain.lines().collect();
    let added = all.lines().filter(|line| !plain.contains(line));
    let undated = |line: &str| line.split('\t').take(5).collect::<Vec<_>>().join("\t");
    let added: Vec<String> = added.map(undated).collect();
    let private = ["breakpoint", "cacheflush", "usr26", "usr32", "set_tls", "get_tls"];
    let mut expected = Vec::new();
    for (abi, base) in [("arm", 0), ("arm-oabi", 0x90_0000)] {
        expected.push(format!("{abi}\t{}\tsync_file_range2\tsys_sync_file_range2\t", base + 341));
        let private = (1..).zip(private);
        expected.extend(
            private.map(|(nr, name)| format!("{abi}\t{}\t{name}\t\t", base + 0xf_0000 + nr)),
        );
    }
    for line in [
        "alpha\t20\tgetpid\tsys_getxpid\t",
        "alpha\t22\tumount\tsys_umount\t",
        "alpha\t24\tgetuid\tsys_getxuid\t",
        "alpha\t47\tgetgid\tsys_getxgid\t",
        "alpha\t209\tosf_shmat\tsys_shmat\t",
        "ia64\t1044\tumount\tsys_umount\t",
    ] {
        expected.push(line.to_owned());
    }
    assert_eq!(added, expected);
    assert_eq!(all.lines().count(), plain.len() + 20);
}
