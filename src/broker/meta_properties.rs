//! `meta.properties`: which broker of which cluster a log directory belongs to.
//!
//! In Kafka: `kafka.server.BrokerMetadataCheckpoint`, `RawMetaProperties`.

use crate::base::Time;
use crate::disk::Volume;

/// The file.
pub const META_PROPERTIES: &str = "meta.properties";

/// What the file says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MetaProperties {
    /// `broker.id`.
    pub broker_id: i32,
    /// `cluster.id`.
    pub cluster_id: String,
}

impl MetaProperties {
    /// Reads the file; none when it is missing or names no broker.
    pub fn read(volume: &Volume) -> Option<Self> {
        let text = std::str::from_utf8(volume.read(META_PROPERTIES)?).ok()?;
        let value = |key: &str| {
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            let mut pairs = lines.filter_map(|line| line.split_once('='));
            pairs.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned())
        };
        let broker_id = value("broker.id")?.parse().ok()?;
        Some(Self { broker_id, cluster_id: value("cluster.id").unwrap_or_default() })
    }

    /// The file as `java.util.Properties` stores it at `now`.
    pub fn to_text(&self, now: Time) -> String {
        let Self { broker_id, cluster_id } = self;
        let date = java_date(now);
        format!("#\n#{date}\nbroker.id={broker_id}\nversion=0\ncluster.id={cluster_id}\n")
    }

    /// Kafka's sentence when this is not the file of broker `broker_id` in cluster `cluster_id`.
    pub fn conflict(&self, broker_id: i32, cluster_id: &str) -> Option<String> {
        if self.cluster_id != cluster_id {
            return Some(format!(
                "kafka.common.InconsistentClusterIdException: The Cluster ID {cluster_id} doesn't match stored clusterId Some({}) in meta.properties. The broker is trying to join the wrong cluster. Configured zookeeper.connect may be wrong.",
                self.cluster_id
            ));
        }
        (self.broker_id != broker_id).then(|| {
            format!(
                "kafka.common.InconsistentBrokerIdException: Configured broker.id {broker_id} doesn't match stored broker.id {} in meta.properties. If you moved your data, make sure your configured broker.id matches. If you intend to create a new broker, you should remove all data in your data directories (log.dirs).",
                self.broker_id
            )
        })
    }
}

/// `Sun Nov 22 21:07:07 UTC 2026`, as `java.util.Date` prints it.
fn java_date(now: Time) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"];
    let seconds = now.as_micros() / 1_000_000;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March put the leap day last (Howard Hinnant's days_from_civil).
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let year = year_of_era + era * 400 + u64::from(month >= 10);
    let weekday = DAYS[(days % 7) as usize];
    let month = MONTHS[month as usize % 12];
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{weekday} {month} {day:02} {hour:02}:{minute:02}:{second:02} UTC {year}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_kafkas_and_comes_back() {
        let meta = MetaProperties { broker_id: 2, cluster_id: "aEZ4KCibSGmXkvs6e3zitg".to_owned() };
        let text = meta.to_text(Time::from_millis(1_795_381_627_000));
        assert_eq!(
            text,
            "#\n#Sun Nov 22 21:07:07 UTC 2026\nbroker.id=2\nversion=0\ncluster.id=aEZ4KCibSGmXkvs6e3zitg\n"
        );
        let mut volume = Volume::default();
        assert_eq!(MetaProperties::read(&volume), None);
        volume.replace(META_PROPERTIES, text.as_bytes()).expect("room");
        assert_eq!(MetaProperties::read(&volume), Some(meta.clone()));
        assert_eq!(meta.conflict(2, "aEZ4KCibSGmXkvs6e3zitg"), None);
        assert!(meta.conflict(1, "aEZ4KCibSGmXkvs6e3zitg").is_some_and(|text| {
            text.contains("Configured broker.id 1 doesn't match stored broker.id 2")
        }));
        assert!(meta.conflict(2, "other").is_some_and(|text| text.contains("wrong cluster")));
    }

    #[test]
    fn dates_are_right_around_leap_days() {
        let at = |seconds: u64| java_date(Time::from_millis(seconds * 1_000));
        assert_eq!(at(0), "Thu Jan 01 00:00:00 UTC 1970");
        assert_eq!(at(951_782_400), "Tue Feb 29 00:00:00 UTC 2000");
        assert_eq!(at(1_709_251_199), "Thu Feb 29 23:59:59 UTC 2024");
    }
}
