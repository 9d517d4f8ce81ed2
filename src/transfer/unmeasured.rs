//! An answer of which only its end tells how long it is.

use super::get::GetOptions;
use super::place::Run;
use crate::error::{Error, Kind, Result};
use crate::memory::Memory;
use crate::outcome::{Details, Done};
use crate::pool::Pool;
use crate::stores::Extent;
use crate::stores::remote::Body;

/// Where its bytes go.
enum Sink {
    /// Into pieces of lent memory.
    Lent(Run),
    /// Into memory that grows up to a limit.
    New { bytes: Vec<u8>, max_size: u64 },
}

/// See the module.
pub(super) struct Unmeasured<'a> {
    sink: Sink,
    options: &'a GetOptions,
}

impl<'a> Unmeasured<'a> {
    pub(super) fn new(run: Run, options: &'a GetOptions) -> Unmeasured<'a> {
        Unmeasured { sink: Sink::Lent(run), options }
    }

    pub(super) fn growing(max_size: u64, options: &'a GetOptions) -> Unmeasured<'a> {
        Unmeasured { sink: Sink::New { bytes: Vec::new(), max_size }, options }
    }

    /// First byte wanted, and the one behind the last.
    fn wanted(&self) -> (u64, u64) {
        match (&self.sink, self.options.extent) {
            (Sink::Lent(run), _) if !self.options.ranges.is_empty() => (run.span.offset, run.span.end()),
            (_, Extent::From { offset, length }) => (offset, offset.saturating_add(length)),
            (_, Extent::Last(_)) => (0, u64::MAX),
        }
    }

    /// Takes what an answer brings, from the beginning. Gives what is known of the object.
    pub(super) async fn pour(&mut self, mut body: Box<Body>) -> Result<Details> {
        let (begin, end) = self.wanted();
        let mut at = begin;
        if let Sink::New { bytes, .. } = &mut self.sink {
            bytes.clear();
        }
        while let Some(came) = body.bytes_from(at).await? {
            let wanted = &came[..end.saturating_sub(at).min(came.len() as u64) as usize];
            self.take(at, wanted)?;
            at += wanted.len() as u64;
        }
        self.options.spans(body.at)?;
        Ok(Details { size: body.at, ..body.details() })
    }

    fn take(&mut self, at: u64, wanted: &[u8]) -> Result<()> {
        match &mut self.sink {
            Sink::Lent(run) if at + wanted.len() as u64 > run.span.end() => {
                let message = "the object is larger than the buffer, and the server does not tell how large it is";
                Err(Error::new(Kind::TooSmall, message))
            }
            Sink::Lent(run) => Ok(run.copy(at, wanted)?),
            Sink::New { bytes, max_size } => {
                if bytes.len() as u64 + wanted.len() as u64 > *max_size {
                    let message = format!("the object is larger than `max_size`, which is {max_size}");
                    return Err(Error::new(Kind::TooSmall, message));
                }
                let no_space = |_| Error::new(Kind::NoSpace, "the object does not fit into memory");
                bytes.try_reserve(wanted.len()).map_err(no_space)?;
                bytes.extend_from_slice(wanted);
                Ok(())
            }
        }
    }

    /// All of it has come.
    pub(super) async fn done(self, details: Details, pool: &Pool) -> Result<Done> {
        let size = self.options.spans(details.size)?.iter().map(|span| span.size).sum();
        let memory = match self.sink {
            Sink::Lent(_) => None,
            Sink::New { bytes, .. } => Some(pool.run(move || Memory::copy_of(&bytes)).await?),
        };
        let details = self.options.wants_details.then(|| Box::new(details));
        Ok(Done { result: size, details, buffer: memory, ..Done::default() })
    }
}
