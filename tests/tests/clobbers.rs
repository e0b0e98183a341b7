//! What the stubs tell the compiler about registers, in the words that LLVM gets to read, against the contract of
//! `tables/abis.toml`: every stub, for every Rust target of its ABI. How LLVM calls a register, and what the target's flags
//! are, the compiler is asked, so that no name is known here.

use aio_codegen::tables::{Tables, Told as How};
use aio_tests::shim::{self, MOST_ARGUMENTS, Way, ways, with_option, without};
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

/// A function `MODULE_N` for each stub of a way, which stands in the module `MODULE`.
fn callers(way: &Way<'_>, module: &str) -> String {
    let mut callers = String::new();
    for count in 0..=MOST_ARGUMENTS {
        let parameters = way.parameters(count);
        let list: Vec<_> = parameters.iter().map(|(name, of)| format!("{name}: {of}")).collect();
        let arguments: Vec<_> = parameters.into_iter().map(|(name, _)| name).collect();
        callers += &format!(
            "#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn {module}_{count}({}) -> isize {{\n    \
             unsafe {{ {module}::syscall{count}({}) }}\n}}\n",
            list.join(", "),
            arguments.join(", ")
        );
    }
    callers
}

/// A function that is nothing but an `asm!`.
fn probe(name: &str, operands: &str) -> String {
    format!(
        "#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn {name}() {{ unsafe {{ arch::asm!(\"# {name}\", {operands}) }} }}\n"
    )
}

/// What a module's stub tells, inlined into its caller or not.
fn stub<'t>(told: &'t BTreeMap<String, Vec<Told>>, module: &str, count: usize, contract: &Contract) -> &'t [Told] {
    let inlined = &told[&format!("{module}_{count}")];
    // What a function that is called destroys is the compiler's business.
    let symbol = format!("{}{module}8syscall{count}", module.len());
    let called = told.iter().find(|(name, _)| name.contains(&symbol)).map(|(_, told)| told);
    if contract.called && inlined.is_empty() { called.expect("the stub is there") } else { inlined }
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
    /// The stub is a function that is never inlined.
    called: bool,
}

impl Contract {
    /// Asks the compiler.
    fn ask(target: &str, way: &Way<'_>) -> Contract {
        let convention = way.convention;
        let declares = |register: &str| format!("lateout({register:?}) _, options(nostack, preserves_flags)");
        let words: BTreeSet<&String> =
            convention.arguments.iter().chain([&convention.number, &convention.result]).collect();
        let told_otherwise: BTreeMap<&str, How> = convention
            .destroyed
            .iter()
            .filter(|row| row.rust != How::Operand)
            .flat_map(|row| row.registers.iter().map(|register| (register.as_str(), row.rust)))
            .collect();
        let mut named: BTreeSet<&str> = way.destroyed().into_iter().collect();
        named.retain(|register| !told_otherwise.contains_key(register));
        let mut program = probe("flags", "options(nostack)") + &probe("none", "options(nostack, preserves_flags)");
        let asked: Vec<&str> = named.iter().copied().chain([convention.result.as_str()]).collect();
        for (at, register) in asked.iter().enumerate() {
            program += &probe(&format!("declared_{at}"), &declares(register));
            if words.iter().any(|word| word == register) {
                let operand = format!("inlateout({register:?}) 0isize => _, options(nostack, preserves_flags)");
                program += &probe(&format!("word_{at}"), &operand);
            }
        }
        let told = compile(target, &program).unwrap_or_else(|error| panic!("{target}: {error}"));
        let none = &told["none"][0].changed;
        let changed = |name: &str| told.get(name).map_or(BTreeSet::new(), |told| &told[0].changed - none);
        let mut names = asked.iter().enumerate().map(|(at, register)| {
            let names = &changed(&format!("declared_{at}")) | &changed(&format!("word_{at}"));
            assert!(matches!(names.len(), 1 | 2), "{target}: `{register}` is {names:?} to LLVM");
            ((*register).to_owned(), names)
        });
        let destroyed = names.by_ref().take(named.len()).collect();
        let (_, result) = names.next().unwrap();
        let all_flags = changed("flags");
        for (register, how) in &told_otherwise {
            let named = compile(target, &probe("named", &declares(register)));
            assert!(named.is_err(), "{target}: asm! has a name for `{register}`");
            let among = all_flags.contains(*register);
            assert!(*how != How::Flags || among, "{target}: `{register}` is not among the flags {all_flags:?}");
        }
        let kept = convention.flags_kept && !told_otherwise.values().any(|how| *how == How::Flags);
        let flags = if kept { BTreeSet::new() } else { all_flags };
        Contract { destroyed, result, flags, called: told_otherwise.values().any(|how| *how == How::Call) }
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

fn mutants(stubs: &str, contract: &Contract) -> Vec<Mutant> {
    let missing = |register| Mutant { what: format!("`{register}` not declared"), text: without(stubs, register) };
    let mut mutants: Vec<_> = contract.destroyed.keys().map(|register| missing(register)).collect();
    let mut options = vec!["readonly", "nomem", "nostack"];
    if !contract.flags.is_empty() {
        options.push("preserves_flags");
    }
    let declared = |option| Mutant { what: format!("declared `{option}`"), text: with_option(stubs, option) };
    mutants.extend(options.into_iter().map(declared));
    mutants
}

#[test]
fn what_is_destroyed_is_declared() {
    let tables = Tables::embedded().unwrap();
    for way in ways(&tables) {
        let name = &way.name;
        assert!(!way.targets.is_empty(), "no Rust target has {name}");
        let mut registers = Vec::new();
        for target in &way.targets {
            let contract = Contract::ask(target, &way);
            let told = compile(target, &(way.stubs.clone() + &callers(&way, "stub")));
            let told = told.unwrap_or_else(|error| panic!("the stubs of {name} for {target}: {error}"));
            for count in 0..=MOST_ARGUMENTS {
                if let Err(error) = contract.audit(stub(&told, "stub", count, &contract)) {
                    panic!("syscall{count} of {name} for {target}: {error}");
                }
            }
            registers.push(contract.destroyed.len());
        }
        println!(
            "{name}: {} stubs, {registers:?} registers declared, for {}",
            MOST_ARGUMENTS + 1,
            way.targets.join(" ")
        );
    }
}

#[test]
fn a_declaration_that_is_missing_or_false_is_found() {
    let tables = Tables::embedded().unwrap();
    for way in ways(&tables) {
        let (name, target) = (&way.name, way.targets.first().unwrap());
        let contract = Contract::ask(target, &way);
        let mutants = mutants(&way.stubs, &contract);
        let mut program = String::new();
        for (at, mutant) in mutants.iter().enumerate() {
            let module = format!("mutant{at}");
            program += &mutant.text.replacen("pub mod stub {", &format!("pub mod {module} {{"), 1);
            program += &callers(&way, &module);
        }
        let told = compile(target, &program).unwrap_or_else(|error| panic!("mutants of {name} for {target}: {error}"));
        for (at, mutant) in mutants.iter().enumerate() {
            for count in 0..=MOST_ARGUMENTS {
                let mutated = stub(&told, &format!("mutant{at}"), count, &contract);
                let untouched = mutant.what.contains("nostack") && !uses_stack(&mutated[0].text);
                let verdict = contract.audit(mutated);
                assert!(untouched || verdict.is_err(), "syscall{count} of {name}: {} is not noticed", mutant.what);
            }
        }
        println!("{name}: {} mutants found", mutants.len());
    }
}
