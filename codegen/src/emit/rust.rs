//! The module of one ABI in Rust: numbers, error numbers, constants, stubs, and the calls by name.

use super::{header, stub};
use crate::lower::{Function, RawFunction, Slot, Stub, Target, identifier};
use crate::tables::history::Since;
use crate::tables::{Asm, Both, BothKind, Call, Constants, ErrnoValue, NO_CALL};
use crate::text::{joined, quoted};
use std::fmt::Write as _;

/// Everything that one ABI needs.
pub fn target(target: &Target<'_>) -> String {
    let mut out = header("cargo codegen emit");
    let (abi, table) = (target.abi, target.table);
    let (name, sigset) = (&abi.name, abi.sigset);
    let _ = writeln!(
        out,
        "// ABI {name}: {source} of Linux {linux}.\n\n\
         /// The name of the target's ABI.\npub const ABI: &str = {quoted};\n\n\
         /// Bytes of the kernel's set of signals.\npub const SIGSET_BYTES: usize = {sigset};\n",
        source = table.source,
        linux = table.linux,
        quoted = quoted(name),
    );
    numbers(&mut out, &target.calls);
    errnos(&mut out, target.errnos);
    out.push_str("pub mod uapi {\n");
    values(&mut out, &target.constants);
    out.push_str("}\n\n#[allow(dead_code)]\npub mod uapi_of_arch {\n");
    values(&mut out, &target.constants_of_arch);
    out.push_str("}\n\n");
    stub::module(&mut out, target);
    raw(&mut out, target);
    out
}

fn numbers(out: &mut String, calls: &[Call<'_>]) {
    out.push_str("#[allow(non_upper_case_globals)]\npub mod nr {\n    use core::ffi::c_long;\n");
    for call in calls {
        let (name, number) = (call.name, call.number);
        out.push_str("    /// ");
        let _ = match call.entry {
            Some(NO_CALL) => write!(out, "`{NO_CALL}`: the kernel answers `ENOSYS`"),
            Some(entry) => write!(out, "Ends in `{entry}`"),
            None => write!(out, "No entry point in the kernel's table"),
        };
        let _ = writeln!(out, ".\n    pub const SYS_{name}: c_long = {number};");
    }
    out.push_str("}\n\n");
}

fn errnos(out: &mut String, errnos: &[ErrnoValue]) {
    out.push_str("pub mod errno {\n    use crate::errno::Errno;\n    impl Errno {\n");
    for ErrnoValue { name, value, text } in errnos {
        let _ = writeln!(
            out,
            "        /// {text}.\n        pub const {name}: Errno = Errno::known({value});"
        );
    }
    out.push_str(
        "    }\n\n    /// Value, name and the header's words for it, by value; an alias stands \
         behind its original.\n    pub(crate) const NAMES: &[(u16, &str, &str)] = &[\n",
    );
    for ErrnoValue { name, value, text } in errnos {
        let _ = writeln!(out, "        ({value}, {}, {}),", quoted(name), quoted(text));
    }
    out.push_str("    ];\n}\n\n");
}

fn values(out: &mut String, headers: &[&Constants]) {
    for header in headers {
        for constant in &header.constants {
            let (name, of, value) = (&constant.name, &constant.rust, constant.value);
            let _ = write!(out, "    /// `{}`.\n    pub const {name}: {of} = ", header.source);
            let _ = match value > 9 {
                true => writeln!(out, "{value:#x};"),
                false => writeln!(out, "{value};"),
            };
        }
    }
}

fn raw(out: &mut String, target: &Target<'_>) {
    out.push_str(
        "#[allow(clippy::missing_safety_doc, clippy::too_many_arguments, non_camel_case_types)]\n\
         pub mod raw {\n    use super::{nr, stub};\n    use crate::abi::Word;\n    \
         #[allow(unused_imports)]\n    use crate::types::*;\n    #[allow(unused_imports)]\n    \
         use core::ffi::*;\n",
    );
    for function in &target.functions {
        raw_function(out, function, &body(&function.function, function.name, &target.stub));
    }

    if !target.absent.is_empty() {
        out.push('\n');
    }
    for (reason, made) in &target.absent {
        let (abi, name, advice) = (&target.abi.name, &reason.name, reason.advice());
        let message = quoted(&format!("{abi} has no `{name}`: {advice}"));
        let (function, parameters) = (identifier(name), parameter_list(made));
        let _ = writeln!(
            out,
            "    absent! {{ Has_{name}, {function}({parameters}),\n        {message} }}"
        );
    }
    let _ = writeln!(out, "}}\n\n// Linux {}.", target.table.linux);
}

/// The word in each register.
pub(crate) fn register_operands(function: &Function<'_>) -> Vec<String> {
    let mut registers = Vec::new();
    for slot in function.slots() {
        registers.push(match slot {
            Slot::Whole(parameter) => format!("Word::from({})", parameter.name),
            Slot::Half(parameter, half) => {
                format!("Word::halves({} as u64)[{half}]", parameter.name)
            }
            Slot::Hole => "Word::from(0)".to_owned(),
        });
    }
    registers
}

fn body(function: &Function<'_>, name: &str, stub: &Stub<'_>) -> String {
    const SAFETY: &str = "// SAFETY: the caller upholds the contract of this function, which is \
                          the stub's.\n        ";
    let registers = register_operands(function);
    let mut arguments = String::new();
    for register in &registers {
        arguments.push_str(", ");
        arguments.push_str(register);
    }
    let call = |suffix: &str| {
        format!("stub::syscall{}{suffix}(nr::SYS_{name}{arguments})", registers.len())
    };
    let kind = function.both.map(|both| both.kind);
    let one = match kind {
        None | Some(BothKind::Own) => return format!("{SAFETY}unsafe {{ {} }}", call("")),
        Some(BothKind::Child) => {
            format!("crate::results::child(unsafe {{ {} }})", call("_both"))
        }
        Some(BothKind::Array) => {
            let array = function.parameters.first().map_or("", |parameter| &parameter.name);
            format!("unsafe {{ crate::results::array({}, {array}) }}", call("_both"))
        }
    };
    if stub.convention.asm != Asm::Nightly {
        return format!("{SAFETY}{one}");
    }
    // The C library's `syscall` loses the second result.
    let names: Vec<_> = function.parameters.iter().map(|parameter| &*parameter.name).collect();
    format!(
        "{SAFETY}#[cfg(feature = \"nightly\")]\n        return {one};\n        \
         {SAFETY}#[cfg(not(feature = \"nightly\"))]\n        \
         return unsafe {{ crate::by_libc::{name}({}) }};",
        joined(&names, ", ")
    )
}

/// The parameters of a function, as Rust declares them.
fn parameter_list(function: &Function<'_>) -> String {
    let mut parameters = String::new();
    for parameter in &function.parameters {
        let comma = if parameters.is_empty() { "" } else { ", " };
        let _ = write!(parameters, "{comma}{}: {}", parameter.name, parameter.rust);
    }
    parameters
}

fn raw_function(out: &mut String, raw: &RawFunction<'_>, body: &str) {
    let RawFunction { name, since, page, wide, function } = raw;
    let since = match since {
        Some(since @ (Since { exact: true, .. } | Since { after: None, .. })) => {
            format!(" Since Linux {since}.")
        }
        Some(Since { after: Some(after), by, .. }) => {
            format!(" In Linux {by}, but not in {after}.")
        }
        None => String::new(),
    };
    let page = match page {
        true => format!(" [{name}(2)](https://man7.org/linux/man-pages/man2/{name}.2.html)."),
        false => String::new(),
    };
    let wide = wide.map_or(String::new(), |wide| format!(" With 64-bit values: [`{wide}`]."));
    let mut c = String::new();
    for (ctype, name) in &function.prototype.args {
        let comma = if c.is_empty() { "" } else { ", " };
        let _ = write!(c, "{comma}{ctype} {name}");
    }
    let source = match function.both {
        Some(Both { kind: BothKind::Array, source, .. }) => source,
        _ => &function.prototype.source,
    };
    let results = match function.both {
        None => String::new(),
        Some(Both { kind, source, .. }) => {
            let what = match kind {
                BothKind::Child => "Its second result identifies the child, which gets 0",
                BothKind::Array => "Its two results are stored here, and the result is 0",
                BothKind::Own => "Its second result is discarded",
            };
            format!("\n    ///\n    /// {what} (`{source}`).")
        }
    };
    let splits = match (function.splits, &function.prototype.calls) {
        (Some(own), _) => format!("; `{}` in `{}` joins the halves", own.entry, own.source),
        (None, Some(called)) => format!(" in assembly, which calls `{}`", called.function),
        (None, None) => String::new(),
    };
    let parameters = parameter_list(function);
    let _ = writeln!(
        out,
        "\n    /// `{name}({c})`, defined in `{source}`{splits}.{since}{page}{wide}{results}\n    \
         #[inline]\n    pub unsafe fn {}({parameters}) -> isize {{\n        {body}\n    }}",
        identifier(name),
    );
}
