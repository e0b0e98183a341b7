//! Expansions, errors, and no panics.

use crate::expand;
use proc_macro2::{Delimiter, Group, Literal, TokenStream, TokenTree};

fn expand(attr: &str, item: &str) -> TokenStream {
    expand::syscall(attr.parse().unwrap(), item.parse().unwrap())
}

#[track_caller]
fn expands(attr: &str, item: &str, expected: &str) {
    // The spacing of two signs is ignored.
    let text = |tokens: TokenStream| tokens.to_string().replace(' ', "");
    assert_eq!(text(expand(attr, item)), text(expected.parse().unwrap()));
}

/// Splits the messages from an expansion.
fn mistakes(expansion: TokenStream) -> (Vec<String>, TokenStream) {
    let mut tokens: Vec<TokenTree> = expansion.into_iter().collect();
    let mut messages = Vec::new();
    while let [_, _, _, _, _, TokenTree::Ident(name), _, TokenTree::Group(message), ..] =
        &tokens[..]
    {
        if name != "compile_error" {
            break;
        }
        let message: syn::LitStr = syn::parse2(message.stream()).unwrap();
        messages.push(message.value());
        tokens.drain(..8);
    }
    (messages, tokens.into_iter().collect())
}

#[track_caller]
fn refuses(attr: &str, item: &str, message: &str) -> String {
    let (messages, rest) = mistakes(expand(attr, item));
    assert_eq!(messages, [message]);
    rest.to_string()
}

const GETPPID: &str = "fn getppid() -> i32;";
const IO_SETUP: &str = "fn io_setup(nr: u32, ctx: &mut ContextId) -> Result<(), Errno>;";
const CLOSE: &str = "/// # Safety\nunsafe fn close(fd: i32) -> Result<(), Errno>;";

#[test]
fn no_argument() {
    expands(
        r#"unsafe getppid(), safe = "it cannot fail""#,
        GETPPID,
        r#"
        #[doc = " # Why this is safe"]
        #[doc = ""]
        #[doc = " it cannot fail"]
        #[doc = ""]
        #[doc = " System call: `getppid`."]
        #[allow(clippy::undocumented_unsafe_blocks, reason = "`safe` is the comment")]
        #[inline]
        fn getppid() -> i32 {
            match () {
                () => unsafe { ::aio_sys::Ret::ret(::aio_sys::raw::getppid()) },
            }
        }
        "#,
    );
}

#[test]
fn one_argument() {
    expands(
        "close(fd)",
        CLOSE,
        r#"
        #[doc = " # Safety"]
        #[doc = ""]
        #[doc = " System call: `close`."]
        #[inline]
        unsafe fn close(fd: i32) -> Result<(), Errno> {
            match (::aio_sys::Arg::arg(fd),) {
                (a0,) => unsafe { ::aio_sys::Ret::ret(::aio_sys::raw::close(a0)) },
            }
        }
        "#,
    );
}

#[test]
fn another_name_of_the_crate() {
    expands(
        "crate = a::b, close(fd)",
        CLOSE,
        r#"
        #[doc = " # Safety"]
        #[doc = ""]
        #[doc = " System call: `close`."]
        #[inline]
        unsafe fn close(fd: i32) -> Result<(), Errno> {
            match (a::b::Arg::arg(fd),) {
                (a0,) => unsafe { a::b::Ret::ret(a::b::raw::close(a0)) },
            }
        }
        "#,
    );
}

#[test]
fn a_structure_that_is_filled() {
    expands(
        "clock_gettime(clock, return)",
        "/// # Safety\nunsafe fn f(clock: i32) -> R;",
        r#"
        #[doc = " # Safety"]
        #[doc = ""]
        #[doc = " System call: `clock_gettime`."]
        #[inline]
        unsafe fn f(clock: i32) -> R {
            let mut filled = ::core::mem::MaybeUninit::zeroed();
            match (::aio_sys::Arg::arg(clock), ::aio_sys::Arg::arg(&mut filled),) {
                (a0, a1,) => unsafe {
                    ::aio_sys::Filled::filled(::aio_sys::raw::clock_gettime(a0, a1), filled)
                },
            }
        }
        "#,
    );
}

/// Otherwise `buffer.len()` would use a moved value.
#[test]
fn an_exclusive_reference_is_reborrowed() {
    expands(
        "read(x, buffer, buffer.len(), other)",
        "/// # Safety\nunsafe fn f(x: &T, mut buffer: &'a mut [u8], other: T<&mut U>) -> R;",
        r#"
        #[doc = " # Safety"]
        #[doc = ""]
        #[doc = " System call: `read`."]
        #[inline]
        unsafe fn f(x: &T, mut buffer: &'a mut [u8], other: T<&mut U>) -> R {
            match (
                ::aio_sys::Arg::arg(x),
                ::aio_sys::Arg::arg(&mut *buffer),
                ::aio_sys::Arg::arg(buffer.len()),
                ::aio_sys::Arg::arg(other),
            ) {
                (a0, a1, a2, a3,) => unsafe {
                    ::aio_sys::Ret::ret(::aio_sys::raw::read(a0, a1, a2, a3))
                },
            }
        }
        "#,
    );
}

#[test]
fn a_call_by_number() {
    expands(
        "0x1d7(fd, p)",
        "/// # Safety\nunsafe fn f(fd: i32, p: *mut u8) -> R;",
        r#"
        #[doc = " # Safety"]
        #[doc = ""]
        #[doc = " System call: number 0x1d7."]
        #[inline]
        unsafe fn f(fd: i32, p: *mut u8) -> R {
            match (::aio_sys::abi::Word::from(fd), ::aio_sys::abi::Word::from(p),) {
                (a0, a1,) => unsafe {
                    ::aio_sys::Ret::ret(::aio_sys::abi::syscall2(0x1d7, a0, a1))
                },
            }
        }
        "#,
    );
}

#[test]
fn everything_passes_through() {
    expands(
        "unsafe r#break(x.cast::<A, B>(), y as *const T<A, B>, <T as U<A, B>>::f(n < N), a << b, \
         -> ,), safe = \"\n one,\n two\n\",",
        r#"
        #[cfg(unix)]
        /// Text.
        #[inline(always)]
        pub(in crate::sys) fn wrapper<'a, F: Fn(&u8) -> Vec<Vec<u8>>, const N: usize>(
            mut x: F,
            #[cfg(unix)] y: &'a u8,
            (a, b): (u8, u8),
            n: [u8; { N }],
        ) -> Result<Vec<T>, [u8; { 1 }]>
        where
            F: Sized;
        "#,
        r#"
        #[cfg(unix)]
        #[doc = " Text."]
        #[doc = ""]
        #[doc = " # Why this is safe"]
        #[doc = ""]
        #[doc = " one,"]
        #[doc = " two"]
        #[doc = ""]
        #[doc = " System call: `break`."]
        #[inline(always)]
        #[allow(clippy::undocumented_unsafe_blocks, reason = "`safe` is the comment")]
        pub(in crate::sys) fn wrapper<'a, F: Fn(&u8) -> Vec<Vec<u8>>, const N: usize>(
            mut x: F,
            #[cfg(unix)] y: &'a u8,
            (a, b): (u8, u8),
            n: [u8; { N }],
        ) -> Result<Vec<T>, [u8; { 1 }]>
        where
            F: Sized
        {
            match (
                ::aio_sys::Arg::arg(x.cast::<A, B>()),
                ::aio_sys::Arg::arg(y as *const T<A, B>),
                ::aio_sys::Arg::arg(<T as U<A, B>>::f(n < N)),
                ::aio_sys::Arg::arg(a << b),
                ::aio_sys::Arg::arg(->),
            ) {
                (a0, a1, a2, a3, a4,) => unsafe {
                    ::aio_sys::Ret::ret(::aio_sys::raw::r#break(a0, a1, a2, a3, a4))
                },
            }
        }
        "#,
    );
}

#[test]
fn parameters_that_count_as_used() {
    for (attr, item) in [
        ("close(0)", "/// # Safety\nunsafe fn f(_x: i32) -> R;"),
        (
            "close(0)",
            "/// # Safety\nunsafe fn f((x, y): (i32, i32), A { z }: A, a::B(b): a::B, _: u8) -> R;",
        ),
        ("close({ [r#x] }[0])", "/// # Safety\nunsafe fn f(x: i32) -> R;"),
        ("close(open(format!(\"/proc/{x}\")))", "/// # Safety\nunsafe fn f(x: i32) -> R;"),
    ] {
        assert_eq!(mistakes(expand(attr, item)).0, [""; 0], "{item}");
    }
}

#[test]
fn safety_sections() {
    for docs in
        ["/// Text.\n///\n/// # Safety\n", "///## Safety\n", "/**\n * Text.\n *\n * # Safety\n */"]
    {
        let item = format!("{docs}\nunsafe fn close(fd: i32) -> R;");
        assert_eq!(mistakes(expand("close(fd)", &item)).0, [""; 0], "{item}");
    }
}

#[test]
fn attribute_mistakes() {
    for (attr, message) in [
        ("", "expected a system call with its arguments, as in `#[syscall(close(fd))]`"),
        ("110", "`110` needs parentheses, even without arguments: write `110()`"),
        (
            "\"getppid\"()",
            "expected the name or the number of a system call, as in `#[syscall(close(fd))]`",
        ),
        (
            "break()",
            "expected the name or the number of a system call, as in `#[syscall(close(fd))]`",
        ),
        ("crate", "`crate` needs the path of `aio_sys`: write `crate = path`"),
        ("crate = , getppid()", "`crate` needs the path of `aio_sys`: write `crate = path`"),
        (
            "crate = a::b",
            "expected a system call with its arguments, as in `#[syscall(close(fd))]`",
        ),
        (r#"unsafe getppid(), safe = "a", crate = b"#, "`crate = path` must come before the call"),
        ("libc::getppid()", "`libc` starts a path: write only the name that the kernel uses"),
        ("getppid", "`getppid` needs parentheses, even without arguments: write `getppid()`"),
        ("getppid = 110", "`getppid` needs parentheses, even without arguments: write `getppid()`"),
        ("getppid(,)", "an argument is missing before this comma"),
        ("getppid(0,,1)", "an argument is missing before this comma"),
        ("getppid() + 1", r#"expected nothing, or `, safe = "..."`, after the call"#),
        (r#"getppid(), "reason""#, r#"expected nothing, or `safe = "..."`, after the call"#),
        (
            r#"unsafe getppid(), safe = "a" "b""#,
            r#"expected nothing, or `, safe = "..."`, after the call"#,
        ),
        (r#"getppid(), sfae = "a""#, r#"unknown key `sfae`: expected `safe = "..."`"#),
        (r#"getppid(), unsafe = "a""#, r#"unknown key `unsafe`: expected `safe = "..."`"#),
        (
            r#"unsafe getppid(), safe = "a", safe = "b""#,
            "duplicate `safe`: put the whole reason into one",
        ),
        ("unsafe getppid(), safe", r#"`safe` needs a reason: write `safe = "..."`"#),
        ("unsafe getppid(), safe =", r#"`safe` needs a reason: write `safe = "..."`"#),
        (r#"unsafe getppid(), safe("a")"#, r#"`safe` needs a reason: write `safe = "..."`"#),
        (
            "unsafe getppid(), safe = true",
            r#"the reason must be a string literal: write `safe = "..."`"#,
        ),
        (
            r#"unsafe getppid(), safe = " \n ""#,
            "the reason is empty: say why every argument that the types allow is safe",
        ),
        (
            "getppid()",
            "`getppid` may be called from safe code: write `unsafe getppid(...), safe = \"...\"` \
             with the reason, or make it an `unsafe fn`",
        ),
        (
            "unsafe getppid()",
            "`unsafe` promises that `getppid` may be called from safe code: say why with `, safe = \
             \"...\"` after the call",
        ),
        (
            r#"getppid(), safe = "a""#,
            "the compiler cannot check that `getppid` is safe to call: write `unsafe getppid(...)`",
        ),
        (
            r#"unsafe getppid(return, return), safe = "a""#,
            "`return` can be used for one argument only: the structure that the function returns",
        ),
        (
            r#"unsafe getppid(0, 1, 2, 3, 4, 5, 6), safe = "a""#,
            "no system call takes more than 6 arguments: this is the seventh",
        ),
    ] {
        let rest = refuses(attr, GETPPID, message);
        let stand_in = "#[allow(warnings, clippy::all)] fn getppid() -> i32 { loop {} }";
        assert_eq!(rest, stand_in.parse::<TokenStream>().unwrap().to_string());
    }
}

#[test]
fn declaration_mistakes() {
    let getppid = r#"unsafe getppid(), safe = "it cannot fail""#;
    for (attr, item, message) in [
        (
            getppid,
            "const fn f() -> i32;",
            "a system call cannot be made at compile time: remove `const`",
        ),
        (
            getppid,
            "async fn f() -> i32;",
            "there is nothing to await in a system call: remove `async`",
        ),
        (
            getppid,
            "extern \"C\" fn f() -> i32;",
            "`#[syscall]` declares an ordinary Rust function: remove `extern` and its ABI",
        ),
        (
            "close(fd)",
            "/// Safety first.\nunsafe fn f(fd: i32) -> R;",
            "the docs of `f` do not say what its callers must uphold: add a section `# Safety`",
        ),
        (
            r#"close(fd), safe = "a""#,
            CLOSE,
            "`safe` on an `unsafe fn`: keep one of the two; the section `# Safety` of the docs \
             states what callers must uphold",
        ),
        ("unsafe close(fd)", CLOSE, "the function is `unsafe` already: remove this `unsafe`"),
        (
            getppid,
            "fn f(&'a mut self) -> R;",
            "a system call has no receiver: make `self` an ordinary parameter",
        ),
        (
            getppid,
            "fn f(self: &Self) -> R;",
            "a system call has no receiver: make `self` an ordinary parameter",
        ),
        (
            getppid,
            "fn f<T>() where T: Sized;",
            "`f` needs a return type: write `-> Result<usize, Errno>`, or another type that \
             implements `aio_sys::Ret`",
        ),
        (
            r#"unsafe io_setup(1, ctx), safe = "a""#,
            IO_SETUP,
            "no argument of the call uses `nr`: pass it, or name it `_nr`",
        ),
        (
            r#"unsafe io_setup(nr), safe = "a""#,
            "fn f(nr: u32, r#mut: u8) -> R;",
            "no argument of the call uses `mut`: pass it, or name it `_mut`",
        ),
    ] {
        let rest = refuses(attr, item, message);
        assert!(rest.ends_with("{ loop { } }"), "{rest}");
    }
}

#[test]
fn non_declarations_are_not_changed() {
    let body = "the kernel implements the call: end the declaration with `;`";
    let no_fn = "`#[syscall]` applies to a function without a body, as in `fn getppid() -> i32;`";
    for (item, message) in [
        ("fn getppid() -> i32 { 1 }", body),
        ("struct Getppid;", no_fn),
        ("pub trait Getppid { fn getppid() -> i32; }", no_fn),
        ("impl Getppid for u8 { }", no_fn),
        ("pub(crate) type Getppid = fn() -> i32;", no_fn),
        ("const GETPPID: u8 = 1;", no_fn),
        ("extern \"C\" { fn getppid() -> i32; }", no_fn),
        ("macro_rules! getppid { () => { } }", no_fn),
        ("", no_fn),
    ] {
        let rest = refuses(r#"unsafe getppid(), safe = "it cannot fail""#, item, message);
        assert_eq!(rest, item.parse::<TokenStream>().unwrap().to_string());
    }
}

#[test]
fn every_error_is_reported() {
    let (messages, _) =
        mistakes(expand("close(fd), safe = \"\"", "async const fn f(self, fd: u8, x: u8);"));
    assert_eq!(messages.len(), 7, "{messages:#?}");
    let (messages, _) = mistakes(expand("close", "async unsafe fn f() { }"));
    assert_eq!(messages.len(), 5, "{messages:#?}");
}

/// Xorshift, so that every run is the same.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    fn token(&mut self, depth: usize) -> TokenTree {
        const WORDS: &str = "pub crate = 7 return fn unsafe const async extern self mut where \
            as safe r#break x f struct impl # ! , ; : :: < > << >> -> => = & * | ? . .. 'a \"C\" \
            \" \" \"# Safety\" 1 doc inline";
        if depth > 0 && self.below(4) == 0 {
            let delimiter =
                [Delimiter::Parenthesis, Delimiter::Bracket, Delimiter::Brace, Delimiter::None];
            let inside = self.tokens(depth - 1, 6);
            return Group::new(delimiter[self.below(4)], inside.into_iter().collect()).into();
        }
        let words: Vec<&str> = WORDS.split_whitespace().collect();
        let word = words[self.below(words.len())];
        let token = word.parse::<TokenStream>().ok().and_then(|tokens| tokens.into_iter().next());
        token.unwrap_or_else(|| Literal::string(" ").into())
    }

    fn tokens(&mut self, depth: usize, most: usize) -> Vec<TokenTree> {
        (0..self.below(most + 1)).map(|_| self.token(depth)).collect()
    }

    /// Some tokens of `tokens` lost, doubled, replaced, swapped or put into a group.
    fn damage(&mut self, tokens: TokenStream) -> TokenStream {
        let mut tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for _ in 0..self.below(4) {
            if tokens.is_empty() {
                break;
            }
            let (i, j) = (self.below(tokens.len()), self.below(tokens.len()));
            match self.below(6) {
                0 => drop(tokens.remove(i)),
                1 => tokens.insert(i, tokens[j].clone()),
                2 => tokens[i] = self.token(2),
                3 => tokens.swap(i, j),
                4 => tokens[i] = Group::new(Delimiter::None, tokens[i].clone().into()).into(),
                _ => {
                    if let TokenTree::Group(group) = &tokens[i] {
                        tokens[i] =
                            Group::new(group.delimiter(), self.damage(group.stream())).into();
                    }
                }
            }
        }
        tokens.into_iter().collect()
    }
}

#[test]
fn nothing_panics() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let attrs = [
        r#"unsafe io_setup(nr, ctx), safe = "it cannot fail""#,
        "close(fd as T<A, B>, <A>::x)",
        "",
    ];
    let items = [
        GETPPID,
        IO_SETUP,
        CLOSE,
        "#[a] pub(crate) fn f<'a, T: U<V>>(&self, mut x: [T; 1]) -> R where T: U;",
    ];
    for round in 0..10_000 {
        let (attr, item) = if round % 3 == 0 {
            (random.tokens(3, 8).into_iter().collect(), random.tokens(3, 16).into_iter().collect())
        } else {
            let (attr, item) = (attrs[random.below(attrs.len())], items[random.below(items.len())]);
            (random.damage(attr.parse().unwrap()), random.damage(item.parse().unwrap()))
        };
        let expansion = expand::syscall(attr, item).to_string();
        assert!(
            ["compile_error", ":: raw ::", ":: abi ::"].iter().any(|part| expansion.contains(part)),
            "{expansion}"
        );
    }
}
