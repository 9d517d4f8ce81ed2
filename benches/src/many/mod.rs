//! Many keys at an S3 server: listing them, asking for the details of each, deleting them.

mod bare;
mod ours;
mod raw;

use std::process::Command;

use crate::abi::Library;
use crate::contest::{BARE, Contender, Contest, OURS, RAW, RAW_BY_THREAD};
use crate::gateway::Gateway;
use crate::measure::Role;
use crate::net::{Asker, Choice};
use crate::rivals::{self, Rivals};
use crate::targets::Targets;
use crate::worker::Work;

/// Heads under way at once.
pub const HEADS_IN_FLIGHT: usize = 16;
/// Keys of one page of a list, and of one request that deletes: the most that S3 takes.
pub const PAGE: usize = 1000;

/// What is done with the keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// All below a prefix are walked.
    List,
    /// Each is asked for.
    Head,
    /// All are deleted.
    Delete,
}

impl Verb {
    const ALL: [Verb; 3] = [Verb::List, Verb::Head, Verb::Delete];

    /// For `--case`, and for the worker.
    fn id(self) -> &'static str {
        match self {
            Verb::List => "list-100000",
            Verb::Head => "head-1000",
            Verb::Delete => "delete-10000",
        }
    }

    fn of(id: &str) -> Option<Verb> {
        Verb::ALL.into_iter().find(|verb| verb.id() == id)
    }

    fn name(self) -> String {
        match self {
            Verb::List => "list of 100 000 keys".to_owned(),
            Verb::Head => format!("1 000 heads, {HEADS_IN_FLIGHT} in flight"),
            Verb::Delete => "delete of 10 000 keys".to_owned(),
        }
    }

    /// One run of a slow contender takes many seconds.
    fn repetitions(self, wanted: usize) -> usize {
        if self == Verb::List { wanted.min(5) } else { wanted }
    }

    /// The keys of one run, in the order of their bytes.
    pub fn keys(self) -> Vec<String> {
        let (count, in_folder) = match self {
            Verb::List => (100_000, 1000),
            Verb::Head => (1000, 1000),
            Verb::Delete => (10_000, 10_000),
        };
        let prefix = self.prefix();
        (0..count).map(|place| format!("{prefix}day-{:03}/part-{place:06}.parquet", place / in_folder)).collect()
    }

    /// What all of its keys begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Verb::List => "list/",
            Verb::Head => "head/",
            Verb::Delete => "delete/",
        }
    }
}

/// Measures and prints all that is wanted.
pub fn run(rivals: &Rivals, choice: &Choice<'_>, targets: &mut Targets) {
    println!("MANY KEYS of an S3 server (versitygw, over a folder in memory), which is another process");
    println!(
        "  each contender is a process of its own, and only its work is measured; bare socket: the same requests, signed\n  \
         before; object_store: on a work-stealing runtime of two workers, asked by\n  \
         tasks of it, or by a thread outside as blobferry is; boto3: heads on {HEADS_IN_FLIGHT} threads; obstore: heads by\n  \
         asyncio; peak: the most memory of that process, and in brackets what it had not before it made its client"
    );
    let verbs: Vec<Verb> = Verb::ALL.into_iter().filter(|verb| verb.id().contains(choice.case)).collect();
    if verbs.is_empty() {
        println!("\n  no case has {} in its id; there are {}", choice.case, Verb::ALL.map(Verb::id).join(", "));
        return;
    }
    let gateway = match rivals.gateway() {
        Ok(gateway) => gateway,
        Err(reason) => return println!("\n  not measured: {reason}"),
    };
    for verb in verbs {
        measure(rivals, &gateway, verb, choice, targets);
    }
}

fn measure(rivals: &Rivals, gateway: &Gateway, verb: Verb, choice: &Choice<'_>, targets: &mut Targets) {
    let keys = verb.keys();
    if verb != Verb::Delete {
        gateway.link(&keys);
    }
    let choice = Choice { repetitions: verb.repetitions(choice.repetitions), ..*choice };
    let before = || {
        if verb == Verb::Delete {
            gateway.link(&keys);
        }
    };
    let after = |name: &str| {
        let is_gone = !gateway.bucket().join(&keys[keys.len() - 1]).exists();
        assert_eq!(is_gone, verb == Verb::Delete, "{name}: what is done is what was asked for");
    };
    let contest = Contest::run((&verb.name(), keys.len()), contenders(rivals, gateway, verb), &choice, before, after);
    contest.print("key", &[BARE, RAW], &[rivals::python()]);
    contest.aim(&[(RAW, 1.05), (RAW_BY_THREAD, 1.05)], targets);
}

fn contenders(rivals: &Rivals, gateway: &Gateway, verb: Verb) -> Vec<Contender> {
    let id = format!("many/{}", verb.id());
    let here = |role, name| Contender::here(rivals, role, name, &id, &gateway.endpoint);
    let mut all = vec![here(Role::Floor, BARE), here(Role::Ours, OURS), here(Role::Rival, RAW)];
    // Who asks is nothing beside a thousand keys.
    if verb == Verb::Head {
        all.push(here(Role::Rival, RAW_BY_THREAD));
    }
    if let Ok(python) = rivals::python() {
        let python = |role, name| {
            let mut command = Command::new(&python);
            command.args(["-B", "benches/python/many.py"]).args([name, verb.id(), &gateway.endpoint]);
            Contender::new(role, name, command)
        };
        all.push(python(Role::Rival, "obstore"));
        all.push(python(Role::Aside, "boto3"));
    }
    all
}

/// What the process of one contender does.
pub fn work(library: &'static Library, case: &str, contender: &str, endpoint: &str) -> Option<Box<dyn Work>> {
    let verb = Verb::of(case)?;
    Some(match contender {
        BARE => Box::new(bare::Bare::new(verb, endpoint)),
        OURS => ours::of(library, verb, endpoint),
        RAW => raw::of(verb, Asker::Tasks, endpoint),
        RAW_BY_THREAD => raw::of(verb, Asker::Thread, endpoint),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_their_bytes_and_below_their_prefix() {
        for verb in Verb::ALL {
            let keys = verb.keys();
            assert!(keys.is_sorted() && keys.iter().all(|key| key.starts_with(verb.prefix())));
            assert!(Verb::of(verb.id()) == Some(verb) && verb.id().ends_with(&keys.len().to_string()));
        }
    }
}
