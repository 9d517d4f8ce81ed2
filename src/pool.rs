//! The threads beside the I/O threads: one pool for files, and for whatever else blocks or takes long; one for what
//! parses and encodes, so that neither waits for the other.

use crate::error::{Error, Kind, Result};
use crate::threads;
use crossbeam_channel::{Receiver, Sender};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

enum Job {
    Run(Box<dyn FnOnce() + Send>),
    Stop,
}

/// Where jobs are handed in. They are bounded by what hands them in: requests in flight, and their parts.
pub(crate) struct Pool {
    jobs: Sender<Job>,
    threads: u32,
}

impl Pool {
    /// Starts the threads, each of this name and a number; `started` keeps those that run where one could not be made.
    pub(crate) fn start(name: &str, threads: u32, started: &mut Vec<JoinHandle<()>>) -> Result<Pool> {
        let (jobs, queue) = crossbeam_channel::unbounded();
        let mut pool = Pool { jobs, threads: 0 };
        for index in 0..threads {
            let queue = queue.clone();
            match threads::spawn(format!("{name}{index}"), move || work(&queue)) {
                Ok(thread) => started.push(thread),
                Err(error) => {
                    pool.stop();
                    return Err(error);
                }
            }
            pool.threads += 1;
        }
        Ok(pool)
    }

    /// Runs a job on the pool. Dropped before the job has begun, it does not begin; dropped later, it goes on.
    pub(crate) async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let (tell, told) = oneshot::channel();
        let run = move || {
            if !tell.is_closed() {
                let outcome = catch_unwind(AssertUnwindSafe(job));
                // Nobody is told where the request has ended meanwhile.
                let _ = tell.send(outcome.unwrap_or_else(|payload| Err(Error::panic(&*payload))));
            }
        };
        let closed = || Error::new(Kind::Closed, "the service has been freed");
        self.jobs.send(Job::Run(Box::new(run))).map_err(|_| closed())?;
        told.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Ends the threads after the jobs that are queued.
    pub(crate) fn stop(&self) {
        for _ in 0..self.threads {
            let _ = self.jobs.send(Job::Stop);
        }
    }
}

fn work(queue: &Receiver<Job>) {
    while let Ok(Job::Run(run)) = queue.recv() {
        // The job's own panics are caught inside; this one is for what it drops.
        let _ = catch_unwind(AssertUnwindSafe(run));
    }
}
