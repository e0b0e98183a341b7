//! The preprocessor's behaviour against the C standard.

use super::{MAX_FILE, MAX_ITEMS, Unit, Unsure};
use crate::Error;
use std::sync::Arc;

fn with(text: &str, predefined: &[(&str, &str)], files: &[(&str, &str)]) -> Result<Unit, String> {
    let find = |name: &str, _: (&str, usize)| {
        let found = files.iter().find(|(path, _)| *path == name);
        Ok(found.map(|(path, text)| (path.to_string(), Arc::from(*text))))
    };
    Unit::preprocess("a.h", text, predefined, find).map_err(|error| error.to_string())
}

fn preprocess_header(text: &str) -> Unit {
    with(text, &[], &[]).unwrap()
}

/// The error of a text; one without a last newline gets it.
fn fails(text: &str) -> String {
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    with(&format!("{text}{newline}"), &[], &[]).unwrap_err()
}

fn value(body: &str) -> Option<i64> {
    preprocess_header(&format!("#define IT {body}")).value("IT").unwrap()
}

fn holds(condition: &str) -> bool {
    preprocess_header(&format!("#if {condition}\nyes\n#endif")).lines.len() == 1
}

fn texts(unit: &Unit) -> Vec<&str> {
    unit.lines.iter().map(|line| &*line.text).collect()
}

#[test]
fn lines_are_joined_and_comments_are_blanks() {
    let unit = preprocess_header(
        "a \\\r\n  b/* x\r\n y */c // d \\\n e\n\"/* no */\" '\\'' '\"' /* \" */ z\n\n  / 2 //\n\
         /\\\n* gone */w\n",
    );
    assert_eq!(texts(&unit), ["a   b c", "\"/* no */\" '\\'' '\"'   z", "/ 2", "w"]);
    assert_eq!(unit.lines.iter().map(|line| line.line).collect::<Vec<_>>(), [1, 5, 7, 8]);
    assert!(unit.lines.iter().all(|line| &*line.file == "a.h"));
    assert_eq!(fails("x\n/* y\n"), "a.h:2: this comment has no `*/`; is the file cut off?");
}

#[test]
fn an_apostrophe_in_a_dead_group_hides_no_directive() {
    assert_eq!(texts(&preprocess_header("#if 0\ndon't /* look\n#else\nb\n#endif")), ["b"]);
}

#[test]
fn a_macro_has_its_body_comment_and_place() {
    let unit = preprocess_header(
        r#"/* x */ # define	EPERM	 1 /* Operation \
  not */
#define A /* no */ (1  +/**/2)
#define B 2 /* Not a
		 * pipe */
#define C(x) x
#define D
#define E 1 // one
#undef D
#undef Z
#define A 3
#ident "x"
#
# 7 "y"
#warning don't"#,
    );
    let seen: Vec<_> =
        unit.macros().iter().map(|m| (&*m.name, &*m.body, m.comment.as_deref(), m.line)).collect();
    assert_eq!(
        seen,
        [
            ("EPERM", "1", Some("Operation not"), 1),
            ("B", "2", Some("Not a pipe"), 4),
            ("E", "1", Some("one"), 8),
            ("A", "3", None, 11)
        ]
    );
    let undefined: Vec<_> = unit.undefined.iter().map(|line| (&*line.text, line.line)).collect();
    assert_eq!(undefined, [("D", 9), ("Z", 10)]);
    assert_eq!(
        with("#if F(2) == 3 && X\n1\n#endif", &[("F(x)", "x + 1"), ("X", "1")], &[])
            .unwrap()
            .lines
            .len(),
        1
    );
    for wrong in [
        "#define",
        "#define 1",
        "#define F(",
        "#define F(a,)",
        "#define F(..., a)",
        "#define F(a b)",
    ] {
        assert!(fails(wrong).contains("cannot be defined"), "{wrong}");
    }
    assert_eq!(fails("#undef"), "a.h:1: #undef without a name; add one");
    assert_eq!(
        fails("\n#frob x"),
        "a.h:2: `#frob x` is not a known directive; is this a C header?"
    );
}

#[test]
fn one_branch_of_a_conditional_is_live() {
    let text = "#if A\n1\n#if B\n2\n#endif\n#elif B\n3\n#elifdef C\n4\n#elifndef D\n5\n#else\n6\n\
        #endif /* A */";
    let lines = |names: &[&str]| {
        let predefined: Vec<_> = names.iter().map(|name| (*name, "1")).collect();
        texts(&with(text, &predefined, &[]).unwrap()).join("")
    };
    assert_eq!(lines(&["A", "B", "C"]), "12");
    assert_eq!(lines(&["B", "C"]), "3");
    assert_eq!(lines(&["C"]), "4");
    assert_eq!(lines(&[]), "5");
    assert_eq!(lines(&["D"]), "6");
    // What cannot be live is not evaluated.
    assert_eq!(
        texts(&preprocess_header(
            "#if 1\nx\n#elif 1 / 0\n#endif\n#if 0\n#if 1 / 0\n#frob\n#error\n#endif\n#endif"
        )),
        ["x"]
    );
}

/// What is left of a directive is not what the message would be about.
#[test]
fn a_directive_may_be_cut_off() {
    for (rest, whole) in [
        ("#define", "`` cannot be defined; "),
        ("# define A(b", "`A(b` cannot be defined; "),
        ("#undef ", "#undef without a name; "),
        ("#if A /", "an operand is missing; "),
        ("#ifde", "`#ifde` is not a known directive; "),
        ("#ifdef", "#ifdef without a name; "),
        ("#if 0\n#elif (", "an operand is missing; "),
        ("#if 1", "this conditional has no #endif; "),
    ] {
        let line = rest.lines().count();
        let cut = with(rest, &[], &[]).unwrap_err();
        assert_eq!(cut, format!("a.h:{line}: the file ends within a line; was it cut off?"));
        let said = fails(rest);
        assert!(said.starts_with(&format!("a.h:{line}: {whole}")), "{said}");
    }
    // The end is not the fault.
    for whole in ["#error A", "#else", "#define\n#define A"] {
        let said = with(whole, &[], &[]).unwrap_err();
        assert!(said.starts_with("a.h:1: ") && !said.contains("ends within"), "{said}");
    }
}

#[test]
fn an_unbalanced_conditional_names_its_line() {
    assert_eq!(
        fails("\n#if 1\n#if 1\n#endif"),
        "a.h:2: this conditional has no #endif; is the file cut off?"
    );
    assert_eq!(
        fails("\n#if 1\n#else\n#elif 1\n#endif"),
        "a.h:4: the #if of line 2 had its #else; remove this #elif"
    );
    assert_eq!(fails("#else"), "a.h:1: #else without an #if; is the file cut off?");
    assert_eq!(
        fails("#if 0\n#endif\n#endif"),
        "a.h:3: #endif without an #if; is the file cut off?"
    );
    assert_eq!(fails("#ifdef\n#endif"), "a.h:1: #ifdef without a name; add one");
    assert_eq!(
        fails("#error odd \\\nbyte order"),
        "a.h:1: #error odd byte order; predefine what this header needs"
    );
    assert!(
        fails(&"#if 1\n".repeat(257)).starts_with("a.h:257: more than 256 nested conditionals")
    );
}

#[test]
fn conditions_are_those_of_c() {
    for yes in [
        "1 + 2 * 3 == 7 && 10 - 4 - 3 == 3 && 7 / 2 * 2 == 6 && -7 / 2 == -3 && -7 % 4 == -3",
        "(1 << 4 | 1) == 0x11 && (0x3c & ~0x0cU) == 0x30 && (5 ^ 1) == 4 && -8 >> 1 == -4 && 010 \
         == 8 && 0b11 == 3",
        "!0 && !!7 && ~0 == -1 && - -1 == 1 && +1",
        "0 ? 0 : 1 ? 2 : 3",
        "1 || 1 / 0 || (0 && 1 << 64)",
        "1 ? 1 : 1 % 0",
        "-1 > 0U && -1 == 0xffffffffffffffff && -1 < 0xffffffff && 18446744073709551615u == -1",
        "(0 ? 0u : -1) > 0",
        "'a' == 97 && '\\n' == 10 && '\\0' == 0 && '\\'' == 39 && 'ab' == 0x6162 && '/' * '*' == \
         1974",
        "1 << 31 > 0 && 1ULL << 63 && 3lu < 4Ll",
        "NONE == 0 && !defined NONE && !defined(NONE) && !defined ( NONE )",
    ] {
        assert!(holds(yes), "{yes}");
    }
    for wrong in [
        "", "1 +", "(1", "1)", "NONE(1)", "1 2", "\"s\"", "1.5", "09", "0xe+1", "1uu", "'\\377'",
        "--1", "1 = 1",
    ] {
        assert!(
            fails(&format!("#if {wrong}\n#endif")).ends_with("an integer expression"),
            "{wrong}"
        );
    }
    assert!(fails("#if 1 << 64\n#endif").contains("a shift by 64 is undefined"));
    assert!(fails("#if defined(1)\n#endif").contains("`defined` takes one name"));
    assert_eq!(
        fails("#if 1 / X\n#endif"),
        "a.h:1: a division by zero; correct the macros it comes from"
    );
}

#[test]
fn macros_expand_as_in_c() {
    let unit = preprocess_header(
        "#define ONE 1 + 1
#define TWICE ONE * 2
#define A B
#define B A
#define SELF SELF + 1
#define F(x, y) ((x) - (y))
#define G F
#define H() 5
#define NR(base, ...) F(base, __VA_ARGS__)
#define L(x...) F(x)
#define AC_(X, Y) X##Y
#define AC(X, Y) AC_(X, Y)
#define WIDE AC(1, UL)
#define GLUE AC_(, 4) + AC_(2, ) * AC_(TWI, CE)
#define HAS defined(ONE)
#define PLACE_1 0,
#define SECOND(a, b, ...) b
#define IS__(junk) SECOND(junk 1, 0)
#define IS_(x) IS__(PLACE_##x)
#define IS(x) IS_(x)
#define Y 1
#define V1 F(F(9, 2), (3, 4) - 1)
#define V2 G (7, 3) + H()
#define V3 NR(8, 2)
#define V4 L(5, 1) + WIDE
#define V5 F(1)
#define V6 F(1, 2
#define V7 IS(Y) * 10 + IS(N)
#define V8 F(F(9, 2), F(3, 1))
#if HAS && !A && SELF == 1 && F == 0 && IS(Y) && !IS(N)
yes
#endif",
    );
    assert_eq!(texts(&unit), ["yes"]);
    let value = |name: &&str| unit.value(name).unwrap();
    assert_eq!(
        ["TWICE", "GLUE", "V2", "V3", "V4", "V7", "V8"].each_ref().map(value),
        [3, 8, 9, 6, 5, 10, 5].map(Some)
    );
    assert_eq!(["A", "SELF", "F", "G", "NONE", "V1", "V5", "V6"].each_ref().map(value), [None; 8]);
    assert!(fails("#define f(a) a\n#if f(1, 2)\n#endif").contains("`f` takes 1 arguments, not 2"));
    assert!(fails("#define f(a) a\n#if f(1\n#endif").contains("`f(` has no `)`"));
}

#[test]
fn values_have_c_types() {
    for (body, expected) in [
        ("4294967295", 0xffff_ffff),
        ("~0U", 0xffff_ffff),
        ("~0UL", -1),
        ("(1 << 31)", -0x8000_0000),
        ("0xa10a10a1", 0xa10a_10a1),
        ("-0x80000000", 0x8000_0000),
        ("-2147483648", -0x8000_0000),
        ("(-1 > 0u) + (-1 < 0xffffffffL) * 2", 3),
        ("((__force __kernel_rwf_t)0x00000001)", 1),
        ("(__u32)-1", 0xffff_ffff),
        ("(unsigned char) 257 + (short)(0x18000)", 1 - 0x8000),
        ("((pid_t)-1)", -1),
        ("(fmode_t)(1 << 3) | (uint64_t)1 << 40", 8 | 1 << 40),
        ("(__poll_t)~0", -1),
    ] {
        assert_eq!(value(body), Some(expected), "{body}");
    }
    for body in [
        "",
        "\"s\"",
        "(BASE) - 1",
        "(CALL)(1)",
        "sizeof(int)",
        "{ 0 }",
        "do {} while (0)",
        "x",
        "(x)",
        "1, 2",
        "(int)",
        "defined(x)",
    ] {
        assert_eq!(value(body), None, "{body}");
    }
    let unit = preprocess_header("\n#define ZERO (1 / 0)");
    assert_eq!(
        unit.value("ZERO").unwrap_err().to_string(),
        "a.h:2: a division by zero; correct the macros it comes from"
    );
}

#[test]
fn includes_are_read_or_recorded() {
    let files = [
        ("asm/sgidefs.h", "#ifndef G\n#define G\n#define _MIPS_SIM_ABI64 3\ng\n#endif"),
        ("once.h", "#pragma once\no"),
        ("loop.h", "#include \"loop.h\""),
        ("open.h", "\n#if 1\n"),
    ];
    let text = "#include <asm/sgidefs.h>
#include <asm/sgidefs.h> /* again */
#if _MIPS_SIM == _MIPS_SIM_ABI64
#define __NR_Linux	5000
#include <asm/unistd_n64.h>
#else
#include <dead.h>
#endif
#include \"once.h\"
#include \"once.h\"
#include NAME";
    let unit = with(text, &[("_MIPS_SIM", "_MIPS_SIM_ABI64")], &files).unwrap();
    let missing: Vec<_> =
        unit.missing.iter().map(|missing| (missing.line, &*missing.text)).collect();
    assert_eq!(missing, [(5, "asm/unistd_n64.h"), (11, "NAME")]);
    assert_eq!(texts(&unit), ["g", "o"]);
    assert_eq!((&*unit.lines[1].file, unit.lines[1].line), ("once.h", 2));
    assert_eq!(unit.value("__NR_Linux").unwrap(), Some(5000));
    assert_eq!(unit.macros()[0].file.as_ref(), "<predefined>");
    assert!(
        with("#include <loop.h>", &[], &files)
            .unwrap_err()
            .starts_with("loop.h:1: more than 64 nested includes")
    );
    assert!(
        with("#include <open.h>", &[], &files)
            .unwrap_err()
            .starts_with("open.h:2: this conditional has no #endif")
    );
    let refused =
        Unit::preprocess("a.h", "\n#include \"b.h\"", &[("", ""); 0], |name, (from, line)| {
            Err(Error::at(from, line, name))
        });
    assert_eq!(refused.unwrap_err().to_string(), "a.h:2: b.h");
}

#[test]
fn generic_calls_stay_as_they_are_written() {
    let unit = preprocess_header(
        "#ifndef __SYSCALL
#define __SYSCALL(x, y)
#endif
#define __NR3264_fcntl 25
__SC_COMP_3264(__NR3264_fcntl, sys_fcntl64, \\
	sys_fcntl)
#define __NR_arch_specific_syscall 244
#define __NR_x (__NR_arch_specific_syscall + 15)
#define __NR_fcntl __NR3264_fcntl",
    );
    assert_eq!(texts(&unit), ["__SC_COMP_3264(__NR3264_fcntl, sys_fcntl64, \tsys_fcntl)"]);
    assert_eq!(
        (unit.value("__NR_x").unwrap(), unit.value("__NR_fcntl").unwrap()),
        (Some(259), Some(25))
    );
}

#[test]
fn enumerators_count_on() {
    let text = "enum {
	A = 0, /* a */
	B,
#ifdef NO
	X,
#endif
#define C C
	C = BASE + 1, D };
enum e : int { E = (D << 1) | 1, F = sizeof(int), G,
 H = E, }
x;
enum e v; struct { enum { I = C, J = MAX(I, 2), K __attribute__((x)), L = ~0U, BASE, M } i; };
#define BASE 8
#define MAX(a, b) (a > b ? a : b)
enum e f(enum e);";
    let unit = preprocess_header(text);
    let found = unit.enumerators().unwrap();
    let seen: Vec<_> =
        found.iter().map(|(name, value, line)| (&**name, *value, line.line)).collect();
    let expected = [
        ("A", 0, 2),
        ("B", 1, 3),
        ("C", 9, 8),
        ("D", 10, 8),
        ("E", 21, 9),
        ("H", 21, 10),
        ("I", 9, 12),
        ("J", 9, 12),
        ("L", 0xffff_ffff, 12),
    ];
    assert_eq!(seen, expected);
    let cut = with("x\nenum {\nA,", &[], &[]).unwrap();
    assert_eq!(
        cut.enumerators().unwrap_err().to_string(),
        "a.h:2: this enum has no `}`; is the file cut off?"
    );
}

#[test]
fn unknown_names_decide_conditions() {
    let unsure = |text: &str| -> Vec<(usize, String, String)> {
        let found = preprocess_header(text).unsure;
        let row = |found: &Unsure| (found.at.line, found.names.join(" "), found.within.join(" "));
        found.iter().map(row).collect()
    };
    let row = |line, names: &str, within: &str| (line, names.to_owned(), within.to_owned());
    // Without a missing header, only the configuration is unknown. Both branches count, and those
    // within them.
    let text = "#ifdef X\n#define A 1\n#endif\n#if defined(CONFIG_X) || Y\n#define B 1\n#else\n\
                f(1)\n#if 0\n#undef C\n#endif\n#endif\n#define D 1\n";
    assert_eq!(unsure(text), [row(4, "CONFIG_X", "B f(1) C")]);
    // After one, any name that is not defined; a guard and a default are not.
    let text = "#define Z (Y == 1)\n#include <missing.h>\n#ifndef GUARD\n#define GUARD\n#if Z\n\
                #define A 1\n#elif W\n#if V\n#endif\n#ifdef U\nx\n#endif\n#define B 1\n#endif\n\
                #ifdef GUARD\n#define C 1\n#endif\n#endif\n";
    assert_eq!(unsure(text), [row(5, "Y W", "A x B")]);
    let nested = "#ifndef CONFIG_A\n#ifndef CONFIG_B\nx\n#endif\ny\n#endif\n";
    let expected = [row(2, "CONFIG_A CONFIG_B", "x"), row(1, "CONFIG_A", "y")];
    assert_eq!(unsure(nested), expected);
}

#[test]
fn hostile_input_is_refused_in_time() {
    let many = |count, piece: fn(usize) -> String| (0..count).map(piece).collect::<String>();
    let doubling =
        many(40, |n| format!("#define X{n} X{} + X{0}\n", n + 1)) + "#define X40 1\n#if X0\n#endif";
    assert!(fails(&doubling).contains("more than 131072 characters in expansions"));
    let growing = many(40, |n| format!("#define X{n}(a) X{}(a##a)\n", n + 1))
        + "#define X40(a) a\n#if X0(1)\n#endif";
    assert!(fails(&growing).contains("more than 131072 characters in expansions"));
    let chain = many(300, |n| format!("#define X{n} X{}\n", n + 1)) + "#if X0\n#endif";
    assert!(fails(&chain).contains("more than 256 nested macros"));
    let nested = format!("#define f(x) x\n#if {}1{}\n#endif", "f(".repeat(600), ")".repeat(600));
    assert!(fails(&nested).contains("more than 256 nested macros"));
    for (open, close) in
        [("(", ")"), ("- ", ""), ("1 ? 1 : ", ""), ("1||1&&1|1^1&1==1<1<<1+1*(", ")")]
    {
        let text = format!("#if {}1{}\n#endif", open.repeat(600), close.repeat(600));
        assert!(fails(&text).contains("more than 256 nested parentheses"), "{open}");
    }
    let cast = format!("#define A {}1", "(int)".repeat(600));
    assert!(
        preprocess_header(&cast)
            .value("A")
            .unwrap_err()
            .to_string()
            .starts_with("a.h:1: more than 256 nested parentheses")
    );
    assert!(fails(&"\n".repeat(MAX_FILE + 1)).starts_with("a.h:1: more than 4194304 bytes"));
    assert!(
        fails(&"x\n".repeat(MAX_ITEMS + 2))
            .ends_with("more than 131072 macros and lines; this is not a header to import")
    );
    let names = many(MAX_ITEMS / 2, |n| format!("||CONFIG_{n}"));
    let inner = "#ifndef CONFIG_X\nx\n#endif\n".repeat(3);
    assert!(fails(&format!("#if !(0{names})\n{inner}#endif")).contains("more than 131072 "));
    let twice =
        [("b.h", "#include <c.h>\n#include <c.h>"), ("c.h", "#include <b.h>\n#include <b.h>")];
    assert!(
        with("#include <b.h>", &[], &twice).unwrap_err().contains("more than 64 nested includes")
    );
}
