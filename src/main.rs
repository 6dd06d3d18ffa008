//! The command-line program. All of its doing is in `cli`.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
