//! Converts a block of a TOML file to a value of `model`: closed sets of keys and words, and the
//! conditions between them.

use super::document::Block;
use super::model::*;
use crate::text::{joined, quoted};
use crate::version::Version;

/// No table has a higher number, and no ABI a higher base: their sum fits.
const MOST_NUMBER: u32 = 0x7fff_ffff;

/// `abis.toml`.
pub(super) fn abis(top: &Block<'_>) -> (Vec<TableSource>, Vec<Abi>) {
    top.only(&["table", "abi"]);
    (top.list("table", table_source), top.list("abi", abi))
}

/// An imported table of numbers.
pub(super) fn kernel_table(top: &Block<'_>) -> KernelTable {
    top.only(&["linux", "source", "sha256", "takes", "extra", "set", "syscalls"]);
    let takes = top.list("takes", taker);
    // The numbers of each taker, in order.
    let mut numbers: Vec<Vec<u32>> = vec![Vec::new(); takes.len()];
    let linux = top.string("linux");
    if linux.split(['.', '-']).take(2).any(|word| word.parse::<u32>().is_err()) {
        top.refuse(format!("`linux` is `{linux}`, but must be a kernel version such as 6.12"));
    }
    KernelTable {
        linux: Version::new(linux),
        source: top.string("source"),
        sha256: top.string("sha256"),
        extras: top.list("extra", extra),
        errnos: top.list("set", errno_set),
        rows: top.list("syscalls", |block| {
            let row = read_row(block);
            for (at, taker) in takes.iter().enumerate() {
                if !taker.takes(&row.tag) {
                    continue;
                }
                match numbers[at].binary_search(&row.nr) {
                    Err(place) => numbers[at].insert(place, row.nr),
                    Ok(_) => {
                        let (abi, nr) = (&taker.abi, row.nr);
                        block.refuse(format!(
                            "{abi} has two calls with the number {nr}; remove one"
                        ));
                    }
                }
            }
            row
        }),
        takes,
    }
}

/// `prototypes.toml`.
pub(super) fn prototypes(top: &Block<'_>) -> Prototypes {
    top.only(&["linux", "tables", "prototypes", "bare"]);
    let mut prototypes: Vec<Prototype> = Vec::new();
    top.list("prototypes", |block| {
        let prototype = read_prototype(block);
        let at = prototypes.partition_point(|before| before.entry <= prototype.entry);
        prototypes.insert(at, prototype);
    });
    Prototypes {
        prototypes,
        #[cfg(feature = "cli")]
        linux: Version::new(top.string("linux")),
        #[cfg(feature = "cli")]
        tables: top.strings("tables"),
        #[cfg(feature = "cli")]
        bare: top.list("bare", bare),
    }
}

/// `absent.toml`, whose ABIs have to be among `abis`.
pub(super) fn absences(top: &Block<'_>, abis: &[Abi]) -> (Vec<Absent>, Vec<Rule>) {
    top.only(&["absent", "rule"]);
    let known = |block: &Block<'_>, names: &[String]| {
        if let Some(unknown) = names.iter().find(|name| abis.iter().all(|abi| abi.name != **name)) {
            block.refuse(format!("unknown ABI `{unknown}`: not in abis.toml"));
        }
    };
    let listed = top.list("absent", |block| {
        let absent = absence(block);
        known(block, &absent.abis);
        absent
    });
    let rules = top.list("rule", |block| {
        let rule = read_rule(block);
        known(block, &rule.abis);
        rule
    });
    (listed, rules)
}

/// `functions.toml`.
#[cfg(feature = "cli")]
pub(super) fn functions(top: &Block<'_>) -> Vec<CFunction> {
    top.only(&["function"]);
    top.list("function", c_function)
}

/// `uapi.toml` or `lookup.toml`.
pub(super) fn headers(top: &Block<'_>) -> Vec<Constants> {
    top.only(&["linux", "header"]);
    top.list("header", constants)
}

/// `errno.toml`.
pub(super) fn errno_sets(top: &Block<'_>) -> Vec<ErrnoSet> {
    top.only(&["linux", "set"]);
    top.list("set", errno_set)
}

pub(super) const ABI_KEYS: &[&str] = &[
    "name",
    "arch",
    "table",
    "base",
    "base_macro",
    "header",
    "uapi",
    "predefined",
    "redirects",
    "since",
    "bits",
    "sigset",
    "pairs",
    "rust",
    "triples",
    "names",
    "audit",
    "call",
    "other",
    "entry",
];

#[cfg(feature = "cli")]
pub(super) const ENTRY_KEYS: &[&str] =
    &["instruction", "when", "path", "table", "column", "prefix", "note"];

pub(super) const OTHER_KEYS: &[&str] = &["name", "when", "numbers"];

pub(super) const CALL_KEYS: &[&str] = &[
    "asm",
    "instruction",
    "after",
    "number",
    "arguments",
    "stack",
    "result",
    "second",
    "both",
    "failure",
    "flag",
    "widen",
    "clobbered",
    "flags",
    "unnameable",
    "save",
    "load",
    "restore",
    "address",
    "quirks",
];

fn non_empty(text: String) -> Option<String> {
    if text.is_empty() { None } else { Some(text) }
}

fn table_source(block: &Block<'_>) -> TableSource {
    block.only(&["name", "source", "makefile", "frozen"]);
    TableSource {
        name: block.string("name"),
        source: block.string("source"),
        makefile: block.string("makefile"),
        frozen: non_empty(block.string("frozen")).map(Version::new),
    }
}

fn abi(block: &Block<'_>) -> Abi {
    block.only(ABI_KEYS);
    let bits = block.number("bits");
    if bits != 32 && bits != 64 {
        block.refuse(format!("`bits` is {bits}, but must be 32 or 64"));
    }
    Abi {
        name: block.string("name"),
        arch: block.string("arch"),
        table: block.string("table"),
        base: block.number_to("base", MOST_NUMBER),
        base_macro: non_empty(block.string("base_macro")),
        header: block.string("header"),
        uapi: block.flag("uapi"),
        predefined: block.strings("predefined"),
        redirects: non_empty(block.string("redirects")),
        since: non_empty(block.string("since")).map(Version::new),
        bits,
        sigset: block.number("sigset"),
        pairs: [Pairs::Whole, Pairs::Consecutive, Pairs::Even]
            [word(block, "pairs", &["whole", "consecutive", "even"])],
        rust: block.strings("rust"),
        triples: block.strings("triples"),
        names: block.strings("names"),
        audit: block.strings("audit"),
        call: block.block("call", |block| convention(block, CALL_KEYS)),
        others: block.list("other", other),
        #[cfg(feature = "cli")]
        entries: block.list("entry", entry),
    }
}

#[cfg(feature = "cli")]
fn entry(block: &Block<'_>) -> Entry {
    block.only(ENTRY_KEYS);
    Entry {
        instruction: block.string("instruction"),
        when: block.string("when"),
        path: block.list("path", label),
        table: block.block("table", label).unwrap_or_else(|| {
            block.refuse("the key `table` is missing".to_owned());
            Label { name: String::new(), source: String::new(), by: None }
        }),
        compat: word(block, "column", &["entry", "compat"]) == 1,
        prefix: block.string("prefix"),
        note: block.string("note"),
    }
}

#[cfg(feature = "cli")]
fn label(block: &Block<'_>) -> Label {
    block.only(&["label", "source", "by"]);
    Label {
        name: block.string("label"),
        source: block.string("source"),
        by: block.optional_string("by"),
    }
}

/// The index of the key's value in a closed set of words.
fn word(block: &Block<'_>, key: &str, words: &[&str]) -> usize {
    let text = block.string(key);
    let found = words.iter().position(|word| *word == text);
    if found.is_none() {
        let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
        let words = joined(&words, ", ");
        block.refuse(format!("`{key}` is \"{text}\", but must be one of [{words}]"));
    }
    found.unwrap_or(0)
}

fn convention(block: &Block<'_>, keys: &[&str]) -> Convention {
    block.only(keys);
    let flag = block.string("flag");
    let failure = match word(block, "failure", &["negative", "flag", "condition"]) {
        1 => Failure::Flag(flag.clone()),
        2 => Failure::Condition(flag.clone()),
        _ => Failure::Negative,
    };
    let after = block.strings("after");
    let negative = matches!(failure, Failure::Negative);
    if flag.is_empty() != negative {
        block.refuse(
            "`flag` names what signals a failure; it must be empty if and only if `failure` is \
             \"negative\""
                .to_owned(),
        );
    } else if !negative && after.is_empty() {
        block.refuse(
            "`after` is empty, so nothing makes a failure negative; add the instructions that do"
                .to_owned(),
        );
    }
    let convention = Convention {
        asm: match block.string("asm").as_str() {
            "" => Asm::Never,
            "nightly" => Asm::Nightly,
            version => Asm::Stable(version.to_owned()),
        },
        instruction: block.string("instruction"),
        after,
        number: block.string("number"),
        arguments: block.strings("arguments"),
        stack: block.block("stack", stack).flatten(),
        result: block.string("result"),
        second: non_empty(block.string("second")),
        both: block.list("both", both),
        failure,
        widen: [None, Some(Widen::Zero), Some(Widen::Sign)]
            [word(block, "widen", &["", "zero", "sign"])],
        clobbers: block.list("clobbered", clobber),
        flags_kept: word(block, "flags", &["clobbered", "kept"]) == 1,
        unnameable: block.strings("unnameable"),
        save: block.strings("save"),
        load: block.strings("load"),
        restore: block.strings("restore"),
        address: block.strings("address"),
        quirks: block.strings("quirks"),
    };
    if let Some(what) = convention.mistake() {
        block.refuse(what);
    }
    convention
}

impl Convention {
    /// Checks the conditions between keys; returns what is wrong.
    fn mistake(&self) -> Option<String> {
        let Convention { instruction, number, arguments, unnameable, load, .. } = self;
        let has = |lines: &[String], word| lines.iter().any(|line| line.contains(word));
        let known = |register: &String| register == number || arguments.contains(register);
        let dead = |register: &&String| {
            **register == self.result || (known(register) && unnameable.contains(register))
        };
        if number.is_empty() != instruction.contains("{number}") {
            Some(
                "`number` must be a register, or empty if `instruction` contains `{number}`"
                    .to_owned(),
            )
        } else if self.stack.is_none() && arguments.len() < MOST_ARGUMENTS {
            Some(format!(
                "`arguments` has {}, but a call may have {MOST_ARGUMENTS}: add the others, or \
                 `stack`",
                arguments.len()
            ))
        } else if let Some(other) = unnameable.iter().find(|register| !known(register)) {
            Some(format!(
                "`{other}` is in `unnameable`, but is neither `number` nor one of `arguments`"
            ))
        } else if unnameable.is_empty() != load.is_empty() && self.address.is_empty() {
            let what = "`load` gives unnameable registers their values; it must be empty if and \
                        only if there are none";
            Some(what.to_owned())
        } else if !load.is_empty() && !has(load, "{register}") {
            Some("`load` does not contain `{register}`".to_owned())
        } else if !load.is_empty()
            && has(load, "{from}") == (has(load, "{block}") && has(load, "{offset}"))
        {
            Some(
                "`load` must take its value from `{from}`, or from `{offset}` beyond `{block}`"
                    .to_owned(),
            )
        } else if self.second.is_none() != self.both.is_empty() {
            Some("`both` lists the calls that have `second`; give both keys or neither".to_owned())
        } else if let Some(line) = self.second.as_deref().and_then(|second| self.uses(second)) {
            Some(format!("`{line}` of `after` uses the register in `second`"))
        } else if self.save.is_empty() != self.restore.is_empty() {
            Some("`restore` restores what `save` saves; give both keys or neither".to_owned())
        } else {
            let mut gone = self.clobbers.iter().flat_map(|row| &row.registers);
            gone.find(dead).map(|register| {
                format!(
                    "`{register}` is `result` or in `unnameable`, so it cannot be in `clobbered`"
                )
            })
        }
    }
}

impl Convention {
    /// The line after the instruction that uses a register.
    fn uses(&self, register: &str) -> Option<&String> {
        let part = |c: char| c.is_ascii_alphanumeric() || c == '$';
        self.after.iter().find(|line| line.split(|c| !part(c)).any(|word| word == register))
    }
}

fn both(block: &Block<'_>) -> Both {
    block.only(&["calls", "kind", "source", "shows", "takes"]);
    // For ci/oracle/paths alone.
    block.string("shows");
    Both {
        calls: block.strings("calls"),
        kind: [BothKind::Child, BothKind::Array, BothKind::Own]
            [word(block, "kind", &["child", "array", "own"])],
        source: block.string("source"),
        takes: block.block("takes", takes),
    }
}

fn takes(block: &Block<'_>) -> Prototype {
    block.only(&["args", "source"]);
    Prototype {
        entry: String::new(),
        args: arguments(block),
        abis: None,
        source: block.string("source"),
        line: 0,
        calls: None,
        condition: None,
        optional: None,
    }
}

fn other(block: &Block<'_>) -> Other {
    Other {
        name: block.string("name"),
        when: block.string("when"),
        numbers: block.string("numbers"),
        call: convention(block, &[OTHER_KEYS, CALL_KEYS].concat()),
    }
}

fn stack(block: &Block<'_>) -> Option<Stack> {
    if !block.has("first") {
        block.only(&[]);
        return None;
    }
    block.only(&["reserve", "store", "release", "first"]);
    let stack = Stack {
        reserve: block.strings("reserve"),
        store: block.strings("store"),
        release: block.strings("release"),
        first: block.number("first"),
    };
    let has = |word| stack.store.iter().any(|line| line.contains(word));
    if !has("{from}") || !has("{offset}") {
        block.refuse("`store` must put `{from}` at `{offset}`".to_owned());
    }
    Some(stack)
}

fn clobber(block: &Block<'_>) -> Clobber {
    block.only(&["registers", "why", "source", "rust", "only", "c"]);
    let rust = match block.has("rust") {
        true => {
            let kinds = [ClobberKind::Flags, ClobberKind::Call, ClobberKind::Never];
            kinds[word(block, "rust", &["flags", "call", "never"])]
        }
        false => ClobberKind::Operand,
    };
    let mut registers = Vec::new();
    for name in block.strings("registers") {
        match range(&name) {
            Some(names) => registers.extend(names),
            None => block.refuse(format!(
                "`{name}` is not a register, nor a range of registers such as `v0..=v31`"
            )),
        }
    }
    let only = block.block("only", |block| {
        block.only(&["rust", "c"]);
        Only { rust: block.string("rust"), c: block.string("c") }
    });
    if only.is_some() && matches!(rust, ClobberKind::Operand) {
        block.refuse(
            "`only` has no effect on an operand of asm!: set `rust` to another kind".to_owned(),
        );
    }
    let (why, source, c) =
        (block.string("why"), block.string("source"), block.optional_string("c"));
    Clobber { registers, why, source, rust, only, c }
}

/// The registers of a range such as `v0..=v31`, or the single one.
fn range(name: &str) -> Option<Vec<String>> {
    let Some((first, last)) = name.split_once("..=") else { return Some(vec![name.to_owned()]) };
    let prefix = first.trim_end_matches(|digit: char| digit.is_ascii_digit());
    let [first, last]: [u8; 2] =
        [first.strip_prefix(prefix)?.parse().ok()?, last.strip_prefix(prefix)?.parse().ok()?];
    Some((first..=last).map(|number| format!("{prefix}{number}")).collect())
}

#[cfg(feature = "cli")]
pub(super) const FUNCTION_KEYS: &[&str] = &[
    "abis",
    "arguments",
    "stack",
    "step",
    "reserved",
    "spare",
    "file",
    "enter",
    "leave",
    "copy",
    "load",
    "second",
];

#[cfg(feature = "cli")]
fn c_function(block: &Block<'_>) -> CFunction {
    block.only(FUNCTION_KEYS);
    CFunction {
        abis: block.strings("abis"),
        arguments: block.strings("arguments"),
        stack: block.integer("stack"),
        step: block.integer("step"),
        reserved: block.integer("reserved"),
        spare: block.string("spare"),
        file: block.strings("file"),
        enter: block.strings("enter"),
        leave: block.strings("leave"),
        copy: block.string("copy"),
        load: block.string("load"),
        second: block.block("second", kept_address).flatten(),
    }
}

#[cfg(feature = "cli")]
fn kept_address(block: &Block<'_>) -> Option<KeptAddress> {
    if !block.has("keep") {
        block.only(&[]);
        return None;
    }
    block.only(&["keep", "store"]);
    Some(KeptAddress { keep: block.string("keep"), store: block.string("store") })
}

fn taker(block: &Block<'_>) -> Taker {
    block.only(&["abi", "tags"]);
    Taker { abi: block.string("abi"), tags: block.strings("tags") }
}

fn read_row(block: &Block<'_>) -> Row {
    block.only(&["nr", "tag", "name", "entry", "compat", "noreturn"]);
    Row {
        nr: block.number_to("nr", MOST_NUMBER),
        tag: block.string("tag"),
        name: block.string("name"),
        entry: block.optional_string("entry"),
        compat: block.optional_string("compat"),
        noreturn: block.has("noreturn") && block.flag("noreturn"),
    }
}

fn extra(block: &Block<'_>) -> Extra {
    block.only(&["abis", "source", "sha256", "names", "removed", "redirects"]);
    Extra {
        abis: block.strings("abis"),
        source: block.string("source"),
        sha256: block.string("sha256"),
        names: block.list("names", |block| {
            block.only(&["nr", "name"]);
            (block.number_to("nr", MOST_NUMBER), block.string("name"))
        }),
        removed: block.strings("removed"),
        redirects: block.list("redirects", |block| {
            block.only(&["entry", "to"]);
            (block.string("entry"), block.string("to"))
        }),
    }
}

fn read_called(block: &Block<'_>) -> Called {
    block.only(&["function", "source", "line"]);
    Called {
        function: block.string("function"),
        source: block.string("source"),
        line: block.number("line"),
    }
}

fn read_prototype(block: &Block<'_>) -> Prototype {
    block.only(&["entry", "args", "abis", "source", "line", "calls", "condition", "optional"]);
    Prototype {
        entry: block.string("entry"),
        args: arguments(block),
        abis: if block.has("abis") { Some(block.strings("abis")) } else { None },
        source: block.string("source"),
        line: block.number("line"),
        calls: block.block("calls", read_called),
        condition: block.optional_string("condition"),
        optional: block.optional_string("optional"),
    }
}

/// C type and name of each argument.
fn arguments(block: &Block<'_>) -> Vec<(String, String)> {
    let mut args = Vec::new();
    for arg in block.strings("args") {
        match arg.rsplit_once(' ') {
            Some((ctype, name)) => args.push((ctype.to_owned(), name.to_owned())),
            None => block.refuse(format!("`{arg}` is not an argument; expected `TYPE NAME`")),
        }
    }
    args
}

#[cfg(feature = "cli")]
fn bare(block: &Block<'_>) -> Bare {
    block.only(&["entry", "why", "abis", "source", "line"]);
    let words: Vec<&str> = Why::ALL.iter().map(|(_, word)| *word).collect();
    let why = Why::ALL[word(block, "why", &words)].0;
    let placed = why != Why::NotFound;
    Bare {
        entry: block.string("entry"),
        why,
        abis: block.strings("abis"),
        source: if placed { block.string("source") } else { String::new() },
        line: if placed { block.number("line") } else { 0 },
    }
}

fn absence(block: &Block<'_>) -> Absent {
    block.only(&["name", "abis", "entry", "why", "instead", "until"]);
    Absent {
        name: block.string("name"),
        abis: block.strings("abis"),
        entry: block.string("entry"),
        why: block.string("why"),
        instead: block.string("instead"),
        until: block.optional_string("until").map(Version::new),
    }
}

fn read_rule(block: &Block<'_>) -> Rule {
    block.only(&["abis", "why", "calls"]);
    Rule {
        abis: block.strings("abis"),
        why: block.string("why"),
        calls: block.list("calls", |block| {
            block.only(&["names", "instead"]);
            (block.strings("names"), block.strings("instead"))
        }),
    }
}

fn constants(block: &Block<'_>) -> Constants {
    block.only(&["archs", "source", "sha256", "constants"]);
    Constants {
        archs: block.strings("archs"),
        source: block.string("source"),
        sha256: block.string("sha256"),
        constants: block.list("constants", |block| {
            block.only(&["name", "value", "rust"]);
            Constant {
                name: block.string("name"),
                value: block.integer("value"),
                rust: block.string("rust"),
            }
        }),
    }
}

fn errno_set(block: &Block<'_>) -> ErrnoSet {
    block.only(&["archs", "source", "sha256", "errnos"]);
    let errnos = block.list("errnos", |block| {
        block.only(&["value", "name", "text"]);
        ErrnoValue {
            name: block.string("name"),
            value: block.number("value"),
            text: block.string("text"),
        }
    });
    ErrnoSet {
        archs: block.strings("archs"),
        source: block.string("source"),
        sha256: block.string("sha256"),
        errnos,
    }
}
