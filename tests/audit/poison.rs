//! Runs the stubs under an emulator whose kernel clobbers every register that the contract allows:
//! values that the compiler keeps across a system call must survive. `ci/oracle/poison` installs
//! the emulator and runs this.

use crate::shim::{
    self, MOST_ARGUMENTS, Stub, Way, all_ways, with_option, with_wrong_second, without,
};
use aio_codegen::tables::{ClobberKind, Failure, Tables};
use aio_tests::skip;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// More values than any CPU has registers, so that the compiler uses all of them.
const VALUES: usize = 40;
/// More comparisons than any CPU has flag registers.
const COMPARISONS: usize = 12;
/// Vectors, if the call clobbers vector registers.
const VECTORS: u32 = 40;
/// Floating-point numbers, if the call clobbers floating-point registers that `asm!` cannot name.
const FLOATS: u32 = 4;
/// The number of calls in the loop.
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

    /// A function with calls by a stub: one in a straight line, and one in a loop.
    fn new(way: &Way<'_>, stub: &Stub) -> Function {
        let mask = u64::MAX >> (64 - way.bits);
        let mut function = Function { frame: Vec::new(), program: String::new() };
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        let mut any = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random & mask
        };
        let (mut before, mut after) = (String::new(), String::new());
        let keep = |function: &mut Function,
                    before: &mut String,
                    after: &mut String,
                    name: &str,
                    value: u64| {
            function.word(name, value, value);
            function.word(&format!("{name}_afterwards"), 0, value);
            let _ = writeln!(before, "        let {name} = (*frame).{name};");
            let _ = writeln!(after, "        (*frame).{name}_afterwards = {name};");
        };
        function.word("done", 0, 1);
        function.word("times", TIMES, TIMES);
        let parameters = way.parameters(stub);
        for (name, of) in &parameters {
            // A call's number is small, and an argument may have 32 bits.
            let kind = if of == "c_long" {
                0xFFFF
            } else if of == "u32" {
                0xFFFF_FFFF
            } else {
                u64::MAX
            };
            keep(&mut function, &mut before, &mut after, name, any() & kind);
        }
        for at in 0..VALUES {
            keep(&mut function, &mut before, &mut after, &format!("v{at}"), any());
        }
        // The number of vector registers.
        if way
            .convention
            .clobbers
            .iter()
            .any(|row| row.rust == ClobberKind::Operand && row.registers.len() >= 32)
        {
            let lanes = 128 / way.bits;
            for vector in (0..VECTORS).map(|at| format!("vector{at}")) {
                while function.frame.len() as u32 % lanes != 0 {
                    function.word(&format!("gap{}", function.frame.len()), 0, 0);
                }
                let values: Vec<_> = (0..lanes).map(|_| any()).collect();
                for (name, kept) in
                    [(vector.clone(), true), (format!("{vector}_afterwards"), false)]
                {
                    for (lane, &value) in values.iter().enumerate() {
                        function.word(
                            &format!("{name}_{lane}"),
                            if kept { value } else { 0 },
                            value,
                        );
                    }
                }
                let _ = writeln!(
                    before,
                    "        let {vector} = *(&raw const (*frame).{vector}_0 as *const Vector);"
                );
                let _ = writeln!(
                    after,
                    "        *(&raw mut (*frame).{vector}_afterwards_0 as *mut Vector) = {vector};"
                );
            }
        }
        for at in 0..COMPARISONS {
            let (left, right) = (any(), any());
            function.word(&format!("left{at}"), left, left);
            function.word(&format!("right{at}"), right, right);
            function.word(&format!("less{at}"), 0, if left < right { 1 } else { 2 });
            let _ =
                writeln!(before, "        let less{at} = (*frame).left{at} < (*frame).right{at};");
            let _ =
                writeln!(after, "        (*frame).less{at} = if less{at} {{ 1 }} else {{ 2 }};");
        }
        // Values that a CPU may keep in multiplier registers, which asm! cannot name.
        let (mut product, mut sum) = (String::new(), String::new());
        if way.bits == 32 && way.convention.clobbers.iter().any(|row| row.rust == ClobberKind::Call)
        {
            let factors = [any(), any(), any(), any()].map(|factor| factor & 0x7FFF_FFFF);
            for (at, factor) in factors.into_iter().enumerate() {
                function.word(&format!("factor{at}"), factor, factor);
            }
            let [a, b, c, d] = factors;
            let total = a * b + c * d;
            function.word("low", 0, total & 0xFFFF_FFFF);
            function.word("high", 0, total >> 32);
            let times = |a, b| {
                format!("((*frame).factor{a} as i32 as i64) * ((*frame).factor{b} as i32 as i64)")
            };
            product = format!("        let product = {};\n", times(0, 1));
            sum = format!(
                "        let sum = product + {};\n        (*frame).low = sum as u32 as \
                 usize;\n        \
                 (*frame).high = (sum >> 32) as u32 as usize;\n",
                times(2, 3)
            );
        }
        // The number of floating-point registers.
        if way
            .convention
            .clobbers
            .iter()
            .any(|row| row.rust == ClobberKind::Call && row.registers.len() >= 16)
        {
            for at in 0..FLOATS {
                let (name, kept, of) = (
                    format!("float{at}"),
                    format!("float{at}_afterwards"),
                    format!("f{}", way.bits),
                );
                let value = u64::from(at + 1) * 0x0101_0101;
                function.word(&name, value, value);
                function.word(&kept, 0, value);
                let _ = writeln!(
                    before,
                    "        let {name} = *(&raw const (*frame).{name} as *const {of});"
                );
                let _ =
                    writeln!(after, "        *(&raw mut (*frame).{kept} as *mut {of}) = {name};");
            }
        }
        for name in ["result_once", "result", "second_once", "second"] {
            if stub.both || name.starts_with("result") {
                function.word(name, 0, 0);
            }
        }
        let fields: String =
            function.frame.iter().map(|word| format!("    {}: usize,\n", word.name)).collect();
        let argument = |(name, of): (String, String)| match of.as_str() {
            "Word" => format!("Word::from({name} as c_long)"),
            of => format!("{name} as {of}"),
        };
        let arguments: Vec<_> = parameters.into_iter().map(argument).collect();
        let (name, suffix) = (&stub.name, stub.name.trim_start_matches("syscall"));
        let call = format!("stub::{name}({})", arguments.join(", "));
        let store = |result: &str, second: &str, value: &str| match stub.both {
            true => format!(
                "{{ let (result, second) = {value}; (*frame).{result} = result as usize; \
                 (*frame).{second} = second as usize; }}"
            ),
            false => format!("(*frame).{result} = {value} as usize;"),
        };
        let once = store("result_once", "second_once", &call);
        let last = store("result", "second", "result");
        let instruction = &way.convention.instruction;
        function.program = format!(
            "#[repr(C)]\npub struct Frame{suffix} {{\n{fields}}}\n\
             #[unsafe(no_mangle)]\n#[unsafe(link_section = \".text.run{suffix}\")]\n\
             pub unsafe extern \"C\" fn run{suffix}() -> ! {{\n    unsafe {{\n        \
             let frame = {FRAME:#x} as *mut Frame{suffix};\n{before}{product}        \
             {once}\n{sum}        \
             let mut left = (*frame).times;\n        \
             let mut result;\n        \
             while {{ result = {call}; left -= 1; left != 0 }} {{}}\n        \
             {last}\n{after}        \
             (*frame).done = 1;\n        \
             arch::asm!({instruction:?}, options(noreturn{}));\n    }}\n}}\n",
            syntax(way, ", "),
        );
        function
    }

    /// The function's jobs: calls that succeed, and calls that fail, each with other poison.
    fn jobs(&self, way: &Way<'_>, stub: &Stub, object: &Path, target: &str) -> [Value; 2] {
        let (convention, count) = (way.convention, stub.count);
        let value = |name: &str| self.frame.iter().find(|word| word.name == name).unwrap().before;
        let in_registers = convention.arguments.iter().take(count).enumerate();
        let arguments: Vec<_> =
            in_registers.map(|(at, register)| (register, value(&format!("a{at}")))).collect();
        let stacked: Vec<_> =
            (convention.arguments.len()..count).map(|at| value(&format!("a{at}"))).collect();
        [(1234_i64, false, 0xA5A5_A5A5_DEAD_BEEF_u64), (22, true, !0xA5A5_A5A5_DEAD_BEEF)].map(
            |(answer, failed, poison)| {
                let after = if failed { -answer } else { answer };
                let mask = u64::MAX >> (64 - way.bits);
                let expected = |word: &Word| match word.name.split('_').next() {
                    Some("result") => after as u64 & mask,
                    Some("second") => SECOND as u64,
                    _ => word.after,
                };
                let expected: Vec<_> =
                    self.frame.iter().map(|word| (&word.name, expected(word))).collect();
                let mut results = vec![(convention.result.clone(), answer)];
                results
                    .extend(convention.second.clone().filter(|_| stub.both).map(|r| (r, SECOND)));
                let mut condition = None;
                match &convention.failure {
                    Failure::Negative => results[0].1 = after,
                    Failure::Flag(register) => results.push((register.clone(), failed.into())),
                    Failure::Condition(name) => condition = Some((name, failed)),
                }
                json!({
                    "object": object,
                    "section": format!(".text.run{}", stub.name.trim_start_matches("syscall")),
                    "thumb": target.starts_with("thumb"),
                    "frame": self.frame.iter().map(|word| word.before).collect::<Vec<_>>(),
                    "expected": expected,
                    "done": self.frame.iter().position(|word| word.name == "done"),
                    "calls": 1 + TIMES,
                    "number": (&convention.number, value("nr")),
                    "arguments": arguments,
                    "stacked": convention.stack.as_ref().map(|stack| (stack.first, &stacked)),
                    "clobbered": way.clobbered(),
                    "flags": !convention.flags_kept,
                    "poison": poison,
                    "results": results,
                    "condition": condition,
                })
            },
        )
    }
}

/// The option of `asm!` for GAS's own syntax, if another one is the default.
fn syntax(way: &Way<'_>, comma: &str) -> String {
    if way.stubs.contains("att_syntax") { format!("{comma}att_syntax") } else { String::new() }
}

/// The name in emulate.py of a contract's flags.
const FLAGS: &str = "flags";
/// The address of the frame in emulate.py.
const FRAME: usize = 0x20000;
/// The second result of a call that has one.
const SECOND: i64 = 0x2B;
/// The emulator's result for a job.
#[derive(Clone, Debug)]
struct Verdict {
    unknown: Option<String>,
    poisoned: BTreeSet<String>,
    skipped: BTreeMap<String, String>,
    wrong: Vec<String>,
}

struct Emulator {
    command: String,
    directory: tempfile::TempDir,
    jobs: Vec<Value>,
}

impl Emulator {
    fn new() -> Option<Emulator> {
        let Ok(command) = std::env::var("AIO_UNICORN") else {
            skip(
                "stubs with poisoned registers",
                "AIO_UNICORN names no Python that has Unicorn; ci/oracle/poison does",
            );
            return None;
        };
        Some(Emulator { command, directory: tempfile::tempdir().unwrap(), jobs: Vec::new() })
    }

    /// Adds jobs for calls by some of these stubs, in which the kernel clobbers all that it may.
    fn add(&mut self, target: &str, way: &Way<'_>, stubs: &str, each: &[Stub]) {
        let functions: Vec<_> = each.iter().map(|stub| (stub, Function::new(way, stub))).collect();
        let (instruction, syntax) = (&way.convention.instruction, syntax(way, ""));
        let mut program = format!(
            "{stubs}arch::global_asm!(\".section .insn\", {instruction:?}, \".text\", \
             options({syntax}));\n"
        );
        program.extend(functions.iter().map(|(_, function)| function.program.as_str()));
        let object = shim::compile(target, "obj", &program)
            .unwrap_or_else(|error| panic!("{target}: {error}"));
        let file = self.directory.path().join(format!("{}.o", self.jobs.len()));
        std::fs::write(&file, object).unwrap();
        for (stub, function) in &functions {
            self.jobs.extend(function.jobs(way, stub, &file, target));
        }
    }

    /// The verdicts, in the order of the jobs: one for each stub.
    fn run(&mut self) -> Vec<Verdict> {
        let program = aio_tests::root().join("tests/audit/shim/emulate.py");
        let mut command = Command::new(&self.command);
        let mut python =
            command.arg(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = python.stdin.take().unwrap();
        let lines: String = self.jobs.iter().map(|job| format!("{job}\n")).collect();
        let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
        let output = python.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(output.status.success(), "{}", output.status);
        let strings = |value: &Value| {
            value
                .as_array()
                .unwrap()
                .iter()
                .map(|s| s.as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let verdict = |line: &str| {
            let value: Value = serde_json::from_str(line).unwrap();
            let skipped = value["skipped"].as_object().unwrap().iter();
            Verdict {
                unknown: value["unknown"].as_str().map(str::to_owned),
                poisoned: strings(&value["poisoned"]).into_iter().collect(),
                skipped: skipped
                    .map(|(name, why)| (name.clone(), why.as_str().unwrap().to_owned()))
                    .collect(),
                wrong: strings(&value["wrong"]),
            }
        };
        let verdicts: Vec<_> =
            std::str::from_utf8(&output.stdout).unwrap().lines().map(verdict).collect();
        assert_eq!(verdicts.len(), self.jobs.len());
        self.jobs.clear();
        // A function has two jobs.
        let both = |two: &[Verdict]| Verdict {
            wrong: [&*two[0].wrong, &*two[1].wrong].concat(),
            ..two[0].clone()
        };
        verdicts.chunks(2).map(both).collect()
    }
}

/// One of an ABI's targets for each CPU kind that the compiler distinguishes: with the most common
/// library.
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

/// The stubs without the declaration of a register, or of several that `asm!` cannot name.
fn mutant(way: &Way<'_>, registers: &[String]) -> String {
    // A function call needs no operands to declare its clobbers.
    let inlined = way.stubs.replace("inline(never)", "inline(always)");
    let of_flags = way.convention.clobbers.iter().filter(|row| row.rust == ClobberKind::Flags);
    match registers {
        [flags] if flags == FLAGS => with_option(&inlined, "preserves_flags"),
        [one, ..] if of_flags.flat_map(|row| &row.registers).any(|register| register == one) => {
            with_option(&inlined, "preserves_flags")
        }
        [register] => without(&inlined, register),
        _ => inlined,
    }
}

/// The declarations that can be left out: each register with a name, and groups of others that are
/// declared together.
fn can_be_left_out(way: &Way<'_>, poisoned: &BTreeSet<String>) -> Vec<Vec<String>> {
    let mut groups = Vec::new();
    let mut rest = poisoned.clone();
    for row in way
        .convention
        .clobbers
        .iter()
        .filter(|row| matches!(row.rust, ClobberKind::Call | ClobberKind::Flags))
    {
        groups.push(
            row.registers.iter().filter(|register| rest.remove(*register)).cloned().collect(),
        );
    }
    groups.extend(rest.into_iter().map(|register| vec![register]));
    groups.retain(|group| !group.is_empty());
    groups
}

/// Registers whose missing declaration is not noticed, by way of calling, each with the reason.
fn read_unnoticed() -> BTreeMap<(&'static str, &'static str), &'static str> {
    let lines = include_str!("../oracles/unnoticed.txt").lines();
    let entries = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
        let (place, why) = line.split_once(": ").expect("a reason behind `: `");
        (place.split_once(' ').expect("a way of calling and registers"), why)
    });
    entries.collect()
}

#[test]
fn values_live_across_a_call_survive() {
    let Some(mut emulator) = Emulator::new() else { return };
    let tables = Tables::embedded().unwrap();
    let ways = all_ways(&tables);
    let jobs = ways
        .iter()
        .flat_map(|way| kinds(&way.targets).into_iter().map(move |target| (way, target)));
    let jobs: Vec<_> = jobs.collect();
    for (way, target) in &jobs {
        emulator.add(target, way, &way.stubs, &way.each());
    }
    let mut seen: BTreeMap<&str, (&Way<'_>, &str, BTreeSet<String>)> = BTreeMap::new();
    let mut all = emulator.run();
    for (way, target) in jobs {
        let each = way.each();
        let verdicts: Vec<_> = all.drain(..each.len()).collect();
        let (name, Verdict { unknown, poisoned, skipped, .. }) = (&way.name, &verdicts[0]);
        if let Some(why) = unknown {
            skip(&format!("{name} with poisoned registers on {target}"), why);
            continue;
        }
        for (stub, Verdict { wrong, .. }) in each.iter().zip(&verdicts) {
            assert!(wrong.is_empty(), "{} of {name} for {target}: {wrong:?}", stub.name);
        }
        println!("{name} on {target}: {} registers poisoned {poisoned:?}", poisoned.len());
        let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (register, why) in skipped {
            by_reason.entry(why).or_default().push(register);
        }
        for (why, registers) in by_reason {
            skip(&format!("poison of {} on {target}", registers.join(" ")), why);
        }
        if seen.get(&**name).is_none_or(|(.., before)| before.len() < poisoned.len()) {
            seen.insert(name, (way, target, poisoned.clone()));
        }
    }

    // Next, a stub that returns both results reads one from another register.
    let mut jobs = Vec::new();
    for (way, target, _) in seen.values() {
        let Some(wrong) = with_wrong_second(way) else { continue };
        let both: Vec<_> =
            way.each().into_iter().filter(|stub| stub.both && stub.count == 0).collect();
        emulator.add(target, way, &wrong, &both);
        jobs.push((way, target));
    }
    assert!(!jobs.is_empty(), "no call has two results");
    for ((way, target), verdict) in jobs.into_iter().zip(emulator.run()) {
        let names = ["second_once", "second"].map(|name| format!("{name} is "));
        let found =
            |name: &String| verdict.wrong.iter().any(|wrong| wrong.starts_with(name.as_str()));
        assert!(
            verdict.unknown.is_some() || names.iter().all(found),
            "{} for {target}: the second result is from another register, and only {:?} is wrong",
            way.name,
            verdict.wrong
        );
    }

    // Next, the compiler does not know of a register that the kernel clobbers.
    let counts = [0, MOST_ARGUMENTS];
    let mut jobs = Vec::new();
    for (way, target, poisoned) in seen.into_values() {
        for registers in can_be_left_out(way, &poisoned) {
            let mut each = way.each();
            each.retain(|stub| !stub.both && counts.contains(&stub.count));
            emulator.add(target, way, &mutant(way, &registers), &each);
            jobs.push((way, target, registers.join(" ")));
        }
    }
    let (mut surprises, mut noticed) = (Vec::new(), BTreeMap::<&str, (usize, Vec<String>)>::new());
    let unnoticed = read_unnoticed();
    for ((way, target, registers), verdicts) in
        jobs.into_iter().zip(emulator.run().chunks(counts.len()))
    {
        let name = way.name.as_str();
        let (found, not_found) = noticed.entry(name).or_default();
        let fails = verdicts.iter().any(|verdict| !verdict.wrong.is_empty());
        match (fails, unnoticed.get(&(name, registers.as_str()))) {
            (true, None) => *found += 1,
            (false, Some(why)) => not_found.push(format!("{registers} ({why})")),
            (true, Some(why)) => {
                surprises.push(format!("{name} {registers}: lost on {target}, though {why}"))
            }
            (false, None) => surprises.push(format!("{name} {registers}: not lost on {target}")),
        }
    }
    for (way, (found, not_found)) in noticed {
        println!("{way}: {found} left out are lost; not {not_found:?}");
    }
    assert!(surprises.is_empty(), "tests/oracles/unnoticed.txt differs:\n{}", surprises.join("\n"));
}
