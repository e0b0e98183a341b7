//! The definitions in a C file: macros such as `SYSCALL_DEFINE3`, and functions.

use super::Definition;
use crate::import::c::text::{
    LONGEST, blank, is_name, is_word, parentheses, spaced, splice, split, tokens,
};
use crate::import::kernel::condition::Conditions;
use crate::source::Fault;
use std::collections::BTreeSet;

/// `X` of every macro `X_DEFINEn(name, type, argument, …)` or `X_WRAPn(…)`, and the entry points
/// that it generates from the name, each with its condition: `include/linux/syscalls.h`,
/// `include/linux/compat.h`, `arch/powerpc/kernel/sys_ppc32.c`, and up to Linux 5.0
/// `arch/s390/kernel/compat_wrapper.c`. What `arch/*/include/asm/syscall_wrapper.h` puts before
/// them (`__x64_sys_…`) is in no table.
const MACROS: &[(&str, &[[&str; 2]])] = &[
    ("SYSCALL", &[["sys_", ""]]),
    ("COMPAT_SYSCALL", &[["compat_sys_", ""]]),
    ("SYSCALL32", &[["sys_", "!CONFIG_COMPAT"], ["compat_sys_", "CONFIG_COMPAT"]]),
    ("PPC32_SYSCALL", &[["sys_", "CONFIG_PPC32"], ["compat_sys_", "!CONFIG_PPC32"]]),
];

/// Macros for a 64-bit argument in two halves, in memory order: `include/linux/syscalls.h`,
/// `include/asm-generic/compat.h`, `arch/arm64/kernel/sys32.c`. The argument's type is then the
/// first of them.
const WIDE: &[&str] = &["SC_ARG64", "compat_arg_u64_dual", "arg_u32p"];

type Args = Vec<(String, String)>;
/// An entry point, its arguments, and the condition of the macro.
type Defined = (String, Args, &'static str);

/// The definitions in a file: of the macros, of `asmlinkage` functions in `arch`, and of all
/// functions of the `wanted` names. What cannot be parsed is left out; the reasons are returned.
pub(in crate::import) fn parse(
    source: &str,
    text: &str,
    wanted: &BTreeSet<&str>,
) -> (Vec<Definition>, Vec<Fault>) {
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
    let (mut found, mut faults, mut end) = (Vec::new(), Vec::new(), 0);
    for (line, text) in (1..).zip(code.split_inclusive('\n')) {
        if let Some((_, directive)) = directives.next_if(|(at, _)| *at == line) {
            if let Err(what) = conditions.apply(directive) {
                faults.push(Fault::at(line, what));
            }
            conditions.define(directive);
        }
        end += text.len();
        let start = text.trim_start();
        let word = &start[..start.find(|c| !is_word(c)).unwrap_or(start.len())];
        let rest = &code[end - start.len() + word.len()..];
        let definitions = if word.contains("SYSCALL")
            && (word.contains("DEFINE") || word.starts_with("COMPAT_SYSCALL_WRAP"))
            && rest.trim_start().starts_with('(')
        {
            expand(word, rest)
        } else if names(text, wanted) {
            Ok(function(&code[end - text.len()..], true).into_iter().collect())
        } else if word == "asmlinkage" && text.starts_with(word) && source.starts_with("arch/") {
            Ok(function(rest, false).into_iter().collect())
        } else {
            continue;
        };
        let definitions = definitions.unwrap_or_else(|what| {
            faults.push(Fault::at(line, what));
            Vec::new()
        });
        for (entry, args, when) in definitions {
            match conditions.and(when) {
                Err(what) => faults.push(Fault::at(line, what)),
                Ok(condition) => {
                    let source = source.to_owned();
                    found.push(Definition { entry, args, source, line, condition });
                }
            }
        }
    }
    if !conditions.is_closed() {
        faults.push(Fault::whole("an #if has no #endif; repair the file"));
    }
    (found, faults)
}

/// Whether a line is the head of a function with one of the names: only words of its type are
/// before the name.
fn names(line: &str, wanted: &BTreeSet<&str>) -> bool {
    let head = line.split('(').next().unwrap_or_default();
    !wanted.is_empty()
        && line.starts_with(|c: char| is_word(c))
        && line.contains('(')
        && head.chars().all(|c| is_word(c) || c.is_whitespace() || c == '*')
        && tokens(head).last().is_some_and(|name| wanted.contains(name))
}

/// The definitions of a macro use: entry points, arguments, and the macros' conditions.
fn expand(word: &str, rest: &str) -> Result<Vec<Defined>, String> {
    let cut = word.rsplit_once("_DEFINE").or_else(|| word.rsplit_once("_WRAP"));
    // The arguments of the macro for 64-bit arguments of Linux up to 3.9: a name and a parameter
    // list.
    if let Some(("SYSCALL", "")) = cut {
        return whole(rest).map(|defined| vec![defined]).ok_or_else(|| {
            format!("`{word}` is not followed by a name and a list of arguments; repair it")
        });
    }
    let known = cut.and_then(|(x, n)| {
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
    let halves = words.len() + 2 * items.iter().filter(|item| wide(item).is_some()).count();
    if halves % 2 != 0 || halves / 2 != count {
        return Err(fault(format!(
            "expected {count} pairs of type and name, found {} words",
            words.len()
        )));
    }
    // A compiler accepts the asterisk on either side of the comma.
    let argument = |pair: &[String]| {
        let name = pair[1].trim_start_matches('*');
        let stars = &pair[1][..pair[1].len() - name.len()];
        (spaced(&tokens(&format!("{} {stars}", pair[0]))), name.to_owned())
    };
    let args: Args = words.chunks_exact(2).map(argument).collect();
    if let Some((c, name)) = args.iter().find(|(c, name)| c.is_empty() || !is_name(name)) {
        return Err(fault(format!("`{c}, {name}` is not a type and a name")));
    }
    Ok(entries
        .iter()
        .map(|[prefix, when]| (format!("{prefix}{name}"), args.clone(), *when))
        .collect())
}

/// `sys_name` and the arguments of `(name)(type argument, …)`.
fn whole(rest: &str) -> Option<Defined> {
    let (name, rest) = parentheses(rest)?;
    let (list, _) = parentheses(rest)?;
    let args = split(list).into_iter().map(parameter).collect::<Option<Args>>()?;
    is_name(name.trim()).then(|| (format!("sys_{}", name.trim()), args, ""))
}

/// `x` of `SC_ARG64(x)`.
fn wide(item: &str) -> Option<&str> {
    let (word, name) = item.trim().strip_suffix(')')?.split_once('(')?;
    WIDE.contains(&word.trim()).then(|| name.trim())
}

/// The function whose head the text starts with, if it is defined and takes arguments that user
/// space can pass. For an entry point by name, the saved registers are left out.
fn function(rest: &str, by_name: bool) -> Option<Defined> {
    let (open, _) = rest.char_indices().take(LONGEST).find(|(_, c)| ['(', ';', '='].contains(c))?;
    let (head, list) = rest.split_at(open);
    let (list, body) = parentheses(list)?;
    let name =
        tokens(head).pop().filter(|name| is_name(name) && body.trim_start().starts_with('{'))?;
    let mut args = match list.trim() {
        "" | "void" => Vec::new(),
        list => split(list).into_iter().map(parameter).collect::<Option<Args>>()?,
    };
    // Registers as the entry code saved them: the entry point is that code.
    let registers = |(c, _): &(String, String)| c.contains("pt_regs");
    let inner = args.iter().any(registers) && (!by_name || args.iter().all(registers));
    args.retain(|arg| !registers(arg));
    (!inner).then(|| (name.to_owned(), args, ""))
}

/// `const char __user *path` as type and name; the name of a function pointer or an array is
/// removed from the type.
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

    /// Each definition as one line: entry, arguments, condition.
    fn lines(text: &str) -> Vec<String> {
        let show = |p: Definition| {
            let args: Vec<_> = p.args.iter().map(|(c, name)| format!("{c}, {name}")).collect();
            let when = p.condition.map_or(String::new(), |when| format!(" if {when}"));
            format!("{}: {}({}){when}", p.line, p.entry, args.join("; "))
        };
        let (found, faults) = parse("arch/x/kernel/sys.c", text, &BTreeSet::new());
        assert_eq!(faults, []);
        found.into_iter().map(show).collect()
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
    fn macros_of_older_kernels() {
        let text = "SYSCALL_DEFINE(pread64)(unsigned int fd, char __user *buf,\n\t\tloff_t pos)\n\
                    COMPAT_SYSCALL_WRAP1(creat, const char __user *, pathname);\n";
        assert_eq!(
            lines(text),
            [
                "1: sys_pread64(unsigned int, fd; char __user *, buf; loff_t, pos)",
                "3: compat_sys_creat(const char __user *, pathname)"
            ]
        );
    }

    #[test]
    fn macros_of_the_file_stand_for_their_conditions() {
        let text = "
#if defined(A) || B
#define X 1
#endif
#ifndef C
#define C
#endif
#if D
#define Y
#else
#define Y
#endif
#if defined(W) && defined(X)
SYSCALL_DEFINE0(a)
#endif
#ifdef X
SYSCALL_DEFINE0(b)
#else
SYSCALL_DEFINE0(c)
#endif
#ifdef C
SYSCALL_DEFINE0(d)
#endif
#ifdef Y
SYSCALL_DEFINE0(e)
#endif
";
        assert_eq!(
            lines(text),
            [
                "14: sys_a() if W && (A || B)",
                "17: sys_b() if A || B",
                "19: sys_c() if !(A || B)",
                "22: sys_d() if C",
                "25: sys_e() if Y",
            ]
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
asmlinkage long entered(long a0, struct pt_regs *regs) { }
asmlinkage long saved(struct pt_regs *regs) { }
long plain(unsigned long personality)
{
	if (called(1)) { }
}
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
        let elsewhere = |wanted: &[&str]| {
            let (found, faults) = parse("kernel/sys.c", text, &wanted.iter().copied().collect());
            assert_eq!(faults, []);
            found.into_iter().map(|found| (found.entry, found.line)).collect::<Vec<_>>()
        };
        assert_eq!(elsewhere(&[]), []);
        let wanted =
            ["declared", "plain", "parisc_nothing", "sys_mmap2", "called", "entered", "saved"];
        let found = [("sys_mmap2", 3), ("parisc_nothing", 12), ("entered", 13), ("plain", 15)];
        assert_eq!(elsewhere(&wanted), found.map(|(name, line)| (name.to_owned(), line)));
    }

    #[test]
    fn unparsable_definitions_are_named() {
        for (text, line, what) in [
            (
                "\nSYSCALL_DEFINE1(a, int, b\n{ return f(b); }",
                Some(2),
                "the parentheses of `SYSCALL_DEFINE1` do not close",
            ),
            ("SYSCALL_DEFINE1(", Some(1), "the parentheses"),
            (
                "SYSCALL_DEFINE2(a, int, b)",
                Some(1),
                "SYSCALL_DEFINE2(a): expected 2 pairs of type and name, found 2 words",
            ),
            (
                "SYSCALL_DEFINE15105683216109345906(a, int, b)",
                Some(1),
                "expected 15105683216109345906 pairs",
            ),
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
            ("SYSCALL_DEFINE(a, int, b)", Some(1), "is not followed by a name and a list"),
            ("#endif", Some(1), "#endif without #if"),
            ("#if A\n#else\n", None, "#endif"),
        ] {
            let (_, faults) = parse("fs/a.c", text, &BTreeSet::new());
            let fault = &faults[0];
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
        let wanted = BTreeSet::from(["asmlinkage", "defined"]);
        for first in pieces {
            for second in pieces {
                for third in pieces {
                    let _ =
                        parse("arch/x/a.c", &[first, second, third].concat().repeat(3), &wanted);
                }
                let _ = parse("arch/x/a.c", &[first, second].concat().repeat(100), &wanted);
            }
        }
    }
}
