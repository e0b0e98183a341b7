//! Checks which registers each stub declares to LLVM against the contract of `tables/abis.toml`:
//! every stub, for every Rust target of its ABI. LLVM's names of the registers and of the flags are
//! taken from the compiler, not typed here.

use crate::shim::{self, Stub, Way, all_ways, has_asm, with_option, without};
use aio_codegen::tables::{ClobberKind as How, Tables};
use std::collections::{BTreeMap, BTreeSet};

/// One `asm!` as LLVM sees it.
#[derive(Clone, Debug, Default)]
struct InlineAsm {
    /// The assembly.
    text: String,
    /// The words before it, `sideeffect` and `alignstack` among them.
    words: Vec<String>,
    /// Registers that are changed.
    changed: BTreeSet<String>,
    /// Whether the rest of the program may read or write memory only before or only
    /// after.
    memory: bool,
}

impl InlineAsm {
    /// Reads `…asm WORDS "TEXT", "CONSTRAINTS"(…) ATTRIBUTES`, a line of LLVM's assembly.
    fn read(line: &str, attributes: &BTreeMap<&str, &str>) -> Option<InlineAsm> {
        let (_, line) = line.split_once(" asm ")?;
        let mut quoted = line.split('"');
        let words = quoted.next()?.split_whitespace().map(str::to_owned).collect();
        let text = quoted.next()?.replace("$$", "$");
        let constraints = quoted.nth(1)?;
        let group = quoted
            .next()?
            .split_whitespace()
            .find_map(|word| word.trim_end_matches(',').strip_prefix('#'));
        let limited = group
            .is_some_and(|group| attributes.get(group).is_some_and(|all| all.contains("memory(")));
        let clobbers: BTreeSet<_> =
            constraints.split(',').filter_map(|one| register(one.strip_prefix('~')?)).collect();
        let memory = clobbers.contains("memory") && !limited;
        let outputs = constraints
            .split(',')
            .filter_map(|one| register(one.strip_prefix('=')?.trim_start_matches('&')));
        Some(InlineAsm {
            text,
            words,
            changed: clobbers.iter().cloned().chain(outputs).collect(),
            memory,
        })
    }

    fn has(&self, word: &str) -> bool {
        self.words.iter().any(|one| one == word)
    }
}

/// The name in `{name}`.
fn register(constraint: &str) -> Option<String> {
    Some(constraint.strip_prefix('{')?.strip_suffix('}')?.to_owned())
}

/// Every `asm!` of a module of LLVM's assembly, by function.
fn inline_asm(module: &str) -> BTreeMap<String, Vec<InlineAsm>> {
    let attributes: BTreeMap<_, _> = module
        .lines()
        .filter_map(|line| line.strip_prefix("attributes #")?.split_once(" = "))
        .collect();
    let mut functions: BTreeMap<String, Vec<InlineAsm>> = BTreeMap::new();
    let mut current = None;
    for line in module.lines() {
        if line.starts_with("define ") {
            let name = line
                .split_once('@')
                .and_then(|(_, rest)| rest.split_once('('))
                .expect("a function has a name")
                .0;
            current = Some(functions.entry(name.to_owned()).or_default());
        }
        if let (Some(functions), Some(asm)) = (&mut current, InlineAsm::read(line, &attributes)) {
            functions.push(asm);
        }
    }
    functions
}

/// Every `asm!` of a program that is compiled behind the shim, by function.
fn compile(target: &str, program: &str) -> Result<BTreeMap<String, Vec<InlineAsm>>, String> {
    let module = shim::compile(target, "llvm-ir", program)?;
    Ok(inline_asm(&String::from_utf8(module).expect("LLVM's assembly is ASCII")))
}

/// A function `MODULE_STUB` for each stub of a way in the module `MODULE`.
fn callers(way: &Way<'_>, module: &str) -> String {
    let mut callers = String::new();
    for stub in way.each() {
        let (name, parameters) = (&stub.name, way.parameters(&stub));
        let list: Vec<_> = parameters.iter().map(|(name, of)| format!("{name}: {of}")).collect();
        let arguments: Vec<_> = parameters.into_iter().map(|(name, _)| name).collect();
        let call = format!("{module}::{name}({})", arguments.join(", "));
        let result = match stub.both {
            true => format!("let (result, second) = {call}; result + second"),
            false => call,
        };
        callers += &format!(
            "#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn {module}_{name}({}) -> isize \
             {{\n    unsafe {{ {result} }}\n}}\n",
            list.join(", "),
        );
    }
    callers
}

/// A function with only an `asm!`.
fn probe(name: &str, operands: &str) -> String {
    format!(
        "#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn {name}() {{ unsafe {{ arch::asm!(\"# \
         {name}\", {operands}) }} }}\n"
    )
}

/// A contract in LLVM's names. LLVM has several names for a register with several widths.
#[derive(Debug)]
struct Contract {
    /// LLVM's names of each clobbered register that can be named.
    clobbered: BTreeMap<String, BTreeSet<String>>,
    /// LLVM's names of the result's register.
    result: BTreeSet<String>,
    /// LLVM's names of the target's flags, if the call clobbers them.
    flags: BTreeSet<String>,
    /// Prefixes of assembly lines that move the stack pointer.
    stack: Vec<String>,
    /// The stub is a function that is never inlined.
    called: bool,
}

impl Contract {
    /// Gets the names from the compiler.
    fn ask(target: &str, way: &Way<'_>) -> Contract {
        let convention = way.convention;
        let declares =
            |register: &str| format!("lateout({register:?}) _, options(nostack, preserves_flags)");
        let words: BTreeSet<&String> =
            convention.arguments.iter().chain([&convention.number, &convention.result]).collect();
        let otherwise: Vec<_> =
            convention.clobbers.iter().filter(|row| row.rust != How::Operand).collect();
        let without_name: Vec<&str> =
            otherwise.iter().flat_map(|row| &row.registers).map(String::as_str).collect();
        let mut named: BTreeSet<&str> = way.clobbered().into_iter().collect();
        named.retain(|register| !without_name.contains(register));
        let mut program = probe("flags", "options(nostack)")
            + &probe("none", "options(nostack, preserves_flags)");
        let asked: Vec<&str> = named.iter().copied().chain([convention.result.as_str()]).collect();
        for (at, register) in asked.iter().enumerate() {
            program += &probe(&format!("declared_{at}"), &declares(register));
            if words.iter().any(|word| word == register) {
                let operand = format!(
                    "inlateout({register:?}) 0isize => _, options(nostack, preserves_flags)"
                );
                program += &probe(&format!("word_{at}"), &operand);
            }
        }
        for (at, row) in otherwise.iter().enumerate() {
            let condition = row.only.as_ref().map_or("all()", |only| &only.rust);
            program += &format!(
                "#[cfg({condition})]\n{}",
                probe(&format!("holds_{at}"), "options(nostack)")
            );
        }
        let found = compile(target, &program).unwrap_or_else(|error| panic!("{target}: {error}"));
        let none = &found["none"][0].changed;
        let changed =
            |name: &str| found.get(name).map_or(BTreeSet::new(), |found| &found[0].changed - none);
        let mut names = asked.iter().enumerate().map(|(at, register)| {
            let names = &changed(&format!("declared_{at}")) | &changed(&format!("word_{at}"));
            assert!(matches!(names.len(), 1 | 2), "{target}: `{register}` is {names:?} to LLVM");
            ((*register).to_owned(), names)
        });
        let clobbered = names.by_ref().take(named.len()).collect();
        let (_, result) = names.next().unwrap();
        let all_flags = changed("flags");
        let (mut called, mut kept) = (false, convention.flags_kept);
        for (_, row) in otherwise
            .iter()
            .enumerate()
            .filter(|(at, _)| found.contains_key(&format!("holds_{at}")))
        {
            for register in &row.registers {
                let named = compile(target, &probe("named", &declares(register)));
                assert!(named.is_err(), "{target}: asm! has a name for `{register}`");
            }
            called |= row.rust == How::Call;
            kept &= row.rust != How::Flags;
            let among = row.registers.iter().any(|register| all_flags.contains(register));
            assert!(
                row.rust != How::Flags || among,
                "{target}: none of {:?} is among {all_flags:?}",
                row.registers
            );
        }
        let reserve = convention.stack.iter().flat_map(|stack| &stack.reserve);
        let lines = convention.save.iter().chain(reserve).chain(&convention.address);
        let stack = lines.map(|line| line.split('{').next().unwrap().trim().to_owned()).collect();
        Contract {
            stack,
            clobbered,
            result,
            flags: if kept { BTreeSet::new() } else { all_flags },
            called,
        }
    }

    /// The `asm!` of a module's stub: in its caller, or in the stub itself if it is not inlined.
    fn stub<'t>(
        &self,
        found: &'t BTreeMap<String, Vec<InlineAsm>>,
        module: &str,
        Stub { name, .. }: &Stub,
    ) -> Result<&'t InlineAsm, String> {
        let mut stub = &found[&format!("{module}_{name}")];
        if self.called {
            // The caller knows what a called function clobbers.
            if !stub.is_empty() {
                return Err(format!(
                    "it is inlined, and LLVM does not know of registers without a name: {stub:?}"
                ));
            }
            let symbol = format!("{}{module}{}{name}", module.len(), name.len());
            stub = found
                .iter()
                .find(|(name, _)| name.contains(&symbol))
                .expect("the stub is in the module")
                .1;
        }
        let [stub] = stub.as_slice() else {
            return Err(format!("{} system calls instead of one", stub.len()));
        };
        Ok(stub)
    }

    fn uses_stack(&self, asm: &InlineAsm) -> bool {
        self.stack.iter().any(|line| asm.text.contains(line))
    }

    /// Reports what is wrong with a stub.
    fn audit(&self, asm: &InlineAsm) -> Result<(), String> {
        for (register, names) in &self.clobbered {
            if asm.changed.is_disjoint(names) {
                return Err(format!(
                    "`{register}` is clobbered, and LLVM does not know of {names:?}: {asm:?}"
                ));
            }
        }
        let missing: Vec<_> = self.flags.difference(&asm.changed).collect();
        if !missing.is_empty() {
            return Err(format!(
                "the flags are clobbered, and LLVM does not know of {missing:?}: {asm:?}"
            ));
        }
        if asm.changed.is_disjoint(&self.result) {
            return Err(format!("no result is declared in {:?}: {asm:?}", self.result));
        }
        if !asm.memory {
            return Err(format!(
                "the kernel reads and writes memory, and LLVM assumes that it does not: {asm:?}"
            ));
        }
        if !asm.has("sideeffect") {
            return Err(format!("LLVM may remove the call: {asm:?}"));
        }
        if self.uses_stack(asm) && !asm.has("alignstack") {
            return Err(format!("the stack is used, and LLVM assumes that it is not: {asm:?}"));
        }
        Ok(())
    }
}

/// Stubs with one error.
struct Mutant {
    what: String,
    text: String,
    /// It is an error only in stubs that use the stack.
    on_the_stack: bool,
    /// The register that is not declared.
    undeclared: Option<String>,
}

fn make_mutants(stubs: &str, contract: &Contract) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    let mut add = |what: String, text, on_the_stack, undeclared: Option<&String>| {
        let undeclared = undeclared.cloned();
        mutants.push(Mutant { what, text, on_the_stack, undeclared });
    };
    for register in contract.clobbered.keys() {
        let text = without(stubs, register);
        add(format!("`{register}` not declared"), text, false, Some(register));
    }
    for option in ["readonly", "nomem"] {
        add(format!("declared `{option}`"), with_option(stubs, option), false, None);
    }
    if !contract.flags.is_empty() {
        let text = with_option(stubs, "preserves_flags");
        add("declared `preserves_flags`".to_owned(), text, false, None);
    }
    add("declared `nostack`".to_owned(), with_option(stubs, "nostack"), true, None);
    if contract.called {
        add("inlined".to_owned(), stubs.replace("inline(never)", "inline(always)"), false, None);
    }
    mutants
}

#[test]
fn clobbered_registers_are_declared() {
    let tables = Tables::embedded().unwrap();
    if !has_asm(&tables, "what the stubs tell LLVM") {
        return;
    }
    for way in all_ways(&tables) {
        let name = &way.name;
        assert!(!way.targets.is_empty(), "no Rust target has {name}");
        let (each, mut registers) = (way.each(), Vec::new());
        for target in &way.targets {
            let contract = Contract::ask(target, &way);
            let found = compile(target, &(way.stubs.clone() + &callers(&way, "stub")));
            let found =
                found.unwrap_or_else(|error| panic!("the stubs of {name} for {target}: {error}"));
            for stub in &each {
                if let Err(error) =
                    contract.stub(&found, "stub", stub).and_then(|asm| contract.audit(asm))
                {
                    panic!("{} of {name} for {target}: {error}", stub.name);
                }
            }
            registers.push(contract.clobbered.len());
        }
        println!(
            "{name}: {} stubs, {registers:?} registers declared, for {}",
            each.len(),
            way.targets.join(" ")
        );
    }
}

#[test]
fn a_missing_or_wrong_declaration_is_found() {
    let tables = Tables::embedded().unwrap();
    if !has_asm(&tables, "whether the audit of the stubs finds mistakes") {
        return;
    }
    for way in all_ways(&tables) {
        let (name, target) = (&way.name, way.targets.first().unwrap());
        let (contract, each) = (Contract::ask(target, &way), way.each());
        let mutants = make_mutants(&way.stubs, &contract);
        let mut program = String::new();
        for (at, mutant) in mutants.iter().enumerate() {
            let module = format!("mutant{at}");
            program += &mutant.text.replacen("pub mod stub {", &format!("pub mod {module} {{"), 1);
            program += &callers(&way, &module);
        }
        let found = compile(target, &program)
            .unwrap_or_else(|error| panic!("mutants of {name} for {target}: {error}"));
        for (at, mutant) in mutants.iter().enumerate() {
            // The returned register is declared, too.
            let second = way.convention.second.as_ref();
            let returned = mutant.undeclared.is_some() && mutant.undeclared.as_ref() == second;
            for stub in each.iter().filter(|stub| !(returned && stub.both)) {
                let mutated = contract.stub(&found, &format!("mutant{at}"), stub);
                let harmless = mutant.on_the_stack
                    && mutated.as_ref().is_ok_and(|asm| !contract.uses_stack(asm));
                let verdict = mutated.and_then(|asm| contract.audit(asm));
                assert!(
                    harmless || verdict.is_err(),
                    "{} of {name}: {} is not noticed",
                    stub.name,
                    mutant.what
                );
            }
        }
        println!("{name}: {} mutants found", mutants.len());
    }
}
