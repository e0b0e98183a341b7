//! Checks the input: each error is one message at one token.

use crate::expand::{first, is_return};
use crate::parse::{Attribute, Call, Function};
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::Error;
use syn::ext::IdentExt;

/// Checks the declaration by itself.
pub(crate) fn function(function: &Function) -> Vec<Error> {
    let mut mistakes = Vec::new();
    let mut mistake = |span: Span, message: &str| mistakes.push(Error::new(span, message));
    let name = &function.name;

    for qualifier in &function.qualifiers {
        if qualifier == "const" {
            mistake(
                qualifier.span(),
                "a system call cannot be made at compile time: remove `const`",
            );
        } else if qualifier == "async" {
            mistake(qualifier.span(), "there is nothing to await in a system call: remove `async`");
        } else if qualifier == "extern" {
            mistake(
                qualifier.span(),
                "`#[syscall]` declares an ordinary Rust function: remove `extern` and its ABI",
            );
        } else if qualifier == "unsafe" && !has_safety_section(function) {
            let message = format!(
                "the docs of `{name}` do not say what its callers must uphold: add a section \
                 `# Safety`"
            );
            mistake(qualifier.span(), &message);
        }
    }
    for param in function.params.iter().map(|param| &param.name).filter(|name| *name == "self") {
        mistake(param.span(), "a system call has no receiver: make `self` an ordinary parameter");
    }
    if function.output.is_empty() {
        let message = format!(
            "`{name}` needs a return type: write `-> Result<usize, Errno>`, or another type that \
             implements `aio_sys::Ret`"
        );
        mistake(function.parens.span.close(), &message);
    }
    if let Some(body) = &function.body {
        mistake(body.span_open(), "the kernel implements the call: end the declaration with `;`");
    }
    mistakes
}

/// Checks the attribute on this declaration.
pub(crate) fn call(call: &Call, function: &Function) -> Vec<Error> {
    let mut mistakes = Vec::new();
    let mut mistake = |span: Span, message: &str| mistakes.push(Error::new(span, message));
    let name = &function.name;

    if let Some(seventh) = call.args.get(6).and_then(|arg| arg.clone().into_iter().next()) {
        mistake(seventh.span(), "no system call takes more than 6 arguments: this is the seventh");
    }
    if let Some(second) = call.args.iter().filter(|arg| is_return(arg)).nth(1) {
        mistake(
            first(second),
            "`return` can be used for one argument only: the structure that the function returns",
        );
    }
    for param in function.params.iter().map(|param| &param.name) {
        if !param.to_string().starts_with('_')
            && param != "self"
            && !call.args.iter().any(|arg| mentions(arg, param))
        {
            let unused = param.unraw();
            let message =
                format!("no argument of the call uses `{unused}`: pass it, or name it `_{unused}`");
            mistake(param.span(), &message);
        }
    }
    if let Some(reason) = &call.reason {
        if function.is_unsafe() {
            mistake(
                reason.key.span(),
                "`safe` on an `unsafe fn`: keep one of the two; the section `# Safety` of the docs \
                 states what callers must uphold",
            );
        } else if reason.text.value().trim().is_empty() {
            mistake(
                reason.text.span(),
                "the reason is empty: say why every argument that the types allow is safe",
            );
        }
    }
    let made = &call.callee;
    match &call.unsafety {
        Some(unsafety) if function.is_unsafe() => {
            mistake(unsafety.span, "the function is `unsafe` already: remove this `unsafe`")
        }
        Some(unsafety) if call.reason.is_none() => {
            let message = format!(
                "`unsafe` promises that `{name}` may be called from safe code: say why with \
                 `, safe = \"...\"` after the call"
            );
            mistake(unsafety.span, &message);
        }
        None if !function.is_unsafe() && call.reason.is_some() => {
            let message = format!(
                "the compiler cannot check that `{name}` is safe to call: write `unsafe \
                 {made}(...)`"
            );
            mistake(made.span(), &message);
        }
        None if !function.is_unsafe() => {
            let message = format!(
                "`{name}` may be called from safe code: write `unsafe {made}(...), \
                 safe = \"...\"` with the reason, or make it an `unsafe fn`"
            );
            mistake(name.span(), &message);
        }
        _ => {}
    }
    mistakes
}

fn has_safety_section(function: &Function) -> bool {
    function.attrs.iter().filter_map(Attribute::doc).any(|doc| {
        doc.lines().any(|line| {
            // The lines of a block comment may begin with a star.
            let line = line.trim_matches(|c: char| c.is_whitespace() || c == '*');
            line.strip_prefix('#')
                .is_some_and(|heading| heading.trim_start_matches('#').trim() == "Safety")
        })
    })
}

fn mentions(tokens: &TokenStream, name: &Ident) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(word) => word.unraw() == name.unraw(),
        TokenTree::Group(group) => mentions(&group.stream(), name),
        // format!("{name}")
        TokenTree::Literal(literal) => literal.to_string().contains(&name.unraw().to_string()),
        TokenTree::Punct(_) => false,
    })
}
