//! The input of the printers for C: a convention, and for the `.S` file the lines of each function.
//! These move the arguments from where a C function receives them to where the system call expects
//! them.

use super::{Stub, own};
use crate::Error;
use crate::tables::{Abi, CFunction, MOST_ARGUMENTS, Tables};

/// Everything that the `.S` file of an ABI is printed from.
pub(crate) struct Assembly<'t> {
    pub(crate) stub: Stub<'t>,
    /// Lines at the head of the file.
    pub(crate) file: &'t [String],
    /// Name and lines of each function.
    pub(crate) functions: Vec<(String, Vec<String>)>,
}

/// Lowers an ABI for the header.
pub(crate) fn c<'t>(tables: &'t Tables, abi: &'t Abi) -> Result<Stub<'t>, Error> {
    let why = || abi.entries.first().map_or("", |entry| entry.note.as_str());
    let what =
        || format!("`{}` has no [abi.call], so there is no stub to emit. {}", abi.name, why());
    let convention = abi.call.as_ref();
    let convention =
        convention.ok_or_else(|| Error::in_file("tables/abis.toml", what().trim_end()))?;
    own(tables, abi, convention)
}

/// Lowers an ABI for the `.S` file.
pub(crate) fn assembly<'t>(tables: &'t Tables, abi: &'t Abi) -> Result<Assembly<'t>, Error> {
    let (stub, functions) = (c(tables, abi)?, tables.functions()?);
    let Some(how) = functions.iter().find(|function| function.abis.contains(&abi.name)) else {
        let what = format!(
            "missing [[function]] for `{}`, how its C functions receive arguments; add one",
            abi.name
        );
        return Err(Error::in_file("tables/functions.toml", what));
    };
    let mut functions = Vec::new();
    for (count, both) in stub.each(MOST_ARGUMENTS) {
        functions.push((function_name(count, both), function(&stub, how, count, both)?));
    }
    Ok(Assembly { functions, stub, file: &how.file })
}

/// The name of a function in C.
pub(crate) fn function_name(count: usize, both: bool) -> String {
    format!("aio_syscall{count}{}", if both { "_both" } else { "" })
}

/// Where a function finds a word.
#[derive(Clone, PartialEq)]
enum Source {
    Register(String),
    Stack(i64),
}

/// The lines of one function of the `.S` file.
fn function(
    stub: &Stub<'_>,
    function: &CFunction,
    count: usize,
    both: bool,
) -> Result<Vec<String>, Error> {
    let (abi, convention) = (stub.abi, stub.convention);
    let missing = |what| {
        let what = format!("the [[function]] of `{}` needs {what}", abi.name);
        Error::in_file("tables/functions.toml", what)
    };
    let no_spare = || missing("a register in `spare`");
    let second = match (&convention.second, &function.second) {
        (Some(second), Some(kept)) if both => Some((second, kept)),
        _ if both => return Err(missing("`second`")),
        _ => None,
    };
    let stack = |word: usize| {
        Source::Stack(function.stack + function.step * (word - function.arguments.len()) as i64)
    };
    let source = |word: usize| {
        function.arguments.get(word).cloned().map_or_else(|| stack(word), Source::Register)
    };
    let line = |to: &str, from: &Source| match from {
        Source::Register(from) => function.copy.replace("{to}", to).replace("{from}", from),
        Source::Stack(offset) => {
            function.load.replace("{to}", to).replace("{offset}", &offset.to_string())
        }
    };
    let given = stub.operands(count);
    let mut lines = function.enter.clone();
    let mut moves: Vec<(&str, Source)> =
        given.iter().enumerate().map(|(word, (to, _))| (*to, source(word))).collect();
    moves.extend(second.map(|(_, kept)| (kept.keep.as_str(), source(count + 1))));
    moves.retain(|(to, from)| *from != Source::Register((*to).to_owned()));
    while !moves.is_empty() {
        let needed =
            |to: &str| moves.iter().any(|(_, from)| *from == Source::Register(to.to_owned()));
        if let Some(free) = moves.iter().position(|(to, _)| !needed(to)) {
            let (to, from) = moves.remove(free);
            lines.push(line(to, &from));
        } else if function.spare.is_empty() {
            return Err(no_spare());
        } else {
            // A cycle: move one of them to the spare register.
            let away = Source::Register(moves[0].0.to_owned());
            lines.push(line(&function.spare, &away));
            let aside = |from: &mut Source| {
                if *from == away {
                    *from = Source::Register(function.spare.clone())
                }
            };
            moves.iter_mut().for_each(|(_, from)| aside(from));
        }
    }
    let stacked = given.len()..count + 1;
    let memory = convention.stack.as_ref().filter(|_| !stacked.is_empty());
    if let Some(memory) = memory {
        if function.spare.is_empty() {
            return Err(no_spare());
        }
        lines.extend(memory.reserve.iter().cloned());
        for (word, offset) in stacked.zip((i64::from(memory.first)..).step_by(stub.bytes)) {
            let from = match source(word) {
                Source::Stack(at) => Source::Stack(at + function.reserved),
                register => register,
            };
            lines.push(line(&function.spare, &from));
            let fill = |line: &String| {
                line.replace("{from}", &function.spare).replace("{offset}", &offset.to_string())
            };
            lines.extend(memory.store.iter().map(fill));
        }
    }
    lines.push(convention.instruction.clone());
    lines.extend(convention.after.iter().cloned());
    lines.extend(memory.iter().flat_map(|memory| memory.release.iter().cloned()));
    lines.extend(
        second.map(|(from, kept)| kept.store.replace("{from}", from).replace("{to}", &kept.keep)),
    );
    lines.extend(function.leave.iter().cloned());
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit;
    use std::borrow::Cow;

    #[test]
    fn every_abi_has_the_same_doors() {
        let tables = Tables::embedded().unwrap();
        let functions = tables.functions().unwrap();
        for abi in &tables.abis {
            let there =
                functions.iter().filter(|function| function.abis.contains(&abi.name)).count();
            assert_eq!(there, usize::from(abi.call.is_some()), "{} in functions.toml", abi.name);
            if abi.call.is_none() {
                continue;
            }
            let (header, file) =
                (emit::c(&c(&tables, abi).unwrap()), emit::asm(&assembly(&tables, abi).unwrap()));
            let each = c(&tables, abi).unwrap().each(MOST_ARGUMENTS);
            for &(count, both) in &each {
                let declared = format!("\n{};\n", emit::signature(count, both));
                assert_eq!(header.matches(&declared).count(), 1, "{}: {declared}", abi.name);
                let defined = format!("\nstatic __inline__ {}\n{{", emit::signature(count, both));
                assert_eq!(header.matches(&defined).count(), 1, "{}: {defined}", abi.name);
                let name = function_name(count, both);
                assert!(file.contains(&format!("\t.globl {name}\n")), "{}: {name}", abi.name);
            }
            let call =
                format!("\t\t\"{}\\n", abi.call.as_ref().unwrap().instruction.replace('%', "%%"));
            assert_eq!(header.matches(&call).count(), each.len(), "{}", abi.name);
            for text in [header, file] {
                for placeholder in
                    ["{register}", "{from}", "{to}", "{offset}", "{block}", "{name}", "{number}"]
                {
                    assert!(!text.contains(placeholder), "{}: {placeholder}", abi.name);
                }
            }
        }
    }

    #[test]
    fn an_abi_without_registers_names_the_reason() {
        let tables = Tables::embedded().unwrap();
        let error =
            c(&tables, tables.abi("powerpc-spu").unwrap()).map(drop).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "tables/abis.toml: `powerpc-spu` has no [abi.call], so there is no stub to emit. \
                 The SPU stops"
            ),
            "{error}"
        );
    }

    /// The lines of a function of `abi` with the facts that `change` leaves of functions.toml.
    fn lines(abi: &str, count: usize, change: (&str, &str)) -> Result<Vec<String>, Error> {
        let changed = |name: &str, text: &'static str| match name {
            "functions.toml" => Cow::Owned(text.replace(change.0, change.1)),
            _ => Cow::Borrowed(text),
        };
        let files = aio_tables::BY_HAND
            .iter()
            .chain(aio_tables::IMPORTED)
            .map(|&(name, text)| (name.to_owned(), name.to_owned(), changed(name, text)));
        let tables = Tables::new(files.collect())?;
        let text = emit::asm(&assembly(&tables, tables.abi(abi).unwrap())?);
        let from = text.find(&format!("\naio_syscall{count}:")).unwrap();
        let to = text[from..].find("\t.size").unwrap();
        Ok(text[from..from + to]
            .lines()
            .skip(2)
            .map(|line| line.trim().to_owned())
            .filter(|line| line != "9:")
            .collect())
    }

    #[test]
    fn arguments_do_not_overwrite_each_other() {
        assert_eq!(
            lines("alpha", 3, ("", "")).unwrap(),
            [
                "mov $16, $0",
                "mov $17, $16",
                "mov $18, $17",
                "mov $19, $18",
                "callsys",
                "beq $19, 2f",
                "subq $31, $0, $0",
                "2:",
                "ret"
            ]
        );
        // a3 to a6, a6 to a5, a5 to a4, a4 to a3.
        let circle = lines("xtensa", 4, ("", "")).unwrap();
        assert_eq!(
            circle,
            [
                "AIO_ENTER",
                "mov a10, a6",
                "mov a6, a3",
                "mov a3, a4",
                "mov a4, a5",
                "mov a5, a10",
                "syscall",
                "AIO_RETURN"
            ]
        );
        let without = lines("xtensa", 4, ("spare     = \"a10\"", "spare     = \"\""))
            .unwrap_err()
            .to_string();
        assert_eq!(
            without,
            "tables/functions.toml: the [[function]] of `xtensa` needs a register in `spare`"
        );
        // Two words are in memory for the caller and for the kernel, with the kernel's room in
        // between.
        let memory = lines("mips-o32", 5, ("", "")).unwrap();
        assert!(
            memory
                .join("; ")
                .contains("subu $29, $29, 32; lw $8, 52($29); sw $8, 16($29); syscall"),
            "{memory:?}"
        );
        let missing = lines("arc", 0, ("[\"arc\"]", "[\"ark\"]")).unwrap_err().to_string();
        assert_eq!(
            missing,
            "tables/functions.toml: missing [[function]] for `arc`, how its C functions receive \
             arguments; add one"
        );
    }
}
