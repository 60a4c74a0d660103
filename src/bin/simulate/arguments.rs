//! The arguments of `simulate`.

use kafkarium::base::Span;
use kafkarium::host::simulation::Faults;
use std::ops::Range;
use std::path::PathBuf;

/// How it is used.
pub const USAGE: &str = "\
usage: simulate --seeds A..B [--minutes M | --seconds S] [--faults LIST] [--workload kafka|zookeeper]
                [--twice] [--marks FILE] [--json] [--quiet] [--trace] [--minimise RUNS] [--save DIR]
       simulate --mutant NAME [--seeds A..B]   (in builds with --features mutants)
       simulate --replay FILE-OR-LINK [--trace] [--json]

  --seeds A..B      the seeds to run, without B (default 0..10)
  --minutes M       virtual time with faults, of each seed (default 2); --seconds S in seconds
  --faults LIST     all, none, or some of kill, power, pause, isolate, latency, reset, clock, disk, churn, admin
  --workload W      a Kafka cluster, or a ZooKeeper ensemble alone
  --twice           plays each run again from its share link; its trace must be the same
  --marks FILE      writes what happened at all over all seeds, as one JSON object
  --json            one JSON object a seed
  --quiet           nothing of clean seeds but their sum
  --trace           every event but the frames
  --minimise RUNS   most runs to find out which actions a failure needs (default 120, 0 for none)
  --save DIR        writes the world of each failing seed to DIR
  --mutant NAME     plants a fault, or each in turn (all), and looks for the first seed whose checker sees it
  --replay WORLD    plays a world from a file, or from a share link's ?world=

exit codes: 0 clean, 1 safety, 2 liveness, 3 panic, 4 not deterministic, 64 wrong arguments";

/// What was asked for.
#[derive(Clone)]
pub struct Arguments {
    pub seeds: Range<u64>,
    pub wild: Span,
    pub faults: Faults,
    /// Play each run again.
    pub twice: bool,
    /// Where to write what happened at all.
    pub marks: Option<PathBuf>,
    pub json: bool,
    /// Print nothing of clean seeds but their sum.
    pub quiet: bool,
    /// Print every event but the frames.
    pub trace: bool,
    /// The ZooKeeper ensemble alone, instead of a Kafka cluster.
    pub zookeeper: bool,
    /// Most runs of the search for needed actions.
    pub minimise: usize,
    /// Where the worlds of failing seeds go.
    pub save: Option<PathBuf>,
    /// The planted fault to look for.
    pub mutant: Option<String>,
    /// A world to play instead of seeds: a file's name, or a link.
    pub replay: Option<String>,
}

/// Reads the arguments.
pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments {
        seeds: 0..10,
        wild: Span::from_secs(120),
        faults: Faults::ALL,
        twice: false,
        marks: None,
        json: false,
        quiet: false,
        trace: false,
        zookeeper: false,
        minimise: 120,
        save: None,
        mutant: None,
        replay: None,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
        match word.as_str() {
            "--seeds" => arguments.seeds = seeds(&value()?)?,
            "--minutes" => arguments.wild = seconds(&value()?, 60)?,
            "--seconds" => arguments.wild = seconds(&value()?, 1)?,
            "--faults" => arguments.faults = Faults::from_list(&value()?)?,
            "--workload" => {
                arguments.zookeeper = match value()?.as_str() {
                    "kafka" => false,
                    "zookeeper" => true,
                    other => return Err(format!("{other:?} is not a workload")),
                }
            }
            "--minimise" => {
                let number = value()?;
                arguments.minimise =
                    number.parse().map_err(|_| format!("{number:?} is not a number"))?;
            }
            "--save" => arguments.save = Some(value()?.into()),
            "--mutant" => arguments.mutant = Some(value()?),
            "--replay" => arguments.replay = Some(value()?),
            "--twice" => arguments.twice = true,
            "--marks" => arguments.marks = Some(value()?.into()),
            "--json" => arguments.json = true,
            "--quiet" => arguments.quiet = true,
            "--trace" => arguments.trace = true,
            _ => return Err(format!("{word:?} is not an option")),
        }
    }
    Ok(arguments)
}

fn seeds(range: &str) -> Result<Range<u64>, String> {
    let bad = || format!("{range:?} is not A..B");
    let (from, to) = range.split_once("..").ok_or_else(bad)?;
    Ok(from.parse().map_err(|_| bad())?..to.parse().map_err(|_| bad())?)
}

fn seconds(text: &str, unit: u64) -> Result<Span, String> {
    let number = text.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    // A year is more than anybody waits for, and fits.
    let number = number.filter(|seconds| *seconds < 366 * 24 * 3_600);
    number.map(Span::from_secs).ok_or_else(|| format!("{text:?} is not a number in range"))
}
