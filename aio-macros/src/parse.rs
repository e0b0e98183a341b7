//! Reads the attribute and the declaration. Works without syn's `full`, which has the grammar of
//! items: tokens are passed through, and only what is checked or quoted is parsed.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use std::fmt::{self, Display};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Error, Ident, Lifetime, LitInt, LitStr, Result, Token, parenthesized, token};

/// `crate = path, unsafe io_setup(nr_events, ctx), safe = "..."`
pub(crate) struct Call {
    /// The path of `aio_sys`, if it is not the default.
    pub(crate) root: Option<TokenStream>,
    /// The `unsafe` that belongs to `safe`.
    pub(crate) unsafety: Option<Token![unsafe]>,
    pub(crate) callee: Callee,
    pub(crate) args: Vec<TokenStream>,
    pub(crate) reason: Option<Reason>,
}

/// A call with a prototype, or a call by number.
pub(crate) enum Callee {
    Name(Ident),
    Number(LitInt),
}

/// `safe = "..."`
pub(crate) struct Reason {
    pub(crate) key: Ident,
    pub(crate) text: LitStr,
}

/// `pub fn io_setup(nr_events: u32, ctx: &mut ContextId) -> Result<(), Errno>;`
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    /// From the visibility to the where clause.
    pub(crate) head: TokenStream,
    /// The qualifiers before `fn`, such as `unsafe`.
    pub(crate) qualifiers: Vec<Ident>,
    pub(crate) name: Ident,
    pub(crate) parens: token::Paren,
    /// The parameters that are plain names; patterns are checked by rustc.
    pub(crate) params: Vec<Param>,
    /// Empty where there is no return type.
    pub(crate) output: TokenStream,
    /// The `;`.
    pub(crate) end: Span,
    pub(crate) body: Option<Group>,
}

pub(crate) struct Param {
    pub(crate) name: Ident,
    /// Whether its type starts with `&mut`.
    pub(crate) is_exclusive: bool,
}

/// `#[...]`
pub(crate) struct Attribute {
    pound: TokenTree,
    pub(crate) brackets: Group,
}

impl Parse for Call {
    fn parse(input: ParseStream) -> Result<Self> {
        let root = parse_root(input)?;
        if input.is_empty() {
            return fail(
                Span::call_site(),
                "expected a system call with its arguments, as in `#[syscall(close(fd))]`",
            );
        }
        let unsafety = input.parse()?;
        let Ok(callee) = input.parse::<Callee>() else {
            return fail(
                input.span(),
                "expected the name or the number of a system call, as in `#[syscall(close(fd))]`",
            );
        };
        if input.peek(Token![::]) {
            return fail(
                callee.span(),
                format!("`{callee}` starts a path: write only the name that the kernel uses"),
            );
        }
        if !input.peek(token::Paren) {
            return fail(
                callee.span(),
                format!("`{callee}` needs parentheses, even without arguments: write `{callee}()`"),
            );
        }
        let inside;
        parenthesized!(inside in input);
        let args = arguments(&inside)?;

        let mut reason = None;
        while !input.is_empty() {
            if input.parse::<Option<Token![,]>>()?.is_none() {
                return fail(
                    input.span(),
                    "expected nothing, or `, safe = \"...\"`, after the call",
                );
            }
            if input.is_empty() {
                break;
            }
            let next: Reason = input.parse()?;
            if reason.is_some() {
                return fail(next.key.span(), "duplicate `safe`: put the whole reason into one");
            }
            reason = Some(next);
        }
        Ok(Call { root, unsafety, callee, args, reason })
    }
}

/// `crate = path,`
fn parse_root(input: ParseStream) -> Result<Option<TokenStream>> {
    let Some(key) = input.parse::<Option<Token![crate]>>()? else {
        return Ok(None);
    };
    let path = match input.parse::<Option<Token![=]>>()? {
        Some(_) => until(input, |input| input.peek(Token![,]), anywhere)?,
        None => TokenStream::new(),
    };
    if path.is_empty() {
        return fail(key.span, "`crate` needs the path of `aio_sys`: write `crate = path`");
    }
    input.parse::<Option<Token![,]>>()?;
    Ok(Some(path))
}

impl Parse for Callee {
    fn parse(input: ParseStream) -> Result<Self> {
        if input.peek(LitInt) {
            input.parse().map(Callee::Number)
        } else {
            input.parse().map(Callee::Name)
        }
    }
}

impl Callee {
    pub(crate) fn span(&self) -> Span {
        match self {
            Callee::Name(name) => name.span(),
            Callee::Number(number) => number.span(),
        }
    }
}

impl Display for Callee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Callee::Name(name) => name.fmt(f),
            Callee::Number(number) => number.token().fmt(f),
        }
    }
}

impl Parse for Reason {
    fn parse(input: ParseStream) -> Result<Self> {
        let Ok(key) = input.call(Ident::parse_any) else {
            return fail(input.span(), "expected nothing, or `safe = \"...\"`, after the call");
        };
        if key == "crate" {
            return fail(key.span(), "`crate = path` must come before the call");
        }
        if key != "safe" {
            return fail(key.span(), format!("unknown key `{key}`: expected `safe = \"...\"`"));
        }
        if input.parse::<Option<Token![=]>>()?.is_none() || input.is_empty() {
            return fail(key.span(), "`safe` needs a reason: write `safe = \"...\"`");
        }
        let value = input.span();
        let Ok(text) = input.parse() else {
            return fail(value, "the reason must be a string literal: write `safe = \"...\"`");
        };
        Ok(Reason { key, text })
    }
}

impl Parse for Function {
    fn parse(input: ParseStream) -> Result<Self> {
        let attrs = attributes(input)?;

        let mut head: Vec<TokenTree> = input.fork().parse::<TokenStream>()?.into_iter().collect();
        let last = head.pop();
        let end = last.as_ref().map_or_else(Span::call_site, TokenTree::span);
        let body = match last {
            Some(TokenTree::Group(body)) => Some(body),
            _ => None,
        };

        if input.parse::<Option<Token![pub]>>()?.is_some() && input.peek(token::Paren) {
            input.parse::<TokenTree>()?;
        }
        let begin = input.span();
        let mut qualifiers = Vec::new();
        while input.peek(Ident::peek_any) && !input.peek(Token![fn]) {
            qualifiers.push(input.call(Ident::parse_any)?);
            input.parse::<Option<LitStr>>()?;
        }
        if input.parse::<Option<Token![fn]>>()?.is_none() {
            return fail(
                begin,
                "`#[syscall]` applies to a function without a body, as in `fn getppid() -> i32;`",
            );
        }
        let name = input.parse()?;
        until(input, |input| input.peek(token::Paren), anywhere)?;
        let inside;
        let parens = parenthesized!(inside in input);
        let params = parameters(&inside)?;
        let output = match input.parse::<Option<Token![->]>>()? {
            Some(_) => until(input, |input| input.peek(Token![where]), anywhere)?,
            None => TokenStream::new(),
        };
        input.parse::<TokenStream>()?;

        Ok(Function {
            attrs,
            head: head.into_iter().collect(),
            qualifiers,
            name,
            parens,
            params,
            output,
            end,
            body,
        })
    }
}

impl Function {
    pub(crate) fn is_unsafe(&self) -> bool {
        self.qualifiers.iter().any(|qualifier| qualifier == "unsafe")
    }
}

impl Attribute {
    /// Whether this is `#[name]`, `#[name = ...]` or `#[name(...)]`.
    pub(crate) fn is(&self, name: &str) -> bool {
        let path =
            |input: ParseStream| Ok((input.call(Ident::parse_any)?, input.parse::<TokenStream>()?));
        path.parse2(self.brackets.stream()).is_ok_and(|(first, _)| first == name)
    }

    /// The text of a doc comment.
    pub(crate) fn doc(&self) -> Option<String> {
        let doc = |input: ParseStream| {
            input.call(Ident::parse_any)?;
            input.parse::<Token![=]>()?;
            input.parse::<LitStr>()
        };
        doc.parse2(self.brackets.stream()).ok().filter(|_| self.is("doc")).map(|text| text.value())
    }
}

impl ToTokens for Attribute {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { pound, brackets } = self;
        tokens.extend(quote!(#pound #brackets));
    }
}

pub(crate) fn attributes(input: ParseStream) -> Result<Vec<Attribute>> {
    let mut attrs = Vec::new();
    while input.peek(Token![#]) {
        attrs.push(Attribute { pound: input.parse()?, brackets: input.parse()? });
    }
    Ok(attrs)
}

fn arguments(input: ParseStream) -> Result<Vec<TokenStream>> {
    let mut args = Vec::new();
    while !input.is_empty() {
        let arg = until(input, |input| input.peek(Token![,]), where_a_type_begins)?;
        if arg.is_empty() {
            return fail(input.span(), "an argument is missing before this comma");
        }
        args.push(arg);
        input.parse::<Option<Token![,]>>()?;
    }
    Ok(args)
}

fn parameters(input: ParseStream) -> Result<Vec<Param>> {
    let mut params = Vec::new();
    while !input.is_empty() {
        attributes(input)?;
        input.parse::<Option<Token![&]>>()?;
        input.parse::<Option<Lifetime>>()?;
        input.parse::<Option<Token![mut]>>()?;
        let receiver = input.peek(Token![self]);
        let plain = input.peek(Ident) && input.peek2(Token![:]);
        if (receiver || plain) && !input.peek2(Token![::]) {
            let name = input.call(Ident::parse_any)?;
            params.push(Param { name, is_exclusive: begins_exclusive(&input.fork())? });
        }
        until(input, |input| input.peek(Token![,]), anywhere)?;
        input.parse::<Option<Token![,]>>()?;
    }
    Ok(params)
}

/// Whether `: &'a mut` follows.
fn begins_exclusive(input: ParseStream) -> Result<bool> {
    input.parse::<Option<Token![:]>>()?;
    let is_reference = input.parse::<Option<Token![&]>>()?.is_some();
    input.parse::<Option<Lifetime>>()?;
    Ok(is_reference && input.peek(Token![mut]))
}

/// Reads tokens up to `stop`, which is ignored between angle brackets. `opens` decides whether a
/// `<` after these tokens is such a bracket.
fn until(
    input: ParseStream,
    stop: fn(ParseStream) -> bool,
    opens: fn(&[TokenTree]) -> bool,
) -> Result<TokenStream> {
    let mut taken: Vec<TokenTree> = Vec::new();
    let mut depth = 0;
    while !input.is_empty() && (depth > 0 || !stop(input)) {
        let next: TokenTree = input.parse()?;
        let arrow = taken.last().is_some_and(|last| is_sign(last, "-"));
        if is_sign(&next, "<") && (depth > 0 || opens(&taken)) {
            depth += 1;
        } else if is_sign(&next, ">") && depth > 0 && !arrow {
            depth -= 1;
        }
        taken.push(next);
    }
    Ok(taken.into_iter().collect())
}

/// In types a `<` is always a bracket.
fn anywhere(_: &[TokenTree]) -> bool {
    true
}

/// In expressions a `<` is a bracket where an operand is expected, after `::` and in the type of a
/// cast; otherwise it compares.
fn where_a_type_begins(before: &[TokenTree]) -> bool {
    match before.last() {
        None => true,
        Some(last @ TokenTree::Punct(_)) => !is_sign(last, "<?"),
        Some(TokenTree::Ident(_)) => before
            .iter()
            .rev()
            .take_while(|token| matches!(token, TokenTree::Ident(_)) || is_sign(token, ":*&'"))
            .any(|token| matches!(token, TokenTree::Ident(word) if word == "as")),
        Some(_) => false,
    }
}

fn is_sign(token: &TokenTree, signs: &str) -> bool {
    matches!(token, TokenTree::Punct(punct) if signs.contains(punct.as_char()))
}

fn fail<T>(span: Span, message: impl Display) -> Result<T> {
    Err(Error::new(span, message))
}
