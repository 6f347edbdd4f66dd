//! The `weft` command: arguments in, a room called, results printed. `command` has a file for each of them.

mod command;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    command::run()
}
