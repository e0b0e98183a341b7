//! Lowers a calling convention to the parts of a stub: lines, inputs, outputs, clobbers, options.
//! The printers for Rust and C print the same plan; neither knows the role of a register.

use crate::tables::{Abi, Clobber, ClobberKind, Convention, Failure, Widen};

/// A language with inline assembly.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Rust,
    #[cfg(feature = "cli")]
    C,
}

/// A convention, and what all its stubs have in common.
pub struct Stub<'t> {
    #[cfg(feature = "cli")]
    pub(crate) abi: &'t Abi,
    pub(crate) convention: &'t Convention,
    /// All that a call changes besides the result.
    pub(crate) clobbers: Vec<Clobbers<'t>>,
    /// The arguments are 32-bit numbers, whatever the target's pointers are.
    pub(crate) narrow: bool,
    /// The assembler also has Intel syntax, which is the default of Rust's `asm!`.
    pub(crate) att: bool,
    /// Bytes of an argument register.
    pub(crate) bytes: usize,
    /// The counts of arguments of the calls with a second result, in order.
    pub(crate) both: Vec<usize>,
}

/// Registers that a call changes.
pub(crate) struct Clobbers<'t> {
    pub(crate) registers: Vec<&'t str>,
    /// The row in the table; `None` for registers that the convention names.
    pub(crate) row: Option<&'t Clobber>,
}

/// One stub: the parts of an `asm!` or `__asm__`.
pub(crate) struct StubPlan<'t> {
    /// What goes into memory, in order. The block's address goes into the result's register.
    pub(crate) block: Vec<Word>,
    pub(crate) lines: Vec<Line>,
    /// Words in registers of the compiler's choice, which the lines name.
    pub(crate) named: Vec<Word>,
    /// Words in fixed registers.
    pub(crate) inputs: Vec<Input<'t>>,
    /// The register of the result.
    pub(crate) result: &'t str,
    /// Where the result is.
    pub(crate) output: Output,
    /// The register of the second result, where the stub returns it and nothing goes into it.
    pub(crate) second: Option<&'t str>,
    /// Registers that the call changes and nothing goes into.
    pub(crate) clobbers: Vec<&'t str>,
    /// Registers that the lines load and do not restore; `asm!` cannot name them.
    #[cfg(feature = "cli")]
    pub(crate) loaded: Vec<&'t str>,
    /// The lines do not use the stack.
    pub(crate) nostack: bool,
    /// The call preserves the flags.
    pub(crate) flags_kept: bool,
    /// The stub is also given the address of the entry point.
    pub(crate) entry: bool,
}

/// A parameter of a stub.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Number,
    Entry,
    Argument(usize),
}

impl Word {
    pub(crate) fn name(self) -> String {
        match self {
            Word::Number => "nr".to_owned(),
            Word::Entry => "entry".to_owned(),
            Word::Argument(at) => format!("a{at}"),
        }
    }
}

/// A word in a register.
pub(crate) struct Input<'t> {
    pub(crate) register: &'t str,
    pub(crate) word: Word,
    /// What the call leaves there.
    pub(crate) after: After,
}

/// What a call leaves in the register of an input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Same,
    Result,
    Second,
    Anything,
}

/// Where the result is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// In the register of an input.
    Input,
    /// In the register that the block's address goes into.
    Block,
    /// In a register that nothing goes into.
    Alone,
}

/// A line of assembly.
pub(crate) struct Line(pub(crate) Vec<Piece>);

/// A part of a line.
pub(crate) enum Piece {
    Text(String),
    /// The register that the compiler chose for a word.
    Named(Word),
}

impl<'t> Stub<'t> {
    pub(crate) fn new(abi: &'t Abi, convention: &'t Convention, narrow: bool) -> Stub<'t> {
        let mut clobbers = Vec::new();
        if let Failure::Flag(register) = &convention.failure {
            clobbers.push(Clobbers { registers: vec![register.as_str()], row: None });
        }
        if let Some(register) = &convention.second {
            clobbers.push(Clobbers { registers: vec![register.as_str()], row: None });
        }
        for row in &convention.clobbers {
            let registers = row.registers.iter().map(String::as_str).collect();
            clobbers.push(Clobbers { registers, row: Some(row) });
        }
        let bytes = if convention.widen.is_some() { 8 } else { abi.bits as usize / 8 };
        Stub {
            #[cfg(feature = "cli")]
            abi,
            convention,
            clobbers,
            narrow,
            att: abi.arch == "x86",
            bytes,
            both: Vec::new(),
        }
    }

    /// What fills the rest of a register that is wider than a pointer.
    pub(crate) fn widen(&self) -> Option<Widen> {
        self.convention.widen
    }

    /// The input registers of a call with `count` arguments and their words, the number's first.
    /// The remaining arguments are passed in memory.
    pub(crate) fn operands(&self, count: usize) -> Vec<(&'t str, Word)> {
        let mut given = vec![(self.convention.number.as_str(), Word::Number)];
        for (at, register) in self.convention.arguments.iter().enumerate().take(count) {
            given.push((register, Word::Argument(at)));
        }
        given
    }

    /// The clobbers that are declared to the compiler by operands.
    fn clobber_operands(&self, language: Language) -> Vec<&'t str> {
        let mut changed = Vec::new();
        for Clobbers { registers, row } in &self.clobbers {
            let declared = row.is_none_or(|row| match language {
                Language::Rust => row.rust == ClobberKind::Operand,
                #[cfg(feature = "cli")]
                Language::C => row.c_condition().is_none(),
            });
            if declared {
                changed.extend(registers);
            }
        }
        changed
    }

    /// All stubs: the count of arguments, and whether the stub returns both results.
    pub(crate) fn each(&self, most: usize) -> Vec<(usize, bool)> {
        let one = (0..=most).map(|count| (count, false));
        one.chain(self.both.iter().map(|&count| (count, true))).collect()
    }

    /// The plan of the stub with `count` arguments that returns one result, or `both`.
    pub(crate) fn plan(&self, count: usize, both: bool, language: Language) -> StubPlan<'t> {
        let Convention { unnameable, save, address, stack, .. } = self.convention;
        let result = self.convention.result.as_str();
        let is_unnameable = |register: &str| unnameable.iter().any(|name| name == register);
        let given = self.operands(count);
        let mut hidden: Vec<(&'t str, Word)> = Vec::new();
        for &(register, word) in &given {
            if is_unnameable(register) {
                hidden.push((register, word));
            }
        }
        let in_memory =
            !address.is_empty() || (!hidden.is_empty() && self.convention.loads_from_memory());

        // Passed in memory: the entry point, registers that a compiler cannot name, and the word of
        // the register that holds the block's address.
        let mut block: Vec<(&'t str, Word)> = Vec::new();
        if in_memory {
            for &(register, word) in &given {
                if register == result || is_unnameable(register) {
                    block.push((register, word));
                }
                if word == Word::Number && !address.is_empty() {
                    block.push(("", Word::Entry));
                }
            }
        }
        #[cfg(feature = "cli")]
        if language == Language::C {
            // In C's block the word of the address's register is the last, as it is loaded last.
            block.sort_by_key(|(register, _)| *register == result);
        }
        let offset = |word: Word| {
            let at = block.iter().position(|(_, other)| *other == word).unwrap_or(0);
            (at * self.bytes).to_string()
        };

        let (mut lines, mut named) = (Vec::new(), Vec::new());
        let mut add = |templates: &[String], register: &str, offset: &str, from: Option<Word>| {
            for template in templates {
                lines.push(filled(template, register, result, offset, from));
            }
        };
        let stacked = given.len() - 1..count;
        let stack = stack.as_ref().filter(|_| !stacked.is_empty());
        if let Some(stack) = stack {
            add(&stack.reserve, "", "", None);
            let mut offset = stack.first as usize;
            for at in stacked {
                let word = Word::Argument(at);
                add(&stack.store, "", &offset.to_string(), Some(word));
                named.push(word);
                offset += self.bytes;
            }
        }
        for (register, _) in &hidden {
            add(save, register, "", None);
        }
        add(address, "", &offset(Word::Entry), None);
        for &(register, word) in &hidden {
            add(&self.convention.load, register, &offset(word), Some(word));
            if !in_memory {
                named.push(word);
            }
        }
        // The block's address is replaced last, if its register needs another word.
        for &(register, word) in &block {
            if register == result {
                add(&self.convention.load, register, &offset(word), None);
            }
        }
        add(std::slice::from_ref(&self.convention.instruction), "", "", None);
        add(&self.convention.after, "", "", None);
        for (register, _) in hidden.iter().rev() {
            add(&self.convention.restore, register, "", None);
        }
        if let Some(stack) = stack {
            add(&stack.release, "", "", None);
        }

        let changed = self.clobber_operands(language);
        let mut second = self.convention.second.as_deref().filter(|_| both);
        let (mut inputs, mut output) = (Vec::new(), Output::Alone);
        for &(register, word) in &given {
            if is_unnameable(register) || block.iter().any(|(other, _)| *other == register) {
                continue;
            }
            let after = if register == result {
                output = Output::Input;
                After::Result
            } else if second == Some(register) {
                After::Second
            } else if changed.contains(&register) {
                After::Anything
            } else {
                After::Same
            };
            inputs.push(Input { register, word, after });
        }
        if in_memory {
            output = Output::Block;
        }
        let mut clobbers = Vec::new();
        for register in changed {
            let is_input = inputs.iter().any(|input| input.register == register);
            let is_result = register == result || second == Some(register);
            if !is_result && !is_input && !clobbers.contains(&register) {
                clobbers.push(register);
            }
        }
        second.take_if(|register| inputs.iter().any(|input| input.register == *register));
        #[cfg(feature = "cli")]
        let kept = in_memory || !save.is_empty();
        StubPlan {
            nostack: !in_memory && stack.is_none() && (hidden.is_empty() || save.is_empty()),
            #[cfg(feature = "cli")]
            loaded: hidden.iter().filter(|_| !kept).map(|(register, _)| *register).collect(),
            block: block.into_iter().map(|(_, word)| word).collect(),
            lines,
            named,
            inputs,
            result,
            output,
            second,
            clobbers,
            flags_kept: self.convention.flags_kept,
            entry: !address.is_empty(),
        }
    }
}

/// A line with its placeholders filled; `{from}` is the register of a named word.
fn filled(template: &str, register: &str, block: &str, offset: &str, from: Option<Word>) -> Line {
    let (mut pieces, mut rest) = (Vec::new(), template);
    let text = |text: &str| {
        let text = text.replace("{register}", register).replace("{block}", block);
        Piece::Text(text.replace("{offset}", offset))
    };
    while let Some((word, (before, after))) = from.zip(rest.split_once("{from}")) {
        pieces.push(text(before));
        pieces.push(Piece::Named(word));
        rest = after;
    }
    pieces.push(text(rest));
    Line(pieces)
}
