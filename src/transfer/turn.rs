//! The life of what is written by one request after the other: open, until a finish, an abort or an error.

use super::writer::Gone;
use crate::error::{Error, Kind, Result};
use crate::outcome::Done;
use crate::request::Work;
use crate::service::{Ending, Shared};
use crate::sync::lock;
use crate::trace::Trace;
use std::sync::{Arc, Mutex, Weak};

/// What is written, and has to go where it is not finished.
pub(crate) trait Begun: Send + 'static {
    /// Leaves nothing of it.
    fn give_up(self) -> Gone;
}

/// None while a request is under way.
pub(crate) struct Stages<B: Begun>(Mutex<Option<Stage<B>>>);

enum Stage<B> {
    Open(Box<B>),
    /// Ended by an error, which all that follows ends with.
    Over {
        error: Box<Error>,
        gone: Gone,
    },
    Finished,
    Aborted,
}

impl<B: Begun> Stages<B> {
    /// What is given up with its service, if it is open then.
    pub(crate) fn new(service: &Shared, begun: B) -> Arc<Stages<B>> {
        let stages = Arc::new(Stages(Mutex::new(Some(Stage::Open(Box::new(begun))))));
        let ending: Weak<Stages<B>> = Arc::downgrade(&stages);
        service.at_end(ending);
        stages
    }

    /// What is written, for one request, which is refused where it has come to its end.
    pub(crate) fn begin(self: &Arc<Self>) -> Result<(Turn<B>, Arc<Trace>)> {
        let trace = Trace::new();
        let turn = Turn::begin(self, &trace)?;
        match turn.stage {
            Some(Stage::Finished) => Err(Error::argument("the writer has finished; make another one")),
            Some(Stage::Aborted) => Err(Error::argument("the writer was aborted; make another one")),
            _ => Ok((turn, trace)),
        }
    }

    /// The work of an abort.
    pub(crate) fn abort(self: &Arc<Self>) -> Result<Work> {
        let trace = Trace::new();
        let mut turn = Turn::begin(self, &trace)?;
        if let Some(Stage::Finished) = turn.stage {
            return Err(Error::argument("the writer has finished: the object is there"));
        }
        Ok(Work::traced(trace, async move {
            let mut gone = match turn.stage.take() {
                Some(Stage::Open(open)) => open.give_up(),
                Some(Stage::Over { gone, .. }) => gone,
                Some(Stage::Finished | Stage::Aborted) | None => Box::pin(async { Ok(()) }),
            };
            turn.end(Stage::Aborted);
            gone.as_mut().await?;
            Ok(Done::default())
        }))
    }
}

/// The writer is in use until this is dropped. Where a request was accepted and has not settled how it ended, the
/// writer is then over.
pub(crate) struct Turn<B: Begun> {
    stages: Arc<Stages<B>>,
    stage: Option<Stage<B>>,
    trace: Arc<Trace>,
    is_settled: bool,
}

impl<B: Begun> Turn<B> {
    fn begin(stages: &Arc<Stages<B>>, trace: &Arc<Trace>) -> Result<Turn<B>> {
        match lock(&stages.0).take() {
            Some(stage) => {
                Ok(Turn { stages: stages.clone(), stage: Some(stage), trace: trace.clone(), is_settled: false })
            }
            None => {
                let message = "the writer is in use: a request of it is under way, or another thread is in a call; \
                               take its completion first";
                Err(Error::argument(message))
            }
        }
    }

    /// What is written; or the error that has ended it.
    pub(crate) fn open(&mut self) -> Result<&mut B> {
        match &mut self.stage {
            Some(Stage::Open(open)) => Ok(open),
            Some(Stage::Over { error, .. }) => Err((**error).clone()),
            _ => Err(Error::argument("the writer has ended")),
        }
    }

    /// The request has ended so: the writer is over where it has failed.
    pub(crate) fn settle<T>(&mut self, outcome: Result<T>, trace: &Trace) -> Result<T> {
        self.is_settled = true;
        outcome.inspect_err(|error| {
            let maybe_committed = error.maybe_committed || trace.is_in_doubt();
            self.fail(Error { maybe_committed, ..error.clone() });
        })
    }

    /// What is written has become an object.
    pub(crate) fn finished(&mut self) {
        self.end(Stage::Finished);
    }

    fn end(&mut self, stage: Stage<B>) {
        self.stage = Some(stage);
    }

    fn fail(&mut self, error: Error) {
        let gone = match self.stage.take() {
            Some(Stage::Open(open)) => open.give_up(),
            other => {
                self.stage = other;
                return;
            }
        };
        self.stage = Some(Stage::Over { error: Box::new(error), gone });
    }
}

impl<B: Begun> Drop for Turn<B> {
    fn drop(&mut self) {
        if !self.is_settled && self.trace.is_accepted() {
            let message = "a request of the writer was cancelled or came to its deadline before it was done; \
                           make another one";
            self.fail(Error { maybe_committed: self.trace.is_in_doubt(), ..Error::new(Kind::Cancelled, message) });
        }
        *lock(&self.stages.0) = self.stage.take();
    }
}

impl<B: Begun> Ending for Stages<B> {
    /// What is open is given up while there are threads to do so.
    fn end(&self) {
        let mut stage = lock(&self.0);
        if let Some(Stage::Open(open)) = stage.take_if(|stage| matches!(stage, Stage::Open(_))) {
            let error = Error::new(Kind::Closed, "the service was freed before the writer had finished");
            *stage = Some(Stage::Over { error: Box::new(error), gone: open.give_up() });
        }
    }
}
