//! The functions that the header for C declares, as a `.S` file.

use super::c::head;
use crate::lower::Assembly;
use std::fmt::Write as _;

/// The `.S` file.
pub(crate) fn asm(assembly: &Assembly<'_>) -> String {
    let mut out = head(&assembly.stub, "asm");
    for line in assembly.file {
        let _ = writeln!(out, "{}{line}", if line.starts_with('#') { "" } else { "\t" });
    }
    out += "\t.text\n";
    for (name, lines) in &assembly.functions {
        let _ = writeln!(out, "\n\t.globl {name}\n\t.type {name}, STT_FUNC");
        for (at, line) in lines.iter().enumerate() {
            let line = line.replace("{name}", name);
            let _ = writeln!(out, "{}{line}", if line.ends_with(':') { "" } else { "\t" });
            // Where functions have descriptors, the symbol is not the address of the code.
            if at == 0 {
                out += "9:\n";
            }
        }
        let _ = writeln!(out, "\t.size {name}, . - 9b");
    }
    out += "\n\t.section .note.GNU-stack, \"\"\n";
    out
}
