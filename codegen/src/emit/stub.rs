//! The stubs of a target in Rust: `syscall0` to `syscall6`, and one more where memory has the room.

use crate::lower::{After, Language, Output, Piece, Stub, StubPlan, Target, Word};
use crate::tables::{Asm, ClobberKind, Convention, Failure};
use crate::text::{joined, quoted};
use std::fmt::Write as _;

/// The module `stub` of an ABI.
pub(super) fn module(out: &mut String, target: &Target<'_>) {
    if target.stub.convention.asm == Asm::Nightly {
        out.push_str(
            "#[cfg(not(feature = \"nightly\"))]\npub mod stub {\n    pub use crate::by_libc::*;\n\
             }\n#[cfg(feature = \"nightly\")]\n",
        );
    }
    out.push_str(
        "pub mod stub {\n    use crate::abi::Word;\n    use core::arch::asm;\n    \
         use core::ffi::c_long;\n",
    );
    stubs(out, &target.stub);
    for way in &target.others {
        let _ = writeln!(out, "\n    /// {}\n    pub mod {} {{", way.other.when, way.other.name);
        out.push_str(if way.stub.narrow { "" } else { "        use crate::abi::Word;\n" });
        out.push_str("        use core::arch::asm;\n        use core::ffi::c_long;\n");
        let mut text = String::new();
        if let Some((whose, calls)) = &way.numbers {
            let _ = writeln!(
                text,
                "\n    /// The numbers of {}.\n    \
                 #[allow(non_upper_case_globals, missing_docs)]\n    pub mod nr {{\n        \
                 use core::ffi::c_long;",
                whose.name
            );
            for call in calls {
                let (name, number) = (call.name, call.number);
                let _ = writeln!(text, "        pub const SYS_{name}: c_long = {number};");
            }
            text.push_str("    }\n");
        }
        stubs(&mut text, &way.stub);
        for line in text.lines() {
            let _ = writeln!(out, "{}{line}", if line.is_empty() { "" } else { "    " });
        }
        out.push_str("    }\n");
    }
    out.push_str("}\n\n");
}

fn stubs(out: &mut String, stub: &Stub<'_>) {
    let Convention { instruction, number, arguments, result, failure, .. } = stub.convention;
    let failure = match failure {
        Failure::Negative => "where `-4095..=-1` is\n    /// `-errno`".to_owned(),
        Failure::Flag(register) => format!("which is errno if `{register}` is not\n    /// 0"),
        Failure::Condition(condition) => {
            format!("which is errno if\n    /// `{condition}` is set")
        }
    };
    let memory = if stub.convention.stack.is_some() { ", memory" } else { "" };
    let second = match &stub.convention.second {
        Some(second) => format!("; second result in `{second}`"),
        None => String::new(),
    };
    let _ = writeln!(
        out,
        "\n    /// The system-call instruction. The calling convention of the stubs:\n    ///\n    \
         /// instruction `{instruction}`; number in `{number}`; arguments in {}{memory}; \
         result in `{result}`, {failure}{second}.",
        ticked(arguments)
    );
    let flags = match stub.convention.flags_kept {
        true => "The flags are preserved.",
        false => "The flags are clobbered.",
    };
    let _ = writeln!(out, "    ///\n    /// {flags} Clobbered besides the result:");
    let mut list = String::new();
    for clobbers in &stub.clobbers {
        let Some(row) = clobbers.row else { continue };
        let _ = write!(list, "    /// - {}: {}", ticked(&clobbers.registers), row.why);
        let _ = write!(list, " (`{}`)", row.source);
        if let Some(only) = &row.only {
            let _ = write!(list, ", if `{}`", only.rust);
        }
        list.push_str(match row.rust {
            ClobberKind::Operand | ClobberKind::Flags => "",
            ClobberKind::Call => {
                "; `asm!` cannot name it, so the stub is not inlined: every call may clobber it"
            }
            ClobberKind::Never => "; `asm!` cannot name it, and the compiler keeps no value there",
        });
        list.push('\n');
    }
    out.push_str(if list.is_empty() { "    /// nothing.\n" } else { "    ///\n" });
    out.push_str(&list);
    for quirk in &stub.convention.quirks {
        let _ = writeln!(out, "    ///\n    /// {quirk}");
    }
    let _ = writeln!(out, "    pub const INSTRUCTION: &str = {};", quoted(instruction));
    for (count, both) in stub.each(stub.convention.most_arguments()) {
        function(out, stub, count, both);
    }
}

/// One `syscallN`, or `syscallN_both`.
fn function(out: &mut String, stub: &Stub<'_>, count: usize, both: bool) {
    let plan = stub.plan(count, both, Language::Rust);
    let word = if stub.narrow { "u32" } else { "Word" };
    let (mut parameters, mut safety) = (
        "nr: c_long".to_owned(),
        "What the kernel does for this number with these arguments must be sound.",
    );
    if plan.entry {
        parameters = format!("entry: *const core::ffi::c_void, {parameters}");
        safety = "`entry` must be the entry point, and what the kernel does for this number with \
                  these\n    /// arguments must be sound.";
    }
    for at in 0..count {
        let _ = write!(parameters, ", a{at}: {word}");
    }
    let plural = if count == 1 { "argument" } else { "arguments" };
    let mut attributes = inline(stub);
    if count >= 7 {
        attributes.push_str("    #[allow(clippy::too_many_arguments)]\n");
    }
    let (of, extend) = match stub.widen().is_some() {
        true => ("u64", " as i32 as isize"),
        false => ("isize", ""),
    };
    let (suffix, returns, results, second) = match both {
        true => ("_both", "(isize, isize)", format!("(result{extend}, second{extend})"), {
            " The second\n    /// result is that of the system calls that have one, and \
             unspecified after a failure."
        }),
        false => ("", "isize", format!("result{extend}"), ""),
    };
    let _ = writeln!(
        out,
        "\n    /// A system call with {count} {plural}. A failure is returned as `-errno`, in \
         `-4095..=-1`.{second}\n    ///\n    /// # Safety\n    ///\n    /// {safety}\n\
         {attributes}    pub unsafe fn syscall{count}{suffix}({parameters}) -> {returns} \
         {{\n        \
         let result: {of};"
    );
    if both {
        let _ = writeln!(out, "        let second: {of};");
    }
    assembly(out, stub, &plan);
    let _ = writeln!(out, "        {results}\n    }}");
}

/// The attribute that lets the compiler inline a stub, or not.
fn inline(stub: &Stub<'_>) -> String {
    let mut conditions = Vec::new();
    for row in stub.clobbers.iter().filter_map(|clobbers| clobbers.row) {
        match &row.only {
            _ if row.rust != ClobberKind::Call => {}
            None => return "    #[inline(never)]\n".to_owned(),
            Some(only) => conditions.push(only.rust.as_str()),
        }
    }
    if conditions.is_empty() {
        return "    #[inline(always)]\n".to_owned();
    }
    let any = format!("any({})", joined(&conditions, ", "));
    format!("    #[cfg_attr({any}, inline(never))]\n    #[cfg_attr(not({any}), inline(always))]\n")
}

/// The `asm!`, with the block of memory that it reads.
fn assembly(out: &mut String, stub: &Stub<'_>, plan: &StubPlan<'_>) {
    if !plan.block.is_empty() {
        let element = if stub.narrow { "u64" } else { "Word" };
        let words: Vec<_> = plan.block.iter().map(|&word| in_memory(stub, word)).collect();
        let (count, words) = (words.len(), joined(&words, ", "));
        let _ = writeln!(out, "        let block: [{element}; {count}] = [{words}];");
    }
    out.push_str(
        "        // SAFETY: the operands follow the convention above; the caller ensures that \
         the call is sound.\n        unsafe {\n            asm!(\n",
    );
    let mut add = |item: &str| {
        let _ = writeln!(out, "                {item},");
    };
    for line in &plan.lines {
        let mut text = String::new();
        for piece in &line.0 {
            match piece {
                Piece::Text(piece) => {
                    text.push_str(&piece.replace('{', "{{").replace('}', "}}"));
                }
                Piece::Named(word) => text.push_str(&format!("{{{}}}", word.name())),
            }
        }
        add(&quoted(&text));
    }
    for &word in &plan.named {
        add(&format!("{} = in(reg) {}", word.name(), in_register(stub, word)));
    }
    let result = quoted(plan.result);
    if plan.output == Output::Block {
        add(&format!("inlateout({result}) block.as_ptr() => result"));
    }
    for input in &plan.inputs {
        let (register, value) = (quoted(input.register), in_register(stub, input.word));
        add(&match input.after {
            After::Result => format!("inlateout({register}) {value} => result"),
            After::Second => format!("inlateout({register}) {value} => second"),
            After::Anything => format!("inlateout({register}) {value} => _"),
            After::Same => format!("in({register}) {value}"),
        });
    }
    if plan.output == Output::Alone {
        add(&format!("lateout({result}) result"));
    }
    if let Some(register) = plan.second {
        add(&format!("lateout({}) second", quoted(register)));
    }
    for register in &plan.clobbers {
        add(&format!("lateout({}) _", quoted(register)));
    }
    let mut options = Vec::new();
    for (holds, option) in
        [(plan.nostack, "nostack"), (plan.flags_kept, "preserves_flags"), (stub.att, "att_syntax")]
    {
        if holds {
            options.push(option);
        }
    }
    if !options.is_empty() {
        add(&format!("options({})", joined(&options, ", ")));
    }
    out.push_str("            );\n        }\n");
}

/// A parameter in a register.
fn in_register(stub: &Stub<'_>, word: Word) -> String {
    match (word, stub.narrow) {
        (Word::Number, false) if stub.widen().is_none() => "nr as isize".to_owned(),
        (Word::Number, false) => "Word::from(nr).register()".to_owned(),
        (Word::Number, true) => "nr as u64".to_owned(),
        (_, true) => format!("u64::from({})", word.name()),
        (_, false) => format!("{}.register()", word.name()),
    }
}

/// A parameter in memory.
fn in_memory(stub: &Stub<'_>, word: Word) -> String {
    match word {
        _ if stub.narrow => in_register(stub, word),
        Word::Number | Word::Entry => format!("Word::from({})", word.name()),
        Word::Argument(_) => word.name(),
    }
}

fn ticked(names: &[impl AsRef<str>]) -> String {
    let mut all = String::new();
    for name in names {
        let comma = if all.is_empty() { "" } else { ", " };
        let _ = write!(all, "{comma}`{}`", name.as_ref());
    }
    all
}
