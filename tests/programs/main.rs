//! The example programs of aio-sys, as their users meet them.

mod aiobench;
mod aiocp;
mod command_lines;
mod example;
mod ranges;
mod short;
mod wal;
