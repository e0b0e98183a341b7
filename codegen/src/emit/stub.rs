//! A calling convention to Rust: `syscall0` to `syscall6`, and one more where memory has the room.

use crate::tables::{Abi, Asm, Convention, Destroyed, Failure, Other, Told};
use std::fmt::Write as _;

/// Functions of one convention in the making.
struct Stubs<'c> {
    convention: &'c Convention,
    /// Bytes of an argument register.
    bytes: usize,
    /// The arguments are 32-bit numbers, whatever the target's pointers are.
    narrow: bool,
    /// The assembler has a syntax of Intel's, too, and Rust's `asm!` begins with that.
    att: bool,
}

/// What an `asm!` is made of.
struct Body {
    /// What goes into memory, in order; its address is in the result's register.
    block: Vec<String>,
    lines: Vec<String>,
    operands: Vec<String>,
    options: Vec<&'static str>,
}

/// The module `stub` of an ABI.
pub(super) fn module(
    out: &mut String,
    abi: &Abi,
    convention: &Convention,
    others: &[(&Other, String)],
) {
    let att = abi.arch == "x86";
    let bytes = |convention: &Convention| {
        if convention.widen.is_some() { 8 } else { abi.bits as usize / 8 }
    };
    if convention.asm == Asm::Nightly {
        out.push_str(
            "#[cfg(not(feature = \"nightly\"))]\npub mod stub {\n    pub use crate::by_libc::*;\n}\n#[cfg(feature = \"nightly\")]\n",
        );
    }
    out.push_str("pub mod stub {\n    use crate::abi::Word;\n    use core::arch::asm;\n    use core::ffi::c_long;\n");
    Stubs { convention, bytes: bytes(convention), narrow: false, att }.write(out);
    for (other, numbers) in others {
        let Other { name, when, call: convention, .. } = other;
        let _ = writeln!(out, "\n    /// {when}\n    pub mod {name} {{");
        let narrow = convention.widen.is_some() && abi.bits == 64;
        out.push_str(if narrow { "" } else { "        use crate::abi::Word;\n" });
        out.push_str("        use core::arch::asm;\n        use core::ffi::c_long;\n");
        let mut text = numbers.clone();
        Stubs { convention, bytes: bytes(convention), narrow, att }.write(&mut text);
        for line in text.lines() {
            let _ = writeln!(out, "{}{line}", if line.is_empty() { "" } else { "    " });
        }
        out.push_str("    }\n");
    }
    out.push_str("}\n\n");
}

impl Stubs<'_> {
    fn write(&self, out: &mut String) {
        let Convention { instruction, number, arguments, result, failure, .. } = self.convention;
        let told = match failure {
            Failure::Negative => "where `-4095..=-1` is\n    /// `-errno`".to_owned(),
            Failure::Flag(register) => format!("which is errno if `{register}` is not\n    /// 0"),
            Failure::Condition(condition) => {
                format!("which is errno if\n    /// `{condition}` is set")
            }
        };
        let _ = writeln!(
            out,
            "\n    /// The calling convention, for the curious.\n    ///\n    \
             /// instruction `{instruction}`; number in `{number}`; arguments in {}; result in `{result}`, {told}.",
            ticked(arguments, self.convention.stack.is_some())
        );
        let flags = if self.convention.flags_kept {
            "The flags survive."
        } else {
            "The flags are destroyed."
        };
        let _ = writeln!(out, "    ///\n    /// {flags} Destroyed besides the result:");
        out.push_str(if self.convention.destroyed.is_empty() {
            "    /// nothing.\n"
        } else {
            "    ///\n"
        });
        for Destroyed { registers, why, source, rust, only, .. } in &self.convention.destroyed {
            let only = only.as_ref().map_or(String::new(), |only| format!(", if `{}`", only.rust));
            let told = match rust {
                Told::Operand | Told::Flags => "",
                Told::Call => {
                    "; `asm!` cannot name it, so that the stub is not inlined: every call may change it"
                }
                Told::Never => {
                    "; `asm!` cannot name it, and no code that Rust makes has a value there"
                }
            };
            let _ = writeln!(
                out,
                "    /// - {}: {why} (`{source}`){only}{told}",
                ticked(registers, false)
            );
        }
        for quirk in &self.convention.quirks {
            let _ = writeln!(out, "    ///\n    /// {quirk}");
        }
        let _ = writeln!(out, "    pub const INSTRUCTION: &str = {instruction:?};");
        for count in 0..=self.convention.most_arguments() {
            self.stub(out, count);
        }
    }

    /// One `syscallN`.
    fn stub(&self, out: &mut String, count: usize) {
        let word = if self.narrow { "u32" } else { "Word" };
        let mut parameters = vec!["nr: c_long".to_owned()];
        parameters.extend((0..count).map(|at| format!("a{at}: {word}")));
        let mut safety =
            "Whatever the kernel does for this number with these arguments must be sound here.";
        if !self.convention.address.is_empty() {
            parameters.insert(0, "entry: *const core::ffi::c_void".to_owned());
            safety = "`entry` must be the entry point, and whatever the kernel does for this number with these\n    \
                      /// arguments must be sound here.";
        }
        let plural = if count == 1 { "argument" } else { "arguments" };
        let wide = self.convention.widen.is_some();
        let _ = writeln!(
            out,
            "\n    /// A system call with {count} {plural}. The result is the kernel's own: `-4095..=-1` is `-errno`.\n    \
             ///\n    /// # Safety\n    ///\n    /// {safety}\n{}    \
             pub unsafe fn syscall{count}({}) -> isize {{\n        let result: {};",
            self.inline()
                + if count < 7 { "" } else { "    #[allow(clippy::too_many_arguments)]\n" },
            parameters.join(", "),
            if wide { "u64" } else { "isize" }
        );
        self.body(count).write(out, self.narrow);
        out.push_str(if wide {
            "        result as i32 as isize\n    }\n"
        } else {
            "        result\n    }\n"
        });
    }

    /// The attribute that lets the compiler inline a stub, or not.
    fn inline(&self) -> String {
        let mut conditions = Vec::new();
        for row in self.convention.destroyed.iter().filter(|row| row.rust == Told::Call) {
            match &row.only {
                None => return "    #[inline(never)]\n".to_owned(),
                Some(only) => conditions.push(only.rust.as_str()),
            }
        }
        match conditions.as_slice() {
            [] => "    #[inline(always)]\n".to_owned(),
            conditions => {
                let any = format!("any({})", conditions.join(", "));
                format!(
                    "    #[cfg_attr({any}, inline(never))]\n    #[cfg_attr(not({any}), inline(always))]\n"
                )
            }
        }
    }

    /// Lines and operands of a call.
    fn body(&self, count: usize) -> Body {
        let Convention { number, result, unnameable, load, save, restore, stack, .. } =
            self.convention;
        let arguments = &self.convention.arguments[..count.min(self.convention.arguments.len())];
        let mut changed: Vec<&str> = Vec::new();
        if let Failure::Flag(register) = &self.convention.failure {
            changed.push(register);
        }
        changed.extend(self.convention.second.as_deref());
        for row in self.convention.destroyed.iter().filter(|row| row.rust == Told::Operand) {
            changed.extend(row.registers.iter().map(String::as_str).filter(|name| *name != result));
        }
        let hidden: Vec<(&String, String)> = std::iter::once((number, "nr".to_owned()))
            .chain(arguments.iter().zip((0..).map(|at| format!("a{at}"))))
            .filter(|(register, _)| unnameable.contains(register))
            .collect();
        let address = &self.convention.address;
        let in_memory =
            !address.is_empty() || (!hidden.is_empty() && self.convention.loads_from_memory());

        // In memory are the number, the entry point, and what has no name for asm!, or is where the
        // block's address has to be.
        let (mut block, mut slots): (Vec<String>, Vec<(&str, usize)>) = (Vec::new(), Vec::new());
        if in_memory {
            slots.push((number, 0));
            block.push(self.word("nr"));
            if !address.is_empty() {
                block.push(self.word("entry"));
            }
            for (at, register) in arguments.iter().enumerate() {
                if register == result || unnameable.contains(register) {
                    slots.push((register, block.len()));
                    block.push(self.word(&format!("a{at}")));
                }
            }
        }
        let slot =
            |register: &str| slots.iter().find(|(name, _)| *name == register).map(|(_, at)| *at);

        let mut lines = Vec::new();
        let mut add = |templates: &[String], values: &[(&str, &str)]| {
            lines.extend(templates.iter().map(|template| fill(template, values)));
        };
        let (mut named, mut operands) = (Vec::new(), Vec::new());
        let stacked = arguments.len()..count;
        if let Some(stack) = stack.as_ref().filter(|_| !stacked.is_empty()) {
            add(&stack.reserve, &[]);
            for (at, offset) in stacked.clone().zip((stack.first as usize..).step_by(self.bytes)) {
                add(
                    &stack.store,
                    &[("{from}", &format!("{{a{at}}}")), ("{offset}", &offset.to_string())],
                );
                named.push(format!("a{at} = in(reg) {}", self.value(&format!("a{at}"))));
            }
        }
        let load_one = |register: &str, from: &str| {
            let offset = (slot(register).unwrap_or(0) * self.bytes).to_string();
            [
                ("{register}", register.to_owned()),
                ("{block}", result.clone()),
                ("{offset}", offset),
                ("{from}", from.to_owned()),
            ]
        };
        for (register, _) in &hidden {
            add(save, &[("{register}", register)]);
        }
        add(address, &[("{block}", result), ("{offset}", &self.bytes.to_string())]);
        for (register, value) in &hidden {
            let values = load_one(register, &format!("{{{value}}}"));
            add(load, &values.each_ref().map(|(key, value)| (*key, value.as_str())));
            if !in_memory {
                named.push(format!("{value} = in(reg) {}", self.value(value)));
            }
        }
        if in_memory {
            // The block's address goes last, if something else belongs there.
            if slot(result).is_some() {
                let values = load_one(result, "");
                add(load, &values.each_ref().map(|(key, value)| (*key, value.as_str())));
            }
            operands.insert(0, format!("inlateout({result:?}) block.as_ptr() => result"));
        }
        add(std::slice::from_ref(&self.convention.instruction), &[]);
        add(&self.convention.after, &[]);
        for (register, _) in hidden.iter().rev() {
            add(restore, &[("{register}", register)]);
        }
        if let Some(stack) = stack.as_ref().filter(|_| !stacked.is_empty()) {
            lines.extend(stack.release.iter().map(|template| fill(template, &[])));
        }

        let mut said = vec![result.as_str()];
        let mut input = |register: &str, value: String| {
            operands.push(match (register == result, changed.contains(&register)) {
                (true, _) => format!("inlateout({register:?}) {value} => result"),
                (false, true) => format!("inlateout({register:?}) {value} => _"),
                (false, false) => format!("in({register:?}) {value}"),
            });
        };
        let given = std::iter::once((number.as_str(), "nr".to_owned())).chain(
            arguments
                .iter()
                .enumerate()
                .map(|(at, register)| (register.as_str(), format!("a{at}"))),
        );
        let mut given: Vec<_> = given.filter(|(register, _)| slot(register).is_none()).collect();
        given.retain(|(register, _)| !unnameable.iter().any(|name| name == register));
        for (register, value) in given {
            input(register, self.value(&value));
            said.push(register);
        }
        if !(in_memory || number == result || arguments.contains(result)) {
            operands.push(format!("lateout({result:?}) result"));
        }
        for register in changed {
            if !said.contains(&register) {
                operands.push(format!("lateout({register:?}) _"));
                said.push(register);
            }
        }
        named.extend(operands);
        let mut options = Vec::new();
        if !in_memory && stacked.is_empty() && (hidden.is_empty() || save.is_empty()) {
            options.push("nostack");
        }
        if self.convention.flags_kept {
            options.push("preserves_flags");
        }
        if self.att {
            options.push("att_syntax");
        }
        Body { block, lines, operands: named, options }
    }

    /// A parameter as it goes into a register.
    fn value(&self, name: &str) -> String {
        match (name, self.narrow) {
            ("nr", false) if self.convention.widen.is_none() => "nr as isize".to_owned(),
            ("nr", false) => "Word::from(nr).register()".to_owned(),
            ("nr", true) => "nr as u64".to_owned(),
            (_, true) => format!("u64::from({name})"),
            (_, false) => format!("{name}.register()"),
        }
    }

    /// A parameter as it goes into memory.
    fn word(&self, name: &str) -> String {
        match name {
            _ if self.narrow => self.value(name),
            "nr" | "entry" => format!("Word::from({name})"),
            _ => name.to_owned(),
        }
    }
}

impl Body {
    fn write(&self, out: &mut String, narrow: bool) {
        if !self.block.is_empty() {
            let element = if narrow { "u64" } else { "Word" };
            let _ = writeln!(
                out,
                "        let block: [{element}; {}] = [{}];",
                self.block.len(),
                self.block.join(", ")
            );
        }
        out.push_str(
            "        // SAFETY: the operands are the convention above; what the call does is the caller's promise.\n",
        );
        let _ = writeln!(out, "        unsafe {{\n            asm!(");
        for line in &self.lines {
            let _ = writeln!(out, "                {line:?},");
        }
        for operand in &self.operands {
            let _ = writeln!(out, "                {operand},");
        }
        if !self.options.is_empty() {
            let _ = writeln!(out, "                options({}),", self.options.join(", "));
        }
        out.push_str("            );\n        }\n");
    }
}

/// A line of assembly for `asm!`: its braces doubled, its placeholders filled.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut line = template.replace('{', "{{").replace('}', "}}");
    for (placeholder, value) in values {
        line = line.replace(&format!("{{{placeholder}}}"), value);
    }
    line
}

fn ticked(names: &[String], stack: bool) -> String {
    let mut all: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    if stack {
        all.push("memory".to_owned());
    }
    all.join(", ")
}
