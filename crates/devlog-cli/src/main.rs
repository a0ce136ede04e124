//! The program `devlog`.

fn main() -> std::process::ExitCode {
    devlog_cli::main()
}
