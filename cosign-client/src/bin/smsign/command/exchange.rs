//! Asking another device or person for something, and waiting for what comes back.

use std::{
    io::{self, BufRead, Write},
    path::Path,
    time::Duration,
};

use cosign_client::{
    Error,
    files::{self, Access, NewFile},
};

use crate::{args::Exchange, context::Context, output::Failure};

/// No answer is longer.
const MAX_LEN: u64 = 64 * 1024;
/// How often a file is looked for.
const POLL: Duration = Duration::from_millis(200);

/// Writes what the other side needs to the file of the arguments.
pub(super) fn write_request(arguments: &Exchange, text: &str) -> Result<(), Failure> {
    if let Some(path) = &arguments.request {
        let mut file = NewFile::create(path, false, Access::Usual)?;
        file.write_all(text.as_bytes()).map_err(|error| Error::file(path, error))?;
        file.commit()?;
    }
    Ok(())
}

/// Waits for an answer that opens. One that does not is said to be so, and the next one is waited for: the request is
/// good for one answer only, and a slip must not cost it.
pub(super) async fn answer<T>(
    arguments: &Exchange,
    context: &Context,
    open: impl Fn(&[u8]) -> Result<T, Error>,
) -> Result<T, Failure> {
    match &arguments.reply {
        Some(path) => context.output.note(format_args!("waiting for {} ...", path.display())),
        None => context.output.note("paste the answer here, and an empty line after it:"),
    }
    let mut last = Vec::new();
    let mut failure = None;
    loop {
        let answer = match &arguments.reply {
            Some(path) => Some(appeared(path, &last).await?),
            None => Context::blocking(|| read_block(io::stdin().lock())).await?,
        };
        let Some(answer) = answer else {
            let missing = "standard input ended before there was an answer; use --reply FILE";
            return Err(failure.map_or_else(|| Failure::Usage(missing.into()), Failure::Client));
        };
        match open(&answer) {
            Ok(opened) => return Ok(opened),
            Err(error) => {
                let next_step = error.next_step().map(|step| format!("; {step}")).unwrap_or_default();
                context.output.warn(format_args!("{error}{next_step}"));
                failure = Some(error);
            }
        }
        last = answer;
    }
}

/// Waits until a file has content, other than `last`.
async fn appeared(path: &Path, last: &[u8]) -> Result<Vec<u8>, Failure> {
    loop {
        match files::read_small(path, MAX_LEN) {
            Ok(content) if !content.trim_ascii().is_empty() && content != last => return Ok(content),
            Ok(_) => {}
            Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Lines up to an empty one or the end of a PEM block; `None` at the end.
fn read_block(input: impl BufRead) -> Result<Option<Vec<u8>>, Failure> {
    let mut input = input.take(MAX_LEN);
    let mut block = Vec::new();
    loop {
        let start = block.len();
        let read = input.read_until(b'\n', &mut block);
        let read = read.map_err(|error| Error::file("standard input", error))?;
        let line = block.get(start..).unwrap_or_default().trim_ascii();
        match (read, block.trim_ascii().is_empty(), line.is_empty()) {
            (0, true, _) => return Ok(None),
            (0, false, _) | (_, false, true) => return Ok(Some(block)),
            (_, true, _) => block.clear(),
            _ if line.starts_with(b"-----END ") => return Ok(Some(block)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_with_an_empty_line_or_a_pem_block_or_the_input() {
        let mut input: &[u8] = b"\n \r\none\r\ntwo\n\n-----BEGIN X-----\nAA\n-----END X-----\nlast";
        let mut next = || read_block(&mut input).unwrap().map(|block| String::from_utf8(block).unwrap());
        assert_eq!(next().unwrap(), "one\r\ntwo\n\n");
        assert_eq!(next().unwrap(), "-----BEGIN X-----\nAA\n-----END X-----\n");
        assert_eq!(next().unwrap(), "last");
        assert_eq!(next(), None);
    }

    #[test]
    fn a_block_without_end_is_cut() {
        let endless = io::BufReader::new(io::repeat(b'a'));
        let block = read_block(endless).unwrap().unwrap();
        assert_eq!(block.len() as u64, MAX_LEN);
        let empty = io::BufReader::new(io::repeat(b'\n'));
        assert!(read_block(empty).unwrap().is_none());
    }
}
