//! Writes the function.

use crate::check;
use crate::parse::{Call, Function};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
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
    let docs = docs(call).into_iter().skip(usize::from(above.is_empty()));
    let documented = call.reason.is_some().then(
        || quote!(#[allow(clippy::undocumented_unsafe_blocks, reason = "`safe` is the comment")]),
    );
    let inline = (!attrs.iter().any(|attr| attr.is("inline"))).then(|| quote!(#[inline]));

    let (binders, values): (Vec<_>, Vec<_>) =
        call.args.iter().enumerate().map(|(i, arg)| argument(i, arg)).unzip();
    let name = &call.name;
    let at_name = hidden(name.span());
    let raw = quote_spanned!(at_name=> ::aio_sys::raw::#name);
    let answer = quote_spanned!(at_name=> #raw(#(#binders),*));
    let ret = quote_spanned!(hidden(first(output))=> ::aio_sys::Ret::ret);
    let mut block = Group::new(Delimiter::Brace, calling(ret, answer, last(output)));
    // Lints look at the promise where the user has made it.
    let promise = call.unsafety.as_ref().map_or(at_name, |unsafety| unsafety.span);
    block.set_span(promise);
    let result = quote_spanned!(promise=> unsafe #block);

    // A `match`, because what the arguments borrow has to live until the call has returned.
    let mut body = Group::new(
        Delimiter::Brace,
        quote! {
            match (#(#values,)*) {
                (#(#binders,)*) => #result,
            }
        },
    );
    // The function is the user's from its first token to its last, so that lints look at it.
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

/// `a0` and `Arg::arg(expr)`, placed at the expression for the sake of rustc's errors.
fn argument(i: usize, expr: &TokenStream) -> (Ident, TokenStream) {
    let binder = format_ident!("a{i}", span = hidden(first(expr)));
    let convert = quote_spanned!(hidden(first(expr))=> ::aio_sys::Arg::arg);
    (binder, calling(convert, expr.clone(), last(expr)))
}

fn calling(function: TokenStream, argument: TokenStream, end: Span) -> TokenStream {
    let mut parens = Group::new(Delimiter::Parenthesis, argument);
    parens.set_span(hidden(end));
    quote!(#function #parens)
}

/// Lines, with an empty one before each paragraph.
fn docs(call: &Call) -> Vec<String> {
    let reason = call.reason.as_ref().map(|reason| reason.text.value()).unwrap_or_default();
    let heading = if reason.is_empty() { "" } else { "# Why this is safe" };
    let kernel = format!("System call: `{}`.", call.name.unraw());
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

/// What its callers need, so that they are not at fault too.
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

/// A place in the user's source whose names the user's own tokens cannot see.
fn hidden(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

fn first(tokens: &TokenStream) -> Span {
    tokens.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span())
}

fn last(tokens: &TokenStream) -> Span {
    tokens.clone().into_iter().last().map_or_else(Span::call_site, |token| token.span())
}
