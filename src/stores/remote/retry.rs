//! Whether and when to try again.

use crate::error::{Error, Kind, Result};
use crate::trace::Trace;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The most retries of what makes no sense.
const MOST_OF_NONSENSE: u32 = 2;

/// The numbers of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    pub(super) max_retries: u32,
    /// Since the first attempt.
    pub(super) retry_timeout: Duration,
    pub(super) initial_backoff: Duration,
    pub(super) max_backoff: Duration,
}

/// The attempts of one request, or of one of its parts.
pub(crate) struct Retry {
    policy: Policy,
    trace: Arc<Trace>,
    begun: Instant,
    retries: u32,
    backoff: Duration,
}

impl Drop for Retry {
    /// What was made good, or is told, is not to be told with what comes later.
    fn drop(&mut self) {
        if self.retries > 0 {
            self.trace.forget();
        }
    }
}

impl Retry {
    pub(super) fn new(policy: Policy, trace: &Arc<Trace>) -> Retry {
        trace.begin();
        let (begun, backoff) = (Instant::now(), policy.initial_backoff);
        Retry { policy, trace: trace.clone(), begun, retries: 0, backoff }
    }

    /// Waits until it is time to try again. Gives the error back where it would not help, or not in time.
    pub(crate) async fn again(&mut self, error: Error) -> Result<()> {
        // An object that changed is the caller's to get again, as a whole.
        let most = if is_nonsense(&error) { MOST_OF_NONSENSE } else { u32::MAX }.min(self.policy.max_retries);
        if !error.retryable || error.kind == Kind::Changed || self.retries >= most {
            return Err(error);
        }
        let wait = jittered(self.backoff).max(error.retry_after.unwrap_or_default());
        // A server may ask for any time at all.
        let Some(then) = Instant::now().checked_add(wait) else { return Err(error) };
        let is_too_late = then > self.begun + self.policy.retry_timeout
            || self.trace.deadline().is_some_and(|deadline| then >= deadline);
        if is_too_late {
            return Err(error);
        }
        self.trace.failed(error);
        tokio::time::sleep_until(then.into()).await;
        self.trace.try_again();
        self.retries += 1;
        self.backoff = (self.backoff * 2).min(self.policy.max_backoff);
        Ok(())
    }
}

/// Whether a server answered, and what it said makes no sense: that seldom gets better.
fn is_nonsense(error: &Error) -> bool {
    error.kind == Kind::Server && error.http_status < 400
}

/// Half of it and a random part of the other half: so that those who failed together do not come back together.
fn jittered(backoff: Duration) -> Duration {
    backoff.mul_f64(0.5 + fastrand::f64() / 2.0)
}
