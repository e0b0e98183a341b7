//! The system calls that a kernel source tree defines in C: entry point → arguments.
//!
//! The entry point is the symbol that the kernel's tables name, the join key between a number and
//! its arguments. One entry point may have several prototypes: another architecture's, another
//! configuration's.

use super::c::text::{
    LONGEST, blank, is_name, is_word, parentheses, spaced, splice, split, tokens,
};
use super::kernel::condition::Conditions;
use crate::Error;
use crate::source::{Fault, Source, ends};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// The folders that can define a system call; `tools`, `samples`, `usr` and `rust` hold programs,
/// copies and bindings.
pub(super) const FOLDERS: &[&str] = &[
    "arch", "block", "certs", "crypto", "fs", "init", "io_uring", "ipc", "kernel", "lib", "mm",
    "net", "security", "virt",
];
/// The drivers that define one.
pub(super) const DRIVERS: &[&str] = &["drivers/char/random.c", "drivers/pci/syscall.c"];

/// `X` of every macro `X_DEFINEn(name, type, argument, …)`, and the entry points that it makes of
/// the name, each with its condition: `include/linux/syscalls.h`, `include/linux/compat.h`,
/// `arch/powerpc/kernel/sys_ppc32.c`. What `arch/*/include/asm/syscall_wrapper.h` puts before them
/// (`__x64_sys_…`) is in no table.
const MACROS: &[(&str, &[[&str; 2]])] = &[
    ("SYSCALL", &[["sys_", ""]]),
    ("COMPAT_SYSCALL", &[["compat_sys_", ""]]),
    ("SYSCALL32", &[["sys_", "!CONFIG_COMPAT"], ["compat_sys_", "CONFIG_COMPAT"]]),
    ("PPC32_SYSCALL", &[["sys_", "CONFIG_PPC32"], ["compat_sys_", "!CONFIG_PPC32"]]),
];

/// Macros that stand for a 64-bit argument in two halves, in memory order:
/// `include/linux/syscalls.h`, `include/asm-generic/compat.h`, `arch/arm64/kernel/sys32.c`. The
/// argument's type is then the first of them.
const WIDE: &[&str] = &["SC_ARG64", "compat_arg_u64_dual", "arg_u32p"];

/// One definition of an entry point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Definition {
    /// The symbol that the tables name: `sys_io_submit`, `compat_sys_io_submit`, `parisc_pread64`.
    pub entry: String,
    /// C type and name of each argument.
    pub args: Vec<(String, String)>,
    /// Path in the tree, with forward slashes.
    pub source: String,
    /// Line of the definition, from 1.
    pub line: usize,
    /// When the kernel has it: the preprocessor's conditions around it, `defined()` left out,
    /// joined with `&&`.
    pub condition: Option<String>,
}

/// Every system call that the tree defines, sorted by entry point, source, condition and line.
///
/// Beside the macros' definitions these are the `asmlinkage` functions of `arch`. Some of those are
/// no system calls; only the tables know.
pub(super) fn scan(source: &Source) -> Result<Vec<Definition>, Error> {
    let files = sources(source)?;
    let next = AtomicUsize::new(0);
    let (send, receive) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8)) {
            let (send, files, next) = (send.clone(), &files, &next);
            scope.spawn(move || {
                let mut buffer = Vec::new();
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // The receiver outlives the threads.
                    let _ = send.send((file, definitions(source, file, &mut buffer)));
                }
            });
        }
    });
    drop(send);
    let mut results: Vec<_> = receive.into_iter().collect();
    results.sort_by_key(|(file, _)| *file);
    let mut found = Vec::new();
    for (_, result) in results {
        found.extend(result?);
    }
    if found.is_empty() {
        let what = "defines no system call; name the top of a kernel tree";
        return Err(Error::in_file(source.shown(), what));
    }
    found.sort_by(|a, b| {
        (&a.entry, &a.source, &a.condition, a.line).cmp(&(
            &b.entry,
            &b.source,
            &b.condition,
            b.line,
        ))
    });
    Ok(found)
}

/// The `.c` files to search, sorted.
fn sources(source: &Source) -> Result<Vec<String>, Error> {
    // arch/*/boot: programs that run before there is a kernel.
    let entered =
        |directory: &str| !(directory.ends_with("/boot") && directory.matches('/').count() == 2);
    let mut files = source.walk(FOLDERS.iter().copied(), entered, |name| name.ends_with(".c"))?;
    files.extend(DRIVERS.iter().map(|&file| file.to_owned()).filter(|file| source.is_file(file)));
    files.sort();
    Ok(files)
}

fn definitions(
    source: &Source,
    file: &str,
    buffer: &mut Vec<u8>,
) -> Result<Vec<Definition>, Error> {
    let text = source.skim(file, buffer)?;
    // Nearly all files end here.
    if text.contains("SYSCALL") || (file.starts_with("arch/") && text.contains("asmlinkage")) {
        ends(&text).and_then(|()| parse(file, &text)).map_err(|fault| source.fault(file, fault))
    } else {
        Ok(Vec::new())
    }
}

type Args = Vec<(String, String)>;
/// An entry point, its arguments, and the condition that the macro around them stands for.
type Defined = (String, Args, &'static str);

/// The definitions in a file, or the line that cannot be parsed and why.
pub(super) fn parse(source: &str, text: &str) -> Result<Vec<Definition>, Fault> {
    let text = blank(&splice(text));
    let (mut code, mut directives) = (String::with_capacity(text.len()), Vec::new());
    for (line, text) in (1..).zip(text.split_inclusive('\n')) {
        match text.trim_start().strip_prefix('#') {
            Some(directive) => directives.push((line, directive)),
            None => code += text.trim_end_matches('\n'),
        }
        code.push('\n');
    }
    let mut directives = directives.into_iter().peekable();
    let mut conditions = Conditions::default();
    let (mut found, mut end) = (Vec::new(), 0);
    for (line, text) in (1..).zip(code.split_inclusive('\n')) {
        if let Some((_, directive)) = directives.next_if(|(at, _)| *at == line) {
            conditions.apply(directive).map_err(|what| Fault::at(line, what))?;
        }
        end += text.len();
        let start = text.trim_start();
        let word = &start[..start.find(|c| !is_word(c)).unwrap_or(start.len())];
        let rest = &code[end - start.len() + word.len()..];
        let definitions = if word.contains("SYSCALL")
            && word.contains("DEFINE")
            && rest.trim_start().starts_with('(')
        {
            expand(word, rest).map_err(|what| Fault::at(line, what))?
        } else if word == "asmlinkage" && text.starts_with(word) && source.starts_with("arch/") {
            function(rest).into_iter().collect()
        } else {
            continue;
        };
        for (entry, args, when) in definitions {
            let condition = conditions.and(when).map_err(|what| Fault::at(line, what))?;
            found.push(Definition { entry, args, source: source.to_owned(), line, condition });
        }
    }
    if conditions.is_closed() {
        Ok(found)
    } else {
        Err(Fault::whole("an #if lacks its #endif; repair the file"))
    }
}

/// What a use of a macro defines: entry points, arguments, and the conditions that come with the
/// macros.
fn expand(word: &str, rest: &str) -> Result<Vec<Defined>, String> {
    let known = word.rsplit_once("_DEFINE").and_then(|(x, n)| {
        let (_, entries) = MACROS.iter().find(|(known, _)| *known == x)?;
        Some((entries, n.parse::<usize>().ok()?))
    });
    let (entries, count) = known.ok_or_else(|| {
        format!("`{word}` is unknown; add what it defines to MACROS in prototypes.rs")
    })?;
    let (list, _) = parentheses(rest)
        .ok_or_else(|| format!("the parentheses of `{word}` do not close; repair them"))?;
    let mut items = split(list);
    let name = items.remove(0).trim();
    let fault = |what: String| {
        format!(
            "{word}({name}): {what}; repair it, or add a macro that stands for more to WIDE in \
             prototypes.rs"
        )
    };
    if name.is_empty() || !name.chars().all(is_word) {
        return Err(fault("not a name".to_owned()));
    }
    let words: Vec<String> = items
        .iter()
        .flat_map(|item| match wide(item) {
            Some(name) => vec![WIDE[0].to_owned(), name.to_owned()],
            None => vec![spaced(&tokens(item))],
        })
        .collect();
    // The macros count halves.
    if words.len() + 2 * items.iter().filter(|item| wide(item).is_some()).count() != 2 * count {
        return Err(fault(format!("{} words are not {count} pairs of type and name", words.len())));
    }
    let args: Args = words.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    if let Some((c, name)) = args.iter().find(|(c, name)| c.is_empty() || !is_name(name)) {
        return Err(fault(format!("`{c}, {name}` is not a type and a name")));
    }
    Ok(entries
        .iter()
        .map(|[prefix, when]| (format!("{prefix}{name}"), args.clone(), *when))
        .collect())
}

/// `x` of `SC_ARG64(x)`.
fn wide(item: &str) -> Option<&str> {
    let (word, name) = item.trim().strip_suffix(')')?.split_once('(')?;
    WIDE.contains(&word.trim()).then(|| name.trim())
}

/// The function that is defined after `asmlinkage`, if it takes what a user can pass.
fn function(rest: &str) -> Option<Defined> {
    let (open, _) = rest.char_indices().take(LONGEST).find(|(_, c)| ['(', ';', '='].contains(c))?;
    let (head, list) = rest.split_at(open);
    let (list, body) = parentheses(list)?;
    let name =
        tokens(head).pop().filter(|name| is_name(name) && body.trim_start().starts_with('{'))?;
    let args = match list.trim() {
        "" | "void" => Vec::new(),
        list => split(list).into_iter().map(parameter).collect::<Option<Args>>()?,
    };
    // Registers as the entry code saved them: the entry point is that code.
    let inner = args.iter().any(|(c, _)| c.contains("pt_regs"));
    (!inner).then(|| (name.to_owned(), args, ""))
}

/// `const char __user *path` as type and name; a function pointer's or an array's name is taken out
/// of the type.
fn parameter(text: &str) -> Option<(String, String)> {
    let mut words = tokens(text);
    let inside = words.windows(2).position(|pair| pair == ["(", "*"]).map(|at| at + 2);
    let at = inside.or_else(|| {
        words.iter().position(|word| *word == "[").unwrap_or(words.len()).checked_sub(1)
    })?;
    let name = words.get(at).copied().filter(|name| is_name(name))?;
    words.remove(at);
    (!words.is_empty()).then(|| (spaced(&words), name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Place;
    use std::collections::BTreeMap;

    /// Each definition as one line: entry, arguments, condition.
    fn lines(text: &str) -> Vec<String> {
        let show = |p: Definition| {
            let args: Vec<_> = p.args.iter().map(|(c, name)| format!("{c}, {name}")).collect();
            let when = p.condition.map_or(String::new(), |when| format!(" if {when}"));
            format!("{}: {}({}){when}", p.line, p.entry, args.join("; "))
        };
        parse("arch/x/kernel/sys.c", text).unwrap().into_iter().map(show).collect()
    }

    #[test]
    fn macros() {
        let text = r#"
SYSCALL_DEFINE0(getpid)
{ return printk("SYSCALL_DEFINE1(\"no", 'x', '"'); }
/* SYSCALL_DEFINE1(in, int, comment) */ // SYSCALL_DEFINE1(in, int
#define SYSCALL_DEFINE1(name, ...) \
SYSCALL_DEFINEx(1, _##name, __VA_ARGS__)
  SYSCALL_DEFINE3 (io_submit, /* an (odd, one */ aio_context_t, ctx_id, long, nr, // )
		struct iocb __user * __user *,
	iocbpp)
COMPAT_SYSCALL_DEFINE1(32_x, const char  __user*const __user*, p)
SYSCALL32_DEFINE0(sigreturn)
PPC32_SYSCALL_DEFINE4(ppc_truncate64, const char __user *, path, u32, reg4, unsigned long, len1,
unsigned long,len2)
"#;
        assert_eq!(
            lines(text),
            [
                "2: sys_getpid()",
                "7: sys_io_submit(aio_context_t, ctx_id; long, nr; struct iocb __user *__user *, \
                 iocbpp)",
                "10: compat_sys_32_x(const char __user *const __user *, p)",
                "11: sys_sigreturn() if !CONFIG_COMPAT",
                "11: compat_sys_sigreturn() if CONFIG_COMPAT",
                "12: sys_ppc_truncate64(const char __user *, path; u32, reg4; unsigned long, \
                 len1; unsigned long, len2) \
                 if CONFIG_PPC32",
                "12: compat_sys_ppc_truncate64(const char __user *, path; u32, reg4; unsigned \
                 long, len1; \
                 unsigned long, len2) if !CONFIG_PPC32",
            ]
        );
    }

    #[test]
    fn halves_are_one_argument() {
        assert_eq!(
            lines(
                "COMPAT_SYSCALL_DEFINE4(readahead, int, fd, compat_arg_u64_dual( off ),\n size_t, \
                 count)"
            ),
            ["1: compat_sys_readahead(int, fd; SC_ARG64, off; size_t, count)"]
        );
    }

    #[test]
    fn conditions() {
        let text = r#"
#if defined(A)||! defined B && \
    IS_ENABLED(C)
# ifdef X /* why */
SYSCALL_DEFINE0(a)
# elif V >= 2
SYSCALL_DEFINE0(b)
# else
#  ifndef Y
SYSCALL_DEFINE0(c)
#  else
SYSCALL_DEFINE0(d)
#  endif
# endif
#else
#error don't
SYSCALL_DEFINE0(e)
#endif
#if defined(A) || B
SYSCALL_DEFINE0(f)
#endif
"#;
        assert_eq!(
            lines(text),
            [
                "5: sys_a() if (A || !B && IS_ENABLED(C)) && X",
                "7: sys_b() if (A || !B && IS_ENABLED(C)) && !X && V >= 2",
                "10: sys_c() if (A || !B && IS_ENABLED(C)) && !X && !(V >= 2) && !Y",
                "12: sys_d() if (A || !B && IS_ENABLED(C)) && !X && !(V >= 2) && Y",
                "17: sys_e() if !(A || !B && IS_ENABLED(C))",
                "20: sys_f() if A || B",
            ]
        );
    }

    #[test]
    fn functions() {
        let text = r#"
asmlinkage unsigned long
sys_mmap2 (unsigned long addr, char **const argv, void (*fn)(int, long), int fd[2],
	   unsigned off)
{
}
asmlinkage long declared(int fd);
asmlinkage int sys_sigreturn(struct pt_regs *regs) { }
asmlinkage long unnamed(int) { }
asmlinkage long variadic(int fd, ...) { }
 asmlinkage long indented(void) { }
asmlinkage notrace long parisc_nothing(void) { }
"#;
        assert_eq!(
            lines(text),
            [
                "2: sys_mmap2(unsigned long, addr; char **const, argv; void (*)(int, long), fn; \
                 int[2], fd; \
                 unsigned, off)",
                "12: parisc_nothing()",
            ]
        );
        assert_eq!(parse("kernel/sys.c", text), Ok(Vec::new()));
    }

    #[test]
    fn what_cannot_be_parsed_is_named() {
        for (text, line, what) in [
            (
                "\nSYSCALL_DEFINE1(a, int, b\n{ return f(b); }",
                Some(2),
                "the parentheses of `SYSCALL_DEFINE1` do not close",
            ),
            ("SYSCALL_DEFINE1(", Some(1), "the parentheses"),
            ("SYSCALL_DEFINE2(a, int, b)", Some(1), "SYSCALL_DEFINE2(a): 2 words are not 2 pairs"),
            ("SYSCALL_DEFINE1(a, u32, b, int)", Some(1), "3 words"),
            ("SYSCALL_DEFINE2(a, NEW_ARG(b), int, c)", Some(1), "3 words"),
            (
                "SYSCALL_DEFINE1(a, int b, int c)",
                Some(1),
                "`int b, int c` is not a type and a name",
            ),
            ("SYSCALL_DEFINE1(a, , b)", Some(1), "`, b` is not"),
            ("SYSCALL_DEFINE0()", Some(1), "not a name"),
            ("X64_SYSCALL_DEFINE0(a)", Some(1), "`X64_SYSCALL_DEFINE0` is unknown"),
            ("SYSCALL_DEFINE(a)(int b)", Some(1), "is unknown"),
            ("#endif", Some(1), "#endif without #if"),
            ("#if A\n#else\n", None, "#endif"),
        ] {
            let fault = parse("fs/a.c", text).unwrap_err();
            assert!(fault.line == line && fault.what.contains(what), "{text}: {fault:?}");
        }
    }

    #[test]
    fn hostile_text_ends_in_a_result() {
        let pieces = [
            "\0",
            "\u{fffd}",
            "'\\é",
            "\"",
            "/*",
            "*/",
            "//",
            "/",
            "\\\n",
            "\n",
            "(",
            ")",
            ",",
            "#if ",
            "#elif !",
            "#endif\n",
            "#else",
            "SYSCALL_DEFINE2(",
            "\nasmlinkage ",
            "SC_ARG64(",
            "defined(",
            "[",
            "{",
        ];
        for first in pieces {
            for second in pieces {
                for third in pieces {
                    let _ = parse("arch/x/a.c", &[first, second, third].concat().repeat(3));
                }
                let _ = parse("arch/x/a.c", &[first, second].concat().repeat(100));
            }
        }
    }

    #[test]
    fn a_tree_is_searched_where_system_calls_can_be() {
        let files = [
            ("fs/aio.c", &b"/* \xff */\nSYSCALL_DEFINE0(b)\nSYSCALL_DEFINE0(a)\n"[..]),
            ("drivers/char/random.c", b"SYSCALL_DEFINE0(getrandom)\n"),
            ("drivers/char/mem.c", b"SYSCALL_DEFINE0(mem)\n"),
            ("arch/x/boot/a.c", b"SYSCALL_DEFINE0(boot)\n"),
            ("arch/x/kernel/boot/a.c", b"SYSCALL_DEFINE0(b)\n"),
            ("tools/a.c", b"SYSCALL_DEFINE0(tool)\n"),
            ("fs/a.h", b"SYSCALL_DEFINE0(header)\n"),
        ];
        let mut files: BTreeMap<String, Vec<u8>> =
            files.into_iter().map(|(file, text)| (file.to_owned(), text.into())).collect();
        let found = scan(&Source::in_memory("linux", files.clone())).unwrap();
        let found: Vec<_> =
            found.iter().map(|p| (p.entry.as_str(), p.source.as_str(), p.line)).collect();
        assert_eq!(
            found,
            [
                ("sys_a", "fs/aio.c", 3),
                ("sys_b", "arch/x/kernel/boot/a.c", 1),
                ("sys_b", "fs/aio.c", 2),
                ("sys_getrandom", "drivers/char/random.c", 1),
            ]
        );
        files.insert("fs/bad.c".to_owned(), b"\nSYSCALL_DEFINE1(a)\n".into());
        let error = scan(&Source::in_memory("linux", files)).unwrap_err();
        assert_eq!(error.place, Place::Line("linux/fs/bad.c".to_owned(), 2));
        let error = scan(&Source::in_memory("linux", BTreeMap::new())).unwrap_err();
        assert!(error.what.contains("top of a kernel tree"));
    }
}
