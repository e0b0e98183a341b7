//! The stubs under an emulator whose kernel destroys every register that the contract lets it: what the compiler keeps
//! across a system call is there afterwards. `ci/poison` has the emulator, and runs this.

use aio_codegen::tables::{Abi, Convention, Tables};
use aio_tests::shim::{self, MOST_ARGUMENTS, stubs, targets, without};
use aio_tests::skip;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// More values than any machine has registers, so that the compiler uses them all.
const VALUES: usize = 40;
/// More comparisons than any machine has registers for flags.
const COMPARISONS: usize = 12;
/// How often the loop calls.
const TIMES: u64 = 3;

/// A word of memory that the function reads or writes.
struct Word {
    name: String,
    before: u64,
    after: u64,
}

/// A function that keeps values across calls, and the words of its frame.
struct Function {
    frame: Vec<Word>,
    program: String,
}

impl Function {
    fn word(&mut self, name: &str, before: u64, after: u64) {
        self.frame.push(Word { name: name.to_owned(), before, after });
    }

    /// A function with calls of so many arguments: one in a straight line, and one in a loop.
    fn new(convention: &Convention, count: usize, bits: u32) -> Function {
        let mask = u64::MAX >> (64 - bits);
        let mut function = Function { frame: Vec::new(), program: String::new() };
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        let mut any = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random & mask
        };
        let (mut before, mut after) = (String::new(), String::new());
        let keep = |function: &mut Function, before: &mut String, after: &mut String, name: &str, value: u64| {
            function.word(name, value, value);
            function.word(&format!("{name} afterwards"), 0, value);
            let _ = writeln!(before, "        let {name} = (*frame).{name};");
            let _ = writeln!(after, "        (*frame).{name}_afterwards = {name};");
        };
        function.word("done", 0, 1);
        function.word("times", TIMES, TIMES);
        let number = any() & 0xFFFF;
        keep(&mut function, &mut before, &mut after, "number", number);
        for at in 0..count {
            keep(&mut function, &mut before, &mut after, &format!("a{at}"), any());
        }
        for at in 0..VALUES {
            keep(&mut function, &mut before, &mut after, &format!("v{at}"), any());
        }
        for at in 0..COMPARISONS {
            let (left, right) = (any(), any());
            function.word(&format!("left{at}"), left, left);
            function.word(&format!("right{at}"), right, right);
            function.word(&format!("less{at}"), 0, if left < right { 1 } else { 2 });
            let _ = writeln!(before, "        let less{at} = (*frame).left{at} < (*frame).right{at};");
            let _ = writeln!(after, "        (*frame).less{at} = if less{at} {{ 1 }} else {{ 2 }};");
        }
        // What a machine may keep in an accumulator of two registers.
        let factors = [any(), any(), any(), any()].map(|factor| factor & 0x7FFF_FFFF);
        for (at, factor) in factors.into_iter().enumerate() {
            function.word(&format!("factor{at}"), factor, factor);
        }
        let [a, b, c, d] = factors;
        let sum = a * b + c * d;
        function.word("low", 0, sum & 0xFFFF_FFFF);
        function.word("high", 0, sum >> 32);
        function.word("result once", 0, RESULT as u64 & mask);
        function.word("result", 0, RESULT as u64 & mask);
        let factor = |at| format!("(*frame).factor{at} as i32 as i64");
        let fields: String =
            function.frame.iter().map(|word| format!("    {}: usize,\n", word.name.replace(' ', "_"))).collect();
        let arguments: String = (0..count).map(|at| format!(", abi::Word::from(a{at} as ffi::c_long)")).collect();
        let call = format!("stub::syscall{count}(number as ffi::c_long{arguments})");
        let instruction = &convention.instruction;
        function.program = format!(
            "#[repr(C)]\npub struct Frame{count} {{\n{fields}}}\n\
             #[unsafe(no_mangle)]\n#[unsafe(link_section = \".text.run{count}\")]\npub unsafe extern \"C\" fn run{count}() -> ! {{\n    unsafe {{\n        \
             let frame = {FRAME:#x} as *mut Frame{count};\n{before}        \
             let product = ({}) * ({});\n        \
             (*frame).result_once = {call} as usize;\n        \
             let sum = product + ({}) * ({});\n        \
             (*frame).low = sum as u32 as usize;\n        (*frame).high = (sum >> 32) as u32 as usize;\n        \
             let mut left = (*frame).times;\n        \
             let mut result;\n        \
             while {{ result = {call}; left -= 1; left != 0 }} {{}}\n        \
             (*frame).result = result as usize;\n{after}        \
             (*frame).done = 1;\n        \
             arch::asm!({instruction:?}, options(noreturn));\n    }}\n}}\n",
            factor(0),
            factor(1),
            factor(2),
            factor(3),
        );
        function
    }

    fn job(&self, convention: &Convention, count: usize, object: &Path, target: &str) -> Value {
        let position = |name: &str| self.frame.iter().position(|word| word.name == name).unwrap();
        let value = |name: &str| self.frame[position(name)].before;
        let arguments = convention.arguments[..count].iter().enumerate();
        json!({
            "object": object,
            "section": format!(".text.run{count}"),
            "thumb": target.starts_with("thumb"),
            "frame": self.frame.iter().map(|word| word.before).collect::<Vec<_>>(),
            "expected": self.frame.iter().map(|word| (&word.name, word.after)).collect::<Vec<_>>(),
            "done": position("done"),
            "calls": 1 + TIMES,
            "number": (&convention.number, value("number")),
            "arguments": arguments.map(|(at, register)| (register, value(&format!("a{at}")))).collect::<Vec<_>>(),
            "results": [(&convention.result, RESULT)],
            "destroyed": convention.destroyed.iter().map(|gone| &gone.register).collect::<Vec<_>>(),
            "flags": !convention.flags_kept,
        })
    }
}

/// Where emulate.py puts the frame.
const FRAME: usize = 0x20000;
/// What the kernel answers.
const RESULT: i64 = 1234;

/// What the emulator says of a job.
#[derive(Debug)]
struct Verdict {
    unknown: Option<String>,
    poisoned: BTreeSet<String>,
    skipped: BTreeMap<String, String>,
    wrong: Vec<String>,
}

struct Emulator {
    command: String,
    folder: tempfile::TempDir,
    jobs: Vec<Value>,
}

impl Emulator {
    fn new() -> Option<Emulator> {
        let Ok(command) = std::env::var("AIO_UNICORN") else {
            skip("stubs with poisoned registers", "AIO_UNICORN names no Python that has Unicorn; ci/poison does");
            return None;
        };
        Some(Emulator { command, folder: tempfile::tempdir().unwrap(), jobs: Vec::new() })
    }

    /// Adds a job for calls of each of these counts of arguments, by these stubs.
    fn add(&mut self, target: &str, abi: &Abi, stubs: &str, counts: &[usize]) {
        let convention = abi.call.as_ref().unwrap();
        let functions: Vec<_> =
            counts.iter().map(|&count| (count, Function::new(convention, count, abi.bits))).collect();
        let instruction = &convention.instruction;
        let mut program = format!("{stubs}arch::global_asm!(\".section .insn\", {instruction:?}, \".text\");\n");
        program.extend(functions.iter().map(|(_, function)| function.program.as_str()));
        let object = shim::compile(target, "obj", &program).unwrap_or_else(|error| panic!("{target}: {error}"));
        let file = self.folder.path().join(format!("{}.o", self.jobs.len()));
        std::fs::write(&file, object).unwrap();
        self.jobs.extend(functions.iter().map(|(count, function)| function.job(convention, *count, &file, target)));
    }

    fn run(&self) -> Vec<Verdict> {
        let program = aio_tests::root().join("tests/shim/emulate.py");
        let mut command = Command::new(&self.command);
        let mut python = command.arg(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = python.stdin.take().unwrap();
        let lines: String = self.jobs.iter().map(|job| format!("{job}\n")).collect();
        let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
        let output = python.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(output.status.success(), "{}", output.status);
        let strings = |value: &Value| {
            value.as_array().unwrap().iter().map(|s| s.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let verdict = |line: &str| {
            let value: Value = serde_json::from_str(line).unwrap();
            let skipped = value["skipped"].as_object().unwrap().iter();
            Verdict {
                unknown: value["unknown"].as_str().map(str::to_owned),
                poisoned: strings(&value["poisoned"]).into_iter().collect(),
                skipped: skipped.map(|(name, why)| (name.clone(), why.as_str().unwrap().to_owned())).collect(),
                wrong: strings(&value["wrong"]),
            }
        };
        let verdicts: Vec<_> = std::str::from_utf8(&output.stdout).unwrap().lines().map(verdict).collect();
        assert_eq!(verdicts.len(), self.jobs.len());
        verdicts
    }
}

/// Of an ABI's targets, one for each kind of processor that the compiler knows apart: with the most usual library.
fn kinds(targets: &[String]) -> Vec<&String> {
    let mut kinds: BTreeMap<&str, &String> = BTreeMap::new();
    for target in targets {
        let kind = kinds.entry(target.split('-').next().unwrap()).or_insert(target);
        if target.contains("-gnu") && !kind.contains("-gnu") {
            *kind = target;
        }
    }
    kinds.into_values().collect()
}

#[test]
fn what_is_live_across_a_call_survives() {
    let Some(mut emulator) = Emulator::new() else { return };
    let tables = Tables::embedded().unwrap();
    let targets = targets(&tables);
    let counts: Vec<_> = (0..=MOST_ARGUMENTS).collect();
    let mut jobs = Vec::new();
    for (abi, targets) in &targets {
        for target in kinds(targets) {
            emulator.add(target, abi, &stubs(&tables, abi), &counts);
            jobs.extend(counts.iter().map(|&count| (abi, target, count)));
        }
    }
    let mut poisoned: BTreeMap<&str, (&String, &Abi, BTreeSet<String>)> = BTreeMap::new();
    for ((abi, target, count), verdict) in jobs.into_iter().zip(emulator.run()) {
        if let Some(why) = verdict.unknown {
            if count == 0 {
                skip(&format!("{} with poisoned registers on {target}", abi.name), &why);
            }
            continue;
        }
        assert!(verdict.wrong.is_empty(), "syscall{count} of {} for {target}: {:?}", abi.name, verdict.wrong);
        if count == MOST_ARGUMENTS {
            println!("{} {target}: poisoned {:?}, not {:?}", abi.name, verdict.poisoned, verdict.skipped);
            poisoned.insert(&abi.name, (target, abi, verdict.poisoned));
        }
    }

    // The same with one of the registers taken out of what the compiler is told.
    emulator.jobs.clear();
    let mut jobs = Vec::new();
    for (target, abi, poisoned) in poisoned.values() {
        for register in poisoned {
            emulator.add(target, abi, &without(&stubs(&tables, abi), register), &counts);
            jobs.extend(counts.iter().map(|count| (abi, target, register, count)));
        }
    }
    for ((abi, target, register, count), verdict) in jobs.into_iter().zip(emulator.run()) {
        println!("{} {target}: without {register} at {count}: {:?}", abi.name, verdict.wrong.first());
    }
}
