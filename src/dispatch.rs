//! From accepted to ended: a request waits for its permit, works, and ends by its own outcome, by a panic, by a
//! cancel or by its deadline, whichever comes first.

use crate::completion::{Arrivals, Promise, Settlement};
use crate::error::{Asked, Error, Kind};
use crate::memory::Loan;
use crate::outcome::Outcome;
use crate::request::{Request, Work};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

enum Stage {
    /// Not looked at yet.
    New(Arc<Semaphore>),
    /// In line for one of the service's permits.
    InLine(Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>),
    /// At work.
    Working { _permit: OwnedSemaphorePermit },
    /// Ended.
    Over,
}

/// One accepted request, on its I/O thread.
pub(crate) struct Flight {
    /// There until the end.
    promise: Option<Promise>,
    asked: Option<Asked>,
    work: Option<Work>,
    loan: Option<Loan>,
    stage: Stage,
    deadline: Option<Instant>,
    /// Made when the request first has to wait.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Flight {
    /// A request that has been counted in; it works once it has one of the permits.
    pub(crate) fn new(arrivals: &Arc<Arrivals>, ticket: u64, permits: &Arc<Semaphore>, request: Request) -> Flight {
        let Request { work, loan, timeout, user_data, asked } = request;
        // A timeout beyond what the clock can count is none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        if let Some(trace) = &work.trace {
            trace.accept();
            if let Some(deadline) = deadline {
                trace.set_deadline(deadline);
            }
        }
        Flight {
            promise: Some(Promise { arrivals: arrivals.clone(), ticket, user_data, is_kept: false }),
            asked: Some(asked),
            work: Some(work),
            loan,
            stage: Stage::New(permits.clone()),
            deadline,
            alarm: None,
        }
    }

    fn advance(&mut self, promise: &Promise, context: &mut Context<'_>) -> Poll<Outcome> {
        let credits = &promise.arrivals.credits;
        if credits.is_cancelled(promise.ticket) {
            return Poll::Ready(cancelled());
        }
        if self.poll_permit(context)
            && let Some(work) = &mut self.work
            && let Poll::Ready(outcome) = work.future.as_mut().poll(context)
        {
            return Poll::Ready(outcome);
        }
        credits.wake_on_cancel(promise.ticket, context.waker());
        if credits.is_cancelled(promise.ticket) {
            return Poll::Ready(cancelled());
        }
        self.poll_alarm(context)
    }

    /// Whether the request may work.
    fn poll_permit(&mut self, context: &mut Context<'_>) -> bool {
        if let Stage::New(permits) = &self.stage {
            self.stage = match permits.clone().try_acquire_owned() {
                Ok(permit) => Stage::Working { _permit: permit },
                Err(_) => Stage::InLine(Box::pin(wait_for_permit(permits.clone()))),
            };
        }
        if let Stage::InLine(line) = &mut self.stage
            && let Poll::Ready(Some(permit)) = line.as_mut().poll(context)
        {
            self.stage = Stage::Working { _permit: permit };
        }
        matches!(self.stage, Stage::Working { .. })
    }

    fn poll_alarm(&mut self, context: &mut Context<'_>) -> Poll<Outcome> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        alarm.as_mut().poll(context).map(|()| {
            Err(Box::new(Error::new(Kind::Deadline, "the deadline passed before it was done; allow more time")))
        })
    }

    fn end(&mut self, promise: Promise, mut outcome: Outcome) {
        let work = self.work.take();
        let trace = work.as_ref().and_then(|work| work.trace.clone());
        let last = trace.as_ref().and_then(|trace| trace.last());
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(work)))
            && outcome.is_err()
        {
            outcome = Err(Box::new(Error::panic(&*payload)));
        }
        if let (Some(trace), Err(error)) = (trace, &mut outcome) {
            trace.complete(error, last);
        }
        let began = matches!(self.stage, Stage::Working { .. });
        // The permit is free before the completion can bring the next request.
        self.stage = Stage::Over;
        let settlement = Settlement { promise, outcome, asked: self.asked.take(), began };
        match self.loan.take() {
            Some(loan) => loan.close(settlement),
            None => settlement.keep(None, Vec::new()),
        }
    }
}

async fn wait_for_permit(permits: Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    permits.acquire_owned().await.ok()
}

fn cancelled() -> Outcome {
    Err(Box::new(Error::new(Kind::Cancelled, "cancelled, or its queue closed, before it was done")))
}

impl Future for Flight {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(promise) = self.promise.take() else { return Poll::Ready(()) };
        let outcome = match catch_unwind(AssertUnwindSafe(|| self.advance(&promise, context))) {
            Ok(Poll::Pending) => {
                self.promise = Some(promise);
                return Poll::Pending;
            }
            Ok(Poll::Ready(outcome)) => outcome,
            Err(payload) => Err(Box::new(Error::panic(&*payload))),
        };
        self.end(promise, outcome);
        Poll::Ready(())
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        // Only where a runtime ended before its requests, which would be a bug; the promise is kept all the same.
        if let Some(promise) = self.promise.take() {
            self.end(promise, cancelled());
        }
    }
}
