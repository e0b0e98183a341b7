//! A kernel prototype as a function of `raw`: Rust types, and what each argument register holds.

use crate::ctype::{self, Width};
use crate::tables::{Abi, Both, BothKind, Call, Pairs, Prototype};

/// The definitions of an entry point.
fn definitions<'p>(prototypes: &'p [Prototype], entry: &str) -> &'p [Prototype] {
    let from = prototypes.partition_point(|prototype| prototype.entry.as_str() < entry);
    let rest = &prototypes[from..];
    let count = rest.iter().take_while(|prototype| prototype.entry == entry).count();
    &rest[..count]
}

/// The prototype of an entry point on an ABI, if there is exactly one. The prototypes are in order
/// of their entry points, as [`Tables::prototypes`](crate::Tables::prototypes) has them.
pub fn prototype<'p>(prototypes: &'p [Prototype], abi: &Abi, entry: &str) -> Option<&'p Prototype> {
    let mut first: Option<&Prototype> = None;
    for prototype in definitions(prototypes, entry) {
        if !prototype.is_for(abi) {
            continue;
        }
        match first {
            None => first = Some(prototype),
            // Definitions of different kernel configurations agree, except for the spelling of the
            // C types.
            Some(first) if types(prototype) == types(first) => {}
            Some(_) => return None,
        }
    }
    first
}

fn types(prototype: &Prototype) -> Vec<Option<String>> {
    prototype.args.iter().map(|(c, _)| ctype::rust(c).map(|rust| rust.name)).collect()
}

/// What each argument register holds when `raw` makes the call on an ABI, stub or no stub: an
/// argument, a half of one in memory order (`pos[0]`), or `0` where the ABI leaves a hole. `None`
/// where `raw` has no function for it.
#[cfg(feature = "cli")]
pub fn registers(prototypes: &[Prototype], abi: &Abi, call: &Call<'_>) -> Option<Vec<String>> {
    let function = Function::of(abi, prototypes, call)?;
    let show = |slot| match slot {
        Slot::Whole(parameter) => parameter.name.clone(),
        Slot::Half(parameter, half) => format!("{}[{half}]", parameter.name),
        Slot::Hole => "0".to_owned(),
    };
    Some(function.slots().into_iter().map(show).collect())
}

/// A function of `raw`.
pub(crate) struct Function<'p> {
    pub(crate) prototype: &'p Prototype,
    /// The definition that the number ends in, where it takes the halves of what `prototype`
    /// declares.
    pub(crate) splits: Option<&'p Prototype>,
    /// What the call's second result is, if it has one.
    pub(crate) both: Option<&'p Both>,
    pub(crate) parameters: Vec<Parameter>,
}

pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) rust: String,
    /// How it is passed; `Whole` is one register.
    pairs: Pairs,
    /// The kernel declares 64 bits, not halves.
    wide: bool,
}

/// What an argument register holds.
pub(crate) enum Slot<'f> {
    Whole(&'f Parameter),
    Half(&'f Parameter, usize),
    Hole,
}

/// A name that is valid in Rust.
pub(crate) fn identifier(name: &str) -> String {
    const KEYWORDS: &[&str] = &[
        "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do",
        "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in",
        "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
        "return", "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe",
        "unsized", "use", "virtual", "where", "while", "yield",
    ];
    if KEYWORDS.contains(&name) { format!("r#{name}") } else { name.to_owned() }
}

impl<'p> Function<'p> {
    /// The function for a call. An entry point that takes the halves of 64-bit arguments by hand,
    /// as the ABI lays them out, gets the signature that the call has on other ABIs, so that
    /// programs are portable. The same applies to a compat entry point, and to one that returns
    /// what others store.
    pub(crate) fn of(
        abi: &'p Abi,
        prototypes: &'p [Prototype],
        call: &Call<'_>,
    ) -> Option<Function<'p>> {
        let both = abi.both(call.name);
        let function = match both {
            Some(Both { takes: Some(takes), .. }) => Function::new(abi, takes),
            Some(Both { kind: BothKind::Array, .. }) => {
                let stores = definitions(prototypes, &format!("sys_{}", call.name)).first()?;
                Function::new(abi, stores)
            }
            _ => Function::of_one(abi, prototypes, call),
        };
        Some(Function { both, ..function? })
    }

    fn of_one(abi: &Abi, prototypes: &'p [Prototype], call: &Call<'_>) -> Option<Function<'p>> {
        let mut entries = [call.entry, call.compat].into_iter().flatten();
        let own =
            entries.find_map(|entry| Function::new(abi, prototype(prototypes, abi, entry)?))?;
        let compat = own.prototype.entry.starts_with("compat_sys_");
        let generic = format!("sys_{}", call.name);
        if own.prototype.entry == generic {
            return Some(own);
        }
        for prototype in definitions(prototypes, &generic) {
            if prototype.source.starts_with("arch/") {
                continue;
            }
            let Some(shared) = Function::with_long(abi, prototype, compat) else { continue };
            if shared.joins(&own) {
                return Some(Function { splits: Some(own.prototype), ..shared });
            }
            // Where only the compat entry point is in the table, as some of x32's, its pointers are
            // numbers to the kernel.
            if compat && shared.shape() == own.shape() {
                return Some(shared);
            }
        }
        Some(own)
    }

    pub(crate) fn new(abi: &Abi, prototype: &'p Prototype) -> Option<Function<'p>> {
        Function::with_long(abi, prototype, prototype.entry.starts_with("compat_sys_"))
    }

    /// A `long` is the program's `long`. The exception is a program with 32-bit `long` that calls a
    /// native entry point of a 64-bit kernel, as on x32: its registers have 64 bits, and what the
    /// kernel declares or points to is the kernel's `long`.
    fn with_long(abi: &Abi, prototype: &'p Prototype, compat: bool) -> Option<Function<'p>> {
        let kernels_long = abi.bits == 32 && abi.pairs == Pairs::Whole && !compat;
        let mut parameters = Vec::new();
        for (c, name) in &prototype.args {
            let mut rust = ctype::rust(c)?;
            if kernels_long {
                rust.name = rust.name.replace("c_long", "i64").replace("c_ulong", "u64");
            }
            let pairs = match rust.width {
                Width::Word => Pairs::Whole,
                Width::Wide => abi.pairs,
                Width::Halves => Pairs::Consecutive,
            };
            let wide = rust.width == Width::Wide;
            parameters.push(Parameter { name: identifier(name), rust: rust.name, pairs, wide });
        }
        Some(Function { prototype, splits: None, both: None, parameters })
    }

    pub(crate) fn slots(&self) -> Vec<Slot<'_>> {
        let mut slots = Vec::new();
        if self.both.is_some_and(|both| both.kind == BothKind::Array) {
            // The function stores the array itself.
            return slots;
        }
        for parameter in &self.parameters {
            match parameter.pairs {
                Pairs::Whole => {
                    slots.push(Slot::Whole(parameter));
                    continue;
                }
                Pairs::Even if slots.len() % 2 == 1 => slots.push(Slot::Hole),
                _ => {}
            }
            slots.extend([Slot::Half(parameter, 0), Slot::Half(parameter, 1)]);
        }
        slots
    }

    /// Which registers hold pointers.
    fn shape(&self) -> Vec<bool> {
        self.slots()
            .iter()
            .map(|slot| matches!(slot, Slot::Whole(parameter) if parameter.rust.starts_with('*')))
            .collect()
    }

    /// Whether `own` takes the same registers, except for halves that it joins itself.
    fn joins(&self, own: &Function<'_>) -> bool {
        let split = |function: &Function<'_>| {
            function.parameters.iter().any(|p| p.wide && p.pairs != Pairs::Whole)
        };
        let places = |function: &Function<'_>| -> Vec<(String, usize)> {
            let whole = |(at, slot)| match slot {
                Slot::Whole(parameter) => Some((parameter.name.clone(), at)),
                _ => None,
            };
            function.slots().into_iter().enumerate().filter_map(whole).collect()
        };
        let others = places(own);
        let elsewhere = |(name, at): &(String, usize)| {
            others.iter().any(|(other, place)| other == name && place != at)
        };
        split(self)
            && !split(own)
            && self.shape() == own.shape()
            && !places(self).iter().any(elsewhere)
    }
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use super::*;
    use crate::tables::{MOST_ARGUMENTS, Tables};

    fn made_up(entry: &str, source: &str, args: &[&str]) -> Prototype {
        let args = args.iter().map(|arg| arg.split_once(", ").unwrap_or((arg, "x")));
        let args = args.map(|(c, name)| (c.to_owned(), name.to_owned())).collect();
        let (entry, source) = (entry.to_owned(), source.to_owned());
        Prototype {
            entry,
            args,
            abis: None,
            source,
            line: 1,
            calls: None,
            condition: None,
            optional: None,
        }
    }

    fn registers(pairs: Pairs, args: &[&str]) -> Vec<String> {
        let mut abi = Tables::embedded().unwrap().abi("i386").unwrap().clone();
        abi.pairs = pairs;
        let prototype = made_up("sys_made_up", "fs/made_up.c", args);
        Function::new(&abi, &prototype)
            .map_or(Vec::new(), |function| crate::emit::rust::register_operands(&function))
    }

    /// The Rust types of the function for the call `made_up`, whose entry point `arch_made_up` has
    /// the arguments `own`.
    fn signature(own: &[&str], generic: &[&str]) -> Vec<String> {
        let tables = Tables::embedded().unwrap();
        let (entry, compat) = (Some("arch_made_up"), None);
        let call = Call { number: 1, tag: None, name: "made_up", entry, compat, noreturn: false };
        let prototypes = [
            made_up("arch_made_up", "arch/x86/a.c", own),
            made_up("sys_made_up", "fs/made_up.c", generic),
        ];
        let function = Function::of(tables.abi("i386").unwrap(), &prototypes, &call).unwrap();
        function.parameters.into_iter().map(|parameter| parameter.rust).collect()
    }

    #[test]
    fn functions_that_split_by_hand_have_the_common_signature() {
        let pread = ["int, fd", "char __user *, buf", "loff_t, pos"];
        let joined = ["c_int", "*mut c_char", "i64"];
        assert_eq!(
            signature(&["int, fd", "char __user *, to", "u32, low", "u32, high"], &pread),
            joined
        );
        assert_eq!(signature(&["int, fd", "char __user *, to", "SC_ARG64, at"], &pread), joined);
        for own in [
            ["char __user *, buf", "int, fd", "u32, low", "u32, high"].as_slice(),
            &["int, fd", "char __user *, buf", "u32, low", "u32, high", "int, dummy"],
        ] {
            assert_eq!(
                signature(own, &pread).len(),
                own.len(),
                "another order or another count of registers"
            );
        }
        let advise = ["int, fd", "loff_t, offset", "loff_t, len", "int, advice"];
        let csky = ["int, fd", "int, advice", "loff_t, offset", "loff_t, len"];
        assert_eq!(signature(&csky, &advise), ["c_int", "c_int", "i64", "i64"]);
        let by_hand = ["int, fd", "int, advice", "u32, a", "u32, b", "u32, c", "u32, d"];
        assert_eq!(signature(&by_hand, &advise).len(), 6, "the advice has another place");
        assert_eq!(
            signature(&["int, fd", "u32, x"], &["int, fd", "int, x"])[1],
            "u32",
            "nothing is split"
        );
    }

    #[test]
    fn a_long_is_the_kernels_where_registers_are_wider_than_the_programs() {
        let tables = Tables::embedded().unwrap();
        let types = |abi: &str, entry: &str| -> Vec<String> {
            let prototype = made_up(
                entry,
                "fs/made_up.c",
                &["long, x", "unsigned long __user *, y", "size_t, z"],
            );
            let function = Function::new(tables.abi(abi).unwrap(), &prototype).unwrap();
            function.parameters.iter().map(|parameter| parameter.rust.clone()).collect()
        };
        assert_eq!(types("x32", "sys_made_up"), ["i64", "*mut u64", "usize"]);
        let own = ["c_long", "*mut c_ulong", "usize"];
        assert_eq!(types("x32", "compat_sys_made_up"), own);
        assert_eq!(types("x86_64", "sys_made_up"), own);
        assert_eq!(types("i386", "sys_made_up"), own);
    }

    #[test]
    fn wide_arguments_follow_the_abi() {
        let (low, high) = ("Word::halves(x as u64)[0]", "Word::halves(x as u64)[1]");
        let (x, hole) = ("Word::from(x)", "Word::from(0)");
        let pread = ["unsigned int", "char __user *", "size_t", "loff_t"];
        assert_eq!(registers(Pairs::Whole, &pread), [x, x, x, x]);
        assert_eq!(registers(Pairs::Consecutive, &pread), [x, x, x, low, high]);
        assert_eq!(registers(Pairs::Even, &pread), [x, x, x, hole, low, high]);
        assert_eq!(
            registers(Pairs::Even, &["int", "int", "u64", "u64"]),
            [x, x, low, high, low, high]
        );
        let too_many = ["int", "u64", "int", "u64"];
        assert!(registers(Pairs::Even, &too_many).len() > MOST_ARGUMENTS);
        assert_eq!(
            registers(Pairs::Even, &["int", "SC_ARG64"]),
            [x, low, high],
            "the kernel splits it itself"
        );
    }

    #[test]
    fn an_unknown_argument_type_has_no_function() {
        assert!(registers(Pairs::Whole, &["int", "struct x"]).is_empty());
    }
}
