//! What the stubs tell the compiler about registers, in the words that LLVM gets to read, against
//! the contract of `tables/abis.toml`: every stub, for every Rust target of its ABI. How LLVM calls
//! a register, and what the target's flags are, the compiler is asked, so that no name is known
//! here.

use crate::shim::{self, Stub, Way, has_asm, ways, with_option, without};
use aio_codegen::tables::{ClobberKind as How, Tables};
use std::collections::{BTreeMap, BTreeSet};

/// What LLVM is told about one `asm!`.
#[derive(Clone, Debug, Default)]
struct Told {
    /// The assembly.
    text: String,
    /// The words before it, `sideeffect` and `alignstack` among them.
    words: Vec<String>,
    /// Registers that hold something else afterwards.
    changed: BTreeSet<String>,
    /// Whether the rest of the program may look at memory, or change it, only before or only
    /// after.
    memory: bool,
}

impl Told {
    /// Reads `…asm WORDS "TEXT", "CONSTRAINTS"(…) ATTRIBUTES`, a line of LLVM's assembly.
    fn read(line: &str, attributes: &BTreeMap<&str, &str>) -> Option<Told> {
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
        Some(Told {
            text,
            words,
            changed: clobbers.iter().cloned().chain(outputs).collect(),
            memory,
        })
    }

    fn says(&self, word: &str) -> bool {
        self.words.iter().any(|said| said == word)
    }
}

/// The name in `{name}`.
fn register(constraint: &str) -> Option<String> {
    Some(constraint.strip_prefix('{')?.strip_suffix('}')?.to_owned())
}

/// Every `asm!` of a module of LLVM's assembly, by function.
fn told(module: &str) -> BTreeMap<String, Vec<Told>> {
    let attributes: BTreeMap<_, _> = module
        .lines()
        .filter_map(|line| line.strip_prefix("attributes #")?.split_once(" = "))
        .collect();
    let mut functions: BTreeMap<String, Vec<Told>> = BTreeMap::new();
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
        if let (Some(functions), Some(told)) = (&mut current, Told::read(line, &attributes)) {
            functions.push(told);
        }
    }
    functions
}

/// What LLVM is told about each function of a program, which stands behind the shim.
fn compile(target: &str, program: &str) -> Result<BTreeMap<String, Vec<Told>>, String> {
    let module = shim::compile(target, "llvm-ir", program)?;
    Ok(told(&String::from_utf8(module).expect("LLVM's assembly is ASCII")))
}

/// A function `MODULE_STUB` for each stub of a way, which stands in the module `MODULE`.
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

/// A function that is nothing but an `asm!`.
fn probe(name: &str, operands: &str) -> String {
    format!(
        "#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn {name}() {{ unsafe {{ arch::asm!(\"# \
         {name}\", {operands}) }} }}\n"
    )
}

/// A contract in LLVM's words. It has several names for a register that holds values of several
/// widths.
#[derive(Debug)]
struct Contract {
    /// LLVM's names of each destroyed register that can be named.
    destroyed: BTreeMap<String, BTreeSet<String>>,
    /// LLVM's names of the result's register.
    result: BTreeSet<String>,
    /// LLVM's names of the target's flags, if the call destroys them.
    flags: BTreeSet<String>,
    /// How lines of assembly begin that move the stack pointer.
    stack: Vec<String>,
    /// The stub is a function that is never inlined.
    called: bool,
}

impl Contract {
    /// Asks the compiler.
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
        let mut named: BTreeSet<&str> = way.destroyed().into_iter().collect();
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
        let told = compile(target, &program).unwrap_or_else(|error| panic!("{target}: {error}"));
        let none = &told["none"][0].changed;
        let changed =
            |name: &str| told.get(name).map_or(BTreeSet::new(), |told| &told[0].changed - none);
        let mut names = asked.iter().enumerate().map(|(at, register)| {
            let names = &changed(&format!("declared_{at}")) | &changed(&format!("word_{at}"));
            assert!(matches!(names.len(), 1 | 2), "{target}: `{register}` is {names:?} to LLVM");
            ((*register).to_owned(), names)
        });
        let destroyed = names.by_ref().take(named.len()).collect();
        let (_, result) = names.next().unwrap();
        let all_flags = changed("flags");
        let (mut called, mut kept) = (false, convention.flags_kept);
        for (_, row) in
            otherwise.iter().enumerate().filter(|(at, _)| told.contains_key(&format!("holds_{at}")))
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
            destroyed,
            result,
            flags: if kept { BTreeSet::new() } else { all_flags },
            called,
        }
    }

    /// What the stub of a module tells: to its caller, or in itself, if it is called.
    fn stub<'t>(
        &self,
        told: &'t BTreeMap<String, Vec<Told>>,
        module: &str,
        Stub { name, .. }: &Stub,
    ) -> Result<&'t Told, String> {
        let mut stub = &told[&format!("{module}_{name}")];
        if self.called {
            // What a function destroys that is called, its caller knows.
            if !stub.is_empty() {
                return Err(format!(
                    "it is inlined, and LLVM is not told of registers without a name: {stub:?}"
                ));
            }
            let symbol = format!("{}{module}{}{name}", module.len(), name.len());
            stub = told
                .iter()
                .find(|(name, _)| name.contains(&symbol))
                .expect("what is called is there")
                .1;
        }
        let [stub] = stub.as_slice() else {
            return Err(format!("{} system calls in place of one", stub.len()));
        };
        Ok(stub)
    }

    fn uses_stack(&self, told: &Told) -> bool {
        self.stack.iter().any(|line| told.text.contains(line))
    }

    /// What is wrong with a stub.
    fn audit(&self, told: &Told) -> Result<(), String> {
        for (register, names) in &self.destroyed {
            if told.changed.is_disjoint(names) {
                return Err(format!(
                    "`{register}` is destroyed, and LLVM is not told of {names:?}: {told:?}"
                ));
            }
        }
        let missing: Vec<_> = self.flags.difference(&told.changed).collect();
        if !missing.is_empty() {
            return Err(format!(
                "the flags are destroyed, and LLVM is not told of {missing:?}: {told:?}"
            ));
        }
        if told.changed.is_disjoint(&self.result) {
            return Err(format!("LLVM is told of no result in {:?}: {told:?}", self.result));
        }
        if !told.memory {
            return Err(format!(
                "the kernel reads and writes memory, and LLVM is told that it does not: {told:?}"
            ));
        }
        if !told.says("sideeffect") {
            return Err(format!("LLVM may leave the call out: {told:?}"));
        }
        if self.uses_stack(told) && !told.says("alignstack") {
            return Err(format!("the stack is used, and LLVM is told that it is not: {told:?}"));
        }
        Ok(())
    }
}

/// Stubs with one mistake.
struct Mutant {
    what: String,
    text: String,
    /// It is a mistake only in stubs that use the stack.
    on_the_stack: bool,
    /// The register that is not declared.
    undeclared: Option<String>,
}

fn mutants(stubs: &str, contract: &Contract) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    let mut add = |what: String, text, on_the_stack, undeclared: Option<&String>| {
        let undeclared = undeclared.cloned();
        mutants.push(Mutant { what, text, on_the_stack, undeclared });
    };
    for register in contract.destroyed.keys() {
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
fn what_is_destroyed_is_declared() {
    let tables = Tables::embedded().unwrap();
    if !has_asm(&tables, "what the stubs tell LLVM") {
        return;
    }
    for way in ways(&tables) {
        let name = &way.name;
        assert!(!way.targets.is_empty(), "no Rust target has {name}");
        let (each, mut registers) = (way.each(), Vec::new());
        for target in &way.targets {
            let contract = Contract::ask(target, &way);
            let told = compile(target, &(way.stubs.clone() + &callers(&way, "stub")));
            let told =
                told.unwrap_or_else(|error| panic!("the stubs of {name} for {target}: {error}"));
            for stub in &each {
                if let Err(error) =
                    contract.stub(&told, "stub", stub).and_then(|told| contract.audit(told))
                {
                    panic!("{} of {name} for {target}: {error}", stub.name);
                }
            }
            registers.push(contract.destroyed.len());
        }
        println!(
            "{name}: {} stubs, {registers:?} registers declared, for {}",
            each.len(),
            way.targets.join(" ")
        );
    }
}

#[test]
fn a_declaration_that_is_missing_or_false_is_found() {
    let tables = Tables::embedded().unwrap();
    if !has_asm(&tables, "whether the audit of the stubs finds mistakes") {
        return;
    }
    for way in ways(&tables) {
        let (name, target) = (&way.name, way.targets.first().unwrap());
        let (contract, each) = (Contract::ask(target, &way), way.each());
        let mutants = mutants(&way.stubs, &contract);
        let mut program = String::new();
        for (at, mutant) in mutants.iter().enumerate() {
            let module = format!("mutant{at}");
            program += &mutant.text.replacen("pub mod stub {", &format!("pub mod {module} {{"), 1);
            program += &callers(&way, &module);
        }
        let told = compile(target, &program)
            .unwrap_or_else(|error| panic!("mutants of {name} for {target}: {error}"));
        for (at, mutant) in mutants.iter().enumerate() {
            // What is returned is declared, too.
            let second = way.convention.second.as_ref();
            let returned = mutant.undeclared.is_some() && mutant.undeclared.as_ref() == second;
            for stub in each.iter().filter(|stub| !(returned && stub.both)) {
                let mutated = contract.stub(&told, &format!("mutant{at}"), stub);
                let harmless = mutant.on_the_stack
                    && mutated.as_ref().is_ok_and(|told| !contract.uses_stack(told));
                let verdict = mutated.and_then(|told| contract.audit(told));
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
