//! What belongs to an installation: completions and manual pages.

use std::io::{self, Write};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use crate::document;
use crate::error::Error;
use crate::model::exit_code;

/// Prints the completions of a shell.
#[derive(Debug, Args)]
pub(super) struct Completions {
    shell: Shell,
}

/// Prints a manual page.
#[derive(Debug, Args)]
pub(super) struct Man {
    /// Command of the page [default: perfgate itself].
    command: Option<String>,
}

pub(super) fn completions(args: &Completions) -> Result<u8, Error> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "perfgate", &mut text);
    print(&text)
}

pub(super) fn man(args: &Man) -> Result<u8, Error> {
    let mut program = Cli::command();
    program.build();
    let command = match &args.command {
        None => &program,
        Some(name) => {
            let found = program.get_subcommands().find(|it| it.get_name() == name);
            found.ok_or_else(|| Error::Argument {
                argument: name.clone(),
                reason: "it is no command of perfgate".into(),
            })?
        }
    };
    let mut text = Vec::new();
    let page = clap_mangen::Man::new(command.clone());
    page.render(&mut text).map_err(unwritten)?;
    print(&text)
}

fn print(text: &[u8]) -> Result<u8, Error> {
    io::stdout().write_all(text).map_err(unwritten)?;
    Ok(exit_code::PASSED)
}

fn unwritten(source: io::Error) -> Error {
    document::Error::Print { source }.into()
}
