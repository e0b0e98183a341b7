//! The text that `aio-sys` includes for its feature `all-abis`.

use super::header;
use crate::lower::{Dates, Lookup, Reason, Strings, SubCall};
use crate::tables::Abi;
use crate::text::quoted;
use std::fmt::{Display, Write as _};

/// Every ABI as a value.
pub fn abis(lookup: &Lookup<'_>) -> String {
    let mut out = header("cargo codegen emit");
    out.push_str(
        "#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\n\
         #[non_exhaustive]\npub enum Abi {\n",
    );
    for facts in &lookup.abis {
        let Abi { name, arch, bits, .. } = facts.abi;
        let (source, linux) = (&facts.table.source, &facts.table.linux);
        let _ = writeln!(
            out,
            "    /// `{name}`: {bits}-bit, `arch/{arch}`; from `{source}` of Linux {linux}.\n    \
             {},",
            variant(name)
        );
    }
    let count = lookup.abis.len();
    let all: Vec<_> = lookup.abis.iter().map(|facts| facts.abi).collect();
    let _ = writeln!(
        out,
        "}}\n\npub(super) const ALL: [Abi; {count}] = [{}];\n\n\
         pub(super) static FACTS: [Facts; {count}] = [",
        variants(&all)
    );
    for facts in &lookup.abis {
        let Abi { name, base, bits, .. } = facts.abi;
        let (name, linux) = (quoted(name), quoted(facts.table.linux.as_str()));
        let (errnos, calls) = (facts.errnos, facts.calls);
        let runs: Vec<_> = facts
            .runs
            .iter()
            .map(|run| {
                let (first, count, slot) = (run.first, run.count, run.slot);
                format!("Run {{ first: {first:#x}, count: {count}, slot: {slot} }}")
            })
            .collect();
        let runs = runs.join(", ");
        let _ = writeln!(
            out,
            "    Facts {{ name: {name}, linux: {linux}, bits: {bits}, base: {base:#x}, \
             errnos: {errnos}, calls: {calls}, runs: &[{runs}] }},"
        );
    }
    let _ = writeln!(out, "];\n\npub(super) static TRIPLES: [&[&str]; {count}] = [");
    for abi in &all {
        let triples: Vec<_> = abi.triples.iter().map(|triple| quoted(triple)).collect();
        let _ = writeln!(out, "    &[{}],", triples.join(", "));
    }
    let _ = writeln!(out, "];\n\npub(super) static OTHER_NAMES: [&[&str]; {count}] = [");
    for abi in &all {
        let names: Vec<_> = abi.names.iter().map(|name| quoted(name)).collect();
        let _ = writeln!(out, "    &[{}],", names.join(", "));
    }
    let _ = writeln!(out, "];\n\npub(super) static AUDIT: [&[AuditArch]; {count}] = [");
    for facts in &lookup.abis {
        let audit = facts.audit.iter().map(|(name, value)| {
            format!("AuditArch {{ name: {}, value: {value:#x} }}", quoted(name))
        });
        let _ = writeln!(out, "    &[{}],", audit.collect::<Vec<_>>().join(", "));
    }
    let little = lookup.little;
    let _ = writeln!(out, "];\n\npub(super) const AUDIT_ARCH_LE: u32 = {little:#x};\n");
    array(&mut out, "SEEDS", "u16", &lookup.seeds);
    strings(&mut out, "NAMES", &lookup.names);
    array(&mut out, "SLOT_OF_NAME", "u16", &lookup.slot_of_name);
    for (at, name) in ["SLOT_NAME", "SLOT_ENTRY", "SLOT_COMPAT"].into_iter().enumerate() {
        array(&mut out, name, "u16", lookup.slots.iter().map(|slot| slot[at]));
    }
    functions(&mut out, lookup);
    dates(&mut out, &lookup.dates);
    let sets = lookup.errnos.len();
    let _ = writeln!(out, "pub(super) static ERRNOS: [&[(u16, u16)]; {sets}] = [");
    for set in &lookup.errnos {
        let set: Vec<_> = set.iter().map(|(value, name)| format!("({value}, {name})")).collect();
        let _ = writeln!(out, "    &[{}],", set.join(", "));
    }
    out.push_str("];\n\n");
    strings(&mut out, "ERRNO_NAMES", &lookup.errno_names);
    out.push_str("pub(super) static ABSENT: &[(&str, u64, Absent)] = &[\n");
    for (reason, abis) in &lookup.absent {
        let Reason { name, why, instead } = reason;
        let [name, why, instead] = [name, why, instead].map(|text| quoted(text));
        let calls: Vec<_> = reason.calls().into_iter().map(quoted).collect();
        let calls = calls.join(", ");
        let _ = writeln!(
            out,
            "    ({name}, {abis:#x}, Absent {{ why: {why}, calls: &[{calls}], \
             instead: {instead} }}),"
        );
    }
    out.push_str("];\n\n");
    out.push_str("pub(super) static SUB_CALLS: &[(&str, &str, u32)] = &[\n");
    for SubCall { of, name, value, .. } in &lookup.sub_calls {
        let _ = writeln!(out, "    ({}, {}, {value}),", quoted(of), quoted(name));
    }
    out.push_str("];\n\n");
    out.push_str(include_str!("../lower/hash.rs"));
    out.push('\n');
    out.push_str(include_str!("../tables/names.rs"));
    out
}

fn variants(abis: &[&Abi]) -> String {
    let variants: Vec<_> = abis.iter().map(|abi| format!("Abi::{}", variant(&abi.name))).collect();
    variants.join(", ")
}

/// `MipsO32` of `mips-o32`.
fn variant(name: &str) -> String {
    let mut variant = String::new();
    for word in name.split('-') {
        let (first, rest) = word.split_at(word.len().min(1));
        variant.extend([&*first.to_ascii_uppercase(), rest]);
    }
    variant
}

/// Entry points and prototypes.
fn functions(out: &mut String, lookup: &Lookup<'_>) {
    strings(out, "ENTRIES", &lookup.entries);
    array(out, "ENTRY_PROTOTYPE", "u16", &lookup.prototype_of);
    let prototypes = &lookup.prototypes;
    array(out, "PROTOTYPE_SOURCE", "u16", prototypes.iter().map(|prototype| prototype.source));
    array(out, "PROTOTYPE_LINE", "u32", prototypes.iter().map(|prototype| prototype.line));
    array(out, "PROTOTYPE_OPTIONAL", "u16", prototypes.iter().map(|prototype| prototype.optional));
    array(out, "PROTOTYPE_ARGUMENTS", "u16", &lookup.first_arguments);
    let arguments = || prototypes.iter().flat_map(|prototype| &prototype.args);
    array(out, "ARGUMENT_TYPE", "u16", arguments().map(|(ctype, _)| ctype));
    array(out, "ARGUMENT_NAME", "u16", arguments().map(|(_, name)| name));
    strings(out, "SOURCES", &lookup.sources);
    strings(out, "CONDITIONS", &lookup.conditions);
    strings(out, "TYPES", &lookup.types);
    strings(out, "ARGUMENT_NAMES", &lookup.argument_names);
}

/// Since when and until when.
fn dates(out: &mut String, dates: &Dates<'_>) {
    let releases = dates.releases.iter().map(|([major, minor, third], follows)| match major {
        ..3 => format!("(Version::old({major}, {minor}, {third}), {follows})"),
        _ => format!("(Version::new({major}, {minor}), {follows})"),
    });
    array(out, "RELEASES", "(Version, bool)", releases);
    let spans = dates.spans.iter().map(|(first, last, older)| {
        format!("Span {{ first: {first}, last: {last}, older: {older} }}")
    });
    array(out, "SPANS", "Span", spans);
    array(out, "SLOT_SINCE", "u8", &dates.since);
    array(out, "PAST_OF", "u16", &dates.past_of);
    let past = dates.past.iter().map(|(number, name, first, last)| {
        format!(
            "Past {{ number: {number:#x}, name: {name}, period: Period {{ first: {first}, \
             last: {last} }} }}"
        )
    });
    array(out, "PAST", "Past", past);
    strings(out, "PAST_NAMES", &dates.names);
}

/// `static NAME: Strings`.
fn strings(out: &mut String, name: &str, strings: &Strings<impl AsRef<str>>) {
    let _ = writeln!(out, "pub(super) static {name}: Strings = Strings::new(\n    concat!(");
    for item in &strings.items {
        let _ = writeln!(out, "        {},", quoted(item.as_ref()));
    }
    let _ = writeln!(out, "    ),\n    &{name}_AT,\n);\n");
    array(out, &format!("{name}_AT"), "u16", &strings.places);
}

/// `static NAME: [TYPE; N]`, in lines of a readable length.
fn array(out: &mut String, name: &str, of: &str, items: impl IntoIterator<Item = impl Display>) {
    let (mut count, mut lines, mut line) = (0, String::new(), String::new());
    for item in items {
        let item = format!(" {item},");
        if line.len() + item.len() > 115 {
            let _ = writeln!(lines, "   {line}");
            line.clear();
        }
        line += &item;
        count += 1;
    }
    let _ = writeln!(out, "pub(super) static {name}: [{of}; {count}] = [\n{lines}   {line}\n];\n");
}
