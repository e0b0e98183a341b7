//! What the stubs tell the compiler about registers, in the words that LLVM gets to read, against the contract of
//! `tables/abis.toml`: every stub, for every Rust target of its ABI. How LLVM calls a register, and what the target's flags
//! are, the compiler is asked, so that no name is known here.

use aio_codegen::tables::{Convention, Tables};
use aio_tests::shim::{self, MOST_ARGUMENTS, stubs, targets, with_option, without};
use aio_tests::skip;
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
    /// Whether the rest of the program may look at memory, or change it, only before or only after.
    memory: bool,
}

impl Told {
    /// Reads `…asm WORDS "TEXT", "CONSTRAINTS"(…) ATTRIBUTES`, a line of LLVM's assembly.
    fn read(line: &str, attributes: &BTreeMap<&str, &str>) -> Option<Told> {
        let (_, line) = line.split_once(" asm ")?;
        let mut quoted = line.split('"');
        let words = quoted.next()?.split_whitespace().map(str::to_owned).collect();
        let text = quoted.next()?.to_owned();
        let constraints = quoted.nth(1)?;
        let group = quoted.next()?.split_whitespace().find_map(|word| word.trim_end_matches(',').strip_prefix('#'));
        let limited = group.is_some_and(|group| attributes.get(group).is_some_and(|all| all.contains("memory(")));
        let clobbers: BTreeSet<_> = constraints.split(',').filter_map(|one| register(one.strip_prefix('~')?)).collect();
        let memory = clobbers.contains("memory") && !limited;
        let outputs = constraints.split(',').filter_map(|one| register(one.strip_prefix('=')?.trim_start_matches('&')));
        Some(Told { text, words, changed: clobbers.iter().cloned().chain(outputs).collect(), memory })
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
    let attributes: BTreeMap<_, _> =
        module.lines().filter_map(|line| line.strip_prefix("attributes #")?.split_once(" = ")).collect();
    let mut functions: BTreeMap<String, Vec<Told>> = BTreeMap::new();
    let mut current = None;
    for line in module.lines() {
        if line.starts_with("define ") {
            let name =
                line.split_once('@').and_then(|(_, rest)| rest.split_once('(')).expect("a function has a name").0;
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

/// A function `NAME_N` for each stub of the module `NAME`.
fn callers(module: &str) -> String {
    let caller = |count| {
        let parameters: String = (0..count).map(|at| format!(", a{at}: abi::Word")).collect();
        let arguments: String = (0..count).map(|at| format!(", a{at}")).collect();
        format!(
            "#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn {module}_{count}(nr: ffi::c_long{parameters}) -> isize {{\n    \
             unsafe {{ {module}::syscall{count}(nr{arguments}) }}\n}}\n"
        )
    };
    (0..=MOST_ARGUMENTS).map(caller).collect()
}

/// A function that is nothing but an `asm!`.
fn probe(name: &str, operands: &str) -> String {
    format!(
        "#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn {name}() {{ unsafe {{ arch::asm!(\"# {name}\", {operands}) }} }}\n"
    )
}

/// A contract in LLVM's words. It has several names for a register that holds values of several widths.
#[derive(Debug)]
struct Contract {
    /// LLVM's names of each destroyed register that can be named.
    destroyed: BTreeMap<String, BTreeSet<String>>,
    /// LLVM's names of the result's register.
    result: BTreeSet<String>,
    /// LLVM's names of the target's flags, if the call destroys them.
    flags: BTreeSet<String>,
    /// Destroyed registers that the compiler takes for no operand.
    unnameable: Vec<String>,
}

impl Contract {
    /// Asks the compiler.
    fn ask(target: &str, convention: &Convention) -> Contract {
        let declares = |register: &str| format!("lateout({register:?}) _, options(nostack, preserves_flags)");
        let words: BTreeSet<&String> =
            convention.arguments.iter().chain([&convention.number, &convention.result]).collect();
        let gone = convention.destroyed.iter().map(|gone| &gone.register);
        let (unnameable, nameable): (Vec<_>, Vec<_>) = gone
            .chain([&convention.result])
            .collect::<BTreeSet<_>>()
            .into_iter()
            .partition(|register| convention.unnameable.contains(register));
        let mut program = probe("flags", "options(nostack)") + &probe("none", "options(nostack, preserves_flags)");
        for (at, register) in nameable.iter().enumerate() {
            program += &probe(&format!("declared_{at}"), &declares(register));
            if words.contains(register) {
                let operand = format!("inlateout({register:?}) 0isize => _, options(nostack, preserves_flags)");
                program += &probe(&format!("word_{at}"), &operand);
            }
        }
        let told = compile(target, &program).unwrap_or_else(|error| panic!("{target}: {error}"));
        let none = &told["none"][0].changed;
        let changed = |name: &str| told.get(name).map_or(BTreeSet::new(), |told| &told[0].changed - none);
        let mut destroyed = BTreeMap::new();
        for (at, register) in nameable.into_iter().enumerate() {
            let names = &changed(&format!("declared_{at}")) | &changed(&format!("word_{at}"));
            assert!(matches!(names.len(), 1 | 2), "{target}: `{register}` is {names:?} to LLVM");
            destroyed.insert(register.clone(), names);
        }
        let result = destroyed[&convention.result].clone();
        destroyed.retain(|register, _| convention.destroyed.iter().any(|gone| gone.register == *register));
        for register in &unnameable {
            let named = compile(target, &probe("named", &declares(register)));
            assert!(named.is_err(), "{target}: `{register}` stands in `unnameable`, and the compiler takes it");
        }
        let flags = if convention.flags_kept { BTreeSet::new() } else { changed("flags") };
        Contract { destroyed, result, flags, unnameable: unnameable.into_iter().cloned().collect() }
    }

    /// What is wrong with a stub.
    fn audit(&self, told: &[Told]) -> Result<(), String> {
        let [told] = told else { return Err(format!("{} system calls in place of one", told.len())) };
        for (register, names) in &self.destroyed {
            if told.changed.is_disjoint(names) {
                return Err(format!("`{register}` is destroyed, and LLVM is not told of {names:?}: {told:?}"));
            }
        }
        let missing: Vec<_> = self.flags.difference(&told.changed).collect();
        if !missing.is_empty() {
            return Err(format!("the flags are destroyed, and LLVM is not told of {missing:?}: {told:?}"));
        }
        if told.changed.is_disjoint(&self.result) {
            return Err(format!("LLVM is told of no result in {:?}: {told:?}", self.result));
        }
        if !told.memory {
            return Err(format!("the kernel reads and writes memory, and LLVM is told that it does not: {told:?}"));
        }
        if !told.says("sideeffect") {
            return Err(format!("LLVM may leave the call out: {told:?}"));
        }
        if uses_stack(&told.text) && !told.says("alignstack") {
            return Err(format!("the stack is used, and LLVM is told that it is not: {told:?}"));
        }
        Ok(())
    }
}

/// Whether assembly changes the stack pointer.
fn uses_stack(text: &str) -> bool {
    text.split("\\0A").any(|line| ["push", "pop", "call"].contains(&line.split_whitespace().next().unwrap_or("")))
}

/// What goes wrong when one thing is taken out of, or put into, the stubs.
struct Mutant {
    what: String,
    text: String,
}

fn mutants(text: &str, contract: &Contract) -> Vec<Mutant> {
    let mut mutants: Vec<_> = contract
        .destroyed
        .keys()
        .map(|register| Mutant { what: format!("`{register}` not declared"), text: without(text, register) })
        .collect();
    let mut options = vec!["readonly", "nomem", "nostack"];
    if !contract.flags.is_empty() {
        options.push("preserves_flags");
    }
    mutants.extend(
        options.iter().map(|option| Mutant { what: format!("declared `{option}`"), text: with_option(text, option) }),
    );
    mutants
}

#[test]
fn what_is_destroyed_is_declared() {
    let tables = Tables::embedded().unwrap();
    for (abi, targets) in targets(&tables) {
        let convention = abi.call.as_ref().unwrap();
        let text = stubs(&tables, abi);
        for target in &targets {
            let contract = Contract::ask(target, convention);
            let told = compile(target, &(text.clone() + &callers("stub")));
            let told = told.unwrap_or_else(|error| panic!("the stubs of {} for {target}: {error}", abi.name));
            for count in 0..=MOST_ARGUMENTS {
                if let Err(error) = contract.audit(&told[&format!("stub_{count}")]) {
                    panic!("syscall{count} of {} for {target}: {error}", abi.name);
                }
            }
            for register in &contract.unnameable {
                skip(&format!("whether {target} declares `{register}`"), "the compiler takes it for no operand");
            }
        }
        assert!(!targets.is_empty(), "no Rust target is {}", abi.name);
        println!("{}: {} stubs, {} registers, {targets:?}", abi.name, MOST_ARGUMENTS + 1, convention.destroyed.len());
    }
}

#[test]
fn a_declaration_that_is_missing_or_false_is_found() {
    let tables = Tables::embedded().unwrap();
    for (abi, targets) in targets(&tables) {
        let target = targets.first().unwrap();
        let contract = Contract::ask(target, abi.call.as_ref().unwrap());
        let mutants = mutants(&stubs(&tables, abi), &contract);
        let mut program = String::new();
        for (at, mutant) in mutants.iter().enumerate() {
            let module = format!("mutant{at}");
            program += &mutant.text.replace("pub mod stub {", &format!("pub mod {module} {{"));
            program += &callers(&module);
        }
        let told =
            compile(target, &program).unwrap_or_else(|error| panic!("mutants of {} for {target}: {error}", abi.name));
        for (at, mutant) in mutants.iter().enumerate() {
            for count in 0..=MOST_ARGUMENTS {
                let mutated = &told[&format!("mutant{at}_{count}")];
                let untouched = mutant.what.contains("nostack") && !uses_stack(&mutated[0].text);
                let verdict = contract.audit(mutated);
                assert!(
                    untouched || verdict.is_err(),
                    "syscall{count} of {}: {} is not noticed",
                    abi.name,
                    mutant.what
                );
            }
        }
    }
}
