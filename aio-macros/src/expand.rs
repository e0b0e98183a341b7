//! Writes the function.

use crate::check;
use crate::parse::{Call, Callee, Function};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};
use syn::Error;
use syn::ext::IdentExt;

pub(crate) fn syscall(attr: TokenStream, item: TokenStream) -> TokenStream {
    let function: Function = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => return with_mistakes(vec![error], item),
    };
    let mut mistakes = check::function(&function);
    let call: Option<Call> = match syn::parse2(attr) {
        Ok(call) => {
            mistakes.extend(check::call(&call, &function));
            Some(call)
        }
        Err(error) => {
            mistakes.push(error);
            None
        }
    };
    match call {
        Some(call) if mistakes.is_empty() => wrapper(&call, &function),
        _ if function.body.is_some() => with_mistakes(mistakes, item),
        _ => with_mistakes(mistakes, stand_in(&function)),
    }
}

fn wrapper(call: &Call, function: &Function) -> TokenStream {
    let Function { attrs, head, output, end, .. } = function;
    let end_of_docs = attrs.iter().rposition(|attr| attr.is("doc")).map_or(0, |last| last + 1);
    let (above, below) = attrs.split_at(end_of_docs);
    let docs = doc_lines(call).into_iter().skip(usize::from(above.is_empty()));
    let documented = call.reason.is_some().then(
        || quote!(#[allow(clippy::undocumented_unsafe_blocks, reason = "`safe` is the comment")]),
    );
    let inline = (!attrs.iter().any(|attr| attr.is("inline"))).then(|| quote!(#[inline]));

    let root = call.root.clone().unwrap_or_else(|| quote_spanned!(Span::mixed_site()=> ::aio_sys));
    let path = |place: Span, rest: TokenStream| at(place, quote!(#root::#rest));
    let at_callee = hidden(call.callee.span());
    let filled = Ident::new("filled", Span::mixed_site());
    let (convert, raw, number, pointer) = match &call.callee {
        Callee::Name(name) => (quote!(Arg::arg), quote!(raw::#name), None, quote!(&mut #filled)),
        // Without a prototype there is nothing to convert to.
        Callee::Number(number) => {
            let raw = format_ident!("syscall{}", call.args.len());
            let number = number.token();
            let pointer = quote!(&raw mut #filled);
            (quote!(abi::Word::from), quote!(abi::#raw), Some(quote!(#number,)), pointer)
        }
    };
    let raw = path(at_callee, raw);
    let argument = |(i, expr): (usize, &TokenStream)| {
        let place = hidden(first(expr));
        let convert = path(place, convert.clone());
        let value = if is_return(expr) {
            at(place, pointer.clone())
        } else if function.params.iter().any(|param| param.is_exclusive && is(expr, &param.name)) {
            // Lent, so that a later argument can be its length.
            quote_spanned!(place=> &mut *#expr)
        } else {
            expr.clone()
        };
        (format_ident!("a{i}", span = place), calling(convert, value, last(expr)))
    };
    let (binders, values): (Vec<Ident>, Vec<_>) =
        call.args.iter().enumerate().map(argument).unzip();
    let answer = quote_spanned!(at_callee=> #raw(#number #(#binders),*));
    let at_output = hidden(first(output));
    let (structure, ret, answer) = if call.args.iter().any(is_return) {
        let structure = quote!(let mut #filled = ::core::mem::MaybeUninit::zeroed(););
        let filled = at(at_output, quote!(#filled));
        (Some(structure), quote!(Filled::filled), quote!(#answer, #filled))
    } else {
        (None, quote!(Ret::ret), answer)
    };
    let ret = path(at_output, ret);
    let mut block = Group::new(Delimiter::Brace, calling(ret, answer, last(output)));
    // Lints report the promise at the user's token.
    let promise = call.unsafety.as_ref().map_or(at_callee, |unsafety| unsafety.span);
    block.set_span(promise);
    let result = quote_spanned!(promise=> unsafe #block);

    // A `match`, because what the arguments borrow must live until the call returns.
    let mut body = Group::new(
        Delimiter::Brace,
        quote! {
            #structure
            match (#(#values,)*) {
                (#(#binders,)*) => #result,
            }
        },
    );
    // All spans of the function are the user's, so that lints check it.
    body.set_span(*end);
    quote! {
        #(#above)*
        #(#[doc = #docs])*
        #(#below)*
        #documented
        #inline
        #head #body
    }
}

/// Whether the argument is what the function returns.
pub(crate) fn is_return(expr: &TokenStream) -> bool {
    expr.to_string() == "return"
}

fn is(expr: &TokenStream, name: &Ident) -> bool {
    *name == expr.to_string()
}

/// The same tokens at another span, for rustc's errors.
fn at(place: Span, tokens: TokenStream) -> TokenStream {
    let moved = |mut token: TokenTree| {
        token.set_span(token.span().located_at(place));
        token
    };
    tokens.into_iter().map(moved).collect()
}

fn calling(function: TokenStream, argument: TokenStream, end: Span) -> TokenStream {
    let mut parens = Group::new(Delimiter::Parenthesis, argument);
    parens.set_span(hidden(end));
    quote!(#function #parens)
}

/// Lines, with an empty one before each paragraph.
fn doc_lines(call: &Call) -> Vec<String> {
    let reason = call.reason.as_ref().map(|reason| reason.text.value()).unwrap_or_default();
    let heading = if reason.is_empty() { "" } else { "# Why this is safe" };
    let kernel = match &call.callee {
        Callee::Name(name) => format!("System call: `{}`.", name.unraw()),
        Callee::Number(number) => format!("System call: number {number}."),
    };
    let mut lines = Vec::new();
    for paragraph in
        [heading, reason.trim(), &kernel].into_iter().filter(|paragraph| !paragraph.is_empty())
    {
        lines.push(String::new());
        lines.extend(
            paragraph.lines().map(|line| format!(" {}", line.trim()).trim_end().to_owned()),
        );
    }
    lines
}

/// The items that its callers need, so that they get no errors.
fn stand_in(function: &Function) -> TokenStream {
    let Function { attrs, head, .. } = function;
    quote! {
        #(#attrs)*
        #[allow(warnings, clippy::all)]
        #head { loop {} }
    }
}

fn with_mistakes(mistakes: Vec<Error>, rest: TokenStream) -> TokenStream {
    let mistakes = mistakes.iter().map(Error::to_compile_error);
    quote!(#(#mistakes)* #rest)
}

/// A span in the user's source whose names the user's tokens cannot see.
fn hidden(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

pub(crate) fn first(tokens: &TokenStream) -> Span {
    tokens.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span())
}

fn last(tokens: &TokenStream) -> Span {
    tokens.clone().into_iter().last().map_or_else(Span::call_site, |token| token.span())
}
