//! Which faults a run may hold.

/// Which faults a run may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// `kill -9` and SIGTERM, and a restart.
    pub kill: bool,
    /// Power cuts.
    pub power: bool,
    /// Pauses.
    pub pause: bool,
    /// Isolated machines, one way or both.
    pub isolate: bool,
    /// Latency spikes.
    pub latency: bool,
    /// Connection resets.
    pub reset: bool,
    /// One machine's clock runs too fast or too slow.
    pub clock: bool,
    /// Full and failing disks, and bytes that a disk gives back otherwise.
    pub disk: bool,
    /// Members of groups come and go.
    pub churn: bool,
    /// Administration while everything runs.
    pub admin: bool,
}

impl Faults {
    /// All of them.
    pub const ALL: Self = Self {
        kill: true,
        power: true,
        pause: true,
        isolate: true,
        latency: true,
        reset: true,
        clock: true,
        disk: true,
        churn: true,
        admin: true,
    };

    /// Their words, for a list.
    pub const WORDS: &'static str =
        "all, none, kill, power, pause, isolate, latency, reset, clock, disk, churn, admin";

    /// The faults of a list such as `kill,power`.
    pub fn from_list(list: &str) -> Result<Self, String> {
        let mut faults = Self::default();
        for word in list.split(',') {
            let fault = match word {
                "all" => {
                    faults = Self::ALL;
                    continue;
                }
                "none" => {
                    faults = Self::default();
                    continue;
                }
                "kill" => &mut faults.kill,
                "power" => &mut faults.power,
                "pause" => &mut faults.pause,
                "isolate" => &mut faults.isolate,
                "latency" => &mut faults.latency,
                "reset" => &mut faults.reset,
                "clock" => &mut faults.clock,
                "disk" => &mut faults.disk,
                "churn" => &mut faults.churn,
                "admin" => &mut faults.admin,
                _ => return Err(format!("{word:?} is not a fault ({})", Self::WORDS)),
            };
            *fault = true;
        }
        Ok(faults)
    }
}
