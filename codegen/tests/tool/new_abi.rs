//! Adding an ABI needs only data: one block and one table in a directory. The tool emits the text
//! with which the crate compiles.
//!
//! The invented ABI works on this kernel, with features of several ABIs: a number in a register
//! that compilers reserve, two arguments on the stack, and a failure reported by a flag with a
//! positive error number.

#![cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]

use crate::common::{codegen, run};
use std::fs;
use std::path::Path;
use std::process::Command;

const TABLE: &str = r#"
[[table]]
name     = "made-up"
source   = "arch/made-up/syscall.tbl"
makefile = "arch/made-up/Makefile"
frozen   = ""
"#;

/// Its instruction is several: they move the operands to the registers of `syscall`, and report a
/// failure as the ABI does.
const ABI: &str = concat!(
    r#"
[[abi]]
name       = "made-up"
arch       = "x86"
table      = "made-up"
base       = 0
base_macro = ""
header     = "unistd_made_up.h"
uapi       = true
predefined = []
redirects  = ""
since      = ""
bits       = 64
sigset     = 8
pairs      = "whole"
rust       = ["made_up"]
triples    = ["made_up-*linux*"]
names      = ["madeup"]
audit      = []

[abi.call]
asm         = "1.85"
"#,
    "instruction = \"mov %rbx, %rax; mov 24(%rsp), %r8; mov 32(%rsp), %r9; syscall; ",
    "xor %r12d, %r12d; cmp $-4095, %rax; jb 2f; neg %rax; mov $7, %r12d; 2:\"\n",
    r#"after       = ["neg %r12", "sbb %r12, %r12", "xor %r12, %rax", "sub %r12, %rax"]
number      = "rbx"
arguments   = ["rdi", "rsi", "rdx", "r10"]
"#,
    "stack       = { reserve = [\"lea -160(%rsp), %rsp\"], ",
    "store = [\"mov {from}, {offset}(%rsp)\"], release = [\"lea 160(%rsp), %rsp\"], first = 16 }\n",
    r#"result      = "rax"
second      = "r14"
both        = [
  { calls = ["getppid"], kind = "own", source = "arch/made-up/sys.c", shows = "regs->r14 = 1" },
]
failure     = "flag"
flag        = "r12"
widen       = ""
clobbered   = [
  { registers = ["rcx", "r8..=r9", "r11"], why = "it is made up", source = "arch/made-up/entry.S" },
]
flags       = "clobbered"
unnameable  = ["rbx"]
save        = ["push %{register}"]
load        = ["mov {from}, %{register}"]
restore     = ["pop %{register}"]
address     = []
quirks      = ["It is made up."]

[[abi.entry]]
instruction = "syscall"
when        = ""
path        = [
  { label = "entry_made_up", source = "arch/made-up/entry.S" },
]
table       = { label = "sys_call_table", source = "arch/made-up/entry.S" }
column      = "entry"
prefix      = ""
note        = ""
"#,
);

const PROGRAM: &str = r#"
use aio_sys::{Errno, abi, nr, raw};
use std::os::fd::AsRawFd as _;

fn main() {
    assert_eq!(abi::ABI, "made-up");
    let file = std::fs::File::open(std::env::args().nth(1).unwrap()).unwrap();
    let (fd, mut buffer) = (file.as_raw_fd(), [0u8; 4]);
    assert_eq!(unsafe { raw::getppid() }, std::os::unix::process::parent_id() as isize);
    assert_eq!(Errno::decode(unsafe { raw::close(u32::MAX) }), Err(Errno::EBADF));
    assert_eq!(unsafe { raw::pread64(fd as u32, buffer.as_mut_ptr().cast(), 4, 6) }, 4);
    assert_eq!(&buffer, b"6789");
    let (mut from, mut to) = (0i64, 0i64);
    let copied = unsafe { raw::copy_file_range(fd, &raw mut from, fd, &raw mut to, 1, 1) };
    assert_eq!(Errno::decode(copied), Err(Errno::EINVAL), "the sixth argument");
    let page = unsafe {
        let word = |word: usize| abi::Word::from(word);
        let fd = abi::Word::from(fd);
        abi::syscall6(nr::SYS_mmap, word(0), word(4096), word(1), word(2), fd, word(0))
    };
    assert_eq!(unsafe { *(page as *const [u8; 10]) }, *b"0123456789");
}
"#;

fn emit(tables: &Path) -> (Option<i32>, String, String) {
    run(codegen().args(["emit", "--abi", "made-up", "--tables"]).arg(tables))
}

fn rustc(arguments: &[&str], directory: &Path) {
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let output = Command::new(rustc)
        .args(["--edition=2024", "-O"])
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, target) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn a_block_and_a_table_make_an_abi() {
    let work = tempfile::tempdir().unwrap();
    let tables = work.path().join("tables");
    copy(&aio_tests::root().join("tables"), &tables);
    let path = tables.join("abis.toml");
    let text = fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_at(text.find("\n[[abi]]\n").unwrap());
    fs::write(&path, format!("{head}{TABLE}{rest}{ABI}")).unwrap();
    let numbers = fs::read_to_string(tables.join("linux/x86_64.toml")).unwrap();
    let numbers = numbers.replace("{ abi = \"x86_64\",", "{ abi = \"made-up\",");
    let numbers =
        numbers.replace("  { abi = \"x32\",          tags = [\"common\", \"x32\"] },\n", "");
    fs::write(tables.join("linux/made-up.toml"), numbers).unwrap();

    let (status, emitted, complaint) = emit(&tables);
    assert_eq!((status, &*complaint), (Some(0), ""));
    assert!(emitted.contains("pub const ABI: &str = \"made-up\";"), "{}", &emitted[..200]);

    // The crate, with this text instead of its target's.
    let source = work.path().join("src");
    copy(&aio_tests::root().join("aio-sys/src"), &source);
    fs::write(source.join("generated/target.rs"), emitted).unwrap();
    fs::write(work.path().join("main.rs"), PROGRAM).unwrap();
    fs::write(work.path().join("digits"), "0123456789").unwrap();
    rustc(
        &["--crate-name=aio_sys", "--crate-type=rlib", "--cap-lints=warn", "src/lib.rs"],
        work.path(),
    );
    rustc(&["--extern=aio_sys=libaio_sys.rlib", "main.rs"], work.path());
    let output =
        Command::new(work.path().join("main")).arg(work.path().join("digits")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_invalid_contract_is_refused_with_its_line() {
    let work = tempfile::tempdir().unwrap();
    let path = work.path().join("abis.toml");
    let refusal = |from: &str, to: &str| {
        let made = ABI.replacen(from, to, 1);
        assert_ne!(made, ABI, "{from}");
        fs::write(&path, format!("{TABLE}{made}")).unwrap();
        let (status, _, complaint) = emit(work.path());
        assert_eq!(status, Some(2), "{to}: {complaint}");
        complaint.split_once("abis.toml:").unwrap_or_else(|| panic!("{complaint}")).1.to_owned()
    };
    let refused = [
        (
            "\"flag\"\nflag",
            "\"sometimes\"\nflag",
            "`failure` is \"sometimes\", but must be one of [\"negative\", \"flag\", \
             \"condition\"]",
        ),
        (
            "= \"r12\"",
            "= \"\"",
            "`flag` names what signals a failure; it must be empty if and only if `failure` is \
             \"negative\"",
        ),
        (
            "after       = [\"neg %r12\", \"sbb %r12, %r12\", \"xor %r12, %rax\", \"sub %r12, \
             %rax\"]",
            "after       = []",
            "`after` is empty, so nothing makes a failure negative; add the instructions that do",
        ),
        (
            "stack       = { reserve = [\"lea -160(%rsp), %rsp\"], store = [\"mov {from}, \
             {offset}(%rsp)\"], release = [\"lea 160(%rsp), %rsp\"], first = 16 }",
            "stack       = {}",
            "`arguments` has 4, but a call may have 6: add the others, or `stack`",
        ),
        ("{from}, {offset}(%rsp)", "%r8, 16(%rsp)", "`store` must put `{from}` at `{offset}`"),
        (
            "number      = \"rbx\"",
            "number      = \"\"",
            "`number` must be a register, or empty if `instruction` contains `{number}`",
        ),
        (
            "unnameable  = [\"rbx\"]",
            "unnameable  = [\"rbp\"]",
            "`rbp` is in `unnameable`, but is neither `number` nor one of `arguments`",
        ),
        (
            "unnameable  = [\"rbx\"]",
            "unnameable  = []",
            "`load` gives unnameable registers their values; it must be empty if and only if there \
             are none",
        ),
        ("mov {from}, %{register}", "mov {from}, %rbx", "`load` does not contain `{register}`"),
        (
            "mov {from}, %{register}",
            "mov {block}, %{register}",
            "`load` must take its value from `{from}`, or from `{offset}` beyond `{block}`",
        ),
        ("\"r14\"", "\"\"", "`both` lists the calls that have `second`; give both keys or neither"),
        ("\"r14\"", "\"r12\"", "`neg %r12` of `after` uses the register in `second`"),
        (
            "\"own\"",
            "\"two\"",
            "`kind` is \"two\", but must be one of [\"child\", \"array\", \"own\"]",
        ),
        (
            "[\"pop %{register}\"]",
            "[]",
            "`restore` restores what `save` saves; give both keys or neither",
        ),
        (
            "\"rcx\", \"r8",
            "\"rax\", \"r8",
            "`rax` is `result` or in `unnameable`, so it cannot be in `clobbered`",
        ),
        (
            "r8..=r9",
            "r8..=v9",
            "`r8..=v9` is not a register, nor a range of registers such as `v0..=v31`",
        ),
        (
            "entry.S\" },\n]\nflags",
            "entry.S\", only = { rust = \"x\", c = \"x\" } },\n]\nflags",
            "`only` has no effect on an operand of asm!: set `rust` to another kind",
        ),
        ("asm         =", "assembler   =", "unknown key `assembler`"),
        ("quirks      = [\"It is made up.\"]\n", "", "the key `quirks` is missing"),
    ];
    for (from, to, message) in refused {
        let complaint = refusal(from, to);
        let (line, rest) = complaint.split_once(": ").unwrap();
        assert!(line.parse::<usize>().is_ok_and(|line| line > 20), "{complaint}");
        assert!(rest.starts_with(message), "{complaint} is not {message}");
    }
}
